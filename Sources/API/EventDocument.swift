// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Something that happened at one peer: an item of the stream `events`, and what `on_change` reads.
public struct EventDocument: Document {
    public var schemaVersion = SchemaVersion.current
    /// Of this run of the peer's process, and counting up: for `Last-Event-ID`.
    public var id: String
    /// By this peer's clock.
    public var at: UTCInstant
    public var type: EventType
    public var region: String
    /// The peer that tells it.
    public var peer: Int
    /// What happened, in a sentence.
    public var message: String
    /// What a script may want to know, by name: `term`, `leader_id`, `index`, `block_num`, `epoch`.
    public var details: [String: JSONValue]

    public init(
        id: String, at: UTCInstant, type: EventType, region: String, peer: Int, message: String,
        details: [String: JSONValue]
    ) {
        self.id = id
        self.at = at
        self.type = type
        self.region = region
        self.peer = peer
        self.message = message
        self.details = details
    }

    private enum CodingKeys: String, CodingKey {
        case id, at, type, region, peer, message, details
        case schemaVersion = "schema_version"
    }
}

/// The answer of `events?once=true`: what is kept, and no stream.
public struct EventsDocument: Document {
    public var schemaVersion = SchemaVersion.current
    /// Of the newest event that there is; for the next question.
    public var lastID: String
    /// Some events before these are not kept any more.
    public var missed: Bool
    public var events: [EventDocument]

    public init(lastID: String, missed: Bool, events: [EventDocument]) {
        self.lastID = lastID
        self.missed = missed
        self.events = events
    }

    private enum CodingKeys: String, CodingKey {
        case missed, events
        case schemaVersion = "schema_version"
        case lastID = "last_id"
    }
}

/// What kind of thing happened.
public enum EventType: Word {
    /// This peer leads, leads no more, or another one is known to lead.
    case role
    /// This peer holds the lease of a new term.
    case lease
    /// A block was committed and applied here.
    case commit
    /// The region's state changed.
    case region
    case maintenance
    /// A hand-over was asked for, or has ended.
    case transfer
    /// A link to another peer came up or went down.
    case peer
    /// The local nodeos.
    case nodeos
    /// Some events are not kept any more: those between the last one that the reader had and the next one.
    case missed
    case unknown(String)

    public static let known: [EventType] = [
        .role, .lease, .commit, .region, .maintenance, .transfer, .peer, .nodeos, .missed,
    ]

    public var rawValue: String {
        switch self {
        case .role: "role"
        case .lease: "lease"
        case .commit: "commit"
        case .region: "region"
        case .maintenance: "maintenance"
        case .transfer: "transfer"
        case .peer: "peer"
        case .nodeos: "nodeos"
        case .missed: "missed"
        case .unknown(let text): text
        }
    }
}
