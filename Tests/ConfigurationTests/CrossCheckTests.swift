// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

/// Files that are well each for itself, and do not fit together.
@Suite struct CrossCheckTests {
    private static let peers = [
        #"{"id": 1, "address": "a:1000"}"#, #"{"id": 2, "address": "b:1000"}"#, #"{"id": 3, "address": "c:1000"}"#,
    ]

    private func file(
        _ id: Int, region: String = "east", peers: [String] = peers, quorum: Int = 2, active: Bool = true,
        _ more: String = ""
    ) -> LoadResult {
        load(
            """
            {"self": \(id), "region": "\(region)",
             "is_active_raft_cluster": \(active),
             "leader_election_quorum_size": \(quorum),
             \(more)
             "peers": [\(peers.joined(separator: ", "))]}
            """, "\(region)-\(id).json")
    }

    private func expect(
        _ files: [LoadResult], _ severity: Diagnostic.Severity, in name: String, line: Int, _ key: String,
        _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for file in files {
            #expect(file.configuration != nil, "\(file.diagnostics)", sourceLocation: sourceLocation)
        }
        let found = CrossCheck.findings(files)
        let isTold = found.contains {
            $0.severity == severity && $0.file == name && $0.line == line && $0.key == key && $0.message.contains(text)
        }
        #expect(found.count == 1 && isTold, "\(found)", sourceLocation: sourceLocation)
    }

    @Test func filesThatAgreeAndTimingsThatDiffer() {
        let other = file(2, #""leadership_expiry_ms": 2000, "heart_beat_interval_ms": 70,"#)
        #expect(CrossCheck.findings([file(1), other, file(3, #""data_dir": "x","#)]) == [])
        #expect(CrossCheck.findings([file(1)]) == [])
        #expect(CrossCheck.findings([]) == [])
        // Regions of the same name are one; those of other names are not compared like that.
        #expect(CrossCheck.findings([file(1), file(1, region: "west", quorum: 2, active: false)]) == [])
    }

    @Test func whatAGroupMustAgreeOn() {
        let four = Self.peers + [#"{"id": 4, "address": "d:1000"}"#]
        let three = CrossCheck.findings([file(1), file(2, peers: four, quorum: 3)])
        #expect(
            three.map(\.key) == ["peers", "leader_election_quorum_size"] && three.allSatisfy { $0.severity == .error })
        #expect(three.first?.line == 5 && three.first?.message.contains("1, 2, 3 and 4") == true, "\(three)")
        let one = Self.peers.map { $0.replacing("b:1000", with: "b:2000") }
        let moved = CrossCheck.findings([file(1), file(2, peers: one)])
        #expect(moved.map(\.severity) == [.warning, .warning], "address and the API that follows from it: \(moved)")
        expect(
            [file(1), file(2, active: false)], .warning, in: "east-2.json", line: 2, "is_active_raft_cluster", "standby"
        )
        expect(
            [file(1), file(2, #""max_clock_drift": 0.02,"#)], .warning, in: "east-2.json", line: 4, "max_clock_drift",
            "0.02")
        expect(
            [file(1), file(2, #""nodeos": {"http": "http://127.0.0.1:8888", "producers": ["bp"]},"#)], .error,
            in: "east-2.json", line: 4, "nodeos", "producers is given")
        expect([file(1), file(1)], .warning, in: "east-1.json", line: 1, "self", "east/1")
    }

    @Test func theQuorumOfFive() {
        let five = Self.peers + [#"{"id": 4, "address": "d:1000"}"#, #"{"id": 5, "address": "e:1000"}"#]
        expect(
            [file(1, peers: five, quorum: 3), file(2, peers: five, quorum: 4)], .error, in: "east-2.json", line: 3,
            "leader_election_quorum_size", "4")
    }

    @Test func regionsAmongEachOther() {
        func member(_ id: Int, _ host: String) -> String { #"{"id": \#(id), "api": "http://\#(host):2000"}"# }
        func regions(_ members: [String]) -> String {
            #""regions": [{"name": "west", "peers": [\#(members.joined(separator: ", "))]}],"#
        }
        let hosts = ["x", "y", "z"]
        let others = zip(1...3, hosts).map { #"{"id": \#($0), "address": "\#($1):1000"}"# }
        let west = file(1, region: "west", peers: others, active: false)
        let right = regions(zip(1...3, hosts).map { member($0, $1) })
        #expect(CrossCheck.findings([file(1, right), west]) == [])
        let wrong = regions(zip(1...3, ["x", "elsewhere", "z"]).map { member($0, $1) })
        expect([file(1, wrong), west], .error, in: "east-1.json", line: 4, "regions", "west")
        expect(
            [file(1, right), file(1, region: "west", peers: others)], .error, in: "west-1.json", line: 2,
            "is_active_raft_cluster", "east")
    }

    @Test func filesForOnePeerWhereTheCommandLineSaysWhich() {
        #expect(CrossCheck.findings([file(1), file(1)], areForTheirPeers: false) == [])
    }
}
