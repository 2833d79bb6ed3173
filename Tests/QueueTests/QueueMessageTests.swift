// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Keys
import Testing
import Transactions

@testable import Queue

@Suite struct QueueMessageTests {
    private let packed = Sample(1).packed
    private let signature = [UInt8](repeating: 0, count: 1) + [31] + [UInt8](repeating: 7, count: 64)
    private func body(_ bytes: [UInt8]) throws -> String {
        String(decoding: try QueueMessage(bytes).body, as: UTF8.self)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func theFirstKindBecomesNodeossBody() throws {
        let text = try #require(Signature(k1: Array(signature.dropFirst()))).text
        let bytes = [0, 2] + signature + signature + [0, 3, 1, 9, 7, UInt8(packed.count)] + packed
        #expect(
            try body(bytes) == """
                {"signatures":["\(text)","\(text)"],"compression":"none","packed_context_free_data":"010907",\
                "packed_trx":"\(hex(packed))"}
                """)
        #expect(try QueueMessage(bytes).transaction.id == Sample(1).id)
        #expect(text.hasPrefix("SIG_K1_"))
    }

    @Test func theSecondKindIsTheSameTransaction() throws {
        let first = [0, 1] + signature + [0, 2, 1, 0, UInt8(packed.count)] + packed
        let legacy = [1, 0, 0, 1] + signature + [2, 1, 0, UInt8(packed.count)] + packed
        #expect(try body(legacy) == body(first))
        // One segment of no bytes packs to 01 00.
        let full = [1, 0, 3, 1] + signature + [1, 0, UInt8(packed.count)] + packed
        #expect(try body(full) == body(first))
        let without = [1, 0, 3, 1] + signature + [0, UInt8(packed.count)] + packed
        #expect(try body(without).contains(#""packed_context_free_data":"""#))
    }

    /// `zlib.compress(bytes.fromhex("00000070010001020304000000000000"))`
    private let compressed: [UInt8] = [
        0x78, 0x9c, 0x63, 0x60, 0x60, 0x28, 0x60, 0x64, 0x60, 0x64, 0x62, 0x66, 0x61, 0x00, 0x03, 0x00, 0x06, 0x1c,
        0x00, 0x7c,
    ]

    @Test func aCompressedOneStaysSo() throws {
        let bytes = [0, 0, 1, 0, UInt8(compressed.count)] + compressed
        #expect(try body(bytes).contains(#""compression":"zlib""#))
        #expect(try body(bytes).contains(hex(compressed)))
        #expect(try QueueMessage(bytes).transaction.id == Sample(1).id)
    }

    /// nodeos has one mark for the transaction and for its context-free data, which are never compressed here.
    @Test func aCompressedOneWithPlainSegmentsIsInflated() throws {
        let bytes = [1, 1, 3, 0, 2, 1, 5, 2, 6, 7, UInt8(compressed.count)] + compressed
        #expect(
            try body(bytes) == """
                {"signatures":[],"compression":"none","packed_context_free_data":"020105020607",\
                "packed_trx":"\(hex(packed))"}
                """)
        #expect(throws: QueueMessage.Malformed.unreadableTransaction) {
            try QueueMessage([1, 1, 3, 0, 1, 0, 3, 1, 2, 3])
        }
    }

    @Test func everyOtherKindIsNamed() {
        #expect(throws: QueueMessage.Malformed.self) { try QueueMessage([1, 0, 1] + [UInt8](repeating: 0, count: 33)) }
        #expect(throws: QueueMessage.Malformed.self) { try QueueMessage([1, 0, 2, 0, 0, 0]) }
        #expect(throws: QueueMessage.Malformed.self) { try QueueMessage([1, 0, 4, 0, 0, 0]) }
        #expect(throws: QueueMessage.Malformed.self) { try QueueMessage([2]) }
        #expect(throws: QueueMessage.Malformed.tooLong) {
            try QueueMessage([UInt8](repeating: 0, count: 1_000_001))
        }
    }
}
