// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials

/// What is printed as JSON or YAML: a tree whose keys keep their order.
public indirect enum Tree: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([Tree])
    case map([Field])

    public struct Field: Hashable, Sendable {
        public var key: String
        public var value: Tree

        public init(_ key: String, _ value: Tree) {
            self.key = key
            self.value = value
        }
    }

    public enum JSONLayout: Sendable { case lines, oneLine }

    /// - Parameter layout: that which whoever carries out the command wants.
    public func json(_ layout: JSONLayout = Invocation.current.jsonLayout) -> String {
        var text = ""
        writeJSON(to: &text, layout, indent: 0)
        return text
    }

    public func yaml() -> String {
        var text = ""
        writeYAML(to: &text, indent: 0)
        return text
    }

    /// A document of the API as it is on the wire, its keys in alphabetical order.
    init(_ document: some Document) { self.init(encoding: document) }

    /// The same for a part of one.
    init(encoding part: some Encodable) {
        do {
            self.init(try JSONDecoder().decode(JSONValue.self, from: try JSONEncoder().encode(part)))
        } catch {
            preconditionFailure("\(type(of: part)) cannot be written as JSON: \(error)")
        }
    }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .list(items.map { Tree($0) })
        case .object(let members):
            self = .map(members.sorted { $0.key < $1.key }.map { Field($0.key, Tree($0.value)) })
        }
    }

    init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    init(_ value: UInt64?) { self = value.map { .integer(Int64(clamping: $0)) } ?? .null }
    init(_ value: String?) { self = value.map { .string($0) } ?? .null }
    init(_ value: Bool?) { self = value.map { .bool($0) } ?? .null }
    init(_ value: Milliseconds?) {
        self = value.map { Int64(exactly: $0.value).map { .integer($0) } ?? .number($0.value) } ?? .null
    }

    /// The same in both formats. A number that JSON lacks is null.
    private var scalar: String? {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): value.isFinite ? "\(value)" : "null"
        case .string, .list, .map: nil
        }
    }

    private func writeJSON(to text: inout String, _ layout: JSONLayout, indent: Int) {
        func items<Item>(_ open: String, _ close: String, _ items: [Item], _ write: (Item) -> Void) {
            text += open
            for (index, item) in items.enumerated() {
                if index > 0 { text += layout == .oneLine ? ", " : "," }
                if layout == .lines { text += "\n" + String(repeating: " ", count: indent + 2) }
                write(item)
            }
            if layout == .lines, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
            text += close
        }
        switch self {
        case .null, .bool, .integer, .number: text += scalar ?? "null"
        case .string(let value): text += Self.quoted(value)
        case .list(let values):
            items("[", "]", values) { $0.writeJSON(to: &text, layout, indent: indent + 2) }
        case .map(let fields):
            items("{", "}", fields) { field in
                text += Self.quoted(field.key) + ": "
                field.value.writeJSON(to: &text, layout, indent: indent + 2)
            }
        }
    }

    private func writeYAML(to text: inout String, indent: Int) {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .null, .bool, .integer, .number: text += (scalar ?? "null") + "\n"
        case .string(let value): text += Self.plainOrQuoted(value) + "\n"
        case .list(let values) where values.isEmpty: text += "[]\n"
        case .map(let fields) where fields.isEmpty: text += "{}\n"
        case .list(let values):
            for value in values {
                text += margin + "- "
                value.writeNested(to: &text, indent: indent + 2)
            }
        case .map(let fields):
            for field in fields {
                text += margin + Self.plainOrQuoted(field.key) + ":"
                text += field.value.isBlock ? "\n" : " "
                field.value.writeYAML(to: &text, indent: indent + 2)
            }
        }
    }

    /// After a dash: the first key stands on the dash's line.
    private func writeNested(to text: inout String, indent: Int) {
        guard isBlock else { return writeYAML(to: &text, indent: indent) }
        var block = ""
        writeYAML(to: &block, indent: indent)
        text += block.dropFirst(indent)
    }

    private var isBlock: Bool {
        switch self {
        case .list(let values): !values.isEmpty
        case .map(let fields): !fields.isEmpty
        case .null, .bool, .integer, .number, .string: false
        }
    }

    /// A JSON string, which is a YAML string too.
    static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}", "\u{feff}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    /// Only words that no YAML reader can take for anything else stay bare.
    private static func plainOrQuoted(_ value: String) -> String {
        let isWord =
            value.unicodeScalars.first.map { ("a"..."z").contains($0) || ("A"..."Z").contains($0) } == true
            && value.unicodeScalars.allSatisfy {
                ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
                    || $0 == "-"
            }
        let reserved: Set<String> = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"]
        return isWord && !reserved.contains(value.lowercased()) ? value : quoted(value)
    }
}
