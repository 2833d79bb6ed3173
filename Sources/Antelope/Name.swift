// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// An account's name: up to twelve characters of `.12345abcdefghijklmnopqrstuvwxyz`, five bits each from the top, and
/// a thirteenth in the four bits that are left (`name.hpp`).
public struct Name: Hashable, Sendable {
    /// The packed form; names sort by it. 0 is the empty name, which no account has and which prints as "".
    public let rawValue: UInt64

    /// Any 64 bits are a name to the chain.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Reads a name as an operator writes it.
    ///
    /// As on the chain, a name is refused unless it prints as it was written (`name.cpp`, `name::set`); unlike there,
    /// so is the empty name.
    public init(_ text: some StringProtocol) throws(InvalidName) {
        let count = text.count
        guard count > 0 else { throw .empty }
        guard count <= 13 else { throw .tooLong(text: String(text), count: count) }
        var value: UInt64 = 0
        for (position, character) in text.enumerated() {
            guard let symbol = Self.symbol(character) else {
                throw .badCharacter(text: String(text), character: character, position: position)
            }
            if position < 12 {
                value |= symbol << UInt64(59 - 5 * position)
            } else if symbol < 16 {
                value |= symbol
            } else {
                throw .badThirteenth(text: String(text), character: character)
            }
        }
        guard text.last != "." else { throw .trailingDot(text: String(text)) }
        rawValue = value
    }

    private static let alphabet = Array(".12345abcdefghijklmnopqrstuvwxyz".utf8)

    private static func symbol(_ character: Character) -> UInt64? {
        switch character.utf8.count == 1 ? character.asciiValue : nil {
        case .some(let byte) where (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte):
            UInt64(byte - UInt8(ascii: "a")) + 6
        case .some(let byte) where (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(byte):
            UInt64(byte - UInt8(ascii: "1")) + 1
        case .some(UInt8(ascii: ".")): 0
        default: nil
        }
    }
}

extension Name: Comparable {
    public static func < (one: Name, other: Name) -> Bool {
        one.rawValue < other.rawValue
    }
}

extension Name: CustomStringConvertible {
    /// The name as the chain prints it: without dots at the end.
    public var description: String {
        var characters = (0..<12).map { Self.alphabet[Int(rawValue >> UInt64(59 - 5 * $0)) & 31] }
        characters.append(Self.alphabet[Int(rawValue & 15)])
        while characters.last == UInt8(ascii: ".") {
            characters.removeLast()
        }
        return String(decoding: characters, as: UTF8.self)
    }
}

/// Why a text is no account name. The text was not used for anything.
public enum InvalidName: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(text: String, count: Int)
    /// `position` counts characters from 0.
    case badCharacter(text: String, character: Character, position: Int)
    /// The last of thirteen characters has four bits: `.`, `1` to `5`, `a` to `j`.
    case badThirteenth(text: String, character: Character)
    /// The chain drops dots at the end, so the name would not be the one that was written.
    case trailingDot(text: String)

    public var description: String {
        switch self {
        case .empty:
            "an account name is empty; write 1 to 13 characters of a-z, 1-5 and dots"
        case .tooLong(let text, let count):
            "account name \"\(text)\" has \(count) characters; 13 are the most"
        case .badCharacter(let text, let character, let position):
            "account name \"\(text)\" has \"\(character)\" as character \(position + 1); use a-z, 1-5 and dots"
        case .badThirteenth(let text, let character):
            "account name \"\(text)\" has \"\(character)\" as its 13th character, which must be one of a-j or 1-5"
        case .trailingDot(let text):
            "account name \"\(text)\" ends with a dot, which the chain would drop; leave it out"
        }
    }
}
