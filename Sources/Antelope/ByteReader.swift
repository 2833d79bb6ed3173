// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Reads packed values from the front of a run of bytes, as nodeos packs them (`fc/io/raw.hpp`): integers
/// little-endian, counts and lengths as varuint32. Never reads outside the bytes and never traps on what they hold.
///
/// A reader points into memory that it does not own: use it only inside the closure that lent the bytes.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    /// How much has been read; 0 at the first byte.
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Calls `body` with a reader of `bytes`, which are not copied.
    static func read<Result>(
        _ bytes: [UInt8], _ body: (inout ByteReader) throws(MalformedBlock) -> Result
    ) throws(MalformedBlock) -> Result {
        try bytes.withUnsafeBufferPointer { bytes throws(MalformedBlock) in
            var reader = ByteReader(UnsafeRawBufferPointer(bytes))
            return try body(&reader)
        }
    }

    /// As above.
    static func read<Result>(
        _ bytes: ArraySlice<UInt8>, _ body: (inout ByteReader) throws(MalformedBlock) -> Result
    ) throws(MalformedBlock) -> Result {
        try bytes.withUnsafeBufferPointer { bytes throws(MalformedBlock) in
            var reader = ByteReader(UnsafeRawBufferPointer(bytes))
            return try body(&reader)
        }
    }

    var remaining: Int {
        bytes.count - offset
    }

    /// The bytes from `start` up to what has been read. `start` is an earlier `offset` of this reader.
    func bytesRead(since start: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// The next `count` bytes, which are never copied.
    @discardableResult
    mutating func take(_ count: Int, _ what: StaticString) throws(MalformedBlock) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else {
            throw malformed(what, .truncated(needed: count, available: remaining))
        }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _: Integer.Type, _ what: StaticString
    ) throws(MalformedBlock) -> Integer {
        Integer(littleEndian: try take(MemoryLayout<Integer>.size, what).loadUnaligned(as: Integer.self))
    }

    mutating func checksum(_ what: StaticString) throws(MalformedBlock) -> Checksum256 {
        let start = offset
        guard let checksum = Checksum256(try take(32, what)) else {
            throw malformed(what, .truncated(needed: 32, available: 0), at: start)
        }
        return checksum
    }

    /// 0 or 1, as before an optional value.
    mutating func flag(_ what: StaticString) throws(MalformedBlock) -> Bool {
        let start = offset
        let value = try integer(UInt8.self, what)
        guard value <= 1 else { throw malformed(what, .outOfRange(UInt32(value), limit: 1), at: start) }
        return value == 1
    }

    /// Seven bits to a byte, least first, the top bit set on all but the last: one to five bytes, in the shortest form.
    mutating func varuint32(_ what: StaticString) throws(MalformedBlock) -> UInt32 {
        let start = offset
        var value: UInt32 = 0
        for shift: UInt32 in stride(from: 0, to: 35, by: 7) {
            let byte = try integer(UInt8.self, what)
            let bits = UInt32(byte & 0x7f)
            guard shift < 28 || byte < 16 else { throw malformed(what, .moreThan32Bits, at: start) }
            value |= bits << shift
            if byte < 0x80 {
                guard byte != 0 || shift == 0 else { throw malformed(what, .notShortest, at: start) }
                return value
            }
        }
        throw malformed(what, .moreThan32Bits, at: start)
    }

    /// The number of elements of a list, each at least `elementSize` bytes long. A count that the bytes left cannot
    /// hold is refused here, before anything is set aside for it.
    mutating func count(_ what: StaticString, elementSize: Int) throws(MalformedBlock) -> Int {
        let start = offset
        let count = try varuint32(what)
        let limit = min(ChainLimits.listCount, UInt32(clamping: remaining / elementSize))
        guard count <= limit else { throw malformed(what, .outOfRange(count, limit: limit), at: start) }
        return Int(count)
    }

    /// A byte string or a text: its length, then its bytes.
    @discardableResult
    mutating func byteString(_ what: StaticString) throws(MalformedBlock) -> UnsafeRawBufferPointer {
        let start = offset
        let length = try varuint32(what)
        guard length <= ChainLimits.byteStringSize else {
            throw malformed(what, .outOfRange(length, limit: ChainLimits.byteStringSize), at: start)
        }
        return try take(Int(length), what)
    }

    /// The index that says which of `alternatives` types follows.
    mutating func variant(_ what: StaticString, alternatives: UInt32) throws(MalformedBlock) -> UInt32 {
        let start = offset
        let index = try varuint32(what)
        guard index < alternatives else {
            throw malformed(what, .outOfRange(index, limit: alternatives - 1), at: start)
        }
        return index
    }

    /// Throws unless everything has been read.
    func end(_ what: StaticString) throws(MalformedBlock) {
        guard remaining == 0 else { throw malformed(what, .trailing(remaining)) }
    }

    func malformed(_ what: StaticString, _ problem: MalformedBlock.Problem, at start: Int? = nil) -> MalformedBlock {
        MalformedBlock(reading: String(describing: what), offset: start ?? offset, problem: problem)
    }
}

/// Why bytes are no block. Nothing may be concluded from such bytes, not even which block they were meant to be.
public struct MalformedBlock: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Problem: Hashable, Sendable {
        /// The bytes end too early: `needed` more are wanted, `available` are left.
        case truncated(needed: Int, available: Int)
        /// So many bytes are left over behind the block's end.
        case trailing(Int)
        /// A count, length, kind or flag above what it can be here.
        case outOfRange(UInt32, limit: UInt32)
        /// A varuint32 above 2^32 - 1, or of more than five bytes.
        case moreThan32Bits
        /// A varuint32 that is written longer than need be; nodeos never writes one.
        case notShortest
        /// A webauthn key without the site's name (`elliptic_webauthn.cpp`, `public_key::post_init`).
        case emptyText
        /// The previous block has the largest number there is.
        case noNumberLeft
        /// The block has more bytes than a p2p message can carry: `ChainLimits.blockSize`.
        case tooLong(Int)
    }

    /// What was being read, as a person would say it: "producer signature".
    public let reading: String
    /// Where it starts, in bytes from the block's first byte.
    public let offset: Int
    public let problem: Problem

    public init(reading: String, offset: Int, problem: Problem) {
        self.reading = reading
        self.offset = offset
        self.problem = problem
    }

    public var description: String {
        let reason =
            switch problem {
            case .truncated(let needed, let available): "\(needed) bytes are wanted and \(available) are left"
            case .trailing(let count): "\(count) bytes are left over"
            case .outOfRange(let value, let limit): "the value \(value) is above \(limit), the most that it can be here"
            case .moreThan32Bits: "the number has more than 32 bits"
            case .notShortest: "the number is not written in its shortest form"
            case .emptyText: "the text is empty"
            case .noNumberLeft: "the block before it has the largest number there is"
            case .tooLong(let count): "the block has \(count) bytes; \(ChainLimits.blockSize) are the most"
            }
        return "not a block: \(reading) at byte \(offset): \(reason)"
    }
}
