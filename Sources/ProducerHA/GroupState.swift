// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// A block of the chain as the group knows it.
public struct BlockRef: Hashable, Sendable {
    public var number: UInt32
    public var id: BlockID
    public var previous: BlockID
    public var slot: BlockTimestamp
    public var producer: Name

    public init(_ header: BlockHeader) {
        number = header.number
        id = header.id
        previous = header.previous
        slot = header.timestamp
        producer = header.producer
    }
}

/// The last committed block, with its bytes.
public struct Head: Hashable, Sendable {
    public var block: BlockRef
    public var bytes: [UInt8]
    /// The entry that made it the head.
    public var index: LogIndex
    public var term: Term
}

public struct RegionState: Hashable, Sendable {
    /// Counts the changes of this state. 0: nothing was decided yet.
    public var epoch: UInt64 = 0
    public var activity = RegionActivity.standby
    public var isPaused = false
    /// The epoch at which it became active last; 0: it never was. Of two regions that with the higher one is right.
    public var activatedEpoch: UInt64 = 0
    /// The entry by which it became active last; 0: none did.
    public var activatedAt: LogIndex = 0
    /// The block that the region went on from when it became active last, or that it was given since.
    public var base: BlockID?
    /// The last block that this region has of others: it made all those above itself, as far as its log counts them. nil: not
    /// known, and it may have made all.
    public var inherited: BlockID?
    /// Who paused it; nil while it is not paused, and where nobody knows.
    public var pause: OperatorAct?
    /// The entry by which an operator said that no other region is active, or that it does not matter; 0: none did.
    public var confirmedAt: LogIndex = 0
    /// A switch that has begun and not ended.
    public var openSwitch: SwitchNote?
    /// Another region has gone on without this one, which has neither been active since nor been given a block.
    public var superseded: Superseded?
    public var lastDrill: Drill?

    /// No epoch is above it, so that the next one always is a number.
    public static let largestEpoch: UInt64 = 1 << 62

    /// How another region overtook this one.
    public struct Superseded: Hashable, Sendable {
        public var by: RegionReport
        /// The lowest height of which this region's block may not be the chain's.
        public var lostFrom: UInt32
        /// The last block of this region then.
        public var head: BlockID?
        /// By the clock of the peer that wrote it, in milliseconds since 1970.
        public var at: Int64
    }

    /// The lowest height of which this region's block may not be the chain's once that one has gone on without it. Where it
    /// went on from is sure only for a block that this region has as well, and that is not known here: it may have been given
    /// another block since, or be the second one to go on.
    public func lostFrom(after superseder: RegionReport) -> UInt32 {
        let own = inherited.map { min($0.blockNumber, .max - 1) + 1 } ?? 0
        return min(superseder.inherited?.blockNumber ?? own, own, superseded?.lostFrom ?? .max)
    }

    /// Notes a block that this region is given as its head. One above its own head is the last one of the region that was active
    /// since; so is one above where another region left this one. Any other says nothing of the blocks that this region made
    /// below it.
    mutating func inherit(_ block: BlockID, over head: BlockID?) {
        let lowest = superseded?.lostFrom ?? .max
        let isBeyond = head.map { block.blockNumber > $0.blockNumber || block.blockNumber >= lowest && block != $0 }
        let isOfOthers = isBeyond.map { activity != .active && $0 } ?? true
        if isOfOthers || block.blockNumber <= inherited?.blockNumber ?? 0 { inherited = block }
    }

    /// A rehearsal that was done.
    public struct Drill: Hashable, Sendable {
        /// When it ended, by the clock of the peer that wrote it, in milliseconds since 1970.
        public var at: Int64
        /// Between the last block of one region and the first of the other, in milliseconds.
        public var gapMS: Int64?
    }
}

/// Why an entry changed nothing.
public enum Refusal: Hashable, Sendable {
    /// A committed block of this height has another id.
    case conflictsWithHead
    /// The block does not follow the head.
    case unlinkable
    /// At or below the head.
    case stale
    /// The region's state was changed before, to this epoch.
    case epochChanged(UInt64)
    /// It asked for the state that stands.
    case changesNothing
    case alreadySet
    /// More than `GroupState.mostInMaintenance`.
    case tooMany
    /// Another switch is open.
    case switchRunning
    /// The switch that it is a step of is not open.
    case noSuchSwitch
    case malformed
    /// Of a kind that this version does not know, or does not use.
    case unknownKind
}

public enum Applied: Hashable, Sendable {
    case accepted
    case refused(Refusal)
}

/// What all peers of a group agree on, as the log up to `index` makes it.
public struct GroupState: Hashable, Sendable {
    public private(set) var index: LogIndex = 0
    public private(set) var term: Term = 0
    public private(set) var groupID: GroupID?
    public private(set) var producers = ChainProducers.sole
    public private(set) var chainID: Checksum256?
    public private(set) var head: Head?
    public private(set) var region = RegionState()
    /// The latest refused entries, oldest first; at most `refusedKept`.
    public private(set) var refused: [LogIndex] = []

    /// Peers that take no leadership while another one can, and who wanted that.
    public private(set) var maintenance: [PeerID: OperatorAct] = [:]
    public private(set) var history = History()

    public static let refusedKept = 64
    public static let mostInMaintenance = 64

    public init() {}

    /// Applies the next entry. Never fails: what does not fit is recorded as refused and changes nothing else.
    /// - Parameter block: what an entry with a block says, for who has read it already.
    public mutating func apply(_ entry: Entry, saying block: BlockRef? = nil) -> Applied {
        invariant(entry.index == index + 1, "entry \(entry.index) applied after \(index)")
        index = entry.index
        term = entry.term
        let applied = change(by: entry, saying: block)
        if case .refused = applied {
            refused.append(entry.index)
            if refused.count > Self.refusedKept { refused.removeFirst() }
        }
        return applied
    }

    private mutating func change(by entry: Entry, saying known: BlockRef?) -> Applied {
        switch entry.kind {
        case .noop: return .accepted
        case .block:
            guard let block = known ?? (try? BlockHeader(parsingPrefixOf: entry.payload)).map(BlockRef.init) else {
                return .refused(.malformed)
            }
            if let refusal = refusal(of: block) { return .refused(refusal) }
            // The first one of all.
            if head == nil { region.inherit(block.previous, over: nil) }
            head = Head(block: block, bytes: entry.payload, index: entry.index, term: entry.term)
        case .region:
            guard let change = RegionChange(encoded: entry.payload) else { return .refused(.malformed) }
            return apply(change, entry)
        case .settings:
            guard let settings = GroupSettings(encoded: entry.payload) else { return .refused(.malformed) }
            guard groupID == nil else { return .refused(.alreadySet) }
            groupID = settings.groupID
            producers = settings.producers
            chainID = settings.chainID
        case .operation:
            guard let record = Record(encoded: entry.payload) else { return .refused(.malformed) }
            return apply(record, entry)
        default: return .refused(.unknownKind)
        }
        return .accepted
    }

    /// Why a block does not fit on the head, nil when it does. The first block of a group always does.
    public func refusal(of block: BlockRef) -> Refusal? {
        guard let head = head?.block else { return nil }
        if block.number == head.number { return block.id == head.id ? .stale : .conflictsWithHead }
        if block.number < head.number { return .stale }
        switch producers {
        case .sole: return block.number == head.number + 1 && block.previous == head.id ? nil : .unlinkable
        case .several: return block.slot > head.slot ? nil : .unlinkable
        }
    }

    private mutating func apply(_ change: RegionChange, _ entry: Entry) -> Applied {
        if let id = change.switchID, id != region.openSwitch?.id { return .refused(.noSuchSwitch) }
        guard change.expects == region.epoch, change.epoch > region.epoch else {
            return .refused(.epochChanged(region.epoch))
        }
        guard change.epoch <= RegionState.largestEpoch else { return .refused(.malformed) }
        let changesHead = change.base.map { $0 != head?.bytes } ?? false
        let isNew = region.epoch == 0
        guard
            isNew || changesHead || change.renews || change.activity != region.activity
                || change.isPaused != region.isPaused
        else { return .refused(.changesNothing) }
        let ownHead = head?.block.id
        if let base = change.base {
            guard let header = try? BlockHeader(parsingPrefixOf: base) else { return .refused(.malformed) }
            head = Head(block: BlockRef(header), bytes: base, index: entry.index, term: entry.term)
            region.base = header.id
            region.inherit(header.id, over: ownHead)
        }
        if change.isPaused != region.isPaused { region.pause = change.isPaused ? change.act : nil }
        let wasActive = region.activity == .active
        if change.activity == .active, !wasActive || change.renews {
            if change.base == nil { region.base = head?.block.id }
            region.activatedEpoch = change.epoch
            region.activatedAt = entry.index
            // Files and calls that name no switch are nobody's word on other regions.
            if change.switchID != nil || change.isForced { region.confirmedAt = entry.index }
        }
        if let superseder = change.superseder {
            region.superseded = .init(
                by: superseder, lostFrom: change.lostFrom, head: ownHead, at: change.act?.at ?? 0)
        }
        if change.settlesWhatWasLost { region.superseded = nil }
        region.epoch = change.epoch
        region.activity = change.activity
        region.isPaused = change.isPaused
        // One that is active anew lost nothing by where it stands, nor does that say what the other one lost.
        let isBase = change.base != nil || change.givenUp != nil && !wasActive
        let base = isBase ? region.base?.blockNumber : nil
        let event = History.Event.region(change.activity, isPaused: change.isPaused, base: base)
        note(event, entry, act: change.act, at: change.act?.at, givenUp: change.givenUp)
        return .accepted
    }

    /// This region stopped, and that one became active later and has others' blocks only up to one below this region's last
    /// block, or another one of its height: it went on without blocks that this region made. False where it was noted already.
    public func isLeftBehind(by report: RegionReport) -> Bool {
        guard region.activity != .active, region.activatedEpoch > 0, report.activatedEpoch > region.activatedEpoch,
            report.activatedEpoch > region.superseded?.by.activatedEpoch ?? 0,
            let head, let fork = report.inherited,
            // It made none, or was given one after those that it made.
            head.block.number > region.inherited?.blockNumber ?? 0, head.block.id != report.head,
            head.index <= region.activatedAt || head.block.id != region.base
        else { return false }
        return fork.blockNumber < head.block.number || fork.blockNumber == head.block.number && fork != head.block.id
    }

    private mutating func apply(_ record: Record, _ entry: Entry) -> Applied {
        switch record {
        case .leads(let peer, let at): note(.leads(peer), entry, act: nil, at: at)
        case .transfer(let peer, let act): note(.transfer(to: peer), entry, act: act, at: act.at)
        case .transferFailed(let operation, let why, let at):
            let ending = History.Ending(isDone: false, words: why, at: at, term: entry.term)
            guard history.end(operation, with: ending) else { return .refused(.changesNothing) }
        case .maintenance(let peer, let isOn, let act):
            guard (maintenance[peer] != nil) != isOn else { return .refused(.changesNothing) }
            guard !isOn || maintenance.count < Self.mostInMaintenance else { return .refused(.tooMany) }
            maintenance[peer] = isOn ? act : nil
            note(.maintenance(peer, isOn: isOn), entry, act: act, at: act.at)
        case .confirm(let expects, let act):
            guard expects == region.epoch else { return .refused(.epochChanged(region.epoch)) }
            region.confirmedAt = entry.index
            note(.confirm, entry, act: act, at: act.at)
        case .switchBegins(let note):
            if let open = region.openSwitch {
                return .refused(open.id == note.id ? .changesNothing : .switchRunning)
            }
            region.openSwitch = note
            self.note(.switches(note), entry, act: note.act, at: note.act.at)
        case .switchEnds(let end):
            guard let open = region.openSwitch, open.id == end.id else { return .refused(.noSuchSwitch) }
            region.openSwitch = nil
            if open.kind == .drill, end.isDone { region.lastDrill = .init(at: end.at, gapMS: end.gapMS) }
            let ending = History.Ending(isDone: end.isDone, words: end.words, at: end.at, term: entry.term)
            // Nothing to be ended when it has left the history since.
            _ = history.end(open.act.operation, with: ending)
        case .leftBehind(let report, let first, let at):
            guard isLeftBehind(by: report), let fork = report.inherited else { return .refused(.changesNothing) }
            region.superseded = .init(by: report, lostFrom: first, head: head?.block.id, at: at)
            let event = History.Event.leftBehind(
                by: report.name, epoch: report.activatedEpoch, fork: fork.blockNumber)
            note(event, entry, act: nil, at: at)
        }
        return .accepted
    }

    private mutating func note(
        _ event: History.Event, _ entry: Entry, act: OperatorAct?, at: Int64?, givenUp: GivenUpRegion? = nil
    ) {
        history.add(
            History.Item(
                index: entry.index, term: entry.term, epoch: region.epoch, event: event, act: act, at: at,
                givenUp: givenUp))
    }

    // MARK: - Snapshots

    private static let snapshotVersion: UInt8 = 4

    public func snapshot() -> Snapshot {
        var out = Encoder()
        out.byte(Self.snapshotVersion)
        out.bytes(groupID?.bytes ?? [])
        out.byte(producers.rawValue)
        out.bytes(chainID?.bytes ?? [])
        out.number(region.epoch)
        out.byte(region.activity.rawValue)
        out.byte(region.isPaused ? 1 : 0)
        // Where earlier versions have the number of the base; it stands further down.
        out.number(0)
        out.number(UInt64(refused.count))
        for index in refused { out.number(index) }
        out.byte(head == nil ? 0 : 1)
        if let head {
            out.number(head.index)
            out.number(head.term)
            out.bytes(head.bytes)
        }
        out.byte(region.pause == nil ? 0 : 1)
        if let pause = region.pause { out.act(pause) }
        out.number(UInt64(maintenance.count))
        // In order, so that equal states make equal bytes.
        for (peer, act) in maintenance.sorted(by: { $0.key < $1.key }) {
            out.peer(peer)
            out.act(act)
        }
        out.history(history)
        out.amongOthers(region)
        return Snapshot(index: index, term: term, state: out.data)
    }

    /// nil when the bytes are no snapshot of a version that this one knows.
    public init?(_ snapshot: Snapshot) {
        var input = Decoder(snapshot.state)
        // Version 1 knew no chain, version 2 nothing of operators, version 3 nothing of other regions.
        guard let version = input.byte(), (1...Self.snapshotVersion).contains(version), let group = input.bytes(),
            let rawProducers = input.byte(), let producers = ChainProducers(rawValue: rawProducers),
            let chain = version > 1 ? input.bytes() : [], chain.isEmpty || chain.count == 32,
            let epoch = input.number(),
            let rawActivity = input.byte(), let activity = RegionActivity(rawValue: rawActivity),
            let paused = input.byte(), paused <= 1, let base = input.number(), version < 4 || base == 0,
            let count = input.number(), count <= UInt64(Self.refusedKept)
        else { return nil }
        for _ in 0..<count {
            guard let index = input.number() else { return nil }
            refused.append(index)
        }
        guard let hasHead = input.byte(), hasHead <= 1 else { return nil }
        if hasHead == 1 {
            guard let index = input.number(), let term = input.number(), let bytes = input.bytes(),
                let header = try? BlockHeader(parsingPrefixOf: bytes)
            else { return nil }
            head = Head(block: BlockRef(header), bytes: bytes, index: index, term: term)
        }
        region = RegionState(epoch: epoch, activity: activity, isPaused: paused == 1)
        if version > 2 {
            guard let hasPause = input.byte(), hasPause <= 1 else { return nil }
            if hasPause == 1 {
                guard let act = input.act() else { return nil }
                region.pause = act
            }
            guard let inMaintenance = input.number(), inMaintenance <= UInt64(Self.mostInMaintenance) else {
                return nil
            }
            var last: PeerID?
            for _ in 0..<inMaintenance {
                guard let peer = input.peer(), last.map({ $0 < peer }) ?? true, let act = input.act() else {
                    return nil
                }
                maintenance[peer] = act
                last = peer
            }
            guard let history = input.history() else { return nil }
            self.history = history
        }
        if version > 3 {
            guard input.readAmongOthers(&region) else { return nil }
        } else if activity == .active {
            // No pause and no other region changed it, as far as is known.
            region.activatedEpoch = epoch
        }
        guard input.isAtEnd, group.isEmpty || group.count == 16 else { return nil }
        index = snapshot.index
        term = snapshot.term
        groupID = GroupID(bytes: group)
        self.producers = producers
        chainID = Checksum256(chain)
    }
}

// What a region is among others.

extension Encoder {
    fileprivate mutating func amongOthers(_ region: RegionState) {
        number(region.activatedEpoch)
        number(region.activatedAt)
        number(region.confirmedAt)
        optional(region.base)
        byte(
            (region.openSwitch == nil ? 0 : 1) | (region.superseded == nil ? 0 : 2) | (region.lastDrill == nil ? 0 : 4)
                | (region.inherited == nil ? 0 : 8))
        if let note = region.openSwitch { self.note(note) }
        if let superseded = region.superseded {
            report(superseded.by)
            number(UInt64(superseded.lostFrom))
            optional(superseded.head)
            time(superseded.at)
        }
        if let drill = region.lastDrill {
            time(drill.at)
            optional(drill.gapMS)
        }
        if let inherited = region.inherited { optional(inherited) }
    }
}

extension Decoder {
    fileprivate mutating func readAmongOthers(_ region: inout RegionState) -> Bool {
        guard let activated = number(), let activatedAt = number(), let confirmed = number(), let base = optionalID(),
            let has = byte(), has < 16
        else { return false }
        (region.activatedEpoch, region.activatedAt) = (activated, activatedAt)
        (region.confirmedAt, region.base) = (confirmed, base.value)
        if has & 1 != 0 {
            guard let note = note() else { return false }
            region.openSwitch = note
        }
        if has & 2 != 0 {
            guard let report = report(), let first = number().flatMap({ UInt32(exactly: $0) }),
                let head = optionalID(), let at = time()
            else { return false }
            region.superseded = .init(by: report, lostFrom: first, head: head.value, at: at)
        }
        if has & 4 != 0 {
            guard let at = time(), let gap = optional() else { return false }
            region.lastDrill = .init(at: at, gapMS: gap.value)
        }
        if has & 8 != 0 {
            guard let inherited = optionalID()?.value else { return false }
            region.inherited = inherited
        }
        return true
    }
}
