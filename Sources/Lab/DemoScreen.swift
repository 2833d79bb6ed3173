// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// The story as lines for a terminal of 80 by 24, whose last column and line stay free.
struct DemoScreen: Sendable {
    static let width = 79
    static let slots = 58
    static func events(_ story: DemoStory) -> Int { story.hasNodeos ? 5 : 4 }
    private static let barCells = 10
    private static let columns = "lease                head  produces"
    /// After so long without an answer a peer's last words count no more.
    static let staleAfter = Duration.milliseconds(600)

    var glyphs: Glyphs

    func lines(_ story: DemoStory, next: String, at now: Duration) -> [ScreenLine] {
        var lines = [title(story, at: now)]
        if story.hasNodeos {
            lines += [ScreenLine(), headline(story, at: now), ScreenLine()]
            lines.append(ScreenLine(Self.nodeosColumns, .faint))
            lines += story.ids.map { nodeosRow($0, story, at: now) }
            lines.append(outsideRow(story))
        } else {
            lines += [headline(story, at: now), ScreenLine()]
            for region in story.regions {
                lines.append(header(region, story))
                lines += region.peers.map { row($0, story, at: now) }
            }
        }
        lines.append(ScreenLine())
        lines += chain(story, at: now)
        if story.hasNodeos { lines.append(ScreenLine()) }
        lines.append(gaps(story, at: now))
        if !story.hasNodeos { lines.append(switches(story)) }
        lines.append(ScreenLine())
        let events = story.journal.suffix(Self.events(story)).map(event)
        lines += events + Array(repeating: ScreenLine(), count: Self.events(story) - events.count)
        if story.hasNodeos { lines.append(ScreenLine()) }
        lines.append(ScreenLine("next: \(next)", .faint))
        return lines
    }

    /// One event as a line, on the screen and where there is none.
    func event(_ entry: DemoStory.Entry) -> ScreenLine {
        var line = ScreenLine(entry.at.text(decimals: 1).right(9) + "  ", .faint)
        let look: Span.Look =
            switch entry.tone {
            case .plain: .plain
            case .good: .good
            case .bad: .bad
            }
        line.add(entry.text, look)
        return line
    }

    private func title(_ story: DemoStory, at now: Duration) -> ScreenLine {
        let interval = Duration.milliseconds(story.grid.intervalMS).text(decimals: 1)
        var line = ScreenLine("prodha demo", .strong)
        let text =
            story.hasNodeos
            ? "  \(story.size) with a nodeos each, quorum \(story.quorum)"
            : "  \(story.size), a block every \(interval)"
        let right = "\(now.text(decimals: 1))   ^C ends it"
        line.add(text + right.right(Self.width - "prodha demo".count - text.count), .faint)
        return line
    }

    /// The truth in one sentence.
    func headline(_ story: DemoStory, at now: Duration) -> ScreenLine {
        if let finishing = story.finishing { return ScreenLine(finishing.capitalizedFirst + ".", .strong) }
        let ofRegion = story.regions.count > 1 ? story.active.map { " of \($0.name)" } ?? "" : ""
        guard let lastCommitAt = story.lastCommitAt else {
            return ScreenLine("The peers start; \(story.quorum) of them must agree on a leader.", .strong)
        }
        let gap = now - lastCommitAt
        let down = story.down
        if case .switching(.planned, let from, let to) = story.turn, from == story.active {
            return ScreenLine(
                "\(from.name.capitalizedFirst) is switched to \(to.name). No block for \(gap.text(decimals: 1)).",
                .strong)
        }
        if story.voting.count < story.quorum {
            let who =
                story.voting.isEmpty
                ? "No peer\(ofRegion) runs" : "Only \(named(story.voting)) runs, which is no quorum"
            return ScreenLine("\(who): no block for \(gap.text(decimals: 1)).", .bad)
        }
        if let outage = story.outage {
            if story.peers[outage.leader]?.process.isRunning == true {
                let next =
                    story.waitingForLease.map { "peer \($0) waits out the lease" }
                    ?? "\(named(story.running)) can take over"
                return ScreenLine(
                    "Peer \(outage.leader) lost its nodeos; \(next). No block for \(gap.text(decimals: 1)).", .bad)
            }
            if let next = story.waitingForLease {
                return ScreenLine(
                    "Peer \(outage.leader) is dead; peer \(next) is elected and waits out its lease. "
                        + "No block for \(gap.text(decimals: 1)).", .bad)
            }
            return ScreenLine(
                "Peer \(outage.leader), the leader, is dead; \(named(story.running)) elect the next. "
                    + "No block for \(gap.text(decimals: 1)).", .bad)
        }
        if gap > story.grid.interval * 2 + .milliseconds(250) {
            return ScreenLine(
                "No block is committed for \(gap.text(decimals: 1)): no running peer may produce.", .bad)
        }
        guard let leader = story.leader else { return ScreenLine() }
        let lost = story.regions.first { $0.peers == down }?.name
        let who = lost ?? named(down)
        let others = down.isEmpty ? "" : " (\(who) \(lost != nil || down.count == 1 ? "is" : "are") down)"
        return ScreenLine(
            "Peer \(leader)\(ofRegion.isEmpty ? " leads and" : ofRegion) produces\(others): "
                + "\(count(story.blocks, "block")) on at least \(story.quorum) disks.", .strong)
    }

    /// Of a region: how it stands. The columns are those of its peers.
    private func header(_ region: DemoRegion, _ story: DemoStory) -> ScreenLine {
        let report = story.report(of: region)
        let look: Span.Look = region == story.active ? .strong : .plain
        var line = ScreenLine(region.name, look)
        let words = report.map { ", \($0.standing?.rawValue ?? "unknown"), epoch \($0.epoch)" } ?? ""
        line.add(words.left(36 - region.name.count), look)
        line.add(Self.columns, .faint)
        return line
    }

    private func row(_ id: Int, _ story: DemoStory, at now: Duration) -> ScreenLine {
        var line = ScreenLine("\(id)".right(4) + "  ", .peer(id))
        guard let peer = story.peers[id] else { return line }
        switch peer.process {
        case .absent:
            line.add("not started", .faint)
            return line
        case .killed(let time):
            line.add("killed \((now - time).text(decimals: 1)) ago", .bad)
            return line
        case .ended(let ending, let time):
            line.add("\(ending.text), \((now - time).text(decimals: 1)) ago", .bad)
            return line
        case .runs(let pid, let since):
            guard let report = peer.report, let reportedAt = peer.reportedAt else {
                line.add("pid \(pid)".left(13))
                line.add("starts, \((now - since).text(decimals: 1))", .faint)
                return line
            }
            line.add("pid \(pid)".left(13))
            guard now - reportedAt < Self.staleAfter else {
                line.add("no answer for \((now - reportedAt).text(decimals: 1))", .bad)
                return line
            }
            let isLeader = report.role == .leader
            line.add(report.role.rawValue.left(9), isLeader ? .strong : .plain)
            line.add("\(report.term)".right(6) + "  ")
            line.spans += lease(report, age: now - reportedAt)
            line.add((report.head.map { "\($0)" } ?? "none").right(7) + "  ")
            line.spans.append(produces(report, isBack: !peer.isComingBack))
            return line
        }
    }

    private func lease(_ report: PeerReport, age: Duration) -> [Span] {
        let remaining = max(.zero, report.leaseRemaining - age)
        guard report.isLeaseHeld, remaining > .zero else { return [Span(text: "no".left(18), look: .faint)] }
        let share = min(1, remaining / max(report.leaseLength, .milliseconds(1)))
        let cells = min(Self.barCells, Int((share * Double(Self.barCells)).rounded(.up)))
        let bar = String(repeating: glyphs.full, count: cells)
        let rest = String(repeating: glyphs.empty, count: Self.barCells - cells)
        return [
            Span(text: bar, look: share < 0.34 ? .bad : .good), Span(text: rest, look: .faint),
            Span(text: "\(Int(remaining.inMilliseconds)) ms".right(7) + " ", look: .plain),
        ]
    }

    func produces(_ report: PeerReport, isBack: Bool) -> Span {
        if report.canProduce { return Span(text: "yes", look: .good) }
        if !isBack { return Span(text: "no: catches up", look: .plain) }
        return Span(text: "no: \(report.reason.map(plain) ?? "unknown")", look: .faint)
    }

    /// A reason in no more than 12 characters.
    private func plain(_ reason: CanProduceReason) -> String {
        switch reason {
        case .notLeader: "follows"
        case .termNotApplied: "new leader"
        case .leaseExpired: "no lease"
        case .nodeosUnreachable: "no nodeos"
        case .regionStandby: "standby"
        case .regionUnconfirmed: "unconfirmed"
        case .regionsInConflict: "conflict"
        default: String(reason.rawValue.map { $0 == "_" ? " " : $0 }.prefix(12))
        }
    }

    private func chain(_ story: DemoStory, at now: Duration) -> [ScreenLine] {
        var title = ScreenLine("chain", .faint)
        title.add(
            story.hasNodeos
                ? ": per slot, who made the block the outside node has; '.' none, "
                : ": per slot, who led at its block; '.' no block, ", .faint)
        title.add(String(glyphs.kill), .bad)
        title.add(" kill", .faint)
        if !story.hasNodeos { title.add(", \(glyphs.turn) switch", .faint) }
        var strip = ScreenLine("      ")
        var marks = ScreenLine("      ")
        for (slot, what) in story.strip(Self.slots, at: now) {
            switch what {
            case .before, .due: strip.add(" ")
            case .committed(let peer): strip.add("\(peer)", .peer(peer))
            case .missed: strip.add(".", .bad)
            }
            if story.turnedIn.contains(slot) {
                marks.add(String(glyphs.turn), .strong)
            } else {
                marks.add(story.killedIn[slot] == nil ? " " : String(glyphs.kill), .bad)
            }
        }
        if let head = story.head { strip.add("  block \(head)") }
        return [title, strip, marks]
    }

    private func switches(_ story: DemoStory) -> ScreenLine {
        guard let last = story.switches.last else {
            return ScreenLine("switches: none yet", .faint)
        }
        var line = ScreenLine("switches: ", .faint)
        line.add("\(last.kind.rawValue), \(last.words)", .strong)
        return line
    }

    private func gaps(_ story: DemoStory, at now: Duration) -> ScreenLine {
        guard let last = story.gaps.last, let median = story.gaps.median, let longest = story.gaps.max() else {
            return ScreenLine("gaps without a block: none to tell of, no leader has died yet", .faint)
        }
        var line = ScreenLine("gaps: ", .faint)
        line.add("last \(last.text())", .strong)
        line.add(
            ", median \(median.text()), longest \(longest.text()); "
                + "\(count(story.leadersKilled, "kill")), \(count(story.missedSlots(at: now), "slot")) missed")
        return line
    }
}
