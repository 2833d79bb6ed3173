// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Why a peer may not let its nodeos produce.
public enum CanProduceReason: Word {
    case notLeader, noLeader, noQuorum
    case leaseExpired, leaseWait, termNotApplied
    case regionStandby, regionPaused, regionUnconfirmed, regionsInConflict
    case nodeosUnreachable, nodeosBehind, nodeosDiverged, nodeosWrongChain, nodeosClockOff, nodeosPaused,
        nodeosSignerFailed
    case draining, shuttingDown
    case unknown(String)

    public static let known: [CanProduceReason] = [
        .notLeader, .noLeader, .noQuorum, .leaseExpired, .leaseWait, .termNotApplied, .regionStandby, .regionPaused,
        .regionUnconfirmed, .regionsInConflict, .nodeosUnreachable, .nodeosBehind, .nodeosDiverged, .nodeosWrongChain,
        .nodeosClockOff, .nodeosPaused, .nodeosSignerFailed, .draining, .shuttingDown,
    ]

    public var rawValue: String {
        switch self {
        case .notLeader: "not_leader"
        case .noLeader: "no_leader"
        case .noQuorum: "no_quorum"
        case .leaseExpired: "lease_expired"
        case .leaseWait: "lease_wait"
        case .termNotApplied: "term_not_applied"
        case .regionStandby: "region_standby"
        case .regionPaused: "region_paused"
        case .regionUnconfirmed: "region_unconfirmed"
        case .regionsInConflict: "regions_in_conflict"
        case .nodeosUnreachable: "nodeos_unreachable"
        case .nodeosBehind: "nodeos_behind"
        case .nodeosDiverged: "nodeos_diverged"
        case .nodeosWrongChain: "nodeos_wrong_chain"
        case .nodeosClockOff: "nodeos_clock_off"
        case .nodeosPaused: "nodeos_paused"
        case .nodeosSignerFailed: "nodeos_signer_failed"
        case .draining: "draining"
        case .shuttingDown: "shutting_down"
        case .unknown(let text): text
        }
    }

    /// One sentence for the operator.
    public var message: String {
        switch self {
        case .notLeader: "Another peer leads this group and produces, or may; nothing is to be done here."
        case .noLeader:
            "The group has no leader yet; if this lasts, see which peers are down or cannot reach each other."
        case .noQuorum:
            "This peer leads but cannot reach a quorum; start the peers that are down or mend the network between them."
        case .leaseExpired:
            "This peer leads, but a quorum has not confirmed its lease in time; if this lasts, look for slow peers, "
                + "disks or links."
        case .leaseWait: "An earlier leader's lease may still run; production starts by itself when it has passed."
        case .termNotApplied:
            "This peer has just been elected and has not applied an entry of its own term; it does so by itself "
                + "once a quorum answers."
        case .regionStandby: "This region is standby, so none of its peers produces; use failover to switch to it."
        case .regionPaused: "An operator paused this region; use resume to let it produce again."
        case .regionUnconfirmed:
            "This region was silent for long and another region does not say that it is not active; reach that "
                + "region or confirm this one by hand."
        case .regionsInConflict:
            "Another region became active later, and this one is about to become standby; or two did with the same epoch "
                + "and both have stopped, then failover --force says which one is right."
        case .nodeosUnreachable: "The local nodeos does not answer; see that it runs and that its address is right."
        case .nodeosBehind: "The local nodeos has not reached the committed head yet; it is being fed and needs time."
        case .nodeosDiverged:
            "The local nodeos is on another branch than the committed head; it is being given the committed blocks, "
                + "and if this lasts, resynchronise it."
        case .nodeosWrongChain:
            "The local nodeos is on another chain than this group; point it or the group at the right one."
        case .nodeosClockOff:
            "The clock of this machine, or of its nodeos, differs by seconds from those of the others; set it right, "
                + "since nodeos writes its time into the blocks."
        case .nodeosPaused:
            "The local nodeos is being told to produce and has not said yes; if this lasts, see what its log says."
        case .nodeosSignerFailed:
            "No signature can be made: nodeos asks for another key, or the keosd does not sign; see what the status of "
                + "nodeos says."
        case .draining:
            "This peer is handing leadership over and signs nothing more; another peer takes over by itself."
        case .shuttingDown: "This peer is shutting down; another peer takes over by itself."
        case .unknown(let text):
            "The peer gives a reason that this version does not know, \(text); ask a tool of its version."
        }
    }
}

/// Why a block that was to be committed was not.
public enum CommitBlockReason: Word {
    case notLeader, noQuorum
    case leaseExpired, leaseWait, termNotApplied
    case regionStandby, regionPaused, regionUnconfirmed, regionsInConflict
    case draining, shuttingDown, overloaded
    case conflictsWithHead, unlinkable, stale, notSignedHere
    case leadershipLost
    case unknown(String)

    public static let known: [CommitBlockReason] = [
        .notLeader, .noQuorum, .leaseExpired, .leaseWait, .termNotApplied, .regionStandby, .regionPaused,
        .regionUnconfirmed,
        .regionsInConflict, .draining,
        .shuttingDown, .overloaded, .conflictsWithHead, .unlinkable, .stale, .notSignedHere, .leadershipLost,
    ]

    /// What the caller may conclude about the block.
    public enum Outcome: Sendable {
        /// It was never appended to the log.
        case notAppended
        /// It may still be committed, by the next leader.
        case unknown
    }

    public var outcome: Outcome {
        switch self {
        case .notLeader, .noQuorum, .leaseExpired, .leaseWait, .termNotApplied, .regionStandby, .regionPaused,
            .regionUnconfirmed, .regionsInConflict,
            .draining, .shuttingDown, .overloaded, .conflictsWithHead, .unlinkable, .stale, .notSignedHere:
            .notAppended
        case .leadershipLost, .unknown: .unknown
        }
    }

    public var rawValue: String {
        switch self {
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
        case .overloaded: "overloaded"
        case .conflictsWithHead: "conflicts_with_head"
        case .unlinkable: "unlinkable"
        case .stale: "stale"
        case .notSignedHere: "not_signed_here"
        case .leadershipLost: "leadership_lost"
        case .unknown(let text): text
        }
    }

    /// One sentence for the operator.
    public var message: String {
        switch self {
        case .notLeader: "This peer does not lead; the block was not appended; send it to the leader."
        case .noQuorum:
            "This peer leads but cannot reach a quorum; the block was not appended; bring back the peers that are "
                + "down, then send it again."
        case .leaseExpired:
            "This peer's lease has run out; the block was not appended; send it again when a peer holds the lease."
        case .leaseWait:
            "An earlier leader's lease may still run; the block was not appended; send it again when it has passed."
        case .termNotApplied:
            "This peer has just been elected and is not ready; the block was not appended; send it again in a moment."
        case .regionStandby: "This region is standby; the block was not appended; send it to the active region."
        case .regionPaused: "An operator paused this region; the block was not appended; resume the region first."
        case .regionUnconfirmed:
            "This region was silent for long, and another one has not said whether it has gone on; the block was not "
                + "appended; send it again when it has."
        case .regionsInConflict:
            "Another region is active too; the block was not appended; see which of the two is right."
        case .draining:
            "This peer is handing leadership over; the block was not appended; send it to the next leader."
        case .shuttingDown: "This peer is shutting down; the block was not appended; send it to another peer."
        case .overloaded: "Too many blocks are on their way; the block was not appended; send it again in a moment."
        case .conflictsWithHead:
            "Another block of this height is committed or on its way; this one was not appended; "
                + "ask for that height and take what is committed there."
        case .unlinkable: "The block does not follow the head; it was not appended; send the blocks between first."
        case .stale:
            "The block is at or below the head and no longer in the log; it was not appended; ask the chain for "
                + "that height."
        case .notSignedHere:
            "The block bears no signature that this peer's gate gave; it was not appended; let nodeos sign through "
                + "the gate."
        case .leadershipLost:
            "This peer lost leadership while the block was on its way; whether it is committed is unknown; ask the "
                + "new leader for that height."
        case .unknown(let text):
            "The peer gives a reason that this version does not know, \(text); take the outcome as unknown and ask "
                + "for that height."
        }
    }

    public var error: ErrorKind { ErrorKind(name: rawValue, status: 409, what: message) }
}

/// Why a block that arrived from outside is not let in.
public enum CheckBlockReason: Word {
    case conflictsWithHead, notCommitted
    case unknown(String)

    public static let known: [CheckBlockReason] = [.conflictsWithHead, .notCommitted]

    public var rawValue: String {
        switch self {
        case .conflictsWithHead: "conflicts_with_head"
        case .notCommitted: "not_committed"
        case .unknown(let text): text
        }
    }

    /// One sentence for the operator.
    public var message: String {
        switch self {
        case .conflictsWithHead:
            "The group committed another block of this height; this one is kept out; find out who produced it."
        case .notCommitted:
            "The block is above the committed head; it waits until the group commits it; nothing is to be done."
        case .unknown(let text):
            "The peer gives a reason that this version does not know, \(text); ask a tool of its version."
        }
    }
}
