// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What one peer's core says to another's.
public enum Message: Hashable, Sendable {
    /// Would you vote for me in this term? Asked before a term is spent (thesis 9.6).
    case preVoteRequest(VoteRequest)
    case preVoteResponse(PreVoteResponse)
    case voteRequest(VoteRequest)
    case voteResponse(VoteResponse)
    /// Entries, or none: then it is a heartbeat.
    case append(Append)
    case appendResponse(AppendResponse)
    case installSnapshot(InstallSnapshot)
    /// The leader asks the receiver to take over at once (thesis 3.10).
    case timeoutNow(TimeoutNow)
    /// A follower asks the leader to hand leadership over to it.
    case transferRequest(term: Term)

    public var term: Term {
        switch self {
        case .preVoteRequest(let message): message.term
        case .preVoteResponse(let message): message.term
        case .voteRequest(let message): message.term
        case .voteResponse(let message): message.term
        case .append(let message): message.term
        case .appendResponse(let message): message.term
        case .installSnapshot(let message): message.term
        case .timeoutNow(let message): message.term
        case .transferRequest(let term): term
        }
    }
}

/// How far a peer's disk has come. It goes along with votes and acknowledgements; who hears it remembers it, and says it
/// at the next greeting: a disk that is behind it then was cut, or an old copy was put back.
public struct Watermark: Hashable, Comparable, Sendable {
    /// The term from which on the peer's vote counts. It grows when a peer that had lost its data has a vote again.
    public var votesFrom: Term
    /// `HardState.writes`.
    public var writes: UInt64

    /// Nothing is known, or the peer has no vote.
    public static let none = Watermark(votesFrom: 0, writes: 0)

    public init(votesFrom: Term, writes: UInt64) {
        self.votesFrom = votesFrom
        self.writes = writes
    }

    public static func < (a: Watermark, b: Watermark) -> Bool {
        (a.votesFrom, a.writes) < (b.votesFrom, b.writes)
    }
}

extension Message {
    var durable: Watermark? {
        switch self {
        case .voteResponse(let response): response.durable
        case .appendResponse(let response): response.durable
        case .preVoteRequest, .preVoteResponse, .voteRequest, .append, .installSnapshot, .timeoutNow, .transferRequest:
            nil
        }
    }

    /// This message with the sender's watermark, if it is one that carries it.
    func with(_ durable: Watermark) -> Message {
        switch self {
        case .voteResponse(var response):
            response.durable = durable
            return .voteResponse(response)
        case .appendResponse(var response):
            response.durable = durable
            return .appendResponse(response)
        case .preVoteRequest, .preVoteResponse, .voteRequest, .append, .installSnapshot, .timeoutNow, .transferRequest:
            return self
        }
    }
}

public struct VoteRequest: Hashable, Sendable {
    /// The term that the candidate wants to lead.
    public var term: Term
    public var lastIndex: LogIndex
    public var lastTerm: Term

    public init(term: Term, lastIndex: LogIndex, lastTerm: Term) {
        self.term = term
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
    }
}

public struct PreVoteResponse: Hashable, Sendable {
    /// Granted: the term that was asked for. Refused: the voter's own term.
    public var term: Term
    public var granted: Bool

    public init(term: Term, granted: Bool) {
        self.term = term
        self.granted = granted
    }
}

public struct VoteResponse: Hashable, Sendable {
    public var term: Term
    public var granted: Bool
    /// What was left of the voter's longest promise when it voted, on its own clock. The winner may hold no lease before
    /// as much time has passed since this vote arrived.
    public var promiseRemaining: Duration
    /// What the voter's disk held for good when it voted.
    public var durable: Watermark

    public init(term: Term, granted: Bool, promiseRemaining: Duration, durable: Watermark = .none) {
        self.term = term
        self.granted = granted
        self.promiseRemaining = promiseRemaining
        self.durable = durable
    }
}

/// When a leader sent something and what it asks the receiver to promise in return. The stamp comes back with the answer.
public struct Round: Hashable, Sendable {
    /// The leader's own clock at the time of sending. Means nothing to anyone else.
    public var sentAt: Instant
    /// How long, on the receiver's clock, the leader's lease may last.
    public var promise: Duration

    public init(sentAt: Instant, promise: Duration) {
        self.sentAt = sentAt
        self.promise = promise
    }
}

public struct Append: Hashable, Sendable {
    public var term: Term
    public var round: Round
    public var previousIndex: LogIndex
    public var previousTerm: Term
    public var commit: LogIndex
    public var entries: [Entry]

    public init(
        term: Term, round: Round, previousIndex: LogIndex, previousTerm: Term, commit: LogIndex, entries: [Entry]
    ) {
        self.term = term
        self.round = round
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.commit = commit
        self.entries = entries
    }
}

public struct AppendResponse: Hashable, Sendable {
    public enum Result: Hashable, Sendable {
        /// The follower's log equals the leader's up to here, durably.
        case matches(through: LogIndex)
        /// The entry before the sent ones, at `previousIndex`, is missing or differs. The logs may be equal at the hint,
        /// never above it.
        case conflict(previousIndex: LogIndex, hintIndex: LogIndex, hintTerm: Term)
    }

    public var term: Term
    /// The stamp of the round that is answered.
    public var sentAt: Instant
    /// False from a peer that has no vote in this term: its answer counts neither for commits nor for the lease.
    public var counts: Bool
    public var result: Result
    /// What the sender's disk held for good when it answered.
    public var durable: Watermark

    public init(term: Term, sentAt: Instant, counts: Bool, result: Result, durable: Watermark = .none) {
        self.term = term
        self.sentAt = sentAt
        self.counts = counts
        self.result = result
        self.durable = durable
    }
}

public struct InstallSnapshot: Hashable, Sendable {
    public var term: Term
    public var round: Round
    public var snapshot: Snapshot

    public init(term: Term, round: Round, snapshot: Snapshot) {
        self.term = term
        self.round = round
        self.snapshot = snapshot
    }
}

public struct TimeoutNow: Hashable, Sendable {
    /// The term of the leader that hands over.
    public var term: Term
    /// The leader held the lease and gave it up for the rest of its term, so no lease stands in the way of the next one.
    public var leaseReleased: Bool

    public init(term: Term, leaseReleased: Bool) {
        self.term = term
        self.leaseReleased = leaseReleased
    }
}
