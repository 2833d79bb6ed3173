// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What comes of a terminal that misbehaves, and of not knowing which group is meant.
    @Suite struct ConsoleSafetyTests {
        private func withSession(_ body: (ConsoleSession) async throws -> Void) async throws {
            try await TemporaryDirectory.with { directory in
                // Nobody listens there.
                try await body(try await ConsoleSession.start(["127.0.0.1:1"], in: directory))
            }
        }

        @Test func aPasteWithoutAnEndHoldsNothing() async throws {
            try await withSession { session in
                try await session.prompt()
                try await session.terminal.write(Array("\u{1b}[200~status".utf8))
                try await session.drop()
                let shown = try await session.run("help timing")
                #expect(shown.contains { $0.contains("how long each command took") })
                try await session.terminal.write(Array("\u{1b}[200~status".utf8))
                session.terminal.send(SIGTERM)
                #expect(try await session.terminal.ends() == .exit(128 + SIGTERM))
            }
        }

        @Test func quittingByTheKeyGivesTheTerminalBack() async throws {
            try await withSession { session in
                try await session.prompt()
                try await session.terminal.write([0x1c])
                #expect(try await session.terminal.ends() == .exit(128 + SIGQUIT))
                // readline takes back what it asked of the terminal.
                #expect(!session.terminal.screen.bracketsPastes)
            }
        }

        /// A question about a region that nobody has named yet could be answered by nothing at all.
        @Test func nothingIsAskedAboutARegionThatIsNotKnown() async throws {
            try await withSession { session in
                try await session.prompt()
                _ = try await session.run("enable")
                for command in ["pause", "confirm", "maintenance on 1"] {
                    let shown = try await session.run(command)
                    #expect(shown.contains { $0.contains("the region is not known") }, "\(command): \(shown)")
                }
                let shown = try await session.run("pause --peer 127.0.0.1:2")
                #expect(shown.contains { $0.contains("--config and --peer are not for this here") }, "\(shown)")
            }
        }

        /// Two groups of one name: what is typed next must not be done in the other one.
        @Test func aPeerOfAnotherGroupIsRefused() async throws {
            try await withEast { cluster, leader, _ in
                try await withEast { other, stranger, _ in
                    let session = try await ConsoleSession.start(cluster)
                    try await session.prompt { $0.head != nil || $0.role != nil }
                    let shown = try await session.run("connect 127.0.0.1:\(stranger.apiPort)")
                    #expect(shown.contains { $0.contains("of another group") }, "\(shown)")
                    let peer = try #require(cluster.others(than: leader).first)
                    let joined = try await session.run("connect 127.0.0.1:\(peer.apiPort)")
                    #expect(joined.contains { $0.contains("connected to east/\(peer.id)") }, "\(joined)")
                    try await session.quit()
                }
            }
        }
    }
}
