// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import Foundation
import Testing

@testable import BrokerHarness
@testable import Harness

private let isMeasuring = ProcessInfo.processInfo.environment["PRODHA_MEASURE"] != nil

extension BrokerTests {
    @Suite(.enabled(if: isMeasuring)) struct Measurements {
        @Test(arguments: [1, 10, 100, 1000]) func deliveriesPerSecond(prefetch: Int) async throws {
            let broker = try await Broker.shared()
            let queue = newQueue()
            let count = prefetch == 1 ? 3000 : 30_000
            try await broker.declare(queue)
            let messages = [BrokerMessage](
                repeating: BrokerMessage(body: .init(repeating: 1, count: 300)), count: count)
            try await broker.publish(messages, to: queue)
            for isReplying in [false, true] {
                let start = ContinuousClock.now
                let part = count / 2
                let session = try TestSession(port: broker.port, queue: queue, prefetch: prefetch) {
                    delivery, consumer in
                    guard delivery.tag <= part else { return }
                    if isReplying {
                        try? consumer.publish(
                            to: "nobody", correlationID: "1", headers: ["a": "b"], contentType: "application/json",
                            body: delivery.body)
                    }
                    consumer.acknowledge(delivery.tag)
                }
                try await eventually("all came") { session.count >= part }
                let time = ContinuousClock.now - start
                print(
                    "prefetch \(prefetch), replies \(isReplying): \(Int(Double(part) / (time / .seconds(1)))) per second"
                )
                try await session.close()
            }
        }
    }
}
