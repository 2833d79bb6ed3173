// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import NIOCore

/// One process of the demonstration.
enum Part: Hashable, Sendable {
    /// A peer: `prodha run`.
    case prodha(Int)
    /// The nodeos beside a peer.
    case nodeos(Int)
    /// The nodeos that is no producer's, and sees what the world sees.
    case outside

    var peer: Int? {
        switch self {
        case .prodha(let peer), .nodeos(let peer): peer
        case .outside: nil
        }
    }

    /// As the subject of a sentence.
    var text: String {
        switch self {
        case .prodha(let peer): "peer \(peer)"
        case .nodeos(let peer): "peer \(peer)'s nodeos"
        case .outside: "the outside nodeos"
        }
    }
}

/// The processes that run now.
struct DemoProcesses: Sendable {
    private let place: Workplace
    /// They are started from its one thread, and die with it.
    private let eventLoop: any EventLoop
    private let program = Leash.program
    private var running: [Part: ChildProcess] = [:]

    init(place: Workplace, eventLoop: any EventLoop) {
        self.place = place
        self.eventLoop = eventLoop
    }

    var isEmpty: Bool { running.isEmpty }

    func pid(of part: Part) -> Int32? { running[part]?.pid }

    func launch(_ part: Part) async throws -> ChildProcess {
        let command = place.command(of: part, program: program)
        let words = Leash.arguments(program, command.words)
        return try await eventLoop.submit { [program] in
            try ChildProcess.start(program, words, logFile: command.logFile)
        }.get()
    }

    /// Starts this program once more, as an operator would: with the words behind `prodha`.
    func launchCommand(_ words: [String]) async throws -> ChildProcess {
        let words = Leash.arguments(program, [program] + words)
        return try await eventLoop.submit { [program, file = place.operatorsFile] in
            try ChildProcess.start(program, words, logFile: file)
        }.get()
    }

    mutating func add(_ process: ChildProcess, as part: Part) { running[part] = process }

    func signal(_ number: Int32, to parts: [Part]? = nil) {
        for part in parts ?? Array(running.keys) { running[part]?.signal(number) }
    }

    /// Those that have ended since the last call.
    mutating func takeEnded() -> [(part: Part, ending: Ending)] {
        var ended: [(Part, Ending)] = []
        for (part, process) in running {
            guard let ending = process.ended() else { continue }
            running[part] = nil
            ended.append((part, ending))
        }
        return ended
    }
}
