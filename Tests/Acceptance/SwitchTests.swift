// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// `prodha failover` on six real processes, while blocks are made all the time.
    @Suite struct SwitchTests {
        private func failover(
            _ regions: Regions, to region: String, _ more: String...
        ) async throws -> Finished {
            let file = regions.east.peers[0].configurationFile.path
            return try await Program.run(
                ["failover", "--region", region, "--config", file] + more, in: regions.east.directory)
        }

        /// All committed blocks form one chain: what was acknowledged first is what the last head stands on.
        private func checkChain(_ load: RegionLoad) throws {
            let blocks = load.acknowledged.withLock { $0 }
            for (block, next) in zip(blocks, blocks.dropFirst()) {
                try #require(next.number == block.number + 1, "block \(next.number) follows \(block.number)")
                try #require(
                    next.previous == block.id, "block \(next.number) is on another one than what was committed")
            }
        }

        @Test func thereAndBackNothingIsLost() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    // What would be done, and nothing is.
                    let dry = try await failover(regions, to: "west", "--dry-run")
                    try #require(dry.ending == .exit(0), "\(dry)")
                    try await load.advances(by: 2)
                    try #require(try await failover(regions, to: "west").ending == .exit(64))
                    for round in 0..<rounds {
                        for region in ["west", "east"] {
                            let done = try await failover(regions, to: region, "--confirm", region)
                            try #require(done.ending == .exit(0), "round \(round): \(done)")
                            try await load.advances(by: 2)
                            let producers = try await regions.producers()
                            let cluster = region == "west" ? regions.west : regions.east
                            try #require(producers.allSatisfy { peer in cluster.peers.contains { $0 === peer } })
                            print("to \(region): \(done.output.split(separator: "\n").last ?? "")")
                        }
                    }
                    // It is so already.
                    try #require(
                        try await failover(regions, to: "east", "--confirm", "east").ending == .exit(0))
                    try checkChain(load)
                }
            }
        }

        /// The command is killed some time after its start; whoever comes next finishes or undoes what it began.
        @Test(arguments: ["--resume", "--rollback"]) func aKilledCommandIsGoneOnWith(by way: String) async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    for round in 0..<(4 * rounds) {
                        let file = regions.east.peers[0].configurationFile.path
                        let producers = try await regions.producers()
                        let isWest = producers.contains { peer in regions.west.peers.contains { $0 === peer } }
                        let target = isWest ? "east" : "west"
                        let output = regions.east.directory.appending(path: "killed.txt")
                        let child = try await ChildProcess.start(
                            [
                                try Program.path(), "failover", "--region", target, "--confirm", target, "--config",
                                file,
                            ], in: regions.east.directory, output: output, errors: output)
                        try await Task.sleep(for: .milliseconds(40 * (round % 12)))
                        child.send(SIGKILL)
                        _ = try await child.end()
                        let next = try await failover(regions, to: target, way)
                        // Nothing may have begun, or all be done.
                        let accepted: [Ending] = [.exit(0), .exit(3), .exit(4)]
                        try #require(accepted.contains(next.ending), "round \(round): \(next)")
                        try await load.advances(by: 2)
                        for peer in regions.peers {
                            try await eventually("no switch is open") {
                                let status = try await peer.status()
                                return status["production.switch"] == .null
                            }
                        }
                    }
                    try checkChain(load)
                }
            }
        }

        /// Of each region one peer is down: what is left is a quorum, and enough. One more, and nothing is begun.
        @Test func aRegionOfOneQuorumIsEnough() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    try await load.advances(by: 2)
                    for cluster in regions.clusters { try await cluster.followers()[0].kill() }
                    for region in ["west", "east"] {
                        let done = try await failover(regions, to: region, "--confirm", region)
                        try #require(done.ending == .exit(0), "\(done)")
                        try await load.advances(by: 2)
                    }
                    try await regions.west.leader().kill()
                    let epochs = try await regions.east.leader().status()["production.epoch"]
                    let refused = try await failover(regions, to: "west", "--confirm", "west")
                    try #require(refused.ending == .exit(3), "\(refused)")
                    #expect(refused.everything.contains("no peer of west says that it leads"), "\(refused)")
                    try #require(try await regions.east.leader().status()["production.epoch"] == epochs)
                    try await load.advances(by: 2)
                    try checkChain(load)
                }
            }
        }

        /// East stands still; west is forced; east goes on, gives way, and lists what only it has.
        @Test func aLostRegionIsGivenUpAndGivesWay() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    try await load.advances(by: 3)
                    for peer in regions.west.peers {
                        try await eventually("peer \(peer.id) has heard of east's blocks") {
                            try await peer.status()["regions"]?.array?.first?["report.head.block_num"]?.int != nil
                        }
                    }
                    for peer in regions.east.peers { peer.send(SIGSTOP) }
                    let planned = try await failover(regions, to: "west", "--confirm", "west", "--timeout", "500ms")
                    try #require(planned.ending == .exit(3), "\(planned)")
                    let file = regions.west.peers[0].configurationFile.path
                    let forced = try await Program.run(
                        [
                            "failover", "--region", "west", "--config", file, "--force", "--accept-loss", "--confirm",
                            "west", "--timeout", "500ms",
                        ], in: regions.west.directory)
                    try #require(forced.ending == .exit(0), "\(forced)")
                    try #require(forced.errors.contains(/peer \d of east: .*; peer \d of west heard it [\d.]+ m?s ago/))
                    try await load.advances(by: 2)
                    // What was known of it stands in the log, and is told as long as it cannot say itself what only it has.
                    func told(_ arguments: String...) async throws -> String {
                        let told = try await Program.run(
                            arguments + ["--config", file, "--timeout", "500ms"], in: regions.west.directory)
                        return told.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    }
                    let record =
                        /its last known block was \d+ \([0-9a-f]{16}\), told by its peer \d; the region was heard last [\d.]+ m?s before/
                    let loss = try await told("history", "--loss")
                    try #require(loss.contains("east: it has not answered; when it was given up at "), "\(loss)")
                    try #require(loss.contains(record) && loss.contains(/; west went on from block \d+:/), "\(loss)")
                    for command in ["history", "log"] {
                        let text = try await told(command)
                        try #require(text.contains("east was given up; ") && text.contains(record), "\(text)")
                    }
                    for peer in regions.east.peers { peer.send(SIGCONT) }
                    try await eventually("east gives way", within: .seconds(10)) {
                        for peer in regions.east.peers
                        where try await peer.status()["production.state"]?.string != "standby" {
                            return false
                        }
                        return true
                    }
                    try await load.advances(by: 2)
                    let history = try await Program.run(
                        ["history", "--loss", "--config", file], in: regions.west.directory)
                    try #require(history.ending == .exit(0), "\(history)")
                    // And back, planned, as if nothing had been, once a peer of east leads with the lease again.
                    try await eventually("east is ready") {
                        try await failover(regions, to: "east", "--dry-run").ending == .exit(0)
                    }
                    let back = try await failover(regions, to: "east", "--confirm", "east")
                    try #require(back.ending == .exit(0), "\(back)")
                    try await load.advances(by: 2)
                }
            }
        }
    }
}
