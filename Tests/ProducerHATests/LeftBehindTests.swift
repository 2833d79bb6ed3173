// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import ProducerHA

/// A region that stopped, as a step of a switch or by hand, and then another one was forced to go on without its last blocks: it is
/// not active, so nothing makes it give way, and it has to know all the same.
@Suite struct LeftBehindTests {
    private typealias Region = InheritedBlockTests.Region

    private func other(_ number: UInt32) throws -> [UInt8] { try InheritedBlockTests.other(number) }

    /// Took over at 90, made blocks through 100, and stopped.
    private func stopped(_ activity: RegionActivity = .standby) throws -> Region {
        let region = try Region("east")
        try region.change(.active, base: other(90))
        try region.make(through: 100)
        try region.change(activity)
        return region
    }

    /// What a region says of itself that was forced active with that epoch.
    private func forced(from fork: [UInt8]?, activated: UInt64 = 50) throws -> RegionReport {
        let west = try Region("west")
        if let fork { try west.change(.active, base: fork) }
        var report = west.report(activated: activated)
        if fork == nil { report.inherited = nil }
        return report
    }

    // MARK: - When

    @Test func plannedSwitchesThereAndBackLeaveNothingBehind() throws {
        let regions = [try Region("east"), try Region("west"), try Region("north")]
        var epoch: UInt64 = 1
        var activated: [UInt64] = [0, 0, 0]
        func nobodyIsLeftBehind(_ what: String) {
            for (one, region) in regions.enumerated() {
                for (two, another) in regions.enumerated() where one != two {
                    let report = another.report(activated: activated[two])
                    #expect(!region.state.isLeftBehind(by: report), "\(region.name) by \(another.name), \(what)")
                }
            }
        }
        func activates(_ index: Int, base: [UInt8]?) throws {
            epoch = regions.map(\.state.region.epoch).reduce(epoch, max) + 1
            activated[index] = epoch
            try regions[index].change(.active, base: base, epoch: epoch)
        }
        try activates(0, base: try other(90))
        var (active, number): (Int, UInt32) = (0, 90)
        // Who is next, and how many blocks the one before makes; none too, and whoever goes back then has the last one already.
        for (next, made) in [
            (1, 10), (0, 10), (1, 0), (0, 0), (1, 5), (2, 0), (1, 0), (0, 7), (2, 3), (0, 0), (2, 0), (1, 1), (2, 1),
            (0, 4),
        ] as [(Int, UInt32)] {
            number += made
            try regions[active].make(through: number)
            nobodyIsLeftBehind("\(regions[active].name) made \(number)")
            try regions[active].change(.activating)
            nobodyIsLeftBehind("\(regions[active].name) stopped at \(number)")
            let last = regions[active].lastBlock
            try activates(next, base: regions[next].head == regions[active].head ? nil : last)
            nobodyIsLeftBehind("\(regions[next].name) took over at \(number)")
            try regions[active].change(.standby)
            active = next
        }
    }

    @Test(arguments: [RegionActivity.standby, .activating])
    func aRegionThatStoppedIsLeftBehindByOneThatWentOnFromBelow(activity: RegionActivity) throws {
        let region = try stopped(activity)
        // Where the other one went on, and whether it did so without this one's last block.
        for (fork, isLeft) in [
            (try other(80), true), (try other(90), true), (try other(95), true), (try other(100), true),
            (region.lastBlock, false), (try other(101), false), (nil, false),
        ] {
            let number = try fork.map { try Chain.ref($0).number }
            #expect(try region.state.isLeftBehind(by: forced(from: fork)) == isLeft, "\(number ?? 0)")
            // One that was active before it went on from there.
            #expect(try !region.state.isLeftBehind(by: forced(from: fork, activated: 2)), "\(number ?? 0)")
        }
    }

    @Test func aRegionThatMadeNothingIsNotLeftBehind() throws {
        let report = try forced(from: other(80))
        // It was never active.
        let region = try Region("east")
        #expect(!region.state.isLeftBehind(by: report))
        try region.change(.standby, base: other(100))
        #expect(!region.state.isLeftBehind(by: report))
        // Of a version that knew nothing of what it has of others.
        var old = region.state.snapshot()
        old.state.removeLast(8 + 32)
        old.state[old.state.count - 1] = 0
        let state = try #require(GroupState(old))
        #expect(state.region.inherited == nil && !state.isLeftBehind(by: report))
        // It was, and stands on another one's block.
        try region.change(.active)
        try region.change(.standby)
        #expect(!region.state.isLeftBehind(by: report))
        try region.change(.active)
        try region.make(through: 101)
        #expect(!region.state.isLeftBehind(by: report), "an active one gives way")
        try region.change(.standby)
        #expect(region.state.isLeftBehind(by: report))
    }

    /// It went back to this one's last block, forced, and says of others only what it had before.
    @Test func aRegionThatStandsOnItsLastBlockLeftNothingBehind() throws {
        let region = try stopped()
        var report = try forced(from: other(95))
        report.head = region.head
        #expect(!region.state.isLeftBehind(by: report))
        report.head = try Chain.ref(other(100)).id
        #expect(region.state.isLeftBehind(by: report))
    }

    /// A region that knows where it was left, and is given a block above that: it made none of those below.
    @Test(arguments: [RegionActivity.active, .standby])
    func aBlockAboveTheForkIsOfOthers(activity: RegionActivity) throws {
        // What it is given, and what it has of others then.
        for (base, inherited) in [
            (try other(97), 97), (try other(91), 91), (try other(90), 90), (nil, 90), (try other(150), 150),
        ] as [([UInt8]?, UInt32)] {
            // That one changes nothing while it is standby.
            if base == nil, activity == .standby { continue }
            let region = try stopped()
            _ = try region.isLeft(by: forced(from: other(95)))
            try region.change(activity, base: base ?? region.lastBlock)
            #expect(region.inherited == inherited && region.state.region.superseded == nil)
        }
    }

    /// One that took its own last block up again, and made none since, has those of before.
    @Test(arguments: [true, false]) func blocksOfAnEarlierActivationCount(isNamed: Bool) throws {
        let region = try stopped()
        try region.change(.active, base: isNamed ? region.lastBlock : nil)
        try region.change(.standby)
        #expect(try region.state.isLeftBehind(by: forced(from: other(95))))
    }

    /// A region's first block of all stands on one that others made.
    @Test func aRegionThatBeganWithAnEmptyLogTellsWhereItBegan() throws {
        let region = try Region("west")
        try region.change(.active)
        let first = try Chain.block(on: Chain.ref(other(98)), slot: 99)
        try region.add(.block, first)
        #expect(region.state.region.inherited == (try Chain.ref(other(98)).id))
        try region.make(through: 105)
        #expect(region.inherited == 98)
        #expect(try stopped().state.isLeftBehind(by: region.report(activated: 50)))
    }

    // MARK: - What follows

    @Test func itIsToldOnce() throws {
        let region = try stopped()
        let (first, again) = (try forced(from: other(95)), try forced(from: other(60), activated: 50))
        let epoch = region.state.region.epoch
        #expect(try region.isLeft(by: first) == .accepted)
        #expect(region.state.region.epoch == epoch && region.state.region.activity == .standby)
        let superseded = try #require(region.state.region.superseded)
        #expect(superseded.by == first && superseded.lostFrom == 91 && superseded.at == 1234)
        #expect(superseded.head == region.head)
        #expect(
            region.state.history.items.last?.event == .leftBehind(by: "west", epoch: 50, fork: 95)
                && region.state.history.items.last?.at == 1234)
        let items = region.state.history.items.count
        for report in [first, again] { #expect(try region.isLeft(by: report) == .refused(.changesNothing)) }
        #expect(region.state.region.superseded == superseded && region.state.history.items.count == items)
        // Another one, later. What was in doubt stays so.
        #expect(try region.isLeft(by: forced(from: other(60), activated: 60)) == .accepted)
        #expect(region.state.region.superseded?.lostFrom == 60)
        #expect(try region.isLeft(by: forced(from: other(97), activated: 70)) == .accepted)
        #expect(region.state.region.superseded?.by.activatedEpoch == 70)
        #expect(region.state.region.superseded?.lostFrom == 60)
    }

    @Test func whatDoesNotFitChangesNothing() throws {
        let report = try forced(from: other(95))
        let active = try stopped()
        try active.change(.active)
        let later = try stopped()
        try later.change(.active, epoch: 60)
        try later.change(.standby)
        for region in [try Region("east"), active, later] {
            let before = region.state.region
            #expect(try region.isLeft(by: report) == .refused(.changesNothing))
            #expect(region.state.region == before)
        }
    }

    /// What the region had is told until it goes on from another block, and not from then on.
    @Test(arguments: [RegionActivity.active, .standby])
    func itsLastBlocksAreForgottenWhenItGoesOn(activity: RegionActivity) throws {
        let region = try stopped()
        let report = try forced(from: other(95))
        _ = try region.isLeft(by: report)
        for number in UInt32(90)...100 { #expect(region.has(number), "height \(number)") }
        try region.change(activity, base: other(200))
        #expect(region.state.region.superseded == nil)
        for number in UInt32(91)...100 { #expect(!region.has(number), "height \(number)") }
        #expect(region.has(90) && region.has(200))
        #expect(!region.state.isLeftBehind(by: report))
    }

    /// An operator gave it a block of the chain: what it had above the fork is gone, and that is not said again.
    @Test(arguments: [93, 95, 100, 150] as [UInt32]) func aBlockThatItWasGivenSinceIsTheChains(number: UInt32) throws {
        let region = try stopped()
        try region.change(.standby, base: other(number))
        #expect(try !region.state.isLeftBehind(by: forced(from: other(92))))
        try region.change(.active)
        try region.make(through: number + 3)
        try region.change(.standby)
        #expect(try region.state.isLeftBehind(by: forced(from: other(92))))
    }

    @Test func historiesAreReadInOneWayOnly() throws {
        let region = try stopped()
        _ = try region.isLeft(by: forced(from: other(95)))
        let snapshot = region.state.snapshot()
        var random = SplitMix64(seed: 5)
        for _ in 0..<3000 {
            var damaged = snapshot
            damaged.state[.random(in: 0..<damaged.state.count, using: &random)] = .random(in: 0...255, using: &random)
            // In the older forms some of it stands elsewhere.
            guard damaged.state[0] == snapshot.state[0], let read = GroupState(damaged) else { continue }
            #expect(read.snapshot().state == damaged.state)
        }
    }

    // MARK: - By a group

    @Test func theLeaderWritesItDown() throws {
        let trio = try Trio(otherRegions: ["west"])
        trio.elect(0)
        trio.lead(for: .milliseconds(1500))
        let first = try Chain.block(on: nil, slot: 10)
        let second = try Chain.block(on: Chain.ref(first), slot: 11)
        for block in [first, second] {
            guard case .committed? = try trio.answer(to: block, at: 0) else {
                Issue.record("the block was not committed")
                return
            }
        }
        let act = OperatorAct(operation: "a", who: "", from: "", reason: "", at: 1)
        let note = SwitchNote(
            id: "s", kind: .planned, from: "east", to: "west", fromExpects: 1, toExpects: 1, act: act)
        for change in [
            .record(.switchBegins(note)),
            .region(RegionChange(expects: 1, epoch: 2, activity: .standby, isPaused: false, switchID: "s")),
        ] as [Change] {
            guard case .applied? = trio.answer(to: change, at: 0) else {
                Issue.record("\(change) was not applied")
                return
            }
        }
        let head = try Chain.ref(second).id
        // The switch is done: west has all.
        var report = RegionReport(
            name: "west", epoch: 3, activity: .active, activatedEpoch: 3, isCurrent: true, head: head, inherited: head)
        trio.hear(report, at: 0)
        trio.lead(for: .seconds(1))
        #expect(trio.replicas.allSatisfy { $0.state.region.superseded == nil })
        // West is forced to go on from the block before. A follower that hears it writes nothing.
        (report.epoch, report.activatedEpoch) = (1_000_000, 1_000_000)
        (report.inherited, report.head) = (try Chain.ref(first).id, try Chain.ref(first).id)
        trio.hear(report, at: 1)
        trio.lead(for: .seconds(1))
        #expect(trio.replicas.allSatisfy { $0.state.region.superseded == nil })
        trio.setWallClock(toSlot: 5000)
        trio.hear(report, at: 0)
        trio.lead(for: .milliseconds(300))
        for replica in trio.replicas {
            let region = replica.state.region
            #expect(region.superseded?.by == report && region.superseded?.head == head)
            #expect(region.epoch == 2 && region.openSwitch == note && region.activity == .standby)
            #expect(region.superseded.map { $0.at / 1000 } == BlockTimestamp(slot: 5000).unixMilliseconds / 1000)
        }
        let end = trio.replicas[0].state.index
        trio.hear(report, at: 0)
        trio.lead(for: .seconds(1))
        #expect(trio.replicas[0].state.index == end, "it says it again")
        // The next leader heard it too.
        trio.cut = [0]
        trio.elect(1)
        trio.lead(for: .milliseconds(1500))
        let items = trio.replicas[1].state.history.items.filter {
            if case .leftBehind = $0.event { true } else { false }
        }
        #expect(items.count == 1)
    }

    @Test func ofSeveralTheLatestIsTold() throws {
        let region = try stopped()
        var watch = RegionWatch(others: ["west", "north"])
        let west = try forced(from: other(95))
        var north = try forced(from: other(200), activated: 60)
        north.name = "north"
        for report in [west, north] { watch.hear(report, from: PeerID(4), at: Instant(nanoseconds: 1)) }
        // North goes on from blocks above, which may be west's.
        #expect(watch.leaver(of: region.state)?.name == "west")
        north = try forced(from: other(98), activated: 70)
        north.name = "north"
        watch.hear(north, from: PeerID(7), at: Instant(nanoseconds: 2))
        #expect(watch.leaver(of: region.state)?.name == "north")
        _ = try region.isLeft(by: north)
        #expect(watch.leaver(of: region.state) == nil)
    }

    /// A peer that has not applied its region's first block yet.
    @Test func whereARegionBeganIsNotForgotten() throws {
        var watch = RegionWatch(others: ["west"])
        let report = try forced(from: other(95))
        var behind = report
        (behind.head, behind.inherited) = (nil, nil)
        for report in [report, behind] { watch.hear(report, from: PeerID(4), at: Instant(nanoseconds: 1)) }
        #expect(watch.heard["west"]?.report.inherited == report.inherited)
        // Another epoch is another story.
        (behind.epoch, behind.activatedEpoch) = (90, 90)
        watch.hear(behind, from: PeerID(4), at: Instant(nanoseconds: 1))
        #expect(watch.heard["west"]?.report.inherited == nil)
    }
}
