// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file with a secret: a regular one that nobody but its owner may read or write.
public enum PrivateFile {
    public enum Problem: Error, Hashable, Sendable {
        /// The system refused; `reason` in its words.
        case unreadable(reason: String)
        case notAFile
        /// Others than the owner may use the file, or it may be run.
        case tooOpen(mode: UInt32)
        case tooLong

        static func ofSystem() -> Problem {
            .unreadable(reason: String(cString: strerror(errno)))
        }
    }

    /// The modes that are taken have no other bits than these: reading and writing by the owner.
    private static let allowedMode: mode_t = 0o600

    /// Gives `body` what the file at `path` holds, which is wiped afterwards.
    /// - Parameter longest: more bytes are `tooLong`.
    public static func withContents<Value>(
        of path: String, longest: Int, _ body: (UnsafeRawBufferPointer) -> Value
    ) throws(Problem) -> Value {
        // Without O_NONBLOCK a pipe would keep us waiting for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .ofSystem() }
        defer { _ = close(descriptor) }
        try check(descriptor)
        return try withWipedMemory(byteCount: longest + 1) { memory throws(Problem) in
            let count = try fill(memory, from: descriptor)
            guard count <= longest else { throw .tooLong }
            return body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
        }
    }

    /// Looks at the very file that was opened, not at what its name stands for a moment later.
    private static func check(_ descriptor: Int32) throws(Problem) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .ofSystem() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard isPrivate(mode: status.st_mode, owner: status.st_uid, group: status.st_gid, reader: geteuid()) else {
            throw .tooOpen(mode: UInt32(status.st_mode & 0o7777))
        }
    }

    /// systemd's credentials may belong to root, and let their one reader in by an access control list, whose bits the mode
    /// shows as the group's.
    static func isPrivate(mode: mode_t, owner: uid_t, group: gid_t, reader: uid_t) -> Bool {
        let isLent = owner == 0 && group == 0 && reader != 0
        return mode & 0o7777 & ~(isLent ? allowedMode | 0o040 : allowedMode) == 0
    }

    /// Reads until the end of the file, or until `memory` is full.
    private static func fill(
        _ memory: UnsafeMutableRawBufferPointer, from descriptor: Int32
    ) throws(Problem) -> Int {
        var filled = 0
        while filled < memory.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: memory[filled...])
            let count = systemRead(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .ofSystem()
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    private static func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, buffer, count)
        #elseif canImport(Musl)
            Musl.read(descriptor, buffer, count)
        #else
            Darwin.read(descriptor, buffer, count)
        #endif
    }
}
