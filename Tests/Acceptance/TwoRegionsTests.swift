// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Two regions: one produces, and nothing but an operator changes which.
    @Suite struct TwoRegionsTests {
        private func standing(_ peer: Peer) async throws -> String? {
            try await peer.status()["production.state"]?.string
        }

        private func epoch(_ cluster: Cluster) async throws -> Int {
            try #require(try await cluster.leader().status()["production.epoch"]?.int)
        }

        private func post(_ cluster: Cluster, _ call: String, _ body: JSON) async throws -> Response {
            try await cluster.leader().post("/v1/prodha/region/\(call)", body)
        }

        /// Its blocks are old, so a leader asks the other region before it produces.
        private func produces(_ cluster: Cluster) async throws {
            let leader = try await cluster.leader()
            try await eventually("the leader may produce") {
                try await leader.canProduce()["can_produce"]?.bool == true
            }
        }

        /// West has heard of east, at every peer, that it is in this state.
        private func hears(_ cluster: Cluster, _ state: String, atLeast epoch: Int = 0) async throws {
            for peer in cluster.peers where peer.runs {
                try await eventually("peer \(peer.id) hears that the other region is \(state)") {
                    let regions = try await peer.status()["regions"]?.array ?? []
                    return regions.contains {
                        $0["report.state"]?.string == state && $0["report.epoch"]?.int ?? 0 >= epoch
                    }
                }
            }
        }

        private func begin(_ regions: Regions, _ id: String) async throws -> (east: Int, west: Int) {
            let epochs = (try await epoch(regions.east), try await epoch(regions.west))
            let papers: JSON = [
                "id": .string(id), "kind": "planned", "from": "east", "to": "west", "from_expects": .int(epochs.0),
                "to_expects": .int(epochs.1), "operation": .string("\(id)/begin"),
            ]
            for cluster in [regions.east, regions.west] {
                try #require(try await post(cluster, "switch/begin", papers).status == 200)
            }
            return epochs
        }

        /// Every step of a planned switch, as the calls that it consists of; and what comes late loses.
        @Test func theCallsOfASwitchAreCompareAndSet() async throws {
            try await withRegions { regions in
                try await regions.start()
                var chain = try Chain()
                try await produces(regions.east)
                try await regions.east.commit(try chain.next(3))
                try await hears(regions.west, "active")
                // West does not become active while east is, on anybody's word alone.
                // What one peer tells another of it is no answer; until its leader has one it is silent.
                try await eventually("west's leader has its own answer") {
                    try await post(regions.west, "activate", [:]).reason == "other_region_active"
                }
                let epochs = try await begin(regions, "s1")

                // Another one does not begin beside it, and what is no step of it is not done as one.
                let other: JSON = [
                    "id": "s2", "kind": "planned", "from": "east", "to": "west", "from_expects": .int(epochs.east),
                    "to_expects": .int(epochs.west),
                ]
                let running = try await post(regions.east, "switch/begin", other).error(409, "switch_running")
                try #require(running["switch"]?.string == "s1")
                try await post(
                    regions.east, "deactivate", ["expects": .int(epochs.east), "switch": "s2"]
                ).error(409, "no_such_switch")
                // Nor while a switch is under way, but by its steps.
                try await post(regions.west, "activate", ["expects": .int(epochs.west)]).error(409, "switch_running")
                let before = try #require(chain.head)
                let last = try #require(try await regions.east.leader().block(before.number))
                try await post(regions.west, "rebase", ["base": .string(last.hex)]).error(409, "switch_running")
                try await post(regions.east, "deactivate", ["expects": .int(epochs.east + 7)])
                    .error(409, "epoch_changed")

                let stopped = try await post(
                    regions.east, "deactivate", ["expects": .int(epochs.east), "switch": "s1", "operation": "s1/stop"]
                ).document()
                try #require(
                    stopped["state"]?.string == "standby" && stopped["head.block_num"]?.int == chain.head?.number)
                try await regions.east.submit(try chain.candidate()).error(409, "region_standby")
                // The same request again is not done again.
                let again = try await post(
                    regions.east, "deactivate", ["expects": .int(epochs.east), "switch": "s1", "operation": "s1/stop"]
                ).document()
                try #require(again["epoch"]?.int == stopped["epoch"]?.int)
                let handing = try await post(
                    regions.east, "deactivate",
                    ["expects": .int(epochs.east + 1), "switch": "s1", "state": "activating"]
                ).document()
                try #require(handing["state"]?.string == "activating" && handing["region_active"]?.bool == false)

                let head = try #require(chain.head)
                let base = try #require(try await regions.east.leader().block(head.number))
                let activation: JSON = [
                    "expects": .int(epochs.west), "epoch": 40, "switch": "s1", "base": .string(base.hex),
                ]
                let activated = try await post(regions.west, "activate", activation).document()
                try #require(
                    activated["state"]?.string == "active" && activated["activated_epoch"]?.int == 40
                        && activated["head.block_id"]?.string == head.id)
                try await regions.west.commit(try chain.next(3))
                // A seal comes too late for that, and a rollback of east with it.
                try await post(
                    regions.west, "deactivate", ["expects": .int(epochs.west), "switch": "s1", "renew": true]
                ).error(409, "epoch_changed")
                try await post(
                    regions.west, "activate", ["expects": .int(epochs.west), "base": .string("00")]
                ).error(409, "epoch_changed")
                let end: JSON = ["id": "s1", "result": "done", "words": "west produces", "gap_ms": 500]
                for cluster in [regions.west, regions.east] {
                    try #require(try await post(cluster, "switch/end", end).document()["changed"]?.bool == true)
                    try #require(try await post(cluster, "switch/end", end).document()["changed"]?.bool == false)
                }
                // It may be given another block now, and stays as it is.
                let after = try #require(chain.head)
                let newest = try #require(try await regions.west.leader().block(after.number))
                let given = try await post(regions.east, "rebase", ["base": .string(newest.hex)]).document()
                try #require(
                    given["state"]?.string == "activating" && given["head.block_num"]?.int == after.number)
                // The seal: what was asked for with the epoch before is refused from then on.
                let stands = try await epoch(regions.east)
                let seal = try await post(
                    regions.east, "deactivate", ["expects": .int(stands), "renew": true]
                ).document()
                try #require(seal["epoch"]?.int == stands + 1 && seal["changed"]?.bool == true)
                try await post(
                    regions.east, "activate", ["expects": .int(stands), "epoch": 99, "force": true]
                ).error(409, "epoch_changed")
                let history = try await regions.east.leader().get("/v1/prodha/history").document()
                let items = history["entries"]?.array ?? []
                let item = try #require(items.first { $0["event"]?.string == "failover" })
                try #require(
                    item["about"]?.string == "east to west, planned" && item["outcome"]?.string == "west produces"
                        && item["result"]?.string == "done")
            }
        }

        /// A base that would undo what the region committed is refused unless it is forced.
        @Test func aBaseBelowTheHeadIsRefused() async throws {
            try await withRegions { regions in
                try await regions.start()
                var chain = try Chain()
                let blocks = try chain.next(3)
                try await produces(regions.east)
                try await regions.east.commit(blocks)
                try await hears(regions.east, "standby")
                let stands = try await epoch(regions.east)
                try #require(try await post(regions.east, "deactivate", [:]).status == 200)
                try await post(
                    regions.east, "activate", ["expects": .int(stands + 1), "base": .string(blocks[1].hex)]
                ).error(409, "base_refused")
                try await post(regions.east, "activate", ["base": "zz"]).error(400, "malformed_request")
                try await post(regions.east, "activate", ["base": "0011"]).error(400, "malformed_block")
                try #require(
                    try await post(regions.east, "activate", ["base": .string(blocks[2].hex)]).status == 200)
                try await produces(regions.east)
                try await regions.east.commit(try chain.next(2))
                // A rebase is an operator's word that the group's blocks are not the chain's.
                let far = try chain.next(3)
                try await regions.east.submit(far[2]).error(409, "unlinkable")
                let rebased = try await post(regions.east, "rebase", ["base": .string(far[1].hex)]).document()
                try #require(rebased["head.block_id"]?.string == far[1].id)
                try await regions.east.commit([far[2]])

                // It stops, and west is forced to go on without its last block: it knows that, and is as it was.
                try #require(try await post(regions.east, "deactivate", [:]).status == 200)
                let stopped = try await epoch(regions.east)
                let forced = try await post(
                    regions.west, "activate", ["epoch": 1_000_000, "force": true, "base": .string(far[1].hex)])
                try #require(forced.status == 200)
                for peer in regions.east.peers {
                    try await eventually("peer \(peer.id) knows that east was left behind") {
                        try await peer.status()["production.superseded.by"]?.string == "west"
                    }
                    try await peer.get("/v1/prodha/region/head?id=\(far[2].id)").error(404, "block_not_found")
                    try #require(try await standing(peer) == "standby")
                }
                try #require(try await epoch(regions.east) == stopped)
                let leader = try await regions.east.leader()
                let loss = try await leader.get("/v1/prodha/loss").document()
                try #require(loss["blocks"]?.array?.map { $0["block_id"]?.string } == [far[2].id], "\(loss)")
                try #require(loss["fork_known"]?.bool == true)
                let words = "west went on from block \(far[1].number), epoch 1000000"
                let entries = try await leader.get("/v1/prodha/history").document()["entries"]?.array ?? []
                try #require(entries.filter { $0["event"]?.string == "left_behind" }.count == 1, "\(entries)")
                try #require(entries.last { $0["event"]?.string == "left_behind" }?["about"]?.string == words)
                let log = try await leader.get("/v1/prodha/log?limit=1000").document()["entries"]?.array ?? []
                try #require(log.contains { $0["operation.about"]?.string == words }, "\(log)")
                try await leader.says("region east was left behind: \(words)")
            }
        }

        /// A group that was silent for long may have been given up: it asks before it produces.
        @Test func aRegionThatComesBackAsksTheOtherFirst() async throws {
            try await withRegions { regions in
                try await regions.start()
                var chain = try Chain()
                // Its blocks are old from the start.
                try await produces(regions.east)
                try await regions.east.commit(try chain.next(3))
                for peer in regions.peers { try await peer.kill() }
                try await regions.east.start()
                let leader = try await regions.east.leader()
                try await eventually("it waits for the other region") {
                    try await leader.canProduce()["reason"]?.string == "region_unconfirmed"
                }
                try await regions.east.submit(try chain.candidate()).error(409, "region_unconfirmed")
                // One peer of west knows nothing of how west stands; two do.
                try await regions.west.start([regions.west.peers[0]])
                try await always("one peer's word is not west's") {
                    try await leader.canProduce()["reason"]?.string == "region_unconfirmed"
                }
                try await regions.west.start([regions.west.peers[1]])
                try await produces(regions.east)
                try await regions.east.commit(try chain.next(2))

                // And without west, on an operator's word.
                for peer in regions.peers where peer.runs { try await peer.kill() }
                try await regions.east.start()
                let next = try await regions.east.leader()
                try await eventually("it waits for the other region") {
                    try await next.canProduce()["reason"]?.string == "region_unconfirmed"
                }
                try await post(regions.east, "confirm", ["expects": 77]).error(409, "epoch_changed")
                try #require(try await post(regions.east, "confirm", ["reason": "west is switched off"]).status == 200)
                try await regions.east.commit(try chain.next(2))
            }
        }

        /// East stands still while west is forced; when it goes on it stops by itself, and says what only it has.
        @Test func aRegionThatWasOvertakenFencesItself() async throws {
            try await withRegions { regions in
                try await regions.start()
                // The last of four holds a transaction.
                let recorded = try Recording.blocks()
                let ids = try recorded.map { block in
                    let parsed = try SignedBlock(parsing: block.packed)
                    return parsed.receipts.compactMap { receipt -> TransactionID? in
                        guard case .packed(let packed) = receipt.transaction else { return nil }
                        return UnpackedTransaction(unpacking: parsed.bytes[packed.transaction])?.id
                    }
                }
                let last = try #require(ids.indices.dropFirst(3).first { !ids[$0].isEmpty })
                let shared = Array(recorded[(last - 3)...last])
                var chain = try Chain(after: (shared[3].number, shared[3].id))
                try await produces(regions.east)
                try await regions.east.commit(shared)
                func fate(_ peer: Peer) async throws -> String? {
                    try await peer.get("/v1/prodha/transaction?id=\(ids[last][0])").document()["state"]?.string
                }
                for peer in regions.east.peers {
                    try await eventually("peer \(peer.id) has its block") { try await fate(peer) == "committed" }
                }
                let head = "/v1/prodha/region/head?id=\(shared[3].id)"
                try #require(try await regions.east.leader().get(head).status == 200)
                // Its own last block is its base: that says nothing of where another one goes on.
                try #require(try await post(regions.east, "activate", ["renew": true]).status == 200)
                let own = try await regions.east.leader().get("/v1/prodha/region").document()
                try #require(
                    own["base.block_id"]?.string == shared[3].id
                        && own["inherited.block_num"]?.int == Int(shared[0].number) - 1, "\(own)")
                for peer in regions.west.peers {
                    try await eventually("peer \(peer.id) hears of east's last block") {
                        try await peer.status()["regions"]?.array?.first?["report.head.block_id"]?.string
                            == shared[3].id
                    }
                }
                for peer in regions.east.peers { peer.send(SIGSTOP) }
                let west = try await regions.west.leader()
                try await eventually("west does not hear east any more") {
                    try await west.post("/v1/prodha/region/activate", [:]).reason == "other_region_silent"
                }
                // Peers that tell each other what they heard do not make it young again.
                for peer in regions.west.peers {
                    try await eventually("east is silent for 2 s, as peer \(peer.id) says") {
                        let east = try await peer.status()["regions"]?.array?.first
                        return east?["age_ms"]?.double ?? 0 > 2000
                            && east?["peers"]?.array?.allSatisfy { $0["age_ms"]?.double ?? 0 > 2000 } == true
                    }
                }
                try await west.post(
                    "/v1/prodha/region/activate",
                    ["force": true, "given_up": ["region": "east", "known": ["block": "zz"]]]
                ).error(400, "malformed_request")
                // West goes on from the block before the last.
                let forced = try await west.post(
                    "/v1/prodha/region/activate",
                    ["epoch": 1_000_000, "force": true, "base": .string(shared[2].hex)]
                ).document()
                try #require(forced["activated_epoch"]?.int == 1_000_000)
                // Nor does a block that is given to it since.
                var other = try Chain(after: (shared[2].number, shared[2].id))
                let far = try other.next(20)
                try #require(try await post(regions.west, "rebase", ["base": .string(far[19].hex)]).status == 200)
                let goesOn = try await regions.west.leader().get("/v1/prodha/region").document()
                try #require(
                    goesOn["base.block_id"]?.string == far[19].id
                        && goesOn["inherited.block_id"]?.string == shared[2].id, "\(goesOn)")
                // The record of what was known, though nobody told it.
                let history = try await west.get("/v1/prodha/history").document()["entries"]?.array ?? []
                let record = try #require(history.last { $0["given_up.region"]?.string == "east" })
                try #require(record["base"]?.int == Int(shared[2].number), "\(record)")
                let known = try #require(record["given_up.known"])
                try #require(known["block.block_id"]?.string == shared[3].id, "\(known)")
                try #require(known["source"]?.string == "beacon" && known["age_ms"]?.double ?? 0 > 2000, "\(known)")
                try #require(regions.east.peers.contains { $0.id == known["told_by"]?.int }, "\(known)")
                let contact = ContinuousClock.now
                for peer in regions.east.peers { peer.send(SIGCONT) }
                try await eventually("east fences itself", within: .seconds(10)) {
                    for peer in regions.east.peers where try await standing(peer) != "standby" { return false }
                    return true
                }
                print("east fenced itself after \(ContinuousClock.now - contact)")
                let status = try await regions.east.leader().status()
                try #require(status["production.superseded.by"]?.string == "west")
                try #require(status["production.superseded.epoch"]?.int == 1_000_000)
                let loss = try await regions.east.leader().get("/v1/prodha/loss").document()
                try #require(loss["blocks"]?.array?.map { $0["block_id"]?.string } == [shared[3].id], "\(loss)")
                try #require(loss["truncated"]?.bool == false && loss["fork_known"]?.bool == true)
                try #require(loss["superseded.base.block_id"]?.string == shared[2].id)
                // Nobody is told any more that they are the chain's, nor after a restart.
                let restarted = try #require(try await regions.east.followers().first)
                try await restarted.kill()
                try await restarted.startAndServe()
                for peer in regions.east.peers {
                    try await eventually("peer \(peer.id) knows that east gave way") {
                        try await peer.status()["production.superseded.by"]?.string == "west"
                    }
                    try await peer.get(head).error(404, "block_not_found")
                    try #require(try await fate(peer) == "unknown", "peer \(peer.id)")
                }
                try await regions.east.submit(try chain.candidate()).error(409, "region_standby")
                try await regions.west.commit(try other.next(2))
                try #require(
                    try await regions.producers().allSatisfy { peer in regions.west.peers.contains { $0 === peer } })
            }
        }

        /// What a peer was told by one of its own region answers no question, and goes no further: it would never be forgotten.
        @Test func aPeerTellsOfOtherRegionsOnlyWhatItHeardItself() async throws {
            try await withRegions { regions in
                let (first, others) = (regions.east.peers[0], Array(regions.east.peers.dropFirst()))
                let nobody: JSON = [["name": "west", "peers": [["id": 4, "api": "127.0.0.1:1"]]]]
                for peer in others {
                    try peer.edit { file in
                        file["regions"] = .array((file["regions"]?.array ?? []).prefix(1) + (nobody.array ?? []))
                    }
                }
                try await regions.start()
                func told(_ peer: Peer) async throws -> JSON? {
                    try await peer.status()["regions"]?.array?.first?["report"]
                }
                try await eventually("the first one hears west") { try await told(first)?["current"]?.bool == true }
                for peer in others {
                    try await eventually("it tells peer \(peer.id)") { try await told(peer)?["epoch"] != nil }
                    try #require(try await told(peer)?["current"]?.bool == false)
                }
                try await first.kill()
                try await others[1].kill()
                try await others[1].startAndServe()
                _ = try await regions.east.leader()
                try await always("peer \(others[0].id) tells it no further", for: .seconds(4)) {
                    try await told(others[1])?["epoch"] == nil
                }
                try #require(try await told(others[0])?["epoch"] != nil)
                try await first.startAndServe()
                try await eventually("the first one does") { try await told(others[1])?["epoch"] != nil }
            }
        }

        /// Both files say active: nobody knows which is right, so neither produces until one is told to stop.
        @Test func withTwoActiveRegionsNeitherProduces() async throws {
            try await withRegions(active: ["east", "west"]) { regions in
                try await regions.start()
                for cluster in [regions.east, regions.west] {
                    let leader = try await cluster.leader()
                    try await eventually("the leader sees that both are active") {
                        try await leader.canProduce()["reason"]?.string == "regions_in_conflict"
                    }
                }
                let leader = try await regions.east.leader()
                try await leader.says("ALARM: another region is active too")
                func metrics() async throws -> String { try await leader.get("/metrics").text }
                try #require(try await metrics().contains(/prodha_regions_in_conflict\{[^}]*\} 1\n/))
                try #require(try await metrics().contains(/prodha_regions_heard\{[^}]*\} 1\n/))
                try #require(try await post(regions.west, "deactivate", [:]).status == 200)
                var chain = try Chain()
                try await leader.says("no other region is active any more")
                try #require(try await metrics().contains(/prodha_regions_in_conflict\{[^}]*\} 0\n/))
                try await eventually("east goes on") {
                    try await regions.east.leader().canProduce()["can_produce"]?.bool == true
                }
                try await regions.east.commit(try chain.next(2))
            }
        }

        /// Taurus's procedure: the flag in every file. It takes effect once the other region has been made standby.
        @Test func editedFilesAreFollowedOnceTheOtherRegionIsStandby() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await hears(regions.west, "active")
                for peer in regions.west.peers {
                    try peer.edit { $0["is_active_raft_cluster"] = .bool(true) }
                    peer.send(SIGHUP)
                }
                let west = try await regions.west.leader()
                try await west.says("edited is_active_raft_cluster to true, and this region stays standby")
                try await always("west stays standby") { try await standing(west) == "standby" }
                for peer in regions.east.peers {
                    try peer.edit { $0["is_active_raft_cluster"] = .bool(false) }
                    peer.send(SIGHUP)
                }
                try await eventually("west is active") { try await standing(west) == "active" }
                try #require(try await standing(try await regions.east.leader()) == "standby")
                var chain = try Chain()
                try await regions.west.commit(try chain.next(2))
            }
        }
    }
}
