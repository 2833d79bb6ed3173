// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Testing

@testable import Lab

struct OperatorWordsTests {
    private func told(_ lines: [String]) -> [String] {
        var words = OperatorWords()
        return lines.compactMap { words.take($0) } + words.finish()
    }

    @Test func ofASwitchTheStepsAndItsEndAreTold() {
        let lines = [
            "1. look: asks the leaders of both regions how they stand (within 5.0 s)",
            "   or else: nothing has been begun",
            "15:43:11.827Z begin: writes into the logs of both regions (within 5.0 s)",
            "  east: not_leader", "15:43:12.510Z begin: left after 684 ms",
            "15:43:12.510Z stop: makes east standby (within 5.0 s)", "15:43:13.989Z stop: ended after 368 ms",
            "west is active now",
        ]
        #expect(
            told(lines) == [
                "begin: writes into the logs of both regions", "  east: not_leader", "stop: makes east standby",
                "west is active now",
            ])
    }

    @Test func ofARefusalTheLastLinesAreTold() {
        let lines = (1...20).map { "\($0). of the plan" } + ["prodha: refused, nothing was done"]
        let told = told(lines)
        #expect(told.count == OperatorWords.mostLines)
        #expect(told.last == "prodha: refused, nothing was done")
    }

    @Test func onlyWholeLinesThatCameSinceAreRead() throws {
        let path = "/tmp/prodha-output-\(UInt64.random(in: 0...UInt64.max))"
        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write("of an earlier command\n")
        var file = OutputFile(path)
        #expect(file.takeLines() == [])
        try write("of an earlier command\none\ntw")
        #expect(file.takeLines() == ["one"])
        try write("of an earlier command\none\ntwo\n\nthree\n")
        #expect(file.takeLines() == ["two", "", "three"])
    }
}
