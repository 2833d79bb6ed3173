// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// A JSON value, read and written by the tests themselves.
enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(parsing bytes: [UInt8]) throws {
        // Much faster than a decoder that has to try one type after the other.
        self = JSON(try JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed]))
    }

    private init(_ any: Any) {
        switch any {
        case let text as String: self = .string(text)
        case let items as [Any]: self = .array(items.map { JSON($0) })
        case let members as [String: Any]: self = .object(members.mapValues { JSON($0) })
        case let number as NSNumber:
            switch String(cString: number.objCType) {
            case "c": self = .bool(number.boolValue)
            default: self = Int(exactly: number).map { .int($0) } ?? .number(number.doubleValue)
            }
        default: self = .null
        }
    }

    /// As text, keys in order, on several lines.
    var text: String { encoded([.prettyPrinted]) }
    /// The same on one line.
    var line: String { encoded([]) }

    private func encoded(_ formatting: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
    }

    /// The member at `path`, keys with dots between them; nil if there is none. Only a plain key can be set.
    subscript(path: String) -> JSON? {
        get {
            var value = self
            for key in path.split(separator: ".") {
                guard case .object(let members) = value, let member = members[String(key)] else { return nil }
                value = member
            }
            return value
        }
        set {
            guard case .object(var members) = self else { preconditionFailure("\(path) of what is not an object") }
            members[path] = newValue
            self = .object(members)
        }
    }

    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var int: Int? { if case .int(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    var keys: Set<String>? { if case .object(let value) = self { Set(value.keys) } else { nil } }

    /// A number, whole or not.
    var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .number(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }
}

extension JSON: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, CustomStringConvertible
{
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int) { self = .int(value) }
    init(stringLiteral value: String) { self = .string(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) { self = .object(Dictionary(uniqueKeysWithValues: elements)) }

    var description: String { text }
}
