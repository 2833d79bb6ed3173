// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// A nodeos keeps a block that it signed and the group never committed. Whatever its prodha forgets meanwhile, an
    /// outside node that is linked to that gate alone never gets it.
    @Suite struct AbandonedBlockTests {
        private func trigger(_ peer: Peer) -> URL { peer.directory.appending(path: "halt") }

        /// Has a block that is signed and kept back; the prodha that knew it is dead.
        private func abandoned(_ machine: Machine) async throws -> (number: Int, id: String) {
            try Data().write(to: trigger(machine.peer))
            try await eventually("prodha stands still") { machine.peer.isStopped }
            try await machine.kill(.prodha)
            return try await value("nodeos has its own block") {
                let head = try await machine.nodeos.head()
                return try await machine.nodeos.info()["last_irreversible_block_num"]?.int == head.number - 1
                    ? head : nil
            }
        }

        /// The gate of `machine` dials nobody any more.
        private func isolate(_ machine: Machine) throws {
            try machine.configure(dialling: [])
        }

        private func watch(
            _ chain: GuardedChain, _ machine: Machine, for block: (number: Int, id: String)
        ) async throws {
            let client = try Nodeos(.nobody, in: chain.cluster.directory.appending(path: "client"))
            defer { client.killNow() }
            try await client.startAndServe(.usual, chain.dialling([machine]))
            try await eventually("it has what is irreversible") {
                try await client.head().number >= block.number - 1
            }
            try await always("it does not get the abandoned block") {
                try await client.head().id != block.id
            }
        }

        @Test func aSnapshotDoesNotLetItOut() async throws {
            func halting(_ peer: Peer) -> [String: String] { ["PRODHA_HALT_AT": "held:\(trigger(peer).path)"] }
            // The outside node alone is linked to the gates.
            func unlinked(_ chain: GuardedChain) throws {
                for machine in chain.machines { try machine.configure(dialling: []) }
            }
            let settings = GroupSettings(keys: ["snapshot_distance": 10])
            try await withGuardedChain(settings, environment: halting, prepare: unlinked) { chain in
                let machine = try await chain.producer()
                let block = try await abandoned(machine)
                try await chain.producer(among: chain.others(than: machine))
                try await chain.advances(by: 30)
                try isolate(machine)
                try await chain.outside.ask("/v1/net/disconnect", .string("127.0.0.1:\(machine.gatePort)"))
                try await machine.peer.startAndServe(environment: machine.environment)
                try await machine.peer.says("took over the leader's snapshot")
                try await watch(chain, machine, for: block)
                // Linked again it comes right.
                try await chain.outside.ask("/v1/net/connect", .string("127.0.0.1:\(machine.gatePort)"))
            }
        }

        @Test func aRegionThatBecomesStandbyDoesNotLetItOut() async throws {
            try await withCluster { cluster in
                let machines = try cluster.peers.map { peer in
                    try Machine(peer, environment: ["PRODHA_HALT_AT": "held:\(trigger(peer).path)"])
                }
                let outside = try Nodeos(.nobody, in: cluster.directory.appending(path: "outside"))
                defer { for node in machines.map(\.nodeos) + [outside] { node.killNow() } }
                for machine in machines { try machine.configure(dialling: []) }
                for machine in machines { try await machine.start() }
                // Without a link there is nobody to keep the block from.
                try await outside.startAndServe(
                    .usual, machines.flatMap { ["--p2p-peer-address", "127.0.0.1:\($0.gatePort)"] })
                let machine = try await value("one produces") {
                    for machine in machines
                    where try await machine.peer.canProduce()["can_produce"]?.bool == true { return machine }
                    return nil
                }
                let others = machines.filter { $0 !== machine }
                try await eventually("it makes blocks") { try await outside.head().number > 4 }
                // Nobody else could make one in its place.
                for other in others { try await other.kill(.nodeos) }
                let block = try await abandoned(machine)
                try await outside.kill()
                for machine in machines { try machine.peer.edit { $0["is_active_raft_cluster"] = false } }
                for other in others { other.peer.send(SIGHUP) }
                try await eventually("the region is standby") {
                    try await others[0].peer.status()["production.region_active"]?.bool == false
                }
                try await machine.peer.startAndServe(environment: machine.environment)
                try await eventually("it knows that the region is standby, and its nodeos is paused") {
                    let status = try await machine.peer.status()
                    return status["production.region_active"]?.bool == false
                        && status["nodeos.production"]?.string == "paused"
                }
                let client = try Nodeos(.nobody, in: cluster.directory.appending(path: "client"))
                defer { client.killNow() }
                try await client.startAndServe(.usual, ["--p2p-peer-address", "127.0.0.1:\(machine.gatePort)"])
                try await eventually("it has what is irreversible") {
                    try await client.head().number >= block.number - 1
                }
                try await always("it does not get the abandoned block") { try await client.head().id != block.id }
                try #require(try await machine.nodeos.head().id == block.id)
            }
        }
    }

    /// Where a group begins beside a chain that is there already.
    @Suite struct BeginningTests {
        private func set(active: Bool, _ machines: [Machine]) throws {
            for machine in machines {
                try machine.peer.edit { $0["is_active_raft_cluster"] = .bool(active) }
                machine.peer.send(SIGHUP)
            }
        }

        /// Somebody outside the group still makes blocks: a group that began would fork the chain for good.
        @Test func aGroupDoesNotBeginWhileTheChainGoesOnWithoutIt() async throws {
            try await withCluster { cluster in
                let machines = try cluster.peers.map { try Machine($0, environment: [:]) }
                let alone = try Nodeos(.itself, in: cluster.directory.appending(path: "alone"))
                defer { for node in machines.map(\.nodeos) + [alone] { node.killNow() } }
                try await alone.startAndServe()
                try await alone.resume()
                for machine in machines {
                    try machine.configure(dialling: [])
                    try await machine.nodeos.start(.usual, ["--p2p-peer-address", "127.0.0.1:\(alone.p2p)"])
                    try await machine.peer.start()
                }
                for machine in machines { try await machine.peer.serves() }
                try await eventually("one of them says so", within: .seconds(60)) {
                    machines.contains { $0.peer.log.contains("the chain goes on without it") }
                }
                for machine in machines {
                    let status = try await machine.peer.status()
                    #expect(status["production.can_produce"]?.bool == false)
                    #expect(status["production.head"] == .null)
                }
                let height = try await alone.head().number
                try await alone.pause()
                try await eventually("the group begins") {
                    for machine in machines
                    where try await machine.peer.canProduce()["can_produce"]?.bool == true { return true }
                    return false
                }
                try await eventually("its chain goes on") { try await machines[0].nodeos.head().number > height + 5 }
                _ = try await Heights.compare(machines.map(\.nodeos) + [alone], 2...height)
                _ = try await Heights.compare(machines.map(\.nodeos), 2...height + 3)
            }
        }

        /// While the region was standby the chain went on elsewhere.
        @Test func aRegionThatIsActivatedAgainBeginsWhereTheChainIs() async throws {
            try await withCluster(GroupSettings(hasGaps: true)) { cluster in
                let machines = try cluster.peers.map { try Machine($0, environment: [:]) }
                let alone = try Nodeos(.itself, in: cluster.directory.appending(path: "alone"))
                defer { for node in machines.map(\.nodeos) + [alone] { node.killNow() } }
                for (index, machine) in machines.enumerated() {
                    try machine.configure(dialling: Array(machines[..<index]))
                    try await machine.start()
                }
                try await alone.startAndServe(
                    .usual, machines.flatMap { ["--p2p-peer-address", "127.0.0.1:\($0.gatePort)"] })
                try await eventually("the chain goes on") { try await alone.head().number > 5 }
                try set(active: false, machines)
                // One nodeos may have a block above it that was signed and never committed: its next one replaces that.
                try await eventually("all have stopped at one committed head") {
                    let head = try await alone.head()
                    for machine in machines {
                        let production = try await machine.peer.status()["production"]
                        let committed = production?["head"]?["block_num"]?.int
                        guard production?["region_active"]?.bool == false, committed == head.number,
                            try await machine.nodeos.id(at: head.number) == head.id
                        else { throw TimedOut(description: "peer \(machine.peer.id): \(production as Any), \(head)") }
                    }
                    return true
                }
                let first = try await alone.head().number
                try await alone.resume()
                try await eventually("the chain goes on elsewhere, and all follow") {
                    for machine in machines where try await machine.nodeos.head().number < first + 10 { return false }
                    return true
                }
                for machine in machines {
                    #expect(try await machine.status()["condition"]?.string == "well")
                }
                try await alone.pause()
                try await eventually("alone has stopped") {
                    let head = try await alone.head()
                    for machine in machines where try await machine.nodeos.head() != head { return false }
                    return true
                }
                let last = try await alone.head().number
                try set(active: true, machines)
                try await eventually("the region's chain goes on") { try await alone.head().number > last + 4 }
                let ids = try await Heights.compare(machines.map(\.nodeos) + [alone], 2...last + 3)
                for machine in machines {
                    for (number, id) in try await machine.peer.committedEntries().compactMap({ $0.block?.first })
                    where number <= last + 3 {
                        #expect(ids[number] == id)
                    }
                }
            }
        }
    }
}
