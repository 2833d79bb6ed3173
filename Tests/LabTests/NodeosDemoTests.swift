// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Glibc
import Testing

@testable import Lab

/// The story of a demonstration with nodeos, told by hand as `Telling` does.
struct NodeosTelling {
    var story = DemoStory(regions: [DemoRegion.single], grid: Telling.grid, hasNodeos: true)
    var number: UInt32 = 1

    mutating func start(_ peer: Int, at time: Duration = .zero, pid: Int32 = 4000) {
        story.note(.started(.nodeos(peer), pid: pid + Int32(peer) * 2), at: time)
        story.note(.started(.prodha(peer), pid: pid + Int32(peer) * 2 + 1), at: time)
    }

    mutating func answer(
        _ peer: Int, leads: Bool = false, condition: String = "well", nodeosHead: UInt32? = nil,
        reason: CanProduceReason? = .notLeader, at time: Duration
    ) {
        let report = PeerReport(
            role: leads ? .leader : .follower, term: 3, leader: 1, leaseRemaining: .milliseconds(leads ? 700 : 0),
            leaseLength: .milliseconds(750), isLeaseHeld: leads, head: number, reason: leads ? nil : reason,
            canProduce: leads,
            nodeos: NodeosReport(
                condition: condition, production: leads ? "resumed" : "paused", head: nodeosHead ?? number))
        story.note(.answered(peer: peer, report), at: time)
    }

    mutating func commit(slots: ClosedRange<Int>, by peer: Int, term: UInt64) {
        for slot in slots {
            number += 1
            story.note(
                .committed(number: number, slot: slot, by: peer, term: term),
                at: Telling.grid.start(of: slot) + .milliseconds(10))
        }
    }

    /// Peer 2 made 23 blocks, died at 12.4 s with its nodeos, and peer 1 took over.
    static func afterTakeover() -> NodeosTelling {
        var telling = NodeosTelling()
        for peer in 1...3 { telling.start(peer) }
        telling.story.note(.started(.outside, pid: 4010), at: .seconds(1))
        telling.commit(slots: 2...24, by: 2, term: 2)
        telling.story.note(.killed(peer: 2), at: .milliseconds(12_400))
        telling.commit(slots: 26...26, by: 1, term: 3)
        for _ in 0..<70 { telling.story.note(.promised, at: .seconds(13)) }
        return telling
    }
}

struct NodeosStoryTests {
    @Test func aPeerIsBackWhenItsNodeosIs() {
        var telling = NodeosTelling.afterTakeover()
        telling.story.note(.started(.nodeos(2), pid: 5000), at: .seconds(16))
        #expect(telling.story.down == [2], "its prodha is still missing")
        telling.story.note(.started(.prodha(2), pid: 5001), at: .seconds(16))
        #expect(telling.story.comingBack == [2])
        telling.answer(2, condition: "unreachable", at: .milliseconds(16_300))
        telling.answer(2, condition: "behind", nodeosHead: 20, at: .milliseconds(16_400))
        #expect(telling.story.comingBack == [2])
        telling.answer(2, at: .milliseconds(16_500))
        #expect(telling.story.comingBack == [])
        #expect(telling.story.journal.last?.text == "peer 2 has caught up on 1 block, 0.50 s after its start")
    }

    @Test func aNodeosAloneComesBackToo() {
        var telling = NodeosTelling.afterTakeover()
        telling.story.note(.ended(.nodeos(3), .signaled(SIGKILL)), at: .seconds(14))
        telling.story.note(.started(.nodeos(3), pid: 5000), at: .seconds(16))
        #expect(telling.story.comingBack == [3])
        telling.answer(3, at: .milliseconds(16_700))
        #expect(telling.story.journal.last?.text == "peer 3 has caught up, 0.70 s after its start")
    }

    @Test func aLeaderThatLosesItsNodeosIsAnOutage() {
        var telling = NodeosTelling.afterTakeover()
        telling.story.note(.ended(.nodeos(1), .signaled(SIGKILL)), at: .milliseconds(13_100))
        #expect(telling.story.outage?.leader == 1)
        #expect(telling.story.voting == [1, 3])
        #expect(telling.story.journal.last?.text == "peer 1's nodeos, the leader: killed by somebody else")
        #expect(
            DemoScreen(glyphs: .ascii).headline(telling.story, at: .milliseconds(13_210)).description
                == "Peer 1 lost its nodeos; peer 3 can take over. No block for 0.2 s.")
        // What its nodeos had made before ends nothing.
        telling.commit(slots: 27...27, by: 1, term: 3)
        #expect(telling.story.outage != nil)
        telling.commit(slots: 28...28, by: 3, term: 4)
        #expect(telling.story.outage == nil)
    }

    @Test func blocksAreCountedByWhoMadeThem() {
        let telling = NodeosTelling.afterTakeover()
        #expect(telling.story.made == [1: 1, 2: 23])
        #expect(telling.story.transactions == 70)
        #expect(telling.story.missedSlots(at: .milliseconds(13_100)) == 1)
    }

    @Test func aForkIsToldOnce() {
        var telling = NodeosTelling.afterTakeover()
        _ = telling.story.takeNews()
        telling.story.note(.forks([7]), at: .seconds(14))
        telling.story.note(.forks([7, 9]), at: .seconds(14))
        #expect(
            telling.story.takeNews().map(\.text) == [
                "the outside node was given a second block at height 7",
                "the outside node was given a second block at height 9",
            ])
    }

    @Test func allHaveTheHeadWhenTheirNodeosHaveIt() {
        var telling = NodeosTelling.afterTakeover()
        telling.start(2, at: .seconds(16), pid: 5000)
        for peer in 1...3 { telling.answer(peer, leads: peer == 1, at: .seconds(17)) }
        #expect(telling.story.haveAllTheHead)
        telling.answer(2, nodeosHead: 20, at: .seconds(17))
        #expect(!telling.story.haveAllTheHead)
    }
}

struct NodeosScreenTests {
    let screen = DemoScreen(glyphs: .ascii)

    func text(_ story: DemoStory, at time: Duration) -> [String] {
        screen.lines(story, next: "peer 2 is started again in 3.1 s", at: time).map { line in
            String(line.description.reversed().drop { $0 == " " }.reversed())
        }
    }

    @Test func aFrameTellsTheWholeStory() {
        var telling = NodeosTelling.afterTakeover()
        telling.answer(1, leads: true, at: .milliseconds(13_280))
        telling.answer(3, at: .milliseconds(13_290))
        #expect(
            text(telling.story, at: .milliseconds(13_300)) == [
                "prodha demo  3 peers with a nodeos each, quorum 2           13.3 s   ^C ends it",
                "",
                "Peer 1 leads and produces (peer 2 is down): 24 blocks on at least 2 disks.",
                "",
                "peer  prodha   nodeos   role       can produce       nodeos is      head   made",
                "   1  4003     4002     leader     yes               producing        25      1",
                "   2  both killed 0.9 s ago                                                  23",
                "   3  4007     4006     follower   no: follows       paused           25      0",
                "   -  outside  4010     70 transactions promised; 0 forks seen        25",
                "",
                "chain: per slot, who made the block the outside node has; '.' none, x kill",
                "                                       22222222222222222222222.1  block 25",
                "                                                             x",
                "",
                "gaps: last 1.00 s, median 1.00 s, longest 1.00 s; 1 kill, 1 slot missed",
                "",
                "    1.0 s  peer 2 leads term 2 and holds the lease: block 2 is committed",
                "   12.4 s  killed peer 2, the leader, with its nodeos",
                "   13.0 s  peer 1 leads term 3 and holds the lease: no block for 1.00 s",
                "", "", "",
                "next: peer 2 is started again in 3.1 s",
            ])
    }

    @Test func whatANodeosDoesIsSaid() {
        var telling = NodeosTelling.afterTakeover()
        let time = Duration.milliseconds(13_280)
        telling.answer(3, condition: "wrong_chain", nodeosHead: 9, reason: .nodeosWrongChain, at: time)
        #expect(
            text(telling.story, at: time)[7]
                == "   3  4007     4006     follower   no: nodeos wrong  wrong chain       9      0")
        telling.story.note(.ended(.nodeos(3), .signaled(SIGKILL)), at: time)
        #expect(
            text(telling.story, at: time)[7]
                == "   3  4007     dead     follower   no: nodeos wrong                           0")
        telling.start(3, at: time, pid: 4000)
        #expect(
            text(telling.story, at: time)[7]
                == "   3  4007     4006     no answer yet                                         0")
        telling.answer(3, condition: "unreachable", at: time)
        #expect(text(telling.story, at: time)[7].contains("no: catches up    starting"))
    }

    @Test func everyFrameFitsTheSmallestTerminal() {
        var telling = NodeosTelling.afterTakeover()
        telling.number = 899_999
        telling.commit(slots: 27...27, by: 1, term: 3)
        for pid in [100, 4_194_000] as [Int32] {
            telling.start(3, at: .seconds(13), pid: pid)
            for condition in ["well", "unreachable", "wrong_chain", "behind", "diverged"] {
                for reason in CanProduceReason.known {
                    telling.answer(1, leads: true, at: .milliseconds(13_300))
                    telling.answer(3, condition: condition, reason: reason, at: .milliseconds(13_300))
                    let lines = screen.lines(telling.story, next: "x", at: .milliseconds(13_300))
                    #expect(lines.count <= 23)
                    for line in lines { #expect(line.description.count <= 79, "\(line)") }
                }
            }
        }
    }

    @Test func theSummaryTellsOfTheNodeos() {
        var telling = NodeosTelling.afterTakeover()
        telling.story.note(.finishing("the 14.0 s are over"), at: .seconds(14))
        let verdict = ChainAudit.Verdict(
            heights: 24, peersRead: [1, 2, 3], unread: [], heightsWithTwoIDs: [], missing: [], dropped: 0,
            nodeos: .init(heights: 25, chains: 4, unread: [], heightsWithTwoIDs: [], missing: []),
            promises: .init(checked: 70, kept: 70))
        let summary = DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14))
        #expect(summary.isGood)
        #expect(
            summary.lines.map(\.description) == [
                "prodha demo: 14.0 s, 3 peers with a nodeos each",
                "  blocks committed       24 (heights 2 to 25)",
                "  made by                peer 1: 1, peer 2: 23, peer 3: 0",
                "  transactions promised  70, 70 of 70 found in the chain",
                "  leaders killed         1",
                "  no block for           median 1.00 s, longest 1.00 s around a leader's death",
                "  longest gap at all     1.00 s; a block is due every 0.50 s",
                "  slots missed           1 of 25",
                "  forks seen outside     0",
                "  heights with two ids   0 of 24, in the logs of peers 1, 2 and 3",
                "                         0 of 25, in the chains of all 4 nodeos",
                "  acknowledged, lost     0",
            ])
        var broken = verdict
        broken.promises = .init(checked: 70, kept: 69)
        #expect(!DemoSummary(story: telling.story, verdict: broken, keptIn: nil, took: .seconds(14)).isGood)
        telling.story.note(.forks([7]), at: .seconds(14))
        #expect(!DemoSummary(story: telling.story, verdict: verdict, keptIn: nil, took: .seconds(14)).isGood)
    }
}

struct NodeosPlaceTests {
    @Test func aMissingNodeosIsSaidWithHowToGetOne() {
        #expect {
            try NodeosPlace.find("nodeos", environment: ["PATH": "/nonexistent"])
        } throws: { "\($0)".contains("no nodeos in PATH") && "\($0)".contains("make demo-nodeos") }
        #expect {
            try NodeosPlace.find("/nonexistent/nodeos", environment: [:])
        } throws: { "\($0)".contains("/nonexistent/nodeos is no program") }
        #expect { try NodeosPlace.find("/tmp", environment: [:]) } throws: { "\($0)".contains("is no program") }
        #expect((try? NodeosPlace.find("sh", environment: ["PATH": "/nonexistent:/bin"])) == "/bin/sh")
    }

    @Test func eachDialsTheGatesBelow() {
        let place = NodeosPlace(program: "/bin/nodeos", directory: "/tmp/\"x\"", ports: Array(101...114))
        #expect(place.configuration(of: 3).contains(#""peers": ["127.0.0.1:109", "127.0.0.1:110"]"#))
        #expect(place.configuration(of: 1).contains(#""peers": []"#))
        #expect(place.configuration(of: 1).contains(#""key_file": "/tmp/\"x\"/peer-1.key""#))
        #expect(
            place.command(of: .nodeos(1)).contains { $0.hasSuffix("=KEOSD:http://127.0.0.1:112/v1/wallet/sign_digest") }
        )
        let outside = place.command(of: .outside)
        #expect(!outside.contains("--signature-provider"))
        #expect(outside.filter { $0 == "--p2p-peer-address" }.count == 3)
    }
}
