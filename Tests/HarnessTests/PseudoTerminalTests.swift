// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// A shell on a terminal of the harness behaves as on any other.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PseudoTerminalTests {
    private func withShell(
        _ command: [String] = ["/bin/bash", "--norc", "--noprofile", "-i"],
        _ body: (PseudoTerminal) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { directory in
            let shell = try await PseudoTerminal.start(
                command, in: directory, environment: ["PS1": "at your service> "])
            try await body(shell)
        }
    }

    private func prompt(_ shell: PseudoTerminal) async throws {
        try await shell.shows("the prompt") { $0.current.line.text == "at your service>" }
    }

    @Test func theTerminalControlsItsSession() async throws {
        try await withShell { shell in
            try await prompt(shell)
            try await shell.type("tty; ps -o tty= -p $$; stty size; echo $TERM\r")
            try await shell.shows(text: "pts/")
            try await shell.shows(text: "30 100")
            try await shell.shows(text: "xterm")
            try await prompt(shell)
            try await shell.press(.endOfInput)
            #expect(try await shell.ends() == .exit(0))
            #expect(!shell.log.contains("no job control"))
        }
    }

    @Test func jobsAreSuspendedAndInterrupted() async throws {
        try await withShell { shell in
            try await prompt(shell)
            // Line feeds: the shell takes the return key for one only while it edits a line.
            try await shell.type("echo ready; cat\n")
            // What is typed while the shell hands the terminal over may reach neither of them.
            try await shell.shows("the shell has handed over") { $0.lines().contains { $0.text == "ready" } }
            try await shell.type("echoed\n")
            // Once by the terminal, once by cat.
            try await shell.shows("cat runs") { $0.lines().count { $0.text == "echoed" } == 2 }
            try await shell.press(.suspend)
            try await shell.shows(text: "Stopped")
            try await shell.type("fg\n")
            try await shell.shows("it has handed over again") { $0.lines().contains { $0.text == "cat" } }
            try await shell.type("again\n")
            try await shell.shows("cat goes on") { $0.lines().count { $0.text == "again" } == 2 }
            try await shell.press(.interrupt)
            try await prompt(shell)
            try await shell.type("echo $?\r")
            try await shell.shows(text: "130")
            try await shell.type("exit 7\r")
            #expect(try await shell.ends() == .exit(7))
        }
    }

    @Test func aResizeReachesTheProgram() async throws {
        let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done"
        try await withShell(["/bin/bash", "-c", script]) { shell in
            try await shell.shows(text: "ready")
            try shell.resize(rows: 12, columns: 40)
            try await shell.shows(text: "12 40")
            #expect(shell.screen.columns == 40 && shell.screen.rows == 12)
        }
    }

    /// readline moves, inserts and wraps; what it shows is what was typed.
    @Test(arguments: [40, 100]) func aLineIsEdited(columns: Int) async throws {
        try await withShell { shell in
            try shell.resize(rows: 30, columns: columns)
            try await prompt(shell)
            let words = (1...30).map { "word\($0)" }.joined(separator: " ")
            try await shell.type("echo \(words)")
            try await shell.press(.home, .right, .right, .right, .right)
            try await shell.type(" first", eachAfter: .milliseconds(1))
            try await shell.shows("the line") { screen in
                let (line, column) = screen.current
                return line.text == "at your service> echo first \(words)" && column == 27
            }
            try await shell.press(.end, .backspace, .backspace)
            try await shell.type("X\r")
            try await shell.shows(text: "first word1 word2")
            try await prompt(shell)
            #expect(shell.screen.unknown.isEmpty, "\(shell)")
            let lines = shell.screen.lines().map(\.text)
            #expect(lines.contains("first \(words.dropLast(2))X"), "\(shell)")
        }
    }

    @Test func whatIsPastedComesInBracketsWhereTheyAreAskedFor() async throws {
        try await withShell(["/bin/sh", "-c", "stty raw -echo; printf '\\033[?2004h>'; head -c 13 | od -An -c"]) {
            shell in
            try await shell.shows(text: ">")
            try await shell.paste("y")
            try await shell.shows(text: "033")
            #expect(try await shell.ends() == .exit(0))
            #expect(shell.screen.lines().map(\.text).joined().contains("2   0   0   ~   y 033"), "\(shell)")
        }
        try await withShell(["/bin/cat"]) { shell in
            try await shell.paste("plain\r")
            try await shell.shows("cat repeats it") { $0.lines().map(\.text).filter { $0 == "plain" }.count == 2 }
        }
    }

    @Test func aWindowThatIsClosedHangsUp() async throws {
        try await withShell(["/bin/cat"]) { shell in
            try await shell.type("x\r")
            try await shell.shows("cat runs") { $0.lines().count { $0.text == "x" } == 2 }
            shell.hangUp()
            #expect(try await shell.ends() == .signal(SIGHUP))
        }
    }

    @Test func aFailureTellsWhatIsSeen() async throws {
        try await withShell(["/bin/sh", "-c", "printf 'only \\033[1mthis'; read line"]) { shell in
            try await shell.shows(text: "only this")
            let failure = await #expect(throws: Violation.self) {
                try await shell.shows("the impossible", within: .milliseconds(200)) { $0.text == "something else" }
            }
            let told = failure?.description ?? ""
            #expect(
                told.contains("the impossible") && told.contains("|only this") && told.contains(#"only \u{1B}[1mthis"#))
            // One that has ended is not waited for.
            try await shell.press(.enter)
            await #expect(throws: Violation.self) { try await shell.shows(text: "more", within: .seconds(100)) }
        }
    }
}
