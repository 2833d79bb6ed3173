// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What is typed, completed and explained. No peer runs here: nothing of it may wait for one.
    @Suite struct ConsoleEditingTests {
        static let commands = [
            "status", "log", "history", "transfer", "pause", "resume", "confirm", "maintenance", "failover", "validate",
            "bundle", "connect", "peers", "watch", "follow", "timing", "output", "lines", "help", "enable", "disable",
            "attach", "quit",
        ]

        private func withSession(
            rows: Int = 80, columns: Int = 120, _ body: (ConsoleSession) async throws -> Void
        ) async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster, rows: rows, columns: columns)
                try await session.prompt()
                try await body(session)
                #expect(session.terminal.screen.unknown.isEmpty, "\(session.terminal)")
            }
        }

        /// Types `line`, then `keys`, and waits until all `words` begin lines below with something said about each.
        private func explains(
            _ session: ConsoleSession, _ line: String, _ keys: [PseudoTerminal.Key] = [], at place: Int? = nil,
            words: [String], without absent: [String] = []
        ) async throws {
            let terminal = session.terminal
            try await session.prompt()
            let row = terminal.screen.current.line.row
            try await terminal.type(line)
            for key in keys { try await terminal.press(key) }
            try await session.edits(line, at: place)
            try await terminal.type("?")
            let told = try await terminal.shows("'\(line)?' is explained") { screen -> [String]? in
                let lines = screen.lines(from: row).map(\.text)
                let isAll = words.allSatisfy { word in lines.contains { Self.explains(word, $0) } }
                return isAll ? lines : nil
            }
            for word in absent { #expect(!told.contains { Self.explains(word, $0) }, "\(word): \(told)") }
            // The line is as it was, below.
            try await session.edits(line, at: place)
            #expect(terminal.screen.current.line.row > row + words.count)
            try await session.drop()
        }

        /// The line begins with `word`, perhaps among others, and says something about it.
        private static func explains(_ word: String, _ line: String) -> Bool {
            let name = NSRegularExpression.escapedPattern(for: word)
            return line.range(of: "^ *([^ ]+, +)?\(name)([ ,=<|].*)? [^ ]+", options: .regularExpression) != nil
                && ConsolePrompt(line) == nil
        }

        @Test func aQuestionMarkExplainsAndLeavesTheLine() async throws {
            try await withSession { session in
                // The commands themselves are known from the first prompt on.
                try await explains(session, "", words: Self.commands, without: ["run", "demo", "bench", "console"])
                try await explains(session, "st", words: ["status"], without: ["transfer", "log"])
                try await session.knowsOptions()
                try await explains(
                    session, "transfer ", words: ["--to", "--reason", "--region"], without: ["--from", "status"])
                try await explains(session, "transfer --re", words: ["--reason", "--region"], without: ["--to"])
                try await explains(session, "maintenance ", words: ["on", "off"])
                try await explains(session, "timing ", words: ["on", "off"])
                try await explains(session, "output ", words: ["table", "json", "yaml", "tsv"])
                // Within a line, of which the rest stays.
                try await explains(
                    session, "st --region east", Array(repeating: .left, count: 14), at: 2, words: ["status"])
            }
        }

        @Test func aQuestionMarkCanBeTyped() async throws {
            try await withSession { session in
                for line in [#"pause --reason "why?"#, "pause --reason 'what? who?"] {
                    try await session.terminal.type(line)
                    try await session.edits(line)
                    try await session.drop()
                }
                try await session.terminal.type("help ")
                try await session.terminal.press(.verbatim)
                try await session.terminal.type("?x")
                try await session.edits("help ?x")
            }
        }

        @Test func tabCompletes() async throws {
            try await withSession { session in
                try await session.knowsOptions()
                for (typed, completed) in [
                    ("st", "status "), ("mai", "maintenance "), ("help tra", "help transfer "),
                    ("timing of", "timing off "),
                    ("failover --dry", "failover --dry-run "), ("history --region e", "history --region east "),
                    ("output j", "output json "),
                ] {
                    try await session.prompt()
                    try await session.terminal.type(typed)
                    try await session.terminal.press(.tab)
                    try await session.edits(completed)
                    try await session.drop()
                }
                for (typed, offered) in [
                    ("connect ", ["1", "2", "3"]), ("transfer --to ", ["1", "2", "3"]), ("t", ["transfer", "timing"]),
                    ("output ", ["table", "json", "yaml", "tsv"]), ("maintenance o", ["on", "off"]),
                    ("pause --re", ["--reason", "--region"]), ("maintenance on ", ["1", "2", "3"]),
                ] {
                    try await session.prompt()
                    let row = session.terminal.screen.current.line.row
                    try await session.terminal.type(typed)
                    try await session.terminal.press(.tab, .tab)
                    try await session.terminal.shows("\(offered) for '\(typed)'") { screen in
                        let lines = screen.lines(from: row).map(\.text).filter { ConsolePrompt($0) == nil }
                        let words = lines.flatMap { $0.split(separator: " ").map(String.init) }
                        return offered.allSatisfy { word in
                            words.contains { $0 == word || $0 == "east/\(word)" }
                        }
                    }
                    try await session.drop()
                }
            }
        }

        @Test func filesAreCompleted() async throws {
            try await withDeadEast { cluster in
                let file = cluster.directory.appending(path: "a group.yaml")
                try "region: east\n".write(to: file, atomically: true, encoding: .utf8)
                let session = try await ConsoleSession.start(cluster)
                try await session.knowsOptions()
                try await session.terminal.type("validate \(cluster.directory.path)/peer-1/prod")
                try await session.terminal.press(.tab)
                try await session.edits("validate \(cluster.directory.path)/peer-1/prodha.json ")
                try await session.terminal.press(.enter)
                try await session.prompt("a prompt after it")
                // A name with a blank remains one word.
                try await session.terminal.type("validate 'a gr")
                try await session.terminal.press(.tab)
                try await session.terminal.shows("the name in quotes") { screen in
                    let typed = ConsoleSession.edited(screen)?.prompt.typed ?? ""
                    return typed.hasPrefix("validate 'a group.yaml")
                }
            }
        }

        /// ^C drops the line, ^D ends the session, blank lines and remarks do nothing.
        @Test func linesAreDroppedAndSkipped() async throws {
            try await withSession { session in
                let terminal = session.terminal
                try await terminal.type("pause")
                try await session.edits("pause")
                try await session.drop()
                for line in ["", "   ", "# pause", "#", "  "] {
                    let shown = try await session.run(line)
                    #expect(shown.isEmpty, "'\(line)': \(shown)")
                }
                // ^D within a line deletes; on an empty one it ends.
                try await terminal.type("help")
                try await terminal.press(.home, .endOfInput)
                try await session.edits("elp", at: 0)
                try await session.drop()
                try await terminal.press(.endOfInput)
                #expect(try await terminal.ends() == .exit(0))
            }
        }

        @Test(arguments: ["quit", "exit", "q"]) func theSessionEnds(by word: String) async throws {
            try await withSession { session in
                try await session.terminal.type("\(word)\r")
                #expect(try await session.terminal.ends() == .exit(0))
                #expect(!session.terminal.screen.bracketsPastes, "the terminal is left as it was")
            }
        }

        @Test func whatIsNoCommandIsRefused() async throws {
            try await withSession { session in
                let unknown = try await session.run("statsu")
                #expect(unknown.contains { $0.contains("statsu") }, "\(unknown)")
                let ambiguous = try await session.run("p")
                #expect(
                    ["pause", "peers"].allSatisfy { word in ambiguous.contains { $0.contains(word) } }, "\(ambiguous)")
                let option = try await session.run("transfer --re x")
                #expect(
                    ["--reason", "--region"].allSatisfy { word in option.contains { $0.contains(word) } }, "\(option)")
                for word in ["run", "demo", "console", "bench", "run --config x"] {
                    let refused = try await session.run(word)
                    #expect(!refused.isEmpty, "\(word)")
                    try await session.prompt("the session goes on after \(word)")
                }
                // Short forms.
                let timing = try await session.run("tim on")
                #expect(!timing.contains { $0.hasPrefix("prodha:") }, "\(timing)")
                let timed = try await session.run("he status")
                #expect(
                    timed.contains { $0.hasPrefix("Time: ") } && timed.contains { $0.contains("every peer") },
                    "\(timed)")
            }
        }

        /// Several lines that are pasted are several commands, until one fails.
        @Test func pastedLinesAreCarriedOutInOrder() async throws {
            try await withSession { session in
                let terminal = session.terminal
                #expect(terminal.screen.bracketsPastes)
                let row = terminal.screen.cursorRow
                try await terminal.paste("timing on\n# a remark\n\nhelp maintenance\nnonsense\nhelp failover")
                try await terminal.press(.enter)
                try await terminal.shows("the mistake") { screen in
                    let lines = screen.lines(from: row).map(\.text)
                    // Once in the line that was pasted, and once in what is said of it.
                    return lines.count { $0.contains("nonsense") } >= 2
                }
                try await session.prompt()
                let lines = terminal.screen.lines(from: row).map(\.text)
                #expect(lines.contains { $0.hasPrefix("Time: ") }, "timing is on: \(terminal)")
                #expect(lines.contains { $0.contains("Keep a peer from leading") }, "help maintenance: \(terminal)")
                #expect(
                    !lines.contains { $0.contains("Switch the active region") },
                    "help failover came after a mistake: \(terminal)")
                // A paste within a line is not carried out before Enter.
                try await terminal.paste("pee")
                try await terminal.paste("rs")
                try await session.edits("peers")
            }
        }

        @Test(arguments: 1...4) func garbageDoesNoHarm(seed: UInt64) async throws {
            try await withSession(rows: 24, columns: 60) { session in
                var state = seed &* 0x9e37_79b9_7f4a_7c15
                // Not what ends, suspends or stops a terminal by rights, and no q: quit would be one.
                let except: Set<UInt8> = [0x04, 0x11, 0x13, 0x1a, 0x1c, UInt8(ascii: "q")]
                let bytes = (0..<3000).map { _ -> UInt8 in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 40)
                }.filter { !except.contains($0) }
                for start in stride(from: 0, to: bytes.count, by: 200) {
                    try await session.terminal.write(Array(bytes[start..<min(start + 200, bytes.count)]))
                }
                // Whatever it has made of it, these end it.
                try await session.terminal.write(Array("\u{1b}[201~".utf8))
                try await session.terminal.press(.interrupt, .interrupt, .eraseLine)
                try await session.prompt()
                let shown = try await session.run("help timing")
                #expect(shown.contains { $0.contains("how long each command took") }, "\(session.terminal)")
            }
        }

        /// What is typed while a peer hangs is seen at once all the same.
        @Test func keysAreEchoedWhateverThePeersDo() async throws {
            let silent = try LoopbackServer.silent()
            defer { silent.stop() }
            try await TemporaryDirectory.with { directory in
                let session = try await ConsoleSession.start(
                    ["127.0.0.1:\(silent.port)", "--timeout", "60s"], in: directory)
                let prompt = try await session.prompt(within: .seconds(10)) { $0.age == "?" }
                #expect(prompt.peer == "127.0.0.1:\(silent.port)")
                let text = "abcdefghijklmnopqrstuvwxyz"
                for length in 1...text.count {
                    let began = ContinuousClock.now
                    try await session.terminal.type(String(text.dropFirst(length - 1).prefix(1)))
                    try await session.edits(String(text.prefix(length)))
                    #expect(ContinuousClock.now - began < .seconds(5))
                }
            }
        }
    }
}
