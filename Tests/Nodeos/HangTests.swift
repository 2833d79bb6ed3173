// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// SIGSTOP on the machine of the leader, and SIGCONT later.
    @Suite struct HangTests {
        @Test(arguments: Machine.Part.allCases, [3, 15])
        func whatHungIsNoDangerWhenItGoesOn(_ part: Machine.Part, seconds: Int) async throws {
            try await withGuardedChain { chain in
                var outages = Outages("SIGSTOP of \(part) for \(seconds) s")
                for _ in 0..<rounds {
                    let machine = try await chain.producer()
                    let start = ContinuousClock.now
                    let height = chain.watch.head
                    machine.send(SIGSTOP, to: part)
                    try await chain.producer(among: part == .nodeos ? nil : chain.others(than: machine))
                    try await Task.sleep(until: start + .seconds(seconds))
                    machine.send(SIGCONT, to: part)
                    try await chain.advances()
                    try await outages.note(chain, from: height, since: start)
                    try await chain.settles()
                }
                outages.tell()
            }
        }
    }

    /// The same without prodha: two nodeos with one key, switched by pause and resume as scripts do. It splits the chain,
    /// and that is seen.
    @Suite struct ForkControlTests {
        @Test func withoutAGuardTheChainSplits() async throws {
            let nodes = try [Nodeos(.itself), Nodeos(.itself)]
            let (one, other) = (nodes[0], nodes[1])
            let traffic = Traffic(nodes)
            try await one.startAndServe()
            try await other.startAndServe(.usual, ["--p2p-peer-address", "127.0.0.1:\(one.p2p)"])
            try await one.resume()
            try await eventually("both are on one chain") {
                let (first, second) = (try await one.head().number, try await other.head().number)
                return first > 6 && second > 6
            }
            try await alongside(traffic.run, stop: traffic.stop) {
                try await eventually("transactions are in the chain") { traffic.accepted > 20 }
                _ = try await Heights.compare(nodes, 1...(try await other.head().number - 1))
                one.send(SIGSTOP)
                // The script gets no answer to its pause, and goes on.
                await #expect(throws: (any Error).self) {
                    try await one.post("/v1/producer/pause", within: .seconds(1))
                }
                try await other.resume()
                try await Task.sleep(for: .seconds(3))
                one.send(SIGCONT)
                try await Task.sleep(for: .seconds(1))
                try? await one.pause()
                try await Task.sleep(for: .seconds(3))
            }
            let height = min(try await one.head().number, try await other.head().number)
            let violation = await #expect(throws: Violation.self) {
                _ = try await Heights.compare(nodes, 1...height)
            }
            print("without a guard: \(violation?.description ?? "no fork")")
        }
    }
}
