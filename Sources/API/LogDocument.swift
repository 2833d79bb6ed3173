// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The answer of `log`: a page of the peer's Raft log.
public struct LogDocument: Document {
    public var schemaVersion = SchemaVersion.current
    /// The first entry that the log still holds; `last_index` + 1 when it holds none.
    public var firstIndex: UInt64
    public var lastIndex: UInt64
    public var commitIndex: UInt64
    public var entries: [LogEntryDocument]

    public init(firstIndex: UInt64, lastIndex: UInt64, commitIndex: UInt64, entries: [LogEntryDocument]) {
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.commitIndex = commitIndex
        self.entries = entries
    }

    private enum CodingKeys: String, CodingKey {
        case entries
        case schemaVersion = "schema_version"
        case firstIndex = "first_index"
        case lastIndex = "last_index"
        case commitIndex = "commit_index"
    }
}

/// One entry. A block's facts stand beside the entry's own and are left out for the other kinds.
public struct LogEntryDocument: Codable, Hashable, Sendable {
    public struct Block: Hashable, Sendable {
        public var number: UInt32
        public var id: String
        public var previous: String
        public var producer: String
        /// The block's time slot.
        public var timestamp: UTCInstant

        public init(number: UInt32, id: String, previous: String, producer: String, timestamp: UTCInstant) {
            self.number = number
            self.id = id
            self.previous = previous
            self.producer = producer
            self.timestamp = timestamp
        }
    }

    public var index: UInt64
    public var term: UInt64
    public var kind: LogEntryKind
    /// Of the entry's payload, in bytes.
    public var size: Int
    /// Nil unless the entry is a block.
    public var block: Block?

    public init(index: UInt64, term: UInt64, kind: LogEntryKind, size: Int, block: Block? = nil) {
        self.index = index
        self.term = term
        self.kind = kind
        self.size = size
        self.block = block
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        index = try container.decode(UInt64.self, forKey: .index)
        term = try container.decode(UInt64.self, forKey: .term)
        kind = try container.decode(LogEntryKind.self, forKey: .kind)
        size = try container.decode(Int.self, forKey: .size)
        if let number = try container.decodeIfPresent(UInt32.self, forKey: .num) {
            block = Block(
                number: number, id: try container.decode(String.self, forKey: .id),
                previous: try container.decode(String.self, forKey: .previous),
                producer: try container.decode(String.self, forKey: .producer),
                timestamp: try container.decode(UTCInstant.self, forKey: .timestamp))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(index, forKey: .index)
        try container.encode(term, forKey: .term)
        try container.encode(kind, forKey: .kind)
        try container.encode(size, forKey: .size)
        guard let block else { return }
        try container.encode(block.number, forKey: .num)
        try container.encode(block.id, forKey: .id)
        try container.encode(block.previous, forKey: .previous)
        try container.encode(block.producer, forKey: .producer)
        try container.encode(block.timestamp, forKey: .timestamp)
    }

    private enum CodingKeys: String, CodingKey {
        case index, term, kind, size, num, id, previous, producer, timestamp
    }
}

/// What an entry is.
public enum LogEntryKind: Word {
    case noop, block, region, operation, settings
    case unknown(String)

    public static let known: [LogEntryKind] = [.noop, .block, .region, .operation, .settings]

    public var rawValue: String {
        switch self {
        case .noop: "noop"
        case .block: "block"
        case .region: "region"
        case .operation: "operation"
        case .settings: "settings"
        case .unknown(let text): text
        }
    }
}
