// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The Raft layer: the consensus core and nothing else. Pure: no I/O, no clock, no threads, no random source of its
// own. Time, messages and finished writes come in through `RaftCore.step`, and everything to be done comes out of it as
// effects, so the daemon and the simulator drive the same code. It imports nothing but collections.
//
// Read in this order: Types, Message, Event, Promise, Log, Progress, RaftCore, Election, Replication, Transfer.
// Raft here is that of Ongaro's thesis ("Consensus: Bridging Theory and Practice", 2014), cited by section.

/// A member of a group, by the id its configuration gives it. Never negative.
public struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: Int

    public init(_ value: Int) { self.value = value }

    public static func < (a: PeerID, b: PeerID) -> Bool { a.value < b.value }
    public var description: String { String(value) }
}

/// The random name of a group, made by its first leader. 16 bytes.
public struct GroupID: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// A Raft term. 0 only before a peer has taken part in any election.
public typealias Term = UInt64

/// A position in the log. The first entry has index 1; 0 is the position before it.
public typealias LogIndex = UInt64

/// A reading of one peer's own monotonic clock that counts through suspend. Readings of two peers are not comparable.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an origin that is the same for the life of the process.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    public static func + (a: Instant, b: Duration) -> Instant { Instant(nanoseconds: a.nanoseconds &+ b.inNanoseconds) }
    public static func - (a: Instant, b: Instant) -> Duration { .nanoseconds(a.nanoseconds - b.nanoseconds) }
}

extension Duration {
    /// Whole nanoseconds; what is finer is cut off.
    public var inNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }

    /// Milliseconds with their fraction, as every document and command shows durations.
    public var inMilliseconds: Double { Double(inNanoseconds) / 1e6 }

    /// This duration on a clock that may run faster than another by the given relative rate (0.01 is one percent).
    public func stretched(byDrift drift: Double) -> Duration {
        .nanoseconds(Int64((Double(inNanoseconds) * (1 + drift)).rounded(.up)))
    }
}

/// What an entry is. The core knows `noop`; the layer above gives meaning to the others.
public struct EntryKind: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The entry with which a new leader begins its term (thesis 6.4). Its payload is empty.
    public static let noop = EntryKind(rawValue: 0)
}

/// One entry of the replicated log.
public struct Entry: Hashable, Sendable {
    public var index: LogIndex
    public var term: Term
    public var kind: EntryKind
    public var payload: [UInt8]

    public init(index: LogIndex, term: Term, kind: EntryKind, payload: [UInt8] = []) {
        self.index = index
        self.term = term
        self.kind = kind
        self.payload = payload
    }
}

/// What is to be appended: an entry that has no place in the log yet.
public struct Proposal: Sendable {
    public var kind: EntryKind
    public var payload: [UInt8]

    public init(kind: EntryKind, payload: [UInt8] = []) {
        self.kind = kind
        self.payload = payload
    }
}

/// The state machine's state after the entry at `index`, which stands for all entries up to it.
public struct Snapshot: Hashable, Sendable {
    public var index: LogIndex
    public var term: Term
    public var state: [UInt8]

    public init(index: LogIndex, term: Term, state: [UInt8]) {
        self.index = index
        self.term = term
        self.state = state
    }
}

/// The group and the timings that one peer runs with. Members and quorum are the same on all peers; timings may differ.
public struct Settings: Sendable {
    /// This peer.
    public var id: PeerID
    /// Every member, this peer included, in ascending order.
    public var peers: [PeerID]
    /// How many peers make a quorum, for elections, commits and leases alike. More than half of them.
    public var quorum: Int
    /// The length of a lease, on the leader's clock, from the sending of the round that a quorum acknowledged.
    public var leaseLength: Duration
    /// Bound on the relative rate of any two peers' clocks (0.01: one percent).
    public var maxClockDrift: Double
    /// How often an idle leader writes to its followers; see `quietHeartbeatInterval` as well.
    public var heartbeatInterval: Duration
    /// An election timer runs for a random time within these bounds.
    public var electionTimeout: Range<Duration>
    public var limits: Limits

    public init(
        id: PeerID, peers: [PeerID], quorum: Int, leaseLength: Duration = .milliseconds(750),
        maxClockDrift: Double = 0.01, heartbeatInterval: Duration = .milliseconds(50),
        electionTimeout: Range<Duration> = .milliseconds(250)..<(.milliseconds(500)), limits: Limits = Limits()
    ) {
        precondition(peers.contains(id), "peer \(id) is not a member of its own group")
        precondition(quorum > peers.count / 2 && quorum <= peers.count, "quorum \(quorum) of \(peers.count) peers")
        precondition(leaseLength > .zero && maxClockDrift >= 0 && heartbeatInterval > .zero)
        precondition(electionTimeout.lowerBound > .zero && !electionTimeout.isEmpty)
        self.id = id
        self.peers = peers.sorted()
        self.quorum = quorum
        self.leaseLength = leaseLength
        self.maxClockDrift = maxClockDrift
        self.heartbeatInterval = heartbeatInterval
        self.electionTimeout = electionTimeout
        self.limits = limits
    }

    /// What a leader asks its followers to promise: its lease, as long as the slowest permitted clock may make it.
    public var promise: Duration { leaseLength.stretched(byDrift: maxClockDrift) }
    /// How often a leader writes to its followers that has had nothing to do for a while: half as often, unless the lease or this
    /// peer's own shortest election timeout would then have room for fewer than three rounds.
    public var quietHeartbeatInterval: Duration {
        max(heartbeatInterval, min(heartbeatInterval * 2, min(electionTimeout.lowerBound, leaseLength) / 3))
    }
    /// All members but this one.
    public var others: [PeerID] { peers.filter { $0 != id } }
}

/// The bounds of everything the core keeps or sends.
public struct Limits: Sendable {
    /// Payload bytes in one append message; a single larger entry still travels, alone.
    public var appendBytes = 1 << 20
    /// Append messages on their way to one follower, not answered yet.
    public var appendsInFlight = 64
    /// Payload bytes on their way to one follower, not answered yet.
    public var bytesInFlight = 16 << 20
    /// Payload bytes of entries that are proposed and not committed; no more proposals are taken above it.
    public var uncommittedBytes = 64 << 20
    /// Entries that are proposed and not committed, likewise.
    public var uncommittedEntries = 8192
    /// The longest promise that is acknowledged: twice the longest lease that a configuration may have.
    public var longestPromise = Duration.seconds(120)
    /// While proposals follow each other closer than twice this, followers learn of a commit with the next entries, or when it is
    /// this old. Else, and with 0, at once, by a message of its own.
    public var commitNoticeDelay = Duration.milliseconds(1)
    /// After so long without a proposal a leader whose followers have everything writes to them half as often.
    public var quietAfter = Duration.seconds(2)
    /// Payload bytes of committed entries kept in memory for followers that are a little behind.
    public var cachedBytes = 4 << 20

    public init() {}
}
