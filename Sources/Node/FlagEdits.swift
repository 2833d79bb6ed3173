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

    /// The change of the region that a quorum of edited files asks for; nil when they ask for none.
    func change(of region: RegionState, quorum: Int) -> RegionChange? {
        guard region.epoch > 0 else { return nil }
        let edits = reported.values + [record.edit].compactMap { $0 }
        for isActive in [true, false] {
            let same = edits.count { $0.isActive == isActive && $0.epoch == region.epoch }
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

    private static let version: UInt8 = 1

    init(edit: FlagRecord.Edit?) { self.edit = edit }

    func encoded() -> [UInt8] {
        guard let edit else { return [Self.version, 0] }
        return [Self.version, edit.isActive ? 2 : 1] + (0..<8).map { UInt8(truncatingIfNeeded: edit.epoch >> (8 * $0)) }
    }

    /// nil when it is none. What a newer version adds behind is left alone.
    init?(encoded: [UInt8]) {
        guard encoded.count >= 2, encoded[0] >= Self.version else { return nil }
        switch encoded[1] {
        case 0: edit = nil
        case 1, 2:
            guard encoded.count >= 10 else { return nil }
            let epoch = encoded[2..<10].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            edit = FlagRecord.Edit(isActive: encoded[1] == 2, epoch: epoch)
        default: return nil
        }
    }
}
