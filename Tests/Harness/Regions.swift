// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

/// Regions, each with a group of its own; east is active.
final class Regions: Sendable {
    let names: [String]
    let clusters: [Cluster]

    init(_ names: [String], active: [String] = ["east"], keys: [String: JSON] = [:]) throws {
        func cluster(_ name: String) throws -> Cluster {
            var settings = GroupSettings.calm
            settings.active = active.contains(name)
            // A region goes on where the other one stopped.
            settings.hasGaps = true
            settings.keys.merge(keys) { _, new in new }
            settings.keys["region"] = .string(name)
            return try Cluster(settings)
        }
        self.names = names
        clusters = try names.map(cluster)
        let regions: JSON = .array(zip(names, clusters).map(entry))
        for peer in peers { try peer.edit { $0["regions"] = regions } }
    }

    private func entry(_ name: String, _ cluster: Cluster) -> JSON {
        [
            "name": .string(name),
            "peers": .array(
                cluster.peers.map { ["id": .int($0.id), "api": .string("127.0.0.1:\($0.apiPort)")] }),
        ]
    }

    var east: Cluster { clusters[0] }
    var west: Cluster { clusters[1] }
    var peers: [Peer] { clusters.flatMap(\.peers) }

    func start() async throws {
        for cluster in clusters { try await cluster.start() }
        for cluster in clusters { try await cluster.leader() }
    }

    /// Who may produce at this moment, as each says of itself.
    func producers() async throws -> [Peer] {
        var producers: [Peer] = []
        for peer in peers where peer.runs {
            if try await peer.canProduce()["can_produce"]?.bool == true { producers.append(peer) }
        }
        return producers
    }
}

/// As `withCluster`, for several regions.
func withRegions(
    _ names: [String] = ["east", "west"], active: [String] = ["east"], keys: [String: JSON] = [:],
    _ test: (Regions) async throws -> Void
) async throws {
    let regions = try Regions(names, active: active, keys: keys)
    do {
        try await test(regions)
        for cluster in regions.clusters { try await cluster.checkHistories() }
    } catch {
        for cluster in regions.clusters {
            cluster.tell()
            await cluster.destroy(keeping: kept != nil)
        }
        throw error
    }
    for cluster in regions.clusters { await cluster.destroy(keeping: kept == "all") }
}

/// One block producer for all regions, as the nodeos of one chain are: it makes a block for each time slot, on top of the
/// head of whichever region may produce.
final class RegionLoad: Sendable {
    private let regions: Regions
    private let isStopped = Guarded(false)
    /// What was acknowledged, in order.
    let acknowledged = Guarded<[Block]>([])

    init(_ regions: Regions) { self.regions = regions }

    func stop() { isStopped.withLock { $0 = true } }

    var last: Block? { acknowledged.withLock { $0.last } }

    func advances(by count: Int) async throws {
        let goal = acknowledged.withLock { $0.count } + count
        try await eventually("\(count) more blocks are committed") { self.acknowledged.withLock { $0.count } >= goal }
    }

    func run() async throws {
        while !isStopped.withLock({ $0 }) {
            do { try await produce() } catch let violation as Violation { throw violation } catch {}
            try await Task.sleep(for: Bound.poll)
        }
    }

    private func produce() async throws {
        for peer in regions.peers where peer.runs {
            // One that hangs is not waited for.
            guard (try? await peer.get("/health/leader", within: .milliseconds(300)))?.status == 200 else { continue }
            let slot = UInt32((Date().timeIntervalSince1970 - 946_684_800) * 2)
            let head = try await peer.head()
            let known = try last.map { try SignedBlock(parsing: $0.packed).header.timestamp.slot } ?? 0
            guard slot > known else { return }
            var builder: BlockBuilder
            let producer = try Name("prodha.bp1")
            if let head {
                builder = BlockBuilder(
                    previous: try #require(BlockID(hex: head.id)), timestamp: BlockTimestamp(slot: slot),
                    producer: producer)
            } else {
                builder = try BlockBuilder(
                    startingAt: 1000, timestamp: BlockTimestamp(slot: slot), producer: producer)
            }
            builder.transactions = [(0..<100).map { _ in UInt8.random(in: .min ... .max) }]
            let block = try Block(parsing: builder.build())
            guard try await peer.commit(block, within: .seconds(2)).status == 200 else { continue }
            acknowledged.withLock { $0.append(block) }
            return
        }
    }
}

extension Regions {
    func underLoad(_ body: (RegionLoad) async throws -> Void) async throws {
        let load = RegionLoad(self)
        try await alongside(load.run, stop: load.stop) {
            try await load.advances(by: 2)
            try await body(load)
        }
    }
}
