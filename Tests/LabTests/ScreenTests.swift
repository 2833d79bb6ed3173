// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc
import Testing

@testable import Lab

struct ScreenTests {
    let screen = DemoScreen(glyphs: .ascii)

    func text(_ story: DemoStory, next: String = "the leader is killed in 1.0 s", at time: Duration) -> [String] {
        screen.lines(story, next: next, at: time).map { line in
            let text = line.description
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
    }

    @Test func aFrameTellsTheWholeStory() {
        var telling = Telling.afterTakeover()
        telling.answer(1, role: .leader, lease: 642, term: 3, at: .milliseconds(13_280))
        telling.answer(3, role: .follower, term: 3, at: .milliseconds(13_290))
        #expect(
            text(telling.story, next: "peer 2 is started again in 3.1 s", at: .milliseconds(13_300)) == [
                "prodha demo  2 regions of 3 peers, a block every 0.5 s      13.3 s   ^C ends it",
                "Peer 1 of east produces (peer 2 is down): 24 blocks on at least 2 disks.",
                "",
                "east, active, epoch 1               lease                head  produces",
                "   1  pid 4001     leader        3  #########- 622 ms      25  yes",
                "   2  killed 0.9 s ago",
                "   3  pid 4003     follower      3  no                     25  no: follows",
                "west, standby, epoch 1              lease                head  produces",
                "   4  pid 4004     no answer for 12.8 s",
                "   5  pid 4005     no answer for 12.8 s",
                "   6  pid 4006     no answer for 12.8 s",
                "",
                "chain: per slot, who led at its block; '.' no block, x kill, > switch",
                "                                       22222222222222222222222.1  block 25",
                "                                                             x",
                "gaps: last 1.19 s, median 1.19 s, longest 1.19 s; 1 kill, 1 slot missed",
                "switches: none yet",
                "",
                "    1.0 s  peer 2 leads term 2 and holds the lease: block 2 is committed",
                "   12.4 s  killed peer 2, the leader",
                "   13.2 s  peer 1 leads term 3 and holds the lease: no block for 1.19 s",
                "",
                "next: peer 2 is started again in 3.1 s",
            ])
    }

    @Test func theHeadlineTellsOfAnOutage() {
        var telling = Telling()
        telling.startAll()
        #expect(
            screen.headline(telling.story, at: .seconds(1)).description
                == "The peers start; 2 of them must agree on a leader.")
        telling.commit(slots: 2...24, by: 2, term: 2)
        #expect(
            screen.headline(telling.story, at: .milliseconds(12_300)).description
                == "Peer 2 of east produces: 23 blocks on at least 2 disks.")
        telling.story.note(.killed(peer: 2), at: .milliseconds(12_400))
        #expect(
            screen.headline(telling.story, at: .milliseconds(12_710)).description
                == "Peer 2, the leader, is dead; peers 1 and 3 elect the next. No block for 0.7 s.")
        telling.answer(1, role: .leader, term: 3, reason: .leaseWait, at: .milliseconds(12_750))
        #expect(
            screen.headline(telling.story, at: .milliseconds(12_790)).description
                == "Peer 2 is dead; peer 1 is elected and waits out its lease. No block for 0.8 s.")
        telling.story.note(.ended(.prodha(3), .signaled(SIGKILL)), at: .milliseconds(12_800))
        #expect(
            screen.headline(telling.story, at: .milliseconds(15_010)).description
                == "Only peer 1 runs, which is no quorum: no block for 3.0 s.")
    }

    @Test func noLeaderWithoutADeathIsNoProduction() {
        var telling = Telling()
        telling.startAll()
        telling.commit(slots: 2...24, by: 2, term: 2)
        #expect(
            screen.headline(telling.story, at: .milliseconds(14_010)).description
                == "No block is committed for 2.0 s: no running peer may produce.")
    }

    @Test func aSwitchIsOnTheScreen() {
        var telling = Telling.afterTakeover()
        telling.story.note(.switching(to: DemoRegion.pair[1], .planned), at: .milliseconds(13_100))
        #expect(
            screen.headline(telling.story, at: .milliseconds(13_400)).description
                == "East is switched to west. No block for 0.2 s.")
        telling.commit(slot: 27, by: 5, term: 1)
        telling.story.note(.switched, at: .milliseconds(14_000))
        let lines = text(telling.story, at: .milliseconds(14_000))
        #expect(lines[1] == "Peer 5 of west produces (peer 2 is down): 25 blocks on at least 2 disks.")
        #expect(lines[13] == "                                     22222222222222222222222.15   block 26")
        #expect(lines[14] == "                                                           x  >")
        #expect(lines[16] == "switches: planned, east to west: gap 0.3 s, slots missed 0, lost 0")
        telling.story.note(.regionKilled(DemoRegion.pair[1]), at: .milliseconds(14_100))
        #expect(
            screen.headline(telling.story, at: .milliseconds(14_510)).description
                == "No peer of west runs: no block for 1.0 s.")
    }

    @Test func everyFrameFitsTheSmallestTerminal() {
        var telling = Telling.afterTakeover()
        telling.number = 8_999_999
        telling.commit(slot: 26, by: 1, term: 3, late: 300)
        let reasons = CanProduceReason.known
        for (round, reason) in reasons.enumerated() {
            let time = Duration.milliseconds(13_300 + round)
            telling.answer(1, role: .candidate, term: 123_456, reason: reason, at: time)
            telling.answer(3, role: .leader, lease: 750, term: 123_456, at: time)
            let report = RegionReport(epoch: 12_000_001, standing: .activating)
            telling.answer(5, role: .leader, lease: 750, term: 123_456, reason: reason, region: report, at: time)
            let lines = screen.lines(telling.story, next: "x", at: time)
            #expect(lines.count <= 23)
            for line in lines { #expect(line.description.count <= 79, "\(line)") }
        }
    }

    @Test func aSilentPeerIsNotShownByItsLastWords() {
        var telling = Telling()
        telling.startAll()
        telling.answer(1, role: .leader, lease: 700, at: .milliseconds(600))
        #expect(text(telling.story, at: .milliseconds(700))[4].contains("leader"))
        #expect(
            text(telling.story, at: .milliseconds(2600))[4] == "   1  pid 4001     no answer for 2.0 s")
    }

    @Test func aLeaseRunsOutOnTheScreenWithoutNews() {
        var telling = Telling()
        telling.startAll()
        telling.answer(1, role: .leader, lease: 300, at: .milliseconds(600))
        #expect(text(telling.story, at: .milliseconds(700))[4].contains("###------- 200 ms"))
        #expect(!text(telling.story, at: .milliseconds(910))[4].contains(" ms"))
    }

    @Test func linesAreCutToTheTerminalAndColouredWhole() {
        var line = ScreenLine("abc", .bad)
        line.add("defgh")
        #expect(line.rendered(width: 5, colors: false) == "abcde")
        #expect(line.rendered(width: 2, colors: true) == "\u{1b}[1;31mab\u{1b}[0m")
    }

    @Test func theLocaleDecidesTheCharacters() {
        #expect(Glyphs.fitting(["LANG": "en_US.UTF-8"]) == .unicode)
        #expect(Glyphs.fitting(["LANG": "en_US.UTF-8", "LC_ALL": "C"]) == .ascii)
        #expect(Glyphs.fitting([:]) == .ascii)
    }

    @Test func theSummaryIsGoodOnlyWhenTheLogsAre() {
        var telling = Telling.afterTakeover()
        telling.story.note(.finishing("the 14.0 s are over"), at: .seconds(14))
        var verdict = ChainAudit.Verdict(
            heights: 24, peersRead: [1, 2, 3], unread: [], heightsWithTwoIDs: [], missing: [], dropped: 0)
        let good = DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14))
        #expect(good.isGood)
        #expect(
            good.lines.map(\.description) == [
                "prodha demo: 14.0 s, 2 regions of 3 peers",
                "  blocks committed       24 (heights 2 to 25)",
                "  leaders killed         1",
                "  no block for           median 1.19 s, longest 1.19 s around a leader's death",
                "  longest gap at all     1.19 s; a block is due every 0.50 s",
                "  slots missed           1 of 25",
                "  heights with two ids   0 of 24, in the logs of peers 1, 2 and 3",
                "  acknowledged, lost     0",
            ])
        telling.story.note(.switching(to: DemoRegion.pair[1], .planned), at: .milliseconds(13_100))
        telling.commit(slot: 27, by: 5, term: 1)
        let switched = DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14))
        #expect(
            switched.lines.map(\.description).contains(
                "  planned switch         east to west: gap 0.3 s, slots missed 0, lost 0"))
        verdict.told = 2
        let told = DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14))
        #expect(told.isGood)
        #expect(told.lines.contains { $0.description.hasSuffix("told as lost           2 blocks") })
        verdict.unchained = [9]
        #expect(!DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14)).isGood)
        verdict.unchained = []
        verdict.falselyTold = [9]
        #expect(!DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14)).isGood)
        verdict.falselyTold = []
        verdict.told = 0
        verdict.heightsWithTwoIDs = [7]
        let forked = DemoSummary(story: telling.story, verdict: verdict, keptIn: "/x", took: .seconds(14))
        #expect(!forked.isGood)
        #expect(forked.lines.contains { $0.description.hasSuffix("1 of 24, in the logs of peers 1, 2 and 3: 7") })
        #expect(!DemoSummary(story: telling.story, verdict: nil, keptIn: nil, took: .seconds(14)).isGood)
    }
}
