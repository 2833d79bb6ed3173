// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Reads JSON (RFC 8259) from its first byte to its last, value by value, as nodeos writes it. Nothing is kept but what
/// is asked for, so a document of many MB costs no more than its own bytes. Traps on nothing.
package struct JSONScanner {
    /// Objects and arrays inside each other.
    package static let greatestDepth = 64

    private let bytes: [UInt8]
    /// The position of the next byte.
    package private(set) var offset = 0
    private var depth = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `member` for each member of the object that comes next, with its name; it must read or skip the value.
    /// A name that comes twice is an error.
    package mutating func object(
        _ member: (inout JSONScanner, String) throws(InvalidJSON) -> Void
    ) throws(InvalidJSON) {
        try open("{", "an object")
        var seen: Set<String> = []
        if !take("}") {
            repeat {
                let name = try string()
                // More members than any document of nodeos has are not kept track of.
                guard seen.count < 256, seen.insert(name).inserted else { throw invalid("a new member") }
                try expect(":", "a colon")
                try member(&self, name)
            } while take(",")
            try expect("}", "the end of an object")
        }
        depth -= 1
    }

    /// Calls `element` for each element of the array that comes next, with its position; it must read or skip it.
    package mutating func array(
        _ element: (inout JSONScanner, Int) throws(InvalidJSON) -> Void
    ) throws(InvalidJSON) {
        try open("[", "an array")
        if !take("]") {
            var position = 0
            repeat {
                try element(&self, position)
                position += 1
            } while take(",")
            try expect("]", "the end of an array")
        }
        depth -= 1
    }

    /// A text, its escapes undone. What is not Unicode is replaced.
    package mutating func string() throws(InvalidJSON) -> String {
        let (text, hasEscapes) = try rawString()
        return hasEscapes ? try unescaped(text) : String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a text in which nothing is escaped: digits, names, keys.
    package mutating func plainString() throws(InvalidJSON) -> ArraySlice<UInt8> {
        let (text, hasEscapes) = try rawString()
        guard !hasEscapes else { throw invalid("a text without escapes") }
        return text
    }

    /// The bytes that a text gives as hexadecimal digits of either case, two for each.
    package mutating func hexBytes() throws(InvalidJSON) -> [UInt8] {
        let digits = try plainString()
        guard digits.count.isMultiple(of: 2) else { throw invalid("an even number of hex digits") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var index = digits.startIndex
        while index < digits.endIndex {
            guard let high = digits[index].asHexDigit, let low = digits[index + 1].asHexDigit else {
                throw invalid("hex digits")
            }
            bytes.append(high << 4 | low)
            index += 2
        }
        return bytes
    }

    /// A whole number from 0 to the greatest of the type; nodeos writes large ones as texts.
    package mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
        _: Value.Type = Value.self
    ) throws(InvalidJSON) -> Value {
        skipSpace()
        let isText = take("\"")
        let start = offset
        var value: Value = 0
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = tens.addingReportingOverflow(Value(bytes[offset] - 0x30))
            guard !over, !overSum else { throw invalid("a number up to \(Value.max)") }
            value = sum
            offset += 1
        }
        guard offset > start, offset == start + 1 || bytes[start] != 0x30 else { throw invalid("a whole number") }
        if isText {
            guard take("\"") else { throw invalid("the end of a number") }
        } else if offset < bytes.count, [0x2e, 0x45, 0x65].contains(bytes[offset]) {
            throw invalid("a whole number")
        }
        return value
    }

    package mutating func bool() throws(InvalidJSON) -> Bool {
        if takeWord("true") { return true }
        guard takeWord("false") else { throw invalid("true or false") }
        return false
    }

    /// True: the next value was null, and has been read.
    package mutating func null() -> Bool { takeWord("null") }

    /// Reads past the next value, whatever it is.
    package mutating func skip() throws(InvalidJSON) {
        skipSpace()
        guard offset < bytes.count else { throw invalid("a value") }
        switch bytes[offset] {
        case UInt8(ascii: "{"):
            // Its names may come twice: nothing of it is used.
            try open("{", "an object")
            if !take("}") {
                repeat {
                    _ = try rawString()
                    try expect(":", "a colon")
                    try skip()
                } while take(",")
                try expect("}", "the end of an object")
            }
            depth -= 1
        case UInt8(ascii: "["): try array { scanner, _ throws(InvalidJSON) in try scanner.skip() }
        case UInt8(ascii: "\""): _ = try rawString()
        default:
            if takeWord("true") || takeWord("false") || takeWord("null") { return }
            let start = offset
            while offset < bytes.count, Self.numberBytes.contains(bytes[offset]) { offset += 1 }
            guard offset > start, bytes[start..<offset].contains(where: { (0x30...0x39).contains($0) }) else {
                throw invalid("a value")
            }
        }
    }

    /// Throws unless nothing but white space is left.
    package mutating func end() throws(InvalidJSON) {
        skipSpace()
        guard offset == bytes.count else { throw invalid("the end") }
    }

    package func invalid(_ wanted: String) -> InvalidJSON { InvalidJSON(wanted: wanted, offset: offset) }

    private static let numberBytes = Set("+-.0123456789Ee".utf8)

    private mutating func open(_ bracket: Unicode.Scalar, _ what: String) throws(InvalidJSON) {
        try expect(bracket, what)
        depth += 1
        guard depth <= Self.greatestDepth else { throw invalid("no more than \(Self.greatestDepth) levels") }
    }

    private mutating func expect(_ byte: Unicode.Scalar, _ what: String) throws(InvalidJSON) {
        guard take(byte) else { throw invalid(what) }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        skipSpace()
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: byte) else { return false }
        offset += 1
        return true
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        skipSpace()
        let length = word.utf8CodeUnitCount
        let word = UnsafeBufferPointer(start: word.utf8Start, count: length)
        guard bytes.count - offset >= length, bytes[offset..<offset + length].elementsEqual(word) else { return false }
        offset += length
        return true
    }

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) { offset += 1 }
    }

    /// What stands between the quotes of a text.
    private mutating func rawString() throws(InvalidJSON) -> (text: ArraySlice<UInt8>, hasEscapes: Bool) {
        try expect("\"", "a text")
        let start = offset
        var hasEscapes = false
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return (bytes[start..<offset - 1], hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                offset += 2
            case 0..<0x20: throw invalid("a text without control characters")
            default: offset += 1
            }
        }
        offset = bytes.count
        throw invalid("the end of a text")
    }

    private func unescaped(_ text: ArraySlice<UInt8>) throws(InvalidJSON) -> String {
        var units: [UInt8] = []
        var rest = text
        func unit(_ digits: ArraySlice<UInt8>) throws(InvalidJSON) -> UInt16 {
            guard digits.count == 4, digits.allSatisfy({ $0 != 0x2b && $0 != 0x2d }),
                let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw invalid("four hexadecimal digits") }
            return unit
        }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                units.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(escape)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0c)
            case UInt8(ascii: "n"): units.append(0x0a)
            case UInt8(ascii: "r"): units.append(0x0d)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                var pair = [try unit(rest.prefix(4))]
                rest = rest.dropFirst(4)
                if UTF16.isLeadSurrogate(pair[0]), rest.starts(with: "\\u".utf8) {
                    pair.append(try unit(rest.dropFirst(2).prefix(4)))
                    rest = rest.dropFirst(6)
                }
                units += Array(String(decoding: pair, as: UTF16.self).utf8)
            default: throw invalid("an escape that JSON has")
            }
        }
        return String(decoding: units, as: UTF8.self)
    }
}

/// Why bytes are not the JSON that was wanted.
package struct InvalidJSON: Error, Hashable, Sendable, CustomStringConvertible {
    /// What should have stood there.
    package let wanted: String
    /// Where, in bytes from the first.
    package let offset: Int

    package init(wanted: String, offset: Int) {
        self.wanted = wanted
        self.offset = offset
    }

    package var description: String { "byte \(offset): \(wanted) is missing" }
}

extension UInt8 {
    /// What an ASCII hexadecimal digit of either case stands for.
    var asHexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
