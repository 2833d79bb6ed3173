// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@Suite struct BlockBuilderTests {
    private func builder() throws -> BlockBuilder {
        try BlockBuilder(startingAt: 100, timestamp: BlockTimestamp(slot: 1000), producer: Name("prodha.bp1"))
    }

    @Test func builtBlocksParseAndLink() throws {
        var generator = SeededGenerator(seed: 8)
        var builder = try builder()
        for number: UInt32 in 100..<160 {
            builder.transactions = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                generator.bytes(Int.random(in: 0...300, using: &generator))
            }
            let block = try SignedBlock(parsing: builder.build())
            #expect(block.number == number)
            #expect(block.previous == builder.previous)
            #expect(block.header.timestamp == builder.timestamp)
            #expect(block.header.producer == builder.producer)
            #expect(block.signature == .zero)
            #expect(block.transactionRoot == block.header.transactionRoot)
            let packed = block.receipts.compactMap { receipt -> [UInt8]? in
                if case .packed(let packed) = receipt.transaction {
                    Array(block.bytes[packed.transaction])
                } else {
                    nil
                }
            }
            #expect(packed == builder.transactions)
            builder.previous = block.id
            builder.timestamp = BlockTimestamp(slot: builder.timestamp.slot + 1)
        }
    }

    /// All but the root over what the transactions did, which takes a node to compute.
    @Test func builtBlocksAreWhatNodeosWrites() throws {
        var compared = 0
        for recorded in Recording.blocks {
            let block = try SignedBlock(parsing: recorded.packed)
            let header = block.header
            guard block.receipts.isEmpty, header.newProducers == nil, header.extensions.isEmpty else { continue }
            var builder = BlockBuilder(
                previous: header.previous, timestamp: header.timestamp, producer: header.producer)
            builder.confirmed = header.confirmed
            builder.scheduleVersion = header.scheduleVersion
            builder.signature = block.signature
            var expected = recorded.packed
            expected.replaceSubrange(78..<110, with: [UInt8](repeating: 0, count: 32))
            #expect(try builder.build() == expected)
            compared += 1
        }
        #expect(compared > 0)
    }

    @Test func differentTransactionsMakeDifferentBlocks() throws {
        var one = try builder()
        var other = one
        one.transactions = [[1]]
        other.transactions = [[2]]
        let (first, second) = (try SignedBlock(parsing: one.build()), try SignedBlock(parsing: other.build()))
        #expect(first.id != second.id)
        #expect(first.previous == second.previous)
    }

    @Test func paddingReachesEverySize() throws {
        var builder = try builder()
        builder.transactions = [[1, 2, 3]]
        let error = #expect(throws: UnbuildableBlock.self) { try builder.build(paddedTo: 0) }
        guard case .tooShort(0, let smallest) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(throws: UnbuildableBlock.tooShort(smallest - 1, smallest: smallest)) {
            try builder.build(paddedTo: smallest - 1)
        }
        let sizes = [smallest..<smallest + 1500, 16_500..<16_700, 131_200..<131_300, 2_097_300..<2_097_370]
        for size in sizes.joined() {
            let bytes = try builder.build(paddedTo: size)
            #expect(bytes.count == size)
            if size < 20_000 {
                let block = try SignedBlock(parsing: bytes)
                #expect(block.receipts.count == 2)
                #expect(block.transactionRoot == block.header.transactionRoot)
            }
        }
    }

    @Test func theLargestBlockFitsIntoAMessageAndNoLargerOneIsBuilt() throws {
        var builder = try builder()
        let largest = try builder.build(paddedTo: ChainLimits.blockSize)
        #expect(try SignedBlock(parsing: largest).receipts.count == 1)
        #expect(try P2PFrame(carrying: largest).block.map { Array($0) } == largest)
        let larger = ChainLimits.blockSize + 1
        #expect(throws: UnbuildableBlock.tooLong(larger)) { try builder.build(paddedTo: larger) }
        #expect(throws: P2PStreamError.oversized(length: UInt32(larger + 1), limit: ChainLimits.frameSize)) {
            try P2PFrame(carrying: largest + [0])
        }
        builder.transactions = [[UInt8](repeating: 0, count: ChainLimits.blockSize)]
        #expect(throws: UnbuildableBlock.self) { try builder.build() }
    }

    @Test func noBlockHasANumberThatDoesNotExist() throws {
        let (slot, producer) = (BlockTimestamp(slot: 1), try Name("eosio"))
        #expect(throws: UnbuildableBlock.noSuchNumber) {
            try BlockBuilder(startingAt: 0, timestamp: slot, producer: producer)
        }
        let first = try BlockBuilder(startingAt: 1, timestamp: slot, producer: producer)
        #expect(try SignedBlock(parsing: first.build()).previous == .zero)
        let last = try SignedBlock(
            parsing: BlockBuilder(startingAt: .max, timestamp: slot, producer: producer).build())
        #expect(last.number == .max)
        #expect(throws: UnbuildableBlock.noSuchNumber) {
            try BlockBuilder(previous: last.id, timestamp: slot, producer: producer).build()
        }
    }
}
