// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// A machine: clock, disk, and the process that runs on it or does not.
struct Host {
    var clock: Clock
    var disk = Disk()
    /// What was on the disks that were replaced.
    var lostDisks: [Image] = []
    /// nil while the process is down.
    var replica: Replica?
    /// Counts the starts of the process: what belongs to an earlier life reaches nobody.
    var life = 0
    /// Stopped by SIGSTOP: its clock goes on, all else waits in `inbox`.
    var isStopped = false
    var stopToken = 0
    var inbox: [Event] = []
    /// What it was handed last, to build on.
    var latestBlock: BlockRef?
    /// When the process looks at its timers next, and which of the agenda's wakes that is.
    var wakeAt: TrueTime = .max
    var wakeToken = 0

    /// Starts the process from what the disk holds, as the daemon does.
    static func replica(from image: Image, settings: Settings, options: Replica.Options, seed: UInt64, at now: Instant)
        -> Replica
    {
        var hardState = image.hardState
        var state = GroupState()
        var blocks = BlockIndex()
        if let snapshot = image.snapshot {
            guard let restored = GroupState(snapshot) else {
                preconditionFailure("a snapshot at \(snapshot.index) that cannot be read")
            }
            state = restored
        }
        let snapshotIndex = state.index
        // A snapshot is of committed entries, whatever commit index was written last.
        hardState.commit = max(hardState.commit, snapshotIndex)
        var runs: [TermRun] = []
        var tail: [Entry] = []
        for entry in image.entries {
            if runs.last?.term != entry.term { runs.append(TermRun(first: entry.index, term: entry.term)) }
            if entry.index > hardState.commit {
                tail.append(entry)
                continue
            }
            let isAccepted =
                entry.index > snapshotIndex
                ? state.apply(entry) == .accepted : !state.refused.contains(entry.index)
            if isAccepted, let number = entry.blockNumber { blocks.append(number: number, index: entry.index) }
        }
        let recovered = RecoveredLog(
            hardState: hardState, baseIndex: image.baseIndex, baseTerm: image.baseTerm, terms: runs,
            lastIndex: image.lastIndex, applied: state.index, tail: tail)
        let core = RaftCore(settings: settings, recovered: recovered, randomSeed: seed, at: now)
        return Replica(raft: core, state: state, blocks: blocks, lastSnapshot: snapshotIndex, options: options)
    }
}

extension Entry {
    /// The height of the block that this entry makes the head, if it is accepted.
    var blockNumber: UInt32? {
        switch kind {
        case .block: (try? BlockHeader(parsingPrefixOf: payload))?.number
        case .region:
            RegionChange(encoded: payload)?.base.flatMap { (try? BlockHeader(parsingPrefixOf: $0))?.number }
        default: nil
        }
    }
}
