// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
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

        func isOvertaken(fork: BlockID?) throws {
            let epoch = state.region.epoch
            let by = RegionReport(
                name: "west", epoch: 90, activity: .active, activatedEpoch: 90, isCurrent: true, inherited: fork)
            try apply(
                .init(
                    expects: epoch, epoch: epoch + 1, activity: .standby, isPaused: false, superseder: by,
                    lostFrom: state.region.lostFrom(after: by)))
        }

        /// As it had stopped.
        func isLeftBehind(fork: BlockID?) throws {
            let by = RegionReport(
                name: "west", epoch: 90, activity: .active, activatedEpoch: 90, isCurrent: true, inherited: fork)
            try change(.standby)
            let record = Record.leftBehind(by: by, lostFrom: state.region.lostFrom(after: by), at: 1)
            try add(.operation, record.encoded())
        }

        private func apply(_ change: RegionChange) throws { try add(.region, change.encoded()) }

        private func add(_ kind: EntryKind, _ payload: [UInt8]) throws {
            let entry = Entry(index: state.index + 1, term: 1, kind: kind, payload: payload)
            try #require(state.apply(entry) == .accepted)
            if let turn = entry.turn { ids.follow(turn) }
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
        try log.isOvertaken(fork: id)
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

    /// A switch of its own that came to nothing moved its base; the other one went on from a block below that.
    @Test(arguments: [true, false]) func blocksOfBeforeASwitchBackAreNotTheChains(isForkKnown: Bool) throws {
        let log = try Log(from: 90, making: 30)
        try log.change(.standby)
        try log.change(.active)
        try log.isOvertaken(fork: isForkKnown ? try log.own(100) : try other(300))
        for number in UInt32(90)...120 {
            let isLost = number > (isForkKnown ? 100 : 90)
            #expect(log.height(try log.own(number)) == (isLost ? .leftBehind : .belowTheLog), "height \(number)")
        }
        try log.change(.active, base: .other(310))
        for number in [101, 120] as [UInt32] { #expect(log.height(try log.own(number)) == .belowTheLog) }
    }

    @Test func otherRegionsAreToldOfTheLastBlocksUntilItGivesWay() throws {
        let log = try Log(from: 100, making: 120)
        for (number, isTold) in [(220, true), (120, true), (119, false)] as [(UInt32, Bool)] {
            #expect(log.state.mayTellOthers(try log.own(number)) == isTold, "height \(number)")
        }
        #expect(!log.state.mayTellOthers(try other(221)))
        #expect(!GroupState().mayTellOthers(try other(1)))
        try log.isOvertaken(fork: try log.own(150))
        for number in [150, 151, 220] as [UInt32] { #expect(!log.state.mayTellOthers(try log.own(number))) }
        try log.change(.active, base: .other(230))
        #expect(log.state.mayTellOthers(try other(230)))
    }

    /// What a region is read to say of where it went on.
    @Test func aRegionIsTakenAtItsLowestWordUnlessThisOneKnowsBetter() throws {
        func heard(base: UInt32?, inherited: UInt32?, here: UInt32? = nil, head: UInt32? = nil) throws -> UInt32? {
            func reference(_ number: UInt32?) throws -> BlockReference? {
                try number.map { BlockReference(try other($0)) }
            }
            let document = RegionReportDocument(
                region: "west", peer: 4, epoch: 9, state: .active, paused: false, activatedEpoch: 9, current: true,
                leaderID: 4, term: 2, base: try reference(base), inherited: try reference(inherited))
            var own = GroupState().region
            own.inherited = try here.map { try other($0) }
            let read = RegionReport(document, heardBy: own, on: try head.map { try other($0) })
            return try #require(read).inherited?.blockNumber
        }
        for here in [nil, 120] as [UInt32?] {
            #expect(try heard(base: nil, inherited: nil, here: here) == nil)
            #expect(try heard(base: 300, inherited: 100, here: here) == 100)
        }
        // It goes on from its own last block, and this region went on from there as well.
        #expect(try heard(base: 120, inherited: 50, here: 120) == 120)
        // It was given this region's last block, below its own.
        #expect(try heard(base: 120, inherited: 50, here: 100, head: 120) == 120)
        #expect(try heard(base: 120, inherited: 50, here: 100, head: 121) == 50)
        // A version that knows of none.
        #expect(try heard(base: 120, inherited: nil) == 120)
    }

    @Test(arguments: [RegionActivity.active, .standby], [(150, true), (111, true), (108, true), (150, false)])
    func aBlockThatIsGivenIsTheChains(activity: RegionActivity, story: (base: UInt32, hadStopped: Bool)) throws {
        let (base, hadStopped) = story
        let log = try Log(from: 100, making: 10)
        let fork = try log.own(105)
        try hadStopped ? log.isLeftBehind(fork: fork) : log.isOvertaken(fork: fork)
        for number in UInt32(105)...110 {
            let own = try log.own(number)
            #expect(log.height(own) == (number > 105 ? .leftBehind : .belowTheLog), "height \(number)")
        }
        try log.change(activity, base: .other(base))
        #expect(log.height(try other(base)) == .committed(try other(base)))
        for number in UInt32(101)..<min(base, 111) {
            #expect(log.height(try log.own(number)) == .belowTheLog, "height \(number)")
            #expect(log.height(try other(number)) == .belowTheLog, "height \(number)")
        }
        // What is not in doubt stays known.
        #expect(log.height(try log.own(100)) == .committed(try log.own(100)))
    }

    /// A block that is given at most one above the head: branches part nobody knows where, unless it follows one of the log's.
    @Test func whatAGivenBlockDoesNotStandOnIsForgotten() throws {
        func isKept(giving base: (Log) throws -> [UInt8]) throws -> [UInt32] {
            let log = try Log(from: 100, making: 10)
            let base = try base(log)
            try log.change(.standby, base: base)
            let given = try SignedBlock(parsing: base).id
            #expect(log.height(given) == .committed(given))
            let below = UInt32(100)..<min(111, given.blockNumber)
            return try below.filter { log.height(try log.own($0)) != .belowTheLog }
        }
        #expect(try isKept { _ in try .other(112) } == Array(100...110))
        #expect(try isKept { _ in try .other(111) } == [])
        #expect(try isKept { _ in try .other(110) } == [])
        #expect(try isKept { _ in try .other(105) } == [])
        // On the head, in its place, in another's place, and one of its own.
        #expect(try isKept { try .block(on: $0.own(110), slot: 400) } == Array(100...110))
        #expect(try isKept { try .block(on: $0.own(109), slot: 400) } == Array(100...109))
        #expect(try isKept { try .block(on: $0.own(104), slot: 400) } == Array(100...104))
        #expect(try isKept { try .block(on: $0.own(104), slot: 105) } == Array(100...104))
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
