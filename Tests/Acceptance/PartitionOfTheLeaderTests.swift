// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The leader alone is cut off, while its own nodeos, loyal to it, goes on offering it blocks.
    @Suite struct PartitionOfTheLeaderTests {
        @Test func aLeaderThatIsCutOffBothWaysStopsAndTheOthersGoOn() async throws {
            try await theOthersGoOn(rounds) { network, old, round in
                network.separate([old], by: Network.Manner.allCases[round % 2])
            }
        }

        @Test func aLeaderThatHearsNothingStopsAndTheOthersGoOn() async throws {
            try await theOthersGoOn(longRounds) { network, old, _ in network.deafen(old) }
        }

        @Test func aLeaderWhomNobodyHearsStopsAndTheOthersGoOn() async throws {
            try await theOthersGoOn(longRounds) { network, old, _ in network.mute(old) }
        }

        private func theOthersGoOn(
            _ rounds: Int, _ cutOff: (Network, Peer, _ round: Int) -> Void
        ) async throws {
            try await withNetwork { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { watch in
                    for round in 0..<rounds {
                        let old = try await cluster.leader()
                        let others = cluster.others(than: old)
                        let loyal = Load(cluster, targets: [old], producer: "prodha.old")
                        let rest = Load(cluster, targets: others, producer: "prodha.new")
                        try await alongside(loyal.run, stop: loyal.stop) {
                            try await alongside(rest.run, stop: rest.stop) {
                                try await loyal.advances()
                                let term = try await old.index("raft.term")
                                cutOff(network, old, round)
                                try await cluster.leader(among: others)
                                try await rest.advances()
                                let (committed, answers) = (loyal.committed, watch.answers(of: old))
                                try await always("the old leader may not produce", for: stay / 3) {
                                    try await old.canProduce()["can_produce"]?.bool == false
                                }
                                try #require(loyal.committed == committed && watch.answers(of: old) > answers)
                                try network.join()
                                try await eventually("the old leader knows of the new term") {
                                    try await old.index("raft.term") > term
                                }
                                try await old.reaches(try await others[0].committedHeight())
                                try await cluster.leader()
                            }
                        }
                    }
                }
            }
        }
    }
}
