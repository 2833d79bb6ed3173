// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Who belongs to a group, and who does not.
    @Suite struct MembershipTests {
        @Test func aPeerWithAnotherGroupsDataIsRefused() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(3) })
                try await cluster.allReach(1002)
                for peer in cluster.peers {
                    _ = try await peer.terminate()
                }
                // The first two begin anew; the third still has what it had.
                let (news, old) = (Array(cluster.peers[..<2]), cluster.peers[2])
                for peer in news {
                    try peer.wipe()
                }
                cluster.ledger.forget()
                try await cluster.start(news)
                var chain = try Chain(startingAt: 1000, producer: "prodha.bp3")
                try await cluster.commit(try chain.next(3))

                let marks = cluster.peers.map(\.log.count)
                try await old.startAndServe()
                try await old.says("refuse.*group|group.*refuse", after: marks[2])
                try await eventually("the group says whom it refuses, and why") {
                    zip(news, marks).contains { peer, mark in
                        peer.log.dropFirst(mark).split(separator: "\n").contains {
                            $0.localizedCaseInsensitiveContains("refuse")
                                && $0.localizedCaseInsensitiveContains("group")
                        }
                    }
                }
                let committed = try chain.next(10)
                try await cluster.commitThrough(news, committed)
                try await always("it stays out") {
                    let id = try await old.leaderID()
                    let height = try await old.committedHeight()
                    // Alone it does not know yet that the last block it wrote was committed.
                    return id == -1 && [1001, 1002].contains(height)
                }
                // With nothing it is welcome.
                try await old.kill()
                try old.wipe()
                try await old.startAndServe()
                try await cluster.commit(try chain.next(2))
                try await cluster.allReach(try #require(chain.head).number)
            }
        }

        @Test func aPeerWithAnotherQuorumSizeIsRefused() async throws {
            try await withCluster(GroupSettings(ids: [1, 2, 3, 4, 5], quorum: 3)) { cluster in
                let (good, odd) = (Array(cluster.peers[..<4]), cluster.peers[4])
                try await cluster.start(good)
                var chain = try Chain()
                try await cluster.commit(try chain.next(3))

                try odd.edit { $0["leader_election_quorum_size"] = 4 }
                try await odd.startAndServe()
                try await odd.says("refuse.*quorum|quorum.*refuse")
                try await eventually("the group says whom it refuses, and why") {
                    good.contains { peer in
                        peer.log.split(separator: "\n").contains {
                            $0.localizedCaseInsensitiveContains("refuse")
                                && $0.localizedCaseInsensitiveContains("quorum")
                        }
                    }
                }
                try await cluster.commitThrough(good, try chain.next(5))
                #expect(try await odd.leaderID() == -1)
                #expect(try await odd.committedHeight() == 0)

                // The file put right, it joins.
                _ = try await odd.terminate()
                try odd.edit { $0["leader_election_quorum_size"] = 3 }
                try await odd.startAndServe()
                try await odd.reaches(try #require(chain.head).number)
            }
        }
    }
}

extension Cluster {
    /// Has `blocks` committed by a group of which some running peers are no part.
    func commitThrough(_ some: [Peer], _ blocks: [Block]) async throws {
        for block in blocks {
            try await eventually("block \(block.number) is committed") {
                for peer in some {
                    let answer = try await peer.commit(block)
                    if answer.status == 200 { return true }
                    try #require(answer.status == 409, "\(answer)")
                }
                return false
            }
        }
    }
}
