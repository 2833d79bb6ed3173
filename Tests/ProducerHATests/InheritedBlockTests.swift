// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import ProducerHA

/// The last block that a region has of others: those above it in its log it made itself, and they are what another region may go
/// on without.
@Suite struct InheritedBlockTests {
    /// A region's log, and the entries that hold its blocks.
    final class Region {
        let name: String
        var state = GroupState()
        var blocks = BlockIndex()
        /// No two regions make the same block.
        private let producer: Name

        init(_ name: String) throws {
            self.name = name
            producer = try Name(name)
            try change(.standby)
        }

        var head: BlockID? { state.head?.block.id }
        var inherited: UInt32? { state.region.inherited?.blockNumber }

        func change(
            _ activity: RegionActivity, base: [UInt8]? = nil, epoch next: UInt64? = nil, renews: Bool = false,
            superseder: RegionReport? = nil
        ) throws {
            let epoch = state.region.epoch
            let lostFrom = superseder.map { state.region.lostFrom(after: $0) } ?? 0
            try add(
                .region,
                RegionChange(
                    expects: epoch, epoch: next ?? epoch + 1, activity: activity, isPaused: false, base: base,
                    renews: renews,
                    superseder: superseder, lostFrom: lostFrom
                ).encoded())
            try survivesASnapshot()
        }

        func isLeft(by report: RegionReport) throws -> Applied {
            let record = Record.leftBehind(by: report, lostFrom: state.region.lostFrom(after: report), at: 1234)
            let entry = Entry(index: state.index + 1, term: 1, kind: .operation, payload: record.encoded())
            let applied = state.apply(entry)
            if applied == .accepted { blocks.applied(entry, leaving: state.head) }
            try survivesASnapshot()
            return applied
        }

        private func survivesASnapshot() throws {
            let kept = try #require(GroupState(state.snapshot()))
            #expect(kept == state && kept.snapshot().state == state.snapshot().state)
        }

        func make(through number: UInt32) throws {
            while let head = state.head?.block, head.number < number {
                let slot = BlockTimestamp(slot: head.slot.slot + 1)
                try add(.block, try BlockBuilder(previous: head.id, timestamp: slot, producer: producer).build())
            }
        }

        func add(_ kind: EntryKind, _ payload: [UInt8]) throws {
            let entry = Entry(index: state.index + 1, term: 1, kind: kind, payload: payload)
            try #require(state.apply(entry) == .accepted)
            blocks.applied(entry, leaving: state.head)
        }

        func has(_ number: UInt32) -> Bool { blocks.index(ofHeight: number) != nil }

        /// What it says of itself.
        func report(activated epoch: UInt64) -> RegionReport {
            RegionReport(
                name: name, epoch: epoch, activity: .active, activatedEpoch: epoch, isCurrent: true, head: head,
                inherited: state.region.inherited)
        }

        var lastBlock: [UInt8] { state.head?.bytes ?? [] }
    }

    /// A block that no region of these tests made.
    static func other(_ number: UInt32) throws -> [UInt8] {
        try BlockBuilder(startingAt: number, timestamp: BlockTimestamp(slot: number), producer: Name("other")).build()
    }

    private func other(_ number: UInt32) throws -> [UInt8] { try Self.other(number) }

    /// A region that took over at 90, made blocks through 100, and stopped.
    private func stopped() throws -> Region {
        let region = try Region("east")
        try region.change(.active, base: other(90))
        try region.make(through: 100)
        try region.change(.standby)
        #expect(region.inherited == 90)
        return region
    }

    @Test func aGroupThatBeginsWithABlockHasThatOfOthers() throws {
        // It is standby, or active already when it is given its first block.
        for activity in [RegionActivity.standby, .active] {
            let region = try Region("east")
            if activity == .active { try region.change(.active) }
            #expect(region.inherited == nil)
            try region.change(activity, base: other(100))
            #expect(region.inherited == 100)
            try region.make(through: 110)
            #expect(region.inherited == 100)
        }
    }

    @Test func ofAGroupThatBeganWithoutOneNothingIsKnown() throws {
        let region = try Region("east")
        try region.change(.active, base: other(100))
        // As a version left it that knew nothing of it.
        var old = region.state.snapshot()
        old.state.removeLast(8 + 32)
        old.state[old.state.count - 1] = 0
        let state = try #require(GroupState(old))
        #expect(state.region.inherited == nil && state.region.base == region.state.region.base)
        region.state = state
        try region.make(through: 110)
        // One that is rolled back, or given a block that says nothing of those below.
        for base in [nil, try other(105), try other(300)] {
            try region.change(.active, base: base, renews: true)
            #expect(region.inherited == nil)
        }
        try region.change(.standby)
        try region.change(.active)
        #expect(region.inherited == nil && region.state.region.lostFrom(after: region.report(activated: 90)) == 0)
        try region.change(.standby)
        try region.change(.active, base: other(400))
        #expect(region.inherited == 400)
    }

    @Test func whatTheRegionThatWasActiveSinceCameToIsOfOthers() throws {
        for activity in [RegionActivity.active, .standby, .activating] {
            let region = try stopped()
            try region.change(activity, base: other(200))
            #expect(region.inherited == 200)
        }
    }

    @Test func aRegionThatGoesBackMadeWhatIsBelow() throws {
        // The number, and what it has of others then.
        for (number, inherited) in [(100, 90), (95, 90), (91, 90), (90, 90), (80, 80)] as [(UInt32, UInt32)] {
            for activity in [RegionActivity.active, .standby] {
                let region = try stopped()
                let block = try other(number)
                try region.change(activity, base: block)
                #expect(region.inherited == inherited, "block \(number)")
                if number == inherited { #expect(region.state.region.inherited == (try Chain.ref(block).id)) }
            }
        }
        // Its own last block, named.
        let region = try stopped()
        try region.change(.active, base: region.lastBlock)
        #expect(region.inherited == 90 && region.state.region.base == region.head)
    }

    @Test func anActiveRegionThatIsGivenABlockMadeWhatIsBelow() throws {
        let region = try stopped()
        try region.change(.active)
        for (number, inherited) in [(300, 90), (95, 90), (310, 90), (70, 70), (320, 70)] as [(UInt32, UInt32)] {
            try region.change(.active, base: other(number))
            #expect(region.inherited == inherited && region.state.region.base?.blockNumber == number)
        }
        try region.change(.active, base: other(400), renews: true)
        #expect(region.inherited == 70)
    }

    @Test func aRegionThatGoesOnByItselfMadeWhatIsBelow() throws {
        let region = try stopped()
        try region.change(.active)
        try region.make(through: 120)
        try region.change(.active, renews: true)
        #expect(region.inherited == 90 && region.state.region.base?.blockNumber == 120)
    }

    @Test func aRegionTellsTheLastBlockThatItHasOfOthers() throws {
        let trio = try Trio.serving()
        #expect(trio.replicas[0].regionReport(named: "east", at: trio.now)?.inherited == nil)
        let first = try other(100)
        let next = try Chain.block(on: try Chain.ref(first), slot: 200)
        for (base, renews) in [(first, false), (nil, true), (next, false)] as [([UInt8]?, Bool)] {
            let epoch = trio.replicas[0].state.region.epoch
            let change = RegionChange(
                expects: epoch, epoch: epoch + 1, activity: .active, isPaused: false, base: base, renews: renews)
            guard case .applied? = trio.answer(to: .region(change), at: 0) else {
                Issue.record("\(change) was not applied")
                return
            }
            let report = trio.replicas[0].regionReport(named: "east", at: trio.now)
            #expect(
                report?.inherited == (try Chain.ref(first).id) && report?.head == trio.replicas[0].state.region.base)
        }
    }

    /// A snapshot that says that something follows which does not, or the other way round.
    @Test func snapshotsAreReadInOneWayOnly() throws {
        let region = try stopped()
        let snapshot = region.state.snapshot()
        let place = snapshot.state.count - 8 - 32 - 1
        #expect(snapshot.state[place] == 8)
        for (byte, length) in [(8, 8), (0, 40), (16, 40), (24, 40)] as [(UInt8, Int)] {
            var damaged = snapshot
            damaged.state[place] = byte
            if length == 8 {
                // An id of no bytes.
                damaged.state.removeLast(40)
                damaged.state += Array(repeating: 0, count: 8)
            }
            #expect(GroupState(damaged) == nil, "\(byte), \(length)")
        }
    }

    /// East, cut off, goes on by itself after a switch that came to nothing; west, forced, does not have its last blocks, and has
    /// been given another one since.
    @Test(arguments: [true, false]) func blocksAreLostHoweverFarTheBasesHaveMoved(isRebased: Bool) throws {
        let east = try Region("east")
        try east.change(.active, base: other(90))
        try east.make(through: 100)
        let west = try Region("west")
        try west.change(.active, base: east.lastBlock)
        try east.make(through: 120)
        try east.change(.standby)
        try east.change(.active)
        try east.make(through: 125)
        #expect(east.state.region.base?.blockNumber == 120)
        try west.make(through: 300)
        if isRebased {
            try west.change(.active, base: other(300))
        } else {
            try west.change(.standby)
            try west.change(.active)
        }
        #expect(west.state.region.base?.blockNumber == 300)

        try east.change(.standby, superseder: west.report(activated: 90))
        let superseded = try #require(east.state.region.superseded)
        // Where west went on, which a gate and the list of what was lost look up in east's log.
        #expect(superseded.lostFrom == 91 && superseded.by.inherited?.blockNumber == 100)
        #expect(superseded.head?.blockNumber == 125 && east.has(125) && east.has(91))
        try west.make(through: 310)
        try east.change(.active, base: west.lastBlock)
        for number in UInt32(101)...125 { #expect(!east.has(number), "height \(number)") }
        #expect(east.has(90) && east.has(310) && east.inherited == 310)
    }
}
