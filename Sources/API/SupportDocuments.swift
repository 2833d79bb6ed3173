// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// What a peer tells of itself to who has to find out what is wrong with it. Neither has a secret in it.

/// The answer of `daemon_log`: the latest lines that the peer's process has logged.
public struct DaemonLogDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    public var peer: Int
    /// Lines before these that are no longer kept.
    public var dropped: UInt64
    /// Oldest first.
    public var lines: [String]

    public init(region: String, peer: Int, dropped: UInt64, lines: [String]) {
        self.region = region
        self.peer = peer
        self.dropped = dropped
        self.lines = lines
    }

    private enum CodingKeys: String, CodingKey {
        case region, peer, dropped, lines
        case schemaVersion = "schema_version"
    }
}

/// The answer of `configuration`: what the peer runs with, every default applied.
public struct ConfigurationDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    public var peer: Int
    /// The path of the file that it came from, as it was given.
    public var file: String
    /// In the form of the file.
    public var configuration: [String: JSONValue]

    public init(region: String, peer: Int, file: String, configuration: [String: JSONValue]) {
        self.region = region
        self.peer = peer
        self.file = file
        self.configuration = configuration
    }

    private enum CodingKeys: String, CodingKey {
        case region, peer, file, configuration
        case schemaVersion = "schema_version"
    }
}
