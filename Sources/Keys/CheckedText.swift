// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The curve that a key belongs to. The raw value is its number in packed form and the index of its letters.
public enum Curve: UInt8, Hashable, Sendable, CaseIterable {
    /// secp256k1.
    case k1 = 0
    /// NIST P-256, also called prime256v1.
    case r1 = 1

    /// How the curve is written inside a key's text.
    var letters: String {
        switch self {
        case .k1: "K1"
        case .r1: "R1"
        }
    }
}

/// Texts of the form prefix, then base 58 of some bytes and the first four bytes of a RIPEMD-160 digest. The digest is
/// over the bytes and a salt: the curve's letters, or nothing in the legacy form (`fc/crypto/common.hpp`).
enum CheckedText {
    static let checksumSize = 4
    /// No key or signature has a longer text, in characters.
    static let longest = 120

    static func encode(_ prefix: String, _ bytes: [UInt8], salt: String) -> String {
        prefix + Base58.encode(bytes + RIPEMD160.hash(bytes + Array(salt.utf8)).prefix(checksumSize))
    }

    /// Calls `body` with the `count` bytes of `text`, which is what follows the prefix. They are wiped afterwards.
    static func decode<Result>(
        _ text: UnsafeRawBufferPointer, count: Int, salt: String,
        _ body: (UnsafeRawBufferPointer) throws(InvalidKey) -> Result
    ) throws(InvalidKey) -> Result {
        guard text.count <= longest else { throw .wrongLength }
        return try withWipedMemory(byteCount: count + checksumSize) { memory throws(InvalidKey) in
            try Base58.decode(text, into: memory)
            let bytes = UnsafeRawBufferPointer(rebasing: memory[..<count])
            let digest = Array(salt.utf8).withUnsafeBytes { RIPEMD160.hash(bytes, $0) }
            guard memory[count...].elementsEqual(digest.prefix(checksumSize)) else { throw .wrongChecksum }
            return try body(bytes)
        }
    }

    /// What stands in `text` behind `prefix`; nil when it begins in another way.
    static func body(of text: UnsafeRawBufferPointer, after prefix: String) -> UnsafeRawBufferPointer? {
        text.starts(with: prefix.utf8) ? UnsafeRawBufferPointer(rebasing: text[prefix.utf8.count...]) : nil
    }

    /// Lends the bytes of a text.
    static func withBytes<Result>(
        of text: some StringProtocol, _ body: (UnsafeRawBufferPointer) throws(InvalidKey) -> Result
    ) throws(InvalidKey) -> Result {
        try Array(text.utf8).withUnsafeBufferPointer { bytes throws(InvalidKey) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }
}

/// Why a text is no key or signature. Says nothing of the text itself, which may be a secret.
public enum InvalidKey: Error, Hashable, Sendable, CustomStringConvertible {
    /// It begins like nothing that is known here; `wanted` says how it should.
    case unknownForm(wanted: String)
    /// A kind of key or signature that the chain has and prodha does not take, by its prefix.
    case unsupported(String)
    /// `position` counts characters from 0, behind the prefix.
    case badCharacter(position: Int)
    case wrongLength
    case wrongChecksum
    /// The number is no point of the curve, or no private key of it.
    case notOfTheCurve

    public var description: String {
        switch self {
        case .unknownForm(let wanted): "it does not begin with \(wanted)"
        case .unsupported(let prefix): "what begins with \(prefix) is not supported; use a K1 key"
        case .badCharacter(let position):
            "character \(position + 1) behind its prefix is none of those used (1-9, A-Z, a-z, without I, O, l)"
        case .wrongLength: "it is too long or too short; was all of it copied?"
        case .wrongChecksum: "its checksum is wrong; was it copied correctly?"
        case .notOfTheCurve: "its checksum is right, but it is no number that a key can have"
        }
    }
}
