// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope

/// Whose block one is.
public enum P2PProducer: Hashable, Sendable { case guarded, unguarded }

/// What the log says about the height of a block.
public enum P2PHeight: Hashable, Sendable {
    /// At or below the committed head, and the log has the block of this height.
    case committed(BlockID)
    /// At or below the committed head; the log has it no longer, or never had.
    case belowTheLog
    /// Above the committed head, or the group has none.
    case aboveTheHead
    /// The log has this very block, and another region went on without it: it is not the chain's.
    case leftBehind
    /// Another region went on below it. The log had a block of this height, and has it no longer.
    case perhapsLeftBehind
}

/// What decides whether a block from the local nodeos may go out, as it is known at that moment.
public struct P2POutgoingFacts: Hashable, Sendable {
    public var producer: P2PProducer
    public var height: P2PHeight
    /// Its signature was made here, and is not committed yet.
    public var isSignedHere: Bool
    /// At or below nodeos's last irreversible block. An own block that was not committed never is: it has at most one
    /// irreversible block below it, the one that it follows, and the permit stops nodeos there.
    public var isIrreversible: Bool
    /// The region is on standby, and the block came in through this gate.
    public var cameInOnStandby: Bool

    public init(
        producer: P2PProducer, height: P2PHeight, isSignedHere: Bool, isIrreversible: Bool, cameInOnStandby: Bool
    ) {
        self.producer = producer
        self.height = height
        self.isSignedHere = isSignedHere
        self.isIrreversible = isIrreversible
        self.cameInOnStandby = cameInOnStandby
    }

    /// Whether block `id` may go out.
    public func verdict(on id: BlockID) -> P2POutgoingVerdict {
        guard producer == .guarded else { return .pass }
        switch height {
        case .committed(let committed): return committed == id ? .pass : .hold
        case .leftBehind: return .hold
        case .perhapsLeftBehind: return cameInOnStandby ? .pass : .hold
        case .belowTheLog, .aboveTheHead: break
        }
        if isSignedHere { return .hold }
        return isIrreversible || cameInOnStandby ? .pass : .hold
    }
}

/// What decides whether a block from outside may go to the local nodeos, as it is known at that moment.
public struct P2PIncomingFacts: Hashable, Sendable {
    public enum Region: Hashable, Sendable {
        /// Blocks come from elsewhere, over p2p.
        case standby
        /// Blocks of guarded producers are made by this group. Also on the way from or to that.
        case active
    }

    /// Whether nodeos may be making blocks. While it does, a block that comes by p2p is dropped, and is lost to p2p for
    /// good (net_plugin remembers its id): only push_block can bring it then.
    public enum Production: Hashable, Sendable {
        /// Known: a pause was answered, and the time that it may take to finish a block has passed.
        case paused
        /// Resumed, or a pause is not proven yet.
        case possible
        /// nodeos has not answered so far.
        case unknown
    }

    /// What the local nodeos has of the block in question.
    public enum Presence: Hashable, Sendable { case has, lacksOrUnknown }

    public var region: Region
    public var producer: P2PProducer
    public var height: P2PHeight
    public var production: Production
    public var presence: Presence

    public init(
        region: Region, producer: P2PProducer, height: P2PHeight, production: Production, presence: Presence
    ) {
        self.region = region
        self.producer = producer
        self.height = height
        self.production = production
        self.presence = presence
    }

    /// Whether block `id` may go to the local nodeos.
    public func verdict(on id: BlockID) -> P2PIncomingVerdict {
        guard producer == .guarded else { return .pass }
        switch region {
        case .standby:
            if height == .leftBehind { return .drop(.leftBehind) }
            // What is dropped here nodeos asks for again once it sees a descendant; what it dropped itself, never.
            return production == .possible && presence != .has ? .drop(.nodeosNotPaused) : .pass
        case .active:
            switch height {
            case .committed(let committed):
                guard committed == id else { return .drop(.otherBlockCommitted) }
            case .aboveTheHead: return .drop(.aboveCommittedHead)
            case .leftBehind: return .drop(.leftBehind)
            case .belowTheLog, .perhapsLeftBehind: break
            }
            return production == .paused || presence == .has ? .pass : .drop(.nodeosNotPaused)
        }
    }
}
