// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Harness

/// What several nodeos have at the heights of a chain.
enum Heights {
    /// The one id that all of `nodes` have at each of `heights`. Two ids at one height are a violation.
    static func compare(_ nodes: [Nodeos], _ heights: ClosedRange<Int>) async throws -> [Int: String] {
        var ids: [Int: String] = [:]
        var differing: [String] = []
        for number in heights {
            var found: [String] = []
            for node in nodes {
                found.append(try await node.id(at: number) ?? "nothing")
            }
            if Set(found).count == 1, found[0] != "nothing" {
                ids[number] = found[0]
            } else {
                differing.append("\(number): \(found.map { String($0.suffix(56).prefix(12)) }.joined(separator: ", "))")
            }
        }
        guard differing.isEmpty else {
            throw Violation(
                description: "\(differing.count) heights differ, first \(differing.prefix(5).joined(separator: "; "))")
        }
        return ids
    }

    /// The slots of the blocks at `heights`.
    static func slots(_ node: Nodeos, _ heights: ClosedRange<Int>) async throws -> [Int] {
        var slots: [Int] = []
        for number in heights {
            let block = try await node.ask("/v1/chain/get_block", ["block_num_or_id": .string("\(number)")])
            slots.append(try slot(try #require(block["timestamp"]?.string)))
        }
        return slots
    }

    /// How many slots between the first block of `heights` and the last one have no block.
    static func missedSlots(_ node: Nodeos, _ heights: ClosedRange<Int>) async throws -> Int {
        let slots = try await slots(node, heights)
        return zip(slots, slots.dropFirst()).reduce(0) { $0 + $1.1 - $1.0 - 1 }
    }

    /// Half seconds since 2000, as `2026-01-01T00:00:00.500` says.
    static func slot(_ timestamp: String) throws -> Int {
        let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let date = try form.parse(timestamp + "Z")
        return Int((date.timeIntervalSince1970 * 2).rounded()) - 2 * 946_684_800
    }
}
