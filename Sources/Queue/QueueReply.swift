// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Transactions

/// A message to whom it may concern: the queue of a `reply_to`, or that of a header `block-uuid-msg`. Its body is JSON.
public struct QueueReply: Hashable, Sendable {
    public var queue: String
    public var correlationID: String?
    public var body: [UInt8]

    public init(queue: String, correlationID: String?, body: [UInt8]) {
        self.queue = queue
        self.correlationID = correlationID
        self.body = body
    }
}

extension QueueReply {
    /// The transaction is in a committed block: nodeos's answer, or as much of it as the block says, and the block.
    static func committed(_ place: CommittedTransaction, _ reply: NodeosReply?) -> [UInt8] {
        let known = NodeosReply(status: 202, body: Array(place.inNodeosForm.utf8))
        let answer = reply?.adding(place.block) ?? known
        return (answer.adding(#""block_uuid":"\#(uuid(of: place.block.id))""#) ?? answer).body
    }

    /// nodeos's error, and the transaction that it is about.
    static func failed(_ id: TransactionID, _ reply: NodeosReply) -> [UInt8] {
        // An answer with the trace of a failure has the id.
        if (200..<300).contains(reply.status) { return reply.body }
        return (reply.adding(#""transaction_id":"\#(id)""#) ?? reply).body
    }

    static func block(_ block: CommittedBlock.Reference) -> [UInt8] {
        Array(
            #"{"block_uuid":"\#(uuid(of: block.id))","block_num":\#(block.number),"block_id":"\#(block.id.hex)"}"#.utf8)
    }

    /// Taurus makes a random one for each block that it begins, to tie traces to a block that has no id yet. Here a trace
    /// goes out when the block has its id, so the UUID is made of that: the same whichever peer sends it, and however often.
    static func uuid(of id: BlockID) -> String {
        // The first four bytes are the number.
        let digits = Array(id.hex.dropFirst(8).prefix(32))
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return parts.map { String(digits[$0]) }.joined(separator: "-")
    }
}
