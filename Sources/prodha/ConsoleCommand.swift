// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import ArgumentParser
import Console
import Glibc
import Node
import Operations

struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Work against a live group in a session: look, watch, change, switch.",
        discussion: """
            The commands of the command line, with short forms, completion, help in place (?), and a prompt that shows how the \
            connected peer is. What happens in the group appears above the line. The session is read-only until `enable`; \
            what changes production asks first. ^C stops waiting, never what a peer has been asked for. A switch between \
            regions goes on when the session ends, and `attach` finds it again.

            Without a terminal, or with --command, it carries out commands without asking, stops at the first that fails, and \
            ends with that one's exit code. The lines that were typed are kept in $XDG_STATE_HOME/prodha/lines.

            Exit codes: 0 the session was ended, or all commands did well; 64 usage; 74 the transcript cannot be written; \
            78 the configuration file cannot be used.
            """)

    @Argument(
        help: ArgumentHelp("The peer to begin with: an id, REGION/ID or an API; else the leader.", valueName: "peer"),
        completion: .peers)
    var to: String?

    @Option(
        name: [.customShort("c"), .customLong("command")],
        help: ArgumentHelp("Carry out this and end; can be given several times.", valueName: "command"))
    var commands: [String] = []

    @Flag(name: .long, help: "Without a terminal: go on after a command that failed.")
    var keepGoing = false

    @Option(
        name: .long,
        help: ArgumentHelp("Add what is typed and printed to this file, with times.", valueName: "file"),
        completion: .file())
    var transcript: String?

    @OptionGroup var target: TargetOptions

    func run() throws {
        let invocation = Invocation.current
        let environment = invocation.environment
        // An API in place of a peer's name is enough to find the group.
        let isLost =
            target.config == nil && target.peer == nil
            && ["PRODHA_CONFIG", "PRODHA_PEER"].allSatisfy { (environment[$0] ?? "").isEmpty }
        var found = target
        if isLost, let to, Int(to) == nil { found.peer = to }
        let source = try found.source(environment: environment)
        let choice = target.credentials.choice
        let credentials: Credentials
        do throws(CredentialsError) {
            credentials = try choice.credentials(for: source, environment: environment)
        } catch {
            throw target.failure("credentials", "\(error)", ExitCode.badConfiguration.rawValue)
        }
        let isAttended =
            commands.isEmpty && isatty(STDIN_FILENO) == 1 && invocation.terminal.kind != .none
        let style = invocation.terminal.style(noColor: target.noColor, environment: environment)
        // The session's commands are told by what they have in common with this one.
        let inner = target.noColor ? environment.merging(["NO_COLOR": "1"]) { $1 } : environment
        let options = SessionOptions(
            environment: inner, source: source, credentials: choice, credentialWords: target.credentials.words,
            peer: isLost ? nil : to, timeout: target.timeout.duration, format: target.output,
            isColoured: style == .coloured, secrets: credentials.secrets, transcript: transcript,
            version: Version.current)
        let table = ConsoleCommands()
        let code =
            isAttended
            ? Desk.serve(options, table)
            : Script.carryOut(commands.isEmpty ? nil : commands, keepsGoing: keepGoing, options, table)
        throw ExitCode(code)
    }
}

extension CredentialOptions {
    /// What another process is given so that it shows the same. What the environment says it has anyway.
    fileprivate var words: [String] {
        func pair(_ name: String, _ value: String?) -> [String] { value.map { [name, $0] } ?? [] }
        return pair("--cacert", cacert) + pair("--cert", cert) + pair("--key", key)
    }
}
