// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

@Suite struct YAMLReaderTests {
    @Test func theSameKeysLoadFromYAML() throws {
        let result = load(Samples.yaml, "group.yaml")
        let configuration = try #require(result.configuration, "\(result.diagnostics)")
        #expect(
            configuration.peers.map(\.address.description) == [
                "bp1.example.com:8988", "bp2.example.com:8988", "[2001:db8::3]:8988",
            ])
        #expect(configuration.peers.map(\.listeningPort) == [8988, 8988, 8999])
        #expect(
            configuration.peers.map(\.api.description) == [
                "http://bp1.example.com:9988", "http://bp2.example.com:9988", "http://[2001:db8::3]:9999",
            ])
        #expect(configuration.regionName == "east")
        #expect(configuration.isActive)
    }

    @Test func positionsAreExact() throws {
        let text = Samples.yaml.replacing("id: 3", with: "id: x").replacing("region", with: "regoin")
        let errors = load(text, "group.yml").errors
        #expect(errors.map { "\($0.line):\($0.column)" } == ["5:1", "10:9"], "\(errors)")
        #expect(errors.first?.suggestion == "did you mean \"region\"?")
    }

    @Test func columnsCountCharactersNotBytes() throws {
        let error = try soleError(Samples.yaml + "\n\"\u{E9}\u{1F600}\": {a: 1}", "group.yaml")
        #expect((error.line, error.column) == (13, 1))
        let other = load("{\"\u{E9}\u{1F600}\": 1, b: 2}", "group.yaml").errors
        #expect(other.contains { $0.key == "b" && $0.column == 11 }, "\(other)")
    }

    @Test func allDuplicateKeysAreReportedWithTheRest() {
        let text = """
            self: 1
            self: 2
            "self": 3
            region: east
            peers:
              - {id: 1, address: "a:1", 'id': 2}
              - id: 2
                address: "b:1"
                id: 2
              - {id: 3, address: "c:x"}
            """
        let result = load(text, "group.yaml")
        #expect(
            result.errors.map { "\($0.line):\($0.column) \($0.message.prefix(13))" } == [
                "1:1 leader_electi", "2:1 duplicate key", "3:1 duplicate key", "6:29 duplicate key",
                "9:5 duplicate key",
                "10:22 \"c:x\": the po",
            ], "\(result.errors)")
        #expect(result.has(.error, "self", "first given at 1:1"))
        #expect(result.has(.error, "peers[1].id", "first given at 7:5"))
    }

    @Test func aDuplicateIsFoundUnderEverySpelling() {
        let text = """
            s\u{E9}lf: 1
            "s\\u00E9lf": 2
            's\u{E9}lf': 3
            ? s\u{E9}lf
            : 4
            peers: [{id: 1, "i\\x64": 2, 'id' : 3, "id": 4}, {id: 1}]
            "p\\x65ers": []
            """
        let duplicates = load(text, "group.yaml").errors.filter { $0.message.hasPrefix("duplicate key") }
        #expect(
            duplicates.map { "\($0.line):\($0.column) \($0.key ?? "")" } == [
                "2:1 s\u{E9}lf", "3:1 s\u{E9}lf", "4:3 s\u{E9}lf", "6:17 peers[0].id", "6:29 peers[0].id",
                "6:39 peers[0].id", "7:1 peers",
            ], "\(duplicates)")
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func bothReadersSeeTheSameTreeAtTheSamePlaces(_ lineEnd: String) throws {
        let text = """
            {"\u{E9}\u{1F600}": {"a": [1, -2.5e3, 1e3, "x\\u00E9\\n\\"", true, false, null, [], {}], "b": ""},
            \t"\u{65E5}\u{672C}": "\u{1D11E}'", "e\u{301}": "\u{FFFD}\u{E000}", \t"n": [[-0, 0.5],
                ["010", {"\u{1F1E9}\u{1F1EA}": "z"}]]}
            """.replacing("\n", with: lineEnd)
        let scalars = Array(text.unicodeScalars)
        let yaml = outline(try YAMLReader.read(scalars))
        #expect(yaml == outline(try JSONReader.read(scalars)))
        #expect(yaml.count == 30)
    }

    @Test(arguments: [
        ("a:\t1\t# x\nb: \"\u{E9}\t\" \n", ["1:1 object", "1:1 key a", "1:4 1", "2:1 key b", "2:4 \"\u{E9}\t\""]),
        (
            "\u{FEFF}a:\r\n- \u{1F600}: 1\r\n",
            [
                "1:1 object", "1:1 key a", "2:1 list", "2:3 object",
                "2:3 key \u{1F600}", "2:6 1",
            ]
        ),
        (
            "# \u{65E5}\u{672C}\n\n  a: |\n    \u{E9}\n  b: x",
            [
                "3:3 object", "3:3 key a", "3:6 \"\u{E9}\n\"",
                "5:3 key b", "5:6 \"x\"",
            ]
        ),
        (
            "[\u{E9}, {? a}, b: ]",
            [
                "1:1 list", "1:2 \"\u{E9}\"", "1:5 object", "1:8 key a", "1:9 null",
                "1:12 object", "1:12 key b", "1:15 null",
            ]
        ),
        ("a:", ["1:1 object", "1:1 key a", "1:3 null"]),
        ("? a", ["1:1 object", "1:3 key a", "1:4 null"]),
        ("---", ["1:4 null"]),
    ])
    func everyNodeStandsWhereItBegins(_ text: String, _ expected: [String]) throws {
        #expect(outline(try DocumentReader.read(Array(text.utf8), file: "a.yaml")) == expected)
    }

    @Test(arguments: [
        ("yes", "the text"), ("on", "the text"), ("1.5", "the number"), ("\"true\"", "the text"), ("[]", "a list"),
    ])
    func onlyTrueAndFalseAreBooleans(_ value: String, _ found: String) {
        let result = load(Samples.yaml + "\nrequire_tls: \(value)", "group.yaml")
        #expect(result.has(.error, "require_tls", "found \(found)"), "\(result.diagnostics)")
    }

    @Test(arguments: ["0x10", "010", "1_000", "0o17", "+5", ".5", "1:30", "\"7\"", "7.5"])
    func integersAreTheSameAsInJSON(_ value: String) {
        let result = load(Samples.yaml + "\nreturn_gate_ms: \(value)", "group.yaml")
        #expect(result.has(.error, "return_gate_ms", "wanted a whole number"), "\(result.diagnostics)")
    }

    @Test(arguments: ["", "~", "null"])
    func aKeyWithoutValueCountsAsNotGiven(_ value: String) throws {
        let result = load(Samples.yaml + "\nreturn_gate_ms: \(value)", "group.yaml")
        #expect(result.configuration?.returnGate == .milliseconds(10000))
        #expect(result.has(.warning, "return_gate_ms", "counts as not given"))
    }

    @Test(arguments: [
        "a: [1, 2", "a: b: c", "\ta: 1", "a: 'x", "a: \"\\q\"", "- 1\na: 2", "%", "a: *nothing", "a: 1\n---\nb: 2", "",
        "# only a note", "a: @x", "? [1]\n: 2", "<<: {a: 1}", "a: \u{7}", "a: \u{0}b",
    ])
    func whatIsNotOneDocumentGivesOneErrorInsideTheFile(_ text: String) throws {
        let result = load(text, "group.yaml")
        #expect(result.errors.count == 1, "\(result.diagnostics)")
        let error = try #require(result.errors.first)
        #expect(error.line >= 1 && error.line <= 4 && error.column >= 1, "\(error)")
    }

    @Test(arguments: [
        ("a: &b 1", 4, "anchors"), ("a: *b", 4, "anchors"), ("&b a: 1", 1, "anchors"), ("a: &b [x]", 4, "anchors"),
        ("a: [1, &b {c: 1}]", 8, "anchors"), ("a: &b", 4, "anchors"), ("*b : 1", 1, "anchors"),
        ("a: !!str 5", 4, "tags"), ("a: ! 5", 4, "tags"), ("a: !own {b: 1}", 4, "tags"), ("!!map {a: 1}", 1, "tags"),
        ("a: !!seq []", 4, "tags"), ("!!str a: 1", 1, "tags"), ("<<: *b", 1, "merge keys"),
    ])
    func anchorsAliasesTagsAndMergeKeysAreRefused(_ text: String, _ column: Int, _ what: String) throws {
        let error = try soleError(text, "group.yaml")
        #expect(error.column == column && error.message.hasPrefix(what) && error.suggestion != nil, "\(error)")
    }

    @Test func whatLooksLikeAnAnchorOrTagInTextIsText() throws {
        let node = try DocumentReader.read(Array("a: 'x&y *z !t'\nb&c: d*e!\n# &f *g !h".utf8), file: "a.yaml")
        #expect(
            outline(node) == ["1:1 object", "1:1 key a", "1:4 \"x&y *z !t\"", "2:1 key b&c", "2:6 \"d*e!\""])
    }

    @Test func aliasesCannotMultiply() {
        var bomb = "a0: &a0 [x]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
        #expect(load(bomb, "group.yaml").errors.map(\.column) == [5])
        let nest = 900
        var tower = "- &t0 x\n"
        for level in 1...15 {
            tower += "- &t\(level) " + String(repeating: "[", count: nest) + "*t\(level - 1)"
            tower += String(repeating: "]", count: nest) + "\n"
        }
        #expect(load(tower, "group.yaml").errors.count == 1)
    }

    @Test(arguments: [
        ("[", "]"), ("{a: ", "}"), ("[a: ", "]"), ("{\"a\": [", "]}"),
    ])
    func bothReadersNestEquallyDeep(_ opening: String, _ closing: String) throws {
        let levels = opening.count { $0 == "[" || $0 == "{" || opening == "[a: " && $0 == ":" }
        func read(_ count: Int) throws -> DocumentNode {
            let text = String(repeating: opening, count: count) + "1" + String(repeating: closing, count: count)
            return try YAMLReader.read(Array(text.unicodeScalars))
        }
        let deepest = DocumentReader.maximumDepth / levels
        #expect(outline(try read(deepest)).last?.hasSuffix(" 1") == true)
        let error = #expect(throws: SyntaxError.self) { try read(deepest + 1) }
        #expect(error?.message == "objects and lists nest deeper than 64 levels")
    }

    @Test(arguments: [false, true], [false, true])
    func utf16IsRefused(_ isBigEndian: Bool, _ hasMark: Bool) throws {
        let units = Array((hasMark ? "\u{FEFF}" : "").utf16) + Array(Samples.yaml.utf16)
        let bytes = units.flatMap { unit in
            let pair = [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)]
            return isBigEndian ? pair.reversed() : pair
        }
        let result = ConfigurationLoader.load(bytes: bytes, file: "group.yaml", environment: [:])
        let error = try #require(result.errors.first)
        #expect(result.errors.count == 1 && error.line == 1 && error.column <= 2, "\(error)")
        #expect(error.message.contains(hasMark ? "not UTF-8" : "U+0000"))
    }

    @Test(arguments: [
        ("a: [1, 2", "1:9"), ("a: [1, 2\n", "2:1"), ("\u{E9}: 'x", "1:6"), ("a: 1\r\n\tb: 2", "2:1"),
        ("a: \"\\q\"", "1:5"), ("a: 1\n---\nb: 2", "2:1"), ("a: 1\n...\nb: 2", "3:1"),
        ("a: \u{1F600}\u{7}", "1:5"), ("a: b\n# \u{2028}", "2:3"), ("\u{E9}\u{E9}: 1\n\u{E9}: b: c", "2:5"),
    ])
    func anErrorStandsWhereReadingStopped(_ text: String, _ place: String) throws {
        let error = try soleError(text, "group.yaml")
        #expect("\(error.line):\(error.column)" == place, "\(error)")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[&a [", "\""])
    func depthNeverTraps(_ opening: String) {
        for count in [100, 1000, 100_000] {
            #expect(load(String(repeating: opening, count: count), "group.yaml").errors.count == 1)
        }
    }

    @Test(arguments: ["self: 1\n", "a:\n "])
    func duplicatesAreBoundedOnlyInTheFindings(_ line: String) {
        let result = load(String(repeating: line, count: 100_000), "group.yaml")
        #expect(result.configuration == nil && result.diagnostics.count <= Findings.maximumCount + 1)
        let expected = line == "a:\n " ? "unknown key \"a\"" : "duplicate key \"self\", first given at 1:1"
        #expect(result.errors.contains { $0.message == expected }, "\(result.diagnostics.prefix(3))")
    }

    @Test func everyTruncationIsReadOrRefused() {
        let bytes = Array(Samples.yaml.utf8)
        for length in bytes.indices {
            let result = ConfigurationLoader.load(bytes: Array(bytes[..<length]), file: "t.yaml", environment: [:])
            #expect((result.configuration == nil) == result.hasErrors, "cut at \(length)")
        }
    }

    @Test(arguments: [
        ("a.json", "a: 1", DocumentReader.Format.json), ("a.JSON", "", .json), ("a.yaml", "{}", .yaml),
        ("a.yml", "{}", .yaml), ("a.conf", " \n{}", .json), ("a.conf", "a: 1", .yaml), ("json", "", .yaml),
        ("a", "[1]", .yaml),
    ])
    func theNameElseTheFirstCharacterTellsTheFormat(_ file: String, _ text: String, _ format: DocumentReader.Format) {
        #expect(DocumentReader.format(of: file, Array(text.unicodeScalars)) == format)
    }
}

/// Every node and key of a tree with its place, in the order of the file.
private func outline(_ node: DocumentNode) -> [String] {
    let place = node.position.spelled
    switch node.value {
    case .null: return ["\(place) null"]
    case .bool(let flag): return ["\(place) \(flag)"]
    case .number(let literal): return ["\(place) \(literal)"]
    case .string(let text): return ["\(place) \"\(text)\""]
    case .list(let items): return ["\(place) list"] + items.flatMap(outline)
    case .object(let members):
        return ["\(place) object"]
            + members.flatMap { ["\($0.keyPosition.spelled) key \($0.key)"] + outline($0.value) }
    }
}
