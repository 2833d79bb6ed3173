// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct FindingsTests {
    @Test func tenFaultsAreTenFindingsInOrder() {
        let text = """
            {"is_active_raft_cluster": "yes",
             "leader_election_quorum_size": 3,
             "self": 2,
             "region": "a/b",
             "peers": [{"id": 1, "address": "a"},
                       {"id": 2, "adress": "b:1", "address": "b:1"},
                       {"id": 2, "address": "c:1"}],
             "snapshot_distance": 0,
             "snapshot_distance": 7,
             "return_gate_ms": -1,
             "max_clock_drift": 2}
            """
        let errors = load(text).errors
        #expect(
            errors.map { "\($0.line):\($0.column) \($0.key ?? "")" } == [
                "1:28 is_active_raft_cluster", "2:33 leader_election_quorum_size", "4:12 region",
                "5:33 peers[0].address",
                "6:22 peers[1].adress", "7:19 peers[2].id", "8:23 snapshot_distance", "9:2 snapshot_distance",
                "10:20 return_gate_ms", "11:21 max_clock_drift",
            ], "\(errors)")
    }

    @Test(arguments: [
        ("heartbeat_interval_ms", "did you mean \"heart_beat_interval_ms\"?"), ("peer", "did you mean \"peers\"?"),
        ("slef", "did you mean \"self\"?"), ("SELF", "did you mean \"self\"?"),
        ("heart_beat_ms", "did you mean \"heart_beat_interval_ms\"?"),
        ("leadership_expiry", "did you mean \"leadership_expiry_ms\"?"),
        ("election_timeout_upper", "did you mean \"election_timeout_upper_bound_ms\"?"),
        ("token_file", "it belongs in api; the nearest known key is"), ("zzzzzzzzzzzzzz", "the nearest known key is"),
    ])
    func anUnknownKeyIsAnErrorWithTheNearestKnownOne(_ key: String, _ suggestion: String) throws {
        let error = try soleError(Samples.taurus(extra: "\n \"\(key)\": 1,"))
        #expect((error.line, error.column) == (2, 2))
        #expect(error.key == key && error.suggestion?.hasPrefix(suggestion) == true, "\(error)")
    }

    @Test func aDuplicateKeyNamesTheFirst() throws {
        let error = try soleError(Samples.taurus(extra: "\n \"self\": 2,"))
        #expect(
            error.description == "group.json:2:2: error: duplicate key \"self\", first given at 1:68; keep one of them")
    }

    @Test func everyLineNamesItsKey() throws {
        let named = try soleError(Samples.taurus(extra: "\n \"enable_ssl\": \"yes\","))
        #expect(
            named.description.hasPrefix(
                "group.json:2:16: error: enable_ssl: found the text \"yes\", wanted true or false;"))
        let self4 = load(Samples.taurus(self: 4, peers: Samples.peers.replacing("localhost:8990", with: "localhost")))
        #expect(self4.errors.map(\.key) == ["self", "peers[2].address"], "one fault does not hide the other")
    }

    @Test func findingsAreCodable() throws {
        let finding = Diagnostic(
            severity: .warning, file: "a", line: 1, column: 2, key: "b", message: "c", suggestion: "d")
        let data = try JSONEncoder().encode([finding])
        #expect(try JSONDecoder().decode([Diagnostic].self, from: data) == [finding])
        let text = String(decoding: data, as: UTF8.self)
        for part in ["\"severity\":\"warning\"", "\"line\":1", "\"column\":2", "\"key\":\"b\"", "\"suggestion\":\"d\""]
        {
            #expect(text.contains(part))
        }
    }

    @Test func nothingInAFileReachesTheTerminalRaw() {
        let result = load(Samples.taurus(extra: "\"\\u001b[31m\\u202e\(String(repeating: "x", count: 500))\": 1,"))
        for finding in result.diagnostics {
            #expect(finding.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202E })
            #expect(finding.description.count < 400)
        }
    }

    @Test func findingsAreBounded() {
        let keys = (0..<5000).map { "\"k\($0)\": 1" }.joined(separator: ", ")
        let result = load("{\(keys)}")
        #expect(result.diagnostics.count == Findings.maximumCount + 1)
        #expect(result.diagnostics.last?.message.hasSuffix("more findings are not shown") == true)
    }

    @Test(arguments: ["[]", "5", "\"x\"", "null", "true"])
    func theDocumentIsAnObject(_ text: String) throws {
        #expect(try soleError(text).message.contains("wanted an object"))
    }

    /// Whatever happens to the bytes: an answer, errors exactly when there is no configuration, positions in the file.
    @Test(arguments: ["group.json", "group.yaml"], [1, 2, 3, 4])
    func randomChangesNeverTrap(_ file: String, _ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let fodder = Array("{}[]:,\"'\\#&*!|>%@`-? \n\t0129.eE+truefalsenull\u{E9}".utf8) + [0, 0x1B, 0x80, 0xC3, 0xFF]
        let originals = [
            Samples.taurus(), Samples.yaml,
            Samples.extended(
                "\"api\": {\"listen\": \"127.0.0.1:1\"}, \"regions\": [\(RegionTests.east)], \"nodeos\": {}"),
        ].map { Array($0.utf8) }
        for round in 0..<150 {
            var bytes = originals.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = fodder.randomElement(using: &random) ?? 0
                case 1: bytes.insert(fodder.randomElement(using: &random) ?? 0, at: at)
                case 2: bytes.remove(at: at)
                default:
                    let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
                    bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
                }
            }
            let result = ConfigurationLoader.load(bytes: bytes, file: file, environment: [:])
            #expect((result.configuration == nil) == result.hasErrors, "seed \(seed), round \(round)")
            let lines = bytes.count { $0 == 0x0A || $0 == 0x0D } + 2
            #expect(
                result.diagnostics.allSatisfy { (1...lines).contains($0.line) && $0.column >= 1 },
                "seed \(seed), round \(round): \(result.diagnostics)")
        }
    }
}
