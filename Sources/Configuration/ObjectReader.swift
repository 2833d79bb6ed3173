// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Typed access to an object of the document. Reports unknown and duplicate keys when it opens the object, and values
// of the wrong type when they are asked for.

struct ObjectReader {
    let path: String
    let position: Position
    let findings: Findings
    private var members: [String: DocumentNode.Member] = [:]

    /// Opens an object; nil, with an error reported, when `node` is something else.
    init?(_ node: DocumentNode, path: String, keys: KnownKeys, findings: Findings) {
        self.path = path
        self.position = node.position
        self.findings = findings
        guard case .object(let given) = node.value else {
            findings.error(
                node.position, path.isEmpty ? nil : path, "found \(node.found), wanted an object",
                "write {\"\(keys.all.first ?? "key")\": ...}")
            return nil
        }
        let known = Set(keys.all)
        var first: [String: DocumentNode.Member] = [:]
        for member in given {
            let keyPath = pathOf(member.key)
            if let earlier = first[member.key] {
                findings.error(
                    member.keyPosition, keyPath,
                    "duplicate key \(member.key.quoted), first given at \(earlier.keyPosition.spelled)",
                    "keep one of them")
                continue
            }
            first[member.key] = member
            guard known.contains(member.key) else {
                findings.error(
                    member.keyPosition, keyPath, "unknown key \(member.key.quoted)", keys.suggestion(for: member.key))
                continue
            }
            if case .null = member.value.value {
                findings.warn(
                    member.value.position, keyPath, "\(member.key) has no value and counts as not given",
                    "give it a value, or leave the key out")
                continue
            }
            members[member.key] = member
        }
    }

    /// Whether the key is there with a value, right or wrong.
    func has(_ key: String) -> Bool { members[key] != nil }

    func pathOf(_ key: String) -> String {
        let name = key.shortened
        return path.isEmpty ? name : "\(path).\(name)"
    }

    /// Where the value of `key` stands; the object's own place when it is not given.
    func place(of key: String) -> Position { members[key]?.value.position ?? position }

    func node(_ key: String) -> DocumentNode? { members[key]?.value }

    func error(_ key: String, _ message: String, _ suggestion: String? = nil) {
        findings.error(place(of: key), pathOf(key), message, suggestion)
    }

    func warn(_ key: String, _ message: String, _ suggestion: String? = nil) {
        findings.warn(place(of: key), pathOf(key), message, suggestion)
    }

    /// Reports a rule that `key` breaks; see `Findings.broken`.
    @discardableResult
    func broken(
        _ origin: RuleOrigin, _ key: String, _ message: String, _ suggestion: String? = nil
    ) -> Findings.Consequence {
        findings.broken(origin, place(of: key), pathOf(key), message, suggestion)
    }

    // MARK: Values. Nil always means: not given, or wrong and reported.

    /// How an integer may be written.
    enum Spelling {
        case number
        /// Also as text: "8988".
        case numberOrText
    }

    func integer(_ key: String, _ spelling: Spelling = .number) -> Int? {
        guard let node = node(key) else { return nil }
        let wanted = spelling == .number ? "a whole number" : "a whole number, bare or as text"
        switch node.value {
        case .number(let literal):
            if let number = Int(literal) { return number }
            // Taurus reads 2.0 as 2.
            if let value = Double(literal), value.isFinite, value == value.rounded(), let number = Int(exactly: value) {
                broken(.ours, key, "found \(node.found), wanted \(wanted)", "write \(number)")
                return findings.consequenceOfOurRules == .goesOn ? number : nil
            }
        case .string(let text):
            guard let number = ObjectReader.digits(text) else { break }
            if spelling == .numberOrText { return number }
            broken(.ours, key, "found \(node.found), wanted \(wanted)", "write \(number), without quotes")
            return findings.consequenceOfOurRules == .goesOn ? number : nil
        case .null, .bool, .list, .object:
            break
        }
        error(key, "found \(node.found), wanted \(wanted)", "write it like 3, without quotes or a point")
        return nil
    }

    /// An integer written as one, and nothing reported when it is not.
    func plainInteger(_ key: String) -> Int? {
        guard case .number(let literal)? = node(key)?.value else { return nil }
        return Int(literal)
    }

    private static func digits(_ text: String) -> Int? {
        let unsigned = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !unsigned.isEmpty, unsigned.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(text)
    }

    /// An integer within `range`. One out of range breaks a rule of `origin`; where that does not stop the file,
    /// `fallback` is used instead.
    func integer(_ key: String, in range: ClosedRange<Int>, origin: RuleOrigin, default fallback: Int) -> Int? {
        guard has(key) else { return fallback }
        guard let number = integer(key) else { return nil }
        if range.contains(number) { return number }
        let instead = ObjectReader.instead(origin, findings, fallback)
        switch broken(
            origin, key, "\(number) is not from \(range.lowerBound) to \(range.upperBound)\(instead)",
            "leave it out for \(fallback)")
        {
        case .goesOn: return fallback
        case .stops: return nil
        }
    }

    private static func instead(_ origin: RuleOrigin, _ findings: Findings, _ fallback: Int) -> String {
        switch (origin, findings.consequenceOfOurRules) {
        case (.ours, .goesOn): ", \(fallback) is used instead"
        case (.ours, .stops), (.taurus, _): ""
        }
    }

    func decimal(_ key: String) -> Double? {
        guard let node = node(key) else { return nil }
        if case .number(let literal) = node.value, let number = Double(literal), number.isFinite { return number }
        error(key, "found \(node.found), wanted a number", "write it like 0.01, without quotes")
        return nil
    }

    func flag(_ key: String, default fallback: Bool) -> Bool? {
        guard let node = node(key) else { return fallback }
        let lenient: Bool
        switch node.value {
        case .bool(let flag): return flag
        // Taurus takes "true", "false" and numbers.
        case .string("true"), .number("1"): lenient = true
        case .string("false"), .number("0"): lenient = false
        case .null, .number, .string, .list, .object:
            error(key, "found \(node.found), wanted true or false", "write true or false, without quotes")
            return nil
        }
        broken(.ours, key, "found \(node.found), wanted true or false", "write \(lenient), without quotes")
        return findings.consequenceOfOurRules == .goesOn ? lenient : nil
    }

    /// What an empty text means.
    enum Empty {
        case isWrong
        /// As Taurus takes it.
        case isNotGiven
    }

    func text(_ key: String, like example: String, empty: Empty = .isWrong) -> String? {
        guard let node = node(key) else { return nil }
        guard case .string(let text) = node.value else {
            error(key, "found \(node.found), wanted text", "write it in quotes, like \"\(example)\"")
            return nil
        }
        if text.isEmpty {
            switch empty {
            case .isWrong: error(key, "\(key) is empty", "write it like \"\(example)\", or leave the key out")
            case .isNotGiven: break
            }
            return nil
        }
        guard !text.unicodeScalars.contains("\0") else {
            error(key, "found \(node.found) with a NUL character", "remove it")
            return nil
        }
        return text
    }

    func list(_ key: String) -> [DocumentNode]? {
        guard let node = node(key) else { return nil }
        if case .list(let items) = node.value { return items }
        error(key, "found \(node.found), wanted a list", "write [ ... ]")
        return nil
    }

    /// A list of texts without the wrong ones, which are reported.
    func texts(_ key: String) -> [(text: String, path: String, position: Position)]? {
        guard let items = list(key) else { return nil }
        var result: [(text: String, path: String, position: Position)] = []
        for (index, item) in items.enumerated() {
            let itemPath = "\(pathOf(key))[\(index)]"
            if case .string(let text) = item.value, !text.isEmpty {
                result.append((text, itemPath, item.position))
            } else {
                findings.error(item.position, itemPath, "found \(item.found), wanted text", "write it in quotes")
            }
        }
        return result
    }

    func object(_ key: String, _ keys: KnownKeys) -> ObjectReader? {
        guard let node = node(key) else { return nil }
        return ObjectReader(node, path: pathOf(key), keys: keys, findings: findings)
    }

    func address(_ key: String) -> HostPort? {
        guard let text = text(key, like: "127.0.0.1:8988") else { return nil }
        do {
            return try HostPort(parsing: text)
        } catch {
            self.error(key, error.message, error.suggestion)
            return nil
        }
    }

    func url(_ key: String, path pathRule: URLPath, bareScheme: ServiceURL.Scheme = .http) -> ServiceURL? {
        guard let text = text(key, like: "http://127.0.0.1:8888") else { return nil }
        do {
            let url = try ServiceURL(parsing: text, bareScheme: bareScheme)
            guard pathRule == .allowed || url.path.isEmpty else {
                error(
                    key, "\(text.quoted) has a path", "write \("\(url.scheme.rawValue)://\(url.endpoint)".quoted)")
                return nil
            }
            return url
        } catch {
            self.error(key, error.message, error.suggestion)
            return nil
        }
    }

    enum URLPath {
        case none
        case allowed
    }
}
