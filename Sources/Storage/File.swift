// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CSQLite
import Glibc

/// A database's file beside SQLite, through the VFS that SQLite uses.
final class File {
    private let path: String
    private let file: UnsafeMutablePointer<sqlite3_file>

    enum Access {
        case read, write

        fileprivate var flag: CInt {
            switch self {
            case .read: SQLITE_OPEN_READONLY
            case .write: SQLITE_OPEN_READWRITE
            }
        }
    }

    /// - Parameter vfs: the name of a registered VFS; nil for the system's files.
    /// - Returns: nil when there is no such file, or it is empty.
    init?(_ path: String, vfs: String?, _ access: Access) throws(StoreError) {
        guard let system = sqlite3_vfs_find(vfs) else { throw .cannotOpen(path: path, reason: "there is no such VFS") }
        // As a log, since locks are none of its business: closing a database's file lets go of all that others hold.
        let room = UnsafeMutableRawPointer.allocate(byteCount: Int(system.pointee.szOsFile), alignment: 16)
        let file = room.initializeMemory(as: sqlite3_file.self, to: sqlite3_file())
        var opened: CInt = 0
        let code = system.pointee.xOpen?(system, path, file, access.flag | SQLITE_OPEN_WAL, &opened) ?? SQLITE_MISUSE
        guard code == SQLITE_OK else {
            room.deallocate()
            var exists: CInt = 0
            let known = system.pointee.xAccess?(system, path, SQLITE_ACCESS_EXISTS, &exists)
            if known == SQLITE_OK && exists == 0 { return nil }
            throw .cannotOpen(path: path, reason: String(cString: sqlite3_errstr(code)))
        }
        self.path = path
        self.file = file
        // From here on `deinit` closes it, whatever comes. What may not be written is opened for reading instead.
        guard opened & access.flag != 0 else { throw .cannotOpen(path: path, reason: "it may not be written") }
        if try size() == 0 { return nil }
    }

    deinit {
        _ = file.pointee.pMethods.pointee.xClose?(file)
        UnsafeMutableRawPointer(file).deallocate()
    }

    /// In bytes.
    func size() throws(StoreError) -> Int {
        var size: sqlite3_int64 = 0
        try check(file.pointee.pMethods.pointee.xFileSize?(file, &size), "looking at the size of")
        return Int(size)
    }

    /// Makes durable what is read from the file now. A sync alone would not: after one that failed, the system may hold
    /// what never reached the disk for written, so all is written once more.
    func rewrite() throws(StoreError) {
        let size = try size()
        // SQLite's unix VFS takes no more than 128 kB at a time.
        let pieceBytes = 64 << 10
        let piece = UnsafeMutableRawPointer.allocate(byteCount: min(size, pieceBytes), alignment: 16)
        defer { piece.deallocate() }
        for at in stride(from: 0, to: size, by: pieceBytes) {
            let count = CInt(min(size - at, pieceBytes))
            try check(file.pointee.pMethods.pointee.xRead?(file, piece, count, sqlite3_int64(at)), "reading")
            try check(file.pointee.pMethods.pointee.xWrite?(file, piece, count, sqlite3_int64(at)), "writing")
        }
        if size > 0 { try check(file.pointee.pMethods.pointee.xSync?(file, SQLITE_SYNC_NORMAL), "syncing") }
    }

    /// Deletes a file, durably, if it is there and not empty.
    static func delete(_ path: String, vfs: String?) throws(StoreError) {
        guard let system = sqlite3_vfs_find(vfs) else { return }
        var exists: CInt = 0
        guard system.pointee.xAccess?(system, path, SQLITE_ACCESS_EXISTS, &exists) == SQLITE_OK, exists != 0 else {
            return
        }
        let code = system.pointee.xDelete?(system, path, 1) ?? SQLITE_MISUSE
        guard code == SQLITE_OK else {
            throw .failed(operation: "deleting \(path)", reason: String(cString: sqlite3_errstr(code)))
        }
    }

    private func check(_ code: CInt?, _ operation: String) throws(StoreError) {
        let code = code ?? SQLITE_MISUSE
        if code == SQLITE_OK { return }
        var number: CInt = 0
        _ = file.pointee.pMethods.pointee.xFileControl?(file, SQLITE_FCNTL_LAST_ERRNO, &number)
        // Nothing of it was handed out yet, so a sync that failed for lack of room may be tried again by the next start.
        if code == SQLITE_FULL || number == ENOSPC || number == EDQUOT { throw .full(path: path) }
        let reason = "\(String(cString: sqlite3_errstr(code))) (SQLite \(code), errno \(number))"
        throw .failed(operation: "\(operation) \(path)", reason: reason)
    }
}
