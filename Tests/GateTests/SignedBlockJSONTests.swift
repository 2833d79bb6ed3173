// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Gate

/// The blocks that a real nodeos made: Tests/AntelopeTests/Fixtures/README.md.
enum RecordedBlocks {
    static let packed: [[UInt8]] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "AntelopeTests/Fixtures/nodeos-blocks.bin")
        var rest = ((try? Data(contentsOf: file)).map(Array.init) ?? [])[...]
        var blocks: [[UInt8]] = []
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            blocks.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        return blocks
    }()
}

@Suite struct SignedBlockJSONTests {
    let texts = KeyTexts()

    @Test func everyRecordedBlockComesBackAsItWas() throws {
        #expect(RecordedBlocks.packed.count == 300)
        for packed in RecordedBlocks.packed {
            let block = try SignedBlock(parsing: packed)
            let json = try block.json(texts)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
            #expect(object["previous"] as? String == block.previous.hex)
            #expect((object["transactions"] as? [Any])?.count == block.receipts.count)
            #expect(try SignedBlock(json: json, texts).bytes == packed, "block \(block.number)")
        }
    }

    /// As a nodeos wrote it, spaces and order aside; of which `packed` is what its p2p link sent.
    @Test func statusesAndKindsOfTransactionsAreNodeossWords() throws {
        let all = try RecordedBlocks.packed.map { try SignedBlock(parsing: $0).json(texts) }
        let text = all.map { String(decoding: $0, as: UTF8.self) }.joined()
        for words in [
            #""status":"delayed""#, #""trx":[0,""#, #""compression":"zlib""#, #""new_producers":{"version":1,"#,
            #""producer_name":"prodtwo","block_signing_key":"EOS"#, #""header_extensions":[[0,""#,
        ] {
            #expect(text.contains(words), "\(words)")
        }
        for status in ["executed", "soft_fail", "hard_fail", "delayed", "expired"] {
            let block = try one(replacing: #""status":"executed""#, with: #""status":"\#(status)""#)
            #expect(try SignedBlock(json: block.json(texts), texts).bytes == block.bytes)
        }
    }

    /// The first recorded block with that in it, changed and read.
    private func one(replacing old: String, with new: String) throws -> SignedBlock {
        for packed in RecordedBlocks.packed {
            let text = String(decoding: try SignedBlock(parsing: packed).json(texts), as: UTF8.self)
            if text.contains(old) {
                return try SignedBlock(json: Array(text.replacingOccurrences(of: old, with: new).utf8), texts)
            }
        }
        throw MalformedBlockJSON.unread("no block has \(old)")
    }

    @Test func signaturesOfOtherKindsGoThrough() throws {
        let packed = try #require(try RecordedBlocks.packed.first { !(try SignedBlock(parsing: $0).receipts.isEmpty) })
        let block = try SignedBlock(parsing: packed)
        let webAuthn: [UInt8] = [2] + (0..<65).map { UInt8($0) } + [3, 1, 2, 3] + [2, 0x7b, 0x7d]
        for other in [[1] + (0..<65).map { UInt8(250 - $0) }, [1] + [UInt8](repeating: 0, count: 65), webAuthn] {
            var bytes = packed
            let start = block.header.packedSize
            bytes.replaceSubrange(start..<start + 66, with: other)
            let changed = try SignedBlock(parsing: bytes)
            #expect(try SignedBlock(json: changed.json(texts), texts).bytes == bytes)
            var text = changed.signature.text
            let last = text.removeLast()
            #expect(texts.signature(text + (last == "1" ? "2" : "1")) == nil)
        }
    }

    @Test func whatIsNoBlockIsRefused() throws {
        let json = try SignedBlock(parsing: RecordedBlocks.packed[0]).json(texts)
        let text = String(decoding: json, as: UTF8.self)
        func isRefused(_ old: String, _ new: String) -> Bool {
            guard text.contains(old) else { return false }
            let changed = Array(text.replacingOccurrences(of: old, with: new).utf8)
            return (try? SignedBlock(json: changed, texts)) == nil
        }
        #expect(isRefused(#""confirmed":"#, #""unknown":1,"confirmed":"#))
        #expect(isRefused(#""confirmed":"#, #""confirmed":1,"confirmed":"#))
        #expect(isRefused(#""block_extensions":[]"#, #""block_extensions":[[1]]"#))
        #expect(isRefused(#","block_extensions":[]"#, ""))
        #expect(isRefused(#""block_extensions":[]}"#, #""block_extensions":[]}]"#))
        #expect(isRefused("SIG_K1_", "SIG_R1_"))
        #expect(isRefused(#""schedule_version":"#, #""schedule_version":-"#))
        #expect(isRefused(#""previous":""#, #""previous":"0"#))
        for end in json.indices { #expect((try? SignedBlock(json: Array(json[..<end]), texts)) == nil) }
        let deep = [UInt8](repeating: 0x5b, count: 1 << 20)
        #expect((try? SignedBlock(json: Array(#"{"x":"#.utf8) + deep, texts)) == nil)
    }

    @Test func damagedBytesNeverTrap() throws {
        let json = try #require(
            try RecordedBlocks.packed.map { try SignedBlock(parsing: $0).json(texts) }
                .max { $0.count < $1.count })
        var generator = SeededNumbers(seed: 7)
        for _ in 0..<2000 {
            var changed = json
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                changed[Int.random(in: changed.indices, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            if let block = try? SignedBlock(json: changed, texts) {
                #expect(try SignedBlock(json: block.json(texts), texts).bytes == block.bytes)
            }
        }
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
