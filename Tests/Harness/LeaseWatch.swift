// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// Asks every peer all the time whether it may produce, and compares the yeses.
final class LeaseWatch: Sendable {
    /// A yes: at some instant between the two, in `term`, and for as long as `remaining` from then on.
    struct Yes: Hashable, Sendable {
        let peer: Int
        let term: Int
        let sent: ContinuousClock.Instant
        let received: ContinuousClock.Instant
        let remaining: Duration
    }

    private struct State {
        var yeses: [Yes] = []
        var asked: [Int: Int] = [:]
        var stops = false
    }

    private let peers: [Peer]
    private let state = Guarded(State())

    init(_ cluster: Cluster) {
        peers = cluster.peers
    }

    func stop() {
        state.withLock { $0.stops = true }
    }

    /// The answers of each peer so far.
    func answers(of peer: Peer) -> Int {
        state.withLock { $0.asked[peer.id] ?? 0 }
    }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for peer in peers {
                group.addTask { try await self.watch(peer) }
            }
            try await group.waitForAll()
        }
    }

    /// Asks for the status, which tells a yes and its term at once, and between two of them for `can_produce`, whose
    /// term is known when both name the same.
    private func watch(_ peer: Peer) async throws {
        var termBefore: Int?
        while !state.withLock({ $0.stops }) {
            let alone = try? await answer(of: peer, "/v1/prodha/can_produce", "can_produce", "lease_remaining_ms")
            let whole = try? await answer(
                of: peer, "/v1/prodha/status", "production.can_produce", "raft.lease.remaining_ms")
            state.withLock { state in
                state.asked[peer.id, default: 0] += whole == nil ? 0 : 1
                if let term = whole?.term {
                    state.yeses += [whole, termBefore == term ? alone : nil].compactMap { $0?.yes(peer.id, term) }
                }
            }
            termBefore = whole?.term
            try? await Task.sleep(for: .milliseconds(3))
        }
    }

    private struct Answer {
        let term: Int?
        let isYes: Bool
        let sent: ContinuousClock.Instant
        let received: ContinuousClock.Instant
        let remaining: Double

        func yes(_ peer: Int, _ term: Int) -> Yes? {
            // One less, for it may have been rounded.
            isYes
                ? Yes(peer: peer, term: term, sent: sent, received: received, remaining: .milliseconds(remaining - 1))
                : nil
        }
    }

    private func answer(
        of peer: Peer, _ target: String, _ yes: String, _ remaining: String
    ) async throws -> Answer {
        let sent = ContinuousClock.now
        let document = try await peer.get(target).document()
        return Answer(
            term: document["raft.term"]?.int, isYes: document[yes]?.bool == true, sent: sent,
            received: ContinuousClock.now, remaining: document[remaining]?.double ?? 0)
    }

    /// What may have ended a lease.
    enum Ending {
        /// Its time alone.
        case time
        /// A hand-over too, before its time: how long it was to last then says nothing.
        case handOver
    }

    /// Throws unless the yeses can all be true of a lease that one peer at most ever has.
    func check(_ ending: Ending = .time) throws {
        let yeses = state.withLock { $0.yeses }
        guard !yeses.isEmpty else { throw Violation(description: "nobody ever could produce") }
        try Self.check(yeses, ending)
    }

    static func check(_ yeses: [Yes], _ ending: Ending = .time) throws {
        var holder: [Int: Int] = [:]
        for yes in yeses {
            if let other = holder[yes.term], other != yes.peer {
                throw Violation(description: "peers \(other) and \(yes.peer) both may produce in term \(yes.term)")
            }
            holder[yes.term] = yes.peer
        }
        for term in holder.keys {
            let mine = yeses.filter { $0.term == term }
            let later = yeses.filter { $0.term > term }
            // The first sure sign of a later lease, and the last of this one: that it was held, and that it would be.
            guard let first = later.min(by: { $0.received < $1.received }),
                let last = mine.max(by: { $0.sent < $1.sent }),
                let longest = mine.max(by: { $0.sent + $0.remaining < $1.sent + $1.remaining })
            else { continue }
            if last.sent > first.received {
                throw Violation(description: "the lease of a later term came first: \(first), then \(last)")
            }
            if ending == .time, first.received < longest.sent + longest.remaining {
                throw Violation(description: "two leases at once: \(longest) and \(first)")
            }
        }
    }
}
