// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// A region that was given up while it made blocks, and comes back with them.
    @Suite struct ReturnTests {
        /// East makes blocks that nobody else gets, and stands still. West goes on from the last one that it has.
        private func giveEastUp(_ chain: GuardedRegions) async throws {
            let (east, west) = (chain.machines(of: "east"), chain.machines(of: "west"))
            try await chain.outside.terminate()
            let seen = chain.watch.head
            try await haveReached(west, seen + 2)
            for machine in west { try #require(try await machine.peer.terminate() == .exit(0)) }
            var last = 0
            for machine in west { last = max(last, try await machine.nodeos.head().number) }
            for machine in west { try await machine.nodeos.terminate() }
            try await haveReached(east, last + 4)
            for machine in east { machine.send(SIGSTOP, to: .both) }

            for machine in west { try await machine.start() }
            try await chain.outside.startAndServe(.usual, chain.dialling(chain.machines))
            try await eventually("west can be forced") {
                let dry = try await chain.failover(
                    to: "west", "--force", "--accept-loss", "--timeout", "500ms", "--dry-run")
                guard dry.ending == .exit(0) else { throw TimedOut(description: "\(dry)") }
                return true
            }
            let forced = try await chain.failover(to: "west", "--force", "--accept-loss", "--timeout", "500ms")
            try #require(forced.ending == .exit(0), "\(forced)")
            try await chain.advances()
        }

        private func haveReached(_ machines: [Machine], _ number: Int) async throws {
            for machine in machines {
                try await eventually("nodeos of peer \(machine.peer.id) has block \(number)") {
                    try await machine.nodeos.head().number >= number
                }
            }
        }

        /// What `history --loss` lists, which is what the log of the region has above the block that the other one went
        /// on from.
        private func loss(_ chain: GuardedRegions) async throws -> (base: Int, blocks: [Int: String]) {
            let listed = try await chain.prodha(
                ["history", "--loss", "--region", "east", "--output", "json"], at: "east")
            try #require(listed.ending == .exit(0), "\(listed)")
            let document = try JSON(parsing: Array(listed.output.utf8))
            let loss = try #require(document["regions"]?.array?.first?["loss"], "\(listed)")
            let base = try #require(loss["superseded.base.block_num"]?.int)
            try #require(loss["truncated"]?.bool == false)
            var blocks: [Int: String] = [:]
            for block in try #require(loss["blocks"]?.array) {
                blocks[try #require(block["block_num"]?.int)] = block["block_id"]?.string
            }
            var own: [Int: String] = [:]
            for entry in try await chain.machines(of: "east")[0].peer.committedEntries() {
                for (number, id) in entry.block ?? [:] where number > base { own[number] = id }
            }
            try #require(blocks == own)
            return (base, blocks)
        }

        /// An outside node that knows this gate alone.
        private func withClient(
            of machine: Machine, _ chain: GuardedRegions, _ name: String, _ test: (Nodeos) async throws -> Void
        ) async throws {
            let client = try Nodeos(.nobody, in: chain.regions.east.directory.appending(path: name))
            defer { client.killNow() }
            try await client.startAndServe(.usual, chain.dialling([machine]))
            try await test(client)
        }

        private func isOnTheChain(_ node: Nodeos, _ chain: GuardedRegions, since base: Int) async throws {
            let goal = max(base, try await chain.outside.head().number) + 1
            try await eventually("it has the chain's block \(goal)") {
                let numbers = (try await node.head().number, try await chain.outside.head().number)
                guard numbers.0 >= goal, numbers.1 >= goal else { throw TimedOut(description: "\(numbers)") }
                return true
            }
            _ = try await Heights.compare([node, chain.outside], base...goal)
        }

        @Test func nodeosWithLostBlocksIsBroughtBack() async throws {
            try await withGuardedRegions { chain in
                let east = chain.machines(of: "east")
                try await chain.isReady("west")
                // From before; its folder will be gone.
                let old = east[2].peer.directory.appending(path: "snapshot.bin")
                try FileManager.default.copyItem(at: try await east[2].nodeos.snapshot(), to: old)
                try await giveEastUp(chain)
                for machine in east { machine.send(SIGCONT, to: .both) }
                try await chain.isStandby("east")
                try #require(try await chain.producers() == ["west"])

                let (base, lost) = try await loss(chain)
                try #require(lost.count >= 2)
                for (number, id) in lost {
                    for machine in east { try #require(try await machine.nodeos.id(at: number) == id) }
                    try #require(try await chain.outside.id(at: number) != id)
                }
                // It never follows by itself, and says so.
                try await chain.advances(by: 8)
                for machine in east { try #require(try await machine.nodeos.id(at: base + 1) == lost[base + 1]) }
                // None of its blocks gets out any more.
                try await withClient(of: east[0], chain, "client") { client in
                    try await eventually("it has what is the chain's") { try await client.head().number >= base }
                    try await always("it gets no lost block") { try await client.id(at: base + 1) != lost[base + 1] }
                }
                for machine in east {
                    let status = try await machine.status()
                    try #require(status["condition"]?.string == "diverged")
                    try #require(status["problem"]?.string?.contains("west went on without") == true, "\(status)")
                }
                let status = try await chain.prodha(["status"], at: "east")
                try #require(status.output.contains("not ready: 0 nodeos of east stand ready"), "\(status)")
                let back = try await chain.failover(to: "east", "--dry-run")
                try #require(back.ending == .exit(3), "\(back)")

                // As Documentation/nodeos.md says, one after another.
                let new = try await chain.machines(of: "west")[0].nodeos.snapshot()
                var first = base
                for (machine, start) in zip(east, [Nodeos.Start.usual, .from(snapshot: new), .from(snapshot: old)]) {
                    try await machine.nodeos.terminate()
                    try machine.nodeos.wipe()
                    try await machine.nodeos.startAndServe(start)
                    // The block of a snapshot itself it cannot tell.
                    if case .from(new) = start { first = try await machine.nodeos.head().number + 1 }
                    try await isOnTheChain(machine.nodeos, chain, since: first)
                }
                try await chain.settles(since: first)

                try await chain.isReady("east")
                let done = try await chain.failover(to: "east")
                try #require(done.ending == .exit(0), "\(done)")
                try await chain.settles(since: first)
                try #require(try await chain.producers() == ["east"])
                // What was lost stays lost: neither the gates nor the log give it to anybody.
                try await withClient(of: east[0], chain, "client-2") { try await isOnTheChain($0, chain, since: base) }
                try await east[2].nodeos.terminate()
                try east[2].nodeos.wipe()
                try await east[2].nodeos.startAndServe(.from(snapshot: old))
                try await isOnTheChain(east[2].nodeos, chain, since: base)
                try await chain.settles(since: first)
            }
        }

        /// As Taurus's operators do: the flag in the files, and restarts, one peer after another.
        private func edit(active: Bool, _ machines: [Machine]) async throws {
            for machine in machines {
                try machine.peer.edit { $0["is_active_raft_cluster"] = .bool(active) }
                try #require(try await machine.peer.terminate() == .exit(0))
                try await machine.peer.startAndServe()
                try await eventually("peer \(machine.peer.id) is a member again") {
                    try await machine.peer.get("/health/ready").status == 200
                }
            }
        }

        @Test func theFilesSwitchTheRegion() async throws {
            try await withGuardedRegions { chain in
                for _ in 0..<longRounds {
                    for (from, to) in [("east", "west"), ("west", "east")] {
                        let start = ContinuousClock.now
                        if from == "west" {
                            // The wrong way round: what was asked for waits until the other region has stopped.
                            try await edit(active: true, chain.machines(of: to))
                            try await always("west alone produces") { try await chain.producers() == [from] }
                            try await edit(active: false, chain.machines(of: from))
                        } else {
                            try await edit(active: false, chain.machines(of: from))
                            try await chain.isStandby(from)
                            try #require(try await chain.producers() == [])
                            try await edit(active: true, chain.machines(of: to))
                        }
                        try await eventually("\(to) produces") { try await chain.producers() == [to] }
                        try await chain.settles()
                        try #require(try await chain.producers() == [to])
                        print("by files, to \(to): outside no block for \(chain.watch.longestGap(since: start))")
                    }
                }
            }
        }
    }
}
