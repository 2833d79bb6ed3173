// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
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
            } else {
                let earlier = state.head?.block
                guard state.apply(entry) == .accepted else { return }
                blocks.applied(entry, onto: earlier, leaving: state.head)
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
        // The entry with the head; nil: one before the first.
        var head: LogIndex?
        while next <= state.index {
            // A change of the region may hold a block too, and a record say what became of others: only payloads tell.
            var turning: LogIndex?
            try store.outlines(from: next, through: state.index, prefix: 0) { outline in
                let entry = outline.entry
                next = entry.index + 1
                if refused.contains(entry.index) { return true }
                if let height = outline.height {
                    blocks.append(number: height, index: entry.index)
                    head = entry.index
                }
                turning = entry.kind.mayTurn ? entry.index : nil
                return turning == nil
            }
            guard let turning else { break }
            for entry in try store.entries(from: turning, through: turning) {
                guard let turn = entry.turn else { continue }
                blocks.follow(turn, onto: turn.base == nil ? nil : try block(of: store, at: head))
                guard let base = turn.base else { continue }
                head = turning
                let block = Entry(index: turning, term: entry.term, kind: .block, payload: base)
                if let height = block.blockHeight { blocks.append(number: height, index: turning) }
            }
        }
        return blocks
    }

    private static func block(of store: Store, at index: LogIndex?) throws(StoreError) -> BlockRef? {
        guard let index, let bytes = try store.entries(from: index, through: index).first?.block else { return nil }
        return (try? BlockHeader(parsingPrefixOf: bytes)).map(BlockRef.init)
    }
}
