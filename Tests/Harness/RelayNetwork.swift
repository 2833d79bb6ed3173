// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// The network between the peers of a group, under the test's control. The peers' APIs are reached all the time.
final class Network: Sendable {
    enum Manner: CaseIterable, Sendable {
        /// Nothing arrives, and nobody is told.
        case hold
        /// Links are closed, and refused.
        case drop
    }

    private let relay: Relay
    private let ids: [Int]

    /// Writes into the peers' files, each another, that they reach each other through `relay`.
    init(_ cluster: Cluster, through relay: Relay) throws {
        self.relay = relay
        ids = cluster.peers.map(\.id)
        for peer in cluster.peers {
            var ports: [Int: Int] = [:]
            for other in cluster.peers where other.id < peer.id {
                ports[other.id] = try relay.open(from: peer.id, to: other.id, target: other.peerPort)
            }
            try peer.edit { document in
                document["peers"] = .array(
                    (document["peers"]?.array ?? []).map { entry in
                        var entry = entry
                        if let id = entry["id"]?.int, let port = ports[id] {
                            entry["address"] = .string("127.0.0.1:\(port)")
                        }
                        return entry
                    })
            }
        }
    }

    /// No bytes pass between `some` and all others.
    func separate(_ some: [Peer], by manner: Manner) {
        for id in some.map(\.id) {
            for other in ids where !some.map(\.id).contains(other) {
                cut(id, other, by: manner)
            }
        }
    }

    /// No bytes pass between any two peers.
    func separateAll(by manner: Manner) {
        for (index, id) in ids.enumerated() {
            for other in ids[..<index] {
                cut(id, other, by: manner)
            }
        }
    }

    func cut(_ one: Int, _ other: Int, by manner: Manner) {
        let way = Relay.Way(from: one, to: other)
        switch manner {
        case .hold:
            relay.set(.hold, way)
            relay.set(.hold, way.reversed)
        case .drop:
            relay.drop(way)
        }
    }

    /// Nothing that `peer` says is heard; it hears everything.
    func mute(_ peer: Peer) {
        for other in ids where other != peer.id {
            relay.set(.hold, Relay.Way(from: peer.id, to: other))
        }
    }

    /// `peer` hears nothing; all that it says is heard.
    func deafen(_ peer: Peer) {
        for other in ids where other != peer.id {
            relay.set(.hold, Relay.Way(from: other, to: peer.id))
        }
    }

    func set(_ rule: RelayRule, from one: Int, to other: Int) {
        relay.set(rule, Relay.Way(from: one, to: other))
    }

    /// Everything takes so long, each way, for all peers or to and from one of them.
    func delay(_ delay: Duration, around peer: Peer? = nil) {
        for one in ids {
            for other in ids where one != other && (peer == nil || [one, other].contains(peer?.id)) {
                relay.set(.delay(delay), Relay.Way(from: one, to: other))
            }
        }
    }

    func join(_ one: Int, _ other: Int) throws {
        try relay.restore(Relay.Way(from: one, to: other))
    }

    /// All is well again.
    func join() throws {
        try relay.restore()
    }
}

/// Runs `test` as `withCluster` does, on a group whose links all lead through a relay.
func withNetwork(
    _ settings: GroupSettings = GroupSettings(), _ test: (Cluster, Network) async throws -> Void
) async throws {
    let relay = try Relay()
    defer { relay.stop() }
    try await withCluster(settings) { cluster in
        let network = try Network(cluster, through: relay)
        try await test(cluster, network)
        try network.join()
    }
}

extension Cluster {
    /// Runs `body` while every peer is asked all the time whether it may produce; throws if two might at once.
    func underWatch(_ ending: LeaseWatch.Ending = .time, _ body: (LeaseWatch) async throws -> Void) async throws {
        let watch = LeaseWatch(self)
        try await alongside(watch.run, stop: watch.stop) { try await body(watch) }
        try watch.check(ending)
    }

    /// Waits until one of `some` leads and may produce.
    @discardableResult
    func leader(among some: [Peer]) async throws -> Peer {
        try await value("one of peers \(some.map(\.id)) leads") {
            for peer in some where try await peer.canProduce()["can_produce"]?.bool == true { return peer }
            return nil
        }
    }
}

/// How often the tests do so that take longest: half as often as the others.
let longRounds = max(1, rounds / 2)

/// How long a disturbance lasts that has no other end: 3 s, and 10 s in more than the usual rounds.
let stay = Duration.seconds(rounds > 2 ? 10 : 3)
