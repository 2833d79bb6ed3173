import ProducerHA
import Raft
import Storage

/// What a peer finds when it starts.
struct Recovery {
    var replica: Replica
    var flag: FlagRecord

    /// Payload bytes read from the store at a time.
    private static let pageBytes = 4 << 20

    /// Rebuilds the replica: the state from the snapshot and the entries known to be committed, the rest as log.
    init(from store: Store, settings: NodeSettings, randomSeed: UInt64, at now: Instant) throws(StoreError) {
        let contents = try store.contents()
        var state = GroupState()
        if let snapshot = contents.snapshot {
            guard let kept = GroupState(snapshot) else {
                throw .damaged(path: "the snapshot", reason: "it is of a kind that this version does not know")
            }
            state = kept
        }
        var blocks = BlockIndex()
        let refused = Set(state.refused)
        try store.outlines(from: contents.base.index + 1, through: state.index, prefix: 0) { outline in
            if let height = outline.height, !refused.contains(outline.entry.index) {
                blocks.append(number: height, index: outline.entry.index)
            }
            return true
        }
        var hardState = contents.hardState
        hardState.commit = max(hardState.commit, state.index)
        while state.index < hardState.commit {
            let page = try store.entries(from: state.index + 1, through: hardState.commit, bytes: Self.pageBytes)
            guard !page.isEmpty else {
                throw .damaged(path: "the log", reason: "entry \(state.index + 1) is missing")
            }
            for entry in page {
                if state.apply(entry) == .accepted, let head = state.head, head.index == entry.index {
                    blocks.append(number: head.block.number, index: entry.index)
                }
            }
        }
        let recovered = RecoveredLog(
            hardState: hardState, baseIndex: contents.base.index, baseTerm: contents.base.term, terms: contents.terms,
            lastIndex: contents.lastIndex, applied: state.index,
            tail: try store.entries(from: state.index + 1, through: contents.lastIndex))
        let raft = RaftCore(settings: settings.raft, recovered: recovered, randomSeed: randomSeed, at: now)
        replica = Replica(
            raft: raft, state: state, blocks: blocks, lastSnapshot: contents.snapshot?.index ?? 0,
            options: settings.replica)
        flag = contents.flag
    }
}
