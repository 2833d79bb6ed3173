// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import CSecp256k1

/// The operations of libsecp256k1 that are needed, on one context for the whole process.
final class Secp256k1: @unchecked Sendable {
    // Unchecked: the library lets many threads use a context that is not changed any more.
    static let shared = Secp256k1()

    /// How many nonces are tried for a canonical signature; each has a chance of about one half.
    private static let attempts = 256

    private let context: OpaquePointer

    private init() {
        guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY)) else {
            preconditionFailure("libsecp256k1 gave no context")
        }
        self.context = context
        // Blinds the computation against those who measure it.
        var random = SystemRandomNumberGenerator()
        let seed = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        guard secp256k1_context_randomize(context, seed) == 1 else {
            preconditionFailure("libsecp256k1 did not take its random seed")
        }
    }

    /// `bytes`: 33, the compressed point.
    func isPublicKey(_ bytes: [UInt8]) -> Bool {
        var key = secp256k1_pubkey()
        return secp256k1_ec_pubkey_parse(context, &key, bytes, bytes.count) == 1
    }

    /// The compressed point of a private key of 32 bytes; nil when they are no private key.
    func publicKey(of secret: UnsafeRawBufferPointer) -> [UInt8]? {
        var key = secp256k1_pubkey()
        guard secret.count == 32, let bytes = secret.bindMemory(to: UInt8.self).baseAddress,
            secp256k1_ec_pubkey_create(context, &key, bytes) == 1
        else { return nil }
        return compressed(key)
    }

    /// A canonical signature in the chain's compact form: the recovery id + 31, then r and s. The same bytes that nodeos
    /// itself would make: nonces as in RFC 6979, from its second one on, until the signature is canonical
    /// (`elliptic_secp256k1.cpp`, `sign_compact` and `extended_nonce_function`).
    func sign(_ digest: Checksum256, with secret: UnsafeRawBufferPointer) throws(SigningError) -> Signature {
        guard secret.count == 32, let key = secret.bindMemory(to: UInt8.self).baseAddress else {
            throw .notOfTheCurve
        }
        let digest = digest.bytes
        var counter: UInt32 = 0
        for _ in 0..<Self.attempts {
            var recoverable = secp256k1_ecdsa_recoverable_signature()
            let signed = withUnsafeMutablePointer(to: &counter) { counter in
                secp256k1_ecdsa_sign_recoverable(context, &recoverable, digest, key, Self.nonce, counter)
            }
            guard signed == 1 else { throw .notOfTheCurve }
            var numbers = [UInt8](repeating: 0, count: 64)
            var recovery: Int32 = 0
            _ = secp256k1_ecdsa_recoverable_signature_serialize_compact(context, &numbers, &recovery, &recoverable)
            if let signature = Signature(k1: [UInt8(recovery) + 31] + numbers), signature.isCanonical {
                return signature
            }
        }
        throw .notCanonical
    }

    /// The compressed point of the key that made `compact`, 65 bytes as in `sign`.
    func recover(_ compact: [UInt8], of digest: Checksum256) throws(InvalidSignature) -> [UInt8] {
        var recoverable = secp256k1_ecdsa_recoverable_signature()
        var key = secp256k1_pubkey()
        guard compact.count == 65, (31...34).contains(compact[0]),
            secp256k1_ecdsa_recoverable_signature_parse_compact(
                context, &recoverable, Array(compact.dropFirst()), Int32(compact[0]) - 31) == 1,
            secp256k1_ecdsa_recover(context, &key, &recoverable, digest.bytes) == 1
        else { throw .ofNobody }
        return compressed(key)
    }

    private func compressed(_ key: secp256k1_pubkey) -> [UInt8] {
        var key = key
        var bytes = [UInt8](repeating: 0, count: PublicKey.size)
        var count = bytes.count
        _ = secp256k1_ec_pubkey_serialize(context, &bytes, &count, &key, UInt32(SECP256K1_EC_COMPRESSED))
        return bytes
    }

    /// `data` points at a counter of the calls, which takes the place of the library's own.
    private static let nonce:
        @convention(c) (
            UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?,
            UnsafeMutableRawPointer?, UInt32
        ) -> Int32 = { nonce, digest, key, algorithm, data, _ in
            guard let counter = data?.assumingMemoryBound(to: UInt32.self) else { return 0 }
            counter.pointee += 1
            return secp256k1_nonce_function_default(nonce, digest, key, algorithm, nil, counter.pointee)
        }
}
