// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What an operator's command says, as much of it as a story needs: of a switch its steps and how it ended. The plan before
/// and the time that each step took stay in the file.
struct OperatorWords: Sendable {
    /// Of a command that took no step, so many of its last lines are told.
    static let mostLines = 6

    private var before: [String] = []
    private var hasBegun = false

    /// A line of it; nil: it is not told now.
    mutating func take(_ line: String) -> String? {
        guard let step = Self.step(line) else {
            if hasBegun { return line }
            before = (before + [line]).suffix(Self.mostLines)
            return nil
        }
        hasBegun = true
        before = []
        return step.contains(": left after ") || step.contains(": ended after ") ? nil : step
    }

    /// It has ended: what is still to be told.
    mutating func finish() -> [String] {
        defer { before = [] }
        return before
    }

    /// `15:43:11.827Z stop: makes east standby ... (within 5.0 s)` without the time and the limit.
    private static func step(_ line: String) -> String? {
        let words = line.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].hasSuffix("Z"), words[0].first?.isNumber == true,
            words[0].count(where: { $0 == ":" }) == 2
        else { return nil }
        guard let limit = words[1].firstRange(of: " (within ") else { return String(words[1]) }
        return String(words[1][..<limit.lowerBound])
    }
}
