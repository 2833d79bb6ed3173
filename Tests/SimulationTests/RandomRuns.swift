// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Simulation
import Testing

/// PRODHA_SEEDS and PRODHA_FIRST_SEED say how many seeds are run, and which; PRODHA_TRACE=1 prints a run as it goes.
@Suite(.serialized) struct RandomRuns {
    /// All promises, in bad times and after them. A run in which too little happened proves nothing, and fails.
    @Test func allPromisesHold() {
        let runner = Runner.fromEnvironment()
        let (report, violation) = runner.run()
        print(report)
        if let violation {
            Issue.record("\(violation)")
            return
        }
        if runner.seeds >= 100 { #expect(report.shortfalls() == []) }
    }

    /// The lease rests on the bound of the clocks' rates, and on nothing else. Where they break it, the checker sees two.
    @Test func clocksBeyondTheBoundGiveTwoLeases() {
        var runner = Runner(firstSeed: 1, seeds: 60)
        runner.change = {
            $0.maxClockDrift = 0.002
            $0.clockSpread = 0.5
        }
        let (_, violation) = runner.run()
        #expect(violation?.checker == "one lease")
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func oneSeedIsOneRun(seed: UInt64) {
        let hashes = (0..<2).map { _ in
            var plan = Plan(seed: seed)
            plan.duration = .seconds(20)
            let world = World(plan)
            #expect(world.run() == nil)
            return world.traceHash
        }
        #expect(hashes[0] == hashes[1])
    }
}
