// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// What happens to the bytes that travel one way.
enum RelayRule: Hashable, Sendable {
    case pass
    /// They arrive so much later, and in order. What is on its way keeps the delay that it set out with.
    case delay(Duration)
    /// A black hole: connections stay, nothing arrives, not even that the other end has hung up. All of it arrives
    /// once the rule changes.
    case hold
}

/// One way of one connection.
struct RelayFlow {
    /// What is kept; beyond it the relay stops reading, and the sender's own buffers fill.
    static let maxBytes = 1 << 20

    private var chunks: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
    private var kept = 0
    private var sourceEnded = false
    private var endTold = false
    /// The receiver is gone: what still comes is thrown away.
    private var discards = false
    private(set) var delivered = 0

    var isOver: Bool { sourceEnded && (endTold || discards) }
    var wantsInput: Bool { !sourceEnded && kept < Self.maxBytes }

    /// When there is something to send on, nil for never.
    func due(_ rule: RelayRule) -> ContinuousClock.Instant? {
        rule == .hold ? nil : chunks.first?.due
    }

    /// Reads what has come and sends on what is due.
    mutating func pump(
        from source: RelaySocket, to sink: RelaySocket, _ rule: RelayRule, at now: ContinuousClock.Instant
    ) {
        reading: while wantsInput {
            switch source.receive() {
            case .bytes(let bytes): keep(bytes[...], rule, now)
            case .nothing: break reading
            case .end:
                sourceEnded = true
                // No bytes: the end itself, which is late or held as they are.
                keep([], rule, now)
            }
        }
        guard rule != .hold else { return }
        var done = 0
        defer { chunks.removeFirst(done) }
        for (place, (due, bytes)) in chunks.enumerated() {
            guard due <= now else { return }
            if bytes.isEmpty {
                sink.finish()
                endTold = true
            } else {
                guard let count = sink.send(bytes) else {
                    discards = true
                    done = chunks.count
                    kept = 0
                    return
                }
                kept -= count
                delivered += count
                if count < bytes.count {
                    chunks[place].bytes = bytes.dropFirst(count)
                    return
                }
            }
            done += 1
        }
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>, _ rule: RelayRule, _ now: ContinuousClock.Instant) {
        guard !discards else { return }
        var due = now
        if case .delay(let delay) = rule { due += delay }
        chunks.append((max(due, chunks.last?.due ?? due), bytes))
        kept += bytes.count
    }
}

/// A connection that was dialled to the relay, and the one that the relay dialled for it.
struct RelayConnection {
    private let near: RelaySocket
    private let far: RelaySocket
    private var there = RelayFlow()
    private var back = RelayFlow()

    init(accepted near: RelaySocket, target port: Int) throws {
        self.near = near
        far = try .connecting(to: port)
    }

    var isOver: Bool { there.isOver && back.isOver }
    /// Bytes that arrived at the target, and at the dialler.
    var delivered: (there: Int, back: Int) { (there.delivered, back.delivered) }

    mutating func pump(there thereRule: RelayRule, back backRule: RelayRule, at now: ContinuousClock.Instant) {
        there.pump(from: near, to: far, thereRule, at: now)
        back.pump(from: far, to: near, backRule, at: now)
    }

    /// What to wait for: input, room for what is due, and the instant at which something will be.
    func waits(
        there thereRule: RelayRule, back backRule: RelayRule, at now: ContinuousClock.Instant
    ) -> (entries: [pollfd], until: ContinuousClock.Instant?) {
        let (dueThere, dueBack) = (there.due(thereRule), back.due(backRule))
        func entry(_ socket: RelaySocket, input: Bool, output: ContinuousClock.Instant?) -> pollfd? {
            let events = (input ? POLLIN : 0) | (output.map { $0 <= now } == true ? POLLOUT : 0)
            return events == 0 ? nil : pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        }
        let entries = [
            entry(near, input: there.wantsInput, output: dueBack), entry(far, input: back.wantsInput, output: dueThere),
        ]
        return (entries.compactMap { $0 }, [dueThere, dueBack].compactMap { $0 }.filter { $0 > now }.min())
    }
}
