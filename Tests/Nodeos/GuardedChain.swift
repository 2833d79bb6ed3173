// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Synchronization
import Testing

@testable import Harness

/// A nodeos and its prodha.
final class Machine: Sendable {
    /// What is killed, stopped or restarted.
    enum Part: CaseIterable {
        case nodeos, prodha, both
    }

    let peer: Peer
    let nodeos: Nodeos
    let signerPort: Int
    /// Where outside nodes and the other gates dial.
    let gatePort: Int
    let keyFile: URL
    /// For its prodha.
    let environment: [String: String]

    init(_ peer: Peer, environment: [String: String]) throws {
        self.peer = peer
        self.environment = environment
        (signerPort, gatePort) = (try Ports.free(), try Ports.free())
        nodeos = try Nodeos(.signer(port: signerPort), in: peer.directory.appending(path: "nodeos"))
        keyFile = peer.directory.appending(path: "key")
        try write(key: Nodeos.developmentWIF)
    }

    func write(key: String, mode: Int = 0o600) throws {
        try (key + "\n").write(to: keyFile, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: keyFile.path)
    }

    /// Writes the nodeos and the gates around it into the peer's file. The gate dials those of `others`.
    func configure(dialling others: [Machine]) throws {
        try peer.edit { document in
            document["nodeos"] = [
                "http": .string("http://127.0.0.1:\(nodeos.http)"),
                "p2p": [
                    "node": .string("127.0.0.1:\(nodeos.p2p)"), "listen": .string("127.0.0.1:\(gatePort)"),
                    "peers": .array(others.map { .string("127.0.0.1:\($0.gatePort)") }),
                ],
                "signer": [
                    "listen": .string("127.0.0.1:\(signerPort)"), "public_key": .string(Nodeos.developmentKey),
                    "key_file": .string(keyFile.path),
                ],
            ]
        }
    }

    // MARK: Processes

    /// Of a nodeos and a prodha that both do not run.
    func start() async throws {
        try await nodeos.start()
        try await peer.start(environment: environment)
        try await peer.serves()
        try await nodeos.serves()
    }

    func send(_ signal: Int32, to part: Part) {
        if part != .prodha { nodeos.send(signal) }
        if part != .nodeos { peer.send(signal) }
    }

    /// kill -9.
    func kill(_ part: Part) async throws {
        if part != .prodha { nodeos.killNow() }
        if part != .nodeos { peer.send(SIGKILL) }
        if part != .prodha { try await nodeos.end() }
        if part != .nodeos { try await peer.end() }
    }

    /// After `kill`.
    func restart(_ part: Part) async throws {
        if part != .nodeos { try await peer.start(environment: environment) }
        if part != .prodha { try await nodeos.start(.replaying) }
        if part != .nodeos { try await peer.serves() }
        if part != .prodha { try await nodeos.serves() }
    }

    /// Empties its disk, of both.
    func wipe() throws {
        try nodeos.wipe()
        try peer.wipe()
    }

    // MARK: Status

    /// What its prodha says of its nodeos.
    func status() async throws -> JSON { try #require(try await peer.status()["nodeos"]) }
}

/// Three machines with one key, and an outside nodeos that is linked to their gates alone.
final class GuardedChain: Sendable {
    let cluster: Cluster
    let machines: [Machine]
    let outside: Nodeos
    let watch: OutsideWatch
    let traffic: Traffic
    private let known = Mutex<[Int: String]>([:])
    /// The last entry of each peer's log that was compared.
    private let seen = Mutex<[Int: Int]>([:])

    fileprivate init(_ cluster: Cluster, environment: (Peer) -> [String: String]) throws {
        self.cluster = cluster
        let machines = try cluster.peers.map { try Machine($0, environment: environment($0)) }
        for machine in machines {
            try machine.configure(dialling: machines.filter { $0 !== machine })
        }
        self.machines = machines
        outside = try Nodeos(.nobody, in: cluster.directory.appending(path: "outside"))
        watch = OutsideWatch(outside)
        traffic = Traffic(machines.map(\.nodeos))
    }

    /// What makes an outside nodeos dial the gates of `machines`.
    func dialling(_ machines: [Machine]) -> [String] {
        machines.flatMap { ["--p2p-peer-address", "127.0.0.1:\($0.gatePort)"] }
    }

    func startAll() async throws {
        for machine in machines {
            try await machine.nodeos.start()
        }
        for machine in machines {
            try await machine.peer.start(environment: machine.environment)
        }
        try await outside.start(.usual, dialling(machines))
        for machine in machines {
            try await machine.nodeos.serves()
            try await machine.peer.serves()
        }
        try await outside.serves()
    }

    func others(than machine: Machine) -> [Machine] {
        machines.filter { $0 !== machine }
    }

    /// Waits until one of `some` may produce, and does.
    @discardableResult
    func producer(among some: [Machine]? = nil) async throws -> Machine {
        try await value("a peer produces") {
            var answers: [String] = []
            for machine in some ?? machines where machine.peer.runs {
                let status = try await machine.peer.status()
                if status["production.can_produce"]?.bool == true,
                    status["nodeos.production"]?.string == "resumed"
                {
                    return machine
                }
                answers.append(
                    "peer \(machine.peer.id): \(status["production.reason"] ?? .null), \(status["raft.role"] ?? .null)")
            }
            throw TimedOut(description: answers.joined(separator: "; "))
        }
    }

    /// Waits until the outside node has `count` more blocks.
    func advances(by count: Int = 4) async throws {
        let goal = try await outside.head().number + count
        try await eventually("the outside node has \(count) more blocks") {
            let number = try await self.outside.head().number
            guard number >= goal else { throw TimedOut(description: "\(number), not \(goal)") }
            return true
        }
    }

    /// The guarded chain goes on, all nodes are on it, and at every height there is one id, on all of them and in all
    /// logs. `more`: further outside nodes.
    func settles(_ more: [Nodeos] = []) async throws {
        try await advances()
        let nodes = machines.map(\.nodeos) + [outside] + more
        let goal = try await outside.head().number
        for (index, node) in nodes.enumerated() {
            try await eventually("node \(index + 1) has all \(goal) blocks") {
                let number = try await node.head().number
                guard number >= goal else { throw TimedOut(description: "it has \(number)") }
                return true
            }
        }
        let first = (known.withLock { $0.keys.max() } ?? 0) + 1
        // A block below the last irreversible one stays as it is: what was compared before need not be again.
        let ids = try await Heights.compare(nodes, min(first, goal)...goal)
        let all = known.withLock { known in
            known.merge(ids) { $1 }
            return known
        }
        for peer in cluster.running {
            try await peer.reaches(goal)
            let seen = seen.withLock { $0[peer.id] ?? 0 }
            let entries = try await peer.committedEntries(from: seen + 1)
            self.seen.withLock { $0[peer.id] = entries.last?.index ?? seen }
            for (number, id) in entries.compactMap({ $0.block?.first }) {
                if let other = all[number], other != id {
                    throw Violation(
                        description: "height \(number): peer \(peer.id) committed \(id), nodeos have \(other)")
                }
            }
        }
        for (number, id) in watch.ids {
            if let other = all[number], other != id {
                throw Violation(description: "height \(number): the outside node saw \(id), the chain has \(other)")
            }
        }
        try watch.check()
    }

    /// Everything once more, from the first block on.
    fileprivate func settlesAtLast() async throws {
        known.withLock { $0 = [:] }
        seen.withLock { $0 = [:] }
        try await settles()
    }

    fileprivate func tell() {
        let nodes = machines.map { ("nodeos of peer \($0.peer.id)", $0.nodeos) } + [("outside nodeos", outside)]
        for (name, node) in nodes {
            print("---- \(name) (\(node.runs ? "running" : "not running")), last of its log:")
            let lines = node.log.split(separator: "\n").filter { !$0.contains("maybe_produce_block") }
            for line in lines.suffix(25) {
                print("     \(line.prefix(300))")
            }
        }
        print(
            "---- transactions: \(traffic.accepted) accepted; last refusal: \(traffic.refusal?.prefix(300) ?? "none")")
    }

    fileprivate func destroy() {
        for machine in machines {
            machine.nodeos.killNow()
        }
        outside.killNow()
    }
}

/// Runs `test` on a guarded chain that goes on, transactions flowing. Afterwards all must be well: see `settles`.
///
/// - Parameter prepare: what is to be changed before anything is started.
func withGuardedChain(
    _ settings: GroupSettings = GroupSettings(), environment: (Peer) -> [String: String] = { _ in [:] },
    prepare: (GuardedChain) async throws -> Void = { _ in }, _ test: (GuardedChain) async throws -> Void
) async throws {
    try await withCluster(settings) { cluster in
        let chain = try GuardedChain(cluster, environment: environment)
        do {
            try await prepare(chain)
            try await chain.startAll()
            try await alongside(chain.watch.run, stop: chain.watch.stop) {
                try await alongside(chain.traffic.run, stop: chain.traffic.stop) {
                    try await chain.advances()
                    try await test(chain)
                    try await chain.settlesAtLast()
                }
            }
        } catch {
            chain.tell()
            chain.destroy()
            throw error
        }
        chain.destroy()
    }
}
