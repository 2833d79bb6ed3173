// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope

extension Signature {
    static let k1Size = 65
    private static let prefix = "SIG_K1_"

    /// Reads `SIG_K1_...`. That it reads well does not say whose it is: see `PublicKey.init(recoveredFrom:of:)`.
    public init(text: some StringProtocol) throws(InvalidKey) {
        self = try CheckedText.withBytes(of: text) { text throws(InvalidKey) in
            guard let body = CheckedText.body(of: text, after: Self.prefix) else {
                for other in ["SIG_R1_", "SIG_WA_"] where CheckedText.body(of: text, after: other) != nil {
                    throw .unsupported(other)
                }
                throw .unknownForm(wanted: Self.prefix)
            }
            return try CheckedText.decode(body, count: Self.k1Size, salt: Curve.k1.letters) {
                bytes throws(InvalidKey) in
                guard let signature = Signature(k1: Array(bytes)) else { throw .wrongLength }
                return signature
            }
        }
    }

    /// `SIG_K1_...`, `SIG_R1_...` or `SIG_WA_...`.
    public var text: String {
        switch kind {
        case .k1: CheckedText.encode(Self.prefix, bytes, salt: "K1")
        case .r1: CheckedText.encode("SIG_R1_", bytes, salt: "R1")
        case .webAuthn: CheckedText.encode("SIG_WA_", bytes, salt: "WA")
        }
    }

    /// The chain's rule for K1 signatures that it makes: neither of the two numbers has its top bit set or a zero byte
    /// in front that is not needed (`elliptic_common.cpp`, `is_canonical`). False for other kinds.
    public var isCanonical: Bool {
        kind == .k1 && bytes.count == Self.k1Size && Self.isCanonical(bytes[1..<33]) && Self.isCanonical(bytes[33..<65])
    }

    private static func isCanonical(_ number: ArraySlice<UInt8>) -> Bool {
        guard let first = number.first, let second = number.dropFirst().first else { return false }
        return first < 0x80 && (first != 0 || second >= 0x80)
    }
}

/// Why no key can be told from a signature.
public enum InvalidSignature: Error, Hashable, Sendable, CustomStringConvertible {
    case unsupported(Signature.Kind)
    /// The numbers in it are none that any key could have made of this digest.
    case ofNobody

    public var description: String {
        switch self {
        case .unsupported(let kind): "signatures of the kind \(kind) are not supported; use a K1 key"
        case .ofNobody: "the signature is damaged: no key could have made it"
        }
    }
}
