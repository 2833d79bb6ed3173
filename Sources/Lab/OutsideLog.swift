// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// What the outside node says of every block that it was given, also of those that it did not take: two ids at one height
/// are a fork, even if they lasted for less than a look at its head.
struct OutsideLog: Sendable {
    /// Read at once, at most.
    private static let chunk = 1 << 20
    /// Heights that are remembered below the highest: later than that no other block comes.
    private static let depth: UInt32 = 1000

    let file: String
    private(set) var forks: Set<UInt32> = []
    private var offset: off_t = 0
    private var rest: [UInt8] = []
    private var ids: [UInt32: Substring] = [:]

    /// What is in the file already is of an earlier demonstration.
    init(file: String) {
        self.file = file
        var status = stat()
        if stat(file, &status) == 0 { offset = status.st_size }
    }

    /// Reads on. True when there are more forks than before.
    mutating func read() -> Bool {
        let before = forks.count
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while true {
            let count = pread(descriptor, &buffer, buffer.count, offset)
            guard count > 0 else { break }
            offset += off_t(count)
            take(buffer[..<count])
        }
        return forks.count > before
    }

    /// Any part of the log, in order.
    mutating func take(_ bytes: ArraySlice<UInt8>) {
        rest += bytes
        let lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for line in lines.dropLast() {
            if let (number, id) = Self.block(in: String(decoding: line, as: UTF8.self)) { note(number, id) }
        }
        rest = Array(lines.last ?? [])
        if rest.count > Self.chunk { rest = [] }
    }

    private mutating func note(_ number: UInt32, _ id: Substring) {
        if let known = ids[number], known != id { forks.insert(number) }
        ids[number] = id
        if ids.count > 2 * Int(Self.depth), let highest = ids.keys.max() {
            ids = ids.filter { $0.key + Self.depth > highest }
        }
    }

    /// A block's number and how its id begins, from `Received block ID... #NUMBER` or
    /// `unlinkable_block_exception connection N: #NUMBER ID...` (`producer_plugin.cpp`, `net_plugin.cpp`).
    static func block(in line: String) -> (number: UInt32, id: Substring)? {
        let words = line.split(separator: " ")
        guard let sharp = words.firstIndex(where: { $0.hasPrefix("#") }), let number = UInt32(words[sharp].dropFirst())
        else { return nil }
        let id: Substring
        if sharp >= 2, words[sharp - 2] == "block", sharp >= 3, words[sharp - 3] == "Received" {
            id = words[sharp - 1]
        } else if line.contains("unlinkable_block_exception"), sharp + 1 < words.count {
            id = words[sharp + 1]
        } else {
            return nil
        }
        let digits = id.prefix(16)
        return digits.count == 16 && digits.allSatisfy(\.isHexDigit) ? (number, digits) : nil
    }
}
