// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

/// Texts of keys made by other programs: EOSIO's well-known development key, the others by Leap's cleos. None guards
/// anything.
enum Vectors {
    static let developmentWIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
    static let developmentPrivate = "PVT_K1_2bfGi9rYsXQSXXTvJbDAPhHLQUojjaNLomdm3cEJ1XTzMqUt3V"
    static let developmentLegacy = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
    static let developmentPublic = "PUB_K1_6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5BoDq63"
    static let developmentPoint = "02c0ded2bc1f1305fb0faac5e6c03ee3a1924234985427b6167ca569d13df435cf"
    /// The development key in hexadecimal digits: what must never be seen.
    static let developmentSecret = "d2653ff7cbb2d8ff129ac27ef5781ce68b2558c41a74af1f2ddca635cbeef07d"

    static let otherWIF = "5KBj4hCJNTZkaWw5XLgXmiqMC1Ryjkcrz6nDDoxMp7fwK2EJcvT"
    static let otherLegacy = "EOS7s7hn59GKtNjiQ2t9CHwB9RWsdNDNecnqm9ZthD1TYrpQTFPp4"

    static let privateR1 = "PVT_R1_2RYQaPV2rezxvWVyZAU8GM42n3BCKnJfTjk2JATzVCqUAvhSj5"
    static let publicR1 = "PUB_R1_6dTawVrr1LFKuC3oRLXqtPf7iDB8zE8zUNTB381gRiYAPfd3ys"

    /// Everything of the development key that would give it away.
    static func isSecret(_ text: String) -> Bool {
        [developmentWIF, developmentPrivate, developmentSecret].contains { secret in
            text.lowercased().contains(secret.lowercased().dropFirst(8).prefix(16))
        }
    }
}

/// The blocks that a real nodeos signed with the development key: Tests/AntelopeTests/Fixtures/README.md.
enum RecordedBlocks {
    static func read() throws -> [SignedBlock] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "AntelopeTests/Fixtures/nodeos-blocks.bin")
        var rest = Array(try Data(contentsOf: file))[...]
        var blocks: [SignedBlock] = []
        while !rest.isEmpty {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            blocks.append(try SignedBlock(parsing: Array(rest.dropFirst(4).prefix(length))))
            rest = rest.dropFirst(4 + length)
        }
        return blocks
    }

    /// The first of them with another signature, packed.
    static func first(signedWith packed: [UInt8]) throws -> SignedBlock {
        let block = try #require(try read().first)
        var bytes = block.bytes
        let start = block.header.packedSize
        bytes.replaceSubrange(start..<start + block.signature.packed.count, with: packed)
        return try SignedBlock(parsing: bytes)
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
}
