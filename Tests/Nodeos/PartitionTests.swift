// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// The leader does not reach its group any more, while its nodeos and its clients still reach it.
    @Suite struct PartitionTests {
        @Test(arguments: Network.Manner.allCases)
        func nobodyEverSeesABlockThatIsNotCommitted(_ manner: Network.Manner) async throws {
            let relay = try Relay()
            defer { relay.stop() }
            var network: Network?
            func prepare(_ chain: GuardedChain) throws { network = try Network(chain.cluster, through: relay) }
            try await withGuardedChain(prepare: prepare) { chain in
                let network = try #require(network)
                var outages = Outages("the leader cut off (\(manner))")
                for round in 0..<rounds {
                    let machine = try await chain.producer()
                    // One that knows the chain by this machine alone.
                    let client = try Nodeos(
                        .nobody, in: chain.cluster.directory.appending(path: "client-\(round)"))
                    defer { client.killNow() }
                    let watch = OutsideWatch(client)
                    try await client.startAndServe(.usual, chain.dialling([machine]))
                    try await alongside(watch.run, stop: watch.stop) {
                        try await eventually("it has the chain") {
                            let (own, head) = (try await client.head().number, try await chain.outside.head().number)
                            return own > 1 && own >= head - 1
                        }
                        let start = ContinuousClock.now
                        let height = chain.watch.head
                        network.separate([machine.peer], by: manner)
                        try await chain.producer(among: chain.others(than: machine))
                        try await Task.sleep(for: stay)
                        try await chain.advances()
                        try await outages.note(chain, from: height, since: start)
                        try network.join()
                        try await chain.settles([client])
                    }
                    try watch.check()
                    let all = try await Heights.compare([chain.outside], 1...max(watch.head, 1))
                    for (number, id) in watch.ids where all[number] != id {
                        throw Violation(description: "the cut off machine's client saw block \(number) \(id)")
                    }
                }
                outages.tell()
            }
        }
    }
}
