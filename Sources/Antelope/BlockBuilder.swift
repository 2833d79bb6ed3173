// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Makes packed blocks of the real format, for demonstrations, benchmarks and tests. They parse, they link, and their
/// transaction root is right; unless it is given a real signature, nobody has signed them.
public struct BlockBuilder: Sendable {
    public var previous: BlockID
    public var timestamp: BlockTimestamp
    public var producer: Name
    public var confirmed: UInt16 = 0
    public var scheduleVersion: UInt32 = 0
    public var signature = Signature.zero
    /// Packed transactions, uncompressed; any bytes will do. Each becomes an executed receipt without signatures.
    public var transactions: [[UInt8]] = []

    /// A block on top of `previous`.
    public init(previous: BlockID, timestamp: BlockTimestamp, producer: Name) {
        self.previous = previous
        self.timestamp = timestamp
        self.producer = producer
    }

    /// The first block of a chain that starts at `number`, 1 or more; the block before it gets an id of zeros.
    public init(startingAt number: UInt32, timestamp: BlockTimestamp, producer: Name) throws(UnbuildableBlock) {
        guard number > 0 else { throw .noSuchNumber }
        self.init(previous: BlockID(number: number - 1, digest: .zero), timestamp: timestamp, producer: producer)
    }

    /// The packed block.
    public func build() throws(UnbuildableBlock) -> [UInt8] {
        try pack(transactions.map { Receipt(transaction: $0) })
    }

    /// The packed block, brought to exactly `size` bytes by one more receipt at its end. Its transaction is zeros.
    public func build(paddedTo size: Int) throws(UnbuildableBlock) -> [UInt8] {
        guard size <= ChainLimits.blockSize else { throw .tooLong(size) }
        let receipts = transactions.map { Receipt(transaction: $0) }
        let smallest = try pack(receipts + [Receipt(transaction: [])]).count
        guard smallest <= size else { throw .tooShort(size, smallest: smallest) }
        // Some lengths take a byte more to write: give that back, and fill the byte or two that are then missing with
        // context-free data.
        let room = size - smallest
        var transactionSize = room
        while Receipt.growth(transactionSize) > room {
            transactionSize = max(0, transactionSize - (Receipt.growth(transactionSize) - room))
        }
        let padding = Receipt(
            transaction: [UInt8](repeating: 0, count: transactionSize),
            contextFreeData: [UInt8](repeating: 0, count: room - Receipt.growth(transactionSize))
        )
        return try pack(receipts + [padding])
    }

    private func pack(_ receipts: [Receipt]) throws(UnbuildableBlock) -> [UInt8] {
        guard previous.blockNumber < UInt32.max else { throw .noSuchNumber }
        guard let count = UInt32(exactly: receipts.count), count <= ChainLimits.listCount else {
            throw .tooManyTransactions(receipts.count)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + receipts.reduce(0) { $0 + $1.bytes.count })
        bytes.append(littleEndian: timestamp.slot)
        bytes.append(littleEndian: producer.rawValue)
        bytes.append(littleEndian: confirmed)
        bytes += previous.checksum.bytes
        bytes += SignedBlock.root(of: receipts.map(\.digest)).bytes
        bytes += Checksum256.zero.bytes
        bytes.append(littleEndian: scheduleVersion)
        bytes += [0, 0]  // no new producers, no header extensions
        bytes += signature.packed
        bytes.append(varuint32: count)
        for receipt in receipts {
            bytes += receipt.bytes
        }
        bytes.append(0)  // no block extensions
        guard bytes.count <= ChainLimits.blockSize else { throw .tooLong(bytes.count) }
        return bytes
    }

    /// A packed receipt of an executed transaction.
    private struct Receipt {
        var bytes: [UInt8] = []
        let digest: Checksum256

        init(transaction: [UInt8], contextFreeData: [UInt8] = []) {
            bytes.append(TransactionReceipt.Status.executed.rawValue)
            bytes.append(littleEndian: UInt32(100))
            bytes.append(varuint32: Self.words(transaction.count))
            let head = bytes
            let signatures: [UInt8] = [0]
            let compression = [PackedTransaction.Compression.none.rawValue]
            var free: [UInt8] = []
            free.append(varuint32: UInt32(clamping: contextFreeData.count))
            free += contextFreeData
            var packed: [UInt8] = []
            packed.append(varuint32: UInt32(clamping: transaction.count))
            packed += transaction
            bytes.append(1)  // a packed transaction follows, no mere id
            bytes += signatures + compression + free + packed
            let prunable = Checksum256.sha256(signatures + free)
            digest = .sha256(head + Checksum256.sha256(compression + packed + prunable.bytes).bytes)
        }

        /// By how much a receipt of a transaction of `size` bytes is longer than that of an empty one.
        static func growth(_ size: Int) -> Int {
            func width(_ value: UInt32) -> Int {
                max(1, (32 - value.leadingZeroBitCount + 6) / 7)
            }
            return size + width(UInt32(clamping: size)) - 1 + width(words(size)) - 1
        }

        private static func words(_ size: Int) -> UInt32 {
            UInt32(clamping: (size + 7) / 8)
        }
    }
}

/// Why no block can be built of what was given.
public enum UnbuildableBlock: Error, Hashable, Sendable, CustomStringConvertible {
    /// Blocks are numbered from 1 to 4294967295.
    case noSuchNumber
    case tooManyTransactions(Int)
    /// In bytes.
    case tooLong(Int)
    /// In bytes: the size asked for, and the smallest that padding can reach.
    case tooShort(Int, smallest: Int)

    public var description: String {
        switch self {
        case .noSuchNumber: "no block has that number; they go from 1 to \(UInt32.max)"
        case .tooManyTransactions(let count): "\(count) transactions; \(ChainLimits.listCount) are the most in a block"
        case .tooLong(let size): "a block of \(size) bytes; \(ChainLimits.blockSize) are the most"
        case .tooShort(let size, let smallest): "a block of \(size) bytes; \(smallest) are the least with padding"
        }
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Seven bits to a byte, least first, the top bit set on all but the last.
    mutating func append(varuint32 value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
