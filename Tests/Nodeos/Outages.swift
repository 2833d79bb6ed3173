// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// What an outside node had to do without, round by round.
struct Outages {
    private let name: String
    private(set) var gaps: [Duration] = []
    private(set) var missed: [Int] = []

    init(_ name: String) {
        self.name = name
    }

    /// The time from `start` on, when the head was `height`, to now.
    mutating func note(_ chain: GuardedChain, from height: Int, since start: ContinuousClock.Instant) async throws {
        gaps.append(chain.watch.longestGap(since: start))
        let end = try await chain.outside.head().number
        missed.append(try await Heights.missedSlots(chain.outside, max(height, 2)...max(end, height, 2)))
    }

    var medianMissed: Int { missed.sorted()[missed.count / 2] }

    func tell() {
        guard !gaps.isEmpty else { return }
        let sorted = gaps.map { $0 / .milliseconds(1) }.sorted()
        print(
            "\(name): longest time without a block, ms: median \(Int(sorted[sorted.count / 2])), most "
                + "\(Int(sorted[sorted.count - 1])); slots without a block: \(missed.map(String.init).joined(separator: " "))"
        )
    }
}
