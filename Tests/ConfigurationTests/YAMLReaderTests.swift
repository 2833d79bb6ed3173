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

    @Test func aDuplicateThatCannotBeSetAsideStopsThere() {
        let result = load("\"s\\x65lf\": 1\nself: 2", "group.yaml")
        #expect(result.errors.count == 1)
        #expect(result.errors.first?.message.contains("more than once") == true)
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

    @Test func anchorsAreReadAndBounded() throws {
        let peers = "[&p {id: 1, address: 'a:1'}, *p, {id: 3, address: 'c:1'}]"
        #expect(
            load("leader_election_quorum_size: 2\nself: 1\npeers: \(peers)", "group.yaml")
                .has(.error, "peers[1].id", "is taken"))
        var bomb = "a0: &a0 [x]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
        #expect(load(bomb, "group.yaml").errors.count == 1)
        // Aliases inside what is nested as deep as the parser allows: a tree far deeper than any text.
        let nest = 900
        var tower = "- &t0 x\n"
        for level in 1...15 {
            tower += "- &t\(level) " + String(repeating: "[", count: nest) + "*t\(level - 1)"
            tower += String(repeating: "]", count: nest) + "\n"
        }
        #expect(load(tower, "group.yaml").errors.count == 1)
        let short = bomb.split(separator: "\n").prefix(8).joined(separator: "\n")
        #expect(!load(short, "group.yaml").errors.isEmpty)
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[&a [", "\"", "a:\n "])
    func depthNeverTraps(_ opening: String) {
        for count in [100, 1000, 100_000] {
            #expect(load(String(repeating: opening, count: count), "group.yaml").errors.count == 1)
        }
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
