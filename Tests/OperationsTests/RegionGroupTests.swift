// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Failover
import Foundation
import Testing

@testable import Operations
@testable import Said

private func look(_ reports: [PeerReport]) -> RegionGroup.Look { RegionGroup.Look(reports: reports) }

@Suite struct RegionGroupTests {
    // MARK: - Who leads

    @Test func onlyALeaderWithALeaseSpeaksForItsRegion() {
        let deposed = Said.leader(1) {
            $0.term = 6
            $0.epoch = 99
        }
        let west = look([deposed.report, Said.leader(2).report, Said.follower(3).report])
        #expect(west.leader?.status.peer.id == 2, "the later term counts")
        let waiting = Said.leader(2) {
            $0.can = false
            $0.lease = false
        }
        let none = look([waiting.report, missing(3)])
        #expect(none.leader == nil)
        #expect(none.trouble == "peer 2 leads and holds no lease")
        #expect(look([missing(1), missing(2)]).trouble == "no peer gives a status: connection refused")
        #expect(look([Said.follower(1).report]).trouble == "no peer that answers leads")
    }

    /// The silent peer would be waited for half a minute.
    @Test func aSilentPeerIsNotWaitedForWhenAQuorumAnswers() async throws {
        let net = Loopback()
        let ports = [
            try await net.listen(writing: "", thenClose: false),
            try await net.serve { _, _ in Said.leader(2).status.json() },
            try await net.serve { _, _ in Said.follower(3).status.json() },
        ]
        let inspector = net.inspector(.directory(try directory("east", ports)), timeout: .seconds(30))
        let targets = try directory("east", ports).targets
        let region = RegionView(
            name: "east",
            reports: targets.map { PeerReport(target: $0, outcome: .failed(.refused)) }, quorumInFile: 2)
        let group = RegionGroup(region, inspector, .init(lookMS: 30_000))
        let started = ContinuousClock.now
        let found = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: group.look()) }
        }
        #expect(found.leader?.target.id == 2)
        #expect(found.statuses.count == 2)
        #expect(ContinuousClock.now - started < .seconds(20))
        #expect(group.peers(found).map(\.id) == [3, 2], "the leader is asked last")
    }

    /// A leader and a quorum are enough, unless a block is waited for that too few of them hold.
    @Test func moreArePolledUntilEnoughHoldTheBlock() async throws {
        let loop = Loopback().loop
        let (held, behind) = (nodeos(1034, "aa"), nodeos(1030, "bb"))
        let leader = Said.leader(1) { $0.nodeos = behind }.report
        func round(_ block: Block?, _ reports: [PeerReport]) -> [Bool] {
            let promise = loop.makePromise(of: RegionGroup.Look.self)
            let round = RegionGroup.Round(promise, expected: 3, block)
            defer { promise.fail(CancellationError()) }
            return reports.map { report in
                round.take(report)
                return round.isOver
            }
        }
        let block = Block(number: 1034, id: "aa")
        let holder = Said(id: 2, leader: 1, nodeos: held).report
        let third = Said(id: 3, leader: 1, nodeos: held).report
        #expect(round(nil, [leader, holder]) == [false, true])
        #expect(round(block, [leader, holder, third]) == [false, false, true])
        #expect(round(block, [leader, holder, missing(3)]) == [false, false, true], "all have answered")
        let well = Said.leader(1) { $0.nodeos = held }.report
        #expect(round(block, [well, holder]) == [false, true], "enough hold it")
        #expect(round(block, [Said.leader(1).report, Said.follower(2).report]) == [false, true], "there is no nodeos")
    }

    // MARK: - The chain

    private func nodeos(_ head: UInt32, _ id: String, condition: String = "well") -> StatusDocument.Nodeos {
        var nodeos = StatusDocument.Nodeos(http: "", reachable: true, condition: condition)
        nodeos.head = BlockReference(blockNum: head, blockID: id)
        return nodeos
    }

    private func chain(_ nodeos: [StatusDocument.Nodeos?], last: Block?, head: Block? = nil) -> Chain {
        let reports = nodeos.enumerated().map { index, nodeos in
            Said(id: index + 1, region: "west", nodeos: nodeos).report
        }
        return Chain(look(reports), needed: 2, last: last, head: head)
    }

    @Test func aQuorumOfNodeosHoldsTheLastBlockByItsID() {
        let last = Block(number: 1034, id: "aa")
        #expect(chain([nil, nil, nil], last: last) == .none)
        #expect(
            chain([nodeos(1034, "aa"), nodeos(1034, "aa"), nodeos(9, "bb")], last: last)
                == .nodeos(behind: 0, holders: 2, of: last, needed: 2))
        #expect(
            chain([nodeos(1034, "aa"), nodeos(1034, "bb"), nodeos(1030, "cc")], last: last)
                == .nodeos(behind: 0, holders: 1, of: last, needed: 2), "the same height is not the same block")
        #expect(
            chain([nodeos(1034, "aa"), nodeos(1020, "cc"), nodeos(1010, "dd")], last: nil, head: last)
                == .nodeos(behind: 14, holders: 0, of: nil, needed: 2), "as far as the second best")
        #expect(
            chain([nodeos(1034, "aa"), nodeos(1034, "aa", condition: "diverged"), nil], last: last) == .unknown,
            "too few that can be believed")
    }

    // MARK: - Blocks

    /// 8 MiB, which in hex is far above what any other answer may have.
    @Test func theLargestBlockIsRead() async throws {
        let net = Loopback()
        let bytes = [UInt8](repeating: 0xab, count: 8 << 20)
        let document = BlockDocument(blockNum: 7, blockID: String(repeating: "0", count: 64), block: HexBytes(bytes))
        let answer = document.json()
        let ports = [try await net.serve { _, _ in answer }]
        let inspector = net.inspector(.directory(try directory("east", ports)), timeout: .seconds(60))
        let reports = try directory("east", ports).targets.map { PeerReport(target: $0, outcome: .failed(.refused)) }
        let group = RegionGroup(RegionView(name: "east", reports: reports, quorumInFile: 1), inspector, .init())
        let found = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: group.block("num=7")?.block) }
        }
        #expect(found?.bytes.count == bytes.count)
    }

    @Test func aHeaderSaysItsTimeAndItsParent() throws {
        let parent = String(repeating: "ab", count: 32)
        let block = FakeRegions.Block(number: 7, slot: 1_000_001, by: "west", previous: parent)
        let read = try #require(CommittedBlock(block))
        #expect(read.previous == parent && read.number == 7 && read.id == block.id)
        #expect(UTCInstant(unixMilliseconds: read.time) == UTCInstant("2000-01-06T18:53:20.500Z"))
        #expect(CommittedBlock(BlockDocument(blockNum: 7, blockID: "", block: HexBytes([1, 2, 3]))) == nil)
    }
}

@Suite struct LossTests {
    private let net = Loopback()

    private func loss(_ blocks: Int, truncated: Bool) -> [UInt8] {
        LossDocument(
            region: "east",
            superseded: .init(
                by: "west", epoch: 1_000_000, base: BlockReference(blockNum: 1030, blockID: "00"),
                at: UTCInstant(unixMilliseconds: Said.now)),
            blocks: (0..<blocks).map {
                .init(
                    blockNum: UInt32(1031 + $0), blockID: "0000040\($0)",
                    transactions: $0 == 0 ? ["t1", "t2"] : [])
            }, truncated: truncated
        ).json()
    }

    private func losses(_ first: [UInt8], _ second: [UInt8]) async throws -> [RegionLoss] {
        let (leader, follower) = (Said.leader(1) { $0.members = [1, 2] }, Said.follower(2) { $0.members = [1, 2] })
        let ports = [
            try await net.serve { path, _ in path.hasSuffix("/loss") ? first : leader.status.json() },
            try await net.serve { path, _ in path.hasSuffix("/loss") ? second : follower.status.json() },
        ]
        let source = PeerSource.directory(try directory("east", ports))
        let net = net
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: ActRunner(net.inspector(source)).losses(region: nil))
            }
        }
    }

    @Test func theBlocksThatOnlyOneRegionHasAreListedWithTheirTransactions() async throws {
        let found = try await losses(loss(2, truncated: false), Array("no".utf8))
        #expect(found.map(\.teller) == [1])
        let text = LossReport(format: .table, width: 100).text(found)
        #expect(
            text.hasPrefix(
                "east: west went on from block 1030 at 2026-09-21T14:13:20.000Z, epoch 1000000; 2 blocks with 2\n"),
            "\(text)")
        #expect(text.contains("1031  00000400  t1 t2") && text.contains("1032  00000401  none"), "\(text)")
        let tsv = LossReport(format: .tsv, width: 100).text(found)
        #expect(tsv.contains("east\twest\t1000000\t1031\t00000400\tt1 t2\tlost\n"), "\(tsv)")
        let written = LossReport(format: .json, width: 100).text(found)
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(written.utf8))
        guard case .object(let root) = json, case .array(let regions)? = root["regions"] else {
            Issue.record("\(json)")
            return
        }
        #expect(regions.count == 1)
    }

    @Test func aPeerWithAShorterLogIsNotTheLastWord() async throws {
        let found = try await losses(loss(1, truncated: true), loss(3, truncated: false))
        #expect(found[0].teller == 2 && found[0].document?.blocks.count == 3)
        let cut = try await losses(loss(2, truncated: true), loss(1, truncated: true))
        #expect(cut[0].teller == 1)
        #expect(LossReport(format: .table, width: 300).text(cut).contains("at least 2 blocks with 2 transactions"))
    }

    /// It must not be told that nothing is lost where that is not known.
    @Test func whereTheForkIsNotKnownAllThatMayBeLostIsTold() async throws {
        var unknown = try LossDocument(json: loss(3, truncated: false))
        unknown.forkKnown = false
        let found = try await losses(unknown.json(), loss(2, truncated: false))
        #expect(found[0].teller == 2, "who knows is believed")
        let none = LossDocument(
            region: "east", superseded: .init(by: "west", epoch: 1_000_000), forkKnown: false)
        for (told, words) in [(unknown, "up to 3 blocks"), (none, "up to 0 blocks")] {
            let found = try await losses(told.json(), Array("no".utf8))
            let text = LossReport(format: .table, width: 500).text(found)
            #expect(text.contains("is not known here: \(words)") && !text.contains("no block is here alone"), "\(text)")
        }
    }

    @Test func silenceIsNoLoss() async throws {
        let found = try await losses(Array("no".utf8), Array("no".utf8))
        #expect(found[0].document == nil)
        #expect(LossReport(format: .table, width: 100).text(found).contains("peer 1 leads"))
        let none = try await losses(LossDocument(region: "east").json(), Array("no".utf8))
        #expect(
            LossReport(format: .table, width: 100).text(none) == "east: no other region went on without it\n")
    }
}

@Suite struct GivenUpTests {
    private let known = GivenUpDocument.Known(
        block: BlockReference(blockNum: 123, blockID: "0000007bab12cd340000"), toldBy: 2, source: .beacon, ageMS: 1200)

    private func entry(
        _ region: String, _ known: GivenUpDocument.Known?, base: UInt32? = 120, epoch: UInt64 = 1_000_000
    ) -> HistoryEntry {
        HistoryEntry(
            index: 9, term: 2, epoch: epoch, at: UTCInstant(unixMilliseconds: Said.now - 60_000), event: .active,
            base: base, givenUp: GivenUpDocument(region: region, epoch: 3, known: known))
    }

    /// What is said of east, which is silent, when west's history is that.
    private func find(_ entries: [HistoryEntry], _ change: (inout TwoRegions) -> Void = { _ in }) -> RegionLoss {
        var regions = TwoRegions()
        regions.silent["east"] = [1: silence, 2: silence, 3: silence]
        regions.eachOfWest { $0.hears = [.init(name: "east", ageMS: 61_000, report: report("east", epoch: 3))] }
        change(&regions)
        let view = regions.view.regions
        let east = view.first { $0.name == "east" }
        let found = east.flatMap { RegionLoss.GivenUp($0, [(by: "west", entries: entries)], view) }
        return RegionLoss(region: "east", note: "no peer answers", givenUp: found)
    }

    private func text(_ loss: RegionLoss) -> String { LossReport(format: .table, width: 500).text([loss]) }

    @Test func whileARegionHasNotReturnedItIsSaidWhatWasKnownWhenItWasGivenUp() throws {
        let loss = find([entry("north", nil), entry("east", nil, epoch: 7), entry("east", known)])
        #expect(
            text(loss)
                == "east: it has not answered; when it was given up at 2026-09-21T14:12:20.000Z its last known block was "
                + "123 (0000007bab12cd34), told by its peer 2; the region was heard last 1.2 s before; west went on from block 120: at least 3 "
                + "blocks are lost if it does not return\n")
        #expect(text(find([entry("east", known, base: 122)])).contains("at least 1 block is lost"))
        #expect(text(find([entry("east", known, base: 123)])).contains("no block that was known is lost"))
        let nothing = text(find([entry("east", nil)]))
        #expect(
            nothing.contains("no block of it was known") && nothing.contains("how many blocks are lost"), "\(nothing)")
        let json = LossReport(format: .json, width: 80).text([loss])
        #expect(
            LossReport(format: .tsv, width: 80).text([loss])
                .contains("east\twest\t1000000\t123\t0000007bab12cd340000\t\tlast_known\n"))
        #expect(json.contains("\"at_least\": 3") && json.contains("\"told_by\": 2"), "\(json)")
    }

    @Test func aRegionThatGaveWayOrWasActiveAgainIsNotSaidToBeLost() {
        let entries = [entry("east", known)]
        #expect(find([]).givenUp == nil && text(find([])) == "east: no peer answers\n")
        #expect(find([entry("north", known)]).givenUp == nil)
        var gone = report("east", epoch: 4, activated: 3)
        gone.state = .standby
        // It was heard to have given way since. How old that is does not matter: the clocks are two.
        for age in [59_000, 61_000] as [Milliseconds] {
            #expect(
                find(entries) { $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: age, report: gone)] } }.givenUp
                    == nil)
        }
        // It was standby before, and was not heard since.
        gone.epoch = 3
        #expect(
            find(entries) { $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 59_000, report: gone)] } }.givenUp
                != nil)
        let again = report("east", epoch: 1_000_001, activated: 1_000_001)
        #expect(
            find(entries) { $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 61_000, report: again)] } }.givenUp
                == nil)
        #expect(find(entries) { $0.eachOfWest { $0.hears = nil } }.givenUp != nil)
    }
}

@Suite struct ConfirmTests {
    private func confirm(_ fakes: FakeRegions, region: String) async throws -> ActOutcome {
        let source = try fakes.source()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let runner = ActRunner(fakes.net.inspector(source), patienceMS: 2_000)
                let papers = ActPapers(operation: "confirm-1", who: "alice@ops-1", reason: nil)
                continuation.resume(returning: runner.carryOut(.confirm, region: region, papers))
            }
        }
    }

    @Test func noWordIsTakenAgainstARegionThatSaysItIsActive() async throws {
        let fakes = try await FakeRegions()
        let refused = try await confirm(fakes, region: "west")
        #expect(refused.kind == .refused && refused.reason == "other_region_active", "\(refused.message)")
        #expect(refused.message.contains("east says that it is active"))
        #expect(fakes.world.requests == 0)
    }

    @Test func theWordIsGivenForTheEpochThatWasSeen() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.regions["west"]?.isSilent = true }
        let done = try await confirm(fakes, region: "east")
        #expect(done.kind == .done && done.message.contains("east is confirmed (epoch 3)"), "\(done.message)")
        #expect(fakes.world.confirmed == ["east 3"])
    }
}
