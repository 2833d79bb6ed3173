// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Without a nodeos: what a peer knows of transactions by its log, and what it says when nobody can take them.
    @Suite struct TransactionTests {
        private struct Recorded {
            let id: String
            let block: Block
            /// As a client sends it; nil for a receipt that has the id alone.
            let body: JSON?
        }

        /// In the order of the blocks; of one that comes twice, the later.
        private func transactions(of blocks: [Block]) throws -> [Recorded] {
            let lines = try String(
                contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                    .appending(path: "AntelopeTests/Fixtures/nodeos-blocks.tsv"), encoding: .utf8
            ).split(separator: "\n").dropFirst()
            var last: [String: Recorded] = [:]
            for (line, block) in zip(lines, blocks) {
                let ids = line.split(separator: "\t", omittingEmptySubsequences: false)[6].split(separator: ",")
                let parsed = try SignedBlock(parsing: block.packed)
                for (receipt, id) in zip(parsed.receipts, ids.map(String.init)) {
                    var body: JSON?
                    if case .packed(let packed) = receipt.transaction {
                        body = [
                            "signatures": [], "packed_context_free_data": "",
                            "compression": .int(Int(packed.compression.rawValue)),
                            "packed_trx": .string(Block.hex(Array(parsed.bytes[packed.transaction]))),
                        ]
                    }
                    last[id] = Recorded(id: id, block: block, body: body ?? last[id]?.body)
                }
            }
            return last.values.sorted { $0.block.number < $1.block.number }
        }

        private func state(_ id: String, _ peer: Peer) async throws -> JSON {
            try await peer.get("/v1/prodha/transaction?id=\(id)").document()
        }

        private func knows(_ peer: Peer, _ transaction: Recorded) async throws {
            let told = try await state(transaction.id, peer)
            try #require(
                told["state"]?.string == "committed" && told["block_num"]?.int == transaction.block.number
                    && told["block_id"]?.string == transaction.block.id, "\(told)")
        }

        @Test func everyPeerKnowsTheTransactionsOfTheBlocksAlsoAfterARestart() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let blocks = Array(try Recording.blocks().prefix(120))
                let transactions = try transactions(of: blocks)
                try #require(transactions.count > 40)
                let early = Array(blocks.prefix(50))
                try await cluster.commit(early)
                try await cluster.allReach(early[49].number)
                for transaction in transactions.filter({ $0.block.number > early[49].number }).prefix(5) {
                    let told = try await state(transaction.id, cluster.peers[0])
                    // One that was put off may be known by its first receipt.
                    if told["state"]?.string != "committed" {
                        #expect(told["state"]?.string == "unknown", "\(told)")
                        #expect(told["not_in_blocks.from"]?.int == blocks[0].number)
                        #expect(told["not_in_blocks.to"]?.int == early[49].number)
                    }
                }
                try await cluster.commit(Array(blocks.dropFirst(50)))
                try await cluster.allReach(blocks[119].number)
                for peer in cluster.peers {
                    for transaction in transactions { try await knows(peer, transaction) }
                }
                // Whoever comes with one of them is told so.
                for transaction in transactions.suffix(10) {
                    guard let body = transaction.body else { continue }
                    let response = try await cluster.peers[1].post("/v1/chain/push_transaction", body)
                    #expect(response.status == 202, "\(response)")
                    #expect(response.json?["transaction_id"]?.string == transaction.id)
                    #expect(response.json?["block_id"]?.string == transaction.block.id)
                    #expect(response.json?["processed.receipt.cpu_usage_us"]?.int != nil)
                }
                for peer in cluster.peers {
                    try await peer.kill()
                    try await peer.startAndServe()
                }
                _ = try await cluster.leader()
                for peer in cluster.peers {
                    try await eventually("peer \(peer.id) has read its log") {
                        try await peer.status()["transactions.known_from_block_num"]?.int == blocks[0].number
                    }
                    for transaction in transactions { try await knows(peer, transaction) }
                }
            }
        }

        @Test func afterASnapshotAPeerSaysFromWhereOnItKnows() async throws {
            try await withCluster(GroupSettings(keys: ["snapshot_distance": 20])) { cluster in
                try await cluster.start()
                let blocks = Array(try Recording.blocks().prefix(150))
                try await cluster.commit(Array(blocks.prefix(5)))
                let late = try #require(try await cluster.followers().first)
                try await late.kill()
                try await cluster.commit(Array(blocks[5..<140]))
                try await late.startAndServe()
                try await late.reaches(blocks[139].number)
                try await cluster.commit(Array(blocks[140...]))
                try await late.reaches(blocks[149].number)
                let lowest = try #require(try await late.status()["transactions.known_from_block_num"]?.int)
                #expect(lowest > blocks[20].number)
                for transaction in try transactions(of: blocks) {
                    let told = try await state(transaction.id, late)
                    if transaction.block.number >= lowest {
                        #expect(told["block_num"]?.int == transaction.block.number, "\(told)")
                    } else {
                        #expect(told["state"]?.string == "unknown", "\(told)")
                        #expect(told["not_in_blocks.from"]?.int == lowest, "\(told)")
                    }
                }
            }
        }

        @Test func withoutANodeosNothingIsTakenAndTheTruthIsTold() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let blocks = Array(try Recording.blocks().prefix(60))
                try await cluster.commit(Array(blocks.prefix(3)))
                let leader = try await cluster.leader()
                let later = try transactions(of: blocks).filter { $0.block.number > blocks[2].number }
                let transaction = try #require(later.first { $0.body != nil && $0.id != later[0].id })
                let body = try #require(transaction.body)
                for peer in cluster.peers {
                    let start = ContinuousClock.now
                    let response = try await peer.post("/v1/chain/send_transaction?timeout_ms=700", body)
                    let details = try response.error(408, "transaction_unknown")
                    #expect(ContinuousClock.now - start >= .milliseconds(690))
                    #expect(details["handed_in"]?.bool == false && details["state"]?.string == "unknown")
                    #expect(details["transaction_id"]?.string == transaction.id)
                    #expect(
                        response.json?["message"]?.string?.contains("peer \(leader.id) leads and has no nodeos")
                            == true,
                        "\(response)")
                    let waiting = try await state(transaction.id, peer)
                    #expect(waiting["state"]?.string == "waiting" && waiting["handed_in"]?.bool == false, "\(waiting)")
                }
                // And once a block holds it, however it came there, they know.
                try await cluster.commit(blocks.dropFirst(3).filter { $0.number <= transaction.block.number })
                for peer in cluster.peers {
                    try await peer.reaches(transaction.block.number)
                    try await knows(peer, transaction)
                    #expect(try await peer.status()["transactions.waiting"]?.int == 0)
                }
            }
        }
    }
}
