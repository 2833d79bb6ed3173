// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Testing

/// A private key that guards nothing, in both spellings.
private let wif = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
private let pvt = "PVT_K1_2bfGi9rYsXQSXXTvJbDAPhHLQUojjaNLomdm3cEJ1XTzMqUt3V"
private let pem = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIBsecretsecretsecretsecretAwEHoUQDQgAE
    tailtailtail==
    -----END EC PRIVATE KEY-----
    """

@Suite struct ScrubberTests {
    @Test(arguments: [
        // URLs
        ("amqp://bp:pa55@broker:5672/v", "amqp://bp:***@broker:5672/v"),
        ("at http://user:p@ss:w/rd@host/path now", "at http://user:***@host/path now"),
        ("https://ghp_token@host/x", "https://***@host/x"), ("amqps://bp@h:5671", "amqps://bp@h:5671"),
        ("AMQP://bp:x@h", "AMQP://bp:***@h"), ("(http://u:it's@h)", "(http://u:***@h)"),
        ("http://u:a@h http://u:b@i,http://u:c@j", "http://u:***@h http://u:***@j"),
        ("http://127.0.0.1:8888/v1/chain at 12:30", "http://127.0.0.1:8888/v1/chain at 12:30"),
        ("\"http://u:p@h\" <http://u:p@h>", "\"http://u:***@h\" <http://u:***@h>"),
        ("http://u:@h", "http://u:***@h"), ("://a:b@c", "://a:b@c"), ("http://é:ü@h", "http://***@h"),
        // Headers
        ("> Authorization: Bearer abc.def", "> Authorization: ***"),
        ("use bearer  abcdefgh-123 here", "use bearer  *** here"),
        ("Basic dXNlcjpwYXNz", "Basic ***"), ("the bearer is X", "the bearer is X"),
        ("authorization: Digest a=b, c=\"d\"\nnext", "authorization: ***\"d\"\nnext"),
        // Names and values
        ("PRODHA_TOKEN=abc prodha status", "PRODHA_TOKEN=*** prodha status"),
        ("token=Bearer  abc x", "token=*** x"),
        ("password: hunter2, user: x", "password: ***, user: x"),
        ("{\"password\":\"a, \\\"b\"}", "{\"password\":\"***\"}"),
        ("{\\\"secret\\\": \\\"a b\\\"}", "{\\\"secret\\\": \\\"***\\\"}"),
        ("?api_key=1&x=2", "?api_key=***&x=2"), ("--password='a b' -v", "--password='***' -v"),
        ("x-api-key: 12", "x-api-key: ***"),
        ("token_file=/etc/prodha/token", "token_file=/etc/prodha/token"),
        ("/etc/prodha/operator.token: Permission denied", "/etc/prodha/operator.token: Permission denied"),
        ("prodha_http_wrong_tokens_total{peer=\"1\"} 5", "prodha_http_wrong_tokens_total{peer=\"1\"} 5"),
        ("it is broken: why", "it is broken: why"), ("token=", "token="), ("the token: ", "the token: "),
        // Keys
        ("key \(wif).", "key ***."), ("a5\(wif)5b", "a5***5b"), ("x\(pvt)/", "xPVT_K1_***/"), ("PVT_K1_", "PVT_K1_"),
        (
            "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV",
            "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
        ),
        (
            "PUB_K1_6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5BoDq63",
            "PUB_K1_6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5BoDq63"
        ),
        ("5c" + String(repeating: "5c", count: 31), "5c" + String(repeating: "5c", count: 31)),
        ("before\n\(pem)\nafter", "before\n***\nafter"), ("cut \(pem.dropLast(20)): \(pem)", "cut ***"),
        ("password: \"\(pem)\"", "password: \"***\""), ("cut \(pem.dropLast(20))", "cut ***"),
        (pem.split(separator: "\n").joined(separator: " | ") + " | x", "*** | x"),
        (
            "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"
        ),
        ("-----BEGIN PRIVATE KEY----------BEGIN PRIVATE KEY-----", "***"), ("", ""),
        ("plain ümlaut 👩‍👩‍👧", "plain ümlaut 👩‍👩‍👧"),
    ])
    func whatIsSecretGoesAndNothingElse(_ text: String, _ expected: String) {
        let once = Scrubber().scrubbed(text)
        #expect(once == expected)
        #expect(Scrubber().scrubbed(once) == once, "the second time does more")
        #expect(Scrubber().scrubbed("line\n" + once + "\nline") == "line\n" + once + "\nline")
    }

    @Test func whatIsKnownGoesWhereverItStands() {
        let scrubber = Scrubber(known: ["operator-0123456789", "operator-0123456789-more", "short", "häßlich-geheim"])
        #expect(scrubber.scrubbed("xoperator-0123456789y") == "x***y")
        #expect(scrubber.scrubbed("operator-0123456789-more") == "***")
        #expect(scrubber.scrubbed("operator-012345678 short häßlich-geheim") == "operator-012345678 short ***")
    }

    @Test func documentsAreReadBeforeTheyAreCleaned() throws {
        let scrubber = Scrubber(known: ["with \"quotes\" and \u{7}"])
        var details: [String: JSONValue] = [
            "list": .array([
                .string("amqp://a:b@c"), .integer(7), .object(["token": .string("x"), "tokens": .bool(true)]),
            ]),
            "known": .string("a with \"quotes\" and \u{7}"), "http://u:p@h": .null, "password": .integer(5),
        ]
        func event(_ message: String) -> EventDocument {
            EventDocument(
                id: "1-1", at: UTCInstant(unixMilliseconds: 0), type: .role, region: "east", peer: 1, message: message,
                details: details)
        }
        let clean = try event("token=\nnext \(wif)").scrubbed(scrubber)
        #expect(clean.message == "token=\nnext ***")
        #expect(
            clean.details == [
                "list": .array([
                    .string("amqp://a:***@c"), .integer(7), .object(["token": .string("***"), "tokens": .bool(true)]),
                ]),
                "known": .string("a ***"), "http://u:***@h": .null, "password": .integer(5),
            ])
        // What is escaped in JSON is seen all the same.
        let escaped = String(decoding: event("").json(), as: UTF8.self)
            .replacing("\"message\":\"\"", with: "\"message\":\"amqp:\\/\\/u:p\\u0040h\"")
        #expect(try EventDocument(json: escaped).scrubbed(scrubber).message == "amqp://u:***@h")
        details = ["x": .string("nothing to see")]
        #expect(try event("plain").scrubbed(scrubber) == event("plain"))
    }

    /// Texts come from the network: no form of them may take time beyond its length.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "://", "http://", "a@", "token=", "-----BEGIN PRIVATE KEY", "-----BEGIN ", "PVT_", "bearer ", "basic", "b",
            "5",
            "P",
            "\"",
            "token\":\\\"",
            "5K", "password: ", "=", ":",
        ])
    func noTextTakesLong(_ piece: String) {
        let text = String(repeating: piece, count: (1 << 15) / piece.utf8.count)
        let scrubber = Scrubber(known: ["token=token=x", "-----BEGIN!"])
        let once = scrubber.scrubbed(text)
        #expect(scrubber.scrubbed(once) == once)
    }

    /// Secrets put anywhere into any text are gone, and what comes out is text.
    @Test(arguments: 0..<200) func noNeighbourHidesASecret(_ seed: UInt64) {
        var random = Generator(state: seed)
        let secrets = [
            "amqp://u:hunter2hunter2@h", wif, pvt, pem, "Bearer hunter2hunter2", " password=hunter2hunter2 ",
            "known-hunter2",
        ]
        let noise = [
            "a", "5", "\n", " ", "\"", "\\", ":", "=", "://", "-", "'", "ü", "PVT_", "token", "@", "/", "http://",
            "-----", "***",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            for _ in 0..<Int.random(in: 0...6, using: &random) { text += noise.randomElement(using: &random) ?? "" }
            text += secrets.randomElement(using: &random) ?? ""
            // A word that goes on is another word.
            text += [" ", "\n", "'", "\"", ")"].randomElement(using: &random) ?? ""
        }
        let scrubber = Scrubber(known: ["known-hunter2"])
        let clean = scrubber.scrubbed(text)
        for secret in ["hunter2", wif, String(pvt.dropFirst(7)), "secretsecret", "tailtail"] {
            #expect(!clean.contains(secret), "seed \(seed): \(text) became \(clean)")
        }
        #expect(scrubber.scrubbed(clean) == clean, "seed \(seed): \(text)")
    }
}

private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // SplitMix64
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
