// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What a peer says of itself, its group and its region.
public struct StatusDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var peer: Peer
    public var raft: Raft
    public var peers: [OtherPeer]
    public var production: Production
    /// Peers that take no leadership while another one can. Null from a peer that does not say.
    @Nullable public var maintenance: [Maintenance]?
    /// The other regions, as this peer heard of them last. Null from a peer that does not say.
    @Nullable public var regions: [OtherRegion]?
    /// Null when no nodeos is attached.
    @Nullable public var nodeos: Nodeos?
    /// Null from a peer that does not serve them.
    @Nullable public var transactions: Transactions?
    /// What this peer knows of the others. Null unless it was asked for, with `group=true`.
    @Nullable public var group: [KnownStatus]?

    public init(
        peer: Peer, raft: Raft, peers: [OtherPeer], production: Production, maintenance: [Maintenance]? = nil,
        regions: [OtherRegion]? = nil, nodeos: Nodeos? = nil, transactions: Transactions? = nil,
        group: [KnownStatus]? = nil
    ) {
        self.group = group
        self.maintenance = maintenance
        self.regions = regions
        self.peer = peer
        self.raft = raft
        self.peers = peers
        self.production = production
        self.nodeos = nodeos
        self.transactions = transactions
    }

    /// The peer that answers.
    public struct Peer: Codable, Hashable, Sendable {
        public var id: Int
        public var region: String
        /// Where other peers reach it.
        public var address: String
        /// Where its HTTP API is reached.
        public var api: String
        public var version: String
        public var uptimeMS: Milliseconds
        /// What its clock says at this moment. Null from a peer that does not say.
        @Nullable public var time: UTCInstant?
        /// What it shows to others; empty without TLS. Null from a peer that does not say.
        @Nullable public var certificates: [Certificate]?

        public init(
            id: Int, region: String, address: String, api: String, version: String, uptimeMS: Milliseconds,
            time: UTCInstant? = nil, certificates: [Certificate]? = nil
        ) {
            self.time = time
            self.certificates = certificates
            self.id = id
            self.region = region
            self.address = address
            self.api = api
            self.version = version
            self.uptimeMS = uptimeMS
        }

        private enum CodingKeys: String, CodingKey {
            case id, region, address, api, version, time, certificates
            case uptimeMS = "uptime_ms"
        }
    }

    /// A certificate that a peer shows.
    public struct Certificate: Codable, Hashable, Sendable {
        /// `peers` or `api`.
        public var use: String
        public var subject: String
        public var expiresAt: UTCInstant

        public init(use: String, subject: String, expiresAt: UTCInstant) {
            self.use = use
            self.subject = subject
            self.expiresAt = expiresAt
        }

        private enum CodingKeys: String, CodingKey {
            case use, subject
            case expiresAt = "expires_at"
        }
    }

    /// Its part in the group.
    public struct Raft: Codable, Hashable, Sendable {
        public var role: RaftRole
        public var term: UInt64
        /// -1 when it knows of none.
        public var leaderID: Int
        public var commitIndex: UInt64
        public var appliedIndex: UInt64
        public var lastIndex: UInt64
        /// 0 when there is no snapshot.
        public var snapshotIndex: UInt64
        public var quorumSize: Int
        public var lease: Lease

        public init(
            role: RaftRole, term: UInt64, leaderID: Int, commitIndex: UInt64, appliedIndex: UInt64,
            lastIndex: UInt64, snapshotIndex: UInt64, quorumSize: Int, lease: Lease
        ) {
            self.role = role
            self.term = term
            self.leaderID = leaderID
            self.commitIndex = commitIndex
            self.appliedIndex = appliedIndex
            self.lastIndex = lastIndex
            self.snapshotIndex = snapshotIndex
            self.quorumSize = quorumSize
            self.lease = lease
        }

        private enum CodingKeys: String, CodingKey {
            case role, term, lease
            case leaderID = "leader_id"
            case commitIndex = "commit_index"
            case appliedIndex = "applied_index"
            case lastIndex = "last_index"
            case snapshotIndex = "snapshot_index"
            case quorumSize = "quorum_size"
        }
    }

    /// The leader's lease, if this peer holds it.
    public struct Lease: Codable, Hashable, Sendable {
        public var held: Bool
        /// Held: what is left of it. Not held: how long an earlier leader's may still run, as far as that is why.
        public var remainingMS: Milliseconds
        /// Its whole length.
        public var expiryMS: Milliseconds

        public init(held: Bool, remainingMS: Milliseconds, expiryMS: Milliseconds) {
            self.held = held
            self.remainingMS = remainingMS
            self.expiryMS = expiryMS
        }

        private enum CodingKeys: String, CodingKey {
            case held
            case remainingMS = "remaining_ms"
            case expiryMS = "expiry_ms"
        }
    }

    /// Another peer of the group, as seen from this one.
    public struct OtherPeer: Codable, Hashable, Sendable {
        public var id: Int
        public var address: String
        /// Where its HTTP API is reached, so that tools that know one peer find the others.
        @Nullable public var api: String?
        public var connected: Bool
        /// Null before the first contact.
        @Nullable public var lastContactMS: Milliseconds?
        /// Null unless this peer leads.
        @Nullable public var matchIndex: UInt64?
        /// Null before it was measured.
        @Nullable public var rttMS: Milliseconds?
        public var state: PeerLinkState

        public init(
            id: Int, address: String, api: String? = nil, connected: Bool, lastContactMS: Milliseconds? = nil,
            matchIndex: UInt64? = nil, rttMS: Milliseconds? = nil, state: PeerLinkState
        ) {
            self.id = id
            self.address = address
            self.api = api
            self.connected = connected
            self.lastContactMS = lastContactMS
            self.matchIndex = matchIndex
            self.rttMS = rttMS
            self.state = state
        }

        private enum CodingKeys: String, CodingKey {
            case id, address, api, connected, state
            case lastContactMS = "last_contact_ms"
            case matchIndex = "match_index"
            case rttMS = "rtt_ms"
        }
    }

    /// Another region, as this peer heard of it last.
    public struct OtherRegion: Codable, Hashable, Sendable {
        public var name: String
        /// Since it was heard last; null before it was.
        @Nullable public var ageMS: Milliseconds?
        /// What it said; null before it was heard.
        @Nullable public var report: RegionReportDocument?
        /// The last block of it that this peer holds, in case its own region has to go on from there; null beside a nodeos.
        @Nullable public var held: BlockReference?
        /// Each of its peers, as this one reaches it. Null from a peer that does not say.
        @Nullable public var peers: [Contact]?

        /// What came of asking a peer of another region, which is done once a second.
        public struct Contact: Codable, Hashable, Sendable {
            public var id: Int
            /// Since it answered last; null: it never has since this peer started.
            @Nullable public var ageMS: Milliseconds?
            /// Why it did not answer the last question; null: it did, or was not asked yet.
            @Nullable public var trouble: String?

            public init(id: Int, ageMS: Milliseconds? = nil, trouble: String? = nil) {
                self.id = id
                self.ageMS = ageMS
                self.trouble = trouble
            }

            private enum CodingKeys: String, CodingKey {
                case id, trouble
                case ageMS = "age_ms"
            }
        }

        public init(
            name: String, ageMS: Milliseconds? = nil, report: RegionReportDocument? = nil,
            held: BlockReference? = nil, peers: [Contact]? = nil
        ) {
            self.name = name
            self.ageMS = ageMS
            self.report = report
            self.held = held
            self.peers = peers
        }

        private enum CodingKeys: String, CodingKey {
            case name, report, held, peers
            case ageMS = "age_ms"
        }
    }

    /// The last rehearsal of a switch that this region took part in.
    public struct Drill: Codable, Hashable, Sendable {
        public var at: UTCInstant
        @Nullable public var gapMS: Milliseconds?

        public init(at: UTCInstant, gapMS: Milliseconds? = nil) {
            self.at = at
            self.gapMS = gapMS
        }

        private enum CodingKeys: String, CodingKey {
            case at
            case gapMS = "gap_ms"
        }
    }

    /// What this peer may do, and on what.
    public struct Production: Codable, Hashable, Sendable {
        public var regionActive: Bool
        /// Null from a peer that does not say.
        @Nullable public var state: RegionStanding?
        /// As in the region's report. Null from a peer that does not say.
        @Nullable public var activatedEpoch: UInt64?
        /// A switch that has begun and not ended.
        @Nullable public var `switch`: SwitchDocument?
        @Nullable public var lastDrill: Drill?
        /// Another region went on without this one, and this region has not been active since.
        @Nullable public var superseded: LossDocument.Superseded?
        /// Of the region's state.
        public var epoch: UInt64
        public var paused: Bool
        /// Who paused it and why; null while it is not paused, and where nobody said.
        @Nullable public var pause: ActDocument?
        public var canProduce: Bool
        /// Null when it may produce.
        @Nullable public var reason: CanProduceReason?
        /// The committed head; null before the first block.
        @Nullable public var head: Head?

        public init(
            regionActive: Bool, state: RegionStanding? = nil, activatedEpoch: UInt64? = nil,
            switch: SwitchDocument? = nil, lastDrill: Drill? = nil, superseded: LossDocument.Superseded? = nil,
            epoch: UInt64, paused: Bool, pause: ActDocument? = nil, canProduce: Bool,
            reason: CanProduceReason? = nil, head: Head? = nil
        ) {
            self.state = state
            self.activatedEpoch = activatedEpoch
            self.switch = `switch`
            self.lastDrill = lastDrill
            self.superseded = superseded
            self.pause = pause
            self.regionActive = regionActive
            self.epoch = epoch
            self.paused = paused
            self.canProduce = canProduce
            self.reason = reason
            self.head = head
        }

        private enum CodingKeys: String, CodingKey {
            case epoch, paused, pause, reason, head, state, superseded, `switch`
            case activatedEpoch = "activated_epoch"
            case lastDrill = "last_drill"
            case regionActive = "region_active"
            case canProduce = "can_produce"
        }
    }

    /// A peer in maintenance, and who wanted that.
    public struct Maintenance: Codable, Hashable, Sendable {
        public var peer: Int
        public var act: ActDocument

        public init(peer: Int, act: ActDocument) {
            self.peer = peer
            self.act = act
        }
    }

    public struct Head: Codable, Hashable, Sendable {
        public var blockNum: UInt32
        public var blockID: String
        /// When this peer applied it; null when it came with a snapshot or before a restart.
        @Nullable public var committedAt: UTCInstant?

        public init(blockNum: UInt32, blockID: String, committedAt: UTCInstant? = nil) {
            self.blockNum = blockNum
            self.blockID = blockID
            self.committedAt = committedAt
        }

        private enum CodingKeys: String, CodingKey {
            case blockNum = "block_num"
            case blockID = "block_id"
            case committedAt = "committed_at"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case peer, raft, peers, production, maintenance, regions, nodeos, transactions, group
        case schemaVersion = "schema_version"
    }
}

/// A peer's role in its group.
public enum RaftRole: Word {
    case leader, follower, candidate
    case unknown(String)

    public static let known: [RaftRole] = [.leader, .follower, .candidate]

    public var rawValue: String {
        switch self {
        case .leader: "leader"
        case .follower: "follower"
        case .candidate: "candidate"
        case .unknown(let text): text
        }
    }
}

/// How a leader is getting on with another peer.
public enum PeerLinkState: Word {
    case replicating, probing, snapshot, unreachable
    case unknown(String)

    public static let known: [PeerLinkState] = [.replicating, .probing, .snapshot, .unreachable]

    public var rawValue: String {
        switch self {
        case .replicating: "replicating"
        case .probing: "probing"
        case .snapshot: "snapshot"
        case .unreachable: "unreachable"
        case .unknown(let text): text
        }
    }
}
