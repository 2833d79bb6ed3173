// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Testing

@Suite struct GroupStateTests {
    private final class Group {
        var state = GroupState()

        func apply(_ kind: EntryKind, _ payload: [UInt8] = []) -> Applied {
            state.apply(Entry(index: state.index + 1, term: 3, kind: kind, payload: payload))
        }

        func found(_ producers: ChainProducers = .sole) throws {
            let id = try #require(GroupID(bytes: Array(1...16)))
            #expect(apply(.settings, GroupSettings(groupID: id, producers: producers).encoded()) == .accepted)
        }

        func change(
            expects: UInt64, epoch: UInt64, _ activity: RegionActivity = .active, isPaused: Bool = false,
            base: [UInt8]? = nil
        ) -> Applied {
            apply(
                .region,
                RegionChange(expects: expects, epoch: epoch, activity: activity, isPaused: isPaused, base: base)
                    .encoded())
        }
    }

    @Test func soleProducersBlocksFollowEachOther() throws {
        let group = Group()
        try group.found()
        let first = try Chain.block(on: nil, slot: 10)
        #expect(group.apply(.block, first) == .accepted)
        let head = try #require(group.state.head)
        #expect(head.block.number == 100)
        #expect(head.bytes == first)
        #expect(head.index == 2)
        let second = try Chain.block(on: head.block, slot: 11)
        #expect(group.apply(.block, second) == .accepted)
        #expect(group.apply(.block, second) == .refused(.stale))
        #expect(group.apply(.block, first) == .refused(.stale))
        #expect(group.apply(.block, try Chain.block(on: head.block, slot: 12)) == .refused(.conflictsWithHead))
        let third = try Chain.ref(try Chain.block(on: try Chain.ref(second), slot: 12))
        #expect(group.apply(.block, try Chain.block(on: third, slot: 13)) == .refused(.unlinkable))
        #expect(group.apply(.block, Array(first.prefix(50))) == .refused(.malformed))
        #expect(group.state.head?.block == (try Chain.ref(second)))
        #expect(group.state.refused == [4, 5, 6, 7, 8])
    }

    @Test func aRegionGoesOnFromTheLastBlockOfTheOneThatWasActiveSince() throws {
        let group = Group()
        try group.found()
        #expect(group.change(expects: 0, epoch: 3) == .accepted)
        let own = try Chain.block(on: nil, slot: 10)
        #expect(group.apply(.block, own) == .accepted)
        let next = try Chain.ref(try Chain.block(on: try Chain.ref(own), slot: 11))
        let above = try Chain.ref(try Chain.block(on: next, slot: 12))
        func goesOn(from head: BlockRef, activated epoch: UInt64) -> RegionWatch.Continuation {
            var watch = RegionWatch(others: ["west"])
            let report = RegionReport(
                name: "west", epoch: 9, activity: .standby, activatedEpoch: epoch, isCurrent: true, head: head.id)
            watch.hear(report, from: PeerID(4), at: Instant(nanoseconds: 1))
            return watch.continuation(of: group.state)
        }
        #expect(RegionWatch(others: ["west"]).continuation(of: group.state) == .ownHead)
        #expect(goesOn(from: above, activated: 4) == .block(above.id))
        #expect(goesOn(from: try Chain.ref(own), activated: 4) == .ownHead, "it has not come further")
        #expect(goesOn(from: above, activated: 2) == .ownHead, "this region went on without it")
        let fork = try Chain.ref(try Chain.block(on: nil, slot: 99))
        #expect(goesOn(from: fork, activated: 4) == .overtaken(by: "west", at: fork.id))
    }

    @Test func aRegionBecomesActiveWithAnEpochAboveAllThatAreKnown() throws {
        let group = Group()
        try group.found()
        #expect(group.change(expects: 0, epoch: 3, .standby) == .accepted)
        func epoch(heard: UInt64) -> UInt64 {
            var watch = RegionWatch(others: ["west"])
            let report = RegionReport(
                name: "west", epoch: heard, activity: .standby, activatedEpoch: 1, isCurrent: true)
            watch.hear(report, from: PeerID(4), at: Instant(nanoseconds: 1))
            return watch.epochOfActivation(group.state.region)
        }
        #expect(RegionWatch().epochOfActivation(group.state.region) == 4)
        #expect(epoch(heard: 2) == 4)
        #expect(epoch(heard: 1_000_001) == 1_000_002)
        // What no region ever has is not believed: no epoch would be left above it.
        #expect(epoch(heard: RegionState.largestEpoch + 1) == 4 && epoch(heard: .max) == 4)
        #expect(
            group.change(expects: 3, epoch: RegionState.largestEpoch + 1, .active) == .refused(.malformed))
    }

    @Test func severalProducersBlocksRise() throws {
        let group = Group()
        try group.found(.several)
        let first = try Chain.ref(try Chain.block(on: nil, slot: 10))
        #expect(group.apply(.block, try Chain.block(on: nil, slot: 10)) == .accepted)
        let foreign = try Chain.ref(try Chain.block(on: first, slot: 11))
        #expect(group.apply(.block, try Chain.block(on: foreign, slot: 12)) == .accepted)
        #expect(group.state.head?.block.number == 102)
        let top = try #require(group.state.head?.block)
        #expect(group.apply(.block, try Chain.block(on: top, slot: 12)) == .refused(.unlinkable))
        #expect(group.apply(.block, try Chain.block(on: foreign, slot: 20)) == .refused(.conflictsWithHead))
    }

    @Test func aRegionChangesByCompareAndSet() throws {
        let group = Group()
        #expect(group.change(expects: 0, epoch: 1) == .accepted)
        #expect(group.change(expects: 0, epoch: 2, .standby) == .refused(.epochChanged(1)))
        #expect(group.change(expects: 1, epoch: 1, .standby) == .refused(.epochChanged(1)))
        #expect(group.change(expects: 1, epoch: 2) == .refused(.changesNothing))
        #expect(group.state.region.epoch == 1)
        #expect(group.change(expects: 1, epoch: 1_000_000, .standby) == .accepted)
        #expect(group.state.region.epoch == 1_000_000)
        #expect(group.state.region.activity == .standby)
        #expect(group.change(expects: 1_000_000, epoch: 1_000_001, .activating) == .accepted)
        #expect(group.change(expects: 1_000_001, epoch: 1_000_002, .active, isPaused: true) == .accepted)
        #expect(group.state.region.isPaused)
        #expect(group.apply(.region, [1, 2, 3]) == .refused(.malformed))
    }

    @Test func aBaseBecomesTheHead() throws {
        let group = Group()
        try group.found()
        let base = try Chain.block(on: nil, slot: 10)
        #expect(group.change(expects: 0, epoch: 1, base: base) == .accepted)
        #expect(group.state.head?.bytes == base)
        #expect(group.state.region.base?.blockNumber == 100)
        #expect(group.change(expects: 1, epoch: 2, base: base) == .refused(.changesNothing))
        #expect(group.change(expects: 1, epoch: 2, base: [1, 2, 3]) == .refused(.malformed))
        #expect(group.state.region.epoch == 1)
        #expect(group.apply(.block, try Chain.block(on: try Chain.ref(base), slot: 11)) == .accepted)
    }

    @Test func otherKinds() throws {
        let group = Group()
        #expect(group.apply(.noop) == .accepted)
        try group.found()
        let id = try #require(GroupID(bytes: Array(2...17)))
        #expect(
            group.apply(.settings, GroupSettings(groupID: id, producers: .sole).encoded()) == .refused(.alreadySet))
        #expect(group.apply(.settings, [1]) == .refused(.malformed))
        #expect(group.apply(.operation, [1]) == .refused(.malformed))
        #expect(group.apply(EntryKind(rawValue: 200), [1]) == .refused(.unknownKind))
        #expect(group.state.groupID == GroupID(bytes: Array(1...16)))
    }

    @Test func theRefusedOnesAreBounded() {
        let group = Group()
        for _ in 0..<200 { #expect(group.apply(.block, []) == .refused(.malformed)) }
        #expect(group.state.refused == Array(137...200))
    }

    private func states() throws -> [GroupState] {
        let group = Group()
        var states = [group.state]
        try group.found()
        states.append(group.state)
        _ = group.change(expects: 0, epoch: 1, base: try Chain.block(on: nil, slot: 10))
        _ = group.apply(.block, [])
        states.append(group.state)
        let head = try #require(group.state.head)
        _ = group.apply(.block, try Chain.block(on: head.block, slot: 11))
        _ = group.change(expects: 1, epoch: 1_000_000, .activating, isPaused: true)
        states.append(group.state)
        return states
    }

    @Test func aSnapshotHoldsTheWholeState() throws {
        for state in try states() { #expect(GroupState(state.snapshot()) == state) }
    }

    /// A group that was founded without a nodeos has no chain; its snapshots are as they were before there was one. The
    /// second version knew nothing of operators.
    @Test func snapshotsOfEarlierVersionsAreRead() throws {
        for state in try states() where state.history.items.isEmpty {
            #expect(GroupState(asVersion(2, state)) == state)
            if state.chainID == nil { #expect(GroupState(asVersion(1, state)) == state) }
        }
    }

    private func asVersion(_ version: UInt8, _ state: GroupState) -> Snapshot {
        var snapshot = state.snapshot()
        if version < 4 {
            // No base, no switch, not superseded, no drill.
            let rest = 8 + 8 + 8 + 8 + 1
            #expect(snapshot.state.suffix(rest).allSatisfy { $0 == 0 })
            snapshot.state.removeLast(rest)
        }
        if version < 3 {
            // No pause, nobody in maintenance, no history.
            #expect(snapshot.state.suffix(17).allSatisfy { $0 == 0 })
            snapshot.state.removeLast(17)
        }
        if version < 2 {
            // Behind version, group and kind of producers stands the length of the chain's id: none.
            let chain = 1 + 8 + (state.groupID == nil ? 0 : 16) + 1
            #expect(snapshot.state[chain..<chain + 8].allSatisfy { $0 == 0 })
            snapshot.state.removeSubrange(chain..<chain + 8)
        }
        snapshot.state[0] = version
        return snapshot
    }

    @Test func theChainIsPartOfTheStateForGood() throws {
        var state = GroupState()
        let group = try #require(GroupID(bytes: [UInt8](repeating: 3, count: 16)))
        let chain = try #require(Checksum256([UInt8](repeating: 9, count: 32)))
        for (index, id) in [chain, nil].enumerated() {
            let settings = GroupSettings(groupID: group, producers: .several, chainID: id)
            #expect(GroupSettings(encoded: settings.encoded()) == settings)
            #expect(GroupSettings(encoded: settings.encoded() + [0]) == nil)
            let entry = Entry(index: LogIndex(index + 1), term: 1, kind: .settings, payload: settings.encoded())
            #expect(state.apply(entry) == (index == 0 ? .accepted : .refused(.alreadySet)))
        }
        #expect(state.chainID == chain)
        #expect(GroupState(state.snapshot()) == state)
    }

    /// Whatever the bytes are, they are read or refused; never more.
    @Test func damagedSnapshotsDoNotTrap() throws {
        var random = SplitMix64(seed: 5)
        for state in try states() {
            let snapshot = state.snapshot()
            for length in snapshot.state.indices {
                let cut = Snapshot(index: 1, term: 1, state: Array(snapshot.state[..<length]))
                #expect(GroupState(cut) == nil)
            }
            for _ in 0..<3000 {
                var damaged = snapshot
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let at = Int.random(in: 0..<damaged.state.count, using: &random)
                    damaged.state[at] = UInt8.random(in: 0...255, using: &random)
                }
                // What is read is the only way to write that state.
                guard let read = GroupState(damaged) else { continue }
                // Earlier versions say less, and what they do not say is made up.
                guard damaged.state[0] == snapshot.state[0] else { continue }
                #expect(asVersion(damaged.state[0], read) == damaged)
            }
        }
    }

    /// Found by fuzzing: anything but 1 was read as "not paused" and as "no head".
    @Test(arguments: [27, 44]) func aFlagOfASnapshotIsZeroOrOne(at offset: Int) {
        var snapshot = GroupState().snapshot()
        #expect(snapshot.state[offset] == 0 && GroupState(snapshot) != nil)
        snapshot.state[offset] = 2
        #expect(GroupState(snapshot) == nil)
    }

    @Test func damagedEntriesDoNotTrap() throws {
        var random = SplitMix64(seed: 6)
        let base = try Chain.block(on: nil, slot: 10)
        let change = RegionChange(expects: 0, epoch: 1, activity: .active, isPaused: false, base: base)
        let payloads: [(EntryKind, [UInt8])] = [(.region, change.encoded()), (.block, base)]
        for (kind, payload) in payloads {
            for _ in 0..<3000 {
                var damaged = payload
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                if Bool.random(using: &random) { damaged.removeLast(Int.random(in: 0...damaged.count, using: &random)) }
                let group = Group()
                _ = group.apply(kind, damaged)
                #expect(group.state.index == 1)
            }
        }
    }

    @Test func blocksFromOutsideAreJudgedByTheHead() throws {
        let group = Group()
        try group.found()
        var blocks = BlockIndex()
        let first = try Chain.block(on: nil, slot: 10)
        let second = try Chain.block(on: try Chain.ref(first), slot: 11)
        for bytes in [first, second] {
            #expect(group.apply(.block, bytes) == .accepted)
            blocks.append(number: try Chain.ref(bytes).number, index: group.state.index)
        }
        let (one, two) = (try Chain.ref(first), try Chain.ref(second))
        let other = try Chain.ref(try Chain.block(on: one, slot: 12))
        func verdict(_ block: BlockRef) -> BlockVerdict {
            group.state.verdict(number: block.number, id: block.id, blocks: blocks)
        }
        #expect(verdict(other) == .notCommitted, "who does not know what the region is takes nothing")
        #expect(group.change(expects: 0, epoch: 1) == .accepted)
        #expect(verdict(two) == .accept)
        #expect(verdict(other) == .conflictsWithHead)
        #expect(verdict(one) == .compareWithEntry(2))
        #expect(verdict(try Chain.ref(try Chain.block(on: two, slot: 13))) == .notCommitted)
        blocks.drop(through: 2)
        #expect(verdict(one) == .accept)
    }
}
