// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A transaction as a message of a queue brings it: EOSIO-Taurus's `transaction_msg` (`amqp_trx_plugin`), a number for the
/// kind and the transaction packed in that kind's way (`transaction.hpp`).
public struct TransactionMessage: Hashable, Sendable {
    public enum ContextFreeData: Hashable, Sendable {
        /// Packed, and compressed like the transaction.
        case packed([UInt8])
        /// Neither; not empty.
        case segments([[UInt8]])
    }

    public var signatures: [Signature]
    public var compression: PackedTransaction.Compression
    public var contextFreeData: ContextFreeData
    /// Packed, compressed as `compression` says.
    public var transaction: [UInt8]

    /// The digest of `transaction`: tells the transaction as it is packed here from all others.
    public var packedDigest: Checksum256 { .sha256(transaction) }

    public init(
        signatures: [Signature], compression: PackedTransaction.Compression, contextFreeData: ContextFreeData,
        transaction: [UInt8]
    ) {
        self.signatures = signatures
        self.compression = compression
        self.contextFreeData = contextFreeData
        self.transaction = transaction
    }

    /// Reads a message. What follows the transaction is passed over, as Taurus does.
    public init(parsing bytes: [UInt8]) throws(MalformedBlock) {
        self = try ByteReader.read(bytes) { reader throws(MalformedBlock) in
            switch try reader.variant("kind of a message", alternatives: 2) {
            case 0: try Self.first(&reader)
            default: try Self.second(&reader)
            }
        }
    }

    /// `packed_transaction_v0`.
    private static func first(_ reader: inout ByteReader) throws(MalformedBlock) -> TransactionMessage {
        let signatures = try signatures(&reader)
        let compression = try compression(&reader)
        let data = Array(try reader.byteString("context-free data of a transaction"))
        return TransactionMessage(
            signatures: signatures, compression: compression, contextFreeData: .packed(data),
            transaction: Array(try reader.byteString("packed transaction")))
    }

    /// `packed_transaction`, whose signatures and context-free data may have been pruned. Without them it is worth nothing.
    private static func second(_ reader: inout ByteReader) throws(MalformedBlock) -> TransactionMessage {
        let compression = try compression(&reader)
        let start = reader.offset
        let kind = try reader.variant("kind of a transaction's prunable data", alternatives: 4)
        guard kind == 0 || kind == 3 else {
            throw reader.malformed("kind of a transaction's prunable data", .outOfRange(kind, limit: 0), at: start)
        }
        let signatures = try signatures(&reader)
        let data: ContextFreeData
        if kind == 0 {
            data = .packed(Array(try reader.byteString("context-free data of a transaction")))
        } else {
            let count = try reader.count("count of a transaction's context-free data", elementSize: 1)
            var segments: [[UInt8]] = []
            for _ in 0..<count { segments.append(Array(try reader.byteString("context-free data of a transaction"))) }
            data = segments.isEmpty ? .packed([]) : .segments(segments)
        }
        return TransactionMessage(
            signatures: signatures, compression: compression, contextFreeData: data,
            transaction: Array(try reader.byteString("packed transaction")))
    }

    private static func signatures(_ reader: inout ByteReader) throws(MalformedBlock) -> [Signature] {
        let count = try reader.count("count of a transaction's signatures", elementSize: 1 + 65)
        var signatures: [Signature] = []
        for _ in 0..<count { signatures.append(try Signature(from: &reader, "signature of a transaction")) }
        return signatures
    }

    private static func compression(
        _ reader: inout ByteReader
    ) throws(MalformedBlock) -> PackedTransaction.Compression {
        let start = reader.offset
        let code = try reader.integer(UInt8.self, "compression of a transaction")
        guard let compression = PackedTransaction.Compression(rawValue: code) else {
            throw reader.malformed("compression of a transaction", .outOfRange(UInt32(code), limit: 1), at: start)
        }
        return compression
    }
}
