// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

@Suite struct RegionTests {
    static let east = """
        {"name": "east", "peers": [{"id": 1, "api": "https://e1:443"}, {"id": 2, "api": "https://e2"}, \
        {"id": 3, "api": "https://e3"}]}
        """
    static let west = "{\"name\": \"west\", \"peers\": [{\"id\": 1, \"api\": \"http://w1:9988\"}]}"

    private func loadRegions(_ regions: String...) -> LoadResult {
        load(Samples.extended("\"regions\": [\(regions.joined(separator: ", "))]"))
    }

    @Test func allRegionsAreKeptInOrder() throws {
        let configuration = try #require(loadRegions(Self.west, Self.east).configuration)
        #expect(configuration.regions.map(\.name) == ["west", "east"])
        #expect(
            configuration.regions.last?.peers.map(\.api.description) == [
                "https://e1:443", "https://e2:443", "https://e3:443",
            ])
        #expect(configuration.directory.regions == configuration.regions)
    }

    @Test func thisRegionIsAddedWhenTheListLeavesItOut() throws {
        let result = loadRegions(Self.west)
        #expect(result.configuration?.regions.map(\.name) == ["west", "east"])
        #expect(result.configuration?.regions.last?.peers.map(\.api.port) == [9988, 9989, 9990])
        #expect(result.has(.warning, "regions", "is not in the list"))
    }

    @Test(arguments: [
        ("{\"peers\": [{\"id\": 1, \"api\": \"http://w:1\"}]}", "regions[1].name", "has no name"),
        ("{\"name\": \"west\"}", "regions[1].peers", "has no peers"),
        ("{\"name\": \"west\", \"peers\": []}", "regions[1].peers", "has no peers"),
        ("{\"name\": \"west\", \"peers\": [{\"id\": 1}]}", "regions[1].peers[0].api", "has no api"),
        ("{\"name\": \"west\", \"peers\": [{\"api\": \"http://w:1\"}]}", "regions[1].peers[0].id", "has no id"),
        (
            "{\"name\": \"west\", \"peers\": [{\"id\": -1, \"api\": \"http://w:1\"}]}", "regions[1].peers[0].id",
            "not from 0"
        ),
        ("{\"name\": \"west\", \"peer\": []}", "regions[1].peer", "did you mean \"peers\"?"),
        (
            "{\"name\": \"west\", \"peers\": [{\"id\": 1, \"api\": \"http://e1:443\"}]}", "regions[1].peers[0].api",
            "taken by peer 1 of region \"east\""
        ),
        (
            "{\"name\": \"west\", \"peers\": [{\"id\": 1, \"api\": \"http://w:1\"}, {\"id\": 1, \"api\": \"http://w:2\"}]}",
            "regions[1].peers[1].id", "is taken"
        ),
        ("{\"name\": \"east\", \"peers\": [{\"id\": 1, \"api\": \"http://w:1\"}]}", "regions[1].name", "listed twice"),
        ("5", "regions[1]", "wanted an object"),
    ])
    func everyRuleOfARegionHolds(_ wrong: String, _ key: String, _ part: String) {
        let result = loadRegions(Self.east, wrong)
        #expect(result.configuration == nil)
        #expect(result.has(.error, key, part), "\(result.diagnostics)")
    }

    @Test func thisRegionsEntryHasThePeersOfTheFile() {
        let foreign = loadRegions(Self.east.replacing("\"id\": 3", with: "\"id\": 4"), Self.west)
        #expect(foreign.has(.error, "regions[0].peers", "the ids 4, which peers lacks"), "\(foreign.diagnostics)")
        let short = loadRegions(Self.east.replacing(", {\"id\": 3, \"api\": \"https://e3\"}", with: ""), Self.west)
        #expect(short.has(.warning, "regions[0].peers", "lacks the ids 3"), "\(short.diagnostics)")
    }

    @Test func aMisspelledRegionIsNotTakenForAnother() {
        let same = "{\"name\": \"eats\", \"peers\": [{\"id\": 1, \"api\": \"http://localhost:9988\"}]}"
        let result = loadRegions(same, Self.west)
        #expect(result.has(.error, "region", "the same name in both places"), "\(result.diagnostics)")
    }
}
