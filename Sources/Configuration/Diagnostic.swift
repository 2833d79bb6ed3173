// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// One finding about a configuration file, and the list that collects them.

/// One thing that is wrong, or doubtful, in a configuration file.
///
/// Encodes to JSON with the property names below; `key` and `suggestion` are left out when there is none.
public struct Diagnostic: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    public enum Severity: String, Sendable, Codable {
        /// The file cannot be used.
        case error
        /// The file is used, and the operator should know.
        case warning
    }

    public var severity: Severity
    /// The path of the file as it was given to the loader.
    public var file: String
    /// Line, from 1.
    public var line: Int
    /// Column, from 1, counted in characters (Unicode scalars), not bytes.
    public var column: Int
    /// Where in the document: `peers[1].address`. Nil for a finding about the file as a whole.
    public var key: String?
    /// What is wrong, naming the value found.
    public var message: String
    /// What to write or do instead.
    public var suggestion: String?

    public init(
        severity: Severity, file: String, line: Int, column: Int, key: String? = nil, message: String,
        suggestion: String? = nil
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.message = message
        self.suggestion = suggestion
    }

    /// `file:line:column: error: message; suggestion`, one line. A message that does not name its key gets it in front.
    public var description: String {
        let name = key.flatMap { $0.split(separator: ".").last }
        let subject = name.map { message.contains($0) } ?? true ? "" : "\(key ?? ""): "
        let head = "\(file):\(line):\(column): \(severity.rawValue): \(subject)\(message)"
        return suggestion.map { "\(head); \($0)" } ?? head
    }
}

/// Whose file this is, which decides how strict the rules of our own are.
enum Dialect {
    /// None of the extension keys: an EOSIO-Taurus `producer-ha-config` file, which must run unchanged.
    case taurus
    /// At least one extension key: written for prodha.
    case extended
}

/// Whose rule a value breaks.
enum RuleOrigin {
    /// EOSIO-Taurus's plugin refuses the value too: always an error.
    case taurus
    /// Taurus runs with such a value: an error in a file of ours, a warning in a Taurus file.
    case ours
}

/// The findings about one file.
final class Findings {
    /// More than an operator reads; what exceeds it is counted, not kept.
    static let maximumCount = 1000

    let file: String
    var dialect: Dialect = .extended
    private(set) var hasErrors = false
    private var diagnostics: [Diagnostic] = []
    private var leftOut = 0

    init(file: String) {
        self.file = file
    }

    func error(_ position: Position, _ key: String?, _ message: String, _ suggestion: String? = nil) {
        add(.error, position, key, message, suggestion)
    }

    func warn(_ position: Position, _ key: String?, _ message: String, _ suggestion: String? = nil) {
        add(.warning, position, key, message, suggestion)
    }

    /// Reports a broken rule and answers whether the file may still be used.
    @discardableResult
    func broken(
        _ origin: RuleOrigin, _ position: Position, _ key: String?, _ message: String, _ suggestion: String? = nil
    ) -> Consequence {
        switch (origin, dialect) {
        case (.ours, .taurus):
            warn(position, key, message, suggestion)
            return .goesOn
        case (.taurus, _), (.ours, .extended):
            error(position, key, message, suggestion)
            return .stops
        }
    }

    enum Consequence {
        case goesOn
        case stops
    }

    /// What a rule of our own does to this file, for messages that say what is used instead.
    var consequenceOfOurRules: Consequence {
        switch dialect {
        case .taurus: .goesOn
        case .extended: .stops
        }
    }

    /// All findings, by position; findings at one position keep the order in which they were made.
    var sorted: [Diagnostic] {
        var result = diagnostics.enumerated()
            .sorted { left, right in
                (left.element.line, left.element.column, left.offset)
                    < (right.element.line, right.element.column, right.offset)
            }
            .map(\.element)
        if leftOut > 0, let last = result.last {
            result.append(
                Diagnostic(
                    severity: hasErrors ? .error : .warning, file: file, line: last.line, column: last.column,
                    message: "\(leftOut) more findings are not shown"))
        }
        return result
    }

    private func add(
        _ severity: Diagnostic.Severity, _ position: Position, _ key: String?, _ message: String, _ suggestion: String?
    ) {
        switch severity {
        case .error: hasErrors = true
        case .warning: break
        }
        guard diagnostics.count < Findings.maximumCount else {
            leftOut += 1
            return
        }
        diagnostics.append(
            Diagnostic(
                severity: severity, file: file, line: position.line, column: position.column, key: key,
                message: message, suggestion: suggestion))
    }
}
