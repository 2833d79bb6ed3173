// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import DequeModule
import HeapModule
import Raft

/// The transactions that wait at this peer for a committed block, and where those are that no longer do. A value without
/// clock or I/O, in the way of `RaftCore`: events and the time go in, actions come out.
///
/// What it rests on, tried with nodeos (Leap 4):
/// - A transaction with an id that the chain has, or that is in the block under way, is refused as a duplicate. So one may
///   be handed over any number of times, to any nodeos.
/// - A block never holds a transaction whose expiration is before the block's time, and the times of blocks only grow.
/// - A paused nodeos answers nothing, and may carry out much later what it was given.
public struct TransactionTracker: Sendable {
    private typealias Key = UInt64

    private struct Client {
        let wait: Wait
        let deadline: Instant
    }

    private enum Phase: Hashable {
        /// To be handed over.
        case queued
        case sending(Attempt)
        /// A nodeos has it, or may have it. Handed over again at that time.
        case resting(until: Instant)
    }

    private struct Entry {
        var transaction: Known?
        let call: TransactionCall
        let body: [UInt8]
        let since: Instant
        var clients: [Ticket: Client] = [:]
        var phase = Phase.queued
        var again: Duration
        var mayBeHandedIn = false
        /// A nodeos that was at the group's head did not have it, and no block was missed since.
        var wasNew = false
        var reply: NodeosReply?
        /// A refusal after it had been handed over before. A block that an earlier leader did not get committed may still
        /// hold it; that is over once so many more blocks are committed.
        var refusal: (reply: NodeosReply, blocks: Int)?
        var trouble: String?
    }

    private struct Known {
        var id: TransactionID
        /// nil: only a nodeos's answer told the id.
        var expiration: UInt32?
    }

    private struct Alarm: Comparable {
        let at: Instant
        let what: What

        enum What {
            case client(Ticket)
            case entry(Key)
        }

        static func < (a: Alarm, b: Alarm) -> Bool { a.at < b.at }
        static func == (a: Alarm, b: Alarm) -> Bool { a.at == b.at }
    }

    public let bounds: Bounds
    /// Whether all blocks of the chain are the group's. If not, one may hold a transaction without this group's knowing.
    public var isSole = true
    public private(set) var index = CommittedTransactions()
    public private(set) var counters = Counters()
    /// Of the bodies that wait.
    public private(set) var waitingBytes = 0

    private var entries: [Key: Entry] = [:]
    private var keys: [TransactionID: [Key]] = [:]
    private var tickets: [Ticket: Key] = [:]
    private var attempts: [Attempt: Key] = [:]
    private var queue: Deque<Key> = []
    private var alarms = Heap<Alarm>()
    private var expired: [TransactionID: Expired] = [:]
    private var expiredInOrder: Deque<TransactionID> = []
    private var replyBytes = 0
    private var nextKey: Key = 1
    private var nextAttempt: Attempt = 1

    private var leader: Leader?
    /// Hand-overs to this leader that are under way; those to an earlier one do not count.
    private var underWay: Set<Attempt> = []
    /// The leader did not take one: until then none is sent, and after that one at a time.
    private var closedUntil: Instant?
    private var backoff: Duration
    private var isTrying = false
    private var isShutDown = false

    private var actions: [Action] = []

    public init(bounds: Bounds = Bounds(), index: CommittedTransactions = CommittedTransactions()) {
        self.bounds = bounds
        self.index = index
        backoff = bounds.firstBackoff
    }

    /// Transactions that wait.
    public var waiting: Int { entries.count }
    /// For tests.
    var alarmCount: Int { alarms.count }

    /// When `step(.tick)` is to be called, if nothing else happens before.
    public var nextWake: Instant? {
        let alarm = alarms.min?.at
        guard let closedUntil, !queue.isEmpty, leader != nil else { return alarm }
        return alarm.map { min($0, closedUntil) } ?? closedUntil
    }

    public mutating func step(_ event: Event, at now: Instant) -> [Action] {
        actions = []
        switch event {
        case .handedIn(let handIn): take(handIn, now)
        case .outcome(let attempt, let outcome): end(attempt, outcome, now)
        case .leader(let new): follow(new, now)
        case .committed(let block): committed(block, now)
        case .gap: beginAnew()
        case .leftBehind:
            beginAnew()
            (expired, expiredInOrder) = ([:], [])
        case .gone(let ticket): leave(ticket)
        case .tick: break
        case .shutDown: shutDown(now)
        }
        ring(now)
        sendQueued(now)
        defer { actions = [] }
        return actions
    }

    /// A block that was committed before all those that are known. False: no earlier one is wanted.
    public mutating func load(_ block: CommittedBlock) -> Bool { index.prepend(block) }

    // MARK: - Clients

    private mutating func take(_ handIn: HandIn, _ now: Instant) {
        if let id = handIn.transaction?.id {
            if let place = index[id] { return answer(handIn.ticket, .committed(place, reply: nil)) }
            if let end = expired[id] { return answer(handIn.ticket, .expired(end)) }
        }
        let key = handIn.transaction.flatMap { transaction in
            // Another body may have other signatures, so its answer is another one.
            keys[transaction.id]?.first { entries[$0]?.body == handIn.body && entries[$0]?.call == handIn.call }
        }
        guard !isShutDown, tickets.count < bounds.waiting,
            key != nil || entries.count < bounds.waiting && waitingBytes + handIn.body.count <= bounds.bytes
        else {
            counters.overloaded += 1
            return answer(handIn.ticket, .overloaded(waiting: entries.count, bytes: waitingBytes))
        }
        let client = Client(wait: handIn.wait, deadline: handIn.deadline)
        guard let key else { return add(handIn, client, now) }
        if client.wait == .executed, let reply = entries[key]?.reply { return answer(handIn.ticket, .nodeos(reply)) }
        attach(handIn.ticket, client, to: key)
    }

    private mutating func add(_ handIn: HandIn, _ client: Client, _ now: Instant) {
        let key = nextKey
        nextKey += 1
        entries[key] = Entry(call: handIn.call, body: handIn.body, since: now, again: bounds.again)
        if let transaction = handIn.transaction {
            know(key, Known(id: transaction.id, expiration: transaction.expiration))
        }
        waitingBytes += handIn.body.count
        counters.handedIn += 1
        attach(handIn.ticket, client, to: key)
        queue.append(key)
        // Those that ended before they were sent.
        if queue.count > 2 * entries.count + 64 { queue.removeAll { entries[$0] == nil } }
    }

    private mutating func attach(_ ticket: Ticket, _ client: Client, to key: Key) {
        entries[key]?.clients[ticket] = client
        tickets[ticket] = key
        setAlarm(Alarm(at: client.deadline, what: .client(ticket)))
    }

    private mutating func answer(_ ticket: Ticket, _ answer: Answer) { actions.append(.answer(ticket, answer)) }

    /// Answers the clients of an entry, all or those that wait for no more than `wait`.
    private mutating func answerClients(of key: Key, _ text: Answer, waitingFor wait: Wait? = nil) {
        guard let clients = entries[key]?.clients else { return }
        for ticket in clients.keys.sorted() where wait == nil || clients[ticket]?.wait == wait {
            entries[key]?.clients[ticket] = nil
            tickets[ticket] = nil
            answer(ticket, text)
        }
    }

    private mutating func leave(_ ticket: Ticket) {
        guard let key = tickets.removeValue(forKey: ticket) else { return }
        entries[key]?.clients[ticket] = nil
        dropIfPointless(key)
    }

    /// Without a client, one goes on only while its end can be known.
    private mutating func dropIfPointless(_ key: Key) {
        guard let entry = entries[key], entry.clients.isEmpty else { return }
        if let expiration = entry.transaction?.expiration, !isPast(expiration) { return }
        remove(key)
    }

    private mutating func shutDown(_ now: Instant) {
        isShutDown = true
        for ticket in tickets.keys.sorted() { timeOut(ticket) }
        for key in entries.keys { remove(key) }
    }

    private mutating func timeOut(_ ticket: Ticket) {
        guard let key = tickets[ticket], let entry = entries[key] else { return }
        counters.unknown += 1
        answer(
            ticket,
            .unknown(
                Unknown(
                    id: entry.transaction?.id, expiration: entry.transaction?.expiration,
                    mayBeHandedIn: entry.mayBeHandedIn, trouble: entry.trouble, blocks: blocks,
                    isShuttingDown: isShutDown)))
        leave(ticket)
    }

    // MARK: - Entries

    private mutating func know(_ key: Key, _ transaction: Known) {
        entries[key]?.transaction = transaction
        keys[transaction.id, default: []].append(key)
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        for ticket in entry.clients.keys { tickets[ticket] = nil }
        if case .sending(let attempt) = entry.phase { attempts[attempt] = nil }
        waitingBytes -= entry.body.count
        replyBytes -= entry.reply?.body.count ?? 0
        guard let id = entry.transaction?.id else { return }
        keys[id]?.removeAll { $0 == key }
        if keys[id]?.isEmpty == true { keys[id] = nil }
    }

    private mutating func end(_ key: Key, _ ending: Ending, _ text: Answer?, _ now: Instant) {
        guard let entry = entries[key] else { return }
        switch ending {
        case .committed: counters.committed += 1
        case .rejected: counters.rejected += 1
        case .expired: counters.expired += 1
        case .unknown: break
        }
        if let text { answerClients(of: key, text) }
        remove(key)
        actions.append(.ended(entry.transaction?.id, ending, after: now - entry.since))
    }

    // MARK: - Hand-overs

    private mutating func follow(_ new: Leader?, _ now: Instant) {
        guard new != leader else { return }
        leader = new
        underWay = []
        closedUntil = nil
        backoff = bounds.firstBackoff
        isTrying = false
        guard let new else { return }
        // In the order in which they came.
        let all = entries.keys.sorted()
        var again = 0
        for key in all {
            if case .sending = entries[key]?.phase { entries[key]?.mayBeHandedIn = true }
            entries[key]?.phase = .queued
            entries[key]?.again = bounds.again
            // What an earlier leader's nodeos said against it says nothing of this one's.
            entries[key]?.refusal = nil
            if entries[key]?.mayBeHandedIn == true { again += 1 }
        }
        queue = Deque(all)
        if again > 0 { actions.append(.givenAgain(again, new)) }
    }

    private mutating func sendQueued(_ now: Instant) {
        guard let leader else { return }
        if let closedUntil {
            guard now >= closedUntil else { return }
            self.closedUntil = nil
            isTrying = true
        }
        while underWay.count < (isTrying ? 1 : bounds.attempts), let key = queue.popFirst() {
            guard let entry = entries[key], entry.phase == .queued else { continue }
            let attempt = nextAttempt
            nextAttempt += 1
            entries[key]?.phase = .sending(attempt)
            attempts[attempt] = key
            underWay.insert(attempt)
            if entry.mayBeHandedIn { counters.repeated += 1 }
            actions.append(.send(attempt, to: leader.peer, entry.call, body: entry.body))
        }
    }

    private mutating func end(_ attempt: Attempt, _ outcome: Outcome, _ now: Instant) {
        let key = attempts.removeValue(forKey: attempt)
        guard underWay.remove(attempt) != nil else { return endLate(key, outcome) }
        switch outcome {
        case .answered, .unknown:
            isTrying = false
            backoff = bounds.firstBackoff
        case .notTaken:
            // Of several under way only the first closes the door.
            if closedUntil == nil {
                closedUntil = now + backoff
                backoff = min(backoff * 2, bounds.greatestBackoff)
            }
        }
        // A committed block may have been faster.
        guard let key, entries[key] != nil else { return }
        switch outcome {
        case .answered(let reply):
            entries[key]?.trouble = nil
            answered(key, reply, now)
        case .notTaken(let why):
            entries[key]?.trouble = why
            entries[key]?.phase = .queued
            queue.prepend(key)
        case .unknown(let why):
            entries[key]?.trouble = why
            entries[key]?.mayBeHandedIn = true
            rest(key, for: bounds.againIfUnknown, now)
        }
    }

    /// To an earlier leader. It was counted as handed over when that one was left. Its answer is of the past, but for the
    /// trace, which the new one may not tell a second time.
    private mutating func endLate(_ key: Key?, _ outcome: Outcome) {
        guard let key, let entry = entries[key], entry.reply == nil, case .answered(let reply) = outcome,
            case .executed(let id) = NodeosVerdict(reply), id == entry.transaction?.id
        else { return }
        keep(reply, for: key)
    }

    private mutating func keep(_ reply: NodeosReply, for key: Key) {
        let old = entries[key]?.reply?.body.count ?? 0
        guard replyBytes - old + reply.body.count <= bounds.replyBytes else { return }
        replyBytes += reply.body.count - old
        entries[key]?.reply = reply
    }

    private mutating func answered(_ key: Key, _ reply: NodeosReply, _ now: Instant) {
        guard let entry = entries[key] else { return }
        switch NodeosVerdict(reply) {
        case .executed(let id):
            if entry.transaction?.id != id {
                // The body could not be read here, or nodeos reads it in another way, and it is nodeos that makes the block.
                if let wrong = entry.transaction?.id { keys[wrong]?.removeAll { $0 == key } }
                know(key, Known(id: id, expiration: entry.transaction?.expiration))
            }
            keep(reply, for: key)
            entries[key]?.mayBeHandedIn = true
            entries[key]?.wasNew = true
            entries[key]?.refusal = nil
            answerClients(of: key, .nodeos(reply), waitingFor: .executed)
            if let place = index[id] {
                return end(key, .committed, .committed(place, reply: entries[key]?.reply), now)
            }
            dropIfPointless(key)
            rest(key, now)
        case .duplicate:
            // Without its id there is nothing to wait for.
            guard entry.transaction != nil else { return end(key, .rejected, .nodeos(reply), now) }
            entries[key]?.mayBeHandedIn = true
            rest(key, now)
        case .expired where entry.mayBeHandedIn && entry.transaction != nil: rest(key, now)
        case .refused where entry.mayBeHandedIn:
            // An earlier hand-over may still be on its way into the next block.
            entries[key]?.refusal = (reply, bounds.blocksAfterRefusal)
            rest(key, now)
        case .expired, .refused: end(key, .rejected, .nodeos(reply), now)
        }
    }

    private mutating func rest(_ key: Key, for time: Duration? = nil, _ now: Instant) {
        guard let entry = entries[key] else { return }
        let until = now + (time ?? entry.again)
        if time == nil { entries[key]?.again = min(entry.again * 2, bounds.greatestAgain) }
        entries[key]?.phase = .resting(until: until)
        setAlarm(Alarm(at: until, what: .entry(key)))
    }

    // MARK: - The log

    private mutating func committed(_ block: CommittedBlock, _ now: Instant) {
        index.append(block)
        for receipt in block.receipts {
            let place = CommittedTransaction(block: block.reference, receipt: receipt)
            for key in keys[receipt.id] ?? [] {
                end(key, .committed, .committed(place, reply: entries[key]?.reply), now)
            }
        }
        if !block.isWhole { forgetWhatWasNew() }
        for (key, entry) in entries {
            if let refusal = entry.refusal {
                entries[key]?.refusal?.blocks -= 1
                if refusal.blocks <= 1 { end(key, .rejected, .nodeos(refusal.reply), now) }
            } else if let known = entry.transaction, let expiration = known.expiration, isPast(expiration) {
                expire(key, entry, Known(id: known.id, expiration: expiration), expiration, now)
            }
        }
    }

    private mutating func beginAnew() {
        index.removeAll()
        forgetWhatWasNew()
    }

    /// Blocks are missing that may hold any of them.
    private mutating func forgetWhatWasNew() {
        for key in entries.keys { entries[key]?.wasNew = false }
    }

    private func isPast(_ expiration: UInt32) -> Bool {
        guard let last = index.last else { return false }
        return last.slot.unixMilliseconds > Int64(expiration) * 1000
    }

    private mutating func expire(
        _ key: Key, _ entry: Entry, _ known: Known, _ expiration: UInt32, _ now: Instant
    ) {
        guard let blocks, isSole, entry.wasNew || covers(expiration, from: blocks.first) else {
            if entry.clients.isEmpty { end(key, .unknown, nil, now) }
            return
        }
        let fate = Expired(id: known.id, expiration: expiration, passedBy: blocks.last, since: blocks.first)
        if expired.updateValue(fate, forKey: known.id) == nil { expiredInOrder.append(known.id) }
        if expiredInOrder.count > bounds.expired { expired[expiredInOrder.removeFirst()] = nil }
        end(key, .expired, .expired(fate), now)
    }

    /// No block before these could hold it: there is none with transactions, or it came too early for the chain to take it.
    private func covers(_ expiration: UInt32, from first: CommittedBlock.Reference) -> Bool {
        first.number <= 2
            || first.slot.unixMilliseconds <= (Int64(expiration) - Int64(bounds.greatestLifetime)) * 1000
    }

    private var blocks: ClosedReferences? {
        guard let first = index.first, let last = index.last else { return nil }
        return ClosedReferences(first: first, last: last)
    }

    public func fate(of id: TransactionID) -> Fate {
        if let place = index[id] { return .committed(place) }
        if let entry = keys[id]?.lazy.compactMap({ entries[$0] }).first {
            return .waiting(
                mayBeHandedIn: entry.mayBeHandedIn, expiration: entry.transaction?.expiration, blocks: blocks)
        }
        if let end = expired[id] { return .expired(end) }
        return .unknown(blocks: blocks)
    }

    // MARK: - Time

    private mutating func setAlarm(_ alarm: Alarm) {
        alarms.insert(alarm)
        // Most are of no use any more when they are due: once those are too many, only the others stay.
        guard alarms.count > 4 * bounds.waiting else { return }
        alarms = Heap(alarms.unordered.filter(isWanted))
    }

    private func isWanted(_ alarm: Alarm) -> Bool {
        switch alarm.what {
        case .client(let ticket): tickets[ticket] != nil
        case .entry(let key): entries[key]?.phase == .resting(until: alarm.at)
        }
    }

    private mutating func ring(_ now: Instant) {
        while let alarm = alarms.min, alarm.at <= now {
            alarms.removeMin()
            guard isWanted(alarm) else { continue }
            switch alarm.what {
            case .client(let ticket): timeOut(ticket)
            case .entry(let key):
                entries[key]?.phase = .queued
                queue.append(key)
            }
        }
    }
}
