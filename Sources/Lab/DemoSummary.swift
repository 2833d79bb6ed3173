// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What is left to say at the end.
struct DemoSummary: Sendable {
    let story: DemoStory
    /// Nil when the logs were not compared, because the end was asked for twice.
    let verdict: ChainAudit.Verdict?
    /// Where the data is, if it stays.
    var keptIn: String?
    let took: Duration

    var isGood: Bool { verdict?.isGood == true && story.forks.isEmpty }

    var lines: [ScreenLine] {
        var lines = [
            ScreenLine(
                "prodha demo: \(took.text(decimals: 1)), \(story.size)\(story.hasNodeos ? " with a nodeos each" : "")",
                .strong)
        ]
        func row(_ label: String, _ text: String, _ look: Span.Look = .plain) {
            var line = ScreenLine("  " + label.left(23), .faint)
            line.add(text, look)
            lines.append(line)
        }
        let heights = story.firstNumber.flatMap { first in story.head.map { " (heights \(first) to \($0))" } } ?? ""
        row("blocks committed", "\(story.blocks)\(heights)")
        if story.hasNodeos {
            row("made by", story.ids.map { "peer \($0): \(story.made[$0] ?? 0)" }.joined(separator: ", "))
            let promises = verdict?.promises
            let kept = promises.map { ", \($0.kept) of \($0.checked) found in the chain" } ?? ""
            row(
                "transactions promised", "\(story.transactions)" + kept,
                promises.map { $0.isGood ? .good : .bad } ?? .plain)
        }
        row("leaders killed", "\(story.leadersKilled)")
        if let median = story.gaps.median, let longest = story.gaps.max() {
            row("no block for", "median \(median.text()), longest \(longest.text()) around a leader's death")
        }
        for done in story.switches {
            row("\(done.kind.rawValue) switch", done.words, done.kind == .planned && done.lost > 0 ? .bad : .plain)
        }
        row("longest gap at all", "\(story.longestGap.text()); a block is due every \(story.grid.interval.text())")
        let slots = story.firstSlot.flatMap { first in story.lastSlot.map { $0 - first + 1 } } ?? 0
        row("slots missed", "\(story.missedSlots(at: took)) of \(slots)")
        if story.hasNodeos {
            row(
                "forks seen outside", "\(story.forks.count)" + examples(story.forks.sorted()),
                story.forks.isEmpty ? .good : .bad)
        }
        guard let verdict else {
            row("heights with two ids", "not checked: stopped before the logs were compared", .bad)
            return lines + kept
        }
        let forks = verdict.heightsWithTwoIDs
        row(
            "heights with two ids",
            "\(forks.count) of \(verdict.heights), in the logs of \(named(verdict.peersRead))" + examples(forks),
            forks.isEmpty ? .good : .bad)
        if let nodeos = verdict.nodeos { add(nodeos, row) }
        row(
            "acknowledged, lost", "\(verdict.missing.count)" + examples(verdict.missing),
            verdict.missing.isEmpty ? .good : .bad)
        if verdict.told > 0 { row("told as lost", count(verdict.told, "block")) }
        if !verdict.unchained.isEmpty {
            row("not in the chain", "\(verdict.unchained.count) acknowledged" + examples(verdict.unchained), .bad)
        }
        if !verdict.falselyTold.isEmpty {
            row("told as lost, and not", "\(verdict.falselyTold.count)" + examples(verdict.falselyTold), .bad)
        }
        if verdict.dropped > 0 {
            row("not checked", "\(count(verdict.dropped, "block")), older than every log")
        }
        if !verdict.unread.isEmpty { row("could not be read", "the log of \(named(verdict.unread))", .bad) }
        return lines + kept
    }

    private func add(_ verdict: ChainAudit.NodeosVerdict, _ row: (String, String, Span.Look) -> Void) {
        let forks = verdict.heightsWithTwoIDs
        row(
            "", "\(forks.count) of \(verdict.heights), in the chains of all \(verdict.chains) nodeos" + examples(forks),
            forks.isEmpty ? .good : .bad)
        if !verdict.missing.isEmpty {
            row("not in every nodeos", "\(verdict.missing.count)" + examples(verdict.missing), .bad)
        }
        for part in verdict.unread { row("could not be read", "the chain of \(part.text)", .bad) }
    }

    private var kept: [ScreenLine] {
        keptIn.map { [ScreenLine("  " + "data and logs".left(23) + $0)] } ?? []
    }

    private func examples(_ heights: [UInt32]) -> String {
        guard !heights.isEmpty else { return "" }
        return ": " + heights.prefix(5).map { "\($0)" }.joined(separator: ", ") + (heights.count > 5 ? ", ..." : "")
    }
}
