// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What happened, as the shell saw it.
enum DemoEvent: Sendable {
    /// A process was started, for the first time or again.
    case started(Part, pid: Int32)
    case answered(peer: Int, PeerReport)
    /// The group acknowledged a block of this slot; with nodeos: the outside node has it.
    case committed(number: UInt32, slot: Int, by: Int, term: UInt64)
    /// Another block was committed at this height.
    case abandoned(number: UInt32)
    /// The outside node has a block that is in no log.
    case unexplained(number: UInt32)
    /// The demonstration killed it, with its nodeos.
    case killed(peer: Int)
    /// It ended, and not by the demonstration's hand.
    case ended(Part, Ending)
    /// A peer said that a transaction is in a committed block.
    case promised
    /// Heights at which the outside node was given two blocks, all that came so far.
    case forks(Set<UInt32>)
    /// No more blocks are made from here on.
    case finishing(String)
    case remark(String)
}

/// What the screen needs of a peer's status.
struct PeerReport: Hashable, Sendable {
    var role: RaftRole
    var term: UInt64
    var leader: Int?
    var leaseRemaining: Duration
    /// The lease's whole length.
    var leaseLength: Duration
    var isLeaseHeld: Bool
    var head: UInt32?
    var reason: CanProduceReason?
    var canProduce: Bool
    /// Nil when none is attached.
    var nodeos: NodeosReport?
}

/// What a peer says of its nodeos.
struct NodeosReport: Hashable, Sendable {
    /// As in the status: `well`, `unreachable`, ...
    var condition: String
    /// As in the status: `paused`, `resumed`, ...
    var production: String
    var head: UInt32?
}

extension PeerReport {
    init(_ status: StatusDocument) {
        self.init(
            role: status.raft.role, term: status.raft.term,
            leader: status.raft.leaderID >= 0 ? status.raft.leaderID : nil,
            leaseRemaining: status.raft.lease.remainingMS.duration,
            leaseLength: status.raft.lease.expiryMS.duration, isLeaseHeld: status.raft.lease.held,
            head: status.production.head?.blockNum, reason: status.production.reason,
            canProduce: status.production.canProduce,
            nodeos: status.nodeos.map {
                NodeosReport(condition: $0.condition, production: $0.production, head: $0.head?.blockNum)
            })
    }
}
