// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
/// What is going on: events in, facts out. Times count from the demonstration's start.
struct DemoStory: Sendable {
    enum Process: Hashable, Sendable {
        case absent
        case runs(pid: Int32, since: Duration)
        case killed(at: Duration)
        case ended(Ending, at: Duration)

        var isRunning: Bool { if case .runs = self { true } else { false } }

        var runsSince: Duration? { if case .runs(_, let since) = self { since } else { nil } }

        /// Since when it is down.
        var downSince: Duration? {
            switch self {
            case .absent, .runs: nil
            case .killed(let time), .ended(_, let time): time
            }
        }
    }

    struct Peer: Hashable, Sendable {
        var process = Process.absent
        /// Of its nodeos; nil when it has none.
        var nodeos: Process?
        var report: PeerReport?
        /// Of the last answer since its process was started.
        var reportedAt: Duration?
        /// The group's head when it went down.
        var headWhenLost: UInt32?
        /// It was down and has not caught up yet.
        var isComingBack = false

        private var processes: [Process] { [process] + (nodeos.map { [$0] } ?? []) }
        /// Both are there.
        var isRunning: Bool { processes.allSatisfy(\.isRunning) }
        /// Since when it lacks one or both.
        var downSince: Duration? { processes.compactMap(\.downSince).min() }
        /// Since when both are there.
        var runsSince: Duration? { isRunning ? processes.compactMap(\.runsSince).max() : nil }
    }

    /// A leader that died, until the next block is committed.
    struct Outage: Hashable, Sendable {
        var leader: Int
        var killedAt: Duration
        var lastCommitAt: Duration
    }

    /// What is being done about the regions.
    enum Turn: Hashable, Sendable {
        case none
        /// All of it was killed, and the other one does not know yet.
        case lost(DemoRegion, since: Duration)
        /// A command is at work. The last block was in this slot, acknowledged at that time.
        case switching(Switch.Kind, from: DemoRegion, to: DemoRegion)
        /// It is to come back, give way, and tell what only it has.
        case returning(DemoRegion, since: Duration)
    }

    enum Tone: Hashable, Sendable { case plain, good, bad }

    struct Entry: Hashable, Sendable {
        var at: Duration
        var text: String
        var tone: Tone
    }

    /// A slot of the strip.
    enum Slot: Hashable, Sendable {
        case before
        case committed(by: Int)
        case missed
        /// It is not over yet.
        case due
    }

    /// Slots and events that are remembered: more than the screen shows.
    static let stripLength = 120
    static let journalLength = 50

    let grid: SlotGrid
    let regions: [DemoRegion]
    var quorum: Int { DemoRegion.quorum }
    /// A nodeos stands beside each peer and makes its blocks, and one stands outside.
    let hasNodeos: Bool
    private(set) var peers: [Int: Peer]
    private(set) var outside = Process.absent
    private(set) var leader: Int?
    private(set) var term: UInt64 = 0
    private(set) var head: UInt32?
    private(set) var blocks = 0
    private(set) var abandoned = 0
    /// Blocks by who made them.
    private(set) var made: [Int: Int] = [:]
    private(set) var transactions = 0
    private(set) var forks: Set<UInt32> = []
    private(set) var firstNumber: UInt32?
    private(set) var firstSlot: Int?
    private(set) var lastSlot: Int?
    private(set) var firstCommitAt: Duration?
    private(set) var lastCommitAt: Duration?
    private(set) var outage: Outage?
    private(set) var turn = Turn.none
    /// The switch whose first block is yet to be seen; the command may end before.
    private var awaited = Turn.none
    private(set) var switches: [Switch] = []
    /// A switch was refused or rolled back so often in a row.
    private(set) var failedSwitches = 0
    /// The acts of the script that are over: deaths of leaders, switches.
    private(set) var acts = 0
    /// When the last of them was over, or failed.
    private(set) var lastActAt: Duration?
    private(set) var leadersKilled = 0
    /// Without a committed block, around the death of each leader.
    private(set) var gaps: [Duration] = []
    /// Between any two blocks.
    private(set) var longestGap = Duration.zero
    private(set) var finishing: String?
    private(set) var journal: [Entry] = []
    private var committedBy: [Int: Int] = [:]
    private(set) var killedIn: [Int: Int] = [:]
    private(set) var turnedIn: Set<Int> = []
    /// The last block of each region, by its name.
    private var heads: [String: UInt32] = [:]
    private var unprinted: [Entry] = []

    init(regions: [DemoRegion], grid: SlotGrid, hasNodeos: Bool = false) {
        self.grid = grid
        self.regions = regions
        self.hasNodeos = hasNodeos
        let peer = Peer(nodeos: hasNodeos ? .absent : nil)
        peers = Dictionary(uniqueKeysWithValues: regions.flatMap(\.peers).map { ($0, peer) })
    }

    var ids: [Int] { peers.keys.sorted() }
    /// "2 regions of 3 peers".
    var size: String {
        let peers = count(regions.first?.peers.count ?? 0, "peer")
        return regions.count > 1 ? "\(regions.count) regions of \(peers)" : peers
    }
    func region(of peer: Int) -> DemoRegion? { regions.first { $0.peers.contains(peer) } }
    /// The one that made the last block; before the first block the one that may make it.
    var active: DemoRegion? { leader.flatMap { region(of: $0) } ?? regions.first }
    /// Another than the active one.
    var other: DemoRegion? { regions.first { $0 != active } }
    /// Of the active region, those that can produce.
    var running: [Int] { (active?.peers ?? []).filter { peers[$0]?.isRunning == true } }
    /// Of the active region, those that count for the quorum, with or without their nodeos.
    var voting: [Int] { (active?.peers ?? []).filter { peers[$0]?.process.isRunning == true } }
    var down: [Int] { ids.filter { peers[$0]?.downSince != nil } }
    var comingBack: [Int] { ids.filter { peers[$0]?.isComingBack == true } }
    /// Elected, while the last leader's lease may still run.
    var waitingForLease: Int? {
        running.first { peers[$0]?.report?.role == .leader && peers[$0]?.report?.reason == .leaseWait }
    }
    var haveAllAnswered: Bool { peers.values.allSatisfy { $0.reportedAt != nil } }
    /// All peers have the last block of their region, in their logs and in their nodeos.
    var haveAllTheHead: Bool {
        peers.allSatisfy { id, peer in
            guard let report = peer.report else { return false }
            guard let head = region(of: id).flatMap({ heads[$0.name] }) else { return true }
            return report.head ?? 0 >= head && (peer.nodeos == nil || report.nodeos?.head ?? 0 >= head)
        }
    }
    /// What the peers of a region say of it, the latest epoch counting.
    func report(of region: DemoRegion) -> RegionReport? {
        region.peers.compactMap { peers[$0]?.report?.region }.max { $0.epoch < $1.epoch }
    }
    /// The region is back and has given way to the other.
    func hasGivenWay(_ region: DemoRegion) -> Bool {
        region.peers.allSatisfy { id in
            guard let peer = peers[id], peer.isRunning, !peer.isComingBack, let report = peer.report else {
                return false
            }
            return report.region.standing == .standby && report.region.isSuperseded && report.leader != nil
        }
    }
    /// No region believes that it is active while another one is.
    var isOneActive: Bool { regions.count { report(of: $0)?.standing == .active } <= 1 }
    /// Nobody is down, coming back or without a leader, and blocks are made.
    var isCalm: Bool {
        outage == nil && down.isEmpty && comingBack.isEmpty && turn == .none && leader.map(running.contains) == true
            && peers.values.allSatisfy { $0.report?.leader != nil }
    }

    /// Slots since the first block of which the group has none, this one not counted.
    func missedSlots(at now: Duration) -> Int {
        guard let firstSlot, let lastSlot else { return 0 }
        let end = finishing == nil ? max(lastSlot, grid.slot(at: now) - 1) : lastSlot
        // Where the chain's time runs ahead, two regions may have a block in one slot.
        return max(0, end - firstSlot + 1 - blocks)
    }

    /// The last slots, the current one included.
    func strip(_ length: Int, at now: Duration) -> [(slot: Int, is: Slot)] {
        let current = finishing == nil ? grid.slot(at: now) : lastSlot ?? grid.slot(at: now)
        return (current - length + 1...current).map { slot in
            guard let firstSlot, slot >= firstSlot else { return (slot, .before) }
            if let peer = committedBy[slot] { return (slot, .committed(by: peer)) }
            return (slot, slot < current || finishing != nil ? .missed : .due)
        }
    }

    /// Events since the last call.
    mutating func takeNews() -> [Entry] {
        defer { unprinted = [] }
        return unprinted
    }

    mutating func note(_ event: DemoEvent, at now: Duration) {
        switch event {
        case .started(let part, let pid): started(part, pid, now)
        case .answered(let peer, let report): answered(peer, report, now)
        case .committed(let number, let slot, let peer, let term): committed(number, slot, peer, term, now)
        case .abandoned(let number):
            abandoned += 1
            write("another block is committed at height \(number); the next one is built on it", .bad, now)
        case .regionKilled(let region): killed(region, now)
        case .switching(let region, let kind):
            guard let active else { return }
            turn = .switching(kind, from: active, to: region)
            awaited = turn
            write(
                "prodha failover --region \(region.name)\(kind == .forced ? " --force --accept-loss" : "")", .plain, now
            )
        case .switched: switched(now)
        case .notSwitched:
            if case .switching(.forced, let from, _) = turn { turn = .lost(from, since: now) } else { turn = .none }
            awaited = .none
            failedSwitches += 1
            lastActAt = now
        case .said(let line): write("  " + line, .plain, now)
        case .lossTold(let region, let blocks): told(region, blocks, now)
        case .killed(let peer):
            lose(.prodha(peer), now)
            acts += 1
            peers[peer]?.process = .killed(at: now)
            if hasNodeos { peers[peer]?.nodeos = .killed(at: now) }
            let what = (outage?.leader == peer ? ", the leader" : "") + (hasNodeos ? ", with its nodeos" : "")
            write("killed peer \(peer)\(what)", .bad, now)
        case .ended(let part, let ending): ended(part, ending, now)
        case .unexplained(let number):
            write("the outside node has a block at height \(number) that no log has", .bad, now)
        case .promised: transactions += 1
        case .forks(let heights):
            for height in heights.subtracting(forks).sorted() {
                write("the outside node was given a second block at height \(height)", .bad, now)
            }
            forks = heights
        case .finishing(let why):
            finishing = why
            write(why, .plain, now)
        case .remark(let text): write(text, .plain, now)
        }
    }

    private mutating func write(_ text: String, _ tone: Tone, _ now: Duration) {
        let entry = Entry(at: now, text: text, tone: tone)
        journal.append(entry)
        unprinted.append(entry)
        if journal.count > Self.journalLength { journal.removeFirst() }
    }

    private mutating func started(_ part: Part, _ pid: Int32, _ now: Duration) {
        let process = Process.runs(pid: pid, since: now)
        guard let peer = part.peer else {
            outside = process
            return
        }
        let wasDown = peers[peer]?.downSince != nil
        if case .nodeos = part {
            peers[peer]?.nodeos = process
        } else {
            peers[peer]?.process = process
            peers[peer]?.report = nil
            peers[peer]?.reportedAt = nil
        }
        guard wasDown, peers[peer]?.isRunning == true else { return }
        peers[peer]?.isComingBack = true
        write("started peer \(peer) again", .plain, now)
    }

    private mutating func ended(_ part: Part, _ ending: Ending, _ now: Duration) {
        lose(part, now)
        let process = Process.ended(ending, at: now)
        switch part {
        case .prodha(let peer): peers[peer]?.process = process
        case .nodeos(let peer): peers[peer]?.nodeos = process
        case .outside: outside = process
        }
        let isLeader = part.peer != nil && outage?.leader == part.peer
        write("\(part.text)\(isLeader ? ", the leader" : ""): \(ending.text)", .bad, now)
    }

    private mutating func lose(_ part: Part, _ now: Duration) {
        guard let peer = part.peer else { return }
        if case .prodha = part {
            peers[peer]?.report = nil
            peers[peer]?.reportedAt = nil
        }
        peers[peer]?.isComingBack = false
        let head = region(of: peer).flatMap { heads[$0.name] }
        peers[peer]?.headWhenLost = head
        guard peer == leader, turn == .none, outage == nil, let lastCommitAt, finishing == nil else { return }
        outage = Outage(leader: peer, killedAt: now, lastCommitAt: lastCommitAt)
        leadersKilled += 1
        lastActAt = now
        killedIn[grid.slot(at: now)] = peer
    }

    private mutating func answered(_ peer: Int, _ report: PeerReport, _ now: Duration) {
        guard peers[peer]?.process.isRunning == true else { return }
        peers[peer]?.report = report
        peers[peer]?.reportedAt = now
        let region = region(of: peer)?.name ?? ""
        if let its = report.head { heads[region] = max(its, heads[region] ?? 0) }
        let head = heads[region]
        // Up to the block that is on its way to it now.
        func isAtHead(_ its: UInt32?) -> Bool { (its ?? 0) + 1 >= head ?? 0 }
        let isNodeosBack = !hasNodeos || report.nodeos.map { $0.condition == "well" && isAtHead($0.head) } ?? false
        guard peers[peer]?.isComingBack == true, let since = peers[peer]?.runsSince, report.leader != nil,
            isAtHead(report.head), isNodeosBack
        else { return }
        peers[peer]?.isComingBack = false
        let lacked = Int(report.head ?? 0) - Int(peers[peer]?.headWhenLost ?? report.head ?? 0)
        let blocks = lacked > 0 ? " on \(count(lacked, "block"))" : ""
        write("peer \(peer) has caught up\(blocks), \((now - since).text()) after its start", .good, now)
    }

    private mutating func committed(_ number: UInt32, _ slot: Int, _ peer: Int, _ term: UInt64, _ now: Duration) {
        let region = region(of: peer)
        let isTurn = leader.map { self.region(of: $0) != region } ?? false
        if isTurn, let region { turned(to: region, number, slot, now) }
        blocks += 1
        made[peer, default: 0] += 1
        head = number
        if let region { heads[region.name] = max(number, heads[region.name] ?? 0) }
        let gap = now - (lastCommitAt ?? now)
        longestGap = max(longestGap, gap)
        if firstSlot == nil {
            firstSlot = slot
            firstNumber = number
            firstCommitAt = now
            write("peer \(peer) leads term \(term) and holds the lease: block \(number) is committed", .good, now)
        } else if isTurn {
            outage = nil
        } else if let outage, peer != outage.leader || peers[peer]?.isRunning == true {
            gaps.append(gap)
            write("peer \(peer) leads term \(term) and holds the lease: no block for \(gap.text())", .good, now)
            self.outage = nil
        } else if peer != leader, outage == nil {
            write("peer \(peer) leads term \(term) now: no block for \(gap.text())", .plain, now)
        }
        lastSlot = slot
        lastCommitAt = now
        // What a dead leader said before it died makes it no leader.
        if outage == nil {
            leader = peer
            self.term = term
        }
        committedBy[slot] = peer
        let oldest = slot - Self.stripLength
        if committedBy.count > Self.stripLength { committedBy = committedBy.filter { $0.key > oldest } }
        killedIn = killedIn.filter { $0.key > oldest }
        turnedIn = turnedIn.filter { $0 > oldest }
    }

    // MARK: - Regions

    private mutating func killed(_ region: DemoRegion, _ now: Duration) {
        turn = .lost(region, since: now)
        for peer in region.peers {
            lose(.prodha(peer), now)
            peers[peer]?.process = .killed(at: now)
        }
        killedIn[grid.slot(at: now)] = leader
        write("killed \(region.name), the active region: \(named(region.peers))", .bad, now)
    }

    /// The first block of another region than that of the block before.
    private mutating func turned(to region: DemoRegion, _ number: UInt32, _ slot: Int, _ now: Duration) {
        turnedIn.insert(slot)
        guard let lastSlot, let lastCommitAt, let head, let from = leader.flatMap({ self.region(of: $0) }) else {
            return
        }
        guard case .switching(let kind, from, region) = awaited else {
            let gap = (now - lastCommitAt).text()
            write(
                "\(region.name) makes block \(number), as somebody else has switched: no block for \(gap)", .plain, now)
            return
        }
        awaited = .none
        let done = Switch(
            kind: kind, from: from.name, to: region.name, gap: now - lastCommitAt,
            slotsMissed: max(0, slot - lastSlot - 1), lost: Int(head) + 1 - Int(number))
        switches.append(done)
        write("\(kind.rawValue) switch \(done.words)", .good, now)
    }

    private mutating func switched(_ now: Duration) {
        guard case .switching(let kind, let from, _) = turn else { return }
        failedSwitches = 0
        lastActAt = now
        if kind == .forced {
            turn = .returning(from, since: now)
        } else {
            turn = .none
            acts += 1
        }
    }

    private mutating func told(_ region: DemoRegion, _ blocks: Int, _ now: Duration) {
        if let last = switches.indices.last, switches[last].kind == .forced, switches[last].from == region.name {
            switches[last].lost = blocks
        }
        turn = .none
        acts += 1
        lastActAt = now
        write("\(region.name) has given way, and told \(count(blocks, "block")) that only it has", .good, now)
    }
}
