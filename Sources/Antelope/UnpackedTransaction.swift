// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What of a transaction tells which one it is and how long it is good (`transaction.hpp`).
public struct UnpackedTransaction: Hashable, Sendable {
    /// The digest of the transaction as nodeos packs it. The bytes that a wallet sent may be others: nodeos passes over
    /// what follows the transaction, and over numbers that are longer than need be.
    public let id: TransactionID
    /// The last second, since 1970, of a block that may hold it.
    public let expiration: UInt32

    public init(id: TransactionID, expiration: UInt32) {
        self.id = id
        self.expiration = expiration
    }

    /// Reads a packed transaction, not compressed. nil when the bytes end too early or hold more than nodeos takes.
    public init?(unpacking bytes: ArraySlice<UInt8>) {
        let read = bytes.withUnsafeBytes { bytes -> (UInt32, TransactionID)? in
            var packer = Repacker(bytes)
            guard let expiration = try? packer.transaction() else { return nil }
            return (expiration, .sha256(packer.packed))
        }
        guard let read else { return nil }
        (expiration, id) = read
    }
}

/// Reads a transaction and packs it again, in the one way in which nodeos does.
private struct Repacker {
    private var reader: ByteReader
    private(set) var packed: [UInt8] = []

    init(_ bytes: UnsafeRawBufferPointer) {
        reader = ByteReader(bytes)
        packed.reserveCapacity(bytes.count)
    }

    /// Returns the expiration.
    mutating func transaction() throws(MalformedBlock) -> UInt32 {
        let expiration = try reader.integer(UInt32.self, "expiration of a transaction")
        packed.append(littleEndian: expiration)
        // Number and prefix of the block that it refers to.
        try copy(2 + 4)
        _ = try number()  // max_net_usage_words
        try copy(1)  // max_cpu_usage_ms
        _ = try number()  // delay_sec
        try list(Self.action)  // context_free_actions
        try list(Self.action)  // actions
        try list { packer throws(MalformedBlock) in  // transaction_extensions
            try packer.copy(2)
            try packer.byteString()
        }
        return expiration
    }

    private static func action(_ packer: inout Repacker) throws(MalformedBlock) {
        // Account and name.
        try packer.copy(8 + 8)
        try packer.list { packer throws(MalformedBlock) in try packer.copy(8 + 8) }
        try packer.byteString()
    }

    private mutating func list(
        _ element: (inout Repacker) throws(MalformedBlock) -> Void
    ) throws(MalformedBlock) {
        let count = try number()
        guard count <= ChainLimits.listCount else {
            throw reader.malformed("list of a transaction", .outOfRange(count, limit: ChainLimits.listCount))
        }
        for _ in 0..<count { try element(&self) }
    }

    private mutating func byteString() throws(MalformedBlock) {
        let length = try number()
        guard length <= ChainLimits.byteStringSize else {
            throw reader.malformed("data of a transaction", .outOfRange(length, limit: ChainLimits.byteStringSize))
        }
        try copy(Int(length))
    }

    private mutating func copy(_ count: Int) throws(MalformedBlock) {
        packed.append(contentsOf: try reader.take(count, "transaction"))
    }

    /// A varuint32 as fc reads it: up to five bytes, whatever they say, and what goes beyond 32 bits is lost.
    private mutating func number() throws(MalformedBlock) -> UInt32 {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        var byte: UInt8
        repeat {
            byte = try reader.integer(UInt8.self, "number in a transaction")
            value |= UInt32(byte & 0x7f) << shift
            shift += 7
        } while byte & 0x80 != 0 && shift < 32
        packed.append(varuint32: value)
        return value
    }
}
