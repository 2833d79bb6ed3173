// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Peers are restarted, politely and not, under load and with the leases watched.
    @Suite struct RestartTests {
        private static let signals = [SIGTERM, SIGKILL]

        /// Ends all of `peers` at once, as each signal does.
        private func end(_ peers: [(Peer, Int32)]) async throws {
            for (peer, signal) in peers {
                peer.send(signal)
            }
            for (peer, signal) in peers {
                let ending = try await peer.end()
                try #require(ending == (signal == SIGTERM ? .exit(0) : .signal(signal)), "peer \(peer.id): \(ending)")
            }
        }

        /// A lease that was handed over may end early; that it goes on after the next one has begun is found.
        @Test func theWatchOverHandOversFindsTwoLeasesAtOnce() throws {
            let start = ContinuousClock.now
            func yes(_ peer: Int, term: Int, at instant: Int) -> LeaseWatch.Yes {
                let sent = start + .milliseconds(instant)
                return LeaseWatch.Yes(
                    peer: peer, term: term, sent: sent, received: sent + .milliseconds(2), remaining: .milliseconds(700)
                )
            }
            let handOver = [yes(1, term: 1, at: 0), yes(2, term: 2, at: 50)]
            try LeaseWatch.check(handOver, .handOver)
            #expect(throws: Violation.self) { try LeaseWatch.check(handOver) }
            #expect(throws: Violation.self) {
                try LeaseWatch.check(handOver + [yes(1, term: 1, at: 60)], .handOver)
            }
        }

        @Test func anyTwoOfThreeThatEndComeBackWithEverything() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underWatch(.handOver) { _ in
                    try await cluster.underLoad { load in
                        for round in 0..<rounds {
                            for survivor in cluster.peers {
                                // Which of them leads, and who ends how, changes from time to time.
                                let ending = cluster.others(than: survivor)
                                let first = (round + survivor.id) % 2
                                let second = (first + round / 2) % 2
                                try await load.advances(by: 5)
                                try await end([
                                    (ending[0], Self.signals[first]), (ending[1], Self.signals[second]),
                                ])
                                try await eventually("the survivor knows of no leader") {
                                    try await survivor.leaderID() == -1
                                }
                                let committed = load.committed
                                try await always("the survivor does nothing", for: stay / 10) {
                                    let answer = try await survivor.canProduce()
                                    return answer["can_produce"]?.bool == false && load.committed == committed
                                }
                                try await cluster.start(ending)
                                try await load.advances(by: 5)
                                try await cluster.leader()
                            }
                        }
                    }
                }
            }
        }

        @Test func aLeaderThatIsRestartedAgainAndAgainCostsNoBlock() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underWatch(.handOver) { _ in
                    try await cluster.underLoad { load in
                        for turn in 0..<(5 * rounds) {
                            let leader = try await cluster.leader()
                            try await load.advances(by: 3)
                            try await end([(leader, Self.signals[turn % 2])])
                            try await leader.startAndServe()
                        }
                        try await load.advances()
                        let height = try await cluster.leader().committedHeight()
                        try await cluster.allReach(height)
                    }
                }
            }
        }
    }
}
