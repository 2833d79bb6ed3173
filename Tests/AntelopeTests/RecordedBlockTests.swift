// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

/// Our reading of real blocks against what the node that made them says.
@Suite struct RecordedBlockTests {
    @Test func theRecordingHoldsEveryShapeOfBlock() throws {
        let blocks = try Recording.blocks.map { try SignedBlock(parsing: $0.packed) }
        #expect(blocks.count == 300)
        #expect(blocks.contains { $0.receipts.isEmpty })
        #expect(blocks.contains { $0.receipts.count > 1 })
        #expect(blocks.contains { $0.header.confirmed > 0 })
        #expect(Set(blocks.flatMap { $0.header.extensions.map(\.kind) }) == [0, 1])
        let schedules = blocks.compactMap(\.header.newProducers)
        #expect(schedules.map(\.version) == [1])
        #expect(schedules.first?.producers.map(\.name.description) == ["eosio", "prodtwo"])
        #expect(schedules.first?.producers.map(\.key.count) == [34, 34])
        let receipts = blocks.flatMap(\.receipts)
        #expect(receipts.contains { $0.status == .delayed })
        #expect(receipts.contains { if case .id = $0.transaction { true } else { false } })
        let packed = receipts.compactMap { if case .packed(let packed) = $0.transaction { packed } else { nil } }
        #expect(packed.contains { $0.compression == .zlib })
        #expect(packed.contains { !$0.contextFreeData.isEmpty })
    }

    @Test func headersSayWhatTheNodeSays() throws {
        for recorded in Recording.blocks {
            let header = try BlockHeader(parsingPrefixOf: recorded.packed)
            #expect(header.number == recorded.number)
            #expect(header.id.hex == recorded.id)
            #expect(header.id.blockNumber == recorded.number)
            #expect(header.previous.hex == recorded.previous)
            #expect(header.producer.description == recorded.producer)
            #expect(header.timestamp.description == recorded.timestamp + "Z")
            #expect(BlockTimestamp(recorded.timestamp) == header.timestamp)
        }
    }

    @Test func receiptsSayWhatTheNodeSays() throws {
        let statuses: [TransactionReceipt.Status: String] = [
            .executed: "executed", .softFail: "soft_fail", .hardFail: "hard_fail", .delayed: "delayed",
            .expired: "expired",
        ]
        for recorded in Recording.blocks {
            let block = try SignedBlock(parsing: recorded.packed)
            #expect(block.receipts.map { statuses[$0.status] } == recorded.statuses)
            #expect(block.receipts.count == recorded.transactionIDs.count)
            for ((receipt, id), recordedID) in zip(zip(block.receipts, block.transactionIDs), recorded.transactionIDs) {
                if let id {
                    #expect(id.description == recordedID)
                } else if case .packed(let packed) = receipt.transaction {
                    #expect(packed.compression == .zlib)
                } else {
                    Issue.record("block \(recorded.number): a transaction named by its id has no id")
                }
            }
        }
    }

    @Test func receiptsHaveTheRootThatTheHeaderSays() throws {
        for recorded in Recording.blocks {
            let block = try SignedBlock(parsing: recorded.packed)
            #expect(block.transactionRoot == block.header.transactionRoot, "block \(recorded.number)")
        }
    }

    @Test func blocksLink() throws {
        let headers = try Recording.blocks.map { try BlockHeader(parsingPrefixOf: $0.packed) }
        for (parent, child) in zip(headers, headers.dropFirst()) {
            #expect(child.previous == parent.id)
            #expect(child.timestamp > parent.timestamp)
        }
    }

    @Test func theHeaderAloneIsTheHeaderOfTheBlockWhateverFollows() throws {
        var generator = SeededGenerator(seed: 1)
        for recorded in Recording.shapes {
            let block = try SignedBlock(parsing: recorded.packed)
            let front = recorded.packed.prefix(block.header.packedSize)
            #expect(block.header == (try BlockHeader(parsingPrefixOf: front)))
            #expect(block.header == (try BlockHeader(parsingPrefixOf: front + generator.bytes(40))))
        }
    }

    @Test func aSliceIsReadLikeAnArray() throws {
        for recorded in Recording.shapes {
            let slice = ([0xff, 0xff, 0xff] + recorded.packed)[3...]
            #expect(try BlockHeader(parsingPrefixOf: slice).id.hex == recorded.id)
            #expect(try SignedBlock(parsing: slice) == SignedBlock(parsing: recorded.packed))
        }
    }

    @Test func theSignatureIsTheOneInTheBlock() throws {
        for recorded in Recording.blocks {
            let block = try SignedBlock(parsing: recorded.packed)
            #expect(block.signature.kind == .k1)
            let range = block.header.packedSize..<block.header.packedSize + 66
            #expect(block.signature.packed == Array(recorded.packed[range]))
            #expect(block.signature == Signature(k1: block.signature.bytes))
        }
        #expect(Signature(k1: [UInt8](repeating: 0, count: 64)) == nil)
    }
}
