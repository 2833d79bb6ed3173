// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import Raft
import Testing

@testable import Node

/// Who may do what with which token.
@Suite struct AccessTests {
    private static let operatorToken = "operator-0123456789"
    private static let readToken = "reader-0123456789-abc"

    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "prodha-token-\(UUID())")
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        return file.path
    }

    private func access(_ operatorToken: String?, _ readToken: String?) throws -> Access {
        Access(
            operatorToken: try operatorToken.map { try Token(file: file($0)) },
            readToken: try readToken.map { try Token(file: file($0)) })
    }

    @Test func eachCallNeedsItsToken() throws {
        let both = try access(Self.operatorToken + "\n", Self.readToken)
        let (asOperator, asReader) = ("Bearer \(Self.operatorToken)", "bearer \(Self.readToken)")
        let needs: [Access.Need] = [.nothing, .reading, .operating]
        func verdicts(_ access: Access, _ headers: [String], isLocal: Bool) -> [Access.Verdict] {
            needs.map { access.verdict($0, authorization: headers, isLocal: isLocal) }
        }
        let nobody = Access.Verdict.permitted(.nobody)
        for isLocal in [true, false] {
            #expect(
                verdicts(both, [asOperator], isLocal: isLocal) == [
                    nobody, .permitted(.operator), .permitted(.operator),
                ])
            #expect(verdicts(both, [asReader], isLocal: isLocal) == [nobody, .permitted(.reader), .notForThis])
            for wrong in [
                asOperator + "x", String(asOperator.dropLast()), "Basic \(Self.operatorToken)", "Bearer ", "",
                "Bearer  \(Self.operatorToken)", Self.operatorToken, "Bearer \(Self.operatorToken.uppercased())",
                asOperator + " ",
            ] {
                #expect(
                    verdicts(both, [wrong], isLocal: isLocal) == [nobody, .tokenWrong, .tokenWrong], "\(wrong)")
            }
            // Which of two counts nobody could tell.
            #expect(verdicts(both, [asOperator, asReader], isLocal: isLocal)[2] == .tokenWrong)
            #expect(verdicts(.open, [], isLocal: isLocal) == [nobody, nobody, nobody])
            #expect(verdicts(.open, [asReader], isLocal: isLocal) == [nobody, nobody, nobody])
        }
        #expect(verdicts(both, [], isLocal: true) == [nobody, nobody, .tokenMissing])
        #expect(verdicts(both, [], isLocal: false) == [nobody, .tokenMissing, .tokenMissing])
        // With a reader's token alone nobody operates.
        let readOnly = try access(nil, Self.readToken)
        #expect(verdicts(readOnly, [asOperator], isLocal: true)[2] == .tokenWrong)
        #expect(verdicts(readOnly, [asReader], isLocal: true)[2] == .notForThis)
        #expect(verdicts(readOnly, [], isLocal: true)[2] == .tokenMissing)
    }

    @Test(arguments: [
        ("", 0o600, "no token"), ("short", 0o600, "no token"), ("two lines-0123456789\nx", 0o600, "no token"),
        ("with a blank 0123456789", 0o600, "no token"), ("ä0123456789012345678", 0o600, "no token"),
        (String(repeating: "x", count: 513), 0o600, "no token"), ("operator-0123456789", 0o640, "chmod 600"),
        ("operator-0123456789", 0o604, "chmod 600"), ("operator-0123456789", 0o700, "chmod 600"),
    ])
    func aFileThatHoldsNoTokenOrThatOthersReadIsRefused(_ text: String, _ mode: Int, _ words: String) throws {
        let path = try file(text, mode: mode)
        let error = #expect(throws: TokenFileError.self) { try Token(file: path) }
        #expect(error?.description.contains(words) == true && error?.description.contains(path) == true)
        #expect(text.count < 4 || error?.description.contains(text) == false, "the token itself is not told")
    }

    @Test func whatIsNoFileIsTold() {
        #expect(throws: TokenFileError(path: "/nowhere", problem: "No such file or directory")) {
            try Token(file: "/nowhere")
        }
        #expect(throws: TokenFileError(path: "/tmp", problem: "it is not a regular file")) { try Token(file: "/tmp") }
    }

    @Test func theLongestAndTheShortestTokenAreTaken() throws {
        for count in [Token.length.lowerBound, Token.length.upperBound] {
            let text = String(repeating: "k", count: count)
            for end in ["", "\n", "\r\n"] {
                let token = try Token(file: file(text + end))
                #expect(token.matches(text.utf8) && !token.matches((text + "k").utf8))
                #expect(!token.matches((text.dropLast() + "l").utf8) && !token.matches(("l" + text.dropFirst()).utf8))
            }
        }
    }

    @Test func wrongOnesAreBoundedAndToldOnceAMinute() {
        var wrong = WrongTokens()
        for _ in 0..<WrongTokens.most {
            let begins = wrong.begin()
            #expect(begins)
        }
        let more = wrong.begin()
        #expect(!more && wrong.count == UInt64(WrongTokens.most) + 1)
        wrong.end()
        let again = wrong.begin()
        #expect(again)
        let start = Clock.now()
        let told = [0, 1, 59, 60, 61, 120].map { wrong.complaint(at: start + .seconds($0)) }
        #expect(told == [1, nil, nil, 3, nil, 2])
    }
}
