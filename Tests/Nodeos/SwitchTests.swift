// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// Two regions of three machines with one key, and an outside nodeos that is linked to all their gates.
private final class GuardedRegions: Sendable {
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

    func start() async throws {
        for machine in machines { try await machine.nodeos.start() }
        for machine in machines { try await machine.peer.start() }
        try await outside.start(
            .usual, machines.flatMap { ["--p2p-peer-address", "127.0.0.1:\($0.gatePort)"] })
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

    /// The chain goes on, and at every height there is one id on all nodeos of `some`, outside included.
    func settles(_ some: [Machine]? = nil) async throws {
        try await advances()
        let nodes = (some ?? machines).map(\.nodeos) + [outside]
        let goal = try await outside.head().number
        for (index, node) in nodes.enumerated() {
            try await eventually("node \(index + 1) has all \(goal) blocks") {
                let number = try await node.head().number
                guard number >= goal else { throw TimedOut(description: "it has \(number)") }
                return true
            }
        }
        let ids = try await Heights.compare(nodes, max(2, goal - 100)...goal)
        for (number, id) in watch.ids {
            if let other = ids[number], other != id {
                throw Violation(description: "height \(number): the outside node saw \(id), the chain has \(other)")
            }
        }
        try watch.check()
    }

    func failover(to region: String, _ more: String...) async throws -> Finished {
        let cluster = region == "east" ? regions.east : regions.west
        return try await Program.run(
            ["failover", "--region", region, "--confirm", region, "--config", cluster.peers[0].configurationFile.path]
                + more, in: cluster.directory)
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

private func withGuardedRegions(_ test: (GuardedRegions) async throws -> Void) async throws {
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

extension Guarded {
    /// `prodha failover` between two regions of real nodeos.
    @Suite struct SwitchTests {
        @Test func aPlannedSwitchForksNothing() async throws {
            try await withGuardedRegions { chain in
                try await eventually("west is ready") {
                    try await chain.failover(to: "west", "--dry-run").ending == .exit(0)
                }
                for round in 0..<rounds {
                    for region in ["west", "east"] {
                        let start = ContinuousClock.now
                        let done = try await chain.failover(to: region)
                        try #require(done.ending == .exit(0), "round \(round): \(done)")
                        try await chain.settles()
                        try #require(try await chain.producers() == [region])
                        print(
                            "planned, to \(region): outside no block for \(chain.watch.longestGap(since: start)); "
                                + done.output.replacingOccurrences(of: "\n", with: " ").suffix(160))
                    }
                }
            }
        }

        /// East stands still and is given up; when it goes on it gives way, and follows the chain.
        @Test func aForcedSwitchForksNothingThatWasSeen() async throws {
            try await withGuardedRegions { chain in
                try await eventually("west is ready") {
                    try await chain.failover(to: "west", "--dry-run").ending == .exit(0)
                }
                // Right after a block that everybody has.
                let number = try await chain.outside.head().number + 2
                try await eventually("all have block \(number)") {
                    for machine in chain.machines where try await machine.nodeos.head().number < number {
                        return false
                    }
                    return true
                }
                for machine in chain.machines(of: "east") { machine.send(SIGSTOP, to: .both) }
                let start = ContinuousClock.now
                let forced = try await chain.failover(
                    to: "west", "--force", "--accept-loss", "--timeout", "500ms")
                try #require(forced.ending == .exit(0), "\(forced)")
                try await chain.advances()
                print("forced: outside no block for \(chain.watch.longestGap(since: start))")
                for machine in chain.machines(of: "east") { machine.send(SIGCONT, to: .both) }
                try await eventually("east gives way") {
                    for machine in chain.machines(of: "east")
                    where try await machine.peer.status()["production.state"]?.string != "standby" {
                        return false
                    }
                    return true
                }
                try await chain.settles()
                try #require(try await chain.producers() == ["west"])
                let back = try await chain.failover(to: "east")
                try #require(back.ending == .exit(0), "\(back)")
                try await chain.settles()
            }
        }
    }
}
