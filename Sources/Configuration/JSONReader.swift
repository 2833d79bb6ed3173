// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// A strict reader of JSON (RFC 8259) that keeps positions and duplicate keys.

/// Reads one document and stops at the first character that JSON does not allow.
struct JSONReader {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var position = Position.start

    static func read(_ scalars: [Unicode.Scalar]) throws(SyntaxError) -> DocumentNode {
        var reader = JSONReader(scalars: scalars)
        reader.skipBlanks()
        let root = try reader.value(depth: 0, expected: "a value")
        reader.skipBlanks()
        guard reader.isAtEnd else {
            throw reader.unexpected("the end of the file", suggestion: "one file holds one object")
        }
        return root
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    // MARK: Values

    private mutating func value(depth: Int, expected: String) throws(SyntaxError) -> DocumentNode {
        let start = position
        guard let first = current else { throw unexpected(expected) }
        switch first {
        case "{":
            return DocumentNode(value: .object(try object(depth: depth)), position: start)
        case "[":
            return DocumentNode(value: .list(try list(depth: depth)), position: start)
        case "\"":
            return DocumentNode(value: .string(try string()), position: start)
        case "-", "0"..."9":
            return DocumentNode(value: .number(try number()), position: start)
        case "a"..."z", "A"..."Z", "_":
            return DocumentNode(value: try word(expected: expected), position: start)
        default:
            throw unexpected(expected, suggestion: hint(for: first))
        }
    }

    private mutating func object(depth: Int) throws(SyntaxError) -> [DocumentNode.Member] {
        let opening = try enter(depth)
        var members: [DocumentNode.Member] = []
        skipBlanks()
        if take("}") { return members }
        while true {
            let keyPosition = position
            guard current == "\"" else {
                let expected = members.isEmpty ? "a key in double quotes or '}'" : "a key in double quotes"
                throw unexpected(expected, suggestion: keyHint(isFirst: members.isEmpty), opening)
            }
            let key = try string()
            skipBlanks()
            guard take(":") else { throw unexpected("':' after the key \(key.quoted)", opening) }
            skipBlanks()
            let value = try value(depth: depth + 1, expected: "a value for \(key.quoted)")
            members.append(.init(key: key, keyPosition: keyPosition, value: value))
            skipBlanks()
            if take("}") { return members }
            guard take(",") else {
                let suggestion = current == "\"" ? "put a comma before this key" : current.flatMap(hint)
                throw unexpected("',' or '}'", suggestion: suggestion, opening)
            }
            skipBlanks()
        }
    }

    private mutating func list(depth: Int) throws(SyntaxError) -> [DocumentNode] {
        let opening = try enter(depth)
        var items: [DocumentNode] = []
        skipBlanks()
        if take("]") { return items }
        while true {
            if current == "]" { throw unexpected("a value", suggestion: "remove the comma before it", opening) }
            items.append(try value(depth: depth + 1, expected: "a value"))
            skipBlanks()
            if take("]") { return items }
            guard take(",") else {
                throw unexpected("',' or ']'", suggestion: current.flatMap(hint), opening)
            }
            skipBlanks()
        }
    }

    /// Takes the opening bracket and answers where it stands.
    private mutating func enter(_ depth: Int) throws(SyntaxError) -> Position {
        guard depth < DocumentReader.maximumDepth else {
            throw SyntaxError(
                position: position, message: "objects and lists nest deeper than \(DocumentReader.maximumDepth) levels")
        }
        let opening = position
        advance()
        return opening
    }

    private mutating func word(expected: String) throws(SyntaxError) -> DocumentNode.Value {
        let start = self
        var text = ""
        while let next = current, JSONReader.isWord(next) {
            text.unicodeScalars.append(next)
            advance()
        }
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default: break
        }
        let suggestion =
            switch text.lowercased() {
            case "true", "yes", "on": "write true"
            case "false", "no", "off": "write false"
            case "null", "nil", "none": "write null, or leave the key out"
            case "nan", "inf", "infinity": "JSON has finite numbers only"
            default: "text stands in double quotes"
            }
        throw SyntaxError(
            position: start.position, message: "expected \(expected), found \(text.shortened)", suggestion: suggestion)
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    // MARK: Numbers

    private mutating func number() throws(SyntaxError) -> String {
        let start = index
        take("-")
        if take("0") {
            if let next = current, JSONReader.isDigit(next) {
                throw unexpected("no digit after a leading 0", suggestion: "remove the 0")
            }
        } else {
            try digits("a digit")
        }
        if take(".") { try digits("a digit after the decimal point") }
        if take("e") || take("E") {
            if !take("+") { take("-") }
            try digits("a digit in the exponent")
        }
        var literal = ""
        literal.unicodeScalars.append(contentsOf: scalars[start..<index])
        return literal
    }

    private mutating func digits(_ expected: String) throws(SyntaxError) {
        guard let first = current, JSONReader.isDigit(first) else { throw unexpected(expected) }
        while let next = current, JSONReader.isDigit(next) { advance() }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar)
    }

    // MARK: Strings

    private mutating func string() throws(SyntaxError) -> String {
        let opening = position
        advance()
        var text = String.UnicodeScalarView()
        while let next = current {
            switch next {
            case "\"":
                advance()
                return String(text)
            case "\\":
                text.append(try escape(opening))
            case "\n", "\r":
                throw SyntaxError(
                    position: position, message: "the text that begins at \(opening.spelled) has no closing quote",
                    suggestion: "write a line end inside text as \\n")
            case "\u{0}"..."\u{1F}":
                throw SyntaxError(
                    position: position, message: "control character \(next.codePoint) inside text",
                    suggestion: next == "\t" ? "write a tab as \\t" : "remove it, or write \(JSONReader.escaped(next))")
            default:
                text.append(next)
                advance()
            }
        }
        throw unclosed(opening)
    }

    private mutating func escape(_ opening: Position) throws(SyntaxError) -> Unicode.Scalar {
        let start = position
        advance()
        guard let letter = current else { throw unclosed(opening) }
        if letter == "u" {
            advance()
            return try unicodeEscape(start, opening)
        }
        let result: Unicode.Scalar
        switch letter {
        case "\"", "\\", "/": result = letter
        case "b": result = "\u{8}"
        case "f": result = "\u{C}"
        case "n": result = "\n"
        case "r": result = "\r"
        case "t": result = "\t"
        default:
            throw SyntaxError(
                position: start, message: "\\\(String(letter).shortened) is no escape of JSON",
                suggestion: "write a backslash as \\\\")
        }
        advance()
        return result
    }

    private mutating func unicodeEscape(_ start: Position, _ opening: Position) throws(SyntaxError) -> Unicode.Scalar {
        let unit = try fourHexDigits(opening)
        let low: UInt32
        switch unit {
        case 0xD800...0xDBFF:
            guard current == "\\", index + 1 < scalars.count, scalars[index + 1] == "u" else {
                if isAtEnd { throw unclosed(opening) }
                throw unpaired(unit, start)
            }
            advance()
            advance()
            low = try fourHexDigits(opening)
            guard (0xDC00...0xDFFF).contains(low) else { throw unpaired(unit, start) }
        default:
            guard let scalar = Unicode.Scalar(unit) else { throw unpaired(unit, start) }
            return scalar
        }
        guard let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)) else {
            throw unpaired(unit, start)
        }
        return scalar
    }

    private mutating func fourHexDigits(_ opening: Position) throws(SyntaxError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let next = current else { throw unclosed(opening) }
            guard let digit = next.hexDigit else { throw unexpected("four hexadecimal digits after \\u") }
            unit = unit << 4 | digit
            advance()
        }
        return unit
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        "\\u" + scalar.codePoint.dropFirst(2)
    }

    private func unpaired(_ unit: UInt32, _ start: Position) -> SyntaxError {
        SyntaxError(
            position: start, message: "\\u\(String(unit, radix: 16)) is half of a surrogate pair and stands alone",
            suggestion: "write both halves, or the character itself")
    }

    private func unclosed(_ opening: Position) -> SyntaxError {
        SyntaxError(
            position: position,
            message: "the file ends inside the text that begins at \(opening.spelled); expected a closing quote")
    }

    // MARK: Moving on

    private var isAtEnd: Bool { index == scalars.count }

    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func advance() {
        guard index < scalars.count else { return }
        let next = index + 1 < scalars.count ? scalars[index + 1] : nil
        position.advance(past: scalars[index], before: next)
        index += 1
    }

    @discardableResult
    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        advance()
        return true
    }

    private mutating func skipBlanks() {
        while let next = current, next == " " || next == "\n" || next == "\r" || next == "\t" { advance() }
    }

    // MARK: Complaints

    private func unexpected(
        _ expected: String, suggestion: String? = nil, _ opening: Position? = nil
    ) -> SyntaxError {
        guard let found = current else {
            let origin = opening.map { " (what is open begins at \($0.spelled))" } ?? ""
            return SyntaxError(position: position, message: "the file ends here; expected \(expected)\(origin)")
        }
        return SyntaxError(
            position: position, message: "expected \(expected), found \(JSONReader.shown(found))",
            suggestion: suggestion)
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        let text = String(scalar).shortened
        return scalar == "'" ? "a single quote" : text.hasPrefix("U+") ? text : "'\(text)'"
    }

    private func keyHint(isFirst: Bool) -> String? {
        switch current {
        case "}": "remove the comma before it"
        case ",": isFirst ? nil : "remove one of the commas"
        case .some(let scalar): JSONReader.isWord(scalar) ? "put the key in double quotes" : hint(for: scalar)
        case nil: nil
        }
    }

    private func hint(for scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "'", "\u{2018}", "\u{2019}", "\u{201C}", "\u{201D}": "JSON quotes text with \" only"
        case "/", "#": "JSON has no comments; a YAML file may have them"
        case "}", "]", ",": "a value is missing before it"
        case "+": "write the number without +"
        case ".": "write a digit before the decimal point"
        default: nil
        }
    }
}

extension Position {
    /// `3:14`
    var spelled: String { "\(line):\(column)" }
}

extension Unicode.Scalar {
    /// The value of an ASCII hexadecimal digit.
    fileprivate var hexDigit: UInt32? {
        switch self {
        case "0"..."9": value - 0x30
        case "a"..."f": value - 0x61 + 10
        case "A"..."F": value - 0x41 + 10
        default: nil
        }
    }
}
