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

        @Test func everyCommandAndOptionHasItsPlaceInTheManual() async throws {
            let help = try JSON(parsing: Array(try await run("--experimental-dump-help").utf8))
            let commands = try #require(help["command.subcommands"]?.array)
            let overview = try page("prodha")
            for command in commands {
                let name = try #require(command["commandName"]?.string)
                if name == "help" { continue }
                let isListed = overview.contains("Cm \(name)") || overview.contains(", \(name)\n")
                #expect(isListed, "prodha.1 does not name \(name)")
                // The two are one subject.
                let text = try page("prodha-\(name == "resume" ? "pause" : name)")
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
