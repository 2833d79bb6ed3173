// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Testing

@testable import Lab

struct ProductionTests {
    var production: Production

    init() throws {
        production = Production(peers: [1, 2, 3], producer: try Name("prodhademo"))
        production.begin(head: nil, at: nil, leader: 1)
    }

    mutating func block(_ slot: Int) throws -> MadeBlock {
        try production.block(for: slot, BlockTimestamp(slot: 1000 + UInt32(slot)))
    }

    @Test mutating func blocksAreRealAndLinked() throws {
        let first = try block(1)
        let parsed = try SignedBlock(parsing: first.bytes)
        #expect(parsed.id == first.id)
        #expect(parsed.transactionRoot == parsed.header.transactionRoot)
        #expect(first.number == Production.firstNumber)
        #expect(production.learn(.committed(term: 4), from: 1) == .committed(first, by: 1, term: 4))
        let second = try block(2)
        #expect(second.previous == first.id)
        #expect(second.number == first.number + 1)
    }

    @Test mutating func anUndecidedBlockIsHandedInAgainUntilTheGroupHasDecided() throws {
        let first = try block(1)
        #expect(production.learn(.outcomeUnknown, from: 1) == .again)
        #expect(production.target == 2)
        #expect(try block(9) == first)
        #expect(production.learn(.refused(.notLeader, leader: nil, head: nil), from: 2) == .again)
        #expect(try block(10) == first, "a later refusal by another peer decides nothing")
        #expect(production.learn(.refused(.leadershipLost, leader: 3, head: nil), from: 3) == .again)
        #expect(try block(11) == first)
        #expect(production.learn(.committed(term: 5), from: 1) == .committed(first, by: 1, term: 5))
    }

    @Test mutating func aBlockThatNobodyHasIsDroppedWithItsSlot() throws {
        let first = try block(1)
        #expect(production.learn(.refused(.leaseWait, leader: 1, head: nil), from: 1) == .again)
        #expect(try block(1) == first)
        let second = try block(2)
        #expect(second.id != first.id)
        #expect(second.number == first.number)
        #expect(second.slot == 2)
    }

    @Test mutating func theLeaderIsFollowed() throws {
        _ = try block(1)
        #expect(production.learn(.refused(.notLeader, leader: 3, head: nil), from: 1) == .again)
        #expect(production.target == 3)
        #expect(production.learn(.nothingSent, from: 3) == .again)
        #expect(production.target == 1)
        #expect(production.learn(.refused(.notLeader, leader: 9, head: nil), from: 1) == .again)
        #expect(production.target == 2, "a leader that is none of the peers is not followed")
    }

    @Test mutating func anotherBlockAtTheHeightIsBuiltOn() throws {
        let mine = try block(1)
        #expect(production.learn(.outcomeUnknown, from: 1) == .again)
        let other = BlockID(number: mine.number, digest: .zero)
        #expect(production.learn(.refused(.conflictsWithHead, leader: 2, head: other), from: 2) == .abandoned(mine))
        let next = try block(2)
        #expect(next.previous == other)
        #expect(next.number == mine.number + 1)
    }

    @Test mutating func anotherBlockOnItsWayDecidesNothing() throws {
        let mine = try block(1)
        _ = production.learn(.outcomeUnknown, from: 1)
        #expect(
            production.learn(.refused(.conflictsWithHead, leader: 2, head: mine.previous), from: 2) == .again)
        #expect(try block(5) == mine)
    }

    @Test mutating func ourOwnBlockAsTheHeadIsHandedInOnceMore() throws {
        let mine = try block(1)
        _ = production.learn(.outcomeUnknown, from: 1)
        #expect(production.learn(.refused(.stale, leader: 2, head: mine.id), from: 2) == .again)
        #expect(try block(5) == mine)
    }

    @Test mutating func withoutAHeadItIsAskedFor() throws {
        _ = try block(1)
        #expect(production.learn(.refused(.unlinkable, leader: 1, head: nil), from: 1) == .askForHead)
    }

    @Test mutating func theRegionsBlocksAreOverWhenItIsNoLongerActive() throws {
        _ = try block(1)
        #expect(production.learn(.refused(.regionStandby, leader: 1, head: nil), from: 1) == .standby)
    }

    @Test mutating func whatIsInHandIsLetGoWhenTheRegionBeginsAnew() throws {
        let old = try block(1)
        #expect(production.learn(.outcomeUnknown, from: 1) == .again)
        let base = BlockID(number: 70, digest: .zero)
        production.begin(head: base, at: BlockTimestamp(slot: 5000), leader: 3)
        let new = try block(2)
        #expect(new != old)
        #expect(new.previous == base)
        #expect(new.timestamp > BlockTimestamp(slot: 5000), "the other region's last block was later")
        #expect(production.target == 3)
    }

    @Test mutating func timestampsOnlyGrow() throws {
        let first = try production.block(for: 1, BlockTimestamp(slot: 50))
        _ = production.learn(.committed(term: 1), from: 1)
        let second = try production.block(for: 2, BlockTimestamp(slot: 50))
        let slots = try [first, second].map { try SignedBlock(parsing: $0.bytes).header.timestamp.slot }
        #expect(slots == [50, 51])
    }
}
