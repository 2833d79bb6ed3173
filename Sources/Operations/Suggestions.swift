// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Configuration

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A word that a shell may offer.
public struct Suggestion: Hashable, Sendable {
    public var word: String
    /// What it stands for, where a shell shows that.
    public var note: String

    /// As the shell of that name wants it: `bash`, `zsh` or `fish`.
    public func line(for shell: String?) -> String {
        switch shell {
        case "zsh":
            let literal = word.flatMap { $0 == ":" || $0 == "\\" ? "\\\($0)" : String($0) }
            return "\(String(literal)):\(note)"
        case "fish": return "\(word)\t\(note)"
        default: return word
        }
    }
}

/// What a shell may offer for a word, from the configuration file that the command line or the environment names.
/// Asks nobody and says nothing: where that file cannot be used there is nothing to offer.
public struct Suggestions: Sendable {
    private let targets: [PeerTarget]
    private let region: String?

    /// - Parameters:
    ///   - words: the command line as the shell splits it, the program first, quotes and all.
    ///   - index: the word that is being completed; what it says so far does not count.
    public init(words: [String], index: Int, environment: [String: String]) {
        let line = CommandLineWords(words, completing: index, home: environment["HOME"])
        let file = line.value(of: "--config") ?? line.checkedFile ?? environment["PRODHA_CONFIG"]
        let directory = file.flatMap { Self.directory(of: $0, environment) }
        targets = directory?.targets ?? []
        region = line.value(of: "--region") ?? directory?.regionName
    }

    /// The regions of the file, its own one first.
    public var regions: [Suggestion] {
        var names: [String] = []
        for case let name? in targets.map(\.region) where !names.contains(name) { names.append(name) }
        return names.map { name in
            Suggestion(word: name, note: counted(targets.count { $0.region == name }, "peer"))
        }
    }

    /// The ids of the peers of the region that the command line names, else of the file's own.
    public var peers: [Suggestion] {
        targets.filter { $0.region == region }.compactMap { target in
            target.id.map { Suggestion(word: String($0), note: target.api?.endpoint.description ?? "") }
        }
    }

    /// The APIs of all peers.
    public var apis: [Suggestion] {
        targets.compactMap { target in
            target.api.map { api in
                let word = api.scheme == .http ? api.endpoint.description : api.description
                return Suggestion(
                    word: word, note: [target.name, target.region].compactMap { $0 }.joined(separator: " of "))
            }
        }
    }

    private static func directory(of file: String, _ environment: [String: String]) -> PeerDirectory? {
        // A pipe or a terminal would be waited for.
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return ConfigurationLoader.load(file: file, environment: environment, purpose: .tool).directory
    }
}

/// A command line that is not finished.
private struct CommandLineWords {
    private let words: [String?]

    /// The word that is being completed is nil.
    init(_ words: [String], completing index: Int, home: String?) {
        self.words = words.enumerated().map { $0 == index ? nil : Self.literal($1, home: home) }
    }

    /// The last one given: `--config FILE`, `--config=FILE`, and that in three words, as bash has it.
    func value(of option: String) -> String? {
        var value: String?
        for (place, word) in words.enumerated() {
            guard let word else { continue }
            if word.hasPrefix(option + "=") { value = String(word.dropFirst(option.count + 1)) }
            guard word == option, place + 1 < words.count else { continue }
            let next = place + (words[place + 1] == "=" ? 2 : 1)
            if next < words.count, let given = words[next] { value = given }
        }
        return value
    }

    /// The first file that `prodha validate` is given.
    var checkedFile: String? {
        guard words.count > 1, words[1] == "validate" else { return nil }
        return words.dropFirst(2).compactMap { $0 }.first { word in
            [".json", ".yaml", ".yml"].contains { word.hasSuffix($0) }
        }
    }

    /// What the shell makes of a word's quotes and backslashes, and of `~/` in front.
    private static func literal(_ word: String, home: String?) -> String {
        var result = ""
        var quote: Character?
        var isEscaped = false
        for character in word {
            if isEscaped {
                result.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else {
                result.append(character)
            }
        }
        guard word.hasPrefix("~/"), let home else { return result }
        return home + result.dropFirst()
    }
}
