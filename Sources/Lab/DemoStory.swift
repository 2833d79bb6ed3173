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
    let quorum: Int
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
    private(set) var lastKillAt: Duration?
    private(set) var leadersKilled = 0
    /// Without a committed block, around the death of each leader.
    private(set) var gaps: [Duration] = []
    /// Between any two blocks.
    private(set) var longestGap = Duration.zero
    private(set) var finishing: String?
    private(set) var journal: [Entry] = []
    private var committedBy: [Int: Int] = [:]
    private(set) var killedIn: [Int: Int] = [:]
    private var unprinted: [Entry] = []

    init(peers: [Int], quorum: Int, grid: SlotGrid, hasNodeos: Bool = false) {
        self.grid = grid
        self.quorum = quorum
        self.hasNodeos = hasNodeos
        let peer = Peer(nodeos: hasNodeos ? .absent : nil)
        self.peers = Dictionary(uniqueKeysWithValues: peers.map { ($0, peer) })
    }

    var ids: [Int] { peers.keys.sorted() }
    var running: [Int] { ids.filter { peers[$0]?.isRunning == true } }
    /// Those that count for the quorum, with or without their nodeos.
    var voting: [Int] { ids.filter { peers[$0]?.process.isRunning == true } }
    var down: [Int] { ids.filter { peers[$0]?.downSince != nil } }
    var comingBack: [Int] { ids.filter { peers[$0]?.isComingBack == true } }
    /// Elected, while the last leader's lease may still run.
    var waitingForLease: Int? {
        running.first { peers[$0]?.report?.role == .leader && peers[$0]?.report?.reason == .leaseWait }
    }
    var haveAllAnswered: Bool { peers.values.allSatisfy { $0.reportedAt != nil } }
    /// All peers have the last block, in their logs and in their nodeos.
    var haveAllTheHead: Bool {
        guard let head else { return haveAllAnswered }
        return peers.values.allSatisfy { peer in
            guard let report = peer.report, report.head ?? 0 >= head else { return false }
            return peer.nodeos == nil || report.nodeos?.head ?? 0 >= head
        }
    }

    /// Slots since the first block of which the group has none, this one not counted.
    func missedSlots(at now: Duration) -> Int {
        guard let firstSlot, let lastSlot else { return 0 }
        let end = finishing == nil ? max(lastSlot, grid.slot(at: now) - 1) : lastSlot
        return end - firstSlot + 1 - blocks
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
        case .killed(let peer):
            lose(.prodha(peer), now)
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
        peers[peer]?.headWhenLost = head
        guard peer == leader, outage == nil, let lastCommitAt, finishing == nil else { return }
        outage = Outage(leader: peer, killedAt: now, lastCommitAt: lastCommitAt)
        leadersKilled += 1
        lastKillAt = now
        killedIn[grid.slot(at: now)] = peer
    }

    private mutating func answered(_ peer: Int, _ report: PeerReport, _ now: Duration) {
        guard peers[peer]?.process.isRunning == true else { return }
        peers[peer]?.report = report
        peers[peer]?.reportedAt = now
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
        blocks += 1
        made[peer, default: 0] += 1
        head = number
        let gap = now - (lastCommitAt ?? now)
        longestGap = max(longestGap, gap)
        if firstSlot == nil {
            firstSlot = slot
            firstNumber = number
            firstCommitAt = now
            write("peer \(peer) leads term \(term) and holds the lease: block \(number) is committed", .good, now)
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
    }
}
