// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import BrokerHarness
@testable import Harness

/// A consumer and all that it has reported.
final class TestSession: Sendable {
    /// What to do with a delivery, on the event loop.
    typealias Answer = @Sendable (AMQPDelivery, AMQPConsumer) -> Void

    private struct State {
        var consumer: AMQPConsumer?
        var events: [AMQPEvent] = []
    }

    private static let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let state: NIOLockedValueBox<State>

    init(_ settings: AMQPSettings, answer: @escaping Answer = { _, _ in }) {
        let state = NIOLockedValueBox(State())
        self.state = state
        // Before anything can be reported.
        try? Self.loop.submit {
            let consumer = AMQPConsumer(settings, eventLoop: Self.loop, logger: Logger(label: "test")) { event in
                Self.loop.preconditionInEventLoop()
                let consumer = state.withLockedValue { state in
                    state.events.append(event)
                    return state.consumer
                }
                if case .delivered(let delivery) = event, let consumer { answer(delivery, consumer) }
            }
            state.withLockedValue { $0.consumer = consumer }
        }.wait()
    }

    /// With the broker at the port, which may be a relay's.
    convenience init(
        port: Int, queue: String, prefetch: Int = 100, heartbeat: Int = 10, connectTimeout: TimeAmount = .seconds(60),
        password: String = "guest", vhost: String = "/", answer: @escaping Answer = { _, _ in }
    ) throws {
        self.init(
            try AMQPSettings(
                address: AMQPAddress(host: "127.0.0.1", port: port, password: password, virtualHost: vhost),
                queue: queue,
                prefetch: prefetch, heartbeatSeconds: heartbeat, connectTimeout: connectTimeout), answer: answer)
    }

    func onLoop(_ body: @escaping @Sendable (AMQPConsumer) throws -> Void) async throws {
        let state = state
        try await Self.loop.submit {
            guard let consumer = state.withLockedValue({ $0.consumer }) else { throw BrokerError("it was given up") }
            try body(consumer)
        }.get()
    }

    var events: [AMQPEvent] { state.withLockedValue { $0.events } }

    /// Of events.
    var count: Int { state.withLockedValue { $0.events.count } }

    var deliveries: [AMQPDelivery] {
        events.compactMap { if case .delivered(let delivery) = $0 { delivery } else { nil } }
    }

    var texts: [String] { deliveries.map { String(decoding: $0.body, as: UTF8.self) } }

    var closed: AMQPCloseReason? {
        for case .closed(let reason) in events { return reason }
        return nil
    }

    /// Lets go of the consumer without closing it.
    func giveUp() { state.withLockedValue { $0.consumer = nil } }

    func opened() async throws {
        try await eventually("the session opens") {
            if let closed { throw BrokerError("\(closed)") }
            return events.contains(.opened)
        }
    }

    func delivered(_ count: Int, within bound: Duration = Broker.bound) async throws {
        try await eventually("\(count) deliveries", within: bound) {
            guard deliveries.count < count else { return true }
            throw BrokerError("\(deliveries.count) came; closed: \(closed.map { "\($0)" } ?? "no")")
        }
    }

    /// Waits for the end, and looks whether it is one.
    @discardableResult
    func ended(_ location: SourceLocation = #_sourceLocation) async throws -> AMQPCloseReason {
        let reason = try await value("the session ends") { closed }
        let events = events
        #expect(events.last == .closed(reason), "something came after the end", sourceLocation: location)
        let ends = events.filter { if case .closed = $0 { true } else { false } }
        #expect(ends.count == 1, "it ended more than once", sourceLocation: location)
        #expect(events.filter { $0 == .opened }.count <= 1, sourceLocation: location)
        return reason
    }

    func close(_ location: SourceLocation = #_sourceLocation) async throws {
        try await onLoop { $0.close() }
        #expect(try await ended(location) == .asked, sourceLocation: location)
    }
}

/// A name that no other test uses.
func newQueue() -> String { "queue-\(UUID().uuidString)" }

func numbers(_ range: Range<Int>) -> [BrokerMessage] { range.map { BrokerMessage("\($0)") } }
func texts(_ range: Range<Int>) -> [String] { range.map { "\($0)" } }
