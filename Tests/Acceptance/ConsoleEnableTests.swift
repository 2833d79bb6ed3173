// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Nobody changes anything by haste: read-only until told otherwise, and asked even then.
    @Suite struct ConsoleEnableTests {
        private static let changes = [
            "pause", "resume", "transfer", "maintenance on 1", "confirm", "failover --region east", "failover --resume",
        ]

        private func isPaused(_ leader: Peer) async throws -> Bool {
            try await leader.status()["production.paused"] == .bool(true)
        }

        /// Types `command`, answers its question by `answer`, and gives what was said then.
        private func answer(_ session: ConsoleSession, _ command: String, _ question: String, _ answer: String)
            async throws -> [String]
        {
            let row = try await session.run(command, asking: question)
            try await session.terminal.type(answer)
            return try await session.ended(command, from: row)
        }

        /// A minute has to pass for the one, during which the others are tried.
        @Test func questionsAreAskedAndEnableEndsByItself() async throws {
            async let end: Void = enableEndsByItself()
            try await nothingIsChangedBeforeEnable()
            try await whatCanBeUndoneIsAskedByYesOrNo()
            try await onlyWhatIsTypedAtTheQuestionIsAnAnswer()
            try await whatCannotBeUndoneTakesTheName()
            try await end
        }

        private func nothingIsChangedBeforeEnable() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.prompt { $0.state == "ok" && !$0.isEnabled }
                let index = try await leader.status()["raft.commit_index"]
                for command in Self.changes + ["pau", "res"] {
                    let refused = try await session.run(command)
                    #expect(refused.contains { $0.contains("read-only: enable first") }, "\(command): \(refused)")
                }
                let looked = try await session.run("failover --region east --dry-run")
                #expect(!looked.contains { $0.contains("read-only") }, "\(looked)")
                #expect(try await leader.status()["raft.commit_index"] == index)

                try await session.run("enable")
                let enabled = try await session.prompt { $0.isEnabled }
                #expect(enabled.state == "ok" && enabled.head == 1002)
                let text = session.terminal.screen.current.line.text + " "
                #expect(text == "east/\(leader.id) LEADER #1002 ok enabled> ")
                try await session.run("disable")
                try await session.prompt { !$0.isEnabled }
                let refused = try await session.run("pause")
                #expect(refused.contains { $0.contains("read-only: enable first") }, "\(refused)")
                for wrong in ["enable 0", "enable 121", "enable soon"] {
                    try await session.run(wrong)
                    try await session.prompt("\(wrong) enables nothing") { !$0.isEnabled }
                }
                try await session.run("enable 120")
                try await session.prompt { $0.isEnabled }
            }
        }

        private func whatCanBeUndoneIsAskedByYesOrNo() async throws {
            try await withEast { cluster, leader, chain in
                let follower = try #require(cluster.others(than: leader).first)
                let session = try await ConsoleSession.start(cluster)
                try await session.run("enable")
                try await session.prompt { $0.isEnabled }
                for no in ["n\r", "\r", "no\r", "x\r", "east\r"] {
                    _ = try await answer(session, "pause", "[y/N]", no)
                    #expect(try await isPaused(leader) == false, "after \(no)")
                }
                for key in [PseudoTerminal.Key.interrupt, .endOfInput] {
                    let said = try await answer(session, "pause", "[y/N]", key.rawValue)
                    #expect(said.joined().contains("nothing was done"), "\(said)")
                    #expect(try await isPaused(leader) == false)
                }
                let paused = try await answer(session, "pause --reason 'disk  swap'", "[y/N]", "y\r")
                #expect(paused.contains { $0.contains("block 1002 is the last") }, "\(paused)")
                #expect(try await leader.status()["production.pause.reason"]?.string == "disk  swap")
                try await session.prompt { $0.state == "paused" && $0.isEnabled }
                _ = try await answer(session, "resume", "[y/N]", "y\r")
                #expect(try await isPaused(leader) == false)
                let index = try await leader.status()["raft.commit_index"]
                _ = try await answer(session, "maintenance on \(follower.id)", "[y/N]", "n\r")
                _ = try await answer(session, "transfer --to \(follower.id)", "[y/N]", "n\r")
                #expect(try await leader.status()["raft.commit_index"] == index)
                let moved = try await answer(session, "transfer --to \(follower.id)", "[y/N]", "y\r")
                #expect(moved.contains { $0.hasPrefix("peer \(follower.id) leads") }, "\(moved)")
                #expect(try await cluster.leader() === follower)

                // Answers are no lines.
                let lines = try await session.run("lines")
                #expect(
                    !lines.contains { ["y", "n", "x", "no", "east"].contains($0.split(separator: " ").last ?? "") },
                    "\(lines)")
                try await session.quit()
                let kept = try String(
                    contentsOf: cluster.directory.appending(path: "state/prodha/lines"), encoding: .utf8)
                #expect(
                    kept.split(separator: "\n").allSatisfy { !["y", "n", "x", "no", "east"].contains($0) }, "\(kept)")
            }
        }

        /// Nor is what was typed before the question, nor what was pasted.
        private func onlyWhatIsTypedAtTheQuestionIsAnAnswer() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                let terminal = session.terminal
                try await session.run("enable")
                try await session.prompt { $0.isEnabled }
                for ahead in ["pause\ry\r", "pause\ryyyy", "pause\r\r\ry\ry\r"] {
                    try await session.prompt()
                    let row = terminal.screen.current.line.row
                    try await terminal.type(ahead)
                    let question = try await session.asks("[y/N]")
                    #expect(question.hasSuffix("[y/N]"), "\(question)")
                    try await always("the question stays", for: .seconds(1)) {
                        let isPaused = try await isPaused(leader)
                        return terminal.screen.current.line.text.hasSuffix("[y/N]") && !isPaused
                    }
                    try await terminal.type("n\r")
                    try await session.ended("pause", from: row)
                    #expect(try await isPaused(leader) == false)
                }
                for pasted in ["y", "y\n", "y\r", "yes\ny\ny\n"] {
                    let row = try await session.run("pause", asking: "[y/N]")
                    try await terminal.paste(pasted)
                    try await terminal.press(.enter)
                    try await terminal.shows("what a paste is: \(pasted.debugDescription)") { screen in
                        ConsoleSession.refusesPaste(screen, from: row)
                    }
                    try await session.prompt()
                    #expect(try await isPaused(leader) == false)
                }
                // The whole command pasted with its answer.
                try await session.prompt { $0.isEnabled }
                try await terminal.paste("pause\ny\ny\n")
                try await terminal.press(.enter)
                try await session.asks("[y/N]")
                try await terminal.press(.interrupt)
                try await session.prompt()
                #expect(try await isPaused(leader) == false)
            }
        }

        /// What cannot be undone takes the region's name.
        private func whatCannotBeUndoneTakesTheName() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster)
                try await session.run("enable")
                try await session.prompt { $0.isEnabled }
                for wrong in ["y\r", "yes\r", "west\r", "\r", "eas\r", PseudoTerminal.Key.interrupt.rawValue] {
                    let said = try await answer(session, "confirm", "east", wrong)
                    #expect(
                        said.joined(separator: " ").contains("nothing was done"), "\(wrong.debugDescription): \(said)")
                }
                let row = try await session.run("confirm", asking: "east")
                try await session.terminal.paste("east")
                try await session.terminal.press(.enter)
                try await session.terminal.shows("what a paste is") { ConsoleSession.refusesPaste($0, from: row) }
                let right = try await answer(session, "confirm", "east", "east\r")
                #expect(!right.joined().contains("nothing was done: "), "\(right)")
            }
        }

        /// `enable 1` lasts for a minute without a command; each command begins it anew.
        private func enableEndsByItself() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster, "--no-color")
                try await session.run("enable 1")
                try await session.prompt { $0.isEnabled }
                let began = ContinuousClock.now
                try await session.terminal.type("help")
                try await session.edits("help", at: 4, "what is typed stays when it has ended") { $0.isEnabled }
                try await session.terminal.shows("it ends", within: .seconds(120)) { screen in
                    guard let (prompt, place) = ConsoleSession.edited(screen), !prompt.isEnabled else { return false }
                    return prompt.typed == "help" && place == 4
                }
                #expect(ContinuousClock.now - began > .seconds(55))
                // A line above says so.
                let lines = session.terminal.screen.lines().map(\.text)
                let place = try #require(lines.lastIndex { ConsolePrompt($0)?.typed == "help" })
                #expect(place > 0 && lines[..<place].last.map { ConsolePrompt($0) == nil } == true, "\(lines)")
                #expect(lines[..<place].contains { $0.contains("read-only") }, "\(lines)")
                try await session.terminal.press(.interrupt)
                let refused = try await session.run("pause")
                #expect(refused.contains { $0.contains("read-only: enable first") }, "\(refused)")
            }
        }
    }
}
