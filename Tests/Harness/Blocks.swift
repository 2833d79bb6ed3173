// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

/// A block as a test needs it.
struct Block: Hashable, Sendable {
    let packed: [UInt8]
    let number: Int
    let id: String
    let previous: String
    let producer: String
    let timestamp: String

    init(parsing packed: [UInt8]) throws {
        let block = try SignedBlock(parsing: packed)
        self.packed = packed
        number = Int(block.number)
        id = block.id.hex
        previous = block.previous.hex
        producer = block.header.producer.description
        timestamp = block.header.timestamp.description
    }

    var hex: String { Self.hex(packed) }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// A chain that grows by a block at a time.
struct Chain: Sendable {
    private var builder: BlockBuilder
    private(set) var head: (number: Int, id: String)?
    private var made: UInt64 = 0

    init(startingAt number: UInt32 = 1000, producer: String = "prodha.bp1") throws {
        builder = try BlockBuilder(startingAt: number, timestamp: BlockTimestamp(slot: 1), producer: Name(producer))
    }

    /// A chain that goes on from `head`, or begins if there is none.
    init(after head: (number: Int, id: String)?, producer: String = "prodha.bp1") throws {
        try self.init(producer: producer)
        if let head { try append(number: head.number, id: head.id) }
    }

    /// A block that fits; no two are alike. The chain does not grow by it.
    mutating func candidate(size: Int? = nil) throws -> Block {
        made += 1
        builder.transactions = [(0..<Int.random(in: 60...300)).map { _ in UInt8.random(in: .min ... .max) }]
        return try Block(parsing: size.map { try builder.build(paddedTo: $0) } ?? builder.build())
    }

    /// Goes on from the block with that id, whatever the chain was before.
    mutating func append(number: Int, id: String) throws {
        builder.previous = try #require(BlockID(hex: id))
        builder.timestamp = BlockTimestamp(slot: builder.timestamp.slot + 1)
        head = (number, id)
    }

    /// Goes on from `block`.
    mutating func append(_ block: Block) throws {
        try append(number: block.number, id: block.id)
    }

    /// A block that fits, and that the next one will stand on.
    mutating func next(size: Int? = nil) throws -> Block {
        let block = try candidate(size: size)
        try append(block)
        return block
    }

    /// As many as asked for, each on top of the one before.
    mutating func next(_ count: Int) throws -> [Block] {
        try (0..<count).map { _ in try next() }
    }
}

/// Blocks of a real nodeos, as its p2p link sent them, and what it said their ids are.
enum Recording {
    static func blocks() throws -> [Block] {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "AntelopeTests/Fixtures")
        var bytes = Array(try Data(contentsOf: fixtures.appending(path: "nodeos-blocks.bin")))[...]
        var blocks: [Block] = []
        while bytes.count >= 4 {
            let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            blocks.append(try Block(parsing: Array(bytes.dropFirst(4).prefix(length))))
            bytes = bytes.dropFirst(4 + length)
        }
        let lines = try String(contentsOf: fixtures.appending(path: "nodeos-blocks.tsv"), encoding: .utf8)
            .split(separator: "\n").dropFirst()
        let ids = lines.map { String($0.split(separator: "\t", omittingEmptySubsequences: false)[1]) }
        try #require(blocks.count > 200 && blocks.map(\.id) == ids)
        return blocks
    }
}
