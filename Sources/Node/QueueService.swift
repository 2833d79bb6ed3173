// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import API
import Antelope
import Configuration
import Gate
import NIOCore
import Queue
import Raft
import Transactions

/// Takes transactions out of the message queue while this peer may produce, one session with the broker after the other.
/// What is decided of messages `OrderedQueue` decides. Everything happens on the node's event loop.
final class QueueService {
    private struct Session {
        let number: UInt64
        let consumer: AMQPConsumer
        var isOpen = false
        /// This side asked for the end, and the broker has not confirmed it.
        var isClosing = false
    }

    private struct Trouble {
        var reason: AMQPCloseReason
        let since: Instant
        /// It was told that it lasts.
        var isReported = false
    }

    unowned let node: Node
    private let settings: QueueSettings
    private let brokerSettings: AMQPSettings
    private var session: Session?
    private var queue: OrderedQueue
    private var lastSession: UInt64 = 0
    /// As long as the queue should be consumed and is not.
    private var trouble: Trouble?
    private var nextAttempt: Instant?
    private var timer: Scheduled<Void>?
    private var rejections = OnceAMinute()
    private var isStopped = false
    private var stopped: EventLoopPromise<Void>?
    /// From a message's delivery to the commit of its transaction's block.
    private var commitTime = Histogram.ofTransactions

    /// What nodeos was given of late. It is kept from other nodes: they would pass it to the next leader's nodeos in any
    /// order, and so into a block in another order than the queue's.
    private(set) var given = RecentIDs<Checksum256>(limit: 32_768)

    private let turns = Turns<OrderedQueue.Event>()

    init(_ settings: QueueSettings, node: Node) throws(AttachmentError) {
        self.node = node
        self.settings = settings
        brokerSettings = try AMQPSettings(settings, peer: "\(node.settings.region)/\(node.settings.raft.id)")
        queue = OrderedQueue(mode: OrderedQueue.AckMode(settings.ackMode), limit: settings.queueSize)
    }

    // MARK: - Sessions

    /// After anything that may have changed whether this peer produces.
    func follow() {
        guard !isStopped else { return }
        let now = Clock.now()
        let mayConsume = node.visibleObstacle(at: now) == nil && !node.transactions.isLoading
        if mayConsume { return open(now) }
        // Another peer's turn, or nobody's.
        trouble = nil
        close()
    }

    private func open(_ now: Instant) {
        guard session == nil else { return }
        if let nextAttempt, now < nextAttempt { return wake(in: nextAttempt - now) }
        lastSession += 1
        let number = lastSession
        let service = NIOLoopBound(self, eventLoop: node.eventLoop)
        let consumer = AMQPConsumer(brokerSettings, eventLoop: node.eventLoop, logger: node.logger) { event in
            service.value.heard(event, in: number)
        }
        queue = OrderedQueue(mode: queue.mode, limit: queue.limit, counters: queue.counters)
        session = Session(number: number, consumer: consumer)
    }

    private func close() {
        queue.close()
        guard session?.isClosing == false else { return }
        session?.isClosing = true
        session?.consumer.close()
    }

    private func wake(in pause: Duration) {
        guard timer == nil else { return }
        timer = node.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(pause.inNanoseconds)) { [weak self] in
            self?.timer = nil
            self?.follow()
        }
    }

    /// Gives back what is not done, so that the next leader gets it at once. Completes when the broker knows, or in a second.
    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        timer?.cancel()
        guard session != nil else { return node.eventLoop.makeSucceededVoidFuture() }
        let promise = node.eventLoop.makePromise(of: Void.self)
        stopped = promise
        close()
        return promise.futureResult
    }

    private func heard(_ event: AMQPEvent, in number: UInt64) {
        guard session?.number == number else { return }
        switch event {
        case .opened:
            session?.isOpen = true
            guard session?.isClosing == false else { return }
            trouble = nil
            node.logger.notice("consumes the queue \(settings.queue) of \(settings.address)")
        case .delivered(let delivery):
            guard session?.isClosing == false else { return }
            handle(.delivered(OrderedQueue.Delivery(delivery)))
        case .closed(let reason): ended(reason)
        }
    }

    private func ended(_ reason: AMQPCloseReason) {
        let wasOpen = session?.isOpen ?? false
        queue.close()
        session = nil
        stopped?.succeed()
        stopped = nil
        let now = Clock.now()
        nextAttempt = now + settings.retryInterval
        if reason == .asked {
            if wasOpen { node.logger.notice("has left the queue \(settings.queue)") }
        } else {
            note(reason, now)
        }
        follow()
    }

    /// Once when it begins, and once more when it lasts.
    private func note(_ reason: AMQPCloseReason, _ now: Instant) {
        var trouble = trouble ?? Trouble(reason: reason, since: now)
        let isNew = self.trouble == nil
        let time = now - trouble.since
        let isLasting = time >= settings.retryTimeout && !trouble.isReported
        trouble.reason = reason
        if isLasting { trouble.isReported = true }
        self.trouble = trouble
        if isLasting {
            node.logger.error(
                """
                the queue \(settings.queue) has not been consumed for \(Int(time.inSeconds)) s: \(reason). This peer goes on \
                trying; transactions wait in the queue
                """)
        } else if isNew {
            // The session of the peer that led before may still stand.
            let isUsual = if case .queueBusy = reason { true } else { false }
            node.logger.log(level: isUsual ? .info : .warning, "the queue \(settings.queue) is not consumed: \(reason)")
        } else {
            node.logger.debug("the queue \(settings.queue) is not consumed: \(reason)")
        }
    }

    // MARK: - The queue

    /// In the log's order.
    func committed(_ block: CommittedBlock) { handle(.committed(block)) }

    func gap() { handle(.gap) }

    private func handle(_ event: OrderedQueue.Event) {
        node.eventLoop.preconditionInEventLoop()
        guard let session, !session.isClosing else { return }
        let index = node.transactions.tracker.index
        turns.take(event) { event in
            for action in queue.step(event, at: Clock.now(), known: { index[$0] }) { carryOut(action, session) }
        }
    }

    private func carryOut(_ action: OrderedQueue.Action, _ session: Session) {
        switch action {
        case .execute(let body, let packed):
            given.insert(packed)
            node.transactions.execute(.sendTransaction, body).assumeIsolated().whenSuccess { [weak self] outcome in
                guard self?.session?.number == session.number else { return }
                self?.handle(.outcome(outcome))
            }
        case .publish(let reply): publish(reply, session)
        case .acknowledge(let tag): session.consumer.acknowledge(tag)
        case .reject(let tag, let why):
            session.consumer.reject(tag)
            tellRejection(why)
        case .end(let why):
            node.logger.warning("the queue \(settings.queue) is asked for its messages again: \(why)")
            close()
        case .done(let id, let ending, let time):
            if ending == .committed { commitTime.note(time.inSeconds) }
            node.logger.debug(
                "message \(ending)", metadata: ["id": "\(id)", "after_ms": "\(time.inMilliseconds)"])
        }
    }

    private func publish(_ reply: QueueReply, _ session: Session) {
        do throws(AMQPPublishError) {
            try session.consumer.publish(
                to: reply.queue, correlationID: reply.correlationID, headers: [:], contentType: "application/json",
                body: reply.body)
        } catch {
            node.logger.warning("a reply to \(reply.queue) is not sent: \(error)")
        }
    }

    private func tellRejection(_ why: String) {
        guard rejections.isDue(Clock.now()) else { return }
        node.logger.warning("a message of the queue \(settings.queue) is rejected, it is no transaction: \(why)")
    }

    // MARK: - What is known

    private var state: StatusDocument.Queue.State {
        switch session {
        case let session? where session.isClosing: .idle
        case let session? where session.isOpen: .consuming
        default: trouble != nil ? .failing : session == nil ? .idle : .connecting
        }
    }

    var document: StatusDocument.Queue {
        let (counters, state) = (queue.counters, self.state)
        return StatusDocument.Queue(
            name: settings.queue, broker: "\(settings.address)", ackMode: settings.ackMode.rawValue, state: state,
            reason: state == .failing ? trouble?.reason.description : nil, waiting: queue.waiting,
            delivered: counters.delivered,
            redelivered: counters.redelivered, committed: counters.committed, failed: counters.failed,
            rejected: counters.rejected, requeued: counters.requeued)
    }

    func addMetrics(to page: inout MetricsPage) {
        let counters = queue.counters
        page.gauge(
            "prodha_queue_consuming", "1 while this peer consumes the queue.", state == .consuming ? 1 : 0)
        page.gauge("prodha_queue_failing", "1 while it should and cannot.", state == .failing ? 1 : 0)
        page.gauge("prodha_queue_waiting", "Messages that were delivered and are not done.", Double(queue.waiting))
        page.counter("prodha_queue_delivered_total", "Messages delivered.", counters.delivered)
        page.counter(
            "prodha_queue_redelivered_total", "Of those, delivered before, to this or another peer.",
            counters.redelivered)
        page.counter("prodha_queue_committed_total", "Of those, held by a committed block.", counters.committed)
        page.counter("prodha_queue_failed_total", "Of those, refused by nodeos or expired.", counters.failed)
        page.counter("prodha_queue_rejected_total", "Of those, no transaction.", counters.rejected)
        page.counter(
            "prodha_queue_requeued_total", "Given back to the queue at the end of a session.", counters.requeued)
        page.histogram("prodha_queue_seconds", "From a message's delivery to the commit of its block.", commitTime)
    }
}

extension OrderedQueue.AckMode {
    fileprivate init(_ mode: QueueSettings.AckMode) {
        self =
            switch mode {
            case .received: .received
            case .executed: .executed
            case .inBlock: .inBlock
            }
    }
}

extension OrderedQueue.Delivery {
    fileprivate init(_ delivery: AMQPDelivery) {
        self.init(
            tag: delivery.tag, body: delivery.isTooLarge ? nil : delivery.body, isRedelivered: delivery.isRedelivered,
            replyTo: delivery.replyTo.flatMap { $0.isEmpty ? nil : $0 }, correlationID: delivery.correlationID,
            blockQueue: delivery.headers["block-uuid-msg"].flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension AMQPSettings {
    fileprivate init(_ settings: QueueSettings, peer: String) throws(AttachmentError) {
        let address = settings.address
        do throws(AMQPSettingsError) {
            try self.init(
                address: AMQPAddress(
                    security: address.isTLS ? .tls : .plain, host: address.endpoint.host, port: address.endpoint.port,
                    user: address.user, password: address.password, virtualHost: address.virtualHost),
                queue: settings.queue, prefetch: settings.queueSize,
                tls: settings.tls.map { tls in
                    TLS(
                        rootsFile: tls.rootFile,
                        identity: tls.certificateFile.flatMap { certificate in
                            tls.keyFile.map { TLS.Identity(certificateFile: certificate, keyFile: $0) }
                        })
                },
                connectionName: "prodha \(peer)")
        } catch {
            throw .queue("amqp: \(error)")
        }
    }
}
