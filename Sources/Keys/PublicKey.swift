// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Crypto

/// A public key, a point of its curve (`fc/crypto/public_key.hpp`).
public struct PublicKey: Hashable, Sendable {
    public let curve: Curve
    /// The compressed point: 33 bytes, the first 2 or 3.
    public let bytes: [UInt8]

    static let size = 33

    /// Checks that `bytes` are 33 and a point of the curve.
    public init(_ curve: Curve, _ bytes: [UInt8]) throws(InvalidKey) {
        guard bytes.count == Self.size else { throw .wrongLength }
        switch curve {
        case .k1:
            guard Secp256k1.shared.isPublicKey(bytes) else { throw .notOfTheCurve }
        case .r1:
            guard (try? P256.Signing.PublicKey(compressedRepresentation: bytes)) != nil else { throw .notOfTheCurve }
        }
        self.init(unchecked: curve, bytes)
    }

    init(unchecked curve: Curve, _ bytes: [UInt8]) {
        self.curve = curve
        self.bytes = bytes
    }

    /// Reads `EOS...` (K1), `PUB_K1_...` or `PUB_R1_...`.
    public init(text: some StringProtocol) throws(InvalidKey) {
        self = try CheckedText.withBytes(of: text) { text throws(InvalidKey) in
            if let body = CheckedText.body(of: text, after: Self.legacyPrefix) {
                return try Self(.k1, body, salt: "")
            }
            for curve in Curve.allCases {
                if let body = CheckedText.body(of: text, after: Self.prefix(curve)) {
                    return try Self(curve, body, salt: curve.letters)
                }
            }
            if CheckedText.body(of: text, after: "PUB_WA_") != nil {
                throw .unsupported("PUB_WA_")
            }
            throw .unknownForm(wanted: "EOS, PUB_K1_ or PUB_R1_")
        }
    }

    private init(_ curve: Curve, _ body: UnsafeRawBufferPointer, salt: String) throws(InvalidKey) {
        self = try CheckedText.decode(body, count: Self.size, salt: salt) { bytes throws(InvalidKey) in
            try Self(curve, Array(bytes))
        }
    }

    /// Reads a key as it stands in a producer schedule: the curve's number, then 33 bytes.
    public init(packed: some Collection<UInt8>) throws(InvalidKey) {
        guard let first = packed.first, let curve = Curve(rawValue: first) else {
            throw .unknownForm(wanted: "0 (K1) or 1 (R1)")
        }
        try self.init(curve, Array(packed.dropFirst()))
    }

    /// The key as it stands in a producer schedule.
    public var packed: [UInt8] {
        [curve.rawValue] + bytes
    }

    /// `PUB_K1_...` or `PUB_R1_...`.
    public var text: String {
        CheckedText.encode(Self.prefix(curve), bytes, salt: curve.letters)
    }

    /// The key whose private key made `signature` of `digest`. Every K1 signature of the right form has one: compare it
    /// with the key that you expect.
    public init(recoveredFrom signature: Signature, of digest: Checksum256) throws(InvalidSignature) {
        switch signature.kind {
        case .k1:
            self.init(unchecked: .k1, try Secp256k1.shared.recover(signature.bytes, of: digest))
        case .r1, .webAuthn:
            throw .unsupported(signature.kind)
        }
    }

    private static let legacyPrefix = "EOS"

    private static func prefix(_ curve: Curve) -> String {
        "PUB_\(curve.letters)_"
    }
}

extension PublicKey: CustomStringConvertible {
    /// The key as nodeos writes it, in its settings and when it asks for a signature: `EOS...`, or `PUB_R1_...`
    /// (`public_key.cpp`, `to_string`).
    public var description: String {
        switch curve {
        case .k1: CheckedText.encode(Self.legacyPrefix, bytes, salt: "")
        case .r1: text
        }
    }
}
