// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// TAB at the prompt of real shells. `Tests/Shells/complete.py` presses it.
    @Suite struct CompletionTests {
        private static let group = """
            region: east
            leader_election_quorum_size: 2
            peers:
              - {id: 1, address: "bp1.example.net:8988"}
              - {id: 2, address: "bp2.example.net:8988"}
              - {id: 3, address: "bp3.example.net:8988"}
            regions:
              - name: west
                peers:
                  - {id: 4, api: "w4.example.net:9988"}
                  - {id: 5, api: "https://w5.example.net:9988"}
            """

        /// A command line, and what is offered at its end, in any order.
        private static let lines: [(String, Set<String>)] = [
            ("prodha tr", ["transfer"]), ("prodha transfer --config group.yaml --to ", ["1", "2", "3"]),
            ("prodha transfer --config=group.yaml --region ", ["east", "west"]),
            ("prodha transfer --config group.yaml --region w", ["west"]),
            ("prodha transfer --config group.yaml --region west --to ", ["4", "5"]),
            ("prodha transfer --config 'my group.yml' --to ", ["1", "2", "3"]),
            ("prodha maintenance ", ["on", "off"]), ("prodha maintenance on --config group.yaml ", ["1", "2", "3"]),
            ("prodha log --config group.yaml --of ", ["1", "2", "3"]),
            ("prodha history --config group.yaml --region e", ["east"]),
            (
                "prodha status --config group.yaml --peer ",
                [
                    "bp1.example.net:9988", "bp2.example.net:9988", "bp3.example.net:9988", "w4.example.net:9988",
                    "https://w5.example.net:9988",
                ]
            ),
            ("prodha run --config group.yaml --self ", ["1", "2", "3"]),
            ("prodha validate group.yaml --self ", ["1", "2", "3"]), ("prodha status --config g", ["group.yaml"]),
            ("prodha validate g", ["group.yaml"]), ("prodha status --output ", ["table", "json", "yaml", "tsv"]),
            ("prodha validate --output ", ["table", "json"]),
            // Without a file that can be used: nothing, at once, and not a word.
            ("prodha transfer --config missing.yaml --to ", []), ("prodha transfer --config broken.yaml --to ", []),
            ("prodha transfer --config pipe.yaml --region ", []), ("prodha transfer --config . --peer ", []),
        ]

        private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        /// Whatever a program says on standard error while a shell completes stands in the middle of the user's prompt.
        @Test(arguments: ["missing.yaml", "broken.yaml", "pipe.yaml", "."], ["--to", "--region", "--peer"])
        func aFileThatCannotBeUsedIsPassedOverInSilence(_ file: String, _ option: String) async throws {
            try await inFolder { folder in
                let line = ["prodha", "transfer", "--config", file, option, ""]
                let finished = try await Program.run(
                    ["---completion", "transfer", "--", option, "5", "0"] + line, in: folder)
                #expect(finished.ending == .exit(0))
                #expect(finished.everything.trimmingCharacters(in: .newlines).isEmpty, "\(finished)")
            }
        }

        @Test(arguments: ["bash", "zsh", "fish"])
        func theShellOffersWhatTheConfigurationSays(_ shell: String) async throws {
            try await inFolder { folder in
                let plain = try await offers(shell, Self.lines.map(\.0), in: folder)
                for ((line, expected), offered) in zip(Self.lines, plain) {
                    #expect(Set(offered) == expected, "\(shell): \(line)")
                }
                let known = try await offers(
                    shell, ["prodha pause --region ", "prodha transfer --to "], in: folder,
                    environment: ["PRODHA_CONFIG": "group.yaml"])
                #expect(known.map { Set($0) } == [["east", "west"], ["1", "2", "3"]])
            }
        }

        /// With files that can be used and others.
        private func inFolder(_ body: (URL) async throws -> Void) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            for name in ["group.yaml", "my group.yml"] {
                try Self.group.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
            }
            for (name, content) in [("broken.yaml", "peers: ["), ("group.txt", "")] {
                try content.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
            }
            try #require(mkfifo(folder.appending(path: "pipe.yaml").path, 0o600) == 0)
            try await body(folder)
        }

        private func offers(
            _ shell: String, _ lines: [String], in folder: URL, environment: [String: String] = [:]
        ) async throws -> [[String]] {
            let program = URL(fileURLWithPath: try Program.path())
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let command = [
                "/usr/bin/env", "python3", root.appending(path: "Tests/Shells/complete.py").path, shell,
                root.appending(path: "Completions").path,
            ]
            let finished = try await Finished.running(
                command + lines, in: folder,
                environment: environment.merging([
                    "PATH": "\(program.deletingLastPathComponent().path):\(path)", "HOME": folder.path,
                    "LC_ALL": "C.UTF-8",
                ]) { given, _ in given }, within: .seconds(120))
            try #require(finished.ending == .exit(0), "\(finished)")
            let told = try JSON(parsing: Array(finished.output.utf8))
            let screen = try #require(told["screen"]?.string)
            let isCalm = !["rror", "not found", "usage", "prodha: "].contains { screen.contains($0) }
            #expect(isCalm, "\(shell) was told:\n\(screen)")
            let offered = try #require(told["offers"]?.array)
            return offered.map { words in (words.array ?? []).compactMap(\.string) }
        }
    }
}
