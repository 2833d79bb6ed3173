// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Storage

/// The flag `is_active_raft_cluster` of the configuration files. It is the value that a new group starts with; later an
/// edit of it takes effect once a quorum of peers reports the same edit, made since the region's state last changed.
struct FlagEdits {
    private(set) var record: FlagRecord
    private var reported: [PeerID: FlagRecord.Edit] = [:]

    init(_ record: FlagRecord) { self.record = record }

    /// Takes in the value that the file has now. True when the record changed and must be kept.
    mutating func read(_ isActive: Bool, epoch: UInt64) -> Bool {
        guard record.lastRead != isActive else { return false }
        if record.lastRead != nil { record.edit = FlagRecord.Edit(isActive: isActive, epoch: epoch) }
        record.lastRead = isActive
        return true
    }

    mutating func report(_ edit: FlagRecord.Edit?, from peer: PeerID) { reported[peer] = edit }

    mutating func forget(_ peer: PeerID) { reported[peer] = nil }

    /// The peers whose files ask for it, this one called `me`.
    func editors(of change: RegionChange, me: PeerID) -> [PeerID] {
        var edits = reported
        edits[me] = record.edit
        return edits.filter { Self.asks($0.value, isActive: change.activity == .active, epoch: change.expects) }
            .map(\.key).sorted()
    }

    private static func asks(_ edit: FlagRecord.Edit, isActive: Bool, epoch: UInt64) -> Bool {
        edit.isActive == isActive && edit.epoch == epoch
    }

    /// The change of the region that a quorum of edited files asks for; nil when they ask for none.
    func change(of region: RegionState, quorum: Int) -> RegionChange? {
        guard region.epoch > 0 else { return nil }
        let edits = reported.values + [record.edit].compactMap { $0 }
        for isActive in [true, false] {
            let same = edits.count { Self.asks($0, isActive: isActive, epoch: region.epoch) }
            let wanted: RegionActivity = isActive ? .active : .standby
            if same >= quorum && region.activity != wanted {
                return RegionChange(
                    expects: region.epoch, epoch: region.epoch + 1, activity: wanted, isPaused: region.isPaused)
            }
        }
        return nil
    }
}

/// What each peer tells the others once a second, beside the consensus.
struct PeerReport {
    var edit: FlagRecord.Edit?
    /// nil when no nodeos is attached, or its prodha is of a version that does not say.
    var nodeos: Nodeos?
    /// What it heard of other regions.
    var regions: [Hearsay] = []

    /// A peer's nodeos, as the others need to know it.
    struct Nodeos: Hashable, Sendable {
        /// It could take over at once.
        var isWell: Bool
        var chainID: Checksum256
        /// The number of its last irreversible block.
        var irreversible: UInt32
        /// Where it was lately: at most `RecentPlaces.most`.
        var places: [BlockID]
    }

    /// What a region said of itself, and who said it, how long ago in milliseconds: two peers that tell each other must not
    /// make it young again.
    struct Hearsay: Hashable, Sendable {
        var report: RegionReport
        var teller: PeerID
        var ageMS: UInt32
    }

    /// Version 1 said nothing of who told it, and when.
    private static let version: UInt8 = 2
    /// Reports of regions that are told, and taken.
    static let mostRegions = 16

    init(edit: FlagRecord.Edit?, nodeos: Nodeos? = nil, regions: [Hearsay] = []) {
        self.edit = edit
        self.nodeos = nodeos
        self.regions = Array(regions.prefix(Self.mostRegions))
    }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [Self.version, 0]
        if let edit {
            bytes[1] = edit.isActive ? 2 : 1
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: edit.epoch >> (8 * $0)) }
        }
        guard let nodeos else { return bytes + [0] + encodedRegions }
        bytes += [nodeos.isWell ? 2 : 1] + nodeos.chainID.bytes
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: nodeos.irreversible >> (8 * $0)) }
        bytes.append(UInt8(nodeos.places.count))
        for place in nodeos.places { bytes += place.checksum.bytes }
        return bytes + encodedRegions
    }

    private var encodedRegions: [UInt8] {
        regions.reduce(into: [UInt8(regions.count)]) { bytes, region in
            let report = region.report.encoded()
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: region.teller.value >> (8 * $0)) }
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: region.ageMS >> (8 * $0)) }
            bytes += [UInt8(report.count >> 8), UInt8(report.count & 0xff)] + report
        }
    }

    /// nil when it is none. What a newer version adds behind is left alone.
    init?(encoded: [UInt8]) {
        guard encoded.count >= 2, encoded[0] >= Self.version else { return nil }
        var rest = encoded[2...]
        func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        /// None where they are cut.
        func takeRegions() -> [Hearsay] {
            let count = take(1)?.first ?? 0
            return (0..<min(Int(count), Self.mostRegions)).compactMap { _ in
                guard let teller = take(8).flatMap({ Int(exactly: number($0)) }), let age = take(4), let size = take(2),
                    let bytes = take(Int(size.first ?? 0) << 8 | Int(size.last ?? 0)),
                    let report = RegionReport(encoded: Array(bytes))
                else { return nil }
                return Hearsay(
                    report: report.asHearsay, teller: PeerID(teller), ageMS: UInt32(truncatingIfNeeded: number(age)))
            }
        }
        switch encoded[1] {
        case 0: edit = nil
        case 1, 2:
            guard let epoch = take(8) else { return nil }
            edit = FlagRecord.Edit(isActive: encoded[1] == 2, epoch: number(epoch))
        default: return nil
        }
        guard let kind = take(1)?.first else { return }
        guard kind > 0 else {
            regions = takeRegions()
            return
        }
        guard let chain = take(32).flatMap({ Checksum256(Array($0)) }), let irreversible = take(4),
            let count = take(1)?.first, Int(count) <= RecentPlaces.most
        else { return nil }
        var places: [BlockID] = []
        for _ in 0..<count {
            guard let id = take(32).flatMap({ Checksum256(Array($0)) }) else { return nil }
            places.append(BlockID(id))
        }
        nodeos = Nodeos(
            isWell: kind == 2, chainID: chain, irreversible: UInt32(truncatingIfNeeded: number(irreversible)),
            places: places)
        regions = takeRegions()
    }
}

extension PeerReport.Nodeos {
    /// nil before nodeos has answered.
    init?(_ attachment: NodeosAttachment) {
        guard let status = attachment.driver?.status, let chainID = status.chainID else { return nil }
        self.init(
            isWell: attachment.isWell && status.isReachable, chainID: chainID,
            irreversible: status.irreversible?.number ?? 0, places: attachment.places.ids)
    }
}

extension PeerReport.Hearsay {
    init(_ heard: RegionWatch.Heard, at now: Instant) {
        self.init(
            report: heard.report, teller: heard.teller,
            ageMS: UInt32(clamping: ((now - heard.at).inNanoseconds + 999_999) / 1_000_000))
    }
}
