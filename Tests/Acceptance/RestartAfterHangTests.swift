// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// A leader that stands still for long, and does not know it when it goes on.
    @Suite struct RestartAfterHangTests {
        @Test func aLeaderThatWasStoppedForTenSecondsNeverSaysThatItMayProduce() async throws {
            // No second election takes place, so every yes of the old leader after the first of the new one is wrong.
            try await withNetwork(.calm) { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    for round in 0..<longRounds {
                        let old = try await cluster.leader()
                        let others = cluster.others(than: old)
                        let loyal = Load(cluster, targets: [old], producer: "prodha.old")
                        let rest = Load(cluster, targets: others, producer: "prodha.new")
                        let questions = Questions(old)
                        try await alongside(loyal.run, stop: loyal.stop) {
                            try await alongside(rest.run, stop: rest.stop) {
                                try await alongside(questions.run, stop: questions.stop) {
                                    try await loyal.advances()
                                    let lines = try await questions.lines(16)
                                    old.send(SIGSTOP)
                                    let stopped = ContinuousClock.now
                                    // Every other time it hears of nobody what it missed: only its clock can tell it.
                                    if round % 2 == 0 { network.deafen(old) }
                                    let new = try await cluster.leader(among: others)
                                    let led = ContinuousClock.now
                                    let term = try await new.index("raft.term")
                                    // What it finds when it goes on, and answers first.
                                    try await questions.send(on: lines)
                                    try await rest.advances()
                                    try await eventually("10 s are over") {
                                        ContinuousClock.now - stopped > .seconds(10)
                                    }
                                    let before = questions.answers
                                    old.send(SIGCONT)
                                    for answer in try await questions.answers(on: lines) {
                                        let document = try answer.document()
                                        if document["can_produce"]?.bool != false {
                                            throw Violation(description: "it hung, and first says: \(document)")
                                        }
                                    }
                                    try await eventually("it was asked a lot") { questions.answers > before + 500 }
                                    try network.join()
                                    try await eventually("it follows") { try await old.leaderID() == new.id }
                                    try await rest.advances()
                                    let said = questions.yeses(since: led)
                                    for peer in cluster.peers {
                                        try #require(try await peer.index("raft.term") == term, "another election")
                                    }
                                    if let yes = said.first {
                                        throw Violation(description: "it hung, and says: \(yes); in all \(said.count)")
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Asks a peer whether it may produce as fast as it answers, over connections that stay.
private final class Questions: Sendable {
    private struct State {
        var answers = 0
        var stops = false
        /// When each yes of late was asked for, and what it said.
        var yeses: [(sent: ContinuousClock.Instant, answer: Response)] = []
    }

    private static let threads = 3
    /// Those of the time before are of no interest.
    private static let maxYeses = 100_000
    private let peer: Peer
    private let state = Guarded(State())

    init(_ peer: Peer) {
        self.peer = peer
    }

    var answers: Int { state.withLock { $0.answers } }

    func yeses(since instant: ContinuousClock.Instant) -> [Response] {
        state.withLock { $0.yeses.filter { $0.sent >= instant }.map(\.answer) }
    }

    func stop() {
        state.withLock { $0.stops = true }
    }

    /// Connections on which a question has been answered.
    func lines(_ count: Int) async throws -> [Socket] {
        try await offload {
            try (0..<count).map { _ in
                let deadline = ContinuousClock.now + Bound.call
                let socket = try Socket(port: self.peer.apiPort, deadline: deadline)
                try socket.send(self.question, deadline: deadline)
                _ = try HTTP.answer(from: socket, deadline: deadline)
                return socket
            }
        }
    }

    func send(on lines: [Socket]) async throws {
        try await offload {
            for line in lines {
                try line.send(self.question, deadline: .now + Bound.call)
            }
        }
    }

    func answers(on lines: [Socket]) async throws -> [Response] {
        try await offload { try lines.map { try HTTP.answer(from: $0, deadline: .now + Bound.call) } }
    }

    private var question: [UInt8] {
        Array("GET /v1/prodha/can_produce HTTP/1.1\r\nHost: 127.0.0.1:\(peer.apiPort)\r\n\r\n".utf8)
    }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<Self.threads {
                group.addTask { try await offload { self.ask() } }
            }
            try await group.waitForAll()
        }
    }

    private func ask() {
        while !state.withLock({ $0.stops }) {
            guard let socket = try? Socket(port: peer.apiPort, deadline: .now + Bound.call) else { continue }
            while !state.withLock({ $0.stops }) {
                let (sent, deadline) = (ContinuousClock.now, ContinuousClock.now + Bound.call)
                guard (try? socket.send(question, deadline: deadline)) != nil,
                    let answer = try? HTTP.answer(from: socket, deadline: deadline)
                else { break }
                state.withLock { state in
                    state.answers += 1
                    guard answer.json?["can_produce"]?.bool != false else { return }
                    state.yeses.append((sent, answer))
                    if state.yeses.count > Self.maxYeses { state.yeses.removeFirst(Self.maxYeses / 2) }
                }
            }
        }
    }
}
