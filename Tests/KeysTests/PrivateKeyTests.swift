// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@testable import Keys

@Suite struct PrivateKeyTests {
    @Test(
        arguments: [
            (Vectors.developmentWIF, Vectors.developmentLegacy),
            (Vectors.developmentPrivate, Vectors.developmentLegacy),
            (Vectors.otherWIF, Vectors.otherLegacy), (Vectors.privateR1, Vectors.publicR1),
            // The checksum of old tools, hashed once.
            ("5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79xoCjBn", Vectors.developmentLegacy),
        ])
    func aPrivateKeyHasItsPublicKey(text: String, publicKey: String) throws {
        #expect(try PrivateKey(text: text).publicKey.description == publicKey)
    }

    @Test(
        arguments: [
            ("", .unknownForm(wanted: "5, PVT_K1_ or PVT_R1_")),
            (Vectors.developmentLegacy, .unknownForm(wanted: "5, PVT_K1_ or PVT_R1_")),
            ("5", .wrongLength), (String(repeating: "5", count: 1000), .wrongLength),
            (String(Vectors.developmentWIF.dropLast()) + "4", .wrongChecksum),
            (Vectors.privateR1.replacingPrefix("PVT_R1_", "PVT_K1_"), .wrongChecksum),
            ("5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFl3", .badCharacter(position: 49)),
            // Bitcoin's other forms of the development key: for a compressed public key, and with version 0x81.
            ("L4Gh6zmE7MGoBuRnbyAJajH8xGME9BdL2yAgsYrcXKnaANtNqMhs", .unknownForm(wanted: "5, PVT_K1_ or PVT_R1_")),
            ("5MMh2d3yUkmcqMVSs5f7Cm3BU7vSbaHKrFuXENLsXYPVebj6umC", .unknownForm(wanted: "5, PVT_K1_ or PVT_R1_")),
            // Right checksums over zero, and over the number of points of the curve.
            ("PVT_K1_111111111111111111111111111111112omJse", .notOfTheCurve),
            ("PVT_K1_2wkBET2rRgE8pahuaczxKbhPFFp7gb6Kvp7zHyaJMz1jGGSEJ4", .notOfTheCurve),
            ("PVT_R1_111111111111111111111111111111117FF8iA", .notOfTheCurve),
        ] as [(String, InvalidKey)])
    func whatIsNoPrivateKeyIsRefusedForItsReason(text: String, reason: InvalidKey) {
        #expect(throws: reason) { try PrivateKey(text: text) }
    }

    @Test func aPrivateKeyIsNeverShown() throws {
        let key = try PrivateKey(text: Vectors.developmentWIF)
        var dumped = ""
        dump([key], to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\([key])", "\(Optional(key) as Any)", dumped] {
            #expect(text.contains(Vectors.developmentLegacy) || text == dumped, "\(text)")
            #expect(!Vectors.isSecret(text), "\(text)")
        }
        for count in 0..<Vectors.developmentWIF.count {
            do {
                _ = try PrivateKey(text: Vectors.developmentWIF.prefix(count) + "x")
                Issue.record("took a damaged key")
            } catch {
                #expect(!Vectors.isSecret("\(error)"))
            }
        }
    }

    @Test func secretsAreCopiedAndWiped() {
        let secret = SecretBytes(copying: UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(secret.withUnsafeBytes { $0.count } == 0)
        let bytes = [UInt8](1...32)
        let copy = bytes.withUnsafeBytes { SecretBytes(copying: $0) }
        #expect(copy.withUnsafeBytes { Array($0) } == bytes)
        struct Stop: Error {}
        // Nothing may be said about memory that was given back, so the memory is looked at before that.
        let wiped = withWipedMemory(byteCount: 32) { memory in
            memory.copyBytes(from: bytes)
            wipe(memory)
            return memory.allSatisfy { $0 == 0 }
        }
        #expect(wiped)
        #expect(throws: Stop.self) { try withWipedMemory(byteCount: 1) { _ throws(Stop) in throw Stop() } }
    }
}

@Suite struct SigningTests {
    private func digest(_ number: UInt64) throws -> Checksum256 {
        var bytes = [UInt8](repeating: 0x5a, count: 32)
        for index in 0..<8 {
            bytes[index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
        return try #require(Checksum256(bytes))
    }

    @Test func everySignatureIsCanonicalAndNamesItsKey() throws {
        for text in [Vectors.developmentWIF, Vectors.otherWIF] {
            let key = try PrivateKey(text: text)
            for number in 0..<300 as Range<UInt64> {
                let digest = try digest(number)
                let signature = try key.sign(digest)
                #expect(signature.isCanonical, "digest \(digest)")
                #expect(try PublicKey(recoveredFrom: signature, of: digest) == key.publicKey, "digest \(digest)")
                #expect(try Signature(text: signature.text) == signature, "digest \(digest)")
            }
        }
    }

    @Test func theSameDigestGetsTheSameSignature() throws {
        let key = try PrivateKey(text: Vectors.developmentWIF)
        for number in 0..<50 as Range<UInt64> {
            let first = try key.sign(digest(number))
            #expect(try key.sign(digest(number)) == first)
            #expect(try PrivateKey(text: Vectors.developmentPrivate).sign(digest(number)) == first)
        }
    }

    @Test func anR1KeySignsNothing() throws {
        let key = try PrivateKey(text: Vectors.privateR1)
        #expect(throws: SigningError.unsupported(.r1)) { try key.sign(.zero) }
    }

    @Test func manyThreadsSignAtOnce() async throws {
        let key = try PrivateKey(text: Vectors.developmentWIF)
        let wanted = try (0..<100).map { try key.sign(digest($0)) }
        let digests = try (0..<100).map { try digest($0) }
        await withTaskGroup(of: [Signature?].self) { group in
            for _ in 0..<4 {
                group.addTask { digests.map { try? key.sign($0) } }
            }
            for await signatures in group {
                #expect(signatures == wanted)
            }
        }
    }
}
