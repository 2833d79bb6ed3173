// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Simulation
import Testing

/// Two regions, and operators who switch between them; how many seeds, and which, as for `RandomRuns`.
@Suite(.serialized) struct RegionRuns {
    @Test func allPromisesOfTwoRegionsHold() {
        let runner = Runner.fromEnvironment()
        let (report, violation) = runner.runRegions()
        print(report)
        if let violation {
            Issue.record("\(violation)")
            return
        }
        if runner.seeds >= 100 { #expect(report.shortfalls() == []) }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func oneSeedIsOneRun(seed: UInt64) {
        let hashes = (0..<2).map { _ in
            var plan = RegionsPlan(seed: seed)
            plan.duration = .seconds(20)
            let regions = TwoRegions(plan)
            #expect(regions.run() == nil)
            return regions.traceHash
        }
        #expect(hashes[0] == hashes[1])
    }
}
