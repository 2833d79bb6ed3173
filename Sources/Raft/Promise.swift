// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A voter's side of the lease: the longest promise it ever acknowledged, and when it last acknowledged anything.
///
/// The promise of one leader never shortens what was promised to another, so the longest one counts, for ever; settings
/// may change at a restart. Counting starts anew with each acknowledgement, and with the start of the process, since
/// what happened before that is not known any more.
struct Promise {
    private(set) var longest: Duration
    private var acknowledgedAt: Instant

    init(longest: Duration, startedAt: Instant) {
        self.longest = longest
        self.acknowledgedAt = startedAt
    }

    /// True when this promise is longer than all before, so that it must be made durable before the answer goes out.
    mutating func acknowledge(_ promise: Duration, at now: Instant) -> Bool {
        acknowledgedAt = max(acknowledgedAt, now)
        guard promise > longest else { return false }
        longest = promise
        return true
    }

    func remaining(at now: Instant) -> Duration {
        let passed = max(now - acknowledgedAt, .zero)
        return max(longest - passed, .zero)
    }
}

/// The right of a leader to act alone, as it stands at one moment. Ask for it when it is used; never keep the answer.
public enum LeaseStatus: Hashable, Sendable {
    case notLeader
    /// An earlier leader's lease may still run for this long.
    case waiting(Duration)
    /// Less than a quorum has acknowledged a recent round.
    case expired
    /// Given up for the rest of the term.
    case released
    case held(remaining: Duration)

    public var isHeld: Bool {
        switch self {
        case .held: true
        case .notLeader, .waiting, .expired, .released: false
        }
    }
}
