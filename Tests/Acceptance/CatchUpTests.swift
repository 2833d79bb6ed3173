// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Peers that were away, or lost what they had.
    @Suite struct CatchUpTests {
        @Test func aPeerThatMissedMoreThanTheLogKeepsGetsASnapshot() async throws {
            try await withCluster(GroupSettings(keys: ["snapshot_distance": 20])) { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(5))
                let late = try #require(try await cluster.followers().first)
                try await late.kill()
                let index = try #require(try await cluster.leader().status()["raft.applied_index"]?.int)
                try await cluster.commit(try chain.next(150))

                try await late.startAndServe()
                let head = try #require(chain.head)
                try await late.reaches(head.number)
                try #require(try await late.block(head.number)?.id == head.id)
                try #require(try #require(try await late.status()["raft.snapshot_index"]?.int) > index)
                try await countsAgain(late, in: cluster, &chain)
                // What it was given is on its disk.
                try await late.kill()
                try await late.startAndServe()
                try await late.reaches(try #require(chain.head).number)
            }
        }

        @Test func aPeerThatLostItsDataIsBroughtUpAgain() async throws {
            for distance in [7200, 20] {
                try await withCluster(GroupSettings(keys: ["snapshot_distance": .int(distance)])) { cluster in
                    try await cluster.start()
                    try await cluster.underLoad { load in
                        try await load.advances(by: 60)
                        let follower = try #require(try await cluster.followers().first)
                        let leader = try await cluster.leader()
                        for victim in [follower, leader] {
                            try await victim.kill()
                            try victim.wipe()
                            try await load.advances()
                            try await victim.startAndServe()
                            let height = try await cluster.leader().committedHeight()
                            try await victim.reaches(height)
                            try await load.advances()
                        }
                    }
                    var chain = try await chain(of: cluster)
                    try await countsAgain(follower(cluster), in: cluster, &chain)
                    // The one that was wiped starts from what it was given.
                    for peer in cluster.peers {
                        try await peer.kill()
                        try await peer.startAndServe()
                    }
                    try await cluster.commit(try chain.next(3))
                    try await cluster.allReach(try #require(chain.head).number)
                }
            }
        }

        /// A block that only a dead peer and a wiped one had is not forgotten by the two that are left.
        @Test func anEmptyPeerDoesNotHelpAStalePeerToLead() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(5))
                let leader = try await cluster.leader()
                let others = cluster.others(than: leader)
                let (stale, witness) = (others[0], others[1])
                try await stale.kill()
                try await cluster.commit(try chain.next(20))
                try await leader.kill()
                try await witness.kill()
                try witness.wipe()

                try await cluster.start([stale, witness])
                let next = try chain.next()
                try await goNowhere([stale, witness], with: next)
                try await leader.startAndServe()
                try await cluster.commit([next])
                try await cluster.allReach(next.number)
            }
        }

        /// A write-ahead log that was cut at the end of a transaction opens without an error, and shorter. The leader
        /// remembers what it was told, and says so.
        @Test func aPeerWhoseDataIsCutShortIsToldAndLosesItsVote() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(5))
                let leader = try await cluster.leader()
                let others = cluster.others(than: leader)
                let (cut, stale) = (others[0], others[1])
                try await cluster.allReach(try #require(chain.head).number)
                let log = cut.dataDirectory.appending(path: "prodha.db-wal")
                let length = try Data(contentsOf: log).count
                try await stale.kill()
                // Only the leader and the one that is cut have these.
                try await cluster.commit(try chain.next(20))
                try await cut.kill()
                try #require(try Data(contentsOf: log).count > length)
                try #require(truncate(log.path, length) == 0)

                // Where only the leader knows, it is the first one to be met.
                try await cut.startAndServe()
                try await eventually("the peer says what it lost") {
                    cut.log.contains("data directory has lost writes")
                }
                try await leader.kill()
                try await eventually("the peer knows of no leader") { try await cut.leaderID() == -1 }
                try await stale.startAndServe()
                let next = try chain.next()
                try await goNowhere([cut, stale], with: next)
                try await leader.startAndServe()
                try await cluster.commit([next])
                try await cluster.allReach(next.number)
                try await countsAgain(cut, in: cluster, &chain)
            }
        }

        /// Any peer counts for a quorum again: the other follower may go.
        private func countsAgain(_ peer: Peer, in cluster: Cluster, _ chain: inout Chain) async throws {
            let other = try #require(cluster.others(than: peer).last)
            try await other.kill()
            try await cluster.commit(try chain.next(5))
            try await other.startAndServe()
            try await other.reaches(try #require(chain.head).number)
        }

        private func follower(_ cluster: Cluster) async throws -> Peer {
            try #require(try await cluster.followers().first)
        }

        private func chain(of cluster: Cluster) async throws -> Chain {
            try Chain(after: try await cluster.leader().head())
        }
    }
}

/// No quorum is left that knows the last blocks: none of `peers` leads, and none commits.
private func goNowhere(_ peers: [Peer], with next: Block) async throws {
    try await always("no quorum is left that knows the last blocks") {
        for peer in peers {
            let answer = try await peer.commit(next)
            if answer.status == 200 { throw Violation(description: "committed by peers that lost blocks") }
            let id = try await peer.leaderID()
            guard id == -1 else { throw Violation(description: "peer \(id) leads without a quorum's log") }
        }
        return true
    }
}
