// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

/// What a peer finds when it starts.
public struct Recovery: Sendable {
    public var replica: Replica
    public var flag: FlagRecord

    /// Rebuilds the replica: the state from the snapshot and the entries known to be committed, the rest as log.
    public init(
        from store: Store, settings: Settings, options: Replica.Options, randomSeed: UInt64, at now: Instant
    ) throws(StoreError) {
        var state = GroupState()
        var blocks = BlockIndex()
        var tail: [Entry] = []
        let own = store.ownState.commit
        let contents = try store.contents { (snapshot) throws(StoreError) in
            guard let snapshot else { return }
            guard let kept = GroupState(snapshot) else {
                throw .damaged(path: "the snapshot", reason: "it is of a kind that this version does not know")
            }
            state = kept
            blocks = try Self.blocks(of: store, after: store.peer.base.index, through: state)
        } _: { (entry) throws(StoreError) in
            if entry.index > own {
                tail.append(entry)
            } else if state.apply(entry) == .accepted {
                blocks.applied(entry, leaving: state.head)
            }
        }
        var hardState = contents.hardState
        hardState.commit = max(hardState.commit, state.index)
        let recovered = RecoveredLog(
            hardState: hardState, baseIndex: contents.base.index, baseTerm: contents.base.term, terms: contents.terms,
            lastIndex: contents.lastIndex, applied: state.index,
            tail: tail)
        let raft = RaftCore(
            settings: settings, recovered: recovered, randomSeed: randomSeed,
            standsAside: state.maintenance[settings.id] != nil, at: now)
        replica = Replica(
            raft: raft, state: state, blocks: blocks, lastSnapshot: contents.snapshot?.index ?? 0, options: options)
        flag = contents.flag
    }

    /// The blocks of the entries that the snapshot's state already counts.
    private static func blocks(
        of store: Store, after base: LogIndex, through state: GroupState
    ) throws(StoreError) -> BlockIndex {
        var blocks = BlockIndex()
        let refused = Set(state.refused)
        var next = base + 1
        while next <= state.index {
            // A change of the region may hold a block too, and a record say what became of others: only payloads tell.
            var turning: LogIndex?
            try store.outlines(from: next, through: state.index, prefix: 0) { outline in
                let entry = outline.entry
                next = entry.index + 1
                if refused.contains(entry.index) { return true }
                if let height = outline.height { blocks.append(number: height, index: entry.index) }
                turning = entry.kind.mayTurn ? entry.index : nil
                return turning == nil
            }
            guard let turning else { break }
            for entry in try store.entries(from: turning, through: turning) {
                guard let turn = entry.turn else { continue }
                try blocks.follow(turn) { (index) throws(StoreError) in try header(of: store, at: index) }
                if let id = entry.blockID { blocks.append(number: id.blockNumber, index: turning) }
            }
        }
        for index in blocks.highest(BlockIndex.idsKept) {
            if let entry = try header(of: store, at: index) { blocks.remember(entry) }
        }
        return blocks
    }

    /// A block's header is no longer, but for what an extension may hold.
    private static let headerBytes = 1024

    /// An entry with the header of its block.
    private static func header(of store: Store, at index: LogIndex) throws(StoreError) -> Entry? {
        var found: Entry?
        try store.outlines(from: index, through: index, prefix: headerBytes) { outline in
            found = outline.entry
            return false
        }
        // A change of the region is read as a whole or not at all.
        return found?.kind == .region ? try store.entries(from: index, through: index).first : found
    }
}
