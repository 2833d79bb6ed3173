// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Dispatch
import Foundation
import Raft
import Synchronization

/// Many seeds on a few threads.
public struct Runner: Sendable {
    public var firstSeed: UInt64
    public var seeds: Int
    public var threads: Int
    /// Changes a plan before its run.
    public var change: @Sendable (inout Plan) -> Void = { _ in }

    public init(firstSeed: UInt64, seeds: Int, threads: Int = 2) {
        self.firstSeed = firstSeed
        self.seeds = seeds
        self.threads = threads
    }

    /// PRODHA_FIRST_SEED and PRODHA_SEEDS, or what is given here.
    public static func fromEnvironment(firstSeed: UInt64 = 1, seeds: Int = 40) -> Runner {
        let environment = ProcessInfo.processInfo.environment
        return Runner(
            firstSeed: environment["PRODHA_FIRST_SEED"].flatMap(UInt64.init) ?? firstSeed,
            seeds: environment["PRODHA_SEEDS"].flatMap { Int($0) } ?? seeds)
    }

    /// Runs all seeds, or up to the first broken promise, which comes with the trace of a second run of its seed.
    public func run() -> (Report, Violation?) { runEach(Report(), +) { Self.run($0, change) } }

    /// The same of two regions.
    public func runRegions(
        _ change: @escaping @Sendable (inout RegionsPlan) -> Void = { _ in }
    ) -> (RegionsReport, Violation?) {
        runEach(RegionsReport(), +) { Self.runRegions($0, change) }
    }

    private func runEach<Result: Sendable>(
        _ nothing: Result, _ sum: @Sendable (Result, Result) -> Result,
        _ run: @Sendable (UInt64) -> (Result, Violation?)
    ) -> (Result, Violation?) {
        let state = Mutex((next: 0, report: nothing, violation: Violation?.none))
        TrapReport.install()
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            while true {
                let offset = state.withLock { state -> Int? in
                    guard state.violation == nil, state.next < seeds else { return nil }
                    state.next += 1
                    return state.next - 1
                }
                guard let offset else { return }
                let seed = firstSeed + UInt64(offset)
                TrapReport.running(seed, thread)
                let (report, violation) = run(seed)
                TrapReport.running(0, thread)
                state.withLock { state in
                    state.report = sum(state.report, report)
                    if let violation, violation.seed < state.violation?.seed ?? .max { state.violation = violation }
                }
            }
        }
        return state.withLock { ($0.report, $0.violation) }
    }

    /// One seed. PRODHA_TRACE=1 prints the trace as it goes, for a run that the core itself ends with a trap.
    public static func run(_ seed: UInt64, _ change: (inout Plan) -> Void = { _ in }) -> (Report, Violation?) {
        var plan = Plan(seed: seed)
        change(&plan)
        let isPrinted = ProcessInfo.processInfo.environment["PRODHA_TRACE"] == "1"
        let world = World(plan, isPrinted: isPrinted)
        guard world.run() != nil else { return (world.report, nil) }
        let again = World(plan, isWritten: true)
        return (world.report, again.run())
    }

    public static func runRegions(
        _ seed: UInt64, _ change: (inout RegionsPlan) -> Void = { _ in }
    ) -> (RegionsReport, Violation?) {
        var plan = RegionsPlan(seed: seed)
        change(&plan)
        let isPrinted = ProcessInfo.processInfo.environment["PRODHA_TRACE"] == "1"
        let regions = TwoRegions(plan, isPrinted: isPrinted)
        guard regions.run() != nil else { return (regions.report, nil) }
        let again = TwoRegions(plan, isWritten: true)
        return (regions.report, again.run())
    }
}

/// Says which seeds were running when the core stops the process on a broken precondition.
enum TrapReport {
    // Each slot is written by one thread, and read when the process is about to end.
    nonisolated(unsafe) private static let seeds = UnsafeMutablePointer<UInt64>.allocate(capacity: slots)
    private static let slots = 16

    static func running(_ seed: UInt64, _ thread: Int) {
        if thread < slots { seeds[thread] = seed }
    }

    static func install() {
        seeds.initialize(repeating: 0, count: slots)
        for number in [SIGILL, SIGTRAP] {
            signal(number) { number in
                // Nothing here may allocate.
                for slot in 0..<TrapReport.slots where TrapReport.seeds[slot] != 0 {
                    TrapReport.say("simulation: trapped while running seed ")
                    TrapReport.say(TrapReport.seeds[slot])
                }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    private static func say(_ text: StaticString) {
        _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
    }

    private static func say(_ number: UInt64) {
        var divisor: UInt64 = 10_000_000_000_000_000_000
        var begun = false
        while divisor > 0 {
            var digit = UInt8(ascii: "0") + UInt8(number / divisor % 10)
            if digit != UInt8(ascii: "0") || divisor == 1 { begun = true }
            if begun { _ = write(2, &digit, 1) }
            divisor /= 10
        }
        var end = UInt8(ascii: "\n")
        _ = write(2, &end, 1)
    }
}
