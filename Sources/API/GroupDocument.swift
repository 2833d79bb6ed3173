// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What one peer knows of every peer of its group, itself included: peers ask each other over their links, so that one
/// API that is reached tells of all.
public struct GroupDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    /// The peer that answers.
    public var peer: Int
    /// One per peer, in the order of the configuration.
    public var peers: [KnownStatus]

    public init(region: String, peer: Int, peers: [KnownStatus]) {
        self.region = region
        self.peer = peer
        self.peers = peers
    }

    private enum CodingKeys: String, CodingKey {
        case region, peer, peers
        case schemaVersion = "schema_version"
    }
}

/// The last status of one peer that another has.
public struct KnownStatus: Codable, Hashable, Sendable {
    public var id: Int
    /// Since it came. Null while none has come since the peer that tells it started.
    @Nullable public var ageMS: Milliseconds?
    /// Null while none has come.
    @Nullable public var status: StatusDocument?

    public init(id: Int, ageMS: Milliseconds? = nil, status: StatusDocument? = nil) {
        self.id = id
        self.ageMS = ageMS
        self.status = status
    }

    private enum CodingKeys: String, CodingKey {
        case id, status
        case ageMS = "age_ms"
    }
}
