// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

/// Why bytes from a peer are not what a peer sends.
enum FrameError: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    case unknownType(UInt8)
    case unexpected(FrameType)
    case truncated
    case trailing(bytes: Int)
    /// A field's value lies outside what the protocol permits.
    case invalid(field: String)
    case notAPeer
    case otherSideSpeaksTLS

    var description: String {
        switch self {
        case .tooLong(let bytes, let limit): "a frame of \(bytes) bytes, where \(limit) are permitted"
        case .unknownType(let type): "a frame of unknown type \(type)"
        case .unexpected(let type): "a \(type) frame out of turn"
        case .truncated: "a frame whose body ends early"
        case .trailing(let bytes): "a frame with \(bytes) bytes too many"
        case .invalid(let field): "a frame with an invalid \(field)"
        case .notAPeer: "bytes that are not a peer's greeting"
        case .otherSideSpeaksTLS: "a TLS record, but this peer has no TLS configured"
        }
    }
}

/// Reads a frame's body, little endian. Never reads or allocates beyond what is there.
struct BodyReader {
    /// Positions and terms above it are refused, so that no sum of them can overflow.
    static let maxCounter: UInt64 = 1 << 62

    private var bytes: ByteBuffer

    init(_ bytes: ByteBuffer) { self.bytes = bytes }

    var remaining: Int { bytes.readableBytes }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(FrameError) -> T {
        guard let value = bytes.readInteger(endianness: .little, as: type) else { throw .truncated }
        return value
    }

    /// A term or a log position.
    mutating func counter(_ field: String) throws(FrameError) -> UInt64 {
        let value: UInt64 = try integer()
        guard value <= Self.maxCounter else { throw .invalid(field: field) }
        return value
    }

    /// A reading of a clock or a length of time, in nanoseconds, never negative.
    mutating func nanoseconds(_ field: String) throws(FrameError) -> Int64 {
        let value: Int64 = try integer()
        guard (0...Int64(Self.maxCounter)).contains(value) else { throw .invalid(field: field) }
        return value
    }

    mutating func flag(_ field: String) throws(FrameError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .invalid(field: field)
        }
    }

    mutating func peer() throws(FrameError) -> PeerID {
        guard let value = Int(exactly: try integer(UInt64.self)) else { throw .invalid(field: "peer id") }
        return PeerID(value)
    }

    /// So many bytes, copied once.
    mutating func array(count: Int) throws(FrameError) -> [UInt8] {
        guard count <= bytes.readableBytes, let array = bytes.readBytes(length: count) else { throw .truncated }
        return array
    }

    /// A count of four bytes and so many bytes.
    mutating func array() throws(FrameError) -> [UInt8] {
        try array(count: Int(try integer(UInt32.self)))
    }

    /// A count of one byte and so much UTF-8 without control characters, fit for a log line.
    mutating func text(_ field: String) throws(FrameError) -> String {
        let count = Int(try integer(UInt8.self))
        guard let text = String(validating: try array(count: count), as: UTF8.self), text.isPrintable else {
            throw .invalid(field: field)
        }
        return text
    }

    /// Whatever is left, without a copy.
    mutating func slice() throws(FrameError) -> ByteBuffer {
        guard let slice = bytes.readSlice(length: bytes.readableBytes) else { throw .truncated }
        return slice
    }

    /// Whatever is left.
    mutating func rest() -> [UInt8] { bytes.readBytes(length: bytes.readableBytes) ?? [] }

    func end() throws(FrameError) {
        guard bytes.readableBytes == 0 else { throw .trailing(bytes: bytes.readableBytes) }
    }
}

extension String {
    var isPrintable: Bool { unicodeScalars.allSatisfy(\.isPrintable) }

    /// The same text with everything that could forge or garble a log line replaced.
    var printable: String {
        var text = ""
        for scalar in unicodeScalars { text.unicodeScalars.append(scalar.isPrintable ? scalar : "?") }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate: false
        default: true
        }
    }
}

extension ByteBuffer {
    mutating func writeText(_ text: String) {
        precondition(text.utf8.count <= 255, "a text of \(text.utf8.count) bytes in a greeting")
        writeInteger(UInt8(text.utf8.count))
        writeString(text)
    }
}
