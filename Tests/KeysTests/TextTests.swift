// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@testable import Keys

@Suite struct RIPEMD160Tests {
    /// The vectors that its authors published with it.
    @Test(
        arguments: [
            ("", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
            ("a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
            ("abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
            ("message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
            ("abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "12a053384a9c0c88e405a06c27dcf49ada62eb2b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "b0e20b6e3116640286ed3a87a5713079b21f5189"
            ),
            (String(repeating: "1234567890", count: 8), "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
        ])
    func hashesThePublishedVectors(text: String, digest: String) {
        #expect(hexadecimal(RIPEMD160.hash(Array(text.utf8))) == digest)
    }

    @Test func hashesAMillionLettersAndAnyPartsOfThem() {
        let letters = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        let digest = "52783243c1697bdbe16d37f97f68f08325dc1528"
        #expect(hexadecimal(RIPEMD160.hash(letters)) == digest)
        letters.withUnsafeBytes { all in
            let parts = RIPEMD160.hash(
                UnsafeRawBufferPointer(rebasing: all[..<77]), UnsafeRawBufferPointer(rebasing: all[77...]))
            #expect(hexadecimal(parts) == digest)
        }
    }
}

@Suite struct Base58Tests {
    private func decode(_ text: String, count: Int) throws(InvalidKey) -> [UInt8] {
        try CheckedText.withBytes(of: text) { text throws(InvalidKey) in
            try withWipedMemory(byteCount: count) { memory throws(InvalidKey) in
                try Base58.decode(text, into: memory)
                return Array(memory)
            }
        }
    }

    @Test(
        arguments: [
            ([], ""), ([0], "1"), ([0, 0, 1], "112"), ([57], "z"), ([58], "21"), ([255], "5Q"),
            (Array("Hello World!".utf8), "2NEpo7TZRRrLZSi2U"),
            ([0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
        ] as [([UInt8], String)])
    func bytesAreWrittenAndReadBack(bytes: [UInt8], text: String) throws {
        #expect(Base58.encode(bytes) == text)
        #expect(try decode(text, count: bytes.count) == bytes)
    }

    @Test func aTextHasOneLengthOnly() {
        for (text, count) in [("5Q", 2), ("15Q", 1), ("5Q", 0), ("115Q", 2), ("", 1), ("zzzzzzzz", 3)] {
            #expect(throws: InvalidKey.wrongLength) { try decode(text, count: count) }
        }
    }

    @Test func lettersThatLookAlikeAreNone() {
        for (text, position) in [("0", 0), ("1O", 1), ("I1", 0), ("11l", 2), ("1 ", 1), ("é", 0)] {
            #expect(throws: InvalidKey.badCharacter(position: position)) { try decode(text, count: 8) }
        }
    }
}

@Suite struct PublicKeyTests {
    @Test func theDevelopmentKeyHasItsTexts() throws {
        for text in [Vectors.developmentLegacy, Vectors.developmentPublic] {
            let key = try PublicKey(text: text)
            #expect(key.curve == .k1)
            #expect(hexadecimal(key.bytes) == Vectors.developmentPoint)
            #expect(key.description == Vectors.developmentLegacy)
            #expect(key.text == Vectors.developmentPublic)
            #expect(try PublicKey(packed: key.packed) == key)
        }
    }

    @Test func anR1KeyReadsBack() throws {
        let key = try PublicKey(text: Vectors.publicR1)
        #expect(key.curve == .r1)
        #expect(key.description == Vectors.publicR1)
        #expect(try PublicKey(packed: key.packed) == key)
    }

    @Test func aCharacterThatWasChangedIsNoticed() throws {
        for text in [Vectors.developmentLegacy, Vectors.developmentPublic, Vectors.publicR1] {
            let prefix = text.hasPrefix("EOS") ? 3 : 7
            for position in prefix..<text.count {
                var changed = Array(text.utf8)
                changed[position] = changed[position] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
                #expect(throws: InvalidKey.self, "character \(position) of \(text)") {
                    try PublicKey(text: String(decoding: changed, as: UTF8.self))
                }
            }
            #expect(throws: InvalidKey.self) { try PublicKey(text: text.dropLast()) }
            #expect(throws: InvalidKey.self) { try PublicKey(text: text + "1") }
        }
    }

    @Test(
        arguments: [
            ("", .unknownForm(wanted: "EOS, PUB_K1_ or PUB_R1_")),
            (Vectors.developmentWIF, .unknownForm(wanted: "EOS, PUB_K1_ or PUB_R1_")),
            ("PUB_WA_whatever", .unsupported("PUB_WA_")),
            ("EOS", .wrongLength),
            ("EOS" + String(repeating: "1", count: 1000), .wrongLength),
            // The right checksum for the other curve, and for the legacy form.
            (Vectors.publicR1.replacingPrefix("PUB_R1_", "PUB_K1_"), .wrongChecksum),
            (Vectors.developmentPublic.replacingPrefix("PUB_K1_", "EOS"), .wrongChecksum),
            // Right checksums over what no key can be: x beyond the field, an uncompressed point's first byte.
            ("PUB_K1_6qEXhM6ZH2gQTk7ijrzrxoKkLr9x7XdMvDKjT4gyy2AUp5Ddy5", .notOfTheCurve),
            ("PUB_R1_6qEXhM6ZH2gQTk7ijrzrxoKkLr9x7XdMvDKjT4gyy2AUo6E7KQ", .notOfTheCurve),
            ("PUB_K1_AEvKddUXzG5PLenMmunQ2WPSj4JummCNQKvNbH4Y9FE4UWRU8u", .notOfTheCurve),
        ] as [(String, InvalidKey)])
    func whatIsNoKeyIsRefusedForItsReason(text: String, reason: InvalidKey) {
        #expect(throws: reason) { try PublicKey(text: text) }
    }

    @Test func packedKeysOfOtherKindsAreRefused() throws {
        let key = try PublicKey(text: Vectors.developmentLegacy)
        let reason = InvalidKey.unknownForm(wanted: "0 (K1) or 1 (R1)")
        #expect(throws: reason) { try PublicKey(packed: []) }
        #expect(throws: reason) { try PublicKey(packed: [2] + key.bytes) }
        #expect(throws: InvalidKey.wrongLength) { try PublicKey(packed: key.packed + [0]) }
    }
}

@Suite struct SignatureTextTests {
    /// Made by another program over the digest of "prodha".
    private let text =
        "SIG_K1_KgjkaM6LKFxuZDUnyawScwHmNP2tyU24MJbrUBa7jVx92uPWDyas4gKx8C6AbTkdKKcRzBF9sDbmbk8F3794x3DnVi4De4"

    @Test func aSignatureOfAnotherProgramReadsBackAndNamesItsKey() throws {
        let signature = try Signature(text: text)
        #expect(signature.text == text)
        #expect(signature.isCanonical)
        let digest = try #require(
            Checksum256(hex: "769753ee0b32890a1d4ea2f160d03d9d1a9fddd07ce8ac440e20a5cabfe3fd80"))
        #expect(try PublicKey(recoveredFrom: signature, of: digest).description == Vectors.developmentLegacy)
        #expect(try PublicKey(recoveredFrom: signature, of: .zero).description != Vectors.developmentLegacy)
    }

    @Test func damageIsNoticed() {
        #expect(throws: InvalidKey.self) { try Signature(text: text.dropLast()) }
        #expect(throws: InvalidKey.wrongChecksum) { try Signature(text: text.dropLast() + "5") }
        #expect(throws: InvalidKey.unsupported("SIG_R1_")) { try Signature(text: "SIG_R1_" + text.dropFirst(7)) }
        #expect(throws: InvalidKey.unknownForm(wanted: "SIG_K1_")) { try Signature(text: "sig") }
    }

    @Test func signaturesOfOtherKindsAreWrittenToo() throws {
        // 0, 1, 2 to 64 as an R1 signature, encoded by another program.
        let packed = [1] + (0..<65).map { UInt8($0) }
        let block = try RecordedBlocks.first(signedWith: packed)
        #expect(
            block.signature.text
                == "SIG_R1_18eZoZozC16DxAWsfGzwNnJfZkCJ3Yw3VEogWoNy59BmoiJN734Q65SP7pvu88BSxoNUG691Agzde6e742NK27B4pZmWV"
        )
        #expect(throws: InvalidSignature.unsupported(.r1)) {
            try PublicKey(recoveredFrom: block.signature, of: .zero)
        }
        #expect(!block.signature.isCanonical)
    }

    @Test func numbersOfNobodyAreRefused() throws {
        for first in [0, 27, 30, 35, 255] as [UInt8] {
            let signature = try #require(Signature(k1: [first] + (0..<64).map { UInt8($0 + 1) }))
            #expect(throws: InvalidSignature.ofNobody) { try PublicKey(recoveredFrom: signature, of: .zero) }
        }
        for bytes in [[UInt8](repeating: 0, count: 64), [UInt8](repeating: 255, count: 64)] {
            let signature = try #require(Signature(k1: [31] + bytes))
            #expect(throws: InvalidSignature.ofNobody) { try PublicKey(recoveredFrom: signature, of: .zero) }
        }
    }

    @Test func canonicalMeansNoTopBitAndNoNeedlessZero() throws {
        func isCanonical(_ r: [UInt8], _ s: [UInt8]) -> Bool {
            let rest = [UInt8](repeating: 1, count: 30)
            return Signature(k1: [31] + r + rest + s + rest)?.isCanonical ?? false
        }
        #expect(isCanonical([0x7f, 1], [0x7f, 1]))
        #expect(isCanonical([0, 0x80], [0, 0x80]))
        #expect(!isCanonical([0x80, 0], [1, 1]))
        #expect(!isCanonical([1, 1], [0x80, 0]))
        #expect(!isCanonical([0, 0x7f], [1, 1]))
        #expect(!isCanonical([1, 1], [0, 0x7f]))
    }
}

extension String {
    func replacingPrefix(_ old: String, _ new: String) -> String {
        hasPrefix(old) ? new + dropFirst(old.count) : self
    }
}
