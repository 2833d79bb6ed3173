// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What the group says about blocks, on every peer, and that it says the same again.
    @Suite struct CommitTests {
        @Test func recordedBlocksAreCommittedAndServedByEveryPeer() async throws {
            let blocks = try Recording.blocks()
            let last = try #require(blocks.last)
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                // Asked for before it is there, told once it is.
                let followers = try await cluster.followers()
                let early = Task {
                    try await followers[0].get(
                        "/v1/prodha/wait_block?num=\(last.number)&timeout_ms=60000", within: .seconds(70))
                }
                for (index, block) in blocks.enumerated() {
                    let form: Peer.BlockForm = index.isMultiple(of: 2) ? .octets : .hex
                    try await cluster.commit([block], as: form)
                    if index.isMultiple(of: 60) {
                        // The same again, in the other form too.
                        try await cluster.commit([block, block], as: form == .hex ? .octets : .hex)
                    }
                }
                try #require(try await early.value.status == 200)
                for peer in cluster.peers {
                    let waited = try await peer.get("/v1/prodha/wait_block?num=\(last.number)&timeout_ms=15000")
                    try #require(waited.status == 200, "\(waited)")
                    try await checkBlocks(blocks, of: peer)
                    try await checkLog(blocks, of: peer)
                }
                // Long after: still yes to the block that stands there, without another entry.
                let before = try await cluster.leader().status()["raft.last_index"]?.int
                try await cluster.commit([blocks[0], blocks[100], last])
                let after = try await cluster.leader().status()["raft.last_index"]?.int
                try #require(before == after)
            }
        }

        private func checkBlocks(_ blocks: [Block], of peer: Peer) async throws {
            for block in [blocks[0], blocks[1], blocks[150], try #require(blocks.last)] {
                try #require(try await peer.block(block.number)?.packed == block.packed)
                for query in ["num=\(block.number)", "id=\(block.id)"] {
                    let document = try await peer.get("/v1/prodha/block?\(query)").document()
                    try #require(document["block_num"]?.int == block.number, "\(document)")
                    try #require(document["block_id"]?.string == block.id, "\(document)")
                    try #require(document["block"]?.string?.lowercased() == block.hex)
                }
            }
            let next = try #require(blocks.last).number + 1
            try await peer.get("/v1/prodha/block?num=\(next)").error(404, nil)
            try await peer.get("/v1/prodha/block?id=\(String(repeating: "ab", count: 32))").error(404, nil)
            try await peer.get("/v1/prodha/wait_block?num=\(next)&timeout_ms=50").error(408, nil)
        }

        private func checkLog(_ blocks: [Block], of peer: Peer) async throws {
            let whole = try await peer.committedEntries()
            try #require(whole.compactMap { $0.block?.first?.value } == blocks.map(\.id))
            try #require(try await peer.committedEntries(pageSize: 7) == whole)
            // A part: both ends are in it.
            let (from, to) = (whole[20].index, whole[29].index)
            let part = try await peer.get("/v1/prodha/log?from=\(from)&to=\(to)").document()
            try #require(part["entries"]?.array?.map(LogEntry.init) == Array(whole[20...29]))
            let described = try #require(part["entries"]?.array?.first { $0["kind"]?.string == "block" })
            let fields = described["block"]?.keys == nil ? described : try #require(described["block"])
            let number = try #require(fields["num"]?.int)
            let block = try #require(blocks.first { $0.number == number })
            try #require(fields["id"]?.string == block.id && fields["previous"]?.string == block.previous)
            try #require(fields["producer"]?.string == block.producer)
            try #require(fields["timestamp"]?.string?.hasPrefix(block.timestamp.prefix(19)) == true, "\(fields)")
            try #require(try #require(described["size"]?.int) >= block.packed.count)
        }

        @Test func blocksFromOutsideAreJudgedByTheLog() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                let blocks = try chain.next(10)
                try await cluster.commit(blocks)
                try await cluster.allReach(blocks[9].number)
                for peer in cluster.peers {
                    for block in [blocks[0], blocks[5], blocks[9]] {
                        let answer = try await check(block.number, block.id, block.previous, by: peer)
                        try #require(answer["accept"]?.bool == true, "\(answer)")
                        try #require(answer["reason"] == .null, "\(answer)")
                        // The same height, another id.
                        let rival = String(block.id.prefix(8)) + String(repeating: "5", count: 56)
                        let refusal = try await check(block.number, rival, block.previous, by: peer)
                        try #require(refusal["accept"]?.bool == false, "\(refusal)")
                        try #require(refusal["reason"]?.string?.isEmpty == false, "\(refusal)")
                    }
                    // Above the head of an active region: not before the group has committed it.
                    let candidate = try chain.candidate()
                    let early = try await check(candidate.number, candidate.id, candidate.previous, by: peer)
                    try #require(early["accept"]?.bool == false, "\(early)")
                    try #require(early["reason"]?.string?.isEmpty == false, "\(early)")
                }
                for body: JSON in [[:], ["block_num": "x", "block_id": "y", "previous": "z"], ["block_num": 1000], []] {
                    try await cluster.peers[0].post("/v1/prodha/check_block", body).error(400, nil)
                }
            }
        }

        private func check(_ number: Int, _ id: String, _ previous: String, by peer: Peer) async throws -> JSON {
            try await peer.post(
                "/v1/prodha/check_block",
                ["block_num": .int(number), "block_id": .string(id), "previous": .string(previous)]
            ).document()
        }

        @Test func whatDoesNotFitIsRefusedByName() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(5))
                let before = chain
                let head = try chain.next()
                try await cluster.commit([head])
                let last = try await cluster.leader().status()["raft.last_index"]?.int

                var fork = before
                let rival = try fork.next()
                try #require(rival.number == head.number && rival.id != head.id)
                try await cluster.submit(rival).error(409, "conflicts_with_head")
                try await cluster.submit(rival, as: .hex).error(409, "conflicts_with_head")
                // On top of the rival, and with a gap.
                try await cluster.submit(try fork.next()).error(409, "unlinkable")
                var ahead = chain
                _ = try ahead.next()
                try await cluster.submit(try ahead.next()).error(409, "unlinkable")
                // A lower height that the log still has.
                var old = try Chain()
                try await cluster.submit(try old.next()).error(409, "conflicts_with_head")

                // None of it left a trace, and the right one still fits.
                #expect(try await cluster.leader().status()["raft.last_index"]?.int == last)
                try await cluster.commit(try chain.next(2))

                try await eventually("every follower names the leader") {
                    let leader = try await cluster.leader()
                    let block = try chain.candidate()
                    for peer in cluster.others(than: leader) {
                        for form in [Peer.BlockForm.octets, .hex] {
                            let details = try await peer.commit(block, as: form).error(409, "not_leader")
                            guard details["leader_id"]?.int == leader.id else { return false }
                        }
                    }
                    return true
                }
            }
        }

        @Test func heightsBelowTheLogAreStale() async throws {
            try await withCluster(GroupSettings(keys: ["snapshot_distance": 20])) { cluster in
                try await cluster.start()
                var chain = try Chain()
                let blocks = try chain.next(120)
                try await cluster.commit(blocks)
                try await cluster.allReach(blocks[119].number)
                for peer in cluster.peers {
                    try await eventually("peer \(peer.id) dropped old entries") {
                        try await peer.block(blocks[0].number) == nil
                    }
                    try #require(try #require(try await peer.status()["raft.snapshot_index"]?.int) > 0)
                    // The head, and what is kept behind the snapshot, stay.
                    try #require(try await peer.block(blocks[119].number)?.packed == blocks[119].packed)
                    try #require(try await peer.block(blocks[105].number)?.packed == blocks[105].packed)
                }
                try await cluster.submit(blocks[0]).error(409, "stale")
                var other = try Chain()
                try await cluster.submit(try other.next()).error(409, "stale")
                // One that is still there is still a yes.
                try await cluster.commit([blocks[119], blocks[118]])
                // And so it is after a restart of all.
                for peer in cluster.peers {
                    try await peer.kill()
                }
                try await cluster.start()
                try await cluster.submit(blocks[0]).error(409, "stale")
                try await cluster.commit([blocks[119]])
                try await cluster.commit(try chain.next(2))
            }
        }
    }
}
