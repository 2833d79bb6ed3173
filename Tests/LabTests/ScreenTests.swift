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
                "prodha demo  3 peers, quorum 2, a block every 0.5 s         13.3 s   ^C ends it",
                "",
                "Peer 1 leads and produces (peer 2 is down): 24 blocks on at least 2 disks.",
                "",
                "peer  process      role       term  lease                head  produces",
                "   1  pid 4001     leader        3  #########- 622 ms      25  yes",
                "   2  killed 0.9 s ago",
                "   3  pid 4003     follower      3  no                     25  no: follows",
                "",
                "chain: per slot, who led when its block was committed; '.' no block, x kill",
                "                                       22222222222222222222222.1  block 25",
                "                                                             x",
                "",
                "gaps: last 1.19 s, median 1.19 s, longest 1.19 s; 1 kill, 1 slot missed",
                "",
                "    1.0 s  peer 2 leads term 2 and holds the lease: block 2 is committed",
                "   12.4 s  killed peer 2, the leader",
                "   13.2 s  peer 1 leads term 3 and holds the lease: no block for 1.19 s",
                "", "", "", "",
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
                == "Peer 2 leads and produces: 23 blocks on at least 2 disks.")
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

    @Test func everyFrameFitsTheSmallestTerminal() {
        var telling = Telling.afterTakeover()
        telling.number = 8_999_999
        telling.commit(slot: 26, by: 1, term: 3, late: 300)
        let reasons = CanProduceReason.known
        for (round, reason) in reasons.enumerated() {
            let time = Duration.milliseconds(13_300 + round)
            telling.answer(1, role: .candidate, term: 123_456, reason: reason, at: time)
            telling.answer(3, role: .leader, lease: 750, term: 123_456, at: time)
            let lines = screen.lines(telling.story, next: "x", at: time)
            #expect(lines.count <= 23)
            for line in lines { #expect(line.description.count <= 79, "\(line)") }
        }
    }

    @Test func aSilentPeerIsNotShownByItsLastWords() {
        var telling = Telling()
        telling.startAll()
        telling.answer(1, role: .leader, lease: 700, at: .milliseconds(600))
        #expect(text(telling.story, at: .milliseconds(700))[5].contains("leader"))
        #expect(
            text(telling.story, at: .milliseconds(2600))[5] == "   1  pid 4001     no answer for 2.0 s")
    }

    @Test func aLeaseRunsOutOnTheScreenWithoutNews() {
        var telling = Telling()
        telling.startAll()
        telling.answer(1, role: .leader, lease: 300, at: .milliseconds(600))
        #expect(text(telling.story, at: .milliseconds(700))[5].contains("###------- 200 ms"))
        #expect(!text(telling.story, at: .milliseconds(910))[5].contains(" ms"))
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
                "prodha demo: 14.0 s, 3 peers",
                "  blocks committed       24 (heights 2 to 25)",
                "  leaders killed         1",
                "  no block for           median 1.19 s, longest 1.19 s around a leader's death",
                "  longest gap at all     1.19 s; a block is due every 0.50 s",
                "  slots missed           1 of 25",
                "  heights with two ids   0 of 24, in the logs of peers 1, 2 and 3",
                "  acknowledged, lost     0",
            ])
        verdict.heightsWithTwoIDs = [7]
        let forked = DemoSummary(story: telling.story, verdict: verdict, keptIn: "/x", took: .seconds(14))
        #expect(!forked.isGood)
        #expect(forked.lines.contains { $0.description.hasSuffix("1 of 24, in the logs of peers 1, 2 and 3: 7") })
        #expect(!DemoSummary(story: telling.story, verdict: nil, keptIn: nil, took: .seconds(14)).isGood)
    }
}
