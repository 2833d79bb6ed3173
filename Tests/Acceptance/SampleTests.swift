// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// `Config` has files that work once their addresses are edited: `prodha validate` has nothing to say against them.
    @Suite struct SampleTests {
        private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        private static let installed = "/etc/prodha/"
        /// The samples for a first look have neither TLS nor tokens; each says so.
        private static let plain: Set<String> = ["group.json", "group.yaml"]
        private static let others: Set<String> = ["alerts.yaml", "dashboard.json"]

        @Test func everySampleIsValidForEachPeer() async throws {
            let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Config").path).filter
            {
                ($0.hasSuffix(".yaml") || $0.hasSuffix(".json")) && !Self.others.contains($0)
            }
            try #require(names.count >= 6 && Self.plain.isSubset(of: names))
            try await withSamples(names) { folder in
                for name in names {
                    for id in 1...3 {
                        let findings = try await findings(["--self", "\(id)", name], in: folder)
                        let expected = Self.plain.contains(name) ? ["warning enable_ssl", "warning api"] : []
                        #expect(findings == expected, "\(name) for peer \(id)")
                    }
                }
                let regions = names.filter { $0.hasPrefix("two-regions-") }
                try #require(regions.count == 2)
                #expect(try await findings(["--self", "1"] + regions, in: folder) == [])
            }
        }

        /// Severity and key of each finding.
        private func findings(_ arguments: [String], in folder: URL) async throws -> [String] {
            let finished = try await Program.run(["validate", "--output", "json"] + arguments, in: folder)
            let list = try #require(try JSON(parsing: Array(finished.output.utf8)).array, "\(finished)")
            // This version cannot serve its API by TLS.
            #expect(finished.ending == .exit(0), "\(finished.everything)")
            return list.map { "\($0["severity"]?.string ?? "?") \($0["key"]?.string ?? "?")" }
        }

        /// Copies of the samples in a folder with all the files that they name, which stands for /etc/prodha.
        private func withSamples(_ names: [String], _ body: (URL) async throws -> Void) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-\(UUID().uuidString)")
            try FileManager.default.createDirectory(
                at: folder.appending(path: "tls"), withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            var named: Set<String> = []
            for name in names {
                let text = try String(contentsOf: root.appending(path: "Config/\(name)"), encoding: .utf8)
                named.formUnion(text.matches(of: /\/etc\/prodha\/([a-z\/.-]+[a-z])/).map { String($0.1) })
                try text.replacing(Self.installed, with: "\(folder.path)/").write(
                    to: folder.appending(path: name), atomically: true, encoding: .utf8)
            }
            let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
            let authority = ["-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem"]
            let peer = ["-CA", "authority.pem", "-CAkey", "authority.key", "-subj", "/CN=bp1"]
            for arguments in [authority, peer + ["-keyout", "peer.key", "-out", "peer.pem"]] {
                let made = try await Finished.running(
                    ["/usr/bin/env", "openssl", "req", "-x509"] + key + arguments, in: folder)
                try #require(made.ending == .exit(0), "\(made)")
            }
            for name in named {
                let file = folder.appending(path: name)
                let content =
                    if name.hasSuffix("ca.pem") {
                        try Data(contentsOf: folder.appending(path: "authority.pem"))
                    } else if name.hasPrefix("tls/") {
                        try Data(contentsOf: folder.appending(path: "peer.\(file.pathExtension)"))
                    } else {
                        Data((name.hasSuffix(".token") ? "\(name)-0123456789" : Self.developmentKey).utf8)
                    }
                try content.write(to: file)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            }
            try await body(folder)
        }

        private static let developmentKey = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
    }
}
