// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What monitoring and other people's tools rely on.
    @Suite struct InterfaceTests {
        private func health(_ peer: Peer) async throws -> [String: Int] {
            var codes: [String: Int] = [:]
            for name in ["live", "ready", "leader"] {
                codes[name] = try await peer.get("/health/\(name)").status
            }
            return codes
        }

        @Test func healthAndMetricsTellThePeersState() async throws {
            try await withCluster { cluster in
                let first = cluster.peers[0]
                try await first.startAndServe()
                let nobody = ["live": 200, "ready": 503, "leader": 503]
                try await always("alone, it is alive and no more") { try await health(first) == nobody }
                try checkMetrics(try await first.get("/metrics"))

                try await cluster.start(Array(cluster.peers[1...]))
                try await cluster.commit(try Chain().growing { try $0.next(5) })
                try await eventually("the leader leads, the others are ready") {
                    let leader = try await cluster.leader()
                    for peer in cluster.peers {
                        let expected = peer === leader ? 200 : 503
                        guard try await health(peer) == ["live": 200, "ready": 200, "leader": expected] else {
                            return false
                        }
                    }
                    return true
                }
                for peer in cluster.peers {
                    try checkMetrics(try await peer.get("/metrics"))
                }
                for peer in cluster.peers[1...] {
                    try await peer.kill()
                }
                try await eventually("left alone, it is alive and no more") { try await health(first) == nobody }
                try checkMetrics(try await first.get("/metrics"))
            }
        }

        /// Prometheus's text format: every sample's family has a type, told once and before; values are numbers.
        private func checkMetrics(_ response: Response) throws {
            try #require(response.status == 200)
            try #require(response.headers["content-type"]?.hasPrefix("text/plain") == true, "\(response.headers)")
            try #require(response.text.hasSuffix("\n"))
            var types: [String: String] = [:]
            var samples: Set<String> = []
            for line in response.text.split(separator: "\n") {
                let words = line.split(separator: " ")
                if line.hasPrefix("# TYPE ") {
                    try #require(words.count == 4, "\(line)")
                    let known = types.updateValue(String(words[3]), forKey: String(words[2]))
                    try #require(known == nil, "\(line)")
                    try #require(["counter", "gauge", "histogram", "summary"].contains(words[3]), "\(line)")
                } else if !line.hasPrefix("#") {
                    let form = /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*\})? (\S+)/
                    let match = try #require(try form.wholeMatch(in: line), "\(line)")
                    try #require(Double(match.3) != nil || ["NaN", "+Inf", "-Inf"].contains(match.3), "\(line)")
                    let name = String(match.1)
                    let family = name.replacing(/_(bucket|sum|count|total)$/, with: "")
                    try #require(types[name] != nil || types[family] != nil, "\(line) has no type")
                    try #require(samples.insert(name + String(match.2 ?? "")).inserted, "\(line) is there twice")
                }
            }
            try #require(samples.count > 5)
        }

        @Test func everyDocumentHasTheFormThatItPromises() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let block = try Chain().growing { try $0.next() }
                try await cluster.commit([block])
                try await cluster.allReach(block.number)
                let leader = try await cluster.leader()
                for peer in cluster.peers {
                    for target in [
                        "/v1/prodha/status", "/v1/prodha/log", "/v1/prodha/can_produce",
                        "/v1/prodha/block?num=\(block.number)",
                        "/v1/prodha/wait_block?num=\(block.number)&timeout_ms=1",
                    ] {
                        for method in ["GET", "POST"] {
                            let response = try await peer.call(method, target, body: method == "POST" ? [] : nil)
                            let document = try response.document()
                            try #require(document["schema_version"]?.int == 1, "\(method) \(target): \(response)")
                            try #require(response.headers["content-type"]?.hasPrefix("application/json") == true)
                        }
                    }
                    try checkStatus(try await peer.status(), of: peer, leader: leader, head: block)
                }
                let produce = try await leader.canProduce()
                #expect(produce["can_produce"] == true && produce["reason"] == .null, "\(produce)")
                #expect(produce["lease_remaining_ms"]?.double ?? 0 > 0, "\(produce)")
                #expect(
                    produce["head"] == ["block_num": .int(block.number), "block_id": .string(block.id)], "\(produce)")
                let follower = try #require(cluster.others(than: leader).first)
                #expect(try await follower.canProduce()["reason"]?.string == "not_leader")
            }
        }

        private func checkStatus(_ status: JSON, of peer: Peer, leader: Peer, head: Block) throws {
            try #require(status["peer.id"]?.int == peer.id, "\(status)")
            try #require(status["peer.region"]?.string == "default", "\(status)")
            try #require(status["peer.address"]?.string == "localhost:\(peer.peerPort)", "\(status)")
            try #require(status["peer.api"]?.string?.contains("\(peer.apiPort)") == true, "\(status)")
            try #require(status["peer.version"]?.string?.isEmpty == false, "\(status)")
            try #require(status["peer.uptime_ms"]?.double ?? 0 > 0, "\(status)")
            try #require(status["raft.role"]?.string == (peer === leader ? "leader" : "follower"), "\(status)")
            try #require(status["raft.leader_id"]?.int == leader.id, "\(status)")
            try #require(status["raft.quorum_size"]?.int == 2, "\(status)")
            for key in ["term", "commit_index", "applied_index", "last_index", "snapshot_index"] {
                try #require(status["raft.\(key)"]?.int != nil, "\(key) in \(status)")
            }
            try #require(status["raft.lease.held"]?.bool == (peer === leader), "\(status)")
            try #require(status["raft.lease.remaining_ms"]?.double != nil, "\(status)")
            try #require(status["raft.lease.expiry_ms"]?.double == 750, "\(status)")
            let others = try #require(status["peers"]?.array, "\(status)")
            try #require(Set(others.compactMap { $0["id"]?.int }).union([peer.id]) == [1, 2, 3], "\(status)")
            try #require(status["production.region_active"]?.bool == true, "\(status)")
            try #require(status["production.paused"]?.bool == false, "\(status)")
            try #require(status["production.epoch"]?.int != nil, "\(status)")
            try #require(status["production.can_produce"]?.bool == (peer === leader), "\(status)")
            try #require(status["production.head.block_num"]?.int == head.number, "\(status)")
            try #require(status["production.head.block_id"]?.string == head.id, "\(status)")
            let instant = try #require(status["production.head.committed_at"]?.string, "\(status)")
            try #require(instant.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil, "\(status)")
            try #require(status["nodeos"] == .null, "\(status)")
        }

        @Test func everyErrorHasTheSameForm() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                try await peer.startAndServe()
                for target in [
                    "/", "/v1", "/v1/prodha", "/v1/prodha/no_such_call", "/v1/prodha/../status", "/health", "/v2/x",
                ] {
                    for method in ["GET", "POST"] {
                        try await peer.call(method, target, body: method == "POST" ? [] : nil).error(404, nil)
                    }
                }
                for target in ["/v1/prodha/commit_block", "/v1/prodha/check_block", "/v1/prodha/transfer"] {
                    for method in ["GET", "PUT", "DELETE"] {
                        try await peer.call(method, target).error(405, nil)
                    }
                }
                for target in ["/v1/prodha/status", "/v1/producer_ha/get_info", "/metrics", "/health/live"] {
                    try await peer.call("DELETE", target).error(405, nil)
                }
                for target in [
                    "/v1/prodha/block", "/v1/prodha/block?num=x", "/v1/prodha/block?num=-1", "/v1/prodha/block?id=12",
                    "/v1/prodha/block?num=99999999999999999999", "/v1/prodha/wait_block", "/v1/prodha/wait_block?num=",
                    "/v1/prodha/wait_block?num=5&timeout_ms=never", "/v1/prodha/log?from=x", "/v1/prodha/log?limit=-3",
                    "/v1/prodha/log?to=1e3",
                ] {
                    try await peer.get(target).error(400, nil)
                }
                try await peer.get("/v1/prodha/block?num=5").error(404, nil)
                try await peer.get("/v1/prodha/wait_block?num=5&timeout_ms=10").error(408, nil)
            }
        }

        @Test func aConnectionServesManyCallsAndAnswersInOrder() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                try await peer.startAndServe()
                let port = peer.apiPort
                try await offload {
                    let deadline = ContinuousClock.now + Bound.call
                    let socket = try Socket(port: port, deadline: deadline)
                    for _ in 0..<20 {
                        try socket.send(
                            Array("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), deadline: deadline)
                        try #require(try HTTP.answer(from: socket, deadline: deadline).status == 200)
                    }
                    // Many at once: as many answers come, the last one last.
                    let pipelined =
                        String(repeating: "GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 10)
                        + "GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    try socket.send(Array(pipelined.utf8), deadline: deadline)
                    var bytes: [UInt8] = []
                    while true {
                        let part = try socket.receive(deadline: deadline)
                        if part.isEmpty { break }
                        bytes += part
                    }
                    let codes = String(decoding: bytes, as: UTF8.self).matches(of: /HTTP\/1\.1 (\d+)/).map { $0.1 }
                    try #require(codes == [Substring](repeating: "503", count: 10) + ["404"])
                }
            }
        }

        /// As curl sends a body of more than a megabyte: it waits to be told to go on.
        @Test func aClientThatWaitsForContinueIsToldToGoOn() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let block = try Chain().growing { try $0.next(size: 1_500_000) }
                let port = try await cluster.leader().apiPort
                try await offload {
                    let deadline = ContinuousClock.now + Bound.call
                    let socket = try Socket(port: port, deadline: deadline)
                    let head = """
                        POST /v1/prodha/commit_block HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n\
                        Content-Length: \(block.packed.count)\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n
                        """
                    try socket.send(Array(head.utf8), deadline: deadline)
                    var interim: [UInt8] = []
                    while interim.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
                        let part = try socket.receive(deadline: deadline)
                        try #require(!part.isEmpty)
                        interim += part
                    }
                    let said = String(decoding: interim, as: UTF8.self)
                    try #require(said.hasPrefix("HTTP/1.1 100 "), "\(said)")
                    try socket.send(block.packed, deadline: deadline)
                    let answer = try HTTP.answer(from: socket, deadline: deadline)
                    try #require(answer.json?["block_id"]?.string == block.id, "\(answer)")
                }
                try await cluster.allReach(block.number)
            }
        }
    }
}
