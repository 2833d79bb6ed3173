// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The Storage layer: what a peer keeps on disk. One SQLite database with the log, the hard state, the last snapshot and
// a few facts of this peer's own; one thread that owns it; one sync for each batch of writes. Why SQLite, why through
// its C interface, and what was measured: Benchmarks/store/README.md. It imports Raft and ProducerHA, and knows nothing
// of networks or time.

/// Why the store cannot be used, or not any more.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process has this data open.
    case inUse(directory: String)
    case cannotOpen(path: String, reason: String)
    /// The data belongs to another peer, or to a group of another shape.
    case otherGroup(path: String, what: String, stored: String, configured: String)
    /// Written by a newer version.
    case newerFormat(path: String, found: Int, known: Int)
    /// Not what this program wrote.
    case damaged(path: String, reason: String)
    /// No room on the disk; nothing was written, and a later try may succeed.
    case full(path: String)
    /// A read, write or sync failed. Nothing is known of what reached the disk, so the peer must stop.
    case failed(operation: String, reason: String)

    public var description: String {
        switch self {
        case .inUse(let directory):
            "\(directory) is in use by another process. Stop that one first, or give this peer its own data_dir."
        case .cannotOpen(let path, let reason):
            "cannot open \(path): \(reason). Check that the directory exists and that this user may write to it."
        case .otherGroup(let path, let what, let stored, let configured):
            "\(path) was written with \(what) \(stored), the configuration says \(configured). "
                + "This is fixed once a group has run: put the old value back, or start a new group with empty data."
        case .newerFormat(let path, let found, let known):
            "\(path) has format \(found), and this version of prodha knows formats up to \(known). Use a newer prodha."
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason). Move the directory away and start again: "
                + "the peer joins empty and catches up from the leader before it votes."
        case .full(let path):
            "no room to write \(path). Nothing was written. Free some space; a peer that runs goes on by itself, "
                + "one that was just starting must be started again."
        case .failed(let operation, let reason):
            "\(operation) failed: \(reason). The peer stops, since it cannot know what reached the disk."
        }
    }
}
