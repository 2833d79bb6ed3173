// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The network between the peers falls apart and comes together again, under load and with the leases watched.
    @Suite struct PartitionTests {
        @Test func peersThatAreAllCutOffCommitNothingUntilTheyAreJoined() async throws {
            try await withNetwork { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        for round in 0..<rounds {
                            try await load.advances()
                            network.separateAll(by: Network.Manner.allCases[round % 2])
                            try await eventually("nobody leads") {
                                for peer in cluster.peers where try await peer.leaderID() != -1 { return false }
                                return true
                            }
                            let committed = load.committed
                            try await always("nothing is committed, and nobody may produce", for: stay / 2) {
                                for peer in cluster.peers {
                                    guard try await peer.canProduce()["can_produce"]?.bool == false else {
                                        return false
                                    }
                                }
                                return load.committed == committed
                            }
                            try network.join()
                            try await load.advances()
                            try await cluster.leader()
                        }
                    }
                }
            }
        }

        @Test func threeOfFiveGoOnWithoutTheLeaderAndItsOneFollower() async throws {
            try await withNetwork(GroupSettings(ids: [1, 2, 3, 4, 5], quorum: 3)) { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    for round in 0..<longRounds {
                        let old = try await cluster.leader()
                        let minority = [old, cluster.others(than: old)[round % 4]]
                        let majority = cluster.peers.filter { peer in !minority.contains { $0 === peer } }
                        // The producers of both sides go on, as if nothing were amiss.
                        let loyal = Load(cluster, targets: minority, producer: "prodha.old")
                        let rest = Load(cluster, targets: majority, producer: "prodha.new")
                        try await alongside(loyal.run, stop: loyal.stop) {
                            try await alongside(rest.run, stop: rest.stop) {
                                try await loyal.advances()
                                network.separate(minority, by: Network.Manner.allCases[round % 2])
                                try await cluster.leader(among: majority)
                                try await rest.advances()
                                let committed = loyal.committed
                                try await always("the minority does nothing", for: stay / 2) {
                                    for peer in minority {
                                        let answer = try await peer.canProduce()
                                        guard answer["can_produce"]?.bool == false else { return false }
                                    }
                                    return loyal.committed == committed
                                }
                                try network.join()
                                for peer in minority {
                                    try await peer.reaches(try await majority[0].committedHeight())
                                }
                                try await cluster.leader()
                            }
                        }
                    }
                }
            }
        }

        @Test func aFollowerThatWasCutOffForMoreThanTheLogKeepsCatchesUp() async throws {
            try await withNetwork(GroupSettings(keys: ["snapshot_distance": 20])) { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        for _ in 0..<longRounds {
                            let late = try #require(try await cluster.followers().last)
                            network.separate([late], by: .drop)
                            let index = try await late.index("raft.applied_index")
                            try await load.advances(by: 100)
                            for peer in cluster.others(than: late) {
                                try await eventually("peer \(peer.id) no longer has what is missing") {
                                    try await peer.index("raft.snapshot_index") > index + 20
                                }
                            }
                            try await eventually("it knows of no leader") { try await late.leaderID() == -1 }
                            try network.join()
                            try await late.reaches(try await cluster.leader().committedHeight())
                            try #require(try await late.index("raft.snapshot_index") > index)
                            // It counts again.
                            let other = try #require(try await cluster.followers().first { $0 !== late })
                            network.separate([other], by: .drop)
                            try await load.advances()
                            try network.join()
                            try await load.advances()
                        }
                    }
                }
            }
        }

        /// `PRODHA_SEED` repeats the disturbances of a run, though not what the peers make of them.
        @Test func linksThatFailAtRandomCostNoAcknowledgedBlock() async throws {
            let given = ProcessInfo.processInfo.environment["PRODHA_SEED"].flatMap(UInt64.init)
            var random = SeededGenerator(seed: given ?? .random(in: 1...999_999))
            print("links fail at random: PRODHA_SEED=\(random.seed)")
            try await withNetwork { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        for _ in 0..<rounds {
                            for _ in 0..<15 {
                                try disturb(cluster, network, &random)
                                // How long it lasts is part of the disturbance.
                                try await Task.sleep(for: .milliseconds(Int.random(in: 20...300, using: &random)))
                            }
                            try network.join()
                            try await load.advances()
                        }
                    }
                }
            }
        }

        private func disturb(_ cluster: Cluster, _ network: Network, _ random: inout SeededGenerator) throws {
            let ids = cluster.peers.map(\.id).shuffled(using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: network.cut(ids[0], ids[1], by: .drop)
            case 2: network.cut(ids[0], ids[1], by: .hold)
            case 3: network.set(.hold, from: ids[0], to: ids[1])
            case 4:
                let delay = Duration.milliseconds(Int.random(in: 1...300, using: &random))
                network.set(.delay(delay), from: ids[0], to: ids[1])
            case 5: network.separate([try cluster.peer(ids[0])], by: .drop)
            case 6: try network.join(ids[0], ids[1])
            default: try network.join()
            }
        }
    }
}

/// SplitMix64.
private struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        (self.seed, state) = (seed, seed)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

extension Peer {
    /// A number of its status.
    func index(_ path: String) async throws -> Int {
        try #require(try await status()[path]?.int)
    }
}
