// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import CZlib
import Foundation
import Testing

@testable import Transactions

private func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

private func deflated(_ bytes: [UInt8]) -> [UInt8] {
    var length = compressBound(UInt(bytes.count))
    var result = [UInt8](repeating: 0, count: Int(length))
    let status = compress(&result, &length, bytes, UInt(bytes.count))
    precondition(status == Z_OK)
    return Array(result.prefix(Int(length)))
}

private func read(_ text: String, _ call: TransactionCall = .pushTransaction) -> UnpackedTransaction? {
    TransactionBody(Array(text.utf8), of: call).transaction
}

/// What the real nodeos said of this transaction, tried by hand: its id, and the same id with bytes behind it.
private let recorded = (
    packed: """
    36ed056b040031d0201900000000010000000000ea305500409e9a2264b89a010000000000ea305500000000a8ed3232660000000000ea3055\
    0000000000608c3101000000010002c0ded2bc1f1305fb0faac5e6c03ee3a1924234985427b6167ca569d13df435cf01000000010000000100\
    02c0ded2bc1f1305fb0faac5e6c03ee3a1924234985427b6167ca569d13df435cf0100000000
    """, id: "12041909c670319cdc2dc1056abc709fc814f506d8b85be6c5378483e4098c7f", expiration: UInt32(0x6b05_ed36)
)

@Suite struct BodyTests {
    private func body(_ packed: String, _ compression: String) -> String {
        #"{"signatures":["SIG_K1_x"],"compression":\#(compression),"packed_trx":"\#(packed)"}"#
    }

    @Test func theIDAndTheExpirationAreThoseThatNodeosNames() throws {
        for text in [
            body(recorded.packed, #""none""#), body(recorded.packed, "0"), body(recorded.packed.uppercased(), #""0""#),
        ] {
            let transaction = try #require(read(text))
            #expect(transaction.id.description == recorded.id && transaction.expiration == recorded.expiration)
        }
    }

    @Test func aCompressedOneHasTheSameID() {
        let bytes = unhex(recorded.packed)
        for word in [#""zlib""#, "1", #""1""#] {
            // nodeos passes over what follows the stream.
            for tail in ["", "ffff"] {
                #expect(read(body(hex(deflated(bytes)) + tail, word))?.id.description == recorded.id)
            }
        }
    }

    @Test func sendTransaction2HasItOneLevelDeeper() {
        let text =
            #"{"return_failure_trace":true,"retry_trx":false,"transaction":\#(body(recorded.packed, #""none""#))}"#
        #expect(read(text, .sendTransaction2)?.id.description == recorded.id)
        #expect(read(text) == nil)
        #expect(read(body(recorded.packed, #""none""#), .sendTransaction2) == nil)
        #expect(read(body(recorded.packed, #""none""#), .sendTransaction)?.id.description == recorded.id)
    }

    /// nodeos takes both, and makes one id of them.
    @Test func bytesBehindItAndLongNumbersMakeNoOtherTransaction() {
        let bytes = unhex(recorded.packed)
        #expect(UnpackedTransaction(unpacking: (bytes + [0, 1, 2])[...])?.id.description == recorded.id)
        // The three numbers of the header, and the count of context-free actions, in two to five bytes.
        for zeros in [[0x80, 0], [0x80, 0x80, 0], [0x80, 0x80, 0x80, 0x80, 0]] as [[UInt8]] {
            for position in [10, 12, 13] {
                var long = bytes
                long.replaceSubrange(position...position, with: zeros)
                #expect(UnpackedTransaction(unpacking: long[...])?.id.description == recorded.id, "at \(position)")
            }
        }
        // What goes beyond 32 bits is lost.
        var over = bytes
        over.replaceSubrange(10...10, with: [0x80, 0x80, 0x80, 0x80, 0x70])
        #expect(UnpackedTransaction(unpacking: over[...])?.id.description == recorded.id)
    }

    @Test func whatIsCutShortIsNoTransaction() {
        let bytes = unhex(recorded.packed)
        let compressed = deflated(bytes)
        for length in 0..<bytes.count { #expect(UnpackedTransaction(unpacking: bytes[..<length]) == nil) }
        for length in 0..<compressed.count { #expect(Inflate.inflate(compressed[..<length]) == nil) }
        let whole = body(recorded.packed, #""none""#)
        for length in 0..<whole.utf8.count { #expect(read(String(whole.prefix(length))) == nil) }
    }

    @Test func whatHasAnotherFormIsNotRead() {
        let good = recorded.packed
        for text in [
            "", "[]", "{}", "null", #"{"packed_trx":"\#(good)"}"#, #"{"compression":"none"}"#,
            body(good, #""gzip""#), body(good, "2"), body(good, "null"), body(good + "0", #""none""#),
            body(good + "zz", #""none""#), body(good, #""zlib""#), body(good, #""none""#) + "x",
            // The unpacked form.
            #"{"expiration":"2026-11-24T20:01:58","ref_block_num":4,"actions":[],"signatures":[]}"#,
            // Twice: which one does nodeos take?
            #"{"compression":"none","packed_trx":"\#(good)","packed_trx":"00"}"#,
        ] {
            #expect(read(text) == nil, "\(text.prefix(80))")
        }
    }

    @Test func aBombIsNotUnpacked() {
        let bomb = deflated([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < 100_000)
        #expect(Inflate.inflate(bomb[...]) == nil)
        #expect(read(body(hex(bomb), #""zlib""#)) == nil)
        // To the byte.
        let most = [UInt8](repeating: 7, count: Inflate.greatestSize)
        #expect(Inflate.inflate(deflated(most)[...]) == most)
        #expect(Inflate.inflate(deflated(most + [7])[...]) == nil)
        #expect(Inflate.inflate(deflated([])[...]) == [])
    }

    /// A list that claims a million elements, which the bytes do not have.
    @Test func claimsAreNotBelieved() {
        var bytes = unhex(recorded.packed)
        bytes.replaceSubrange(14...14, with: [0xff, 0xff, 0x3f])
        #expect(UnpackedTransaction(unpacking: bytes[...]) == nil)
        bytes = unhex(recorded.packed)
        bytes.replaceSubrange(14...14, with: [0xff, 0xff, 0xff, 0xff, 0x0f])
        #expect(UnpackedTransaction(unpacking: bytes[...]) == nil)
    }

    private func unhex(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { at in
            UInt8(hex.dropFirst(at).prefix(2), radix: 16) ?? 0
        }
    }
}

@Suite struct VerdictTests {
    private func verdict(_ status: Int, _ body: String) -> NodeosVerdict {
        NodeosVerdict(NodeosReply(status: status, body: Array(body.utf8)))
    }

    /// Texts of the real nodeos, shortened.
    @Test func nodeossAnswersAreUnderstood() throws {
        let id = try #require(TransactionID(hex: recorded.id))
        let good = #"""
            {"transaction_id":"\#(recorded.id)","processed":{"id":"\#(recorded.id)","block_num":6,"receipt":{"status":"executed"},"action_traces":[],"account_ram_delta":null,"except":null,"error_code":null}}
            """#
        #expect(verdict(202, good) == .executed(id))
        #expect(verdict(200, good) == .executed(id))
        #expect(verdict(500, good) == .refused)
        let failed = good.replacing(#""except":null"#, with: #""except":{"code":3050001,"name":"x"}"#)
        #expect(verdict(202, failed) == .refused)
        #expect(
            verdict(
                409,
                #"{"code":409,"message":"Conflict","error":{"code":3040008,"name":"tx_duplicate","what":"Duplicate transaction","details":[{"message":"duplicate transaction 12","file":"producer_plugin.cpp","line_number":727,"method":"m"}]}}"#
            ) == .duplicate)
        #expect(
            verdict(
                500,
                #"{"code":500,"message":"Internal Service Error","error":{"code":3040005,"name":"expired_tx_exception","what":"Expired Transaction","details":[]}}"#
            ) == .expired)
        #expect(verdict(500, #"{"code":500,"error":{"code":3050001,"name":"n"}}"#) == .refused)
        for text in ["", "{}", "[]", "ok", #"{"transaction_id":"12"}"#, good + "x", #"{"error":{"code":"x"}}"#] {
            #expect(verdict(202, text) == .refused, "\(text)")
            #expect(verdict(500, text) == .refused, "\(text)")
        }
    }

    @Test func theBlockIsAddedAndAllElseStays() {
        let block = Stage().reference(77)
        let members = #""block_num":77,"block_id":"\#(block.id.hex)"}"#
        func added(_ text: String) -> String? {
            let reply = NodeosReply(status: 202, body: Array(text.utf8)).adding(block)
            #expect(reply == nil || reply?.status == 202)
            return reply.map { String(decoding: $0.body, as: UTF8.self) }
        }
        #expect(added(#"{"a":{"b":1.50 }, "c":"}"}"#) == #"{"a":{"b":1.50 }, "c":"}","# + members)
        #expect(added("{\"a\":1}\n ") == #"{"a":1,"# + members)
        #expect(added("{}") == "{" + members)
        #expect(added("{ }") == "{ " + members)
        for text in ["", "}", "[]", "null"] { #expect(added(text) == nil, "\(text)") }
    }
}

@Suite struct RecordedBlockTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "AntelopeTests/Fixtures")

    @Test func everyRecordedBlockHasTheTransactionsThatNodeosNames() throws {
        var packed = Array(try Data(contentsOf: Self.folder.appending(path: "nodeos-blocks.bin")))[...]
        let lines = try String(contentsOf: Self.folder.appending(path: "nodeos-blocks.tsv"), encoding: .utf8)
            .split(separator: "\n").dropFirst()
        var (compressed, delayed) = (0, 0)
        for line in lines {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let length = packed.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            let bytes = Array(packed.dropFirst(4).prefix(length))
            packed = packed.dropFirst(4 + length)
            let block = try #require(CommittedBlock(packed: bytes))
            #expect(block.isWhole)
            #expect("\(block.reference.number)" == columns[0] && block.reference.id.hex == columns[1])
            #expect(block.receipts.map(\.id.description) == columns[6].split(separator: ",").map(String.init))
            #expect(block.receipts.map(\.status.jsonName) == columns[5].split(separator: ",").map(String.init))
            compressed += try SignedBlock(parsing: bytes).transactionIDs.count { $0 == nil }
            delayed += block.receipts.count { $0.status == .delayed }
        }
        #expect(lines.count == 300 && compressed > 0 && delayed > 0)
    }

    @Test func aBlockThatCannotBeReadHasUnknownTransactions() throws {
        let all = Array(try Data(contentsOf: Self.folder.appending(path: "nodeos-blocks.bin")))
        // The third has transactions.
        var rest = all[...]
        for _ in 0..<2 { rest = rest.dropFirst(4 + rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }) }
        let bytes = Array(rest.dropFirst(4).prefix(rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }))
        #expect(CommittedBlock(packed: bytes)?.receipts.count == 2)
        let cut = try #require(CommittedBlock(packed: Array(bytes.dropLast(3))))
        #expect(!cut.isWhole && cut.reference.number == 4)
        #expect(CommittedBlock(packed: []) == nil)
    }
}
