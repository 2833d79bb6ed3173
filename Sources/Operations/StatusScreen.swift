// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// The view as lines for people: the sentence, then each region with its peers, then what is wrong.
public struct StatusScreen: Sendable {
    public var width: Int
    public var style: Style

    /// - Parameter width: of the terminal, in characters; at least 20 are used.
    public init(width: Int, style: Style = .plain) {
        self.width = max(20, width)
        self.style = style
    }

    public func lines(_ view: ClusterView) -> [String] {
        let table = StatusTable(view.regions.flatMap(\.peers), width: width)
        var lines = wrapped(view.headline, width: width).map { style.verdict(view.verdict, $0) }
        for alarm in view.alarms { lines += finding("ALARM: " + alarm, style.alarm) }
        for region in view.regions {
            lines.append("")
            lines += wrapped(Self.title(region), width: width, indent: 2).map { style.bold($0) }
            lines.append(table.header(style))
            for peer in region.peers { lines += table.lines(peer, style) }
            for alarm in region.alarms { lines += finding("ALARM: " + alarm, style.alarm) }
            for disagreement in region.disagreements { lines += finding(disagreement.sentence, style.yellow) }
            for peer in region.maintenance {
                lines += wrapped("- peer \(peer.peer) is in maintenance, \(peer.act.words())", width: width, indent: 2)
            }
            for concern in region.concerns { lines += finding(concern, style.yellow) }
            if let running = region.openSwitch { lines += finding(running.unended, style.yellow) }
            for fact in facts(region, view) { lines += wrapped("- " + fact, width: width, indent: 2) }
            if let readiness = region.readiness {
                lines +=
                    readiness.isReady
                    ? wrapped("- " + readiness.words, width: width, indent: 2)
                    : finding(readiness.words, style.yellow)
            }
        }
        return lines
    }

    private static func title(_ region: RegionView) -> String {
        var parts = [region.isActive == nil ? "state unknown" : region.standingWords]
        if let epoch = region.epoch { parts.append("epoch \(epoch)") }
        if let term = region.leader?.term { parts.append("term \(term)") }
        if let quorum = region.quorum { parts.append("quorum \(quorum) of \(region.total)") }
        parts.append("\(region.up) of \(region.total) up")
        return "\(printable(region.label)): \(parts.joined(separator: ", "))"
    }

    private func facts(_ region: RegionView, _ view: ClusterView) -> [String] {
        var facts: [String] = []
        if let superseded = region.superseded { facts.append(superseded.words) }
        let answering = view.regions.filter { $0.up > 0 }.map(\.name)
        for other in region.heard ?? [] where !answering.contains(other.name) { facts.append(other.words) }
        return facts
    }

    private func finding(_ text: String, _ paint: (String) -> String) -> [String] {
        wrapped("! " + text, width: width, indent: 2).map(paint)
    }
}

extension RegionView {
    /// In one word.
    public var standingWords: String {
        switch standing {
        case .active, .standby, .activating: return standing?.rawValue ?? ""
        case .unknown(let text)?: return printable(text, limit: 20)
        case nil: return isActive == true ? "active" : "standby"
        }
    }
}

extension LossDocument.Superseded {
    /// "it has stopped for good: west is active since epoch 1000000 ...".
    var words: String {
        let base = base.map { " and went on from block \($0.blockNum)" } ?? ""
        let head = head.map { " its own last one is block \($0.blockNum);" } ?? ""
        return "it gave way: \(printable(by, limit: 64)) is active since epoch \(epoch)\(base);\(head) "
            + "prodha history --loss lists the blocks that only this region has"
    }
}

extension HeardRegion {
    /// "peer 2 heard west 312 ms ago: active, epoch 5, block 1034".
    var words: String {
        let name = printable(name, limit: 64)
        guard let age, let report else { return "no peer has heard \(name) yet" }
        let head = report.head.map { ", block \($0.blockNum)" } ?? ""
        let state = printable(report.state.rawValue, limit: 20) + (report.paused ? " and paused" : "")
        return "peer \(by) heard \(name) \(span(age.value)) ago: \(state), epoch \(report.epoch)\(head)"
    }
}

extension ClusterView {
    /// One line per peer below a line of names, nothing cut, for scripts. A field without a value is empty.
    public var tsv: String {
        let names = [
            "region", "id", "api", "answered", "leader", "role", "term", "leader_id", "lease_held",
            "lease_remaining_ms",
            "commit_index", "applied_index", "lag", "head_block_num", "head_block_id", "links_up", "links_total",
            "can_produce", "reason", "region_active", "epoch", "paused", "version", "uptime_ms", "round_trip_ms",
            "error",
            "error_message", "nodeos", "nodeos_head_block_num", "known_age_ms", "known_from", "region_state",
            "activated_epoch", "switch", "region_ready",
        ]
        let rows = regions.flatMap { region in
            let ready = region.readiness.map { $0.isReady ? "true" : "false" } ?? ""
            return region.peers.map { $0.tsvFields(region: region.name) + [ready] }
        }
        return ([names] + rows).map(tsvRow).joined()
    }
}

extension PeerView {
    fileprivate func tsvFields(region: String?) -> [String] {
        func word(_ value: Bool) -> String { value ? "true" : "false" }
        func number(_ value: Milliseconds) -> String {
            Int64(exactly: value.value).map(String.init) ?? String(value.value)
        }
        let start = [
            region ?? "", id.map(String.init) ?? "", report.target.api?.description ?? "", word(status != nil),
            word(isLeader),
        ]
        guard let answer = report.answer else {
            let failure = report.failure
            return start + Array(repeating: "", count: 20) + [
                failure?.name ?? "", failureText, "", "", lastKnown.map { number($0.age) } ?? "",
                lastKnown.map { String($0.from) } ?? "", "", "", "",
            ]
        }
        let status = answer.status
        let raft = status.raft
        let production = status.production
        return start + [
            raft.role.rawValue, String(raft.term), String(raft.leaderID), word(raft.lease.held),
            number(raft.lease.remainingMS), String(raft.commitIndex), String(raft.appliedIndex),
            lag.map { String($0) } ?? "", production.head.map { String($0.blockNum) } ?? "",
            production.head?.blockID ?? "", linksUp.map(String.init) ?? "", linksTotal.map(String.init) ?? "",
            word(production.canProduce), production.reason?.rawValue ?? "", word(production.regionActive),
            String(production.epoch), word(production.paused), status.peer.version, number(status.peer.uptimeMS),
            number(answer.roundTrip), "", "", status.nodeos?.condition ?? "",
            status.nodeos?.head.map { String($0.blockNum) } ?? "", "", "", production.state?.rawValue ?? "",
            production.activatedEpoch.map { String($0) } ?? "", production.switch?.id ?? "",
        ]
    }
}
