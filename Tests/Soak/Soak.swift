// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Foundation
import Scenarios
import Simulation

/// The simulator as a program, for release builds: many seeds at full speed.
@main struct Soak: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the simulator over many seeds, and stops at the first broken promise.",
        discussion: """
            Prints the seeds and simulated hours that were clean, and how many seeds a second. Without --seeds it goes on \
            until it is stopped. Exit code 1: a promise was broken, or too little happened.
            """,
        subcommands: [Run.self, Play.self], defaultSubcommand: Run.self)
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run seeds, one after the other.")

    @Option(help: "How many; without it, until stopped.") var seeds: Int?
    @Option(help: "The first one.") var first: UInt64 = 1
    @Option(help: "Threads.") var threads = 2
    @Option(help: "Simulated seconds of each run.") var seconds = 60
    @Flag(help: "Say nothing of what goes well.") var quiet = false
    @Flag(help: "Two regions, and operators who switch between them.") var regions = false

    private static let batch = 250

    func run() throws {
        if regions {
            try run(RegionsReport(), +, \.runs, \.simulatedSeconds, RegionsReport.shortfalls) { [seconds] runner in
                runner.runRegions { $0.duration = .seconds(seconds) }
            }
        } else {
            try run(Report(), +, \.runs, \.simulatedSeconds, Report.shortfalls) { [seconds] runner in
                var runner = runner
                runner.change = { $0.duration = .seconds(seconds) }
                return runner.run()
            }
        }
    }

    private func run<Result>(
        _ nothing: Result, _ sum: (Result, Result) -> Result, _ runs: (Result) -> Int, _ time: (Result) -> Double,
        _ shortfalls: (Result) -> () -> [String], _ batch: (Runner) -> (Result, Violation?)
    ) throws {
        let start = ContinuousClock.now
        var report = nothing
        var next = first
        while seeds.map({ runs(report) < $0 }) ?? true {
            let runner = Runner(
                firstSeed: next, seeds: min(Self.batch, seeds.map { $0 - runs(report) } ?? .max), threads: threads)
            let (more, violation) = batch(runner)
            report = sum(report, more)
            if let violation {
                print(violation)
                throw ExitCode.failure
            }
            next += UInt64(runner.seeds)
            let rate = Double(runs(report)) / ((ContinuousClock.now - start) / .seconds(1))
            if !quiet {
                print(
                    "seeds \(first) to \(next - 1): clean, \(oneDecimal(time(report) / 3600)) simulated hours,"
                        + " \(oneDecimal(rate)) seeds/s")
                fflush(nil)
            }
        }
        if !quiet { print(report) }
        // A few seeds are a replay, and prove nothing either way.
        let missing = runs(report) < 100 ? [] : shortfalls(report)()
        for shortfall in missing { print("too little happened: \(shortfall)") }
        guard missing.isEmpty else { throw ExitCode.failure }
    }

    private func oneDecimal(_ number: Double) -> String { String(format: "%.1f", number) }
}

struct Play: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Play scenarios, and say which failed.")

    @Argument(help: "Files of Tests/Scenarios.") var files: [String]

    func run() throws {
        var failed = false
        for file in files {
            do {
                try Script.play(try String(contentsOfFile: file, encoding: .utf8))
            } catch let failure as Script.Failure {
                print("\(file), \(failure)")
                failed = true
            }
        }
        if failed { throw ExitCode.failure }
    }
}
