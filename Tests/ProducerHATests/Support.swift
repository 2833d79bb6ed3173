// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// Blocks of a chain, made by one producer.
enum Chain {
    /// - Parameter size: in bytes; nil for a block without transactions.
    static func block(
        on previous: BlockRef?, slot: UInt32, confirmed: UInt16 = 0, size: Int? = nil
    ) throws -> [UInt8] {
        let producer = Name(rawValue: 1)
        let timestamp = BlockTimestamp(slot: slot)
        var builder: BlockBuilder
        if let previous {
            builder = BlockBuilder(previous: previous.id, timestamp: timestamp, producer: producer)
        } else {
            builder = try BlockBuilder(startingAt: 100, timestamp: timestamp, producer: producer)
        }
        builder.confirmed = confirmed
        return try size.map { try builder.build(paddedTo: $0) } ?? builder.build()
    }

    static func ref(_ bytes: [UInt8]) throws -> BlockRef { BlockRef(try BlockHeader(parsingPrefixOf: bytes)) }
}

/// Three replicas on a perfect network, with perfect disks and one clock.
final class Trio {
    var replicas: [Replica] = []
    var now = Instant(nanoseconds: 1_000_000_000)
    var answers: [Ticket: CommitAnswer] = [:]
    var changes: [Ticket: ChangeAnswer] = [:]
    /// How transfers ended, by the peer that handed over.
    var transfers: [(from: Int, to: PeerID, TransferOutcome)] = []
    /// Messages from and to these are lost.
    var cut: Set<Int> = []
    /// Writes of these are never finished.
    var stalled: Set<Int> = []
    /// Writes and messages of each so far.
    private(set) var writes = [0, 0, 0]
    private(set) var messages = [0, 0, 0]
    private var mail: [(from: Int, to: Int, Message)] = []
    private var ticket: Ticket = 0

    init(
        startsActive: Bool = true, awaitsFoundation: Bool = false, otherRegions: [String] = [],
        returnGate: Duration? = nil, limits: Limits = Limits()
    ) throws {
        for id in 0..<3 {
            var settings = Settings(
                id: PeerID(id), peers: [0, 1, 2].map { PeerID($0) }, quorum: 2, leaseLength: .seconds(1),
                electionTimeout: .seconds(2)..<(.seconds(4)))
            settings.limits = limits
            let raft = RaftCore(settings: settings, recovered: RecoveredLog(), randomSeed: UInt64(id), at: now)
            guard let group = GroupID(bytes: Array(repeating: UInt8(id), count: 16)) else { continue }
            var options = Replica.Options(newGroupID: group)
            options.startsActive = startsActive
            options.awaitsFoundation = awaitsFoundation
            options.otherRegions = otherRegions
            options.returnGate = returnGate
            replicas.append(
                Replica(raft: raft, state: GroupState(), blocks: BlockIndex(), lastSnapshot: 0, options: options))
        }
        for a in 0..<3 {
            for b in 0..<3 where a != b { step(a, .linkUp(PeerID(b), fresh: true, hasGroup: false, remembers: .none)) }
        }
        deliver()
    }

    /// A trio whose peer 0 leads, and may produce if the region is active.
    static func serving(
        startsActive: Bool = true, awaitsFoundation: Bool = false, limits: Limits = Limits()
    ) throws -> Trio {
        let trio = try Trio(startsActive: startsActive, awaitsFoundation: awaitsFoundation, limits: limits)
        trio.elect(0)
        trio.lead(for: .milliseconds(1500))
        return trio
    }

    func elect(_ id: Int) {
        // Its timer alone is looked at.
        while replicas[id].raft.role != .leader {
            now = now + .milliseconds(500)
            step(id, .tick)
            deliver()
        }
    }

    /// Time passes, and the leaders' heartbeats with it.
    func lead(for length: Duration) {
        let end = now + length
        while now < end {
            now = now + .milliseconds(50)
            for id in replicas.indices where replicas[id].raft.role == .leader { step(id, .tick) }
            deliver()
        }
    }

    func step(_ id: Int, _ event: Event) { perform(replicas[id].step(event, at: now), id) }

    /// Until nothing is on its way, or something has come about.
    func deliver(until isDone: () -> Bool = { false }) {
        while !mail.isEmpty && !isDone() {
            let (from, to, message) = mail.removeFirst()
            if !cut.contains(from) && !cut.contains(to) { step(to, .received(message, from: PeerID(from))) }
        }
    }

    /// The ticket under which the answer comes.
    func commit(_ bytes: [UInt8], at id: Int) throws -> Ticket {
        ticket += 1
        perform(replicas[id].commitBlock(try Chain.ref(bytes), bytes: bytes, ticket: ticket, at: now), id)
        return ticket
    }

    /// The tickets of blocks that are handed in at the same time.
    func commit(together blocks: [[UInt8]], at id: Int) throws -> [Ticket] {
        let handIns = try blocks.map { bytes in
            ticket += 1
            return Replica.HandIn(try Chain.ref(bytes), bytes: bytes, ticket: ticket)
        }
        perform(replicas[id].commitBlocks(handIns, at: now), id)
        return handIns.map(\.ticket)
    }

    /// The answer, once everything has been delivered.
    func answer(to bytes: [UInt8], at id: Int) throws -> CommitAnswer? {
        let ticket = try commit(bytes, at: id)
        deliver()
        return answers[ticket]
    }

    func change(
        _ id: Int, activity: RegionActivity = .active, isPaused: Bool = false, expects: UInt64? = nil
    ) -> Bool {
        let epoch = replicas[id].state.region.epoch
        let change = RegionChange(
            expects: expects ?? epoch, epoch: epoch + 1, activity: activity, isPaused: isPaused)
        let ticket = hand(.region(change), to: id)
        deliver()
        if case .refused = changes[ticket] { return false }
        return true
    }

    /// The ticket under which the answer comes; nothing is delivered yet.
    func hand(_ change: Change, to id: Int) -> Ticket {
        ticket += 1
        perform(replicas[id].change(change, ticket: ticket, at: now), id)
        return ticket
    }

    /// The answer, once everything has been delivered.
    func answer(to change: Change, at id: Int) -> ChangeAnswer? {
        let ticket = hand(change, to: id)
        deliver()
        return changes[ticket]
    }

    /// Proposes a change of the region and delivers nothing yet.
    func propose(at id: Int, activity: RegionActivity, isPaused: Bool) {
        let epoch = replicas[id].state.region.epoch
        let change = RegionChange(expects: epoch, epoch: epoch + 1, activity: activity, isPaused: isPaused)
        perform(replicas[id].change(.region(change), at: now), id)
    }

    func found(_ id: Int, _ foundation: Replica.Foundation) {
        perform(replicas[id].found(foundation, at: now), id)
        deliver()
    }

    func shutDown(_ id: Int, preferring preferred: Set<PeerID>) {
        perform(replicas[id].shutDown(preferring: preferred, at: now), id)
    }

    func shutDown(_ id: Int) { perform(replicas[id].shutDown(at: now), id) }

    func hear(_ report: RegionReport, at id: Int) {
        perform(replicas[id].hear(report, from: PeerID(4), at: now), id)
        deliver()
    }

    /// - Parameter slot: the time of day is that of this slot now, at every peer.
    func setWallClock(toSlot slot: UInt32) {
        let wall = BlockTimestamp(slot: slot).unixMilliseconds
        for id in replicas.indices { replicas[id].setWallClock(aheadBy: wall - now.nanoseconds / 1_000_000) }
    }

    func obstacle(_ id: Int) -> ProductionObstacle? { replicas[id].obstacle(at: now) }

    private func perform(_ actions: [Action], _ id: Int) {
        for action in actions {
            switch action {
            case .persist(let write):
                writes[id] += 1
                if !stalled.contains(id) { step(id, .persisted(through: write.sequence)) }
            case .send(let message, let to):
                messages[id] += 1
                mail.append((id, to.value, message))
            case .answer(let ticket, let answer): answers[ticket] = answer
            case .changed(let ticket, let answer): changes[ticket] = answer
            case .note(.transferEnded(let peer, let outcome)): transfers.append((id, peer, outcome))
            case .load, .keep, .applied, .restored, .note: break
            }
        }
    }
}
