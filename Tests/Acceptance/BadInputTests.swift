// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Bad input gets a clear answer and loses nothing.
    @Suite struct BadInputTests {
        private static let target = "/v1/prodha/commit_block"

        private func octets(_ bytes: [UInt8], to peer: Peer) async throws -> Response {
            try await peer.call(
                "POST", Self.target, headers: [("Content-Type", "application/octet-stream")], body: bytes,
                within: .seconds(30))
        }

        @Test func malformedBlocksAreRefusedAndChangeNothing() async throws {
            let recorded = try Recording.blocks()
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(Array(recorded[..<10]))
                let block = recorded[10]
                for peer in cluster.peers {
                    for length in [0, 1, 4, 100, 115, block.packed.count / 2, block.packed.count - 1] {
                        try await octets(Array(block.packed.prefix(length)), to: peer).error(400, "malformed_block")
                    }
                    for extra: [UInt8] in [[0], [UInt8](repeating: 7, count: 1000)] {
                        try await octets(block.packed + extra, to: peer).error(400, "malformed_block")
                    }
                    let noise = (0..<5000).map { _ in UInt8.random(in: .min ... .max) }
                    try await octets(noise, to: peer).error(400, "malformed_block")
                    try await octets([UInt8](repeating: 0xff, count: 300), to: peer).error(400, "malformed_block")

                    for hex in [
                        String(block.hex.dropLast()), String(block.hex.dropLast(2)), block.hex + "00", "zz", "",
                    ] {
                        try await peer.post(Self.target, ["block": .string(hex)]).error(400, "malformed_block")
                    }
                    for body: JSON in [[:], [], ["block": 1], ["block": .null], "block", .null, ["blocks": "00"]] {
                        try await peer.post(Self.target, body).error(400, nil)
                    }
                    for text in [
                        "", "{", "{\"block\": \"", "\u{0}", "{\"block\": \"00\"} {}",
                        String(repeating: "[", count: 100_000),
                    ] {
                        let response = try await peer.call(
                            "POST", Self.target, headers: [("Content-Type", "application/json")], body: Array(text.utf8)
                        )
                        try response.error(400, nil)
                    }
                }
                try await cluster.commit(Array(recorded[10..<12]))
                try await cluster.allReach(recorded[11].number)
            }
        }

        @Test func twoMegabytesPassAndTwentyDoNot() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit([try chain.next()])
                let large = try [chain.next(size: 2 << 20), chain.next(size: 2 << 20)]
                try await cluster.commit([large[0]], as: .octets)
                try await cluster.commit([large[1]], as: .hex)
                try await cluster.allReach(large[1].number)
                for peer in cluster.peers {
                    try #require(try await peer.block(large[0].number)?.packed == large[0].packed)
                    try #require(try await peer.block(large[1].number)?.packed == large[1].packed)
                }

                let huge = [UInt8](repeating: 0x30, count: 20_000_000)
                for peer in cluster.peers {
                    try await octets(huge, to: peer).error(413, nil)
                    let quoted = Array("{\"block\": \"".utf8) + huge + Array("\"}".utf8)
                    try await peer.call(
                        "POST", Self.target, headers: [("Content-Type", "application/json")], body: quoted,
                        within: .seconds(30)
                    ).error(413, nil)
                }
                // As a client sends it that does not know the length beforehand.
                try await chunked(huge, to: cluster.peers[0]).error(413, nil)
                try await cluster.commit(try chain.next(3))
            }
        }

        private func chunked(_ bytes: [UInt8], to peer: Peer) async throws -> Response {
            let port = peer.apiPort
            return try await offload {
                let deadline = ContinuousClock.now + .seconds(30)
                let socket = try Socket(port: port, deadline: deadline)
                var request = Array(
                    """
                    POST \(Self.target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n
                    """.utf8)
                var rest = bytes[...]
                while !rest.isEmpty {
                    let chunk = rest.prefix(1 << 20)
                    request += Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + [13, 10]
                    rest = rest.dropFirst(chunk.count)
                }
                try socket.send(request + Array("0\r\n\r\n".utf8), unlessAnswered: true, deadline: deadline)
                return try HTTP.answer(from: socket, deadline: deadline)
            }
        }

        @Test func garbageAndIdleConnectionsDoNotStopCommits() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    var held: [Socket] = []
                    for peer in cluster.peers {
                        for port in [peer.peerPort, peer.apiPort] {
                            held += try await offload { try Self.abuse(port) }
                        }
                    }
                    try await load.advances(by: 50)
                    // With all of them still open, a peer can leave and come back.
                    let follower = try #require(try await cluster.followers().first)
                    try await follower.kill()
                    try await load.advances()
                    try await follower.startAndServe()
                    try await load.advances()
                    try await follower.reaches(try await cluster.leader().committedHeight())
                    withExtendedLifetime(held) {}
                }
                for peer in cluster.peers {
                    try #require(try await peer.get("/health/live").status == 200)
                }
            }
        }

        /// Throws all sorts of bytes at a port; some connections stay open, silent or in the middle of something.
        private static func abuse(_ port: Int) throws -> [Socket] {
            let deadline = ContinuousClock.now + .seconds(60)
            let request = "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
            let noise = (0..<100_000).map { _ in UInt8.random(in: .min ... .max) }
            let openings: [[UInt8]] = [
                noise, Array(noise.prefix(3)), [UInt8](repeating: 0, count: 70_000),
                [UInt8](repeating: 0xff, count: 70_000), Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(request.utf8),
                Array("GET / HTTP/9.9\r\n\r\n".utf8), Array("\r\n\r\n\r\n".utf8),
                Array(("GET /" + String(repeating: "a", count: 200_000) + " HTTP/1.1\r\n\r\n").utf8),
                Array(("GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 20_000) + "\r\n").utf8),
                Array("POST \(target) HTTP/1.1\r\nContent-Length: -5\r\n\r\n".utf8),
                Array("POST \(target) HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n".utf8),
                Array("POST \(target) HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n".utf8),
                // The start of a TLS handshake.
                [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] + Array(noise.prefix(500)),
            ]
            var held: [Socket] = []
            for opening in openings {
                for keeps in [false, true] {
                    let socket = try Socket(port: port, deadline: deadline)
                    // Being cut off for it is fine.
                    try? socket.send(opening, unlessAnswered: true, deadline: deadline)
                    if keeps { held.append(socket) }
                }
            }
            for number in 0..<80 {
                let socket = try Socket(port: port, deadline: deadline)
                if number.isMultiple(of: 2) { try? socket.send(Array("POST /v1".utf8), deadline: deadline) }
                held.append(socket)
            }
            return held
        }
    }
}
