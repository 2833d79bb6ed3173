// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// What a write asks of the disk.
enum Write {
    case persist(Persist)
    case keep(Snapshot, dropThrough: LogIndex, droppedTerm: Term)
}

/// What is on a disk for good.
struct Image {
    var hardState = HardState()
    var snapshot: Snapshot?
    var baseIndex: LogIndex = 0
    var baseTerm: Term = 0
    /// The entries from `baseIndex + 1` on.
    var entries: [Entry] = []

    var lastIndex: LogIndex { baseIndex + LogIndex(entries.count) }

    func entry(at index: LogIndex) -> Entry? {
        index > baseIndex && index <= lastIndex ? entries[Int(index - baseIndex) - 1] : nil
    }

    /// This entry, or a state that it is part of, is here.
    func holds(index: LogIndex, term: Term) -> Bool {
        if let entry = entry(at: index) { return entry.term == term }
        return index <= max(baseIndex, snapshot?.index ?? 0)
    }

    mutating func apply(_ write: Write) {
        switch write {
        case .persist(let persist):
            hardState = persist.hardState
            if let snapshot = persist.snapshot {
                self.snapshot = snapshot
                (baseIndex, baseTerm) = (snapshot.index, snapshot.term)
                entries = []
            }
            guard let first = persist.entries.first?.index else { return }
            precondition(first > baseIndex && first <= lastIndex + 1, "a write leaves a gap before entry \(first)")
            entries.removeLast(Int(lastIndex + 1 - first))
            entries += persist.entries
        case .keep(let snapshot, let dropThrough, let droppedTerm):
            self.snapshot = snapshot
            guard dropThrough > baseIndex, dropThrough <= lastIndex else { return }
            entries.removeFirst(Int(dropThrough - baseIndex))
            (baseIndex, baseTerm) = (dropThrough, droppedTerm)
        }
    }
}

/// A disk makes writes durable in their order, some at a time; a crash keeps any first part of those under way.
struct Disk {
    private(set) var image = Image()
    private(set) var waiting: [Write] = []
    private(set) var isSyncing = false
    /// Counts replacements: what was under way on an earlier disk is gone.
    private(set) var number = 0
    /// No sync ends before.
    var stalledUntil: TrueTime = 0

    mutating func submit(_ write: Write) { waiting.append(write) }

    /// Starts to sync everything that waits; nil when there is nothing to do, or a sync is under way.
    mutating func beginSync() -> Int? {
        guard !isSyncing, !waiting.isEmpty else { return nil }
        isSyncing = true
        return waiting.count
    }

    /// The latest write of the core that is durable now; nil when there was none among these.
    mutating func endSync(of count: Int) -> UInt64? {
        isSyncing = false
        var latest: UInt64?
        for write in waiting.prefix(count) {
            image.apply(write)
            if case .persist(let persist) = write { latest = persist.sequence }
        }
        waiting.removeFirst(count)
        return latest
    }

    mutating func crash(keeping count: Int) {
        for write in waiting.prefix(count) { image.apply(write) }
        waiting = []
        isSyncing = false
        number += 1
    }

    mutating func replace() {
        self = Disk(replacing: self)
    }

    init() {}

    private init(replacing old: Disk) { number = old.number + 1 }
}
