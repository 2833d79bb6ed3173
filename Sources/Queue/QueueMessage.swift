// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Queue layer: transactions out of a message queue, first in first out, each let go only when its promise is kept. It
// is to a queue's messages what Transactions is to HTTP's clients, as EOSIO-Taurus's amqp_trx_plugin did it.
// Pure: no I/O, no clock, no threads. It may import Antelope, Keys (the text of signatures), Transactions and Raft (Instant).
//
// Read in this order: QueueMessage, OrderedQueue, QueueReply.

import Antelope
import Keys
import Transactions

/// A message that holds a transaction, in the form that nodeos takes.
struct QueueMessage {
    /// The longest message, in bytes: nodeos takes 2 MiB by HTTP, where each byte is two digits.
    static let longest = 1_000_000

    let transaction: UnpackedTransaction
    /// Of `send_transaction`.
    let body: [UInt8]
    /// The digest of the packed transaction in it, compressed or not.
    let packed: Checksum256

    /// Why a message is none.
    enum Malformed: Error, Hashable, CustomStringConvertible {
        case bytes(MalformedBlock)
        case unreadableTransaction
        case tooLong

        var description: String {
            switch self {
            case .bytes(let error): "\(error)"
            case .unreadableTransaction: "the transaction in it cannot be read"
            case .tooLong: "it has more than \(QueueMessage.longest) bytes"
            }
        }
    }

    /// - Parameter bytes: nil: too long to be read at all.
    init(_ bytes: [UInt8]?) throws(Malformed) {
        guard let bytes, bytes.count <= Self.longest else { throw .tooLong }
        var message: TransactionMessage
        do { message = try TransactionMessage(parsing: bytes) } catch { throw .bytes(error) }
        let data: [UInt8]
        switch message.contextFreeData {
        case .packed(let bytes): data = bytes
        case .segments(let segments):
            // These are never compressed, and nodeos has one mark for both.
            if message.compression == .zlib {
                guard let inflated = Inflate.inflate(message.transaction[...]) else { throw .unreadableTransaction }
                message.compression = .none
                message.transaction = inflated
            }
            data = Self.packed(segments)
        }
        guard let transaction = UnpackedTransaction(message.transaction[...], message.compression) else {
            throw .unreadableTransaction
        }
        self.transaction = transaction
        packed = message.packedDigest
        let signatures = message.signatures.map { "\"\($0.text)\"" }.joined(separator: ",")
        let head =
            #"{"signatures":[\#(signatures)],"compression":"\#(message.compression)","packed_context_free_data":""#
        var body = Array(head.utf8)
        body.reserveCapacity(body.count + 2 * (data.count + message.transaction.count) + 64)
        Self.append(data, to: &body)
        body += #"","packed_trx":""#.utf8
        Self.append(message.transaction, to: &body)
        body += #""}"#.utf8
        self.body = body
    }

    private static func packed(_ segments: [[UInt8]]) -> [UInt8] {
        var bytes = varuint32(segments.count)
        for segment in segments { bytes += varuint32(segment.count) + segment }
        return bytes
    }

    private static func varuint32(_ number: Int) -> [UInt8] {
        var rest = number
        var bytes: [UInt8] = []
        repeat {
            let bits = UInt8(rest & 0x7f)
            rest >>= 7
            bytes.append(rest > 0 ? bits | 0x80 : bits)
        } while rest > 0
        return bytes
    }

    private static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }
}
