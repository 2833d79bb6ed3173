// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Configuration
import FoundationEssentials
import Node
import Operations

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check configuration files.",
        discussion: """
            Prints every finding at once, as file:line:column, with a suggestion. Several files are compared, too: those of \
            one region must agree on its peers and quorum, those of several on each other. With --live the peers that run \
            are compared with the files and with each other.

            Exit codes: 0 no errors, there may be warnings; 2 with --live, something that runs differs; 64 usage; 69 with \
            --live, no peer of a region gave a status; 77 with --live, the peers refuse the token; 78 an error in at least one file.
            """)

    @Argument(
        help: ArgumentHelp("Configuration files, JSON or YAML.", valueName: "file"), completion: .configurationFile)
    var files: [String]

    @Option(
        name: .customLong("self"),
        help: ArgumentHelp("Check for this peer's id; needed for a file without `self`.", valueName: "id"),
        completion: .peers)
    var selfID: Int?

    @Flag(name: .long, help: "Compare what runs with the files, one for each region, and the peers with each other.")
    var live = false

    @Option(
        name: .long,
        help: ArgumentHelp("With --live, how long each peer may take: 2, 2s or 500ms, up to 300s.", valueName: "time"))
    var timeout = Timeout(Invocation.current.usualTimeout)

    @OptionGroup var credentials: CredentialOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("How to print the findings.", valueName: "format"))
    var output = ListFormat(rawValue: Invocation.current.usualFormat.rawValue) ?? .table

    enum ListFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

    func run() throws {
        let environment = Invocation.current.environment
        let results = files.map { file in
            ConfigurationLoader.load(
                file: file, overrides: .init(selfID: selfID), environment: environment,
                tlsCheck: TLSFilesCheck.check)
        }
        let found = results.map(\.diagnostics)
        let across = CrossCheck.findings(results, areForTheirPeers: selfID == nil)
        let checks = live ? try liveChecks(results, environment) : []
        switch output {
        case .table:
            for (file, findings) in zip(files, found) { try show(file, findings) }
            if files.count > 1 { try show(across, loaded: results.count { $0.configuration != nil }) }
            for check in checks { try show(check) }
        case .json: try show((found + [across]).flatMap { $0 }, checks)
        }
        if (found + [across]).joined().contains(where: { $0.severity == .error }) { throw ExitCode.badConfiguration }
        if checks.contains(where: \.isDenied) { throw ExitCode.denied }
        if checks.contains(where: { !$0.isReachable }) { throw ExitCode.unreachable }
        if checks.contains(where: { $0.exitCode != 0 }) { throw ExitCode.degraded }
    }

    /// One for each region, by its first file that says where its peers are.
    private func liveChecks(_ results: [LoadResult], _ environment: [String: String]) throws -> [LiveCheck] {
        var checks: [LiveCheck] = []
        for (file, result) in zip(files, results) {
            let forTools = ConfigurationLoader.load(file: file, environment: environment, purpose: .tool)
            guard let directory = result.directory ?? forTools.directory,
                !checks.contains(where: { $0.region == directory.regionName })
            else { continue }
            let source = PeerSource.directory(directory)
            let inspector: Inspector
            do throws(CredentialsError) {
                inspector = try Invocation.current.inspector(source, timeout: timeout.duration, credentials.choice)
            } catch {
                Invocation.current.outlet.tell("prodha: \(error)\n")
                throw ExitCode.badConfiguration
            }
            checks.append(LiveCheck(directory, result.configuration, inspector.inspectAndWait()))
        }
        return checks
    }

    // MARK: - What is printed

    private func print(_ line: String) throws { try Invocation.current.print(line + "\n", isJSON: output == .json) }

    private func show(_ file: String, _ findings: [Diagnostic]) throws {
        for finding in findings { try print("\(finding)") }
        let errors = findings.count { $0.severity == .error }
        let warnings = findings.count - errors
        if errors > 0 {
            return try print("\(file): \(Self.count(errors, "error")), \(Self.count(warnings, "warning"))")
        }
        try print("\(file): valid" + (warnings > 0 ? ", \(Self.count(warnings, "warning"))" : ""))
    }

    private func show(_ across: [Diagnostic], loaded: Int) throws {
        for finding in across { try print("\(finding)") }
        let errors = across.count { $0.severity == .error }
        let numbers = "\(Self.count(errors, "error")), \(Self.count(across.count - errors, "warning"))"
        if loaded < files.count { return try print("\(loaded) of \(files.count) files could be compared: \(numbers)") }
        try print(across.isEmpty ? "the \(files.count) files agree" : "the \(files.count) files compared: \(numbers)")
    }

    private func show(_ check: LiveCheck) throws {
        for finding in check.findings { try print("\(check.region): \(finding)") }
        if !check.isReachable { return try print("\(check.region): no peer gave a status") }
        if check.findings.isEmpty { try print("\(check.region): what runs is what the file says") }
    }

    private func show(_ findings: [Diagnostic], _ checks: [LiveCheck]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let list = String(decoding: try encoder.encode(findings), as: UTF8.self)
        guard live else { return try print(list) }
        let regions = checks.map { $0.document.json(.oneLine) }.joined(separator: ", ")
        try print("{\"schema_version\": 1, \"files\": \(list), \"live\": [\(regions)]}")
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
