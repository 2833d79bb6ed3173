// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

extension Script {
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    struct Words {
        var rest: [String]

        mutating func next(_ what: String) throws(Problem) -> String {
            guard !rest.isEmpty else { throw Problem(description: "\(what) is missing") }
            return rest.removeFirst()
        }

        mutating func number(_ what: String) throws(Problem) -> Int {
            let word = try next(what)
            guard let number = Int(word) else { throw Problem(description: "\(word) is no number: \(what)") }
            return number
        }

        mutating func duration(_ what: String) throws(Problem) -> Duration { try Self.duration(try next(what), what) }

        static func duration(_ word: String, _ what: String) throws(Problem) -> Duration {
            if word.hasSuffix("ms"), let value = Double(word.dropLast(2)) {
                return .nanoseconds(Int64((value * 1e6).rounded()))
            }
            if word.hasSuffix("s"), let value = Double(word.dropLast(1)) {
                return .nanoseconds(Int64((value * 1e9).rounded()))
            }
            throw Problem(description: "\(word) is no duration: \(what)")
        }

        /// `1`, `1,2` or `all`.
        mutating func peers(of all: [Int]) throws(Problem) -> [Int] {
            let word = try next("peer")
            if word == "all" { return all }
            let numbers = word.split(separator: ",").compactMap { Int($0) }
            guard !numbers.isEmpty, Set(all).isSuperset(of: numbers) else {
                throw Problem(description: "\(word) names no peers")
            }
            return numbers
        }

        /// The value behind a word, which both are taken out.
        mutating func option(_ name: String) -> String? {
            guard let at = rest.firstIndex(of: name), at + 1 < rest.count else { return nil }
            defer { rest.removeSubrange(at...at + 1) }
            return rest[at + 1]
        }
    }
}
