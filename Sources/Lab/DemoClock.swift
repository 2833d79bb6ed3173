// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import Glibc

/// The demonstration's time: since its start, and the grid of slots on which blocks are due. The wall clock is read once;
/// that it may be set meanwhile moves no slot.
struct DemoClock: Sendable {
    private let start: ContinuousClock.Instant
    private let unixMillisecondsAtStart: Int64
    let grid: SlotGrid

    init(blockIntervalMS: Int64) {
        start = .now
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        unixMillisecondsAtStart = Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        grid = SlotGrid(
            intervalMS: blockIntervalMS, offsetMS: unixMillisecondsAtStart % blockIntervalMS,
            unixMillisecondsAtStart: unixMillisecondsAtStart)
    }

    /// Since the start.
    func now() -> Duration { .now - start }

    /// False when the task was cancelled meanwhile.
    func sleep(until time: Duration) async -> Bool {
        (try? await Task.sleep(until: start + time, clock: .continuous)) != nil
    }
}

/// Slots of one length, counted from the demonstration's start; the ends lie where the wall clock's multiples do.
struct SlotGrid: Sendable, Hashable {
    let intervalMS: Int64
    /// How far slot 0 had come when the demonstration started.
    let offsetMS: Int64
    let unixMillisecondsAtStart: Int64

    /// Blocks carry the times of their slots; where they come faster than every 500 ms, the chain's time runs ahead.
    var isOfTheChain: Bool { intervalMS >= 500 }

    var interval: Duration { .milliseconds(intervalMS) }

    /// The slot that the time lies in.
    func slot(at time: Duration) -> Int {
        Int((Int64(max(0, time.inMilliseconds)) + offsetMS) / intervalMS)
    }

    func start(of slot: Int) -> Duration { .milliseconds(Int64(slot) * intervalMS - offsetMS) }

    /// The slot that an instant of the wall clock lies in.
    func slot(atUnixMilliseconds instant: Int64) -> Int {
        Int((instant - unixMillisecondsAtStart + offsetMS) / intervalMS)
    }

    /// The slot's start as the chain writes it.
    func timestamp(of slot: Int) -> BlockTimestamp? {
        BlockTimestamp(
            containingUnixMilliseconds: unixMillisecondsAtStart - offsetMS + Int64(slot) * intervalMS)
    }
}
