// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

@testable import Harness

/// Harm to the leader of the time, `longRounds` times, for whoever looks at what is kept meanwhile. After each the chain is
/// well again.
extension GuardedChain {
    /// In turn; both at once come first.
    private func part(_ round: Int) -> Machine.Part { [.both, .prodha, .nodeos][round % 3] }

    func killLeaders() async throws {
        for round in 0..<longRounds {
            let machine = try await producer()
            try await machine.kill(part(round))
            try await producer(among: others(than: machine))
            try await advances()
            try await machine.restart(part(round))
            try await settles()
        }
    }

    func stopLeaders() async throws {
        for round in 0..<longRounds {
            let part = part(round)
            let machine = try await producer()
            machine.send(SIGSTOP, to: part)
            try await producer(among: part == .nodeos ? nil : others(than: machine))
            try await advances(by: 8)
            machine.send(SIGCONT, to: part)
            try await settles()
        }
    }

    /// In either manner, in turn.
    func cutLeadersOff(by network: Network) async throws {
        for round in 0..<longRounds {
            let machine = try await producer()
            network.separate([machine.peer], by: round.isMultiple(of: 2) ? .hold : .drop)
            try await producer(among: others(than: machine))
            try await advances(by: 8)
            try network.join()
            try await settles()
        }
    }
}
