// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension DemoScreen {
    static let nodeosColumns = "peer  prodha   nodeos   role       can produce       nodeos is      head   made"
    private static let pidWidth = 9

    /// A peer and the nodeos beside it.
    func nodeosRow(_ id: Int, _ story: DemoStory, at now: Duration) -> ScreenLine {
        var line = ScreenLine("\(id)".right(4) + "  ", .peer(id))
        guard let peer = story.peers[id] else { return line }
        let made = "\(story.made[id] ?? 0)"
        if case .killed(let time) = peer.process, peer.nodeos?.isRunning != true {
            line.add("both killed \((now - time).text(decimals: 1)) ago".left(66), .bad)
            line.add(made.right(7))
            return line
        }
        line.spans += [cell(peer.process), cell(peer.nodeos ?? .absent)]
        guard let report = peer.report, let reportedAt = peer.reportedAt, now - reportedAt < Self.staleAfter else {
            let silence = peer.reportedAt.map { "no answer for \((now - $0).text(decimals: 1))" } ?? "no answer yet"
            line.add(peer.process.isRunning ? silence.left(48) : "".left(48), peer.reportedAt == nil ? .faint : .bad)
            line.add(made.right(7))
            return line
        }
        line.add(report.role.rawValue.left(11), report.role == .leader ? .strong : .plain)
        let produces = produces(report, isBack: !peer.isComingBack)
        line.add(produces.text.left(18), produces.look)
        line.spans += state(report.nodeos, peer, at: now)
        line.add(made.right(7))
        return line
    }

    /// The node that is nobody's: what it has, the world has.
    func outsideRow(_ story: DemoStory) -> ScreenLine {
        var line = ScreenLine("   -  ", .faint)
        line.add("outside".left(Self.pidWidth))
        line.spans.append(cell(story.outside))
        line.add("\(count(story.transactions, "transaction")) promised; ", .plain)
        line.add("\(count(story.forks.count, "fork")) seen", story.forks.isEmpty ? .good : .bad)
        let width = line.description.count
        line.add((story.head.map { "\($0)" } ?? "none").right(72 - width))
        return line
    }

    private func cell(_ process: DemoStory.Process) -> Span {
        switch process {
        case .absent: Span(text: "-".left(Self.pidWidth), look: .faint)
        case .runs(let pid, _): Span(text: "\(pid)".left(Self.pidWidth), look: .plain)
        case .killed, .ended: Span(text: "dead".left(Self.pidWidth), look: .bad)
        }
    }

    /// What nodeos does, and its head.
    private func state(_ nodeos: NodeosReport?, _ peer: DemoStory.Peer, at now: Duration) -> [Span] {
        let head = Span(text: (nodeos?.head.map { "\($0)" } ?? "none").right(7), look: .plain)
        guard let nodeos, let process = peer.nodeos, process.isRunning else {
            return [Span(text: "".left(12), look: .plain), Span(text: "".right(7), look: .plain)]
        }
        let what: (text: String, look: Span.Look) =
            switch (nodeos.condition, nodeos.production) {
            case ("unreachable", _) where peer.isComingBack: ("starting", .faint)
            case ("well", "resumed"): ("producing", .good)
            case ("well", let production): (production, .faint)
            case (let condition, _): (condition.replacing("_", with: " "), .bad)
            }
        return [Span(text: what.text.left(12), look: what.look), head]
    }
}
