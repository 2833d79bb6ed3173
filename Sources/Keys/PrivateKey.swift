// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Crypto

/// A private key. There is no way to get its bytes or its text out again.
///
/// Copies share one piece of memory, which is zeroed when the last of them goes. What the libraries keep on their stacks
/// while they compute is theirs to wipe.
public struct PrivateKey: Sendable {
    public let publicKey: PublicKey
    private let secret: SecretBytes

    static let size = 32
    /// How the texts begin. Bitcoin's K... and L... are of another form: they stand for compressed public keys.
    private static let forms = "5, PVT_K1_ or PVT_R1_"

    /// Reads the legacy form `5...` (WIF, K1), `PVT_K1_...` or `PVT_R1_...`. The caller's string stays in memory, hence
    /// for tests and tools; see `KeyFile`.
    public init(text: some StringProtocol) throws(InvalidKey) {
        self = try CheckedText.withBytes(of: text) { text throws(InvalidKey) in try Self(text: text) }
    }

    /// As above, without a copy of the text.
    init(text: UnsafeRawBufferPointer) throws(InvalidKey) {
        for curve in Curve.allCases {
            if let body = CheckedText.body(of: text, after: "PVT_\(curve.letters)_") {
                self = try CheckedText.decode(body, count: Self.size, salt: curve.letters) { bytes throws(InvalidKey) in
                    try Self(curve, bytes)
                }
                return
            }
        }
        guard text.first == UInt8(ascii: "5") else { throw .unknownForm(wanted: Self.forms) }
        self = try Self(wif: text)
    }

    /// Base 58 of a byte 0x80, the key, and the first four bytes of the SHA-256 digest of both, hashed twice or, as old
    /// tools did, once (`elliptic_common.cpp`, `wif_to_key`).
    private init(wif text: UnsafeRawBufferPointer) throws(InvalidKey) {
        guard text.count <= CheckedText.longest else { throw .wrongLength }
        let end = 1 + Self.size
        self = try withWipedMemory(byteCount: end + CheckedText.checksumSize) { memory throws(InvalidKey) in
            try Base58.decode(text, into: memory)
            let checked = UnsafeRawBufferPointer(rebasing: memory[..<end])
            var hash = SHA256()
            hash.update(bufferPointer: checked)
            let once = hash.finalize()
            let checksum = memory[end...]
            guard
                checksum.elementsEqual(SHA256.hash(data: Array(once)).prefix(CheckedText.checksumSize))
                    || checksum.elementsEqual(once.prefix(CheckedText.checksumSize))
            else { throw .wrongChecksum }
            guard checked[0] == 0x80 else { throw .unknownForm(wanted: Self.forms) }
            return try Self(.k1, UnsafeRawBufferPointer(rebasing: memory[1..<end]))
        }
    }

    private init(_ curve: Curve, _ bytes: UnsafeRawBufferPointer) throws(InvalidKey) {
        switch curve {
        case .k1:
            guard let point = Secp256k1.shared.publicKey(of: bytes) else { throw .notOfTheCurve }
            publicKey = PublicKey(unchecked: .k1, point)
        case .r1:
            guard let key = try? P256.Signing.PrivateKey(rawRepresentation: bytes) else { throw .notOfTheCurve }
            publicKey = PublicKey(unchecked: .r1, Array(key.publicKey.compressedRepresentation))
        }
        secret = SecretBytes(copying: bytes)
    }

    /// Signs 32 bytes, in some tens of microseconds. The same digest always gives the same signature, byte for byte the
    /// one that nodeos would make with this key.
    public func sign(_ digest: Checksum256) throws(SigningError) -> Signature {
        switch publicKey.curve {
        case .k1:
            try secret.withUnsafeBytes { secret throws(SigningError) in
                try Secp256k1.shared.sign(digest, with: secret)
            }
        case .r1:
            throw .unsupported(.r1)
        }
    }
}

extension PrivateKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Names the public key only.
    public var description: String {
        "the private key of \(publicKey)"
    }

    public var debugDescription: String {
        description
    }

    public var customMirror: Mirror {
        Mirror(self, children: ["publicKey": publicKey])
    }
}

/// Why nothing was signed.
public enum SigningError: Error, Hashable, Sendable, CustomStringConvertible {
    case unsupported(Curve)
    /// The key is no number that a key can have: it was damaged in memory.
    case notOfTheCurve
    /// No nonce gave a canonical signature. The odds against it are those of guessing a key.
    case notCanonical

    public var description: String {
        switch self {
        case .unsupported(let curve): "cannot sign with a \(curve.letters) key; use a K1 key, or keosd"
        case .notOfTheCurve: "the private key in memory is damaged; restart, and check this machine's memory"
        case .notCanonical: "no signature that the chain accepts was found; restart, and check this machine's memory"
        }
    }
}
