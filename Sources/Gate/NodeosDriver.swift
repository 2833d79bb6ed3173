// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import NIOCore
import Raft

/// Carries out what `NodeosControl` decides: calls, loads and one timer. On one event loop, where everything of it is to
/// be called. It may be called back into from its hooks: what comes then waits its turn.
public final class NodeosDriver {
    /// How it reaches the rest of the daemon. All are called on the event loop.
    public struct Hooks {
        /// The same clock as the group's leases.
        public var now: () -> Instant
        /// Milliseconds since 1970.
        public var wallClock: () -> Int64
        /// The packed block of this height out of the group's log; nil when it is not there.
        public var load: (UInt32) -> EventLoopFuture<[UInt8]?>
        /// nodeos's own block on top of the group's head, to be proposed if this peer leads.
        public var propose: (FeedBlock) -> Void
        /// The answer to `confirm`: nodeos's head as it was after that call, or nil.
        public var confirmed: (_ question: UInt64, _ head: BlockID?) -> Void
        public var statusChanged: (NodeosStatus) -> Void

        public init(
            now: @escaping () -> Instant, wallClock: @escaping () -> Int64,
            load: @escaping (UInt32) -> EventLoopFuture<[UInt8]?>, propose: @escaping (FeedBlock) -> Void,
            confirmed: @escaping (UInt64, BlockID?) -> Void, statusChanged: @escaping (NodeosStatus) -> Void
        ) {
            self.now = now
            self.wallClock = wallClock
            self.load = load
            self.propose = propose
            self.confirmed = confirmed
            self.statusChanged = statusChanged
        }
    }

    /// A block that was not read within this time is taken for missing.
    static let loadTime = TimeAmount.seconds(5)

    private let eventLoop: any EventLoop
    private let client: NodeosClient
    private let hooks: Hooks
    private var control: NodeosControl
    private var timer: Scheduled<Void>?
    private let turns = Turns<NodeosControl.Event>()
    private var isStopped = false

    public init(
        eventLoop: any EventLoop, client: NodeosClient, producers: GuardedProducers = .all, hooks: Hooks,
        bounds: NodeosControl.Bounds = .init()
    ) {
        self.eventLoop = eventLoop
        self.client = client
        self.hooks = hooks
        control = NodeosControl(bounds: bounds, producers: producers, at: hooks.now())
    }

    public var status: NodeosStatus { control.status }
    /// False as soon as a resume is on its way.
    public var isKnownPaused: Bool { control.isKnownPaused }
    public var isWell: Bool { control.isWell(at: hooks.now()) }

    public func start() { handle(.tick) }

    /// Nothing is called any more, and nobody called back.
    public func stop() {
        isStopped = true
        timer?.cancel()
        timer = nil
    }

    public func follow(_ orders: NodeosOrders) { handle(.orders(orders)) }

    /// What the signature gate saw. Tell of a request when its answer goes out.
    public func saw(_ signing: NodeosControl.Signing) { handle(.signing(signing)) }

    /// Asks for nodeos's head now. Of two questions that wait only the later one is answered.
    public func confirm(_ question: UInt64) { handle(.confirm(question)) }

    /// A block that was proposed was refused.
    public func notCommitted(_ id: BlockID) { handle(.notCommitted(id)) }

    private func handle(_ event: NodeosControl.Event) {
        eventLoop.preconditionInEventLoop()
        guard !isStopped else { return }
        let isDone = turns.take(event) { event in
            guard !isStopped else { return }
            for action in control.step(event, at: hooks.now()) where !isStopped { carryOut(action) }
        }
        if isDone { setTimer() }
    }

    private func carryOut(_ action: NodeosControl.Action) {
        switch action {
        case .call(let id, let request):
            client.call(request).assumeIsolated().whenComplete { [weak self] result in
                guard let self else { return }
                switch result {
                case .success(let answer): handle(.answered(id, answer, wallClock: hooks.wallClock()))
                case .failure(let error):
                    handle(.failed(id, error as? NodeosFailure ?? .noAnswer(String(describing: error))))
                }
            }
        case .load(let height): load(height)
        case .confirmed(let question, let head): hooks.confirmed(question, head)
        case .propose(let block): hooks.propose(block)
        case .statusChanged(let status): hooks.statusChanged(status)
        }
    }

    private func load(_ height: UInt32) {
        var isOver = false
        let end = { [weak self] (bytes: [UInt8]?) in
            guard !isOver else { return }
            isOver = true
            self?.handle(.loaded(height, bytes.flatMap { try? FeedBlock($0) }))
        }
        let timeout = eventLoop.assumeIsolated().scheduleTask(in: Self.loadTime) { end(nil) }
        hooks.load(height).hop(to: eventLoop).assumeIsolated().whenComplete { result in
            timeout.cancel()
            end((try? result.get()) ?? nil)
        }
    }

    private func setTimer() {
        timer?.cancel()
        guard !isStopped else { return }
        let delay = max((control.nextWake - hooks.now()).inNanoseconds, 0)
        timer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            self?.timer = nil
            self?.handle(.tick)
        }
    }
}
