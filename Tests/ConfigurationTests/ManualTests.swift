// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import Testing

@testable import Configuration

/// `prodha(5)` has an entry for every key of the file, and for nothing else.
@Suite struct ManualTests {
    @Test func everyKeyHasItsEntry() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "Man/prodha.5"), encoding: .utf8)
        var entries: [String] = []
        for line in page.split(separator: "\n") where line.hasPrefix(".It Ic ") {
            // `.It Ic a , b Pq of both, as Ic d , Ic c Pq of this one`
            var isName = true
            var isAfterComma = false
            for word in line.dropFirst(".It Ic ".count).split(separator: " ") {
                switch word {
                case "Ic": isName = isAfterComma
                case "Pq": isName = false
                case ",": break
                default: if isName { entries.append(String(word)) }
                }
                isAfterComma = word == ","
            }
        }
        let all = KnownKeys.places.flatMap { place in
            place.keys.all.map { place.path == "the top level" ? $0 : "\(place.path).\($0)" }
        }
        // An object is what its keys are.
        let keys = all.filter { key in !all.contains { $0.hasPrefix("\(key).") } }
        try #require(keys.count > 50)
        #expect(Set(keys).subtracting(entries).sorted() == [], "have no entry in Man/Templates/prodha.5")
        #expect(Set(entries).subtracting(keys).sorted() == [], "are no keys of the file")
        #expect(entries.count == Set(entries).count, "an entry stands twice")
    }
}
