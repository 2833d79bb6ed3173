// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Transactions

@testable import Queue

extension Target {
    /// A choice of the reader, then what it reads: a body of a client, a zlib stream, a packed transaction, an answer of
    /// nodeos, or what peers tell each other of one.
    static let transactionBodies = Target("transaction-bodies", maxBytes: 16 << 10) { bytes in
        guard let choice = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        let calls = TransactionCall.allCases
        switch Int(choice) % (calls.count + 4) {
        case calls.count: checkInflate(rest)
        case calls.count + 1: checkTransaction(rest)
        case calls.count + 2: checkReply(rest)
        case calls.count + 3: checkPeerCall(rest)
        case let call:
            let body = TransactionBody(rest, of: calls[call])
            // What stands around it does not matter.
            check(TransactionBody(rest + [0x20], of: calls[call]) == body, "with a space behind it: \(text(rest))")
        }
    }
}

extension Target {
    /// A message of a queue.
    static let queueMessages = Target("queue-messages", maxBytes: 16 << 10) { bytes in
        do throws(QueueMessage.Malformed) {
            let message = try QueueMessage(bytes)
            // nodeos reads the same transaction out of what it is given.
            let body = TransactionBody(message.body, of: .sendTransaction)
            check(body.transaction == message.transaction, "\(text(message.body))")
            check(message.body.allSatisfy { (0x20..<0x7f).contains($0) }, "\(text(message.body))")
        } catch {
            checkSentence(error.description)
        }
    }
}

private func checkPeerCall(_ bytes: [UInt8]) {
    if let call = PeerCall(encoded: bytes) { check(call.encoded() == bytes, "\(call)") }
    guard let outcome = TransactionTracker.Outcome(encoded: bytes) else { return }
    let again = outcome.encoded()
    switch outcome {
    case .answered: check(again == bytes, "\(outcome)")
    case .notTaken, .unknown:
        check(TransactionTracker.Outcome(encoded: again)?.encoded().first == bytes.first, "\(outcome)")
    }
}

private func checkInflate(_ bytes: [UInt8]) {
    let limit = 1 << 16
    guard let result = Inflate.inflate(bytes[...], limit: limit) else { return }
    check(result.count <= limit, "\(result.count) bytes")
    check(Inflate.inflate(bytes[...], limit: result.count) == result, "not with a limit of \(result.count)")
    if !result.isEmpty {
        check(Inflate.inflate(bytes[...], limit: result.count - 1) == nil, "with a limit of \(result.count - 1)")
    }
    check(Inflate.inflate((bytes + [7])[...], limit: limit) == result, "another with a byte behind it")
}

private func checkTransaction(_ bytes: [UInt8]) {
    guard let transaction = UnpackedTransaction(unpacking: bytes[...]) else { return }
    check(UnpackedTransaction(unpacking: (bytes + [0xff])[...]) == transaction, "another with a byte behind it")
    check(bytes.count >= 16, "\(bytes.count) bytes")
    let first = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    check(transaction.expiration == first, "expires at \(transaction.expiration)")
}

private func checkReply(_ bytes: [UInt8]) {
    let reply = NodeosReply(status: 202, body: bytes)
    let verdict = NodeosVerdict(reply)
    _ = NodeosVerdict(NodeosReply(status: 500, body: bytes))
    let block = CommittedBlock.Reference(
        number: 7, id: BlockID(number: 7, digest: .zero), slot: BlockTimestamp(slot: 1))
    guard case .executed = verdict else { return }
    guard let added = reply.adding(block) else { return check(false, "no block can be added: \(text(bytes))") }
    check(NodeosVerdict(added) == verdict, "the block changes what it says: \(text(added.body))")
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
