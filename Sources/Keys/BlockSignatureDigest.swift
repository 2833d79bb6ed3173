// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Crypto

/// The tree over the ids of all blocks from the first one on (`incremental_merkle.hpp`, `incremental_canonical_merkle`),
/// grown block by block. Holds one node for each bit of the count that is set.
public struct BlockRootTree: Hashable, Sendable {
    /// How many ids are in the tree.
    public private(set) var count: UInt32 = 0
    /// The roots of the full trees that the ids fill, the smallest one first.
    private var full: [Checksum256] = []

    public init() {}

    /// Adds the id of the next block.
    public mutating func append(_ id: BlockID) {
        var node = id.checksum
        var level = count
        while level & 1 == 1 {
            node = Self.parent(full.removeFirst(), node)
            level >>= 1
        }
        full.insert(node, at: 0)
        count += 1
    }

    /// Zeros for an empty tree. Where the right side of a node is missing, the left one is taken twice.
    public var root: Checksum256 {
        guard var node = full.first else { return .zero }
        var others = full.dropFirst()
        // Where `node` stands among the nodes of its level, which is the level of the smallest full tree at first.
        var position = (count >> UInt32(count.trailingZeroBitCount)) - 1
        while position > 0 {
            if position.isMultiple(of: 2) {
                node = Self.parent(node, node)
            } else if let left = others.popFirst() {
                node = Self.parent(left, node)
            }
            position >>= 1
        }
        return node
    }

    /// The node above two others, whose first bits say which side each is on (`merkle.cpp`, `make_canonical_pair`).
    private static func parent(_ left: Checksum256, _ right: Checksum256) -> Checksum256 {
        var (left, right) = (left.bytes, right.bytes)
        left[0] &= 0x7f
        right[0] |= 0x80
        return .digest(left + right)
    }
}

/// What a producer signs when it makes a block (`block_header_state.cpp`, `sig_digest`).
///
/// It is made of more than the block: of the ids of all blocks before it and of the latest schedule that a header
/// announced. So it can be told for a chain that was followed from its first block on, or from a node that knows both.
/// Not for blocks after the change to Savanna, which are signed over their id.
public struct BlockSignatureDigest: Hashable, Sendable {
    /// The ids of all blocks up to the last one taken.
    public private(set) var blocks: BlockRootTree
    /// The digest of the schedule that was announced last, active or not.
    public private(set) var schedule: Checksum256

    /// At the start of a chain: no block has been taken. `initialSchedule` is the packed schedule of the first block:
    /// version 0 and one producer, `eosio`, with the key that the chain's genesis names.
    public init(initialKey: PublicKey) {
        let eosio: UInt64 = 0x5530_ea00_0000_0000
        let name = (0..<8).map { UInt8(truncatingIfNeeded: eosio >> UInt64(8 * $0)) }
        blocks = BlockRootTree()
        schedule = .digest([0, 0, 0, 0, 1] + name + initialKey.packed)
    }

    /// At a block that is known: `blocks` has the ids of all blocks up to it, `schedule` is the digest of the schedule
    /// that was announced last, up to and including it.
    public init(blocks: BlockRootTree, schedule: Checksum256) {
        self.blocks = blocks
        self.schedule = schedule
    }

    /// Takes the chain's first block, which nobody signs.
    public mutating func start(with first: BlockID) {
        blocks.append(first)
    }

    /// Takes the next block and returns the digest that its producer signed. `bytes` is the packed block that `header`
    /// was read from, or its header alone.
    public mutating func next(_ header: BlockHeader, in bytes: [UInt8]) -> Checksum256 {
        if let announced = Self.schedule(announcedIn: header) {
            schedule = announced
        }
        let headerDigest = Checksum256.digest(Array(bytes.prefix(header.packedSize)))
        let both = Checksum256.digest(headerDigest.bytes + blocks.root.bytes)
        blocks.append(header.id)
        return .digest(both.bytes + schedule.bytes)
    }

    /// The digest of the schedule that a header announces; nil when it announces none. The legacy field is packed again;
    /// header extension 1 is taken as it is.
    private static func schedule(announcedIn header: BlockHeader) -> Checksum256? {
        if let announced = header.newProducers {
            var packed = (0..<4).map { UInt8(truncatingIfNeeded: announced.version >> UInt32(8 * $0)) }
            var count = announced.producers.count
            while count > 0x7f {
                packed.append(UInt8(truncatingIfNeeded: count & 0x7f | 0x80))
                count >>= 7
            }
            packed.append(UInt8(count))
            for producer in announced.producers {
                packed += (0..<8).map { UInt8(truncatingIfNeeded: producer.name.rawValue >> UInt64(8 * $0)) }
                packed += producer.key
            }
            return .digest(packed)
        }
        return header.extensions.first { $0.kind == 1 }.map { .digest($0.data) }
    }
}

extension Checksum256 {
    /// The SHA-256 digest of `bytes`.
    static func digest(_ bytes: [UInt8]) -> Checksum256 {
        Checksum256(Array(SHA256.hash(data: bytes))) ?? .zero
    }
}
