// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Testing

@testable import Gate
@testable import Node

/// What the gates are told about a height. A region went on from block 100 and made more; then another one went on without it.
@Suite struct CommittedIDTests {
    private final class Log {
        var state = GroupState()
        var ids = CommittedIDs()
        /// The block of each height, as this log has it.
        var made: [UInt32: BlockID] = [:]

        /// Goes on from a block of that number, and makes as many more.
        init(from number: UInt32, making count: Int) throws {
            try change(.standby)
            try change(.active, base: .other(number))
            for _ in 0..<count {
                let head = try #require(state.head?.block)
                try add(.block, try .block(on: head.id, slot: head.slot.slot + 1))
            }
        }

        func change(_ activity: RegionActivity, base: [UInt8]? = nil) throws {
            let epoch = state.region.epoch
            try apply(.init(expects: epoch, epoch: epoch + 1, activity: activity, isPaused: false, base: base))
        }

        func isOvertaken(base: BlockID?) throws {
            let epoch = state.region.epoch
            let by = RegionReport(
                name: "west", epoch: 90, activity: .active, activatedEpoch: 90, isCurrent: true, base: base)
            try apply(
                .init(
                    expects: epoch, epoch: epoch + 1, activity: .standby, isPaused: false, superseder: by,
                    lostFrom: state.region.lostFrom(after: by)))
        }

        private func apply(_ change: RegionChange) throws {
            ids.follow(change)
            try add(.region, change.encoded())
        }

        private func add(_ kind: EntryKind, _ payload: [UInt8]) throws {
            let entry = Entry(index: state.index + 1, term: 1, kind: kind, payload: payload)
            try #require(state.apply(entry) == .accepted)
            guard let head = state.head, head.index == entry.index else { return }
            ids.insert(head.block.id)
            made[head.block.number] = head.block.id
        }

        func own(_ number: UInt32) throws -> BlockID { try #require(made[number]) }

        func height(_ id: BlockID, ofAllProducers: Bool = true) -> P2PHeight {
            ids.height(of: id, in: state, ofAllProducers: ofAllProducers)
        }
    }

    private func other(_ number: UInt32) throws -> BlockID { try SignedBlock(parsing: .other(number)).id }

    @Test func aRegionThatIsRightTellsWhatItsLogHas() throws {
        let log = try Log(from: 100, making: 10)
        for number in UInt32(100)...110 {
            #expect(log.height(try log.own(number)) == .committed(try log.own(number)))
            #expect(log.height(try other(number == 100 ? 99 : number)) != .aboveTheHead)
        }
        #expect(log.height(try other(111)) == .aboveTheHead)
        #expect(log.height(try other(99)) == .belowTheLog)
    }

    /// - Parameter base: what the other one says that it went on from: a block that both have, another block than this region's,
    ///   one that is far above since it has moved, and none.
    @Test(
        arguments: [
            (105, true, 106), (100, true, 101), (105, false, 101), (195, false, 101), (nil, false, 101),
            (95, false, 95),
        ]
            as [(UInt32?, Bool, UInt32)])
    func whatAnotherRegionMayHaveGoneOnWithoutIsNotTheChains(base: UInt32?, isShared: Bool, first: UInt32) throws {
        let log = try Log(from: 100, making: 10)
        let id = try base.map { isShared ? try log.own($0) : try other($0) }
        try log.isOvertaken(base: id)
        for number in UInt32(100)...110 {
            let own = try log.own(number)
            #expect(log.height(own) == (number < first ? .belowTheLog : .leftBehind), "height \(number)")
            // The chain's blocks are none of that.
            if number > 100 { #expect(log.height(try other(number)) == .belowTheLog) }
            // Of several producers the chain may have taken up what this region made.
            #expect(log.height(own, ofAllProducers: false) == .belowTheLog)
        }
        // Where it is not in the log any more nobody can tell.
        log.ids.removeAll()
        let isAtBase = base.map { $0 >= 100 && isShared } ?? false
        #expect(log.height(try log.own(108)) == .perhapsLeftBehind)
        if isAtBase, let id { #expect(log.height(id) == .belowTheLog) }
    }

    @Test(arguments: [RegionActivity.active, .standby]) func aBlockThatIsGivenIsTheChains(activity: RegionActivity)
        throws
    {
        let log = try Log(from: 100, making: 10)
        try log.isOvertaken(base: try log.own(105))
        try log.change(activity, base: .other(150))
        #expect(log.height(try other(150)) == .committed(try other(150)))
        for number in UInt32(101)...110 {
            #expect(log.height(try log.own(number)) == .belowTheLog, "height \(number)")
            #expect(log.height(try other(number)) == .belowTheLog, "height \(number)")
        }
        // What is not in doubt stays known.
        #expect(log.height(try log.own(100)) == .committed(try log.own(100)))
    }

    /// What is irreversible in a nodeos that cannot take the group's blocks may be what another region went on without.
    @Test func aNodeosOnAnotherBranchHasNothingOfTheChain() throws {
        var status = NodeosStatus(condition: .well)
        #expect(!status.hasMadeIrreversible(1))
        status.irreversible = BlockPosition(try other(110))
        #expect(status.hasMadeIrreversible(110) && !status.hasMadeIrreversible(111))
        status.condition = .diverged(BlockPosition(try other(110)))
        #expect(!status.hasMadeIrreversible(110))
    }
}

extension [UInt8] {
    fileprivate static func block(on previous: BlockID, slot: UInt32) throws -> [UInt8] {
        try BlockBuilder(previous: previous, timestamp: BlockTimestamp(slot: slot), producer: Name(rawValue: 1)).build()
    }

    /// A block of that number which no log of these tests made.
    fileprivate static func other(_ number: UInt32) throws -> [UInt8] {
        try BlockBuilder(
            startingAt: number, timestamp: BlockTimestamp(slot: number), producer: Name(rawValue: 1)
        ).build()
    }
}
