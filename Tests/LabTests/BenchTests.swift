// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Foundation
import Glibc
import Testing

@testable import Harness
@testable import Lab

@Suite struct BenchFigureTests {
    /// The nearest rank: the smallest sample that so many of a thousand do not exceed.
    @Test func shareOfSamplesIsTheNearestRank() {
        var latencies = Latencies()
        #expect(latencies.permille(500) == 0)
        for sample in (1...1000).reversed() { latencies.add(Int64(sample)) }
        #expect([1, 500, 990, 999, 1000].map { latencies.permille($0) } == [1, 500, 990, 999, 1000])
        latencies.add(5000)
        #expect(latencies.permille(1000) == 5000 && latencies.permille(500) == 501)
        var one = Latencies()
        one.add(7)
        #expect([1, 500, 1000].map { one.permille($0) } == [7, 7, 7])
        one.add(latencies)
        #expect(one.samples.count == 1002 && one.permille(1) == 2 && one.permille(1000) == 5000)
    }

    @Test func timesHaveTheirMiddleOne() {
        let odd = BenchDocument.Times(nanoseconds: [3_000_000, 1_000_000, 9_000_000])
        #expect(odd == .init(count: 3, min: 1, median: 3, max: 9))
        #expect(BenchDocument.Times(nanoseconds: [1_000_000, 2_000_000]).median == 1.5)
        #expect(BenchDocument.Times(nanoseconds: []) == .init(count: 0, min: 0, median: 0, max: 0))
    }

    private func document() -> BenchDocument {
        func latency(_ scale: Double) -> BenchDocument.Latency {
            .init(p50: scale, p90: 2 * scale, p99: 4 * scale, p999: 8 * scale, max: 1000 * scale)
        }
        var group = BenchDocument.Group(name: "prodha")
        group.commits = [
            .init(bytes: 256, clients: 1, count: 100, perSecond: 1000.5, latency: latency(500), again: 0),
            .init(
                bytes: 262_144, clients: 64, count: 100, perSecond: 10, latency: latency(90_000), again: 3,
                leadersLost: 2),
        ]
        group.busy = .init(
            seconds: 30, elections: 1,
            commits: [.init(bytes: 256, clients: 1, count: 9, perSecond: 3, latency: latency(2000), again: 0)])
        group.failover = .init(count: 3, min: 700, median: 751.4, max: 800)
        group.used = .init(resident: 30_000_000, anonymous: 8_000_000, processor: 0)
        return BenchDocument(
            version: "prodha <1>", machine: .init(system: "Linux", processors: 2), peers: 3, rounds: 1,
            floor: .init(
                bytes: 256, sync: latency(100), syncAtOnce: latency(200), roundTrip: latency(50), commit: 250),
            groups: [group])
    }

    @Test func tableSaysHowFarFromTheFloorItIs() {
        let text = BenchTable(document()).description
        #expect(text.contains("durable commit                 250\n"), "\(text)")
        #expect(
            text.contains(
                "prodha 256 B x1                500      1000      2000      4000    500000      1001      2.00\n"),
            "\(text)")
        #expect(text.contains("prodha 256 KB x64            90000"), "\(text)")
        #expect(text.contains("  leaders lost in the middle of it: 2\n"), "\(text)")
        #expect(text.contains("\nbusy 30 s, us ") && text.contains("prodha: 1 election\n"), "\(text)")
        #expect(
            text.contains("prodha 256 B x1               2000      4000      8000     16000   2000000         3"),
            "\(text)")
        #expect(text.contains("prodha leader killed           700       751       800         3\n"), "\(text)")
        #expect(text.contains("prodha after it all           30.0       8.0\n"), "\(text)")
    }

    /// Every point lies on the paper, slower ones higher, and the file is XML.
    @Test func pictureShowsAllThatWasMeasured() throws {
        let picture = BenchPlot(document()).description
        let parser = XMLReader(picture)
        #expect(parser.isWell, "\(picture)")
        #expect(parser.lines.count == 3)
        for line in parser.lines {
            let points = line.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
            #expect(points.count == 5 && points.allSatisfy { $0.count == 2 })
            #expect(points.allSatisfy { (0...760).contains($0[0]) && (30...390).contains($0[1]) }, "\(line)")
            for (one, next) in zip(points, points.dropFirst()) { #expect(next[0] > one[0] && next[1] <= one[1]) }
        }
    }
}

/// Whether a text is XML, and the points of the polylines in it.
private final class XMLReader: NSObject {
    private(set) var lines: [String] = []
    private(set) var isWell = false

    init(_ text: String) {
        super.init()
        var open: [Substring] = []
        isWell = true
        for part in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let end = part.firstIndex(of: ">") else {
                isWell = false
                return
            }
            let tag = part[..<end]
            let name = tag.prefix { $0 != " " && $0 != "/" }
            if tag.hasPrefix("/") {
                isWell = isWell && open.popLast() == tag.dropFirst()
            } else if !tag.hasSuffix("/") {
                open.append(name)
            }
            isWell = isWell && tag.count { $0 == "\"" }.isMultiple(of: 2)
            if name == "polyline", let points = tag.firstRange(of: "points=\"") {
                lines.append(String(tag[points.upperBound...].prefix { $0 != "\"" }))
            }
        }
        isWell = isWell && open.isEmpty
    }
}

/// The program itself, on small amounts: no figure is looked at, but that there is one.
@Suite(.serialized, .timeLimit(.minutes(3))) struct BenchRunTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    private func run(_ words: [String]) async throws -> Finished {
        try await Program.run(
            ["bench", "--directory", directory.path] + words, in: directory, within: .seconds(150))
    }

    private var leftovers: [String] { (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [] }

    @Test func everythingIsMeasuredAndNothingIsLeftBehind() async throws {
        let finished = try await run([
            "--rounds", "2", "--seconds", "0.3", "--sizes", "256,70000", "--clients", "8", "--kills", "1", "--entries",
            "300", "--busy", "1", "--output", "json",
        ])
        #expect(finished.ending == .exit(0), "\(finished.errors)")
        let document = try BenchDocument(json: finished.output)
        let floor = try #require(document.floor)
        #expect(floor.commit > 0 && floor.sync.p50 > 0 && floor.commit >= floor.roundTrip.p50)
        let group = try #require(document.groups.first)
        #expect(document.groups.count == 1 && group.commits.map(\.bytes) == [256, 70_000, 256])
        #expect(group.commits.map(\.clients) == [1, 1, 8])
        for commits in group.commits {
            #expect(commits.count > 0 && commits.perSecond > 0)
            let latency = commits.latency
            #expect(0 < latency.p50 && latency.p50 <= latency.p99 && latency.p99 <= latency.max)
        }
        #expect(group.failover?.count == 1 && group.handOver?.count == 1 && group.recovery?.count == 3)
        #expect(group.recovered ?? 0 >= 300)
        let busy = try #require(group.busy)
        #expect(busy.commits.map(\.clients) == [1, 8] && busy.commits.allSatisfy { $0.count > 0 })
        #expect(group.idle?.resident ?? 0 > 1 << 20 && group.used?.anonymous ?? 0 > 0)
        #expect(leftovers == [], "\(leftovers)")
    }

    @Test func whatIsAskedForAloneIsMeasured() async throws {
        let finished = try await run(["--only", "floor", "--rounds", "1"])
        #expect(
            finished.ending == .exit(0) && finished.output.contains("durable commit"),
            "\(finished.output)\(finished.errors)")
        #expect(!finished.output.contains("commits, us") && !finished.output.contains("leader killed"))
        #expect(leftovers == [])
    }

    @Test func itSaysWhatItDoesNotDo() async throws {
        for (words, message) in [
            (["--peers", "2"], "--peers is a number from 3 to 9"), (["--sizes", "100"], "--sizes"),
            (["--only", "speed"], "there is no measurement named speed"), (["--only", ","], "names no measurement"),
            (["--seconds", "0"], "--seconds"),
        ] {
            let finished = try await run(words)
            #expect(finished.ending == .exit(64) && finished.errors.contains(message), "\(finished.errors)")
        }
        let missing = try await run(["--only", "floor", "--etcd", "/nowhere/etcd"])
        #expect(
            missing.ending == .exit(1) && missing.errors.contains("cannot start /nowhere/etcd"), "\(missing.errors)")
        #expect(leftovers == [])
    }
}
