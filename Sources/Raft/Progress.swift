// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import DequeModule

/// What a leader knows of one follower, for the length of its term.
public struct Progress: Sendable {
    public enum State: Hashable, Sendable {
        /// Finding where the logs agree, one message at a time.
        case probing
        /// Sending without waiting for answers.
        case replicating
        /// Being sent a snapshot that ends at this index.
        case snapshot(LogIndex)
    }

    public internal(set) var state = State.probing
    /// The follower's log equals the leader's up to here, durably.
    public internal(set) var match: LogIndex = 0
    /// The next entry to send.
    public internal(set) var next: LogIndex
    public internal(set) var isLinked: Bool
    /// False for a peer that has no vote in this term.
    public internal(set) var counts = false
    /// The term from which on it has a vote, as it said last on this link; nil: it has none, or said nothing.
    var votesFrom: Term?
    /// The sending time of the latest round that a counting answer has acknowledged.
    public internal(set) var acknowledgedRound: Instant?
    /// When the latest answer of any kind came.
    public internal(set) var lastContact: Instant?
    /// From the sending of the latest answered round to its answer.
    public internal(set) var roundTrip: Duration?

    /// The leader's last entry when its term began, or when the link came up.
    var linkedAt: LogIndex
    var awaitsProbe = false
    var isLoading = false
    var commitSent: LogIndex = 0
    var snapshotSentAt: Instant?
    private var inFlight: Deque<(last: LogIndex, bytes: Int)> = []
    private var bytesInFlight = 0

    init(next: LogIndex, isLinked: Bool) {
        self.next = next
        linkedAt = next - 1
        self.isLinked = isLinked
    }

    /// Its latest answer of any kind is no older than that.
    public func hasAnswered(within longest: Duration, at now: Instant) -> Bool {
        lastContact.map { now - $0 <= longest } ?? false
    }

    func hasRoom(_ limits: Limits) -> Bool {
        inFlight.count < limits.appendsInFlight && bytesInFlight < limits.bytesInFlight
    }

    /// It can be told that the leader has committed so far, and was not.
    func lacksCommit(_ index: LogIndex) -> Bool { state == .replicating && commitSent < index }

    mutating func sent(through last: LogIndex, bytes: Int) {
        inFlight.append((last, bytes))
        bytesInFlight += bytes
        next = last + 1
    }

    mutating func acknowledged(through index: LogIndex) {
        match = max(match, index)
        next = max(next, match + 1)
        while let first = inFlight.first, first.last <= index {
            bytesInFlight -= first.bytes
            inFlight.removeFirst()
        }
    }

    mutating func probe(from next: LogIndex) {
        state = .probing
        self.next = next
        clearFlight()
    }

    mutating func replicate() {
        state = .replicating
        next = match + 1
        clearFlight()
    }

    mutating func snapshotSent(index: LogIndex, at now: Instant) {
        state = .snapshot(index)
        snapshotSentAt = now
        clearFlight()
    }

    /// A new link: what was on its way is lost, and the follower may not be what it was.
    mutating func relinked(next: LogIndex) {
        isLinked = true
        linkedAt = next - 1
        match = 0
        counts = false
        votesFrom = nil
        isLoading = false
        probe(from: next)
    }

    private mutating func clearFlight() {
        awaitsProbe = false
        inFlight.removeAll()
        bytesInFlight = 0
    }
}
