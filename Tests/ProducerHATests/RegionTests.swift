// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import ProducerHA

/// Several regions, each with a group of its own.
@Suite struct RegionTests {
    private static func act(_ operation: String) -> OperatorAct {
        OperatorAct(operation: operation, who: "alice@bp1", from: "10.0.0.1", reason: "why", at: 1000)
    }

    private static func note(_ id: String, kind: SwitchKind = .planned) -> SwitchNote {
        SwitchNote(id: id, kind: kind, from: "east", to: "west", fromExpects: 1, toExpects: 2, act: act("\(id)/begin"))
    }

    private static func report(
        _ activity: RegionActivity, epoch: UInt64, activated: UInt64, isCurrent: Bool = true, name: String = "west"
    ) -> RegionReport {
        RegionReport(
            name: name, epoch: epoch, activity: activity, activatedEpoch: activated, isCurrent: isCurrent,
            head: BlockID(number: 7, digest: .zero))
    }

    private static let known = GivenUpRegion.Known(
        head: BlockID(number: 123, digest: .zero), teller: PeerID(2), source: .beacon, ageMS: 1200)

    private final class Log {
        var state = GroupState()

        @discardableResult
        func apply(_ record: Record) -> Applied {
            state.apply(Entry(index: state.index + 1, term: 3, kind: .operation, payload: record.encoded()))
        }

        @discardableResult
        func change(
            _ activity: RegionActivity, isPaused: Bool = false, expects: UInt64? = nil, epoch: UInt64? = nil,
            switchID: String? = nil, renews: Bool = false, base: [UInt8]? = nil, givenUp: GivenUpRegion? = nil
        ) -> Applied {
            let stands = state.region.epoch
            let change = RegionChange(
                expects: expects ?? stands, epoch: epoch ?? (expects ?? stands) + 1, activity: activity,
                isPaused: isPaused, base: base, act: RegionTests.act("c\(state.index)"), switchID: switchID,
                renews: renews, isForced: givenUp != nil, givenUp: givenUp)
            return state.apply(
                Entry(index: state.index + 1, term: 3, kind: .region, payload: change.encoded()))
        }
    }

    // MARK: - The state

    @Test func onlyBecomingActiveCountsAsActivation() {
        let log = Log()
        log.change(.active)
        #expect(log.state.region.activatedEpoch == 1)
        log.change(.active, isPaused: true)
        log.change(.active)
        #expect(log.state.region.epoch == 3 && log.state.region.activatedEpoch == 1)
        log.change(.standby)
        #expect(log.state.region.activatedEpoch == 1)
        log.change(.active, epoch: 1_000_000)
        #expect(log.state.region.activatedEpoch == 1_000_000)
        // Active anew, although it is active.
        #expect(log.change(.active) == .refused(.changesNothing))
        #expect(log.change(.active, renews: true) == .accepted)
        #expect(log.state.region.activatedEpoch == 1_000_001)
        #expect(GroupState(log.state.snapshot()) == log.state)
    }

    @Test func aSealRaisesTheEpochOfWhatStandsAlready() {
        let log = Log()
        log.change(.standby)
        #expect(log.change(.standby) == .refused(.changesNothing))
        #expect(log.change(.standby, renews: true) == .accepted)
        #expect(log.state.region.epoch == 2 && log.state.region.activatedEpoch == 0)
        // What was asked for with the epoch before comes too late.
        #expect(log.change(.active, expects: 1, epoch: 50) == .refused(.epochChanged(2)))
        #expect(log.state.region.activity == .standby)
    }

    @Test func oneSwitchAtATime() {
        let log = Log()
        log.change(.active)
        #expect(log.change(.standby, switchID: "a") == .refused(.noSuchSwitch))
        #expect(log.apply(.switchBegins(Self.note("a"))) == .accepted)
        #expect(log.apply(.switchBegins(Self.note("a"))) == .refused(.changesNothing))
        #expect(log.apply(.switchBegins(Self.note("b"))) == .refused(.switchRunning))
        #expect(log.change(.standby, switchID: "b") == .refused(.noSuchSwitch))
        #expect(log.state.region.epoch == 1)
        #expect(log.change(.standby, switchID: "a") == .accepted)
        #expect(GroupState(log.state.snapshot()) == log.state)
        let end = SwitchEnd(id: "a", isDone: true, words: "west produces", gapMS: 500, at: 3000)
        #expect(log.apply(.switchEnds(SwitchEnd(id: "b", isDone: true, words: "", at: 1))) == .refused(.noSuchSwitch))
        #expect(log.apply(.switchEnds(end)) == .accepted)
        #expect(log.apply(.switchEnds(end)) == .refused(.noSuchSwitch))
        // A step that comes late changes nothing any more.
        #expect(log.change(.active, switchID: "a") == .refused(.noSuchSwitch))
        let item = log.state.history.item(of: "a/begin")
        #expect(item?.ending == .init(isDone: true, words: "west produces", at: 3000, term: 3))
        #expect(log.state.region.openSwitch == nil && log.state.region.lastDrill == nil)
        #expect(GroupState(log.state.snapshot()) == log.state)
    }

    @Test func onlyADrillThatIsDoneIsRemembered() {
        for (kind, isDone, isKept) in [
            (SwitchKind.drill, true, true), (.drill, false, false), (.planned, true, false),
        ] {
            let log = Log()
            log.apply(.switchBegins(Self.note("a", kind: kind)))
            log.apply(.switchEnds(SwitchEnd(id: "a", isDone: isDone, words: "", gapMS: 800, at: 9)))
            #expect(log.state.region.lastDrill == (isKept ? .init(at: 9, gapMS: 800) : nil))
            #expect(GroupState(log.state.snapshot()) == log.state)
        }
    }

    /// The loss record.
    @Test func theHistoryKeepsWhatWasKnownOfARegionThatWasGivenUp() throws {
        let log = Log()
        log.change(.active)
        let base = try Chain.block(on: nil, slot: 10)
        log.change(.standby, base: base)
        let lost = GivenUpRegion(name: "east", known: Self.known)
        // It names no block to go on from, and the record has it all the same.
        #expect(log.change(.active, epoch: 1_000_000, givenUp: lost) == .accepted)
        let state = try #require(GroupState(log.state.snapshot()))
        #expect(state == log.state)
        let item = try #require(state.history.items.last)
        #expect(item.givenUp == lost && item.act?.who == "alice@bp1" && item.epoch == 1_000_000)
        #expect(item.event == .region(.active, isPaused: false, base: try Chain.ref(base).number))
        #expect(state.history.items.dropLast().allSatisfy { $0.givenUp == nil })
    }

    /// Of two that are active since the same epoch one is declared right. It did not begin there.
    @Test func aRegionThatIsActiveAnewGoesOnFromItsHead() throws {
        let log = Log()
        log.change(.active)
        let base = try Chain.block(on: nil, slot: 10)
        log.change(.active, base: base)
        let block = try Chain.block(on: try Chain.ref(base), slot: 11)
        _ = log.state.apply(Entry(index: log.state.index + 1, term: 3, kind: .block, payload: block))
        let lost = GivenUpRegion(name: "east", known: Self.known)
        #expect(log.change(.active, epoch: 1_000_000, renews: true, givenUp: lost) == .accepted)
        #expect(log.state.region.base == (try Chain.ref(block).id))
        let item = try #require(log.state.history.items.last)
        // How far the other one came does not say what is lost.
        #expect(item.givenUp == lost && item.event == .region(.active, isPaused: false, base: nil))
    }

    /// An operator gives a region that was overtaken the chain's block, which is not lost then.
    @Test func aBlockThatIsGivenSettlesWhatWasLost() throws {
        let log = Log()
        log.change(.active)
        let report = Self.report(.active, epoch: 91, activated: 91)
        let fence = RegionChange(
            expects: 1, epoch: 2, activity: .standby, isPaused: false, superseder: report, lostFrom: 12)
        _ = log.state.apply(Entry(index: log.state.index + 1, term: 3, kind: .region, payload: fence.encoded()))
        #expect(log.state.region.superseded?.lostFrom == 12 && GroupState(log.state.snapshot()) == log.state)
        log.change(.standby, isPaused: true)
        #expect(log.state.region.superseded?.by == report)
        log.change(.standby, isPaused: true, base: try Chain.block(on: nil, slot: 10))
        #expect(log.state.region.superseded == nil && log.state.region.activity == .standby)
    }

    @Test func aRecordOfWhatWasKnownIsReadAsItWasWritten() {
        let head = BlockID(number: 123, digest: .zero)
        let regions = [
            GivenUpRegion(name: ""), GivenUpRegion(name: "east", epoch: 1 << 60),
            GivenUpRegion(name: "east", known: Self.known),
            GivenUpRegion(
                name: String(repeating: "e", count: OperatorAct.longestName),
                known: .init(head: head, teller: nil, source: .command, ageMS: .max)),
        ]
        var random = SplitMix64(seed: 12)
        for region in regions {
            let change = RegionChange(
                expects: 1, epoch: 2, activity: .active, isPaused: false, isForced: true, givenUp: region)
            let bytes = change.encoded()
            #expect(RegionChange(encoded: bytes) == change && RegionChange(encoded: bytes + [0]) == nil)
            for length in bytes.indices { #expect(RegionChange(encoded: Array(bytes[..<length])) == nil) }
            for _ in 0..<2000 {
                var damaged = bytes
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                if let read = RegionChange(encoded: damaged) { #expect(read.encoded() == damaged) }
            }
        }
        let long = GivenUpRegion(name: String(repeating: "e", count: OperatorAct.longestName + 1))
        let change = RegionChange(expects: 1, epoch: 2, activity: .active, isPaused: false, givenUp: long)
        #expect(RegionChange(encoded: change.encoded()) == nil)
    }

    @Test func ofTwoWordsTheHigherBlockCountsAndThenTheYoungerOne() {
        func word(_ number: UInt32, _ age: UInt64) -> GivenUpRegion.Known {
            .init(head: BlockID(number: number, digest: .zero), teller: nil, source: .command, ageMS: age)
        }
        func region(_ number: UInt32, _ age: UInt64, epoch: UInt64 = 0) -> GivenUpRegion {
            GivenUpRegion(name: "east", epoch: epoch, known: word(number, age))
        }
        let nothing = GivenUpRegion(name: "east")
        let own = GivenUpRegion(name: "east", known: Self.known)
        #expect(nothing.knowing(nothing) == nothing && own.knowing(nothing) == own)
        #expect(nothing.knowing(own) == own)
        #expect(own.knowing(region(122, 0)) == own && own.knowing(region(123, 1300)) == own)
        #expect(own.knowing(region(124, 9000)).known == word(124, 9000))
        #expect(own.knowing(region(123, 1100)).known == word(123, 1100))
        // Each of the two counts for itself.
        #expect(own.knowing(region(122, 0, epoch: 7)) == GivenUpRegion(name: "east", epoch: 7, known: Self.known))
        #expect(region(1, 0, epoch: 7).knowing(own) == GivenUpRegion(name: "east", epoch: 7, known: Self.known))
    }

    /// Two peers that tell each other what they heard must not make it young again.
    @Test func whatWasHeardOfARegionGrowsOld() {
        func report(_ number: UInt32, epoch: UInt64 = 3) -> RegionReport {
            RegionReport(
                name: "west", epoch: epoch, activity: .active, activatedEpoch: 2, isCurrent: false,
                head: BlockID(number: number, digest: .zero))
        }
        func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }
        var watch = RegionWatch(others: ["west", "north"])
        #expect(watch.givenUp(nil, at: at(1000)) == GivenUpRegion(name: ""))
        watch.hear(report(7), from: PeerID(2), at: at(1000))
        for time in stride(from: Int64(2000), through: 9000, by: 1000) {
            // Another peer of this group tells what it heard then.
            watch.hear(report(7).asHearsay, from: PeerID(2), at: at(1000))
            #expect(watch.heard["west"]?.at == at(1000))
            #expect(watch.givenUp(nil, at: at(time)).known?.ageMS == UInt64(time - 1000))
        }
        // One that is behind says so of the head alone, and the block stays the word of whoever told it.
        watch.hear(report(5), from: PeerID(3), at: at(10_000))
        // Nor does it make old what was heard here since.
        watch.hear(report(7).asHearsay, from: PeerID(2), at: at(1000))
        let known = watch.givenUp("west", at: at(10_500))
        #expect(known.known == .init(head: report(7).head ?? .zero, teller: PeerID(2), source: .beacon, ageMS: 500))
        watch.hear(report(5, epoch: 2), from: PeerID(3), at: at(11_000))
        #expect(watch.givenUp("west", at: at(11_500)).known?.ageMS == 500)
        watch.hear(report(8), from: PeerID(3), at: at(12_000))
        #expect(watch.givenUp("west", at: at(12_000)).known?.teller == PeerID(3))
        #expect(watch.givenUp("west", at: at(12_000)).epoch == 3)
        #expect(watch.givenUp("north", at: at(12_000)) == GivenUpRegion(name: "north"))
        #expect(watch.givenUp(nil, at: at(12_000)).name == "west")
    }

    @Test func entriesAreReadAsTheyWereWritten() {
        let records: [Record] = [
            .confirm(expects: 1 << 40, Self.act("c")), .switchBegins(Self.note("a", kind: .forced)),
            .switchEnds(SwitchEnd(id: "a", isDone: false, words: "why", at: -5)),
            .switchEnds(SwitchEnd(id: "a", isDone: true, words: "", gapMS: -1, at: 5)),
            .leftBehind(by: Self.report(.active, epoch: 7, activated: 3), lostFrom: .max, at: -1),
        ]
        var random = SplitMix64(seed: 11)
        for record in records {
            let bytes = record.encoded()
            #expect(Record(encoded: bytes) == record && Record(encoded: bytes + [0]) == nil)
            for length in bytes.indices { #expect(Record(encoded: Array(bytes[..<length])) == nil) }
            for _ in 0..<2000 {
                var damaged = bytes
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                if let read = Record(encoded: damaged) { #expect(read.encoded() == damaged) }
            }
        }
        let report = Self.report(.activating, epoch: 7, activated: 3, isCurrent: false)
        #expect(RegionReport(encoded: report.encoded()) == report)
        for switchID in [nil, "a"] {
            for renews in [false, true] {
                for superseder in [nil, report] {
                    for act in [nil, Self.act("x")] {
                        let change = RegionChange(
                            expects: 1, epoch: 2, activity: .standby, isPaused: true, base: [1, 2], act: act,
                            switchID: switchID, renews: renews, superseder: superseder, lostFrom: 7)
                        #expect(RegionChange(encoded: change.encoded()) == change)
                        #expect(RegionChange(encoded: change.encoded() + [0]) == nil)
                    }
                }
            }
        }
    }

    // MARK: - Fencing

    private func trio(returnGate: Duration? = nil) throws -> Trio {
        let trio = try Trio(otherRegions: ["west"], returnGate: returnGate)
        trio.elect(0)
        trio.lead(for: .milliseconds(1500))
        return trio
    }

    @Test func aRegionThatWasOvertakenStopsAtOnceAndFencesItself() throws {
        let trio = try trio()
        #expect(trio.obstacle(0) == nil)
        trio.hear(Self.report(.standby, epoch: 90, activated: 1, isCurrent: false), at: 0)
        // A standby region's epoch says nothing, nor does an activation before this region's own.
        #expect(trio.obstacle(0) == nil)
        trio.cut = [1, 2]
        trio.hear(Self.report(.active, epoch: 91, activated: 91), at: 0)
        // Before anything is committed.
        #expect(trio.obstacle(0) == .regionsInConflict)
        let block = try Chain.block(on: nil, slot: 10)
        #expect(try trio.answer(to: block, at: 0) == .refused(.obstacle(.regionsInConflict)))
        trio.cut = []
        trio.lead(for: .milliseconds(300))
        for replica in trio.replicas {
            #expect(replica.state.region.activity == .standby && replica.state.region.epoch == 2)
            #expect(replica.state.region.superseded?.by.activatedEpoch == 91)
        }
        // Active again, after the other: the right one.
        let change = RegionChange(expects: 2, epoch: 92, activity: .active, isPaused: false)
        guard case .applied? = trio.answer(to: .region(change), at: 0) else {
            Issue.record("it was not activated again")
            return
        }
        #expect(trio.obstacle(0) == nil && trio.replicas[0].state.region.superseded == nil)
    }

    /// The other region may have been made standby since by a planned switch to a third one.
    @Test func anActivationCountsEvenWhenItIsOver() throws {
        let trio = try trio()
        trio.hear(Self.report(.standby, epoch: 93, activated: 91, isCurrent: false), at: 0)
        trio.lead(for: .milliseconds(300))
        #expect(trio.replicas[1].state.region.activity == .standby)
    }

    @Test func whatAFollowerHearsIsNotForgottenWhenItLeads() throws {
        let trio = try trio()
        trio.hear(Self.report(.active, epoch: 91, activated: 91), at: 1)
        #expect(trio.replicas[1].state.region.activity == .active)
        trio.cut = [0]
        trio.elect(1)
        // At no moment may it produce.
        #expect(trio.obstacle(1) != nil)
        trio.lead(for: .milliseconds(1500))
        #expect(trio.replicas[1].state.region.activity == .standby)
    }

    @Test func withEqualEpochsBothStopUntilOneGivesWay() throws {
        let trio = try trio()
        trio.hear(Self.report(.active, epoch: 1, activated: 1), at: 0)
        #expect(trio.obstacle(0) == .regionsInConflict)
        trio.lead(for: .milliseconds(300))
        // Neither is right, so neither gives way by itself.
        #expect(trio.replicas[0].state.region.activity == .active && trio.obstacle(0) == .regionsInConflict)
        // What is old does not undo what is new.
        trio.hear(Self.report(.standby, epoch: 2, activated: 1), at: 0)
        trio.hear(Self.report(.active, epoch: 1, activated: 1), at: 0)
        #expect(trio.obstacle(0) == nil)
    }

    @Test func regionsThatAreNotConfiguredAreNotBelieved() throws {
        let trio = try trio()
        trio.hear(Self.report(.active, epoch: 91, activated: 91, name: "north"), at: 0)
        #expect(trio.obstacle(0) == nil)
    }

    // MARK: - The return gate

    @Test func aGroupThatComesBackAsksTheOthersFirst() throws {
        let trio = try trio(returnGate: .seconds(10))
        // A new group: no block says that it was alive a moment ago.
        #expect(trio.obstacle(0) == .regionUnconfirmed)
        // One that does not know how its region stands, and what a peer heard of one, are no answers.
        trio.hear(Self.report(.standby, epoch: 1, activated: 0, isCurrent: false), at: 0)
        trio.hear(Self.report(.standby, epoch: 1, activated: 0).asHearsay, at: 0)
        #expect(trio.obstacle(0) == .regionUnconfirmed)
        trio.hear(Self.report(.standby, epoch: 1, activated: 0), at: 0)
        #expect(trio.obstacle(0) == nil)
    }

    @Test func anAnswerFromBeforeItLedIsNone() throws {
        let trio = try trio(returnGate: .seconds(10))
        trio.hear(Self.report(.standby, epoch: 1, activated: 0), at: 1)
        trio.lead(for: .seconds(1))
        trio.cut = [0]
        trio.elect(1)
        trio.lead(for: .milliseconds(1500))
        #expect(trio.obstacle(1) == .regionUnconfirmed)
        trio.hear(Self.report(.standby, epoch: 1, activated: 0), at: 1)
        #expect(trio.obstacle(1) == nil)
    }

    @Test(arguments: [0, 19, 20, 21, 22, 3000]) func aFreshHeadNeedsNoAnswer(age: UInt32) throws {
        let trio = try trio(returnGate: .seconds(10))
        trio.hear(Self.report(.standby, epoch: 1, activated: 0), at: 0)
        guard case .committed? = try trio.answer(to: try Chain.block(on: nil, slot: 5000), at: 0) else {
            Issue.record("the block was not committed")
            return
        }
        trio.lead(for: .milliseconds(200))
        trio.cut = [0]
        trio.elect(1)
        trio.lead(for: .milliseconds(1500))
        #expect(trio.obstacle(1) == .regionUnconfirmed)
        trio.setWallClock(toSlot: 5000 + age)
        trio.step(1, .tick)
        #expect(trio.obstacle(1) == (age <= 20 ? nil : .regionUnconfirmed))
    }

    @Test func aFreshBlockThatItWasGivenIsNoAnswer() throws {
        let trio = try trio(returnGate: .seconds(10))
        let rebase = RegionChange(
            expects: 1, epoch: 2, activity: .active, isPaused: false, base: try Chain.block(on: nil, slot: 5000))
        guard case .applied? = trio.answer(to: .region(rebase), at: 0) else {
            Issue.record("the block was not given")
            return
        }
        trio.setWallClock(toSlot: 5000)
        trio.step(0, .tick)
        #expect(trio.obstacle(0) == .regionUnconfirmed)
    }

    @Test func anOperatorsWordIsGoodUntilTheNextBlock() throws {
        let trio = try trio(returnGate: .seconds(10))
        #expect(
            trio.answer(to: .record(.confirm(expects: 7, Self.act("c"))), at: 0)
                == .refused(.doesNotFit(.epochChanged(1))))
        #expect(trio.obstacle(0) == .regionUnconfirmed)
        guard case .applied? = trio.answer(to: .record(.confirm(expects: 1, Self.act("c"))), at: 0) else {
            Issue.record("the word was not taken")
            return
        }
        #expect(trio.obstacle(0) == nil)
        // It is the group's, not the leader's.
        trio.cut = [0]
        trio.elect(1)
        trio.lead(for: .milliseconds(1500))
        #expect(trio.obstacle(1) == nil)
        guard case .committed? = try trio.answer(to: try Chain.block(on: nil, slot: 10), at: 1) else {
            Issue.record("the block was not committed")
            return
        }
        trio.cut = []
        trio.lead(for: .milliseconds(500))
        trio.cut = [1]
        trio.elect(2)
        trio.lead(for: .milliseconds(1500))
        #expect(trio.obstacle(2) == .regionUnconfirmed)
    }

    @Test func withoutAGateNobodyIsAsked() throws {
        #expect(try trio(returnGate: nil).obstacle(0) == nil)
    }

    @Test func onlyWhoKnowsHowItsRegionStandsSaysThatItIsSo() throws {
        let trio = try trio()
        for replica in trio.replicas {
            #expect(replica.regionReport(named: "east", at: trio.now)?.isCurrent == true)
        }
        trio.cut = [2]
        trio.lead(for: .seconds(2))
        trio.now = trio.now + .seconds(4)
        trio.step(2, .tick)
        #expect(trio.replicas[2].regionReport(named: "east", at: trio.now)?.isCurrent == false)
        // A leader whose lease has run out may have been replaced.
        #expect(trio.replicas[0].regionReport(named: "east", at: trio.now)?.isCurrent == false)
    }
}
