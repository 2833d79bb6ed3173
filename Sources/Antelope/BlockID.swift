// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Crypto

/// Thirty-two bytes, usually a SHA-256 digest: the chain's `checksum256_type`.
public struct Checksum256: Hashable, Sendable {
    /// The bytes as four big-endian words, first bytes first.
    let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    /// All zero: the id before the first block, the root of no transactions.
    public static let zero = Checksum256((0, 0, 0, 0))

    /// nil unless there are exactly 32 bytes.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 32 else { return nil }
        func word(_ index: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// nil unless there are exactly 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard let value = bytes.withUnsafeBytes({ Checksum256($0) }) else { return nil }
        self = value
    }

    /// nil unless `hex` is exactly 64 hexadecimal digits, of either case.
    public init?(hex: some StringProtocol) {
        let digits = hex.utf8
        guard digits.count == 64 else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for digit in digits {
            guard let value = digit.asHexDigit else { return nil }
            // All 256 bits move up by one digit.
            words.0 = words.0 << 4 | words.1 >> 60
            words.1 = words.1 << 4 | words.2 >> 60
            words.2 = words.2 << 4 | words.3 >> 60
            words.3 = words.3 << 4 | UInt64(value)
        }
        self.words = words
    }

    /// The SHA-256 digest of `parts`, one after the other.
    static func sha256(_ parts: UnsafeRawBufferPointer...) -> Checksum256 {
        var hash = SHA256()
        for part in parts {
            hash.update(bufferPointer: part)
        }
        return hash.finalize().withUnsafeBytes { Checksum256($0) ?? .zero }
    }

    static func sha256(_ bytes: [UInt8]) -> Checksum256 {
        bytes.withUnsafeBytes { sha256($0) }
    }

    /// The bytes, in order; 32 of them.
    public var bytes: [UInt8] {
        withUnsafeBytes { Array($0) }
    }

    /// Calls `body` with the 32 bytes, which are valid during the call only. Does not allocate.
    public func withUnsafeBytes<Result, Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let inOrder = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        return try Swift.withUnsafeBytes(of: inOrder, body)
    }

    public static func == (one: Checksum256, other: Checksum256) -> Bool {
        one.words == other.words
    }

    public func hash(into hasher: inout Hasher) {
        // The first word of a block's id starts with its number, hence the others first.
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
        hasher.combine(words.0)
    }
}

extension Checksum256: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 64) { text in
            withUnsafeBytes { bytes in
                for (index, byte) in bytes.enumerated() {
                    text[2 * index] = digits[Int(byte >> 4)]
                    text[2 * index + 1] = digits[Int(byte & 15)]
                }
            }
            return 64
        }
    }
}

/// A transaction's id: the digest of the transaction without its signatures (`transaction.cpp`, `transaction::id`).
public typealias TransactionID = Checksum256

/// A block's id: the digest of its packed header, the first four bytes replaced by the block's number, big-endian
/// (`block_header.cpp`, `calculate_id`).
public struct BlockID: Hashable, Sendable {
    public let checksum: Checksum256

    public init(_ checksum: Checksum256) {
        self.checksum = checksum
    }

    /// What block 1 has as its previous id.
    public static let zero = BlockID(.zero)

    /// nil unless `hex` is exactly 64 hexadecimal digits, of either case.
    public init?(hex: some StringProtocol) {
        guard let checksum = Checksum256(hex: hex) else { return nil }
        self.checksum = checksum
    }

    /// The id of block `number` whose packed header has the digest `digest`.
    public init(number: UInt32, digest: Checksum256) {
        let (first, second, third, fourth) = digest.words
        checksum = Checksum256((UInt64(number) << 32 | first & 0xffff_ffff, second, third, fourth))
    }

    /// The number of the block, from the first four bytes (`block_header.cpp`, `num_from_id`).
    public var blockNumber: UInt32 {
        UInt32(checksum.words.0 >> 32)
    }

    /// 64 lower-case hexadecimal digits.
    public var hex: String {
        checksum.description
    }
}

extension BlockID: CustomStringConvertible {
    public var description: String {
        hex
    }
}
