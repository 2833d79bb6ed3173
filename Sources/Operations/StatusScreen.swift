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
        }
        return lines
    }

    private static func title(_ region: RegionView) -> String {
        var parts = [region.isActive.map { $0 ? "active" : "standby" } ?? "state unknown"]
        if let epoch = region.epoch { parts.append("epoch \(epoch)") }
        if let term = region.leader?.term { parts.append("term \(term)") }
        if let quorum = region.quorum { parts.append("quorum \(quorum) of \(region.total)") }
        parts.append("\(region.up) of \(region.total) up")
        return "\(printable(region.label)): \(parts.joined(separator: ", "))"
    }

    private func finding(_ text: String, _ paint: (String) -> String) -> [String] {
        wrapped("! " + text, width: width, indent: 2).map(paint)
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
            "error_message", "nodeos", "nodeos_head_block_num", "known_age_ms", "known_from",
        ]
        let rows = regions.flatMap { region in region.peers.map { $0.tsvFields(region: region.name) } }
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
                lastKnown.map { String($0.from) } ?? "",
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
            status.nodeos?.head.map { String($0.blockNum) } ?? "", "", "",
        ]
    }
}
