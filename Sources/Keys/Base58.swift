// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Keys: public keys, private keys and signatures as EOSIO-style chains write them, and what is done with them.
//
// - `PublicKey`, `Signature` (of `Antelope`, with its text form from here): in and out of text, recovery.
// - `PrivateKey`, `KeyFile`: one key read from a file of the operator, and signing with it.
// - `BlockSignatureDigest`: what a producer signs.
//
// K1 is secp256k1, through libsecp256k1. R1 is P-256: its keys are read, but nothing is signed with them, since the
// chain's signatures need a recovery id, which the library at hand does not give.
//
// A private key's bytes are in wiped memory only (`SecretBytes`), and never in a description, an error or a log.
// May import Antelope, CSecp256k1, Crypto.

/// Base 58 as Bitcoin and the chain write keys: the bytes are one big-endian number, and each zero byte in front of it
/// is a `1` (`fc/crypto/base58.cpp`).
enum Base58 {
    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    /// The value of each ASCII character; 255 for one that is no digit.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in alphabet.enumerated() {
            values[Int(digit)] = UInt8(value)
        }
        return values
    }()

    /// For short runs of bytes, keys and signatures: the time grows with the square of their number.
    static func encode(_ bytes: [UInt8]) -> String {
        let zeros = bytes.prefix { $0 == 0 }.count
        // Least significant digit first.
        var digits: [UInt8] = []
        for byte in bytes.dropFirst(zeros) {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        let text = [UInt8](repeating: alphabet[0], count: zeros) + digits.reversed().map { alphabet[Int($0)] }
        return String(decoding: text, as: UTF8.self)
    }

    /// Writes what `text` stands for into `output`. It must be as many bytes as `output` has room for, and written in the
    /// one way that `encode` writes it. After an error `output` holds anything.
    ///
    /// Puts nothing anywhere else, so that it may be used for secrets.
    static func decode(
        _ text: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(InvalidKey) {
        for index in output.indices {
            output[index] = 0
        }
        for (position, character) in text.enumerated() {
            var carry = Int(values[Int(character)])
            guard carry < 58 else { throw .badCharacter(position: position) }
            for index in output.indices.reversed() {
                carry += Int(output[index]) * 58
                output[index] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            guard carry == 0 else { throw .wrongLength }
        }
        let zeros = output.prefix { $0 == 0 }.count
        guard text.prefix(while: { $0 == alphabet[0] }).count == zeros else { throw .wrongLength }
    }
}
