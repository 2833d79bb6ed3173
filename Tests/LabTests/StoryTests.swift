// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc
import Testing

@testable import Lab

/// A story told by hand: a block every half second from second 1 on, slots beginning at whole and half seconds.
struct Telling {
    static let grid = SlotGrid(intervalMS: 500, offsetMS: 0, unixMillisecondsAtStart: 1_700_000_000_000)

    var story = DemoStory(regions: DemoRegion.pair, grid: grid)
    var number: UInt32 = 1

    mutating func startAll() {
        for peer in 1...6 {
            story.note(.started(.prodha(peer), pid: 4000 + Int32(peer)), at: .zero)
            answer(peer, role: .follower, leader: peer > 3 ? 4 : 1, at: .milliseconds(500))
        }
    }

    mutating func answer(
        _ peer: Int, role: RaftRole, head: UInt32? = nil, lease: Int = 0, term: UInt64 = 1, leader: Int? = 1,
        reason: CanProduceReason? = .notLeader, region: RegionReport? = nil, at time: Duration
    ) {
        let standing = RegionReport(epoch: 1, standing: peer > 3 ? .standby : .active)
        let report = PeerReport(
            role: role, term: term, leader: leader, leaseRemaining: .milliseconds(lease),
            leaseLength: .milliseconds(750), isLeaseHeld: lease > 0, head: head ?? (number > 1 ? number : nil),
            reason: lease > 0 ? nil : reason, canProduce: lease > 0, region: region ?? standing)
        story.note(.answered(peer: peer, report), at: time)
    }

    /// A block for the slot, acknowledged `late` milliseconds after the slot's start.
    mutating func commit(slot: Int, by peer: Int, term: UInt64, late: Int = 10) {
        number += 1
        story.note(
            .committed(number: number, slot: slot, by: peer, term: term),
            at: Self.grid.start(of: slot) + .milliseconds(late))
    }

    mutating func commit(slots: ClosedRange<Int>, by peer: Int, term: UInt64) {
        for slot in slots { commit(slot: slot, by: peer, term: term) }
    }

    /// Peer 2 leads from second 1; it dies at 12.4, peer 1 takes over at 13.2, after a slot without a block.
    static func afterTakeover() -> Telling {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...24, by: 2, term: 2)
        telling.story.note(.killed(peer: 2), at: .milliseconds(12_400))
        telling.commit(slot: 26, by: 1, term: 3, late: 200)
        return telling
    }

    var words: [String] { story.journal.map(\.text) }
}

struct StoryTests {
    @Test func aTakeoverIsToldWithTheTimeWithoutABlock() {
        let telling = Telling.afterTakeover()
        #expect(
            telling.words == [
                "peer 2 leads term 2 and holds the lease: block 2 is committed", "killed peer 2, the leader",
                "peer 1 leads term 3 and holds the lease: no block for 1.19 s",
            ])
        #expect(telling.story.gaps == [.milliseconds(1190)])
        #expect(telling.story.longestGap == .milliseconds(1190))
        #expect(telling.story.leadersKilled == 1)
        #expect(telling.story.leader == 1)
        #expect(telling.story.outage == nil)
        // Slot 25 has no block; slot 27 is not over.
        #expect(telling.story.missedSlots(at: .milliseconds(13_600)) == 1)
    }

    @Test func aDeadLeadersLastAnswerEndsNoOutage() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...24, by: 2, term: 2)
        telling.story.note(.killed(peer: 2), at: .milliseconds(12_505))
        telling.commit(slot: 25, by: 2, term: 2)
        #expect(telling.story.outage?.leader == 2)
        telling.commit(slot: 26, by: 3, term: 3, late: 300)
        #expect(telling.story.outage == nil)
        // Counted from the dead leader's last acknowledgement.
        #expect(telling.story.gaps == [.milliseconds(790)])
    }

    @Test func aFollowersDeathIsNoOutage() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...10, by: 2, term: 2)
        telling.story.note(.ended(.prodha(3), .signaled(SIGKILL)), at: .milliseconds(5200))
        telling.commit(slot: 11, by: 2, term: 2)
        #expect(telling.words.last == "peer 3: killed by somebody else")
        #expect(telling.story.leadersKilled == 0)
        #expect(telling.story.gaps.isEmpty)
        #expect(telling.story.missedSlots(at: .milliseconds(5700)) == 0)
    }

    @Test func aLeaderKilledBySomebodyElseCountsToo() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...10, by: 2, term: 2)
        telling.story.note(.ended(.prodha(2), .signaled(SIGKILL)), at: .milliseconds(5200))
        #expect(telling.words.last == "peer 2, the leader: killed by somebody else")
        #expect(telling.story.leadersKilled == 1)
    }

    @Test func aPeerHasCaughtUpOnlyAtTheHead() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(16_400))
        telling.commit(slots: 27...33, by: 1, term: 3)
        telling.answer(2, role: .follower, head: 24, term: 3, at: .milliseconds(16_700))
        #expect(telling.story.comingBack == [2])
        telling.answer(2, role: .follower, head: 31, term: 3, at: .milliseconds(16_800))
        #expect(telling.story.comingBack == [], "one block below the head is on its way")
        #expect(telling.words.last == "peer 2 has caught up on 7 blocks, 0.40 s after its start")
    }

    @Test func aPeerThatKnowsNoLeaderHasNotCaughtUp() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(13_300))
        telling.answer(2, role: .follower, leader: nil, at: .milliseconds(13_400))
        #expect(telling.story.comingBack == [2])
    }

    @Test func whatAPeerSaidBeforeItDiedIsForgotten() {
        var telling = Telling.afterTakeover()
        telling.answer(2, role: .leader, lease: 700, at: .milliseconds(12_500))
        #expect(telling.story.peers[2]?.report == nil)
    }

    @Test func leadershipThatMovesWithoutADeathIsTold() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...10, by: 2, term: 2)
        telling.commit(slot: 11, by: 3, term: 4)
        #expect(telling.words.last == "peer 3 leads term 4 now: no block for 0.50 s")
        #expect(telling.story.gaps.isEmpty)
    }

    @Test func whatIsRememberedIsBounded() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...2000, by: 2, term: 2)
        for round in 0..<1000 { telling.story.note(.remark("\(round)"), at: .seconds(round)) }
        #expect(telling.story.journal.count == DemoStory.journalLength)
        #expect(telling.story.missedSlots(at: .seconds(1000)) == 0)
        #expect(telling.story.strip(60, at: .milliseconds(1_000_200)).allSatisfy { $0.is == .committed(by: 2) })
    }

    @Test func newsComesOnce() {
        var telling = Telling.afterTakeover()
        #expect(telling.story.takeNews().count == 3)
        #expect(telling.story.takeNews().isEmpty)
    }
}

/// East is switched to west, and so on.
struct SwitchStoryTests {
    static let east = DemoRegion.pair[0]
    static let west = DemoRegion.pair[1]

    /// East made blocks 2 to 10; the last one, of slot 10, was acknowledged at 5.01 s.
    func telling() -> Telling {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...10, by: 2, term: 2)
        return telling
    }

    @Test func aPlannedSwitchHasAGapAndLosesNothing() {
        var telling = telling()
        telling.story.note(.switching(to: Self.west, .planned), at: .milliseconds(5100))
        telling.commit(slot: 12, by: 5, term: 1, late: 60)
        telling.story.note(.switched, at: .milliseconds(6200))
        let done = Switch(
            kind: .planned, from: "east", to: "west", gap: .milliseconds(1050), slotsMissed: 1, lost: 0)
        #expect(telling.story.switches == [done])
        #expect(telling.words.last == "planned switch east to west: gap 1.1 s, slots missed 1, lost 0")
        #expect(telling.story.active == Self.west)
        #expect(telling.story.turn == .none)
        #expect(telling.story.acts == 1)
        #expect(telling.story.missedSlots(at: .milliseconds(6300)) == 1)
    }

    @Test func theCommandMayEndBeforeTheFirstBlockIsSeen() {
        var telling = telling()
        telling.story.note(.switching(to: Self.west, .planned), at: .milliseconds(5100))
        telling.story.note(.switched, at: .milliseconds(5400))
        telling.commit(slot: 11, by: 5, term: 1)
        #expect(telling.words.last == "planned switch east to west: gap 0.5 s, slots missed 0, lost 0")
    }

    @Test func whatAPlannedSwitchLosesIsCounted() {
        var telling = telling()
        telling.story.note(.switching(to: Self.west, .planned), at: .milliseconds(5100))
        telling.number -= 2
        telling.commit(slot: 11, by: 5, term: 1)
        #expect(telling.story.switches.map(\.lost) == [2])
    }

    @Test func aSwitchBySomebodyElseIsTold() {
        var telling = telling()
        telling.commit(slot: 11, by: 5, term: 1)
        #expect(telling.words.last == "west makes block 11, as somebody else has switched: no block for 0.50 s")
        telling.story.note(.switching(to: Self.east, .planned), at: .seconds(6))
        telling.story.note(.notSwitched, at: .seconds(6))
        telling.commit(slot: 12, by: 1, term: 1)
        #expect(telling.words.last == "east makes block 12, as somebody else has switched: no block for 0.50 s")
        #expect(telling.story.switches.isEmpty)
    }

    @Test func aForcedSwitchIsOverWhenTheRegionHasToldWhatIsLost() {
        var telling = telling()
        telling.story.note(.regionKilled(Self.east), at: .milliseconds(5200))
        #expect(telling.story.leadersKilled == 0, "it is no leader's death")
        #expect(telling.story.voting == [])
        telling.story.note(.switching(to: Self.west, .forced), at: .milliseconds(6200))
        telling.number -= 1
        telling.commit(slot: 13, by: 5, term: 1)
        telling.story.note(.switched, at: .milliseconds(6900))
        #expect(telling.words.last == "forced switch east to west: gap 1.5 s, slots missed 2, lost 1")
        #expect(telling.story.turn == .returning(Self.east, since: .milliseconds(6900)))
        #expect(telling.story.acts == 0)
        telling.story.note(.lossTold(Self.east, blocks: 2), at: .seconds(9))
        #expect(telling.story.switches.map(\.lost) == [2], "one more was committed, and never acknowledged")
        #expect(telling.story.acts == 1)
        #expect(telling.story.turn == .none)
    }

    @Test func aRegionHasGivenWayWhenAllItsPeersSaySo() {
        var telling = telling()
        telling.story.note(.regionKilled(Self.east), at: .milliseconds(5200))
        for peer in 1...3 { telling.story.note(.started(.prodha(peer), pid: 5000), at: .seconds(8)) }
        let gaveWay = RegionReport(epoch: 2, standing: .standby, isSuperseded: true)
        for peer in 1...3 {
            #expect(!telling.story.hasGivenWay(Self.east))
            telling.answer(peer, role: .follower, region: gaveWay, at: .seconds(9))
        }
        #expect(telling.story.hasGivenWay(Self.east))
        telling.answer(3, role: .follower, at: .seconds(9))
        #expect(!telling.story.hasGivenWay(Self.east), "peer 3 is not so far")
    }

    @Test func aRegionCatchesUpOnItsOwnBlocksAlone() {
        var telling = telling()
        telling.story.note(.ended(.prodha(6), .signaled(SIGKILL)), at: .milliseconds(5200))
        telling.story.note(.started(.prodha(6), pid: 5000), at: .milliseconds(5300))
        telling.commit(slots: 11...30, by: 2, term: 2)
        telling.answer(6, role: .follower, head: 1, leader: 4, at: .seconds(16))
        #expect(telling.story.comingBack == [], "a standby region's log does not grow")
    }
}

struct ScriptTests {
    let script = DemoScript(killEvery: .seconds(8), duration: .seconds(30))

    @Test func theLeaderIsKilledSomeSecondsAfterTheFirstBlock() {
        var telling = Telling()
        telling.startAll()
        #expect(script.step(telling.story, at: .milliseconds(900)) == .wait("the first block is yet to come"))
        telling.commit(slots: 2...17, by: 2, term: 2)
        #expect(script.step(telling.story, at: .milliseconds(9_040)) == .wait("the leader is killed in 0.1 s"))
        #expect(script.step(telling.story, at: .milliseconds(9_140)) == .kill(peer: 2))
    }

    @Test func theDeadPeerComesBackHalfWayToTheNextDeath() {
        let telling = Telling.afterTakeover()
        #expect(script.step(telling.story, at: .milliseconds(16_300)) == .wait("peer 2 is started again in 0.1 s"))
        #expect(script.step(telling.story, at: .milliseconds(16_400)) == .start(peer: 2))
    }

    @Test func nobodyIsKilledBeforeTheOtherHasCaughtUp() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(16_400))
        #expect(script.step(telling.story, at: .milliseconds(20_530)) == .wait("peer 2 catches up"))
        telling.answer(2, role: .follower, term: 3, at: .milliseconds(20_530))
        let west = DemoRegion.pair[1]
        #expect(script.step(telling.story, at: .milliseconds(20_530)) == .switchOver(to: west, .planned))
    }

    @Test func nobodyIsKilledTooLateToSeeWhatFollows() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(16_400))
        telling.answer(2, role: .follower, term: 3, at: .milliseconds(17_000))
        let short = DemoScript(killEvery: .seconds(8), duration: .seconds(24))
        #expect(short.step(telling.story, at: .milliseconds(20_530)) == .wait("it ends in 3.5 s"))
        #expect(short.step(telling.story, at: .milliseconds(24_000)) == .finish)
    }

    @Test func theActiveRegionDiesAndIsForcedAway() {
        let (east, west) = (DemoRegion.pair[0], DemoRegion.pair[1])
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...17, by: 2, term: 2)
        for _ in 1...3 {
            telling.story.note(.switching(to: west, .planned), at: .seconds(8))
            telling.story.note(.switched, at: .seconds(9))
        }
        let long = DemoScript(killEvery: .seconds(8), duration: .seconds(60))
        #expect(long.step(telling.story, at: .milliseconds(17_030)) == .wait("all of east is killed in 0.1 s"))
        #expect(
            long.step(telling.story, at: .milliseconds(17_130))
                == .wait("all of east is killed after its next block"))
        telling.commit(slot: 34, by: 2, term: 2, late: 110)
        #expect(long.step(telling.story, at: .milliseconds(17_130)) == .killRegion(east))
        telling.story.note(.regionKilled(east), at: .milliseconds(17_130))
        #expect(
            long.step(telling.story, at: .milliseconds(17_230)) == .wait("the switch to west is forced in 0.9 s"))
        #expect(long.step(telling.story, at: .milliseconds(18_130)) == .switchOver(to: west, .forced))
        telling.story.note(.switching(to: west, .forced), at: .milliseconds(18_130))
        telling.story.note(.notSwitched, at: .milliseconds(18_200))
        #expect(long.step(telling.story, at: .milliseconds(19_200)) == .switchOver(to: west, .forced))
        telling.story.note(.switching(to: west, .forced), at: .milliseconds(19_200))
        telling.story.note(.switched, at: .seconds(20))
        #expect(
            long.step(telling.story, at: .seconds(20)) == .wait("all of east is started again in 4.0 s"))
        #expect(long.step(telling.story, at: .seconds(24)) == .start(peer: 1))
        for peer in 1...3 { telling.story.note(.started(.prodha(peer), pid: 5000), at: .seconds(24)) }
        #expect(
            long.step(telling.story, at: .seconds(24))
                == .wait("east hears that it is no longer the active region"))
        #expect(
            long.step(telling.story, at: .seconds(44)) == .giveUp("east is back and does not give way"))
        let gaveWay = RegionReport(epoch: 2, standing: .standby, isSuperseded: true)
        for peer in 1...3 { telling.answer(peer, role: .follower, region: gaveWay, at: .seconds(25)) }
        #expect(long.step(telling.story, at: .seconds(25)) == .askForLoss(east))
    }

    @Test func aSwitchThatIsRefusedAgainAndAgainEndsIt() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(16_400))
        telling.answer(2, role: .follower, term: 3, at: .milliseconds(17_000))
        for _ in 1...DemoScript.mostFailures {
            telling.story.note(.switching(to: DemoRegion.pair[1], .planned), at: .seconds(18))
            telling.story.note(.notSwitched, at: .seconds(18))
        }
        let long = DemoScript(killEvery: .seconds(8), duration: .seconds(60))
        #expect(long.step(telling.story, at: .seconds(19)) == .giveUp("the switch to west is refused"))
    }

    @Test func onceIsOverWhenAllWasShown() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...17, by: 2, term: 2)
        let once = DemoScript(killEvery: .seconds(8), duration: nil, isOnce: true)
        for act in DemoScript.acts {
            #expect(once.step(telling.story, at: .seconds(9)) != .finish, "\(act)")
            telling.story.note(.switching(to: DemoRegion.pair[1], .planned), at: .seconds(8))
            telling.story.note(.switched, at: .seconds(9))
        }
        #expect(once.step(telling.story, at: .seconds(9)) == .finish)
        telling.story.note(.ended(.prodha(3), .signaled(SIGKILL)), at: .seconds(9))
        #expect(once.step(telling.story, at: .seconds(10)) != .finish, "a peer is down")
    }

    @Test func withoutKillsItJustGoesOn() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...200, by: 2, term: 2)
        let calm = DemoScript(killEvery: nil, duration: nil)
        #expect(calm.step(telling.story, at: .milliseconds(100_100)) == .wait("it goes on until ^C"))
    }
}

struct GridTests {
    @Test func slotsBeginAtMultiplesOfTheWallClock() {
        let grid = SlotGrid(intervalMS: 500, offsetMS: 123, unixMillisecondsAtStart: 1_700_000_000_123)
        #expect(grid.slot(at: .zero) == 0)
        #expect(grid.slot(at: .milliseconds(376)) == 0)
        #expect(grid.slot(at: .milliseconds(377)) == 1)
        #expect(grid.start(of: 1) == .milliseconds(377))
        #expect(grid.timestamp(of: 1)?.unixMilliseconds == 1_700_000_000_500)
    }

    @Test func numbersAreWrittenWithTheirDecimals() {
        #expect(Duration.milliseconds(794).text() == "0.79 s")
        #expect(Duration.milliseconds(12_045).text(decimals: 1) == "12.0 s")
        #expect(Duration.milliseconds(-60).text(decimals: 1) == "-0.1 s")
        #expect(decimal(0.996, 2) == "1.00")
        #expect(list([1, 2, 3]) == "1, 2 and 3")
        #expect([Duration.seconds(3), .seconds(1), .seconds(2)].median == .seconds(2))
        #expect([Duration.seconds(3), .seconds(1)].median == .seconds(2))
        #expect([Duration]().median == nil)
    }
}
