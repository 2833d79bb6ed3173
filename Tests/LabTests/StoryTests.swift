// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc
import Testing

@testable import Lab

/// A story told by hand: a block every half second from second 1 on, slots beginning at whole and half seconds.
struct Telling {
    static let grid = SlotGrid(intervalMS: 500, offsetMS: 0, unixMillisecondsAtStart: 1_700_000_000_000)

    var story = DemoStory(peers: [1, 2, 3], quorum: 2, grid: grid)
    var number: UInt32 = 1

    mutating func startAll() {
        for peer in 1...3 {
            story.note(.started(.prodha(peer), pid: 4000 + Int32(peer)), at: .zero)
            answer(peer, role: .follower, at: .milliseconds(500))
        }
    }

    mutating func answer(
        _ peer: Int, role: RaftRole, head: UInt32? = nil, lease: Int = 0, term: UInt64 = 1, leader: Int? = 1,
        reason: CanProduceReason? = .notLeader, at time: Duration
    ) {
        let report = PeerReport(
            role: role, term: term, leader: leader, leaseRemaining: .milliseconds(lease),
            leaseLength: .milliseconds(750), isLeaseHeld: lease > 0, head: head ?? (number > 1 ? number : nil),
            reason: lease > 0 ? nil : reason, canProduce: lease > 0)
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
        #expect(script.step(telling.story, at: .milliseconds(20_530)) == .kill(peer: 1))
    }

    @Test func nobodyIsKilledTooLateToSeeWhatFollows() {
        var telling = Telling.afterTakeover()
        telling.story.note(.started(.prodha(2), pid: 5002), at: .milliseconds(16_400))
        telling.answer(2, role: .follower, term: 3, at: .milliseconds(17_000))
        let short = DemoScript(killEvery: .seconds(8), duration: .seconds(25))
        #expect(short.step(telling.story, at: .milliseconds(20_530)) == .wait("it ends in 4.5 s"))
        #expect(short.step(telling.story, at: .milliseconds(25_000)) == .finish)
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
