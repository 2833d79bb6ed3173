// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A signature over a block or a transaction, packed (`signature.hpp`).
public struct Signature: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case k1 = 0
        case r1 = 1
        case webAuthn = 2
    }

    public let kind: Kind
    /// What follows the kind. K1 and R1: 65 bytes. WebAuthn: 65 bytes, then authenticator data and client JSON, each
    /// with its length before it.
    public let bytes: [UInt8]

    /// Sixty-five zero bytes: the signature of nobody.
    public static let zero = Signature(kind: .k1, bytes: [UInt8](repeating: 0, count: 65))

    /// A K1 signature in the chain's compact form: recovery id + 31, then r and s. nil unless there are 65 bytes.
    public init?(k1 bytes: [UInt8]) {
        guard bytes.count == 65 else { return nil }
        self.init(kind: .k1, bytes: bytes)
    }

    /// The kind, then `bytes`: as it stands in a block.
    public var packed: [UInt8] {
        [kind.rawValue] + bytes
    }

    private init(kind: Kind, bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    init(from reader: inout ByteReader, _ what: StaticString) throws(MalformedBlock) {
        let kind = try Self.skip(&reader, what)
        self.init(kind: kind.value, bytes: Array(reader.bytesRead(since: kind.end)))
    }

    /// Reads past a signature. `end` is where its kind ends and the rest starts.
    @discardableResult
    static func skip(
        _ reader: inout ByteReader, _ what: StaticString
    ) throws(MalformedBlock) -> (value: Kind, end: Int) {
        let start = reader.offset
        let index = try reader.variant(what, alternatives: UInt32(Kind.allCases.count))
        guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: index)) else {
            throw reader.malformed(what, .outOfRange(index, limit: 2), at: start)
        }
        let end = reader.offset
        try reader.take(65, what)
        if kind == .webAuthn {
            try reader.byteString(what)
            try reader.byteString(what)
        }
        return (kind, end)
    }
}

/// What a block says about one transaction: how it went, and which one it was (`block.hpp`). Ranges are positions in
/// `SignedBlock.bytes`.
public struct TransactionReceipt: Hashable, Sendable {
    public enum Status: UInt8, Hashable, Sendable, CaseIterable {
        case executed = 0
        /// Failed, and its error handler ran instead.
        case softFail = 1
        /// Failed, and so did its error handler.
        case hardFail = 2
        /// Put off until later.
        case delayed = 3
        case expired = 4
    }

    public enum Transaction: Hashable, Sendable {
        /// A transaction that an earlier block holds, or that a contract made, comes by its id alone.
        case id(TransactionID)
        case packed(PackedTransaction)
    }

    public let status: Status
    /// CPU time billed, in microseconds.
    public let cpuUsageMicroseconds: UInt32
    /// Bandwidth billed, in words of 8 bytes.
    public let netUsageWords: UInt32
    public let transaction: Transaction
    private let start, transactionStart: UInt32

    /// The receipt's bytes before the transaction and its kind: status, CPU and bandwidth.
    var head: Range<Int> {
        Int(start)..<Int(transactionStart)
    }

    init(from reader: inout ByteReader) throws(MalformedBlock) {
        let start = reader.offset
        let code = try reader.integer(UInt8.self, "status of a transaction")
        guard let status = Status(rawValue: code) else {
            throw reader.malformed("status of a transaction", .outOfRange(UInt32(code), limit: 4), at: start)
        }
        self.status = status
        cpuUsageMicroseconds = try reader.integer(UInt32.self, "CPU usage of a transaction")
        netUsageWords = try reader.varuint32("bandwidth of a transaction")
        self.start = UInt32(start)
        transactionStart = UInt32(reader.offset)
        switch try reader.variant("kind of a transaction", alternatives: 2) {
        case 0: transaction = .id(try reader.checksum("transaction id"))
        default: transaction = .packed(try PackedTransaction(from: &reader))
        }
    }

    /// Status, CPU, bandwidth and kind, then the shortest packed transaction.
    static let smallestSize = 1 + 4 + 1 + 1 + PackedTransaction.smallestSize
}

/// A transaction as a wallet sent it (`transaction.hpp`). Ranges are positions in `SignedBlock.bytes`.
public struct PackedTransaction: Hashable, Sendable {
    public enum Compression: UInt8, Hashable, Sendable, CaseIterable {
        case none = 0
        case zlib = 1
    }

    public let compression: Compression
    // In the order of the bytes. 32 bits each, so that a block full of transactions stays small: no block is longer.
    private let signaturesStart, compressionStart, freeDataStart, freeDataEnd, packedStart, packedEnd: UInt32

    /// The context-free data, compressed as `compression` says; without its length.
    public var contextFreeData: Range<Int> { Int(freeDataStart)..<Int(freeDataEnd) }
    /// The packed transaction, compressed as `compression` says; without its length.
    public var transaction: Range<Int> { Int(packedStart)..<Int(packedEnd) }

    // What the receipt's digest covers: the list of signatures with its count, the byte of compression, and the two byte
    // strings with their lengths.
    var signatureList: Range<Int> { Int(signaturesStart)..<Int(compressionStart) }
    var compressionByte: Range<Int> { Int(compressionStart)..<Int(compressionStart) + 1 }
    var freeDataString: Range<Int> { Int(compressionStart) + 1..<Int(freeDataEnd) }
    var packedString: Range<Int> { Int(freeDataEnd)..<Int(packedEnd) }

    init(from reader: inout ByteReader) throws(MalformedBlock) {
        signaturesStart = UInt32(reader.offset)
        let count = try reader.count("count of a transaction's signatures", elementSize: 1 + 65)
        for _ in 0..<count {
            try Signature.skip(&reader, "signature of a transaction")
        }
        let codeStart = reader.offset
        compressionStart = UInt32(codeStart)
        let code = try reader.integer(UInt8.self, "compression of a transaction")
        guard let compression = Compression(rawValue: code) else {
            throw reader.malformed("compression of a transaction", .outOfRange(UInt32(code), limit: 1), at: codeStart)
        }
        self.compression = compression
        let freeDataSize = try reader.byteString("context-free data of a transaction").count
        freeDataStart = UInt32(reader.offset - freeDataSize)
        freeDataEnd = UInt32(reader.offset)
        let packedSize = try reader.byteString("packed transaction").count
        packedStart = UInt32(reader.offset - packedSize)
        packedEnd = UInt32(reader.offset)
    }

    /// No signatures, the compression, two empty byte strings.
    static let smallestSize = 1 + 1 + 1 + 1
}
