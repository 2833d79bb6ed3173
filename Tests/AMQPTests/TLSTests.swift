// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import AMQP
import Foundation
import NIOCore
import Testing

@testable import BrokerHarness
@testable import Harness

extension BrokerTests {
    @Suite struct Secure {
        @Test func onlyTheRightBrokerIsTrusted() async throws {
            let files = try await TestCertificates()
            try await files.make("server", names: "DNS:localhost")
            try await files.make("client", names: "DNS:client")
            let broker = try await Broker.start(
                tls: .init(
                    rootsFile: files.file("root.pem"), certificateFile: files.file("server.pem"),
                    keyFile: files.file("server.key"), wantsCertificate: true))
            try await broker.declare("q")
            try await broker.publish(
                numbers(0..<500) + [BrokerMessage(body: .init(repeating: 1, count: 1 << 20))], to: "q")
            let port = try #require(broker.tlsPort)
            let identity = AMQPSettings.TLS.Identity(
                certificateFile: files.file("client.pem"), keyFile: files.file("client.key"))

            func session(_ host: String, _ tls: AMQPSettings.TLS) throws -> TestSession {
                try TestSession(
                    AMQPSettings(
                        address: AMQPAddress(security: .tls, host: host, port: port), queue: "q", prefetch: 50,
                        connectTimeout: .seconds(60), tls: tls)
                ) { delivery, consumer in consumer.acknowledge(delivery.tag) }
            }
            func refused(_ host: String, _ tls: AMQPSettings.TLS, _ words: String...) async throws {
                let session = try session(host, tls)
                guard case .cannotConnect(let text) = try await session.ended() else {
                    Issue.record("\(session.events)")
                    return
                }
                for word in words { #expect(text.contains(word), "\(text)") }
            }

            let right = AMQPSettings.TLS(rootsFile: files.file("root.pem"), identity: identity)
            try await refused("localhost", .init(rootsFile: files.file("other.pem"), identity: identity), "descend")
            try await refused("localhost", .init(identity: identity), "descend", AMQPSettings.TLS.systemRoots)
            try await refused("127.0.0.1", right, "another host")
            try await refused("localhost", .init(rootsFile: files.file("root.pem")), "certificate from this side")
            try await refused("localhost", .init(rootsFile: files.file("no-such.pem")), "no-such.pem")
            let mixed = AMQPSettings.TLS.Identity(
                certificateFile: files.file("client.pem"), keyFile: files.file("server.key"))
            try await refused(
                "localhost", .init(rootsFile: files.file("root.pem"), identity: mixed), "belong together")

            let loose = AMQPSettings.TLS(
                identity: identity, peerVerification: .off, hostNameVerification: .off)
            let unverified = try session("127.0.0.1", loose)
            try await unverified.opened()
            try await unverified.close()

            let good = try session("localhost", right)
            let before = unverified.deliveries.count
            try await good.delivered(501 - before)
            try await good.close()
            #expect(try await broker.depth("q") == 0)
        }
    }
}
