// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Logging
import NIOCore

/// One session with a broker of AMQP 0-9-1: one connection, one channel, one exclusive consumer of one queue. It connects
/// when it is made, and is never used again once it has ended; connecting anew is its owner's task.
///
/// While it is open no other consumer gets the queue's messages, and when it ends the broker puts back at their places
/// those that were delivered and not acknowledged before anybody else is let in: what is processed in the order of
/// delivery stays first in, first out over a change of consumers.
///
/// A thread of its own does all that may block. It waits for the broker no longer than the settings say, also in a write;
/// only the lookup of the host's name has the resolver's bounds. The session ends in time even then, and the thread as
/// soon as it can.
///
/// A broker that is short of memory or disk stops reading from a connection that publishes, goes on with its heartbeats,
/// and takes up what was written when it is better again. Then acknowledgements arrive late, and nothing is delivered
/// beyond the prefetch. If what was written no longer fits into the buffers of TCP, the session is lost.
public final class AMQPConsumer: Sendable {
    /// A larger body is not kept in memory.
    public static let maxBodyBytes = 8 << 20
    /// Names and values of the headers of one publication: they must fit into the smallest frame that brokers allow.
    public static let maxHeaderBytes = 2048
    /// What `close` waits for the broker before it shuts the socket.
    public static let closeTimeout = TimeAmount.seconds(1)

    private let session: Session

    /// - Parameters:
    ///   - eventLoop: where `handler` is called; it must run until `.closed` was reported.
    ///   - handler: hears all events in order. It is let go after `.closed`.
    public init(
        _ settings: AMQPSettings, eventLoop: any EventLoop, logger: Logger,
        handler: @escaping @Sendable (AMQPEvent) -> Void
    ) {
        session = Session(settings, eventLoop: eventLoop, handler: handler)
        session.start(settings, logger)
    }

    deinit { session.giveUp() }

    // MARK: - On the event loop; none of these blocks, and after the end of the session they do nothing

    /// The message is done with. What was published before has gone to the broker before. Once for each delivery, unless
    /// it is rejected; in any order.
    public func acknowledge(_ tag: UInt64) { session.settle(tag, .acknowledge(tag)) }

    /// The message is no good, and is not delivered again: the broker drops it, or gives it to the queue's dead letter
    /// exchange. Once for each delivery, unless it is acknowledged.
    public func reject(_ tag: UInt64) { session.settle(tag, .reject(tag)) }

    /// Publishes a message that need not survive the broker to the queue with this name. It is dropped silently when there
    /// is no such queue. Whether it has arrived is not told; it has when an acknowledgement made after it has.
    ///
    /// At most one or two for each delivery: with more than three calls for each message of the prefetch waiting to be
    /// written the session is lost.
    public func publish(
        to queue: String, correlationID: String?, headers: [String: String], contentType: String, body: [UInt8]
    ) throws(AMQPPublishError) {
        let names = [("the queue's name", queue), ("the content type", contentType)]
        let optional = correlationID.map { [("the correlation ID", $0)] } ?? []
        for (name, text) in names + optional + headers.keys.map({ ("a header's name", $0) })
        where text.utf8.count > 255 { throw .textTooLong(name) }
        let headerBytes = headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 6 }
        guard headerBytes <= Self.maxHeaderBytes else { throw .headersTooLarge(bytes: headerBytes) }
        guard body.count <= Self.maxBodyBytes else { throw .bodyTooLarge(bytes: body.count) }
        session.call(
            .publish(
                .init(
                    queue: queue, correlationID: correlationID, headers: headers, contentType: contentType, body: body))
        )
    }

    /// Writes what waits, closes the connection, and reports `.closed(.asked)`, after `closeTimeout` at the latest. No
    /// other event comes any more. During the connecting it does not wait.
    public func close() {
        session.eventLoop.preconditionInEventLoop()
        session.close()
    }
}

/// The side of the event loop. It lives until the session has ended.
final class Session: Sendable {
    private struct State {
        enum Phase { case connecting, open, closing, closed }

        var phase = Phase.connecting
        var handler: (@Sendable (AMQPEvent) -> Void)?
        /// Delivered, and neither acknowledged nor rejected.
        var outstanding: Set<UInt64> = []
        /// The latest end of the connecting or the closing.
        var deadline: Scheduled<Void>?
        var watch: RepeatedTask?
    }

    /// Between two looks whether the thread is stuck in a write.
    private static let watchInterval = TimeAmount.milliseconds(500)
    /// The thread has a better word for why it did not connect in time.
    private static let connectGrace = TimeAmount.seconds(1)

    let eventLoop: any EventLoop
    private let link = ConsumerLink()
    private let maxWaitingCalls: Int
    private let writeTimeout: TimeAmount
    private let state: NIOLoopBoundBox<State>

    init(_ settings: AMQPSettings, eventLoop: any EventLoop, handler: @escaping @Sendable (AMQPEvent) -> Void) {
        self.eventLoop = eventLoop
        maxWaitingCalls = settings.maxWaitingCalls
        writeTimeout = settings.writeTimeout
        state = .makeBoxSendingValue(State(handler: handler), eventLoop: eventLoop)
    }

    func start(_ settings: AMQPSettings, _ logger: Logger) {
        eventLoop.execute {
            guard self.state.value.phase == .connecting else { return }
            self.state.value.deadline = self.eventLoop.scheduleTask(
                in: settings.connectTimeout + Self.connectGrace
            ) {
                self.end(.cannotConnect("\(settings.address): no answer in time, perhaps to the lookup of its name"))
            }
            self.state.value.watch = self.eventLoop.scheduleRepeatedTask(
                initialDelay: Self.watchInterval, delay: Self.watchInterval
            ) { _ in self.lookForStuckWrite() }
        }
        let thread = ConsumerThread(settings: settings, link: link, logger: logger) { events in
            self.eventLoop.execute { self.report(events) }
        }
        if let problem = thread.start() {
            eventLoop.execute { self.end(.cannotConnect("no thread or no file descriptor is left: \(problem)")) }
        }
    }

    // MARK: - Calls

    func settle(_ tag: UInt64, _ call: ConsumerLink.Call) {
        eventLoop.preconditionInEventLoop()
        guard state.value.phase == .open else { return }
        precondition(state.value.outstanding.remove(tag) != nil, "message \(tag) was not delivered, or settled before")
        self.call(call)
    }

    func call(_ call: ConsumerLink.Call) {
        eventLoop.preconditionInEventLoop()
        guard state.value.phase == .open else { return }
        if !link.submit(call, limit: maxWaitingCalls) {
            end(.lost("\(maxWaitingCalls) calls wait to be written to the broker, more than its messages can cause"))
        }
    }

    func close() {
        let wasOpen = state.value.phase == .open
        guard wasOpen || state.value.phase == .connecting else { return }
        state.value.phase = .closing
        state.value.deadline?.cancel()
        state.value.deadline = eventLoop.scheduleTask(in: AMQPConsumer.closeTimeout) { self.end(.asked) }
        _ = link.submit(.close, limit: .max)
        if !wasOpen { link.shut() }
    }

    /// From any thread. The loop may have ended with the session.
    func giveUp() {
        guard !link.hasEnded else { return }
        eventLoop.execute { self.close() }
    }

    // MARK: - Events

    private func report(_ events: [AMQPEvent]) {
        for event in events {
            switch (event, state.value.phase) {
            case (_, .closed): return
            case (.closed(let reason), .connecting), (.closed(let reason), .open): end(reason)
            case (.closed, .closing): end(.asked)
            case (_, .closing): break
            case (.opened, _):
                state.value.phase = .open
                state.value.deadline?.cancel()
                state.value.deadline = nil
                state.value.handler?(event)
            case (.delivered(let delivery), _):
                state.value.outstanding.insert(delivery.tag)
                state.value.handler?(event)
            }
        }
    }

    private func end(_ reason: AMQPCloseReason) {
        guard state.value.phase != .closed else { return }
        state.value.phase = .closed
        state.value.deadline?.cancel()
        state.value.deadline = nil
        state.value.watch?.cancel()
        state.value.watch = nil
        state.value.outstanding = []
        let handler = state.value.handler
        state.value.handler = nil
        link.shut()
        handler?(.closed(reason))
    }

    private func lookForStuckWrite() {
        guard state.value.phase == .open, let since = link.busySince, .now() - since > writeTimeout else { return }
        end(
            .lost(
                "the broker took nothing that was written for \(writeTimeout.nanoseconds / 1_000_000_000) s: check "
                    + "whether it is stopped, or blocks connections because memory or disk are short"))
    }
}
