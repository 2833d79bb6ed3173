// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc
import Operations

/// The lines that were typed, kept from one session to the next: readable by their owner alone, each line once, in its
/// latest place.
struct LineFile {
    static let most = 1000
    /// A file of so many lines is far smaller; more is not read.
    private static let maxBytes = 4 << 20

    /// Oldest first.
    private(set) var lines: [String] = []
    private let path: String?
    /// Why what is typed is not kept.
    private(set) var trouble: String?

    /// - Parameter folder: nil where there is none.
    init(folder: String?) {
        path = folder.map { $0 + "/lines" }
        guard let path else {
            trouble = "lines are not kept: there is no folder for them; set XDG_STATE_HOME or HOME"
            return
        }
        lines = Self.latest(Self.read(path))
    }

    /// What is kept of a line: nothing that begins with a blank, is no command, or holds a secret.
    static func isKept(_ line: String, isCommand: Bool, secrets: [String]) -> Bool {
        isCommand && line.first?.isWhitespace == false
            && !secrets.contains { $0.count >= 4 && line.contains($0) }
    }

    mutating func add(_ line: String) {
        lines = Self.latest(lines + [line])
        guard let path else { return }
        do throws(Failure) {
            try Self.add(line, to: path)
            trouble = nil
        } catch {
            trouble = "lines are not kept: cannot write \(path): \(String(cString: strerror(error.number)))"
        }
    }

    private struct Failure: Error { var number: Int32 }

    /// Other sessions add to it too, so it is read anew, under a lock.
    private static func add(_ line: String, to path: String) throws(Failure) {
        let lock = open(path + ".lock", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw Failure(number: errno) }
        defer { close(lock) }
        // Another one's takes a millisecond; whoever holds it for longer is not waited for.
        for _ in 0..<50 where flock(lock, LOCK_EX | LOCK_NB) != 0 { usleep(2000) }
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure(number: errno) }
        var failure: Failure?
        do throws(StandardOutput.Closed) {
            let text = latest(read(path) + [line]).map { $0 + "\n" }.joined()
            try StandardOutput.write(text, to: descriptor)
        } catch {
            failure = Failure(number: error.number)
        }
        if close(descriptor) != 0 { failure = failure ?? Failure(number: errno) }
        if failure == nil, rename(temporary, path) != 0 { failure = Failure(number: errno) }
        guard let failure else { return }
        unlink(temporary)
        throw failure
    }

    private static func latest(_ lines: [String]) -> [String] {
        var seen: Set<String> = []
        return lines.reversed().filter { !$0.isEmpty && seen.insert($0).inserted }.prefix(most).reversed()
    }

    private static func read(_ path: String) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxBytes,
            let bytes = try? Data(contentsOf: URL(filePath: path))
        else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
