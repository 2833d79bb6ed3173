// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

/// The shape of a group, which is fixed once it has run.
public struct GroupShape: Hashable, Sendable {
    public var id: PeerID
    public var peers: [PeerID]
    public var quorum: Int

    public init(id: PeerID, peers: [PeerID], quorum: Int) {
        self.id = id
        self.peers = peers.sorted()
        self.quorum = quorum
    }
}

/// What this peer alone remembers of its configuration file: the flag that says whether the region is active.
public struct FlagRecord: Hashable, Sendable {
    /// The value that was last read; nil before the first start.
    public var lastRead: Bool?
    /// An edit of the file, and the region's epoch when it was noticed.
    public var edit: Edit?

    public struct Edit: Hashable, Sendable {
        public var isActive: Bool
        public var epoch: UInt64

        public init(isActive: Bool, epoch: UInt64) {
            self.isActive = isActive
            self.epoch = epoch
        }
    }

    public init(lastRead: Bool? = nil, edit: Edit? = nil) {
        self.lastRead = lastRead
        self.edit = edit
    }
}

/// An entry without its payload, and the first bytes of that.
public struct EntryOutline: Sendable {
    public var entry: Entry
    public var size: Int
    public var height: UInt32?
}

/// The durable data of one peer. Used from one thread at a time.
public final class Store {
    /// Pages of the write-ahead log after which it is copied into the database: at leisure, and at the latest. That many
    /// take about 5 and 25 ms (Benchmarks/store/README.md).
    private static let leisurelyCheckpoint = 250
    private static let urgentCheckpoint = 1_000
    /// Pages per write from which on most are pages of payloads, each of which a checkpoint copies.
    private static let pagesOfLargeWrite = 16
    /// Entries and their bytes dropped with each write beyond as much as it adds, so that a long log is dropped in pieces.
    private static let droppedAtOnce = 256
    private static let droppedBytesAtOnce = 1 << 20

    /// Locked as long as the store is open; nil for a store on a VFS of its own.
    private let directory: DataDirectory?
    let database: Database
    private let insert, truncate, drop, droppable, setPeer, setSnapshot: Statement
    let select, outline: Statement
    var peer: PeerRow
    /// The oldest entry that may still take room; what lies at or below the base is not part of the log any more.
    private var oldest: LogIndex
    /// No entry lies above it.
    private var newest: LogIndex
    /// Where the next checkpoint is due after one that found the disk full.
    private var postponedCheckpoint = 0
    private var writesSinceCheckpoint = 0
    private var wasFull = false

    /// Opens the data in `directory`, or makes it. The data of a group of another shape is refused.
    /// - Parameter format: that of this version; another one only for tests of how versions follow each other.
    public convenience init(
        directory: DataDirectory, shape: GroupShape, format: Int = Store.currentFormat
    ) throws(StoreError) {
        try self.init(try Database(path: directory.databasePath), directory, shape, format: format)
    }

    /// Opens or makes the data on a registered VFS of SQLite, without a lock of its own: for tests.
    package convenience init(path: String, vfs: String, shape: GroupShape) throws(StoreError) {
        try self.init(try Database(path: path, vfs: vfs), nil, shape)
    }

    /// Opens a copy of the data of a peer that does not run, for reading; the data itself stays as it is. What is damaged in
    /// it is found when it is read.
    public convenience init(copyOf directory: String) throws(StoreError) {
        let copy = try StoreCopy(of: directory)
        try self.init(try Database(path: copy.databasePath), nil, nil)
        // The files are open, and nobody else needs them.
        copy.remove()
    }

    private init(
        _ database: Database, _ directory: DataDirectory?, _ shape: GroupShape?, format: Int = Store.currentFormat
    ) throws(StoreError) {
        self.directory = directory
        self.database = database
        try database.execute(
            """
            PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-1024;
            PRAGMA secure_delete=OFF;
            """)
        var mode = ""
        try database.query("PRAGMA journal_mode=WAL") { row in
            mode = row.text(0)
            return true
        }
        guard mode == "wal" else { throw .cannotOpen(path: database.path, reason: "it has no write-ahead log") }
        try database.execute(
            "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=-1;")
        try Self.makeTables(database, format: format)
        let peer: PeerRow
        if let shape {
            peer = try PeerRow(database)
            try Self.check(shape, database)
        } else {
            // Only for reading: the log may be sound although this row is not.
            peer = (try? PeerRow(database)) ?? PeerRow()
        }
        var (oldest, newest) = (peer.base.index + 1, peer.base.index)
        try database.query("SELECT MIN(i), MAX(i) FROM entry") { row in
            if row.signed(0) != nil { (oldest, newest) = (row.number(0), row.number(1)) }
            return false
        }
        self.peer = peer
        self.oldest = oldest
        self.newest = newest
        insert = try database.prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        truncate = try database.prepare("DELETE FROM entry WHERE i >= ?1")
        drop = try database.prepare("DELETE FROM entry WHERE i <= ?1")
        droppable = try database.prepare("SELECT i, size FROM entry WHERE i <= ?1 ORDER BY i LIMIT ?2")
        let head = "SELECT \(Self.outlineColumns)"
        let range = "FROM entry WHERE i BETWEEN ?1 AND ?2 ORDER BY i"
        select = try database.prepare("\(head), payload \(range)")
        // A payload of which nothing is wanted is not even read.
        outline = try database.prepare("\(head), CASE ?3 WHEN 0 THEN x'' ELSE substr(payload, 1, ?3) END \(range)")
        setPeer = try database.prepare(
            """
            UPDATE peer SET term = ?1, vote = ?2, promise_ns = ?3, votes_from = ?4, commit_index = ?5, base_index = ?6,
            base_term = ?7, flag = ?8, edit_flag = ?9, edit_epoch = ?10, writes = ?11, sum = ?12
            """)
        setSnapshot = try database.prepare("INSERT OR REPLACE INTO snapshot VALUES (1, ?1, ?2, ?3, ?4, ?5)")
        database.watchLog()
        // The log's end may hold part of a transaction that failed. Behind it the next one would be written in the same
        // place, and if that fails, too, the rest of one may complete the other. After a checkpoint the log begins anew.
        try checkpoint(at: 0)
    }

    /// All but the payload; the last is the checksum of those before it.
    static let outlineColumns = "i, term, kind, height, size, payload_sum, commit_index, writes, sum"

    /// One thing to write.
    public enum Write: Sendable {
        case persist(Persist)
        /// A snapshot of this peer's own, and up to where entries may be dropped.
        case keep(Snapshot, dropThrough: LogIndex, droppedTerm: Term)
        case flag(FlagRecord)
        /// Entries up to this index, all of which were written before, are known to be committed. The core's own writes carry
        /// it along; this is for what must be remembered although nothing else is written for long.
        case commit(LogIndex)
    }

    /// Writes all of these in order, as one transaction with one sync. Durable when it returns; on an error nothing is.
    public func write(_ writes: [Write]) throws(StoreError) {
        // On a full disk there may be room in the database where there is none for a longer log.
        try checkpoint(at: wasFull ? 1 : max(Self.urgentCheckpoint, postponedCheckpoint))
        let before = (peer, oldest, newest)
        do {
            try database.transaction { () throws(StoreError) in
                var (added, addedBytes) = (0, 0)
                var last: HardState?
                for write in writes {
                    switch write {
                    case .persist(let persist):
                        try self.write(persist)
                        peer.state = persist.hardState
                        if !persist.entries.isEmpty { last = persist.hardState }
                        added += persist.entries.count
                        addedBytes += persist.entries.reduce(0) { $0 + $1.payload.count }
                    case .keep(let snapshot, let dropThrough, let term):
                        try save(snapshot)
                        if dropThrough > peer.base.index { peer.base = (dropThrough, term) }
                    case .flag(let record): peer.flag = record
                    case .commit(let index): peer.state.commit = max(peer.state.commit, index)
                    }
                }
                if !peer.isTold(by: before.0, and: last) {
                    let values = peer.values
                    try setPeer.run(values + [Checksum.of(values)])
                }
                try dropSome(
                    atMost: added + Self.droppedAtOnce, bytes: addedBytes + Self.droppedBytesAtOnce)
            }
            wasFull = false
            writesSinceCheckpoint += 1
        } catch {
            (peer, oldest, newest) = before
            if case .full = error { wasFull = true }
            throw error
        }
    }

    private func write(_ persist: Persist) throws(StoreError) {
        if let snapshot = persist.snapshot {
            // What lies below is dropped in pieces.
            try cut(from: snapshot.index + 1)
            try save(snapshot)
            peer.base = (snapshot.index, snapshot.term)
        }
        if let first = persist.entries.first { try cut(from: first.index) }
        for entry in persist.entries {
            let values: [Int64?] = [
                Int64(bitPattern: entry.index), Int64(bitPattern: entry.term), Int64(entry.kind.rawValue),
                entry.blockHeight.map { Int64($0) }, Int64(entry.payload.count), Checksum.of(entry.payload),
                Int64(bitPattern: persist.hardState.commit), Int64(bitPattern: persist.hardState.writes),
            ]
            try insert.run(values + [Checksum.of(values)], blob: entry.payload)
            newest = entry.index
        }
    }

    private func cut(from first: LogIndex) throws(StoreError) {
        guard first <= newest else { return }
        try truncate.run([Int64(bitPattern: first)])
        newest = first - 1
    }

    private func save(_ snapshot: Snapshot) throws(StoreError) {
        let values: [Int64?] = [
            Int64(bitPattern: snapshot.index), Int64(bitPattern: snapshot.term), Checksum.of(snapshot.state),
        ]
        try setSnapshot.run(values + [Checksum.of(values)], blob: snapshot.state)
    }

    private func dropSome(atMost limit: Int, bytes: Int) throws(StoreError) {
        guard oldest <= peer.base.index else { return }
        var through = peer.base.index
        var (count, size) = (0, 0)
        try droppable.query([Int64(bitPattern: peer.base.index), Int64(limit)]) { row in
            count += 1
            size += Int(clamping: row.number(1))
            guard count < limit, size < bytes else {
                through = row.number(0)
                return false
            }
            return true
        }
        try drop.run([Int64(bitPattern: through)])
        oldest = through + 1
    }

    /// Does what need not be done within a write; to be called when there is nothing else to do.
    public func tidy() throws(StoreError) { try checkpoint(at: max(Self.leisurelyCheckpoint, postponedCheckpoint)) }

    /// Whether `tidy` would do anything, and how soon it should.
    var tidying: Tidying {
        let pages = database.logPages
        guard pages >= max(Self.leisurelyCheckpoint, postponedCheckpoint) else { return .none }
        return pages >= writesSinceCheckpoint * Self.pagesOfLargeWrite ? .now : .atLeisure
    }

    enum Tidying {
        case none
        /// Most of the log's pages are the same few, over and over, so that it costs little even when it becomes urgent. A write
        /// that came meanwhile would wait for it.
        case atLeisure
        case now
    }

    /// Copies the write-ahead log into the database once it has this many pages. Where a full disk prevents that, all is
    /// still in the log, which goes on growing until a write finds no room either.
    private func checkpoint(at pages: Int) throws(StoreError) {
        guard database.logPages >= pages else { return }
        do {
            try database.checkpoint()
            (postponedCheckpoint, writesSinceCheckpoint) = (0, 0)
        } catch {
            guard case .full = error else { throw error }
            postponedCheckpoint = database.logPages + Self.urgentCheckpoint
        }
    }
}
