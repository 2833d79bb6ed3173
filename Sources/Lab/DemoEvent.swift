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
    /// The demonstration killed all peers of a region at once.
    case regionKilled(DemoRegion)
    /// An operator's command is started: a switch to a region.
    case switching(to: DemoRegion, Switch.Kind)
    /// It ended well.
    case switched
    /// It was refused, or rolled back: as before.
    case notSwitched
    /// A line of what an operator's command says.
    case said(String)
    /// The dead region is back, has given way, and told the blocks that only it has.
    case lossTold(DemoRegion, blocks: Int)
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

/// A switch of the active region.
struct Switch: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable { case planned, forced }

    var kind: Kind
    var from: String
    var to: String
    /// From the last block that the old region acknowledged to the first of the new one.
    var gap: Duration
    var slotsMissed: Int
    /// Blocks that only the old region has: those that it acknowledged, or, once it has told, all.
    var lost: Int

    var words: String {
        "\(from) to \(to): gap \(gap.text(decimals: 1)), slots missed \(slotsMissed), lost \(lost)"
    }
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
    var region = RegionReport()
    /// Nil when none is attached.
    var nodeos: NodeosReport?
}

/// What a peer says of its region.
struct RegionReport: Hashable, Sendable {
    var epoch: UInt64 = 0
    var standing: RegionStanding?
    /// Another region went on without it.
    var isSuperseded = false
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
            region: RegionReport(
                epoch: status.production.epoch, standing: status.production.state,
                isSuperseded: status.production.superseded != nil),
            nodeos: status.nodeos.map {
                NodeosReport(condition: $0.condition, production: $0.production, head: $0.head?.blockNum)
            })
    }
}
