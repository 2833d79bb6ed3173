// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

private func read(_ text: String) throws(SyntaxError) -> DocumentNode {
    try DocumentReader.read(Array(text.utf8), file: "t.json")
}

private func failure(_ bytes: [UInt8]) -> SyntaxError? {
    do throws(SyntaxError) {
        _ = try DocumentReader.read(bytes, file: "t.json")
        return nil
    } catch {
        return error
    }
}

@Suite struct JSONReaderTests {
    @Test(arguments: [
        "0", "-0", "10", "-1", "1.5", "0.001", "1e5", "1E+5", "1e-5", "-0.0e0", "123456789012345678901234567890",
        "1e999", " \t\r\n1 ",
    ])
    func everyNumberOfTheGrammarIsKeptAsWritten(_ text: String) throws {
        guard case .number(let literal) = try read(text).value else {
            Issue.record("\(text) is a number")
            return
        }
        #expect(literal == text.filter { !$0.isWhitespace })
    }

    @Test(arguments: [
        "01", "-01", "00", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "1E-", "- 1", "--1", "0x1F", "1_000", "1,000",
        "NaN", "Infinity", "-Infinity", "1a", "0b1", "١",
    ])
    func noOtherNumberIsRead(_ text: String) {
        #expect(failure(Array(text.utf8)) != nil)
        #expect(failure(Array("[\(text)x]".utf8)) != nil)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041""#, "A"),
        (#""\u00e9""#, "\u{E9}"), (#""\u00E9""#, "\u{E9}"), (#""\u0000""#, "\0"), (#""\ud83d\ude00""#, "\u{1F600}"),
        (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\uD800\uDC00""#, "\u{10000}"), (#""\uFFFF""#, "\u{FFFF}"),
        ("\"\u{1F600}\"", "\u{1F600}"), ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"),
    ])
    func escapesAndSurrogatePairsAreRead(_ text: String, _ expected: String) throws {
        guard case .string(let value) = try read(text).value else {
            Issue.record("\(text) is text")
            return
        }
        #expect(Array(value.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(arguments: [
        #""\ud83d""#, #""\ude00""#, #""\ud83d\ud83d""#, #""\ud83dx""#, #""\ude00\ud83d""#, #""\ud83d\n""#,
        #""\ud83d\u0041""#, #""\u12""#, #""\u12G4""#, #""\u+123""#, #""\x41""#, #""\a""#, #""\'""#, #""\U0041""#,
        "\"\\\u{0}\"", "\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "\"\u{1F}\"", "'a'", "\"a", "\"a\\", "\"a\\\"", "\"\\u",
        "a",
    ])
    func noOtherTextIsRead(_ text: String) {
        #expect(failure(Array(text.utf8)) != nil)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}",
        "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "[1}", "{\"a\":1]", "[1]]", "{}{}",
        "{} x", "tru", "TRUE", "True", "nul", "nullx", "[true false]", "// c\n1", "/* c */1", "1 // c", "# c\n{}",
        "\u{A0}1", "\u{2028}1", "[\u{C}]", "\"a\" \"b\"", "[\"a\",\n4\n,1,",
    ])
    func noOtherStructureIsRead(_ text: String) {
        #expect(failure(Array(text.utf8)) != nil)
    }

    @Test(arguments: [
        "{}", "[]", "[[]]", "{\"\":0}", "[{}]", "[null]", "true", "\"x\"", "{\"a\":{\"a\":[1,2]}}", "[ ]",
    ])
    func everyStructureOfTheGrammarIsRead(_ text: String) {
        #expect(failure(Array(text.utf8)) == nil)
    }

    @Test func nestingIsBounded() {
        let most = DocumentReader.maximumDepth
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(failure(nested(most)) == nil)
        #expect(failure(nested(most + 1))?.position == Position(line: 1, column: most + 1))
        #expect(failure(Array(String(repeating: "[{\"a\":", count: 100_000).utf8)) != nil)
    }

    @Test func sizeIsBounded() {
        let most = DocumentReader.maximumBytes
        let blanks = [UInt8](repeating: 0x20, count: most - 2)
        #expect(failure(Array("{}".utf8) + blanks) == nil)
        #expect(failure(Array("{} ".utf8) + blanks) != nil)
    }

    @Test func aByteOrderMarkIsNoColumn() throws {
        let bytes: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("{\"a\": x}".utf8)
        #expect(failure(bytes)?.position == Position(line: 1, column: 7))
        #expect(failure([0xEF, 0xBB, 0xBF] + Array("{}".utf8)) == nil)
    }

    @Test(arguments: [
        [0xFF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
        [0xFF, 0xFE, 0x7B, 0x00], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ])
    func bytesThatAreNotUTF8AreRefusedWhereTheyStand(_ wrong: [UInt8]) {
        let error = failure(Array("{\n\"\u{E9}".utf8) + wrong)
        #expect(error?.position == Position(line: 2, column: 3))
        #expect(error?.message.contains("UTF-8") == true)
    }

    @Test(arguments: [
        ("{\"a\": 1,\n \"b\": 2,\n}", 3, 1, "remove the comma"),
        ("{\"a\": 1\n \"b\": 2}", 2, 2, "put a comma before this key"),
        ("{'a': 1}", 1, 2, "JSON quotes text with"),
        ("{\"\u{E9}\u{1F600}\": yes}", 1, 8, "write true"),
        ("{\r\n\"a\": None}", 2, 6, "write null"),
        ("{\n  // note\n}", 2, 3, "JSON has no comments"),
        ("{\n\"a\": \"b\n}", 2, 8, "begins at 2:6"),
        ("{\"a\": [1, 2", 1, 12, "begins at 1:7"),
        ("{\"a\": 010}", 1, 8, "remove the 0"),
        ("{\"a\": 1} {", 1, 10, "expected the end of the file, found '{'"),
        ("{\"a\": \"\\ud83d\"}", 1, 8, "half of a surrogate pair"),
    ])
    func theFirstErrorIsNamedWithItsPlaceAndWhatWasExpected(_ text: String, line: Int, column: Int, part: String) {
        let result = load(text)
        #expect(result.diagnostics.count == 1)
        let first = result.diagnostics.first
        #expect(first?.line == line && first?.column == column, "\(result.diagnostics)")
        #expect(first?.description.contains(part) == true, "\(result.diagnostics)")
    }

    @Test func duplicateKeysAreKeptInOrder() throws {
        guard case .object(let members) = try read("{\"a\": 1, \"b\": 2, \"\\u0061\": 3}").value else { return }
        #expect(members.map(\.key) == ["a", "b", "a"])
        #expect(members.map(\.keyPosition.column) == [2, 10, 18])
        #expect(members.map(\.value.position.column) == [7, 15, 28])
    }

    @Test func everyTruncationIsRefused() {
        let bytes = Array(Samples.taurus().utf8)
        for length in bytes.indices {
            let result = ConfigurationLoader.load(bytes: Array(bytes[..<length]), file: "t.json", environment: [:])
            #expect(result.configuration == nil && result.errors.count == 1, "cut at \(length)")
        }
    }
}
