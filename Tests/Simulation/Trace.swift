// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What happened, line by line. A run keeps only a number made of all lines; since a seed replays to the letter, the
/// lines themselves are written when a failed run is run again.
struct Trace {
    static let linesKept = 400

    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var lines: [String] = []
    private var oldest = 0
    let isWritten: Bool
    let isPrinted: Bool
    /// Whose trace it is, where there are several.
    var label = ""

    init(isWritten: Bool, isPrinted: Bool) {
        self.isWritten = isWritten || isPrinted
        self.isPrinted = isPrinted
    }

    mutating func mix(_ value: UInt64) {
        hash = (hash ^ value) &* 0x0000_0100_0000_01b3
        hash ^= hash >> 29
    }

    mutating func add(_ time: TrueTime, _ host: Int?, _ text: () -> String) {
        mix(UInt64(bitPattern: time))
        mix(UInt64(bitPattern: Int64(host ?? -1)))
        guard isWritten else { return }
        let micros = String(time / 1000)
        let padded = String(repeating: "0", count: max(0, 7 - micros.count)) + micros
        let seconds = "\(padded.dropLast(6)).\(padded.suffix(6))"
        let line = "\(seconds)  \(label)\(host.map { "peer \($0 + 1)" } ?? "      ")  \(text())"
        if isPrinted { print(line) }
        if lines.count < Self.linesKept {
            lines.append(line)
        } else {
            lines[oldest] = line
            oldest = (oldest + 1) % Self.linesKept
        }
    }

    var inOrder: [String] { Array(lines[oldest...] + lines[..<oldest]) }
}
