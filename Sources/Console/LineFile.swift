// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc
import Operations

/// The lines that were typed, kept from one session to the next: readable by their owner alone, each line once, in its
/// latest place.
struct LineFile {
    static let most = 1000
    /// A longer line is not kept.
    static let maxLineBytes = 4096
    /// A file of so many lines is far smaller; more is none of ours, and is neither read nor written.
    private static let maxBytes = 8 << 20

    /// Oldest first.
    private(set) var lines: [String] = []
    let path: String?
    /// Why what is typed is not kept.
    let trouble: String?

    struct Failure: Error, CustomStringConvertible {
        var path: String
        var why: String
        var description: String { "lines are not kept: \(path): \(why)" }

        init(_ path: String, _ why: String) { (self.path, self.why) = (path, why) }
        init(_ path: String, number: Int32) { self.init(path, String(cString: strerror(number))) }
    }

    /// - Parameter folder: nil where there is none.
    init(folder: String?) {
        path = folder.map { $0 + "/lines" }
        guard let path else {
            trouble = "lines are not kept: there is no folder for them; set XDG_STATE_HOME or HOME"
            return
        }
        do throws(Failure) {
            lines = Self.latest(try Self.read(path))
            trouble = nil
        } catch {
            trouble = "\(error)"
        }
    }

    /// What is kept of a line: nothing that begins with a blank, is no command, or holds a secret.
    static func isKept(_ line: String, isCommand: Bool, secrets: [String]) -> Bool {
        isCommand && line.first?.isWhitespace == false
            && !secrets.contains { $0.count >= 4 && line.contains($0) }
            && line.utf8.count <= maxLineBytes
    }

    /// For this session. `add(_:to:)` is for the others.
    mutating func add(_ line: String) { lines = Self.latest(lines + [line]) }

    /// Other sessions add to it too, so it is read anew, under a lock. May take as long as the disk does.
    static func add(_ line: String, to path: String) throws(Failure) {
        let lock = open(path + ".lock", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw Failure(path, number: errno) }
        defer { close(lock) }
        var isLocked = false
        // Another one's takes a millisecond; whoever holds it for longer is not waited for.
        for _ in 0..<500 where !isLocked {
            isLocked = flock(lock, LOCK_EX | LOCK_NB) == 0
            if !isLocked { usleep(2000) }
        }
        guard isLocked else { throw Failure(path, "another session holds its lock") }
        let text = latest(try read(path) + [line]).map { $0 + "\n" }.joined()
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure(path, number: errno) }
        var failure: Failure?
        do throws(StandardOutput.Closed) {
            try StandardOutput.write(text, to: descriptor)
        } catch {
            failure = Failure(path, number: error.number)
        }
        if close(descriptor) != 0 { failure = failure ?? Failure(path, number: errno) }
        if failure == nil, rename(temporary, path) != 0 { failure = Failure(path, number: errno) }
        guard let failure else { return }
        unlink(temporary)
        throw failure
    }

    private static func latest(_ lines: [String]) -> [String] {
        var seen: Set<String> = []
        return lines.reversed().filter { !$0.isEmpty && seen.insert($0).inserted }.prefix(most).reversed()
    }

    private static func read(_ path: String) throws(Failure) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return [] }
            throw Failure(path, number: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxBytes else {
            throw Failure(path, "it is no file of lines")
        }
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else { throw Failure(path, "it cannot be read") }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
