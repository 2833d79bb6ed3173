// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Every key of the file, in one place: what is known where, and which keys EOSIO-Taurus lacks.

/// The keys of one kind of object.
struct KnownKeys: Sendable {
    /// Keys of EOSIO-Taurus's file.
    var taurus: [String] = []
    /// Keys of our own.
    var extensions: [String] = []

    var all: [String] { taurus + extensions }

    static let root = KnownKeys(
        taurus: [
            "is_active_raft_cluster", "leader_election_quorum_size", "self", "logging_level", "peers",
            "leadership_expiry_ms", "heart_beat_interval_ms", "election_timeout_lower_bound_ms",
            "election_timeout_upper_bound_ms", "snapshot_distance", "enable_ssl", "server_cert_file",
            "server_key_file", "root_cert_file", "allowed_ssl_subject_names",
        ],
        extensions: [
            "region", "regions", "api", "require_tls", "data_dir", "nodeos", "amqp", "return_gate_ms",
            "max_clock_drift", "on_change",
        ])
    static let peer = KnownKeys(taurus: ["id", "address", "listening_port"], extensions: ["api"])
    static let region = KnownKeys(extensions: ["name", "peers"])
    static let regionPeer = KnownKeys(extensions: ["id", "api"])
    static let api = KnownKeys(extensions: [
        "listen", "host_names", "tls", "token_file", "read_token_file", "unix_socket", "unix_socket_mode",
    ])
    static let apiTLS = KnownKeys(extensions: ["cert_file", "key_file", "client_ca_file", "ca_file"])
    static let nodeos = KnownKeys(extensions: ["http", "producers", "p2p", "signer"])
    static let p2p = KnownKeys(extensions: ["node", "listen", "peers", "local_listen"])
    static let signer = KnownKeys(extensions: ["listen", "public_key", "key_file", "keosd_url"])

    static let amqp = KnownKeys(extensions: [
        "address", "queue", "queue_size", "retry_timeout_us", "retry_interval_us", "ack_mode", "root_cert_file",
        "cert_file", "key_file",
    ])

    /// Where each kind of object stands, for a key that is right but in the wrong place.
    static let places: [(path: String, keys: KnownKeys)] = [
        ("the top level", root), ("peers[]", peer), ("regions[]", region), ("regions[].peers[]", regionPeer),
        ("api", api), ("api.tls", apiTLS), ("nodeos", nodeos), ("nodeos.p2p", p2p), ("nodeos.signer", signer),
        ("amqp", amqp),
    ]

    /// What to do about a key that is not known here.
    func suggestion(for unknown: String) -> String? {
        guard let nearest = Nearest.candidate(to: unknown, among: all) else { return nil }
        if nearest.isLikely { return "did you mean \(nearest.word.quoted)?" }
        let elsewhere = KnownKeys.places.filter { $0.keys.all.contains(unknown) }.map(\.path)
        let nearestText = "the nearest known key is \(nearest.word.quoted)"
        guard !elsewhere.isEmpty else { return nearestText }
        return "it belongs in \(elsewhere.joined(separator: " or ")); \(nearestText)"
    }

    /// Whether a document has any extension key, however the rest of it looks.
    static func dialect(of document: DocumentNode) -> Dialect {
        guard case .object(let members) = document.value else { return .extended }
        for member in members {
            if root.extensions.contains(member.key) { return .extended }
            guard member.key == "peers", case .list(let peers) = member.value.value else { continue }
            for entry in peers {
                guard case .object(let fields) = entry.value else { continue }
                if fields.contains(where: { peer.extensions.contains($0.key) }) { return .extended }
            }
        }
        return .taurus
    }
}
