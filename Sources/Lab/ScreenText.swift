// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A run of characters in one look.
struct Span: Hashable, Sendable {
    enum Look: Hashable, Sendable {
        case plain, strong, faint, good, bad
        /// Each peer has a colour of its own.
        case peer(Int)

        /// As in ECMA-48, SGR.
        fileprivate var code: String {
            switch self {
            case .plain: ""
            case .strong: "1"
            case .faint: "2"
            case .good: "32"
            case .bad: "1;31"
            case .peer(let id): ["95", "33", "35", "34", "36", "32"][id % 6]
            }
        }
    }

    var text: String
    var look: Look
}

/// One line of the screen.
struct ScreenLine: Hashable, Sendable, CustomStringConvertible {
    var spans: [Span]

    init(_ spans: [Span] = []) { self.spans = spans }
    init(_ text: String, _ look: Span.Look = .plain) { spans = [Span(text: text, look: look)] }

    mutating func add(_ text: String, _ look: Span.Look = .plain) { spans.append(Span(text: text, look: look)) }

    /// Without colours.
    var description: String { spans.map(\.text).joined() }

    /// No longer than `width` characters, with or without colours.
    func rendered(width: Int, colors: Bool) -> String {
        var rest = width
        var result = ""
        for span in spans where rest > 0 {
            let text = String(span.text.prefix(rest))
            rest -= text.count
            let code = span.look.code
            result += colors && !code.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
        }
        return result
    }
}

/// Characters that not every terminal has.
struct Glyphs: Hashable, Sendable {
    var full: Character
    var empty: Character
    var kill: Character
    var turn: Character
    var rule: Character

    static let unicode = Glyphs(full: "█", empty: "░", kill: "✗", turn: "»", rule: "─")
    static let ascii = Glyphs(full: "#", empty: "-", kill: "x", turn: ">", rule: "-")

    /// As the locale says.
    static func fitting(_ environment: [String: String]) -> Glyphs {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        return name.contains("utf-8") || name.contains("utf8") ? .unicode : .ascii
    }
}
