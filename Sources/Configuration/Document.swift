// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The document tree that both formats become, and how a file's bytes become one.

/// A place in the file: line and column from 1, the column counted in Unicode scalars.
struct Position: Hashable, Sendable {
    static let start = Position(line: 1, column: 1)

    var line = 1
    var column = 1

    /// Moves past `scalar`. CR LF is one line end, and so is a CR alone.
    mutating func advance(past scalar: Unicode.Scalar, before next: Unicode.Scalar?) {
        if scalar == "\n" || (scalar == "\r" && next != "\n") {
            line += 1
            column = 1
        } else {
            column += 1
        }
    }
}

/// A value that knows where it stands.
struct DocumentNode: Sendable {
    enum Value: Sendable {
        case null
        case bool(Bool)
        /// The literal as it stands in the file; it fits JSON's number grammar.
        case number(String)
        case string(String)
        case list([DocumentNode])
        /// Members in the order of the file; a key given twice is there twice.
        case object([Member])
    }

    struct Member: Sendable {
        var key: String
        var keyPosition: Position
        var value: DocumentNode
    }

    var value: Value
    var position: Position

    /// What stands there, for a message: `the text "abc"`.
    var found: String {
        switch value {
        case .null: "nothing"
        case .bool(let flag): "\(flag)"
        case .number(let literal): "the number \(literal.shortened)"
        case .string(let text): "the text \(text.quoted)"
        case .list: "a list"
        case .object: "an object"
        }
    }
}

/// Why a file is not a document; reading stops there.
struct SyntaxError: Error, Hashable {
    var position: Position
    var message: String
    var suggestion: String?
}

enum DocumentReader {
    /// The largest file that is read. A group's file has a few kilobytes.
    static let maximumBytes = 1 << 20
    /// How deep objects and lists may nest; the deepest key of ours is at 5.
    static let maximumDepth = 64

    enum Format {
        case json
        case yaml
    }

    static func read(_ bytes: [UInt8], file: String) throws(SyntaxError) -> DocumentNode {
        guard bytes.count <= maximumBytes else {
            throw SyntaxError(
                position: .start, message: "the file has \(bytes.count) bytes, \(maximumBytes) are read at most",
                suggestion: "is this the right file?")
        }
        let scalars = try decodeUTF8(bytes)
        switch format(of: file, scalars) {
        case .json: return try JSONReader.read(scalars)
        case .yaml: return try YAMLReader.read(scalars)
        }
    }

    /// The file's name decides; without a telling name, a document that begins with `{` is JSON.
    static func format(of file: String, _ scalars: [Unicode.Scalar]) -> Format {
        let name = file.lowercased()
        if name.hasSuffix(".json") { return .json }
        if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return .yaml }
        let first = scalars.first { !$0.properties.isWhitespace }
        return first == "{" ? .json : .yaml
    }

    /// Text without its byte order mark, or where the bytes stop being UTF-8.
    static func decodeUTF8(_ bytes: [UInt8]) throws(SyntaxError) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(bytes.count)
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        decoding: while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded): scalars.append(Unicode.UTF8.decode(encoded))
            case .emptyInput: break decoding
            case .error:
                let first = scalars.first == "\u{FEFF}" ? 1 : 0
                throw SyntaxError(
                    position: end(of: scalars[first...]), message: "these bytes are not UTF-8",
                    suggestion: "save the file as UTF-8")
            }
        }
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        return scalars
    }

    /// The position behind the last scalar.
    static func end(of scalars: ArraySlice<Unicode.Scalar>) -> Position {
        var position = Position.start
        for index in scalars.indices {
            let next = index + 1 < scalars.endIndex ? scalars[index + 1] : nil
            position.advance(past: scalars[index], before: next)
        }
        return position
    }
}
