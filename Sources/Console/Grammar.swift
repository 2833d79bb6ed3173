// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What can be typed: commands, their options and what these take.
public struct Grammar: Sendable {
    /// What a value stands for, and so what is offered for it.
    public enum Value: Hashable, Sendable {
        /// One of the region that the command means.
        case peer
        case anyPeer, region, api, file
        /// An entry of the log.
        case index
        /// A command of this grammar.
        case command
        case words([String])
        case text
    }

    public struct Option: Hashable, Sendable {
        /// With their hyphens, the long ones too.
        public var names: [String]
        public var help: String
        /// Nil: a flag.
        public var value: Value?

        public init(names: [String], help: String, value: Value?) {
            self.names = names
            self.help = help
            self.value = value
        }
    }

    public struct Argument: Hashable, Sendable {
        public var name: String
        public var help: String
        public var value: Value
        public var isRepeating: Bool

        public init(name: String, help: String, value: Value, isRepeating: Bool = false) {
            self.name = name
            self.help = help
            self.value = value
            self.isRepeating = isRepeating
        }
    }

    public struct Command: Hashable, Sendable {
        public var name: String
        public var help: String
        public var options: [Option]
        public var arguments: [Argument]

        public init(_ name: String, _ help: String, options: [Option] = [], arguments: [Argument] = []) {
            self.name = name
            self.help = help
            self.options = options
            self.arguments = arguments
        }
    }

    /// Those of the command line first.
    public var commands: [Command]

    public init(commands: [Command]) { self.commands = commands }

    /// Why a short form does not stand for one thing.
    struct Ambiguity: Error, Equatable {
        var word: String
        /// None: it stands for nothing.
        var candidates: [String]

        func words(_ noun: String) -> String {
            candidates.isEmpty
                ? "there is no \(noun) \(printable(word, limit: 60))"
                : "\(printable(word, limit: 60)) can be \(candidates.joined(separator: ", "))"
        }
    }

    /// The command that a word stands for: its name, or a beginning that no other one has.
    func command(_ word: String) throws(Ambiguity) -> Command {
        if let exact = commands.first(where: { $0.name == word }) { return exact }
        let found = commands.filter { !word.isEmpty && $0.name.hasPrefix(word) }
        guard found.count == 1, let only = found.first else {
            throw Ambiguity(word: word, candidates: found.map(\.name))
        }
        return only
    }
}

extension Grammar.Command {
    /// The words of a command with its options' names written out.
    func expanded(_ words: [String]) throws(Grammar.Ambiguity) -> [String] {
        var result: [String] = []
        var areOver = false
        for word in words {
            areOver = areOver || word == "--"
            guard !areOver, word.hasPrefix("--"), word.count > 2 else {
                result.append(word)
                continue
            }
            let name = String(word.prefix { $0 != "=" })
            let long = options.flatMap(\.names).filter { $0.hasPrefix("--") }
            let found = long.filter { $0.hasPrefix(name) }
            // One that is not known at all is for the command itself to refuse.
            guard !long.contains(name), !found.isEmpty else {
                result.append(word)
                continue
            }
            guard found.count == 1, let only = found.first else {
                throw Grammar.Ambiguity(word: name, candidates: found)
            }
            result.append(only + word.dropFirst(name.count))
        }
        return result
    }

    func option(_ name: String) -> Grammar.Option? { options.first { $0.names.contains(name) } }
}
