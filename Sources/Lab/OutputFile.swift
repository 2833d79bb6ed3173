// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// A file that a process writes lines to, read as it grows.
struct OutputFile: Sendable {
    /// A line is cut here.
    static let longestLine = 1000
    private static let mostBytes = 1 << 20

    private let path: String
    private var offset: off_t
    private var rest: [UInt8] = []

    /// What is in it already is not read.
    init(_ path: String) {
        self.path = path
        var facts = stat()
        offset = stat(path, &facts) == 0 ? facts.st_size : 0
    }

    /// The whole lines that have come since.
    mutating func takeLines() -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var taken = 0
        while taken < Self.mostBytes {
            let count = pread(file, &buffer, buffer.count, offset)
            guard count > 0 else { break }
            rest += buffer.prefix(count)
            offset += off_t(count)
            taken += count
        }
        let parts = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Array((parts.last ?? []).prefix(Self.longestLine))
        return parts.dropLast().map { String(decoding: $0.prefix(Self.longestLine), as: UTF8.self) }
    }
}
