// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Synchronization
import Testing

@testable import Harness

/// Looks at an outside nodeos all the time: its head, and what its log says of forks.
final class OutsideWatch: Sendable {
    /// The first time that a head was seen.
    struct Sight: Sendable {
        let number: Int
        let at: ContinuousClock.Instant
    }

    private struct State {
        var ids: [Int: String] = [:]
        var sights: [Sight] = []
        var violation: Violation?
        var stops = false
    }

    let node: Nodeos
    private let state = Mutex(State())

    init(_ node: Nodeos) {
        self.node = node
    }

    func stop() {
        state.withLock { $0.stops = true }
    }

    /// Every head that was seen, by height.
    var ids: [Int: String] { state.withLock { $0.ids } }
    var head: Int { state.withLock { $0.sights.last?.number ?? 0 } }

    func run() async throws {
        while !state.withLock({ $0.stops }) {
            if let info = try? await node.info(within: .seconds(2)), let number = info["head_block_num"]?.int,
                let id = info["head_block_id"]?.string
            {
                saw(number, id)
            }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func saw(_ number: Int, _ id: String) {
        let now = ContinuousClock.now
        state.withLock { state in
            if let other = state.ids[number], other != id {
                state.violation = Violation(
                    description: "the outside node had block \(number) \(other), and then \(id)")
            }
            state.ids[number] = id
            guard state.sights.last?.number != number else { return }
            if let last = state.sights.last, number < last.number {
                state.violation = Violation(
                    description: "the outside node's head went back from \(last.number) to \(number)")
            }
            state.sights.append(Sight(number: number, at: now))
        }
    }

    /// Throws if it ever changed its mind.
    func check() throws {
        if let violation = state.withLock({ $0.violation }) { throw violation }
        let switches = node.log.split(separator: "\n").filter { $0.contains("switching forks") }
        if let first = switches.first {
            throw Violation(description: "the outside node switched forks \(switches.count) times, first: \(first)")
        }
    }

    /// The longest time without a new block since `start`.
    func longestGap(since start: ContinuousClock.Instant) -> Duration {
        let sights = state.withLock { $0.sights }
        let before = sights.last { $0.at <= start }?.at ?? start
        let times = [before] + sights.map(\.at).filter { $0 > start }
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .zero
    }

    /// How long after `start` the block came that was waited for longest.
    func endOfLongestGap(since start: ContinuousClock.Instant) -> Duration {
        let sights = state.withLock { $0.sights }
        let before = sights.last { $0.at <= start }?.at ?? start
        let times = [before] + sights.map(\.at).filter { $0 > start }
        let gaps = zip(times, times.dropFirst()).map { ($1 - $0, $1) }
        return gaps.max { $0.0 < $1.0 }.map { $0.1 - start } ?? .zero
    }
}
