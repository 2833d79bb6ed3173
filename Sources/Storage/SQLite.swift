import CSQLite

/// One connection, used from one thread at a time.
final class Database {
    let path: String
    private var handle: OpaquePointer?
    private var statements: [Statement] = []
    /// Pages in the write-ahead log after the last commit.
    private(set) var logPages = 0

    init(path: String, readOnly: Bool = false) throws(StoreError) {
        self.path = path
        let access = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK else {
            let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close(handle)
            throw .cannotOpen(path: path, reason: reason)
        }
        var keep: CInt = 1
        sqlite3_file_control(handle, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
    }

    deinit {
        for statement in statements { statement.finalize() }
        sqlite3_close_v2(handle)
    }

    func execute(_ sql: String) throws(StoreError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
    }

    /// A statement that lives as long as the connection.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        var pointer: OpaquePointer?
        let flags = CUnsignedInt(SQLITE_PREPARE_PERSISTENT)
        guard sqlite3_prepare_v3(handle, sql, -1, flags, &pointer, nil) == SQLITE_OK else { throw failure(sql) }
        let statement = Statement(pointer, sql: sql, of: self)
        statements.append(statement)
        return statement
    }

    /// Runs `body` as one transaction, durable when this returns. On an error nothing of it remains.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try execute("BEGIN IMMEDIATE")
        do {
            try body()
            try execute("COMMIT")
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
        let code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK else { throw failure("checkpoint") }
        logPages = 0
    }

    func failure(_ operation: String) -> StoreError {
        let reason = String(cString: sqlite3_errmsg(handle))
        switch sqlite3_errcode(handle) & 0xFF {
        case SQLITE_FULL: return .full(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged(path: path, reason: reason)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: return .cannotOpen(path: path, reason: reason)
        default:
            let code = sqlite3_extended_errcode(handle)
            let system = sqlite3_system_errno(handle)
            return .failed(operation: operation, reason: "\(reason) (SQLite \(code), errno \(system))")
        }
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
        bind(values)
        let code: CInt
        if let blob {
            code = blob.withUnsafeBytes { bytes in
                let at = CInt(values.count + 1)
                // The bytes stay where they are until the statement is done.
                if bytes.isEmpty {
                    sqlite3_bind_zeroblob(pointer, at, 0)
                } else {
                    sqlite3_bind_blob64(pointer, at, bytes.baseAddress, sqlite3_uint64(bytes.count), nil)
                }
                defer { sqlite3_clear_bindings(pointer) }
                return sqlite3_step(pointer)
            }
        } else {
            code = sqlite3_step(pointer)
        }
        let error = code == SQLITE_DONE || code == SQLITE_ROW ? nil : database.failure(sql)
        sqlite3_reset(pointer)
        if let error { throw error }
    }

    /// Calls `body` for each row until it answers false.
    func query(_ values: [Int64?], _ body: (Row) -> Bool) throws(StoreError) {
        bind(values)
        defer { sqlite3_reset(pointer) }
        while true {
            switch sqlite3_step(pointer) {
            case SQLITE_DONE: return
            case SQLITE_ROW: if !body(Row(pointer: pointer)) { return }
            default: throw database.failure(sql)
            }
        }
    }

    private func bind(_ values: [Int64?]) {
        for (at, value) in values.enumerated() {
            if let value {
                sqlite3_bind_int64(pointer, CInt(at + 1), value)
            } else {
                sqlite3_bind_null(pointer, CInt(at + 1))
            }
        }
    }
}

/// The current row of a query, columns counted from 0.
struct Row {
    fileprivate let pointer: OpaquePointer?

    func number(_ column: CInt) -> UInt64 { UInt64(bitPattern: sqlite3_column_int64(pointer, column)) }

    func signed(_ column: CInt) -> Int64? {
        sqlite3_column_type(pointer, column) == SQLITE_NULL ? nil : sqlite3_column_int64(pointer, column)
    }

    func blob(_ column: CInt) -> [UInt8] {
        let bytes = sqlite3_column_blob(pointer, column)
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(pointer, column))))
    }
}
