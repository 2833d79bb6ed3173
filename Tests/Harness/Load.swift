// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// A block producer that never rests: makes a block, has it committed by whoever leads, makes the next.
///
/// When the outcome of a block is unknown, it offers that block again, or, every other time, another one of the same
/// height: as the new leader's nodeos would, which has never seen the first.
final class Load: Sendable {
    private struct State {
        var committed = 0
        var stops = false
        var doubts = 0
        var failure: Violation?
    }

    /// Reasons that say: not now, or not here.
    static let passing: Set = [
        "not_leader", "no_quorum", "lease_expired", "lease_wait", "term_not_applied", "draining", "shutting_down",
    ]

    private let cluster: Cluster
    /// The peers it knows of: all, or the one whose nodeos it is.
    private let targets: [Peer]
    private let producer: String
    private let state = Guarded(State())

    init(_ cluster: Cluster, targets: [Peer]? = nil, producer: String = "prodha.bp1") {
        self.cluster = cluster
        self.targets = targets ?? cluster.peers
        self.producer = producer
    }

    /// How many blocks it was told are committed.
    var committed: Int { state.withLock { $0.committed } }
    /// How often it could not know the outcome.
    var doubts: Int { state.withLock { $0.doubts } }

    func stop() {
        state.withLock { $0.stops = true }
    }

    /// Waits until `count` more blocks have been committed.
    func advances(by count: Int = 20) async throws {
        let goal = committed + count
        try await eventually("\(count) more blocks are committed under load") {
            if let failure = state.withLock({ $0.failure }) { throw failure }
            guard committed >= goal else { throw TimedOut(description: "\(goal - committed) are missing") }
            return true
        }
    }

    func run() async throws {
        do {
            try await produce()
        } catch {
            state.withLock { $0.failure = error as? Violation ?? Violation(description: "the producer: \(error)") }
            throw error
        }
    }

    private func produce() async throws {
        var chain = try await start()
        var block = try chain.candidate()
        var turn = 0
        while !state.withLock({ $0.stops }) {
            let target = targets[turn % targets.count]
            let response: Response
            do {
                response = try await target.commit(block, within: .seconds(2))
            } catch let violation as Violation {
                throw violation
            } catch {
                // Refused connections leave no doubt, and come in numbers.
                if error as? SocketError == .refused {
                    try await Task.sleep(for: Bound.poll)
                } else {
                    block = try doubt(block, &chain)
                }
                turn += 1
                continue
            }
            switch (response.status, response.reason) {
            case (200, _):
                state.withLock { $0.committed += 1 }
                try chain.append(block)
                block = try chain.candidate()
            case (409, "leadership_lost"):
                block = try doubt(block, &chain)
                turn += 1
            case (409, "conflicts_with_head"), (409, "unlinkable"), (409, "stale"):
                // Another block came first, or this peer does not know yet that it no longer leads.
                if let newer = try? await newerHead(of: target, than: chain) {
                    try chain.append(number: newer.number, id: newer.id)
                    block = try chain.candidate()
                } else {
                    turn += 1
                    try await Task.sleep(for: Bound.poll)
                }
            case (409, "not_leader"):
                let leader = response.json?["error.details.leader_id"]?.int
                turn = targets.firstIndex { $0.id == leader } ?? turn + 1
                try await Task.sleep(for: Bound.poll)
            case (409, let reason?) where Self.passing.contains(reason):
                turn += 1
                try await Task.sleep(for: Bound.poll)
            default:
                throw Violation(description: "a good block \(block.number), sent to peer \(target.id): \(response)")
            }
        }
    }

    /// Goes on from the head that the group has.
    private func start() async throws -> Chain {
        for peer in cluster.running {
            if let head = try? await peer.head() { return try Chain(after: head, producer: producer) }
        }
        return try Chain(producer: producer)
    }

    private func doubt(_ block: Block, _ chain: inout Chain) throws -> Block {
        let doubts = state.withLock { state in
            state.doubts += 1
            return state.doubts
        }
        return doubts.isMultiple(of: 2) ? block : try chain.candidate()
    }

    private func newerHead(of target: Peer, than chain: Chain) async throws -> (number: Int, id: String)? {
        guard let head = try await target.head(), head.number >= chain.head?.number ?? 0, head.id != chain.head?.id
        else { return nil }
        return head
    }
}

extension Cluster {
    /// Runs `body` while a producer commits all the time; a broken promise that the producer sees fails the test.
    func underLoad(_ body: (Load) async throws -> Void) async throws {
        let load = Load(self)
        try await alongside(load.run, stop: load.stop) {
            try await load.advances(by: 5)
            try await body(load)
        }
    }
}

/// Runs `body` while `work` runs beside it. After `body`, `stop` must make `work` end.
func alongside(
    _ work: @escaping @Sendable () async throws -> Void, stop: () -> Void, _ body: () async throws -> Void
) async throws {
    let task = Task { try await work() }
    do {
        try await body()
    } catch {
        stop()
        // What went wrong beside it is the likelier cause.
        do { try await task.value } catch let violation as Violation { throw violation } catch {}
        throw error
    }
    stop()
    try await task.value
}
