// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

// Several regions, each with a group of its own: what they tell each other, and the switch from one to another.

/// How one region takes over from another.
public enum SwitchKind: UInt8, Sendable {
    /// The old region stops first, so nothing is lost.
    case planned = 1
    /// The old region cannot be reached.
    case forced = 2
    /// A planned one for practice.
    case drill = 3
}

/// A switch between regions, as the log of each of the two has it from its beginning to its end. With the two epochs the
/// regions' states tell how far it has got.
public struct SwitchNote: Hashable, Sendable {
    /// Names it. At most `OperatorAct.longestName` bytes, as are the names of regions.
    public var id: String
    public var kind: SwitchKind
    /// The region that was active; empty when none was known to be.
    public var from: String
    public var to: String
    /// The epochs that stood when it began.
    public var fromExpects: UInt64
    public var toExpects: UInt64
    public var act: OperatorAct

    public init(
        id: String, kind: SwitchKind, from: String, to: String, fromExpects: UInt64, toExpects: UInt64,
        act: OperatorAct
    ) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.fromExpects = fromExpects
        self.toExpects = toExpects
        self.act = act
    }
}

public struct SwitchEnd: Hashable, Sendable {
    public var id: String
    /// The new region produces; else the old one goes on.
    public var isDone: Bool
    /// In a few words.
    public var words: String
    /// From the old region's last block to the first of the new one, by their times, in milliseconds.
    public var gapMS: Int64?
    /// By the clock of the peer that wrote it, in milliseconds since 1970.
    public var at: Int64

    public init(id: String, isDone: Bool, words: String, gapMS: Int64? = nil, at: Int64) {
        self.id = id
        self.isDone = isDone
        self.words = words
        self.gapMS = gapMS
        self.at = at
    }
}

/// What a peer says of its region to those of others.
public struct RegionReport: Hashable, Sendable {
    public var name: String
    public var epoch: UInt64
    public var activity: RegionActivity
    public var activatedEpoch: UInt64
    /// The peer that says so leads with a lease, or heard its leader a moment ago, and has caught up: so it stands.
    public var isCurrent: Bool
    public var head: BlockID?
    /// The last block that the region has of others; nil where that is not known.
    public var inherited: BlockID?

    public init(
        name: String, epoch: UInt64, activity: RegionActivity, activatedEpoch: UInt64, isCurrent: Bool,
        head: BlockID? = nil, inherited: BlockID? = nil
    ) {
        self.name = name
        self.epoch = epoch
        self.activity = activity
        self.activatedEpoch = activatedEpoch
        self.isCurrent = isCurrent
        self.head = head
        self.inherited = inherited
    }

    /// As one peer tells another what it heard: an answer to nobody's question.
    public var asHearsay: RegionReport {
        var report = self
        report.isCurrent = false
        return report
    }

    public func encoded() -> [UInt8] {
        var out = Encoder()
        out.report(self)
        return out.data
    }

    public init?(encoded: [UInt8]) {
        var input = Decoder(encoded)
        guard let report = input.report(), input.isAtEnd else { return nil }
        self = report
    }
}

/// What a peer has heard of the other regions, and what follows from it for its own.
public struct RegionWatch: Sendable {
    public struct Heard: Hashable, Sendable {
        public var report: RegionReport
        /// The peer of that region whose word the head is.
        public var teller: PeerID
        /// When the region was heard last, here or by another peer of this group.
        public var at: Instant
        /// When a peer said it that knows how its region stands.
        public var currentAt: Instant?
    }

    /// Names of the other regions.
    public let others: [String]
    /// How old the committed head may be for a new leader to produce without asking the other regions; nil: it never asks.
    public let returnGate: Duration?
    public private(set) var heard: [String: Heard] = [:]
    /// By how much the time of day, in milliseconds since 1970, is ahead of the clock of `Instant`. nil: not known.
    public var wallClockOffset: Int64?

    /// The term that this peer leads, and since when.
    private var leads: (term: Term, since: Instant)?
    /// An activation of its own region, and since when it is known to a leader of that term.
    private var activation: (epoch: UInt64, term: Term, since: Instant)?
    /// The last of its terms, and the activation, in which it was certain that no other region had gone on.
    private var confirmed: (term: Term, epoch: UInt64)?

    public init(others: [String] = [], returnGate: Duration? = nil) {
        self.others = others
        self.returnGate = returnGate
    }

    /// Takes in what a peer of another region said at an instant, which may be a while ago. Epochs only grow: what has a
    /// lower one is old.
    public mutating func hear(_ report: RegionReport, from teller: PeerID, at now: Instant) {
        guard others.contains(report.name), report.epoch <= RegionState.largestEpoch,
            report.activatedEpoch <= report.epoch
        else { return }
        var new = Heard(report: report, teller: teller, at: now, currentAt: report.isCurrent ? now : nil)
        if let known = heard[report.name] {
            new.at = max(known.at, now)
            if known.report.epoch > report.epoch {
                heard[report.name]?.at = new.at
                return
            }
            if known.report.epoch == report.epoch {
                new.currentAt = new.currentAt ?? known.currentAt
                // One that is behind says so of its blocks alone.
                new.report.inherited = report.inherited ?? known.report.inherited
                if let head = known.report.head, head.blockNumber > report.head?.blockNumber ?? 0 {
                    new.report.head = head
                    new.teller = known.teller
                }
            }
        }
        heard[report.name] = new
    }

    /// The region that is right where the two cannot both be.
    public func superseder(of region: RegionState) -> RegionReport? {
        guard region.activity == .active else { return nil }
        return activated(after: region)
    }

    /// The region that became active last, if that was after this one.
    private func activated(after region: RegionState) -> RegionReport? {
        activatedLast { $0.activatedEpoch > region.activatedEpoch }
    }

    /// The region that became active last of those that went on without blocks of this one, which has stopped and not noted it.
    func leaver(of state: GroupState) -> RegionReport? {
        activatedLast(where: state.isLeftBehind)
    }

    private func activatedLast(where isMeant: (RegionReport) -> Bool) -> RegionReport? {
        heard.values.map(\.report).filter(isMeant)
            .max { ($0.activatedEpoch, $1.name) < ($1.activatedEpoch, $0.name) }
    }

    /// What is known of the region that was active last, of those that were heard. Where a name is given: of that one.
    public func givenUp(_ name: String?, at now: Instant) -> GivenUpRegion {
        let name = name ?? activatedLast { $0.activatedEpoch > 0 }?.name ?? ""
        guard let heard = heard[name] else { return GivenUpRegion(name: name) }
        let epoch = heard.report.epoch
        guard let head = heard.report.head else { return GivenUpRegion(name: name, epoch: epoch) }
        let age = (now - heard.at).inNanoseconds / 1_000_000
        return GivenUpRegion(
            name: name, epoch: epoch,
            known: .init(head: head, teller: heard.teller, source: .beacon, ageMS: UInt64(max(0, age))))
    }

    /// The epoch with which this region becomes active where nobody names one: above every epoch that is known, for with a lower one
    /// it would give way at once.
    public func epochOfActivation(_ region: RegionState) -> UInt64 {
        heard.values.map(\.report.epoch).reduce(region.epoch, max) + 1
    }

    /// Where a region goes on that becomes active without being told.
    public enum Continuation: Hashable, Sendable {
        case ownHead
        /// From the last block of the region that was active after this one.
        case block(BlockID)
        /// A region that was active after this one has not come as far: what this one has beyond is not the chain's.
        case overtaken(by: String, at: BlockID)
    }

    public func continuation(of state: GroupState) -> Continuation {
        guard let later = activated(after: state.region), let head = later.head, head != state.head?.block.id else {
            return .ownHead
        }
        return head.blockNumber > state.head?.block.number ?? 0 ? .block(head) : .overtaken(by: later.name, at: head)
    }

    /// The region is active and may not be: another one is right, or nobody knows which is.
    public func isContested(_ region: RegionState) -> Bool {
        region.activity == .active && (superseder(of: region) != nil || isInConflict(region))
    }

    /// Another region became active with the same epoch, and neither is right.
    func isInConflict(_ region: RegionState) -> Bool {
        heard.values.contains {
            $0.report.activity == .active && $0.report.activatedEpoch == region.activatedEpoch
        }
    }

    mutating func beginLeading(_ term: Term, at now: Instant) { leads = (term, now) }

    /// Why an active region's leader may not produce, as far as other regions go.
    func obstacle(_ region: RegionState, term: Term) -> ProductionObstacle? {
        guard !others.isEmpty else { return nil }
        if isContested(region) { return .regionsInConflict }
        return returnGate == nil || isConfirmed(region, term) ? nil : .regionUnconfirmed
    }

    /// Looks whether a leader may be certain that no other region has gone on while its own was silent. Once it is, it stays
    /// so for the term: from then on the regions hear each other, or an operator forces the switch.
    mutating func look(_ state: GroupState, term: Term, at now: Instant) {
        let region = state.region
        guard !others.isEmpty, let returnGate, let leads, leads.term == term, state.term == term,
            region.activity == .active
        else { return }
        if activation?.epoch != region.activatedEpoch || activation?.term != term {
            // One that was there when it began to lead is as old as that.
            let isOld = activation?.term != term
            activation = (region.activatedEpoch, term, isOld ? leads.since : now)
        }
        guard !isConfirmed(region, term), !isContested(region), let since = activation?.since else {
            return
        }
        let haveAllAnswered = others.allSatisfy { heard[$0]?.currentAt.map { $0 >= since } ?? false }
        // A block since then makes an operator's word old.
        let hasWord = region.confirmedAt > 0 && region.confirmedAt >= state.head?.index ?? 0
        // Only blocks that it made since say that it was right, and none that it was given.
        let isAlive =
            state.head.map { $0.index > region.activatedAt && $0.block.id != region.base } ?? false
            && isFresh(state.head, returnGate, at: now)
        if haveAllAnswered || hasWord || isAlive { confirmed = (term, region.activatedEpoch) }
    }

    private func isConfirmed(_ region: RegionState, _ term: Term) -> Bool {
        confirmed?.term == term && confirmed?.epoch == region.activatedEpoch
    }

    private func isFresh(_ head: Head?, _ limit: Duration, at now: Instant) -> Bool {
        guard let head, let wallClockOffset else { return false }
        let age = now.nanoseconds / 1_000_000 + wallClockOffset - head.block.slot.unixMilliseconds
        return .milliseconds(age) <= limit
    }
}

// MARK: - Bytes

extension Encoder {
    mutating func optional(_ value: Int64?) {
        byte(value == nil ? 0 : 1)
        if let value { time(value) }
    }

    mutating func optional(_ id: BlockID?) { bytes(id?.checksum.bytes ?? []) }

    mutating func note(_ note: SwitchNote) {
        text(note.id)
        byte(note.kind.rawValue)
        text(note.from)
        text(note.to)
        number(note.fromExpects)
        number(note.toExpects)
        act(note.act)
    }

    mutating func report(_ report: RegionReport) {
        text(report.name)
        number(report.epoch)
        byte(report.activity.rawValue)
        number(report.activatedEpoch)
        byte(report.isCurrent ? 1 : 0)
        optional(report.head)
        optional(report.inherited)
    }
}

/// A value that was read, and may be none.
struct Optionally<Value> { var value: Value? }

extension Decoder {
    mutating func optional() -> Optionally<Int64>? {
        switch byte() {
        case 0: return Optionally(value: nil)
        case 1: return time().map { Optionally(value: $0) }
        default: return nil
        }
    }

    mutating func optionalID() -> Optionally<BlockID>? {
        guard let bytes = bytes() else { return nil }
        if bytes.isEmpty { return Optionally(value: nil) }
        return Checksum256(bytes).map { Optionally(value: BlockID($0)) }
    }

    mutating func note() -> SwitchNote? {
        guard let id = text(), let kind = byte().flatMap(SwitchKind.init(rawValue:)), let from = text(),
            let to = text(), let fromExpects = number(), let toExpects = number(), let act = act()
        else { return nil }
        return SwitchNote(
            id: id, kind: kind, from: from, to: to, fromExpects: fromExpects, toExpects: toExpects, act: act)
    }

    mutating func report() -> RegionReport? {
        guard let name = text(), let epoch = number(), let activity = byte().flatMap(RegionActivity.init(rawValue:)),
            let activated = number(), let current = byte(), current <= 1, let head = optionalID(),
            let inherited = optionalID()
        else { return nil }
        return RegionReport(
            name: name, epoch: epoch, activity: activity, activatedEpoch: activated, isCurrent: current == 1,
            head: head.value, inherited: inherited.value)
    }
}
