// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// When `watch` ends by itself.
enum WatchCondition: Equatable {
    case ok, fails, changes
    case holds(String)

    static let words: [(word: String, help: String)] = [
        ("ok", "until the command's exit code is 0"), ("fails", "until it is another one"),
        ("changes", "until the output is another one"),
    ]

    init(_ word: String) {
        switch word {
        case "ok": self = .ok
        case "fails": self = .fails
        case "changes": self = .changes
        default: self = .holds(word)
        }
    }

    func isMet(exitCode: Int32, output: String, first: String) -> Bool {
        switch self {
        case .ok: exitCode == 0
        case .fails: exitCode != 0
        case .changes: output != first
        case .holds(let text): output.contains(text)
        }
    }
}

/// `watch [SECONDS] COMMAND [until CONDITION]`
struct WatchOrder: Equatable {
    static let seconds = 0.1...3600.0

    var period = Duration.seconds(2)
    var command: [String]
    var condition: WatchCondition?

    struct Mistake: Error, Equatable { var message: String }

    /// - Parameter words: those behind `watch`.
    init(_ words: [String]) throws(Mistake) {
        var rest = words[...]
        if let first = rest.first, let seconds = Double(first) {
            guard Self.seconds.contains(seconds) else {
                throw Mistake(message: "watch takes seconds from 0.1 to 3600")
            }
            period = .milliseconds(Int64(seconds * 1000))
            rest = rest.dropFirst()
        }
        if let mark = rest.lastIndex(of: "until") {
            guard mark == rest.endIndex - 2, let word = rest.last else {
                throw Mistake(message: "until takes one word: ok, fails, changes, or a text in quotes")
            }
            condition = WatchCondition(word)
            rest = rest[..<mark]
        }
        guard !rest.isEmpty else { throw Mistake(message: "watch what? watch [SECONDS] COMMAND [until CONDITION]") }
        command = Array(rest)
    }
}
