// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The prompt of a session says how things stand, and leaves alone what is being typed.
    @Suite struct ConsolePromptTests {
        @Test func theFirstLineAndThePrompt() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.prompt("who leads, and may produce") {
                    $0.peer == "east/\(leader.id)" && $0.role == "LEADER" && $0.head == 1002 && $0.state == "ok"
                        && $0.age == nil && !$0.isEnabled
                }
                let first = try #require(session.terminal.screen.lines().first?.text)
                #expect(
                    first.range(
                        of: #"^prodha [^ ]+[.,] [Rr]ead-only.*enable.*\? shows what can be typed"#,
                        options: .regularExpression) != nil, "\(first)")
                let version = try await Program.run(["--version"], in: cluster.directory).output
                #expect(first.contains(version.split(separator: " ").last?.prefix { $0 != "\n" } ?? "?"), "\(first)")

                let follower = try #require(cluster.others(than: leader).first)
                try await session.run("connect \(follower.id)")
                try await session.prompt("a follower has nothing else to say") {
                    $0.peer == "east/\(follower.id)" && $0.role == "follower" && $0.head == 1002 && $0.state == nil
                        && $0.age == nil
                }
                // Exactly so, blanks included.
                let line = session.terminal.screen.current
                #expect(
                    line.line.text + " " == "east/\(follower.id) follower #1002> "
                        && line.column == line.line.text.count + 1)
                try await session.run("connect \(leader.id)")
                try await session.prompt { $0.peer == "east/\(leader.id)" }
                let leading = session.terminal.screen.current.line.text
                #expect(leading + " " == "east/\(leader.id) LEADER #1002 ok> ")
                try await session.quit()
                #expect(session.terminal.screen.unknown.isEmpty, "\(session.terminal)")
            }
        }

        /// By an id, a region and an id, and an API with or without a file.
        @Test func aPeerIsNamedInEachWay() async throws {
            try await withEast { cluster, leader, chain in
                let follower = try #require(cluster.others(than: leader).first)
                let api = "127.0.0.1:\(follower.apiPort)"
                for name in ["\(follower.id)", "east/\(follower.id)", api] {
                    let session = try await ConsoleSession.start(cluster, name)
                    try await session.prompt("the peer \(name)") {
                        $0.peer == "east/\(follower.id)" && $0.role == "follower"
                    }
                }
                for arguments in [[api], ["--peer", api]] {
                    let session = try await ConsoleSession.start(arguments, in: cluster.directory)
                    try await session.prompt("the peer, by \(arguments)") {
                        $0.peer == "east/\(follower.id)" && $0.role == "follower"
                    }
                    // The others are learnt from it.
                    try await session.run("connect \(leader.id)")
                    try await session.prompt { $0.peer == "east/\(leader.id)" && $0.role == "LEADER" }
                }
                let variable = try await ConsoleSession.start(
                    [], in: cluster.directory, environment: ["PRODHA_CONFIG": leader.configurationFile.path])
                try await variable.prompt("the leader") { $0.peer == "east/\(leader.id)" }
                let unknown = try await variable.run("connect 77")
                #expect(unknown.contains { $0.contains("77") }, "\(unknown)")
                try await variable.prompt("the same peer as before") { $0.peer == "east/\(leader.id)" }
            }
        }

        @Test func itRenewsItselfAndLeavesTheTypedAlone() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                let terminal = session.terminal
                try await session.prompt { $0.head == 1002 }
                try await terminal.type("status --peer")
                try await terminal.press(.left, .left, .left)
                try await session.edits("status --peer", at: 10)
                let row = terminal.screen.cursorRow
                for block in try chain.next(3) {
                    try await cluster.commit([block])
                    try await session.edits("status --peer", at: 10, "the head is \(block.number)") {
                        $0.head == block.number
                    }
                }
                #expect(terminal.screen.cursorRow == row, "it wanders: \(terminal)")
                // What is typed next comes where the cursor is.
                try await terminal.type("X")
                try await session.edits("status --pXeer", at: 11)
                try await terminal.press(.interrupt)

                // The number of its columns changes too, with the cursor in the second row of a long line.
                let long = "help " + String(repeating: "abcdefghi ", count: 20)
                try await session.prompt()
                try await terminal.type(long)
                try await terminal.press(.left, .left)
                try await session.edits(long, at: long.count - 2)
                leader.send(SIGSTOP)
                try await session.edits(long, at: long.count - 2, "it is old") { $0.age != nil }
                leader.send(SIGCONT)
                try await session.edits(long, at: long.count - 2, "it is fresh again") { $0.age == nil }
                #expect(terminal.screen.unknown.isEmpty, "\(terminal)")
            }
        }

        @Test func whatIsOldIsShownWithItsAge() async throws {
            try await withEast { cluster, leader, chain in
                let follower = try #require(cluster.others(than: leader).first)
                let session = try await ConsoleSession.start(cluster, "\(follower.id)")
                try await session.prompt { $0.role == "follower" && $0.age == nil }
                follower.send(SIGSTOP)
                var ages: [Int] = []
                for _ in 0..<2 {
                    let older = try await session.prompt("it grows older than \(ages)") { prompt in
                        let age = Int(prompt.age?.dropFirst().dropLast() ?? "") ?? -1
                        return age > ages.last ?? 0
                    }
                    #expect(older.age?.hasSuffix("s") == true && older.head == 1002 && older.role == "follower")
                    ages.append(Int(older.age?.dropFirst().dropLast() ?? "") ?? -1)
                }
                follower.send(SIGCONT)
                try await session.prompt("it is fresh") { $0.age == nil && $0.role == "follower" }
            }
        }

        /// Pauses, and a leader that has lost its quorum.
        @Test func whyNothingIsProduced() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, "\(leader.id)")
                try await session.prompt { $0.state == "ok" }
                try await change(leader, "pause")
                try await session.prompt("the region is paused") { $0.state == "paused" }
                try await change(leader, "resume")
                try await session.prompt("it is not") { $0.state == "ok" }
                for peer in cluster.others(than: leader) { try await peer.kill() }
                let alone = try await session.prompt("it cannot produce") { $0.state != "ok" && $0.state != nil }
                let reasons = ["no_quorum", "no_leader", "lease_expired", "not_leader", "lease_wait"]
                #expect(reasons.contains(alone.state ?? ""), "\(alone)")
                for peer in cluster.others(than: leader) { try await peer.startAndServe() }
                let next = try await cluster.leader()
                try await session.run("connect \(next.id)")
                try await session.prompt("all is well") { $0.peer == "east/\(next.id)" && $0.state == "ok" }
            }
        }

        /// The bounds are for a release build; here it is only told.
        @Test func theFirstPromptComesSoonDeadOrAlive() async throws {
            func start(_ cluster: Cluster, _ arguments: String...) async throws -> Duration {
                let began = ContinuousClock.now
                let session = try await ConsoleSession.start(
                    ["--config", cluster.peers[0].configurationFile.path] + arguments, in: cluster.directory)
                try await session.prompt("the first prompt", within: .seconds(10))
                return ContinuousClock.now - began
            }
            try await withEast { cluster, leader, chain in
                print("first prompt, all alive: \(try await start(cluster))")
                for peer in cluster.peers { peer.send(SIGSTOP) }
                defer { for peer in cluster.peers { peer.send(SIGCONT) } }
                print("first prompt, all hanging: \(try await start(cluster, "--timeout", "60s"))")
            }
            try await withDeadEast { cluster in
                print("first prompt, all dead: \(try await start(cluster))")
                let session = try await ConsoleSession.start(cluster, "127.0.0.1:\(cluster.peers[1].apiPort)")
                let never = try await session.prompt { $0.age != nil }
                #expect(never.age == "?" && never.head == nil && never.role == nil, "\(never)")
                // Once it runs it is found.
                try await cluster.start()
                try await session.prompt("it answers") { $0.peer == "east/2" && $0.age == nil && $0.role != nil }
            }
        }
    }
}
