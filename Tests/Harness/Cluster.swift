// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// What the configuration files of a group say.
struct GroupSettings: Sendable {
    var ids = [1, 2, 3]
    var quorum = 2
    var active = true
    /// Others make blocks between the group's.
    var hasGaps = false
    /// Further keys, and values in place of the usual ones; null takes a key away.
    var keys: [String: JSON] = [:]
    /// Writes `listening_port` in quotes.
    var portsAsText = false

    /// A group that no busy machine makes elect another leader, for tests that count on the one there is.
    static let calm = GroupSettings(
        keys: ["election_timeout_lower_bound_ms": 1500, "election_timeout_upper_bound_ms": 2500])
}

/// A group of peers as real processes on loopback, each with a directory of its own.
final class Cluster: Sendable {
    let peers: [Peer]
    let quorum: Int
    let hasGaps: Bool
    let ledger = Ledger()
    let directory: URL
    /// Who said yes to the last block.
    private let lastLeader = Guarded<Peer?>(nil)

    init(_ settings: GroupSettings) throws {
        directory = try TemporaryDirectory.make()
        quorum = settings.quorum
        hasGaps = settings.hasGaps
        let ports = try Ports.free(2 * settings.ids.count)
        var peers: [Peer] = []
        for (index, id) in settings.ids.enumerated() {
            peers.append(
                try Peer(
                    id: id, peerPort: ports[2 * index], apiPort: ports[2 * index + 1],
                    directory: directory.appending(path: "peer-\(id)"), ledger: ledger))
        }
        self.peers = peers
        for peer in peers {
            try peer.configure(document(of: peer, settings))
        }
    }

    private func document(of peer: Peer, _ settings: GroupSettings) -> JSON {
        let entries = peers.map { other -> JSON in
            [
                "id": .int(other.id), "address": .string("localhost:\(other.peerPort)"),
                "listening_port": settings.portsAsText ? .string("\(other.peerPort)") : .int(other.peerPort),
                "api": .string("127.0.0.1:\(other.apiPort)"),
            ]
        }
        var document: JSON = [
            "is_active_raft_cluster": .bool(settings.active), "leader_election_quorum_size": .int(settings.quorum),
            "self": .int(peer.id), "logging_level": 4, "peers": .array(entries),
            "api": ["listen": .string("127.0.0.1:\(peer.apiPort)")], "data_dir": .string(peer.dataDirectory.path),
        ]
        for (key, value) in settings.keys {
            document[key] = value == .null ? nil : value
        }
        return document
    }

    var running: [Peer] { peers.filter(\.runs) }

    func peer(_ id: Int) throws -> Peer {
        try #require(peers.first { $0.id == id }, "no peer \(id)")
    }

    func others(than peer: Peer) -> [Peer] {
        peers.filter { $0.id != peer.id }
    }

    func start(_ some: [Peer]? = nil) async throws {
        for peer in some ?? peers {
            try await peer.start()
        }
        for peer in some ?? peers {
            try await peer.serves()
        }
    }

    /// Waits until all running peers name one leader, and it agrees.
    @discardableResult
    func leader() async throws -> Peer {
        try await value("one leader, known to all") {
            var named: Set<Int> = []
            for peer in running {
                named.insert(try await peer.leaderID())
            }
            guard named.count == 1, let id = named.first, let leader = running.first(where: { $0.id == id }) else {
                throw TimedOut(description: "leader_id is \(named.sorted())")
            }
            let status = try await leader.status()
            guard status["raft.role"]?.string == "leader", status["raft.lease.held"]?.bool == true else {
                throw TimedOut(description: "\(status)")
            }
            return leader
        }
    }

    func followers() async throws -> [Peer] {
        let leader = try await leader()
        return running.filter { $0.id != leader.id }
    }

    /// What whoever leads says to `block`: asks on while the answer is only that the group has no leader to ask.
    func submit(_ block: Block, as form: Peer.BlockForm = .octets) async throws -> Response {
        try await value("an answer about block \(block.number)") {
            let known = lastLeader.withLock { last in
                defer { last = nil }
                return last.flatMap { $0.runs ? $0 : nil }
            }
            let leader = if let known { known } else { try await leader() }
            let response = try await leader.commit(block, as: form)
            if let reason = response.reason, Load.passing.contains(reason) || reason == "leadership_lost" {
                throw TimedOut(description: "\(response)")
            }
            lastLeader.withLock { $0 = leader }
            return response
        }
    }

    /// Has `blocks` committed, in order.
    func commit(_ blocks: [Block], as form: Peer.BlockForm = .octets) async throws {
        for block in blocks {
            let response = try await submit(block, as: form)
            try #require(response.status == 200, "block \(block.number): \(response)")
        }
    }

    /// The same with many blocks on their way at a time, from clients that do not know of each other. The first one goes alone: a
    /// new group takes any block for its first.
    func commit(together blocks: [Block]) async throws {
        try await commit(Array(blocks.prefix(1)))
        let leader = try await leader()
        let most = 20
        for start in stride(from: 1, to: blocks.count, by: most) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for block in blocks[start..<min(start + most, blocks.count)].reversed() {
                    group.addTask {
                        try await eventually("block \(block.number) is committed") {
                            let response = try await leader.commit(block)
                            if response.json?["error.name"]?.string == "unlinkable" { return false }
                            try #require(response.status == 200, "block \(block.number): \(response)")
                            return true
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    func allReach(_ number: Int) async throws {
        for peer in running {
            try await peer.reaches(number)
        }
    }

    func tell() {
        for peer in peers {
            let lines = peer.log.split(separator: "\n", omittingEmptySubsequences: true).suffix(60)
            print("---- peer \(peer.id) (\(peer.runs ? "running" : "not running")), last of its log:")
            for line in lines {
                print("     \(line.prefix(400))")
            }
        }
    }

    func destroy(keeping: Bool) async {
        for peer in peers {
            peer.killGroup()
        }
        for peer in peers where peer.runs {
            _ = try? await peer.end()
        }
        if keeping {
            print("---- kept: \(directory.path)")
        } else {
            try? FileManager.default.removeItem(at: directory)
        }
    }
}

/// Runs `test` on a group whose peers have not been started yet, then checks what must hold after every test: the
/// peers' logs agree and nothing that was acknowledged is missing. No process is left, come what may.
func withCluster(_ settings: GroupSettings = GroupSettings(), _ test: (Cluster) async throws -> Void) async throws {
    let cluster = try Cluster(settings)
    do {
        try await test(cluster)
        try await cluster.checkHistories()
    } catch {
        cluster.tell()
        await cluster.destroy(keeping: kept != nil)
        throw error
    }
    await cluster.destroy(keeping: kept == "all")
}

/// `PRODHA_KEEP`: the files of a test that fails are kept, or with `all` those of every test.
let kept = ProcessInfo.processInfo.environment["PRODHA_KEEP"]

enum TemporaryDirectory {
    static func make() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "prodha-acceptance-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Runs `body` with a directory that is gone afterwards.
    static func with<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
        let directory = try make()
        defer { try? FileManager.default.removeItem(at: directory) }
        return try await body(directory)
    }
}
