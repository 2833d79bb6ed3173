// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import Gate

@Suite struct NodeosControlTests {
    static let seeds = UInt64(300)

    /// Faults for 40 s, then 20 s in which all must come right.
    @Test func itComesRightWhateverHappensAndNeverPushesOrResumesWrongly() {
        var counts: [String: Int] = [:]
        for seed in 0..<Self.seeds {
            var world = NodeosSimulation(seed: seed, faultsUntil: .seconds(40))
            var most = 0
            for _ in 0..<60 {
                world.wakes = 0
                world.callTimes = []
                world.run(for: .seconds(1))
                most = max(most, world.wakes + world.callTimes.count)
            }
            let facts =
                "seed \(seed): \(world.failures) \(world.control.status) may produce \(world.orders.mayProduce), "
                + "group \(world.committed.count), own \(world.chain.count); \(world.trace.suffix(40).joined(separator: "; "))"
            #expect(world.failures.isEmpty, "\(facts)")
            #expect(most < 400, "\(most) calls and wakes in a second; \(facts)")
            let lag = world.committed.count - world.chain.count
            #expect((-1...1).contains(lag), "\(facts)")
            let isWell = world.control.isWell(at: world.now)
            #expect(isWell, "\(facts)")
            #expect(world.isPaused != world.orders.mayProduce, "\(facts)")
            if !world.failures.isEmpty || !isWell { break }
            counts.merge(world.counts, uniquingKeysWith: +)
        }
        // What does not happen tests nothing.
        for (kind, least) in ["made": 1000, "switched": 50, "propose": 50, "push": 10000, "resume": 300, "pause": 300] {
            #expect(counts[kind, default: 0] > least, "\(kind): \(counts)")
        }
        print(counts.sorted { $0.key < $1.key })
    }
}
