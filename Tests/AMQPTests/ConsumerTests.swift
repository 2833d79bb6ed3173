// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import BrokerHarness
@testable import Harness

extension BrokerTests {
    /// Messages on their way, with a broker that stays well.
    @Suite struct Messages {
        @Test func aThousandMessagesComeInOrderAndOnce() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<1000), to: queue)
            let session = try TestSession(port: broker.port, queue: queue, prefetch: 50) { delivery, consumer in
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(1000)
            #expect(session.texts == texts(0..<1000))
            #expect(session.deliveries.map(\.tag) == Array(1...1000))
            try await session.close()
            #expect(try await broker.depth(queue) == 0, "acknowledged messages are back in the queue")
        }

        /// One read from the socket brings many frames, and after it the socket has nothing more.
        @Test func messagesThatArriveTogetherAreDeliveredTogether() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<100), to: queue)
            let relay = try Relay(to: broker.port)
            relay.holdAfter(method: [60, 20])
            let session = try TestSession(port: relay.port, queue: queue, heartbeat: 60)
            try await eventually("the broker has sent all") { try await broker.depth(queue) == 0 }
            relay.resume()
            // After 30 s the broker's heartbeat wakes who has not looked.
            try await session.delivered(100, within: .seconds(20))
            #expect(session.texts == texts(0..<100))
            try await session.close()
        }

        @Test func noMoreAreDeliveredThanThePrefetchAllows() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<20), to: queue)
            let session = try TestSession(port: broker.port, queue: queue, prefetch: 7)
            try await session.delivered(7)
            #expect(try await broker.depth(queue) == 13)
            // One more for one that is done with.
            try await session.onLoop { $0.acknowledge(4) }
            try await session.delivered(8)
            #expect(try await broker.depth(queue) == 12)
            try await session.close()
        }

        @Test func aRejectedMessageIsGone() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<3), to: queue)
            let session = try TestSession(port: broker.port, queue: queue)
            try await session.delivered(3)
            try await session.onLoop {
                $0.reject(2)
                $0.acknowledge(1)
            }
            try await session.close()
            let left = try await broker.take(from: queue)
            #expect(left.map(\.text) == ["2"])
        }

        @Test func aReplyFindsWhoAskedForIt() async throws {
            let broker = try await Broker.shared()
            let (queue, replies) = (newQueue(), newQueue())
            try await broker.declare(queue)
            try await broker.declare(replies)
            var request = BrokerMessage("request")
            request.replyTo = replies
            request.correlationID = Array("nr-1 é".utf8)
            request.headers = ["who": "a requester", "empty": ""]
            try await broker.publish([request], to: queue)
            let session = try TestSession(port: broker.port, queue: queue) { delivery, consumer in
                do {
                    try consumer.publish(
                        to: delivery.replyTo ?? "", correlationID: delivery.correlationID,
                        headers: ["status": "202", "für": "dich"], contentType: "application/json", body: delivery.body)
                } catch {
                    Issue.record("\(error)")
                }
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(1)
            let delivery = session.deliveries[0]
            #expect(delivery.headers == ["who": "a requester", "empty": ""], "headers that are no texts are left out")
            #expect(!delivery.isRedelivered)
            let reply = try await value("the reply") { try await broker.take(from: replies).first }
            #expect(reply.text == "request")
            #expect(reply.correlationID == request.correlationID)
            #expect(reply.headers == ["status": "202", "für": "dich"])
            #expect(reply.contentType == "application/json")
            try await session.close()
        }

        @Test func aCorrelationIDThatIsNoTextIsLeftOut() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            var message = BrokerMessage("")
            message.correlationID = [UInt8](repeating: 0xff, count: 255)
            try await broker.publish([message], to: queue)
            let session = try TestSession(port: broker.port, queue: queue)
            try await session.delivered(1)
            #expect(session.deliveries[0].correlationID == nil)
            #expect(session.deliveries[0].replyTo == nil)
            try await session.close()
        }

        /// A reply must not be lost while its request is acknowledged.
        @Test func aReplyIsWrittenBeforeTheAcknowledgement() async throws {
            let broker = try await Broker.shared()
            let (queue, replies) = (newQueue(), newQueue())
            try await broker.declare(queue)
            try await broker.declare(replies)
            try await broker.publish(numbers(0..<100), to: queue)
            let relay = try Relay(to: broker.port)
            let session = try TestSession(port: relay.port, queue: queue) { delivery, consumer in
                do {
                    try consumer.publish(
                        to: replies, correlationID: nil, headers: [:], contentType: "text/plain", body: delivery.body)
                } catch {
                    Issue.record("\(error)")
                }
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(100)
            try await session.close()
            let (publish, acknowledge): ([UInt16], [UInt16]) = ([60, 40], [60, 80])
            let written = relay.frames.map(\.method).filter { $0 == publish || $0 == acknowledge }
            #expect(written.count { $0 == publish } == 100 && written.count { $0 == acknowledge } == 100)
            // An acknowledgement waits for the broker's confirm as well, so others may be written in between.
            var lead = 0
            for method in written {
                lead += method == publish ? 1 : -1
                #expect(lead >= 0, "an acknowledgement before its reply")
            }
            #expect(try await broker.take(from: replies).map(\.text) == texts(0..<100))
        }

        /// What was answered and not read yet is there after the broker's orderly end and after kill -9.
        @Test(arguments: [SIGTERM, SIGKILL])
        func aReplyWhoseMessageIsAcknowledgedOutlivesTheBroker(_ signal: Int32) async throws {
            let broker = try await Broker.start()
            let (queue, replies) = (newQueue(), newQueue())
            for name in [queue, replies] { try await broker.declare(name) }
            try await broker.publish(numbers(0..<20), to: queue)
            let session = try TestSession(port: broker.port, queue: queue) { delivery, consumer in
                do {
                    try consumer.publish(
                        to: replies, correlationID: nil, headers: [:], contentType: "text/plain", body: delivery.body)
                } catch {
                    Issue.record("\(error)")
                }
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(20)
            // Closing waits until all are acknowledged.
            try await session.close()
            #expect(try await broker.depth(queue) == 0)
            if signal == SIGKILL { try await broker.kill() } else { try await broker.stop() }
            try await broker.start()
            // Its queues come a while after it says that it has started.
            let kept = try await value("the queue of replies is there") { try await broker.take(from: replies) }
            #expect(kept.map(\.text) == texts(0..<20))
        }

        @Test func aReplyToNobodyDoesNoHarm() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<2), to: queue)
            let session = try TestSession(port: broker.port, queue: queue, prefetch: 1) { delivery, consumer in
                do {
                    try consumer.publish(
                        to: "nobody", correlationID: "1", headers: [:], contentType: "text/plain", body: [1])
                } catch {
                    Issue.record("\(error)")
                }
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(2)
            try await session.close()
        }

        @Test func whatDoesNotFitIntoAFrameIsNotPublished() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            let session = try TestSession(port: broker.port, queue: queue)
            try await session.opened()
            try await session.onLoop { consumer in
                let long = String(repeating: "x", count: 256)
                func publish(
                    to name: String? = nil, id: String? = nil, headers: [String: String] = [:], type: String = "",
                    body: [UInt8] = []
                ) throws(AMQPPublishError) {
                    try consumer.publish(
                        to: name ?? queue, correlationID: id, headers: headers, contentType: type, body: body)
                }
                #expect(throws: AMQPPublishError.self) { try publish(to: long) }
                #expect(throws: AMQPPublishError.self) { try publish(id: long) }
                #expect(throws: AMQPPublishError.self) { try publish(type: long) }
                #expect(throws: AMQPPublishError.self) { try publish(headers: [long: ""]) }
                #expect(throws: AMQPPublishError.self) {
                    try publish(headers: ["a": String(repeating: "x", count: 2048)])
                }
                #expect(throws: AMQPPublishError.self) {
                    try publish(body: [UInt8](repeating: 0, count: AMQPConsumer.maxBodyBytes + 1))
                }
                // The longest of everything goes.
                let longest = String(repeating: "x", count: 255)
                try publish(
                    id: longest, headers: [longest: String(repeating: "x", count: 2048 - 6 - 255)], type: longest,
                    body: [UInt8](repeating: 7, count: AMQPConsumer.maxBodyBytes))
            }
            try await session.delivered(1)
            #expect(session.deliveries[0].body == [UInt8](repeating: 7, count: AMQPConsumer.maxBodyBytes))
            #expect(session.deliveries[0].correlationID == String(repeating: "x", count: 255))
            try await session.close()
        }

        @Test func bodiesOfEverySizeCome() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            // Around the size of a frame's payload, 131,072 - 8 bytes, and the limit.
            let limit = AMQPConsumer.maxBodyBytes
            let sizes = [0, 1, 131_063, 131_064, 131_065, 262_128, limit - 1, limit, limit + 1, 2 * limit, 3, 0]
            let bodies = sizes.enumerated().map { [UInt8](repeating: UInt8($0), count: $1) }
            try await broker.publish(bodies.map(BrokerMessage.init(body:)), to: queue)
            let session = try TestSession(port: broker.port, queue: queue, prefetch: 3) { delivery, consumer in
                consumer.acknowledge(delivery.tag)
            }
            try await session.delivered(sizes.count)
            for (delivery, body) in zip(session.deliveries, bodies) {
                let isTooLarge = body.count > limit
                #expect(delivery.isTooLarge == isTooLarge, "\(body.count) bytes")
                #expect(delivery.body == (isTooLarge ? [] : body), "\(body.count) bytes, came: \(delivery.body.count)")
            }
            try await session.close()
            #expect(try await broker.depth(queue) == 0)
        }

        /// Both sides tell each other that they are there.
        @Test func anIdleSessionStaysOpen() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            let relay = try Relay(to: broker.port)
            let session = try TestSession(port: relay.port, queue: queue, heartbeat: 1)
            try await session.opened()
            try await eventually("5 heartbeats") { relay.frames.filter { $0.type == 8 }.count >= 5 }
            try await broker.publish(numbers(0..<1), to: queue)
            try await session.delivered(1)
            try await session.close()
        }
    }

    /// One consumer after the other.
    @Suite struct Consumers {
        /// `leave` is what the first does, with whatever stands between it and the broker.
        func messagesComeBackInOrder(
            heartbeat: Int = 10, _ leave: (TestSession, Relay) async throws -> Void
        ) async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<100), to: queue)
            let relay = try Relay(to: broker.port)
            let first = try TestSession(port: relay.port, queue: queue, prefetch: 20, heartbeat: heartbeat)
            try await first.delivered(20)
            // Not the first ones alone.
            try await first.onLoop { for tag in [1, 2, 5] { $0.acknowledge(UInt64(tag)) } }
            try await first.delivered(23)
            #expect(first.texts == texts(0..<23))
            try await leave(first, relay)

            let second = try await openWhenFree(broker.port, queue)
            try await second.delivered(97)
            #expect(second.texts == ["2", "3"] + texts(5..<100))
            #expect(second.deliveries.map(\.isRedelivered) == (0..<97).map { $0 < 20 })
            try await second.close()
            #expect(try await broker.depth(queue) == 0)
        }

        /// The first session that is not told that another has the queue.
        func openWhenFree(
            _ port: Int, _ queue: String, isAcknowledging: Bool = true
        ) async throws -> TestSession {
            try await value("another consumer is let in") {
                let session = try TestSession(port: port, queue: queue) { delivery, consumer in
                    if isAcknowledging { consumer.acknowledge(delivery.tag) }
                }
                try await eventually("the session opens or ends") {
                    session.events.contains(.opened) || session.closed != nil
                }
                if case .queueBusy = session.closed { return nil }
                return session
            }
        }

        @Test func theyComeBackInOrderAfterAClose() async throws {
            try await messagesComeBackInOrder { session, _ in try await session.close() }
        }

        @Test func theyComeBackInOrderWhenTheConsumerIsGivenUp() async throws {
            try await messagesComeBackInOrder { session, _ in
                session.giveUp()
                let reason = try await session.ended()
                #expect(reason == .asked)
            }
        }

        @Test func theyComeBackInOrderWhenTheConsumerIsKilled() async throws {
            try await messagesComeBackInOrder { session, relay in
                relay.cut()
                guard case .lost = try await session.ended() else {
                    Issue.record("\(session.events.suffix(1))")
                    return
                }
            }
        }

        @Test func theyComeBackInOrderWhenTheConsumerIsSuspended() async throws {
            try await messagesComeBackInOrder(heartbeat: 1) { session, relay in
                relay.hold()
                guard case .lost(let text) = try await session.ended() else {
                    Issue.record("\(session.events.suffix(1))")
                    return
                }
                #expect(text.contains("heartbeat"), "\(text)")
            }
            let log = try await String(contentsOf: Broker.shared().log, encoding: .utf8)
            #expect(log.contains("missed heartbeats from client"), "the broker has not found out by itself")
        }

        @Test func aSecondConsumerIsLetInAsSoonAsTheFirstHasClosed() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            var first = try TestSession(port: broker.port, queue: queue)
            try await first.opened()
            for _ in 0..<10 {
                let early = try TestSession(port: broker.port, queue: queue)
                guard case .queueBusy(let text) = try await early.ended() else {
                    Issue.record("two consumers at once: \(early.events)")
                    return
                }
                #expect(text.contains(queue))
                #expect(early.events.count == 1, "it must not have opened")
                try await first.close()
                first = try TestSession(port: broker.port, queue: queue)
                try await first.opened()
            }
            try await first.close()
        }
    }
}
