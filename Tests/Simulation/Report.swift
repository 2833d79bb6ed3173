// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// What a run, or many, went through.
public struct Report: Sendable {
    public var runs = 0
    public var simulatedSeconds = 0.0
    public var events = 0
    public var elections = 0
    public var commits = 0
    public var blocksAnswered = 0
    public var refusals: [String: Int] = [:]
    public var crashes = 0
    public var pauses = 0
    public var partitions = 0
    public var stalls = 0
    public var snapshotsKept = 0
    public var snapshotsInstalled = 0
    public var transfersStarted = 0
    public var transfersDone = 0
    public var transfersFailed = 0
    public var leases = 0
    public var settingsChanged = 0
    public var disksReplaced = 0
    public var votesRegained = 0
    public var regionChanges = 0
    public var recoveries = 0
    /// The longest time from the end of all faults to a committed block.
    public var slowestRecovery = Duration.zero

    public static func + (a: Report, b: Report) -> Report {
        var sum = a
        sum.runs += b.runs
        sum.simulatedSeconds += b.simulatedSeconds
        sum.events += b.events
        sum.elections += b.elections
        sum.commits += b.commits
        sum.blocksAnswered += b.blocksAnswered
        sum.refusals.merge(b.refusals, uniquingKeysWith: +)
        sum.crashes += b.crashes
        sum.pauses += b.pauses
        sum.partitions += b.partitions
        sum.stalls += b.stalls
        sum.snapshotsKept += b.snapshotsKept
        sum.snapshotsInstalled += b.snapshotsInstalled
        sum.transfersStarted += b.transfersStarted
        sum.transfersDone += b.transfersDone
        sum.transfersFailed += b.transfersFailed
        sum.leases += b.leases
        sum.settingsChanged += b.settingsChanged
        sum.disksReplaced += b.disksReplaced
        sum.votesRegained += b.votesRegained
        sum.regionChanges += b.regionChanges
        sum.recoveries += b.recoveries
        sum.slowestRecovery = max(a.slowestRecovery, b.slowestRecovery)
        return sum
    }
}

extension Report: CustomStringConvertible {
    public var description: String {
        """
        \(runs) runs, \(Int(simulatedSeconds)) simulated seconds, \(events) events
        \(elections) elections, \(leases) leases, \(commits) commits, \(blocksAnswered) blocks answered as committed
        \(crashes) crashes, \(pauses) pauses, \(partitions) partitions, \(stalls) disk stalls,         \(settingsChanged) settings changed
        \(snapshotsKept) snapshots kept, \(snapshotsInstalled) installed;         \(disksReplaced) disks replaced, \(votesRegained) votes gained
        \(transfersStarted) transfers, \(transfersDone) done, \(transfersFailed) failed; \(regionChanges) region changes
        \(recoveries) recoveries, the slowest in \(Int(slowestRecovery.inMilliseconds)) ms
        refused: \(refusals.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        """
    }
}

/// A promise that was broken.
public struct Violation: Error, Sendable, CustomStringConvertible {
    public var seed: UInt64
    public var checker: String
    public var facts: String
    public var trace: [String] = []

    public var description: String {
        """
        seed \(seed): \(checker): \(facts)
        \(trace.suffix(Trace.linesKept).joined(separator: "\n"))
        replay: PRODHA_FIRST_SEED=\(seed) PRODHA_SEEDS=1 swift test --filter SimulationTests
        """
    }
}
