// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The answer of `can_produce`.
public struct CanProduceDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var canProduce: Bool
    /// Null when it may produce.
    @Nullable public var reason: CanProduceReason?
    /// 0 without a lease; with `lease_wait`, how long the wait still is.
    public var leaseRemainingMS: Milliseconds
    /// The committed head; null before the first block.
    @Nullable public var head: BlockReference?

    public init(
        canProduce: Bool, reason: CanProduceReason? = nil, leaseRemainingMS: Milliseconds,
        head: BlockReference? = nil
    ) {
        self.canProduce = canProduce
        self.reason = reason
        self.leaseRemainingMS = leaseRemainingMS
        self.head = head
    }

    private enum CodingKeys: String, CodingKey {
        case reason, head
        case schemaVersion = "schema_version"
        case canProduce = "can_produce"
        case leaseRemainingMS = "lease_remaining_ms"
    }
}

/// A block by height and id.
public struct BlockReference: Codable, Hashable, Sendable {
    public var blockNum: UInt32
    /// 64 hex digits.
    public var blockID: String

    public init(blockNum: UInt32, blockID: String) {
        self.blockNum = blockNum
        self.blockID = blockID
    }

    private enum CodingKeys: String, CodingKey {
        case blockNum = "block_num"
        case blockID = "block_id"
    }
}

/// The body of `commit_block`, unless it is the bytes alone.
public struct CommitBlockRequest: Document {
    /// A packed signed_block.
    public var block: HexBytes

    public init(block: HexBytes) {
        self.block = block
    }

    private enum CodingKeys: String, CodingKey {
        case block
    }
}

/// The answer of `commit_block`: the block is committed by the quorum and durable.
public struct CommitBlockDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var index: UInt64
    public var term: UInt64
    public var blockNum: UInt32
    public var blockID: String

    public init(index: UInt64, term: UInt64, blockNum: UInt32, blockID: String) {
        self.index = index
        self.term = term
        self.blockNum = blockNum
        self.blockID = blockID
    }

    /// As the encoder writes it, without the encoder: that takes more time than all else that a leader does for a commit. The
    /// id must be of hexadecimal digits.
    public func json() -> [UInt8] {
        let words =
            #"{"block_id":"\#(blockID)","block_num":\#(blockNum),"index":\#(index),"#
            + #""schema_version":\#(schemaVersion.number),"term":\#(term)}"#
        return Array(words.utf8)
    }

    private enum CodingKeys: String, CodingKey {
        case index, term
        case schemaVersion = "schema_version"
        case blockNum = "block_num"
        case blockID = "block_id"
    }
}

/// The body of `check_block`.
public struct CheckBlockRequest: Document {
    public var blockNum: UInt32
    public var blockID: String
    /// The id of the block before it.
    @Nullable public var previous: String?

    public init(blockNum: UInt32, blockID: String, previous: String? = nil) {
        self.blockNum = blockNum
        self.blockID = blockID
        self.previous = previous
    }

    private enum CodingKeys: String, CodingKey {
        case previous
        case blockNum = "block_num"
        case blockID = "block_id"
    }
}

/// The answer of `check_block`.
public struct CheckBlockDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var accept: Bool
    /// Null when the block is let in.
    @Nullable public var reason: CheckBlockReason?

    public init(accept: Bool, reason: CheckBlockReason? = nil) {
        self.accept = accept
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case accept, reason
        case schemaVersion = "schema_version"
    }
}

/// The answer of `block`.
public struct BlockDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var blockNum: UInt32
    public var blockID: String
    /// A packed signed_block.
    public var block: HexBytes

    public init(blockNum: UInt32, blockID: String, block: HexBytes) {
        self.blockNum = blockNum
        self.blockID = blockID
        self.block = block
    }

    private enum CodingKeys: String, CodingKey {
        case block
        case schemaVersion = "schema_version"
        case blockNum = "block_num"
        case blockID = "block_id"
    }
}

extension BlockDocument {
    /// As `json()`, but fast enough for a block of 8 MiB on the consensus loop.
    public func quickJSON() -> [UInt8] {
        let head = #"{"block":""#
        let tail = #"","block_id":"\#(blockID)","block_num":\#(blockNum),"schema_version":\#(schemaVersion.number)}"#
        var text = [UInt8]()
        text.reserveCapacity(head.utf8.count + 2 * block.bytes.count + tail.utf8.count)
        text.append(contentsOf: head.utf8)
        text.append(contentsOf: Hex.encode(block.bytes).utf8)
        text.append(contentsOf: tail.utf8)
        return text
    }
}

/// The answer of `wait_block`: the block of that height is committed.
public struct WaitBlockDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var blockNum: UInt32
    public var blockID: String

    public init(blockNum: UInt32, blockID: String) {
        self.blockNum = blockNum
        self.blockID = blockID
    }

    private enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case blockNum = "block_num"
        case blockID = "block_id"
    }
}

/// The answer of `health/live`, `health/ready` and `health/leader`.
public struct HealthDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var healthy: Bool
    /// Null when healthy, or when no reason has a name.
    @Nullable public var reason: CanProduceReason?

    public init(healthy: Bool, reason: CanProduceReason? = nil) {
        self.healthy = healthy
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case healthy, reason
        case schemaVersion = "schema_version"
    }
}
