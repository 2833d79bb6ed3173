// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import DequeModule

/// A committed block, as far as its transactions go.
public struct CommittedBlock: Hashable, Sendable {
    public struct Reference: Hashable, Sendable {
        public var number: UInt32
        public var id: BlockID
        public var slot: BlockTimestamp

        public init(number: UInt32, id: BlockID, slot: BlockTimestamp) {
            self.number = number
            self.id = id
            self.slot = slot
        }
    }

    /// What a block says of one transaction.
    public struct Receipt: Hashable, Sendable {
        public var id: TransactionID
        public var status: TransactionReceipt.Status
        /// In microseconds.
        public var cpuUsage: UInt32
        /// In words of 8 bytes.
        public var netUsage: UInt32

        public init(id: TransactionID, status: TransactionReceipt.Status, cpuUsage: UInt32, netUsage: UInt32) {
            self.id = id
            self.status = status
            self.cpuUsage = cpuUsage
            self.netUsage = netUsage
        }
    }

    public var reference: Reference
    public var receipts: [Receipt]
    /// The ids of all its transactions are known.
    public var isWhole: Bool

    public init(_ reference: Reference, receipts: [Receipt], isWhole: Bool = true) {
        self.reference = reference
        self.receipts = receipts
        self.isWhole = isWhole
    }

    /// Reads a packed block. nil unless its header can be read.
    public init?(packed bytes: [UInt8]) {
        let block = try? SignedBlock(parsing: bytes)
        guard let header = block?.header ?? (try? BlockHeader(parsingPrefixOf: bytes)) else { return nil }
        reference = Reference(number: header.number, id: header.id, slot: header.timestamp)
        receipts = []
        isWhole = true
        // No transactions.
        if header.transactionRoot == .zero { return }
        guard let block else {
            isWhole = false
            return
        }
        for receipt in block.receipts {
            guard let id = Self.id(of: receipt, in: block) else {
                isWhole = false
                continue
            }
            receipts.append(
                Receipt(
                    id: id, status: receipt.status, cpuUsage: receipt.cpuUsageMicroseconds,
                    netUsage: receipt.netUsageWords))
        }
    }

    private static func id(of receipt: TransactionReceipt, in block: SignedBlock) -> TransactionID? {
        switch receipt.transaction {
        case .id(let id): return id
        case .packed(let packed):
            return UnpackedTransaction(block.bytes[packed.transaction], packed.compression)?.id
        }
    }
}

/// Where a transaction is.
public struct CommittedTransaction: Hashable, Sendable {
    public var block: CommittedBlock.Reference
    public var receipt: CommittedBlock.Receipt

    public init(block: CommittedBlock.Reference, receipt: CommittedBlock.Receipt) {
        self.block = block
        self.receipt = receipt
    }
}

/// The transactions of the latest committed blocks, by id. What it says is true of the blocks from `first` on, without a
/// gap, and of no others.
public struct CommittedTransactions: Sendable {
    /// The most transactions that are kept, about 30 MB of them, and the most blocks. The oldest blocks make room.
    public let limit: Int
    public let blockLimit: Int

    private struct Place {
        /// Counts all blocks that were ever added behind others; those added before them count down from there.
        var block: Int
        var receipt: Int
    }

    private var blocks: Deque<CommittedBlock> = []
    /// The number of `blocks.first`, counted as `Place.block` is.
    private var firstPlace = 0
    private var places: [TransactionID: Place] = [:]
    private var receiptCount = 0

    public init(limit: Int = 250_000, blockLimit: Int = 20_000) {
        self.limit = limit
        self.blockLimit = blockLimit
    }

    /// The oldest block whose transactions are all known here, and those of all that came after it.
    public var first: CommittedBlock.Reference? { blocks.first?.reference }
    public var last: CommittedBlock.Reference? { blocks.last?.reference }
    /// How many there are.
    public var count: Int { places.count }

    public subscript(id: TransactionID) -> CommittedTransaction? {
        guard let place = places[id] else { return nil }
        let block = blocks[place.block - firstPlace]
        return CommittedTransaction(block: block.reference, receipt: block.receipts[place.receipt])
    }

    /// Adds the block that was committed after `last`.
    public mutating func append(_ block: CommittedBlock) {
        guard block.isWhole else { return removeAll() }
        blocks.append(block)
        receiptCount += block.receipts.count
        let at = firstPlace + blocks.count - 1
        for (index, receipt) in block.receipts.enumerated() {
            // One that was put off comes a second time, with the block that it was carried out in.
            places[receipt.id] = Place(block: at, receipt: index)
        }
        while receiptCount > limit || blocks.count > blockLimit, blocks.count > 1 { dropFirst() }
    }

    /// Adds the block that was committed just before `first`. False: there is no room for it, nor for any before it.
    @discardableResult
    public mutating func prepend(_ block: CommittedBlock) -> Bool {
        guard block.isWhole, receiptCount + block.receipts.count <= limit, blocks.count < blockLimit else {
            return false
        }
        blocks.prepend(block)
        firstPlace -= 1
        receiptCount += block.receipts.count
        for (index, receipt) in block.receipts.enumerated() where places[receipt.id] == nil {
            places[receipt.id] = Place(block: firstPlace, receipt: index)
        }
        return true
    }

    /// Blocks are missing before the next one.
    public mutating func removeAll() {
        blocks = []
        firstPlace = 0
        places = [:]
        receiptCount = 0
    }

    private mutating func dropFirst() {
        let block = blocks.removeFirst()
        for receipt in block.receipts where places[receipt.id]?.block == firstPlace {
            places[receipt.id] = nil
        }
        firstPlace += 1
        receiptCount -= block.receipts.count
    }
}

extension CommittedTransaction {
    /// As nodeos answers, without the trace, which no nodeos told this peer.
    public var inNodeosForm: String {
        let time = block.slot.description.dropLast()
        return """
            {"transaction_id":"\(receipt.id)","processed":{"id":"\(receipt.id)","block_num":\(block.number),\
            "block_time":"\(time)","producer_block_id":"\(block.id.hex)","receipt":{"status":"\(receipt.status.jsonName)",\
            "cpu_usage_us":\(receipt.cpuUsage),"net_usage_words":\(receipt.netUsage)}},\
            "block_num":\(block.number),"block_id":"\(block.id.hex)"}
            """
    }
}
