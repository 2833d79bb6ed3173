// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// Leadership that is given away costs no block.
    @Suite struct HandOverTests {
        @Test func aTransferMissesNoSlot() async throws {
            try await withGuardedChain(.calm) { chain in
                var outages = Outages("transfer")
                for round in 0..<max(rounds, 3) {
                    let machine = try await chain.producer()
                    let others = chain.others(than: machine)
                    let target = others[round % others.count]
                    try await chain.advances()
                    let start = ContinuousClock.now
                    let height = chain.watch.head
                    let answer = try await machine.peer.post("/v1/prodha/transfer", ["to": .int(target.peer.id)])
                    try #require(answer.status == 200, "\(answer)")
                    try #require(try await chain.producer() === target)
                    try await chain.advances()
                    try await outages.note(chain, from: height, since: start)
                    try await chain.settles()
                }
                outages.tell()
                #expect(outages.medianMissed == 0)
            }
        }

        @Test func anEndOfProdhaMissesNoSlot() async throws {
            try await withGuardedChain(.calm) { chain in
                var outages = Outages("SIGTERM of prodha")
                for _ in 0..<max(rounds, 3) {
                    let machine = try await chain.producer()
                    try await chain.advances()
                    let start = ContinuousClock.now
                    let height = chain.watch.head
                    try #require(try await machine.peer.terminate() == .exit(0))
                    try await chain.producer()
                    try await chain.advances()
                    try await outages.note(chain, from: height, since: start)
                    try await machine.restart(.prodha)
                    try await chain.settles()
                }
                outages.tell()
                #expect(outages.medianMissed == 0)
            }
        }
    }
}
