// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import Operations
import Testing

@testable import Said

@Suite struct ClusterViewTests {
    @Test(arguments: situations)
    func theSentenceSaysTheWholeTruth(_ situation: Situation) throws {
        let view = view(situation.reports, quorumInFile: situation.quorumInFile)
        #expect(view.headline == situation.headline)
        #expect(view.verdict == situation.verdict)
        #expect(view.regions.first?.state.name == situation.state)
        // Whatever the verdict is, it is never better than the sentence, and no peer is left out.
        let region = try #require(view.regions.first)
        #expect(region.peers.count >= situation.reports.count)
        if view.verdict == .well {
            #expect(region.up == region.total && region.alarms.isEmpty && region.disagreements.isEmpty)
        }
    }

    @Test func everyShortcomingAloneMakesAWellGroupDegraded() {
        let changes: [(String, (inout Said) -> Void)] = [
            ("term", { $0.term = 6 }), ("leader", { $0.leader = -1 }), ("lag", { $0.commit = 90 }),
            ("applied", { $0.applied = 1 }), ("quorum", { $0.quorum = 3 }), ("members", { $0.members = [1, 2, 3, 5] }),
            ("link", { $0.cutOff = [3] }), ("active", { $0.active = false }), ("epoch", { $0.epoch = 9 }),
            ("paused", { $0.paused = true }),
            (
                "can",
                {
                    $0.can = true
                    $0.reason = nil
                }
            ), ("lease", { $0.lease = true }),
            ("head", { $0.headID = "00" }), ("nodeos", { $0.nodeos = .init(http: "", reachable: false) }),
            ("role", { $0.role = .leader }),
        ]
        #expect(view(.follower(1), .leader(), .follower(3)).verdict == .well)
        for (name, change) in changes {
            let view = view(.follower(1, change: change), .leader(), .follower(3))
            #expect(view.verdict == .degraded, "\(name)")
            #expect(view.headline != "east is producing, peer 2 leads, 3 of 3 up", "\(name) is not in the sentence")
        }
    }

    @Test func theMinorityIsNamed() throws {
        let view = view(
            .leader(1) {
                $0.term = 6
                $0.can = false
                $0.reason = .noQuorum
            }, .leader(), .follower(3))
        let disagreement = try #require(view.regions[0].disagreements.first)
        #expect(
            disagreement.sentence
                == "they disagree about the leader: peers 2 and 3 say peer 2 leads (term 7); peer 1 says peer 1 leads "
                + "(term 6), a minority; the higher term counts: peer 2 leads")
        #expect(view.regions[0].disagreements.count == 1, "the terms differ between the same sides: said once")
    }

    @Test func twoAgainstTwoHasNoMinority() throws {
        let members = [1, 2, 3, 4]
        let view = view(
            .leader(1) {
                $0.members = members
                $0.epoch = 4
            },
            .follower(2) {
                $0.members = members
                $0.leader = 1
                $0.epoch = 4
            },
            .follower(3) {
                $0.members = members
                $0.leader = 1
            },
            .follower(4) {
                $0.members = members
                $0.leader = 1
            })
        let disagreement = try #require(view.regions[0].disagreements.first)
        #expect(disagreement.subject == .epoch)
        #expect(disagreement.camps.allSatisfy { !$0.isMinority })
    }

    @Test func theFileIsAWitnessToQuorumAndMembers() {
        let reports = [Said.follower(1), .leader(), .follower(3)].map(\.report)
        let wrongQuorum = view(reports, quorumInFile: ["east": 3])
        #expect(
            wrongQuorum.regions[0].disagreements.map(\.sentence) == [
                "they disagree about the quorum: peers 1, 2 and 3 say it is 2; the file says it is 3, a minority"
            ])
        #expect(wrongQuorum.regions[0].quorum == 2, "what runs counts, not what is written")
        let tooMany = view(reports + [missing(4)])
        #expect(
            tooMany.regions[0].disagreements.map(\.sentence) == [
                "they disagree about the members: peers 1, 2 and 3 say they are 1, 2 and 3; the file says they are "
                    + "1, 2, 3 and 4, a minority"
            ])
    }

    @Test func theLagShownIsTheLagThatIsJudged() {
        for commit in [UInt64(99), 100, 119, 120] {
            let region = view(.follower(1) { $0.commit = commit }, .leader(), .follower(3)).regions[0]
            #expect(region.peers[0].lag == 120 - commit)
            #expect((region.verdict == .well) == (120 - commit <= ClusterView.maxLag))
        }
    }

    @Test func lagIsCountedAgainstTheLeadersTerm() {
        let candidate = view(
            .follower(1) { $0.commit = 110 }, .leader(),
            .follower(3) {
                $0.term = 9
                $0.leader = -1
                $0.commit = 5
            })
        #expect(candidate.regions[0].peers.map(\.lag) == [10, 0, 115])
        let leaderless = view(
            .follower(1) { $0.leader = -1 }, .follower(2) { $0.leader = -1 },
            .follower(3) {
                $0.leader = -1
                $0.term = 9
                $0.commit = 5
            })
        #expect(leaderless.regions[0].peers.map(\.lag) == [0, 0, 115])
        let ahead = view(
            .follower(1) {
                $0.term = 6
                $0.commit = 150
            }, .leader(), .follower(3))
        #expect(ahead.regions[0].concerns == ["peer 1, of another term, has committed 30 entries more"])
    }

    @Test func aRefusedPeerThatOthersHearCouldBePartOfAQuorum() {
        let wrongAddresses = view([missing(1), Said.follower(2) { $0.leader = -1 }.report, missing(3)])
        #expect(!wrongAddresses.regions[0].isCertain)
        let dead = view([
            missing(1),
            Said.follower(2) {
                $0.leader = -1
                $0.cutOff = [1, 3]
            }.report, missing(3),
        ])
        #expect(dead.regions[0].isCertain)
    }

    // MARK: - Regions

    @Test func twoWellRegionsAreWell() {
        let east = [Said.follower(1), .leader(), .follower(3)].map(\.report)
        let view = view(east + standby("west"))
        #expect(view.verdict == .well)
        #expect(
            view.headline
                == "east is producing, peer 2 leads, 3 of 3 up; west is standby, peer 1 leads, 3 of 3 up")
        #expect(view.exitCode == 0)
    }

    @Test func aRegionOutOfReachIsNotLeftOut() {
        let east = [Said.follower(1), .leader(), .follower(3)].map(\.report)
        let view = view(east + (1...3).map { missing($0, silence, region: "west") })
        #expect(view.verdict == .degraded)
        #expect(
            view.headline
                == "east is producing, peer 2 leads, 3 of 3 up; west is unreachable, so whether it produces is unknown, "
                + "peers 1, 2 and 3 unreachable (no answer within 2000 ms)")
        #expect(view.exitCode == 2)
    }

    @Test func twoActiveRegionsAreAnAlarm() {
        let east = [Said.follower(1), .leader(), .follower(3)]
        let west = east.map { said in
            var said = said
            said.region = "west"
            return said
        }
        let view = view((east + west).map(\.report))
        #expect(view.verdict == .degraded)
        #expect(
            view.alarms == [
                "peers of 2 regions say that they may produce: peer 2 of east and peer 2 of west",
                "2 regions are active: east (epoch 3) and west (epoch 3)",
            ])
        #expect(view.headline.hasPrefix("ALARM: peers of 2 regions say that they may produce"))
    }

    @Test func aSwitchThatHasNotEndedIsSaidOnceAndIsNotWell() {
        var regions = TwoRegions()
        regions.eachOfEast { $0.openSwitch = running }
        regions.eachOfWest { $0.openSwitch = running }
        let view = regions.view
        #expect(view.verdict == .degraded && view.exitCode == 2)
        #expect(
            view.concerns == [
                "a planned switch from east to west by alice@ops-1 at \(alice.at) (disk swap) has not ended: prodha "
                    + "failover --resume goes on, --rollback undoes it"
            ])
        #expect(view.regions.allSatisfy { $0.verdict == .degraded })
        #expect(view.regions[1].readiness?.isReady == false)
    }

    @Test func ofTwoActiveRegionsTheLaterActivationIsRight() throws {
        var regions = TwoRegions()
        regions.eachOfWest {
            $0.active = true
            $0.state = .active
            $0.epoch = 1_000_000
            $0.activatedEpoch = 1_000_000
        }
        let alarm = try #require(regions.view.alarms.last)
        #expect(
            alarm
                == "2 regions are active: east (epoch 3, active since 3) and west (epoch 1000000, active since 1000000); "
                + "west is right, east must stop and does so on hearing of it")
        regions.eachOfWest { $0.activatedEpoch = 3 }
        #expect(try #require(regions.view.alarms.last).contains("none of east and west is newer, so they stop"))
        // Who does not say since when it is active is not judged.
        regions.eachOfWest { $0.activatedEpoch = nil }
        #expect(try #require(regions.view.alarms.last).hasSuffix("west (epoch 1000000)"))
    }

    @Test func noActiveRegionAtAllIsNotWell() {
        let view = view(standby("east") + standby("west"))
        #expect(view.verdict == .degraded)
        #expect(view.headline.hasSuffix("; no region is active, so nothing produces"))
    }

    @Test func ofASilentPeerTheLatestThatAnybodyKnowsIsTold() throws {
        let old = KnownStatus(id: 1, ageMS: 9000, status: Said.follower(1) { $0.commit = 50 }.status)
        let newer = KnownStatus(id: 1, ageMS: 4000, status: Said.leader(1) { $0.commit = 60 }.status)
        let seen = view(
            [
                missing(1, silence),
                Said.leader { $0.knows = [old, .init(id: 3, ageMS: 1, status: Said.leader(3).status)] }.report,
                Said.follower(3) { $0.knows = [.init(id: 2), newer] }.report,
            ])
        let peers = seen.regions[0].peers
        let known = try #require(peers[0].lastKnown)
        #expect(known.from == 3 && known.age == 4000 && known.status == newer.status)
        // What it was is not what it is: neither the leader nor the producer is found by it.
        #expect(seen.regions[0].leader?.id == 2 && seen.regions[0].producers == [2] && seen.alarms.isEmpty)
        #expect(peers[1].lastKnown == nil && peers[2].lastKnown == nil, "who answers speaks for itself")
        #expect(view([missing(1)] + said(.leader(), .follower(3))).regions[0].peers[0].lastKnown == nil)
    }

    @Test func noNumberAPeerSendsStopsTheTool() {
        let extreme = Said(
            id: .max, role: .leader, term: .max, leader: .min, commit: .max, applied: 0, quorum: .max,
            members: [.min, .max, 0] + Array(1...500), epoch: .max, can: true, leaseRest: 1e300, head: .max,
            headAge: .min / 2, uptime: -1e300)
        let view = view([extreme.report, Said(id: 0, commit: 0, quorum: .min, uptime: 1e15).report, missing(.min)])
        #expect(view.regions[0].total <= 3 + ClusterView.maxHearsay)
        for format in OutputFormat.allCases {
            #expect(!StatusReport(format: format).text(view, width: 60).isEmpty)
        }
    }

    @Test func hostileTextCannotReachTheTerminal() {
        let escape = "\u{1b}[2J\u{9b}31m\u{202e}"
        let view = view([
            missing(1, .httpError(status: 500, name: escape, message: escape)), missing(2, .garbage(escape)),
            Said.leader(3) {
                $0.version = escape
                $0.reason = .unknown(escape)
                $0.can = false
                $0.role = .unknown(escape)
            }
            .report,
        ])
        for format in OutputFormat.allCases {
            let text = StatusReport(format: format).text(view, width: 100)
            let isClean = text.unicodeScalars.allSatisfy {
                $0 == "\n" || $0 == "\t" || ($0.value >= 0x20 && !(0x7f...0x9f).contains($0.value))
            }
            #expect(isClean, "\(format)")
        }
    }
}
