// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Glibc

/// A copy of one peer's files in a directory of its own. SQLite writes to what it opens, also when it only reads a
/// write-ahead log, so what must not change is copied.
struct StoreCopy {
    private let directory: String

    var databasePath: String { directory + "/prodha.db" }

    /// The files are copied while no process uses them: else they would not fit together.
    init(of source: String) throws(StoreError) {
        let lock = open(source + "/lock", O_RDONLY | O_CLOEXEC)
        // Without the file nobody has ever locked it.
        guard lock >= 0 || errno == ENOENT else { throw Self.cannotOpen(source + "/lock") }
        defer { if lock >= 0 { close(lock) } }
        if lock >= 0, flock(lock, LOCK_SH | LOCK_NB) != 0 { throw .inUse(directory: source) }
        let place = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(place)/prodha-log-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Self.cannotOpen(place) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do {
            try Self.copy(source + "/prodha.db", to: databasePath, mustExist: true)
            try Self.copy(source + "/prodha.db-wal", to: databasePath + "-wal", mustExist: false)
        } catch {
            remove()
            throw error
        }
    }

    func remove() {
        for name in ["/prodha.db", "/prodha.db-wal", "/prodha.db-journal"] { unlink(directory + name) }
        rmdir(directory)
    }

    private static func copy(_ source: String, to target: String, mustExist: Bool) throws(StoreError) {
        let from = open(source, O_RDONLY | O_CLOEXEC)
        if from < 0, errno == ENOENT, !mustExist { return }
        guard from >= 0 else { throw cannotOpen(source) }
        defer { close(from) }
        let to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard to >= 0 else { throw cannotOpen(target) }
        defer { close(to) }
        let piece = 1 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(from, buffer.baseAddress, piece)
            if count == 0 { return }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .failed(operation: "reading \(source)", reason: String(cString: strerror(errno)))
            }
            var written = 0
            while written < count {
                let more = write(to, buffer.baseAddress?.advanced(by: written), count - written)
                if more > 0 {
                    written += more
                } else if errno == ENOSPC || errno == EDQUOT {
                    throw .full(path: target)
                } else if errno != EINTR {
                    throw cannotOpen(target)
                }
            }
        }
    }

    private static func cannotOpen(_ path: String) -> StoreError {
        .cannotOpen(path: path, reason: String(cString: strerror(errno)))
    }
}
