// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

// How a region's view is made from its peers' reports.

extension RegionView {
    init(name: String?, reports: [PeerReport], quorumInFile: Int?) {
        let judgement = Judgement(reports: reports, quorumInFile: quorumInFile)
        self.name = name
        leader = judgement.leader
        quorum = judgement.quorum
        isActive = judgement.isActive
        epoch =
            judgement.authority.map { $0.status.production.epoch }
            ?? judgement.answers.map(\.status.production.epoch).max()
        let production = judgement.isActive == nil ? nil : judgement.latest?.status.production
        standing = production.map { $0.state ?? ($0.regionActive ? .active : .standby) }
        activatedEpoch = judgement.latest?.status.production.activatedEpoch
        openSwitch = judgement.latest?.status.production.switch
        superseded = judgement.latest?.status.production.superseded
        lastDrill = judgement.latest?.status.production.lastDrill
        heard = judgement.heard
        pause = judgement.latest?.status.production.pause
        maintenance = judgement.latest?.status.maintenance ?? []
        bestCommitIndex = judgement.bestCommitIndex
        leaseHolders = judgement.answers.filter(\.status.raft.lease.held).map(\.id)
        producers = judgement.producers
        isCertain = judgement.isCertain
        state = judgement.state
        quiet = judgement.quiet
        peers = judgement.peers
        disagreements = judgement.disagreements
        alarms = judgement.alarms
        concerns = judgement.concerns
    }
}

/// A peer that answered.
private struct Witness {
    var id: Int
    var answer: PeerAnswer

    var status: StatusDocument { answer.status }
    var term: UInt64 { status.raft.term }
    /// The peer that it takes for the leader. A leader takes itself, whatever else it writes.
    var follows: Int? {
        if status.raft.role == .leader { return id }
        return status.raft.leaderID >= 0 ? status.raft.leaderID : nil
    }
    var members: [Int] { (status.peers.map(\.id) + [id]).sorted() }
}

private struct Judgement {
    let reports: [PeerReport]
    let quorumInFile: Int?
    let answers: [Witness]
    let leader: RegionView.Leader?
    let quorum: Int?

    init(reports: [PeerReport], quorumInFile: Int?) {
        let answers = reports.compactMap { report in
            report.answer.map { Witness(id: $0.status.peer.id, answer: $0) }
        }
        self.answers = answers
        self.quorumInFile = quorumInFile
        // A member that peers tell of is in the list, whether or not it was asked.
        let listed = Set(reports.compactMap(\.target.id))
        let told = Set(answers.flatMap(\.members)).subtracting(listed).sorted()
        self.reports =
            reports
            + told.prefix(ClusterView.maxHearsay).map { id in
                let region = reports.first?.target.region
                return PeerReport(
                    target: PeerTarget(region: region, id: id, api: nil, origin: .hearsay),
                    outcome: .failed(.notListed))
            }
        leader = Self.leader(answers)
        quorum = mostFrequent(answers.map(\.status.raft.quorumSize)) ?? quorumInFile
    }

    /// Of all claims the one of the highest term counts, and within a term a peer's own before what others say of it.
    /// A claim about a peer that denies it, in that term or later, does not count.
    private static func leader(_ answers: [Witness]) -> RegionView.Leader? {
        func denies(_ witness: Witness, term: UInt64) -> Bool {
            witness.term >= term && !(witness.status.raft.role == .leader && witness.term == term)
        }
        var claims: [RegionView.Leader] = []
        for witness in answers {
            guard let id = witness.follows else { continue }
            if let named = answers.first(where: { $0.id == id }), denies(named, term: witness.term) { continue }
            claims.append(.init(id: id, term: witness.term, isSelfDeclared: id == witness.id))
        }
        let term = claims.map(\.term).max()
        let latest = claims.filter { $0.term == term }
        if let declared = latest.first(where: \.isSelfDeclared) { return declared }
        return mostFrequent(latest.map(\.id)).flatMap { id in latest.first { $0.id == id } }
    }

    /// The leader's own answer.
    var authority: Witness? {
        guard let leader, leader.isSelfDeclared else { return nil }
        return answers.first { $0.id == leader.id }
    }

    /// Who has applied most of the log.
    var latest: Witness? { authority ?? answers.max { $0.status.raft.appliedIndex < $1.status.raft.appliedIndex } }

    /// Those who speak for the region when its leader does not: its followers, or all when nobody leads.
    private var followers: [Witness] {
        guard let leader else { return answers }
        return answers.filter { $0.follows == leader.id && $0.term == leader.term }
    }

    var producers: [Int] { answers.filter(\.status.production.canProduce).map(\.id) }

    var isActive: Bool? {
        if answers.contains(where: \.status.production.canProduce) { return true }
        let active = (authority.map { [$0] } ?? followers).map(\.status.production.regionActive)
        guard isCertain || authority != nil || leader != nil else { return nil }
        return active.contains(true) ? true : active.isEmpty ? nil : false
    }

    // MARK: - Other regions

    var heard: [HeardRegion]? {
        let said = answers.flatMap { witness in
            (witness.status.regions ?? []).prefix(ClusterView.maxHearsay).map { other in
                HeardRegion(other, by: witness.id)
            }
        }
        guard answers.contains(where: { $0.status.regions != nil }) else { return nil }
        func age(_ region: HeardRegion) -> Double { region.age?.value ?? .infinity }
        var names: [String] = []
        for region in said where !names.contains(region.name) { names.append(region.name) }
        return names.compactMap { name in said.filter { $0.name == name }.min { age($0) < age($1) } }
    }

    // MARK: - What cannot be seen

    private func heardBy(_ id: Int?) -> [Int] {
        guard let id else { return [] }
        return answers.filter { witness in
            witness.status.peers.contains { other in
                other.id == id && other.connected
                    && (other.lastContactMS ?? ClusterView.recentContact) <= ClusterView.recentContact
            }
        }.map(\.id)
    }

    /// Peers that gave no status and may run nevertheless. A refused connection says that a peer is down only while
    /// no other peer hears it: the address of its API may be wrong.
    private var unseen: Int {
        reports.count { report in
            switch report.failure {
            case nil: false
            case .refused: !heardBy(report.target.id).isEmpty
            case .cannotConnect, .noAnswer, .brokenOff, .garbage, .httpError, .otherSchemaVersion, .someoneElse,
                .cannotBeCalled, .notListed:
                true
            }
        }
    }

    var isCertain: Bool {
        guard let quorum, !answers.isEmpty else { return false }
        return unseen < quorum
    }

    private var hasQuorum: Bool { quorum.map { answers.count >= $0 } ?? false }

    // MARK: - State

    var state: RegionView.State {
        if answers.isEmpty { return .unreachable }
        if producers.count > 1 { return .severalMayProduce(producers) }
        if let producer = producers.first { return .producing(producer) }
        if let authority { return Self.state(of: authority.status) }
        let speakers = followers.map(\.status.production)
        if leader != nil || isCertain || hasQuorum, !speakers.isEmpty {
            if speakers.allSatisfy({ !$0.regionActive && $0.epoch > 0 }) { return .standby }
            if leader != nil, speakers.allSatisfy(\.paused) { return .paused }
        }
        if leader != nil { return .unknown }
        return .stopped(hasQuorum ? .noLeader : .noQuorum)
    }

    private static func state(of status: StatusDocument) -> RegionView.State {
        guard let reason = status.production.reason else { return .stopped(.unknown("")) }
        switch reason {
        case .regionStandby: return .standby
        case .regionPaused: return .paused
        case .leaseWait:
            let rest = status.raft.lease.held ? nil : status.raft.lease.remainingMS
            return .waiting(reason, remaining: rest.flatMap { $0 > 0 ? $0 : nil })
        case .termNotApplied, .nodeosBehind, .nodeosPaused: return .waiting(reason, remaining: nil)
        case .notLeader, .noLeader, .noQuorum, .leaseExpired, .regionUnconfirmed, .regionsInConflict,
            .nodeosUnreachable, .nodeosDiverged, .nodeosWrongChain, .nodeosClockOff, .nodeosSignerFailed, .draining,
            .shuttingDown, .unknown:
            return .stopped(reason)
        }
    }

    var quiet: Milliseconds? {
        guard let producer = answers.first(where: { $0.status.production.canProduce }) else { return nil }
        let ages = answers.compactMap { witness in
            witness.status.production.head?.committedAt.map {
                Milliseconds(Double(max(0, witness.answer.at.unixMilliseconds - $0.unixMilliseconds)))
            }
        }
        return ages.min() ?? producer.status.peer.uptimeMS
    }

    // MARK: - Peers

    /// Among the answers of the leader's term; among all while nobody leads. What any peer takes for committed is
    /// committed, but a deposed leader's answer may be of another moment than the others'.
    var bestCommitIndex: UInt64? {
        let ofItsTerm = answers.filter { $0.term == leader?.term }
        return (ofItsTerm.isEmpty ? answers : ofItsTerm).map(\.status.raft.commitIndex).max()
    }

    var peers: [PeerView] {
        reports.map { report in
            let id = report.target.id
            let contacts = answers.compactMap { witness in
                witness.status.peers.first { $0.id == id }?.lastContactMS
            }
            let lag = report.answer.map { answer -> UInt64 in
                let best = bestCommitIndex ?? 0
                return best - min(best, answer.status.raft.commitIndex)
            }
            return PeerView(
                report: report, lag: lag, isLeader: id != nil && id == leader?.id, heardBy: heardBy(id),
                lastHeard: contacts.min(), lastKnown: report.answer == nil ? lastKnown(id) : nil)
        }
    }

    private func lastKnown(_ id: Int?) -> PeerView.Hearsay? {
        let told = answers.flatMap { witness in
            witness.answer.known.compactMap { known -> PeerView.Hearsay? in
                guard known.id == id, let status = known.status, let age = known.ageMS else { return nil }
                return PeerView.Hearsay(status: status, age: age, from: witness.id)
            }
        }
        return told.min { $0.age < $1.age }
    }

    // MARK: - Findings

    var disagreements: [Disagreement] {
        func by<Answer: Hashable>(_ answer: (Witness) -> Answer) -> [(peer: Int, answer: Answer)] {
            answers.map { ($0.id, answer($0)) }
        }
        let terms = Dictionary(answers.map { ($0.id, $0.term) }) { first, _ in first }
        func inTerms(_ ids: [Int]) -> String {
            let all = Set(ids.compactMap { terms[$0] }).sorted().map(String.init)
            return "(term\(all.count == 1 ? "" : "s") \(enumeration(all)))"
        }
        let claimants = answers.filter { $0.status.raft.role == .leader }
        let note =
            claimants.count > 1 && Set(claimants.map(\.term)).count > 1
            ? leader.map { "the higher term counts: peer \($0.id) leads" } : nil
        let aboutLeader = Disagreement(.leader, answers: by(\.follows), note: note) { id, ids in
            (id.map { "peer \($0) leads" } ?? "that nobody leads") + " " + inTerms(ids)
        }
        let aboutTerm = Disagreement(.term, answers: by(\.term)) { term, _ in "it is \(term)" }
        // The leaders' line names the terms: it is not said twice.
        let sameSides = aboutLeader.map { Set($0.camps.map(\.peers)) } == aboutTerm.map { Set($0.camps.map(\.peers)) }
        let aboutState = Disagreement(
            .regionState,
            answers: by {
                ($0.status.production.regionActive ? "active" : "standby")
                    + ($0.status.production.paused ? " and paused" : "")
            }
        ) { state, _ in "it is \(state)" }
        let listed = reports.filter { $0.target.origin == .file }.compactMap(\.target.id).sorted()
        return [
            aboutLeader,
            sameSides ? nil : aboutTerm,
            Disagreement(.epoch, answers: by(\.status.production.epoch)) { epoch, _ in "it is \(epoch)" },
            aboutState,
            Disagreement(.quorum, answers: by(\.status.raft.quorumSize), inFile: quorumInFile) { q, _ in "it is \(q)" },
            Disagreement(.members, answers: by(\.members), inFile: listed.isEmpty ? nil : listed) { ids, _ in
                "they are \(enumeration(ids.map(String.init)))"
            },
        ].compactMap { $0 }
    }

    var alarms: [String] {
        var alarms: [String] = []
        func named(_ ids: [Int]) -> String {
            enumeration(answers.filter { ids.contains($0.id) }.map { "peer \($0.id) (term \($0.term))" })
        }
        if producers.count > 1 {
            alarms.append("\(producers.count) peers say that they may produce: \(named(producers))\(apart(producers))")
        }
        let holders = answers.filter(\.status.raft.lease.held).map(\.id)
        if holders.count > 1, holders != producers {
            alarms.append("\(holders.count) peers say that they hold the lease: \(named(holders))\(apart(holders))")
        }
        let leaders = answers.filter { $0.status.raft.role == .leader }
        for (term, claimants) in Dictionary(grouping: leaders, by: \.term).sorted(by: { $0.key < $1.key })
        where claimants.count > 1 {
            alarms.append("\(peerNames(claimants.map(\.id))) both say that they lead in term \(term)")
        }
        for witness in answers where witness.status.production.canProduce {
            let production = witness.status.production
            var against: [String] = []
            if witness.status.raft.role != .leader { against.append("it does not lead") }
            if !witness.status.raft.lease.held { against.append("it holds no lease") }
            if !production.regionActive { against.append("its region is standby") }
            if production.paused { against.append("its region is paused") }
            if against.isEmpty { continue }
            alarms.append("peer \(witness.id) says that it may produce, yet \(enumeration(against))")
        }
        let heads = answers.compactMap { witness in witness.status.production.head.map { (witness.id, $0) } }
        for (number, sayers) in Dictionary(grouping: heads, by: \.1.blockNum).sorted(by: { $0.key < $1.key })
        where Set(sayers.map(\.1.blockID)).count > 1 {
            let ids = sayers.map { "peer \($0.0) has \(printable(String($0.1.blockID.prefix(16))))" }
            alarms.append("block \(number) is committed with different ids: \(enumeration(ids))")
        }
        return alarms
    }

    /// Answers that lie further apart than a lease may both be true, one after the other.
    private func apart(_ ids: [Int]) -> String {
        let instants = answers.filter { ids.contains($0.id) }.map(\.answer.at.unixMilliseconds)
        let lease = answers.map(\.status.raft.lease.expiryMS.value).max() ?? 0
        guard let first = instants.min(), let last = instants.max(), Double(last - first) > lease else { return "" }
        return ", but the answers are \(span(Double(last - first))) apart: look again"
    }

    var concerns: [String] {
        var concerns: [String] = []
        let answering = Set(answers.map(\.id))
        let linksDown = Dictionary(
            answers.map { witness in
                (witness.id, witness.status.peers.filter { !$0.connected && answering.contains($0.id) }.map(\.id))
            }
        ) { first, _ in first }
        for peer in peers {
            guard let status = peer.status, let id = peer.id else { continue }
            if let lag = peer.lag, lag > ClusterView.maxLag { concerns.append("peer \(id) is \(lag) entries behind") }
            let raft = status.raft
            if raft.commitIndex > raft.appliedIndex, raft.commitIndex - raft.appliedIndex > ClusterView.maxLag {
                concerns.append("peer \(id) has applied \(raft.appliedIndex) of \(raft.commitIndex) committed entries")
            }
            if let best = bestCommitIndex, raft.commitIndex > best {
                concerns.append("peer \(id), of another term, has committed \(raft.commitIndex - best) entries more")
            }
            // Both ends know of it; it is said once.
            let missing = linksDown[id, default: []].filter { other in
                !(other < id && linksDown[other, default: []].contains(id))
            }
            if !missing.isEmpty { concerns.append("peer \(id) has no link to \(peerNames(missing))") }
            if let nodeos = status.nodeos, !nodeos.reachable {
                // The leader's is the reason why it cannot produce.
                let isSaid = peer.isLeader && status.production.reason == .nodeosUnreachable
                if !isSaid { concerns.append("peer \(id)'s nodeos does not answer") }
            }
            if let answer = peer.report.answer {
                concerns += Self.expiring(status.peer.certificates ?? [], at: answer.at).map { "peer \(id)'s \($0)" }
            }
            if let queue = status.transactions?.queue, queue.state == .failing {
                concerns.append(
                    "peer \(id) cannot consume the queue \(queue.name): \(queue.reason ?? "why is not known")")
            }
        }
        if let quiet, quiet > ClusterView.maxQuiet { concerns.append("no block for \(span(quiet.value))") }
        if !hasQuorum, !answers.isEmpty, let quorum, state.reason != .noQuorum {
            concerns.append("fewer than the quorum of \(quorum) answer")
        }
        return concerns
    }

    /// Certificates that are no longer good, or not for long.
    private static func expiring(_ certificates: [StatusDocument.Certificate], at now: UTCInstant) -> [String] {
        certificates.compactMap { certificate in
            let left = Double(certificate.expiresAt.unixMilliseconds - now.unixMilliseconds)
            guard left < ClusterView.certificateWarning.value else { return nil }
            let name = "certificate for \(certificate.use == "peers" ? "other peers" : "its API")"
            return left > 0 ? "\(name) expires in \(span(left))" : "\(name) has expired, so new connections fail"
        }
    }
}

/// The value that most have; of equals the one that comes first.
private func mostFrequent<Value: Hashable>(_ values: [Value]) -> Value? {
    let counts = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
    guard let most = counts.values.max() else { return nil }
    return values.first { counts[$0] == most }
}
