// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Operations

/// What every command that asks peers takes.
struct TargetOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A configuration file: all peers of all its regions. (environment: PRODHA_CONFIG)", valueName: "file"),
        completion: .configurationFile)
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "One peer's API, also https://host:port or unix:/path; the others are learnt from it. (environment: PRODHA_PEER)",
            valueName: "host:port"), completion: .apis)
    var peer: String?

    @OptionGroup var credentials: CredentialOptions

    @Option(
        name: .long, help: ArgumentHelp("How long each peer may take: 2, 2s or 500ms, up to 300s.", valueName: "time"))
    var timeout = Timeout(Invocation.current.usualTimeout)

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("How to print the result; with json, errors are JSON too.", valueName: "format"))
    var output = Invocation.current.usualFormat

    @Flag(name: .long, help: "No colours. (environment: NO_COLOR)")
    var noColor = false

    /// Whom to ask. Says on standard error what is wrong, in JSON where that is asked for, and ends the command.
    func source(environment: [String: String]) throws -> PeerSource {
        do throws(TargetError) {
            if config == nil, peer == nil, let usual = Invocation.current.usualSource { return usual }
            return try TargetChoice(config: config, peer: peer).source(environment: environment)
        } catch {
            if output == .json {
                Invocation.current.outlet.tell(error.document.json() + "\n")
            } else {
                for finding in error.findings { Invocation.current.outlet.tell("\(finding)\n") }
                Invocation.current.outlet.tell("prodha: \(error)\n")
            }
            throw ExitCode(error.exitCode)
        }
    }

    func inspector(environment: [String: String]) throws -> Inspector {
        let source = try source(environment: environment)
        do throws(CredentialsError) {
            return try Invocation.current.inspector(source, timeout: timeout.duration, credentials.choice)
        } catch {
            throw failure("credentials", "\(error)", ExitCode.badConfiguration.rawValue)
        }
    }

    /// Says on standard error what went wrong, in JSON where that is asked for, and gives the exit code to throw.
    func failure(_ name: String, _ message: String, _ code: Int32) -> ExitCode {
        Invocation.current.fail(name, message, exitCode: code, isJSON: output == .json)
        return ExitCode(code)
    }

    /// Says what is worth knowing beside the result, in JSON where that is asked for.
    func note(_ text: String) {
        Invocation.current.note(output == .json ? text : "prodha: \(text)", isJSON: output == .json)
    }

    /// Prints a result. A reader that has gone is not told, but the command has failed.
    func print(_ text: String) throws { try Invocation.current.print(text, isJSON: output == .json) }
}

extension Invocation {
    /// Prints a result, or says why it cannot be printed and ends the command.
    func print(_ text: String, isJSON: Bool) throws {
        do throws(StandardOutput.Closed) {
            try outlet.write(text)
        } catch {
            if !error.isBrokenPipe {
                fail("output_failed", "\(error)", exitCode: 1, isJSON: isJSON)
            }
            throw ExitCode.failure
        }
    }
}

/// A time on the command line: seconds, or with `s` or `ms`.
struct Timeout: ExpressibleByArgument {
    static let range = 10...300_000

    let milliseconds: Int

    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }

    init?(argument: String) {
        let isMilliseconds = argument.hasSuffix("ms")
        let number =
            isMilliseconds ? argument.dropLast(2) : argument.hasSuffix("s") ? argument.dropLast() : argument[...]
        guard let value = Double(number), value.isFinite else { return nil }
        let milliseconds = (isMilliseconds ? value : value * 1000).rounded()
        guard milliseconds >= Double(Self.range.lowerBound), milliseconds <= Double(Self.range.upperBound) else {
            return nil
        }
        self.milliseconds = Int(milliseconds)
    }

    var duration: Duration { .milliseconds(milliseconds) }
    var defaultValueDescription: String { milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms" }
}

extension OutputFormat: ExpressibleByArgument {}

/// What a command shows to the peers' APIs, and whom it trusts.
struct CredentialOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The authority of the APIs' certificates, for https; else that of the file's api.tls.ca_file, else those that the system trusts. (environment: PRODHA_CACERT)",
            valueName: "file"), completion: .file(extensions: ["pem", "crt"]))
    var cacert: String?

    @Option(
        name: .long,
        help: ArgumentHelp("This operator's certificate, for https. (environment: PRODHA_CERT)", valueName: "file"),
        completion: .file(extensions: ["pem", "crt"]))
    var cert: String?

    @Option(
        name: .long, help: ArgumentHelp("Its private key. (environment: PRODHA_KEY)", valueName: "file"),
        completion: .file(extensions: ["pem", "key"]))
    var key: String?

    var choice: CredentialChoice { CredentialChoice(authorityFile: cacert, certificateFile: cert, keyFile: key) }
}
