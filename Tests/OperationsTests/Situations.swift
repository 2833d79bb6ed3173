// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import Operations
import Testing

@testable import Said

/// A situation, and the sentence and verdict that are true in it.
struct Situation: Sendable, CustomTestStringConvertible {
    var name: String
    var reports: [PeerReport]
    var quorumInFile: [String: Int] = ["east": 2]
    var verdict: ClusterView.Verdict
    var state: String
    var headline: String

    var testDescription: String { name }

    init(
        _ name: String, _ reports: [PeerReport], _ verdict: ClusterView.Verdict, _ state: String, _ headline: String
    ) {
        self.name = name
        self.reports = reports
        self.verdict = verdict
        self.state = state
        self.headline = headline
    }
}

func said(_ said: Said...) -> [PeerReport] { said.map(\.report) }

let silence = PeerFailure.noAnswer(withinMS: 2000)

let situations: [Situation] = [
    .init(
        "all is well", said(.follower(1), .leader(), .follower(3)), .well, "producing",
        "east is producing, peer 2 leads, 3 of 3 up"),
    .init(
        "a well standby region", standby("east"), .well, "standby", "east is standby, peer 1 leads, 3 of 3 up"),
    .init(
        "a dead follower is in the list and in the sentence",
        [missing(1)] + said(.leader { $0.cutOff = [1] }, .follower(3) { $0.cutOff = [1] }), .degraded, "producing",
        "east is producing, peer 2 leads, 2 of 3 up, peer 1 unreachable (connection refused)"),
    .init(
        "a follower whose API alone is out of reach is not called dead",
        [missing(1)] + said(.leader(), .follower(3)), .degraded, "producing",
        "east is producing, peer 2 leads, 2 of 3 up, peer 1 unreachable (connection refused, though other peers hear "
            + "it)"),
    .init(
        "two dead peers: no quorum",
        [
            missing(1),
            Said.follower(2) {
                $0.leader = -1
                $0.role = .candidate
                $0.reason = .noLeader
                $0.cutOff = [1, 3]
            }
            .report, missing(3),
        ], .degraded, "stopped",
        "east cannot produce: no quorum, 1 of 3 up, peers 1 and 3 unreachable (connection refused)"),
    .init(
        "two silent peers could be a quorum of their own, which this side cannot see",
        [
            missing(1, silence),
            Said.follower(2) {
                $0.leader = -1
                $0.reason = .noLeader
                $0.cutOff = [1, 3]
            }.report,
            missing(3, silence),
        ], .degraded, "stopped",
        "east cannot produce, as far as can be seen from here: no quorum, 1 of 3 up, peers 1 and 3 unreachable (no "
            + "answer within 2000 ms)"),
    .init(
        "standby in the eyes of a minority without a leader is hearsay",
        [
            missing(1, silence),
            Said.follower(2) {
                $0.leader = -1
                $0.reason = .noLeader
                $0.active = false
                $0.cutOff = [1, 3]
            }.report,
            missing(3, silence),
        ], .degraded, "stopped",
        "east cannot produce, as far as can be seen from here: no quorum, 1 of 3 up, peers 1 and 3 unreachable (no "
            + "answer within 2000 ms)"),
    .init(
        "the only peer that answers leads and produces: followers are up, their APIs are not reached",
        [missing(1, silence)] + said(.leader()) + [missing(3, silence)], .degraded, "producing",
        "east is producing, peer 2 leads, 1 of 3 up, peers 1 and 3 unreachable (no answer within 2000 ms, though "
            + "other peers hear it), fewer than the quorum of 2 answer"),
    .init(
        "a leader that does not answer may produce or not",
        said(.follower(1)) + [missing(2, silence)] + said(.follower(3)), .degraded, "unknown",
        "whether east produces is unknown: peer 2 leads, as others say, but tells nothing itself, 2 of 3 up, peer 2 "
            + "unreachable (no answer within 2000 ms, though other peers hear it)"),
    .init(
        "a dead leader whom the others still follow is not called producing",
        said(.follower(1) { $0.cutOff = [2] }) + [missing(2)] + said(.follower(3) { $0.cutOff = [2] }), .degraded,
        "unknown",
        "whether east produces is unknown: peer 2 leads, as others say, but tells nothing itself, 2 of 3 up, peer 2 "
            + "unreachable (connection refused)"),
    .init(
        "an election: three up, nobody leads",
        said(
            .follower(1) {
                $0.leader = -1
                $0.reason = .noLeader
            },
            .follower(2) {
                $0.leader = -1
                $0.reason = .noLeader
            },
            .follower(3) {
                $0.leader = -1
                $0.reason = .noLeader
            }), .degraded, "stopped",
        "east cannot produce: no leader, 3 of 3 up"),
    .init(
        "a new leader waits for an earlier lease, and says how long",
        said(
            .follower(1),
            .leader {
                $0.can = false
                $0.reason = .leaseWait
                $0.leaseRest = 312
            }, .follower(3)), .degraded, "waiting",
        "east cannot produce yet: peer 2 leads and waits 312 ms for an earlier lease, 3 of 3 up"),
    .init(
        "a new leader has applied nothing yet",
        said(
            .follower(1),
            .leader {
                $0.can = false
                $0.reason = .termNotApplied
                $0.lease = true
            }, .follower(3)),
        .degraded, "waiting",
        "east cannot produce yet: peer 2 leads and has applied nothing of its term, 3 of 3 up"),
    .init(
        "a leader without a quorum",
        [missing(1)]
            + said(
                .leader {
                    $0.can = false
                    $0.reason = .noQuorum
                    $0.cutOff = [1, 3]
                }) + [missing(3)],
        .degraded, "stopped",
        "east cannot produce: no quorum, peer 2 leads but hears too few, 1 of 3 up, peers 1 and 3 unreachable "
            + "(connection refused)"),
    .init(
        "paused is neither well nor standby",
        said(
            .follower(1) { $0.paused = true },
            .leader {
                $0.can = false
                $0.reason = .regionPaused
                $0.paused = true
            },
            .follower(3) { $0.paused = true }), .degraded, "paused",
        "east is paused by an operator, peer 2 leads, 3 of 3 up"),
    .init(
        "nodeos of the leader is down",
        said(
            .follower(1),
            .leader {
                $0.can = false
                $0.reason = .nodeosUnreachable
                $0.lease = true
                $0.nodeos = .init(http: "http://127.0.0.1:8888", reachable: false)
            }, .follower(3)), .degraded, "stopped",
        "east cannot produce: peer 2 leads but its nodeos does not answer, 3 of 3 up"),
    .init(
        "nodeos of a follower is down",
        said(
            .follower(1) { $0.nodeos = .init(http: "http://127.0.0.1:8888", reachable: false) }, .leader(), .follower(3)
        ),
        .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 1's nodeos does not answer"),
    .init(
        "the broker of the message queue is down",
        said(.follower(1), .leader { $0.queueTrouble = "10.0.0.9:5672: connection refused" }, .follower(3)),
        .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 2 cannot consume the queue trx: 10.0.0.9:5672: connection refused"
    ),
    .init(
        "a reason of a later version is passed on",
        said(
            .follower(1),
            .leader {
                $0.can = false
                $0.reason = .unknown("moon_is_full")
            }, .follower(3)),
        .degraded, "stopped", "east cannot produce: peer 2 leads but says moon_is_full, 3 of 3 up"),
    .init(
        "a leader that cannot produce and does not say why",
        said(.follower(1), .leader { $0.can = false }, .follower(3)), .degraded, "stopped",
        "east cannot produce: peer 2 leads but gives no reason, 3 of 3 up"),
    .init(
        "two leaders: the higher term counts, and the disagreement is shown",
        said(
            .leader(1) {
                $0.term = 6
                $0.can = false
                $0.reason = .noQuorum
                $0.cutOff = [2, 3]
            },
            .leader { $0.cutOff = [1] }, .follower(3) { $0.cutOff = [1] }), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 1 has no link to peers 2 and 3, they disagree about the leader"
    ),
    .init(
        "two peers that may produce at once",
        said(
            .leader(1) {
                $0.term = 6
                $0.cutOff = [2, 3]
            }, .leader(), .follower(3)), .degraded, "several_may_produce",
        "ALARM: 2 peers say that they may produce: peer 1 (term 6) and peer 2 (term 7); east may fork, peer 2 leads, "
            + "3 of 3 up, peer 1 has no link to peers 2 and 3, they disagree about the leader"),
    .init(
        "the same, in answers that lie further apart than a lease",
        said(.leader(1) { $0.term = 6 }, .leader { $0.later = 1900 }, .follower(3)), .degraded, "several_may_produce",
        "ALARM: 2 peers say that they may produce: peer 1 (term 6) and peer 2 (term 7), but the answers are 1.9 s "
            + "apart: look again; east may fork, peer 2 leads, 3 of 3 up, they disagree about the leader"),
    .init(
        "two leases, one of which may not produce",
        said(
            .leader(1) {
                $0.term = 6
                $0.can = false
                $0.lease = true
                $0.reason = .draining
            }, .leader(),
            .follower(3)), .degraded, "producing",
        "ALARM: 2 peers say that they hold the lease: peer 1 (term 6) and peer 2 (term 7); east is producing, peer 2 "
            + "leads, 3 of 3 up, they disagree about the leader"),
    .init(
        "two leaders in one term",
        said(
            .leader(1) {
                $0.can = false
                $0.reason = .noQuorum
            }, .leader(), .follower(3)), .degraded, "producing",
        "ALARM: peers 1 and 2 both say that they lead in term 7; east is producing: peer 2 still may, though peer 1 "
            + "leads now, 3 of 3 up, they disagree about the leader"),
    .init(
        "a deposed leader still holds its lease while the new one waits for it",
        said(
            .leader(1) { $0.term = 6 },
            .leader {
                $0.can = false
                $0.reason = .leaseWait
                $0.leaseRest = 500
            }, .follower(3)), .degraded,
        "producing",
        "east is producing: peer 1 still may, though peer 2 leads now, 3 of 3 up, they disagree about the leader"),
    .init(
        "the leader of the higher term is out of reach",
        said(
            .leader(1) {
                $0.term = 6
                $0.can = false
                $0.reason = .noQuorum
                $0.cutOff = [2, 3]
            })
            + [missing(2, silence)] + said(.follower(3) { $0.cutOff = [1] }), .degraded, "unknown",
        "whether east produces is unknown: peer 2 leads, as others say, but tells nothing itself, 2 of 3 up, peer 2 "
            + "unreachable (no answer within 2000 ms, though other peers hear it), peer 1 has no link to peer 3, "
            + "they disagree about the leader"),
    .init(
        "the named leader denies it",
        said(
            .follower(1),
            .follower(2) {
                $0.leader = -1
                $0.reason = .noLeader
            }, .follower(3)), .degraded, "stopped",
        "east cannot produce: no leader, 3 of 3 up, they disagree about the leader"),
    .init(
        "a candidate with a higher term does not hide the leader",
        said(
            .follower(1), .leader(),
            .follower(3) {
                $0.term = 9
                $0.leader = -1
                $0.role = .candidate
            }), .degraded,
        "producing", "east is producing, peer 2 leads, 3 of 3 up, they disagree about the leader"),
    .init(
        "a lagging peer",
        said(.follower(1) { $0.commit = 99 }, .leader(), .follower(3) { $0.commit = 100 }), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 1 is 21 entries behind"),
    .init(
        "a peer that commits and does not apply",
        said(.follower(1), .leader(), .follower(3) { $0.applied = 20 }), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 3 has applied 20 of 120 committed entries"),
    .init(
        "two links down between peers that are up",
        said(.follower(1) { $0.cutOff = [3] }, .leader(), .follower(3) { $0.cutOff = [1] }), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, peer 1 has no link to peer 3"),
    .init(
        "epochs differ",
        said(.follower(1) { $0.epoch = 2 }, .leader(), .follower(3)), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, they disagree about the epoch"),
    .init(
        "the region's state differs",
        said(.follower(1) { $0.active = false }, .leader(), .follower(3)), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, they disagree about the region's state"),
    .init(
        "quorums differ",
        said(.follower(1) { $0.quorum = 3 }, .leader(), .follower(3)), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 3 up, they disagree about the quorum"),
    .init(
        "a member that the file does not list is in the list",
        said(
            .follower(1) { $0.members = [1, 2, 3, 4] }, .leader { $0.members = [1, 2, 3, 4] },
            .follower(3) { $0.members = [1, 2, 3, 4] }), .degraded, "producing",
        "east is producing, peer 2 leads, 3 of 4 up, peer 4 not asked (the file does not list it, though other peers "
            + "hear it), they disagree about the members"),
    .init(
        "may produce, but does not",
        said(
            .follower(1) { $0.headAge = 400_000 }, .leader { $0.headAge = 399_000 }, .follower(3) { $0.headAge = nil }),
        .degraded, "producing",
        "east may produce, but has committed no block for 6 min, peer 2 leads, 3 of 3 up"),
    .init(
        "a new group that has no block yet",
        said(
            .follower(1) { $0.head = nil },
            .leader {
                $0.head = nil
                $0.uptime = 2_000
            }, .follower(3) { $0.head = nil }),
        .well, "producing", "east may produce and has no block yet, peer 2 leads, 3 of 3 up"),
    .init(
        "restarted with a head, and no block since",
        said(
            .follower(1) { $0.headAge = nil },
            .leader {
                $0.headAge = nil
                $0.uptime = 3000
            }, .follower(3) { $0.headAge = nil }), .well, "producing",
        "east may produce, but has committed no block for 3.0 s, peer 2 leads, 3 of 3 up"),
    .init(
        "may produce without a lease, in a standby region, as a follower",
        said(
            .follower(1) {
                $0.can = true
                $0.reason = nil
                $0.lease = false
                $0.active = false
            },
            .leader {
                $0.can = false
                $0.reason = .regionStandby
                $0.active = false
            },
            .follower(3) { $0.active = false }), .degraded, "producing",
        "ALARM: peer 1 says that it may produce, yet it does not lead, it holds no lease and its region is standby; "
            + "east is producing: peer 1 still may, though peer 2 leads now, 3 of 3 up"),
    .init(
        "one height with two committed blocks",
        said(.follower(1) { $0.headID = "0000040aff" }, .leader(), .follower(3)), .degraded, "producing",
        "ALARM: block 1034 is committed with different ids: peer 1 has 0000040aff, peer 2 has 0000040a5c and peer 3 "
            + "has 0000040a5c; east is producing, peer 2 leads, 3 of 3 up"),
    .init(
        "answers that are no status count as none",
        [
            missing(1, .garbage("it is not JSON")),
            missing(2, .httpError(status: 503, name: "overloaded", message: "")),
            missing(3, .otherSchemaVersion(2)),
        ], .unreachable, "unreachable",
        "east is unreachable, so whether it produces is unknown, peer 1 unreadable (not a status: it is not JSON), "
            + "peer 2 unreadable (HTTP 503 overloaded), peer 3 unreadable (it speaks schema version 2, this tool 1)"),
    .init(
        "another peer answers in its place",
        said(.follower(1), .leader()) + [missing(3, .someoneElse(region: "west", id: 3))], .degraded, "producing",
        "east is producing, peer 2 leads, 2 of 3 up, peer 3 not found (peer 3 of west answers there, though other peers "
            + "hear it)"),
    .init(
        "nothing answers", [missing(1), missing(2, silence), missing(3)], .unreachable, "unreachable",
        "east is unreachable, so whether it produces is unknown, peers 1 and 3 unreachable (connection refused), peer 2 "
            + "unreachable (no answer within 2000 ms)"),
]
