// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CHeldThread
import Foundation
import Testing

@testable import Harness

/// A disk that answers nothing for a while: the peer's thread that writes stands still, and the rest of it goes on.
private final class StalledDisk {
    private var held: OpaquePointer?

    init(of peer: Peer) throws {
        let pid = try #require(peer.pid)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        let store = try #require(
            threads.first {
                (try? String(contentsOfFile: "/proc/\(pid)/task/\($0)/comm", encoding: .utf8)) == "store\n"
            },
            "peer \(peer.id) has no thread named store")
        held = hold_thread(try #require(pid_t(store)))
        try #require(held != nil, "thread \(store) cannot be held: \(String(cString: strerror(errno)))")
    }

    func goOn() {
        if let held { release_thread(held) }
        held = nil
    }

    deinit { goOn() }
}

extension Acceptance {
    /// A disk that hangs takes its peer out at most, and only for as long as it does.
    @Suite struct StalledDiskTests {
        enum Victim: CaseIterable {
            case leader, follower
        }

        /// Far longer than a lease and an election timer.
        private static let longest = Duration.seconds(2)

        /// Up to where a leader knows a follower's log to be durable; nil for itself, and where it leads no more.
        private func match(of peer: Peer, at leader: Peer) async throws -> Int? {
            let links = try await leader.status()["peers"]?.array ?? []
            return links.first { $0["id"]?.int == peer.id }?["match_index"]?.int
        }

        private func isReady(_ peer: Peer) async throws -> Bool { try await peer.get("/health/ready").status == 200 }

        /// The follower whose vote counts in this term; in a new group of three that is one: the other came after the election.
        private func voter(in cluster: Cluster, besides leader: Peer) async throws -> Peer {
            try await value("a follower has a vote") {
                for peer in cluster.others(than: leader) where try await isReady(peer) { return peer }
                return nil
            }
        }

        private func stall(_ victim: Victim, in cluster: Cluster, _ load: Load) async throws {
            let leader = try await cluster.leader()
            let peer = victim == .leader ? leader : try await voter(in: cluster, besides: leader)
            let disk = try StalledDisk(of: peer)
            defer { disk.goOn() }
            let begun = ContinuousClock.now
            try await load.advances()
            let acknowledged = try await match(of: peer, at: leader)
            while ContinuousClock.now - begun < Self.longest { try await load.advances() }
            if let acknowledged, let now = try await match(of: peer, at: leader) {
                try #require(now == acknowledged, "it acknowledged what its disk had not taken")
            }
            // Says what it knows meanwhile.
            let height = try await peer.committedHeight()
            disk.goOn()
            try await load.advances()
            try await peer.reaches(height + 1)
            try await load.advances()
        }

        @Test(arguments: Victim.allCases)
        func aDiskThatStallsHoldsNobodyElseUp(_ victim: Victim) async throws {
            try await withCluster { cluster in
                let latecomer = try #require(cluster.peers.last)
                try await cluster.start(cluster.peers.dropLast())
                try await cluster.leader()
                try await cluster.start([latecomer])
                try await cluster.underWatch { _ in
                    try await cluster.underLoad { load in
                        try await load.advances()
                        // One has no vote in this term, and one in later terms.
                        try await latecomer.says("this peer's vote counts.* from_term=2")
                        try #require(try await !isReady(latecomer))
                        try await stall(victim, in: cluster, load)
                        // Another leader counts all.
                        try await eventually("every peer's vote counts") {
                            for peer in cluster.peers where try await !isReady(peer) { return false }
                            return true
                        }
                        try await stall(victim, in: cluster, load)
                    }
                }
            }
        }
    }
}
