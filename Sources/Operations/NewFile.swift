// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that comes into being whole or not at all, readable by its owner alone. It takes no other file's place.
///
/// It is written under another name in the same folder, which is gone again if the writing fails or is broken off by ^C.
public enum NewFile {
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public var path: String
        public var why: String
        public var description: String { "cannot write \(path): \(why)" }

        init(_ path: String, _ why: String) { (self.path, self.why) = (path, why) }
        init(_ path: String, number: Int32) { self.init(path, String(cString: strerror(number))) }

        static func exists(_ path: String) -> Failure {
            Failure(path, "it is there already, and stays as it is; choose another name with --file")
        }
    }

    /// Looks only. Somebody else may be faster, which `write` tells.
    public static func check(_ path: String) throws(Failure) {
        var status = stat()
        if lstat(path, &status) == 0 { throw .exists(path) }
        guard errno == ENOENT else { throw Failure(path, number: errno) }
    }

    /// - Parameter body: is given what writes.
    public static func write(
        _ path: String, _ body: ((ArraySlice<UInt8>) throws(Failure) -> Void) throws(Failure) -> Void
    ) throws(Failure) {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        var random = SystemRandomNumberGenerator()
        let temporary = path[..<slash] + ".prodha-\(String(random.next(), radix: 36)).part"
        Unfinished.begin(String(temporary))
        defer { Unfinished.end() }
        let descriptor = open(String(temporary), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(path, number: errno) }
        var isOpen = true
        defer { if isOpen { close(descriptor) } }
        try body { bytes throws(Failure) in try writeAll(bytes, to: descriptor, of: path) }
        guard fsync(descriptor) == 0 else { throw Failure(path, number: errno) }
        isOpen = false
        // Some file systems say only here that there was no room.
        guard close(descriptor) == 0 else { throw Failure(path, number: errno) }
        try give(String(temporary), its: path)
    }

    private static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, of path: String) throws(Failure) {
        var rest = bytes
        while !rest.isEmpty {
            let (count, number) = rest.withUnsafeBytes { bytes in
                let count = systemWrite(descriptor, bytes.baseAddress, bytes.count)
                return (count, errno)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if number != EINTR {
                throw Failure(path, number: number)
            }
        }
    }

    /// A second name takes no other file's place, as a new name would.
    private static func give(_ temporary: String, its path: String) throws(Failure) {
        if link(temporary, path) == 0 { return }
        let number = errno
        if number == EEXIST { throw .exists(path) }
        // A file system without second names.
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(number) else { throw Failure(path, number: number) }
        try check(path)
        guard rename(temporary, path) == 0 else { throw Failure(path, number: errno) }
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// The file that is not whole yet, to be removed however the process ends.
private enum Unfinished {
    nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?
    nonisolated(unsafe) private static var handled: [Int32] = []

    static func begin(_ file: String) {
        path = strdup(file)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            // Who ignores one, under nohup, goes on doing so.
            if let other = signal(number, removeAndEnd) { signal(number, other) } else { handled.append(number) }
        }
        // A file that may not grow on is an error like any other.
        signal(SIGXFSZ, SIG_IGN)
    }

    static func end() {
        for number in handled { signal(number, SIG_DFL) }
        handled = []
        guard let file = path else { return }
        unlink(file)
        path = nil
        free(file)
    }

    private static let removeAndEnd: @convention(c) (Int32) -> Void = { number in
        if let path = Unfinished.path { unlink(path) }
        signal(number, SIG_DFL)
        raise(number)
    }
}
