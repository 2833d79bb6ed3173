// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Foundation
import Logging
import Testing

@testable import Configuration
@testable import Node

/// What a peer shows of itself to who has to find out what is wrong with it.
@Suite struct SupportTests {
    private static let password = "p@ss/w:rd%"
    private static let argument = "https://hooks.example.com/T0/secret-0123456789"

    /// Every key that there is, none with its default. `%` stands for the folder of the files.
    private static let file = """
        {"is_active_raft_cluster": true, "leader_election_quorum_size": 3, "self": 2, "logging_level": 5,
         "leadership_expiry_ms": 900, "heart_beat_interval_ms": 70, "election_timeout_lower_bound_ms": 800,
         "election_timeout_upper_bound_ms": 1900, "snapshot_distance": 100, "max_clock_drift": 0.02,
         "return_gate_ms": 0, "require_tls": true, "region": "east",
         "enable_ssl": true, "server_cert_file": "%/cert", "server_key_file": "%/key", "root_cert_file": "%/root",
         "allowed_ssl_subject_names": ["bp01", "/CN=bp02"],
         "peers": [{"id": 1, "address": "[2001:db8::1]:9001", "listening_port": 9011, "api": "https://a:9101"},
                   {"id": 2, "address": "b:9002", "listening_port": 9012, "api": "https://b:9102"},
                   {"id": 3, "address": "c:9003", "listening_port": 9013, "api": "https://c:9103"},
                   {"id": 4, "address": "d:9004", "listening_port": 9014, "api": "https://d:9104"}],
         "regions": [{"name": "west", "peers": [{"id": 7, "api": "http://e:9105"}]}],
         "api": {"listen": "127.0.0.1:9102", "token_file": "%/token", "read_token_file": "%/read",
                 "host_names": ["bp.example"], "unix_socket": "/run/x.sock", "unix_socket_mode": "0660",
                 "tls": {"cert_file": "%/cert", "key_file": "%/key", "client_ca_file": "%/root", "ca_file": "%/cert"}},
         "data_dir": "/var/lib/x", "on_change": ["/bin/true", "\(argument)", "production"],
         "nodeos": {"http": "http://127.0.0.1:8888", "producers": ["eosio", "bp"],
                    "p2p": {"node": "127.0.0.1:9876", "listen": "0.0.0.0:9877", "peers": ["f:9878"],
                            "local_listen": "127.0.0.1:9879"},
                    "signer": {"listen": "127.0.0.1:9880",
                               "public_key": "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV",
                               "keosd_url": "http://127.0.0.1:9900/v1"}},
         "amqp": {"address": "amqps://b%70:p%40ss%2Fw%3Ard%25@h:5673/v%2Fh", "queue": "q", "queue_size": 7,
                  "retry_timeout_us": 5000000, "retry_interval_us": 20000, "ack_mode": "executed",
                  "root_cert_file": "%/root", "cert_file": "%/cert", "key_file": "%/key"}}
        """

    /// Has all of `file`, with the other kind of key.
    private func load(_ text: String) throws -> Configuration {
        let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-shown-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["cert", "key", "root", "token", "read"] {
            let path = folder.appending(path: name).path
            try Data("secret-of-\(name)-0123456789".utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
        let result = ConfigurationLoader.load(
            bytes: Array(text.replacing("\"%/", with: "\"\(folder.path)/").utf8), file: "east.json", environment: [:])
        return try #require(result.configuration, "\(result.diagnostics)")
    }

    private func text(_ shown: [String: JSONValue]) -> String {
        let document = ConfigurationDocument(region: "east", peer: 2, file: "x", configuration: shown)
        return String(decoding: document.json(), as: UTF8.self)
    }

    private func reloaded(_ shown: [String: JSONValue]) throws -> Configuration {
        try load(String(decoding: try JSONEncoder().encode(shown), as: UTF8.self))
    }

    @Test(arguments: ["keosd", "key file", "defaults", "taurus"])
    func whatIsShownIsAFileThatGivesTheSame(_ kind: String) throws {
        var configuration: Configuration
        switch kind {
        case "keosd": configuration = try load(Self.file)
        case "key file":
            configuration = try load(
                Self.file.replacing("\"keosd_url\": \"http://127.0.0.1:9900/v1\"", with: "\"key_file\": \"%/key\""))
        case "taurus":
            configuration = try load(
                """
                {"leader_election_quorum_size": 2, "self": 1, "peers": [{"id": 1, "address": "a:1", "listening_port": "1"},
                 {"id": 2, "address": "b:2"}, {"id": 3, "address": "c:3"}]}
                """)
            configuration.isTaurusFile = false
            configuration.dataDirectory = "./data/default-1"
        default:
            configuration = try load(
                """
                {"leader_election_quorum_size": 2, "self": 1, "region": "east",
                 "peers": [{"id": 1, "address": "a:1"}, {"id": 2, "address": "b:2"}, {"id": 3, "address": "c:3"}]}
                """)
        }
        var again = try reloaded(configuration.shown)
        #expect(again.shown == configuration.shown)
        // Of the secrets there is a mark.
        if configuration.amqp != nil {
            #expect(
                again.amqp?.address.password == Scrubber.mark && configuration.amqp?.address.password == Self.password)
            #expect(again.onChange == ["/bin/true", Scrubber.mark, Scrubber.mark])
        }
        again.amqp?.address.password = Self.password
        again.onChange = configuration.onChange
        #expect(again == configuration)
    }

    /// A key that is new must be shown, or be kept back on purpose.
    @Test func noKeyIsForgotten() throws {
        let shown = try load(Self.file).shown
        let signer = try load(
            Self.file.replacing("\"keosd_url\": \"http://127.0.0.1:9900/v1\"", with: "\"key_file\": \"%/key\"")
        ).shown
        func keys(_ value: JSONValue?, _ path: String) -> Set<String> {
            switch value {
            case .object(let members):
                Set(members.keys.map { path + $0 }).union(members.flatMap { keys($0.value, path + $0.key + ".") })
            case .array(let items): Set(items.flatMap { keys($0, path.dropLast() + "[].") })
            case .null, .bool, .integer, .number, .string, nil: []
            }
        }
        let all = keys(.object(shown), "").union(keys(.object(signer), ""))
        for (place, known) in KnownKeys.places {
            let prefix = place == "the top level" ? "" : place + "."
            for key in known.all { #expect(all.contains(prefix + key), "\(prefix + key) is not shown") }
        }
    }

    @Test func noSecretIsShown() throws {
        let configuration = try load(Self.file)
        let text = text(configuration.shown)
        for secret in ["p@ss", "p%40ss", "secret-of", Self.argument, "hooks.example.com", "production"] {
            #expect(!text.contains(secret), "\(secret) is in \(text)")
        }
        #expect(text.contains("amqps://bp:***@h:5673/v%2fh"), "\(text)")
        #expect(configuration.secrets == [Self.password, Self.argument])
    }

    // MARK: - The log

    @Test func theLatestLinesAreKept() {
        var recent = RecentLines()
        for number in 1...2500 { recent.add("line \(number)") }
        #expect(recent.lines.count == RecentLines.mostLines && recent.dropped == 500)
        #expect(recent.lines.first == "line 501" && recent.lines.last == "line 2500")
        let long = String(repeating: "x", count: 4000)
        for _ in 0..<300 { recent.add(long) }
        #expect(recent.lines.count == RecentLines.mostBytes / 4000)
        #expect(recent.dropped == 2800 - UInt64(recent.lines.count))
        recent.add(String(repeating: "y", count: RecentLines.mostBytes + 1))
        #expect(recent.lines.isEmpty && recent.dropped == 2801)
        recent.add("")
        #expect(recent.lines == [""])
    }

    /// Cut after the secrets are out, on one line whatever is in it.
    @Test func whatIsKeptOfALineHasNoSecret() throws {
        let secret = "geheim-0123456789"
        let mark = "\(UUID())"
        var logger = Logger(label: "test") { _ in LineLogHandler(level: .info, secrets: [secret]) }
        logger[metadataKey: "peer"] = "east/1"
        logger.debug("\(mark) too quiet")
        logger.info("\(mark) amqp://bp:hunter2@h\n\(secret)", metadata: ["reason": "token=hunter2"])
        logger.info("\(mark) \(String(repeating: "ü", count: 2030)) \(secret)")
        let lines = LineLogHandler.recent.withLockedValue { $0.lines }.filter { $0.contains(mark) }
        try #require(lines.count == 2, "\(lines)")
        #expect(lines[0].hasSuffix("\(mark) amqp://bp:***@h?*** peer=east/1 reason=token=***"), "\(lines[0])")
        #expect(lines[1].utf8.count <= Int(PIPE_BUF) + 2 && !lines[1].contains("geh"), "\(lines[1])")
    }
}
