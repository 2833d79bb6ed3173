// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// A machine: clock, disk, and the process that runs on it or does not. A class, since a copy of it is dear.
final class Host {
    var clock: Clock
    var disk: Disk
    /// What was on the disks that were replaced.
    var lostDisks: [Image] = []
    /// nil while the process is down.
    var replica: Replica?
    /// Counts the starts of the process: what belongs to an earlier life reaches nobody.
    var life = 0
    /// Stopped by SIGSTOP: its clock goes on, all else waits in `inbox`.
    var isStopped = false
    /// When it started or went on last.
    var upSince: TrueTime = 0
    var stopToken = 0
    var inbox: [Event] = []
    /// The settings of its next start have a short lease.
    var shortLease = false
    /// So often its disk fails once more, when it has failed.
    var failuresToCome = 0
    /// The settings of its next start have a longer lease than any before.
    var longLease = false
    /// It dies when it next commits something as a leader, for so long.
    var diesAtCommit: Int64?
    /// Its disk is an old copy. It meets this process before any other one.
    var witness: Witness?

    struct Witness {
        var host: Int
        var life: Int
        /// They have met; so many writes later this peer has written down what it made of that.
        var writesLeft: Int?
    }
    /// What it was handed last, to build on.
    var latestBlock: BlockRef?
    /// When the process looks at its timers next, and which of the agenda's wakes that is.
    var wakeAt: TrueTime = .max
    var wakeToken = 0

    init(clock: Clock, disk: Disk) {
        self.clock = clock
        self.disk = disk
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
