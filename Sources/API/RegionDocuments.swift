// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What a region does.
public enum RegionStanding: Word {
    /// It never produces.
    case standby
    case active
    /// It has stopped for good, and another region is about to start. It never produces.
    case activating
    case unknown(String)

    public static let known: [RegionStanding] = [.standby, .active, .activating]

    public var rawValue: String {
        switch self {
        case .standby: "standby"
        case .active: "active"
        case .activating: "activating"
        case .unknown(let text): text
        }
    }
}

/// How one region takes over from another.
public enum SwitchKind: Word {
    /// Nothing is lost: the old region stops first.
    case planned
    /// The old region cannot be reached.
    case forced
    /// A planned one for practice, there and back.
    case drill
    case unknown(String)

    public static let known: [SwitchKind] = [.planned, .forced, .drill]

    public var rawValue: String {
        switch self {
        case .planned: "planned"
        case .forced: "forced"
        case .drill: "drill"
        case .unknown(let text): text
        }
    }
}

/// How a switch ended.
public enum SwitchResult: Word {
    /// The new region produces.
    case done
    /// The old region goes on.
    case rolledBack
    case unknown(String)

    public static let known: [SwitchResult] = [.done, .rolledBack]

    public var rawValue: String {
        switch self {
        case .done: "done"
        case .rolledBack: "rolled_back"
        case .unknown(let text): text
        }
    }
}

/// A switch that has begun and not ended, as the logs of both regions have it. With the two epochs anybody can tell from the
/// regions' states how far it has got.
public struct SwitchDocument: Codable, Hashable, Sendable {
    /// Names it.
    public var id: String
    public var kind: SwitchKind
    /// The region that was active; empty when none was known to be.
    public var from: String
    public var to: String
    /// The epochs that stood when it began.
    public var fromExpects: UInt64
    public var toExpects: UInt64
    /// Who began it.
    public var act: ActDocument

    public init(
        id: String, kind: SwitchKind, from: String, to: String, fromExpects: UInt64, toExpects: UInt64, act: ActDocument
    ) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.fromExpects = fromExpects
        self.toExpects = toExpects
        self.act = act
    }

    private enum CodingKeys: String, CodingKey {
        case id, kind, from, to, act
        case fromExpects = "from_expects"
        case toExpects = "to_expects"
    }
}

/// The region without which another one was made active by force, and what was known of it at that moment.
public struct GivenUpDocument: Codable, Hashable, Sendable {
    /// Empty when nobody knew which region was active.
    public var region: String
    /// The highest epoch of it that was known; 0: none was.
    public var epoch: UInt64
    /// Null: no block of it was known.
    @Nullable public var known: Known?

    /// The greatest `ageMS` that the log takes, some 279 years.
    public static let longestAgeMS: UInt64 = 1 << 43

    public struct Known: Codable, Hashable, Sendable {
        /// Its last block.
        public var block: BlockReference
        /// The peer of that region that told it; null when that is not known.
        @Nullable public var toldBy: Int?
        public var source: KnowledgeSource
        /// How long before that region had been heard last.
        public var ageMS: Milliseconds

        public init(block: BlockReference, toldBy: Int?, source: KnowledgeSource, ageMS: Milliseconds) {
            self.block = block
            self.toldBy = toldBy
            self.source = source
            self.ageMS = ageMS
        }

        private enum CodingKeys: String, CodingKey {
            case block, source
            case toldBy = "told_by"
            case ageMS = "age_ms"
        }
    }

    public init(region: String, epoch: UInt64 = 0, known: Known? = nil) {
        self.region = region
        self.epoch = epoch
        self.known = known
    }
}

/// Who heard what is known of another region.
public enum KnowledgeSource: Word {
    /// Peers, which ask those of other regions all the time.
    case beacon
    /// A command, which asked them itself.
    case command
    case unknown(String)

    public static let known: [KnowledgeSource] = [.beacon, .command]

    public var rawValue: String {
        switch self {
        case .beacon: "beacon"
        case .command: "command"
        case .unknown(let text): text
        }
    }
}

/// What a region says to others: the answer of `/v1/prodha/region`.
public struct RegionReportDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    /// Who says so. In what others tell of it: who told them of its head, -1 when they do not know.
    public var peer: Int
    /// Of the region's state. Grows with every change of it.
    public var epoch: UInt64
    public var state: RegionStanding
    public var paused: Bool
    /// The epoch at which it became active last; 0: it never was. Of two regions that with the higher one is right.
    public var activatedEpoch: UInt64
    /// This peer leads with a lease, or follows a leader that it heard a moment ago, and has applied what was committed
    /// before that leader's term: so this is how the region stands.
    public var current: Bool
    /// -1 when it knows of none.
    public var leaderID: Int
    public var term: UInt64
    @Nullable public var head: BlockReference?
    /// The block that the region went on from when it became active last, or that it was given since. Null in what others tell of
    /// it.
    @Nullable public var base: BlockReference?
    /// The last block that the region has of others: it made those above itself. Null: not known.
    @Nullable public var inherited: BlockReference?
    @Nullable public var `switch`: SwitchDocument?

    public init(
        region: String, peer: Int, epoch: UInt64, state: RegionStanding, paused: Bool, activatedEpoch: UInt64,
        current: Bool, leaderID: Int, term: UInt64, head: BlockReference? = nil, base: BlockReference? = nil,
        inherited: BlockReference? = nil, switch: SwitchDocument? = nil
    ) {
        self.region = region
        self.peer = peer
        self.epoch = epoch
        self.state = state
        self.paused = paused
        self.activatedEpoch = activatedEpoch
        self.current = current
        self.leaderID = leaderID
        self.term = term
        self.head = head
        self.base = base
        self.inherited = inherited
        self.switch = `switch`
    }

    private enum CodingKeys: String, CodingKey {
        case region, peer, epoch, state, paused, current, term, head, base, inherited, `switch`
        case schemaVersion = "schema_version"
        case activatedEpoch = "activated_epoch"
        case leaderID = "leader_id"
    }
}

/// The body of `region/switch/begin`: no other switch of the region may begin until this one has ended.
public struct SwitchBeginRequest: OperatorRequest {
    public var id: String
    public var kind: SwitchKind
    public var from: String
    public var to: String
    public var fromExpects: UInt64
    public var toExpects: UInt64
    @Nullable public var operation: String?
    @Nullable public var who: String?
    @Nullable public var reason: String?

    public init(
        id: String, kind: SwitchKind, from: String, to: String, fromExpects: UInt64, toExpects: UInt64,
        operation: String? = nil, who: String? = nil, reason: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.fromExpects = fromExpects
        self.toExpects = toExpects
        self.operation = operation
        self.who = who
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case id, kind, from, to, operation, who, reason
        case fromExpects = "from_expects"
        case toExpects = "to_expects"
    }
}

/// The body of `region/switch/end`.
public struct SwitchEndRequest: OperatorRequest {
    public var id: String
    public var result: SwitchResult
    /// How it ended, in a few words, up to 512 bytes.
    public var words: String
    /// From the old region's last block to the new one's first, by the blocks' times, in milliseconds.
    @Nullable public var gapMS: Int?
    @Nullable public var operation: String?
    @Nullable public var who: String?
    @Nullable public var reason: String?

    public init(
        id: String, result: SwitchResult, words: String, gapMS: Int? = nil, operation: String? = nil,
        who: String? = nil, reason: String? = nil
    ) {
        self.id = id
        self.result = result
        self.words = words
        self.gapMS = gapMS
        self.operation = operation
        self.who = who
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case id, result, words, operation, who, reason
        case gapMS = "gap_ms"
    }
}

/// The blocks that a region had committed when another one had already gone on from an earlier block: the answer of
/// `/v1/prodha/loss`.
public struct LossDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    /// Null: this region was never overtaken.
    @Nullable public var superseded: Superseded?
    /// Blocks of this region's log that the other region does not have, oldest first.
    public var blocks: [Block]
    /// False: this region does not have the block that the other one went on from, so `blocks` are all that it may not have.
    public var forkKnown: Bool
    /// There are more than can be told, or some are no longer in the log.
    public var truncated: Bool

    /// The region that overtook this one.
    public struct Superseded: Codable, Hashable, Sendable {
        public var by: String
        public var epoch: UInt64
        /// The block that the other region went on from; null when it named none.
        @Nullable public var base: BlockReference?
        /// The last block of this region.
        @Nullable public var head: BlockReference?
        @Nullable public var at: UTCInstant?

        public init(
            by: String, epoch: UInt64, base: BlockReference? = nil, head: BlockReference? = nil, at: UTCInstant? = nil
        ) {
            self.by = by
            self.epoch = epoch
            self.base = base
            self.head = head
            self.at = at
        }
    }

    public struct Block: Codable, Hashable, Sendable {
        public var blockNum: UInt32
        public var blockID: String
        public var transactions: [String]

        public init(blockNum: UInt32, blockID: String, transactions: [String]) {
            self.blockNum = blockNum
            self.blockID = blockID
            self.transactions = transactions
        }

        private enum CodingKeys: String, CodingKey {
            case transactions
            case blockNum = "block_num"
            case blockID = "block_id"
        }
    }

    public init(
        region: String, superseded: Superseded? = nil, blocks: [Block] = [], forkKnown: Bool = true,
        truncated: Bool = false
    ) {
        self.region = region
        self.superseded = superseded
        self.blocks = blocks
        self.forkKnown = forkKnown
        self.truncated = truncated
    }

    private enum CodingKeys: String, CodingKey {
        case region, superseded, blocks, truncated
        case forkKnown = "fork_known"
        case schemaVersion = "schema_version"
    }
}
