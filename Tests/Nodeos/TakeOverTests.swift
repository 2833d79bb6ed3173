// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// Documentation/nodeos.md: taking over a chain that runs, and taking prodha away again.
    @Suite struct TakeOverTests {
        /// Every operator edits the file of one machine and reloads.
        private func set(active: Bool, _ machines: [Machine]) async throws {
            for machine in machines {
                try machine.peer.edit { $0["is_active_raft_cluster"] = .bool(active) }
                machine.peer.send(SIGHUP)
            }
            try await eventually("the region is \(active ? "active" : "standby")") {
                for machine in machines {
                    let status = try await machine.peer.status()
                    guard status["production.region_active"]?.bool == active else { return false }
                }
                return true
            }
        }

        private func follow(_ nodes: [Nodeos], _ node: Nodeos) async throws {
            try await eventually("all have the same head") {
                let head = try await node.head()
                for other in nodes {
                    guard try await other.head() == head else { return false }
                }
                return true
            }
        }

        private func goesOn(_ node: Nodeos, from height: Int) async throws {
            try await eventually("the chain goes on from \(height)") { try await node.head().number > height + 3 }
        }

        @Test func aChainThatRunsIsTakenOverAndGivenBack() async throws {
            try await withCluster(GroupSettings(active: false)) { cluster in
                let machines = try cluster.peers.map { try Machine($0, environment: [:]) }
                for (index, machine) in machines.enumerated() {
                    try machine.configure(dialling: Array(machines[..<index]))
                }
                let alone = try Nodeos(.itself, in: cluster.directory.appending(path: "alone"))
                let outside = try Nodeos(.nobody, in: cluster.directory.appending(path: "outside"))
                defer { for node in machines.map(\.nodeos) + [alone, outside] { node.killNow() } }
                // A chain as it was before: one that produces, the others follow it.
                try await alone.startAndServe()
                let toAlone = ["--p2p-peer-address", "127.0.0.1:\(alone.p2p)"]
                try await outside.startAndServe(.usual, toAlone)
                try await alone.resume()
                try await goesOn(outside, from: 5)

                // Two go behind their gates while the chain runs.
                for machine in machines[1...] {
                    try await machine.nodeos.start(.usual, toAlone)
                    try await machine.peer.start()
                    try await machine.peer.serves()
                    try await machine.nodeos.serves()
                }
                try await eventually("both follow, paused, on standby") {
                    for machine in machines[1...] {
                        let status = try await machine.peer.status()
                        guard status["nodeos.condition"]?.string == "well",
                            status["nodeos.production"]?.string == "paused",
                            status["production.region_active"]?.bool == false,
                            try await machine.nodeos.head().number + 1 >= alone.head().number
                        else { throw TimedOut(description: "\(status)") }
                    }
                    return true
                }
                let before = try await outside.head().number
                try await goesOn(outside, from: before)

                // The one that produces goes behind its gate, with the chain that it has.
                try await alone.terminate()
                try FileManager.default.moveItem(at: alone.dataDirectory, to: machines[0].nodeos.dataDirectory)
                try await machines[0].start()
                try await follow(machines.map(\.nodeos), machines[0].nodeos)
                let height = try await machines[0].nodeos.head().number
                try await set(active: true, machines)
                for machine in machines {
                    try await outside.ask("/v1/net/connect", .string("127.0.0.1:\(machine.gatePort)"))
                }
                try await goesOn(outside, from: height)
                _ = try await Heights.compare(machines.map(\.nodeos) + [outside], 2...height + 3)
                print("taking over missed \(try await Heights.missedSlots(outside, height...height + 1)) slots")
                // It is guarded from now on: the death of the leader does not stop it.
                let leader = try #require(
                    try await machines.async { try await $0.peer.canProduce()["can_produce"]?.bool == true })
                try await leader.kill(.both)
                let last = try await outside.head().number
                try await goesOn(outside, from: last)
                try await leader.restart(.both)

                // And back again.
                try await set(active: false, machines)
                try await follow(machines.map(\.nodeos) + [outside], machines[0].nodeos)
                let end = try await outside.head().number
                for machine in machines { try #require(try await machine.peer.terminate() == .exit(0)) }
                try await machines[0].nodeos.terminate()
                try FileManager.default.moveItem(at: machines[0].nodeos.dataDirectory, to: alone.dataDirectory)
                try await alone.startAndServe()
                try await alone.resume()
                try await outside.ask("/v1/net/connect", .string("127.0.0.1:\(alone.p2p)"))
                try await goesOn(outside, from: end)
                _ = try await Heights.compare([alone, outside], 2...end + 3)
                #expect(!outside.log.contains("switching forks"))
            }
        }
    }
}

extension Array where Element: Sendable {
    /// The first one of which this holds.
    fileprivate func async(_ holds: (Element) async throws -> Bool) async throws -> Element? {
        for element in self where try await holds(element) { return element }
        return nil
    }
}
