// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Everything that can happen to a core.
public enum Event: Sendable {
    /// Time has passed. Due at `RaftCore.nextWake`; early or late ones do no harm.
    case tick
    case received(Message, from: PeerID)
    /// A link to a peer stands. `fresh`: it has never voted, nor written to its log. `hasGroup`: it knows its group's id.
    /// `remembers`: what it was told is on this peer's disk.
    case linkUp(PeerID, fresh: Bool, hasGroup: Bool, remembers: Watermark)
    case linkDown(PeerID)
    /// Append these, in order. Permitted only while `acceptsProposals`.
    case propose([Proposal])
    /// Every `Persist` up to and with this sequence number is durable.
    case persisted(through: UInt64)
    /// The answer to `Effect.load`: consecutive entries from `from` on; fewer than asked for, or none, if they are gone.
    case loaded([Entry], from: LogIndex, for: PeerID)
    /// The entries up to and with this index are dropped, or about to be: they are no longer asked for.
    case compacted(through: LogIndex)
    /// Hand leadership over. The outcome comes as `Effect.transferEnded`.
    case transfer(to: PeerID)
    /// Ask the leader, if there is one, to hand over to this peer.
    case requestLeadership
    /// Take no leadership any more; give up what a failed transfer leaves.
    case retire
    /// The store takes no writes, or takes them again. A peer whose store does not takes no part in leading.
    case storageBlocked(Bool)
}

/// Everything that a core wants done, to be carried out in the order given.
public enum Effect: Sendable {
    /// Make this durable and report it with `Event.persisted`. Writes are made in the order of their sequence numbers;
    /// several may share one sync. The core itself keeps back each message that has to wait for a write.
    case persist(Persist)
    /// Send at once. May be lost, doubled or late; must not be changed.
    case send(Message, to: PeerID)
    /// Apply these committed entries now, in order.
    case commit([Entry])
    /// Replace the state by the snapshot's.
    case restore(Snapshot)
    /// Read these entries from the store and answer with `Event.loaded`. One request per peer is under way at most.
    case load(from: LogIndex, through: LogIndex, for: PeerID)
    /// Send `InstallSnapshot` with this term and round, of the state as it is applied now.
    case sendSnapshot(term: Term, round: Round, to: PeerID)
    case becameLeader(term: Term)
    /// Was leader of this term, and is not any more.
    case lostLeadership(term: Term, LossReason)
    /// This peer knows of another leader than before, or of none.
    case leaderChanged(PeerID?, term: Term)
    case leaseAcquired(term: Term)
    case transferEnded(to: PeerID, TransferOutcome)
    /// This peer's vote counts from this term on.
    case voteGained(from: Term)
    /// This peer's disk is behind what it once told another peer: it was cut, or an old copy was put back. What is gone
    /// may be a vote, a promise or entries that count, so this peer has no vote until it has caught up.
    case writesLost(has: UInt64, remembered: UInt64, by: PeerID)
}

public enum LossReason: Hashable, Sendable {
    case higherTerm(Term)
    /// No quorum answered for the upper bound of the election timeout (thesis 6.2).
    case quorumLost
    /// Its commits wait for a peer, and in a later term they would not: enough others have the entries, and some of them came too late
    /// to count in this one.
    case heldUp
    /// It gave its lease up for another peer, which then did not take over.
    case handOverFailed
    /// Its store takes no writes.
    case storageBlocked
    /// The process is about to end.
    case retired
    /// Its disk has lost what it had acknowledged.
    case writesLost
}

public enum TransferOutcome: Hashable, Sendable {
    /// Another peer leads a later term.
    case leaderIs(PeerID)
    /// The target did not catch up in time; leadership and lease stay where they are.
    case targetBehind
    case notLeader
    case notAMember
    case targetUnreachable
    /// The target has no vote yet: it has not caught up since its data was lost, or not been through an election since.
    case targetHasNoVote
    /// The target stands aside.
    case targetInMaintenance
    /// Another transfer is under way.
    case busy
    /// The lease is gone and this peer stepped down, but no other leader is known yet.
    case unknown
}

/// One write, all or nothing.
public struct Persist: Sendable {
    /// Counts up by one with each write of this process, from 1.
    public var sequence: UInt64
    public var hardState: HardState
    /// Replace the whole log by this snapshot, before `entries`.
    public var snapshot: Snapshot?
    /// Consecutive entries. What the log holds at and above the first one's index is replaced.
    public var entries: [Entry]
}

/// What must survive a crash beside the log.
public struct HardState: Hashable, Sendable {
    public var term: Term = 0
    public var vote: PeerID?
    /// The longest promise that this peer ever acknowledged, to any leader.
    public var promise: Duration = .zero
    /// The first term in which this peer's vote counts. nil: it has none until it has caught up with a leader.
    public var votesFrom: Term?
    /// A committed index, for an early start. May be behind.
    public var commit: LogIndex = 0
    /// Counts the writes to this disk, this one included, in all processes that ever used it.
    public var writes: UInt64 = 0

    public init() {}
}

/// What the store held when the process started.
public struct RecoveredLog: Sendable {
    public var hardState: HardState
    /// The entry before the oldest one that is kept: 0 and 0, or what was compacted last.
    public var baseIndex: LogIndex
    public var baseTerm: Term
    /// The terms of the kept entries as runs: the first index of each run and its term, ascending.
    public var terms: [TermRun]
    public var lastIndex: LogIndex
    /// Up to here entries are applied already; at most `hardState.commit`.
    public var applied: LogIndex
    /// All entries above `applied`.
    public var tail: [Entry]

    public init(
        hardState: HardState = HardState(), baseIndex: LogIndex = 0, baseTerm: Term = 0, terms: [TermRun] = [],
        lastIndex: LogIndex = 0, applied: LogIndex = 0, tail: [Entry] = []
    ) {
        self.hardState = hardState
        self.baseIndex = baseIndex
        self.baseTerm = baseTerm
        self.terms = terms
        self.lastIndex = lastIndex
        self.applied = applied
        self.tail = tail
    }
}

/// Consecutive entries of one term.
public struct TermRun: Hashable, Sendable {
    public var first: LogIndex
    public var term: Term

    public init(first: LogIndex, term: Term) {
        self.first = first
        self.term = term
    }
}
