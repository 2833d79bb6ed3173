// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The relay does what it says.
    @Suite struct RelayTests {
        private let way = Relay.Way(from: 2, to: 1)

        /// A listener behind a relay.
        private func with(_ body: (Relay, Server, _ port: Int) async throws -> Void) async throws {
            let relay = try Relay()
            defer { relay.stop() }
            let server = try Server()
            let port = try relay.open(from: way.from, to: way.to, target: server.port)
            try await body(relay, server, port)
        }

        private struct Server {
            let port: Int
            private let listener: RelaySocket

            init() throws {
                port = try Ports.free()
                listener = try .listening(on: port)
            }

            func accepted() async throws -> RelaySocket {
                try await value("a connection arrives") { listener.accepted() }
            }
        }

        private func receive(_ bytes: [UInt8], at socket: RelaySocket) async throws {
            var all: [UInt8] = []
            try await eventually("\(bytes) arrive") {
                if case .bytes(let more) = socket.receive() { all += more }
                return all == bytes
            }
        }

        private func nothing(at socket: RelaySocket) async throws {
            try await always("nothing arrives", for: .milliseconds(200)) {
                if case .nothing = socket.receive() { true } else { false }
            }
        }

        private func end(at socket: RelaySocket) async throws {
            try await eventually("the end arrives") { if case .end = socket.receive() { true } else { false } }
        }

        @Test func whatIsSentArrivesBothWaysAndSoDoesTheEnd() async throws {
            try await with { relay, server, port in
                var near: RelaySocket? = try .connecting(to: port)
                let far = try await server.accepted()
                try #require(near?.send([1, 2, 3]) == 3)
                try await receive([1, 2, 3], at: far)
                try #require(far.send([4]) == 1)
                try await receive([4], at: try #require(near))
                #expect(relay.delivered(way) == 3 && relay.delivered(way.reversed) == 1)
                near = nil
                try await end(at: far)
            }
        }

        @Test func whatIsHeldOneWayStaysAndComesLater() async throws {
            try await with { relay, server, port in
                let near = try RelaySocket.connecting(to: port)
                let far = try await server.accepted()
                relay.set(.hold, way)
                try #require(near.send([1]) == 1)
                try #require(far.send([2]) == 1)
                try await receive([2], at: near)
                near.finish()
                try await nothing(at: far)
                relay.set(.pass, way)
                try await receive([1], at: far)
                try await end(at: far)

                // More than the relay keeps: the sender must wait, and nothing is lost.
                let (next, other) = (try RelaySocket.connecting(to: port), try await server.accepted())
                relay.set(.hold, way)
                let part = [UInt8](repeating: 7, count: 1 << 16)
                var sent = 0
                try await eventually("the sender must wait") {
                    let before = sent
                    for _ in 0..<100 { sent += next.send(part[...]) ?? 0 }
                    return sent == before && sent > RelayFlow.maxBytes
                }
                try relay.restore(way)
                var came = 0
                try await eventually("all arrives") {
                    while case .bytes(let more) = other.receive() { came += more.count }
                    return came == sent
                }
            }
        }

        @Test func whatIsDelayedComesInOrderAndNotEarlier() async throws {
            try await with { relay, server, port in
                let near = try RelaySocket.connecting(to: port)
                let far = try await server.accepted()
                let delay = Duration.milliseconds(150)
                relay.set(.delay(delay), way)
                let sent = ContinuousClock.now
                try #require(near.send([1]) == 1)
                try await eventually("the first byte has arrived") { relay.delivered(way) == 1 }
                try #require(ContinuousClock.now - sent >= delay)
                try #require(near.send([2]) == 1)
                try await nothing(at: near)
                relay.set(.pass, way)
                try #require(near.send([3]) == 1)
                try await receive([1, 2, 3], at: far)
                // The other way it took no time that anybody set.
                try #require(far.send([4]) == 1)
                try await receive([4], at: near)
            }
        }

        @Test func aDroppedLinkIsClosedAndRefusedUntilItIsRestored() async throws {
            try await with { relay, server, port in
                let near = try RelaySocket.connecting(to: port)
                let far = try await server.accepted()
                relay.drop(way.reversed)
                try await end(at: near)
                try await end(at: far)
                #expect(throws: SocketError.refused) { try Socket(port: port, deadline: .now + Bound.call) }
                try relay.restore()
                let again = try RelaySocket.connecting(to: port)
                let other = try await server.accepted()
                try #require(again.send([1]) == 1)
                try await receive([1], at: other)
            }
        }
    }
}
