// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The Node layer: the daemon. One event loop owns the replica and all its state; the peer links and the HTTP API are
// channels on that loop; one thread owns the store. No locks around consensus state, no hop between executors on a
// commit's way. It wires the layers below together and adds what a daemon needs: signals, systemd, metrics, shutdown.

import Glibc
import Raft

/// The clocks of this machine.
enum Clock {
    /// Monotonic, and it goes on while the machine is suspended: a lease must not outlast a closed lid.
    static func now() -> Instant {
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        return Instant(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    }

    /// Wall clock time in milliseconds since 1970: for people, for how old blocks are, and for no decision on leases.
    static func unixMilliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }

    /// By how many milliseconds the time of day is ahead of `now()`.
    static func wallOffset() -> Int64 { unixMilliseconds() - now().nanoseconds / 1_000_000 }
}

/// Lets something through once a minute at most.
struct OnceAMinute {
    private var last: Instant?

    mutating func isDue(_ now: Instant) -> Bool {
        if let last, now - last < .seconds(60) { return false }
        last = now
        return true
    }
}
