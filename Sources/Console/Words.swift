// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Console layer: a session in which an operator works against a live group.
// - Words, Grammar and Completer say what a line means and what may come next: pure values.
// - Prompt and Happening say how things are and what has changed, from ClusterView: pure values.
// - Session carries lines out, one after the other, by the same code as the command line, which CommandTable gives it.
// - Watcher asks the peers once a second beside it. Nothing that the operator types waits for it.
// - LineEditor is GNU readline, Desk the loop that serves keys, signals and the thread that carries a line out.
// - LineFile, Transcript and SwitchProcess are what outlives a session.
// May import Operations and what that is built on, CLineEditor, and the C library.

/// A line, split into words as an operator knows it from shells: blanks part them, '...' and "..." hold them together,
/// and a backslash takes the next character as it is, but within '...'.
struct Words: Equatable {
    /// The words that are complete: something stands behind them.
    var complete: [String] = []
    /// The one that the line ends in, without its quotes. Nil: it ends in a blank, or is empty.
    var last: String?
    /// The quote that is still open at the end.
    var openQuote: Character?

    /// A mistake of the operator's.
    struct Unfinished: Error, Equatable, CustomStringConvertible {
        var quote: Character?
        var description: String {
            quote.map { "the quote \($0) has no end" } ?? "the backslash at the end stands for nothing"
        }
    }

    init(partOf line: some StringProtocol) {
        (self, _) = Self.read(line)
    }

    /// All words of a line that is complete.
    static func all(of line: some StringProtocol) throws(Unfinished) -> [String] {
        let (words, endsInBackslash) = read(line)
        if let quote = words.openQuote { throw Unfinished(quote: quote) }
        if endsInBackslash { throw Unfinished(quote: nil) }
        return words.complete + [words.last].compactMap { $0 }
    }

    private init() {}

    private static func read(_ line: some StringProtocol) -> (Words, endsInBackslash: Bool) {
        var words = Words()
        var isEscaped = false
        for character in line {
            if isEscaped {
                words.last = (words.last ?? "") + String(character)
                isEscaped = false
            } else if character == "\\", words.openQuote != "'" {
                isEscaped = true
            } else if let quote = words.openQuote {
                if character == quote {
                    words.openQuote = nil
                } else {
                    words.last = (words.last ?? "") + String(character)
                }
            } else if character == "'" || character == "\"" {
                words.openQuote = character
                // An empty pair of quotes is a word.
                words.last = words.last ?? ""
            } else if character.isWhitespace {
                if let word = words.last { words.complete.append(word) }
                words.last = nil
            } else {
                words.last = (words.last ?? "") + String(character)
            }
        }
        return (words, isEscaped)
    }

    /// A word as it must be typed.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty && word.first != "#" && word.allSatisfy { !$0.isWhitespace && !"'\"\\".contains($0) }
        return isPlain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
