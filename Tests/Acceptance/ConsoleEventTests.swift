// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What happens in the cluster appears above the line that is edited.
    @Suite struct ConsoleEventTests {
        /// Waits for an event, `-- 12:01:07 text`, in which `pattern` is found; it.
        @discardableResult
        private func event(_ session: ConsoleSession, _ pattern: String, from row: Int = 0) async throws -> String {
            try await session.terminal.shows("an event /\(pattern)/") { screen in
                screen.lines(from: row).map(\.text).first {
                    $0.range(of: #"^-- \d\d:\d\d:\d\d .*"# + pattern, options: .regularExpression) != nil
                }
            }
        }

        @Test func aChangeOfTheLeaderIsToldAboveTheLine() async throws {
            try await withEast { cluster, leader, chain in
                let next = try #require(cluster.others(than: leader).first)
                let session = try await ConsoleSession.start(cluster, "\(leader.id)")
                try await session.prompt { $0.role == "LEADER" && $0.state == "ok" }
                try await session.terminal.type("histor")
                try await session.terminal.press(.left, .left)
                try await session.edits("histor", at: 4)
                let moved = try await Program.run(
                    ["transfer", "--to", "\(next.id)", "--config", leader.configurationFile.path],
                    in: cluster.directory)
                try #require(moved.ending == .exit(0), "\(moved)")
                let told = try await event(
                    session, #"east: peer \#(next.id) leads now \(was peer \#(leader.id)\), term \d+"#)
                let term = try #require(try await next.status()["raft.term"]?.int)
                #expect(told.hasSuffix("term \(term)"))
                // The line is below it, as it was, and the prompt is another one.
                try await session.edits("histor", at: 4, "the peer follows") { $0.role == "follower" }
                let rows = session.terminal.screen.lines()
                let place = try #require(rows.first { $0.text == told }?.row)
                #expect(place < session.terminal.screen.cursorRow)
                #expect(rows.count { $0.text.hasSuffix("> histor") } == 1, "\(session.terminal)")
                // And it can be gone on with.
                try await session.terminal.press(.end)
                try await session.terminal.type("y")
                try await session.edits("history")
                #expect(session.terminal.screen.unknown.isEmpty)
            }
        }

        @Test func aLeaderThatDiesWhileThePromptIsIdle() async throws {
            try await withEast { cluster, leader, chain in
                let follower = try #require(cluster.others(than: leader).first)
                let session = try await ConsoleSession.start(cluster, "\(follower.id)")
                try await session.prompt { $0.role == "follower" }
                // It has to know of the leader to tell that it is lost.
                _ = try await session.run("status")
                try await session.prompt()
                try await leader.kill()
                let next = try await cluster.leader()
                try await event(session, "east: peer \(next.id) leads now")
                try await event(session, "\(leader.id).* does not answer")
                try await leader.startAndServe()
                try await event(session, "\(leader.id).* answers (again|now)")
                try await session.prompt("at the same peer") { $0.peer == "east/\(follower.id)" }
            }
        }

        @Test func aConnectedPeerThatDiesIsToldAndTheOthersAreOffered() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, "\(leader.id)")
                try await session.prompt { $0.role == "LEADER" }
                try await session.terminal.type("peer")
                try await session.edits("peer")
                try await leader.kill()
                let others = cluster.others(than: leader).map(\.id).sorted()
                let first = try #require(others.first)
                let offers = others.map { "\($0)" }.joined(separator: ", ")
                try await event(
                    session,
                    #"does not answer \([^)]+\); others: \#(offers): connect \#(first)\b"#)
                try await event(session, "east/\(leader.id)\\b.*connected|connected.*east/\(leader.id)\\b")
                try await session.edits("peer", at: 4, "the prompt says so") { $0.age != nil }
                // The session goes on: what is asked of all is answered.
                try await session.terminal.press(.interrupt)
                let status = try await session.run("status")
                #expect(status.contains { $0.contains("peer \(leader.id)") }, "\(status)")
                try await session.run("connect \(first)")
                try await session.prompt("the other one") { $0.peer == "east/\(first)" && $0.age == nil }
                let peers = try await session.run("peers")
                for peer in cluster.peers {
                    let isListed = peers.contains {
                        $0.range(of: #"\b\#(peer.id)\b"#, options: .regularExpression) != nil
                    }
                    #expect(isListed, "\(peer.id): \(peers)")
                }
            }
        }

        /// `follow` shows them until ^C.
        @Test func eventsCanBeFollowed() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.prompt { $0.state == "ok" }
                let row = try await session.begin("follow")
                try await session.terminal.shows("it follows") { screen in
                    ConsoleSession.edited(screen) == nil && screen.lines(from: row).count > 2
                }
                let next = try #require(cluster.others(than: leader).first)
                let answer = try await leader.post("/v1/prodha/transfer", ["to": .int(next.id)], within: Bound.outcome)
                try #require(answer.status == 200, "\(answer)")
                try await session.terminal.shows("the new leader") { screen in
                    screen.lines(from: row).contains { $0.text.contains("peer \(next.id) leads now") }
                }
                #expect(ConsoleSession.edited(session.terminal.screen) == nil, "it has ended: \(session.terminal)")
                try await session.terminal.press(.interrupt)
                try await session.prompt()
            }
        }

        @Test func pausesAndResumptionsAreTold() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.prompt { $0.state == "ok" }
                let row = session.terminal.screen.cursorRow
                try await change(leader, "pause")
                try await event(session, "east.*pause", from: row)
                let later = session.terminal.screen.cursorRow
                try await change(leader, "resume")
                try await event(session, "east.*(not paused|active)", from: later)
            }
        }
    }
}
