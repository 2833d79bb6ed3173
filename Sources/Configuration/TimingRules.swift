// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of time: lease, heartbeat, election timer, snapshots, clocks.

struct Timing {
    var leadershipExpiry: Int
    var heartbeat: Int
    var electionLower: Int
    var electionUpper: Int
}

enum TimingRules {
    static let milliseconds = 1...GroupRules.largest
    /// Every failover waits for the longest lease that was ever promised, so a slip of the pen must not make it an hour.
    static let lease = 1...60_000

    /// In milliseconds. Taurus itself only asks that the election timer's lower bound is below the upper one and above
    /// leadership_expiry_ms; the latter our lease does not need.
    static func timing(_ root: ObjectReader) -> Timing? {
        let expiry = root.integer(
            "leadership_expiry_ms", in: lease, origin: .ours,
            default: Configuration.Defaults.leadershipExpiryMilliseconds)
        let heartbeat = root.integer(
            "heart_beat_interval_ms", in: milliseconds, origin: .ours,
            default: Configuration.Defaults.heartbeatMilliseconds)
        if let expiry, let heartbeat { compare(root, expiry: expiry, heartbeat: heartbeat) }
        let election = electionTimer(root, heartbeat: heartbeat)
        guard let expiry, let heartbeat, let election else { return nil }
        return Timing(
            leadershipExpiry: expiry, heartbeat: heartbeat, electionLower: election.lower,
            electionUpper: election.upper)
    }

    private static func compare(_ root: ObjectReader, expiry: Int, heartbeat: Int) {
        let key = root.has("heart_beat_interval_ms") ? "heart_beat_interval_ms" : "leadership_expiry_ms"
        if heartbeat >= expiry {
            root.broken(
                .ours, key,
                "a heartbeat every \(heartbeat) ms cannot keep a lease of \(expiry) ms alive: "
                    + "heart_beat_interval_ms must be less than leadership_expiry_ms",
                expiry >= 3
                    ? "write a heartbeat of \(expiry / 3) or less, or a lease of \(heartbeat * 3) or more"
                    : "write a lease of \(heartbeat * 3) or more")
        } else if heartbeat * 3 > expiry {
            root.warn(
                key,
                "a heartbeat every \(heartbeat) ms is more than a third of the lease of \(expiry) ms: "
                    + "one lost message may end it",
                "write a heartbeat of \(expiry / 3) or less, or a lease of \(heartbeat * 3) or more")
        }
    }

    private static func electionTimer(_ root: ObjectReader, heartbeat: Int?) -> (lower: Int, upper: Int)? {
        let lowerKey = "election_timeout_lower_bound_ms"
        let upperKey = "election_timeout_upper_bound_ms"
        let usual = Configuration.Defaults.electionLower(
            heartbeat: heartbeat ?? Configuration.Defaults.heartbeatMilliseconds)
        let written = root.integer(lowerKey, in: milliseconds, origin: .ours, default: usual)
        guard var lower = written else {
            _ = root.integer(upperKey, in: milliseconds, origin: .ours, default: 2 * usual)
            return nil
        }
        guard let upper = root.integer(upperKey, in: milliseconds, origin: .ours, default: 2 * lower) else {
            return nil
        }
        if lower >= upper {
            if root.has(lowerKey) {
                root.error(
                    root.has(upperKey) ? upperKey : lowerKey,
                    "\(upper) is not above \(lowerKey), which is \(lower)",
                    "write \(2 * lower), or leave it out")
                return nil
            }
            // Taurus's own default for the lower bound is another one, so this file may run there.
            let instead = max(1, upper / 2)
            let used = root.findings.consequenceOfOurRules == .goesOn ? ", \(instead) is used" : ""
            switch root.broken(
                .ours, upperKey,
                "\(upper) is not above the default of \(lowerKey), which is \(lower) here\(used)",
                "write \(2 * lower), or give \(lowerKey) too")
            {
            case .goesOn: lower = instead
            case .stops: return nil
            }
        }
        if let heartbeat, lower < 3 * heartbeat {
            root.warn(
                root.has(lowerKey) ? lowerKey : upperKey,
                "an election timer of \(lower) ms is less than three heartbeats of \(heartbeat) ms: "
                    + "a short delay starts an election",
                "write \(Configuration.Defaults.electionLower(heartbeat: heartbeat)), or leave it out")
        }
        return (lower, upper)
    }

    static func snapshotDistance(_ root: ObjectReader) -> Int? {
        root.integer(
            "snapshot_distance", in: milliseconds, origin: .taurus, default: Configuration.Defaults.snapshotDistance)
    }

    /// 0 or more, in milliseconds.
    static func returnGate(_ root: ObjectReader) -> Int? {
        root.integer(
            "return_gate_ms", in: 0...GroupRules.largest, origin: .ours,
            default: Configuration.Defaults.returnGateMilliseconds)
    }

    static func maxClockDrift(_ root: ObjectReader) -> Double? {
        let key = "max_clock_drift"
        guard root.has(key) else { return Configuration.Defaults.maxClockDrift }
        guard let drift = root.decimal(key) else { return nil }
        guard drift >= 0, drift < 1 else {
            root.error(key, "\(drift) is not a fraction from 0 to below 1", "one percent is 0.01")
            return nil
        }
        if drift == 0 {
            root.warn(
                key, "0 says that no clock ever runs faster than another", "leave it out for 0.01, one percent")
        }
        return drift
    }
}
