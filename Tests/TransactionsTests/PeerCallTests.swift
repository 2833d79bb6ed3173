// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing
import Transactions

@Suite struct PeerCallTests {
    @Test func everyCallAndOutcomeSurvivesTheWire() {
        for call in TransactionCall.allCases {
            for body in [[], [0], Array("{}".utf8), [UInt8](repeating: 255, count: 2 << 20)] {
                let asked = PeerCall.transaction(call, body: body)
                #expect(PeerCall(encoded: asked.encoded()) == asked)
            }
        }
        #expect(PeerCall(encoded: PeerCall.status.encoded()) == .status)
        let asked = PeerCall.handOver(record: [1, 2, 3])
        #expect(PeerCall(encoded: asked.encoded()) == asked)
        for reply in [HandOverReply.done, .refused(""), .refused("it is in maintenance")] {
            #expect(HandOverReply(encoded: reply.encoded()) == reply)
        }
        let outcomes: [TransactionTracker.Outcome] = [
            .notTaken("peer 1 leads and has no nodeos"), .unknown(""), .unknown("ä"),
            .answered(NodeosReply(status: 202, body: [])), .answered(NodeosReply(status: 500, body: [1, 0, 255])),
        ]
        for outcome in outcomes {
            #expect(TransactionTracker.Outcome(encoded: outcome.encoded()) == outcome)
        }
    }

    /// Peers of the next version may meet this one: these bytes never change.
    @Test func theBytesStayAsTheyAre() {
        #expect(PeerCall.transaction(.pushTransaction, body: [7]).encoded() == [1, 1, 7])
        #expect(PeerCall.transaction(.sendTransaction, body: [7]).encoded() == [1, 2, 7])
        #expect(PeerCall.transaction(.sendTransaction2, body: [7]).encoded() == [1, 3, 7])
        #expect(PeerCall.status.encoded() == [2])
        #expect(PeerCall.handOver(record: [7]).encoded() == [3, 7])
        #expect(HandOverReply.done.encoded() == [4] && HandOverReply.refused("a").encoded() == [5, 0x61])
        #expect(TransactionTracker.Outcome.notTaken("a").encoded() == [1, 0x61])
        #expect(TransactionTracker.Outcome.unknown("a").encoded() == [2, 0x61])
        #expect(
            TransactionTracker.Outcome.answered(NodeosReply(status: 0x1f4, body: [7])).encoded() == [3, 0xf4, 1, 7])
    }

    @Test func whatIsNotKnownIsNotGuessed() {
        for bytes in [[], [1], [1, 0], [1, 4, 7], [0, 1, 7], [2, 1, 7], [2, 0], [3]] as [[UInt8]] {
            #expect(PeerCall(encoded: bytes) == nil, "\(bytes)")
        }
        // What a version without it answers to a call that it does not know.
        let unknown = TransactionTracker.Outcome.notTaken("update").encoded()
        for bytes in [[], [0], [4, 0], [3, 1], unknown] as [[UInt8]] {
            #expect(HandOverReply(encoded: bytes) == nil, "\(bytes)")
        }
        for bytes in [[], [0], [4, 1, 2], [3], [3, 200], [3, 99, 0, 1], [3, 0x58, 2]] as [[UInt8]] {
            #expect(TransactionTracker.Outcome(encoded: bytes) == nil, "\(bytes)")
        }
    }

    @Test func aReasonIsBounded() {
        let long = TransactionTracker.Outcome.notTaken(String(repeating: "x", count: 100_000))
        #expect(TransactionTracker.Outcome(encoded: long.encoded()) == .notTaken(String(repeating: "x", count: 1024)))
    }
}
