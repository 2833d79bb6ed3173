// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// What operators did to a group and who led it, as its log tells: the latest of each, for the log itself is dropped after
/// a while.
public struct History: Hashable, Sendable {
    public enum Event: Hashable, Sendable {
        case leads(PeerID)
        case transfer(to: PeerID)
        case maintenance(PeerID, isOn: Bool)
        /// `base`: the block that the region goes on from, when the change named one or gave another region up.
        case region(RegionActivity, isPaused: Bool, base: UInt32?)
        case confirm
        /// A switch between regions, from its beginning to its end.
        case switches(SwitchNote)
        /// Another region, active with that epoch, went on from block `fork` without this one, which had stopped.
        case leftBehind(by: String, epoch: UInt64, fork: UInt32)
    }

    /// How something ended that takes its time.
    public struct Ending: Hashable, Sendable {
        public var isDone: Bool
        /// In a few words.
        public var words: String
        /// By the clock of the peer that wrote it, in milliseconds since 1970.
        public var at: Int64
        public var term: Term
    }

    public struct Item: Hashable, Sendable {
        public var index: LogIndex
        public var term: Term
        /// The region's epoch after it.
        public var epoch: UInt64
        public var event: Event
        /// nil where no operator asked for it.
        public var act: OperatorAct?
        /// In milliseconds since 1970, by the clock of the peer that wrote it; nil when the entry does not say.
        public var at: Int64?
        public var ending: Ending?
        /// Of an activation by force.
        public var givenUp: GivenUpRegion?
    }

    /// So many leaders, and so many of all else.
    public static let kept = 100

    /// Oldest first.
    public private(set) var items: [Item] = []

    public init() {}

    init?(_ items: [Item]) {
        guard items.count <= 2 * Self.kept else { return nil }
        self.items = items
    }

    /// The change that was asked for under this name.
    public func item(of operation: String) -> Item? { items.last { $0.act?.operation == operation } }

    mutating func add(_ item: Item) {
        if case .leads(let peer) = item.event, let at = item.at {
            end(
                before: item.term,
                with: { .init(isDone: $0 == peer, words: "peer \(peer) leads", at: at, term: item.term) })
        }
        items.append(item)
        let same = items.count { $0.isOfLeaders == item.isOfLeaders }
        if same > Self.kept, let oldest = items.firstIndex(where: { $0.isOfLeaders == item.isOfLeaders }) {
            items.remove(at: oldest)
        }
    }

    /// A transfer of an earlier term ends with the next leader, whoever it is.
    private mutating func end(before term: Term, with ending: (PeerID) -> Ending) {
        for at in items.indices where items[at].ending == nil && items[at].term < term {
            if case .transfer(let target) = items[at].event { items[at].ending = ending(target) }
        }
    }

    /// False when there is nothing of that name that takes its time, or it has ended.
    mutating func end(_ operation: String, with ending: Ending) -> Bool {
        guard
            let at = items.lastIndex(where: { item in
                switch item.event {
                case .transfer, .switches: item.act?.operation == operation && item.ending == nil
                case .leads, .maintenance, .region, .confirm, .leftBehind: false
                }
            })
        else { return false }
        items[at].ending = ending
        return true
    }
}

extension History.Item {
    var isOfLeaders: Bool { if case .leads = event { true } else { false } }
}

// MARK: - In snapshots

extension Encoder {
    mutating func history(_ history: History) {
        number(UInt64(history.items.count))
        for item in history.items { self.item(item) }
    }

    private mutating func item(_ item: History.Item) {
        number(item.index)
        number(item.term)
        number(item.epoch)
        switch item.event {
        case .leads(let leader):
            byte(1)
            peer(leader)
        case .transfer(let target):
            byte(2)
            peer(target)
        case .maintenance(let peer, let isOn):
            byte(isOn ? 3 : 4)
            self.peer(peer)
        case .region(let activity, let isPaused, let base):
            byte(5)
            byte(activity.rawValue)
            byte(isPaused ? 1 : 0)
            number(base.map { UInt64($0) + 1 } ?? 0)
        case .confirm: byte(6)
        case .switches(let note):
            byte(7)
            self.note(note)
        case .leftBehind(let name, let epoch, let fork):
            byte(8)
            text(name)
            number(epoch)
            number(UInt64(fork))
        }
        byte(
            (item.act == nil ? 0 : 1) | (item.at == nil ? 0 : 2) | (item.ending == nil ? 0 : 4)
                | (item.givenUp == nil ? 0 : 8))
        if let act = item.act { self.act(act) }
        if let at = item.at { time(at) }
        if let ending = item.ending {
            byte(ending.isDone ? 1 : 0)
            text(ending.words)
            time(ending.at)
            number(ending.term)
        }
        if let region = item.givenUp { givenUp(region) }
    }
}

extension Decoder {
    mutating func history() -> History? {
        guard let count = number(), count <= UInt64(2 * History.kept) else { return nil }
        var items: [History.Item] = []
        for _ in 0..<count {
            guard let item = item() else { return nil }
            items.append(item)
        }
        return History(items)
    }

    private mutating func item() -> History.Item? {
        guard let index = number(), let term = number(), let epoch = number(), let event = event(), let has = byte(),
            has < 16
        else { return nil }
        var item = History.Item(index: index, term: term, epoch: epoch, event: event)
        if has & 1 != 0 {
            guard let act = act() else { return nil }
            item.act = act
        }
        if has & 2 != 0 {
            guard let at = time() else { return nil }
            item.at = at
        }
        if has & 4 != 0 {
            guard let isDone = byte(), isDone <= 1, let words = text(), let at = time(), let term = number() else {
                return nil
            }
            item.ending = History.Ending(isDone: isDone == 1, words: words, at: at, term: term)
        }
        if has & 8 != 0 {
            guard let region = givenUp() else { return nil }
            item.givenUp = region
        }
        return item
    }

    private mutating func event() -> History.Event? {
        switch byte() {
        case 1: return peer().map { .leads($0) }
        case 2: return peer().map { .transfer(to: $0) }
        case 3: return peer().map { .maintenance($0, isOn: true) }
        case 4: return peer().map { .maintenance($0, isOn: false) }
        case 5:
            guard let activity = byte().flatMap(RegionActivity.init(rawValue:)), let paused = byte(), paused <= 1,
                let base = number(), base <= UInt64(UInt32.max) + 1
            else { return nil }
            return .region(activity, isPaused: paused == 1, base: base > 0 ? UInt32(base - 1) : nil)
        case 6: return .confirm
        case 7: return note().map { .switches($0) }
        case 8:
            guard let name = text(), let epoch = number(), let fork = number().flatMap({ UInt32(exactly: $0) }) else {
                return nil
            }
            return .leftBehind(by: name, epoch: epoch, fork: fork)
        default: return nil
        }
    }
}
