// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// YAML through libyaml, turned into the same tree as JSON. Types follow YAML 1.2's core schema, with JSON's numbers.

import CYAML

enum YAMLReader {
    static func read(_ scalars: [Unicode.Scalar]) throws(SyntaxError) -> DocumentNode {
        try refuseCharacters(of: scalars)
        let end = DocumentReader.end(of: scalars[...])
        let bytes = Array(String(String.UnicodeScalarView(scalars)).utf8)
        return try bytes.withUnsafeBufferPointer { (input) throws(SyntaxError) -> DocumentNode in
            // libyaml's parser holds its own address and that of its input: neither may move.
            let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
            defer { parser.deallocate() }
            guard !input.isEmpty else { throw EventReader.emptyFile }
            guard yaml_parser_initialize(parser) == 1 else { throw EventReader.noMemory }
            defer { yaml_parser_delete(parser) }
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, input.baseAddress, input.count)
            return try EventReader(parser: parser, end: end).document()
        }
    }

    /// Refuses what YAML forbids, and what ends a line in YAML 1.1 but not in 1.2 (U+0085, U+2028, U+2029).
    private static func refuseCharacters(of scalars: [Unicode.Scalar]) throws(SyntaxError) {
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            case "\t", "\n", "\r", "\u{20}"..."\u{7E}", "\u{A0}"..."\u{2027}", "\u{202A}"..."\u{D7FF}",
                "\u{E000}"..."\u{FEFE}", "\u{FF00}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                break
            default:
                throw SyntaxError(
                    position: DocumentReader.end(of: scalars[..<index]),
                    message: "the character \(scalar.codePoint) cannot stand in a YAML file", suggestion: "remove it")
            }
        }
    }
}

/// Builds the tree from libyaml's events. There are no aliases, so the file's size bounds the tree's.
private struct EventReader {
    static let emptyFile = SyntaxError(
        position: .start, message: "the file is empty", suggestion: "see the sample files")
    static let noMemory = SyntaxError(position: .start, message: "no memory is left to read YAML")

    enum Event {
        case scalar(String, isPlain: Bool)
        case listStart, objectStart
        /// Of the stream, then of a document.
        case start
        /// Of what was started last.
        case end
    }

    let parser: UnsafeMutablePointer<yaml_parser_t>
    /// Behind the last character.
    let end: Position

    func document() throws(SyntaxError) -> DocumentNode {
        _ = try next()  // the start of the stream
        guard case .start = try next().event, let root = try node(depth: 0) else { throw EventReader.emptyFile }
        _ = try next()  // the end of the document
        let (event, position) = try next()
        guard case .end = event else {
            throw SyntaxError(
                position: position, message: "a second document begins here", suggestion: "one file holds one object")
        }
        return root
    }

    /// The next value; nil when the list or object ends instead.
    private func node(depth: Int) throws(SyntaxError) -> DocumentNode? {
        let (event, position) = try next()
        let isDeepest = depth == DocumentReader.maximumDepth
        switch event {
        case .listStart where isDeepest, .objectStart where isDeepest:
            throw SyntaxError(
                position: position, message: "objects and lists nest deeper than \(DocumentReader.maximumDepth) levels")
        case .scalar(let text, let isPlain):
            return DocumentNode(value: isPlain ? plain(text) : .string(text), position: position)
        case .listStart:
            var items: [DocumentNode] = []
            while let item = try node(depth: depth + 1) { items.append(item) }
            return DocumentNode(value: .list(items), position: position)
        case .objectStart:
            var members: [DocumentNode.Member] = []
            while let (key, keyPosition) = try key(), let value = try node(depth: depth + 1) {
                members.append(.init(key: key, keyPosition: keyPosition, value: value))
            }
            return DocumentNode(value: .object(members), position: position)
        case .start, .end:
            return nil
        }
    }

    /// The next key; nil when the object ends instead.
    private func key() throws(SyntaxError) -> (String, Position)? {
        let (event, position) = try next()
        switch event {
        case .scalar("<<", _):
            throw SyntaxError(
                position: position, message: "merge keys (<<) are not read", suggestion: "write the keys out")
        case .scalar(let text, _):
            return (text, position)
        case .start, .listStart, .objectStart:
            throw SyntaxError(
                position: position, message: "a key must be text, not a list or an object",
                suggestion: "check the brackets and braces from here on")
        case .end:
            return nil
        }
    }

    private func plain(_ text: String) -> DocumentNode.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE": .bool(true)
        case "false", "False", "FALSE": .bool(false)
        default: isNumber(text) ? .number(text) : .string(text)
        }
    }

    /// JSON's number grammar. What YAML 1.1 also takes for a number (010, 0x1F, 1_000, 1:30) is text here, so that
    /// both formats mean the same by the same characters.
    private func isNumber(_ text: String) -> Bool {
        guard case .number(let literal)? = try? JSONReader.read(Array(text.unicodeScalars)).value else { return false }
        return literal == text
    }

    private func next() throws(SyntaxError) -> (event: Event, position: Position) {
        var event = yaml_event_t()
        defer { yaml_event_delete(&event) }
        guard yaml_parser_parse(parser, &event) == 1 else { throw complaint }
        let position = position(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT:
            return (.start, position)
        case YAML_SEQUENCE_START_EVENT:
            let list = event.data.sequence_start
            try refuse(tag: list.tag, anchor: list.anchor, at: position)
            return (.listStart, position)
        case YAML_MAPPING_START_EVENT:
            let object = event.data.mapping_start
            try refuse(tag: object.tag, anchor: object.anchor, at: position)
            return (.objectStart, position)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            try refuse(tag: scalar.tag, anchor: scalar.anchor, at: position)
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return (.scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), position)
        case YAML_ALIAS_EVENT:
            throw anchored(at: position)
        default:
            return (.end, position)
        }
    }

    private func refuse(
        tag: UnsafeMutablePointer<yaml_char_t>?, anchor: UnsafeMutablePointer<yaml_char_t>?, at position: Position
    ) throws(SyntaxError) {
        guard tag == nil else {
            throw SyntaxError(
                position: position, message: "tags (!) are not read", suggestion: "leave the tag out; quotes make text")
        }
        guard anchor == nil else { throw anchored(at: position) }
    }

    private func anchored(at position: Position) -> SyntaxError {
        SyntaxError(
            position: position, message: "anchors and aliases (& and *) are not read", suggestion: "write the value out"
        )
    }

    /// libyaml counts lines and characters from 0. Behind a last line without an end it marks a line that is not there.
    private func position(_ mark: yaml_mark_t) -> Position {
        mark.line < end.line ? Position(line: mark.line + 1, column: mark.column + 1) : end
    }

    private var complaint: SyntaxError {
        guard let words = parser.pointee.problem else { return EventReader.noMemory }
        let problem = String(cString: words)
        let origin = parser.pointee.context.map { context in
            " (\(String(cString: context)), from \(position(parser.pointee.context_mark).spelled))"
        }
        return SyntaxError(
            position: position(parser.pointee.problem_mark), message: "not YAML: \(problem)\(origin ?? "")",
            suggestion: problem.contains("tab") || problem.contains("token")
                ? "indent with blanks, and put text with special characters in quotes" : nil)
    }
}
