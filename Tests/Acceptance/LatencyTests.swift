// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Links that are slow cost time, and leadership at worst.
    @Suite struct LatencyTests {
        @Test func latencyThatGrowsUntilElectionsHappenAndShrinksCostsNoBlock() async throws {
            try await withNetwork { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        for _ in 0..<longRounds {
                            let leader = try await cluster.leader()
                            let term = try await leader.index("raft.term")
                            for delay in [20, 60, 100] {
                                network.delay(.milliseconds(delay))
                                try await load.advances(by: 3)
                            }
                            var delay = 200
                            try await eventually("somebody stands for election") {
                                network.delay(.milliseconds(delay))
                                delay = min(2 * delay, 1000)
                                for peer in cluster.peers {
                                    let status = try await peer.status()
                                    let role = status["raft.role"]?.string
                                    if role == "candidate" || status["raft.term"]?.int != term { return true }
                                }
                                // So that latency grows by steps.
                                try await Task.sleep(for: .milliseconds(300))
                                return false
                            }
                            for delay in [100, 20] {
                                network.delay(.milliseconds(delay))
                                try await load.advances(by: 3)
                            }
                            try network.join()
                            try await load.advances()
                        }
                    }
                }
            }
        }

        @Test func aFollowerWithSlowLinksHoldsNobodyUp() async throws {
            try await withNetwork { cluster, network in
                try await cluster.start()
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        let slow = try #require(try await cluster.followers().first)
                        network.delay(.milliseconds(800), around: slow)
                        try await cluster.leader(among: cluster.others(than: slow))
                        let begun = ContinuousClock.now
                        try await load.advances(by: 30)
                        // In turn with the slow one it would be 48 s.
                        try #require(ContinuousClock.now - begun < Bound.outcome)
                        let height = try await cluster.leader(among: cluster.others(than: slow)).committedHeight()
                        // Late, and complete.
                        try await slow.reaches(height)
                        try network.join()
                        try await load.advances()
                    }
                }
            }
        }
    }
}
