// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Foundation
import Testing

@testable import Operations
@testable import Said

private let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Snapshots")

/// Compares with a file, byte for byte; PRODHA_UPDATE_SNAPSHOTS=1 writes it anew.
private func compare(_ text: String, _ name: String, _ location: SourceLocation = #_sourceLocation) throws {
    let file = folder.appending(path: name)
    if ProcessInfo.processInfo.environment["PRODHA_UPDATE_SNAPSHOTS"] == "1" {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }
    let expected = try? Data(contentsOf: file)
    #expect(expected == Data(text.utf8), "\(name) differs; this is how it is now:\n\(text)", sourceLocation: location)
}

private enum Scene: String, CaseIterable {
    case well, degraded, twoLeaders, fiveByTwo, halfway, overtaken, nodeos

    /// As on a big chain: nine digits of blocks.
    private func big(_ said: inout Said) {
        said.commit = 4_318_204
        said.head = 412_345_678
        said.term = 112
        said.uptime = 1_209_600_000
    }

    var view: ClusterView {
        switch self {
        case .well:
            return ClusterView(
                Inspection(
                    reports: [Said.follower(1, change: big), .leader(change: big), .follower(3, change: big)].map(
                        \.report)
                        + standby("west")))
        case .degraded:
            return ClusterView(
                Inspection(
                    reports: [
                        missing(1), .init(target: missing(2).target, outcome: .failed(.noAnswer(withinMS: 2000))),
                    ]
                        + [
                            Said.leader(3) {
                                $0.members = [1, 2, 3, 4, 5]
                                $0.quorum = 3
                                $0.cutOff = [1]
                                $0.knows = [
                                    .init(id: 1),
                                    .init(id: 2, ageMS: 12_400, status: Said.follower(2) { $0.commit = 97 }.status),
                                ]
                            },
                            .follower(4) {
                                $0.members = [1, 2, 3, 4, 5]
                                $0.quorum = 3
                                $0.leader = 3
                                $0.commit = 20
                                $0.cutOff = [1]
                            },
                        ].map(\.report) + [
                            missing(
                                5,
                                .httpError(
                                    status: 503, name: "too_many_connections",
                                    message: "All connections of this peer are taken; nothing was done."))
                        ]))
        case .twoLeaders:
            return ClusterView(
                Inspection(
                    reports: [
                        Said.leader(1) {
                            $0.term = 6
                            $0.cutOff = [2, 3]
                        },
                        .leader {
                            $0.cutOff = [1]
                            $0.epoch = 4
                        },
                        .follower(3) {
                            $0.cutOff = [1]
                            $0.epoch = 4
                            $0.version = "0.2.0"
                        },
                    ].map(\.report), quorumInFile: ["east": 3]))
        case .fiveByTwo:
            let reports = ["east", "west"].flatMap { region in
                (1...5).map { id in
                    Said(
                        id: id, region: region, role: id == 2 ? .leader : .follower, quorum: 3,
                        members: [1, 2, 3, 4, 5],
                        active: region == "east", can: id == 2 && region == "east",
                        reason: id != 2 ? .notLeader : region == "east" ? nil : .regionStandby, lease: id == 2
                    ).report
                }
            }
            return ClusterView(Inspection(reports: reports))
        case .halfway:
            var regions = TwoRegions()
            regions.eachOfEast {
                $0.active = false
                $0.state = .activating
                $0.epoch = 5
                $0.can = false
                $0.lease = $0.role == .leader
                $0.reason = $0.role == .leader ? .regionStandby : .notLeader
                $0.openSwitch = running
            }
            regions.eachOfWest { $0.openSwitch = running }
            return regions.view
        case .overtaken:
            var regions = TwoRegions()
            regions.silent["west"] = [1: silence, 2: silence, 3: .refused]
            regions.eachOfEast {
                $0.active = false
                $0.state = .standby
                $0.epoch = 1_000_001
                $0.can = false
                $0.lease = $0.role == .leader
                $0.reason = $0.role == .leader ? .regionStandby : .notLeader
                $0.superseded = .init(
                    by: "west", epoch: 1_000_000, base: BlockReference(blockNum: 1030, blockID: "00"),
                    head: BlockReference(blockNum: 1034, blockID: "00"))
                $0.lastDrill = .init(at: UTCInstant(unixMilliseconds: Said.now - 12 * 86_400_000), gapMS: 812)
                $0.hears = [
                    .init(name: "west", ageMS: 1200, report: report("west", epoch: 1_000_000, activated: 1_000_000))
                ]
            }
            return regions.view
        case .nodeos:
            func beside(_ condition: String, _ problem: String?) -> StatusDocument.Nodeos {
                var nodeos = StatusDocument.Nodeos(
                    http: "http://127.0.0.1:8888", reachable: condition != "unreachable", condition: condition)
                nodeos.problem = problem
                return nodeos
            }
            return ClusterView(
                Inspection(
                    reports: [
                        Said.follower(1) { $0.nodeos = beside("unreachable", "connection refused\u{1b}[2J") },
                        .leader {
                            $0.can = false
                            $0.reason = .nodeosSignerFailed
                            $0.lease = true
                            $0.nodeos = beside(
                                "well", "no signature can be made: keosd at 127.0.0.1:8900 has no unlocked wallet")
                        },
                        .follower(3) { $0.nodeos = beside("well", nil) },
                    ].map(\.report)))
        }
    }
}

@Suite struct RenderingTests {
    @Test(arguments: Scene.allCases, [60, 80, 100, 160])
    fileprivate func theTableStaysAsItIs(_ scene: Scene, width: Int) throws {
        let lines = StatusScreen(width: width).lines(scene.view)
        #expect(lines.allSatisfy { $0.count <= width })
        try compare(lines.map { $0 + "\n" }.joined(), "\(scene.rawValue)-\(width).txt")
    }

    @Test(arguments: Scene.allCases)
    fileprivate func theDocumentsStayAsTheyAre(_ scene: Scene) throws {
        for (format, suffix) in [(OutputFormat.json, "json"), (.yaml, "yaml"), (.tsv, "tsv")] {
            try compare(StatusReport(format: format).text(scene.view, width: 100), "\(scene.rawValue).\(suffix)")
        }
    }

    @Test func coloursDoNotMoveAnything() throws {
        for scene in Scene.allCases {
            let plain = StatusScreen(width: 80).lines(scene.view)
            let coloured = StatusScreen(width: 80, style: .coloured).lines(scene.view)
            #expect(coloured != plain)
            let stripped = coloured.map { $0.replacing(/\u{1b}\[[0-9;]*m/, with: "") }
            #expect(stripped == plain)
        }
    }

    @Test func twoRegionsOfFiveFitOnOneScreen() {
        #expect(StatusScreen(width: 80).lines(Scene.fiveByTwo.view).count < 24)
    }

    @Test(arguments: [1, 20, 30, 40, 47, 61, 79, 300])
    func anyWidthShowsEveryPeer(_ width: Int) {
        for scene in Scene.allCases {
            let lines = StatusScreen(width: width).lines(scene.view)
            let rows = lines.filter { $0.hasPrefix("* ") || $0.hasPrefix("x ") || $0.hasPrefix("  ") }
            #expect(rows.count >= scene.view.regions.reduce(0) { $0 + $1.total })
            #expect(lines.allSatisfy { $0.count <= max(20, width) })
        }
    }

    @Test func jsonAndYAMLTellTheSame() throws {
        for scene in Scene.allCases {
            let tree = scene.view.document
            let lines = try JSONDecoder().decode(JSONValue.self, from: Data(tree.json().utf8))
            let oneLine = try JSONDecoder().decode(JSONValue.self, from: Data(tree.json(.oneLine).utf8))
            #expect(lines == oneLine)
            #expect(!tree.json(.oneLine).contains("\n"))
        }
    }

    @Test func wholeStatusDocumentsAreInTheJSON() throws {
        let said = Said.leader()
        let view = ClusterView(Inspection(reports: [said.report]))
        let data = Data(view.document.json().utf8)
        let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let regions = try #require(root["regions"] as? [[String: Any]])
        let peers = try #require(regions[0]["peers"] as? [[String: Any]])
        let status = try JSONSerialization.data(withJSONObject: try #require(peers[0]["status"]))
        #expect(try StatusDocument(json: status) == said.status)
    }

    @Test func yamlQuotesWhatAReaderCouldMistake() {
        let tree = Tree.map([
            .init("a", .string("yes")), .init("b", .string("1")), .init("c", .string("a: b")), .init("d", .string("")),
            .init("e", .string("x\ny\u{1}\"\\")), .init("f", .string("plain_word-1")), .init("g", .list([])),
            .init(
                "h", .list([.list([.integer(1), .null]), .map([.init("k", .bool(true)), .init("l", .number(0.5))])])),
            .init("null", .string("-")),
        ])
        #expect(
            tree.yaml() == """
                a: "yes"
                b: "1"
                c: "a: b"
                d: ""
                e: "x\\ny\\u0001\\"\\\\"
                f: plain_word-1
                g: []
                h:
                  - - 1
                    - null
                  - k: true
                    l: 0.5
                "null": "-"

                """)
    }

    @Test func tsvHasOneRowPerPeerAndAllFieldsInEach() {
        for scene in Scene.allCases {
            let rows = scene.view.tsv.split(separator: "\n").map {
                $0.split(separator: "\t", omittingEmptySubsequences: false)
            }
            #expect(rows.count == 1 + scene.view.regions.reduce(0) { $0 + $1.total })
            #expect(Set(rows.map(\.count)).count == 1)
        }
    }
}

@Suite struct ScreenTests {
    @Test func aRepaintLeavesNothingOver() {
        var screen = Screen()
        let first = screen.repaint(["one", "two", "three"], rows: 24, columns: 80)
        #expect(first == "\u{1b}[Kone\n\u{1b}[Ktwo\n\u{1b}[Kthree\n\u{1b}[J")
        #expect(screen.repaint(["1"], rows: 24, columns: 80) == "\u{1b}[3A\r\u{1b}[K1\n\u{1b}[J")
        #expect(screen.repaint(["2"], rows: 24, columns: 80) == "\u{1b}[1A\r\u{1b}[K2\n\u{1b}[J")
    }

    @Test func aNewSizeStartsAfresh() {
        var screen = Screen()
        _ = screen.repaint(["one", "two"], rows: 24, columns: 80)
        #expect(screen.repaint(["one"], rows: 24, columns: 60) == "\u{1b}[H\u{1b}[2J\u{1b}[Kone\n\u{1b}[J")
    }

    @Test func moreLinesThanRowsAreCutAndCounted() {
        var screen = Screen()
        let text = screen.repaint((1...10).map(String.init), rows: 5, columns: 80)
        #expect(text.split(separator: "\n").count == 5)
        #expect(text.contains("(7 more lines: the window is too low)"))
    }

    @Test func coloursOnlyWhereTheyAreWanted() {
        let full = Terminal(kind: .full)
        #expect(full.style(noColor: false, environment: [:]) == .coloured)
        #expect(full.style(noColor: false, environment: ["NO_COLOR": ""]) == .coloured)
        #expect(full.style(noColor: false, environment: ["NO_COLOR": "1"]) == .plain)
        #expect(full.style(noColor: true, environment: [:]) == .plain)
        #expect(Terminal(kind: .dumb).style(noColor: false, environment: [:]) == .plain)
        #expect(Terminal(kind: .none).style(noColor: false, environment: [:]) == .plain)
        #expect(Terminal(kind: .none).width == 100)
    }
}

/// The same for what happened: the history, the log and the incident.
@Suite struct StoryTests {
    private func time(_ seconds: Int64) -> UTCInstant { UTCInstant(unixMilliseconds: Said.now + 1000 * seconds) }

    private func act(_ operation: String, _ seconds: Int64, _ reason: String) -> ActDocument {
        ActDocument(
            operation: operation, who: "alice@ops-1", from: "127.0.0.1 (token)", reason: reason,
            at: time(seconds))
    }

    private var histories: [RegionHistory] {
        [
            RegionHistory(
                region: "east", teller: 2,
                entries: [
                    .init(index: 2, term: 1, epoch: 1, at: time(0), event: .active, base: 412_345_678),
                    .init(index: 3, term: 1, epoch: 1, at: time(1), event: .leads, peer: 2),
                    .init(
                        index: 90, term: 1, epoch: 1, at: time(40), event: .transfer, peer: 3,
                        act: act("transfer-1", 40, "kernel"), result: .failed, outcome: "peer 2 leads",
                        durationMS: 2300),
                    .init(
                        index: 120, term: 1, epoch: 2, at: time(60), event: .pause,
                        act: act("pause-1", 60, "the disk of peer 1 is changed, see the ticket of last week")),
                    .init(
                        index: 130, term: 1, epoch: 2, at: time(70), event: .maintenanceOn, peer: 1,
                        act: act("maintenance-1", 70, "")),
                ], note: "as peer 2 has it, which does not lead: what is newest may be missing"),
            RegionHistory(region: "west", teller: nil, entries: [], note: "west is unreachable"),
            RegionHistory(
                region: "north", teller: 1,
                entries: [
                    .init(
                        index: 7, term: 1, epoch: 1_000_000, at: time(90), event: .active, base: 1030,
                        givenUp: lostEast, act: act("s1/activate", 90, "east burns"))
                ]),
        ]
    }

    private let lostEast = GivenUpDocument(
        region: "east",
        known: .init(
            block: BlockReference(blockNum: 1034, blockID: "0000040a5ca1ab1e0000000000000000"), toldBy: 2,
            source: .beacon, ageMS: 1200))

    private var entries: [LogEntryDocument] {
        var entries = [LogEntryDocument(index: 1, term: 1, kind: .noop, size: 0)]
        var region = LogEntryDocument(index: 2, term: 1, kind: .region, size: 40)
        region.region = .init(
            epoch: 2, expects: 1, state: "active", paused: true, base: nil, act: act("pause-1", 60, "disk swap"))
        var operation = LogEntryDocument(index: 3, term: 1, kind: .operation, size: 18)
        operation.operation = .init(event: .leads, peer: 2, at: time(1))
        var forced = LogEntryDocument(index: 4, term: 1, kind: .region, size: 240)
        forced.region = .init(
            epoch: 1_000_000, expects: 2, state: "active", paused: false, base: 1030,
            act: act("s1/activate", 90, "east burns"), givenUp: lostEast)
        entries += [region, operation, forced]
        for number in UInt32(412_345_678)...412_345_679 {
            entries.append(
                LogEntryDocument(
                    index: UInt64(number - 412_345_674), term: 12, kind: .block, size: 200,
                    block: .init(
                        number: number, id: "1893e34e5ca1ab1e", previous: "1893e34d5ca1ab1e", producer: "eosio",
                        timestamp: time(Int64(number - 412_345_670)))))
        }
        return entries
    }

    private var incident: Incident {
        func event(_ peer: Int, _ seconds: Int64, _ type: EventType, _ message: String, _ term: Int64) -> EventDocument
        {
            EventDocument(
                id: "x-1", at: time(seconds), type: type, region: "east", peer: peer, message: message,
                details: ["term": .integer(term)])
        }
        return Incident(
            region: "east",
            testimonies: [
                .init(
                    peer: 2, term: 12, clock: .init(peer: 2, offset: -12.5, uncertainty: 0.6),
                    events: [
                        event(2, 5, .peer, "the link to peer 1 is down: no answer within 1500 ms", 1),
                        event(2, 6, .role, "peer 2 leads", 12),
                    ], missed: true)
            ], log: entries, since: nil, notes: ["peer 1 tells nothing: connection refused; last heard 5.2 s ago"])
    }

    @Test(arguments: [60, 100])
    func theTablesStayAsTheyAre(_ width: Int) throws {
        var log = LogReport(format: .table, width: width)
        for (name, text) in [
            ("history", HistoryReport(format: .table, width: width).text(histories)), ("log", log.text(entries)),
            ("incident", IncidentReport(format: .table, width: width).text(incident)),
        ] {
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= width }, "\(text)")
            try compare(text, "\(name)-\(width).txt")
        }
    }

    @Test(arguments: [(OutputFormat.json, "json"), (.yaml, "yaml"), (.tsv, "tsv")])
    func theDocumentsStayAsTheyAre(_ format: OutputFormat, _ suffix: String) throws {
        var log = LogReport(format: format, width: nil)
        try compare(HistoryReport(format: format, width: 80).text(histories), "history.\(suffix)")
        try compare(log.text(entries), "log.\(suffix)")
        try compare(IncidentReport(format: format, width: 80).text(incident), "incident.\(suffix)")
    }
}
