// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// The program under test.
enum Program {
    /// `PRODHA_BINARY`, else `prodha` beside the running test bundle.
    static func path() throws -> String { try path("PRODHA_BINARY", "prodha") }

    /// The same, claiming to be of the next version, with a later store; with a later wire format, which it alone speaks, if
    /// `PRODHA_CLAIM=alone` is in its environment, and with the one before if `PRODHA_CLAIM=before` is.
    /// `PRODHA_NEXT_BINARY`, else `prodha-next`.
    static func nextVersion() throws -> String { try path("PRODHA_NEXT_BINARY", "prodha-next") }

    private static func path(_ variable: String, _ name: String) throws -> String {
        let given = ProcessInfo.processInfo.environment[variable]
        let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: name).path
        let path = given ?? beside
        guard access(path, X_OK) == 0 else {
            throw CannotStart(description: "no program at \(path): build the product \(name), or set \(variable)")
        }
        return path
    }

    /// Runs it to its end.
    static func run(
        _ arguments: [String], in directory: URL, environment: [String: String] = [:],
        within bound: Duration = Bound.outcome
    ) async throws -> Finished {
        try await Finished.running(
            [try path()] + arguments, in: directory, environment: environment, within: bound)
    }
}

/// One peer: its files, and its process while it has one.
final class Peer: Sendable {
    let id: Int
    let peerPort: Int
    let apiPort: Int
    let directory: URL
    private let ledger: Ledger
    private let process = Guarded<ChildProcess?>(nil)

    init(id: Int, peerPort: Int, apiPort: Int, directory: URL, ledger: Ledger) throws {
        (self.id, self.peerPort, self.apiPort, self.directory) = (id, peerPort, apiPort, directory)
        self.ledger = ledger
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    // MARK: Files

    var configurationFile: URL { directory.appending(path: "prodha.json") }
    var dataDirectory: URL { directory.appending(path: "data") }
    private var outputFile: URL { directory.appending(path: "stdout.log") }
    private var errorFile: URL { directory.appending(path: "stderr.log") }

    func configure(_ document: JSON) throws {
        try document.text.write(to: configurationFile, atomically: true, encoding: .utf8)
    }

    /// Changes the configuration file, as an operator does.
    func edit(_ change: (inout JSON) throws -> Void) throws {
        var document = try JSON(parsing: Array(try Data(contentsOf: configurationFile)))
        try change(&document)
        try configure(document)
    }

    func wipe() throws {
        try FileManager.default.removeItem(at: dataDirectory)
    }

    /// What it has said since the test began, on both channels.
    var log: String {
        [outputFile, errorFile].map { (try? String(contentsOf: $0, encoding: .utf8)) ?? "" }.joined()
    }

    // MARK: Process

    var runs: Bool { process.withLock { $0?.runs ?? false } }
    var pid: pid_t? { process.withLock { $0?.pid } }
    var isStopped: Bool { process.withLock { $0?.isStopped ?? false } }

    /// - Parameter program: another one than the program under test.
    func start(
        _ arguments: [String] = [], environment: [String: String] = [:], program: String? = nil
    ) async throws {
        try #require(!runs)
        let command = [try program ?? Program.path(), "run", "--config", configurationFile.path] + arguments
        let started = try await ChildProcess.start(
            command, in: directory, output: outputFile, errors: errorFile, environment: environment)
        process.withLock { $0 = started }
    }

    /// Starts it and waits until its API answers.
    func startAndServe(_ arguments: [String] = [], environment: [String: String] = [:]) async throws {
        try await start(arguments, environment: environment)
        try await serves()
    }

    func serves() async throws {
        try await eventually("the API of peer \(id) answers") {
            guard self.runs else { throw CannotStart(description: "it has ended") }
            return try await self.get("/health/live").status == 200
        }
    }

    func send(_ signal: Int32) {
        process.withLock { $0 }?.send(signal)
    }

    /// kill -9.
    func kill() async throws {
        send(SIGKILL)
        try await end()
    }

    /// SIGTERM.
    func terminate() async throws -> Ending {
        send(SIGTERM)
        return try await end()
    }

    @discardableResult
    func end() async throws -> Ending {
        let process = try #require(process.withLock { $0 })
        return try await process.end()
    }

    func killGroup() {
        process.withLock { $0 }?.killGroup()
    }

    // MARK: HTTP

    func call(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        within bound: Duration = Bound.call
    ) async throws -> Response {
        try await HTTP.call(method, target, port: apiPort, headers: headers, body: body, within: bound)
    }

    func get(_ target: String, within bound: Duration = Bound.call) async throws -> Response {
        try await call("GET", target, within: bound)
    }

    func post(_ target: String, _ body: JSON, within bound: Duration = Bound.call) async throws -> Response {
        try await call(
            "POST", target, headers: [("Content-Type", "application/json")], body: Array(body.text.utf8), within: bound)
    }

    enum BlockForm {
        case octets, hex
    }

    /// Asks this peer to commit `block`. A yes goes into the test's ledger.
    func commit(_ block: Block, as form: BlockForm = .octets, within bound: Duration = Bound.call) async throws
        -> Response
    {
        let target = "/v1/prodha/commit_block"
        let response =
            switch form {
            case .octets:
                try await call(
                    "POST", target, headers: [("Content-Type", "application/octet-stream")], body: block.packed,
                    within: bound)
            case .hex:
                try await post(target, ["block": .string(block.hex)], within: bound)
            }
        if response.status == 200 { try ledger.acknowledge(block, response) }
        return response
    }

    func info() async throws -> JSON {
        let response = try await get("/v1/producer_ha/get_info")
        try #require(response.status == 200, "\(response)")
        return try #require(response.json)
    }

    func status() async throws -> JSON { try await get("/v1/prodha/status").document() }
    func canProduce() async throws -> JSON { try await get("/v1/prodha/can_produce").document() }
    func leaderID() async throws -> Int { try #require(try await info()["leader_id"]?.int) }
    func committedHeight() async throws -> Int { try #require(try await info()["last_committed_block_num"]?.int) }

    /// The head that this peer has applied.
    func head() async throws -> (number: Int, id: String)? {
        guard case .object(let head)? = try await status()["production.head"] else { return nil }
        guard let number = head["block_num"]?.int, let id = head["block_id"]?.string else { return nil }
        return (number, id)
    }

    func block(_ number: Int) async throws -> Block? {
        let response = try await call(
            "GET", "/v1/prodha/block?num=\(number)", headers: [("Accept", "application/octet-stream")])
        if response.status == 404 { return nil }
        try #require(response.status == 200, "\(response)")
        return try Block(parsing: response.body)
    }

    /// Waits until this peer has applied a block of that height or above.
    func reaches(_ number: Int) async throws {
        try await eventually("peer \(id) has block \(number)") { try await self.committedHeight() >= number }
    }

    /// Waits until the log of its process has a line in which `pattern` is found, letters of either case.
    func says(_ pattern: String, after start: Int = 0) async throws {
        try await eventually("peer \(id) says /\(pattern)/") {
            String(self.log.dropFirst(start)).split(separator: "\n").contains {
                $0.range(of: pattern, options: [.regularExpression, .caseInsensitive]) != nil
            }
        }
    }
}
