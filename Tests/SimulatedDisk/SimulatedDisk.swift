// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// A disk in memory for SQLite that loses power, fills up, fails and lies. What it promises and what it forgets is told
// in Tests/CSimulatedDisk/include/simulated_disk.h.

import CSimulatedDisk

/// One disk, used with all its connections from one thread at a time. The same seed and calls give the same disk.
///
/// A run of a process on it: `Store(path: "prodha.db", vfs: disk.vfs, shape: shape)`. Its end: let the store go while the
/// power is off, then `restorePower`. A store that is let go with power on is closed in order, as at an orderly end.
public final class SimulatedDisk {
    /// What remains of all that no sync covered.
    public enum Survival: CaseIterable, Sendable {
        /// The process alone was killed: the system still has everything, no more durable than before.
        case cache
        case nothing
        case everything
        /// Each sector of 512 bytes by chance.
        case sectors
        /// The changes of all files up to a random one, of which random sectors survive.
        case prefix

        fileprivate var code: simulated_disk_survival {
            switch self {
            case .cache: SIMULATED_DISK_KEEP_CACHE
            case .nothing: SIMULATED_DISK_KEEP_NOTHING
            case .everything: SIMULATED_DISK_KEEP_EVERYTHING
            case .sectors: SIMULATED_DISK_KEEP_SECTORS
            case .prefix: SIMULATED_DISK_KEEP_PREFIX
            }
        }
    }

    private let disk: OpaquePointer
    /// The name under which SQLite knows the disk.
    public let vfs: String

    public init(seed: UInt64) {
        guard let disk = simulated_disk_make(seed), let name = simulated_disk_vfs_name(disk) else {
            fatalError("no memory for a simulated disk")
        }
        self.disk = disk
        vfs = String(cString: name)
    }

    deinit { simulated_disk_free(disk) }

    // MARK: - Power

    public var hasPower: Bool { simulated_disk_has_power(disk) }

    /// Cuts the power during the operation (creation, write, truncation, sync, deletion) after this many more. That one
    /// and all that follows fail.
    public func cutPower(afterOperations count: Int) { simulated_disk_cut_power_after(disk, Int64(count)) }

    /// Calls off what `cutPower` asked for, unless it has come.
    public func keepPower() { simulated_disk_cut_power_after(disk, -1) }

    /// Cuts the power at once, if that has not come by itself, lets `end` let go of what the process had open, and gives
    /// power again.
    public func crash(_ survival: Survival, end: () -> Void = {}) {
        simulated_disk_cut_power_now(disk)
        end()
        simulated_disk_restore_power(disk, survival.code)
    }

    // MARK: - Faults

    /// Bytes by which files may still grow; nil for no bound.
    public func setRoom(_ bytes: Int?) { simulated_disk_set_room(disk, bytes.map { Int64($0) } ?? -1) }

    /// Fails a sync, 1 for the next one; 0 for none. What it should have made durable is lost by chance and for good.
    public func failSync(_ number: Int) { simulated_disk_fail_sync(disk, Int64(number)) }

    /// Syncs that do nothing, and say they did.
    public func setLying(_ lies: Bool) { simulated_disk_set_lying(disk, lies) }

    // MARK: - What it did and holds

    public struct Counters: Hashable, Sendable {
        /// All that count for a cut of the power.
        public var operations: Int
        public var writes: Int
        public var syncs: Int
        public var bytesWritten: Int
    }

    public var counters: Counters {
        let counters = simulated_disk_counters(disk)
        return Counters(
            operations: Int(counters.operations), writes: Int(counters.writes), syncs: Int(counters.syncs),
            bytesWritten: Int(counters.bytes_written))
    }

    /// A file as it is read now; nil when there is none. What is set is durable.
    public subscript(name: String) -> [UInt8]? {
        get {
            let size = simulated_disk_size(disk, name)
            guard size >= 0 else { return nil }
            return [UInt8](UnsafeBufferPointer(start: simulated_disk_contents(disk, name), count: Int(size)))
        }
        set {
            guard let newValue else { return simulated_disk_remove(disk, name) }
            put(name, newValue[...])
        }
    }

    /// Makes or replaces a file, durably.
    public func put(_ name: String, _ bytes: ArraySlice<UInt8>) {
        let isDone = bytes.withUnsafeBufferPointer {
            simulated_disk_put(disk, name, $0.baseAddress, Int64($0.count))
        }
        precondition(isDone, "no memory for \(name)")
    }
}
