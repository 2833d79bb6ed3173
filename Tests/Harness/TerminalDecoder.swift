// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Takes apart what a program writes to a terminal, byte by byte, by the grammar of ECMA-48: characters in UTF-8,
/// controls, escapes. Strings, such as a title for the window, are passed over.
struct TerminalDecoder: Sendable {
    /// `CSI mark numbers final`.
    struct Sequence: Hashable, Sendable, CustomStringConvertible {
        /// `?` or `>` of private ones, or nothing.
        var mark: String
        var numbers: [Int?]
        var final: Character

        subscript(index: Int) -> Int? { index < numbers.count ? numbers[index] : nil }

        var description: String {
            mark + numbers.map { $0.map(String.init) ?? "" }.joined(separator: ";") + String(final)
        }
    }

    enum Item: Hashable, Sendable {
        case character(Unicode.Scalar)
        case control(UInt8)
        /// What follows ESC: one character, or two where the first names a set of characters.
        case escape(String)
        case sequence(Sequence)
    }

    private enum State: Sendable {
        case ground
        case escape
        case escapeIntermediate(UInt8)
        case sequence
        case string(endsWithEscape: Bool)
    }

    private var state = State.ground
    private var bytes: [UInt8] = []
    private var missing = 0

    /// Longer ones are cut off.
    private static let longestSequence = 64

    /// What `byte` completes.
    mutating func take(_ byte: UInt8) -> Item? {
        switch state {
        case .string(let endsWithEscape):
            if byte == 0x07 || endsWithEscape && byte == 0x5c {
                state = .ground
            } else {
                state = .string(endsWithEscape: byte == 0x1b)
            }
            return nil
        case .ground, .escape, .escapeIntermediate, .sequence: break
        }
        if byte == 0x1b {
            (state, bytes, missing) = (.escape, [], 0)
            return nil
        }
        // A control within a sequence is carried out, and the sequence goes on.
        if byte < 0x20 || byte == 0x7f { return .control(byte) }
        switch state {
        case .ground: return character(byte)
        case .escape: return escape(byte)
        case .escapeIntermediate(let first):
            state = .ground
            return .escape(String(decoding: [first, byte], as: UTF8.self))
        case .sequence: return sequence(byte)
        case .string: return nil
        }
    }

    private mutating func escape(_ byte: UInt8) -> Item? {
        switch byte {
        case 0x5b: state = .sequence
        // DCS, OSC, SOS, PM, APC.
        case 0x50, 0x5d, 0x58, 0x5e, 0x5f: state = .string(endsWithEscape: false)
        case 0x20...0x2f: state = .escapeIntermediate(byte)
        default:
            state = .ground
            return .escape(String(decoding: [byte], as: UTF8.self))
        }
        return nil
    }

    private mutating func sequence(_ byte: UInt8) -> Item? {
        guard (0x40...0x7e).contains(byte) else {
            if bytes.count < Self.longestSequence { bytes.append(byte) }
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        (state, bytes) = (.ground, [])
        let mark = text.prefix { "?><=".contains($0) }
        let numbers = text.dropFirst(mark.count).split(separator: ";", omittingEmptySubsequences: false)
        return .sequence(
            Sequence(
                mark: String(mark), numbers: numbers.map { Int($0) }, final: Character(Unicode.Scalar(byte))))
    }

    private mutating func character(_ byte: UInt8) -> Item? {
        if missing > 0, byte & 0xc0 == 0x80 {
            bytes.append(byte)
            missing -= 1
            guard missing == 0 else { return nil }
            defer { bytes = [] }
            let text = String(decoding: bytes, as: UTF8.self)
            return .character(text.unicodeScalars.count == 1 ? text.unicodeScalars.first ?? "\u{fffd}" : "\u{fffd}")
        }
        (bytes, missing) = ([], 0)
        switch byte {
        case ..<0x80: return .character(Unicode.Scalar(byte))
        case 0xc2...0xdf: missing = 1
        case 0xe0...0xef: missing = 2
        case 0xf0...0xf4: missing = 3
        default: return .character("\u{fffd}")
        }
        bytes = [byte]
        return nil
    }
}
