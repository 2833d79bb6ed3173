// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Configuration: what a peer is told by its file.
//
// What this layer is for: it reads the configuration file, JSON or YAML, and answers with either a `Configuration` in
// which every default is applied and every rule holds, or with all that is wrong, each finding at its line and column
// and with what to write instead.
// - `ConfigurationLoader.load` is the way in. It reads files and changes none; what it has to know about the process
//   (overrides, environment, a check of certificates) comes in as arguments.
// - Bytes become a tree of `DocumentNode`s that know where they stand (JSONReader, YAMLReader); the rules (…Rules)
//   read that tree through `ObjectReader`, which knows the keys.
// - A file without any extension key is an EOSIO-Taurus file. What Taurus accepts never stops such a file: rules of
//   our own only warn there, and say what is used instead.
// It may import the standard library, the C library and CYAML (libyaml), and no other target of this package.

/// Everything a peer needs to know to run, with every default applied and every rule checked.
public struct Configuration: Hashable, Sendable {
    /// The path of the file as it was given to the loader.
    public var file: String
    /// Whether the file has none of the extension keys: an EOSIO-Taurus file, run unchanged.
    public var isTaurusFile: Bool

    // MARK: The group

    /// This peer's id: `--self`, else `self`. One of `peers`.
    public var selfID: Int
    /// The members of the group in the order of the file, 3 or more, ids and addresses unique.
    /// (In a Taurus file addresses may repeat, with a warning.)
    public var peers: [Peer]
    /// `leader_election_quorum_size`, for elections and commits. More than half of the peers, and not all.
    public var quorumSize: Int
    /// `is_active_raft_cluster`: what a new group starts with; the replicated state decides from then on.
    public var isActive: Bool
    /// `logging_level`.
    public var loggingLevel: LoggingLevel

    // MARK: Timing

    /// `leadership_expiry_ms`: how long a lease lasts.
    public var leadershipExpiry: Duration
    /// `heart_beat_interval_ms`: between two messages to an idle peer. Below `leadershipExpiry`
    /// (a Taurus file may break this, with a warning).
    public var heartbeat: Duration
    /// `election_timeout_lower_bound_ms`: the shortest election timer. Default: the longer of 250 ms and 5 heartbeats.
    public var electionLower: Duration
    /// `election_timeout_upper_bound_ms`: the longest election timer, above the lower bound. Default: twice that.
    public var electionUpper: Duration
    /// `snapshot_distance`: commits between two snapshots, 1 or more.
    public var snapshotDistance: Int
    /// `max_clock_drift`: by how much two peers' clocks may differ in rate, as a fraction: 0.01 is one percent.
    /// At least 0, below 1.
    public var maxClockDrift: Double
    /// `return_gate_ms`: how old the committed head may be before the leader of an active region asks the other
    /// regions first. Nil (0 in the file): it never asks.
    public var returnGate: Duration?

    // MARK: Links between peers

    /// Mutual TLS between peers (`enable_ssl` and its files). Nil: plaintext.
    public var tls: PeerTLS?
    /// `require_tls`: refuse to run without TLS between peers. Already checked against `tls`.
    public var requireTLS: Bool

    // MARK: Regions

    /// `region`: the name of this peer's region.
    public var regionName: String
    /// `regions`: all regions, this one included (added when the file leaves it out). Empty when the file has none.
    public var regions: [Region]

    // MARK: The HTTP API

    /// `api.listen`: where this peer serves HTTP.
    public var apiListen: HostPort
    /// `api.tls`. Nil: plain HTTP.
    public var apiTLS: APITLS?
    /// `api.host_names`: names that this peer's API is called by, besides its address, `localhost` and the host of its own
    /// `api`.
    public var apiHostNames: [String]
    /// `api.unix_socket`. nil: none.
    public var apiUnixSocket: UnixSocket?
    /// `api.token_file`: the operators' bearer tokens. A path.
    public var tokenFile: String?
    /// `api.read_token_file`: the bearer tokens for reading only. A path.
    public var readTokenFile: String?

    /// `api.tls.ca_file`: the authority that tools trust for APIs. nil: those that the system trusts.
    public var apiAuthorityFile: String?

    // MARK: State and nodeos

    /// `--data-dir`, else `data_dir`, else `$STATE_DIRECTORY/<region>-<id>`, else `./data/<region>-<id>`.
    /// As written; a relative path counts from the working directory.
    public var dataDirectory: String
    /// `on_change`: a program, by its absolute path, and its arguments; it is run for each event. Empty: none is.
    public var onChange: [String]
    /// The `nodeos` block.
    public var nodeos: NodeosSettings
    /// The `amqp` block; nil when there is none.
    public var amqp: QueueSettings?

    /// This peer's own entry.
    public var selfPeer: Peer? { peers.first { $0.id == selfID } }

    /// What tools need to find every peer.
    public var directory: PeerDirectory {
        PeerDirectory(
            file: file, regionName: regionName, quorumSize: quorumSize, peers: peers, regions: regions,
            apiAuthorityFile: apiAuthorityFile)
    }
}

extension Configuration {
    /// The values that hold where the file is silent.
    public enum Defaults {
        public static let loggingLevel = LoggingLevel.warning
        public static let leadershipExpiryMilliseconds = 750
        public static let heartbeatMilliseconds = 50
        public static let shortestElectionMilliseconds = 250
        public static let electionHeartbeats = 5
        public static let snapshotDistance = 7200
        public static let region = "default"
        /// From a peer's listening port to its API, and from its API to its signature gate.
        public static let portStep = 1000
        public static let returnGateMilliseconds = 10000
        public static let maxClockDrift = 0.01
        public static let dataDirectory = "./data"

        /// The election timer's lower bound for a heartbeat, both in milliseconds.
        public static func electionLower(heartbeat: Int) -> Int {
            max(shortestElectionMilliseconds, electionHeartbeats * heartbeat)
        }
    }
}

/// A member of the group.
public struct Peer: Hashable, Sendable {
    /// 0 or more.
    public var id: Int
    /// `address`: where the other peers dial it.
    public var address: HostPort
    /// `listening_port`, else the port of `address`: where it listens for them.
    public var listeningPort: Int
    /// `api`, else the host of `address` and the listening port + 1000: where its HTTP API is reached.
    public var api: ServiceURL

    public init(id: Int, address: HostPort, listeningPort: Int, api: ServiceURL) {
        self.id = id
        self.address = address
        self.listeningPort = listeningPort
        self.api = api
    }
}

/// How much is logged, from Taurus's numbers: 2 and less error, 3 warning, 4 info, 5 debug, 6 and more all.
public enum LoggingLevel: Int, Hashable, Sendable, Comparable {
    case error = 2
    case warning = 3
    case info = 4
    case debug = 5
    case all = 6

    public init(number: Int) {
        switch number {
        case ...2: self = .error
        case 3: self = .warning
        case 4: self = .info
        case 5: self = .debug
        default: self = .all
        }
    }

    /// Quieter levels come first.
    public static func < (left: LoggingLevel, right: LoggingLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Mutual TLS between peers. Paths are as written in the file, relative ones count from the working directory,
/// as with Taurus.
public struct PeerTLS: Hashable, Sendable {
    /// `server_cert_file`
    public var certificateFile: String
    /// `server_key_file`
    public var keyFile: String
    /// `root_cert_file`
    public var rootFile: String
    /// `allowed_ssl_subject_names`: one-line subjects, common names or subject alternative names that are let in.
    /// Empty: nobody is.
    public var allowedSubjectNames: [String]
}

/// TLS of the HTTP API. Paths as in `PeerTLS`.
public struct APITLS: Hashable, Sendable {
    /// `api.tls.cert_file`
    public var certificateFile: String
    /// `api.tls.key_file`
    public var keyFile: String
    /// `api.tls.client_ca_file`: who presents a certificate of it is an operator.
    public var clientCAFile: String?
}

/// A unix socket on which the API is served too. Who may write to its file may operate.
public struct UnixSocket: Hashable, Sendable {
    /// In bytes; the system takes a few more.
    public static let longestPath = 100

    /// Whether a socket can be there: an absolute path that is not too long.
    public static func isPath(_ text: String) -> Bool { text.hasPrefix("/") && text.utf8.count <= longestPath }

    /// `api.unix_socket`: an absolute path of at most 100 bytes; its folder must exist.
    public var path: String
    /// `api.unix_socket_mode`: the file's permissions.
    public var mode: UInt32
}

/// A group as other regions and tools see it.
public struct Region: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        /// The peer's id, unique in its region.
        public var id: Int
        public var api: ServiceURL

        public init(id: Int, api: ServiceURL) {
            self.id = id
            self.api = api
        }
    }

    public var name: String
    public var peers: [Member]

    public init(name: String, peers: [Member]) {
        self.name = name
        self.peers = peers
    }
}

/// What tools need to find every peer; also there when a file does not say which peer it is for.
public struct PeerDirectory: Hashable, Sendable {
    public var file: String
    public var regionName: String
    public var quorumSize: Int
    public var peers: [Peer]
    /// As `Configuration.regions`.
    public var regions: [Region]
    /// As `Configuration.apiAuthorityFile`.
    public var apiAuthorityFile: String?
}

/// The `nodeos` block: what stands beside this peer. Every part may be missing.
public struct NodeosSettings: Hashable, Sendable {
    /// Which producers' blocks the group guards.
    public enum Producers: Hashable, Sendable {
        case all
        case only([String])
    }

    /// The p2p gate.
    public struct P2P: Hashable, Sendable {
        /// `node`: the p2p address of the local nodeos.
        public var node: HostPort?
        /// `listen`: where outside nodes dial us.
        public var listen: HostPort?
        /// `peers`: whom we dial.
        public var peers: [HostPort]
        /// `local_listen`: where the local nodeos may dial its gate.
        public var localListen: HostPort?
    }

    /// The signature gate.
    public struct Signer: Hashable, Sendable {
        public enum Key: Hashable, Sendable {
            /// `key_file`: a private key in a file, by its path.
            case file(String)
            /// `keosd_url`: a keosd that signs.
            case keosd(ServiceURL)
        }

        /// `listen`: plain HTTP on loopback. Default: 127.0.0.1 and the port of the API + 1000.
        public var listen: HostPort
        /// `public_key`: `EOS...` or `PUB_K1_...`, as written; its checksum is not checked here.
        public var publicKey: String
        public var key: Key
    }

    /// `http`: the local nodeos with chain_api and producer_api.
    public var http: ServiceURL?
    public var producers: Producers = .all
    public var p2p: P2P?
    public var signer: Signer?
}
