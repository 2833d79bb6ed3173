// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// ^C stops waiting, peers that hang or die are not waited for longer than was said, and some commands wait for people.
    @Suite struct ConsoleWaitingTests {
        /// No prompt stands in the line of the cursor: a command runs.
        private func waits(_ session: ConsoleSession, _ command: String, from row: Int) async throws {
            try await session.terminal.shows("'\(command)' runs") { screen in
                let isEchoed = screen.lines(from: row).contains { ConsolePrompt($0.text)?.typed == command }
                return isEchoed && ConsoleSession.edited(screen) == nil
            }
        }

        @Test func aSilentPeerIsWaitedForUntilInterrupted() async throws {
            let silent = try LoopbackServer.silent()
            defer { silent.stop() }
            try await TemporaryDirectory.with { directory in
                let session = try await ConsoleSession.start(
                    ["127.0.0.1:\(silent.port)", "--timeout", "300s"], in: directory)
                try await session.prompt("the prompt does not wait", within: .seconds(10))
                for command in ["status", "history", "log"] {
                    let row = try await session.begin(command)
                    try await waits(session, command, from: row)
                    try await session.terminal.press(.interrupt)
                    let said = try await session.ended(command, from: row)
                    #expect(said.contains { $0.contains("stopped waiting") }, "\(said)")
                }
                // A second one at once, before there is anything to stop, drops the empty line.
                try await session.terminal.press(.interrupt, .interrupt)
                try await session.run("help timing")
                try await session.quit()
            }
        }

        @Test func aSilentPeerIsNotWaitedForLongerThanWasSaid() async throws {
            let silent = try LoopbackServer.silent()
            defer { silent.stop() }
            try await TemporaryDirectory.with { directory in
                let session = try await ConsoleSession.start(
                    ["127.0.0.1:\(silent.port)", "--timeout", "300ms"], in: directory)
                try await session.prompt()
                for command in ["status", "history", "log", "peers"] {
                    let said = try await session.run(command, within: .seconds(15))
                    #expect(!said.contains { $0.contains("stopped waiting") } && !said.isEmpty, "\(command): \(said)")
                }
            }
        }

        /// A change that was asked for may go on, and where that is to be seen is said.
        @Test func aChangeThatIsNotWaitedForMayGoOn() async throws {
            try await withEast { cluster, leader, chain in
                // Each peer answers what reads, and to what changes something nothing comes back.
                let taken = Guarded(0)
                let servers = try cluster.peers.map { peer in
                    try LoopbackServer.deaf(before: peer.apiPort) { taken.withLock { $0 += 1 } }
                }
                defer { for server in servers { server.stop() } }
                var document = try JSON(parsing: Array(try Data(contentsOf: leader.configurationFile)))
                document["peers"] = .array(
                    zip(document["peers"]?.array ?? [], servers).map { peer, server in
                        var peer = peer
                        peer["api"] = .string("127.0.0.1:\(server.port)")
                        return peer
                    })
                document["api"] = nil
                let file = cluster.directory.appending(path: "deaf.json")
                try document.text.write(to: file, atomically: true, encoding: .utf8)

                let session = try await ConsoleSession.start(
                    ["--config", file.path, "--timeout", "60s"], in: cluster.directory)
                try await session.prompt { $0.state == "ok" }
                try await session.run("enable")
                try await session.prompt { $0.isEnabled }
                let row = try await session.run("pause --reason haste", asking: "[y/N]")
                try await session.terminal.type("y\r")
                try await eventually("the request is on its way") { taken.withLock { $0 } > 0 }
                try await session.terminal.press(.interrupt)
                let said = try await session.ended("pause --reason haste", from: row)
                let words = said.joined(separator: " ")
                #expect(words.contains("stopped waiting") && words.contains("history"), "\(said)")
                #expect(!words.contains("nothing was done"), "\(said)")
                try await session.prompt("the session goes on") { $0.isEnabled && $0.state == "ok" }
                try await session.run("history")
                // With nobody to ask who leads nothing has been sent, and that is told.
                let late = try await session.run("pause", asking: "[y/N]")
                for peer in cluster.peers { peer.send(SIGSTOP) }
                defer { for peer in cluster.peers { peer.send(SIGCONT) } }
                try await session.terminal.type("y\r")
                try await session.terminal.shows("it waits") { screen in
                    !screen.current.line.text.contains("[y/N]") && ConsoleSession.edited(screen) == nil
                }
                try await session.terminal.press(.interrupt)
                let unsent = try await session.ended("pause", from: late).joined(separator: " ")
                #expect(unsent.contains("stopped waiting") && unsent.contains("nothing was done"), "\(unsent)")
            }
        }

        @Test func aPeerIsKilledWhileACommandWaitsForIt() async throws {
            try await withEast { cluster, leader, chain in
                let victim = try #require(cluster.others(than: leader).first)
                let session = try await ConsoleSession.start(cluster, "\(victim.id)", "--timeout", "120s")
                try await session.prompt { $0.peer == "east/\(victim.id)" && $0.age == nil }
                for command in ["log --of \(victim.id)", "status"] {
                    victim.send(SIGSTOP)
                    let row = try await session.begin(command)
                    try await waits(session, command, from: row)
                    try await victim.kill()
                    // Long before its time is over.
                    let said = try await session.ended(command, from: row)
                    #expect(!said.isEmpty)
                    try await victim.startAndServe()
                    try await session.prompt("it is there again") { $0.age == nil }
                }
            }
        }

        @Test func oneHangingPeerDoesNotHoldACommandUp() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, "--timeout", "500ms")
                try await session.prompt { $0.state == "ok" }
                let hanging = try #require(cluster.others(than: leader).first)
                hanging.send(SIGSTOP)
                defer { hanging.send(SIGCONT) }
                for command in ["status", "history", "log", "peers", "failover --region east --dry-run"] {
                    let said = try await session.run(command, within: .seconds(15))
                    #expect(!said.isEmpty, "\(command)")
                }
                // Nor does one that is connected: what can be answered without it is.
                try await session.run("connect \(hanging.id)", within: .seconds(15))
                let status = try await session.run("status", within: .seconds(15))
                #expect(status.contains { $0.contains("1002") || $0.contains("1,002") }, "\(status)")
            }
        }

        @Test func watchEndsWhenItsConditionHolds() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, "--timeout", "500ms")
                try await session.prompt { $0.state == "ok" }
                // At once.
                try await session.run("watch 1 status until ok")
                let victim = try #require(cluster.others(than: leader).first)

                var row = try await session.begin("watch 1 status until fails")
                try await waits(session, "watch 1 status until fails", from: row)
                try await victim.kill()
                try await session.ended("watch 1 status until fails", from: row)

                row = try await session.begin("watch 1 status until ok")
                try await waits(session, "watch 1 status until ok", from: row)
                try await victim.startAndServe()
                try await session.ended("watch 1 status until ok", from: row)

                row = try await session.begin("watch 1 log --limit 1 until changes")
                try await session.terminal.shows(text: "block 1002", from: row)
                try await cluster.commit([try chain.next()])
                try await session.ended("watch 1 log --limit 1 until changes", from: row)

                row = try await session.begin("watch 1 log --limit 1 until 1004")
                try await waits(session, "watch 1 log --limit 1 until 1004", from: row)
                try await cluster.commit([try chain.next()])
                let shown = try await session.ended("watch 1 log --limit 1 until 1004", from: row)
                #expect(shown.contains { $0.contains("1004") || $0.contains("1,004") }, "\(shown)")

                // Without a condition until ^C; its time is 2 s.
                row = try await session.begin("watch peers")
                try await waits(session, "watch peers", from: row)
                try await session.terminal.press(.interrupt)
                try await session.ended("watch peers", from: row)

                try await session.run("enable")
                for change in [
                    "pause", "transfer", "failover --region east", "maintenance on 1", "watch status", "quit",
                ] {
                    let refused = try await session.run("watch \(change)")
                    #expect(!refused.isEmpty, "\(change)")
                    try await session.prompt("watch \(change) does nothing") { $0.state == "ok" }
                }
                #expect(try await leader.status()["production.paused"]?.bool == false)
            }
        }

        @Test func timesAndForms() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, columns: 200)
                try await session.prompt { $0.state == "ok" }
                let isTime = { (line: String) in
                    line.range(of: #"^Time: \d+(\.\d+)? m?s$"#, options: .regularExpression) != nil
                }
                let before = try await session.run("peers")
                #expect(!before.contains { $0.hasPrefix("Time:") }, "\(before)")
                try await session.run("timing on")
                for command in ["peers", "status", "nonsense"] {
                    let shown = try await session.run(command)
                    #expect(shown.last.map(isTime) == true, "\(command): \(shown)")
                }
                try await session.run("timing off")
                let after = try await session.run("peers")
                #expect(!after.contains { $0.hasPrefix("Time:") }, "\(after)")

                try await session.run("output json")
                for command in ["status", "peers", "history", "log --limit 3"] {
                    let shown = try await session.run(command)
                    let isEach = shown.allSatisfy { (try? JSON(parsing: Array($0.utf8))) != nil }
                    let isOne = (try? JSON(parsing: Array(shown.joined(separator: "\n").utf8))) != nil
                    #expect(!shown.isEmpty && (isEach || isOne), "\(command): \(shown)")
                }
                // One command otherwise, and then as before.
                let table = try await session.run("status --output table")
                #expect(table.contains { (try? JSON(parsing: Array($0.utf8))) == nil }, "\(table)")
                try await session.run("output tsv")
                let rows = try await session.run("peers")
                #expect(rows.count >= 3 && !rows.contains { $0.hasPrefix("{") }, "\(rows)")
                try await session.run("output table")
                #expect(try await session.run("peers").count >= 3)
            }
        }

        /// Indices near the end of the log are completed, and from the last known when the peers are gone.
        @Test func valuesAreCompletedFromTheLastKnown() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.prompt { $0.head == 1002 }
                try await session.knowsOptions()
                let last = try #require(try await leader.status()["raft.commit_index"]?.int)
                for isAlive in [true, false] {
                    if !isAlive {
                        for peer in cluster.peers { peer.send(SIGSTOP) }
                        try await session.prompt { $0.age != nil }
                    }
                    let row = session.terminal.screen.current.line.row
                    try await session.terminal.type("log --from ")
                    try await session.terminal.press(.tab, .tab)
                    try await session.terminal.shows("an index near \(last), alive: \(isAlive)") { screen in
                        let words = screen.lines(from: row).flatMap { line in
                            (ConsolePrompt(line.text)?.typed.replacing("log --from", with: "") ?? line.text)
                                .split { !$0.isNumber }.compactMap { Int($0) }
                        }
                        return words.contains { $0 > 0 && abs($0 - last) <= 100 }
                    }
                    try await session.terminal.press(.interrupt)
                    try await session.prompt()
                }
                for peer in cluster.peers { peer.send(SIGCONT) }
            }
        }
    }
}
