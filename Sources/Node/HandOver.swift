// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import ProducerHA
import Raft

// Giving leadership away: what is signed is committed first, and a peer whose nodeos is not well does not keep it.

extension NodeosAttachment {
    /// Signs nothing more, and completes when what was signed is committed, or cannot be waited for any longer.
    func drain() -> EventLoopFuture<Void> {
        drains += 1
        follow(Clock.now())
        guard signatures?.permit.outstanding != nil else { return node.eventLoop.makeSucceededVoidFuture() }
        let promise = node.eventLoop.makePromise(of: Void.self)
        drainWaiters.append(promise)
        drainTimer =
            drainTimer
            ?? node.eventLoop.assumeIsolated().scheduleTask(in: Self.drainTime) { [weak self] in
                self?.endDrain(isOver: true)
            }
        return promise.futureResult
    }

    func endDrain(isOver: Bool = false) {
        guard !drainWaiters.isEmpty, isOver || signatures?.permit.outstanding == nil else { return }
        drainTimer?.cancel()
        drainTimer = nil
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.succeed() }
    }

    /// What it was for is over, whatever became of it. Signing goes on once nothing else wants it to stop.
    func undrain() {
        drains = max(0, drains - 1)
        follow(Clock.now())
    }

    /// Where another peer's nodeos is well and this one's is not, that peer should lead.
    func leaveLeadershipIfUnwell(_ now: Instant) {
        let replica = node.replica
        guard replica.raft.role == .leader, !node.isHandingOver, !replica.isShuttingDown,
            replica.state.region.activity == .active || replica.state.region.epoch == 0, !isWell, handOvers.isOver(now)
        else { return }
        let better = node.peersWithWellNodeos.filter {
            replica.raft.progress[$0].map { $0.isLinked && $0.counts } ?? false
        }
        guard
            let best = better.max(by: {
                (replica.raft.progress[$0]?.match ?? 0) < (replica.raft.progress[$1]?.match ?? 0)
            })
        else { return }
        handOvers.start(now)
        node.logger.warning(
            "hands leadership to peer \(best), whose nodeos is well: \(obstacle?.rawValue ?? "this one's is not")")
        node.handOver(to: best)
    }
}

/// A pause that doubles each time.
struct Backoff {
    let first: Duration
    let last: Duration
    private var pause: Duration?
    private var startedAt: Instant?

    init(first: Duration, last: Duration) {
        self.first = first
        self.last = last
    }

    func isOver(_ now: Instant) -> Bool {
        guard let pause, let startedAt else { return true }
        return now - startedAt >= pause
    }

    mutating func start(_ now: Instant) {
        pause = min(pause.map { $0 * 2 } ?? first, last)
        startedAt = now
    }

    mutating func reset() { (pause, startedAt) = (nil, nil) }
}
