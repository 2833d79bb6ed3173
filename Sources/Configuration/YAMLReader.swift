// YAML through Yams, turned into the same tree as JSON. Types follow YAML 1.2's core schema, with JSON's numbers.

import Yams

enum YAMLReader {
    /// Every alias repeats what its anchor holds, so aliases of aliases multiply; a group's file needs few.
    static let maximumAnchorsAndAliases = 32
    /// The largest tree that is built, aliases written out.
    static let maximumNodes = 100_000

    static func read(_ scalars: [Unicode.Scalar]) throws(SyntaxError) -> DocumentNode {
        try refuseWhatNoDocumentNeeds(scalars)
        var repair = DuplicateKeys(scalars)
        while true {
            do {
                guard let root = try Yams.compose(yaml: repair.text, .default, .default, .utf8) else {
                    throw SyntaxError(
                        position: .start, message: "the file is empty", suggestion: "see the sample files")
                }
                var converter = Converter(keys: repair)
                return try converter.node(root, depth: 0)
            } catch let error as SyntaxError {
                throw error
            } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
                let position = Position(line: context.mark.line, column: context.mark.column)
                guard let key = duplicates.first, repair.setAside(key, at: position) else {
                    throw SyntaxError(
                        position: position,
                        message: "the key \((duplicates.first ?? "").quoted) is given more than once in this object",
                        suggestion: "keep one of them")
                }
            } catch {
                throw syntaxError(error, end: DocumentReader.end(of: scalars[...]))
            }
        }
    }

    private static func refuseWhatNoDocumentNeeds(_ scalars: [Unicode.Scalar]) throws(SyntaxError) {
        var anchors = 0
        var aliases = 0
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            case "&": anchors += 1
            case "*": aliases += 1
            case "\t", "\n", "\r", "\u{20}"..."\u{7E}", "\u{85}", "\u{A0}"..."\u{D7FF}", "\u{E000}"..."\u{FEFE}",
                "\u{FF00}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                break
            default:
                throw SyntaxError(
                    position: DocumentReader.end(of: scalars[..<index]),
                    message: "YAML does not allow the character \(scalar.codePoint)", suggestion: "remove it")
            }
        }
        if anchors > 0, anchors + aliases > maximumAnchorsAndAliases {
            throw SyntaxError(
                position: .start, message: "more than \(maximumAnchorsAndAliases) anchors and aliases (& and *)",
                suggestion: "write the values out")
        }
    }

    private static func syntaxError(_ error: any Error, end: Position) -> SyntaxError {
        let problem: String
        let context: YamlError.Context?
        let mark: Mark
        switch error {
        case YamlError.scanner(let itsContext, let itsProblem, let itsMark, _),
            YamlError.parser(let itsContext, let itsProblem, let itsMark, _),
            YamlError.composer(let itsContext, let itsProblem, let itsMark, _):
            (problem, context, mark) = (itsProblem, itsContext, itsMark)
        default:
            return SyntaxError(position: .start, message: "not readable as YAML: \("\(error)".shortened)")
        }
        // The reader is given some blank lines behind the end, so an error there belongs to the end.
        var position = Position(line: max(1, mark.line), column: max(1, mark.column))
        if position.line > end.line { position = end }
        let origin = context.map { " (\($0.text), from \($0.mark.line):\($0.mark.column))" } ?? ""
        return SyntaxError(
            position: position, message: "not YAML: \(problem)\(origin)",
            suggestion: problem.contains("tab") || problem.contains("token")
                ? "indent with blanks, and put text with special characters in quotes" : nil)
    }

    /// Turns Yams's nodes into ours.
    private struct Converter {
        let keys: DuplicateKeys
        var count = 0

        mutating func node(_ node: Yams.Node, depth: Int) throws(SyntaxError) -> DocumentNode {
            let position = node.mark.map { Position(line: $0.line, column: $0.column) } ?? .start
            count += 1
            guard depth <= DocumentReader.maximumDepth, count <= YAMLReader.maximumNodes else {
                throw SyntaxError(
                    position: position,
                    message: "nests deeper than \(DocumentReader.maximumDepth) levels, or has more than "
                        + "\(YAMLReader.maximumNodes) values")
            }
            switch node {
            case .scalar(let scalar):
                return DocumentNode(value: YAMLReader.value(of: scalar), position: position)
            case .sequence(let sequence):
                var items: [DocumentNode] = []
                for item in sequence { items.append(try self.node(item, depth: depth + 1)) }
                return DocumentNode(value: .list(items), position: position)
            case .mapping(let mapping):
                var members: [DocumentNode.Member] = []
                for (key, value) in mapping {
                    let keyPosition = key.mark.map { Position(line: $0.line, column: $0.column) } ?? position
                    guard case .scalar(let scalar) = key else {
                        throw SyntaxError(
                            position: keyPosition, message: "a key must be text, not a list or an object")
                    }
                    let name = keys.original(of: scalar.string)
                    guard name != "<<" else {
                        throw SyntaxError(
                            position: keyPosition, message: "merge keys (<<) are not read",
                            suggestion: "write the keys out, or use an alias as a whole value")
                    }
                    members.append(
                        .init(key: name, keyPosition: keyPosition, value: try self.node(value, depth: depth + 1)))
                }
                return DocumentNode(value: .object(members), position: position)
            case .alias:
                throw SyntaxError(
                    position: position, message: "an alias that is not resolved", suggestion: "write the value out")
            }
        }
    }

    private static func value(of scalar: Yams.Node.Scalar) -> DocumentNode.Value {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.tag.description {
        case "", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float",
            "tag:yaml.org,2002:null":
            break
        default:
            return .string(scalar.string)
        }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: return isNumber(scalar.string) ? .number(scalar.string) : .string(scalar.string)
        }
    }

    /// JSON's number grammar. What YAML 1.1 also takes for a number (010, 0x1F, 1_000, 1:30) is text here, so that
    /// both formats mean the same by the same characters.
    static func isNumber(_ text: String) -> Bool {
        guard case .number(let literal)? = try? JSONReader.read(Array(text.unicodeScalars)).value else { return false }
        return literal == text
    }
}

/// Yams stops at the first object with a key given twice. To go on, all but one of the equal keys are replaced, for
/// reading only, by as many characters of a private range, which moves nothing; the tree gets the true key back.
private struct DuplicateKeys {
    /// More duplicate keys than this are not looked for.
    static let maximumCount = 64
    /// Every one means reading again; no more than this many characters are read in all.
    static let maximumCharactersRead = 1 << 20
    static let privateRange: ClosedRange<UInt32> = 0xE000...0xE000 + UInt32(maximumCount)

    private var scalars: [Unicode.Scalar]
    private var originals: [String: String] = [:]
    private let mayReplace: Bool

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
        mayReplace = !scalars.contains { DuplicateKeys.privateRange.contains($0.value) }
    }

    /// The text to read. Blank lines at the end keep it out of a short string's inline storage, whose address Yams
    /// would use for longer than it is valid.
    var text: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        if scalars.count < 32 { view.append(contentsOf: String(repeating: "\n", count: 32).unicodeScalars) }
        return String(view)
    }

    func original(of key: String) -> String { originals[key] ?? key }

    /// Replaces the key that stands at `position`, bare or in quotes. False when it cannot be told from the text.
    mutating func setAside(_ key: String, at position: Position) -> Bool {
        let letters = Array(key.unicodeScalars)
        guard mayReplace, !letters.isEmpty, originals.count < DuplicateKeys.maximumCount,
            (originals.count + 1) * scalars.count <= DuplicateKeys.maximumCharactersRead,
            let stand = Unicode.Scalar(DuplicateKeys.privateRange.lowerBound + UInt32(originals.count)),
            var start = index(of: position)
        else { return false }
        if scalars[start] == "\"" || scalars[start] == "'" { start += 1 }
        let end = start + letters.count
        guard end <= scalars.count, Array(scalars[start..<end]) == letters else { return false }
        let replacement = [Unicode.Scalar](repeating: stand, count: letters.count)
        scalars.replaceSubrange(start..<end, with: replacement)
        var view = String.UnicodeScalarView()
        view.append(contentsOf: replacement)
        originals[String(view)] = key
        return true
    }

    private func index(of wanted: Position) -> Int? {
        var position = Position.start
        for index in scalars.indices {
            if position == wanted { return index }
            let next = index + 1 < scalars.count ? scalars[index + 1] : nil
            position.advance(past: scalars[index], before: next)
        }
        return nil
    }
}
