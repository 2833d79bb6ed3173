// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// One machine's clock: it runs at a rate of its own from an origin of its own, and never stops.
struct Clock {
    /// Its seconds in a true second.
    var rate: Double
    var origin: Int64

    func reading(at time: TrueTime) -> Instant { Instant(nanoseconds: origin + Int64(Double(time) * rate)) }

    /// The first true time at which it shows this reading or a later one.
    func time(of reading: Instant) -> TrueTime {
        var time = Int64((Double(reading.nanoseconds - origin) / rate).rounded(.down))
        while self.reading(at: time) < reading { time += 1 }
        return time
    }
}
