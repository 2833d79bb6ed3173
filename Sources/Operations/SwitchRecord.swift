// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a `prodha failover` that runs by itself has said so far, in a file: one JSON document a line, each a line of
/// progress, the last one how it ended. Whoever looks for it finds it, while it runs and afterwards.
public enum SwitchRecord {
    /// So many are kept.
    public static let most = 50
    /// A record is shorter; what is longer is none.
    static let maxBytes = 4 << 20

    /// One line of it.
    public enum Line: Hashable, Sendable {
        case says(String)
        /// The outcome's document in one line, the words for a table, and the exit code.
        case ended(document: String, words: String, exitCode: Int32)
    }

    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public var description: String
    }

    /// Writes one. Holds a lock on the file as long as it lives, so that it is seen to be alive.
    public final class Writer: Sendable {
        private let descriptor: Int32

        public init(_ path: String) throws(Failure) { descriptor = try Self.lockedFile(path) }

        private static func lockedFile(_ path: String) throws(Failure) -> Int32 {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
            }
            // Somebody may just be looking whether it is alive.
            for _ in 0..<100 {
                if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
                usleep(2000)
            }
            close(descriptor)
            throw Failure(description: "\(path) is another switch's")
        }

        deinit { close(descriptor) }

        public func says(_ text: String) {
            write(Tree.map([.init("says", .string(text))]).json(.oneLine))
        }

        public func ended(_ outcome: FailoverOutcome) {
            write(
                Tree.map([
                    .init("ended", .string(outcome.document.json(.oneLine))), .init("words", .string(outcome.message)),
                    .init("exit_code", .integer(Int64(outcome.kind.exitCode))),
                ]).json(.oneLine))
        }

        /// A disk that is full must not stop a switch: what is missing in the record is in the logs of the regions.
        private func write(_ line: String) {
            try? StandardOutput.write(line + "\n", to: descriptor)
        }
    }

    /// Reads one, from its beginning on, while it is written.
    public struct Reader {
        public let path: String
        private let descriptor: Int32
        private var rest: [UInt8] = []
        private var taken = 0

        public init(_ path: String) throws(Failure) {
            self.path = path
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw Failure(description: "cannot read \(path): \(String(cString: strerror(errno)))")
            }
        }

        public func end() { close(descriptor) }

        /// Whether the process that writes it lives. Ask before `next`, so that nothing that it wrote last is missed.
        public var isAlive: Bool {
            guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return true }
            flock(descriptor, LOCK_UN)
            return false
        }

        /// What has been added.
        public mutating func next() -> [Line] {
            var bytes = [UInt8](repeating: 0, count: 16_384)
            while taken < SwitchRecord.maxBytes {
                let count = read(descriptor, &bytes, bytes.count)
                guard count > 0 else { break }
                taken += count
                rest += bytes[..<count]
            }
            var lines: [Line] = []
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                if let line = Self.line(Array(rest[..<end])) { lines.append(line) }
                rest.removeFirst(end + 1)
            }
            return lines
        }

        private struct Raw: Decodable {
            var says: String?
            var ended: String?
            var words: String?
            var exitCode: Int32?

            private enum CodingKeys: String, CodingKey {
                case says, ended, words
                case exitCode = "exit_code"
            }
        }

        private static func line(_ bytes: [UInt8]) -> Line? {
            guard let raw = try? JSONDecoder().decode(Raw.self, from: Data(bytes)) else { return nil }
            if let document = raw.ended, let words = raw.words, let code = raw.exitCode {
                return .ended(document: document, words: words, exitCode: code)
            }
            return raw.says.map { .says($0) }
        }
    }

    /// The records of a folder, the newest first; older ones than are kept are removed.
    public static func all(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let records = names.filter { $0.hasSuffix(".jsonl") }.sorted(by: >)
        for name in records.dropFirst(most) { unlink("\(folder)/\(name)") }
        return records.prefix(most).map { "\(folder)/\($0)" }
    }
}
