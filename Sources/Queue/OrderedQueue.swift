// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import DequeModule
import Raft
import Transactions

/// The messages that one session with the broker has brought and that are not done yet. A value without clock or I/O:
/// events and the time go in, actions come out.
///
/// What it rests on:
/// - The session is the queue's only consumer, on a peer that produces; it ends when the peer does no longer. What is not
///   acknowledged then goes back to the queue, at its place, and comes to the next session, on whichever peer.
/// - nodeos executes what it is given one after the other, into the block that it is making. So messages are given to it one
///   at a time, in the queue's order, and blocks hold them in that order.
/// - nodeos drops what it has already. A message that comes again after its transaction was committed is known by its id.
///
/// Whatever is not as it should be ends the session: the queue then gives everything again, in order.
public struct OrderedQueue: Sendable {
    /// When the broker may forget a message, by Taurus's names.
    public enum AckMode: String, Hashable, Sendable, CaseIterable {
        /// At once. What is on its way when the peer dies is lost.
        case received
        /// nodeos has it in the block that it is making. What is not in a committed block when the peer dies is lost.
        case executed
        /// A committed block holds it. Nothing is lost.
        case inBlock = "in_block"
    }

    /// A message as the broker brings it.
    public struct Delivery: Hashable, Sendable {
        public var tag: UInt64
        /// nil: too long to be of use.
        public var body: [UInt8]?
        /// The broker has given it to a consumer before.
        public var isRedelivered: Bool
        public var replyTo: String?
        public var correlationID: String?
        /// The header `block-uuid-msg`: a queue that wants to know of the block.
        public var blockQueue: String?

        public init(
            tag: UInt64, body: [UInt8]?, isRedelivered: Bool = false, replyTo: String? = nil,
            correlationID: String? = nil, blockQueue: String? = nil
        ) {
            self.tag = tag
            self.body = body
            self.isRedelivered = isRedelivered
            self.replyTo = replyTo
            self.correlationID = correlationID
            self.blockQueue = blockQueue
        }
    }

    public enum Event: Hashable, Sendable {
        case delivered(Delivery)
        /// Of the latest `execute`.
        case outcome(TransactionTracker.Outcome)
        /// In the log's order.
        case committed(CommittedBlock)
        /// The state came from elsewhere: blocks before the next one may be missing.
        case gap
    }

    public enum Action: Hashable, Sendable {
        /// Give it to this peer's nodeos, with `send_transaction`. `packed`: the digest of the packed transaction in it, as it
        /// stands there.
        case execute(body: [UInt8], packed: Checksum256)
        case publish(QueueReply)
        case acknowledge(UInt64)
        /// Without putting it back.
        case reject(UInt64, why: String)
        /// End the session; why. No event is of use after it.
        case end(why: String)
        /// For the log and the metrics: a message is done.
        case done(TransactionID, Ending, after: Duration)
    }

    public enum Ending: Hashable, Sendable { case committed, failed }

    public struct Counters: Hashable, Sendable {
        public var delivered: UInt64 = 0
        public var redelivered: UInt64 = 0
        public var committed: UInt64 = 0
        /// Refused by nodeos, or expired.
        public var failed: UInt64 = 0
        /// Not a transaction.
        public var rejected: UInt64 = 0
        /// Given back to the queue when a session ended.
        public var requeued: UInt64 = 0

        public init() {}
    }

    private enum Phase: Hashable {
        case queued
        case sending
        /// In the block that nodeos is making, or in one on its way; this many blocks have been committed without it.
        case executed(NodeosReply?, blocks: Int)
        /// nodeos says that it has it already.
        case doubled(blocks: Int)
    }

    private struct Item {
        let tag: UInt64
        /// Empty once nodeos has it.
        var body: [UInt8]
        let packed: Checksum256
        let replyTo: String?
        let correlationID: String?
        let blockQueue: String?
        let since: Instant
        var phase = Phase.queued
        /// The mode lets the broker forget it before it is done.
        var isForgettable = false
        var isAcknowledged = false
        /// nodeos said so once, and no block of the next ones had it.
        var wasDoubled = false
        /// The block came before nodeos's answer.
        var place: CommittedTransaction?
        /// As nodeos packs it: it is nodeos that makes the block.
        var id: TransactionID
    }

    /// Blocks that may be committed without a transaction that nodeos has executed: the one that was being signed, the one
    /// under way, and one more whose production was put off.
    static let blocksWithout = 4

    /// Of the answers that are kept until the block is committed.
    static let mostReplyBytes = 64 << 20

    public let mode: AckMode
    /// Messages that the broker has forgotten and that are not done, at most: a queue that is longer must not come into
    /// memory as a whole.
    public let limit: Int
    /// As many as there are.
    private var forgotten = 0
    public private(set) var counters = Counters()
    public private(set) var isOver = false
    private var items: Deque<Item> = []
    private var replyBytes = 0
    private var actions: [Action] = []
    /// Queues that were told of a block, so that each is told once.
    private var told: (block: BlockID, queues: Set<String>)?

    public init(mode: AckMode, limit: Int, counters: Counters = Counters()) {
        self.mode = mode
        self.limit = limit
        self.counters = counters
    }

    /// Messages that are not done.
    public var waiting: Int { items.count }

    /// - Parameter known: where a transaction is that a committed block holds.
    public mutating func step(
        _ event: Event, at now: Instant, known: (TransactionID) -> CommittedTransaction?
    ) -> [Action] {
        guard !isOver else { return [] }
        switch event {
        case .delivered(let delivery): take(delivery, now)
        case .outcome(let outcome): end(outcome, now, known)
        case .committed(let block): committed(block, now)
        case .gap: end(why: "blocks are missing here")
        }
        sendNext(now, known)
        if mode != .inBlock { forgetSome() }
        defer { actions = [] }
        return actions
    }

    /// The session is over. What was not acknowledged goes back to the queue.
    public mutating func close() {
        guard !isOver else { return }
        isOver = true
        counters.requeued += UInt64(items.count { !$0.isAcknowledged })
        items = []
    }

    // MARK: - Messages

    private mutating func take(_ delivery: Delivery, _ now: Instant) {
        counters.delivered += 1
        if delivery.isRedelivered { counters.redelivered += 1 }
        let message: QueueMessage
        do {
            message = try QueueMessage(delivery.body)
        } catch {
            counters.rejected += 1
            return actions.append(.reject(delivery.tag, why: "\(error)"))
        }
        items.append(
            Item(
                tag: delivery.tag, body: message.body, packed: message.packed, replyTo: delivery.replyTo,
                correlationID: delivery.correlationID, blockQueue: delivery.blockQueue, since: now,
                id: message.transaction.id))
        if mode == .received { items[items.count - 1].isForgettable = true }
    }

    private mutating func forgetSome() {
        for index in items.indices where items[index].isForgettable && !items[index].isAcknowledged {
            guard forgotten < limit else { return }
            forgotten += 1
            acknowledge(index)
        }
    }

    private mutating func acknowledge(_ index: Int) {
        guard !items[index].isAcknowledged else { return }
        items[index].isAcknowledged = true
        actions.append(.acknowledge(items[index].tag))
    }

    private mutating func end(why: String) {
        actions.append(.end(why: why))
        close()
    }

    // MARK: - nodeos

    private mutating func sendNext(_ now: Instant, _ known: (TransactionID) -> CommittedTransaction?) {
        while !isOver, !items.contains(where: { $0.phase == .sending }),
            let index = items.firstIndex(where: { $0.phase == .queued })
        {
            if let place = known(items[index].id) {
                commit(index, place, now)
                continue
            }
            items[index].phase = .sending
            actions.append(.execute(body: items[index].body, packed: items[index].packed))
        }
    }

    private mutating func end(
        _ outcome: TransactionTracker.Outcome, _ now: Instant, _ known: (TransactionID) -> CommittedTransaction?
    ) {
        guard let index = items.firstIndex(where: { $0.phase == .sending }) else { return }
        switch outcome {
        case .notTaken(let why), .unknown(let why): return end(why: why)
        case .answered(let reply) where reply.isBusy: return end(why: "nodeos is too busy: HTTP \(reply.status)")
        case .answered(let reply): answered(index, reply, now, known)
        }
    }

    private mutating func answered(
        _ index: Int, _ reply: NodeosReply, _ now: Instant, _ known: (TransactionID) -> CommittedTransaction?
    ) {
        switch NodeosVerdict(reply) {
        case .executed(let id):
            items[index].id = id
            items[index].body = []
            if mode == .executed { items[index].isForgettable = true }
            keep(reply, for: index)
            if let place = items[index].place ?? known(id) { commit(index, place, now) }
        case .duplicate:
            if let place = items[index].place ?? known(items[index].id) { return commit(index, place, now) }
            // In a block that this peer does not know, or nodeos knows better than this peer what that is.
            if items[index].wasDoubled { return fail(index, reply, now) }
            if mode == .executed { items[index].isForgettable = true }
            items[index].phase = .doubled(blocks: 0)
        case .expired, .refused:
            if let place = items[index].place { return commit(index, place, now) }
            fail(index, reply, now)
        }
    }

    /// Without room for the trace, the answer will say what the block says.
    private mutating func keep(_ reply: NodeosReply, for index: Int) {
        let fits = replyBytes + reply.body.count <= Self.mostReplyBytes
        items[index].phase = .executed(fits ? reply : nil, blocks: 0)
        if fits { replyBytes += reply.body.count }
    }

    private mutating func fail(_ index: Int, _ reply: NodeosReply, _ now: Instant) {
        counters.failed += 1
        finish(index, .failed, QueueReply.failed(items[index].id, reply), now)
    }

    // MARK: - Blocks

    private mutating func committed(_ block: CommittedBlock, _ now: Instant) {
        guard block.isWhole else { return end(why: "block \(block.reference.number) cannot be read") }
        let receipts = Dictionary(block.receipts.map { ($0.id, $0) }) { first, _ in first }
        var index = 0
        while index < items.count {
            if let receipt = receipts[items[index].id] {
                let place = CommittedTransaction(block: block.reference, receipt: receipt)
                // Its answer is on the way, and with it the trace.
                if items[index].phase != .sending {
                    commit(index, place, now)
                    continue
                }
                items[index].place = place
            }
            switch items[index].phase {
            case .queued, .sending: break
            case .executed(let reply, let blocks):
                guard blocks + 1 < Self.blocksWithout else {
                    return end(
                        why:
                            "transaction \(items[index].id) was executed, and none of \(Self.blocksWithout) blocks has it"
                    )
                }
                items[index].phase = .executed(reply, blocks: blocks + 1)
            case .doubled(let blocks):
                let isEnough = blocks + 1 >= Self.blocksWithout
                items[index].phase = isEnough ? .queued : .doubled(blocks: blocks + 1)
                items[index].wasDoubled = isEnough
            }
            index += 1
        }
    }

    private mutating func commit(_ index: Int, _ place: CommittedTransaction, _ now: Instant) {
        counters.committed += 1
        var reply: NodeosReply?
        if case .executed(let answer, _) = items[index].phase { reply = answer }
        if let queue = items[index].blockQueue {
            if told?.block != place.block.id { told = (place.block.id, []) }
            if told?.queues.insert(queue).inserted == true {
                actions.append(
                    .publish(QueueReply(queue: queue, correlationID: nil, body: QueueReply.block(place.block))))
            }
        }
        finish(index, .committed, QueueReply.committed(place, reply), now)
    }

    /// The answer goes out first: if this peer ends in between, it is given twice rather than never.
    private mutating func finish(_ index: Int, _ ending: Ending, _ body: [UInt8], _ now: Instant) {
        let item = items[index]
        if let queue = item.replyTo {
            actions.append(.publish(QueueReply(queue: queue, correlationID: item.correlationID, body: body)))
        }
        if item.isAcknowledged { forgotten -= 1 } else { acknowledge(index) }
        if case .executed(let reply?, _) = item.phase { replyBytes -= reply.body.count }
        items.remove(at: index)
        actions.append(.done(item.id, ending, after: now - item.since))
    }
}

extension NodeosReply {
    /// nodeos has not looked at it: too many requests or bytes are under way (`http_plugin`).
    fileprivate var isBusy: Bool { status == 429 || status == 503 }
}
