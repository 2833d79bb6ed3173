// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The ProducerHA layer: what the log means for block producers. The replicated state (head block, region, settings) and
// the pure decisions made from it: does this block fit, may this peer produce, is that block from outside to be let in.
// Applying is pure and total: the same log gives the same state on every peer and in every version. It imports Raft and
// Antelope, does no I/O and knows no clock; `Replica` joins it to the consensus core, and the daemon and the simulator
// drive that.

import Antelope
import Raft

extension EntryKind {
    /// A whole packed signed_block.
    public static let block = EntryKind(rawValue: 1)
    /// A change of the region's state: `RegionChange`.
    public static let region = EntryKind(rawValue: 2)
    /// What operators did, and who led: `Record`.
    public static let operation = EntryKind(rawValue: 3)
    /// What the group is: `GroupSettings`.
    public static let settings = EntryKind(rawValue: 4)

    public var name: String {
        switch self {
        case .noop: "noop"
        case .block: "block"
        case .region: "region"
        case .operation: "operation"
        case .settings: "settings"
        default: "kind_\(rawValue)"
        }
    }
}

/// Which blocks of the chain the group holds.
public enum ChainProducers: UInt8, Sendable {
    /// Every block: each follows the one before.
    case sole = 0
    /// Only the blocks of the group's own producer accounts: heights and time slots rise.
    case several = 1

    /// As a configuration says it.
    public var words: String {
        switch self {
        case .sole: "all blocks of the chain (no nodeos.producers)"
        case .several: "the blocks of some producers (nodeos.producers)"
        }
    }
}

/// The first thing a new group commits.
public struct GroupSettings: Hashable, Sendable {
    public var groupID: GroupID
    public var producers: ChainProducers
    /// The chain that the group's nodeos are on; nil when the group was founded without any.
    public var chainID: Checksum256?

    public init(groupID: GroupID, producers: ChainProducers, chainID: Checksum256? = nil) {
        self.groupID = groupID
        self.producers = producers
        self.chainID = chainID
    }

    public func encoded() -> [UInt8] {
        var out = Encoder()
        out.byte(chainID == nil ? 1 : 2)
        out.bytes(groupID.bytes)
        out.byte(producers.rawValue)
        if let chainID { out.bytes(chainID.bytes) }
        return out.data
    }

    public init?(encoded: [UInt8]) {
        var input = Decoder(encoded)
        guard let version = input.byte(), (1...2).contains(version), let bytes = input.bytes(),
            let id = GroupID(bytes: bytes), let raw = input.byte(), let producers = ChainProducers(rawValue: raw)
        else { return nil }
        var chainID: Checksum256?
        if version == 2 {
            guard let bytes = input.bytes(), let chain = Checksum256(bytes) else { return nil }
            chainID = chain
        }
        guard input.isAtEnd else { return nil }
        self.init(groupID: id, producers: producers, chainID: chainID)
    }
}

/// What a region does.
public enum RegionActivity: UInt8, Sendable, CustomStringConvertible {
    /// Never produces.
    case standby = 0
    case active = 1
    /// Has stopped, and another region is about to start. Never produces.
    case activating = 2

    public var description: String {
        switch self {
        case .standby: "standby"
        case .active: "active"
        case .activating: "activating"
        }
    }
}

/// A compare-and-set of the region's state: refused unless `expects` is the epoch that stands.
public struct RegionChange: Hashable, Sendable {
    public var expects: UInt64
    /// The epoch that it sets; greater than `expects`.
    public var epoch: UInt64
    public var activity: RegionActivity
    public var isPaused: Bool
    /// A packed signed_block that becomes the head, or nil to leave the head alone.
    public var base: [UInt8]?
    /// Who asked for it; nil for what a group does by itself.
    public var act: OperatorAct?
    /// The switch that it is a step of: refused unless that one is open.
    public var switchID: String?
    /// It counts although it asks for what stands: then only the epoch grows. What was asked for with the epoch before is
    /// refused from then on; an active region is active anew.
    public var renews = false
    /// The region that has gone on without this one.
    public var superseder: RegionReport?
    /// With a superseder: the lowest height of which this region's block may not be the chain's.
    public var lostFrom: UInt32 = 0
    /// An operator's word that no other region is active, or that it does not matter.
    public var isForced = false
    /// The region that a forced activation gives up.
    public var givenUp: GivenUpRegion?

    public init(
        expects: UInt64, epoch: UInt64, activity: RegionActivity, isPaused: Bool, base: [UInt8]? = nil,
        act: OperatorAct? = nil, switchID: String? = nil, renews: Bool = false, superseder: RegionReport? = nil,
        lostFrom: UInt32 = 0, isForced: Bool = false, givenUp: GivenUpRegion? = nil
    ) {
        self.isForced = isForced
        self.givenUp = givenUp
        self.expects = expects
        self.epoch = epoch
        self.activity = activity
        self.isPaused = isPaused
        self.base = base
        self.act = act
        self.switchID = switchID
        self.renews = renews
        self.superseder = superseder
        self.lostFrom = superseder == nil ? 0 : lostFrom
    }

    /// From here on the region's log goes on where the chain is, and what another region went on without is none of it.
    public var settlesWhatWasLost: Bool { superseder == nil && (activity == .active || base != nil) }

    public var turn: ChainTurn {
        ChainTurn(lostFrom: superseder == nil ? nil : lostFrom, settlesWhatWasLost: settlesWhatWasLost, base: base)
    }

    public func encoded() -> [UInt8] {
        var out = Encoder()
        // Version 1 said nothing of operators, version 2 nothing of other regions.
        let isOfRegions = switchID != nil || renews || superseder != nil || isForced || givenUp != nil
        let version: UInt8 = isOfRegions ? 3 : act != nil ? 2 : 1
        out.byte(version)
        out.number(expects)
        out.number(epoch)
        out.byte(activity.rawValue)
        out.byte(isPaused ? 1 : 0)
        out.byte(base == nil ? 0 : 1)
        if let base { out.bytes(base) }
        if version > 2 {
            out.byte(
                (act == nil ? 0 : 1) | (switchID == nil ? 0 : 2) | (renews ? 4 : 0) | (superseder == nil ? 0 : 8)
                    | (isForced ? 16 : 0) | (givenUp == nil ? 0 : 32))
        }
        if let act { out.act(act) }
        if let switchID { out.text(switchID) }
        if let superseder {
            out.report(superseder)
            out.number(UInt64(lostFrom))
        }
        if let givenUp { out.givenUp(givenUp) }
        return out.data
    }

    public init?(encoded: [UInt8]) {
        var input = Decoder(encoded)
        guard let version = input.byte(), (1...3).contains(version), let expects = input.number(),
            let epoch = input.number(), let raw = input.byte(),
            let activity = RegionActivity(rawValue: raw), let paused = input.byte(), paused <= 1,
            let hasBase = input.byte(), hasBase <= 1
        else { return nil }
        self.init(expects: expects, epoch: epoch, activity: activity, isPaused: paused == 1)
        if hasBase == 1 {
            guard let bytes = input.bytes() else { return nil }
            base = bytes
        }
        guard let has = version > 2 ? input.byte() : version - 1, has < 64, version < 3 || has > 1 else { return nil }
        if has & 1 != 0 {
            guard let found = input.act() else { return nil }
            act = found
        }
        if has & 2 != 0 {
            guard let id = input.text() else { return nil }
            switchID = id
        }
        renews = has & 4 != 0
        isForced = has & 16 != 0
        if has & 8 != 0 {
            guard let report = input.report(), let first = input.number().flatMap({ UInt32(exactly: $0) }) else {
                return nil
            }
            (superseder, lostFrom) = (report, first)
        }
        if has & 32 != 0 {
            guard let region = input.givenUp() else { return nil }
            givenUp = region
        }
        guard input.isAtEnd else { return nil }
    }
}

/// What an entry that is no block says of the blocks that the log has. Whoever keeps some of them follows it.
public struct ChainTurn: Hashable, Sendable {
    /// Another region has gone on without the blocks from this height on, as far as is certain.
    public var lostFrom: UInt32?
    /// What another region went on without is no part of the log's chain any more.
    public var settlesWhatWasLost: Bool
    /// A packed signed_block from which the log goes on, which may be any.
    public var base: [UInt8]?
}

extension EntryKind {
    /// Of entries that may have a `turn`; they are few.
    public var mayTurn: Bool { self == .region || self == .operation }
}

/// Little-endian numbers and byte strings with a length before them.
struct Encoder {
    private(set) var data: [UInt8] = []

    mutating func byte(_ value: UInt8) { data.append(value) }

    mutating func number(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { data.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }

    mutating func bytes(_ value: [UInt8]) {
        number(UInt64(value.count))
        data.append(contentsOf: value)
    }
}

/// Reads what `Encoder` wrote; nil where the bytes end too early.
struct Decoder {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func number() -> UInt64? {
        guard rest.count >= 8 else { return nil }
        let value = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(8)
        return value
    }

    mutating func bytes() -> [UInt8]? {
        guard let count = number(), count <= UInt64(rest.count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }
}

extension Entry {
    /// nil when it says nothing of other blocks.
    public var turn: ChainTurn? {
        switch kind {
        case .region: return RegionChange(encoded: payload)?.turn
        case .operation:
            guard case .leftBehind(_, let first, _) = Record(encoded: payload) else { return nil }
            return ChainTurn(lostFrom: first, settlesWhatWasLost: false)
        default: return nil
        }
    }

    /// The packed block that it holds, if it holds one: a block entry, or a region's change with a base.
    public var block: [UInt8]? {
        switch kind {
        case .block: payload
        case .region: RegionChange(encoded: payload)?.base
        default: nil
        }
    }

    /// The id of that block; nil without one, and where its header is not whole.
    public var blockID: BlockID? { block.flatMap { try? BlockHeader(parsingPrefixOf: $0).id } }

    /// The height of the block in a block entry, read from the packed header without checking the rest; nil for entries
    /// of other kinds. The header begins with slot (4 bytes), producer (8) and confirmed (2); then comes the previous
    /// block's id, whose first four bytes are its number, big endian (Leap, `block_header.cpp`).
    public var blockHeight: UInt32? {
        guard kind == .block, payload.count >= 18 else { return nil }
        return payload[14..<18].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } &+ 1
    }
}
