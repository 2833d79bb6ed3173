// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Operations
import Testing

@testable import Console
@testable import Said

@Suite struct PromptTests {
    private func prompt(_ said: Said?, age: Duration = .zero, isEnabled: Bool = false) -> String {
        let now = ContinuousClock.now
        let target = PeerTarget(region: nil, id: nil, api: url("east", 2), origin: .given)
        return Prompt(target, said.map { Seen(status: $0.status, at: now - age) }, now: now, isEnabled: isEnabled)
            .text { text, _ in text }
    }

    @Test func itSaysWhatThePeerMayDo() {
        #expect(prompt(.leader()) == "east/2 LEADER #1034 ok> ")
        #expect(prompt(.follower(3)) == "east/3 follower #1034> ")
        #expect(
            prompt(.leader { ($0.can, $0.reason) = (false, .noQuorum) }) == "east/2 LEADER #1034 no_quorum> ")
        #expect(prompt(.follower(3) { $0.reason = .noLeader }) == "east/3 follower #1034 no_leader> ")
        #expect(
            prompt(.leader { ($0.can, $0.active, $0.reason) = (false, false, .regionStandby) })
                == "east/2 LEADER #1034 standby> ")
        #expect(prompt(.follower(3) { $0.paused = true }) == "east/3 follower #1034 paused> ")
        #expect(
            prompt(.follower(3) { ($0.active, $0.state) = (false, .activating) })
                == "east/3 follower #1034 activating> ")
        #expect(prompt(.follower(3) { $0.head = nil }) == "east/3 follower> ")
        #expect(prompt(.leader(), isEnabled: true) == "east/2 LEADER #1034 ok enabled> ")
    }

    @Test func whatIsOldIsNeverShownAsIfItWereSo() {
        #expect(prompt(.leader(), age: .seconds(12)) == "east/2 LEADER #1034 ?12s> ")
        #expect(prompt(.leader(), age: .seconds(3)) == "east/2 LEADER #1034 ok> ")
        #expect(prompt(nil) == "10.0.0.2:9988 ?> ")
    }

    @Test func whatAPeerSaysOfItselfCannotPaintTheTerminal() {
        #expect(!prompt(.follower(3) { $0.reason = .unknown("\u{1b}[31m") }).contains("\u{1b}"))
    }
}

@Suite struct HappeningTests {
    private func happenings(_ old: [PeerReport], _ new: [PeerReport]) -> [String] {
        Happening.between(ClusterView(Inspection(reports: old)), ClusterView(Inspection(reports: new)))
            .map { ($0.region.map { $0 + ": " } ?? "") + $0.text }
    }

    private let well = [Said.follower(1), .leader(), .follower(3)].map(\.report)

    @Test func nothingIsToldWhereNothingHasChanged() {
        #expect(happenings(well, well) == [])
        let moved = [
            Said.follower(1) { ($0.head, $0.commit) = (1040, 130) }, .leader { ($0.head, $0.commit) = (1040, 130) },
            .follower(3),
        ]
        #expect(happenings(well, moved.map(\.report)) == [])
    }

    @Test func aNewLeaderAndItsLeaseAreTold() {
        let new = [
            Said.leader(1) { ($0.term) = 8 }, .follower(2) { ($0.term, $0.leader) = (8, 1) },
            .follower(3) { ($0.term, $0.leader) = (8, 1) },
        ].map(\.report)
        #expect(
            happenings(well, new) == ["east: peer 1 leads now (was peer 2), term 8", "east: peer 1 holds the lease"])
    }

    @Test func aLeaseThatIsLostIsTold() {
        let new = [
            Said.follower(1), .leader { ($0.can, $0.lease, $0.reason) = (false, false, .leaseExpired) }, .follower(3),
        ].map(\.report)
        #expect(happenings(well, new) == ["east: nobody holds the lease (peer 2 did)"])
    }

    @Test func peersThatGoAndComeAreTold() {
        let without = [missing(1)] + [Said.leader(), .follower(3)].map(\.report)
        #expect(happenings(well, without) == ["east: peer 1 does not answer (connection refused)"])
        #expect(happenings(without, well) == ["east: peer 1 answers now"])
    }

    @Test func whereNobodyAnswersNothingElseIsToldToHaveChanged() {
        let silent = [missing(1), missing(2), missing(3)]
        #expect(happenings(well, silent).allSatisfy { $0.contains("does not answer") })
        #expect(happenings(silent, well).allSatisfy { $0.contains("answers now") })
    }

    @Test func anotherStandingAndAPauseAreTold() {
        let stopped = [1, 2, 3].map { id in
            Said(
                id: id, role: id == 2 ? .leader : .follower, active: false, epoch: 4,
                reason: id == 2 ? .regionStandby : .notLeader, lease: id == 2, state: .standby
            ).report
        }
        let active = [1, 2, 3].map { id in
            Said(
                id: id, role: id == 2 ? .leader : .follower, can: id == 2, reason: id == 2 ? nil : .notLeader,
                state: .active
            ).report
        }
        #expect(happenings(active, stopped) == ["east: is standby now (was active), epoch 4"])
    }

    @Test func aPeerThatIsSlowOnceHasNotGone() {
        let first = Inspection(reports: well)
        let slow = Inspection(reports: [missing(1, .noAnswer(withinMS: 1000))] + well.dropFirst())
        let refused = Inspection(reports: [missing(1)] + well.dropFirst())
        #expect(Watcher.patient(first, slow) == first)
        #expect(Watcher.patient(slow, slow) == slow, "twice is gone")
        #expect(Watcher.patient(first, refused) == refused, "nothing listens there: no doubt")
        #expect(Watcher.patient(nil, slow) == slow)
    }
}
