// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Glibc

/// One thing to fuzz.
struct Target: Sendable {
    let name: String
    /// The longest input, in bytes.
    let maxBytes: Int
    /// Traps when something is wrong, with `check`.
    let run: @Sendable ([UInt8]) -> Void

    init(_ name: String, maxBytes: Int, run: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.maxBytes = maxBytes
        self.run = run
    }

    /// What a long input is made of by repeating a short one.
    static let stretchedBytes = 64 << 10
    /// Processor time for one of those, far above what it takes in linear time.
    static let stretchedSeconds = 1.0

    /// Runs the input; and, for one input in 256, its middle part repeated many times, where work that grows with the
    /// square of the size would show. Which inputs those are depends on their bytes alone, so that a find can be replayed.
    func runOne(_ bytes: [UInt8]) {
        run(bytes)
        guard bytes.count > 3, digest(bytes) % 256 == 0 else { return }
        let third = bytes.count / 3
        let middle = bytes[third..<(2 * third)]
        var long = Array(bytes[..<third])
        while long.count + middle.count + third <= Self.stretchedBytes { long += middle }
        long += bytes[(2 * third)...]
        let start = processorTime()
        run(long)
        let seconds = processorTime() - start
        check(seconds < Self.stretchedSeconds, "\(long.count) bytes took \(seconds) s")
    }
}

/// FNV-1a.
private func digest(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

private func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Ends the process, which is a find, unless the condition holds.
func check(_ isWell: Bool, _ message: @autoclosure () -> String, line: Int = #line, file: String = #fileID) {
    guard isWell else { fatalError("\(file):\(line): \(message())") }
}

/// What operators read: something, of bounded length, on one line, and nothing that a terminal or a log would act on.
func checkSentence(_ text: String, longest: Int = 4096, line: Int = #line, file: String = #fileID) {
    check(!text.isEmpty, "an empty message", line: line, file: file)
    check(text.utf8.count <= longest, "a message of \(text.utf8.count) bytes", line: line, file: file)
    checkNoControls(text, line: line, file: file)
}

/// - Parameter except: control characters that may be there all the same.
func checkNoControls(_ text: String, except: String = "", line: Int = #line, file: String = #fileID) {
    for scalar in text.unicodeScalars where !except.unicodeScalars.contains(scalar) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator:
            fatalError("\(file):\(line): U+\(String(scalar.value, radix: 16)) in: \(text.debugDescription)")
        default: break
        }
    }
}

/// Reads an input's first bytes as choices.
struct Input {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// The rest in pieces, as a socket might give it: of one byte for 0, else of lengths that follow from `seed`.
    func pieces(_ seed: UInt8) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var state = UInt64(seed)
        var rest = rest
        while !rest.isEmpty {
            // Few enough pieces that long inputs do not take long.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let length = seed == 0 ? 1 + rest.count / 4096 : 1 + Int(state >> 33) % (2 * Int(seed)) + rest.count / 4096
            pieces.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}
