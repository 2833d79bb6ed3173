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

/// One entry. A block's facts stand beside the entry's own; what belongs to another kind is left out.
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

    /// A change of the region's state.
    public struct Region: Codable, Hashable, Sendable {
        public var epoch: UInt64
        /// The epoch that had to stand before.
        public var expects: UInt64
        /// `active`, `standby` or `activating`.
        public var state: String
        public var paused: Bool
        /// The number of the block that the region goes on from, if the change names one.
        @Nullable public var base: UInt32?
        @Nullable public var act: ActDocument?
        /// Of an activation by force.
        @Nullable public var givenUp: GivenUpDocument?

        private enum CodingKeys: String, CodingKey {
            case epoch, expects, state, paused, base, act
            case givenUp = "given_up"
        }

        public init(
            epoch: UInt64, expects: UInt64, state: String, paused: Bool, base: UInt32? = nil, act: ActDocument? = nil,
            givenUp: GivenUpDocument? = nil
        ) {
            self.givenUp = givenUp
            self.epoch = epoch
            self.expects = expects
            self.state = state
            self.paused = paused
            self.base = base
            self.act = act
        }
    }

    /// What an operator did, or who leads.
    public struct Operation: Codable, Hashable, Sendable {
        public var event: HistoryEvent
        @Nullable public var peer: Int?
        /// Of a switch: as in the history.
        @Nullable public var about: String?
        /// By the clock of the peer that wrote it.
        public var at: UTCInstant
        @Nullable public var act: ActDocument?
        /// The operation whose end this is.
        @Nullable public var ends: String?
        @Nullable public var outcome: String?

        public init(
            event: HistoryEvent, peer: Int? = nil, about: String? = nil, at: UTCInstant, act: ActDocument? = nil,
            ends: String? = nil, outcome: String? = nil
        ) {
            self.about = about
            self.event = event
            self.peer = peer
            self.at = at
            self.act = act
            self.ends = ends
            self.outcome = outcome
        }
    }

    /// What the group is.
    public struct Settings: Codable, Hashable, Sendable {
        public var group: String
        /// Null for a group that was founded without a nodeos.
        @Nullable public var chain: String?
        /// `sole` or `several`.
        public var producers: String

        public init(group: String, chain: String? = nil, producers: String) {
            self.group = group
            self.chain = chain
            self.producers = producers
        }
    }

    public var index: UInt64
    public var term: UInt64
    public var kind: LogEntryKind
    /// Of the entry's payload, in bytes.
    public var size: Int
    /// Nil unless the entry is a block. The same for those below.
    public var block: Block?
    public var region: Region?
    public var operation: Operation?
    public var settings: Settings?

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
        region = try container.decodeIfPresent(Region.self, forKey: .region)
        operation = try container.decodeIfPresent(Operation.self, forKey: .operation)
        settings = try container.decodeIfPresent(Settings.self, forKey: .settings)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(index, forKey: .index)
        try container.encode(term, forKey: .term)
        try container.encode(kind, forKey: .kind)
        try container.encode(size, forKey: .size)
        try container.encodeIfPresent(region, forKey: .region)
        try container.encodeIfPresent(operation, forKey: .operation)
        try container.encodeIfPresent(settings, forKey: .settings)
        guard let block else { return }
        try container.encode(block.number, forKey: .num)
        try container.encode(block.id, forKey: .id)
        try container.encode(block.previous, forKey: .previous)
        try container.encode(block.producer, forKey: .producer)
        try container.encode(block.timestamp, forKey: .timestamp)
    }

    private enum CodingKeys: String, CodingKey {
        case index, term, kind, size, num, id, previous, producer, timestamp, region, operation, settings
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
