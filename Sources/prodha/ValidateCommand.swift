import ArgumentParser
import Configuration
import FoundationEssentials
import Node

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check configuration files.",
        discussion: """
            Prints every finding at once, as file:line:column, with a suggestion. Several files are compared, too: those of \
            one region must agree on its peers and quorum, those of several on each other. \
            Exit codes: 0 no errors (there may be warnings), 78 errors.
            """)

    @Argument(help: ArgumentHelp("Configuration files, JSON or YAML.", valueName: "file"))
    var files: [String]

    @Option(name: .customLong("self"), help: ArgumentHelp("Check for this peer's id.", valueName: "id"))
    var selfID: Int?

    @Option(name: .shortAndLong, help: "How to print the findings.")
    var output = ListFormat.table

    enum ListFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

    func run() throws {
        var findings: [Diagnostic] = []
        var hasErrors = false
        var results: [LoadResult] = []
        for file in files {
            let result = ConfigurationLoader.load(
                file: file, overrides: .init(selfID: selfID), environment: ProcessEnvironment.all,
                tlsCheck: TLSFilesCheck.check)
            results.append(result)
            var found = result.diagnostics
            if let configuration = result.configuration, let reason = Daemon.unsupported(in: configuration) {
                found.append(Diagnostic(severity: .error, file: file, line: 1, column: 1, key: "api", message: reason))
            }
            let errors = found.count { $0.severity == .error }
            findings += found
            hasErrors = hasErrors || errors > 0
            if output == .table {
                for finding in found { print(finding) }
                let warnings = found.count - errors
                if errors == 0 {
                    print("\(file): valid" + (warnings > 0 ? ", \(Self.count(warnings, "warning"))" : ""))
                }
                if errors > 0 { print("\(file): \(Self.count(errors, "error")), \(Self.count(warnings, "warning"))") }
            }
        }
        let across = CrossCheck.findings(results, areForTheirPeers: selfID == nil)
        findings += across
        hasErrors = hasErrors || across.contains { $0.severity == .error }
        if output == .table, files.count > 1 {
            for finding in across { print(finding) }
            let errors = across.count { $0.severity == .error }
            let warnings = Self.count(across.count - errors, "warning")
            let loaded = results.count { $0.configuration != nil }
            print(
                loaded < files.count
                    ? "\(loaded) of \(files.count) files could be compared: \(Self.count(errors, "error")), \(warnings)"
                    : across.isEmpty
                        ? "the \(files.count) files agree"
                        : "the \(files.count) files compared: \(Self.count(errors, "error")), \(warnings)")
        }
        if output == .json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(findings), as: UTF8.self))
        }
        if hasErrors { throw ExitCode.badConfiguration }
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
