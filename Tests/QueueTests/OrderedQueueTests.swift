// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Queue
import Raft
import Testing
import Transactions

@Suite struct OrderedQueueTests {
    private let samples = (0..<8).map { Sample(UInt16($0)) }

    /// nodeos serves several requests at once in any order.
    @Test func nodeosIsGivenOneAtATimeInOrder() {
        let stage = Stage()
        for tag in 0..<4 { stage.deliver(UInt64(tag + 1), samples[tag]) }
        #expect(stage.executed == [samples[0].body])
        for next in 1..<4 {
            stage.step(.outcome(samples[next - 1].executed))
            #expect(stage.executed == samples[0...next].map(\.body))
        }
    }

    @Test func nothingIsAcknowledgedOrToldBeforeItsBlockIsCommitted() throws {
        let stage = Stage()
        stage.deliver(1, samples[0], replyTo: "r")
        stage.step(.outcome(samples[0].executed))
        stage.step(.committed(try block(10, [samples[1]])))
        #expect(stage.acknowledged.isEmpty && stage.replies.isEmpty)
        stage.step(.committed(try block(11, [samples[0]])))
        #expect(stage.order == ["reply r", "ack 1"], "an answer twice is better than none")
        let reply = try #require(stage.replies.first)
        #expect(reply.correlationID == "c1 of r")
        let id = try reference(11).id.hex
        #expect(
            reply.text == """
                {"transaction_id":"\(samples[0].id)","processed":{"id":"\(samples[0].id)"},"block_num":11,\
                "block_id":"\(id)","block_uuid":"0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b"}
                """)
        #expect(stage.queue.waiting == 0 && stage.queue.counters.committed == 1)
    }

    @Test(arguments: OrderedQueue.AckMode.allCases)
    func theModeSaysWhenTheBrokerForgetsAndNotWhenTheClientHears(_ mode: OrderedQueue.AckMode) throws {
        let stage = Stage(mode)
        stage.deliver(1, samples[0], replyTo: "r")
        #expect(stage.acknowledged == (mode == .received ? [1] : []))
        stage.step(.outcome(samples[0].executed))
        #expect(stage.acknowledged == (mode == .inBlock ? [] : [1]))
        #expect(stage.replies.isEmpty)
        stage.step(.committed(try block(10, [samples[0]])))
        #expect(stage.acknowledged == [1] && stage.replies.count == 1)
    }

    /// The broker gives more for each one that it may forget: without a bound the whole queue would come.
    @Test(arguments: [OrderedQueue.AckMode.received, .executed])
    func whatTheBrokerHasForgottenIsBounded(_ mode: OrderedQueue.AckMode) throws {
        let stage = Stage(mode, limit: 2)
        for tag in 0..<5 { stage.deliver(UInt64(tag + 1), samples[tag]) }
        for sample in samples[0..<5] { stage.step(.outcome(sample.executed)) }
        #expect(stage.acknowledged == [1, 2] && stage.queue.waiting == 5)
        stage.step(.committed(try block(10, [samples[0], samples[3]])))
        // The fourth is done, the third may be forgotten in place of the first.
        #expect(stage.acknowledged == [1, 2, 4, 3] && stage.queue.waiting == 3)
        stage.step(.committed(try block(11, [samples[1], samples[2], samples[4]])))
        #expect(stage.acknowledged.sorted() == [1, 2, 3, 4, 5] && stage.queue.waiting == 0)
    }

    @Test func aFailedOneIsAcknowledgedAtOnceWithItsErrorAndTheOthersGoOn() throws {
        let stage = Stage()
        for tag in 0..<3 { stage.deliver(UInt64(tag + 1), samples[tag], replyTo: "r") }
        stage.step(.outcome(samples[0].executed))
        stage.step(.outcome(Sample.refused))
        #expect(stage.order == ["reply r", "ack 2"])
        #expect(
            stage.replies[0].text == """
                {"code":500,"error":{"code":3050003,"what":"x"},"transaction_id":"\(samples[1].id)"}
                """)
        #expect(stage.executed.last == samples[2].body)
        stage.step(.outcome(Sample.expired))
        #expect(stage.acknowledged == [2, 3])
        stage.step(.committed(try block(10, [samples[0]])))
        #expect(stage.acknowledged == [2, 3, 1])
        #expect(stage.queue.counters.failed == 2 && stage.queue.counters.committed == 1)
    }

    @Test func aFailureWithATraceIsAFailure() {
        let stage = Stage()
        stage.deliver(1, samples[0], replyTo: "r")
        let body = #"{"transaction_id":"\#(samples[0].id)","processed":{"except":{"code":1}}}"#
        stage.step(.outcome(.answered(NodeosReply(status: 202, body: Array(body.utf8)))))
        #expect(stage.acknowledged == [1] && stage.replies.map(\.text) == [body])
    }

    /// Its block was committed while nodeos's answer was on the way.
    @Test(arguments: [0, 1, 2])
    func theBlockMayBeFasterThanTheAnswer(_ kind: Int) throws {
        let stage = Stage()
        stage.deliver(1, samples[0], replyTo: "r")
        stage.step(.committed(try block(10, [samples[0]])))
        #expect(stage.acknowledged.isEmpty, "the answer has the trace")
        stage.step(.outcome([samples[0].executed, Sample.duplicate, Sample.expired][kind]))
        #expect(stage.acknowledged == [1] && stage.queue.counters.committed == 1)
        #expect(stage.replies[0].text.contains("\"block_num\":10"))
    }

    // MARK: - What came before

    /// The leader before this one died between the commit and the acknowledgement.
    @Test func oneThatWasCommittedBeforeIsNotGivenAgain() throws {
        let stage = Stage()
        stage.known[samples[0].id] = .init(block: try reference(7), receipt: receipt(samples[0]))
        stage.deliver(1, samples[0], replyTo: "r", redelivered: true)
        stage.deliver(2, samples[1])
        #expect(stage.executed == [samples[1].body])
        #expect(stage.acknowledged == [1] && stage.queue.counters.redelivered == 1)
        #expect(stage.replies[0].text.contains(#""block_num":7,"block_id":""#))
        #expect(stage.replies[0].text.contains(#""transaction_id":"\#(samples[0].id)""#))
    }

    @Test func aDuplicateWaitsForTheBlockThatHasIt() throws {
        let stage = Stage()
        stage.deliver(1, samples[0])
        stage.step(.outcome(Sample.duplicate))
        stage.step(.committed(try block(10)))
        #expect(stage.acknowledged.isEmpty)
        stage.step(.committed(try block(11, [samples[0]])))
        #expect(stage.acknowledged == [1])
    }

    /// In a block so old that this peer does not know it any more.
    @Test func aDuplicateInNoBlockIsAskedOnceMoreAndThenAnswered() throws {
        let stage = Stage()
        stage.deliver(1, samples[0], replyTo: "r")
        stage.deliver(2, samples[1])
        stage.step(.outcome(Sample.duplicate))
        stage.step(.outcome(samples[1].executed))
        for number in 10..<14 { stage.step(.committed(try block(UInt32(number), number == 10 ? [samples[1]] : []))) }
        #expect(stage.executed == [samples[0].body, samples[1].body, samples[0].body])
        #expect(stage.acknowledged == [2] && stage.ended == nil)
        stage.step(.outcome(Sample.duplicate))
        #expect(stage.acknowledged == [2, 1] && stage.replies[0].text.contains("3040008"))
        #expect(stage.queue.counters.failed == 1)
    }

    @Test func twoMessagesWithOneTransactionAreBothDoneByOneBlock() throws {
        let stage = Stage()
        stage.deliver(1, samples[0])
        stage.deliver(2, samples[0])
        stage.step(.outcome(samples[0].executed))
        stage.step(.outcome(Sample.duplicate))
        stage.step(.committed(try block(10, [samples[0]])))
        #expect(stage.acknowledged == [1, 2])
    }

    // MARK: - Ends

    @Test(arguments: [
        TransactionTracker.Outcome.notTaken("does not produce"), .unknown("no answer"),
        .answered(NodeosReply(status: 503, body: [])), .answered(NodeosReply(status: 429, body: [])),
    ])
    func whatIsNotKnownGoesBackToTheQueue(_ outcome: TransactionTracker.Outcome) {
        let stage = Stage()
        for tag in 0..<3 { stage.deliver(UInt64(tag + 1), samples[tag], replyTo: "r") }
        stage.step(.outcome(samples[0].executed))
        stage.step(.outcome(outcome))
        #expect(stage.ended != nil && stage.queue.isOver)
        #expect(stage.acknowledged.isEmpty && stage.replies.isEmpty && stage.rejected.isEmpty)
        #expect(stage.queue.counters.requeued == 3)
        stage.step(.outcome(samples[2].executed))
        stage.deliver(4, samples[3])
        #expect(stage.executed.count == 2 && stage.queue.waiting == 0)
    }

    /// A later one would overtake it.
    @Test func oneThatNodeosLostEndsTheSession() throws {
        let stage = Stage()
        stage.deliver(1, samples[0])
        stage.step(.outcome(samples[0].executed))
        for number in 10..<13 { stage.step(.committed(try block(UInt32(number)))) }
        #expect(stage.ended == nil)
        stage.step(.committed(try block(13)))
        #expect(stage.ended == "transaction \(samples[0].id) was executed, and none of 4 blocks has it")
        #expect(stage.acknowledged.isEmpty && stage.queue.counters.requeued == 1)
    }

    @Test func aBlockThatCannotBeReadAndAGapEndTheSession() throws {
        for event in [OrderedQueue.Event.gap, .committed(try block(10, isWhole: false))] {
            let stage = Stage()
            stage.deliver(1, samples[0])
            stage.step(.outcome(samples[0].executed))
            stage.step(event)
            #expect(stage.ended != nil && stage.acknowledged.isEmpty)
        }
    }

    @Test func closingGivesBackWhatIsNotAcknowledged() throws {
        var queue = OrderedQueue(mode: .executed, limit: 1000)
        for tag in 0..<3 {
            _ = queue.step(
                .delivered(.init(tag: UInt64(tag), body: samples[tag].message)), at: Instant(nanoseconds: 0),
                known: { _ in nil })
        }
        _ = queue.step(.outcome(samples[0].executed), at: Instant(nanoseconds: 0), known: { _ in nil })
        queue.close()
        queue.close()
        #expect(queue.counters.requeued == 2 && queue.waiting == 0)
    }

    // MARK: - Messages

    @Test(
        arguments: [
            [], [0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 5, 1, 2, 3, 4], [0, 0, 2, 0, 0], [0, 0, 0, 0, 0],
            // Of the second kind, with signatures and data pruned.
            [1, 0, 1] + [UInt8](repeating: 7, count: 32) + [0],
        ] as [[UInt8]])
    func whatIsNoTransactionIsRejectedAndTheOthersGoOn(_ bytes: [UInt8]) {
        let stage = Stage()
        stage.step(.delivered(.init(tag: 1, body: bytes, replyTo: "r")))
        stage.deliver(2, samples[0])
        #expect(stage.rejected == [1] && stage.acknowledged.isEmpty && stage.replies.isEmpty)
        #expect(stage.executed == [samples[0].body] && stage.queue.counters.rejected == 1)
    }

    @Test func aRejectedOneIsNotAcknowledgedInAnyMode() {
        let stage = Stage(.received)
        stage.step(.delivered(.init(tag: 1, body: [9])))
        #expect(stage.rejected == [1] && stage.acknowledged.isEmpty)
    }

    @Test func oneThatIsTooLongIsRejected() {
        let stage = Stage()
        stage.step(.delivered(.init(tag: 1, body: samples[0].message + [UInt8](repeating: 0, count: 1_000_000))))
        #expect(stage.rejected == [1])
    }

    // MARK: - The block's own message

    @Test func aQueueIsToldOfABlockOnce() throws {
        let stage = Stage()
        for tag in 0..<4 { stage.deliver(UInt64(tag + 1), samples[tag], blockQueue: tag == 2 ? "other" : "blocks") }
        for sample in samples[0..<4] { stage.step(.outcome(sample.executed)) }
        stage.step(.committed(try block(10, Array(samples[0..<3]))))
        stage.step(.committed(try block(11, [samples[3]])))
        #expect(stage.replies.map(\.queue) == ["blocks", "other", "blocks"])
        #expect(stage.replies.allSatisfy { $0.correlationID == nil })
        let id = try reference(10).id.hex
        #expect(
            stage.replies[0].text
                == #"{"block_uuid":"0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a","block_num":10,"block_id":"\#(id)"}"#)
        #expect(stage.replies[2].text.contains("0b0b0b0b-"))
    }
}
