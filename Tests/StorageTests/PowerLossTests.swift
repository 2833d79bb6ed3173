// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft
import SimulatedDisk
import Testing

@testable import Storage

/// A store on a disk that loses power at any point, fills up and fails. Each run is one disk with many lives; a failure
/// names its seed.
@Suite struct PowerLossTests {
    /// Lives of processes on one disk; its content grows with them, and so does the time that each takes.
    private static let livesOnADisk = 12

    @Test func whatIsAcknowledgedSurvivesEveryCut() {
        var counts = PowerLossRun.Counts()
        for seed in 1...UInt64(40 * rounds) {
            var run = PowerLossRun(seed: seed)
            do {
                try run.run(lives: Self.livesOnADisk)
            } catch {
                Issue.record("seed \(seed), life \(run.counts.crashes + 1): \(error)")
            }
            counts += run.counts
        }
        // All of what this is about did happen.
        #expect(counts.crashes >= 450 * rounds)
        #expect(counts.cutOpenings > 10)
        #expect(counts.checkpoints > 100)
        #expect(counts.fullDisks > 10)
        #expect(counts.failedSyncs > 5)
        #expect(counts.kept > 3 * rounds)
        #expect(counts.undone > 10)
        if rounds > 1 { print("power loss: \(counts)") }
    }

    /// The first start makes files and deletes one, in an order that matters. Every way to cut it off, and what is then
    /// acknowledged must survive every way to cut off what follows.
    @Test(arguments: SimulatedDisk.Survival.allCases, SimulatedDisk.Survival.allCases)
    func aStoreSurvivesCutsWhileItIsMade(first: SimulatedDisk.Survival, second: SimulatedDisk.Survival) throws {
        var model = Model()
        let write = Store.Write.persist(Persist(state(term: 1), entries(1...3)))
        model.apply(write)
        for seed in 1...UInt64(rounds) {
            for operations in 0... {
                let disk = SimulatedDisk(seed: seed)
                disk.cutPower(afterOperations: operations)
                var store = try? disk.open()
                try? store?.write([write])
                let isDone = disk.hasPower
                disk.crash(first) { store = nil }
                let found = try disk.open()
                store = found
                try #require([Model(), model].contains(try Model(found)), "seed \(seed), operation \(operations)")
                try found.write([.persist(Persist(state(term: 1), entries(1...3)))])
                disk.crash(second) {
                    withExtendedLifetime(found) {}
                    store = nil
                }
                try #require(try Model(try disk.open()) == model, "seed \(seed), operation \(operations)")
                if isDone { break }
            }
        }
    }

    /// The test finds what it is there to find: without syncs data is lost.
    @Test(arguments: [PowerLossRun.Durability.synchronousOff, .lyingDisk], 1...5 as ClosedRange<UInt64>)
    func withoutSyncsALossIsFound(durability: PowerLossRun.Durability, seed: UInt64) {
        #expect(throws: PowerLossRun.Loss.self) {
            for disk in 0..<10 as Range<UInt64> {
                var run = PowerLossRun(seed: seed << 32 + disk, durability)
                try run.run(lives: Self.livesOnADisk)
            }
        }
    }
}
