// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

public enum Goal: Hashable, Sendable {
    /// The new region becomes active.
    case forward
    /// The old region goes on.
    case back
}

public enum Outcome: String, Hashable, Sendable {
    case done
    case rolledBack = "rolled_back"
}

/// A request to the leader of a region. All that change a region's state do so only at the epoch that they expect.
public struct SwitchRequest: Hashable, Sendable {
    public var step: Step
    public var to: Side
    public var region: String
    /// Names it; one that comes again under the same name is not carried out again.
    public var operation: String
    public var change: Change

    /// `papers`: the switch that the change is a step of; nothing is done unless it is open in that region.
    public enum Change: Hashable, Sendable {
        /// `region/switch/begin`
        case begin(Papers)
        /// `region/deactivate`
        case deactivate(Standing, expects: UInt64, epoch: UInt64, papers: String)
        /// `region/deactivate` to standby with `renew`: only the epoch grows, so that what expects the one before is
        /// refused.
        case seal(expects: UInt64, papers: String)
        /// `region/activate` with `renew`. `base`: the block to go on from; nil: the region's own head.
        case activate(expects: UInt64, epoch: UInt64, base: Block?, force: Bool, papers: String)
        /// `region/switch/end`
        case end(id: String, Outcome, words: String, gapMS: Int64?)
    }
}

/// What to do now.
public enum Directive: Hashable, Sendable {
    /// Send it, wait for its answer for a second or so, whatever it is read both regions, and call `next` again.
    case send(SwitchRequest)
    /// Read both regions and call `next` again, by then at the latest.
    case wait(until: Int64, for: Step)
    case ended(Ending)
}

/// How it ended, in words for the operator.
public enum Ending: Hashable, Sendable {
    /// The new region is active, the old one is not. `witnessed`: a block of the new region was seen on a peer that
    /// does not lead. `gapMS`: from the old region's last block to the new one's first, by the blocks' times.
    case done(witnessed: Bool, gapMS: Int64?, words: String)
    /// The old region was made active again, or, forced, the new one stays as it was. Nothing of this switch can come
    /// later.
    case rolledBack(why: String)
    /// Nothing was begun.
    case refused(why: String)
    /// It is not over and goes no further by itself. It can be resumed and rolled back, from anywhere.
    case halfway(why: String, stands: String, todo: String)
    /// Somebody else changed the regions in a way that is not of this switch; it is left as it is.
    case overtaken(stands: String, todo: String)
}
