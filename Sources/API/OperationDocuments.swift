// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Who asked for a change, and why.
public struct ActDocument: Codable, Hashable, Sendable {
    /// Names the request; one that comes again under the same name is not carried out again.
    public var operation: String
    public var who: String
    /// The address that the request came from.
    public var from: String
    /// Empty when none was given.
    public var reason: String
    /// By the clock of the peer that took it in.
    public var at: UTCInstant

    public init(operation: String, who: String, from: String, reason: String, at: UTCInstant) {
        self.operation = operation
        self.who = who
        self.from = from
        self.reason = reason
        self.at = at
    }
}

/// What every call that changes something may say of who asks for it.
public protocol OperatorRequest: Document {
    /// Null: the peer makes one up.
    var operation: String? { get }
    /// As the caller calls himself: `alice@bp1`. Null: only the address is kept.
    var who: String? { get }
    var reason: String? { get }
}

/// The body of `region/pause`, `resume`, `deactivate`, `activate`, `confirm` and `rebase`. Every field may be left out, and so
/// may the body.
public struct RegionRequest: OperatorRequest {
    /// The epoch that must stand, or nothing is done. Null: whichever stands.
    @Nullable public var expects: UInt64?
    /// The epoch to be set, above `expects`. Null: the next one.
    @Nullable public var epoch: UInt64?
    /// Of `deactivate`: what it becomes, standby or activating. Null: standby.
    @Nullable public var state: RegionStanding?
    /// The packed block that the region goes on from, in hex.
    @Nullable public var base: String?
    /// The switch that this is a step of: nothing is done unless that one is open in the region's log.
    @Nullable public var `switch`: String?
    /// True: the epoch grows although the state that is asked for stands, so that what was asked for with the epoch before
    /// is refused.
    @Nullable public var renew: Bool?
    /// Of `activate`: true, although another region is active or cannot be asked.
    @Nullable public var force: Bool?
    /// Of a forced `activate`: which region is given up, and what the caller knows of it. The peer adds what it knows.
    @Nullable public var givenUp: GivenUpDocument?
    @Nullable public var operation: String?
    @Nullable public var who: String?
    @Nullable public var reason: String?

    public init(
        expects: UInt64? = nil, epoch: UInt64? = nil, state: RegionStanding? = nil, base: String? = nil,
        switch: String? = nil, renew: Bool? = nil, force: Bool? = nil, givenUp: GivenUpDocument? = nil,
        operation: String? = nil, who: String? = nil, reason: String? = nil
    ) {
        self.givenUp = givenUp
        self.expects = expects
        self.epoch = epoch
        self.state = state
        self.base = base
        self.switch = `switch`
        self.renew = renew
        self.force = force
        self.operation = operation
        self.who = who
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case expects, epoch, state, base, `switch`, renew, force, operation, who, reason
        case givenUp = "given_up"
    }
}

/// The answer of every call under `region/`: the region's state as it stands now, committed by the quorum.
public struct RegionDocument: Document {
    public var schemaVersion = SchemaVersion.current
    /// False: it was so already, and nothing was done.
    public var changed: Bool
    public var epoch: UInt64
    public var regionActive: Bool
    @Nullable public var state: RegionStanding?
    public var paused: Bool
    /// As in the region's report. Null from a peer that does not say.
    @Nullable public var activatedEpoch: UInt64?
    /// The entry that made it so; null when nothing was done.
    @Nullable public var index: UInt64?
    @Nullable public var head: BlockReference?
    @Nullable public var `switch`: SwitchDocument?

    public init(
        changed: Bool, epoch: UInt64, regionActive: Bool, state: RegionStanding? = nil, paused: Bool,
        activatedEpoch: UInt64? = nil, index: UInt64? = nil, head: BlockReference? = nil,
        switch: SwitchDocument? = nil
    ) {
        self.changed = changed
        self.epoch = epoch
        self.regionActive = regionActive
        self.state = state
        self.paused = paused
        self.activatedEpoch = activatedEpoch
        self.index = index
        self.head = head
        self.switch = `switch`
    }

    private enum CodingKeys: String, CodingKey {
        case changed, epoch, state, paused, index, head, `switch`
        case schemaVersion = "schema_version"
        case regionActive = "region_active"
        case activatedEpoch = "activated_epoch"
    }
}

/// The body of `maintenance`.
public struct MaintenanceRequest: OperatorRequest {
    public var peer: Int
    public var on: Bool
    @Nullable public var operation: String?
    @Nullable public var who: String?
    @Nullable public var reason: String?

    public init(peer: Int, on: Bool, operation: String? = nil, who: String? = nil, reason: String? = nil) {
        self.peer = peer
        self.on = on
        self.operation = operation
        self.who = who
        self.reason = reason
    }
}

/// The answer of `maintenance`: committed by the quorum.
public struct MaintenanceDocument: Document {
    public var schemaVersion = SchemaVersion.current
    /// False: it was so already, and nothing was done.
    public var changed: Bool
    public var peer: Int
    public var on: Bool
    @Nullable public var index: UInt64?
    /// Who leads afterwards, -1 when nobody is known to; a leader in maintenance hands over first.
    public var leaderID: Int

    public init(changed: Bool, peer: Int, on: Bool, index: UInt64? = nil, leaderID: Int) {
        self.changed = changed
        self.peer = peer
        self.on = on
        self.index = index
        self.leaderID = leaderID
    }

    private enum CodingKeys: String, CodingKey {
        case changed, peer, on, index
        case schemaVersion = "schema_version"
        case leaderID = "leader_id"
    }
}

/// The body of `transfer`.
public struct TransferRequest: OperatorRequest {
    /// The id of the peer that is to lead. Null: the leader chooses the one that is closest behind and well.
    @Nullable public var to: Int?
    @Nullable public var operation: String?
    @Nullable public var who: String?
    @Nullable public var reason: String?

    public init(to: Int? = nil, operation: String? = nil, who: String? = nil, reason: String? = nil) {
        self.to = to
        self.operation = operation
        self.who = who
        self.reason = reason
    }
}

/// The answer of `transfer`: the other peer leads.
public struct TransferDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var leaderID: Int
    public var term: UInt64

    public init(leaderID: Int, term: UInt64) {
        self.leaderID = leaderID
        self.term = term
    }

    private enum CodingKeys: String, CodingKey {
        case term
        case schemaVersion = "schema_version"
        case leaderID = "leader_id"
    }
}

/// The answer of `history`: the latest operators' actions and leaders, as the log of the group tells them, oldest first.
public struct HistoryDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var region: String
    public var entries: [HistoryEntry]

    public init(region: String, entries: [HistoryEntry]) {
        self.region = region
        self.entries = entries
    }

    private enum CodingKeys: String, CodingKey {
        case region, entries
        case schemaVersion = "schema_version"
    }
}

public struct HistoryEntry: Codable, Hashable, Sendable {
    /// Of the log.
    public var index: UInt64
    public var term: UInt64
    /// The region's epoch after it.
    public var epoch: UInt64
    /// By the clock of the peer that wrote it; null when the entry does not say.
    @Nullable public var at: UTCInstant?
    public var event: HistoryEvent
    /// Whom it is about: who leads, who is to lead, who is in maintenance. Null for a region.
    @Nullable public var peer: Int?
    /// The block that the region goes on from, when a change named one or gave another region up.
    @Nullable public var base: UInt32?
    /// Of an activation by force.
    @Nullable public var givenUp: GivenUpDocument?
    /// Of a switch: from where to where, and of which kind: "east to west, planned". Of `left_behind`: who went on, and where.
    @Nullable public var about: String?
    /// Null where no operator asked for it.
    @Nullable public var act: ActDocument?
    public var result: HistoryResult
    /// The result in a few words, where there is more to say.
    @Nullable public var outcome: String?
    /// How long it took, by the clocks of the two peers that wrote its beginning and its end.
    @Nullable public var durationMS: Milliseconds?

    public init(
        index: UInt64, term: UInt64, epoch: UInt64, at: UTCInstant?, event: HistoryEvent, peer: Int? = nil,
        base: UInt32? = nil, givenUp: GivenUpDocument? = nil, about: String? = nil, act: ActDocument? = nil,
        result: HistoryResult = .done, outcome: String? = nil, durationMS: Milliseconds? = nil
    ) {
        self.givenUp = givenUp
        self.index = index
        self.term = term
        self.epoch = epoch
        self.at = at
        self.event = event
        self.peer = peer
        self.base = base
        self.about = about
        self.act = act
        self.result = result
        self.outcome = outcome
        self.durationMS = durationMS
    }

    private enum CodingKeys: String, CodingKey {
        case index, term, epoch, at, event, peer, base, about, act, result, outcome
        case givenUp = "given_up"
        case durationMS = "duration_ms"
    }
}

/// What happened.
public enum HistoryEvent: Word {
    /// A peer leads a new term.
    case leads
    case transfer
    /// In the log alone: the end of a transfer whose leader of before still leads.
    case transferFailed
    case maintenanceOn, maintenanceOff
    case pause, resume
    case active, standby, activating
    /// An operator's word that no other region is active.
    case confirm
    /// A switch between regions, from its beginning to its end.
    case failover
    /// Another region went on without the last blocks of this one, which had stopped.
    case leftBehind
    case unknown(String)

    public static let known: [HistoryEvent] = [
        .leads, .transfer, .transferFailed, .maintenanceOn, .maintenanceOff, .pause, .resume, .active, .standby,
        .activating, .confirm, .failover, .leftBehind,
    ]

    public var rawValue: String {
        switch self {
        case .leads: "leads"
        case .transfer: "transfer"
        case .transferFailed: "transfer_failed"
        case .maintenanceOn: "maintenance_on"
        case .maintenanceOff: "maintenance_off"
        case .pause: "pause"
        case .resume: "resume"
        case .active: "active"
        case .standby: "standby"
        case .activating: "activating"
        case .confirm: "confirm"
        case .failover: "failover"
        case .leftBehind: "left_behind"
        case .unknown(let text): text
        }
    }
}

/// How it ended.
public enum HistoryResult: Word {
    case done, failed
    /// Not known yet.
    case open
    case unknown(String)

    public static let known: [HistoryResult] = [.done, .failed, .open]

    public var rawValue: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .open: "open"
        case .unknown(let text): text
        }
    }
}
