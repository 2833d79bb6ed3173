// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

/// Bytes from strangers: nothing but the one spelling of a block is accepted, and nothing traps.
@Suite struct HostileBlockTests {
    @Test func everyTruncationIsRefused() throws {
        for recorded in Recording.shapes {
            let headerSize = try BlockHeader(parsingPrefixOf: recorded.packed).packedSize
            for size in 0..<recorded.packed.count {
                let cut = recorded.packed[..<size]
                #expect(throws: MalformedBlock.self, "block \(recorded.number) cut to \(size) bytes") {
                    try SignedBlock(parsing: cut)
                }
                #expect((try? BlockHeader(parsingPrefixOf: cut)) == nil || size >= headerSize)
            }
        }
    }

    @Test func everyFlippedBitOfAHeaderChangesTheIDOrIsRefused() throws {
        for recorded in Recording.shapes {
            let header = try BlockHeader(parsingPrefixOf: recorded.packed)
            for bit in 0..<8 * header.packedSize {
                let flipped = flip(bit, of: recorded.packed)
                let id = try? BlockHeader(parsingPrefixOf: flipped).id
                #expect(id != header.id, "block \(recorded.number), bit \(bit)")
            }
        }
    }

    @Test func everyFlippedBitOfABlockIsNoticed() throws {
        for recorded in Recording.shapes.prefix(12) {
            let block = try SignedBlock(parsing: recorded.packed)
            for bit in 8 * block.header.packedSize..<8 * recorded.packed.count {
                guard let other = try? SignedBlock(parsing: flip(bit, of: recorded.packed)) else { continue }
                #expect(
                    other.signature != block.signature || other.transactionRoot != block.header.transactionRoot,
                    "block \(recorded.number), bit \(bit)")
            }
        }
    }

    @Test func bytesBehindTheEndAreRefused() throws {
        for recorded in Recording.blocks {
            let error = #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: recorded.packed + [0]) }
            #expect(error?.problem == .trailing(1))
            #expect(error?.offset == recorded.packed.count)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func randomBytesNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            let garbage = generator.bytes(Int.random(in: 0...400, using: &generator))
            #expect((try? SignedBlock(parsing: garbage)) == nil, "seed \(seed)")
            _ = try? BlockHeader(parsingPrefixOf: garbage)
        }
    }

    /// Real blocks with bytes overwritten, taken out, put in and doubled get deeper into the parser than noise does.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func damagedBlocksNeverTrapNorPassForTheOriginal(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let recorded = try #require(Recording.shapes.randomElement(using: &generator))
            var bytes = recorded.packed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                let upTo = min(bytes.count, at + Int.random(in: 1...8, using: &generator))
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[at] = generator.bytes(1)[0]
                case 1: bytes[at] = [0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
                case 2: bytes.insert(contentsOf: bytes[at..<upTo], at: at)
                default: bytes.removeSubrange(at..<upTo)
                }
                if bytes.isEmpty {
                    bytes = [0]
                }
            }
            guard bytes != recorded.packed, let block = try? SignedBlock(parsing: bytes) else { continue }
            let original = try SignedBlock(parsing: recorded.packed)
            _ = block.transactionIDs
            #expect(
                block.id != original.id || block.signature != original.signature
                    || block.transactionRoot != original.header.transactionRoot
                    || block.extensions != original.extensions,
                "seed \(seed), round \(round)")
        }
    }

    // Where the counts and lengths stand in a block with one transaction of less than 1 KiB and nothing special.
    static let counts: [(what: String, offset: Int)] = [
        ("header extensions", 115), ("count of transactions", 182), ("bandwidth of a transaction", 188),
        ("kind of a transaction", 189), ("count of a transaction's signatures", 190),
        ("context-free data of a transaction", 192), ("packed transaction", 193), ("block extensions", 204),
    ]

    static func plainBlock() throws -> [UInt8] {
        var builder = try BlockBuilder(startingAt: 7, timestamp: BlockTimestamp(slot: 9), producer: Name("eosio"))
        builder.transactions = [[UInt8](repeating: 1, count: 10)]
        return try builder.build()
    }

    /// Said of blocks of 200 bytes: the count is refused where it stands, so nothing was set aside for what it claims.
    @Test(arguments: counts.filter { !$0.what.contains("bandwidth") })
    func hugeCountsAreRefusedWhereTheyStand(what: String, offset: Int) throws {
        let block = try Self.plainBlock()
        let largest: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x0f]
        for huge in [largest, [0x80, 0x80, 0x80, 0x08], [0x81, 0x80, 0x40], [0xff, 0x7f]] {
            let error = #expect(throws: MalformedBlock.self) {
                try SignedBlock(parsing: Array(block[..<offset]) + huge + Array(block[(offset + 1)...]))
            }
            #expect(error?.reading == what)
            switch error?.problem {
            case .outOfRange: #expect(error?.offset == offset)
            case .truncated(let needed, let available): #expect(needed > available)
            default: Issue.record("\(what): \(String(describing: error))")
            }
        }
    }

    @Test(arguments: counts)
    func numbersHaveOneSpelling(what: String, offset: Int) throws {
        let block = try Self.plainBlock()
        for (spelling, problem): ([UInt8], MalformedBlock.Problem) in [
            ([block[offset] | 0x80, 0], .notShortest),
            ([block[offset] | 0x80, 0x80, 0x80, 0x80, 0], .notShortest),
            ([0xff, 0xff, 0xff, 0xff, 0x10], .moreThan32Bits),
            ([0x80, 0x80, 0x80, 0x80, 0x80, 0], .moreThan32Bits),
        ] {
            let error = #expect(throws: MalformedBlock.self) {
                try SignedBlock(parsing: Array(block[..<offset]) + spelling + Array(block[(offset + 1)...]))
            }
            #expect(error == MalformedBlock(reading: what, offset: offset, problem: problem))
        }
    }

    @Test(
        arguments: [
            ("flag of new producers", 114, 2, 1), ("producer signature", 116, 3, 2),
            ("status of a transaction", 183, 5, 4),
            ("kind of a transaction", 189, 2, 1), ("compression of a transaction", 191, 2, 1),
        ] as [(String, Int, UInt8, UInt32)])
    func unknownKindsAreRefused(what: String, offset: Int, value: UInt8, limit: UInt32) throws {
        var block = try Self.plainBlock()
        block[offset] = value
        let error = #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: block) }
        #expect(
            error == MalformedBlock(reading: what, offset: offset, problem: .outOfRange(UInt32(value), limit: limit)))
    }

    @Test func webAuthnSignaturesAndKeysAreReadToTheirEnds() throws {
        var block = try Self.plainBlock()
        let webAuthn = [2] + [UInt8](repeating: 7, count: 65) + [3, 1, 2, 3] + [2] + Array("{}".utf8)
        block.replaceSubrange(116..<182, with: webAuthn)
        let key = [2] + [UInt8](repeating: 5, count: 33) + [1]
        let site: [UInt8] = [4] + Array("site".utf8)
        let schedule = [1, 2, 0, 0, 0, 1] + [UInt8](repeating: 1, count: 8) + key
        let whole = block[..<114] + schedule + site + block[115...]
        let parsed = try SignedBlock(parsing: whole)
        #expect(parsed.signature.kind == .webAuthn)
        #expect(parsed.signature.packed == webAuthn)
        #expect(parsed.header.newProducers?.producers.map(\.key) == [key + site])
        // nodeos refuses a key without a site.
        let withoutSite = block[..<114] + schedule + [0] + block[115...]
        #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: withoutSite) }
        for size in 0..<whole.count {
            #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: whole.prefix(size)) }
        }
    }

    @Test func theLastNumberHasNoSuccessor() throws {
        var block = try Self.plainBlock()
        block.replaceSubrange(14..<18, with: [0xff, 0xff, 0xff, 0xfe])
        #expect(try SignedBlock(parsing: block).number == UInt32.max)
        block[17] = 0xff
        let error = #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: block) }
        #expect(error?.problem == .noNumberLeft)
    }

    @Test func noBlockIsLongerThanAMessage() {
        let error = #expect(throws: MalformedBlock.self) {
            try SignedBlock(parsing: [UInt8](repeating: 0, count: ChainLimits.blockSize + 1))
        }
        #expect(error?.problem == .tooLong(ChainLimits.blockSize + 1))
    }

    @Test func errorsSayWhatWasReadAndWhere() throws {
        let error = #expect(throws: MalformedBlock.self) { try SignedBlock(parsing: Self.plainBlock().prefix(150)) }
        #expect(
            error?.description == "not a block: producer signature at byte 117: 65 bytes are wanted and 33 are left")
    }

    private func flip(_ bit: Int, of bytes: [UInt8]) -> [UInt8] {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        return flipped
    }
}
