// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import Testing

@testable import Operations

/// What a shell may offer, by command lines as shells split them.
@Suite struct SuggestionTests {
    private static let content = """
        region: east
        leader_election_quorum_size: 2
        peers:
          - {id: 1, address: "bp1.example.net:8988"}
          - {id: 2, address: "bp2.example.net:8988"}
          - {id: 3, address: "bp3.example.net:8988"}
        regions:
          - name: west
            peers:
              - {id: 2, api: "https://w2.example.net:9988"}
              - {id: 7, api: "w7.example.net:9988"}
        """

    /// A folder of its own, removed at the end.
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "prodha-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    /// `FILE` stands for the configuration file; the last word is completed.
    private func suggestions(
        _ words: String..., file: String = "group.yaml", environment: [String: String] = [:]
    ) throws -> (peers: [String], regions: [String], apis: [String]) {
        var result: (peers: [String], regions: [String], apis: [String]) = ([], [], [])
        try inFolder { folder in
            try Self.content.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
            let words = ["prodha"] + words.map { $0.replacing("FILE", with: "\(folder)/\(file)") }
            let suggestions = Suggestions(
                words: words, index: words.count - 1,
                environment: environment.mapValues { $0.replacing("FILE", with: "\(folder)/\(file)") }.merging(
                    ["HOME": folder]) { given, _ in given })
            result = (
                suggestions.peers.map(\.word), suggestions.regions.map(\.word), suggestions.apis.map(\.word)
            )
        }
        return result
    }

    @Test func peersAreThoseOfTheRegionThatIsAskedFor() throws {
        #expect(try suggestions("transfer", "--config", "FILE", "--to", "").peers == ["1", "2", "3"])
        let west = try suggestions("transfer", "--region", "west", "--config", "FILE", "--to", "")
        #expect(west.peers == ["2", "7"])
        #expect(west.regions == ["east", "west"])
        let apis = ["bp1.example.net:9988", "bp2.example.net:9988", "bp3.example.net:9988"]
        #expect(west.apis == apis + ["https://w2.example.net:9988", "w7.example.net:9988"])
        #expect(try suggestions("transfer", "--region", "north", "--config", "FILE", "--to", "").peers.isEmpty)
    }

    /// bash splits at `=`; quotes and backslashes come as they were typed; the last one given counts.
    @Test(arguments: [
        ["--config", "FILE"], ["--config=FILE"], ["--config", "=", "FILE"], ["--config", "\"FILE\""],
        ["--config", "'FILE'"],
        ["--config", "~/my group.yaml"], ["--config='FILE'"], ["--config", "/nowhere", "--config", "FILE"],
    ])
    func theFileIsFoundHoweverItIsWritten(_ way: [String]) throws {
        let escaped = way.map { $0.replacing("~/my group", with: "~/my\\ group") }
        try inFolder { folder in
            try Self.content.write(toFile: "\(folder)/my group.yaml", atomically: true, encoding: .utf8)
            let path = "\(folder)/my group.yaml"
            let words = ["prodha", "transfer"] + escaped.map { $0.replacing("FILE", with: path) } + ["--to", ""]
            let found = Suggestions(words: words, index: words.count - 1, environment: ["HOME": folder])
            #expect(found.peers.map(\.word) == ["1", "2", "3"], "\(words)")
        }
    }

    @Test func theFlagBeatsTheEnvironment() throws {
        #expect(try suggestions("pause", "--region", "", environment: ["PRODHA_CONFIG": "FILE"]).regions.count == 2)
        let both = try suggestions(
            "pause", "--config", "/nowhere", "--region", "", environment: ["PRODHA_CONFIG": "FILE"])
        #expect(both.regions.isEmpty)
        #expect(try suggestions("validate", "FILE", "--self", "").peers == ["1", "2", "3"])
        #expect(try suggestions("transfer", "FILE", "--to", "").peers.isEmpty)
    }

    /// A file name that is just being typed is none yet.
    @Test func theWordThatIsCompletedDoesNotCount() throws {
        #expect(try suggestions("status", "--config", "FILE").apis.isEmpty)
        #expect(try suggestions("pause", "--config", "FILE", "--region", "west").regions == ["east", "west"])
        #expect(try suggestions("pause", "--config", "FILE", "--region").regions == ["east", "west"])
    }

    @Test func aFileThatCannotBeUsedOffersNothing() throws {
        try inFolder { folder in
            try "peers: [".write(toFile: "\(folder)/broken.yaml", atomically: true, encoding: .utf8)
            try #require(mkfifo("\(folder)/pipe.yaml", 0o600) == 0)
            // A pipe without a writer would be waited for, for ever.
            for file in ["broken.yaml", "pipe.yaml", "missing.yaml", "", "."] {
                let words = ["prodha", "transfer", "--config", "\(folder)/\(file)", "--to", ""]
                let found = Suggestions(words: words, index: 5, environment: [:])
                #expect(found.peers.isEmpty && found.regions.isEmpty && found.apis.isEmpty, "\(file)")
            }
        }
    }

    /// Any command line, and an index that no word has.
    @Test func oddCommandLinesAreTaken() {
        for words in [
            [], [""], ["prodha"], ["prodha", "--config"], ["prodha", "--config", "="], ["prodha", "\\"], ["'"],
        ] {
            for index in [-1, 0, 1, 9] {
                #expect(Suggestions(words: words, index: index, environment: [:]).apis.isEmpty)
            }
        }
    }

    @Test func eachShellGetsWhatItUnderstands() {
        let suggestion = Suggestion(word: "bp1:9988", note: "peer 1 of east")
        #expect(suggestion.line(for: "zsh") == "bp1\\:9988:peer 1 of east")
        #expect(suggestion.line(for: "fish") == "bp1:9988\tpeer 1 of east")
        #expect(suggestion.line(for: "bash") == "bp1:9988")
        #expect(suggestion.line(for: nil) == "bp1:9988")
    }
}
