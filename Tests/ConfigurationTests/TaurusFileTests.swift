// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

/// A file of EOSIO-Taurus runs unchanged, and what Taurus accepts never stops it.
@Suite struct TaurusFileTests {
    @Test(arguments: [1, 2, 3])
    func theDocumentedFileLoadsForEveryPeerWithTheDefaults(_ id: Int) throws {
        let result = load(Samples.taurus(self: id))
        let configuration = try #require(result.configuration, "\(result.diagnostics)")
        #expect(result.errors.isEmpty)
        #expect(configuration.isTaurusFile)
        #expect(configuration.selfID == id)
        #expect(configuration.selfPeer?.id == id)
        #expect(configuration.isActive)
        #expect(configuration.quorumSize == 2)
        #expect(configuration.loggingLevel == .warning)
        #expect(configuration.leadershipExpiry == .milliseconds(750))
        #expect(configuration.heartbeat == .milliseconds(50))
        #expect(configuration.electionLower == .milliseconds(250))
        #expect(configuration.electionUpper == .milliseconds(500))
        #expect(configuration.snapshotDistance == 7200)
        #expect(configuration.maxClockDrift == 0.01)
        #expect(configuration.returnGate == .milliseconds(10000))
        #expect(configuration.tls == nil)
        #expect(!configuration.requireTLS)
        #expect(configuration.regionName == "default")
        #expect(configuration.regions.isEmpty)
        #expect(configuration.peers.map(\.listeningPort) == [8988, 8989, 8990])
        #expect(
            configuration.peers.map(\.api.description) == [
                "http://localhost:9988", "http://localhost:9989", "http://localhost:9990",
            ])
        #expect(configuration.apiListen.description == "127.0.0.1:\(9987 + id)")
        #expect(configuration.apiTLS == nil && configuration.tokenFile == nil && configuration.readTokenFile == nil)
        #expect(configuration.dataDirectory == "./data/default-\(id)")
        #expect(configuration.nodeos == NodeosSettings())
        #expect(Set(result.warnings.map(\.message.first)).count == 2, "plaintext and no token: \(result.warnings)")
    }

    @Test func theOldestVariantsLoad() throws {
        let five = (0..<5).map { "{\"id\": \($0), \"address\": \"10.0.0.\($0 + 1):8988\"}" }.joined(separator: ", ")
        let text = """
            {"leader_election_quorum_size": 4, "self": 0, "heart_beat_interval_ms": 125, "leadership_expiry_ms": 2000,
             "peers": [\(five)]}
            """
        let configuration = try #require(load(text).configuration)
        #expect(configuration.quorumSize == 4)
        #expect(configuration.peers.map(\.id) == [0, 1, 2, 3, 4])
        #expect(configuration.heartbeat == .milliseconds(125))
        #expect(configuration.leadershipExpiry == .milliseconds(2000))
        #expect(configuration.electionLower == .milliseconds(625))
        #expect(configuration.electionUpper == .milliseconds(1250))
        #expect(configuration.loggingLevel == .warning)
        #expect(!configuration.isActive)
        let asText = Samples.taurus().replacing("\"listening_port\": 8988", with: "\"listening_port\": \"8988\"")
        #expect(load(asText).configuration?.peers.first?.listeningPort == 8988)
        #expect(load(asText).warnings.count == 2)
    }

    /// Each breaks a rule that only we have: a warning here, an error in a file of ours.
    @Test(arguments: [
        ("\"heart_beat_interval_ms\": 750", "heart_beat_interval_ms", "less than leadership_expiry_ms"),
        ("\"heart_beat_interval_ms\": 0", "heart_beat_interval_ms", "is not from 1"),
        ("\"leadership_expiry_ms\": 0", "leadership_expiry_ms", "is not from 1"),
        ("\"leadership_expiry_ms\": -1", "leadership_expiry_ms", "is not from 1"),
        ("\"election_timeout_lower_bound_ms\": 0", "election_timeout_lower_bound_ms", "is not from 1"),
        (
            "\"heart_beat_interval_ms\": 100, \"election_timeout_upper_bound_ms\": 400",
            "election_timeout_upper_bound_ms",
            "not above the default"
        ),
        ("\"snapshot_distance\": \"100\"", "snapshot_distance", "write 100, without quotes"),
        ("\"snapshot_distance\": 100.0", "snapshot_distance", "write 100"),
        ("\"enable_ssl\": \"false\"", "enable_ssl", "write false, without quotes"),
        ("\"enable_ssl\": 0", "enable_ssl", "write false"),
    ])
    func aRuleThatTaurusLacksOnlyWarns(_ extra: String, _ key: String, _ part: String) throws {
        let taurus = load(Samples.taurus(extra: " \(extra),"))
        #expect(taurus.configuration != nil, "\(taurus.errors)")
        #expect(taurus.has(.warning, key, part), "\(taurus.diagnostics)")
        let extended = load(Samples.extended(extra))
        #expect(extended.configuration == nil)
        #expect(extended.has(.error, key, part), "\(extended.diagnostics)")
    }

    @Test func whatIsUsedInsteadIsTheDefault() throws {
        let configuration = try #require(
            load(Samples.taurus(extra: " \"leadership_expiry_ms\": -1, \"heart_beat_interval_ms\": 0,")).configuration)
        #expect(configuration.leadershipExpiry == .milliseconds(750))
        #expect(configuration.heartbeat == .milliseconds(50))
        let short = try #require(
            load(Samples.taurus(extra: "\"heart_beat_interval_ms\": 100, \"election_timeout_upper_bound_ms\": 400,"))
                .configuration)
        #expect(short.electionLower == .milliseconds(200) && short.electionUpper == .milliseconds(400))
    }

    @Test(arguments: [
        ("a:8988", "a:64600", "a:8990", "over 65535"),
        ("a:8988", "a:9988", "a:10988", "which is the Raft link of peer 1"),
        ("a:8988", "a:8988", "a:8990", "taken"), ("localhost:8988", "127.0.0.1:9988", "b:1", "9988"),
    ])
    func portsThatTaurusDoesNotHaveNeverStopItsFile(_ one: String, _ two: String, _ three: String, _ part: String)
        throws
    {
        let peers = [one, two, three].enumerated().map { "{\"id\": \($0), \"address\": \"\($1)\"}" }
        let list = "[" + peers.joined(separator: ", ") + "]"
        let taurus = load(Samples.taurus(peers: list))
        let configuration = try #require(taurus.configuration, "\(taurus.errors)")
        #expect(taurus.warnings.contains { $0.message.contains(part) }, "\(taurus.warnings)")
        let apis = configuration.peers.map { "\(Host.key($0.api.host)):\($0.api.port)" }
        #expect(Set(apis).count == 3, "every API has a port of its own: \(apis)")
        #expect(configuration.peers.allSatisfy { Port.range.contains($0.api.port) })
        for id in 0..<3 {
            let same = load(Samples.taurus(self: id, peers: list)).configuration
            #expect(same?.peers == configuration.peers, "every peer finds the same")
        }
        let extended = load(Samples.extended(peers: list))
        #expect(extended.configuration == nil)
        #expect(extended.errors.contains { $0.message.contains(part) }, "\(extended.errors)")
    }

    /// What Taurus refuses too, and what no group survives.
    @Test(arguments: [
        ("\"snapshot_distance\": 0,", "snapshot_distance"), ("\"snapshot_distance\": -5,", "snapshot_distance"),
        (
            "\"election_timeout_lower_bound_ms\": 500, \"election_timeout_upper_bound_ms\": 500,",
            "election_timeout_upper_bound_ms"
        ),
        ("\"election_timeout_lower_bound_ms\": \"soon\",", "election_timeout_lower_bound_ms"),
        ("\"enable_ssl\": \"yes\",", "enable_ssl"), ("\"logging_level\": 4,", "logging_level"),
        ("\"enable_ssl\": true,", "server_cert_file"), ("\"heartbeat\": 4,", "heartbeat"),
    ])
    func whatTaurusRefusesTooIsAnError(_ extra: String, _ key: String) {
        let result = load(Samples.taurus(extra: extra))
        #expect(result.configuration == nil)
        #expect(result.errors.contains { $0.key == key }, "\(result.diagnostics)")
    }

    @Test func twoPeersNeverShareAnID() throws {
        let error = try soleError(Samples.taurus(peers: Samples.peers.replacing("\"id\": 3", with: "\"id\": 2")))
        #expect(error.key == "peers[2].id" && error.message == "the id 2 is taken, at 2:82")
    }

    @Test func anElectionTimerBelowTheLeaseIsFine() {
        let result = load(Samples.taurus(extra: "\"election_timeout_lower_bound_ms\": 300,"))
        #expect(result.configuration?.electionUpper == .milliseconds(600))
        #expect(result.warnings.count == 2, "\(result.warnings)")
    }

    @Test(arguments: KnownKeys.root.extensions)
    func anyExtensionKeyMakesAFileOfOurs(_ key: String) throws {
        let document = try DocumentReader.read(Array("{\"\(key)\": null}".utf8), file: "a.json")
        #expect(KnownKeys.dialect(of: document) == .extended)
        #expect(
            load(Samples.taurus(peers: Samples.peers.replacing("1, \"l", with: "1, \"api\": \"a:1\", \"l")))
                .configuration?.isTaurusFile == false)
    }
}
