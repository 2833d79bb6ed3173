// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import ArgumentParser
import Console
import FoundationEssentials
import Operations

/// A command that a session can carry out.
protocol SessionCommand: ParsableCommand {
    /// What a session asks before, about this region.
    func caution(region: String) -> Caution
    /// It looks, ends, and leaves nothing behind.
    static var canBeWatched: Bool { get }
}

extension SessionCommand {
    func caution(region _: String) -> Caution { .none }
    static var canBeWatched: Bool { true }
}

extension StatusCommand: SessionCommand {}
extension LogCommand: SessionCommand {}
extension HistoryCommand: SessionCommand {}
extension ValidateCommand: SessionCommand {}

extension BundleCommand: SessionCommand {
    static var canBeWatched: Bool { false }
}

extension PauseCommand: SessionCommand {
    func caution(region: String) -> Caution {
        .yes(question: "Pause \(region)? It produces nothing until it is resumed.")
    }
}

extension ResumeCommand: SessionCommand {
    func caution(region: String) -> Caution { .yes(question: "Resume \(region)? It produces again if it is active.") }
}

extension TransferCommand: SessionCommand {
    func caution(region: String) -> Caution {
        let to = to.map { "peer \(shown($0))" } ?? "the peer that is closest behind"
        return .yes(question: "Hand the leadership of \(region) over to \(to)?")
    }
}

extension MaintenanceCommand: SessionCommand {
    func caution(region: String) -> Caution {
        .yes(
            question: state == .on
                ? "Keep peer \(shown(peer)) of \(region) from leading?"
                : "Let peer \(shown(peer)) of \(region) lead again?")
    }
}

extension ConfirmCommand: SessionCommand {
    func caution(region: String) -> Caution {
        .typed([
            FailoverPrompt(
                question:
                    "If another region produces, the chain forks. Type the name of the region (\(region)) to give "
                    + "your word that none does: ", expected: region)
        ])
    }
}

extension FailoverCommand: SessionCommand {
    func caution(region _: String) -> Caution { .switch(request) }
}

/// A word that somebody typed, on the way to a terminal.
private func shown(_ word: String) -> String {
    String(word.unicodeScalars.prefix(80).map { $0.properties.generalCategory == .control ? "?" : Character($0) })
}

/// The command line's commands, for a session.
struct ConsoleCommands: CommandTable {
    private static let types: [any SessionCommand.Type] =
        Prodha.configuration.subcommands.compactMap { $0 as? any SessionCommand.Type }

    var names: [Grammar.Command] {
        Self.types.map {
            Grammar.Command($0.configuration.commandName ?? "", $0.configuration.abstract)
        }
    }

    func prepare(_ words: [String], region: String) -> Preparation {
        do {
            var parsed = try Prodha.parseAsRoot(words)
            guard let command = parsed as? any SessionCommand else {
                let isOurs = Prodha.configuration.subcommands.contains { $0 == type(of: parsed) }
                // What is not ours is the parser's own, for --help.
                if !isOurs { try parsed.run() }
                return .mistake("\(words.first ?? "") is not for a session", exitCode: ExitCode.usage.rawValue)
            }
            return .ready(
                PreparedCommand(
                    words: words, caution: command.caution(region: shown(region)),
                    canBeWatched: type(of: command).canBeWatched
                ) {
                    Self.carryOut(command)
                })
        } catch {
            let code = Prodha.exitCode(for: error)
            return code == .success
                ? .text(Prodha.fullMessage(for: error)) : .mistake(Prodha.message(for: error), exitCode: code.rawValue)
        }
    }

    private static func carryOut(_ command: any SessionCommand) -> Int32 {
        do {
            var command = command
            try command.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            let (message, code) = (Prodha.message(for: error), Prodha.exitCode(for: error).rawValue)
            Invocation.current.fail(
                "failed", message, exitCode: code, isJSON: Invocation.current.usualFormat == .json)
            return code
        }
    }

    // MARK: - Options and arguments

    /// What the parser tells of itself.
    private struct Dump: Decodable {
        struct Command: Decodable {
            var commandName: String
            var abstract: String?
            var arguments: [Argument]?
            var subcommands: [Command]?
        }

        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
            }

            struct Completion: Decodable {
                struct Anything: Decodable {}
                var file: Anything?
                var directory: Anything?
            }

            var kind: String
            var abstract: String?
            var names: [Name]?
            var valueName: String?
            var isRepeating: Bool?
            var shouldDisplay: Bool?
            var allValueStrings: [String]?
            var allValues: [String]?
            var completionKind: Completion?

            var value: Grammar.Value {
                if let words = allValueStrings ?? allValues { return .words(words) }
                if completionKind?.file != nil || completionKind?.directory != nil { return .file }
                switch valueName {
                case "peer": return .peer
                case "region": return .region
                case "host:port": return .api
                case "index": return .index
                default: return .text
                }
            }
        }

        var command: Command
    }

    func described() -> [Grammar.Command] {
        guard let dump = try? JSONDecoder().decode(Dump.self, from: Data(Prodha._dumpHelp().utf8)) else { return names }
        let described = (dump.command.subcommands ?? []).map(Self.command)
        return names.map { named in described.first { $0.name == named.name } ?? named }
    }

    private static func command(_ dumped: Dump.Command) -> Grammar.Command {
        let shown = (dumped.arguments ?? []).filter { $0.shouldDisplay != false && $0.valueName != "version" }
        let options = shown.filter { $0.kind != "positional" }.map { argument in
            Grammar.Option(
                names: (argument.names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name },
                help: argument.abstract ?? "", value: argument.kind == "flag" ? nil : argument.value)
        }
        let arguments = shown.filter { $0.kind == "positional" }.map { argument in
            Grammar.Argument(
                name: "\((argument.valueName ?? "value").uppercased())", help: argument.abstract ?? "",
                value: argument.value,
                isRepeating: argument.isRepeating ?? false)
        }
        return Grammar.Command(dumped.commandName, dumped.abstract ?? "", options: options, arguments: arguments)
    }
}
