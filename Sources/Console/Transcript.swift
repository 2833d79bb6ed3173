// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials
import Glibc
import NIOConcurrencyHelpers
import Operations

/// What a session was told and what it said, line by line with the time, in a file for the report afterwards.
final class Transcript: Sendable {
    enum Sort: String {
        case typed = ">"
        case said = " "
        case error = "!"
        case happened = "-"
        case asked = "?"
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private struct State {
        var descriptor: Int32
        /// What has no newline yet, by its sort.
        var open: [Sort: String] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let secrets: [String]
    /// Is told once, when the file cannot be written any more.
    private let fails: @Sendable (String) -> Void

    /// - Parameter secrets: are taken out.
    init(_ path: String, secrets: [String], fails: @escaping @Sendable (String) -> Void) throws(Failure) {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        state = NIOLockedValueBox(State(descriptor: descriptor))
        self.secrets = secrets.filter { $0.count >= 4 }
        self.fails = fails
    }

    func note(_ sort: Sort, _ text: String) {
        let failure: Int32? = state.withLockedValue { state in
            guard state.descriptor >= 0 else { return nil }
            var rest = (state.open[sort] ?? "") + Self.plain(text)
            var lines = ""
            while let end = rest.firstIndex(where: \.isNewline) {
                lines += line(sort, rest[..<end])
                rest = String(rest[rest.index(after: end)...])
            }
            // What never ends is not kept for ever.
            if rest.utf8.count > 65_536 {
                lines += line(sort, rest[...])
                rest = ""
            }
            state.open[sort] = rest
            guard !lines.isEmpty else { return nil }
            do throws(StandardOutput.Closed) {
                try StandardOutput.write(lines, to: state.descriptor)
                return nil
            } catch {
                close(state.descriptor)
                state.descriptor = -1
                return error.number
            }
        }
        if let failure {
            fails("the transcript cannot be written any more: \(String(cString: strerror(failure)))")
        }
    }

    /// What has no newline is a line, too.
    func end() {
        for sort in state.withLockedValue({ $0.open.filter { !$0.value.isEmpty }.map(\.key) }) { note(sort, "\n") }
    }

    private func line(_ sort: Sort, _ text: some StringProtocol) -> String {
        let now = UTCInstant(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        var clean = String(text)
        for secret in secrets {
            clean = clean.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "(secret)")
        }
        return "\(now) \(sort.rawValue) \(clean)\n"
    }

    /// Without sequences for terminals.
    static func plain(_ text: String) -> String {
        var result = ""
        var scalars = text.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\u{1b}":
                guard scalars.first == "[" else { continue }
                scalars = scalars.dropFirst().drop { !("@"..."~").contains($0) }.dropFirst()
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1f}", "\u{7f}": continue
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
