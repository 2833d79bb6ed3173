// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A whole packed `signed_block` (`block.hpp`): header, producer's signature, transaction receipts, extensions.
///
/// That it parses says that the bytes are a block and the only way to write it. It does not say that the signature is
/// good, nor that the chain would take the block; `transactionRoot` tells whether the transactions are the header's.
///
/// This is the format of EOSIO 1.x and 2.0 and of Leap. EOSIO 2.1 put a byte (`prune_state`) between signature and
/// transactions, and other fields into them; Leap went back to the old form.
public struct SignedBlock: Sendable {
    /// The block as it was given.
    public let bytes: [UInt8]
    public let header: BlockHeader
    /// The producer's signature. A producer that signs with several keys adds the others in block extension 2.
    public let signature: Signature
    public let receipts: [TransactionReceipt]
    public let extensions: [BlockHeader.Extension]

    public var id: BlockID { header.id }
    public var number: UInt32 { header.number }
    public var previous: BlockID { header.previous }

    /// Reads a block, all of it: bytes behind its end are an error. Allocates a small multiple of the size of `bytes` at
    /// the very most, whatever they say.
    public init(parsing bytes: [UInt8]) throws(MalformedBlock) {
        guard bytes.count <= ChainLimits.blockSize else {
            throw MalformedBlock(reading: "block", offset: 0, problem: .tooLong(bytes.count))
        }
        self.bytes = bytes
        (header, signature, receipts, extensions) = try ByteReader.read(bytes) { reader throws(MalformedBlock) in
            let header = try BlockHeader(from: &reader)
            let signature = try Signature(from: &reader, "producer signature")
            let count = try reader.count("count of transactions", elementSize: TransactionReceipt.smallestSize)
            var receipts: [TransactionReceipt] = []
            receipts.reserveCapacity(min(count, ChainLimits.reservedCount))
            for _ in 0..<count {
                receipts.append(try TransactionReceipt(from: &reader))
            }
            let extensions = try BlockHeader.Extension.list(from: &reader, "block extensions")
            try reader.end("end of the block")
            return (header, signature, receipts, extensions)
        }
    }

    /// As above, for a part of a larger run of bytes, which is copied.
    public init(parsing bytes: ArraySlice<UInt8>) throws(MalformedBlock) {
        try self.init(parsing: Array(bytes))
    }

    /// The transactions' ids, in the block's order. nil stands for a zlib-compressed transaction, whose id only the
    /// uncompressed bytes tell, and for one that cannot be read.
    public var transactionIDs: [TransactionID?] {
        receipts.map { receipt in
            switch receipt.transaction {
            case .id(let id): id
            case .packed(let packed):
                switch packed.compression {
                case .none: UnpackedTransaction(unpacking: bytes[packed.transaction])?.id
                case .zlib: nil
                }
            }
        }
    }

    /// The root over the receipts, computed; the header of a valid block says the same (`header.transactionRoot`), as
    /// nodeos checks (`controller.cpp`, `apply_block`). Not for blocks after the change to Savanna, whose tree is made
    /// in another way.
    ///
    /// The id covers the header only. A block whose root is another has an honest block's id and other transactions.
    public var transactionRoot: Checksum256 {
        Self.root(of: receipts.map(digest))
    }

    /// `block.hpp`, `transaction_receipt::digest`, and `transaction.cpp`, `packed_transaction::packed_digest`.
    private func digest(_ receipt: TransactionReceipt) -> Checksum256 {
        bytes.withUnsafeBytes { bytes in
            func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: bytes[range])
            }
            let transaction: Checksum256
            switch receipt.transaction {
            case .id(let id):
                transaction = id
            case .packed(let packed):
                let prunable = Checksum256.sha256(part(packed.signatureList), part(packed.freeDataString))
                transaction = prunable.withUnsafeBytes {
                    .sha256(part(packed.compressionByte), part(packed.packedString), $0)
                }
            }
            return transaction.withUnsafeBytes { .sha256(part(receipt.head), $0) }
        }
    }

    /// The root of the tree over `leaves`, of which an odd last one is taken twice (`merkle.cpp`). No leaves: zeros.
    static func root(of leaves: [Checksum256]) -> Checksum256 {
        var level = leaves
        while level.count > 1 {
            if let last = level.last, !level.count.isMultiple(of: 2) {
                level.append(last)
            }
            level = stride(from: 0, to: level.count, by: 2).map { parent(level[$0], level[$0 + 1]) }
        }
        return level.first ?? .zero
    }

    /// The node above two others, whose first bits say which side each is on (`merkle.cpp`, `make_canonical_pair`).
    private static func parent(_ left: Checksum256, _ right: Checksum256) -> Checksum256 {
        let top: UInt64 = 1 << 63
        let left = Checksum256((left.words.0 & ~top, left.words.1, left.words.2, left.words.3))
        let right = Checksum256((right.words.0 | top, right.words.1, right.words.2, right.words.3))
        return left.withUnsafeBytes { left in right.withUnsafeBytes { right in .sha256(left, right) } }
    }
}

extension SignedBlock: Hashable {
    /// Two blocks are equal when their bytes are. Equal ids are less: they cover the headers only.
    public static func == (one: SignedBlock, other: SignedBlock) -> Bool {
        one.bytes == other.bytes
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
    }
}
