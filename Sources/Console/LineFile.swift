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
        guard let text = Self.read(path) else { return }
        let kept = Self.latest(text.split(separator: "\n").map(String.init))
        lines = kept
        // Sessions only add to it, so it is made short here.
        if kept.count < text.count(where: { $0 == "\n" }) { rewrite(path) }
    }

    /// What is kept of a line: nothing that begins with a blank, is no command, or holds a secret.
    static func isKept(_ line: String, isCommand: Bool, secrets: [String]) -> Bool {
        isCommand && line.first?.isWhitespace == false
            && !secrets.contains { $0.count >= 4 && line.contains($0) }
    }

    mutating func add(_ line: String) {
        lines = Self.latest(lines + [line])
        guard let path else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return note(path, errno) }
        defer { close(descriptor) }
        fchmod(descriptor, 0o600)
        do throws(StandardOutput.Closed) {
            try StandardOutput.write(line + "\n", to: descriptor)
        } catch {
            note(path, error.number)
        }
    }

    private mutating func note(_ path: String, _ number: Int32) {
        trouble = "lines are not kept: cannot write \(path): \(String(cString: strerror(number)))"
    }

    private static func latest(_ lines: [String]) -> [String] {
        var seen: Set<String> = []
        return lines.reversed().filter { !$0.isEmpty && seen.insert($0).inserted }.prefix(most).reversed()
    }

    private static func read(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxBytes else {
            return nil
        }
        return (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func rewrite(_ path: String) {
        let temporary = path + ".\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let isWhole = (try? StandardOutput.write(lines.map { $0 + "\n" }.joined(), to: descriptor)) != nil
        close(descriptor)
        if !isWhole || rename(temporary, path) != 0 { unlink(temporary) }
    }
}
