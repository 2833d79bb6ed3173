// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Synchronization
import Testing

/// A real nodeos on a chain of its own (`Tests/Nodeos`): its files, and its processes while it has some. The chain's one
/// producer, `eosio`, has EOSIO's well-known development key.
///
/// Public is what tests of single layers use, which know nothing else of this target.
public final class Nodeos: Sendable {
    public static let developmentWIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
    public static let developmentKey = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"

    /// Who signs its blocks.
    public enum Signing: Sendable {
        /// It holds the key.
        case itself
        /// What listens on this port of 127.0.0.1 and speaks as keosd does.
        case signer(port: Int)
        /// It is no producer at all.
        case nobody
    }

    public let http: Int
    public let p2p: Int
    public let directory: URL
    private let signing: Signing
    private let process = Mutex<ChildProcess?>(nil)

    /// Without `directory` it has one of its own, which is gone when this object is.
    public init(_ signing: Signing, genesisTime: String? = nil, in directory: URL? = nil) throws {
        self.signing = signing
        (http, p2p) = (try Ports.free(), try Ports.free())
        ownsDirectory = directory == nil
        self.directory = try directory ?? TemporaryDirectory.make()
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let files = Self.files
        let config = try String(contentsOf: files.appending(path: "config.ini"), encoding: .utf8)
        try lines(of: config).write(to: configurationFile, atomically: true, encoding: .utf8)
        try FileManager.default.copyItem(at: files.appending(path: "genesis.json"), to: genesisFile)
        if let genesisTime { try setGenesisTime(genesisTime) }
    }

    deinit {
        killNow()
        if ownsDirectory { try? FileManager.default.removeItem(at: directory) }
    }

    // MARK: Files

    private let ownsDirectory: Bool
    private static let files = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Nodeos")
    var configurationFile: URL { directory.appending(path: "config.ini") }
    var dataDirectory: URL { directory.appending(path: "data") }
    private var genesisFile: URL { directory.appending(path: "genesis.json") }
    private var logFile: URL { directory.appending(path: "nodeos.log") }

    private func lines(of config: String) -> String {
        let key = "signature-provider = \(Self.developmentKey)"
        let own =
            switch signing {
            case .itself: [key + "=KEY:\(Self.developmentWIF)"]
            case .signer(let port): [key + "=KEOSD:http://127.0.0.1:\(port)/v1/wallet/sign_digest"]
            case .nobody: [String]()
            }
        let kept = config.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if case .nobody = signing {
                !line.hasPrefix("producer-name") && !line.hasPrefix("enable-stale")
            } else {
                true
            }
        }
        let addresses = ["http-server-address = 127.0.0.1:\(http)", "p2p-listen-endpoint = 127.0.0.1:\(p2p)"]
        return (kept.map(String.init) + addresses + own).joined(separator: "\n") + "\n"
    }

    /// What it has said since it was made, through all its starts.
    public var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    /// Another time is another chain. For a nodeos without data.
    func setGenesisTime(_ time: String) throws {
        var genesis = try JSON(parsing: Array(try Data(contentsOf: genesisFile)))
        genesis["initial_timestamp"] = .string(time)
        try genesis.text.write(to: genesisFile, atomically: true, encoding: .utf8)
    }

    /// Empties its disk.
    func wipe() throws {
        try FileManager.default.removeItem(at: dataDirectory)
    }

    // MARK: Processes

    public var runs: Bool { process.withLock { $0?.runs ?? false } }
    var pid: pid_t? { process.withLock { $0?.pid } }

    /// What it is started with, if not in the usual way.
    public enum Start: Sendable {
        case usual
        /// After SIGKILL there is no other way.
        case replaying
        /// For one without data.
        case from(snapshot: URL)
    }

    public func start(
        _ start: Start = .usual, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws {
        try #require(!runs)
        let isFirst = !FileManager.default.fileExists(atPath: dataDirectory.path)
        var command = [
            try await Self.path(), "--config-dir", directory.path, "--data-dir", dataDirectory.path,
        ]
        switch start {
        case .from(let snapshot): command += ["--snapshot", snapshot.path]
        case .usual, .replaying: if isFirst { command += ["--genesis-json", genesisFile.path] }
        }
        if case .replaying = start { command.append("--replay-blockchain") }
        // A group of its own, and no signal blocked: with its timer's signal blocked, as it is on the threads of a test
        // run, it takes all of a processor for ever once it has been paused.
        let started = try await ChildProcess.start(
            command + arguments, in: directory, output: logFile, errors: logFile, environment: environment)
        process.withLock { $0 = started }
    }

    /// Starts it and waits until it answers.
    public func startAndServe(
        _ start: Start = .usual, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws {
        try await self.start(start, arguments, environment: environment)
        try await serves()
    }

    public func serves() async throws {
        try await eventually("nodeos answers") {
            guard self.runs else {
                throw CannotStart(description: "it has ended; the last it said:\n\(self.log.suffix(2000))")
            }
            _ = try await self.info()
            return true
        }
    }

    /// To nodeos alone.
    public func send(_ signal: Int32) {
        process.withLock { $0 }?.send(signal)
    }

    /// kill -9 of all its processes.
    public func kill() async throws {
        killNow()
        try await end()
    }

    /// The same, without a wait for the end.
    public func killNow() {
        process.withLock { $0 }?.killGroup()
    }

    /// SIGTERM.
    public func terminate() async throws {
        send(SIGTERM)
        try await end()
    }

    /// Waits for its end, and ends what it leaves behind.
    public func end() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        try await process.end()
        process.killRest()
    }

    // MARK: The program

    /// Whether tests with a nodeos are to run: where it cannot be had they are skipped, but not in CI.
    public static func isWanted() async -> Bool {
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        do {
            _ = try await path()
            return true
        } catch {
            print("no nodeos: \(error)")
            return false
        }
    }

    /// `PRODHA_NODEOS`, else what `Tests/Nodeos/get-nodeos` brings.
    public static func path() async throws -> String { try await program.value }

    private static let program = Task.detached {
        if let given = ProcessInfo.processInfo.environment["PRODHA_NODEOS"] { return given }
        let get = try await Finished.running(
            [files.appending(path: "get-nodeos").path], in: FileManager.default.temporaryDirectory,
            environment: ProcessInfo.processInfo.environment, within: .seconds(600))
        guard get.ending == .exit(0) else { throw CannotStart(description: get.errors) }
        return get.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    // MARK: HTTP

    /// On one line: `{}` on two is an invalid request to nodeos.
    @discardableResult
    func post(_ target: String, _ body: JSON = [:], within bound: Duration = Bound.call) async throws -> Response {
        try await HTTP.call(
            "POST", target, port: http, headers: [("Content-Type", "application/json")], body: Array(body.line.utf8),
            within: bound)
    }

    /// The document of an answer that must be a success.
    @discardableResult
    func ask(_ target: String, _ body: JSON = [:], within bound: Duration = Bound.call) async throws -> JSON {
        let response = try await post(target, body, within: bound)
        guard (200..<300).contains(response.status), let json = response.json else {
            throw CannotAnswer(description: "\(target): \(response)")
        }
        return json
    }

    func info(within bound: Duration = Bound.call) async throws -> JSON {
        try await ask("/v1/chain/get_info", within: bound)
    }

    public func head() async throws -> (number: Int, id: String) {
        let info = try await info()
        return (try #require(info["head_block_num"]?.int), try #require(info["head_block_id"]?.string))
    }

    public func chainID() async throws -> String { try #require(try await info()["chain_id"]?.string) }

    /// The id of its block at that height; nil if it has none.
    public func id(at number: Int) async throws -> String? {
        let response = try await post("/v1/chain/get_block_info", ["block_num": .int(number)])
        return response.status == 200 ? response.json?["id"]?.string : nil
    }

    /// Of what is irreversible when it answers. The file is gone with the data.
    func snapshot() async throws -> URL {
        let answer = try await ask("/v1/producer/create_snapshot")
        return URL(fileURLWithPath: try #require(answer["snapshot_name"]?.string))
    }

    public func pause() async throws { try await ask("/v1/producer/pause") }
    public func resume() async throws { try await ask("/v1/producer/resume") }
}

/// nodeos said no.
struct CannotAnswer: Error, CustomStringConvertible {
    let description: String
}
