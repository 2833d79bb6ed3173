// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Testing

/// What a commit costs, in writes and messages: neither may grow unnoticed.
@Suite struct CommitCostTests {
    private func chain(_ count: Int, on trio: Trio) throws -> [[UInt8]] {
        var head = trio.replicas[0].state.head?.block
        return try (0..<count).map { number in
            let block = try Chain.block(on: head, slot: UInt32(1000 + trio.replicas[0].state.index) + UInt32(number))
            head = try Chain.ref(block)
            return block
        }
    }

    private func isCommitted(_ answer: CommitAnswer?) -> Bool {
        if case .committed = answer { true } else { false }
    }

    /// Whichever way they came: clients that send at the same time do not know of each other.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func blocksThatComeTogetherCostAsOne(seed: UInt64) throws {
        let trio = try Trio.serving()
        var random = SplitMix64(seed: seed)
        let blocks = try chain(64, on: trio).shuffled(using: &random)
        let (writes, messages) = (trio.writes, trio.messages)
        let tickets = try trio.commit(together: blocks, at: 0)
        #expect(trio.writes[0] == writes[0] + 1 && trio.messages[0] == messages[0] + 2)
        trio.deliver()
        #expect(tickets.allSatisfy { isCommitted(trio.answers[$0]) })
        #expect(trio.writes == writes.map { $0 + 1 })
    }

    @Test func oneOfTwoBlocksOfAHeightIsCommitted() throws {
        let trio = try Trio.serving()
        let first = try Chain.block(on: nil, slot: 1000)
        let second = try Chain.block(on: try Chain.ref(first), slot: 1001)
        let other = try Chain.block(on: try Chain.ref(first), slot: 1002)
        let tickets = try trio.commit(together: [second, first, other, second, first], at: 0)
        #expect(trio.answers[tickets[2]] == .refused(.conflictsWithHead))
        trio.deliver()
        for at in [0, 1, 3, 4] { #expect(isCommitted(trio.answers[tickets[at]]), "the one at \(at)") }
        #expect(trio.replicas[0].state.head?.block == (try Chain.ref(second)))
    }

    /// The bounds hold for those that come together as well.
    @Test func moreThanMayBeOnTheWayIsRefused() throws {
        var limits = Limits()
        limits.uncommittedEntries = 10
        let byCount = try Trio.serving(limits: limits)
        var tickets = try byCount.commit(together: try chain(12, on: byCount), at: 0)
        #expect(
            tickets.map { byCount.answers[$0] == .refused(.overloaded) } == Array(repeating: false, count: 10) + [
                true, false,
            ])
        limits = Limits()
        let blocks = try chain(12, on: byCount)
        limits.uncommittedBytes = blocks[0].count * 5
        let byBytes = try Trio.serving(limits: limits)
        tickets = try byBytes.commit(together: try chain(12, on: byBytes), at: 0)
        #expect(byBytes.answers[tickets[4]] == nil && byBytes.answers[tickets[5]] == .refused(.overloaded))
    }

    /// One write on each disk, one message to each follower, and one answer of each.
    @Test func blocksInARowCostOneMessageEach() throws {
        let trio = try Trio.serving()
        var blocks = try chain(101, on: trio)[...]
        _ = try trio.answer(to: blocks.removeFirst(), at: 0)
        trio.now = trio.now + .microseconds(400)
        _ = try trio.answer(to: blocks.removeFirst(), at: 0)
        let (writes, messages) = (trio.writes, trio.messages)
        for block in blocks {
            trio.now = trio.now + .microseconds(400)
            #expect(isCommitted(try trio.answer(to: block, at: 0)))
        }
        let count = blocks.count
        #expect(trio.writes == writes.map { $0 + count })
        #expect(trio.messages == [messages[0] + 2 * count, messages[1] + count, messages[2] + count])
    }

    /// The last of several blocks in a row has none behind it that would tell of its commit.
    @Test func followersLearnOfTheLastOfARowSoon() throws {
        let trio = try Trio.serving()
        for block in try chain(5, on: trio) { _ = try trio.answer(to: block, at: 0) }
        let index = trio.replicas[0].state.index
        #expect(trio.replicas[1].state.index == index - 1, "it is told with the next")
        let due = trio.replicas[0].raft.nextWake
        #expect(due <= trio.now + Limits().commitNoticeDelay)
        trio.now = due
        trio.step(0, .tick)
        trio.deliver()
        #expect(trio.replicas.allSatisfy { $0.state.index == index })
        #expect(trio.replicas[0].raft.nextWake > trio.now + Limits().commitNoticeDelay, "and then it is told")
    }

    @Test func followersLearnOfABlockAfterAPauseAtOnce() throws {
        let trio = try Trio.serving()
        for block in try chain(5, on: trio) {
            trio.now = trio.now + .milliseconds(20)
            _ = try trio.answer(to: block, at: 0)
            #expect(trio.replicas.allSatisfy { $0.state.index == trio.replicas[0].state.index })
        }
    }
}
