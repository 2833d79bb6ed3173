// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// A switch of regions begun in a session goes on without it, and is found again.
    @Suite struct ConsoleSwitchTests {
        private func session(_ regions: Regions, _ arguments: String..., columns: Int = 200) async throws
            -> ConsoleSession
        {
            try await ConsoleSession.start(
                ["--config", regions.east.peers[0].configurationFile.path] + arguments, in: regions.east.directory,
                rows: 50, columns: columns)
        }

        private func enabled(_ regions: Regions) async throws -> ConsoleSession {
            let session = try await session(regions)
            try await session.run("enable")
            try await session.prompt { $0.isEnabled }
            return session
        }

        private func cluster(_ regions: Regions, _ name: String) -> Cluster {
            name == "west" ? regions.west : regions.east
        }

        private func standing(_ cluster: Cluster) async throws -> String? {
            try await cluster.leader().status()["production.state"]?.string
        }

        private func switchID(_ cluster: Cluster) async throws -> String? {
            try await cluster.leader().status()["production.switch.id"]?.string
        }

        /// That region produces and no switch is open.
        private func stands(_ regions: Regions, _ name: String) async throws {
            let other = name == "west" ? "east" : "west"
            try await eventually("\(name) is active, and the switch has ended", within: .seconds(60)) {
                let states = (
                    try await standing(cluster(regions, name)), try await standing(cluster(regions, other))
                )
                let open = (try await switchID(regions.east), try await switchID(regions.west))
                let isOpen = open.0 != nil || open.1 != nil
                guard states == ("active", "standby"), !isOpen else {
                    throw TimedOut(description: "\(states), a switch is open: \(isOpen)")
                }
                return true
            }
        }

        /// Types the switch, and the region's name.
        private func begin(_ session: ConsoleSession, _ region: String) async throws -> Int {
            let row = try await session.run("failover --region \(region) --reason drill", asking: region)
            try await session.terminal.type("\(region)\r")
            return row
        }

        @Test func aSwitchIsAskedForShownAndDone() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    let session = try await session(regions)
                    try await session.prompt { $0.peer.hasPrefix("east/") && $0.state == "ok" }
                    let refused = try await session.run("failover --region west")
                    #expect(refused.contains { $0.contains("read-only: enable first") }, "\(refused)")
                    try await session.run("enable")
                    try await session.prompt { $0.isEnabled }
                    // A word on the line is none that was typed at the question.
                    let given = try await session.run("failover --region west --confirm west")
                    #expect(given.contains { $0.contains("--confirm") }, "\(given)")
                    for wrong in ["east\r", "y\r", "\r", PseudoTerminal.Key.interrupt.rawValue] {
                        let row = try await session.run("failover --region west", asking: "west")
                        try await session.terminal.type(wrong)
                        try await session.ended("failover --region west", from: row)
                    }
                    let row = try await session.run("failover --region west", asking: "west")
                    try await session.terminal.paste("west")
                    try await session.terminal.press(.enter)
                    try await session.terminal.shows("what a paste is") { ConsoleSession.refusesPaste($0, from: row) }
                    try await session.prompt()
                    #expect(try await standing(regions.east) == "active")
                    #expect(try await switchID(regions.east) == nil)

                    let started = try await begin(session, "west")
                    let told = try await session.ended("failover --region west --reason drill", from: started)
                    #expect(told.count > 5, "its steps: \(told)")
                    try await stands(regions, "west")
                    try await load.advances(by: 2)
                    try await session.prompt("the old region stands by") {
                        $0.peer.hasPrefix("east/") && $0.state == "standby"
                    }
                    try await session.terminal.shows("the events") { screen in
                        let events = screen.lines().map(\.text).filter { $0.hasPrefix("-- ") }
                        return events.contains { $0.contains("west") && $0.contains("active") }
                    }
                    // Peers of the other region can be connected to, and their region is then the default.
                    let west = try await regions.west.leader()
                    try await session.run("connect west/\(west.id)")
                    try await session.prompt { $0.peer == "west/\(west.id)" && $0.state == "ok" && $0.isEnabled }
                    let pause = try await session.run("pause", asking: "[y/N]")
                    try await session.terminal.type("y\r")
                    try await session.ended("pause", from: pause)
                    #expect(try await west.status()["production.paused"]?.bool == true)
                    let resume = try await session.run("resume", asking: "[y/N]")
                    try await session.terminal.type("y\r")
                    try await session.ended("resume", from: resume)
                    let records = cluster(regions, "east").directory.appending(path: "state/prodha/switches")
                    let names = try FileManager.default.contentsOfDirectory(atPath: records.path)
                    #expect(!names.isEmpty)
                }
            }
        }

        /// The session is killed at one moment after the other; the switch goes on, and the next session shows its end.
        @Test func aKilledSessionLeavesItsSwitchToGoOn() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    var target = "west"
                    for round in 0..<(2 * rounds) {
                        let session = try await enabled(regions)
                        let row = try await begin(session, target)
                        try await eventually("the switch has begun") {
                            if try await switchID(regions.east) != nil { return true }
                            return try await standing(cluster(regions, target)) == "active"
                        }
                        try await Task.sleep(for: .milliseconds(50 * round))
                        if round % 2 == 0 { session.terminal.send(SIGKILL) } else { session.terminal.hangUp() }
                        try await session.terminal.ends()
                        try await stands(regions, target)
                        #expect(row >= 0)
                        let next = try await self.session(regions)
                        let shown = try await next.run("attach", within: .seconds(60))
                        #expect(shown.contains { $0.contains(target) }, "round \(round): \(shown)")
                        try await load.advances(by: 2)
                        target = target == "west" ? "east" : "west"
                    }
                }
            }
        }

        /// ^C stops looking; the switch goes on, and `attach` finds it in the same session.
        @Test func whoStopsLookingCanLookAgain() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    for target in ["west", "east"] {
                        let session = try await enabled(regions)
                        let row = try await begin(session, target)
                        try await eventually("the switch has begun") {
                            if try await switchID(regions.east) != nil { return true }
                            return try await standing(cluster(regions, target)) == "active"
                        }
                        try await session.terminal.press(.interrupt)
                        try await session.ended("failover --region \(target) --reason drill", from: row)
                        let shown = try await session.run("attach", within: .seconds(60))
                        #expect(shown.contains { $0.contains(target) }, "\(shown)")
                        try await stands(regions, target)
                        try await session.quit()
                    }
                    let history = try await Program.run(
                        ["history", "--config", regions.east.peers[0].configurationFile.path],
                        in: regions.east.directory)
                    #expect(history.output.contains("drill"), "\(history)")
                }
            }
        }

        /// East stands still: a forced switch takes the region's name, and the words that say what it costs.
        @Test func aForcedSwitchTakesTheWordsToo() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    let session = try await ConsoleSession.start(
                        ["--config", regions.west.peers[0].configurationFile.path, "--timeout", "500ms"],
                        in: regions.west.directory, rows: 50, columns: 200)
                    try await session.prompt { $0.peer.hasPrefix("west/") && $0.state == "standby" }
                    try await session.run("enable 30")
                    for peer in regions.east.peers { peer.send(SIGSTOP) }
                    let command = "failover --region west --force --accept-loss"
                    for (name, words) in [("east", nil), ("west", "yes"), ("west", "west"), ("west", "accept loss")] {
                        let row = try await session.run(command, asking: "west")
                        try await session.terminal.type("\(name)\r")
                        if let words {
                            try await session.asks("accept loss")
                            try await session.terminal.type("\(words)\r")
                        }
                        let said = try await session.ended(command, from: row, within: .seconds(60))
                        let isBegun = words == "accept loss"
                        let end = said.last { !$0.isEmpty && !$0.hasPrefix("-- ") } ?? ""
                        #expect(end.contains(isBegun ? "west is active" : "nothing was done"), "\(said)")
                        #expect(try await standing(regions.west) == (isBegun ? "active" : "standby"))
                    }
                    try await load.advances(by: 2)
                    for peer in regions.east.peers { peer.send(SIGCONT) }
                    try await eventually("east gives way") {
                        for peer in regions.east.peers
                        where try await peer.status()["production.state"]?.string != "standby" { return false }
                        return true
                    }
                    try await load.advances(by: 2)
                }
            }
        }

        /// One that was begun on another machine is followed as the logs have it.
        @Test func aSwitchOfAnotherMachineIsFollowed() async throws {
            try await withRegions { regions in
                try await regions.start()
                try await regions.underLoad { load in
                    let session = try await session(regions)
                    let none = try await session.run("attach")
                    #expect(!none.isEmpty)
                    let epochs = (
                        try #require(try await regions.east.leader().status()["production.epoch"]?.int),
                        try #require(try await regions.west.leader().status()["production.epoch"]?.int)
                    )
                    let papers: JSON = [
                        "id": "failover-elsewhere", "kind": "planned", "from": "east", "to": "west",
                        "from_expects": .int(epochs.0), "to_expects": .int(epochs.1),
                        "operation": "failover-elsewhere/begin", "who": "bob@elsewhere",
                    ]
                    for cluster in [regions.east, regions.west] {
                        let answer = try await cluster.leader().post("/v1/prodha/region/switch/begin", papers)
                        try #require(answer.status == 200, "\(answer)")
                    }
                    try await session.terminal.shows("it is told") { screen in
                        screen.lines().contains {
                            $0.text.hasPrefix("-- ") && $0.text.contains("switch") && $0.text.contains("west")
                        }
                    }
                    var row = try await session.begin("attach")
                    try await session.terminal.shows("it is followed") { screen in
                        let isThere = screen.lines(from: row).contains {
                            ConsolePrompt($0.text) == nil && !$0.text.hasPrefix("-- ") && $0.text.contains("west")
                        }
                        return isThere && ConsoleSession.edited(screen) == nil
                    }
                    try await session.terminal.press(.interrupt)
                    try await session.ended("attach", from: row)
                    row = try await session.begin("attach")
                    try await session.terminal.shows("it is followed again") { screen in
                        ConsoleSession.edited(screen) == nil
                            && screen.lines(from: row).contains { ConsolePrompt($0.text)?.typed == "attach" }
                    }
                    let end: JSON = ["id": "failover-elsewhere", "result": "rolled_back", "words": "bob gave up"]
                    for cluster in [regions.west, regions.east] {
                        let answer = try await cluster.leader().post("/v1/prodha/region/switch/end", end)
                        try #require(answer.status == 200, "\(answer)")
                    }
                    try await session.ended("attach", from: row, within: .seconds(60))
                    try await session.quit()
                }
            }
        }
    }
}
