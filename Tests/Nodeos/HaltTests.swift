// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// The leader's prodha stands still at a step of a block's way from nodeos to the world, and is then killed or goes
    /// on.
    @Suite struct HaltTests {
        enum Step: String, CaseIterable {
            case signed, held, proposed, committed, released
        }

        enum Then: CaseIterable {
            case killed, goesOn
        }

        private func trigger(_ peer: Peer) -> URL { peer.directory.appending(path: "halt") }

        @Test(arguments: Step.allCases, Then.allCases)
        func aBlockIsTheGroupsOrNobodys(_ step: Step, _ then: Then) async throws {
            func environment(_ peer: Peer) -> [String: String] {
                ["PRODHA_HALT_AT": "\(step.rawValue):\(trigger(peer).path)"]
            }
            try await withGuardedChain(environment: environment) { chain in
                for _ in 0..<rounds {
                    let machine = try await chain.producer()
                    try Data().write(to: trigger(machine.peer))
                    try await eventually("prodha stands still") { machine.peer.isStopped }
                    try await chain.producer(among: chain.others(than: machine))
                    try await chain.advances(by: 3)
                    switch then {
                    case .killed:
                        try await machine.kill(.prodha)
                        try await machine.restart(.prodha)
                    case .goesOn:
                        machine.send(SIGCONT, to: .prodha)
                    }
                    try await chain.settles()
                }
            }
        }
    }
}
