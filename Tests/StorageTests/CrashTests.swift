// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import ProducerHA
import Raft
import Testing

@testable import Storage

/// A process that is killed while it writes, 18 times `PRODHA_ROUNDS`. What it was told is durable must be there. (That syncs happen at all, a
/// killed process cannot show: the system still writes what it had handed over.)
@Suite struct CrashTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func whatWasAcknowledgedSurvivesKilling(seed: UInt64) async throws {
        let place = try Place()
        var random = SeededGenerator(seed: seed)
        var acknowledged: UInt64 = 0
        for round in 0..<6 * rounds {
            let lifetime = UInt32.random(in: 1_000...120_000, using: &random)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [place = place.path as String, lifetime = lifetime as UInt32] in
                try CrashTests.writeUntilKilled(place, microseconds: lifetime)
            }
            let told = FileManager.default.contents(atPath: place.path + "/acks") ?? Data()
            if told.count == 8 { acknowledged = told.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
            let found = try Model(try place.open())
            try #require(found == Self.model(after: found.state.promise.inNanoseconds), "seed \(seed), round \(round)")
            try #require(found.state.promise.inNanoseconds >= acknowledged, "seed \(seed), round \(round)")
        }
        #expect(acknowledged > 0)
    }

    /// The `number`th write, counted from 1: appends, overwrites and snapshots by turns.
    private static func write(_ number: Int64, after model: Model) -> Store.Write {
        var random = SeededGenerator(seed: UInt64(number))
        // Within the log's bounds, that a model of it is quick to make.
        if number % 50 == 0 {
            let drop = model.base + (model.lastIndex - model.base) / 2
            let term = model.log.first { $0.index == drop }?.term ?? model.baseTerm
            var hardState = model.state
            hardState.promise = .nanoseconds(number)
            hardState.commit = max(hardState.commit, drop)
            return .persist(
                Persist(hardState, snapshot: Snapshot(index: drop, term: term, state: random.bytes(0...100))))
        }
        var hardState = model.state
        hardState.promise = .nanoseconds(number)
        hardState.term = UInt64(number)
        let first = max(model.base + 1, model.lastIndex - min(model.lastIndex, random.next() % 3))
        return .persist(Persist(hardState, entries(first...first + 4, term: UInt64(number), bytes: 700)))
    }

    private static func model(after number: Int64) -> Model {
        var model = Model()
        for number in stride(from: 1, through: number, by: 1) { model.apply(write(number, after: model)) }
        return model
    }

    private static func writeUntilKilled(_ place: String, microseconds: UInt32) throws {
        let store = try Store(directory: try DataDirectory(path: place + "/data"), shape: .three)
        let file = open(place + "/acks", O_RDWR | O_CREAT, 0o600)
        Thread.detachNewThread {
            usleep(microseconds)
            kill(getpid(), SIGKILL)
        }
        var model = try Model(store)
        while true {
            let next = Self.write(model.state.promise.inNanoseconds + 1, after: model)
            try store.write([next])
            model.apply(next)
            var number = UInt64(model.state.promise.inNanoseconds).littleEndian
            pwrite(file, &number, 8, 0)
            if number % 20 == 0 { try store.tidy() }
        }
    }
}

/// Damage to the files: an error that says so, or what was written; never anything else.
@Suite struct DamageTests {
    enum Damage: CaseIterable {
        case flippedBits, garbage, zeros, truncation, swappedPages
    }

    /// A store with some history, and all that was ever in it.
    private static func history(_ place: Place, _ random: inout SeededGenerator) throws -> [Model] {
        var models = [Model()]
        let store = try place.open()
        try store.database.execute("PRAGMA synchronous=OFF")
        for step in 0..<60 {
            var model = models[models.count - 1]
            let write = model.randomWrite(&random)
            model.apply(write)
            try store.write([write])
            models.append(model)
            if step == 30 { try store.database.checkpoint() }
        }
        return models
    }

    private static func harm(_ path: String, _ damage: Damage, _ random: inout SeededGenerator) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let at = Int.random(in: 0..<bytes.count, using: &random)
        let length = min(bytes.count - at, Int.random(in: 1...8192, using: &random))
        switch damage {
        case .flippedBits: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case .garbage: bytes.replaceSubrange(at..<at + length, with: random.bytes(length...length))
        case .zeros: bytes.replaceSubrange(at..<at + length, with: [UInt8](repeating: 0, count: length))
        case .truncation: bytes.removeLast(bytes.count - at)
        case .swappedPages:
            let pages = bytes.count / 4096
            guard pages > 2 else { return }
            let (a, b) = (
                Int.random(in: 1..<pages, using: &random) * 4096, Int.random(in: 1..<pages, using: &random) * 4096
            )
            let kept = Array(bytes[a..<a + 4096])
            bytes.replaceSubrange(a..<a + 4096, with: bytes[b..<b + 4096])
            bytes.replaceSubrange(b..<b + 4096, with: kept)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: Damage.allCases, 1...40 as ClosedRange<UInt64>)
    func aDamagedDatabaseIsNeverSilentlyWrong(damage: Damage, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let place = try Place()
        let models = try Self.history(place, &random)
        // All is in the database by now; the log would hide the damage.
        try FileManager.default.removeItem(atPath: place.log)
        try Self.harm(place.database, damage, &random)
        do {
            let found = try Model(try place.open())
            #expect(found == models.last || found == Model(), "seed \(seed)")
        } catch let error as StoreError {
            #expect(!error.description.isEmpty)
        }
    }

    /// SQLite takes a damaged frame for the end of its log. What is found then may be older than what was there, in parts,
    /// but each part is one that was written, and together they are a possible log.
    @Test(arguments: Damage.allCases, 1...40 as ClosedRange<UInt64>)
    func aDamagedLogGivesOnlyWhatWasWritten(damage: Damage, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let place = try Place()
        let models = try Self.history(place, &random)
        try Self.harm(place.log, damage, &random)
        do {
            let found = try Model(try place.open())
            let known = Set(models.flatMap(\.log))
            #expect(found.log.allSatisfy { known.contains($0) }, "seed \(seed)")
            #expect(models.contains { $0.state == found.state && $0.flag == found.flag }, "seed \(seed)")
            #expect(models.contains { $0.snapshot == found.snapshot }, "seed \(seed)")
            #expect(models.contains { $0.base == found.base && $0.baseTerm == found.baseTerm }, "seed \(seed)")
        } catch let error as StoreError {
            #expect(!error.description.isEmpty)
        }
    }

    @Test(arguments: [0, 1, 99, 4096, 4097, 20_000])
    func aShortenedDatabaseIsRefused(length: Int) throws {
        let place = try Place()
        try place.open().write([.persist(Persist(state(term: 1), entries(1...500, bytes: 1000)))])
        let file = try #require(FileHandle(forUpdatingAtPath: place.database))
        try file.truncate(atOffset: UInt64(length))
        try file.close()
        if length > 1 { try FileManager.default.removeItem(atPath: place.log) }
        #expect { try Model(try place.open()) } throws: { if case StoreError.damaged = $0 { true } else { false } }
    }

    @Test func anotherProgramsDatabaseIsRefused() throws {
        let place = try Place()
        _ = try DataDirectory(path: place.data)
        try Database(path: place.database).execute("CREATE TABLE entry (id INTEGER)")
        #expect { try place.open() } throws: { if case StoreError.damaged = $0 { true } else { false } }
    }

    @Test(arguments: [
        "UPDATE entry SET term = 2 WHERE i = 3", "UPDATE entry SET kind = 3 WHERE i = 2",
        "UPDATE entry SET height = 5 WHERE i = 2", "UPDATE entry SET payload = zeroblob(20) WHERE i = 2",
        "UPDATE entry SET writes = 9 WHERE i = 3", "UPDATE entry SET commit_index = 2 WHERE i = 2",
        "DELETE FROM entry WHERE i = 2", "UPDATE peer SET vote = 2", "UPDATE peer SET votes_from = -1",
        "UPDATE peer SET promise_ns = 0, commit_index = 0", "DELETE FROM peer", "DELETE FROM shape",
        "UPDATE snapshot SET i = 2", "UPDATE snapshot SET state = zeroblob(2)", "DELETE FROM snapshot",
    ])
    func whatIsNotAsItWasWrittenIsNotHandedOut(change: String) throws {
        let place = try Place()
        do {
            let store = try place.open()
            try store.write([
                .persist(Persist(state(term: 2, commit: 3), entries(1...3))),
                .keep(Snapshot(index: 3, term: 1, state: [1, 2]), dropThrough: 1, droppedTerm: 1),
            ])
            try store.database.execute(change)
        }
        #expect { try Model(try place.open()) } throws: { if case StoreError.damaged = $0 { true } else { false } }
    }
}
