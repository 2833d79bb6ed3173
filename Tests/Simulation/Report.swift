// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// What a run, or many, went through.
public struct Report: Sendable {
    public var runs = 0
    /// How many runs there were of each size of group and quorum.
    public var shapes: [Plan.Shape: Int] = [:]
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
    public var fullDisks = 0
    public var failedSyncs = 0
    public var copiesPutBack = 0
    public var lossesNoticed = 0
    public var votesRegained = 0
    public var regionChanges = 0
    /// Changes by operators that were reported done.
    public var changesAnswered = 0
    public var recoveries = 0
    /// The longest time from the end of all faults to a committed block.
    public var slowestRecovery = Duration.zero

    public init() {}

    public static func + (a: Report, b: Report) -> Report {
        var sum = a
        sum.runs += b.runs
        sum.shapes.merge(b.shapes, uniquingKeysWith: +)
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
        sum.fullDisks += b.fullDisks
        sum.failedSyncs += b.failedSyncs
        sum.copiesPutBack += b.copiesPutBack
        sum.lossesNoticed += b.lossesNoticed
        sum.votesRegained += b.votesRegained
        sum.regionChanges += b.regionChanges
        sum.changesAnswered += b.changesAnswered
        sum.recoveries += b.recoveries
        sum.slowestRecovery = max(a.slowestRecovery, b.slowestRecovery)
        return sum
    }
}

extension Report {
    /// What must happen in a run, on average, for many runs to prove anything: well below what does, so that a few runs pass.
    private static let minima: [(name: String, count: KeyPath<Report, Int> & Sendable, perRun: Double)] = [
        ("elections", \.elections, 5), ("leases", \.leases, 3), ("commits", \.commits, 100),
        ("blocks answered", \.blocksAnswered, 100), ("crashes", \.crashes, 8), ("pauses", \.pauses, 2),
        ("partitions", \.partitions, 8), ("snapshots kept", \.snapshotsKept, 20),
        ("snapshots installed", \.snapshotsInstalled, 1), ("transfers started", \.transfersStarted, 3),
        ("transfers done", \.transfersDone, 1), ("transfers failed", \.transfersFailed, 0.5),
        ("settings changed", \.settingsChanged, 3), ("disks replaced", \.disksReplaced, 1),
        ("full disks", \.fullDisks, 0.15), ("failed syncs", \.failedSyncs, 0.3),
        ("old copies put back", \.copiesPutBack, 0.1),
        ("votes regained", \.votesRegained, 0.5), ("region changes", \.regionChanges, 2),
        ("changes answered", \.changesAnswered, 2),
        ("recoveries", \.recoveries, 1),
    ]

    /// What happened less often than it must; empty when all is well.
    public func shortfalls() -> [String] {
        let events = Self.minima.compactMap { name, count, perRun in
            let needed = Int(perRun * Double(runs))
            return self[keyPath: count] < needed ? "\(self[keyPath: count]) \(name), \(needed) are needed" : nil
        }
        return events + Plan.shapes.filter { shapes[$0] == nil }.map { "no group of \($0)" }
    }
}

extension Report: CustomStringConvertible {
    public var description: String {
        """
        \(runs) runs, \(Int(simulatedSeconds)) simulated seconds, \(events) events
        groups: \(Plan.shapes.map { "\(shapes[$0] ?? 0) of \($0)" }.joined(separator: ", "))
        \(elections) elections, \(leases) leases, \(commits) commits, \(blocksAnswered) blocks answered as committed
        \(crashes) crashes, \(pauses) pauses, \(partitions) partitions, \(settingsChanged) settings changed
        disks: \(stalls) stalls, \(fullDisks) full, \(failedSyncs) failed syncs, \(disksReplaced) replaced, \
        \(copiesPutBack) old copies put back, \(lossesNoticed) losses noticed, \(votesRegained) votes gained
        \(snapshotsKept) snapshots kept, \(snapshotsInstalled) installed
        \(transfersStarted) transfers, \(transfersDone) done, \(transfersFailed) failed; \(regionChanges) region changes, \(changesAnswered) answered
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
    public var isOfRegions = false

    public var description: String {
        """
        seed \(seed): \(checker): \(facts)
        \(trace.suffix(Trace.linesKept).joined(separator: "\n"))
        replay: make replay SEED=\(seed)\(isOfRegions ? " REGIONS=1" : "")
        """
    }
}
