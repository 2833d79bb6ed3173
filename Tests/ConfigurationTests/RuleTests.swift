// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

/// One row per rule and side of its boundary, in a file of our own.
struct Case: CustomTestStringConvertible, Sendable {
    var extra: String
    var key: String
    /// Part of the message; nil: the value is accepted without an error.
    var error: String?
    var warning: String?

    init(_ extra: String, _ key: String, _ error: String? = nil, warning: String? = nil) {
        (self.extra, self.key, self.error, self.warning) = (extra, key, error, warning)
    }

    var testDescription: String { extra }
}

@Suite struct RuleTests {
    @Test(arguments: [
        Case(
            "\"leadership_expiry_ms\": 151, \"heart_beat_interval_ms\": 150", "heart_beat_interval_ms",
            warning: "more than a third"),
        Case("\"leadership_expiry_ms\": 150", "leadership_expiry_ms"),
        Case("\"leadership_expiry_ms\": 149", "leadership_expiry_ms", warning: "more than a third"),
        Case("\"leadership_expiry_ms\": 51", "leadership_expiry_ms", warning: "more than a third"),
        Case("\"leadership_expiry_ms\": 50", "leadership_expiry_ms", "cannot keep a lease"),
        Case("\"leadership_expiry_ms\": 60000", "leadership_expiry_ms"),
        Case("\"leadership_expiry_ms\": 60001", "leadership_expiry_ms", "is not from 1 to 60000"),
        Case("\"leadership_expiry_ms\": 99999999999999999999", "leadership_expiry_ms", "wanted a whole number"),
        Case("\"election_timeout_lower_bound_ms\": 150", "election_timeout_lower_bound_ms"),
        Case(
            "\"election_timeout_lower_bound_ms\": 149", "election_timeout_lower_bound_ms",
            warning: "less than three heartbeats"),
        Case("\"election_timeout_lower_bound_ms\": 2147483647", "election_timeout_lower_bound_ms"),
        Case("\"election_timeout_upper_bound_ms\": 251", "election_timeout_upper_bound_ms"),
        Case("\"election_timeout_upper_bound_ms\": 250", "election_timeout_upper_bound_ms", "is not above"),
        Case(
            "\"election_timeout_lower_bound_ms\": 9, \"election_timeout_upper_bound_ms\": 9",
            "election_timeout_upper_bound_ms", "is not above"),
        Case("\"snapshot_distance\": 1", "snapshot_distance"),
        Case("\"snapshot_distance\": 0", "snapshot_distance", "is not from 1"),
        Case("\"return_gate_ms\": 0", "return_gate_ms"),
        Case("\"return_gate_ms\": -1", "return_gate_ms", "is not from 0"),
        Case("\"max_clock_drift\": 0.999", "max_clock_drift"),
        Case("\"max_clock_drift\": 1", "max_clock_drift", "one percent is 0.01"),
        Case("\"max_clock_drift\": -0.01", "max_clock_drift", "is not a fraction"),
        Case("\"max_clock_drift\": 0", "max_clock_drift", warning: "no clock"),
        Case("\"max_clock_drift\": 1e999", "max_clock_drift", "wanted a number"),
        Case("\"max_clock_drift\": \"0.01\"", "max_clock_drift", "wanted a number"),
        Case("\"require_tls\": true", "require_tls", "enable_ssl is not"),
        Case("\"require_tls\": \"true\"", "require_tls", "wanted true or false"),
        Case("\"require_tls\": false", "enable_ssl", warning: "plaintext"),
        Case("\"server_key_file\": \"/x\"", "enable_ssl", warning: "(server_key_file not used)"),
        Case("\"data_dir\": \"\"", "data_dir", "is empty"),
        Case("\"on_change\": \"/bin/true\"", "on_change", "wanted a list"),
        Case("\"on_change\": []", "on_change", "names no program"),
        Case("\"on_change\": [\"notify\"]", "on_change", "is no absolute path"),
        Case("\"on_change\": [\"/bin/true\", 5]", "on_change[1]", "the number 5"),
        Case("\"data_dir\": 5", "data_dir", "found the number 5, wanted text"),
        Case("\"data_dir\": \"a\\u0000b\"", "data_dir", "NUL"),
        Case("\"api\": []", "api", "found a list, wanted an object"),
        Case("\"api\": {}", "api", warning: "no token"),
        Case("\"api\": {\"listen\": \"127.0.0.1:9988\"}", "api", warning: "no token"),
        Case("\"api\": {\"listen\": \"[::1]:9988\"}", "api", warning: "no token"),
        Case("\"api\": {\"listen\": \"127.0.0.1\"}", "api.listen", "has no port"),
        Case("\"api\": {\"listen\": \":9988\"}", "api.listen", "the host is missing"),
        Case("\"api\": {\"listen\": \"0.0.0.0:9988\"}", "api.listen", "not loopback and the API has no TLS"),
        Case("\"api\": {\"listen\": \"0.0.0.0:9988\"}", "api.listen", "not loopback and the API has no token"),
        Case("\"api\": {\"listen\": \"127.0.0.1:8988\"}", "api.listen", "in the way of the Raft link"),
        Case("\"api\": {\"tls\": {\"cert_file\": \"/nowhere\"}}", "api.tls.key_file", "has no key_file"),
        Case("\"api\": {\"tls\": {\"cert_file\": \"/nowhere\"}}", "api.tls.cert_file", "No such file or directory"),
        Case("\"api\": {\"token_file\": \"/nowhere\"}", "api.token_file", "No such file or directory"),
        Case("\"api\": {\"token_file\": \"/tmp\"}", "api.token_file", "not a regular file"),
        Case("\"api\": {\"token_fil\": \"/tmp\"}", "api.token_fil", "did you mean \"token_file\"?"),
        Case("\"nodeos\": {\"http\": \"http://127.0.0.1:8888\"}", "nodeos.http"),
        Case("\"nodeos\": {\"http\": \"http://127.0.0.1:8888/\"}", "nodeos.http"),
        Case("\"nodeos\": {\"http\": \"http://127.0.0.1:8888/v1\"}", "nodeos.http", "has a path"),
        Case("\"nodeos\": {\"http\": \"tcp://127.0.0.1:8888\"}", "nodeos.http", "neither http nor https"),
        Case("\"nodeos\": {\"producers\": [\"eosio\", \"bp.one\", \"zzzzzzzzzzzzj\"]}", "nodeos.producers"),
        Case("\"nodeos\": {\"producers\": []}", "nodeos.producers", "no block would be guarded"),
        Case("\"nodeos\": {\"producers\": [\"BP1\"]}", "nodeos.producers[0]", "not an account name"),
        Case("\"nodeos\": {\"producers\": [\"bp6\"]}", "nodeos.producers[0]", "not an account name"),
        Case("\"nodeos\": {\"producers\": [\"bp.\"]}", "nodeos.producers[0]", "not an account name"),
        Case("\"nodeos\": {\"producers\": [\"zzzzzzzzzzzzk\"]}", "nodeos.producers[0]", "not an account name"),
        Case("\"nodeos\": {\"producers\": [\"bp1\", 5, \"bp1\"]}", "nodeos.producers[1]", "wanted text"),
        Case("\"nodeos\": {\"producers\": [\"bp1\", \"bp1\"]}", "nodeos.producers[1]", "listed twice"),
        Case("\"nodeos\": {\"p2p\": {}}", "nodeos.p2p.node", "no way to the local nodeos"),
        Case("\"nodeos\": {\"p2p\": {\"node\": \"127.0.0.1:9876\"}}", "nodeos.p2p", "nodeos.http is not given"),
        Case(
            "\"nodeos\": {\"p2p\": {\"node\": \"n:1\", \"listen\": \"0.0.0.0:9988\"}}", "nodeos.p2p.listen",
            "in the way of the API"),
        Case(
            "\"nodeos\": {\"p2p\": {\"node\": \"n:1\", \"peers\": [\"a:1\", \"a\"]}}", "nodeos.p2p.peers[1]", "no port"),
        Case(
            "\"nodeos\": {\"p2p\": {\"node\": \"n:1\", \"peers\": [\"a:1\", \"a:1\"]}}", "nodeos.p2p.peers[1]", "twice"),
        Case("\"nodeos\": {\"signer\": {}}", "nodeos.signer.public_key", "no public_key"),
        Case("\"nodeos\": {\"signer\": {}}", "nodeos.signer.key_file", "nothing to sign with"),
        Case(
            "\"nodeos\": {\"signer\": {\"key_file\": \"/k\", \"keosd_url\": \"http://a:1\"}}",
            "nodeos.signer.keosd_url",
            "both"),
        Case("\"nodeos\": {\"signer\": {\"listen\": \"0.0.0.0:9000\"}}", "nodeos.signer.listen", "not loopback"),
        Case(
            "\"nodeos\": {\"signer\": {\"listen\": \"127.0.0.1:9988\"}}", "nodeos.signer.listen",
            "in the way of the API"),
        Case(
            "\"nodeos\": {\"signer\": {\"public_key\": \"5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3\"}}",
            "nodeos.signer.public_key", "looks like a private key"),
        Case("\"nodeos\": {\"signer\": {\"public_key\": \"EOS0\"}}", "nodeos.signer.public_key", "not a public key"),
        Case(
            "\"api\": {\"listen\": \"127.0.0.1:64536\"}, \"nodeos\": {\"signer\": {}}", "nodeos.signer.listen",
            "would be 65536"),
        Case("\"amqp\": {}", "amqp.address", "amqp has no address"),
        Case("\"amqp\": {\"address\": \"amqp://localhost\"}", "amqp.address", "nodeos.http is not given"),
        Case("\"amqp\": {\"queue_size\": 65536}", "amqp.queue_size", "not from 1 to 65535"),
        Case("\"amqp\": {\"queue\": \"\"}", "amqp.queue", "is empty"),
        Case("\"amqp\": {\"ack_mode\": \"inblock\"}", "amqp.ack_mode", "no ack_mode"),
        Case("\"amqp\": {\"retry_interval_us\": 9999}", "amqp.retry_interval_us", "not from 10000 to"),
        Case("\"amqp\": {\"address\": \"amqps://localhost\"}", "amqp.root_cert_file", "who signs"),
        Case(
            "\"amqp\": {\"address\": \"amqps://localhost\", \"root_cert_file\": \"/r\", \"key_file\": \"/k\"}",
            "amqp.key_file", "come together"),
        Case("\"amqp\": {\"adress\": \"amqp://localhost\"}", "amqp.adress", "did you mean"),
    ])
    func everyRuleHoldsAtItsBoundary(_ row: Case) {
        let result = load(Samples.extended(row.extra))
        if let part = row.error {
            #expect(result.configuration == nil)
            #expect(result.has(.error, row.key, part), "\(result.diagnostics)")
        } else {
            #expect(result.configuration != nil, "\(result.errors)")
            if let part = row.warning {
                #expect(result.has(.warning, row.key, part), "\(result.diagnostics)")
            } else {
                #expect(!result.diagnostics.contains { $0.key == row.key }, "\(result.diagnostics)")
            }
        }
    }

    @Test(
        arguments: [
            ("east", nil), ("eu-west_1.a", nil), ("a/b", "no name for a region"), ("..", "no name"), ("", "is empty"),
            ("-x", "no name"), ("a b", "no name"), ("\u{E9}", "no name"),
        ] as [(String, String?)])
    func aRegionNameFitsIntoPathsAndLabels(_ name: String, _ error: String?) {
        let result = load(Samples.taurus(extra: "\"region\": \"\(name)\","))
        #expect(result.configuration?.regionName == (error == nil ? name : nil))
        if let error { #expect(result.has(.error, "region", error), "\(result.diagnostics)") }
    }

    @Test(arguments: [
        (3, 1, false), (3, 2, true), (3, 3, false), (4, 2, false), (4, 3, true), (4, 4, false), (5, 2, false),
        (5, 3, true), (5, 4, true), (5, 5, false), (3, 0, false), (3, -1, false), (7, 4, true),
    ])
    func aQuorumIsMoreThanHalfAndLessThanAll(_ count: Int, _ quorum: Int, _ isRight: Bool) {
        let peers = (1...count).map { "{\"id\": \($0), \"address\": \"bp\($0):8988\"}" }.joined(separator: ", ")
        let result = load("{\"leader_election_quorum_size\": \(quorum), \"self\": 1, \"peers\": [\(peers)]}")
        #expect((result.configuration?.quorumSize == quorum) == isRight)
        if !isRight { #expect(result.has(.error, "leader_election_quorum_size", "write \(count / 2 + 1)")) }
    }

    @Test(arguments: [0, 1, 2])
    func aGroupHasThreePeersOrMore(_ count: Int) throws {
        let peers = (0..<count).map { "{\"id\": \($0), \"address\": \"bp\($0):8988\"}" }.joined(separator: ", ")
        let error = try soleError("{\"leader_election_quorum_size\": 2, \"self\": 0, \"peers\": [\(peers)]}")
        #expect(error.key == "peers" && error.message.contains("a group has 3 or more"))
    }

    @Test(arguments: ["leader_election_quorum_size", "self", "peers"])
    func whatIsRequiredIsAskedFor(_ key: String) {
        let text = Samples.taurus().replacing("\"\(key)\":", with: "\"region\": null, \"x\":")
        let result = load(text)
        #expect(result.errors.contains { $0.key == key && $0.line == 1 && $0.column == 1 }, "\(result.errors)")
    }

    @Test(arguments: [
        ("\"id\": 3", "\"id\": -1", "peers[2].id", "is not from 0"),
        ("\"id\": 3", "\"id\": 2", "peers[2].id", "the id 2 is taken, at 2:82"),
        ("\"id\": 3", "\"id\": 3.5", "peers[2].id", "wanted a whole number"),
        ("\"id\": 3", "\"ID\": 3", "peers[2].ID", "did you mean \"id\"?"),
        ("\"id\": 3", "\"ID\": 3", "peers[2].id", "has no id"),
        ("localhost:8990", "localhost:8989", "peers[2].address", "is taken"),
        ("localhost:8990", "LOCALHOST:8989", "peers[2].address", "is taken"),
        ("localhost:8990", "localhost", "peers[2].address", "has no port"),
        ("localhost:8990", "localhost:0", "peers[2].address", "1 to 65535"),
        ("localhost:8990", "localhost:65536", "peers[2].address", "1 to 65535"),
        ("localhost:8990", "localhost:+80", "peers[2].address", "1 to 65535"),
        ("localhost:8990", "http://a:80", "peers[2].address", "is a URL"),
        ("localhost:8990", "::1:8990", "peers[2].address", "in brackets"),
        ("localhost:8990", "a b:8990", "peers[2].address", "cannot be in a host name"),
        ("localhost:8990", "10.0.0.300:8990", "peers[2].address", "not an IPv4 address"),
        ("localhost:8990", "[::1:8990", "peers[2].address", "has no ']'"),
        ("localhost:8990", "[x]:8990", "peers[2].address", "not an IPv6 address"),
        ("localhost:8990", "[::1]", "peers[2].address", "has no port"),
        ("\"listening_port\": 8988", "\"listening_port\": 65536", "peers[0].listening_port", "is not a port"),
        ("\"listening_port\": 8988", "\"listening_port\": -1", "peers[0].listening_port", "is not a port"),
        ("\"listening_port\": 8988", "\"listening_port\": \"80x\"", "peers[0].listening_port", "bare or as text"),
        ("\"listening_port\": 8988", "\"listening_port\": true", "peers[0].listening_port", "found true"),
        (
            "\"listening_port\": 8988", "\"listening_port\": 8990", "peers[2].address",
            "also the listening port of peer 1"
        ),
        ("\"listening_port\": 8988", "\"api\": \"http://localhost:8989\"", "peers[0].api", "is taken"),
        ("\"listening_port\": 8988", "\"api\": \"http://localhost:9989\"", "peers[1].address", "would be 9989"),
        ("\"listening_port\": 8988", "\"api\": \"http://localhost:99890\"", "peers[0].api", "1 to 65535"),
        ("\"listening_port\": 8988", "\"api\": \"http://u:p@localhost:9989\"", "peers[0].api", "user name"),
        ("\"listening_port\": 8988", "\"api\": \"http://localhost:9989/x\"", "peers[0].api", "has a path"),
        ("{\"id\": 3, \"address\": \"localhost:8990\"}", "\"localhost:8990\"", "peers[2]", "wanted an object"),
    ])
    func everyRuleOfAPeerHolds(_ right: String, _ wrong: String, _ key: String, _ part: String) {
        #expect(Samples.peers.contains(right))
        let result = load(Samples.extended(peers: Samples.peers.replacing(right, with: wrong)))
        #expect(result.diagnostics.contains { $0.key == key && $0.description.contains(part) }, "\(result.diagnostics)")
    }

    @Test(arguments: [
        ("0", 8988), ("\"0\"", 8988), ("null", 8988), ("9000", 9000), ("\"9000\"", 9000), ("65535", 65535),
    ])
    func anAbsentListeningPortIsThePortOfTheAddress(_ port: String, _ expected: Int) {
        let peers = Samples.peers.replacing("\"listening_port\": 8988", with: "\"listening_port\": \(port)")
        let result = load(Samples.taurus(peers: peers))
        #expect(result.configuration?.peers.first?.listeningPort == expected, "\(result.diagnostics)")
    }

    @Test(arguments: [(64535, true), (64536, false)])
    func theDefaultPortOfTheAPIEndsAt65535(_ port: Int, _ isRight: Bool) {
        let peers = Samples.peers.replacing("localhost:8990", with: "localhost:\(port)")
        #expect((load(Samples.extended(peers: peers)).configuration != nil) == isRight)
    }

    @Test(arguments: [(1, 2, 2), (1, nil, 1), (nil, 3, 3), (9, 2, 2)] as [(Int?, Int?, Int)])
    func theOverrideBeatsSelf(_ written: Int?, _ override: Int?, _ expected: Int) {
        let result = load(Samples.taurus(self: written), overrides: .init(selfID: override))
        #expect(result.configuration?.selfID == expected, "\(result.diagnostics)")
    }

    @Test func aSelfOutsideThePeersListsTheIDs() throws {
        let error = try soleError(Samples.taurus(self: 4))
        #expect(error.key == "self" && error.description.contains("1, 2 and 3"))
        let result = load(Samples.taurus(), overrides: .init(selfID: 7))
        #expect(result.has(.error, "peers", "--self 7"))
    }

    @Test func aFileWithoutSelfSaysWhatToDoAndServesTools() throws {
        let error = try soleError(Samples.taurus(self: nil))
        #expect(error.suggestion?.contains("\"self\"") == true && error.suggestion?.contains("--self") == true)
        let tool = load(Samples.taurus(self: nil), purpose: .tool)
        #expect(tool.configuration == nil && tool.diagnostics.isEmpty)
        #expect(tool.directory?.peers.map(\.api.port) == [9988, 9989, 9990])
    }

    @Test(
        arguments: [
            (nil, nil, [:], "./data/east-1"),
            (nil, nil, ["STATE_DIRECTORY": "/var/lib/prodha"], "/var/lib/prodha/east-1"),
            (nil, nil, ["STATE_DIRECTORY": "/a:/b"], "/a/east-1"), (nil, nil, ["STATE_DIRECTORY": ""], "./data/east-1"),
            ("/d", nil, ["STATE_DIRECTORY": "/a"], "/d"), ("/d", "/o", ["STATE_DIRECTORY": "/a"], "/o"),
        ] as [(String?, String?, [String: String], String)])
    func theDataDirectoryIsTheFirstGiven(
        _ written: String?, _ override: String?, _ environment: [String: String], _ expected: String
    ) {
        let text = Samples.extended(written.map { "\"data_dir\": \"\($0)\"" } ?? "")
        let result = load(text, overrides: .init(dataDirectory: override), environment: environment)
        #expect(result.configuration?.dataDirectory == expected, "\(result.diagnostics)")
    }

    @Test(arguments: [
        (-5, LoggingLevel.error), (2, .error), (3, .warning), (4, .info), (5, .debug), (6, .all), (9, .all),
    ])
    func loggingLevelsAreTaurus(_ number: Int, _ level: LoggingLevel) {
        let text = Samples.taurus().replacing("\"logging_level\": 3", with: "\"logging_level\": \(number)")
        #expect(load(text).configuration?.loggingLevel == level)
    }

    @Test func theNodeosBlockIsRead() throws {
        let extra = """
            "nodeos": {"http": "http://127.0.0.1:8888", "producers": ["bp1", "bp2"],
              "p2p": {"node": "127.0.0.1:9876", "listen": "0.0.0.0:9875", "peers": ["a.example:9876", "[::2]:1"],
                "local_listen": "127.0.0.1:9874"},
              "signer": {"public_key": "\(Samples.publicKey)", "keosd_url": "http://127.0.0.1:8900/v1/wallet/sign_digest"}},
            "return_gate_ms": 0
            """
        let result = load(Samples.extended(extra))
        let configuration = try #require(result.configuration, "\(result.errors)")
        let nodeos = configuration.nodeos
        #expect(nodeos.http?.description == "http://127.0.0.1:8888")
        #expect(nodeos.producers == .only(["bp1", "bp2"]))
        #expect(nodeos.p2p?.peers.map(\.description) == ["a.example:9876", "[::2]:1"])
        #expect(nodeos.p2p?.localListen?.port == 9874)
        #expect(nodeos.signer?.listen.description == "127.0.0.1:10988")
        #expect(nodeos.signer?.publicKey == Samples.publicKey)
        guard case .keosd(let url)? = nodeos.signer?.key else { return #expect(Bool(false)) }
        #expect(url.path == "/v1/wallet/sign_digest")
        #expect(configuration.returnGate == nil)
    }
}

/// Found by fuzzing: the C library reads an address up to a NUL, so whatever stood behind one was taken too.
@Test func anAddressHasNoNUL() throws {
    #expect(try HostPort(parsing: "[::1]:80").host == "::1" && HostPort(parsing: "10.0.0.1:80").host == "10.0.0.1")
    for text in ["[::\u{0}]:80", "[::1\u{0}/x\u{1b}]:443", "10.0.0.1\u{0}:80"] {
        #expect(throws: HostPort.Malformed.self) { try HostPort(parsing: text) }
        #expect(throws: HostPort.Malformed.self) { try ServiceURL(parsing: "https://" + text) }
    }
}
