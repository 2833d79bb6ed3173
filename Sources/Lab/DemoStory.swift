// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc

/// What happened, as the shell saw it.
enum DemoEvent: Sendable {
    /// A peer's process was started, for the first time or again.
    case started(peer: Int, pid: Int32)
    case answered(peer: Int, PeerReport)
    /// The group acknowledged a block of this slot.
    case committed(number: UInt32, slot: Int, by: Int, term: UInt64)
    /// Another block was committed at this height.
    case abandoned(number: UInt32)
    /// The demonstration killed it.
    case killed(peer: Int)
    /// It ended, and not by the demonstration's hand.
    case ended(peer: Int, Ending)
    /// No more blocks are made from here on.
    case finishing(String)
    case remark(String)
}

/// What the screen needs of a peer's status.
struct PeerReport: Hashable, Sendable {
    var role: RaftRole
    var term: UInt64
    var leader: Int?
    var leaseRemaining: Duration
    /// The lease's whole length.
    var leaseLength: Duration
    var isLeaseHeld: Bool
    var head: UInt32?
    var reason: CanProduceReason?
    var canProduce: Bool
}

extension PeerReport {
    init(_ status: StatusDocument) {
        self.init(
            role: status.raft.role, term: status.raft.term,
            leader: status.raft.leaderID >= 0 ? status.raft.leaderID : nil,
            leaseRemaining: status.raft.lease.remainingMS.duration,
            leaseLength: status.raft.lease.expiryMS.duration, isLeaseHeld: status.raft.lease.held,
            head: status.production.head?.blockNum, reason: status.production.reason,
            canProduce: status.production.canProduce)
    }
}

/// What is going on: events in, facts out. Times count from the demonstration's start.
struct DemoStory: Sendable {
    enum Process: Hashable, Sendable {
        case absent
        case runs(pid: Int32, since: Duration)
        case killed(at: Duration)
        case ended(Ending, at: Duration)

        var isRunning: Bool { if case .runs = self { true } else { false } }

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
        var report: PeerReport?
        /// Of the last answer since its process was started.
        var reportedAt: Duration?
        /// The group's head when it went down.
        var headWhenLost: UInt32?
        /// It was down and has not caught up yet.
        var isComingBack = false
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
    private(set) var peers: [Int: Peer]
    private(set) var leader: Int?
    private(set) var term: UInt64 = 0
    private(set) var head: UInt32?
    private(set) var blocks = 0
    private(set) var abandoned = 0
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

    init(peers: [Int], quorum: Int, grid: SlotGrid) {
        self.grid = grid
        self.quorum = quorum
        self.peers = Dictionary(uniqueKeysWithValues: peers.map { ($0, Peer()) })
    }

    var ids: [Int] { peers.keys.sorted() }
    var running: [Int] { ids.filter { peers[$0]?.process.isRunning == true } }
    var down: [Int] { ids.filter { peers[$0]?.process.downSince != nil } }
    var comingBack: [Int] { ids.filter { peers[$0]?.isComingBack == true } }
    /// Elected, while the last leader's lease may still run.
    var waitingForLease: Int? {
        running.first { peers[$0]?.report?.role == .leader && peers[$0]?.report?.reason == .leaseWait }
    }
    var haveAllAnswered: Bool { peers.values.allSatisfy { $0.reportedAt != nil } }

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
        case .started(let peer, let pid): started(peer, pid, now)
        case .answered(let peer, let report): answered(peer, report, now)
        case .committed(let number, let slot, let peer, let term): committed(number, slot, peer, term, now)
        case .abandoned(let number):
            abandoned += 1
            write("another block is committed at height \(number); the next one is built on it", .bad, now)
        case .killed(let peer):
            lose(peer, now)
            peers[peer]?.process = .killed(at: now)
            let isLeader = outage?.leader == peer
            write("killed peer \(peer)\(isLeader ? ", the leader" : "")", .bad, now)
        case .ended(let peer, let ending):
            lose(peer, now)
            peers[peer]?.process = .ended(ending, at: now)
            let isLeader = outage?.leader == peer
            write("peer \(peer)\(isLeader ? ", the leader" : ""): \(ending.text)", .bad, now)
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

    private mutating func started(_ peer: Int, _ pid: Int32, _ now: Duration) {
        let wasDown = peers[peer]?.process.downSince != nil
        peers[peer]?.process = .runs(pid: pid, since: now)
        peers[peer]?.report = nil
        peers[peer]?.reportedAt = nil
        guard wasDown else { return }
        peers[peer]?.isComingBack = true
        write("started peer \(peer) again", .plain, now)
    }

    private mutating func lose(_ peer: Int, _ now: Duration) {
        peers[peer]?.report = nil
        peers[peer]?.reportedAt = nil
        peers[peer]?.isComingBack = false
        peers[peer]?.headWhenLost = head
        guard peer == leader, outage == nil, let lastCommitAt, finishing == nil else { return }
        outage = Outage(leader: peer, killedAt: now, lastCommitAt: lastCommitAt)
        leadersKilled += 1
        lastKillAt = now
        killedIn[grid.slot(at: now)] = peer
    }

    private mutating func answered(_ peer: Int, _ report: PeerReport, _ now: Duration) {
        guard case .runs(_, let since) = peers[peer]?.process else { return }
        peers[peer]?.report = report
        peers[peer]?.reportedAt = now
        // Up to the block that is on its way to it now.
        let isAtHead = (report.head ?? 0) + 1 >= head ?? 0
        guard peers[peer]?.isComingBack == true, report.leader != nil, isAtHead else { return }
        peers[peer]?.isComingBack = false
        let lacked = Int(report.head ?? 0) - Int(peers[peer]?.headWhenLost ?? report.head ?? 0)
        let blocks = lacked > 0 ? " on \(count(lacked, "block"))" : ""
        write("peer \(peer) has caught up\(blocks), \((now - since).text()) after its start", .good, now)
    }

    private mutating func committed(_ number: UInt32, _ slot: Int, _ peer: Int, _ term: UInt64, _ now: Duration) {
        blocks += 1
        head = number
        let gap = now - (lastCommitAt ?? now)
        longestGap = max(longestGap, gap)
        if firstSlot == nil {
            firstSlot = slot
            firstNumber = number
            firstCommitAt = now
            write("peer \(peer) leads term \(term) and holds the lease: block \(number) is committed", .good, now)
        } else if let outage, peer != outage.leader || peers[peer]?.process.isRunning == true {
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
