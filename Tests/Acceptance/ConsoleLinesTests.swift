// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The lines that are kept for later sessions, and the transcript of one.
    @Suite struct ConsoleLinesTests {
        private static let token = "operator-0123456789-secret"

        private func file(_ cluster: Cluster) -> URL { cluster.directory.appending(path: "state/prodha/lines") }

        private func lines(_ cluster: Cluster) throws -> [String] {
            try String(contentsOf: file(cluster), encoding: .utf8).split(separator: "\n").map(String.init)
        }

        private func mode(_ url: URL) throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: url.path)
            return try #require((attributes[.posixPermissions] as? NSNumber)?.intValue)
        }

        @Test func whatIsKeptAndWhatIsNot() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(cluster, environment: ["PRODHA_TOKEN": Self.token])
                for line in [
                    "help status", "peers", "  help pause", "timing on", "nonsense --with words", "help status",
                    "help \(Self.token)", "connect 127.0.0.1:1 --token=\(Self.token)", "# a remark", "timing on",
                    "st --nonsense",
                ] {
                    try await session.run(line)
                }
                // What was typed, as the session shows it.
                let shown = try await session.run("lines").joined(separator: "\n")
                #expect(shown.contains("help status") && !shown.contains(Self.token), "\(shown)")
                try await session.quit()
                let kept = try lines(cluster).filter { !["lines", "quit"].contains($0) }
                // A short form is a command, and a mistake in its options is worth being corrected.
                #expect(kept == ["peers", "help status", "timing on", "st --nonsense"], "\(kept)")
                #expect(try mode(file(cluster)) == 0o600)
                #expect(try mode(file(cluster).deletingLastPathComponent()) == 0o700)

                // They are there in the next one.
                let next = try await ConsoleSession.start(cluster)
                try await next.prompt()
                try await next.terminal.press(.search)
                try await next.terminal.type("help st")
                try await next.terminal.shows("a line of the session before") { screen in
                    screen.current.line.text.hasSuffix(": help status")
                }
                try await next.terminal.press(.interrupt)
                try await next.quit()
                let again = try lines(cluster)
                #expect(again.count { $0 == "help status" } == 1, "\(again)")
            }
        }

        @Test func atMostAThousandAreKept() async throws {
            try await withDeadEast { cluster in
                let folder = file(cluster).deletingLastPathComponent()
                try FileManager.default.createDirectory(
                    at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                let old = (1...1500).map { "connect 127.0.0.1:\($0)" }
                try (old.joined(separator: "\n") + "\n").write(to: file(cluster), atomically: true, encoding: .utf8)
                let session = try await ConsoleSession.start(cluster)
                try await session.run("help status")
                try await session.quit()
                let kept = try lines(cluster)
                #expect(kept.count <= 1000 && kept.count > 990, "\(kept.count)")
                #expect(kept.contains("help status") && kept.contains("connect 127.0.0.1:1500"))
                #expect(!kept.contains("connect 127.0.0.1:1"))
                // It was open to others when it was found.
                #expect(try mode(file(cluster)) == 0o600)
            }
        }

        @Test func twoSessionsAtOnceLoseNothing() async throws {
            try await withDeadEast { cluster in
                let (one, other) = (try await ConsoleSession.start(cluster), try await ConsoleSession.start(cluster))
                for number in 1...5 {
                    try await one.run("help one\(number)")
                    try await other.run("help other\(number)")
                }
                try await one.quit()
                try await other.quit()
                let kept = try lines(cluster)
                for number in 1...5 {
                    #expect(kept.count { $0 == "help one\(number)" } == 1, "\(kept)")
                    #expect(kept.count { $0 == "help other\(number)" } == 1, "\(kept)")
                }
            }
        }

        /// A folder that cannot be written to, and a file that is none: the session goes on without.
        @Test func aSessionWithoutItsFile() async throws {
            try await withDeadEast { cluster in
                try FileManager.default.createDirectory(at: file(cluster), withIntermediateDirectories: true)
                let session = try await ConsoleSession.start(cluster)
                let help = try await session.run("help status")
                #expect(help.contains { $0.contains("every peer") }, "\(help)")
                try await session.quit()
            }
        }

        @Test func aTranscriptHasAllThatWasTypedAndShown() async throws {
            try await withEast { cluster, leader, chain in
                let file = cluster.directory.appending(path: "report.txt")
                let session = try await ConsoleSession.start(
                    cluster, "--transcript", file.path, environment: ["PRODHA_TOKEN": Self.token])
                try await session.prompt { $0.state == "ok" }
                try await session.run("peers")
                try await session.run("nonsense")
                try await session.run("help \(Self.token)")
                try await session.run("enable")
                let row = try await session.run("pause --reason 'for the report'", asking: "[y/N]")
                try await session.terminal.type("y\r")
                try await session.ended("pause --reason 'for the report'", from: row)
                try await session.terminal.shows("the event") { screen in
                    screen.lines().contains { $0.text.hasPrefix("-- ") && $0.text.contains("pause") }
                }
                try await session.quit()
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(try mode(file) == 0o600)
                #expect(!text.contains("\u{1b}") && !text.contains("\r") && !text.contains(Self.token), "\(text)")
                let lines = text.split(separator: "\n").map(String.init)
                func has(_ words: String...) -> Bool {
                    lines.contains { line in
                        words.allSatisfy { line.contains($0) }
                            && line.range(of: #"\d\d:\d\d:\d\d"#, options: .regularExpression) != nil
                    }
                }
                for typed in ["peers", "nonsense", "enable", "pause --reason 'for the report'", "quit"] {
                    #expect(has(typed), "\(typed), with its time: \(text)")
                }
                #expect(has("[y/N]") && text.contains("block 1002 is the last"), "\(text)")
                #expect(has("-- ", "pause"), "\(text)")
                // The answer, after its question.
                let question = try #require(text.range(of: "[y/N]"))
                #expect(text[question.upperBound...].range(of: #"\by\b"#, options: .regularExpression) != nil)

                // The next session goes on in it.
                let next = try await ConsoleSession.start(cluster, "--transcript", file.path)
                try await next.run("help resume")
                try await next.quit()
                let longer = try String(contentsOf: file, encoding: .utf8)
                #expect(longer.hasPrefix(text) && longer.dropFirst(text.count).contains("help resume"))
            }
        }

        @Test func aTranscriptThatCannotBeWrittenIsToldAtOnce() async throws {
            try await withDeadEast { cluster in
                let session = try await ConsoleSession.start(
                    cluster, "--transcript", cluster.directory.appending(path: "none/report.txt").path)
                let ending = try await session.terminal.ends()
                #expect(ending != .exit(0) && session.terminal.log.contains("none/report.txt"), "\(session.terminal)")
            }
        }
    }
}
