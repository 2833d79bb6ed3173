// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Configuration
import Operations
import Testing

@testable import Said

/// What runs is not what the file says.
@Suite struct LiveCheckTests {
    private static let text = """
        {"self": 1, "region": "east", "is_active_raft_cluster": true, "leader_election_quorum_size": 2,
         "peers": [{"id": 1, "address": "10.0.0.1:8988"}, {"id": 2, "address": "10.0.0.2:8988"},
                   {"id": 3, "address": "10.0.0.3:8988"}]}
        """

    private func check(_ reports: [PeerReport], _ text: String = text) throws -> LiveCheck {
        let result = ConfigurationLoader.load(bytes: Array(text.utf8), file: "east.json", environment: [:])
        let directory = try #require(result.directory, "\(result.diagnostics)")
        return LiveCheck(directory, result.configuration, Inspection(reports: reports))
    }

    private func well(_ change: (inout Said) -> Void = { _ in }) -> [PeerReport] {
        var third = Said.follower(3)
        change(&third)
        return [Said.follower(1).report, Said.leader().report, third.report]
    }

    private func expect(
        _ check: LiveCheck, _ severity: Diagnostic.Severity, _ peer: Int?, _ words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isTold = check.findings.contains {
            $0.severity == severity && $0.peer == peer && $0.message.contains(words)
        }
        #expect(isTold && check.exitCode == 2, "\(check.findings)", sourceLocation: sourceLocation)
    }

    @Test func whatRunsIsWhatTheFileSays() throws {
        let check = try check(well())
        #expect(check.findings == [] && check.exitCode == 0)
        // Another region's peers are compared with another file.
        #expect(try self.check(well() + standby("west")).findings == [])
    }

    @Test func everyDifferenceIsTold() throws {
        expect(try check(well { $0.quorum = 3 }), .error, 3, "quorum 3, the file says 2")
        expect(try check(well { $0.members = [1, 2, 3, 4] }), .error, 3, "peers 1, 2, 3 and 4")
        expect(
            try check(well(), Self.text.replacing("10.0.0.2:8988", with: "10.0.0.9:8988")), .warning, 1,
            "10.0.0.2:8988 for peer 2, the file says 10.0.0.9:8988")
        expect(try check(well { $0.version = "0.2.0" }), .warning, nil, "peers 1 and 2 run 0.1.0; peer 3 runs 0.2.0")
        expect(
            try check(well(), Self.text.replacing("\"self\": 1", with: "\"self\": 1, \"leadership_expiry_ms\": 900")),
            .warning, 1, "leadership_expiry_ms 750, the file says 900")
        expect(
            try check(
                well(),
                Self.text.replacing("\"is_active_raft_cluster\": true", with: "\"is_active_raft_cluster\": false")),
            .warning, nil, "is active (epoch 3)")
        expect(
            try check([Said.follower(1).report, Said.leader().report, missing(3, .noAnswer(withinMS: 500))]), .warning,
            3,
            "no answer within 500 ms")
    }

    @Test func clocksAreComparedAsFarAsTheyCanBe() throws {
        func clocks(_ offsets: Int64?...) throws -> LiveCheck {
            let said = [Said.follower(1), Said.leader(), Said.follower(3)]
            return try check(
                zip(said, offsets).map { said, offset in
                    var said = said
                    said.clock = offset
                    return said.report
                })
        }
        #expect(try clocks(nil, nil, nil).findings == [])
        #expect(try clocks(0, 240, nil).findings == [])
        // The whole machine's clock may be wrong: only peers are compared.
        #expect(try clocks(90_000, 90_100, 90_200).findings == [])
        expect(try clocks(-200, 100, 0), .warning, nil, "clock of peer 2 is 300 ms ahead of that of peer 1")
    }

    @Test func nobodyAnswers() throws {
        let check = try check([missing(1), missing(2), missing(3)])
        #expect(check.exitCode == 69 && !check.isReachable && check.findings.count == 3)
    }

    @Test func whoPausedAndWhoIsInMaintenanceIsOnTheScreen() {
        let act = ActDocument(
            operation: "p", who: "alice@bp1", from: "10.0.0.1", reason: "disk\u{1b}[2J swap",
            at: UTCInstant(unixMilliseconds: Said.now))
        let reports = [1, 2, 3].map { id -> PeerReport in
            var said = id == 2 ? Said.leader() : Said.follower(id)
            (said.can, said.paused, said.pause, said.reason) = (false, true, act, id == 2 ? .regionPaused : .notLeader)
            said.maintenance = [.init(peer: 3, act: act)]
            return said.report
        }
        let view = view(reports)
        #expect(view.headline.hasPrefix("east is paused by alice@bp1 at 2026-"))
        #expect(view.headline.contains("peer 3 in maintenance") && view.verdict == .degraded)
        let screen = StatusScreen(width: 60).lines(view)
        #expect(screen.contains { $0.hasPrefix("- peer 3 is in maintenance, by alice@bp1") })
        #expect(screen.allSatisfy { $0.count <= 60 && !$0.contains("\u{1b}") })
        #expect(view.document.json().contains("\"operation\": \"p\""))
    }
}
