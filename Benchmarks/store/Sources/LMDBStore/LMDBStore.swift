import CLMDB
import Store

/// Key: the index; the row is key 0. Value: term, kind and block number, payload.
public final class LMDBStore: Store {
    private var environment: OpaquePointer?
    private var table: MDB_dbi = 0
    private var value: [UInt8] = []

    /// `path` is a directory that exists.
    public init(path: String) throws {
        try check(mdb_env_create(&environment))
        try check(mdb_env_set_mapsize(environment, 32 << 30))
        try check(mdb_env_open(environment, path, 0, 0o600))
        var transaction: OpaquePointer?
        try check(mdb_txn_begin(environment, nil, 0, &transaction))
        try check(mdb_dbi_open(transaction, nil, CUnsignedInt(MDB_INTEGERKEY), &table))
        try check(mdb_txn_commit(transaction))
    }

    private func check(_ code: CInt) throws {
        guard code == 0 else { throw StoreError("\(String(cString: mdb_strerror(code))) (\(code))") }
    }

    private func put(_ transaction: OpaquePointer?, _ key: UInt64, append: Bool) throws {
        var key = key
        try withUnsafeMutableBytes(of: &key) { keyBytes in
            var mdbKey = MDB_val(mv_size: 8, mv_data: keyBytes.baseAddress)
            try value.withUnsafeMutableBytes { bytes in
                var mdbValue = MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
                try check(mdb_put(transaction, table, &mdbKey, &mdbValue, append ? CUnsignedInt(MDB_APPEND) : 0))
            }
        }
    }

    private func add(_ number: UInt64) {
        withUnsafeBytes(of: number) { value.append(contentsOf: $0) }
    }

    /// Visits entries from `index` on until `body` says no.
    private func visit(
        _ transaction: OpaquePointer?,
        from index: UInt64,
        _ body: (OpaquePointer?, UInt64, UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        var cursor: OpaquePointer?
        try check(mdb_cursor_open(transaction, table, &cursor))
        defer { mdb_cursor_close(cursor) }
        var start = index
        try withUnsafeMutableBytes(of: &start) { startBytes in
            var key = MDB_val(mv_size: 8, mv_data: startBytes.baseAddress)
            var found = MDB_val()
            var code = mdb_cursor_get(cursor, &key, &found, MDB_SET_RANGE)
            while code == 0 {
                let bytes = UnsafeRawBufferPointer(start: found.mv_data, count: found.mv_size)
                guard try body(cursor, key.mv_data.loadUnaligned(as: UInt64.self), bytes) else { return }
                code = mdb_cursor_get(cursor, &key, &found, MDB_NEXT)
            }
            if code != MDB_NOTFOUND { try check(code) }
        }
    }

    public func write(_ entries: [Entry], peer: Peer, truncatingFrom: UInt64?, droppingBelow: UInt64?) throws {
        var transaction: OpaquePointer?
        try check(mdb_txn_begin(environment, nil, 0, &transaction))
        if let truncatingFrom {
            try visit(transaction, from: truncatingFrom) { cursor, _, _ in
                try check(mdb_cursor_del(cursor, 0))
                return true
            }
        }
        for entry in entries {
            value.removeAll(keepingCapacity: true)
            add(entry.term)
            add(UInt64(entry.kind) << 32 | UInt64(entry.blockNumber))
            value.append(contentsOf: entry.payload)
            try put(transaction, entry.index, append: true)
        }
        if let droppingBelow {
            try visit(transaction, from: 1) { cursor, index, _ in
                guard index < droppingBelow else { return false }
                try check(mdb_cursor_del(cursor, 0))
                return true
            }
        }
        value.removeAll(keepingCapacity: true)
        for number in [peer.term, peer.vote, peer.promise, peer.commit] { add(number) }
        try put(transaction, 0, append: false)
        try check(mdb_txn_commit(transaction))
    }

    public func read(from index: UInt64, count: Int) throws -> [Entry] {
        var entries: [Entry] = []
        try reading(from: index) { index, bytes in
            let packed = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            entries.append(
                Entry(
                    index: index,
                    term: bytes.loadUnaligned(as: UInt64.self),
                    kind: UInt8(packed >> 32),
                    blockNumber: UInt32(truncatingIfNeeded: packed),
                    payload: [UInt8](bytes[16...])
                )
            )
            return entries.count < count
        }
        return entries
    }

    public func scan(_ body: (UInt64, UInt64, UInt8, UInt32) -> Void) throws {
        try reading(from: 1) { index, bytes in
            let packed = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            body(index, bytes.loadUnaligned(as: UInt64.self), UInt8(packed >> 32), UInt32(truncatingIfNeeded: packed))
            return true
        }
    }

    private func reading(from index: UInt64, _ body: (UInt64, UnsafeRawBufferPointer) -> Bool) throws {
        var transaction: OpaquePointer?
        try check(mdb_txn_begin(environment, nil, CUnsignedInt(MDB_RDONLY), &transaction))
        defer { mdb_txn_abort(transaction) }
        try visit(transaction, from: index) { _, index, bytes in body(index, bytes) }
    }

    public func tidy() throws -> Bool { false }
    public func close() throws { mdb_env_close(environment) }
}
