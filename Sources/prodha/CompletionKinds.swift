// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import ArgumentParser
import Operations

extension CompletionKind {
    static let configurationFile = file(extensions: ["json", "yaml", "yml"])
    static let regions = suggestions(\.regions)
    static let peers = suggestions(\.peers)
    static let apis = suggestions(\.apis)

    private static func suggestions(_ list: any KeyPath<Suggestions, [Suggestion]> & Sendable) -> CompletionKind {
        .custom { words, index, _ in
            let all = Suggestions(words: words, index: index, environment: Invocation.current.environment)
            return all[keyPath: list].map { $0.line(for: CompletionShell.requesting?.rawValue) }
        }
    }
}
