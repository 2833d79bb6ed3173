// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Node
import Operations

struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Put what support needs into one archive: state, logs, metrics, configuration.",
        discussion: """
            Asks all peers at once and writes a compressed tar archive that nobody but its owner may read: the status, what \
            happened, and from each peer its status, log entries, history, events, metrics, configuration and the latest \
            lines of its own log. Passwords, tokens and private keys are taken out, by the peers and here again; blocks and \
            transactions are not in it. `MANIFEST` in it lists all files, with sizes and SHA-256, and what is missing and \
            why; the list is printed, too. An existing file stays as it is.

            Exit codes: 0 all peers are in it; 2 something is missing; 64 usage; 69 no peer reachable, nothing was written; \
            74 the file cannot be written; 77 the peers refuse the token; 78 the configuration file cannot be used.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The archive; else prodha-bundle-REGION-TIME.tar.gz in this folder.", valueName: "file.tar.gz"))
    var file: String?

    @Option(
        name: .long,
        help: ArgumentHelp("So many of the newest log entries from each peer, at most 20000.", valueName: "number"))
    var logEntries = BundleCollector.usualLogEntries

    @OptionGroup var target: TargetOptions

    func validate() throws {
        guard BundleCollector.logEntries.contains(logEntries) else {
            throw ValidationError(
                "--log-entries \(logEntries) is not from 1 to \(BundleCollector.logEntries.upperBound)")
        }
        if let file, file.isEmpty || file == "-" || file.hasSuffix("/") {
            throw ValidationError("--file wants the name of a file")
        }
    }

    func run() throws {
        let environment = Invocation.current.environment
        let terminal = Invocation.current.terminal
        let progress = ProgressLine()
        let collector = BundleCollector(
            try target.inspector(environment: environment), logEntries: logEntries, toolVersion: Version.current,
            progress: { progress.show($0) })
        do {
            defer { progress.clear() }
            if let file { try NewFile.check(file) }
            let bundle = try collector.collect()
            let path = file ?? bundle.folder + ".tar.gz"
            progress.show("writing \(path)")
            try bundle.write(to: path)
            progress.clear()
            let report = BundleReport(
                format: target.output, style: terminal.style(noColor: target.noColor, environment: environment),
                width: terminal.width)
            try target.print(report.text(bundle, path: path))
            throw ExitCode(bundle.exitCode)
        } catch let failure as BundleCollector.Failure {
            throw target.failure(failure.name, "\(failure)", failure.exitCode)
        } catch let failure as NewFile.Failure {
            throw target.failure("cannot_write", "\(failure)", ExitCode.cannotWrite.rawValue)
        }
    }
}
