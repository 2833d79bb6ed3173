// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What one peer asks another over their link. First a byte that says what, never with another meaning later.
public enum PeerCall: Hashable, Sendable {
    /// To be given to the other peer's nodeos, if that produces for the group now. One byte for which call, and its body.
    case transaction(TransactionCall, body: [UInt8])
    /// For its status, as the HTTP API gives it.
    case status
    /// To hand leadership to the peer that asks, and to write this record of who wanted that, as the log has it.
    case handOver(record: [UInt8])

    private static let transactionCode: UInt8 = 1
    private static let statusCode: UInt8 = 2
    private static let handOverCode: UInt8 = 3

    public func encoded() -> [UInt8] {
        switch self {
        case .transaction(let call, let body): [Self.transactionCode, call.code] + body
        case .status: [Self.statusCode]
        case .handOver(let record): [Self.handOverCode] + record
        }
    }

    /// nil: this version does not know it.
    public init?(encoded: [UInt8]) {
        switch encoded.first {
        case Self.transactionCode:
            guard encoded.count >= 2, let call = TransactionCall.allCases.first(where: { $0.code == encoded[1] })
            else { return nil }
            self = .transaction(call, body: Array(encoded[2...]))
        case Self.statusCode where encoded.count == 1: self = .status
        case Self.handOverCode where encoded.count > 1: self = .handOver(record: Array(encoded.dropFirst()))
        default: return nil
        }
    }
}

extension TransactionCall {
    fileprivate var code: UInt8 {
        switch self {
        case .pushTransaction: 1
        case .sendTransaction: 2
        case .sendTransaction2: 3
        }
    }
}

/// The answer to `PeerCall.handOver`.
public enum HandOverReply: Hashable, Sendable {
    case done
    /// In a few words.
    case refused(String)

    private static let doneCode: UInt8 = 4
    private static let refusedCode: UInt8 = 5

    public func encoded() -> [UInt8] {
        switch self {
        case .done: [Self.doneCode]
        case .refused(let why): [Self.refusedCode] + why.utf8
        }
    }

    /// nil: the other peer's version does not know the call. Of what says why the first 1024 bytes are read.
    public init?(encoded: [UInt8]) {
        switch encoded.first {
        case Self.doneCode where encoded.count == 1: self = .done
        case Self.refusedCode:
            self = .refused(String(decoding: encoded.dropFirst().prefix(1024), as: UTF8.self))
        default: return nil
        }
    }
}

/// The answer to a transaction. Like the call it starts with a byte that says what it is.
extension TransactionTracker.Outcome {
    private static let notTakenCode: UInt8 = 1
    private static let unknownCode: UInt8 = 2
    /// Two bytes of nodeos's status, little endian, and its body.
    private static let answeredCode: UInt8 = 3

    public func encoded() -> [UInt8] {
        switch self {
        case .notTaken(let why): [Self.notTakenCode] + why.utf8
        case .unknown(let why): [Self.unknownCode] + why.utf8
        case .answered(let reply):
            [
                Self.answeredCode, UInt8(truncatingIfNeeded: reply.status),
                UInt8(truncatingIfNeeded: reply.status >> 8),
            ] + reply.body
        }
    }

    /// nil: it is none. Of what says why the first 1024 bytes are read.
    public init?(encoded: [UInt8]) {
        let text = { String(decoding: encoded.dropFirst().prefix(1024), as: UTF8.self) }
        switch encoded.first {
        case Self.notTakenCode: self = .notTaken(text())
        case Self.unknownCode: self = .unknown(text())
        case Self.answeredCode where encoded.count >= 3:
            let status = Int(encoded[1]) | Int(encoded[2]) << 8
            guard (100...599).contains(status) else { return nil }
            self = .answered(NodeosReply(status: status, body: Array(encoded[3...])))
        default: return nil
        }
    }
}
