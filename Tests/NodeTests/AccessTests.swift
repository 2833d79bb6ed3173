// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import HTTP
import NIOCore
import Raft
import Testing
import Transport

@testable import Node

/// Who may do what with which token, certificate or socket.
@Suite struct AccessTests {
    private static let operatorToken = "operator-0123456789"
    private static let readToken = "reader-0123456789-abc"

    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "prodha-token-\(UUID())")
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        return file.path
    }

    private func access(_ operators: String?, _ readers: String?) throws -> Access {
        Access(
            operators: try operators.map { try TokenList(file: file($0)) },
            readers: try readers.map { try TokenList(file: file($0)) })
    }

    private func verdicts(
        _ access: Access, _ headers: [String] = [], from origin: ClientOrigin = .loopback, subject: String? = nil,
        user: UInt32? = nil
    ) -> [Access.Verdict] {
        [Access.Need.nothing, .reading, .operating].map {
            access.verdict(
                $0, .init(authorization: headers, clientSubject: subject, clientUser: user, origin: origin))
        }
    }

    private let nobody = Access.Verdict.permitted(.nobody)
    private let elsewhere = ClientOrigin.network([10, 0, 0, 1])

    @Test func eachCallNeedsItsToken() throws {
        let both = try access("bob " + Self.operatorToken + "\n", Self.readToken)
        let (asOperator, asReader) = ("Bearer \(Self.operatorToken)", "bearer \(Self.readToken)")
        for origin in [.loopback, elsewhere, .unknown] {
            let bob = Access.Verdict.permitted(.operator(name: "bob"))
            #expect(verdicts(both, [asOperator], from: origin) == [nobody, bob, bob])
            #expect(
                verdicts(both, [asReader], from: origin) == [nobody, .permitted(.reader(name: "")), .notForThis])
            for wrong in [
                asOperator + "x", String(asOperator.dropLast()), "Basic \(Self.operatorToken)", "Bearer ", "",
                "Bearer  \(Self.operatorToken)", Self.operatorToken, "Bearer \(Self.operatorToken.uppercased())",
                asOperator + " ", "Bearer bob \(Self.operatorToken)",
            ] {
                #expect(verdicts(both, [wrong], from: origin) == [nobody, .tokenWrong, .tokenWrong], "\(wrong)")
            }
            // Which of two counts nobody could tell.
            #expect(verdicts(both, [asOperator, asReader], from: origin)[2] == .tokenWrong)
            #expect(verdicts(.open, from: origin) == [nobody, nobody, nobody])
            #expect(verdicts(.open, [asReader], from: origin) == [nobody, nobody, nobody])
        }
        #expect(verdicts(both, from: .loopback) == [nobody, nobody, .tokenMissing])
        #expect(verdicts(both, from: elsewhere) == [nobody, .tokenMissing, .tokenMissing])
        #expect(verdicts(both, from: .unknown) == [nobody, .tokenMissing, .tokenMissing])
        // With a reader's token alone nobody operates.
        let readOnly = try access(nil, Self.readToken)
        #expect(verdicts(readOnly, [asOperator])[2] == .tokenWrong)
        #expect(verdicts(readOnly, [asReader])[2] == .notForThis)
        #expect(verdicts(readOnly)[2] == .tokenMissing)
    }

    @Test func aCertificateOrTheSocketIsAsGoodAsAToken() throws {
        for access in [try access(Self.operatorToken, Self.readToken), Access(hasOtherDoor: true)] {
            let alice = Access.Verdict.permitted(.certificate(subject: "/CN=alice"))
            #expect(verdicts(access, from: elsewhere, subject: "/CN=alice") == [nobody, alice, alice])
            let user = Access.Verdict.permitted(.user(1000))
            #expect(verdicts(access, from: .unixSocket, user: 1000) == [nobody, user, user])
            // And where there is such a door, the others are not open.
            #expect(verdicts(access, from: .loopback) == [nobody, nobody, .tokenMissing])
            #expect(verdicts(access, from: elsewhere) == [nobody, .tokenMissing, .tokenMissing])
        }
    }

    @Test func everyTokenHasItsOwner() throws {
        let one = "first-token-0123456789"
        let two = "second-token-0123456789"
        let three = "third-token-0123456789"
        let list = try TokenList(file: file("# people\nalice \(one)\r\n\n  bob@x\t\(two)\n\(three)"))
        #expect(list.owners.map(\.name) == ["alice", "bob@x", ""])
        for (token, name) in [(one, "alice"), (two, "bob@x"), (three, "")] {
            #expect(list.owner(of: token.utf8)?.name == name)
        }
        #expect(list.owner(of: "alice".utf8) == nil && list.owner(of: "alice \(one)".utf8) == nil)
        #expect(Access.Caller.operator(name: "alice").proof == "token of alice")
    }

    @Test(arguments: [
        ("", 0o600, "no token"), ("\n# nothing\n", 0o600, "no token"), ("short", 0o600, "line 1 is no token"),
        ("alice operator-0123456789\nx", 0o600, "line 2 is no token"),
        ("one blank too many 0123456789", 0o600, "line 1 is no token"),
        ("ä0123456789012345678", 0o600, "line 1 is no token"), ("ä operator-0123456789", 0o600, "line 1 is no token"),
        (String(repeating: "n", count: 65) + " operator-0123456789", 0o600, "line 1 is no token"),
        (String(repeating: "x", count: 513), 0o600, "line 1 is no token"),
        ("a operator-0123456789\nb operator-0123456789", 0o600, "line 2 has the name or the token"),
        ("a operator-0123456789\na operator-012345678X", 0o600, "line 2 has the name or the token"),
        ("operator-0123456789", 0o640, "chmod 600"), ("operator-0123456789", 0o604, "chmod 600"),
        ("operator-0123456789", 0o700, "chmod 600"),
    ])
    func aFileThatHoldsNoTokensOrThatOthersReadIsRefused(_ text: String, _ mode: Int, _ words: String) throws {
        let path = try file(text, mode: mode)
        let error = #expect(throws: TokenFileError.self) { try TokenList(file: path) }
        #expect(error?.description.contains(words) == true && error?.description.contains(path) == true, "\(error)")
        for word in text.split(whereSeparator: \.isWhitespace) where word.count > 10 {
            #expect(error?.description.contains(word) == false, "the token itself is not told")
        }
    }

    @Test func filesAreBounded() throws {
        let lines = (0..<65).map { "name\($0) operator-0123456789-\($0)" }
        #expect(try TokenList(file: file(lines.dropLast().joined(separator: "\n"))).owners.count == 64)
        #expect(throws: TokenFileError.self) { try TokenList(file: file(lines.joined(separator: "\n"))) }
        #expect(throws: TokenFileError.self) { try TokenList(file: file(String(repeating: "#", count: 1 << 20))) }
    }

    @Test func whatIsNoFileIsTold() {
        #expect(throws: TokenFileError(path: "/nowhere", problem: "No such file or directory")) {
            try TokenList(file: "/nowhere")
        }
        #expect(throws: TokenFileError(path: "/tmp", problem: "it is not a regular file")) {
            try TokenList(file: "/tmp")
        }
    }

    @Test func theLongestAndTheShortestTokenAreTaken() throws {
        for count in [Token.length.lowerBound, Token.length.upperBound] {
            let text = String(repeating: "k", count: count)
            for end in ["", "\n", "\r\n"] {
                let token = try #require(try TokenList(file: file(text + end)).owners.first?.token)
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

    @Test func expiringCertificatesAreToldOnceADay() {
        let day: Int64 = 86400
        var certificates = OwnCertificates()
        certificates.byUse = [(.api, OwnCertificate(subject: "/CN=a", expiresAt: 30 * day))]
        func told(_ at: Int64) -> [String] { certificates.warnings(atUnixSeconds: at) }
        #expect(told(10 * day).isEmpty && told(16 * day).isEmpty)
        let first = told(16 * day + 3 * 3600)
        #expect(first.isEmpty, "the day's look was taken already")
        #expect(told(17 * day).first?.contains("the API, /CN=a, expires in 13 days and 0 hours") == true)
        #expect(told(17 * day + 80_000).isEmpty)
        #expect(told(30 * day).first?.contains("has expired") == true)
    }
}
