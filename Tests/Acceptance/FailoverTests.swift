// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Peers die, hang and leave while a producer commits all the time. After each test the harness checks that no
    /// acknowledged block is missing and that no height has two ids.
    @Suite struct FailoverTests {
        @Test func aKilledLeaderCostsNoAcknowledgedBlock() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let watch = LeaseWatch(cluster)
                try await alongside(watch.run, stop: watch.stop) {
                    try await cluster.underLoad { load in
                        for _ in 0..<rounds {
                            let leader = try await cluster.leader()
                            try await load.advances()
                            try await leader.kill()
                            try await load.advances()
                            let height = try await cluster.leader().committedHeight()
                            try await leader.startAndServe()
                            try await leader.reaches(height)
                            try await load.advances()
                        }
                    }
                }
                try watch.check()
            }
        }

        @Test func twoRivalProducersNeverBothGetAHeight() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let rival = Load(cluster, producer: "prodha.bp2")
                try await cluster.underLoad { load in
                    try await alongside(rival.run, stop: rival.stop) {
                        for _ in 0..<rounds {
                            let leader = try await cluster.leader()
                            try await leader.kill()
                            try await load.advances()
                            try await rival.advances(by: 1)
                            try await leader.startAndServe()
                        }
                    }
                }
            }
        }

        @Test func allKilledAtOnceUnderLoadComeBackWithEverything() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    for _ in 0..<rounds {
                        try await load.advances()
                        for peer in cluster.peers {
                            peer.send(SIGKILL)
                        }
                        for peer in cluster.peers {
                            try await peer.end()
                        }
                        let known = cluster.ledger.acknowledged
                        try await cluster.start()
                        try await cluster.leader()
                        let newest = try #require(known.keys.max())
                        try await cluster.allReach(newest)
                        for peer in cluster.peers {
                            try #require(try await peer.block(newest)?.id == known[newest])
                        }
                        try await load.advances()
                    }
                }
            }
        }

        @Test func withoutAQuorumNothingIsCommittedAndTheSurvivorSaysSo() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                for survivorLeads in [true, false] {
                    var chain = try Chain(after: try await cluster.leader().head())
                    try await cluster.commit(try chain.next(5))
                    let leader = try await cluster.leader()
                    let survivor = survivorLeads ? leader : try #require(cluster.others(than: leader).first)
                    let lost = cluster.others(than: survivor)
                    for peer in lost {
                        peer.send(SIGKILL)
                    }
                    for peer in lost {
                        try await peer.end()
                    }
                    let height = try await survivor.committedHeight()
                    let acknowledged = cluster.ledger.count
                    let block = try chain.next()
                    let answers: Set = ["not_leader", "no_quorum", "lease_expired", "leadership_lost"]
                    let first = try await survivor.commit(block, within: Bound.outcome)
                    try #require(first.status == 409 && answers.contains(first.reason ?? ""), "\(first)")

                    try await eventually("the survivor knows of no leader") { try await survivor.leaderID() == -1 }
                    try await always("nothing is committed") {
                        let details = try await survivor.commit(block).error(409, "not_leader")
                        let answer = try await survivor.canProduce()
                        let info = try await survivor.info()
                        let ready = try await survivor.get("/health/ready").status
                        let live = try await survivor.get("/health/live").status
                        return details["leader_id"]?.int == -1 && info["leader_id"]?.int == -1
                            && answer["can_produce"]?.bool == false && answer["reason"]?.string?.isEmpty == false
                            && info["last_committed_block_num"]?.int == height && ready == 503 && live == 200
                    }
                    try #require(cluster.ledger.count == acknowledged)

                    try await cluster.start(lost)
                    // Unknown then, known now: it fits, or it was committed after all.
                    try await cluster.commit([block])
                    try await cluster.commit(try chain.next(5))
                    try await cluster.allReach(try #require(chain.head).number)
                }
            }
        }

        @Test func aLeaderThatIsToldToEndHandsOver() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    for _ in 0..<rounds {
                        let leader = try await cluster.leader()
                        try await load.advances()
                        try #require(try await leader.terminate() == .exit(0))
                        try await load.advances()
                        try #require(try await cluster.leader() !== leader)
                        try await leader.startAndServe()
                        try await load.advances()
                    }
                    // A follower ends as well, and nobody minds.
                    let follower = try #require(try await cluster.followers().first)
                    try #require(try await follower.terminate() == .exit(0))
                    try await load.advances()
                    try await follower.startAndServe()
                }
                // The last ones too, with nobody left to hand over to.
                for peer in cluster.peers {
                    try #require(try await peer.terminate() == .exit(0))
                }
                try await cluster.start()
            }
        }

        @Test func aLeaderThatHungMayNotGoOn() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let watch = LeaseWatch(cluster)
                try await alongside(watch.run, stop: watch.stop) {
                    for _ in 0..<rounds {
                        let old = try await cluster.leader()
                        let oldTerm = try #require(try await old.status()["raft.term"]?.int)
                        // Its own nodeos talks to it alone, whatever happens.
                        let loyal = Load(cluster, targets: [old], producer: "prodha.old")
                        try await alongside(loyal.run, stop: loyal.stop) {
                            try await cluster.underLoad { load in
                                old.send(SIGSTOP)
                                let stopped = ContinuousClock.now
                                try await eventually("another one leads") {
                                    let other = try #require(cluster.others(than: old).first)
                                    return try await ![old.id, -1].contains(other.leaderID())
                                }
                                try await load.advances()
                                try await eventually("3 s are over") { ContinuousClock.now - stopped > .seconds(3) }
                                let answers = watch.answers(of: old)
                                old.send(SIGCONT)
                                try await eventually("the old leader knows of the new term") {
                                    let answer = try await old.canProduce()
                                    let status = try await old.status()
                                    let term = try #require(status["raft.term"]?.int)
                                    if answer["can_produce"]?.bool == true, term <= oldTerm {
                                        throw Violation(description: "it hung, and may still produce in term \(term)")
                                    }
                                    return term > oldTerm && watch.answers(of: old) >= answers + 5
                                }
                                try await load.advances()
                            }
                        }
                        try await cluster.leader()
                    }
                }
                try watch.check()
            }
        }
    }
}
