// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Configuration
import Foundation
import HTTP
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import Operations
@testable import Said

/// What one canned peer has to tell.
private struct Papers: Sendable {
    var said: Said
    var history: HistoryDocument
    var configuration: ConfigurationDocument
    var daemonLog: DaemonLogDocument
    var events: EventsDocument
    var metrics = "# TYPE prodha_term gauge\nprodha_term 7\n"
    /// The log from entry 1 on, and how much of it is no longer kept.
    var entries = 5
    var firstKept: UInt64 = 1

    /// - Parameter members: of the group.
    init(_ said: Said, of members: [Int] = [1, 2, 3]) {
        self.said = said
        self.said.members = members
        let (region, id) = (said.region, said.id)
        history = HistoryDocument(
            region: region, entries: [HistoryEntry(index: 2, term: 1, epoch: 1, at: nil, event: .leads, peer: 2)])
        configuration = ConfigurationDocument(
            region: region, peer: id, file: "group.json", configuration: ["self": .integer(Int64(id))])
        daemonLog = DaemonLogDocument(
            region: region, peer: id, dropped: 0, lines: ["first line", "last line of \(id)"])
        events = EventsDocument(
            lastID: "1-1", missed: false,
            events: [
                EventDocument(
                    id: "1-1", at: UTCInstant(unixMilliseconds: Said.now), type: .role, region: region, peer: id,
                    message: "peer 2 leads", details: ["term": .integer(7)])
            ])
    }

    func entry(_ index: UInt64) -> LogEntryDocument {
        LogEntryDocument(
            index: index, term: 7, kind: .block, size: 200,
            block: .init(
                number: UInt32(index), id: "aa", previous: "bb", producer: "bp",
                timestamp: UTCInstant(unixMilliseconds: Said.now + Int64(index) * 500)))
    }

    /// As a peer answers.
    func response(to request: Request) -> Response {
        func number(_ name: String) -> UInt64? { request.query[name].flatMap(UInt64.init) }
        switch request.path {
        case "/v1/prodha/status":
            var status = said.status
            status.group = said.knows
            return .json(.ok, status.json())
        case "/v1/prodha/history": return .json(.ok, history.json())
        case "/v1/prodha/configuration": return .json(.ok, configuration.json())
        case "/v1/prodha/daemon_log": return .json(.ok, daemonLog.json())
        case "/v1/prodha/events": return .json(.ok, events.json())
        case "/metrics": return .text(.ok, metrics)
        case "/v1/prodha/log":
            let limit = min(number("limit") ?? 100, 1000)
            let last = min(number("to") ?? .max, UInt64(entries))
            let first = max(number("from") ?? (last >= limit ? last - limit + 1 : 1), firstKept)
            let page = LogDocument(
                firstIndex: firstKept, lastIndex: UInt64(entries), commitIndex: UInt64(entries),
                entries: first <= last ? (first...last).prefix(Int(limit)).map(entry) : [])
            return .json(.ok, page.json())
        default: return .json(.notFound, ErrorDocument(.notFound).json())
        }
    }
}

/// Calls that are not answered before the test says so.
private final class Held: Sendable {
    private let promises = NIOLockedValueBox<[(EventLoopPromise<Response>, Response)]>([])

    func hold(_ loop: any EventLoop, _ response: Response) -> EventLoopFuture<Response> {
        let promise = loop.makePromise(of: Response.self)
        promises.withLockedValue { $0.append((promise, response)) }
        return promise.futureResult
    }

    var count: Int { promises.withLockedValue { $0.count } }

    func release() {
        let all = promises.withLockedValue { promises in
            defer { promises = [] }
            return promises
        }
        for (promise, response) in all { promise.succeed(response) }
    }
}

private struct Ran: Sendable {
    var code: Int32
    var output: Data
    var text: String { String(decoding: output, as: UTF8.self) }
}

private func run(_ command: String..., in folder: URL) async throws -> Ran {
    try await offloaded {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Ran(code: process.terminationStatus, output: output)
    }
}

/// What blocks, on a thread of its own.
private func offloaded<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

private func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-bundle-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

/// What is in the archive, by its names behind the folder; unpacked by tar.
private func unpacked(_ bundle: SupportBundle) async throws -> [String: [UInt8]] {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try bundle.write(to: folder.appending(path: "x.tar.gz").path)
    #expect(try await run("gzip", "--test", "x.tar.gz", in: folder).code == 0)
    let list = try await run("tar", "--list", "--gzip", "--file", "x.tar.gz", in: folder)
    #expect(list.code == 0)
    let names = list.text.split(separator: "\n").map(String.init)
    #expect(
        names == [SupportBundle.manifestName].map { "\(bundle.folder)/\($0)" }
            + bundle.files.map { "\(bundle.folder)/\($0.name)" })
    #expect(Set(names).count == names.count)
    let got = try await run("tar", "--extract", "--gzip", "--file", "x.tar.gz", in: folder)
    #expect(got.code == 0 && got.output.isEmpty, "\(got.text)")
    let inside = folder.appending(path: bundle.folder)
    let sums = try await run("sha256sum", "--check", "--strict", SupportBundle.manifestName, in: inside)
    #expect(sums.code == 0, "\(sums.text)")
    var files: [String: [UInt8]] = [:]
    for name in names {
        let path = folder.appending(path: name)
        files[String(name.dropFirst(bundle.folder.count + 1))] = Array(try Data(contentsOf: path))
        let mode = try FileManager.default.attributesOfItem(atPath: path.path)[.posixPermissions] as? Int
        #expect(mode == 0o600, "\(name)")
    }
    #expect(
        FileManager.default.subpaths(atPath: folder.path)?.contains { $0.split(separator: "/").contains("..") } == false
    )
    return files
}

private func text(_ files: [String: [UInt8]], _ name: String) throws -> String {
    String(decoding: try #require(files[name], "no \(name) in \(files.keys.sorted())"), as: UTF8.self)
}

/// A secret for each way in which there may be one.
private enum Secret {
    static let token = "operator-0123456789"
    static let all = [
        String(token.prefix(10)), "hunter2", "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3",
        "MHcCAQEEIBsecretsecret",
        "aGlkZGVuaGlkZGVu",
    ]
    static let text =
        "amqp://bp:hunter2@h Bearer hunter2hunter2 password=hunter2 \(token) 5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3 "
        + "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIBsecretsecret\n-----END PRIVATE KEY----- end of it"
    static let key = [
        "-----BEGIN PRIVATE KEY-----", "MHcCAQEEIBsecretsecret", "aGlkZGVuaGlkZGVu", "-----END PRIVATE KEY-----",
    ]
}

@Suite struct BundleTests {
    private let net = Loopback()
    private static let parts = [
        "configuration.json", "daemon.log", "events.jsonl", "group.json", "history.json", "log.jsonl", "metrics.txt",
        "status.json",
    ]

    private func serve(_ papers: Papers) async throws -> Int {
        let loop = net.loop
        return try await net.serve { loop.makeSucceededFuture(papers.response(to: $0)) }
    }

    private func collect(
        _ source: PeerSource, timeout: Duration = .seconds(5), logEntries: Int = 100,
        limits: SupportBundle.Limits = .usual
    ) async throws -> SupportBundle {
        let collector = BundleCollector(
            net.inspector(source, timeout: timeout, token: Secret.token), logEntries: logEntries, toolVersion: "9.8.7",
            limits: limits)
        return try await offloaded { try collector.collect() }
    }

    @Test func whatEveryPeerTellsIsInIt() async throws {
        let ports = [
            try await serve(Papers(.follower(1))), try await serve(Papers(.leader(2))),
            try await serve(Papers(.follower(3))),
        ]
        let bundle = try await collect(.directory(try directory("east", ports)))
        #expect(bundle.gaps.isEmpty && bundle.exitCode == 0)
        #expect(bundle.folder.wholeMatch(of: /prodha-bundle-east-\d{8}T\d{6}Z/) != nil, "\(bundle.folder)")
        let files = try await unpacked(bundle)
        let expected =
            ["MANIFEST", "status.txt", "status.json", "east/incident.txt"]
            + (1...3).flatMap { id in Self.parts.map { "east/peer-\(id)/\($0)" } }
        #expect(files.keys.sorted() == expected.sorted())
        #expect(try text(files, "status.txt").contains("peer 2 leads"))
        #expect(try text(files, "east/incident.txt").contains("peer 2 leads"))
        let json = try text(files, "east/peer-3/status.json")
        #expect(try StatusDocument(json: json) == Said.follower(3).status)
        #expect(try HistoryDocument(json: text(files, "east/peer-3/history.json")) == Papers(.follower(3)).history)
        #expect(
            try ConfigurationDocument(json: text(files, "east/peer-2/configuration.json"))
                == Papers(.leader(2)).configuration)
        #expect(try text(files, "east/peer-1/daemon.log") == "first line\nlast line of 1\n")
        #expect(try text(files, "east/peer-1/metrics.txt") == Papers(.leader(2)).metrics)
        let log = try text(files, "east/peer-1/log.jsonl").split(separator: "\n")
        #expect(log.count == 5 && log.last?.contains("\"index\":5") == true, "\(log)")
        let manifest = try text(files, "MANIFEST")
        #expect(manifest.contains("by prodha 9.8.7") && manifest.contains("# nothing was left out"), "\(manifest)")
        for (name, bytes) in files where name != "MANIFEST" {
            #expect(manifest.contains("  \(name)\n") && manifest.contains(", \(bytes.count) bytes"), "\(manifest)")
        }
    }

    /// No call is answered before all calls to all peers are there: who asks one after the other gets none.
    @Test func allIsAskedForAtOnce() async throws {
        let held = Held()
        let loop = net.loop
        var ports: [Int] = []
        for id in 1...3 {
            let papers = Papers(id == 2 ? .leader(2) : .follower(id))
            ports.append(
                try await net.serve { request in
                    let response = papers.response(to: request)
                    if request.path == "/v1/prodha/status" { return loop.makeSucceededFuture(response) }
                    let answer = held.hold(loop, response)
                    if held.count == 3 * 6 { held.release() }
                    return answer
                })
        }
        let bundle = try await collect(.directory(try directory("east", ports)), timeout: .seconds(10))
        held.release()
        #expect(bundle.gaps.isEmpty, "\(bundle.gaps)")
    }

    @Test func whatIsMissingIsToldAndTheRestIsThere() async throws {
        let held = Held()
        let loop = net.loop
        defer { held.release() }
        let strange = Papers(.follower(4), of: Array(1...5))
        let ports = [
            try await serve(Papers(.leader(1), of: Array(1...5))),
            try net.closedPort(),
            // Takes the connection and says nothing.
            try await net.listen(writing: "", thenClose: false),
            // Its status is well, all else is not.
            try await net.serve { request in
                let response = strange.response(to: request)
                switch request.path {
                case "/v1/prodha/status": return loop.makeSucceededFuture(response)
                case "/metrics": return loop.makeSucceededFuture(.json(.ok, [0xff, 0xfe]))
                case "/v1/prodha/history": return loop.makeSucceededFuture(.text(.ok, "<html>"))
                case "/v1/prodha/events":
                    return loop.makeSucceededFuture(
                        .json(.ok, [UInt8](repeating: 0x20, count: Inspector.maxAnswerBytes + 1)))
                case "/v1/prodha/configuration":
                    let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
                    return loop.makeSucceededFuture(
                        .text(.ok, #"{"region":"east","peer":4,"file":"x","configuration":{"a":\#(deep)}}"#))
                case "/v1/prodha/daemon_log":
                    return loop.makeSucceededFuture(.json(.notFound, ErrorDocument(.notFound).json()))
                default: return held.hold(loop, response)
                }
            },
            try await net.listen(writing: "SSH-2.0-OpenSSH_9.2\r\n\u{1b}[2J", thenClose: false),
        ]
        let bundle = try await collect(.directory(try directory("east", ports)), timeout: .seconds(3))
        #expect(bundle.exitCode == 2)
        let missing = Dictionary(uniqueKeysWithValues: bundle.gaps.map { ($0.name, $0.missing ?? "") })
        let reasons = [
            "east/peer-2": "connection refused", "east/peer-3": "no answer within 3000 ms",
            "east/peer-4/history.json": "it is not JSON", "east/peer-4/metrics.txt": "it is no text",
            "east/peer-4/events.jsonl": "over 4194304 bytes",
            "east/peer-4/configuration.json": "it is nested more than 16 levels deep",
            "east/peer-4/daemon.log": "HTTP 404 not_found", "east/peer-4/log.jsonl": "no answer within 3000 ms",
            "east/peer-5": "not a status: not HTTP",
        ]
        #expect(missing.keys.sorted() == reasons.keys.sorted())
        for (name, why) in reasons { #expect(missing[name]?.hasPrefix(why) == true, "\(name): \(missing)") }
        let files = try await unpacked(bundle)
        #expect(files.keys.filter { $0.hasPrefix("east/peer-1/") }.count == Self.parts.count)
        #expect(
            files.keys.filter { $0.hasPrefix("east/peer-4/") }.sorted() == [
                "east/peer-4/group.json", "east/peer-4/status.json",
            ])
        let manifest = try text(files, "MANIFEST")
        for (name, why) in missing {
            let line = manifest.split(separator: "\n").first { $0.hasPrefix("# \(name): ") }
            #expect(line?.hasSuffix(": \(why)") == true, "\(name) in \(manifest)")
        }
        for format in OutputFormat.allCases {
            let shown = BundleReport(format: format, width: 100).text(bundle, path: "/tmp/x.tar.gz")
            for name in missing.keys { #expect(shown.contains(name), "\(shown)") }
            #expect(format == .tsv || shown.contains("/tmp/x.tar.gz"), "\(shown)")
            if format == .tsv { #expect(shown.split(separator: "\n").count == bundle.items.count + 1) }
        }
    }

    @Test func withoutAnyStatusThereIsNoBundle() async throws {
        let denied = ErrorDocument(.unauthorized).json()
        let refusing = try await net.serve(status: .unauthorized) { _, _ in denied }
        let closed = [try net.closedPort(), try net.closedPort()]
        for (ports, code) in [([refusing, closed[0]], Int32(77)), (closed, 69)] {
            do {
                _ = try await collect(.directory(try directory("east", ports)))
                Issue.record("there is a bundle")
            } catch let failure as BundleCollector.Failure {
                #expect(failure.exitCode == code && "\(failure)".hasPrefix("no bundle was made: "), "\(failure)")
            }
        }
        // Who is denied beside one who answers is missing, and that is told.
        let well = try await serve(Papers(.leader(1), of: [1, 2]))
        let bundle = try await collect(.directory(try directory("east", [well, refusing])))
        #expect(bundle.gaps.map { $0.missing?.hasPrefix("HTTP 401 unauthorized") } == [true])
    }

    // MARK: - The log

    @Test(arguments: [(100, 2500, 1), (2300, 2500, 1), (5000, 2500, 700), (1, 1, 1)])
    func theNewestEntriesAreThereInOrder(_ wanted: Int, _ entries: Int, _ firstKept: Int) async throws {
        var papers = Papers(.leader(1), of: [1])
        (papers.entries, papers.firstKept) = (entries, UInt64(firstKept))
        let bundle = try await collect(.directory(try directory("east", [try await serve(papers)])), logEntries: wanted)
        let files = try await unpacked(bundle)
        let indices = try text(files, "east/peer-1/log.jsonl").split(separator: "\n").map {
            try #require($0.firstMatch(of: /"index":(\d+)/).flatMap { Int($0.1) })
        }
        #expect(indices == Array(max(firstKept, entries - wanted + 1)...entries))
        #expect(bundle.gaps.isEmpty)
    }

    @Test func aLogThatBreaksOffIsToldAndOneWithoutEndEnds() async throws {
        let held = Held()
        let loop = net.loop
        defer { held.release() }
        var papers = Papers(.leader(1), of: [1])
        papers.entries = 2500
        let cut = try await net.serve { [papers] request in
            let response = papers.response(to: request)
            let isFurther = request.query["to"] != nil
            return isFurther ? held.hold(loop, response) : loop.makeSucceededFuture(response)
        }
        // The same page whatever is asked.
        let mad = try await net.serve { [papers] request in
            var request = request
            if request.path == "/v1/prodha/log" { request.query = Query() }
            return loop.makeSucceededFuture(papers.response(to: request))
        }
        let bundle = try await collect(
            .directory(try directory("east", [cut, mad])), timeout: .seconds(3), logEntries: 2000)
        let gaps = bundle.gaps.filter { $0.name.hasSuffix("log.jsonl") }
        #expect(gaps.map(\.missing) == ["1000 entries alone: no answer within 3000 ms"])
        let files = try await unpacked(bundle)
        #expect(try text(files, "east/peer-1/log.jsonl").split(separator: "\n").count == 1000)
        #expect(try text(files, "MANIFEST").contains("; 1000 entries alone: no answer within 3000 ms\n"))
    }

    // MARK: - Bounds

    @Test func whatIsTooMuchIsCutOrLeftOutAndThatIsTold() async throws {
        var papers = Papers(.leader(1), of: [1])
        papers.daemonLog.lines = (0..<1000).map { "line \($0)" }
        papers.metrics = String(repeating: "m 1\n", count: 2000)
        let source = PeerSource.directory(try directory("east", [try await serve(papers)]))
        let bundle = try await collect(source, limits: .init(part: 6000, all: 100_000))
        let missing = Dictionary(uniqueKeysWithValues: bundle.gaps.map { ($0.name, $0.missing ?? "") })
        #expect(missing["east/peer-1/metrics.txt"] == "it has 8000 bytes, 6000 are taken")
        let files = try await unpacked(bundle)
        let log = try text(files, "east/peer-1/daemon.log")
        #expect(log.hasSuffix("line 998\nline 999\n") && log.utf8.count <= 6000 && log.hasPrefix("line "))
        let kept = log.split(separator: "\n").count
        #expect(missing["east/peer-1/daemon.log"] == "\(1000 - kept) older lines are cut off")
        #expect(try text(files, "MANIFEST").contains("; \(1000 - kept) older lines are cut off\n"))
        #expect(missing.count == 2 && bundle.exitCode == 2)

        let small = try await collect(source, limits: .init(part: 6000, all: 1500))
        let size: Int = small.files.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
        #expect(size <= 1500)
        #expect(small.gaps.contains { $0.missing == "the bundle has its 1500 bytes already" })
        #expect(small.files.count + small.gaps.filter { $0.bytes == nil }.count == small.items.count)
        _ = try await unpacked(small)
    }

    @Test func namesFromOutsideStayInTheFolder() async throws {
        let region = "../../" + String(repeating: "ü/", count: 100)
        let papers = Papers(.leader(1) { $0.region = region }, of: [1])
        let bundle = try await collect(.api(api(try await serve(papers))))
        let files = try await unpacked(bundle)
        #expect(
            files.keys.allSatisfy { !$0.hasPrefix(".") && !$0.contains("/.") && $0.utf8.allSatisfy { $0 < 0x80 } },
            "\(files.keys)")
        for (name, expected) in [("", "_"), (".", "_"), ("..", "_."), ("-x", "_x"), ("a b/c", "a_b_c"), ("e.1", "e.1")]
        {
            #expect(SupportBundle.fileName(name) == expected)
        }
        // Names that become the same are told apart.
        var twice = SupportBundle(region: "x", made: UTCInstant(unixMilliseconds: 0), toolVersion: "1")
        for _ in 1...3 { twice.add("a", "one of three", text: "") }
        twice.add("MANIFEST", "no manifest", text: "x")
        #expect(try await unpacked(twice).count == 5)
    }

    // MARK: - Secrets

    @Test func noSecretOfAPeerGetsIn() async throws {
        var papers = Papers(
            .leader(1) { said in
                said.nodeos = .init(
                    http: Secret.text, reachable: false, condition: "unreachable", production: "unknown")
                said.nodeos?.problem = Secret.text
                said.queueTrouble = Secret.text
                said.version = "amqp://bp:hunter2@h"
                said.knows = [
                    KnownStatus(id: 2, ageMS: 5, status: Said.follower(2) { $0.queueTrouble = Secret.text }.status)
                ]
            })
        let act = ActDocument(
            operation: "a", who: Secret.token, from: "x", reason: Secret.text, at: UTCInstant(unixMilliseconds: 0))
        papers.said.pause = act
        papers.history.entries[0].act = act
        papers.history.entries[0].outcome = Secret.text
        papers.configuration.configuration = [
            "a": .array([.string(Secret.text)]), "password": .string("hunter2"), Secret.text: .null,
        ]
        papers.configuration.file = Secret.text
        papers.daemonLog.lines = ["before", Secret.text] + Secret.key + ["after"]
        papers.events.events[0].message = Secret.text
        papers.events.events[0].details = ["reason": .string(Secret.text), "token": .string("hunter2")]
        papers.metrics += "# \(Secret.text)\nx{a=\"\(Secret.token)\"} 1\n"
        let bad = ErrorDocument(ErrorKind(name: Secret.text, status: 500, what: Secret.text)).json()
        let ports = [try await serve(papers), try await net.serve(status: .internalServerError) { _, _ in bad }]
        let bundle = try await collect(.directory(try directory("east", ports)))
        let files = try await unpacked(bundle)
        for (name, bytes) in files {
            let text = String(decoding: bytes, as: UTF8.self)
            for secret in Secret.all { #expect(!text.contains(secret), "\(secret) is in \(name):\n\(text)") }
        }
        for format in OutputFormat.allCases {
            let shown = BundleReport(format: format, width: 100).text(bundle, path: "x")
            for secret in Secret.all { #expect(!shown.contains(secret), "\(secret) is in \(shown)") }
        }
        // What is no secret is there.
        for part in Self.parts where !["log.jsonl", "group.json"].contains(part) {
            let text = try text(files, "east/peer-1/\(part)")
            #expect(text.contains("***") && (part == "metrics.txt" || text.contains("end of it")), "\(part): \(text)")
        }
        #expect(try text(files, "east/peer-1/daemon.log").hasSuffix("\n***\nafter\n"))
        for name in files.keys where name.hasSuffix(".json") {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(files[name] ?? [])) }
        }
        for line in try text(files, "east/peer-1/events.jsonl").split(separator: "\n") {
            #expect(throws: Never.self) { try EventDocument(json: String(line)) }
        }
    }
}

// MARK: - The file

@Suite struct NewFileTests {
    private func names(_ folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func itIsThereWholeOrNotAtAll() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "x.tar.gz").path
        struct Enough: Error {}
        #expect(throws: NewFile.Failure.self) {
            try NewFile.write(path) { write throws(NewFile.Failure) in
                try write(Array("half".utf8)[...])
                let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
                #expect(names.count == 1 && names.first?.hasSuffix(".part") == true, "\(names)")
                throw NewFile.Failure(path, number: ENOSPC)
            }
        }
        #expect(try names(folder).isEmpty)
        try NewFile.write(path) { write throws(NewFile.Failure) in
            try write(Array("one".utf8)[...])
            try write([])
            try write(Array(" two".utf8)[...])
        }
        #expect(try names(folder) == ["x.tar.gz"])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one two")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    /// Also one that came while this one was written, and one that is a link to nowhere.
    @Test func itTakesNoOtherFilesPlace() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "x").path
        do throws(NewFile.Failure) {
            try NewFile.write(path) { _ throws(NewFile.Failure) in
                #expect(FileManager.default.createFile(atPath: path, contents: Data("other".utf8)))
            }
            Issue.record("it was written over")
        } catch {
            #expect("\(error)".contains("is there already"), "\(error)")
        }
        #expect(throws: NewFile.Failure.self) { try NewFile.check(path) }
        #expect(try names(folder) == ["x"] && String(contentsOfFile: path, encoding: .utf8) == "other")
        let dangling = folder.appending(path: "y").path
        try FileManager.default.createSymbolicLink(atPath: dangling, withDestinationPath: "/nowhere/z")
        #expect(throws: NewFile.Failure.self) { try NewFile.check(dangling) }
        #expect(throws: NewFile.Failure.self) { try NewFile.write(dangling) { _ throws(NewFile.Failure) in } }
        #expect(try names(folder) == ["x", "y"])
        do throws(NewFile.Failure) {
            try NewFile.write("/nowhere/x") { _ throws(NewFile.Failure) in }
        } catch {
            #expect("\(error)" == "cannot write /nowhere/x: No such file or directory")
        }
    }
}

@Suite struct ArchiveTests {
    /// Sizes at the edges of tar's blocks and of zlib's rooms, bytes that do not compress, names of every length.
    @Test func tarAndGzipReadWhatIsWritten() async throws {
        var random = SystemRandomNumberGenerator()
        var bytes: [[UInt8]] = [0, 1, 511, 512, 513, 1024, 65_535, 65_536, 65_537, 300_000].map { size in
            (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        bytes.append([UInt8](repeating: 0, count: 3_000_000))
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        var pieces: [[UInt8]] = []
        var names: [String] = []
        for (number, one) in bytes.enumerated() {
            let name =
                "f/" + String(repeating: "d", count: number * 15) + "/" + String(repeating: "n", count: 40)
                + "\(number)"
            names.append(name)
            pieces += [try #require(Tar.header(name: name, size: one.count, modified: 1_790_000_000)), one]
            pieces.append(Tar.padding(size: one.count))
        }
        pieces.append(Tar.end)
        var packed = Data()
        Gzip.compress(pieces) { packed += $0 }
        try packed.write(to: folder.appending(path: "x.gz"))
        #expect(try await run("gzip", "--test", "x.gz", in: folder).code == 0)
        let got = try await run("tar", "--extract", "--gzip", "--file", "x.gz", in: folder)
        #expect(got.code == 0 && got.output.isEmpty, "\(got.text)")
        for (name, one) in zip(names, bytes) {
            let read = try Data(contentsOf: folder.appending(path: name))
            #expect(Array(read) == one, "\(name)")
        }
        let list = try await run("tar", "--list", "--verbose", "--utc", "--gzip", "--file", "x.gz", in: folder)
        #expect(
            list.text.split(separator: "\n").allSatisfy {
                $0.hasPrefix("-rw------- 0/0 ") && $0.contains("2026-09-21")
            }, "\(list.text)")

        #expect(Tar.header(name: "", size: 0, modified: 0) == nil)
        #expect(Tar.header(name: String(repeating: "x", count: 101), size: 0, modified: 0) == nil)
        #expect(Tar.header(name: String(repeating: "x", count: 156) + "/y", size: 0, modified: 0) == nil)
        #expect(Tar.header(name: "x", size: 1 << 33, modified: 0) == nil)
        #expect(
            Tar.header(
                name: String(repeating: "x", count: 155) + "/" + String(repeating: "y", count: 100), size: 0,
                modified: 0)?.count == 512)
        #expect(Tar.header(name: String(repeating: "x", count: 100), size: 0, modified: 0)?.count == 512)
    }
}
