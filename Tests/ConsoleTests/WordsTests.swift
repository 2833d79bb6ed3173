// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Testing

@testable import Console

@Suite struct WordsTests {
    @Test(
        arguments: [
            ("status", ["status"]), ("  log   -n 5  ", ["log", "-n", "5"]), ("", []), ("   ", []),
            ("pause --reason 'new disk'", ["pause", "--reason", "new disk"]),
            ("pause --reason=\"it's \\\"x\\\"\"", ["pause", "--reason=it's \"x\""]), ("a'b c'd", ["ab cd"]),
            ("''", [""]), ("x \"\" y", ["x", "", "y"]), ("a\\ b", ["a b"]), ("'a\\'", ["a\\"]),
            ("Straße 北", ["Straße", "北"]),
        ] as [(String, [String])])
    func aLineIsSplitAsInAShell(_ line: String, _ words: [String]) throws {
        #expect(try Words.all(of: line) == words)
    }

    @Test func anOpenQuoteIsAMistakeAndNeverHalfAWord() {
        #expect(throws: Words.Unfinished(quote: "'")) { try Words.all(of: "pause --reason 'new disk") }
        #expect(throws: Words.Unfinished(quote: "\"")) { try Words.all(of: "\"") }
        #expect(throws: Words.Unfinished(quote: nil)) { try Words.all(of: "status \\") }
    }

    @Test func aPartOfALineKnowsTheWordThatIsBeingTyped() {
        #expect(Words(partOf: "log --fr") == words(["log"], "--fr", nil))
        #expect(Words(partOf: "log ") == words(["log"], nil, nil))
        #expect(Words(partOf: "pause --reason 'new di") == words(["pause", "--reason"], "new di", "'"))
    }

    private func words(_ complete: [String], _ last: String?, _ quote: Character?) -> Words {
        var words = Words(partOf: "")
        (words.complete, words.last, words.openQuote) = (complete, last, quote)
        return words
    }

    @Test(arguments: ["2", "a b", "it's", "", "#x", "\"", "\\", "east/2"])
    func aQuotedWordIsReadAsItself(_ word: String) throws {
        #expect(try Words.all(of: Words.quoted(word)) == [word])
    }
}

@Suite struct WatchOrderTests {
    @Test func secondsCommandAndConditionAreTakenApart() throws {
        var order = try WatchOrder(["5", "log", "-n", "3", "until", "changes"])
        #expect(order.period == .seconds(5))
        #expect(order.command == ["log", "-n", "3"])
        #expect(order.condition == .changes)
        order = try WatchOrder(["status"])
        #expect(order.period == .seconds(2))
        #expect(order.condition == nil)
        #expect(try WatchOrder(["status", "until", "peer 2 leads"]).condition == .holds("peer 2 leads"))
    }

    @Test(arguments: [
        [], ["5"], ["0", "status"], ["1e9", "status"], ["nan", "status"], ["status", "until"], ["until", "ok"],
        ["status", "until", "ok", "x"],
    ])
    func whatMakesNoSenseIsRefused(_ words: [String]) {
        #expect(throws: WatchOrder.Mistake.self) { try WatchOrder(words) }
    }

    @Test func conditionsSayWhenItEnds() {
        #expect(
            WatchCondition.ok.isMet(exitCode: 0, output: "", first: "")
                && !WatchCondition.ok.isMet(exitCode: 2, output: "", first: ""))
        #expect(
            WatchCondition.fails.isMet(exitCode: 2, output: "", first: "")
                && !WatchCondition.fails.isMet(exitCode: 0, output: "", first: ""))
        #expect(
            WatchCondition.changes.isMet(exitCode: 0, output: "b", first: "a")
                && !WatchCondition.changes.isMet(exitCode: 0, output: "a", first: "a"))
        #expect(
            WatchCondition.holds("x").isMet(exitCode: 0, output: "axb", first: "")
                && !WatchCondition.holds("x").isMet(exitCode: 0, output: "ab", first: ""))
    }
}
