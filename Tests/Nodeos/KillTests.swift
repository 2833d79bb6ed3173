// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// kill -9 on the machine of the leader.
    @Suite struct KillTests {
        @Test(arguments: Machine.Part.allCases)
        func theChainGoesOnElsewhereAndTheKilledOneComesBack(_ part: Machine.Part) async throws {
            try await withGuardedChain { chain in
                var outages = Outages("kill -9 of \(part)")
                for _ in 0..<rounds {
                    let machine = try await chain.producer()
                    let start = ContinuousClock.now
                    let height = chain.watch.head
                    try await machine.kill(part)
                    try await chain.producer(among: chain.others(than: machine))
                    try await chain.advances()
                    try await outages.note(chain, from: height, since: start)
                    try await machine.restart(part)
                    try await chain.settles()
                }
                outages.tell()
            }
        }
    }
}
