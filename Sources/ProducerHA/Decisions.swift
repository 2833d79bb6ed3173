// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Why a peer may not produce.
public enum ProductionObstacle: Hashable, Sendable {
    case noLeader
    case notLeader(leader: PeerID)
    /// Leads, and a quorum has not answered for longer than an election takes.
    case noQuorum
    case leaseExpired
    /// An earlier leader's lease may run for this long.
    case leaseWait(Duration)
    case termNotApplied
    case regionStandby
    case regionPaused
    /// It was silent for long, and whether another region has gone on is not known.
    case regionUnconfirmed
    /// Another region is active too.
    case regionsInConflict
    /// Leadership is being handed over.
    case draining
    case shuttingDown

    /// The name in every document and command.
    public var name: String {
        switch self {
        case .noLeader: "no_leader"
        case .notLeader: "not_leader"
        case .noQuorum: "no_quorum"
        case .leaseExpired: "lease_expired"
        case .leaseWait: "lease_wait"
        case .termNotApplied: "term_not_applied"
        case .regionStandby: "region_standby"
        case .regionPaused: "region_paused"
        case .regionUnconfirmed: "region_unconfirmed"
        case .regionsInConflict: "regions_in_conflict"
        case .draining: "draining"
        case .shuttingDown: "shutting_down"
        }
    }
}

/// Why a block was not committed. All but `leadershipLost` mean that it was never appended.
public enum CommitRefusal: Hashable, Sendable {
    case obstacle(ProductionObstacle)
    /// A block of this height with another id is committed, or on its way.
    case conflictsWithHead
    case unlinkable
    /// At or below the head, and no longer in the log.
    case stale
    /// Too many blocks are on their way.
    case overloaded
    /// Outcome unknown: the next leader may still commit it.
    case leadershipLost

    public var name: String {
        switch self {
        // A caller without a leader in sight is told to look for one: `leader_id` is -1.
        case .obstacle(.noLeader): "not_leader"
        case .obstacle(let obstacle): obstacle.name
        case .conflictsWithHead: "conflicts_with_head"
        case .unlinkable: "unlinkable"
        case .stale: "stale"
        case .overloaded: "overloaded"
        case .leadershipLost: "leadership_lost"
        }
    }
}

/// Whether a block that arrives from outside is let in.
public enum BlockVerdict: Hashable, Sendable {
    case accept
    /// A committed block of this height has another id.
    case conflictsWithHead
    /// Above the head: it waits until it is committed.
    case notCommitted
    /// At or below the head, in the log: the entry decides.
    case compareWithEntry(LogIndex)
}

extension GroupState {
    /// The rule for blocks from outside. A standby region takes everything; an active one only what it committed, and a
    /// peer that does not know which of the two it is takes nothing.
    public func verdict(number: UInt32, id: BlockID, blocks: BlockIndex) -> BlockVerdict {
        // What is not known yet may be an active region.
        guard region.epoch > 0 else { return .notCommitted }
        guard region.activity == .active, let head else { return .accept }
        if number > head.block.number { return .notCommitted }
        if number == head.block.number { return id == head.block.id ? .accept : .conflictsWithHead }
        if let index = blocks.index(ofHeight: number) { return .compareWithEntry(index) }
        return .accept
    }
}
