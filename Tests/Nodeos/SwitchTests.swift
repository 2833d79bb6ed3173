// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// `prodha failover` between two regions of real nodeos.
    @Suite struct SwitchTests {
        @Test func aPlannedSwitchForksNothing() async throws {
            try await withGuardedRegions { chain in
                try await chain.isReady("west")
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
                try await chain.isReady("west")
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
                try await chain.isStandby("east")
                try await chain.settles()
                try #require(try await chain.producers() == ["west"])
                let back = try await chain.failover(to: "east")
                try #require(back.ending == .exit(0), "\(back)")
                try await chain.settles()
            }
        }
    }
}
