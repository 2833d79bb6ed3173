// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// What a package installs beside the program says what the program does.
    @Suite struct ManualTests {
        private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        private func run(_ arguments: String...) async throws -> String {
            let finished = try await Program.run(arguments, in: root)
            try #require(finished.ending == .exit(0), "\(finished)")
            return finished.output
        }

        @Test(arguments: [("bash", "prodha.bash"), ("zsh", "_prodha"), ("fish", "prodha.fish")])
        func completionsAreThoseOfThisVersion(_ shell: String, _ file: String) async throws {
            let made = try await run("--generate-completion-script", shell)
            let kept = try String(contentsOf: root.appending(path: "Completions/\(file)"), encoding: .utf8)
            let isSame = made.trimmingCharacters(in: .newlines) == kept.trimmingCharacters(in: .newlines)
            #expect(isSame, "prodha --generate-completion-script \(shell) > Completions/\(file)")
        }

        /// What commands and options mean stands once, in the help texts.
        @Test func pagesAreThoseOfThisVersion() async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let generator = root.appending(path: "Man/generate").path
            let made = try await Finished.running(
                ["/usr/bin/env", "python3", generator, try Program.path(), folder.path], in: root)
            try #require(made.ending == .exit(0), "\(made)")
            let names = try pages(in: folder)
            #expect(try names == pages(in: root.appending(path: "Man")))
            for name in names {
                let isSame =
                    try Data(contentsOf: folder.appending(path: name))
                    == Data(contentsOf: root.appending(path: "Man/\(name)"))
                #expect(isSame, "Man/\(name) is not what the help texts and its template say: make man")
            }
        }

        @Test func pagesAreGoodManualPages() async throws {
            let folder = root.appending(path: "Man")
            for name in try pages(in: folder) {
                // Both of the programs that show manual pages.
                let commands = [
                    ["mandoc", "-T", "lint", "-W", "warning", name],
                    ["man", "--warnings", "--local-file", "--troff-device=utf8", name],
                ]
                for command in commands {
                    let finished = try await Finished.running(
                        ["/usr/bin/env"] + command, in: folder, environment: ["LC_ALL": "C.UTF-8", "MANWIDTH": "80"])
                    try #require(finished.ending == .exit(0), "\(finished)")
                    let isLint = command[0] == "mandoc"
                    #expect(finished.errors.isEmpty, "\(finished.errors)")
                    #expect(finished.output.isEmpty == isLint, "\(name): \(finished.output)")
                }
            }
        }

        private func pages(in folder: URL) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { name in
                name.wholeMatch(of: /prodha.*\.[1-9]/) != nil
            }.sorted()
        }

        @Test func everyCommandAndOptionHasItsPlaceInTheManual() async throws {
            let help = try JSON(parsing: Array(try await run("--experimental-dump-help").utf8))
            let commands = try #require(help["command.subcommands"]?.array)
            let overview = try page("prodha")
            for command in commands {
                let name = try #require(command["commandName"]?.string)
                if name == "help" { continue }
                let isListed = overview.contains("Xr prodha-\(name) 1")
                #expect(isListed, "prodha.1 does not name \(name)")
                let text = try page("prodha-\(name)")
                let isThere = text.contains("Cm \(name)")
                #expect(isThere, "\(name) is not in its page")
                for argument in command["arguments"]?.array ?? [] where argument["shouldDisplay"]?.bool != false {
                    for option in argument["names"]?.array ?? [] where option["kind"]?.string == "long" {
                        let long = try #require(option["name"]?.string)
                        if ["help", "version"].contains(long) { continue }
                        let isThere = text.contains("Fl -\(long)")
                        #expect(isThere, "\(name): --\(long) is not in its page")
                    }
                }
            }
        }

        /// An alert on a metric that is not there never fires.
        @Test(arguments: ["alerts.yaml", "dashboard.json"])
        func whatIsWatchedIsMeasured(_ file: String) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let served = try await cluster.leader().get("/metrics").text
                let text = try String(contentsOf: root.appending(path: "Config/\(file)"), encoding: .utf8)
                let reference = try String(
                    contentsOf: root.appending(path: "Documentation/reference.md"), encoding: .utf8)
                if file.hasSuffix(".json") { _ = try JSON(parsing: Array(text.utf8)) }
                let names = Set(text.matches(of: /prodha_[a-z_]+/).map { String($0.output) })
                try #require(names.count > 8)
                for name in names {
                    // The two that follow are there only beside a nodeos or a queue.
                    let isServed =
                        served.contains("\n\(name){") || name.hasPrefix("prodha_nodeos_")
                        || name.hasPrefix("prodha_queue_")
                    #expect(isServed, "\(file): \(name) is not served")
                    let documented = name.replacing("_bucket", with: "")
                    #expect(reference.contains("`\(documented)`"), "\(file): \(name) is not in the reference")
                }
            }
        }

        private func page(_ name: String) throws -> String {
            try String(contentsOf: root.appending(path: "Man/\(name).1"), encoding: .utf8)
        }
    }
}
