// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// Two regions of three machines with one key, and an outside nodeos that is linked to all their gates.
final class GuardedRegions: Sendable {
    let regions: Regions
    let machines: [Machine]
    let outside: Nodeos
    let watch: OutsideWatch
    let traffic: Traffic

    init(_ regions: Regions) throws {
        self.regions = regions
        let machines = try regions.peers.map { try Machine($0, environment: [:]) }
        for machine in machines { try machine.configure(dialling: machines.filter { $0 !== machine }) }
        self.machines = machines
        outside = try Nodeos(.nobody, in: regions.east.directory.appending(path: "outside"))
        watch = OutsideWatch(outside)
        traffic = Traffic(machines.map(\.nodeos))
    }

    func machines(of region: String) -> [Machine] {
        let cluster = region == "east" ? regions.east : regions.west
        return machines.filter { machine in cluster.peers.contains { $0 === machine.peer } }
    }

    /// What makes an outside nodeos dial the gates of `machines`.
    func dialling(_ machines: [Machine]) -> [String] {
        machines.flatMap { ["--p2p-peer-address", "127.0.0.1:\($0.gatePort)"] }
    }

    func start() async throws {
        for machine in machines { try await machine.nodeos.start() }
        for machine in machines { try await machine.peer.start() }
        try await outside.start(.usual, dialling(machines))
        for machine in machines {
            try await machine.nodeos.serves()
            try await machine.peer.serves()
        }
        try await outside.serves()
    }

    func advances(by count: Int = 4) async throws {
        let goal = try await outside.head().number + count
        try await eventually("the outside node has \(count) more blocks") {
            let number = try await self.outside.head().number
            guard number >= goal else { throw TimedOut(description: "\(number), not \(goal)") }
            return true
        }
    }

    /// The chain goes on, and at every height from `first` on there is one id on all nodeos, outside included.
    func settles(since first: Int = 2) async throws {
        try await advances()
        let nodes = machines.map(\.nodeos) + [outside]
        let goal = try await outside.head().number
        for (index, node) in nodes.enumerated() {
            try await eventually("node \(index + 1) has all \(goal) blocks") {
                let number = try await node.head().number
                guard number >= goal else { throw TimedOut(description: "it has \(number)") }
                return true
            }
        }
        let ids = try await Heights.compare(nodes, max(first, goal - 100)...goal)
        for (number, id) in watch.ids {
            if let other = ids[number], other != id {
                throw Violation(description: "height \(number): the outside node saw \(id), the chain has \(other)")
            }
        }
        try watch.check()
    }

    func failover(to region: String, _ more: String...) async throws -> Finished {
        try await prodha(["failover", "--region", region, "--confirm", region] + more, at: region)
    }

    /// Runs a command with the files of a region.
    func prodha(_ arguments: [String], at region: String) async throws -> Finished {
        let cluster = region == "east" ? regions.east : regions.west
        return try await Program.run(
            arguments + ["--config", cluster.peers[0].configurationFile.path], in: cluster.directory)
    }

    func isReady(_ region: String) async throws {
        try await eventually("\(region) is ready") {
            let dry = try await self.failover(to: region, "--dry-run")
            guard dry.ending == .exit(0) else { throw TimedOut(description: "\(dry)") }
            return true
        }
    }

    func isStandby(_ region: String) async throws {
        try await eventually("\(region) is standby") {
            for machine in self.machines(of: region)
            where try await machine.peer.status()["production.state"]?.string != "standby" {
                return false
            }
            return true
        }
    }

    func producers() async throws -> [String] {
        var names: [String] = []
        for machine in machines where machine.peer.runs {
            let status = try await machine.peer.status()
            if status["production.can_produce"]?.bool == true { names.append(status["peer.region"]?.string ?? "?") }
        }
        return names
    }

    func tell() {
        for machine in machines {
            print("---- nodeos of peer \(machine.peer.id), last of its log:")
            for line in machine.nodeos.log.split(separator: "\n").suffix(15) { print("     \(line.prefix(300))") }
        }
    }
}

func withGuardedRegions(_ test: (GuardedRegions) async throws -> Void) async throws {
    try await withRegions { regions in
        let chain = try GuardedRegions(regions)
        defer {
            for machine in chain.machines { machine.nodeos.killNow() }
            chain.outside.killNow()
        }
        do {
            try await chain.start()
            try await alongside(chain.watch.run, stop: chain.watch.stop) {
                try await alongside(chain.traffic.run, stop: chain.traffic.stop) {
                    try await chain.advances()
                    try await test(chain)
                }
            }
        } catch {
            chain.tell()
            throw error
        }
    }
}
