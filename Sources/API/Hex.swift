// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Bytes as hex digits: written small, read in either case.
public enum Hex {
    public static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            digits.withUnsafeBufferPointer { digits in
                var position = 0
                for byte in bytes {
                    text[position] = digits[Int(byte >> 4)]
                    text[position &+ 1] = digits[Int(byte & 15)]
                    position &+= 2
                }
            }
            return bytes.count * 2
        }
    }

    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        let text = bytes.withContiguousStorageIfAvailable { encode(UnsafeRawBufferPointer($0)) }
        return text ?? Array(bytes).withUnsafeBytes { encode($0) }
    }

    public static func decode(_ text: String) throws(HexError) -> [UInt8] {
        var text = text
        let result = text.withUTF8 { utf8 in
            Result { () throws(HexError) in try decode(UnsafeRawBufferPointer(utf8)) }
        }
        return try result.get()
    }

    /// Reads ASCII digits.
    public static func decode(_ text: UnsafeRawBufferPointer) throws(HexError) -> [UInt8] {
        guard text.count % 2 == 0 else { throw .oddLength(text.count) }
        var isWell = true
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 2) { bytes, count in
            values.withUnsafeBufferPointer { values in
                // No branch per digit: what is no digit has high bits, which are gathered up.
                var seen: UInt8 = 0
                var position = 0
                for index in 0..<text.count / 2 {
                    let high = values[Int(text[position])]
                    let low = values[Int(text[position &+ 1])]
                    seen |= high | low
                    bytes[index] = high << 4 | low & 15
                    position &+= 2
                }
                isWell = seen < 16
            }
            count = text.count / 2
        }
        guard isWell else {
            let position = text.firstIndex { values[Int($0)] == notADigit } ?? 0
            throw .notHex(position: position, byte: text[position])
        }
        return bytes
    }

    private static let digits = Array("0123456789abcdef".utf8)
    private static let notADigit: UInt8 = 0xff
    private static let values: [UInt8] = (0...255).map { (byte: UInt8) in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: notADigit
        }
    }
}

/// Text that is not hex.
public enum HexError: Error, Hashable, Sendable, CustomStringConvertible {
    case oddLength(Int)
    /// Position in bytes, from 0.
    case notHex(position: Int, byte: UInt8)

    public var description: String {
        switch self {
        case .oddLength(let count): "the hex has \(count) digits, which is no whole number of bytes"
        case .notHex(let position, let byte):
            (0x20...0x7e).contains(byte)
                ? "'\(Unicode.Scalar(byte))' at position \(position) is not a hex digit"
                : "byte \(byte) at position \(position) is not a hex digit"
        }
    }
}

/// Bytes that JSON carries as hex.
public struct HexBytes: Codable, Hashable, Sendable {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            bytes = try Hex.decode(try container.decode(String.self))
        } catch let error as HexError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Hex.encode(bytes))
    }
}
