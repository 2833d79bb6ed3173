// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The answer of `transaction`: what one peer knows of a transaction at this moment.
public struct TransactionDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var transactionID: String
    public var state: TransactionState
    /// The committed block that holds it; null unless `committed`, like the two below.
    @Nullable public var blockNum: UInt32?
    @Nullable public var blockID: String?
    @Nullable public var blockTime: UTCInstant?
    /// What that block says of it: `executed`, `delayed`, ...
    @Nullable public var receiptStatus: String?
    /// Null unless `waiting`: whether a nodeos may have it.
    @Nullable public var handedIn: Bool?
    /// Null when this peer does not know it.
    @Nullable public var expiration: UTCInstant?
    /// The committed blocks that it is not in; null when `committed`, and when none is known.
    @Nullable public var notInBlocks: BlockRange?

    public init(transactionID: String, state: TransactionState) {
        self.transactionID = transactionID
        self.state = state
    }

    private enum CodingKeys: String, CodingKey {
        case state, expiration
        case schemaVersion = "schema_version"
        case transactionID = "transaction_id"
        case blockNum = "block_num"
        case blockID = "block_id"
        case blockTime = "block_time"
        case receiptStatus = "receipt_status"
        case handedIn = "handed_in"
        case notInBlocks = "not_in_blocks"
    }
}

/// Committed blocks that follow one another.
public struct BlockRange: Codable, Hashable, Sendable {
    public var from: UInt32
    public var to: UInt32
    /// The time of the last of them.
    public var toTime: UTCInstant

    public init(from: UInt32, to: UInt32, toTime: UTCInstant) {
        self.from = from
        self.to = to
        self.toTime = toTime
    }

    private enum CodingKeys: String, CodingKey {
        case from, to
        case toTime = "to_time"
    }
}

public enum TransactionState: Word {
    /// A committed block holds it.
    case committed
    /// It waits at this peer.
    case waiting
    /// No committed block holds it, and none will.
    case expired
    /// None of the blocks that this peer knows holds it.
    case unknownHere
    case unknown(String)

    public static let known: [TransactionState] = [.committed, .waiting, .expired, .unknownHere]

    public var rawValue: String {
        switch self {
        case .committed: "committed"
        case .waiting: "waiting"
        case .expired: "expired"
        case .unknownHere: "unknown"
        case .unknown(let text): text
        }
    }
}

extension StatusDocument {
    /// Transactions that were handed in at this peer. Counts are since the process started.
    public struct Transactions: Codable, Hashable, Sendable {
        public var waiting: Int
        public var waitingBytes: Int
        public var handedIn: UInt64
        public var committed: UInt64
        /// nodeos said no.
        public var rejected: UInt64
        public var expired: UInt64
        /// Clients that were told so.
        public var unknown: UInt64
        /// Hand-ins beyond the bounds.
        public var overloaded: UInt64
        /// Hand-overs to a nodeos of one that had been handed over before.
        public var repeated: UInt64
        /// The oldest block whose transactions are known here; null: none is.
        @Nullable public var knownFromBlockNum: UInt32?
        /// null: none is configured.
        @Nullable public var queue: Queue?

        public init(
            waiting: Int, waitingBytes: Int, handedIn: UInt64, committed: UInt64, rejected: UInt64, expired: UInt64,
            unknown: UInt64, overloaded: UInt64, repeated: UInt64, knownFromBlockNum: UInt32?,
            queue: Queue? = nil
        ) {
            self.waiting = waiting
            self.waitingBytes = waitingBytes
            self.handedIn = handedIn
            self.committed = committed
            self.rejected = rejected
            self.expired = expired
            self.unknown = unknown
            self.overloaded = overloaded
            self.repeated = repeated
            self.knownFromBlockNum = knownFromBlockNum
            self.queue = queue
        }

        private enum CodingKeys: String, CodingKey {
            case waiting, committed, rejected, expired, unknown, overloaded, repeated, queue
            case waitingBytes = "waiting_bytes"
            case handedIn = "handed_in"
            case knownFromBlockNum = "known_from_block_num"
        }
    }
}

extension StatusDocument {
    /// The message queue that transactions come from. Counts begin with the process, on this peer.
    public struct Queue: Codable, Hashable, Sendable {
        public enum State: String, Codable, Hashable, Sendable, CaseIterable {
            /// Another peer's turn, or nobody's: this peer does not produce.
            case idle
            case connecting
            case consuming
            /// It should be consumed, and cannot be: see `reason`. Tried again and again.
            case failing
        }

        public var name: String
        /// The broker's address, without the password.
        public var broker: String
        /// `received`, `executed` or `in_block`.
        public var ackMode: String
        public var state: State
        /// null unless failing.
        @Nullable public var reason: String?
        /// Delivered, and not done.
        public var waiting: Int
        public var delivered: UInt64
        /// Of those, delivered before, to this or another peer.
        public var redelivered: UInt64
        public var committed: UInt64
        /// nodeos said no, or they expired; answered with the error.
        public var failed: UInt64
        /// No transaction; dropped.
        public var rejected: UInt64
        /// Given back at the end of a session.
        public var requeued: UInt64

        public init(
            name: String, broker: String, ackMode: String, state: State, reason: String?, waiting: Int,
            delivered: UInt64, redelivered: UInt64, committed: UInt64, failed: UInt64, rejected: UInt64,
            requeued: UInt64
        ) {
            self.name = name
            self.broker = broker
            self.ackMode = ackMode
            self.state = state
            self.reason = reason
            self.waiting = waiting
            self.delivered = delivered
            self.redelivered = redelivered
            self.committed = committed
            self.failed = failed
            self.rejected = rejected
            self.requeued = requeued
        }

        private enum CodingKeys: String, CodingKey {
            case name, broker, state, reason, waiting, delivered, redelivered, committed, failed, rejected, requeued
            case ackMode = "ack_mode"
        }
    }
}
