// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What operators do from the command line: it is done, or they are told that it is not, or that nobody knows.
    @Suite struct OperatorTests {
        private func run(_ cluster: Cluster, _ arguments: String...) async throws -> Finished {
            let file = cluster.peers[0].configurationFile.path
            return try await Program.run(
                arguments + ["--config", file, "--timeout", "500ms"], in: cluster.directory, within: .seconds(60))
        }

        private func history(_ cluster: Cluster) async throws -> [JSON] {
            let finished = try await run(cluster, "history", "--output", "json")
            try #require(finished.ending == .exit(0), "\(finished)")
            let regions = try JSON(parsing: Array(finished.output.utf8))["regions"]?.array
            return try #require(regions?.first?["entries"]?.array)
        }

        /// The last entry of the history with that event.
        private func last(_ event: String, _ cluster: Cluster) async throws -> JSON {
            try #require(try await history(cluster).last { $0["event"]?.string == event }, "no \(event)")
        }

        @Test func aPauseStopsProductionEverywhereAndOutlivesARestartOfAll() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let blocks = try Chain().growing { try $0.next(4) }
                try await cluster.commit(Array(blocks[..<3]))
                let paused = try await run(cluster, "pause", "--reason", "disk swap")
                try #require(paused.ending == .exit(0) && paused.output.contains("block 1002 is the last"), "\(paused)")
                for _ in 0..<2 {
                    let leader = try await cluster.leader()
                    let refused = try await leader.commit(blocks[3])
                    try #require(refused.status == 409 && refused.reason == "region_paused", "\(refused)")
                    for peer in cluster.peers {
                        let production = try #require(try await peer.status()["production"])
                        try #require(production["paused"]?.bool == true, "\(production)")
                        try #require(production["pause.reason"]?.string == "disk swap", "\(production)")
                        try #require(try await peer.canProduce()["can_produce"]?.bool == false)
                    }
                    let status = try await run(cluster, "status")
                    try #require(status.ending == .exit(2) && status.output.contains("(disk swap)"), "\(status)")
                    for peer in cluster.peers { try await peer.kill() }
                    try await cluster.start()
                }
                // Once more changes nothing and says whose it is.
                let again = try await run(cluster, "pause", "--reason", "other")
                try #require(again.ending == .exit(0) && again.output.contains("(disk swap)"), "\(again)")
                let resumed = try await run(cluster, "resume")
                try #require(resumed.ending == .exit(0), "\(resumed)")
                try await cluster.commit([blocks[3]])
                let entries = try await history(cluster).compactMap { $0["event"]?.string }.filter { $0 != "leads" }
                try #require(entries == ["active", "pause", "resume"], "\(entries)")
            }
        }

        @Test func aRequestIsCarriedOutOnceUnderItsName() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let leader = try await cluster.leader()
                let body: JSON = ["operation": "switch-7", "who": "alice", "reason": "why"]
                let first = try await leader.post("/v1/prodha/region/pause", body)
                try #require(first.status == 200 && first.json?["changed"]?.bool == true, "\(first)")
                let resumed = try await leader.post("/v1/prodha/region/resume", ["operation": "switch-8"])
                try #require(resumed.status == 200, "\(resumed)")
                // A copy of the first that was late on its way.
                let late = try await leader.post("/v1/prodha/region/pause", body)
                try #require(late.status == 200 && late.json?["index"] == first.json?["index"], "\(late)")
                try #require(try await leader.status()["production.paused"]?.bool == false)
                let stale = try await leader.post("/v1/prodha/region/pause", ["expects": 1])
                try #require(stale.status == 409 && stale.reason == "epoch_changed", "\(stale)")
                try #require(stale.json?["error.details.epoch"]?.int == 3, "\(stale)")
                let follower = try #require(try await cluster.followers().first)
                let elsewhere = try await follower.post("/v1/prodha/region/pause", [:])
                try #require(elsewhere.status == 409 && elsewhere.reason == "not_leader", "\(elsewhere)")
                try #require(elsewhere.json?["error.details.leader_id"]?.int == leader.id, "\(elsewhere)")
                // The leader chooses, once: the same request at the one that it chose moves nothing.
                let transfer: JSON = ["operation": "switch-9"]
                let moved = try await leader.post("/v1/prodha/transfer", transfer, within: Bound.outcome)
                try #require(moved.status == 200, "\(moved)")
                let next = try await cluster.leader()
                try #require(next.id == moved.json?["leader_id"]?.int && next !== leader)
                let repeated = try await next.post("/v1/prodha/transfer", transfer, within: Bound.outcome)
                try #require(repeated.status == 200 && repeated.json == moved.json, "\(repeated)")
                try #require(try await cluster.leader() === next)
            }
        }

        @Test(arguments: [
            #"{"operation":3}"#, #"{"reason":"two\nlines"}"#, #"{"operation":""}"#, #"{"reason":7}"#, "[]", "x",
            #"{"who":"\#(String(repeating: "w", count: 200))"}"#,
        ])
        func badBodiesAreRefusedAndChangeNothing(_ body: String) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let leader = try await cluster.leader()
                for path in ["region/pause", "region/resume", "maintenance", "transfer"] {
                    let answer = try await leader.call("POST", "/v1/prodha/\(path)", body: Array(body.utf8))
                    try #require(answer.status == 400 && answer.reason == "malformed_request", "\(path): \(answer)")
                    let page = try await leader.call(
                        "POST", "/v1/prodha/\(path)", headers: [("Origin", "http://evil")], body: Array("{}".utf8))
                    try #require(page.status == 403, "\(path): \(page)")
                }
                try #require(try await leader.status()["production.epoch"]?.int == 1)
                try #require(try await cluster.leader() === leader)
            }
        }

        @Test func aLeaderInMaintenanceHandsOverAndLeadsOnlyWhenNobodyElseCan() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    let first = try await cluster.leader()
                    let begun = try await run(cluster, "maintenance", "on", "\(first.id)", "--reason", "kernel")
                    try #require(begun.ending == .exit(0), "\(begun)")
                    let second = try await cluster.leader()
                    try #require(second !== first)
                    let status = try await run(cluster, "status")
                    try #require(status.output.contains("peer \(first.id) is in maintenance"), "\(status)")
                    try await load.advances()
                    // With the leader dead as well there is one that may lead, and one that may not.
                    let third = try #require(cluster.peers.first { $0 !== first && $0 !== second })
                    try await second.kill()
                    try await load.advances()
                    // If only the one in maintenance has the last block, it leads until the other one has it too.
                    try await eventually("peer \(third.id) leads") { try await cluster.leader() === third }
                    try await second.startAndServe()
                    let refused = try await run(cluster, "transfer", "--to", "\(first.id)")
                    try #require(refused.ending == .exit(3) && refused.errors.contains("in maintenance"), "\(refused)")
                    // Now only the one in maintenance and one without any data are left.
                    _ = try await run(cluster, "maintenance", "on", "\(second.id)")
                    let last = try await run(cluster, "maintenance", "on", "\(third.id)")
                    try #require(last.ending == .exit(3), "nobody could lead: \(last)")
                    try await third.kill()
                    try await load.advances()
                    let stopgap = try await cluster.leader()
                    try #require(stopgap === first || stopgap === second)
                    // As soon as one comes that may, it leads.
                    try await third.startAndServe()
                    try await eventually("peer \(third.id) leads") { try await cluster.leader() === third }
                    try await load.advances()
                    let ended = try await run(cluster, "maintenance", "off", "\(first.id)")
                    try #require(ended.ending == .exit(0), "\(ended)")
                    let back = try await run(cluster, "transfer", "--to", "\(first.id)")
                    try #require(back.ending == .exit(0), "\(back)")
                    try #require(try await cluster.leader() === first)
                }
            }
        }

        @Test func aTransferSaysWhatBecameOfItAndTheHistoryAgrees() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    let leader = try await cluster.leader()
                    let target = try #require(cluster.others(than: leader).first)
                    let done = try await run(cluster, "transfer", "--to", "127.0.0.1:\(target.apiPort)")
                    try #require(done.ending == .exit(0), "\(done)")
                    try #require(done.output.hasPrefix("peer \(target.id) leads"), "\(done)")
                    try #require(try await cluster.leader() === target)
                    var entry = try await last("transfer", cluster)
                    try #require(entry["result"]?.string == "done" && entry["peer"]?.int == target.id, "\(entry)")
                    try #require(entry["act.who"]?.string?.contains("@") == true, "\(entry)")
                    let same = try await run(cluster, "transfer", "--to", "\(target.id)")
                    try #require(same.ending == .exit(0) && same.output.contains("already"), "\(same)")
                    let nobody = try await run(cluster, "transfer", "--to", "77")
                    try #require(nobody.ending == .exit(64) && nobody.errors.contains("77"), "\(nobody)")
                    try await load.advances()

                    // One that hangs has its link still, and does not take over; who leads goes on, or leads again.
                    leader.send(SIGSTOP)
                    let failed = try await run(cluster, "transfer", "--to", "\(leader.id)", "--output", "json")
                    leader.send(SIGCONT)
                    let json = try JSON(parsing: Array(failed.output.utf8))
                    let outcome = try #require(json["outcome"]?.string)
                    try #require(["failed", "refused"].contains(outcome), "\(failed)")
                    try #require(failed.ending == .exit(outcome == "failed" ? 1 : 3), "\(failed)")
                    try await load.advances()
                    if outcome == "failed" {
                        try await eventually("the history has its end") {
                            entry = try await last("transfer", cluster)
                            return entry["result"]?.string == "failed" && entry["peer"]?.int == leader.id
                        }
                    }
                }
            }
        }

        /// The leader hangs: whoever follows is asked instead, and the act is done once.
        @Test func aHangingLeaderIsNotWaitedFor() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(1) })
                let leader = try await cluster.leader()
                leader.send(SIGSTOP)
                let paused = try await run(cluster, "pause")
                try #require(paused.ending == .exit(0), "\(paused)")
                leader.send(SIGCONT)
                try await eventually("it knows too") { try await leader.status()["production.paused"]?.bool == true }
                try #require(try await history(cluster).count { $0["event"]?.string == "pause" } == 1)
            }
        }

        @Test func withoutAQuorumNothingIsDoneAndThatIsSaid() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(1) })
                for peer in cluster.peers[1...] { try await peer.kill() }
                try await eventually("peer 1 knows of no leader") { try await cluster.peers[0].leaderID() == -1 }
                for arguments in [["pause"], ["transfer"], ["maintenance", "on", "2"]] {
                    let file = cluster.peers[0].configurationFile.path
                    let refused = try await Program.run(
                        arguments + ["--config", file], in: cluster.directory, within: .seconds(60))
                    try #require(refused.ending == .exit(3), "\(refused)")
                    try #require(refused.errors.contains("nothing was done") && refused.output.isEmpty, "\(refused)")
                }
                let told = try await run(cluster, "history")
                try #require(told.ending == .exit(0) && told.output.contains("does not lead"), "\(told)")
                try await cluster.peers[0].kill()
                let nobody = try await run(cluster, "history")
                try #require(nobody.ending == .exit(69), "\(nobody)")
                let unreachable = try await run(cluster, "resume")
                try #require(unreachable.ending == .exit(69), "\(unreachable)")
            }
        }
    }
}
