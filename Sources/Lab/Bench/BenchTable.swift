// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What was measured, for people.
struct BenchTable: Sendable, CustomStringConvertible {
    private let document: BenchDocument

    init(_ document: BenchDocument) { self.document = document }

    var description: String { lines.map { $0 + "\n" }.joined() }

    var lines: [String] {
        let machine = document.machine
        var lines = [
            "\(document.version), \(document.peers) peers on \(count(machine.processors, "processor")), "
                + "\(machine.system), rounds: \(document.rounds)"
        ]
        if let floor = document.floor {
            lines += ["", row("floor, us", ["p50", "p90", "p99", "p99.9", "max"])]
            lines.append(row("sync of \(floor.bytes) B", floor.sync.texts))
            lines.append(row("\(document.peers) syncs at once", floor.syncAtOnce.texts))
            lines.append(row("round trip", floor.roundTrip.texts))
            lines.append(row("durable commit", [whole(floor.commit)]))
        }
        lines += commits(headed: "commits, us") { $0.commits }
        let seconds = document.groups.lazy.compactMap { $0.busy?.seconds }.first ?? 0
        lines += commits(headed: "busy \(whole(seconds)) s, us") { $0.busy?.commits ?? [] }
        for group in document.groups {
            if let busy = group.busy { lines.append("\(group.name): \(count(Int(busy.elections), "election"))") }
        }
        lines += times()
        return lines + memory()
    }

    private func commits(
        headed head: String, _ measured: (BenchDocument.Group) -> [BenchDocument.Commits]
    ) -> [String] {
        var lines: [String] = []
        for group in document.groups {
            for commits in measured(group) {
                let ratio = document.floor.map { $0.commit > 0 ? commits.latency.p50 / $0.commit : 0 }
                lines.append(
                    row(
                        "\(group.name) \(commits.size) x\(commits.clients)",
                        commits.latency.texts + [whole(commits.perSecond)]
                            + (ratio.map { [decimal($0, 2)] } ?? [])))
                if commits.leadersLost > 0 {
                    lines.append("  leaders lost in the middle of it: \(commits.leadersLost)")
                }
            }
        }
        return lines.isEmpty
            ? [] : ["", row(head, ["p50", "p90", "p99", "p99.9", "max", "per s", "p50/floor"])] + lines
    }

    private func times() -> [String] {
        var lines: [String] = []
        func add(_ label: String, _ times: BenchDocument.Times?) {
            guard let times else { return }
            lines.append(
                row(label, [whole(times.min), whole(times.median), whole(times.max), "\(times.count)"]))
        }
        for group in document.groups {
            add("\(group.name) leader killed", group.failover)
            add("\(group.name) leader told to end", group.handOver)
            add("\(group.name) recovery, \(group.recovered ?? 0)", group.recovery)
        }
        return lines.isEmpty ? [] : ["", row("no commit for, ms", ["min", "median", "max", "times"])] + lines
    }

    private func memory() -> [String] {
        var lines: [String] = []
        func add(_ label: String, _ process: BenchDocument.Process?, hasTime: Bool) {
            guard let process else { return }
            lines.append(
                row(
                    label,
                    [megabytes(process.resident), megabytes(process.anonymous)]
                        + (hasTime ? [decimal(process.processor, 2)] : [])))
        }
        for group in document.groups {
            add("\(group.name) idle", group.idle, hasTime: true)
            add("\(group.name) after it all", group.used, hasTime: false)
        }
        return ["", row("largest process", ["MB", "anon MB", "% of one"])] + lines
    }

    private func megabytes(_ bytes: UInt64) -> String { decimal(Double(bytes) / 1e6, 1) }

    private func row(_ label: String, _ cells: [String]) -> String {
        label.left(24) + cells.map { $0.right(10) }.joined()
    }
}

extension BenchDocument.Commits {
    /// Of a block, for people.
    var size: String { bytes < 1024 ? "\(bytes) B" : "\(bytes >> 10) KB" }
}

extension BenchDocument.Latency {
    fileprivate var texts: [String] { [p50, p90, p99, p999, max].map { whole($0) } }
}

private func whole(_ value: Double) -> String { "\(Int64(value.rounded()))" }
