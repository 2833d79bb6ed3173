// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// How things stand, judged from one round of answers. A pure value: the same answers give the same judgement.
public struct ClusterView: Hashable, Sendable {
    /// By how many entries a peer may be behind and still be well: ten seconds of blocks. Answers are not taken at one
    /// instant, so some difference means nothing.
    public static let maxLag: UInt64 = 20
    /// For how long a peer that may produce may have no block committed and still be well. Longer than a round of 21
    /// producers with 12 blocks each, 126 s.
    public static let maxQuiet = Milliseconds(180_000)
    /// A certificate that expires within this time is a concern.
    public static let certificateWarning = Milliseconds(7 * 86_400_000)
    /// Within it a head is news: the region is producing.
    public static let recentHead = Milliseconds(10_000)
    /// A peer that another one heard within this time runs, whatever its API says.
    public static let recentContact = Milliseconds(2_000)

    /// Peers of a group that are listed or asked because another peer tells of them.
    public static let maxHearsay = 64

    public enum Verdict: String, Hashable, Sendable {
        /// Every peer answered and nothing is to be said against any of them.
        case well
        case degraded
        /// No peer gave a status: nothing is known.
        case unreachable

    }

    public var regions: [RegionView]
    /// What must never be, across regions.
    public var alarms: [String]
    /// What is not well, across regions.
    public var concerns: [String]

    public init(_ inspection: Inspection) {
        var names: [String?] = []
        for report in inspection.reports where !names.contains(report.target.region) {
            names.append(report.target.region)
        }
        regions = names.map { name in
            RegionView(
                name: name, reports: inspection.reports.filter { $0.target.region == name },
                quorumInFile: name.flatMap { inspection.quorumInFile[$0] })
        }
        for index in regions.indices where regions.count > 1 {
            regions[index].readiness = Readiness(of: regions[index], among: regions)
        }
        alarms = []
        concerns = []
        let producing = regions.filter { !$0.producers.isEmpty }
        if producing.count > 1 {
            let who = producing.flatMap { region in region.producers.map { "peer \($0) of \(region.label)" } }
            alarms.append("peers of \(producing.count) regions say that they may produce: \(enumeration(who))")
        }
        let active = regions.filter { $0.isActive == true }
        if active.count > 1 {
            let which = active.map { region in
                let since = region.activatedEpoch.map { ", active since \($0)" } ?? ""
                return region.label + (region.epoch.map { " (epoch \($0)\(since))" } ?? "")
            }
            alarms.append("\(active.count) regions are active: \(enumeration(which))\(Self.whoIsRight(active))")
        }
        for region in regions {
            guard let running = region.openSwitch, !concerns.contains(running.unended) else { continue }
            concerns.append(running.unended)
        }
        if regions.count > 1, regions.allSatisfy({ $0.isActive == false }) {
            concerns.append("no region is active, so nothing produces")
        }
    }

    /// Of active regions that with the higher epoch of activation is right.
    private static func whoIsRight(_ active: [RegionView]) -> String {
        let epochs = active.compactMap(\.activatedEpoch)
        guard epochs.count == active.count, let highest = epochs.max() else { return "" }
        let right = active.filter { $0.activatedEpoch == highest }.map(\.label)
        let others = active.filter { $0.activatedEpoch != highest }.map(\.label)
        if right.count == 1 {
            return "; \(right[0]) is right, \(enumeration(others)) must stop and does so on hearing of it"
        }
        return "; none of \(enumeration(right)) is newer, so they stop: prodha failover --force --accept-loss --region "
            + "NAME says which one goes on"
    }

    public var verdict: Verdict {
        if regions.allSatisfy({ $0.verdict == .unreachable }) { return .unreachable }
        return alarms.isEmpty && concerns.isEmpty && regions.allSatisfy { $0.verdict == .well } ? .well : .degraded
    }

    /// Peers were reached, and all that answered want another token.
    public var isDenied: Bool { verdict == .unreachable && regions.contains(where: \.isDenied) }

    /// 0 well, 2 degraded, 69 nothing reachable, 77 the token is refused.
    public var exitCode: Int32 {
        switch verdict {
        case .well: 0
        case .degraded: 2
        case .unreachable: isDenied ? 77 : 69
        }
    }

    /// One sentence that says the whole truth.
    public var headline: String {
        let alarm = alarms.map { "ALARM: \($0)" }
        return (alarm + regions.map(\.headline) + concerns).joined(separator: "; ")
    }
}

/// One region's group.
public struct RegionView: Hashable, Sendable {
    /// Who leads, as far as can be told.
    public struct Leader: Hashable, Sendable {
        public var id: Int
        public var term: UInt64
        /// Whether it says so itself.
        public var isSelfDeclared: Bool
    }

    /// Whether the region produces.
    public enum State: Hashable, Sendable {
        /// One peer says that it may.
        case producing(Int)
        /// More than one does.
        case severalMayProduce([Int])
        case standby
        /// An operator stopped it.
        case paused
        /// It cannot yet, for a reason that passes by itself.
        case waiting(CanProduceReason, remaining: Milliseconds?)
        case stopped(CanProduceReason)
        /// The peer that could tell did not.
        case unknown
        /// No peer told anything.
        case unreachable

        public var name: String {
            switch self {
            case .producing: "producing"
            case .severalMayProduce: "several_may_produce"
            case .standby: "standby"
            case .paused: "paused"
            case .waiting: "waiting"
            case .stopped: "stopped"
            case .unknown: "unknown"
            case .unreachable: "unreachable"
            }
        }

        public var reason: CanProduceReason? {
            switch self {
            case .waiting(let reason, _), .stopped(let reason): reason
            case .standby: .regionStandby
            case .paused: .regionPaused
            case .producing, .severalMayProduce, .unknown, .unreachable: nil
            }
        }
    }

    /// Nil while no peer has told it.
    public var name: String?
    public var peers: [PeerView]
    public var leader: Leader?
    public var state: State
    /// False: peers that cannot be seen from here could be a quorum of their own, and so make `state` untrue.
    public var isCertain: Bool
    /// As its peers have it, else as the file has it.
    public var quorum: Int?
    /// Nil when nobody can tell.
    public var isActive: Bool?
    public var epoch: UInt64?
    /// What it does, as its leader says, else as that peer says which has applied most. Nil when nobody can tell.
    public var standing: RegionStanding?
    /// The epoch at which it became active last. Nil when nobody says.
    public var activatedEpoch: UInt64?
    /// A switch that has begun and not ended.
    public var openSwitch: SwitchDocument?
    /// Another region went on without this one.
    public var superseded: LossDocument.Superseded?
    public var lastDrill: StatusDocument.Drill?
    /// The other regions, each as that peer heard it which heard it last. Nil when no peer says.
    public var heard: [HeardRegion]?
    /// Whether it could take over now. Nil unless it is standby, answers, and other regions were asked too.
    public var readiness: Readiness?
    /// Who paused it and why; nil when it is not paused, or nobody said.
    public var pause: ActDocument?
    /// Peers that are to take no leadership.
    public var maintenance: [StatusDocument.Maintenance]
    /// The best commit index that lags are counted against.
    public var bestCommitIndex: UInt64?
    /// Peers that say they hold the lease.
    public var leaseHolders: [Int]
    /// Peers that say they may produce.
    public var producers: [Int]
    /// Since the last block that is known to be committed; since the producer's start when it saw none. Nil when nothing
    /// may produce or nobody can tell.
    public var quiet: Milliseconds?
    /// What must never be.
    public var alarms: [String]
    public var disagreements: [Disagreement]
    /// What is not well, apart from unanswered questions and disagreements.
    public var concerns: [String]

    public var label: String { name ?? "the group" }
    public var up: Int { peers.count { $0.status != nil } }
    public var total: Int { peers.count }

    public var verdict: ClusterView.Verdict {
        if up == 0 { return .unreachable }
        let produces =
            switch state {
            case .producing, .standby: true
            case .severalMayProduce, .paused, .waiting, .stopped, .unknown, .unreachable: false
            }
        let isWell =
            up == total && produces && isCertain && alarms.isEmpty && disagreements.isEmpty && concerns.isEmpty
            && leader?.isSelfDeclared == true && readiness?.isReady != false && openSwitch == nil
        return isWell ? .well : .degraded
    }
}

/// Another region, as one peer of this one heard it.
public struct HeardRegion: Hashable, Sendable {
    public var name: String
    /// The peer that heard it; that said so, when nobody has.
    public var by: Int
    /// Nil: it was never heard.
    public var age: Milliseconds?
    public var report: RegionReportDocument?
    /// The last block of it that the peer holds.
    public var held: BlockReference?
    /// How the peer reaches each of its peers; nil: it does not say.
    public var contacts: [StatusDocument.OtherRegion.Contact]?

    init(_ other: StatusDocument.OtherRegion, by peer: Int) {
        name = other.name
        by = peer
        age = other.ageMS
        report = other.report
        held = other.held
        contacts = other.peers
    }
}

/// One peer, and what the others say of it.
public struct PeerView: Hashable, Sendable {
    public var report: PeerReport
    /// Entries behind `RegionView.bestCommitIndex`. Nil without an answer.
    public var lag: UInt64?
    public var isLeader: Bool
    /// Peers that answered and have a link to this one, and heard it lately.
    public var heardBy: [Int]
    /// Since any peer that answered heard it last.
    public var lastHeard: Milliseconds?
    /// Of a peer that gave no status: the latest that another one has of it.
    public var lastKnown: Hearsay?

    public struct Hearsay: Hashable, Sendable {
        public var status: StatusDocument
        /// Since the other peer had it.
        public var age: Milliseconds
        /// The peer that tells it.
        public var from: Int

        /// "follower, term 7, commit 120, head 1034, may not produce (no_quorum)".
        var words: String {
            let head = status.production.head.map { ", head \($0.blockNum)" } ?? ""
            let produces = status.production.canProduce ? "may produce" : status.produceText
            return printable(status.raft.role.rawValue, limit: 16)
                + ", term \(status.raft.term), commit \(status.raft.commitIndex)\(head), \(produces)"
        }
    }

    public var name: String { report.target.name }
    public var id: Int? { report.target.id }
    public var status: StatusDocument? { report.answer?.status }
    public var linksUp: Int? { status.map { $0.peers.count(where: \.connected) } }
    public var linksTotal: Int? { status.map(\.peers.count) }
}

/// A question that the peers of a region answer differently.
public struct Disagreement: Hashable, Sendable {
    public enum Subject: String, Hashable, Sendable {
        case leader, term, epoch, quorum, members
        case regionState = "region_state"

        var words: String {
            switch self {
            case .leader: "the leader"
            case .term: "the term"
            case .epoch: "the epoch"
            case .quorum: "the quorum"
            case .members: "the members"
            case .regionState: "the region's state"
            }
        }
    }

    /// Peers that say the same.
    public struct Camp: Hashable, Sendable {
        /// "peer 2 leads (term 7)".
        public var says: String
        /// Ids.
        public var peers: [Int]
        /// Whether the configuration file says so too.
        public var file: Bool
        /// Fewer peers than the largest camp. When no camp is the largest none is a minority.
        public var isMinority: Bool

        public var who: String {
            let names = (peers.isEmpty ? [] : [peerNames(peers)]) + (file ? ["the file"] : [])
            return enumeration(names)
        }
    }

    public var subject: Subject
    /// Largest first.
    public var camps: [Camp]
    /// What decides it, where something does.
    public var note: String?

    /// One line: who says what.
    public var sentence: String {
        let sides = camps.map { camp in
            let verb = camp.peers.count + (camp.file ? 1 : 0) == 1 ? "says" : "say"
            return "\(camp.who) \(verb) \(camp.says)\(camp.isMinority ? ", a minority" : "")"
        }
        return "they disagree about \(subject.words): \(sides.joined(separator: "; "))" + (note.map { "; \($0)" } ?? "")
    }

    /// Nil when all say the same.
    init?<Answer: Hashable>(
        _ subject: Subject, answers: [(peer: Int, answer: Answer)], inFile: Answer? = nil, note: String? = nil,
        words: (Answer, [Int]) -> String
    ) {
        var order: [Answer] = []
        var peers: [Answer: [Int]] = [:]
        for (peer, answer) in answers {
            if peers[answer] == nil { order.append(answer) }
            peers[answer, default: []].append(peer)
        }
        if let inFile, !answers.isEmpty, peers[inFile] == nil { order.append(inFile) }
        guard order.count > 1 else { return nil }
        let largest = peers.values.map(\.count).max() ?? 0
        let isDecided = peers.values.count { $0.count == largest } == 1
        self.subject = subject
        self.note = note
        camps = order.map { answer in
            let ids = peers[answer] ?? []
            return Camp(
                says: words(answer, ids), peers: ids, file: answer == inFile,
                isMinority: isDecided && ids.count < largest)
        }
        // Stable, so that equal camps stay in the order of the peers.
        camps = camps.enumerated().sorted { ($1.element.peers.count, $0.offset) < ($0.element.peers.count, $1.offset) }
            .map(\.element)
    }
}
