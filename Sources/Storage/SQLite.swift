// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CSQLite
import Glibc

/// One connection, used from one thread at a time.
final class Database {
    let path: String
    private var handle: OpaquePointer?
    private var statements: [Statement] = []
    /// Pages in the write-ahead log after the last commit.
    private(set) var logPages = 0
    /// The error after which nothing is known of what is on the disk. Nothing more is written then.
    private var lost: StoreError?
    private var begin, commit: Statement?

    /// - Parameter vfs: the name of a registered VFS; nil for the system's files.
    init(path: String, vfs: String? = nil) throws(StoreError) {
        self.path = path
        // SQLite takes a file of up to one byte for a new database and would delete the log of what was there.
        if let log = try File(path + "-wal", vfs: vfs, .write) {
            guard let database = try File(path, vfs: vfs, .read), try database.size() > 1 else {
                throw .damaged(path: path, reason: "it is empty or missing, but \(path)-wal is not")
            }
            // A process that was killed may have left what the system knows and the disk does not; whoever reads it
            // here counts on it from now on.
            try log.rewrite()
            // SQLite deletes the journal of a new database before it makes the log, but not durably. One that came back
            // would undo all that there is.
            try File.delete(path + "-journal", vfs: vfs)
        }
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        guard sqlite3_open_v2(path, &handle, flags, vfs) == SQLITE_OK else {
            let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            throw .cannotOpen(path: path, reason: reason)
        }
        var keep: CInt = 1
        sqlite3_file_control(handle, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
    }

    deinit {
        // Closing copies the log into the database and syncs. After a failed sync that would be a retry.
        if lost != nil { csqlite_close_without_checkpoint(handle) }
        for statement in statements { statement.finalize() }
        sqlite3_close_v2(handle)
    }

    func execute(_ sql: String) throws(StoreError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
    }

    /// A statement that lives as long as the connection.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        let statement = try compile(sql, SQLITE_PREPARE_PERSISTENT)
        statements.append(statement)
        return statement
    }

    /// Runs a statement that is not kept, and calls `body` for each row until it answers false.
    func query(_ sql: String, _ body: (Row) throws(StoreError) -> Bool) throws(StoreError) {
        let statement = try compile(sql, 0)
        defer { statement.finalize() }
        try statement.query([], body)
    }

    private func compile(_ sql: String, _ flags: CInt) throws(StoreError) -> Statement {
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, CUnsignedInt(flags), &pointer, nil)
        guard code == SQLITE_OK else {
            // Our SQL is sound: the tables are not those that this program made.
            if code == SQLITE_ERROR { throw .damaged(path: path, reason: String(cString: sqlite3_errmsg(handle))) }
            throw failure(sql)
        }
        return Statement(pointer, sql: sql, of: self)
    }

    /// Runs `body` as one transaction, durable when this returns. On an error nothing of it remains.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        if let lost { throw lost }
        // Kept, since compiling them takes longer than running them.
        if begin == nil { begin = try prepare("BEGIN IMMEDIATE") }
        if commit == nil { commit = try prepare("COMMIT") }
        try begin?.run([])
        do {
            try body()
            try commit?.run([])
        } catch {
            // After some errors SQLite has rolled back by itself, and says so here.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// Lets `logPages` follow the log, and leaves checkpoints to `checkpoint`.
    func watchLog() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                if let context { Unmanaged<Database>.fromOpaque(context).takeUnretainedValue().logPages = Int(pages) }
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Copies the write-ahead log into the database, so that the log is used from its start again.
    func checkpoint() throws(StoreError) {
        if let lost { throw lost }
        let code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK else { throw failure("checkpoint", writing: SQLITE_FCNTL_FILE_POINTER) }
        logPages = 0
    }

    /// What the last error means. Outside of checkpoints all writes go to the write-ahead log, SQLite's "journal".
    func failure(_ operation: String, writing file: CInt = SQLITE_FCNTL_JOURNAL_POINTER) -> StoreError {
        let reason = String(cString: sqlite3_errmsg(handle))
        let code = sqlite3_extended_errcode(handle)
        switch code & 0xFF {
        case SQLITE_FULL: return .full(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged(path: path, reason: reason)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: return .cannotOpen(path: path, reason: reason)
        case SQLITE_BUSY: return .inUse(directory: path)
        default:
            let number = lastErrno(file)
            // A quota that is used up is a full disk too, but not to SQLite. A failed sync is fatal whatever its cause.
            if code == Self.failedWrite && (number == EDQUOT || number == ENOSPC) { return .full(path: path) }
            let error = StoreError.failed(operation: operation, reason: "\(reason) (SQLite \(code), errno \(number))")
            lost = error
            return error
        }
    }

    /// SQLITE_IOERR_WRITE, a macro that Swift does not see.
    private static let failedWrite = SQLITE_IOERR | 3 << 8

    /// The errno of the call that last failed on the database's file or the write-ahead log.
    private func lastErrno(_ file: CInt) -> CInt {
        var found: UnsafeMutablePointer<sqlite3_file>?
        sqlite3_file_control(handle, nil, file, &found)
        var number: CInt = 0
        _ = found?.pointee.pMethods?.pointee.xFileControl?(found, SQLITE_FCNTL_LAST_ERRNO, &number)
        return number
    }
}

/// A prepared statement.
final class Statement {
    private let pointer: OpaquePointer?
    private let sql: String
    private unowned let database: Database

    fileprivate init(_ pointer: OpaquePointer?, sql: String, of database: Database) {
        self.pointer = pointer
        self.sql = sql
        self.database = database
    }

    fileprivate func finalize() { sqlite3_finalize(pointer) }

    /// Runs it with these values, and `blob` as the last one.
    func run(_ values: [Int64?], blob: [UInt8]? = nil) throws(StoreError) {
        defer {
            sqlite3_reset(pointer)
            sqlite3_clear_bindings(pointer)
        }
        try bind(values)
        let code: CInt
        if let blob {
            code = blob.withUnsafeBytes { bytes in
                let at = CInt(values.count + 1)
                // The bytes stay where they are until the statement is done. Without any there is no address either.
                let bound =
                    bytes.isEmpty
                    ? sqlite3_bind_zeroblob(pointer, at, 0)
                    : sqlite3_bind_blob64(pointer, at, bytes.baseAddress, sqlite3_uint64(bytes.count), nil)
                return bound == SQLITE_OK ? sqlite3_step(pointer) : bound
            }
        } else {
            code = sqlite3_step(pointer)
        }
        guard code == SQLITE_DONE else { throw database.failure(sql) }
    }

    /// Calls `body` for each row until it answers false.
    func query(_ values: [Int64?], _ body: (Row) throws(StoreError) -> Bool) throws(StoreError) {
        defer {
            sqlite3_reset(pointer)
            sqlite3_clear_bindings(pointer)
        }
        try bind(values)
        while true {
            switch sqlite3_step(pointer) {
            case SQLITE_DONE: return
            case SQLITE_ROW: if try !body(Row(pointer: pointer)) { return }
            default: throw database.failure(sql)
            }
        }
    }

    private func bind(_ values: [Int64?]) throws(StoreError) {
        for (at, value) in values.enumerated() {
            let at = CInt(at + 1)
            let code = value.map { sqlite3_bind_int64(pointer, at, $0) } ?? sqlite3_bind_null(pointer, at)
            guard code == SQLITE_OK else { throw database.failure(sql) }
        }
    }
}

/// The current row of a query, columns counted from 0.
struct Row {
    fileprivate let pointer: OpaquePointer?

    /// The bits of a number, as `Int64(bitPattern:)` wrote them.
    func number(_ column: CInt) -> UInt64 { UInt64(bitPattern: sqlite3_column_int64(pointer, column)) }

    func signed(_ column: CInt) -> Int64? {
        sqlite3_column_type(pointer, column) == SQLITE_NULL ? nil : sqlite3_column_int64(pointer, column)
    }

    func text(_ column: CInt) -> String { sqlite3_column_text(pointer, column).map { String(cString: $0) } ?? "" }

    func blob(_ column: CInt) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(pointer, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(pointer, column))))
    }

    /// The checksum of these columns, all of them numbers.
    func checksum(_ columns: Range<CInt>) -> Int64 {
        var sum = Checksum()
        for column in columns { sum.add(signed(column)) }
        return sum.value
    }
}
