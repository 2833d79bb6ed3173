import CSQLite
import Glibc
import Store

public struct SQLiteSettings: Sendable {
    public var pageSize = 4096
    /// Pages in the write-ahead log after which SQLite checkpoints within a commit; 0: only `tidy` does.
    public var autocheckpoint = 1000
    /// With `autocheckpoint` 0: pages after which `tidy` checkpoints.
    public var tidyAfter = 2000
    public var exclusive = true
    public var secureDelete = false
    /// The write-ahead log is filled with zeros up to this many bytes when opened, so that it need not grow.
    public var prezeroed = 0

    public init() {}

    public init(_ change: (inout SQLiteSettings) -> Void) {
        change(&self)
    }

    public var pragmas: String {
        """
        PRAGMA page_size=\(pageSize); PRAGMA locking_mode=\(exclusive ? "EXCLUSIVE" : "NORMAL");
        PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=\(autocheckpoint);
        PRAGMA journal_size_limit=-1; PRAGMA secure_delete=\(secureDelete ? "ON" : "OFF");
        """
    }

    public static let schema = """
        CREATE TABLE IF NOT EXISTS entry (
            i INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL,
            payload BLOB NOT NULL
        );
        CREATE TABLE IF NOT EXISTS peer (
            one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER, vote INTEGER, promise INTEGER, lastCommit INTEGER
        );
        INSERT OR IGNORE INTO peer VALUES (1, 0, 0, 0, 0);
        """

    /// Zeros behind the end of the write-ahead log harm nothing: SQLite goes by frames with valid checksums.
    /// Locks of this process are on the database file, not on this one, so closing it here drops none.
    public static func fillWithZeros(_ path: String, upTo size: Int) throws {
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw StoreError("open \(path): \(errno)") }
        defer { close(descriptor) }
        var position = Int(lseek(descriptor, 0, SEEK_END))
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        while position < size {
            let written = pwrite(descriptor, zeros, min(zeros.count, size - position), position)
            guard written > 0 else { throw StoreError("write \(path): \(errno)") }
            position += written
        }
        guard fsync(descriptor) == 0 else { throw StoreError("fsync \(path): \(errno)") }
    }
}

public final class SQLiteStore: Store {
    private let settings: SQLiteSettings
    private var database: OpaquePointer?
    private var statements: [OpaquePointer?] = []
    private let begin, commit, rollback, insert, update, truncate, drop, select, scanAll: OpaquePointer?
    private var pages = 0

    public init(path: String, settings: SQLiteSettings) throws {
        self.settings = settings
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        guard sqlite3_open_v2(path, &handle, flags, nil) == SQLITE_OK else { throw StoreError("open \(path)") }
        var keep: CInt = 1
        sqlite3_file_control(handle, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
        guard sqlite3_exec(handle, settings.pragmas + SQLiteSettings.schema, nil, nil, nil) == SQLITE_OK else {
            throw StoreError("setting up: \(String(cString: sqlite3_errmsg(handle)))")
        }
        if settings.prezeroed > 0 {
            try SQLiteSettings.fillWithZeros(path + "-wal", upTo: settings.prezeroed)
        }
        func prepare(_ sql: String) throws -> OpaquePointer? {
            var statement: OpaquePointer?
            let flags = CUnsignedInt(SQLITE_PREPARE_PERSISTENT)
            guard sqlite3_prepare_v3(handle, sql, -1, flags, &statement, nil) == SQLITE_OK else {
                throw StoreError("\(sql): \(String(cString: sqlite3_errmsg(handle)))")
            }
            return statement
        }
        begin = try prepare("BEGIN IMMEDIATE")
        commit = try prepare("COMMIT")
        rollback = try prepare("ROLLBACK")
        insert = try prepare("INSERT INTO entry VALUES (?, ?, ?, ?, ?)")
        update = try prepare("UPDATE peer SET term = ?, vote = ?, promise = ?, lastCommit = ? WHERE one = 1")
        truncate = try prepare("DELETE FROM entry WHERE i >= ?")
        drop = try prepare("DELETE FROM entry WHERE i < ?")
        select = try prepare("SELECT i, term, kind, number, payload FROM entry WHERE i >= ? ORDER BY i LIMIT ?")
        scanAll = try prepare("SELECT i, term, kind, number FROM entry ORDER BY i")
        statements = [begin, commit, rollback, insert, update, truncate, drop, select, scanAll]
        database = handle
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                Unmanaged<SQLiteStore>.fromOpaque(context!).takeUnretainedValue().pages = Int(pages)
                return SQLITE_OK
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
        // The hook above took the place of SQLite's own, which is what checkpoints.
        if settings.autocheckpoint > 0 { sqlite3_wal_autocheckpoint(handle, CInt(settings.autocheckpoint)) }
    }

    private func failure() -> StoreError {
        let text = String(cString: sqlite3_errmsg(database))
        return StoreError("\(text) (\(sqlite3_extended_errcode(database)), errno \(sqlite3_system_errno(database)))")
    }

    private func run(_ statement: OpaquePointer?, _ values: UInt64...) throws {
        for (position, value) in values.enumerated() {
            sqlite3_bind_int64(statement, CInt(position + 1), Int64(bitPattern: value))
        }
        let code = sqlite3_step(statement)
        guard code == SQLITE_DONE else {
            let error = failure()
            sqlite3_reset(statement)
            throw error
        }
        sqlite3_reset(statement)
    }

    public func write(_ entries: [Entry], peer: Peer, truncatingFrom: UInt64?, droppingBelow: UInt64?) throws {
        try run(begin)
        do {
            if let truncatingFrom { try run(truncate, truncatingFrom) }
            for entry in entries {
                try entry.payload.withUnsafeBytes { bytes in
                    // Static: the bytes stay where they are until the statement is reset.
                    sqlite3_bind_blob(insert, 5, bytes.baseAddress, CInt(bytes.count), nil)
                    try run(insert, entry.index, entry.term, UInt64(entry.kind), UInt64(entry.blockNumber))
                }
            }
            if let droppingBelow { try run(drop, droppingBelow) }
            try run(update, peer.term, peer.vote, peer.promise, peer.commit)
            try run(commit)
        } catch {
            try? run(rollback)
            throw error
        }
    }

    public func read(from index: UInt64, count: Int) throws -> [Entry] {
        sqlite3_bind_int64(select, 1, Int64(index))
        sqlite3_bind_int64(select, 2, Int64(count))
        defer { sqlite3_reset(select) }
        var entries: [Entry] = []
        while true {
            switch sqlite3_step(select) {
            case SQLITE_DONE: return entries
            case SQLITE_ROW:
                let bytes = UnsafeRawBufferPointer(
                    start: sqlite3_column_blob(select, 4),
                    count: Int(sqlite3_column_bytes(select, 4))
                )
                entries.append(
                    Entry(
                        index: UInt64(sqlite3_column_int64(select, 0)),
                        term: UInt64(sqlite3_column_int64(select, 1)),
                        kind: UInt8(sqlite3_column_int64(select, 2)),
                        blockNumber: UInt32(sqlite3_column_int64(select, 3)),
                        payload: [UInt8](bytes)
                    )
                )
            default: throw failure()
            }
        }
    }

    public func scan(_ body: (UInt64, UInt64, UInt8, UInt32) -> Void) throws {
        defer { sqlite3_reset(scanAll) }
        while true {
            switch sqlite3_step(scanAll) {
            case SQLITE_DONE: return
            case SQLITE_ROW:
                body(
                    UInt64(sqlite3_column_int64(scanAll, 0)),
                    UInt64(sqlite3_column_int64(scanAll, 1)),
                    UInt8(sqlite3_column_int64(scanAll, 2)),
                    UInt32(sqlite3_column_int64(scanAll, 3))
                )
            default: throw failure()
            }
        }
    }

    public func tidy() throws -> Bool {
        guard settings.autocheckpoint == 0, pages >= settings.tidyAfter else { return false }
        let code = sqlite3_wal_checkpoint_v2(database, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK else { throw failure() }
        pages = 0
        return true
    }

    public func close() throws {
        for statement in statements { sqlite3_finalize(statement) }
        guard sqlite3_close(database) == SQLITE_OK else { throw failure() }
    }
}
