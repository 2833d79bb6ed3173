// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft
import SimulatedDisk
import Testing

@testable import Storage

/// A store whose files were cut short, at every byte of their last pages: by a copy that was broken off, or a repair of the
/// file system. It opens to what it once was, or says what is wrong.
@Suite struct CutShortTests {
    private static let pages = 3

    /// Lengths to cut a file to: by hand (`PRODHA_ROUNDS` of 5 or more) all within the last pages, else a few of each.
    private static func cuts(of file: [UInt8], pageBytes: Int, seed: UInt64) -> [Int] {
        let all = max(0, file.count - pages * pageBytes)..<file.count
        // The ends of pages, and of a log's frames.
        let edges = all.filter { (file.count - $0) % pageBytes <= 1 || (file.count - $0) % pageBytes == pageBytes - 1 }
        return Set(stride(from: all.lowerBound, to: all.upperBound, by: rounds >= 5 && seed == 1 ? 1 : 513))
            .union(edges).sorted()
    }

    /// A store with some history as the disk holds it, and each state that it had, oldest first.
    private struct History {
        var database: [UInt8] = []
        var log: [UInt8] = []
        var states = [Model()]

        init(seed: UInt64, checkpointAfter checkpoint: Int, of batches: Int) throws {
            let disk = SimulatedDisk(seed: seed)
            var random = SeededGenerator(seed: seed)
            var model = Model()
            let store = try disk.open()
            for number in 1...batches {
                let write = model.randomWrite(&random)
                model.apply(write)
                try store.write([write])
                if model != states.last { states.append(model) }
                if number == checkpoint { try store.database.checkpoint() }
            }
            database = disk[SimulatedDisk.database] ?? []
            log = Self.current(disk[SimulatedDisk.log] ?? [])
            disk.crash(.cache) { withExtendedLifetime(store) {} }
        }

        /// The log without what is left of its earlier uses: the frames with the salt that its header has.
        private static func current(_ log: [UInt8]) -> [UInt8] {
            guard log.count > 32 else { return log }
            var end = 32
            while end + 4120 <= log.count, log[end + 8..<end + 16] == log[16..<24] { end += 4120 }
            return Array(log[..<end])
        }
    }

    private struct Outcomes {
        var latest = 0
        var earlier = 0
        var refused = 0
        /// None of the states, and not refused.
        var wrong: [Int] = []
    }

    private enum Part {
        case database, log
    }

    private func outcomes(_ history: History, cutting part: Part, seed: UInt64) throws -> Outcomes {
        let cuts =
            switch part {
            case .database: Self.cuts(of: history.database, pageBytes: 4096, seed: seed)
            case .log: Self.cuts(of: history.log, pageBytes: 4120, seed: seed)
            }
        var outcomes = Outcomes()
        let disk = SimulatedDisk(seed: seed)
        for cut in cuts {
            disk.put(SimulatedDisk.database, history.database.prefix(part == .database ? cut : .max))
            disk.put(SimulatedDisk.log, history.log.prefix(part == .log ? cut : .max))
            var store: Store?
            do {
                let opened = try disk.open()
                store = opened
                let found = try Model(opened)
                if found == history.states.last {
                    outcomes.latest += 1
                } else if history.states.contains(found) {
                    outcomes.earlier += 1
                } else {
                    outcomes.wrong.append(cut)
                }
            } catch StoreError.damaged(_, let reason) {
                outcomes.refused += 1
                #expect(!reason.isEmpty)
            }
            disk.crash(.cache) {
                withExtendedLifetime(store) {}
                store = nil
            }
        }
        if rounds >= 5 { print("\(part) of seed \(seed) cut short: \(outcomes)") }
        return outcomes
    }

    /// What the log has lost it has lost with all that came after, so it is never an error. That is so for a log that was
    /// copied into the database before, too.
    @Test(arguments: 1...3 as ClosedRange<UInt64>, [0, 20, 40])
    func aLogCutShortOpensToAnEarlierState(seed: UInt64, checkpoint: Int) throws {
        let history = try History(seed: seed, checkpointAfter: checkpoint, of: 40)
        let outcomes = try outcomes(history, cutting: .log, seed: seed)
        #expect(outcomes.wrong == [])
        #expect(outcomes.refused == 0)
        #expect(outcomes.latest == 0)
        #expect(outcomes.earlier > 20)
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func aDatabaseCutShortOpensWhereTheLogHasAllOfIt(seed: UInt64) throws {
        let history = try History(seed: seed, checkpointAfter: 40, of: 40)
        let outcomes = try outcomes(history, cutting: .database, seed: seed)
        #expect(outcomes.wrong == [])
        #expect(outcomes.refused == 0)
        #expect(outcomes.earlier == 0)
        #expect(outcomes.latest > 20)
    }

    /// A page may be cut off in part where there was nothing in it. Nobody may find less than what was there.
    @Test(arguments: 1...3 as ClosedRange<UInt64>, [true, false])
    func aDatabaseCutShortIsRefusedWhereItMatters(seed: UInt64, hasLog: Bool) throws {
        var history = try History(seed: seed, checkpointAfter: hasLog ? 36 : 40, of: 40)
        if !hasLog { history.log = [] }
        let outcomes = try outcomes(history, cutting: .database, seed: seed)
        #expect(outcomes.wrong == [])
        #expect(outcomes.earlier == 0)
        #expect(hasLog || outcomes.refused > 10)
        #expect(outcomes.latest + outcomes.refused > 20)
    }
}
