// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// Whether a region could take over now, judged from one round of answers. A pure value, of which `prodha status` says
/// whether a standby region is ready and `prodha failover` whether it begins.
public struct Preflight: Hashable, Sendable {
    /// By how many blocks a nodeos of the new region may be behind the old region's head: ten seconds of blocks, which it
    /// makes up for in less than one.
    public static let reach: Int64 = 20
    /// Clocks that differ by more put the new region's first block before the old one's last, or far behind it.
    public static let maxClockOffset = 1000.0
    /// A region that was heard within this time is heard. Peers ask each other once a second.
    public static let recentlyHeard = Milliseconds(5_000)

    public enum Severity: String, Hashable, Sendable {
        /// It would not go through, or not safely.
        case refusal
        /// It would go through, and is to be looked at.
        case warning
        /// Worth knowing.
        case note
    }

    public struct Finding: Hashable, Sendable {
        public var severity: Severity
        /// As scripts read it.
        public var name: String
        /// Nil: it is about no single region.
        public var region: String?
        public var what: String
        /// What would make it pass; empty for a note.
        public var remedy: String
    }

    /// A region's part in the switch.
    public struct Side: Hashable, Sendable {
        public var region: String
        public var epoch: UInt64
        public var activatedEpoch: UInt64
        public var head: BlockReference?
        public var hasNodeos: Bool
    }

    /// The region that takes over, as it was asked for.
    public let target: String
    public let kind: SwitchKind
    public private(set) var findings: [Finding] = []
    /// The region that is active; of a forced switch that which was active last. Nil when it is not known.
    public private(set) var from: Side?
    public private(set) var to: Side?
    /// Of a forced switch: the region that is given up, and what is known of it.
    public private(set) var givenUp: GivenUpDocument?
    /// The target is active, and no other region is.
    public private(set) var isActiveAlready = false
    /// There is no such region.
    public private(set) var isUnknown = false
    /// A switch that has begun and not ended.
    public private(set) var openSwitch: SwitchDocument?

    public var refusals: [Finding] { findings.filter { $0.severity == .refusal } }
    public var passes: Bool { refusals.isEmpty && !isActiveAlready }

    /// - Parameters:
    ///   - regions: every region that was asked, and how it answered.
    ///   - kind: a forced one does not ask the old region for anything.
    public init(_ regions: [RegionView], to target: String, kind: SwitchKind) {
        self.target = target
        self.kind = kind
        guard let new = regions.first(where: { $0.name == target }) else {
            isUnknown = true
            let names = regions.compactMap(\.name).map { printable($0) }
            refuse(
                "unknown_region", nil, "there is no region \(printable(target))",
                names.isEmpty ? "name one of the configuration file" : "name one of \(enumeration(names))")
            return
        }
        to = Side(new)
        let others = regions.filter { $0.name != target }
        let active = others.filter { $0.isActive == true }
        let isActive = new.isActive == true && new.standing != .activating
        isActiveAlready = isActive && active.isEmpty
        guard !others.isEmpty else {
            guard !isActiveAlready else { return }
            refuse(
                "one_region", nil, "\(target) is the only region that is known here",
                "give --config with a file that lists the regions, not --peer")
            return
        }
        findRunningSwitch(regions, new)
        switch kind {
        case .forced: from = checkForced(new, others, active)
        case .planned, .drill, .unknown: from = checkPlanned(new, others, active, isActive)
        }
        if isActiveAlready { return }
        checkGroup(new)
        checkTarget(new)
        compare(new, others)
    }

    private mutating func refuse(_ name: String, _ region: RegionView?, _ what: String, _ remedy: String) {
        findings.append(Finding(severity: .refusal, name: name, region: region?.name, what: what, remedy: remedy))
    }

    private mutating func warn(_ name: String, _ region: RegionView?, _ what: String, _ remedy: String) {
        findings.append(Finding(severity: .warning, name: name, region: region?.name, what: what, remedy: remedy))
    }

    private mutating func note(_ name: String, _ region: RegionView?, _ what: String) {
        findings.append(Finding(severity: .note, name: name, region: region?.name, what: what, remedy: ""))
    }

    // MARK: - Who is active

    private mutating func findRunningSwitch(_ regions: [RegionView], _ new: RegionView) {
        if kind == .forced {
            // What the lost region's log has is closed when it returns.
            guard let running = new.openSwitch else { return }
            openSwitch = running
            guard running.to == target || running.from == target else {
                refuse(
                    "switch_running", new, "\(running.words) has begun and not ended, and does not concern \(target)",
                    "see it through with prodha failover --resume, or undo it with --rollback")
                return
            }
            warn(
                "switch_taken_over", new, "\(running.words) has begun and not ended",
                "it is taken over, or closed, by this one")
            return
        }
        guard let region = regions.first(where: { $0.openSwitch != nil }), let running = region.openSwitch else {
            return
        }
        openSwitch = running
        refuse(
            "switch_running", region, "\(running.words) has begun and not ended, as the log of \(region.label) has it",
            "see it through with prodha failover --resume, or undo it with --rollback")
    }

    private mutating func checkPlanned(
        _ new: RegionView, _ others: [RegionView], _ active: [RegionView], _ isActive: Bool
    ) -> Side? {
        if isActiveAlready { return nil }
        let all = active + (isActive ? [new] : [])
        if all.count > 1 {
            refuse(
                "several_active", nil, "\(all.count) regions are active: \(enumeration(all.map(\.label)))",
                "see prodha status; the one with the lower epoch of activation stops by itself, and of equal ones "
                    + "prodha failover --region NAME --force --accept-loss says which goes on")
            return nil
        }
        guard let old = active.first else {
            let lost = others.filter { $0.isActive == nil }
            if let lost = lost.first {
                checkReach(lost)
            } else {
                refuse(
                    "none_active", nil, "no region is active, so there is none to take over from",
                    "prodha failover --region \(target) --force --accept-loss starts it from the last block that is "
                        + "known")
            }
            return nil
        }
        checkGroup(old)
        if old.head == nil {
            refuse("no_block", old, "\(old.label) has no block yet", "wait for its first block")
        }
        if let pause = old.pause {
            warn("old_paused", old, "\(old.label) is paused \(pause.words())", "\(target) will produce nevertheless")
        }
        if let theirs = new.head?.blockNum, let ours = old.head?.blockNum, theirs > ours {
            refuse(
                "head_ahead", new, "\(new.label) holds block \(theirs) and \(old.label) has come to block \(ours) only",
                "wait until \(old.label) has passed block \(theirs)")
        }
        checkHearing(new, of: old)
        checkHearing(old, of: new)
        checkNodeos(new, old)
        return Side(old)
    }

    /// The old region is asked for nothing, so all that counts is that it cannot be.
    private mutating func checkForced(_ new: RegionView, _ others: [RegionView], _ active: [RegionView]) -> Side? {
        for region in others where region.isDenied { refuseToken(region) }
        let isEqual = { (region: RegionView) in
            new.isActive == true && new.activatedEpoch != nil && region.activatedEpoch == new.activatedEpoch
        }
        for region in active where region.hasLiveLeader && !isEqual(region) {
            refuse(
                "reachable", region, "\(region.label) is active, and its leader answers and has a quorum",
                "use a planned switch, which loses nothing: prodha failover --region \(target); where that is refused "
                    + "too, put right what it names, or stop the daemons of \(region.label) first")
        }
        let last = others.max { ($0.lastActivated(new) ?? 0) < ($1.lastActivated(new) ?? 0) }
        checkNodeos(new, nil)
        return last.map { region in
            var side = Side(region)
            // What it cannot say itself, others heard.
            if let heard = new.heard?.first(where: { $0.name == region.name })?.report {
                side.epoch = max(side.epoch, heard.epoch)
                side.activatedEpoch = max(side.activatedEpoch, heard.activatedEpoch)
            }
            let known = region.lastKnown(heardBy: others + [new])
            let heard = (others + [new]).flatMap(\.heardEverywhere).filter { $0.name == region.name }
            let epochs = heard.compactMap(\.report?.epoch) + [side.epoch]
            givenUp = GivenUpDocument(region: region.label, epoch: epochs.max() ?? 0, known: known)
            side.head = known?.block
            return side
        }
    }

    // MARK: - One group

    private mutating func refuseToken(_ region: RegionView) {
        refuse("denied", region, "the peers of \(region.label) answer and refuse the token", "show one that they take")
    }

    /// Whether it answers, and who leads it.
    private mutating func checkReach(_ region: RegionView) {
        if region.isDenied { return refuseToken(region) }
        guard region.up > 0 else {
            return refuse(
                "unreachable", region, "no peer of \(region.label) gives a status",
                region.name == target
                    ? "bring its peers up, or reach them"
                    : "reach it; if it is lost: prodha failover --region \(target) --force --accept-loss")
        }
        checkLeader(region)
    }

    private mutating func checkGroup(_ region: RegionView) {
        checkReach(region)
        guard region.up > 0 else { return }
        for alarm in region.alarms { refuse("alarm", region, "\(region.label): \(alarm)", "see prodha status") }
        for disagreement in region.disagreements {
            switch disagreement.subject {
            case .quorum, .members:
                refuse(
                    "configuration_differs", region, "\(region.label): \(disagreement.sentence)",
                    "put the files right: prodha validate --live")
            case .leader, .term, .epoch, .regionState:
                warn("peers_disagree", region, "\(region.label): \(disagreement.sentence)", "look again in a moment")
            }
        }
        for peer in region.peers {
            if let failure = peer.report.failure {
                warn(
                    "peer_missing", region,
                    "\(peer.name) of \(region.label) gives no status: \(printable(failure.message, limit: 80))",
                    "bring it up, or reach it")
            } else if let lag = peer.lag, lag > ClusterView.maxLag {
                warn(
                    "peer_behind", region, "\(peer.name) of \(region.label) is \(lag) entries behind", "let it catch up"
                )
            }
        }
    }

    private mutating func checkLeader(_ region: RegionView) {
        guard let leader = region.leader, leader.isSelfDeclared else {
            refuse(
                "no_leader", region, "no peer of \(region.label) says that it leads",
                "see which of its peers are down or cannot reach each other: prodha status")
            return
        }
        guard region.hasLiveLeader else {
            refuse(
                "no_quorum", region, "peer \(leader.id) leads \(region.label) and holds no lease",
                "see which of its peers are down or cannot reach each other: prodha status")
            return
        }
        if let quorum = region.quorum, region.up < quorum {
            refuse(
                "few_answer", region,
                "\(region.up) of the peers of \(region.label) \(region.up == 1 ? "gives" : "give") a status, and its "
                    + "quorum is \(quorum)", "reach the APIs of more of its peers")
        }
    }

    private mutating func checkTarget(_ new: RegionView) {
        guard new.leaderStatus?.production.paused == true else { return }
        let pause = new.pause.map { " \($0.words())" } ?? ""
        refuse(
            "paused", new, "\(new.label) is paused\(pause), so it would not produce",
            "prodha resume --region \(target)")
    }

    private mutating func checkHearing(_ region: RegionView, of other: RegionView) {
        // Nil: none of its peers says, for they are of an earlier version.
        guard let heard = region.heard else { return }
        guard let entry = heard.first(where: { $0.name == other.name }) else {
            warn(
                "region_not_listed", region, "the peers of \(region.label) do not know of \(other.label)",
                "list it under regions in their files")
            return
        }
        let age = entry.age.map { "for \(span($0.value))" } ?? "yet"
        guard entry.age.map({ $0 > Self.recentlyHeard }) ?? true else { return }
        warn(
            "region_not_heard", region, "\(region.label) has not heard \(other.label) \(age)",
            "see that its peers reach the APIs that the files name, and with https trust their certificates "
                + "(api.tls.ca_file)")
    }

    // MARK: - nodeos

    private mutating func checkNodeos(_ new: RegionView, _ old: RegionView?) {
        let beside = new.peers.compactMap { peer in peer.status?.nodeos.map { (peer, $0) } }
        let olds = (old?.peers ?? []).compactMap { peer in peer.status?.nodeos }
        guard !beside.isEmpty else {
            if olds.isEmpty {
                note("no_nodeos", new, "no nodeos is attached to \(new.label), so no chain is compared")
            } else {
                refuse(
                    "no_nodeos", new, "no peer of \(new.label) has a nodeos, and those of \(old?.label ?? "?") have",
                    "attach them: nodeos.http in the files")
            }
            return
        }
        checkChains(new, beside.map(\.1), olds)
        let head = old?.head.map { Int64($0.blockNum) }
        var troubles: [String] = []
        for (peer, nodeos) in beside {
            if let trouble = nodeos.trouble(head: head) { troubles.append("\(peer.name)'s \(trouble)") }
        }
        let well = beside.count - troubles.count
        let quorum = new.quorum ?? new.total / 2 + 1
        if well < quorum {
            // With no trouble to tell of, peers are missing or have none.
            let why = troubles.isEmpty ? "" : ": " + troubles.joined(separator: "; ")
            refuse(
                "nodeos_not_ready", new,
                troubles.count == 1 && beside.count >= quorum
                    ? "\(new.label): \(troubles[0])"
                    : "\(counted(max(0, well), "nodeos", "nodeos")) of \(new.label) stand ready, and the quorum is "
                        + "\(quorum)\(why)",
                "bring them up and let them catch up; one that does not, or is on another branch, is started anew from a "
                    + "snapshot")
        } else {
            for trouble in troubles { warn("nodeos_not_ready", new, "\(new.label): \(trouble)", "let it catch up") }
        }
        checkKeys(new, beside, olds, quorum)
    }

    private mutating func checkChains(
        _ new: RegionView, _ news: [StatusDocument.Nodeos], _ olds: [StatusDocument.Nodeos]
    ) {
        let chains = Set((news + olds).compactMap(\.chainID))
        guard chains.count > 1 else { return }
        let mine = Set(news.compactMap(\.chainID)).sorted().map { printable(String($0.prefix(16))) }
        let theirs = Set(olds.compactMap(\.chainID)).sorted().map { printable(String($0.prefix(16))) }
        refuse(
            "chains_differ", new,
            "the nodeos are not all of one chain: \(new.label) has \(enumeration(mine))"
                + (theirs.isEmpty ? "" : ", the old region \(enumeration(theirs))"),
            "attach nodeos of the same chain")
    }

    private mutating func checkKeys(
        _ new: RegionView, _ beside: [(PeerView, StatusDocument.Nodeos)], _ olds: [StatusDocument.Nodeos],
        _ quorum: Int
    ) {
        if new.peers.contains(where: { $0.status?.production.reason == .nodeosSignerFailed }) {
            refuse(
                "signer_failed", new, "no signature can be made in \(new.label)",
                "see what the status of its nodeos says: the key, or the keosd behind it")
        }
        let keys = Set(beside.compactMap(\.1.signer?.publicKey))
        let oldKeys = Set(olds.compactMap(\.signer?.publicKey))
        let without = beside.filter { $0.1.signer == nil }.compactMap(\.0.id)
        guard !without.isEmpty else {
            let strange = keys.subtracting(oldKeys).sorted().map { printable($0, limit: 64) }
            if !oldKeys.isEmpty, !strange.isEmpty {
                warn(
                    "keys_differ", new,
                    "\(new.label) signs with \(enumeration(strange)), which the old region does not",
                    "see that the chain takes that key from the producer")
            }
            return
        }
        let what =
            "\(peerNames(without)) of \(new.label) \(without.count == 1 ? "has" : "have") no producer key: no signature "
            + "gate is configured"
        let remedy = "configure nodeos.signer in their files"
        if beside.count - without.count < quorum, !(keys.isEmpty && oldKeys.isEmpty && !olds.isEmpty) {
            refuse("no_key", new, what, remedy)
        } else {
            warn("no_key", new, what, remedy)
        }
    }

    // MARK: - Across regions

    private mutating func compare(_ new: RegionView, _ others: [RegionView]) {
        let concerned = [new] + others.filter { $0.name == from?.region }
        let answers = concerned.flatMap { region in
            region.peers.compactMap { peer in peer.report.answer.map { ("\(peer.name) of \(region.label)", $0) } }
        }
        let versions = Dictionary(grouping: answers, by: \.1.status.peer.version)
        if versions.count > 1 {
            let words = versions.sorted { $0.key < $1.key }.map { version, peers in
                "\(enumeration(peers.map(\.0))) \(peers.count == 1 ? "runs" : "run") \(printable(version, limit: 30))"
            }
            warn("versions_differ", nil, "versions differ: \(words.joined(separator: "; "))", "finish the update")
        }
        if let clocks = ClockSpread(answers), clocks.apart > LiveCheck.maxClockOffset {
            if clocks.apart > Self.maxClockOffset {
                refuse("clocks_differ", nil, clocks.words, "synchronize their clocks")
            } else {
                warn("clocks_differ", nil, clocks.words, "synchronize their clocks")
            }
        }
        for region in others where region.name != from?.region && region.up == 0 {
            warn(
                "region_silent", region,
                "no peer of \(region.label) gives a status, so whether it is active is unknown",
                "reach it")
        }
    }
}

extension Preflight.Side {
    init(_ region: RegionView) {
        self.init(
            region: region.label, epoch: region.epoch ?? 0, activatedEpoch: region.activatedEpoch ?? 0,
            head: region.head, hasNodeos: region.peers.contains { $0.status?.nodeos != nil })
    }
}

extension StatusDocument.Nodeos {
    /// Why it does not stand ready to go on from a block of that number; nil when it does.
    fileprivate func trouble(head number: Int64?) -> String? {
        if !reachable { return "nodeos does not answer" }
        switch condition {
        case "wrong_chain": return "nodeos is on another chain"
        case "diverged": return "nodeos is on another branch"
        default: break
        }
        guard let number, let mine = head else { return head == nil ? "nodeos has not said its head yet" : nil }
        let distance = number - Int64(mine.blockNum)
        return distance > Preflight.reach ? "chain is \(grouped(distance)) blocks behind" : nil
    }
}

extension StatusDocument {
    /// Also where only what follows from a lease is told.
    var holdsLease: Bool { raft.lease.held || production.canProduce }
}

extension RegionView {
    /// The leader's own status.
    var leaderStatus: StatusDocument? {
        guard let leader, leader.isSelfDeclared else { return nil }
        return peers.first { $0.id == leader.id }?.status
    }

    /// The highest block that is known to be committed.
    var head: BlockReference? {
        let heads = peers.compactMap(\.status?.production.head)
        return heads.max { $0.blockNum < $1.blockNum }
            .map { BlockReference(blockNum: $0.blockNum, blockID: $0.blockID) }
    }

    /// Its leader answers, and a quorum confirmed it a moment ago.
    var hasLiveLeader: Bool {
        leaderStatus?.holdsLease ?? false
    }

    /// Peers were reached, and all that answered want another token.
    var isDenied: Bool { up == 0 && peers.contains { $0.report.failure?.isDenial == true } }

    /// Its highest block that is known, by the word of its own peers or as those of other regions heard it.
    fileprivate func lastKnown(heardBy others: [RegionView]) -> GivenUpDocument.Known? {
        typealias Known = GivenUpDocument.Known
        let said = peers.compactMap(\.status).compactMap { status in
            status.production.head.map {
                Known(
                    block: BlockReference(blockNum: $0.blockNum, blockID: $0.blockID), toldBy: status.peer.id,
                    source: .command, ageMS: 0)
            }
        }
        let heard = others.flatMap(\.heardEverywhere).filter { $0.name == name }.compactMap { heard in
            heard.report.flatMap { report in
                report.head.map {
                    Known(
                        block: $0, toldBy: report.peer >= 0 ? report.peer : nil, source: .beacon,
                        ageMS: heard.boundedAge)
                }
            }
        }
        return (said + heard).max { ($0.block.blockNum, $1.ageMS) < ($1.block.blockNum, $0.ageMS) }
    }

    /// By its own word, or what the other one heard of it.
    fileprivate func lastActivated(_ other: RegionView) -> UInt64? {
        let heard = other.heard?.first { $0.name == name }?.report?.activatedEpoch
        return [activatedEpoch, heard].compactMap { $0 }.max()
    }
}

extension HeardRegion {
    /// As the log takes it; as old as can be where nobody says.
    fileprivate var boundedAge: Milliseconds {
        let longest = Double(GivenUpDocument.longestAgeMS)
        return Milliseconds(min(max(0, age?.value ?? longest), longest))
    }
}

extension SwitchDocument {
    /// "a planned switch from east to west, by alice@ops at 12:00:00Z (drill)".
    public var words: String {
        let sort =
            switch kind {
            case .planned: "a planned switch"
            case .forced: "a forced switch"
            case .drill: "a drill"
            case .unknown(let text): "a switch (\(printable(text, limit: 20)))"
            }
        let origin = from.isEmpty ? "" : " from \(printable(from, limit: 64))"
        return "\(sort)\(origin) to \(printable(to, limit: 64)) \(act.words())"
    }

    var unended: String { "\(words) has not ended: prodha failover --resume goes on, --rollback undoes it" }
}

/// Whether a standby region could take over now.
public struct Readiness: Hashable, Sendable {
    /// Planned; forced while the region that is active cannot be reached.
    public var kind: SwitchKind
    /// What stands against it; empty when it is ready.
    public var obstacles: [String]
    public var lastDrill: StatusDocument.Drill?
    /// Since the last drill, by the clock of whoever asks.
    public var sinceDrill: Milliseconds?

    public var isReady: Bool { obstacles.isEmpty }

    /// Nil for a region that is not standby, of which nothing is known, or that has none to take over from.
    init?(of region: RegionView, among regions: [RegionView]) {
        guard let name = region.name, region.standing == .standby, region.up > 0 else { return nil }
        let others = regions.filter { $0.name != name }
        guard others.contains(where: { $0.isActive != false }) else { return nil }
        kind = others.contains { $0.isActive == true } ? .planned : .forced
        obstacles = Preflight(regions, to: name, kind: kind).refusals.map(\.what)
        lastDrill = region.lastDrill
        let now = region.peers.compactMap(\.report.answer?.at.unixMilliseconds).max()
        sinceDrill = lastDrill.flatMap { drill in
            now.map { Milliseconds(Double(max(0, $0 - drill.at.unixMilliseconds))) }
        }
    }

    /// "ready, last drill 12 days ago: 0.8 s", "not ready: west: peer 5's chain is 1,200 blocks behind".
    public var words: String {
        guard isReady else { return "not ready: " + obstacles.joined(separator: "; ") }
        let state = kind == .forced ? "ready for a forced switch" : "ready"
        guard let lastDrill, let sinceDrill else { return "\(state), never rehearsed" }
        let days = Int(min(sinceDrill.value / 86_400_000, 1e9))
        let ago = days >= 2 ? "\(days) days ago" : "\(span(sinceDrill.value)) ago"
        let gap = lastDrill.gapMS.map { ": " + tenths($0.value) } ?? ""
        return "\(state), last drill \(ago)\(gap)"
    }
}
