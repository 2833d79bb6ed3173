// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover

/// What a switch would do: shown before it begins.
public struct FailoverPlan: Hashable, Sendable {
    public struct Line: Hashable, Sendable {
        /// As the progress names it.
        public var step: String
        public var what: String
        /// In milliseconds.
        public var deadlineMS: Int64
        /// How it is undone from here; empty where there is nothing to undo.
        public var wayBack: String
    }

    public var kind: SwitchKind
    public var from: String
    public var to: String
    public var lines: [Line]
    /// Time slots that go without a block, as far as can be told.
    public var missedSlots: Int?
    /// What could be lost.
    public var loss: String
    /// Of a forced switch: each peer of the old region, and when it was heard last.
    public var tried: [String] = []

    /// A planned switch takes no longer than this where no drill has measured it, in milliseconds.
    static let usualGapMS = 1500.0
}

extension FailoverPlan {
    /// Nil when the pre-flight does not know both regions.
    init?(_ preflight: Preflight, _ regions: [RegionView]) {
        guard let to = preflight.to, let new = regions.first(where: { $0.name == preflight.target }) else { return nil }
        switch preflight.kind {
        case .forced: self.init(forced: preflight, to, new, regions)
        case .planned, .drill, .unknown:
            guard let from = preflight.from else { return nil }
            self.init(planned: preflight.kind, from, to, new)
        }
    }

    private init(planned kind: SwitchKind, _ from: Preflight.Side, _ to: Preflight.Side, _ new: RegionView) {
        self.kind = kind
        self.from = from.region
        self.to = to.region
        let b = to.region
        let papers = Papers(
            id: "", kind: .planned, from: from.region, to: b, fromExpects: from.epoch, toExpects: to.epoch)
        // Without a nodeos there is no chain to wait for.
        lines = Step.plan(fromIsLost: false).filter { to.hasNodeos || ($0 != .catchUp && $0 != .hold) }
            .map { Line($0, papers) }
        let gap = new.lastDrill?.gapMS?.value ?? Self.usualGapMS
        missedSlots = max(0, Int((min(gap, 1e9) / Double(Incident.slot)).rounded(.up)) - 1)
        loss = "nothing, since \(b) goes on from the last block of \(from.region)"
        if kind == .drill {
            loss += "; then the same back from \(b) to \(from.region)"
            missedSlots = missedSlots.map { 2 * $0 }
        }
    }

    private init(forced preflight: Preflight, _ to: Preflight.Side, _ new: RegionView, _ regions: [RegionView]) {
        kind = .forced
        let old = preflight.from
        let a = old?.region ?? "the old region"
        let b = to.region
        from = old?.region ?? ""
        self.to = b
        let papers = Papers(id: "", kind: .forced, from: a, to: b, fromExpects: 0, toExpects: to.epoch)
        let start =
            to.hasNodeos
            ? "from the highest block that a quorum of its nodeos holds" : "from the highest block that is known"
        // One that is active already, as another one is, is only activated anew.
        let isActive = new.isActive == true
        lines = Step.plan(fromIsLost: true).filter { !isActive || $0 == .activate }.map { step in
            var line = Line(step, papers)
            switch step {
            case .activate where isActive:
                line.what = "gives \(b) an epoch far above that of \(a), which stops when it hears of it"
                line.wayBack = "both stay as they are"
            case .begin: line.wayBack = "the switch is closed"
            case .activate:
                line.what = "makes \(b) active, \(start), with an epoch far above that of \(a)"
                line.wayBack = "\(b) is sealed, so that a late activation is refused"
            case .look, .catchUp, .stop, .hold, .handOver, .standDown, .prove, .close, .seal, .restart, .closeBack:
                break
            }
            return line
        }
        missedSlots = nil
        let here = Self.highest(new, hasNodeos: to.hasNodeos)
        let last = old?.head.map { "the last block of \(a) that is known is \($0.blockNum)" }
        let lacking: String
        switch (old?.head?.blockNum, here) {
        case (let theirs?, let ours?) where theirs > ours:
            lacking = "\(b) lacks \(counted(Int(theirs - ours), "block")) of those that are known"
        case (_?, _?): lacking = "\(b) has all of those that are known"
        default: lacking = "how many \(b) lacks is not known"
        }
        loss =
            "every block that \(a) has committed and \(b) does not have; "
            + [last, lacking].compactMap { $0 }.joined(separator: ", and ")
            + ". Unreachable is not stopped: \(a) may be producing now, until it hears of the switch"
        tried = regions.first { $0.name == old?.region }.map { Self.tried($0, from: new) } ?? []
    }

    /// The highest block that the region can go on from.
    private static func highest(_ region: RegionView, hasNodeos: Bool) -> UInt32? {
        guard hasNodeos else { return region.head?.blockNum }
        let heads = region.peers.compactMap { $0.status?.nodeos?.head?.blockNum }.sorted(by: >)
        let quorum = region.quorum ?? region.total / 2 + 1
        return heads.count >= quorum && quorum > 0 ? heads[quorum - 1] : nil
    }

    /// Each peer of the old region: what became of asking it, and when it was heard last.
    private static func tried(_ old: RegionView, from new: RegionView) -> [String] {
        let heard = new.peers.compactMap(\.status).flatMap { status in
            (status.regions ?? []).filter { $0.name == old.name }.compactMap { other in
                other.ageMS.map { (peer: other.report?.peer, age: $0.value, by: status.peer.id) }
            }
        }
        return old.peers.map { peer in
            let answer = peer.report.failure.map { printable($0.message, limit: 80) } ?? "answers"
            let latest = heard.filter { $0.peer == peer.id }.min { $0.age < $1.age }
            let word =
                latest.map { "peer \($0.by) of \(new.label) heard it \(span($0.age)) ago" }
                ?? peer.lastHeard.map { "its own peers heard it \(span($0.value)) ago" }
                ?? "when it was heard last is not known"
            return "\(peer.name) of \(old.label): \(answer); \(word)"
        }
    }
}

extension FailoverPlan.Line {
    init(_ step: Step, _ papers: Papers) {
        self.init(
            step: step.rawValue, what: step.does(papers, fromIsLost: papers.kind == .forced),
            deadlineMS: step.limitMS, wayBack: step.wayBack(papers))
    }
}
