// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import ProducerHA
import Raft
import SimulatedDisk
import Testing

@testable import Storage

@Suite struct StoreTests {
    let place = try! Place()

    private func reopened() throws -> Model { try Model(try place.open()) }

    @Test func whatWasWrittenIsThereAfterReopening() throws {
        let snapshot = Snapshot(index: 3, term: 1, state: [1, 2, 3])
        let flag = FlagRecord(lastRead: false, edit: .init(isActive: true, epoch: .max))
        var expected = Model()
        let writes: [Store.Write] = [
            .persist(Persist(state(term: 1), entries(1...5))), .keep(snapshot, dropThrough: 2, droppedTerm: 1),
            .flag(flag),
            .persist(Persist(state(term: 4, commit: 7), entries(6...7, term: 4, bytes: 0))),
        ]
        for write in writes { expected.apply(write) }
        try place.open().write(writes)
        #expect(try reopened() == expected)
        #expect(expected.log.map(\.index) == [3, 4, 5, 6, 7])
    }

    @Test(
        arguments: [
            (nil, nil), (PeerID(0), nil), (nil, 0), (PeerID(3), 7), (PeerID(.max), UInt64.max),
        ] as [(PeerID?, Term?)])
    func hardStateSurvivesWithAndWithoutAVote(vote: PeerID?, votesFrom: Term?) throws {
        var hardState = HardState()
        hardState.term = .max
        hardState.vote = vote
        hardState.votesFrom = votesFrom
        hardState.promise = .nanoseconds(Int64.max)
        // The opposite first: what is nil now must not keep the value from before.
        var before = HardState()
        before.vote = vote == nil ? PeerID(9) : nil
        before.votesFrom = votesFrom == nil ? 9 : nil
        try place.open().write([.persist(Persist(before))])
        try place.open().write([.persist(Persist(hardState))])
        #expect(try reopened().state == hardState)
    }

    @Test func aNewStoreIsEmpty() throws {
        _ = try place.open()
        #expect(try reopened() == Model())
    }

    @Test(arguments: [1, 2, 50, 99, 100, 101] as [LogIndex])
    func anOverwriteReplacesAllThatFollows(first: LogIndex) throws {
        let old = entries(1...100)
        let new = entries(first...first + 2, term: 2)
        try place.open().write([.persist(Persist(state(term: 1), old))])
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 2), new))])
        #expect(try Model(store).log == old.filter { $0.index < first } + new)
    }

    @Test(arguments: [40, 100, 5000] as [LogIndex])
    func anInstalledSnapshotReplacesTheLog(index: LogIndex) throws {
        let snapshot = Snapshot(index: index, term: 2, state: [UInt8](repeating: 7, count: 10_000))
        let new = entries(index + 1...index + 3, term: 3)
        try place.open().write([.persist(Persist(state(term: 1), entries(1...100)))])
        do {
            let store = try place.open()
            try store.write([.persist(Persist(state(term: 3, commit: index), snapshot: snapshot))])
            #expect(try Model(store).log.isEmpty)
            #expect(try store.entries(from: 1, through: .max).isEmpty)
            try store.write([.persist(Persist(state(term: 3, commit: index), new))])
        }
        let found = try reopened()
        #expect(found.log == new)
        #expect(found.snapshot == snapshot)
        #expect(found.base == index && found.baseTerm == 2)
    }

    @Test func theBaseMovesAtOnceAndEntriesGoInPieces() throws {
        func rows(_ store: Store) throws -> UInt64 {
            var count: UInt64 = 0
            try store.database.query("SELECT COUNT(*) FROM entry") { row in
                count = row.number(0)
                return false
            }
            return count
        }
        let snapshot = Snapshot(index: 1900, term: 1, state: [])
        do {
            let store = try place.open()
            try store.write([.persist(Persist(state(term: 1), entries(1...2000)))])
            try store.write([.keep(snapshot, dropThrough: 1500, droppedTerm: 1)])
            #expect(try Model(store).log == entries(1501...2000))
            #expect(try rows(store) > 1000, "one write dropped all of a long log")
            // What is dropped is gone for readers, whether it still takes room or not.
            #expect(try store.entries(from: 1500, through: 1600).isEmpty)
            #expect(try store.entries(from: 1501, through: 1600) == entries(1501...1600))
        }
        let store = try place.open()
        #expect(try Model(store).base == 1500)
        #expect(try store.entries(from: 1400, through: 1600).isEmpty)
        for _ in 0..<8 { try store.write([.flag(FlagRecord())]) }
        #expect(try rows(store) == 500)
        #expect(try Model(store).log == entries(1501...2000))
    }

    @Test func droppingLargeEntriesIsBoundedByBytes() throws {
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...40, bytes: 1 << 18)))])
        let before = store.database.logPages
        try store.write([.keep(Snapshot(index: 40, term: 1, state: []), dropThrough: 40, droppedTerm: 1)])
        #expect(store.database.logPages - before < 300)
        #expect(try Model(store).log.isEmpty)
    }

    @Test func diskSpaceIsBoundedOverALongRun() throws {
        let store = try place.open()
        try store.database.execute("PRAGMA synchronous=OFF")
        var sizes: [Int] = []
        for batch in 0..<UInt64(1000) {
            let last = (batch + 1) * 100
            try store.write([.persist(Persist(state(term: 1, commit: last), entries(last - 99...last, bytes: 200)))])
            if last % 1000 == 0 {
                let snapshot = Snapshot(index: last, term: 1, state: [1])
                try store.write([.keep(snapshot, dropThrough: last - 1000, droppedTerm: 1)])
            }
            sizes.append(Place.size(place.database) + Place.size(place.log))
        }
        #expect(try Model(store).log.count == 1000)
        // 2000 entries of 250 bytes, and the write-ahead log of 1000 pages with one batch on top.
        #expect(sizes.max() ?? 0 < 6_000_000)
        #expect(sizes[999] <= sizes[500] + 100_000)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func theStoreAgreesWithAPlainModel(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var model = Model()
        var store: Store? = try place.open()
        for step in 0..<200 {
            var writes: [Store.Write] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                writes.append(model.randomWrite(&random))
                model.apply(writes[writes.count - 1])
            }
            try store?.write(writes)
            if Int.random(in: 0..<10, using: &random) == 0 { try store?.tidy() }
            if Int.random(in: 0..<10, using: &random) == 0 {
                store = nil
                store = try place.open()
                try store?.database.execute("PRAGMA synchronous=OFF")
            }
            guard let store, step % 5 == 0 else { continue }
            let found = try Model(store)
            try #require(found == model, "seed \(seed), step \(step)")
            let (first, last) = (LogIndex.random(in: 1...model.lastIndex + 1, using: &random), model.lastIndex)
            let expected = first > model.base ? model.log.filter { $0.index >= first } : []
            try #require(try store.entries(from: first, through: last) == expected, "seed \(seed), step \(step)")
        }
    }

    /// What the disk is asked for by one commit, or by as many as came at the same time: one sync, and as few pages as that
    /// takes. The log's file is written again and again in the same place, so that it does not grow.
    @Test(arguments: [1, 64]) func aWriteIsOneSyncAndFewPages(entriesOfOne count: Int) throws {
        let disk = SimulatedDisk(seed: 1)
        let shape = GroupShape(id: PeerID(1), peers: [PeerID(1), PeerID(2), PeerID(3)], quorum: 2)
        let store = try Store(path: SimulatedDisk.database, vfs: disk.vfs, shape: shape)
        let payload = [UInt8](repeating: 7, count: 256)
        var next: LogIndex = 1
        func write() throws {
            let writes = (0..<count).map { number in
                let index = next + LogIndex(number)
                var state = HardState()
                (state.term, state.commit, state.writes) = (1, index - 1, index)
                return Store.Write.persist(
                    Persist(state, [Entry(index: index, term: 1, kind: .block, payload: payload)]))
            }
            try store.write(writes)
            next += LogIndex(count)
        }
        // The first one begins a term.
        try write()
        var (most, checkpoints) = (0, 0)
        for _ in 0..<500 {
            let before = disk.counters
            try write()
            let after = disk.counters
            let syncs = after.syncs - before.syncs
            if syncs == 1 {
                most = max(most, after.bytesWritten - before.bytesWritten)
            } else {
                // The log, the database, and the log's new beginning.
                #expect((3...4).contains(syncs))
                checkpoints += 1
            }
        }
        // Pages of entries, those above them, and a header for each.
        let pages = (count * 512 + 4095) / 4096 + 4
        #expect(most <= pages * (4096 + 24), "\(most) bytes")
        #expect(checkpoints <= 500 * pages / 1000 + 1, "\(checkpoints) checkpoints")
    }

    /// A write that only adds entries leaves the peer's own row as it is; what it would say stands in the last entry, until that
    /// is cut off.
    @Test func aPeersRowIsWrittenWhenTheLastEntryDoesNotSayIt() throws {
        func row(_ store: Store) throws -> [UInt64] {
            var values: [UInt64] = []
            try store.database.query("SELECT term, commit_index, writes FROM peer") { row in
                values = [row.number(0), row.number(1), row.number(2)]
                return false
            }
            return values
        }
        func written(_ writes: UInt64, commit: LogIndex, term: Term = 5) -> HardState {
            var state = state(term: term, commit: commit)
            state.writes = writes
            return state
        }
        func check(_ expected: HardState, _ inRow: [UInt64]) throws {
            let store = try place.open()
            #expect(try store.contents().hardState == expected && store.ownState == expected)
            #expect(try row(store) == inRow)
        }
        try place.open().write([.persist(Persist(written(1, commit: 0), entries(1...3, term: 5)))])
        try check(written(1, commit: 0), [5, 0, 1])
        // Entries, in one write and in two.
        try place.open().write([
            .persist(Persist(written(2, commit: 2), entries(4...5, term: 5))),
            .persist(Persist(written(3, commit: 4), entries(6...6, term: 5))),
        ])
        try check(written(3, commit: 4), [5, 0, 1])
        // One without entries behind one with: the last entry does not know of it.
        try place.open().write([
            .persist(Persist(written(4, commit: 5), entries(7...8, term: 5))), .persist(Persist(written(5, commit: 5))),
        ])
        try check(written(5, commit: 5), [5, 5, 5])
        try place.open().write([.persist(Persist(written(6, commit: 6), entries(9...9, term: 5)))])
        // The entries that said more are cut off.
        try place.open().write([.persist(Persist(written(7, commit: 6, term: 6), entries(8...8, term: 6)))])
        try check(written(7, commit: 6, term: 6), [6, 6, 7])
        try place.open().write([.persist(Persist(written(8, commit: 6, term: 6), entries(9...9, term: 6)))])
        try place.open().write([.commit(9)])
        try check(written(8, commit: 9, term: 6), [6, 9, 8])
    }

    @Test func aReadIsBoundedByBytes() throws {
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...10_000, bytes: 1000)))])
        #expect(try store.entries(from: 1, through: 10_000, bytes: 50_000).count == 50)
        #expect(try store.entries(from: 1, through: 10_000, bytes: 50_999).count == 50)
        #expect(try store.entries(from: 9_990, through: 20_000, bytes: 50_000).count == 11)
        #expect(try store.entries(from: 7, through: 10_000, bytes: 0) == entries(7...7, bytes: 1000))
    }

    @Test func readsOutsideTheLogAreEmpty() throws {
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...3)))])
        let ranges: [(LogIndex, LogIndex)] = [(0, 3), (4, 9), (3, 2), (.max, .max), (1 << 63, .max)]
        for (first, last) in ranges { #expect(try store.entries(from: first, through: last).isEmpty) }
        #expect(try store.entries(from: 1, through: .max).count == 3)
    }

    @Test func outlinesHaveHeightSizeAndTheFirstBytes() throws {
        let payload = [UInt8](repeating: 0, count: 14) + [0, 0, 1, 0] + [UInt8](repeating: 9, count: 5000)
        let store = try place.open()
        let block = Entry(index: 1, term: 1, kind: .block, payload: payload)
        try store.write([.persist(Persist(state(term: 1), [block, Entry(index: 2, term: 1, kind: .noop)]))])
        for prefix in [0, 18, 1 << 20] {
            var found: [EntryOutline] = []
            try store.outlines(from: 1, through: 2, prefix: prefix) {
                found.append($0)
                return true
            }
            #expect(found.map(\.height) == [257, nil])
            #expect(found.map(\.size) == [5018, 0])
            #expect(found.map(\.entry.payload) == [Array(payload.prefix(prefix)), []])
        }
    }

    @Test func aFailedWriteChangesNothing() throws {
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...10)))])
        let before = try Model(store)
        // Two entries with one index cannot be.
        let wrong = entries(11...12) + entries(12...12)
        #expect(throws: StoreError.self) {
            try store.write([
                .keep(Snapshot(index: 9, term: 1, state: []), dropThrough: 9, droppedTerm: 1),
                .flag(FlagRecord(lastRead: true)), .persist(Persist(state(term: 2), wrong)),
            ])
        }
        #expect(try Model(store) == before)
        // It is not known what went wrong, so nothing more is written.
        #expect(throws: StoreError.self) { try store.write([.flag(FlagRecord())]) }
    }
}

@Suite struct ShapeTests {
    let place = try! Place()

    private static func shape(_ id: Int, _ peers: [Int], _ quorum: Int) -> GroupShape {
        GroupShape(id: PeerID(id), peers: peers.map { PeerID($0) }, quorum: quorum)
    }

    @Test(arguments: [shape(2, [1, 2, 3], 2), shape(1, [1, 2, 3], 3), shape(1, [1, 4, 5], 2)])
    func anotherShapeIsTakenWhileTheGroupHasNotRun(other: GroupShape) throws {
        _ = try place.open()
        try place.open(other).write([.flag(FlagRecord(lastRead: true))])
        try place.open().write([.persist(Persist(state(term: 1)))])
        #expect(throws: StoreError.self) { try place.open(other) }
    }

    @Test(arguments: [
        (shape(2, [1, 2, 3], 2), "peer id", "1", "2"), (shape(1, [1, 2, 3], 3), "quorum size", "2", "3"),
        (shape(1, [1, 2, 3, 4, 5], 3), "number of peers", "3", "5"),
        (shape(1, [1, 2, 4], 2), "peers", "1, 2, 3", "1, 2, 4"),
    ])
    func theRefusalNamesBothValues(other: GroupShape, what: String, stored: String, configured: String) throws {
        try place.open().write([.persist(Persist(state(term: 1)))])
        let refusal = StoreError.otherGroup(path: place.database, what: what, stored: stored, configured: configured)
        #expect(throws: refusal) { try place.open(other) }
        #expect(refusal.description.contains("\(what) \(stored), the configuration says \(configured)"))
        _ = try place.open()
    }

    @Test func theOrderOfPeersDoesNotMatter() throws {
        try place.open().write([.persist(Persist(state(term: 1)))])
        _ = try place.open(Self.shape(1, [3, 2, 1], 2))
    }

    @Test(arguments: [4, 1000, Int(Int32.max)])
    func aNewerFormatIsRefused(format: Int) throws {
        try place.open().database.execute("PRAGMA user_version = \(format)")
        #expect(throws: StoreError.newerFormat(path: place.database, found: format, known: 3)) { try place.open() }
    }

    @Test(arguments: [-5, 0, 1, 2])
    func aFormatThatIsNotKnownIsDamage(format: Int) throws {
        try place.open().database.execute("PRAGMA user_version = \(format)")
        #expect { try place.open() } throws: { if case StoreError.damaged = $0 { true } else { false } }
    }
}
