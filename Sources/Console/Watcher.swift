// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOConcurrencyHelpers
import NIOCore
import Operations

/// Looks at the group once a second, on an event loop of its own, so that nothing that is typed waits for it.
final class Watcher: Sendable {
    static let period = TimeAmount.seconds(1)
    /// How long one peer may take: its answer is for a prompt, which must not be old.
    static let timeout = Duration.seconds(1)

    /// One look.
    struct Look: Sendable {
        var view: ClusterView
        /// Against the look before.
        var happenings: [Happening]
        var at: ContinuousClock.Instant
    }

    private let loop: any EventLoop
    private let source: @Sendable () -> Inspector
    private let tell: @Sendable (Look) -> Void
    private let isOver = NIOLockedValueBox(false)
    /// What the peers said last, and how that was shown.
    private let last: NIOLoopBoundBox<(said: Inspection, shown: ClusterView)?>

    /// - Parameters:
    ///   - source: whom to ask now.
    ///   - tell: is called on the event loop.
    init(
        _ loop: any EventLoop, source: @escaping @Sendable () -> Inspector, tell: @escaping @Sendable (Look) -> Void
    ) {
        self.loop = loop
        self.source = source
        self.tell = tell
        last = .makeBoxSendingValue(nil, eventLoop: loop)
    }

    func begin() { loop.execute { self.look() } }

    func end() { isOver.withLockedValue { $0 = true } }

    private func look() {
        guard !isOver.withLockedValue({ $0 }) else { return }
        let start = NIODeadline.now()
        source().inspect().hop(to: loop).whenSuccess { found in
            let before = self.last.value
            let shown = ClusterView(Self.patient(before?.said, found))
            self.last.value = (found, shown)
            let happenings = before.map { Happening.between($0.shown, shown) } ?? []
            self.tell(Look(view: ClusterView(found), happenings: happenings, at: .now))
            self.loop.scheduleTask(deadline: start + Self.period) { self.look() }
        }
    }

    /// A peer that is slow once has not gone: its last answer stands until it is slow twice.
    static func patient(_ old: Inspection?, _ new: Inspection) -> Inspection {
        guard let old else { return new }
        var result = new
        for place in result.reports.indices {
            guard case .noAnswer? = result.reports[place].failure,
                let before = old.reports.first(where: { $0.target.isSame(as: result.reports[place].target) }),
                before.answer != nil
            else { continue }
            result.reports[place] = before
        }
        return result
    }
}
