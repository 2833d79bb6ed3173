// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// How messages quote what stands in a file, and how the nearest known word is found.

extension String {
    /// No message quotes more than this many characters of a file.
    static let quotedLength = 60

    /// Cut to a length fit for a message, with everything a terminal might act on made visible.
    var shortened: String {
        var result = ""
        for (count, scalar) in unicodeScalars.enumerated() {
            if count == String.quotedLength { return result + "..." }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                result += scalar.codePoint
            default:
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// In double quotes, shortened.
    var quoted: String { "\"\(shortened)\"" }
}

extension Unicode.Scalar {
    /// `U+000A`
    var codePoint: String {
        let digits = String(value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension Sequence<String> {
    /// `1, 2 and 3`
    var enumeration: String {
        let items = Array(self)
        guard let last = items.last, items.count > 1 else { return items.first ?? "none" }
        return items.dropLast().joined(separator: ", ") + " and " + last
    }
}

enum Nearest {
    /// Longer words are not compared: no known key comes near them.
    static let maximumLength = 64

    /// So few edits are a slip of the keyboard. With more, a common beginning and end weigh in too, so that
    /// `heart_beat_ms` is nearer to `heart_beat_interval_ms` than to `return_gate_ms`.
    static let slip = 2

    struct Match {
        var word: String
        var edits: Int
        /// How many letters the words have in common at both ends.
        var shared: Int

        fileprivate var rank: (Int, Int) { edits <= Nearest.slip ? (0, edits) : (1, 2 * edits - shared) }
        /// Whether the operator probably meant this word.
        var isLikely: Bool { edits <= Nearest.slip || edits * 4 <= word.utf8.count || shared > edits }
    }

    /// The candidate that is nearest to `word`; the first of several.
    static func candidate(to word: String, among candidates: [String]) -> Match? {
        let letters = Array(word.lowercased().unicodeScalars.prefix(maximumLength))
        return candidates.map { candidate in
            let other = Array(candidate.unicodeScalars)
            let start = zip(letters, other).prefix { $0 == $1 }.count
            let end = zip(letters.reversed(), other.reversed()).prefix { $0 == $1 }.count
            return Match(
                word: candidate, edits: distance(letters, other),
                shared: min(start + end, letters.count, other.count))
        }.min { $0.rank < $1.rank }
    }

    /// Edits between two words: insert, delete, replace, or swap two neighbours.
    static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in right.indices {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var edits = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    edits = min(edits, beforeLast[column - 1] + 1)
                }
                current.append(edits)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
