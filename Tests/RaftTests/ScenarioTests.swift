// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Scenarios
import Testing

/// Plays every file of Tests/Scenarios.
@Suite struct ScenarioTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Scenarios")

    static let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".txt") }.sorted()

    @Test func thereAreScenarios() { #expect(Self.files.count >= 15) }

    @Test(arguments: files) func goesAsItSays(file: String) throws {
        let text = try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)
        do {
            try Script.play(text)
        } catch {
            Issue.record("Tests/Scenarios/\(file), \(error)")
        }
    }
}
