// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

// The sentence above the table. It leaves out nothing that makes a region less than well.

extension RegionView {
    /// "east is producing, peer 2 leads, 2 of 3 up, peer 1 unreachable (connection refused)".
    public var headline: String {
        if up == 0 {
            let whole = name == nil ? "nothing is known" : "\(label) is unreachable, so whether it produces is unknown"
            return ([whole] + missing).joined(separator: ", ")
        }
        let alarm = alarms.map { "ALARM: \($0)" }
        let (first, saysWhoLeads) = clause
        let doubt =
            disagreements.isEmpty ? [] : ["they disagree about \(enumeration(disagreements.map(\.subject.words)))"]
        let leads = saysWhoLeads ? [] : [leaderClause]
        let aside = maintenance.map(\.peer)
        let isAside = aside.isEmpty ? [] : ["\(peerNames(aside)) in maintenance"]
        let lacks = readiness.map { $0.isReady ? [] : [$0.words] } ?? []
        let parts = [first] + leads + ["\(up) of \(total) up"] + isAside + missing + otherConcerns + doubt + lacks
        return (alarm + [parts.joined(separator: ", ")]).joined(separator: "; ")
    }

    /// Those that the first clause has not said already.
    private var otherConcerns: [String] {
        let isQuietSaid = producingClause.contains("no block for")
        switch state {
        case .producing where isQuietSaid: return concerns.filter { !$0.hasPrefix("no block for") }
        default: return concerns
        }
    }

    private var leaderClause: String {
        guard let leader else { return "nobody leads" }
        return leader.isSelfDeclared ? "peer \(leader.id) leads" : "peer \(leader.id) leads, as others say"
    }

    private var clause: (text: String, saysWhoLeads: Bool) {
        let cannot = isCertain ? "\(label) cannot produce" : "\(label) cannot produce, as far as can be seen from here"
        let leads = leader.map { "peer \($0.id) leads" } ?? "nobody leads"
        switch state {
        case .producing(let id):
            let does = producingClause
            guard let leader else { return ("\(does) (peer \(id))", false) }
            return id == leader.id ? (does, false) : ("\(does): peer \(id) still may, though \(leads) now", true)
        case .severalMayProduce: return ("\(label) may fork", false)
        case .standby where standing == .activating:
            return ("\(label) has stopped, so that another region can start", false)
        case .standby: return (isCertain ? "\(label) is standby" : "\(label) is standby, as its peers here say", false)
        case .paused: return ("\(label) is paused \(pause?.words() ?? "by an operator")", false)
        case .waiting(.leaseWait, let rest):
            let time = rest.map { " \(span($0.value))" } ?? ""
            return ("\(cannot) yet: \(leads) and waits\(time) for an earlier lease", true)
        case .waiting(.nodeosBehind, _): return ("\(cannot) yet: \(leads) and its nodeos is behind", true)
        case .waiting(.nodeosPaused, _): return ("\(cannot) yet: \(leads) and its nodeos is being resumed", true)
        case .waiting: return ("\(cannot) yet: \(leads) and has applied nothing of its term", true)
        case .stopped(let reason):
            switch reason {
            case .noQuorum where leader != nil: return ("\(cannot): no quorum, \(leads) but hears too few", true)
            case .noQuorum: return ("\(cannot): no quorum", true)
            case .noLeader, .notLeader: return ("\(cannot): no leader", true)
            case .leaseExpired: return ("\(cannot): \(leads) but its lease has run out", true)
            case .regionUnconfirmed: return ("\(cannot): the other regions have not confirmed it, \(leads)", true)
            case .regionsInConflict:
                return ("\(cannot): two regions are active with the same epoch, \(leads)", true)
            case .nodeosUnreachable: return ("\(cannot): \(leads) but its nodeos does not answer", true)
            case .nodeosDiverged: return ("\(cannot): \(leads) but its nodeos is on another branch", true)
            case .nodeosWrongChain: return ("\(cannot): \(leads) but its nodeos is on another chain", true)
            case .nodeosSignerFailed: return ("\(cannot): \(leads) but no signature can be made", true)
            case .nodeosClockOff: return ("\(cannot): \(leads) but its clock is off", true)
            case .draining: return ("\(cannot): \(leads) but is handing leadership over", true)
            case .shuttingDown: return ("\(cannot): \(leads) but is shutting down", true)
            case .unknown(""): return ("\(cannot): \(leads) but gives no reason", true)
            case .unknown(let text): return ("\(cannot): \(leads) but says \(printable(text, limit: 40))", true)
            case .leaseWait, .termNotApplied, .nodeosBehind, .nodeosPaused, .regionStandby, .regionPaused:
                return ("\(cannot): \(leads) but says \(reason)", true)
            }
        case .unknown:
            let follows = leader.map { "peer \($0.id) leads, as others say, but tells nothing itself" }
            return ("whether \(label) produces is unknown: \(follows ?? "nobody can tell")", true)
        case .unreachable: return ("\(label) is unreachable", true)
        }
    }

    /// A peer that may produce and does not is not producing.
    private var producingClause: String {
        let heads = peers.compactMap { $0.status?.production.head }
        if heads.isEmpty { return "\(label) may produce and has no block yet" }
        let quiet = quiet ?? 0
        let isProven = heads.contains { $0.committedAt != nil } && quiet <= ClusterView.recentHead
        return isProven
            ? "\(label) is producing" : "\(label) may produce, but has committed no block for \(span(quiet.value))"
    }

    /// Who is missing and why, those with the same reason together.
    private var missing: [String] {
        var order: [String] = []
        var names: [String: [PeerView]] = [:]
        for peer in peers {
            guard let failure = peer.report.failure else { continue }
            let heard = peer.heardBy.isEmpty ? "" : ", though other peers hear it"
            let text = "\(failure.adjective) (\(printable(failure.message, limit: 80))\(heard))"
            if names[text] == nil { order.append(text) }
            names[text, default: []].append(peer)
        }
        return order.map { text in
            let those = names[text] ?? []
            let ids = those.compactMap(\.id)
            let who = ids.count == those.count ? peerNames(ids) : enumeration(those.map(\.name))
            return "\(who) \(text)"
        }
    }
}
