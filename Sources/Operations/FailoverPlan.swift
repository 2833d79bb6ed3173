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
        let here = Self.highest(new, of: old?.region, hasNodeos: to.hasNodeos)
        let known = preflight.givenUp?.known
        let last = known.map { "the last block of \(a) that is known is \($0.block.blockNum), \($0.origin)" }
        let lacking: String
        switch (known?.block.blockNum, here) {
        case (let theirs?, let here?) where theirs > here.number:
            lacking =
                "\(b) lacks \(counted(Int(theirs - here.number), "block")) of those that are known, for it has "
                + "block \(here.number), \(here.place)"
        case (_?, let here?):
            lacking = "\(b) has all of those that are known: block \(here.number), \(here.place)"
        default: lacking = "how many \(b) lacks is not known"
        }
        loss =
            "every block that \(a) has committed and \(b) does not have; "
            + [last, lacking].compactMap { $0 }.joined(separator: ", and ")
            + ". Unreachable is not stopped: \(a) may be producing now, until it hears of the switch"
        tried = regions.first { $0.name == old?.region }.map { Self.tried($0, regions) } ?? []
    }

    /// The highest block that the region can go on from, and where it is.
    private static func highest(
        _ region: RegionView, of old: String?, hasNodeos: Bool
    ) -> (number: UInt32, place: String)? {
        if hasNodeos {
            let heads = region.peers.compactMap { $0.status?.nodeos?.head?.blockNum }.sorted(by: >)
            let quorum = region.quorum ?? region.total / 2 + 1
            guard heads.count >= quorum, quorum > 0 else { return nil }
            return (heads[quorum - 1], "which a quorum of its nodeos has")
        }
        let own = region.head.map { ($0.blockNum, "the end of its log") }
        // What its peers fetch from other regions while it is standby is in no log.
        guard let (held, peer) = old.flatMap({ region.held(of: $0).first }), held.blockNum > own?.0 ?? 0 else {
            return own
        }
        let log = own.map { "its log ends with block \($0.0)" } ?? "its log has none"
        return (held.blockNum, "which peer \(peer) fetched from \(old ?? "") (\(log))")
    }

    /// Each peer of the old region: what became of asking it now, and when anybody heard it last.
    private static func tried(_ old: RegionView, _ regions: [RegionView]) -> [String] {
        let contacts = regions.filter { $0.name != old.name }.flatMap { region in
            region.heardEverywhere.filter { $0.name == old.name }.flatMap { heard in
                (heard.contacts ?? []).map { (contact: $0, by: "peer \(heard.by) of \(region.label)") }
            }
        }
        return old.peers.map { peer in
            let answer = peer.report.failure.map { printable($0.message, limit: 80) } ?? "answers"
            let beacons = contacts.filter { $0.contact.id == peer.id }
            let heard = beacons.compactMap { beacon in beacon.contact.ageMS.map { (age: $0.value, by: beacon.by) } }
            let own = peer.lastHeard.map { (age: $0.value, by: "its own group") }
            let words: String
            if let last = (heard + [own].compactMap { $0 }).min(by: { $0.age < $1.age }) {
                words = "\(last.by) heard it \(span(last.age)) ago"
            } else if beacons.isEmpty {
                words = "when it was heard last is not known"
            } else {
                words = "no peer that answers has heard it since it started"
            }
            let troubles = Set(beacons.compactMap(\.contact.trouble))
            let why = troubles.count == 1 ? troubles.first.map { " (\(printable($0, limit: 80)))" } ?? "" : ""
            return "\(peer.name) of \(old.label): \(answer); \(words)\(why)"
        }
    }
}

extension GivenUpDocument.Known {
    /// "told by its peer 2 (the region was heard last 1.2 s ago)", "as its peer 2 answers now".
    var origin: String {
        let peer = toldBy.map { "its peer \($0)" } ?? "one of its peers"
        switch source {
        case .command: return "as \(peer) answers now"
        case .beacon, .unknown: return "told by \(peer) (the region was heard last \(span(ageMS.value)) ago)"
        }
    }
}

extension GivenUpDocument {
    /// "east was given up; its last known block was 123 (0000007bab12cd34), told by its peer 2; the region was heard last 1.2 s
    /// before"
    var words: String {
        guard !region.isEmpty else { return "which region was active was not known" }
        let name = printable(region, limit: 64)
        guard let known else { return "\(name) was given up; no block of it was known" }
        return "\(name) was given up; its last known block was \(known.words)"
    }
}

extension GivenUpDocument.Known {
    /// "123 (0000007bab12cd34), told by its peer 2; the region was heard last 1.2 s before"
    var words: String {
        let peer = toldBy.map { "its peer \($0)" } ?? "one of its peers"
        let id = printable(String(block.blockID.prefix(16)), limit: 16)
        switch source {
        case .command: return "\(block.blockNum) (\(id)), as \(peer) answered \(span(ageMS.value)) before"
        case .beacon, .unknown:
            return "\(block.blockNum) (\(id)), told by \(peer); the region was heard last \(span(ageMS.value)) before"
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
