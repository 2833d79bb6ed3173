// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Strangers at the doors of all peers, while the group commits. Nothing that they do may cost a block, the leader, or
    /// memory that does not come back.
    @Suite struct AttackTests {
        /// Connections that are held open at once.
        private static let crowd = 1500

        init() { OpenFiles.raise() }

        @Test(arguments: [false, true])
        func thePeerPortSurvivesStrangers(isSecure: Bool) async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                if isSecure { try await cluster.secure(with: certificates) }
                try await cluster.start()
                try await underAttack(cluster) { attack in
                    for peer in cluster.peers {
                        try await attack("garbage for peer \(peer.id)") {
                            try await Strangers.talk(garbage(), to: peer.peerPort)
                        }
                        try await attack("oversized frames for peer \(peer.id)") {
                            try await Strangers.talk(oversized, to: peer.peerPort)
                        }
                        try await attack("half open connections to peer \(peer.id)") {
                            try await Strangers.crowd(Self.crowd, at: peer.peerPort, saying: [[], [0], [0x16, 3, 1]])
                        }
                    }
                }
            }
        }

        /// Whoever has seen a greeting can say it again. Without TLS that may cost one peer its link for a moment; it never
        /// costs the group anything.
        @Test(arguments: [false, true])
        func greetingsThatAreSaidAgainChangeNothing(isSecure: Bool) async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                if isSecure { try await cluster.secure(with: certificates) }
                try await cluster.start()
                let dialler = try #require(cluster.peers.last)
                let recorder = try Recorder()
                // It dials the recorder in place of peer 1, once, and then peer 1 again.
                let original = try Data(contentsOf: dialler.configurationFile)
                try dialler.edit { document in
                    var entries = try #require(document["peers"]?.array)
                    entries[0]["address"] = .string("127.0.0.1:\(recorder.port)")
                    document["peers"] = .array(entries)
                }
                try await dialler.kill()
                try await dialler.startAndServe()
                let greeting = try await recorder.first()
                try await dialler.kill()
                try original.write(to: dialler.configurationFile)
                try await dialler.startAndServe()
                try await underAttack(cluster) { attack in
                    try await attack("a greeting said again") {
                        for _ in 0..<30 { try await Strangers.talk([greeting], to: cluster.peers[0].peerPort) }
                    }
                }
                try await eventually("peer \(dialler.id) is linked to peer 1") {
                    try await dialler.status()["peers"]?.array?.first?["connected"]?.bool == true
                }
            }
        }

        /// A whole other group has been given this group's addresses, and certificates that are good here.
        @Test(arguments: [false, true])
        func aPeerOfAnotherGroupIsKeptOut(isSecure: Bool) async throws {
            try await withCluster(.calm) { cluster in
                try await withCluster(.calm) { other in
                    let certificates = try await TestCertificates()
                    for group in [cluster, other] {
                        if isSecure { try await group.secure(with: certificates) }
                        try await group.start()
                        _ = try await group.leader()
                    }
                    try await eventually("both have begun") {
                        for peer in other.peers where try await peer.status()["production.epoch"]?.int == 0 {
                            return false
                        }
                        return true
                    }
                    // Nothing was written since the group began, and whose data it has it knows all the same.
                    let stranger = try #require(other.peers.last)
                    _ = try await stranger.terminate()
                    try stranger.edit { document in
                        var entries = try #require(document["peers"]?.array)
                        for (at, peer) in cluster.peers.enumerated().dropLast() {
                            entries[at]["address"] = .string("127.0.0.1:\(peer.peerPort)")
                        }
                        document["peers"] = .array(entries)
                    }
                    try await underAttack(cluster) { attack in
                        try await attack("a peer of another group") {
                            try await stranger.start()
                            for peer in cluster.peers.dropLast() { try await peer.says("has the data of group") }
                            try await stranger.says("has the data of group")
                        }
                    }
                    let peers = try await stranger.status()["peers"]?.array ?? []
                    try #require(peers.count == 2 && peers.allSatisfy { $0["connected"]?.bool == false })
                }
            }
        }

        @Test(arguments: [false, true])
        func theAPISurvivesStrangers(isSecure: Bool) async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                let file = certificates.file("tokens")
                try "operator-0123456789".write(toFile: file, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
                try await certificates.make("api", names: "IP:127.0.0.1")
                let victim = try #require(cluster.peers.first)
                // The group's blocks come by the others, whose doors are another test's.
                if isSecure {
                    try victim.edit { document in
                        try Cluster.changeAPI(&document) { api in
                            api["token_file"] = .string(file)
                            api["tls"] = [
                                "cert_file": .string(certificates.file("api.pem")),
                                "key_file": .string(certificates.file("api.key")),
                            ]
                        }
                    }
                }
                for peer in cluster.peers { try await peer.start() }
                for peer in cluster.others(than: victim) { try await peer.serves() }
                try await victim.says("runs")
                // Blocks are handed in where the strangers are not.
                let producer = try #require(cluster.others(than: victim).first)
                try await eventually("peer \(producer.id) leads") {
                    try await producer.get("/v1/producer_ha/take_leadership").json?["success"]?.bool == true
                }
                let head = "GET /v1/prodha/status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                let requests: [[UInt8]] = [
                    Array((head + "X: " + String(repeating: "x", count: 100_000) + "\r\n\r\n").utf8),
                    Array((head + (0..<2000).map { "X\($0): y\r\n" }.joined() + "\r\n").utf8),
                    Array("POST /v1/prodha/region/pause HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".utf8),
                    Array((head + "Authorization: Bearer wrong-0123456789-wrong\r\n\r\n").utf8),
                    Array((head + "Origin: https://evil.example\r\n\r\n").utf8),
                ]
                try await underAttack(cluster, by: cluster.others(than: victim)) { attack in
                    try await attack("garbage") { try await Strangers.talk(garbage(), to: victim.apiPort) }
                    try await attack("requests that are too much") {
                        try await Strangers.talk(requests, to: victim.apiPort)
                    }
                    try await attack("requests that do not end") {
                        try await Strangers.crowd(
                            Self.crowd, at: victim.apiPort,
                            saying: [[], Array("GET /".utf8), Array(head.utf8), [0x16, 3, 1]])
                    }
                }
                // It still serves; what the group has is looked at by plain HTTP, as other tests do.
                if isSecure { try await victim.kill() } else { try await victim.serves() }
            }
        }

        // MARK: - What is tried

        private func garbage() -> [[UInt8]] {
            var random = SystemRandomNumberGenerator()
            let heads: [[UInt8]] = [
                [], Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 3, 1, 2, 0, 1], [1, 0, 0, 0, 1], [0, 0, 0, 0, 20],
                Array("SSH-2.0-x\r\n".utf8),
            ]
            return (0..<60).map { number in
                heads[number % heads.count]
                    + (0..<Int.random(in: 1...4000)).map { _ in UInt8.random(in: 0...255, using: &random) }
            }
        }

        /// Lengths that nothing may be laid out for.
        private var oversized: [[UInt8]] {
            let lengths: [UInt32] = [.max, 1 << 31, 1 << 30, 24 << 20 + 1, 4097]
            return lengths.flatMap { length in
                [UInt8(1), 20, 24].map { type in
                    withUnsafeBytes(of: length.littleEndian) { Array($0) } + [type] + Array(repeating: 7, count: 5000)
                }
            }
        }

        // MARK: - What must not suffer

        private typealias Attack = (_ what: String, _ body: @Sendable () async throws -> Void) async throws -> Void

        /// Commits before, during and after each attack, which goes on until so many blocks have been committed. Leader and
        /// term stay, no block is in doubt, and open files and memory come back.
        private func underAttack(
            _ cluster: Cluster, by targets: [Peer]? = nil, _ body: (Attack) async throws -> Void
        ) async throws {
            let load = Load(cluster, targets: targets)
            try await alongside(load.run, stop: load.stop) {
                try await load.advances(by: 20)
                let watched = try #require((targets ?? cluster.peers).first)
                let before = try await watched.status()
                let files = cluster.peers.map(\.openFiles)
                let memory = cluster.peers.map(\.residentMemory)
                let calm = try await rate(load)
                try await body { what, attack in
                    let start = (at: ContinuousClock.now, committed: load.committed)
                    try await attack()
                    try await load.advances(by: 20)
                    let during =
                        Double(load.committed - start.committed) / ((ContinuousClock.now - start.at) / .seconds(1))
                    print("\(what): \(Int(during)) blocks/s, undisturbed \(Int(calm))")
                    let now = try await watched.status()
                    try #require(now["raft.leader_id"] == before["raft.leader_id"], "\(what)")
                    try #require(now["raft.term"] == before["raft.term"], "\(what)")
                    try #require(load.doubts == 0, "\(what)")
                }
                try await eventually("connections are closed") {
                    zip(cluster.peers, files).allSatisfy { $0.openFiles <= $1 + 8 }
                }
                for (peer, kib) in zip(cluster.peers, memory) {
                    try #require(
                        peer.residentMemory < kib + 96 << 10, "peer \(peer.id): \(kib) KiB, then \(peer.residentMemory)"
                    )
                }
            }
        }

        private func rate(_ load: Load) async throws -> Double {
            let start = (at: ContinuousClock.now, committed: load.committed)
            try await load.advances(by: 50)
            return Double(load.committed - start.committed) / ((ContinuousClock.now - start.at) / .seconds(1))
        }
    }
}

/// People at a port who mean no good.
private enum Strangers {
    /// Says each of these on a connection of its own, and hears out what is answered, or that it is hung up on.
    static func talk(_ texts: [[UInt8]], to port: Int) async throws {
        try await offload {
            for text in texts {
                let deadline = ContinuousClock.now + Bound.outcome
                do {
                    let socket = try Socket(port: port, deadline: deadline)
                    try socket.send(text, unlessAnswered: true, deadline: deadline)
                    // Waiting for the end of one is half of the attack on the next.
                    _ = try? socket.receive(deadline: ContinuousClock.now + .milliseconds(100))
                } catch SocketError.closed {
                }
            }
        }
    }

    /// Keeps so many connections open for a while, each having said one of the texts.
    static func crowd(_ count: Int, at port: Int, saying texts: [[UInt8]]) async throws {
        try await offload {
            var open: [Socket] = []
            for number in 0..<count {
                let deadline = ContinuousClock.now + Bound.outcome
                do {
                    let socket = try Socket(port: port, deadline: deadline)
                    try socket.send(texts[number % texts.count], deadline: deadline)
                    open.append(socket)
                } catch SocketError.closed {
                } catch SocketError.refused {
                    throw Violation(description: "the port is closed after \(number) connections")
                }
            }
            withExtendedLifetime(open) {}
        }
    }
}

/// Takes connections, and keeps what the first of them says.
private final class Recorder: Sendable {
    private let server: LoopbackServer
    private let heard = Guarded<[UInt8]>([])

    init() throws {
        let heard = heard
        server = try LoopbackServer { connection in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(connection, &buffer, buffer.count, 0)
            if count > 0 { heard.withLock { if $0.isEmpty { $0 = Array(buffer.prefix(count)) } } }
        }
    }

    var port: Int { server.port }

    func first() async throws -> [UInt8] {
        try await value("a greeting is heard") {
            let bytes = heard.withLock { $0 }
            return bytes.isEmpty ? nil : bytes
        }
    }
}

/// The test itself keeps many connections.
private enum OpenFiles {
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension Peer {
    fileprivate var openFiles: Int {
        pid.flatMap { try? FileManager.default.contentsOfDirectory(atPath: "/proc/\($0)/fd").count } ?? 0
    }

    /// In KiB.
    fileprivate var residentMemory: Int {
        guard let pid, let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }.flatMap { Int($0) } ?? 0
    }
}
