// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    @Suite struct RestartTests {
        @Test func allEndAndStartAndTheChainGoesOn() async throws {
            try await withGuardedChain { chain in
                for _ in 0..<rounds {
                    for machine in chain.machines {
                        try #require(try await machine.peer.terminate() == .exit(0))
                    }
                    for machine in chain.machines {
                        try await machine.nodeos.terminate()
                    }
                    let height = try await chain.outside.head().number
                    for machine in chain.machines {
                        try await machine.start()
                    }
                    try await chain.settles()
                    #expect(try await chain.outside.head().number > height)
                }
            }
        }

        /// All at once, as when the power fails.
        @Test func allAreKilledAndStartAndTheChainGoesOn() async throws {
            try await withGuardedChain { chain in
                for _ in 0..<rounds {
                    for machine in chain.machines {
                        machine.send(SIGKILL, to: .both)
                    }
                    for machine in chain.machines {
                        try await machine.kill(.both)
                    }
                    for machine in chain.machines {
                        try await machine.restart(.both)
                    }
                    try await chain.settles()
                }
            }
        }

        @Test func aFreshMachineJoinsAndCanLead() async throws {
            try await withGuardedChain { chain in
                for round in 0..<rounds {
                    // One that leads, and one that does not.
                    let leader = try await chain.producer()
                    let machine = round.isMultiple(of: 2) ? chain.others(than: leader)[0] : leader
                    try await machine.kill(.both)
                    try machine.wipe()
                    try await chain.advances()
                    try await machine.start()
                    try await chain.settles()
                    // Its vote counts in terms that begin after it had caught up.
                    try await lead(chain.others(than: machine), of: chain)
                    try await lead([machine], of: chain)
                    try await chain.settles()
                }
            }
        }

        /// Hands leadership to one of `some` that does not have it.
        private func lead(_ some: [Machine], of chain: GuardedChain) async throws {
            let old = try await chain.producer()
            let new = try #require(some.first { $0 !== old })
            try await eventually("peer \(new.peer.id) leads") {
                let leader = try await chain.producer()
                if leader === new { return true }
                let answer = try await leader.peer.post("/v1/prodha/transfer", ["to": .int(new.peer.id)])
                throw TimedOut(description: "\(answer)")
            }
            try await chain.advances()
        }
    }
}
