// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import SimulatedDisk
import Testing

@testable import Storage

/// What a peer rebuilds when it starts is what it had when it ended.
@Suite struct RecoveryTests {
    /// A log, and what a replica makes of it by applying one entry after the other.
    private struct History {
        var log: [Entry] = []
        var state = GroupState()
        var blocks = BlockIndex()
        private var slot: UInt32 = 1

        /// Blocks that fit or not, changes of the region with and without a block to go on from, and others.
        mutating func add(_ random: inout SeededGenerator) throws {
            slot += 1
            let (kind, payload): (EntryKind, [UInt8]) =
                // A region that has stopped makes no block.
                switch state.region.activity == .active || state.region.epoch == 0
                    ? Int.random(in: 0..<13, using: &random) : .random(in: 2...7, using: &random)
                {
                case 0: (.noop, [])
                case 1: (.block, try block(startingAt: .random(in: 1...200, using: &random)))
                case 2: (.region, try change(base: block(startingAt: .random(in: 50...150, using: &random)), &random))
                case 3: (.region, try change(base: state.head?.bytes, &random))
                case 4: (.region, try change(base: nil, &random))
                case 7: (.region, try change(base: sibling(), &random))
                case 5 where state.region.activity != .active, 6 where state.region.activity != .active:
                    (.operation, try leftBehind(&random).encoded())
                case 5: (.block, random.bytes(0...40))
                default: (.block, try nextBlock())
                }
            let entry = Entry(index: state.index + 1, term: 1 + state.index / 20, kind: kind, payload: payload)
            log.append(entry)
            if state.apply(entry) == .accepted { blocks.applied(entry, leaving: state.head) }
        }

        private func block(startingAt number: UInt32) throws -> [UInt8] {
            try BlockBuilder(startingAt: number, timestamp: BlockTimestamp(slot: slot), producer: Name(rawValue: 1))
                .build()
        }

        /// In the head's place.
        private func sibling() throws -> [UInt8] {
            guard let head = state.head?.block else { return try block(startingAt: 100) }
            return try BlockBuilder(
                previous: head.previous, timestamp: BlockTimestamp(slot: slot), producer: Name(rawValue: 1)
            ).build()
        }

        private func nextBlock() throws -> [UInt8] {
            guard let head = state.head?.block else { return try block(startingAt: 100) }
            return try BlockBuilder(
                previous: head.id, timestamp: BlockTimestamp(slot: slot), producer: Name(rawValue: 1)
            ).build()
        }

        /// Some are refused, as the region has stopped without blocks of its own, or knows it.
        private func leftBehind(_ random: inout SeededGenerator) throws -> Record {
            let lowest = try BlockHeader(parsingPrefixOf: block(startingAt: .random(in: 50...200, using: &random)))
            let report = superseder(lowest.id, activated: state.region.epoch + .random(in: 0...2, using: &random))
            return .leftBehind(by: report, lostFrom: lowest.number, at: 1)
        }

        private func superseder(_ fork: BlockID, activated epoch: UInt64) -> RegionReport {
            RegionReport(
                name: "west", epoch: epoch, activity: .active, activatedEpoch: epoch, isCurrent: true, inherited: fork)
        }

        /// One in three is refused, since it expects another epoch.
        private func change(base: [UInt8]?, _ random: inout SeededGenerator) throws -> [UInt8] {
            let epoch = state.region.epoch + (Int.random(in: 0..<3, using: &random) == 0 ? 1 : 0)
            if base == nil, Bool.random(using: &random) {
                let lowest = try BlockHeader(
                    parsingPrefixOf: block(startingAt: .random(in: 50...200, using: &random)))
                return RegionChange(
                    expects: epoch, epoch: epoch + 1, activity: .standby, isPaused: false,
                    superseder: Bool.random(using: &random) ? superseder(lowest.id, activated: epoch + 1) : nil,
                    lostFrom: lowest.number
                ).encoded()
            }
            return RegionChange(
                expects: epoch, epoch: epoch + 1, activity: .active, isPaused: Bool.random(using: &random), base: base
            ).encoded()
        }
    }

    @Test(arguments: 1...UInt64(40 * rounds))
    func stateAndBlocksAreRebuilt(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var history = History()
        var snapshot: Snapshot?
        let committed = Int.random(in: 1...120, using: &random)
        let snapshotIndex = Int.random(in: 0...committed, using: &random)
        for index in 1...committed {
            try history.add(&random)
            if index == snapshotIndex { snapshot = history.state.snapshot() }
        }
        let (state, log) = (history.state, history.log)
        var blocks = history.blocks
        // What is not committed is there, and counts for nothing.
        for _ in 0..<Int.random(in: 0...5, using: &random) { try history.add(&random) }
        var hardState = HardState()
        (hardState.term, hardState.commit) = (history.log.last?.term ?? 1, LogIndex(committed))
        var writes: [Store.Write] = [
            .persist(Persist(hardState, history.log)), .flag(FlagRecord(lastRead: true)),
        ]
        if let snapshot {
            let drop = Int.random(in: 0...snapshotIndex, using: &random)
            let term = drop > 0 ? log[drop - 1].term : 0
            writes.append(.keep(snapshot, dropThrough: LogIndex(drop), droppedTerm: term))
            blocks.drop(through: LogIndex(drop))
        }
        let disk = SimulatedDisk(seed: seed)
        try disk.open().write(writes)

        let shape = GroupShape.three
        let settings = Settings(id: shape.id, peers: shape.peers, quorum: shape.quorum)
        let group = try #require(GroupID(bytes: [UInt8](1...16)))
        let found = try Recovery(
            from: try disk.open(), settings: settings, options: Replica.Options(newGroupID: group), randomSeed: seed,
            at: Instant(nanoseconds: 1))
        #expect(found.flag == FlagRecord(lastRead: true))
        #expect(found.replica.state == state)
        #expect(found.replica.snapshotIndex == snapshot?.index ?? 0)
        #expect(found.replica.raft.commitIndex == LogIndex(committed))
        #expect(found.replica.raft.lastIndex == LogIndex(history.log.count))
        for number in 0...UInt32(350) {
            let (rebuilt, kept) = (found.replica.blocks.index(ofHeight: number), blocks.index(ofHeight: number))
            #expect(rebuilt == kept, "seed \(seed), height \(number)")
        }
    }

    /// Whose data it has a peer must know at once, whatever was written since.
    @Test(arguments: [false, true]) func aCommitIsRemembered(isWritten: Bool) throws {
        let disk = try Place()
        let group = try #require(GroupID(bytes: [UInt8](1...16)))
        let settings = GroupSettings(groupID: group, producers: .sole)
        let log = [
            Entry(index: 1, term: 1, kind: .noop, payload: []),
            Entry(index: 2, term: 1, kind: .settings, payload: settings.encoded()),
            Entry(index: 3, term: 1, kind: .noop, payload: []),
        ]
        var hardState = HardState()
        (hardState.term, hardState.commit) = (1, 1)
        do {
            let store = try disk.open()
            try store.write([.persist(Persist(hardState, log))])
            if isWritten { try store.write([.commit(2), .commit(1), .flag(FlagRecord())]) }
        }
        let shape = GroupShape.three
        let found = try Recovery(
            from: try disk.open(), settings: Settings(id: shape.id, peers: shape.peers, quorum: shape.quorum),
            options: Replica.Options(newGroupID: group), randomSeed: 1, at: Instant(nanoseconds: 1))
        #expect(found.replica.state.groupID == (isWritten ? group : nil))
        #expect(found.replica.raft.commitIndex == (isWritten ? 2 : 1))
    }
}
