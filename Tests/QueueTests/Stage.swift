// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Queue
import Raft
import Transactions

@testable import Antelope

/// A transaction without actions, told from others by its number.
struct Sample {
    let number: UInt16

    init(_ number: UInt16) { self.number = number }

    /// Packed.
    var packed: [UInt8] {
        [0, 0, 0, 0x70, UInt8(truncatingIfNeeded: number), UInt8(number >> 8), 1, 2, 3, 4, 0, 0, 0, 0, 0, 0]
    }

    var id: TransactionID { TransactionID.sha256(packed) }

    /// A message of kind 0, without signatures or context-free data.
    var message: [UInt8] { [0, 0, 0, 0, UInt8(packed.count)] + packed }

    var body: [UInt8] {
        let hex = packed.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return Array(
            #"{"signatures":[],"compression":"none","packed_context_free_data":"","packed_trx":"\#(hex)"}"#.utf8)
    }

    var executed: TransactionTracker.Outcome {
        .answered(
            NodeosReply(status: 202, body: Array(#"{"transaction_id":"\#(id)","processed":{"id":"\#(id)"}}"#.utf8)))
    }

    static func error(_ code: Int) -> NodeosReply {
        NodeosReply(status: 500, body: Array(#"{"code":500,"error":{"code":\#(code),"what":"x"}}"#.utf8))
    }

    static let duplicate = TransactionTracker.Outcome.answered(error(3_040_008))
    static let expired = TransactionTracker.Outcome.answered(error(3_040_005))
    static let refused = TransactionTracker.Outcome.answered(error(3_050_003))
}

func block(_ number: UInt32, _ samples: [Sample] = [], isWhole: Bool = true) throws -> CommittedBlock {
    CommittedBlock(
        try reference(number), receipts: samples.map { receipt($0) }, isWhole: isWhole)
}

func reference(_ number: UInt32) throws -> CommittedBlock.Reference {
    var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32)
    for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: number >> (24 - 8 * place)) }
    let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    guard let id = BlockID(hex: hex) else { throw NoBlock() }
    return .init(number: number, id: id, slot: BlockTimestamp(slot: number))
}

struct NoBlock: Error {}

func receipt(_ sample: Sample) -> CommittedBlock.Receipt {
    .init(id: sample.id, status: .executed, cpuUsage: 100, netUsage: 12)
}

/// Drives a queue, keeps what was acknowledged and what was said, and knows what was committed.
final class Stage {
    private(set) var queue: OrderedQueue
    /// Given to nodeos, in order.
    private(set) var executed: [[UInt8]] = []
    private(set) var acknowledged: [UInt64] = []
    private(set) var rejected: [UInt64] = []
    private(set) var replies: [QueueReply] = []
    /// Acknowledgements and replies in their order: `ack 1`, `reply q`.
    private(set) var order: [String] = []
    private(set) var ended: String?
    var known: [TransactionID: CommittedTransaction] = [:]

    init(_ mode: OrderedQueue.AckMode = .inBlock, limit: Int = 1000) { queue = OrderedQueue(mode: mode, limit: limit) }

    func step(_ event: OrderedQueue.Event) {
        if case .committed(let block) = event {
            for receipt in block.receipts { known[receipt.id] = .init(block: block.reference, receipt: receipt) }
        }
        for action in queue.step(event, at: Instant(nanoseconds: 0), known: { self.known[$0] }) {
            switch action {
            case .execute(let body, _): executed.append(body)
            case .publish(let reply):
                replies.append(reply)
                order.append("reply \(reply.queue)")
            case .acknowledge(let tag):
                acknowledged.append(tag)
                order.append("ack \(tag)")
            case .reject(let tag, _): rejected.append(tag)
            case .end(let why): ended = why
            case .done: break
            }
        }
    }

    func deliver(
        _ tag: UInt64, _ sample: Sample, replyTo: String? = nil, blockQueue: String? = nil, redelivered: Bool = false
    ) {
        step(
            .delivered(
                .init(
                    tag: tag, body: sample.message, isRedelivered: redelivered, replyTo: replyTo,
                    correlationID: replyTo.map { "c\(tag) of \($0)" }, blockQueue: blockQueue)))
    }
}

extension QueueReply {
    var text: String { String(decoding: body, as: UTF8.self) }
}
