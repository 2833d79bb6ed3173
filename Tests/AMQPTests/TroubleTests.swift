// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import BrokerHarness
@testable import Harness

extension BrokerTests {
    /// Sessions that never open.
    @Suite struct Refusals {
        /// Opens a session that must end so.
        func refusal(_ session: TestSession) async throws -> AMQPCloseReason {
            let reason = try await session.ended()
            #expect(session.events == [.closed(reason)])
            return reason
        }

        func expect(_ session: TestSession, _ words: String...) async throws {
            guard case .cannotConnect(let text) = try await refusal(session) else {
                Issue.record("\(session.events)")
                return
            }
            for word in words { #expect(text.contains(word), "\(text)") }
        }

        @Test func aQueueThatIsMissing() async throws {
            let broker = try await Broker.shared()
            let session = try TestSession(port: broker.port, queue: "nothing-here")
            guard case .queueMissing(let text) = try await refusal(session) else {
                Issue.record("\(session.events)")
                return
            }
            #expect(text.contains("nothing-here"), "\(text)")
        }

        @Test func aWrongPassword() async throws {
            let broker = try await Broker.shared()
            let session = try TestSession(port: broker.port, queue: "q", password: "sesame")
            try await expect(session, "login", "ACCESS_REFUSED", "password")
            #expect(!"\(session.events)".contains("sesame"))
        }

        @Test func aVirtualHostThatIsMissing() async throws {
            let broker = try await Broker.shared()
            try await expect(TestSession(port: broker.port, queue: "q", vhost: "/no-such"), "no-such", "not found")
        }

        @Test func aQueueThatAnotherConnectionOwns() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            let client = try await offload { [port = broker.port] in
                let client = UncheckedBox(try BrokerClient(port: port))
                try client.value.declare(queue, isExclusive: true)
                return client
            }
            try await expect(TestSession(port: broker.port, queue: queue), "RESOURCE_LOCKED")
            withExtendedLifetime(client) {}
        }

        @Test func nobodyListens() async throws {
            let port = try Ports.free()
            try await expect(TestSession(port: port, queue: "q"), "refused", "127.0.0.1:\(port)")
        }

        @Test func aNameThatIsNotKnown() async throws {
            let settings = try AMQPSettings(
                address: AMQPAddress(host: "no-such-host.invalid", port: 5672), queue: "q", prefetch: 1)
            try await expect(TestSession(settings), "no-such-host.invalid")
        }

        @Test func aListenerThatSaysNothing() async throws {
            let listener = try LoopbackServer { connection in waitForEnd(connection) }
            defer { listener.stop() }
            try await expect(
                TestSession(port: listener.port, queue: "q", connectTimeout: .milliseconds(300)),
                "did not answer in time")
        }

        @Test func aListenerThatSaysNothingWhereTLSIsWanted() async throws {
            let listener = try LoopbackServer { connection in waitForEnd(connection) }
            defer { listener.stop() }
            let settings = try AMQPSettings(
                address: AMQPAddress(security: .tls, host: "127.0.0.1", port: listener.port), queue: "q", prefetch: 1,
                connectTimeout: .milliseconds(300))
            try await expect(TestSession(settings), "did not answer in time")
        }

        @Test func aBrokerThatIsSuspendedAfterTheLogin() async throws {
            // It takes what a broker says up to the end of the login, and nothing that is asked for later.
            let broker = try await Broker.shared()
            let relay = try Relay(to: broker.port)
            relay.holdAfter(method: [10, 40])
            try await expect(
                TestSession(port: relay.port, queue: "q", connectTimeout: .milliseconds(1500)), "did not answer in time"
            )
        }

        @Test(arguments: [
            "HTTP/1.1 400 Bad Request\r\n\r\n", "AMQP\u{0}\u{0}\u{9}\u{1}", "SSH-2.0-OpenSSH_9.2\r\n",
            "\u{1}\u{0}\u{0}\u{0}",
            "\u{1}\u{0}\u{0}\u{0}\u{0}\u{0}\u{4}\u{0}\u{a}\u{0}\u{a}\u{4e}", "",
        ])
        func aListenerThatSpeaksAnotherLanguage(_ words: String) async throws {
            let listener = try LoopbackServer { connection in
                let bytes = Array(words.utf8)
                _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                shutdown(connection, Int32(SHUT_WR))
                waitForEnd(connection)
            }
            defer { listener.stop() }
            try await expect(TestSession(port: listener.port, queue: "q"), "127.0.0.1:\(listener.port)")
        }

        @Test func aListenerThatSpeaksNoTLS() async throws {
            let broker = try await Broker.shared()
            let settings = try AMQPSettings(
                address: AMQPAddress(security: .tls, host: "127.0.0.1", port: broker.port), queue: "q", prefetch: 1,
                connectTimeout: .seconds(60))
            try await expect(TestSession(settings), "TLS")
        }

        @Test func aCloseEndsTheConnecting() async throws {
            let listener = try LoopbackServer { connection in waitForEnd(connection) }
            defer { listener.stop() }
            let session = try TestSession(port: listener.port, queue: "q")
            try await eventually("it has connected") { listener.connections == 1 }
            // The timeout of connecting is as long as this test waits.
            try await session.close()
            #expect(session.events == [.closed(.asked)])
        }

        @Test func aCloseAtOnceIsTheOnlyEvent() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            for _ in 0..<20 {
                let session = try TestSession(port: broker.port, queue: queue)
                try await session.close()
            }
            let last = try await BrokerTests.Consumers().openWhenFree(broker.port, queue)
            try await last.close()
        }
    }

    /// Sessions that are lost.
    @Suite struct Losses {
        func lost(_ session: TestSession, _ words: String...) async throws {
            guard case .lost(let text) = try await session.ended() else {
                Issue.record("\(session.events.suffix(1))")
                return
            }
            for word in words { #expect(text.contains(word), "\(text)") }
        }

        @Test func theQueueIsDeleted() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            let session = try TestSession(port: broker.port, queue: queue)
            try await session.opened()
            try await broker.delete(queue)
            try await lost(session, queue, "deleted")
        }

        @Test func theBrokerIsStoppedAndHasTheMessagesWhenItIsBack() async throws {
            let broker = try await Broker.start()
            try await broker.declare("q")
            try await broker.publish(numbers(0..<10), to: "q")
            let session = try TestSession(port: broker.port, queue: "q", prefetch: 5)
            try await session.delivered(5)
            try await session.onLoop { $0.acknowledge(1) }
            try await session.delivered(6)
            try await broker.restart()
            try await lost(session, "CONNECTION_FORCED")
            let next = try TestSession(port: broker.port, queue: "q")
            try await next.delivered(9)
            #expect(next.texts == texts(1..<10))
            // Nothing is asked of a broker that is gone.
            try await broker.kill()
            try await lost(next, "broke")
            let late = try TestSession(port: broker.port, queue: "q")
            guard case .cannotConnect = try await late.ended() else {
                Issue.record("\(late.events)")
                return
            }
        }

        @Test func theBrokerIsSilent() async throws {
            let broker = try await Broker.start()
            try await broker.declare("q")
            try await broker.publish(numbers(0..<2), to: "q")
            let silent = try TestSession(port: broker.port, queue: "q", prefetch: 1, heartbeat: 1)
            try await silent.delivered(1)
            try broker.suspend()
            try await lost(silent, "silent", "heartbeat")

            // One that does not read, either: what is published no longer fits into the buffers.
            try broker.resume()
            let stuck = try await value("the first is forgotten") {
                let session = try TestSession(port: broker.port, queue: "q", prefetch: 10, heartbeat: 2)
                try await eventually("it opens or ends") { session.events.contains(.opened) || session.closed != nil }
                return session.closed == nil ? session : nil
            }
            try await stuck.delivered(1)
            try broker.suspend()
            try await stuck.onLoop { consumer in
                for _ in 0..<8 {
                    try consumer.publish(
                        to: "nobody", correlationID: nil, headers: [:], contentType: "",
                        body: [UInt8](repeating: 0, count: AMQPConsumer.maxBodyBytes))
                }
            }
            try await lost(stuck, "took nothing that was written")
            try await eventually("the thread has ended") { threads(named: "prodha-amqp") == 0 }
            try broker.resume()
        }

        /// It does not read what a connection that publishes sends, and keeps the connection.
        @Test func aBrokerThatIsShortOfMemoryTakesEverythingLater() async throws {
            let broker = try await Broker.start()
            try await broker.declare("q")
            try await broker.publish(numbers(0..<20), to: "q")
            let relay = try Relay(to: broker.port)
            let session = try TestSession(port: relay.port, queue: "q", prefetch: 10, heartbeat: 1)
            try await session.delivered(10)
            try await broker.control("set_vm_memory_high_watermark", "absolute", "1000")
            try await eventually("the alarm") {
                try String(contentsOf: broker.log, encoding: .utf8).contains("memory resource limit alarm set")
            }
            // Only now is the connection blocked.
            try await session.onLoop { consumer in
                try consumer.publish(to: "nobody", correlationID: nil, headers: [:], contentType: "", body: [1])
                for tag in 1...10 { consumer.acknowledge(UInt64(tag)) }
            }
            let before = relay.frames.count
            try await eventually("6 heartbeats, when 2 are the limit") { relay.frames.count >= before + 6 }
            #expect(session.closed == nil)
            #expect(session.deliveries.count == 10, "an acknowledgement was read")
            try await broker.control("set_vm_memory_high_watermark", "0.4")
            try await session.delivered(20)
            #expect(session.texts == texts(0..<20))
            try await session.close()
        }

        @Test func aCloseDoesNotWaitForASuspendedBroker() async throws {
            let broker = try await Broker.start()
            try await broker.declare("q")
            let session = try TestSession(port: broker.port, queue: "q", heartbeat: 60)
            try await session.opened()
            try broker.suspend()
            // The heartbeat would end it after two minutes.
            try await session.onLoop { consumer in
                for _ in 0..<4 {
                    try consumer.publish(
                        to: "nobody", correlationID: nil, headers: [:], contentType: "",
                        body: [UInt8](repeating: 0, count: AMQPConsumer.maxBodyBytes))
                }
            }
            try await session.close()
            try await eventually("the thread has ended") { threads(named: "prodha-amqp") == 0 }
            try broker.resume()
        }

        @Test func moreCallsThanTheMessagesCanCauseEndTheSession() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            let relay = try Relay(to: broker.port)
            let session = try TestSession(port: relay.port, queue: queue, prefetch: 1, heartbeat: 60)
            try await session.opened()
            relay.hold()
            try await session.onLoop { consumer in
                for _ in 0..<10 {
                    try consumer.publish(
                        to: "nobody", correlationID: nil, headers: [:], contentType: "",
                        body: [UInt8](repeating: 0, count: AMQPConsumer.maxBodyBytes))
                }
            }
            try await lost(session, "calls wait")
        }

        @Test func fiftySessionsLeaveNothingBehind() async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            try await broker.declare(queue)
            try await broker.publish(numbers(0..<5), to: queue)
            func cycle(_ number: Int) async throws {
                let session = try await BrokerTests.Consumers().openWhenFree(broker.port, queue, isAcknowledging: false)
                try await session.delivered(5)
                if number.isMultiple(of: 2) {
                    try await session.close()
                } else {
                    session.giveUp()
                    #expect(try await session.ended() == .asked)
                }
                let refused = try TestSession(port: broker.port, queue: "nothing-here")
                try await refused.ended()
            }
            // What is set up once and stays.
            for number in 0..<2 { try await cycle(number) }
            try await eventually("the threads have ended") { threads(named: "prodha-amqp") == 0 }
            let before = try openFiles()
            for number in 0..<50 { try await cycle(number) }
            try await eventually("the threads have ended") { threads(named: "prodha-amqp") == 0 }
            try await eventually("the file descriptors are closed") {
                let now = try openFiles()
                guard now.count <= before.count else { throw BrokerError("before: \(before), now: \(now)") }
                return true
            }
        }
    }
}

/// Until the other end has closed.
private func waitForEnd(_ connection: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while recv(connection, &buffer, buffer.count, 0) > 0 {}
}

/// Of this process.
private func threads(named name: String) -> Int {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return tasks.filter {
        (try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8))?.hasPrefix(name) ?? false
    }.count
}

private func openFiles() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
    }.sorted()
}

/// Used by one thread at a time.
private struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
