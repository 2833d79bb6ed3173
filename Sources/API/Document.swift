// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The API layer: the documents that peers, commands and other people's scripts exchange with a peer over HTTP, as
// values. Names are spelled in JSON exactly as the reference says, and a field without a value is written as null, not
// left out. Reading is tolerant, because peers of other versions talk to each other: unknown fields are skipped,
// unknown words of a closed set are kept as they came, and a field that an older peer does not know may be missing.
// Errors have the form that nodeos gives them; every one that exists is in ErrorKind.
// It knows nothing of sockets, of Raft or of the chain: plain numbers and text in, JSON out.
// May import FoundationEssentials, for JSON alone (all of Foundation would cost a static binary 44 MB), and no layer
// of ours.

import FoundationEssentials

/// Something that goes over the HTTP API as one JSON object.
public protocol Document: Codable, Hashable, Sendable {}

extension Document {
    /// JSON with its keys sorted, on one line.
    public func json() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try Array(encoder.encode(self))
        } catch {
            // No document holds a number that JSON lacks; nothing else can fail.
            preconditionFailure("a \(Self.self) cannot be written as JSON: \(error)")
        }
    }

    public init(json: some Sequence<UInt8>) throws(MalformedDocument) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json))
        } catch {
            throw MalformedDocument(error)
        }
    }

    public init(json text: String) throws(MalformedDocument) { try self.init(json: text.utf8) }
}

/// JSON that is not the document that was asked for.
public struct MalformedDocument: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, naming the field: "raft.term is missing".
    public var what: String

    public init(what: String) { self.what = what }

    init(_ error: any Error) {
        func field(_ path: [any CodingKey], _ last: String? = nil) -> String {
            let text =
                (path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" } + (last.map { [".\($0)"] } ?? []))
                .joined()
            return text.isEmpty ? "the document" : text.hasPrefix(".") ? String(text.dropFirst()) : text
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            what = "\(field(context.codingPath, key.stringValue)) is missing"
        case DecodingError.valueNotFound(_, let context): what = "\(field(context.codingPath)) is null"
        case DecodingError.typeMismatch(_, let context): what = "\(field(context.codingPath)) has the wrong type"
        case DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty: what = "it is not JSON"
        case DecodingError.dataCorrupted(let context):
            what = "\(field(context.codingPath)): \(context.debugDescription)"
        default: what = "it cannot be read: \(error)"
        }
        // It may quote the document.
        what = printable(what, limit: 300)
    }

    public var description: String { what }
}

/// The version of a document's form. It grows when a field changes its meaning, not when one is added.
public struct SchemaVersion: Codable, Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// What this build writes.
    public static let current = SchemaVersion(1)

    public var number: Int

    public init(_ number: Int) { self.number = number }
    public init(integerLiteral number: Int) { self.number = number }
    public init(from decoder: any Decoder) throws { number = try decoder.singleValueContainer().decode(Int.self) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(number)
    }
}

/// A field that is written as null when it has no value. Missing reads as null.
@propertyWrapper
public struct Nullable<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    public var wrappedValue: Value?

    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

// Synthesized decoding picks these up for fields of the two types.
extension KeyedDecodingContainer {
    public func decode<Value>(_ type: Nullable<Value>.Type, forKey key: Key) throws -> Nullable<Value> {
        Nullable(wrappedValue: try decodeIfPresent(Value.self, forKey: key))
    }

    public func decode(_ type: SchemaVersion.Type, forKey key: Key) throws -> SchemaVersion {
        try decodeIfPresent(Int.self, forKey: key).map { SchemaVersion($0) } ?? 1
    }
}

/// A word out of a set that a later version may add to. A word that this build does not know is kept as it came.
public protocol Word: Codable, Hashable, Sendable, CustomStringConvertible {
    /// Every word that this build knows.
    static var known: [Self] { get }
    static func unknown(_ text: String) -> Self
    /// The word as JSON has it.
    var rawValue: String { get }
}

extension Word {
    public init(rawValue: String) {
        self = Self.known.first { $0.rawValue == rawValue } ?? .unknown(rawValue)
    }

    public init(from decoder: any Decoder) throws {
        self.init(rawValue: try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    public var description: String { rawValue }
}
