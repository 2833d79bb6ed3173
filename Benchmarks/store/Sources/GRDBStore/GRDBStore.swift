import Foundation
import GRDB
import Store

/// The same schema, pragmas and statements as SQLiteStore, through GRDB.
public final class GRDBStore: Store {
    private let queue: DatabaseQueue

    public init(path: String, pragmas: String, schema: String, afterOpening: () throws -> Void) throws {
        var configuration = Configuration()
        // GRDB's own journalMode = .wal would set synchronous=NORMAL.
        configuration.prepareDatabase { try $0.execute(sql: pragmas) }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: schema) }
        try afterOpening()
    }

    public func write(_ entries: [Entry], peer: Peer, truncatingFrom: UInt64?, droppingBelow: UInt64?) throws {
        try queue.inTransaction(.immediate) { database in
            if let truncatingFrom {
                let truncate = try database.cachedStatement(sql: "DELETE FROM entry WHERE i >= ?")
                try truncate.execute(arguments: [Int64(truncatingFrom)])
            }
            let insert = try database.cachedStatement(sql: "INSERT INTO entry VALUES (?, ?, ?, ?, ?)")
            for entry in entries {
                try entry.payload.withUnsafeBytes { bytes in
                    let pointer = UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
                    let data = Data(bytesNoCopy: pointer, count: bytes.count, deallocator: .none)
                    // Arguments given here are bound without a copy; setArguments would copy the payload.
                    try insert.execute(arguments: [
                        Int64(entry.index), Int64(entry.term), Int64(entry.kind), Int64(entry.blockNumber), data,
                    ])
                }
            }
            if let droppingBelow {
                let drop = try database.cachedStatement(sql: "DELETE FROM entry WHERE i < ?")
                try drop.execute(arguments: [Int64(droppingBelow)])
            }
            let update = try database.cachedStatement(
                sql: "UPDATE peer SET term = ?, vote = ?, promise = ?, lastCommit = ? WHERE one = 1"
            )
            try update.execute(arguments: [
                Int64(peer.term), Int64(peer.vote), Int64(peer.promise), Int64(peer.commit),
            ])
            return .commit
        }
    }

    public func read(from index: UInt64, count: Int) throws -> [Entry] {
        try queue.writeWithoutTransaction { database in
            let select = try database.cachedStatement(
                sql: "SELECT i, term, kind, number, payload FROM entry WHERE i >= ? ORDER BY i LIMIT ?"
            )
            var entries: [Entry] = []
            let rows = try Row.fetchCursor(select, arguments: [Int64(index), count])
            while let row = try rows.next() {
                entries.append(
                    Entry(
                        index: UInt64(row[0] as Int64),
                        term: UInt64(row[1] as Int64),
                        kind: UInt8(row[2] as Int64),
                        blockNumber: UInt32(row[3] as Int64),
                        payload: try row.withUnsafeData(atIndex: 4) { [UInt8]($0!) }
                    )
                )
            }
            return entries
        }
    }

    public func scan(_ body: (UInt64, UInt64, UInt8, UInt32) -> Void) throws {
        try queue.writeWithoutTransaction { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT i, term, kind, number FROM entry ORDER BY i")
            while let row = try rows.next() {
                body(
                    UInt64(row[0] as Int64),
                    UInt64(row[1] as Int64),
                    UInt8(row[2] as Int64),
                    UInt32(row[3] as Int64)
                )
            }
        }
    }

    public func tidy() throws -> Bool { false }
    public func close() throws { try queue.close() }
}
