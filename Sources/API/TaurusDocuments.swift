// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The two calls of EOSIO-Taurus's plugin, whose answers scripts of its users read: exactly these fields.

/// The answer of `get_info`.
public struct GetInfoDocument: Document {
    public var isActiveRaftCluster: Bool
    public var quorumSize: Int
    /// 0 when there is none.
    public var lastCommittedBlockNum: UInt32
    /// -1 when there is none.
    public var leaderID: Int
    public var peers: [Peer]

    public init(
        isActiveRaftCluster: Bool, quorumSize: Int, lastCommittedBlockNum: UInt32, leaderID: Int,
        peers: [Peer]
    ) {
        self.isActiveRaftCluster = isActiveRaftCluster
        self.quorumSize = quorumSize
        self.lastCommittedBlockNum = lastCommittedBlockNum
        self.leaderID = leaderID
        self.peers = peers
    }

    public struct Peer: Codable, Hashable, Sendable {
        public var id: Int
        public var address: String
        public var listeningPort: Int

        public init(id: Int, address: String, listeningPort: Int) {
            self.id = id
            self.address = address
            self.listeningPort = listeningPort
        }

        private enum CodingKeys: String, CodingKey {
            case id, address
            case listeningPort = "listening_port"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case peers
        case isActiveRaftCluster = "is_active_raft_cluster"
        case quorumSize = "quorum_size"
        case lastCommittedBlockNum = "last_committed_block_num"
        case leaderID = "leader_id"
    }
}

/// The answer of `take_leadership`, once the outcome is known.
public struct TakeLeadershipDocument: Document {
    public var success: Bool
    public var info: String

    public init(success: Bool, info: String) {
        self.success = success
        self.info = info
    }

    private enum CodingKeys: String, CodingKey {
        case success, info
    }
}
