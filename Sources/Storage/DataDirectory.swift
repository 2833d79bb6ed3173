// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Glibc

/// The directory of one peer's durable data, held by one process at a time.
public final class DataDirectory {
    public let path: String
    private let lock: CInt

    public var databasePath: String { path + "/prodha.db" }

    /// Makes the directory if need be and locks it for the life of this object.
    public init(path: String) throws(StoreError) {
        try Self.make(path)
        let file = path + "/lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.cannotOpen(file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno == EWOULDBLOCK ? .inUse(directory: path) : Self.cannotOpen(file)
            close(descriptor)
            throw error
        }
        self.path = path
        // Last: an object whose every property is set is also deinitialized when its init throws.
        lock = descriptor
    }

    deinit {
        // A child that has not called exec yet shares the descriptor, and with it the lock.
        flock(lock, LOCK_UN)
        close(lock)
    }

    private static func make(_ path: String) throws(StoreError) {
        guard !path.isEmpty else { throw .cannotOpen(path: path, reason: "the path is empty") }
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            let parent = made.isEmpty ? "/" : made
            made += "/" + part
            if mkdir(made, 0o750) == 0 {
                try sync(parent)
            } else if errno != EEXIST {
                throw cannotOpen(path)
            }
        }
    }

    /// Makes the names in a directory durable. SQLite does so for its own files.
    private static func sync(_ directory: String) throws(StoreError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw cannotOpen(directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw cannotOpen(directory) }
    }

    private static func cannotOpen(_ path: String) -> StoreError {
        .cannotOpen(path: path, reason: String(cString: strerror(errno)))
    }
}
