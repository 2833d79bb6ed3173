// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Commands from `-c` or standard input: for scripts, which see exit codes and JSON.
    @Suite struct ConsoleScriptTests {
        private func run(
            _ cluster: Cluster, _ arguments: [String] = [], input: String = "", environment: [String: String] = [:]
        ) async throws -> Finished {
            try await run(cluster, arguments, bytes: Array(input.utf8), environment: environment)
        }

        private func run(
            _ cluster: Cluster, _ arguments: [String] = [], bytes: [UInt8], environment: [String: String] = [:]
        ) async throws -> Finished {
            let finished = try await Finished.running(
                [try Program.path(), "console", "--config", cluster.peers[0].configurationFile.path] + arguments,
                in: cluster.directory,
                environment: ConsoleSession.environment(cluster.directory).merging(environment) { $1 }, input: bytes,
                within: .seconds(60))
            // No prompt, no colour, no banner, no event.
            #expect(!finished.everything.contains("\u{1b}"), "\(finished)")
            let lines = finished.everything.split(separator: "\n").map(String.init)
            let isQuiet = !lines.contains {
                ConsolePrompt($0) != nil || $0.contains("Read-only: enable") || $0.hasPrefix("-- ")
            }
            #expect(isQuiet, "\(finished)")
            return finished
        }

        private func commands(_ commands: String...) -> [String] { commands.flatMap { ["-c", $0] } }

        /// Each line of `text` is a document of its own.
        private func documents(_ text: String) throws -> [JSON] {
            try text.split(separator: "\n", omittingEmptySubsequences: true).map { line in
                do { return try JSON(parsing: Array(line.utf8)) } catch {
                    throw Violation(description: "not JSON: \(line)\nof:\n\(text)")
                }
            }
        }

        @Test func theFirstFailureEndsItWithItsCode() async throws {
            try await withEast { cluster, leader, chain in
                try await eventually("all is well") { try await run(cluster, commands("status")).ending == .exit(0) }
                let well = try await run(cluster, commands("status", "peers", "help status"))
                #expect(well.ending == .exit(0) && well.errors.isEmpty, "\(well)")
                #expect(try await run(cluster, input: "status\npeers\n\n# that is all\nhelp").ending == .exit(0))

                let refused = try await run(cluster, commands("pause", "help transfer"))
                #expect(refused.ending == .exit(3) && refused.errors.contains("read-only: enable first"), "\(refused)")
                #expect(refused.errors.hasPrefix("prodha: ") && refused.output.isEmpty, "\(refused)")
                for (line, code) in [
                    ("nonsense", 64), ("p", 64), ("status --nonsense", 64), ("pause --reason 'open", 64),
                    ("connect", 64),
                    ("watch pause", 64), ("output xml", 64), ("timing perhaps", 64), ("transfer --re x", 64),
                ] as [(String, Int32)] {
                    let wrong = try await run(cluster, commands("enable", line, "help transfer"))
                    #expect(wrong.ending == .exit(code) && !wrong.errors.isEmpty, "\(line): \(wrong)")
                    #expect(!wrong.output.contains("Move leadership"), "it went on: \(wrong)")
                }
                for minutes in ["0", "121", "soon"] {
                    let wrong = try await run(cluster, ["--idle-minutes", minutes] + commands("help"))
                    #expect(wrong.ending == .exit(64) && !wrong.errors.isEmpty, "\(minutes): \(wrong)")
                }
                for line in ["run", "demo", "console", "bench"] {
                    let wrong = try await run(cluster, commands(line))
                    #expect(wrong.ending != .exit(0) && !wrong.errors.isEmpty, "\(line): \(wrong)")
                }
                let ambiguous = try await run(cluster, commands("p"))
                #expect(ambiguous.errors.contains("pause") && ambiguous.errors.contains("peers"), "\(ambiguous)")

                // All are carried out, and the code is that of the first that failed.
                let going = try await run(cluster, ["--keep-going"] + commands("pause", "nonsense", "help transfer"))
                #expect(going.ending == .exit(3) && going.output.contains("Move leadership"), "\(going)")
                let lines = try await run(cluster, ["--keep-going"], input: "nonsense\npause\nhelp transfer\n")
                #expect(lines.ending == .exit(64) && lines.output.contains("Move leadership"), "\(lines)")

                try await cluster.others(than: leader)[0].kill()
                try await eventually("it is degraded") { try await run(cluster, commands("status")).ending == .exit(2) }
                let degraded = try await run(cluster, commands("status", "help transfer"))
                #expect(degraded.ending == .exit(2) && !degraded.output.contains("Move leadership"), "\(degraded)")
            }
        }

        @Test func whatChangesNeedsEnableAndIsNotAsked() async throws {
            try await withEast { cluster, leader, chain in
                let reason = #"say "hi" it's  now"#
                let paused = try await run(
                    cluster, input: "enable\npause --reason \"say \\\"hi\\\" it's  \"'now'\nstatus\n")
                #expect(paused.ending == .exit(2) && paused.output.contains("block 1002 is the last"), "\(paused)")
                #expect(try await leader.status()["production.pause.reason"]?.string == reason)
                let resumed = try await run(cluster, commands("en", "resu"))
                #expect(resumed.ending == .exit(0), "\(resumed)")
                #expect(try await leader.status()["production.paused"]?.bool == false)
                let escaped = try await run(cluster, commands(#"enable"#, #"pause --reason two\ \ words\\"#, "resume"))
                #expect(escaped.ending == .exit(0), "\(escaped)")
                let history = try await run(cluster, ["-o", "json"] + commands("history"))
                let entries = try documents(history.output).first?["regions"]?.array?.first?["entries"]?.array ?? []
                let reasons = entries.filter { $0["event"]?.string == "pause" }.compactMap { $0["act.reason"]?.string }
                #expect(reasons == [reason, #"two  words\"#], "\(history)")
                // disable ends it.
                let ended = try await run(cluster, commands("enable", "disable", "pause"))
                #expect(ended.ending == .exit(3), "\(ended)")
                // A switch needs its word, as on the command line; a look at it needs nothing.
                let switched = try await run(cluster, commands("enable", "failover --region east --confirm west"))
                #expect(switched.ending == .exit(64), "\(switched)")
                let looked = try await run(cluster, commands("failover --region east --dry-run"))
                #expect(!looked.errors.contains("read-only"), "\(looked)")
                // The variables.
                let file = cluster.peers[0].configurationFile.path
                let variables = try await Program.run(
                    ["console", "-c", "help timing"], in: cluster.directory, environment: ["PRODHA_CONFIG": file])
                #expect(variables.ending == .exit(0), "\(variables)")
            }
        }

        @Test func everyAnswerAndErrorIsADocumentInALine() async throws {
            try await withEast { cluster, leader, chain in
                let all = commands(
                    "status", "peers", "history", "log --limit 2", "lines", "timing on", "enable", "pause", "resume",
                    "connect \(leader.id)", "help", "help status", "validate \(leader.configurationFile.path)",
                    "failover --region east --dry-run", "watch 1 peers until ok", "disable", "attach", "output json")
                let answers = try await run(cluster, ["--output", "json", "--keep-going"] + all)
                let shown = try documents(answers.output)
                #expect(shown.count >= 10, "\(answers)")
                // As on the command line: entries of the log, and findings about files, are documents of their own.
                for document in shown {
                    #expect(document["schema_version"]?.int != nil || document["index"] != nil || document.array != nil)
                }
                let acts = shown.filter { $0["outcome"]?.string == "done" }
                #expect(acts.count >= 2, "pause and resume: \(answers)")
                for document in try documents(answers.errors) {
                    #expect(document["error.name"]?.string?.isEmpty == false, "\(document)")
                }

                let wrong = try await run(
                    cluster, ["-o", "json", "--keep-going"],
                    input:
                        "nonsense\npause\nst --nonsense\np\n'open\nstatus --output xml\nlog --from 0\nconnect 77\n\u{1}\n"
                )
                #expect(wrong.output.isEmpty && wrong.ending == .exit(64), "\(wrong)")
                let errors = try documents(wrong.errors)
                #expect(errors.count == 9, "\(wrong)")
                for document in errors {
                    #expect(
                        document["schema_version"]?.int == 1 && document.keys == ["schema_version", "error"],
                        "\(document)")
                    #expect(document["error"]?.keys == ["name", "message", "exit_code"], "\(document)")
                    let message = try #require(document["error.message"]?.string)
                    #expect(!message.isEmpty && !message.hasPrefix("prodha:") && !message.contains("\n"), "\(document)")
                }
                #expect(errors.first?["error.name"]?.string == "usage")
                let codes = errors.compactMap { $0["error.exit_code"]?.int }
                #expect(codes.prefix(7) == [64, 3, 64, 64, 64, 64, 64], "\(codes)")

                // Switched on on the way.
                let later = try await run(cluster, ["--keep-going"], input: "output json\npeers\nnonsense\n")
                let (answered, failed) = (try documents(later.output), try documents(later.errors))
                #expect(answered.count >= 1 && failed.count == 1, "\(later)")
                // A peer that is not there.
                for peer in cluster.peers { try await peer.kill() }
                let dead = try await run(
                    cluster, ["-o", "json", "--keep-going"] + commands("history", "log", "status"))
                _ = try documents(dead.output)
                let told = try documents(dead.errors)
                #expect(dead.ending == .exit(69) && told.allSatisfy { $0["error.exit_code"]?.int == 69 }, "\(dead)")
            }
        }

        @Test func whatIsNoTextIsRefused() async throws {
            try await withDeadEast { cluster in
                let garbage: [[UInt8]] = [
                    [0xff, 0xfe], Array("peers ".utf8) + [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf],
                    Array("help \u{0}".utf8) + [0x80],
                ]
                for bytes in garbage {
                    let refused = try await run(cluster, bytes: bytes + Array("\nhelp transfer\n".utf8))
                    #expect(
                        refused.ending == .exit(64) && refused.output.isEmpty && !refused.errors.isEmpty, "\(refused)")
                    let going = try await run(cluster, ["--keep-going"], bytes: bytes + Array("\nhelp transfer\n".utf8))
                    #expect(going.ending == .exit(64) && going.output.contains("Move leadership"), "\(going)")
                }
                var state: UInt64 = 42
                let noise = (0..<200_000).map { _ -> UInt8 in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 40)
                }
                let noisy = try await run(cluster, ["--keep-going", "-o", "json"], bytes: noise)
                #expect(noisy.ending == .exit(64), "\(noisy.ending)")
                let errors = try documents(noisy.errors)
                #expect(errors.count > 300 && errors.allSatisfy { $0["error.exit_code"]?.int == 64 })
            }
        }

        /// A line of more than 64 KiB is not carried out, in whole or in part, and the next one is a line again.
        @Test func aLineHasABound() async throws {
            try await withDeadEast { cluster in
                let most = "help transfer" + String(repeating: " ", count: (64 << 10) - 13)
                #expect(try await run(cluster, input: most + "\n").ending == .exit(0))
                #expect(try await run(cluster, input: most).ending == .exit(0))
                for excess in [1, 4096, 65_536, 1_000_000] {
                    let long = "help transfer" + String(repeating: " ", count: (64 << 10) - 13 + excess)
                    // What is cut off at any bound would be a command of its own.
                    let tail = String(repeating: "help transfer;", count: 3) + "help transfer"
                    for line in [long, long + tail, String(repeating: "help transfer ", count: 6000)] {
                        let refused = try await run(cluster, ["--keep-going"], input: "\(line)\nhelp maintenance\n")
                        #expect(refused.ending == .exit(64), "\(refused.ending)")
                        #expect(
                            !refused.output.contains("Move leadership")
                                && refused.output.contains("Keep a peer from leading"),
                            "\(refused)")
                        #expect(refused.errors.split(separator: "\n").count == 1, "\(refused)")
                    }
                }
                let long = "help transfer" + String(repeating: " ", count: 64 << 10)
                #expect(try await run(cluster, commands(long)).ending == .exit(64))
            }
        }

        /// Ends of lines of other systems, no end of line at the end, and nothing at all.
        @Test func linesEndInEachWay() async throws {
            try await withDeadEast { cluster in
                #expect(try await run(cluster, input: "").ending == .exit(0))
                for input in [
                    "help timing", "help timing\n", "\n\n  \nhelp timing\n\n", "#x\nhelp timing\nquit\nnonsense\n",
                ] {
                    let finished = try await run(cluster, input: input)
                    #expect(
                        finished.ending == .exit(0) && finished.output.contains("how long each command took"),
                        "\(input): \(finished)")
                }
            }
        }

        /// Tokens are never shown, and nothing is kept of what was not typed.
        @Test func aScriptLeavesNoTrace() async throws {
            try await withDeadEast { cluster in
                _ = try await run(
                    cluster, commands("help timing"), environment: ["PRODHA_TOKEN": "operator-0123456789-secret"])
                let kept = try? String(
                    contentsOf: cluster.directory.appending(path: "state/prodha/lines"), encoding: .utf8)
                #expect(kept?.isEmpty ?? true, "\(kept ?? "")")
            }
        }
    }
}
