// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import ProducerHA
import Raft
import SimulatedDisk
import Testing

@testable import Storage

/// How often the tests with chance run, times what they do at least: `PRODHA_ROUNDS`, 1 unless told.
let rounds = max(1, ProcessInfo.processInfo.environment["PRODHA_ROUNDS"].flatMap(Int.init) ?? 1)

extension SimulatedDisk {
    static let database = "prodha.db"
    static let log = "prodha.db-wal"

    func open(_ shape: GroupShape = .three) throws -> Store {
        try Store(path: Self.database, vfs: vfs, shape: shape)
    }
}

/// One disk and the processes that live on it one after the other, each until the power is cut, it is killed, or it ends.
/// What each finds must be what was acknowledged, or that with the batch that was under way.
struct PowerLossRun {
    enum Durability {
        case honest
        /// `PRAGMA synchronous=OFF`: no sync is asked for.
        case synchronousOff
        /// Syncs are asked for and do nothing.
        case lyingDisk
    }

    struct Loss: Error, CustomStringConvertible {
        var description: String
    }

    /// What came to pass, so that a test can tell that it tried what it is about.
    struct Counts {
        var crashes = 0
        var cutOpenings = 0
        var batches = 0
        var checkpoints = 0
        var fullDisks = 0
        var failedSyncs = 0
        /// A crash during a batch, after which the batch was there, or not.
        var kept = 0
        var undone = 0

        static func += (a: inout Counts, b: Counts) {
            a.crashes += b.crashes
            a.cutOpenings += b.cutOpenings
            a.batches += b.batches
            a.checkpoints += b.checkpoints
            a.fullDisks += b.fullDisks
            a.failedSyncs += b.failedSyncs
            a.kept += b.kept
            a.undone += b.undone
        }
    }

    private let durability: Durability
    private let disk: SimulatedDisk
    private var random: SeededGenerator
    /// What the next process may find: what is acknowledged, and the batch under way on top if there was one.
    private var permitted = [Model()]
    private(set) var counts = Counts()

    init(seed: UInt64, _ durability: Durability = .honest) {
        self.durability = durability
        disk = SimulatedDisk(seed: seed)
        disk.setLying(durability == .lyingDisk)
        random = SeededGenerator(seed: seed)
    }

    /// - Throws: `Loss` at the first process that finds something else, or cannot open what there is.
    mutating func run(lives: Int) throws {
        for _ in 0..<lives {
            try live()
            disk.setRoom(nil)
        }
    }

    private mutating func live() throws {
        let isCutWhileOpening = chance(4)
        if isCutWhileOpening { disk.cutPower(afterOperations: .random(in: 0...16, using: &random)) }
        var store: Store?
        var ended = End.wellOrNotBegun
        do {
            let opened = try disk.open()
            store = opened
            if durability == .synchronousOff { try opened.database.execute("PRAGMA synchronous=OFF") }
            let found = try Model(opened)
            guard let which = permitted.firstIndex(of: found) else { throw Loss(description: lost(found)) }
            if permitted.count > 1 { counts.kept += which }
            if permitted.count > 1 { counts.undone += 1 - which }
            permitted = [found]
            if !isCutWhileOpening {
                disk.cutPower(afterOperations: .random(in: 0...(chance(2) ? 60 : 600), using: &random))
            }
            ended = try work(opened, found)
        } catch let error as StoreError {
            guard !disk.hasPower else { throw Loss(description: "it cannot be opened: \(error)") }
            counts.cutOpenings += 1
        }
        if ended == .byError || chance(8) {
            // Closing copies the log into the database, which may be cut off. After an error nothing may be tried again.
            let before = disk.counters
            store = nil
            if ended == .byError, disk.counters != before { throw Loss(description: "it wrote while it was closed") }
        }
        counts.crashes += 1
        disk.crash(SimulatedDisk.Survival.allCases.randomElement(using: &random) ?? .nothing) {
            withExtendedLifetime(store) {}
            store = nil
        }
    }

    private enum End {
        case wellOrNotBegun, byError
    }

    /// Writes until something fails or enough is done.
    private mutating func work(_ store: Store, _ found: Model) throws -> End {
        var model = found
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            if chance(20) { disk.setRoom(.random(in: 0...80_000, using: &random)) }
            if chance(5) { disk.setRoom(nil) }
            if chance(60) { disk.failSync(.random(in: 1...2, using: &random)) }
            var next = model
            let isCheckpoint = chance(10)
            do {
                if isCheckpoint {
                    if chance(2) { try store.tidy() } else { try store.database.checkpoint() }
                    counts.checkpoints += 1
                    continue
                }
                let writes = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    let write = next.randomWrite(&random)
                    next.apply(write)
                    return write
                }
                try store.write(writes)
                counts.batches += 1
                model = next
                permitted = [model]
            } catch StoreError.full {
                counts.fullDisks += 1
            } catch {
                if !isCheckpoint && next != model { permitted = [model, next] }
                if disk.hasPower { counts.failedSyncs += 1 }
                try expectRefusal(store)
                return .byError
            }
        }
        return .wellOrNotBegun
    }

    /// After an error nothing is known of the disk: the store must not go on as if nothing had been.
    private func expectRefusal(_ store: Store) throws {
        let before = disk.counters
        for _ in 0..<2 {
            #expect(throws: StoreError.self) { try store.write([.flag(FlagRecord(lastRead: true))]) }
            #expect(throws: StoreError.self) { try store.database.checkpoint() }
        }
        guard disk.counters == before else { throw Loss(description: "it went on writing after an error") }
    }

    private mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

    private func lost(_ found: Model) -> String {
        func words(_ model: Model) -> String {
            "term \(model.state.term), promise \(model.state.promise.inNanoseconds), entries from above \(model.base) "
                + "to \(model.lastIndex) with \(model.log.reduce(0) { $0 + $1.payload.count }) bytes"
        }
        return "found \(words(found)) in place of \(permitted.map(words).joined(separator: ", or "))"
    }
}
