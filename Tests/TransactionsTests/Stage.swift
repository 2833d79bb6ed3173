// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import Transactions

/// A tracker and its surroundings. Block N is of slot N.
final class Stage {
    var tracker: TransactionTracker
    var now = Instant(nanoseconds: 1)

    init(leader: Int? = nil, bounds: TransactionTracker.Bounds = .init()) {
        tracker = TransactionTracker(bounds: bounds)
        if let leader { step(.leader(self.leader(leader))) }
    }

    func leader(_ peer: Int) -> TransactionTracker.Leader { .init(peer: PeerID(peer), term: UInt64(peer)) }

    func wait(_ time: Duration) { now = now + time }

    @discardableResult
    func step(_ event: TransactionTracker.Event) -> [TransactionTracker.Action] { tracker.step(event, at: now) }

    @discardableResult
    func handIn(
        _ ticket: UInt64, _ transaction: UnpackedTransaction?, body: [UInt8]? = nil,
        wait: TransactionTracker.Wait = .committed, timeout: Duration = .seconds(30)
    ) -> [TransactionTracker.Action] {
        step(
            .handedIn(
                .init(
                    ticket: ticket, call: .sendTransaction, body: body ?? transaction.map(bodyOf) ?? [],
                    transaction: transaction, wait: wait, deadline: now + timeout)))
    }

    @discardableResult
    func commit(_ number: UInt32, _ transactions: [UInt64]) -> [TransactionTracker.Action] {
        step(.committed(CommittedBlock(reference(number), receipts: transactions.map(receipt))))
    }

    func reference(_ number: UInt32) -> CommittedBlock.Reference {
        .init(
            number: number, id: BlockID(number: number, digest: id(UInt64(number))), slot: BlockTimestamp(slot: number))
    }

    func place(_ number: UInt32, _ transaction: UInt64, at _: Int = 0) -> CommittedTransaction {
        CommittedTransaction(block: reference(number), receipt: receipt(transaction))
    }

    /// Of a block, in whole seconds since 1970. For even numbers.
    func time(_ number: UInt32) -> UInt32 { UInt32(BlockTimestamp(slot: number).unixMilliseconds / 1000) }

    func send(_ attempt: UInt64, to peer: Int, _ transaction: UnpackedTransaction) -> TransactionTracker.Action {
        .send(attempt, to: PeerID(peer), .sendTransaction, body: bodyOf(transaction))
    }

    /// The numbers of the transactions that are sent, as far as their bodies tell.
    func sends(_ actions: [TransactionTracker.Action]) -> [UInt64] {
        actions.compactMap { action in
            guard case .send(_, _, _, let body) = action else { return nil }
            return numbers[body] ?? 1
        }
    }

    func answers(_ actions: [TransactionTracker.Action]) -> [UInt64: TransactionTracker.Answer] {
        var answers: [UInt64: TransactionTracker.Answer] = [:]
        for case .answer(let ticket, let answer) in actions {
            #expect(answers.updateValue(answer, forKey: ticket) == nil, "client \(ticket) is answered twice")
        }
        return answers
    }
}

/// Later than any block here.
let farOff = UInt32.max

func id(_ number: UInt64) -> TransactionID { trx(number).id }

func receipt(_ number: UInt64) -> CommittedBlock.Receipt {
    .init(id: id(number), status: .executed, cpuUsage: UInt32(number), netUsage: 12)
}

/// A transaction that differs from others by its number, in the field of its reference block.
func packed(_ number: UInt64, expires expiration: UInt32 = farOff) -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    let reference = bytes(UInt16(truncatingIfNeeded: number >> 32)) + bytes(UInt32(truncatingIfNeeded: number))
    return bytes(expiration) + reference + [0, 0, 0, 0, 0, 0]
}

func trx(_ number: UInt64, expires expiration: UInt32 = farOff) -> UnpackedTransaction {
    // The id must be the number's alone.
    let plain = UnpackedTransaction(unpacking: packed(number)[...])
    guard let plain else { preconditionFailure("packed(\(number)) is no transaction") }
    return UnpackedTransaction(id: plain.id, expiration: expiration)
}

func bodyOf(_ transaction: UnpackedTransaction) -> [UInt8] { transaction.id.bytes }

private let numbers: [[UInt8]: UInt64] = Dictionary(
    uniqueKeysWithValues: (1...100).map { (bodyOf(trx($0)), $0) })

func executedReply(_ number: UInt64) -> NodeosReply {
    let text = #"{"transaction_id":"\#(id(number))","processed":{"id":"\#(id(number))","except":null}}"#
    return NodeosReply(status: 202, body: Array(text.utf8))
}

func executed(_ number: UInt64) -> TransactionTracker.Outcome { .answered(executedReply(number)) }

/// 202: with a trace.
func refusal(_ status: Int) -> NodeosReply {
    let text =
        status == 202
        ? #"{"transaction_id":"\#(id(1))","processed":{"id":"\#(id(1))","except":{"code":3050001}}}"#
        : #"{"code":\#(status),"error":{"code":3050001,"name":"account_name_exists_exception"}}"#
    return NodeosReply(status: status, body: Array(text.utf8))
}

let duplicate = NodeosReply(
    status: 409, body: Array(#"{"code":409,"message":"Conflict","error":{"code":3040008,"name":"tx_duplicate"}}"#.utf8))
let tooOld = NodeosReply(
    status: 500, body: Array(#"{"code":500,"error":{"code":3040005,"name":"expired_tx_exception"}}"#.utf8))
