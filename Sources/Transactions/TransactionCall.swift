// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Transactions layer: transactions that wait until a committed block holds them. A client that hands one in is
// answered once that is so, and not before; when the leader changes, the transaction is given to the new one again, as
// often as need be. The chain drops a second one with the same id.
// Pure: no I/O, no clock, no threads. Events and the time go into TransactionTracker, actions come out.
// May import Antelope and Raft (for Instant), and zlib through CZlib.
//
// Read in this order: TransactionCall, NodeosVerdict, CommittedTransactions, TrackerEvents, TransactionTracker, PeerCall.

import Antelope

/// One of nodeos's calls that take a transaction.
public enum TransactionCall: String, Hashable, Sendable, CaseIterable {
    case pushTransaction = "push_transaction"
    case sendTransaction = "send_transaction"
    case sendTransaction2 = "send_transaction2"

    public var path: String { "/v1/chain/\(rawValue)" }

    /// The largest body, in bytes: what nodeos takes unless its `max-body-size` says otherwise.
    public static let longestBody = 2 << 20
}

/// A body of one of these calls, as far as it can be understood. What it means is for nodeos to say: a body that cannot
/// be read here is handed in all the same, and its id comes with nodeos's answer.
public struct TransactionBody: Hashable, Sendable {
    /// nil: the body has not the packed form, or cannot be read.
    public let transaction: UnpackedTransaction?

    public init(_ body: [UInt8], of call: TransactionCall) {
        transaction = (try? Self.packed(in: body, of: call)).flatMap { packed in
            UnpackedTransaction(packed.bytes[...], packed.compression)
        }
    }

    private typealias Packed = (compression: PackedTransaction.Compression, bytes: [UInt8])

    private static func packed(in body: [UInt8], of call: TransactionCall) throws(InvalidJSON) -> Packed {
        var scanner = JSONScanner(body)
        var packed: Packed?
        switch call {
        case .pushTransaction, .sendTransaction: packed = try members(&scanner)
        case .sendTransaction2:
            try scanner.object { scanner, name throws(InvalidJSON) in
                if name == "transaction" { packed = try members(&scanner) } else { try scanner.skip() }
            }
        }
        try scanner.end()
        guard let packed else { throw scanner.invalid("a transaction") }
        return packed
    }

    private static func members(_ scanner: inout JSONScanner) throws(InvalidJSON) -> Packed {
        var compression: PackedTransaction.Compression?
        var bytes: [UInt8]?
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "compression": compression = try self.compression(&scanner)
            case "packed_trx": bytes = try scanner.hexBytes()
            default: try scanner.skip()
            }
        }
        guard let compression, let bytes else { throw scanner.invalid("a packed transaction") }
        return (compression, bytes)
    }

    /// By its name, or by its number.
    private static func compression(
        _ scanner: inout JSONScanner
    ) throws(InvalidJSON) -> PackedTransaction.Compression {
        var asText = scanner
        if let word = try? asText.string(), word == "none" || word == "zlib" {
            scanner = asText
            return word == "none" ? .none : .zlib
        }
        guard let compression = PackedTransaction.Compression(rawValue: try scanner.integer(UInt8.self)) else {
            throw scanner.invalid("a compression")
        }
        return compression
    }
}
