// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

/// What a real nodeos made and said, see Fixtures/README.md.
enum Recording {
    /// One line of `nodeos-blocks.tsv` and the block it is about.
    struct Block: CustomTestStringConvertible {
        let packed: [UInt8]
        let number: UInt32
        let id: String
        let previous: String
        let producer: String
        let timestamp: String
        let statuses: [String]
        let transactionIDs: [String]

        var testDescription: String { "block \(number)" }
    }

    static let blocks: [Block] = {
        do {
            var packed = try file("nodeos-blocks.bin")[...]
            let lines = String(decoding: try file("nodeos-blocks.tsv"), as: UTF8.self).split(separator: "\n")
                .dropFirst()
            return try lines.map { line in
                let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                let length = packed.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
                defer { packed = packed.dropFirst(4 + length) }
                return Block(
                    packed: Array(packed.dropFirst(4).prefix(length)), number: try #require(UInt32(columns[0])),
                    id: columns[1], previous: columns[2], producer: columns[3], timestamp: columns[4],
                    statuses: columns[5].split(separator: ",").map(String.init),
                    transactionIDs: columns[6].split(separator: ",").map(String.init))
            }
        } catch {
            Issue.record(error, "the recorded blocks cannot be read")
            return []
        }
    }()

    /// One of each shape: every block whose header has something special, and the first of each mix of transactions.
    static let shapes: [Block] = {
        var seen: Set<String> = []
        return blocks.filter { block in
            guard let parsed = try? SignedBlock(parsing: block.packed) else { return true }
            let transactions = parsed.receipts.map { receipt in
                switch receipt.transaction {
                case .id: "id"
                case .packed(let packed): "\(packed.compression)\(packed.contextFreeData.isEmpty)\(receipt.status)"
                }
            }
            return seen.insert("\(parsed.header.packedSize) \(transactions)").inserted
        }
    }()

    static func file(_ name: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil))
        return Array(try Data(contentsOf: url))
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}
