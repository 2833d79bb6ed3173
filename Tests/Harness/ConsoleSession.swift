// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// The prompt of a session, taken apart, and what is typed behind it.
struct ConsolePrompt: Hashable, Sendable {
    /// `region/id`, or an API.
    let peer: String
    let role: String?
    let head: Int?
    /// Whether it may produce, or why not.
    let state: String?
    /// `?12s`, or `?` when the peer has never answered.
    let age: String?
    let isEnabled: Bool
    /// Columns, with the blank at its end.
    let length: Int
    let typed: String

    /// nil if `line` is none.
    init?(_ line: String) {
        guard let end = line.firstIndex(of: ">") else { return nil }
        var words = line[..<end].split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let rest = line[line.index(after: end)...]
        guard rest.isEmpty || rest.hasPrefix(" "), let first = words.first, first.contains("/") || first.contains(":"),
            first != "--", !words.contains(""), !line[..<end].contains("<")
        else { return nil }
        words.removeFirst()
        func take(_ isIt: (String) -> Bool) -> String? {
            guard let word = words.first, isIt(word) else { return nil }
            return words.removeFirst()
        }
        peer = first
        role = take { ["LEADER", "follower", "candidate"].contains($0) }
        head = take { $0.hasPrefix("#") && Int($0.dropFirst()) != nil }.flatMap { Int($0.dropFirst()) }
        state = take { $0 != "enabled" && $0.allSatisfy { $0.isLowercase || $0 == "_" } }
        age = take { $0.hasPrefix("?") }
        isEnabled = take { $0 == "enabled" } != nil
        guard words.isEmpty else { return nil }
        length = line[...end].count + 1
        typed = String(rest.dropFirst())
    }
}

/// A session of `prodha console` on a terminal.
final class ConsoleSession: Sendable {
    let terminal: PseudoTerminal

    private init(_ terminal: PseudoTerminal) { self.terminal = terminal }

    /// The variables of a session whose home is `directory`.
    static func environment(_ directory: URL) -> [String: String] {
        ["XDG_STATE_HOME": directory.appending(path: "state").path]
    }

    /// Starts one. Its home is `directory`.
    static func start(
        _ arguments: [String], in directory: URL, environment: [String: String] = [:], rows: Int = 30,
        columns: Int = 120
    ) async throws -> ConsoleSession {
        let terminal = try await PseudoTerminal.start(
            [try Program.path(), "console"] + arguments, in: directory,
            environment: Self.environment(directory).merging(environment) { $1 }, rows: rows, columns: columns)
        return ConsoleSession(terminal)
    }

    /// With the configuration file of `peer`.
    static func start(
        _ cluster: Cluster, _ arguments: String..., environment: [String: String] = [:], rows: Int = 30,
        columns: Int = 120
    ) async throws -> ConsoleSession {
        try await start(
            ["--config", cluster.peers[0].configurationFile.path] + arguments, in: cluster.directory,
            environment: environment, rows: rows, columns: columns)
    }

    // MARK: What is seen

    /// What stands in the line of the cursor, when that is a prompt, and how far the cursor is behind the prompt.
    static func edited(_ screen: TerminalScreen) -> (prompt: ConsolePrompt, place: Int)? {
        let (line, column) = screen.current
        return ConsolePrompt(line.text).map { ($0, column - $0.length) }
    }

    /// Waits for a prompt with nothing behind it.
    @discardableResult
    func prompt(
        _ promise: String = "an empty prompt", within bound: Duration = Bound.outcome,
        _ isWanted: (ConsolePrompt) -> Bool = { _ in true }
    ) async throws -> ConsolePrompt {
        try await terminal.shows(promise, within: bound) { screen in
            guard let (prompt, place) = Self.edited(screen), prompt.typed.isEmpty, place == 0, isWanted(prompt) else {
                return nil
            }
            return prompt
        }
    }

    /// Waits until `text` is being edited, with the cursor behind so many of its characters.
    @discardableResult
    func edits(
        _ text: String, at place: Int? = nil, _ promise: String? = nil,
        _ isWanted: (ConsolePrompt) -> Bool = { _ in true }
    ) async throws -> ConsolePrompt {
        let wanted = place ?? text.count
        return try await terminal.shows(promise ?? "'\(text)' is being edited, the cursor at \(wanted)") { screen in
            guard let (prompt, place) = Self.edited(screen), place == wanted, isWanted(prompt) else { return nil }
            return prompt.typed == text.trimmingSuffix(" ") ? prompt : nil
        }
    }

    /// Waits until a question with `text` in it takes an answer: the cursor is behind it, and pastes are told from keys. The
    /// line. What is typed before that is no answer.
    @discardableResult
    func asks(_ text: String) async throws -> String {
        let question = try await terminal.shows("a question with '\(text)'") { screen in
            let (line, column) = screen.current
            let isQuestion = screen.bracketsPastes && ConsolePrompt(line.text) == nil && line.text.contains(text)
            return isQuestion && column == line.text.count + 1 ? line.text : nil
        }
        // What comes before the program reads again is dropped, too.
        try await eventually("the program waits for the answer") { terminal.process.sleeps }
        return question
    }

    /// The lines below the one in which `command` was typed, once a prompt has come again; nil before.
    static func output(of command: String, from row: Int, _ screen: TerminalScreen) -> [String]? {
        guard let (prompt, place) = edited(screen), prompt.typed.isEmpty, place == 0 else { return nil }
        let lines = screen.lines(from: row)
        let end = screen.current.line.row
        guard let echo = lines.first(where: { ConsolePrompt($0.text)?.typed == command.trimmingSuffix(" ") }),
            echo.row < end
        else { return nil }
        return lines.filter { $0.row > echo.row && $0.row < end }.map(\.text)
    }

    // MARK: What is done

    /// Types `command`, and waits for the prompt that follows; what was shown in between.
    @discardableResult
    func run(_ command: String, within bound: Duration = Bound.outcome) async throws -> [String] {
        let row = try await begin(command)
        return try await ended(command, from: row, within: bound)
    }

    /// Types `command` at an empty prompt; the row of it.
    @discardableResult
    func begin(_ command: String) async throws -> Int {
        try await prompt("a prompt for '\(command)'")
        let row = terminal.screen.current.line.row
        try await terminal.type(command + "\r")
        return row
    }

    /// Waits for the prompt after a command that was typed in `row` or below it; what was shown in between.
    @discardableResult
    func ended(_ command: String, from row: Int, within bound: Duration = Bound.outcome) async throws -> [String] {
        try await terminal.shows("'\(command)' ends", within: bound) { screen in
            Self.output(of: command, from: row, screen)
        }
    }

    /// Types `command`, and waits for its question.
    @discardableResult
    func run(_ command: String, asking question: String) async throws -> Int {
        let row = try await begin(command)
        try await asks(question)
        return row
    }

    /// Drops what is being typed by ^C, and waits for the next prompt.
    func drop() async throws {
        let row = terminal.screen.current.line.row
        try await terminal.press(.interrupt)
        try await terminal.shows("a prompt after ^C") { screen in
            Self.edited(screen).map { $0.prompt.typed.isEmpty && screen.current.line.row > row } ?? false
        }
    }

    /// Presses `key` until `condition` holds.
    func press(_ key: PseudoTerminal.Key, _ promise: String, until condition: (TerminalScreen) -> Bool) async throws {
        let deadline = ContinuousClock.now + Bound.outcome
        repeat {
            try await terminal.press(key)
            do { return try await terminal.shows(promise, within: .seconds(1), until: condition) } catch {}
        } while ContinuousClock.now < deadline
        throw Violation(description: "\(promise): not within \(Bound.outcome)\n\(terminal)")
    }

    /// Waits until the session knows the options of the commands, which it learns behind its first prompt.
    func knowsOptions() async throws {
        try await prompt()
        try await terminal.type("status --time")
        try await press(.tab, "options are known") { Self.edited($0)?.prompt.typed == "status --timeout" }
        try await drop()
    }

    /// Whether a pasted answer was refused, in the lines from `row` on.
    static func refusesPaste(_ screen: TerminalScreen, from row: Int) -> Bool {
        let lines = screen.lines(from: row).map(\.text)
        guard let place = lines.firstIndex(where: { $0.contains("pasted text is no answer") }) else { return false }
        return lines[place...].contains { $0.contains("nothing was done") }
    }

    /// Ends the session by `quit`.
    func quit() async throws {
        try await prompt("a prompt for 'quit'")
        try await terminal.type("quit\r")
        let ending = try await terminal.ends()
        guard ending == .exit(0) else { throw Violation(description: "quit: \(ending)\n\(terminal)") }
    }
}

extension String {
    /// Without such characters at its end.
    func trimmingSuffix(_ character: Character) -> String {
        var text = self[...]
        while text.last == character { text.removeLast() }
        return String(text)
    }
}

extension GroupSettings {
    /// A calm group of the region east.
    static let east = {
        var settings = GroupSettings.calm
        settings.keys["region"] = "east"
        return settings
    }()
}

/// Runs `test` on a group of the region east in which all is well, its head at block 1002; who leads, and the chain.
func withEast(
    _ settings: GroupSettings = .east, _ test: (Cluster, _ leader: Peer, inout Chain) async throws -> Void
) async throws {
    try await withCluster(settings) { cluster in
        try await cluster.start()
        var chain = try Chain()
        try await cluster.commit(try chain.next(3))
        try await cluster.allReach(1002)
        try await test(cluster, try await cluster.leader(), &chain)
    }
}

/// Runs `test` with the files of a group of the region east of which nothing runs.
func withDeadEast(_ test: (Cluster) async throws -> Void) async throws { try await withCluster(.east, test) }

/// Has `leader` pause its region, or resume.
func change(_ leader: Peer, _ call: String) async throws {
    let answer = try await leader.post("/v1/prodha/region/\(call)", [:])
    try #require(answer.status == 200, "\(answer)")
}
