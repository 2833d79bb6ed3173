// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

// What callers wait for.

/// What became of a request for leadership.
enum LeadershipOutcome: Sendable {
    case leads
    case stillFollows(PeerID?)
    /// The leader says why not.
    case refused(by: PeerID, why: String)
}

/// Calls that wait for a block.
struct BlockWaiters {
    static let most = 1024

    private var waiting: [(number: UInt32, id: UInt64, promise: EventLoopPromise<Bool>)] = []
    private var nextID: UInt64 = 0

    /// Waits until the block is committed: true, or until the time is over: false. nil when too many wait already.
    mutating func wait(for number: UInt32, on eventLoop: any EventLoop) -> (id: UInt64, future: EventLoopFuture<Bool>)?
    {
        guard waiting.count < Self.most else { return nil }
        nextID += 1
        let promise = eventLoop.makePromise(of: Bool.self)
        waiting.append((number, nextID, promise))
        return (nextID, promise.futureResult)
    }

    mutating func resolve(through number: UInt32) {
        let done = waiting.filter { $0.number <= number }
        guard !done.isEmpty else { return }
        waiting.removeAll { $0.number <= number }
        for waiter in done { waiter.promise.succeed(true) }
    }

    mutating func giveUpAll() {
        let all = waiting
        waiting = []
        for waiter in all { waiter.promise.succeed(false) }
    }

    mutating func giveUp(_ id: UInt64) {
        guard let at = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: at).promise.succeed(false)
    }
}
