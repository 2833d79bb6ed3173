import API
import Foundation
import Testing

@testable import Operations

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
    case well, degraded, twoLeaders, fiveByTwo

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
