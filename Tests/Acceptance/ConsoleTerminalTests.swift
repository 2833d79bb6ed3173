// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// All of readline's habits, and those of a terminal. No peer runs here.
    @Suite struct ConsoleTerminalTests {
        private func settings(_ text: String, _ cluster: Cluster) throws -> [String: String] {
            let file = cluster.directory.appending(path: "inputrc")
            try text.write(to: file, atomically: true, encoding: .utf8)
            return ["INPUTRC": file.path]
        }

        @Test func aSessionIsSuspendedAndComesBackWithItsLine() async throws {
            try await withDeadEast { cluster in
                let terminal = try await PseudoTerminal.start(
                    ["/bin/bash", "--norc", "--noprofile", "-i"], in: cluster.directory,
                    environment: ConsoleSession.environment(cluster.directory).merging(["PS1": "shell> "]) { $1 })
                func shell() async throws {
                    try await terminal.shows("the shell's prompt") { $0.current.line.text == "shell>" }
                }
                func edits(_ text: String) async throws {
                    try await terminal.shows("'\(text)' is edited") { screen in
                        guard let (prompt, place) = ConsoleSession.edited(screen) else { return false }
                        return prompt.typed == text && place == text.count
                    }
                }
                try await shell()
                let file = cluster.peers[0].configurationFile.path
                try await terminal.type("'\(try Program.path())' console --config '\(file)'\r")
                try await edits("")
                for round in ["once", "twice"] {
                    try await terminal.type("help \(round)")
                    try await edits("help \(round)")
                    try await terminal.press(.suspend)
                    try await shell()
                    try await terminal.type("echo the shell lives\r")
                    try await terminal.shows(text: "the shell lives")
                    try await shell()
                    try await terminal.type("fg\r")
                    try await edits("help \(round)")
                    // The keys are the session's again.
                    try await terminal.press(.backspace)
                    try await edits(String("help \(round)".dropLast()))
                    try await terminal.press(.eraseLine)
                    try await edits("")
                }
                try await terminal.type("quit\r")
                try await shell()
                try await terminal.type("echo ended $?\r")
                try await terminal.shows(text: "ended 0")
                // The shell edits its lines as before.
                try await terminal.type("echo abd")
                try await terminal.press(.backspace)
                try await terminal.type("c\r")
                try await terminal.shows("the shell edits") { $0.lines().contains { $0.text == "abc" } }
                #expect(terminal.screen.unknown.isEmpty, "\(terminal)")
            }
        }

        @Test func viMode() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(
                    cluster,
                    environment: try settings(
                        "set keyseq-timeout 50\n$if prodha\nset editing-mode vi\n$endif\n", cluster))
                let terminal = session.terminal
                try await session.prompt()
                try await terminal.type("holp timings")
                try await session.edits("holp timings")
                try await terminal.press(.escape)
                // In command mode the cursor stands on the last character.
                try await session.edits("holp timings", at: 11)
                try await terminal.type("x")
                try await session.edits("holp timing", at: 10)
                try await terminal.type("0")
                try await session.edits("holp timing", at: 0)
                try await terminal.type("lre")
                try await session.edits("help timing", at: 1)
                // Explanations come there too, and the prompt still renews itself.
                try await terminal.press(.enter)
                try await terminal.shows("it is carried out") { screen in
                    ConsoleSession.output(of: "help timing", from: 0, screen)
                }
            }
        }

        @Test func settingsForThisProgramAlone() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(
                    cluster,
                    environment: try settings(
                        #"""
                        $if prodha
                        "\C-xq": "help timing"
                        $endif
                        $if Bash
                        "\C-xw": "bash's own"
                        $else
                        "\C-xw": "not bash's"
                        $endif
                        """#, cluster))
                try await session.prompt()
                try await session.terminal.type("\u{18}q")
                try await session.edits("help timing")
                try await session.terminal.press(.eraseLine)
                try await session.edits("")
                try await session.terminal.type("\u{18}w")
                try await session.edits("not bash's")
            }
        }

        @Test func earlierLinesAreSearchedAndCalledBack() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster)
                let terminal = session.terminal
                try await session.run("help timing")
                try await session.run("help output")
                try await session.prompt()
                try await terminal.press(.search)
                try await terminal.type("tim")
                try await terminal.shows("what is found") { screen in
                    let line = screen.current.line.text
                    return line.contains("(reverse-i-search)`tim'") && line.hasSuffix("help timing")
                }
                // A search lasts longer than the prompt's rest.
                try await always("the search stays") {
                    terminal.screen.current.line.text.contains("(reverse-i-search)`tim'")
                }
                try await terminal.press(.left)
                try await terminal.shows("the line found is edited") { screen in
                    ConsoleSession.edited(screen)?.prompt.typed == "help timing"
                }
                let row = terminal.screen.cursorRow
                try await terminal.press(.enter)
                try await terminal.shows("it is carried out") { screen in
                    screen.lines(from: row + 1).contains { $0.text.contains("how long each command took") }
                }
                // Each line is there once, in its latest place.
                try await session.prompt()
                try await terminal.press(.up)
                try await session.edits("help timing")
                try await terminal.press(.up)
                try await session.edits("help output")
                try await terminal.press(.down)
                try await session.edits("help timing")
            }
        }

        /// A line is longer than the window is wide, which then becomes wide, and narrow again.
        @Test func theWindowChangesItsSize() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster, rows: 40, columns: 40)
                let terminal = session.terminal
                try await session.prompt()
                let line = "pause --reason 'a reason that needs some more room than a row of forty columns has'"
                try await terminal.type(line)
                try await session.edits(line)
                try await terminal.press(.left, .left, .left)
                try await session.edits(line, at: line.count - 3)
                for columns in [200, 40, 120, 23] {
                    try terminal.resize(rows: 40, columns: columns)
                    try await session.edits(line, at: line.count - 3, "the line in \(columns) columns")
                }
                try terminal.resize(rows: 40, columns: 200)
                try await session.edits(line, at: line.count - 3)
                try await terminal.type("!")
                try await session.edits(String(line.dropLast(3)) + "!as'", at: line.count - 2)
                try await terminal.press(.interrupt)
                try await session.prompt()
                #expect(terminal.screen.unknown.isEmpty, "\(terminal)")
            }
        }

        @Test(arguments: [40, 200]) func narrowAndWide(columns: Int) async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, rows: 60, columns: columns)
                try await session.prompt { $0.state == "ok" }
                let status = try await session.run("status")
                #expect(status.contains { $0.contains("peer \(leader.id) leads") }, "\(status)")
                try await session.knowsOptions()
                try await session.terminal.type("status ")
                try await session.edits("status ")
                try await session.terminal.type("?")
                try await session.terminal.shows(text: "--timeout  ")
                try await session.edits("status ")
                // The prompt renews itself behind a line of several rows.
                let more = String(repeating: "abc ", count: 30)
                try await session.terminal.type(more)
                try await session.edits("status " + more)
                try await cluster.commit([try chain.next()])
                try await session.edits("status " + more, at: nil, "the head moves") { $0.head == 1003 }
                let lines = session.terminal.screen.lines().map(\.text)
                #expect(lines.count { $0.contains("abc abc") } == 1, "\(session.terminal)")
                #expect(session.terminal.screen.unknown.isEmpty)
            }
        }

        @Test func coloursAreLeftOutWhereTheyAreNotWanted() async throws {
            try await withEast { cluster, leader, chain in
                func colours(_ session: ConsoleSession) async throws -> Bool {
                    try await session.prompt { $0.state == "ok" }
                    try await session.run("status")
                    let pattern = "\u{1b}\\[[0-9;]*m"
                    return session.terminal.log.range(of: pattern, options: .regularExpression) != nil
                }
                let usual = try await colours(try await ConsoleSession.start(cluster))
                let option = try await colours(try await ConsoleSession.start(cluster, "--no-color"))
                let variable = try await colours(
                    try await ConsoleSession.start(cluster, environment: ["NO_COLOR": "1"]))
                #expect(usual, "on a terminal there are colours")
                #expect(!option, "--no-color")
                #expect(!variable, "NO_COLOR")
            }
        }

        @Test func aClosedWindowEndsTheSession() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster)
                try await session.run("help timing")
                session.terminal.hangUp()
                let ending = try await session.terminal.ends()
                #expect(ending == .signal(SIGHUP) || ending == .exit(0) || ending == .exit(129), "\(ending)")
            }
        }
    }
}
