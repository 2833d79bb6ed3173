// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The layer Failover: how the active role goes from one region to another. Values without I/O, clock or chance: what
// the regions say and the time go in, the next request comes out. `RegionSwitch` is the engine. Imports nothing.

/// What a region does.
public enum Standing: String, Hashable, Sendable {
    case standby
    case active
    /// It has stopped for good, and another region is about to start.
    case activating
}

public struct Block: Hashable, Sendable {
    public var number: UInt32
    /// 64 hex digits.
    public var id: String
    /// By the block's own slot, in milliseconds since 1970; nil where it was not told.
    public var timeMS: Int64?

    public init(number: UInt32, id: String, timeMS: Int64? = nil) {
        self.number = number
        self.id = id
        self.timeMS = timeMS
    }
}

/// Of the two regions of a switch: the one that was active, and the one that is to be.
public enum Side: Hashable, Sendable { case from, to }

/// What both regions' logs say of a switch from its beginning to its end. With the two epochs anybody can tell from the
/// regions' states how far it has got.
public struct Papers: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable { case planned, forced, drill }

    public var id: String
    public var kind: Kind
    public var from: String
    public var to: String
    /// The epochs that stood when it began.
    public var fromExpects: UInt64
    public var toExpects: UInt64

    public init(id: String, kind: Kind, from: String, to: String, fromExpects: UInt64, toExpects: UInt64) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.fromExpects = fromExpects
        self.toExpects = toExpects
    }
}

/// How the nodeos of a region's peers stand; asked for in the new region only.
public enum Chain: Hashable, Sendable {
    /// No peer of the region has a nodeos: there is nothing to wait for.
    case none
    /// Too few of them could be asked.
    case unknown
    /// `behind`: how many blocks the head of the old region is above what a quorum of them has. `holders`: how many of
    /// them hold the block `of`, by number and id. `needed`: how many must.
    case nodeos(behind: UInt32, holders: Int, of: Block?, needed: Int)
}

/// How a region stands, from the leader of its group, while it holds the lease: what was committed before it was asked
/// is in it. Older ones do no harm, but may lead to an ending that does not know how the logs stand.
public struct RegionFacts: Hashable, Sendable {
    public var name: String
    /// Grows with every change of the region's state.
    public var epoch: UInt64
    public var standing: Standing
    public var isPaused: Bool
    /// The epoch at which it became active last; 0: it never was.
    public var activatedEpoch: UInt64
    public var head: Block?
    /// The block that it went on from when it became active last, where one was named.
    public var base: Block?
    public var openSwitch: Papers?
    /// Why it does not produce, or nil when it may.
    public var obstacle: String?
    public var chain: Chain
    /// The lowest block above `base` that a peer which does not lead has been seen to have.
    public var witnessed: Block?

    public init(
        name: String, epoch: UInt64, standing: Standing, isPaused: Bool = false, activatedEpoch: UInt64,
        head: Block? = nil, base: Block? = nil, openSwitch: Papers? = nil, obstacle: String? = nil,
        chain: Chain = .none, witnessed: Block? = nil
    ) {
        self.name = name
        self.epoch = epoch
        self.standing = standing
        self.isPaused = isPaused
        self.activatedEpoch = activatedEpoch
        self.head = head
        self.base = base
        self.openSwitch = openSwitch
        self.obstacle = obstacle
        self.chain = chain
        self.witnessed = witnessed
    }

    /// "east is standby at epoch 7"
    var sentence: String { "\(name) is \(standing.rawValue) at epoch \(epoch)" }
}

/// What came of asking a region how it stands. It may be old by the time that it is used.
public enum Reading: Hashable, Sendable {
    case facts(RegionFacts)
    /// Nobody answered who could know; why.
    case silent(String)
}
