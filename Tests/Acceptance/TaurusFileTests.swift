// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Files written for EOSIO-Taurus run as they are.
    @Suite struct TaurusFileTests {
        /// The file of its documentation, on other ports where asked for, and with its line breaks.
        private static func documented(_ first: Int = 8988, _ second: Int = 8989, _ third: Int = 8990) -> String {
            """
            {"is_active_raft_cluster": true, "leader_election_quorum_size": 2, "self": 1, "logging_level": 3, \
            "peers": [{"id": 1, "listening_port": \(first), "address": "localhost:\(first)"}, \
            {"id": 2, "address": "localhost:\(second)"}, {"id": 3, "address": "localhost:\(third)"}]}
            """
        }

        private static let documentedPortsAreFree = [8988, 8989, 8990, 9988, 9989, 9990].allSatisfy(Ports.isFree)

        private static let infoKeys: Set = [
            "is_active_raft_cluster", "quorum_size", "last_committed_block_num", "leader_id", "peers",
        ]

        /// Peers that are configured by the text of a file alone; their APIs are 1000 above their ports.
        private func withGroup(ports: [Int], file: String, _ test: ([Peer], Ledger) async throws -> Void) async throws {
            try await TemporaryDirectory.with { directory in
                let ledger = Ledger()
                let peers = try ports.enumerated().map { index, port in
                    try Peer(
                        id: index + 1, peerPort: port, apiPort: port + 1000,
                        directory: directory.appending(path: "\(index + 1)"), ledger: ledger)
                }
                defer { for peer in peers { peer.killGroup() } }
                for peer in peers {
                    try file.write(to: peer.configurationFile, atomically: true, encoding: .utf8)
                }
                do {
                    try await test(peers, ledger)
                } catch {
                    for peer in peers { print("---- peer \(peer.id):\n\(peer.log.suffix(6000))") }
                    throw error
                }
            }
        }

        /// Before there is a group, no replicated state says whether the region is active.
        private func checkInfo(_ info: JSON, ports: [Int], group: Bool = true) throws {
            try #require(info.keys == Self.infoKeys, "\(info)")
            try #require(info["is_active_raft_cluster"]?.bool != nil, "\(info)")
            try #require(info["is_active_raft_cluster"]?.bool == true || !group, "\(info)")
            try #require(info["quorum_size"]?.int == 2, "\(info)")
            try #require(info["last_committed_block_num"]?.int != nil, "\(info)")
            try #require(info["leader_id"]?.int != nil, "\(info)")
            let peers = try #require(info["peers"]?.array, "\(info)")
            try #require(peers.count == 3)
            for (index, (peer, port)) in zip(peers, ports).enumerated() {
                let expected: JSON = [
                    "id": .int(index + 1), "address": .string("localhost:\(port)"), "listening_port": .int(port),
                ]
                try #require(peer == expected, "\(info)")
            }
        }

        @Test func theFileOfTheDocumentationRunsPeerByPeer() async throws {
            var ports: [Int] = []
            while Set(ports.flatMap { [$0, $0 + 1000] }).count < 6 {
                ports = try (0..<3).map { _ in try Ports.free(companions: [1000]) }
            }
            let file = Self.documented(ports[0], ports[1], ports[2])
            try await withGroup(ports: ports, file: file) { peers, ledger in
                for (index, peer) in peers.enumerated() {
                    try file.replacing("\"self\": 1", with: "\"self\": \(index + 1)")
                        .write(to: peer.configurationFile, atomically: true, encoding: .utf8)
                }
                var chain = try Chain()

                // One of three: it answers, and nobody leads.
                try await peers[0].startAndServe()
                try await always("nobody leads") { try await peers[0].leaderID() == -1 }
                try checkInfo(try await peers[0].info(), ports: ports, group: false)
                #expect(try await peers[0].committedHeight() == 0)
                let alone = try await peers[0].canProduce()
                #expect(alone["can_produce"]?.bool == false)
                #expect(alone["reason"]?.string == "no_leader")
                #expect(alone["lease_remaining_ms"]?.double == 0)
                let block = try chain.next()
                for form in [Peer.BlockForm.octets, .hex] {
                    let details = try await peers[0].commit(block, as: form).error(409, "not_leader")
                    try #require(details["leader_id"]?.int == -1, "\(details)")
                }

                // Two: one of them leads.
                try await peers[1].startAndServe()
                let leader = try await value("one of two leads") {
                    let id = try await peers[0].leaderID()
                    guard id > 0, try await peers[1].leaderID() == id else { return Peer?.none }
                    guard try await peers[id - 1].canProduce()["can_produce"]?.bool == true else { return nil }
                    return peers[id - 1]
                }
                try checkInfo(try await leader.info(), ports: ports)
                try #require(try await leader.commit(block).status == 200)
                try #require(try await leader.committedHeight() == block.number)

                // Three.
                try await peers[2].startAndServe()
                try await peers[2].reaches(block.number)
                for peer in peers {
                    try await peer.reaches(block.number)
                    try checkInfo(try await peer.info(), ports: ports)
                }
                let post = try await peers[2].call("POST", "/v1/producer_ha/get_info", body: [])
                try checkInfo(try #require(post.json), ports: ports)
            }
        }

        @Test(.enabled(if: documentedPortsAreFree, "something listens on the documented ports"))
        func theFileOfTheDocumentationRunsToTheLetter() async throws {
            try await withGroup(ports: [8988, 8989, 8990], file: Self.documented()) { peers, ledger in
                for peer in peers {
                    try await peer.start(["--self", "\(peer.id)"])
                }
                for peer in peers {
                    try await peer.serves()
                }
                var chain = try Chain(startingAt: 2)
                let block = try chain.next()
                try await eventually("a block is committed") {
                    for peer in peers where try await peer.leaderID() == peer.id {
                        return try await peer.commit(block).status == 200
                    }
                    return false
                }
                for peer in peers {
                    try await peer.reaches(block.number)
                    let data = peer.directory.appending(path: "data/default-\(peer.id)").path
                    #expect(FileManager.default.fileExists(atPath: data), "durable data is kept in \(data)")
                }
            }
        }

        @Test func fourOfFiveAsQuorumAreWaitedFor() async throws {
            try await withCluster(GroupSettings(ids: [1, 2, 3, 4, 5], quorum: 4)) { cluster in
                var chain = try Chain()
                let some = Array(cluster.peers[..<3])
                try await cluster.start(some)
                try await always("three of five do not elect") {
                    for peer in some where try await peer.leaderID() != -1 { return false }
                    return true
                }
                try await cluster.start([cluster.peers[3]])
                try await cluster.commit(try chain.next(3))
                #expect(try await cluster.leader().info()["quorum_size"]?.int == 4)

                // The fifth may be away, or any other one once the fifth has what the group has; two may not.
                try await cluster.start([cluster.peers[4]])
                try await cluster.allReach(try #require(chain.head).number)
                let victims = Array(try await cluster.followers().prefix(2))
                try await victims[0].kill()
                try await cluster.commit(try chain.next(3))
                try await victims[1].kill()
                for peer in cluster.running {
                    try await eventually("peer \(peer.id) knows of no leader") { try await peer.leaderID() == -1 }
                }
                try await cluster.start([victims[0]])
                try await cluster.commit(try chain.next(3))
            }
        }

        @Test func idsFromZeroPortsAsTextSlowHeartbeatsAndNoLoggingLevel() async throws {
            let settings = GroupSettings(
                ids: [0, 1, 2],
                keys: ["heart_beat_interval_ms": 125, "leadership_expiry_ms": 2000, "logging_level": .null],
                portsAsText: true)
            try await withCluster(settings) { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(3))
                let zero = try cluster.peer(0)
                let listed = try await zero.info()["peers"]?.array?.first
                try #require(listed?["listening_port"] == .int(zero.peerPort))
                #expect(try await cluster.leader().status()["raft.lease.expiry_ms"]?.double == 2000)

                // Zero is an id like any other: it can lead, and others name it.
                try await eventually("peer 0 leads") {
                    let answer = try await zero.get("/v1/producer_ha/take_leadership")
                    let leader = try await cluster.leader()
                    return answer.status == 201 && leader === zero
                }
                try await cluster.commit(try chain.next(3))
            }
        }
    }
}
