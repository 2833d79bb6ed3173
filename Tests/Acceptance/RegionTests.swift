// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Whether a region is active is decided by the group, and by an edit of a quorum of files.
    @Suite struct RegionTests {
        private func isActive(_ peers: [Peer]) async throws -> Bool {
            for peer in peers where try await peer.info()["is_active_raft_cluster"]?.bool != true { return false }
            return true
        }

        private func isStandby(_ peers: [Peer]) async throws -> Bool {
            for peer in peers where try await peer.info()["is_active_raft_cluster"]?.bool != false { return false }
            return true
        }

        private func edit(_ peer: Peer, active: Bool) throws {
            try peer.edit { $0["is_active_raft_cluster"] = .bool(active) }
        }

        private func checkStandby(_ cluster: Cluster, _ block: Block) async throws {
            try await cluster.submit(block).error(409, "region_standby")
            try await cluster.submit(block, as: .hex).error(409, "region_standby")
            let leader = try await cluster.leader()
            try await eventually("the leader says why it may not produce") {
                let answer = try await leader.canProduce()
                try #require(answer["can_produce"]?.bool == false, "\(answer)")
                return answer["reason"]?.string == "region_standby"
            }
            try #require(try await isStandby(cluster.peers))
            try #require(try await leader.get("/health/leader").status == 503)
            for peer in cluster.peers {
                // Whatever comes from the active region may pass.
                let answer = try await peer.post(
                    "/v1/prodha/check_block",
                    [
                        "block_num": .int(block.number), "block_id": .string(block.id),
                        "previous": .string(block.previous),
                    ]
                ).document()
                try #require(answer["accept"]?.bool == true, "\(answer)")
                try #require(try await peer.status()["production.region_active"]?.bool == false)
            }
        }

        @Test func aStandbyRegionCommitsNothingUntilAQuorumOfFilesSaysSo() async throws {
            try await withCluster(GroupSettings(active: false)) { cluster in
                try await cluster.start()
                var chain = try Chain()
                let block = try chain.next()
                try await checkStandby(cluster, block)

                // One edited file alone.
                try edit(cluster.peers[0], active: true)
                cluster.peers[0].send(SIGHUP)
                try await always("one edit changes nothing") { try await isStandby(cluster.peers) }
                try #require(cluster.running.count == 3)

                try edit(cluster.peers[1], active: true)
                cluster.peers[1].send(SIGHUP)
                try await eventually("the region is active") { try await isActive(cluster.peers) }
                try await cluster.commit([block])
                try await cluster.commit(try chain.next(3))
                // The last file: nothing new.
                try edit(cluster.peers[2], active: true)
                cluster.peers[2].send(SIGHUP)
                try await cluster.commit(try chain.next(3))
                try #require(try await isActive(cluster.peers))

                // And back, after which a leader's word counts no more.
                for peer in cluster.peers[1...] {
                    try edit(peer, active: false)
                    peer.send(SIGHUP)
                }
                try await eventually("the region is standby") { try await isStandby(cluster.peers) }
                let next = try chain.next()
                try await checkStandby(cluster, next)

                // The state outlives all processes, and files that nobody edited since do not change it.
                for peer in cluster.peers {
                    peer.send(SIGKILL)
                }
                for peer in cluster.peers {
                    try await peer.end()
                }
                try await cluster.start()
                try await checkStandby(cluster, next)
                try await always("it stays so") { try await isStandby(cluster.peers) }
            }
        }

        @Test func editsAreSeenAtARestartToo() async throws {
            try await withCluster(GroupSettings(active: false)) { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await checkStandby(cluster, try chain.candidate())
                for (number, peer) in cluster.peers.enumerated() {
                    _ = try await peer.terminate()
                    try edit(peer, active: true)
                    try await peer.startAndServe()
                    try await cluster.leader()
                    if number == 0 {
                        try await always("one edit changes nothing") { try await isStandby(cluster.peers) }
                    }
                }
                try await eventually("the region is active") { try await isActive(cluster.peers) }
                try await cluster.commit(try chain.next(3))
                for peer in cluster.peers {
                    try await peer.kill()
                    try await peer.startAndServe()
                }
                try await cluster.commit(try chain.next(3))
                try #require(try await isActive(cluster.peers))
            }
        }

        /// The region's entry is the last one of a new standby group, so a store may not know yet that it is committed.
        @Test func filesEditedWhileAllPeersAreDownTakeEffect() async throws {
            try await withCluster(GroupSettings(active: false)) { cluster in
                try await cluster.start()
                try await eventually("the group is standby") {
                    try await cluster.peers[0].status()["production.epoch"]?.int == 1
                }
                for peer in cluster.peers { try await peer.kill() }
                for peer in cluster.peers {
                    try edit(peer, active: true)
                    try await peer.startAndServe()
                }
                for peer in cluster.peers {
                    try await eventually("the edit is committed") {
                        try await peer.status()["production.epoch"]?.int == 2
                    }
                }
                try #require(try await isActive(cluster.peers))
                var chain = try Chain()
                try await cluster.commit(try chain.next(3))
            }
        }

        @Test func aBrokenFileIsToldAtSighupAndChangesNothing() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(3))
                for peer in cluster.peers {
                    let (good, mark) = (try String(contentsOf: peer.configurationFile, encoding: .utf8), peer.log.count)
                    try "{\n  \"self\": }".write(to: peer.configurationFile, atomically: true, encoding: .utf8)
                    peer.send(SIGHUP)
                    try await peer.says("prodha\\.json:2:[0-9]+", after: mark)
                    try good.write(to: peer.configurationFile, atomically: true, encoding: .utf8)
                }
                try await cluster.commit(try chain.next(3))
                try #require(cluster.running.count == 3)
            }
        }
    }
}
