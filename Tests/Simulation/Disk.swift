// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft
import SimulatedDisk
import Storage

/// What must be on a disk for good, in as few words as possible.
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

    mutating func apply(_ write: Store.Write) {
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
        case .flag: break
        case .commit(let index): hardState.commit = max(hardState.commit, index)
        }
    }

    /// A store holds just this.
    func equals(_ contents: Store.Contents) -> Bool {
        contents.hardState == hardState && contents.base == (baseIndex, baseTerm) && contents.lastIndex == lastIndex
            && contents.snapshot == snapshot
    }
}

/// A machine's disk: the store that the daemon writes to, on a disk in memory, and beside it what it must hold. Writes
/// become durable in their order, all that wait with one sync.
struct Disk {
    private var device: SimulatedDisk
    /// Open while the process runs.
    private var store: Store?
    private(set) var image = Image()
    /// What was being written when the power went: it is there as a whole, or not at all.
    private var undecided: [Store.Write] = []
    private(set) var waiting: [Store.Write] = []
    private var underWay = 0
    /// Counts crashes and replacements: what was under way before is gone.
    private(set) var number = 0
    /// No sync ends before.
    var stalledUntil: TrueTime = 0
    /// The process knows that there is no room.
    var isKnownFull = false
    /// As it was some time ago.
    private(set) var copy: Copy?

    struct Copy {
        fileprivate var files: [String: [UInt8]]
        var image: Image
    }

    /// The store holds something else than was written to it.
    struct Wrong: Error, CustomStringConvertible {
        var description: String
    }

    private static let name = "prodha.db"
    private static let files = [name, name + "-wal", name + "-journal"]

    init(seed: UInt64) { device = SimulatedDisk(seed: seed) }

    // MARK: - The process

    /// What the process finds when it starts.
    mutating func open(
        _ settings: Settings, _ options: Replica.Options, seed: UInt64, at now: Instant
    ) throws -> Replica {
        let shape = GroupShape(id: settings.id, peers: settings.peers, quorum: settings.quorum)
        let store = try Store(path: Self.name, vfs: device.vfs, shape: shape)
        self.store = store
        let contents = try store.contents()
        if !image.equals(contents) {
            for write in undecided { image.apply(write) }
            guard image.equals(contents) else {
                throw Wrong(
                    description:
                        "\(contents.hardState), entries \(contents.base.index + 1)...\(contents.lastIndex), where"
                        + " \(image.hardState), \(image.baseIndex + 1)...\(image.lastIndex) were written")
            }
        }
        undecided = []
        guard try store.entries(from: image.baseIndex + 1, through: image.lastIndex) == image.entries else {
            throw Wrong(description: "other entries than were written")
        }
        return try Recovery(from: store, settings: settings, options: options, randomSeed: seed, at: now).replica
    }

    func entries(from first: LogIndex, through last: LogIndex) throws -> [Entry] {
        try store?.entries(from: first, through: last) ?? []
    }

    mutating func submit(_ write: Store.Write) { waiting.append(write) }

    /// Starts to sync everything that waits; nil when there is nothing to do, or a sync is under way.
    mutating func beginSync() -> Int? {
        guard underWay == 0, !waiting.isEmpty else { return nil }
        underWay = waiting.count
        return underWay
    }

    /// The latest write of the core that is durable now; nil when there was none among these. On an error they still
    /// wait.
    mutating func endSync() throws(StoreError) -> UInt64? {
        let writes = waiting.prefix(underWay)
        underWay = 0
        do {
            try store?.write(Array(writes))
        } catch {
            if case .full = error { throw error }
            undecided = Array(writes)
            throw error
        }
        var latest: UInt64?
        for write in writes {
            image.apply(write)
            if case .persist(let persist) = write { latest = persist.sequence }
        }
        waiting.removeFirst(writes.count)
        return latest
    }

    func tidy() throws(StoreError) { try store?.tidy() }

    // MARK: - Faults

    /// The process ends, and the machine with it unless `survival` is `cache`.
    /// - Parameter operations: how many operations of the write that is under way are done before; nil for none.
    mutating func crash(_ survival: SimulatedDisk.Survival, afterOperations operations: Int?) {
        if let operations, underWay > 0, undecided.isEmpty {
            undecided = Array(waiting.prefix(underWay))
            device.cutPower(afterOperations: operations)
            try? store?.write(undecided)
        }
        device.crash(survival) { store = nil }
        reset()
    }

    private mutating func reset() {
        waiting = []
        underWay = 0
        isKnownFull = false
        number += 1
    }

    mutating func setFull(_ isFull: Bool) { device.setRoom(isFull ? 0 : nil) }

    /// Fails a sync, 1 for the next one; 0 for none.
    mutating func failSync(_ number: Int) { device.failSync(number) }

    /// While a process runs: before its start it may not be decided what is there.
    mutating func makeCopy() {
        guard store != nil else { return }
        var files: [String: [UInt8]] = [:]
        for file in Self.files { files[file] = device[file] }
        copy = Copy(files: files, image: image)
    }

    /// An old copy takes its place. No process runs.
    mutating func putBack(_ copy: Copy, seed: UInt64) {
        replace(seed: seed)
        for (file, bytes) in copy.files { device[file] = bytes }
        image = copy.image
    }

    /// An empty one takes its place. No process runs.
    mutating func replace(seed: UInt64) {
        device = SimulatedDisk(seed: seed)
        image = Image()
        undecided = []
        copy = nil
        stalledUntil = 0
        reset()
    }
}

extension StoreError {
    /// What a disk that is full, or fails, may do to an honest store.
    var isOfTheDisk: Bool {
        switch self {
        case .full, .failed, .cannotOpen: true
        default: false
        }
    }
}
