// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Carries out one event after the other. One that comes while another is being carried out, from within it, waits its
/// turn, so that what the events ask for stays in order. Confined to one thread.
public final class Turns<Event> {
    private var waiting: [Event] = []
    private var isBusy = false

    public init() {}

    /// - Parameter carryOut: called for `event`, and for all that comes meanwhile.
    /// - Returns: false when `event` waits for the call that is under way.
    @discardableResult
    public func take(_ event: Event, _ carryOut: (Event) -> Void) -> Bool {
        waiting.append(event)
        guard !isBusy else { return false }
        isBusy = true
        var next = 0
        while next < waiting.count {
            carryOut(waiting[next])
            next += 1
        }
        waiting.removeAll(keepingCapacity: true)
        isBusy = false
        return true
    }
}
