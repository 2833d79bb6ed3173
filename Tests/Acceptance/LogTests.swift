// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// The replicated log on the screen is the log: from every peer, live, and from the data of one that is dead.
    @Suite struct LogTests {
        private func run(_ cluster: Cluster, _ arguments: [String]) async throws -> Finished {
            let file = cluster.peers[0].configurationFile.path
            return try await Program.run(
                ["log", "--config", file, "--timeout", "1s"] + arguments, in: cluster.directory, within: .seconds(60))
        }

        private func entries(_ text: String) throws -> [JSON] {
            try text.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
        }

        private func files(_ directory: URL) throws -> [String: Data] {
            var files: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
                files[name] = try Data(contentsOf: directory.appending(path: name))
            }
            return files
        }

        @Test func everyPeerAndItsDataTellTheSame() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let blocks = try Chain().growing { try $0.next(30) }
                try await cluster.commit(Array(blocks[..<20]))
                let file = cluster.peers[0].configurationFile.path
                for command in [["pause", "--reason", "the test"], ["resume"]] {
                    let done = try await Program.run(command + ["--config", file], in: cluster.directory)
                    try #require(done.ending == .exit(0), "\(done)")
                }
                try await cluster.commit(Array(blocks[20...]))
                try await cluster.allReach(1029)

                let whole = try await run(cluster, ["--from", "1", "-o", "json"])
                try #require(whole.ending == .exit(0), "\(whole)")
                let all = try entries(whole.output)
                try #require(all.map { $0["index"]?.int } == Array(1...all.count), "\(whole)")
                try #require(all.compactMap { $0["num"]?.int } == Array(1000...1029))
                try #require(all.compactMap { $0["id"]?.string } == blocks.map(\.id))
                let region = all.compactMap { $0["region"] }
                try #require(region.map { $0["paused"]?.bool } == [false, true, false], "\(region)")
                try #require(region[1]["act.reason"]?.string == "the test")
                try #require(all.contains { $0["operation.event"]?.string == "leads" })
                for peer in cluster.peers {
                    let one = try await run(cluster, ["--from", "1", "-o", "json", "--of", "\(peer.id)"])
                    try #require(one.ending == .exit(0), "\(one)")
                    // Who is behind by an instant has the same beginning.
                    let its = try entries(one.output)
                    try #require(
                        its.count >= all.count - 1 && its == Array(all[..<its.count]), "peer \(peer.id): \(one)")
                }
                let some = try await run(cluster, ["--from", "3", "--to", "9", "-n", "4", "-o", "json"])
                try #require(try entries(some.output) == Array(all[2..<6]), "\(some)")
                let newest = try await run(cluster, ["-n", "3", "-o", "json"])
                try #require(try entries(newest.output) == Array(all.suffix(3)), "\(newest)")
                let table = try await run(cluster, [])
                try #require(table.output.contains("(the test)") && table.output.contains("block 1029"), "\(table)")
                let tsv = try await run(cluster, ["--from", "1", "-o", "tsv"])
                let rows = tsv.output.split(separator: "\n").map {
                    $0.split(separator: "\t", omittingEmptySubsequences: false)
                }
                try #require(rows.count == all.count + 1 && Set(rows.map(\.count)).count == 1, "\(tsv)")

                // The data of one that runs is left alone.
                let peer = cluster.peers[1]
                let offline = ["log", "--data-dir", peer.dataDirectory.path, "-o", "json"]
                let inUse = try await Program.run(offline, in: cluster.directory)
                try #require(inUse.ending == .exit(75) && inUse.output.isEmpty, "\(inUse)")
                try #require(inUse.errors.contains("\"exit_code\": 75"), "\(inUse)")
                try await peer.kill()
                let before = try files(peer.dataDirectory)
                let dead = try await Program.run(offline + ["--from", "1"], in: cluster.directory)
                try #require(dead.ending == .exit(0), "\(dead)")
                let kept = try entries(dead.output)
                try #require(kept.count >= all.count - 1 && kept.starts(with: all.prefix(kept.count)), "\(dead)")
                try #require(try files(peer.dataDirectory) == before, "reading changed the data")
                try await peer.startAndServe()
            }
        }

        /// A peer gives a thousand entries at a time.
        @Test func theNewestMayBeMoreThanAPage() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.commit(together: try Chain().growing { try $0.next(1100) })
                let commit = try #require(try await cluster.leader().status()["raft.commit_index"]?.int)
                for arguments in [["-n", "1050"], ["-n", "1050", "--to", "\(commit)"]] {
                    let shown = try entries(try await run(cluster, arguments + ["-o", "json"]).output)
                    try #require(
                        shown.map { $0["index"]?.int } == Array(commit - 1049...commit), "\(shown.count) entries")
                }
                let all = try entries(try await run(cluster, ["-n", "100000", "-o", "json"]).output)
                try #require(all.map { $0["index"]?.int } == Array(1...commit), "\(all.count) entries")
            }
        }

        /// Every byte of the data may be wrong: what is shown is sound, and the end is told.
        @Test func damagedDataIsReadUpToTheDamage() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(40) })
                try await cluster.allReach(1039)
                let peer = cluster.peers[2]
                try await peer.kill()
                let good = try await Program.run(
                    ["log", "--data-dir", peer.dataDirectory.path, "--from", "1", "-o", "json"], in: cluster.directory)
                let sound = try entries(good.output)
                var told = 0
                for round in 0..<8 * rounds {
                    let copy = cluster.directory.appending(path: "copy-\(round)")
                    try FileManager.default.copyItem(at: peer.dataDirectory, to: copy)
                    for name in ["prodha.db", "prodha.db-wal"] {
                        let file = copy.appending(path: name)
                        var bytes = try Data(contentsOf: file)
                        guard bytes.count > 200 else { continue }
                        for _ in 0..<3 {
                            let at = Int.random(in: 100..<bytes.count)
                            bytes[at] ^= UInt8.random(in: 1...255)
                        }
                        try bytes.write(to: file)
                    }
                    let read = try await Program.run(
                        ["log", "--data-dir", copy.path, "--from", "1", "-o", "json"], in: cluster.directory)
                    let shown = try entries(read.output)
                    try #require(sound.starts(with: shown), "round \(round): \(read)")
                    switch read.ending {
                    case .exit(0): break
                    case .exit(1):
                        told += 1
                        try #require(read.errors.contains("\"name\""), "\(read)")
                    default: throw Violation(description: "round \(round): \(read)")
                    }
                }
                print("\(told) of \(8 * rounds) damaged copies ended with an error")
                try await peer.startAndServe()
            }
        }

        @Test func followingOutlivesTheLeader() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let file = cluster.peers[0].configurationFile.path
                let output = cluster.directory.appending(path: "follow.out")
                let errors = cluster.directory.appending(path: "follow.err")
                let process = try await ChildProcess.start(
                    [
                        try Program.path(), "log", "-f", "--from", "1", "-o", "json", "--config", file, "--timeout",
                        "500ms",
                    ],
                    in: cluster.directory, output: output, errors: errors)
                defer { process.killGroup() }
                func showsAll() async throws {
                    let goal = try #require(try await cluster.leader().status()["raft.commit_index"]?.int)
                    try await eventually("entry \(goal) was shown") {
                        // The last line may be half written.
                        let whole = try String(contentsOf: output, encoding: .utf8).split(separator: "\n").dropLast()
                        return try whole.last.map { try JSON(parsing: Array($0.utf8))["index"]?.int ?? 0 >= goal - 1 }
                            ?? false
                    }
                }
                try await cluster.underLoad { load in
                    // Each of them once: the one that is asked is among them, and dead until what came after was shown.
                    for peer in cluster.peers {
                        try await load.advances()
                        try await showsAll()
                        try await peer.kill()
                        try await load.advances(by: 5)
                        try await showsAll()
                        try await peer.startAndServe()
                    }
                }
                let last = try await cluster.leader().status()
                let goal = try #require(last["raft.commit_index"]?.int)
                try await eventually("entry \(goal) was shown") {
                    try entries(try String(contentsOf: output, encoding: .utf8)).last?["index"]?.int ?? 0 >= goal
                }
                process.send(SIGINT)
                try #require(try await process.end() == .exit(0))
                let shown = try entries(try String(contentsOf: output, encoding: .utf8))
                try #require(shown.map { $0["index"]?.int } == Array(1...shown.count), "gaps or repetitions")
                let told = try String(contentsOf: errors, encoding: .utf8)
                try #require(told.contains("goes on with peer"), "\(told)")
            }
        }

        /// What all peers tell of a leader's death and of what an operator did then, in one order.
        @Test func anIncidentIsOneTimeLine() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let file = cluster.peers[0].configurationFile.path
                let first = try await cluster.leader()
                try await cluster.underLoad { load in
                    try await load.advances()
                    try await first.kill()
                    try await load.advances()
                    let moved = try await Program.run(
                        ["transfer", "--config", file, "--reason", "the drill", "--timeout", "500ms"],
                        in: cluster.directory)
                    try #require(moved.ending == .exit(0), "\(moved)")
                    try await load.advances()
                }
                let told = try await run(cluster, ["--incident", "-o", "json"])
                try #require(told.ending == .exit(0), "\(told)")
                let json = try JSON(parsing: Array(told.output.utf8))
                let items = try #require(json["items"]?.array)
                let terms = items.compactMap { $0["term"]?.int }
                try #require(terms == terms.sorted() && terms.count == items.count, "\(told)")
                let entries = items.compactMap { $0["index"]?.int }
                try #require(entries == entries.sorted() && Set(entries).count == entries.count, "\(told)")
                func place(_ peer: Int?, _ words: String) throws -> Int {
                    try #require(
                        items.firstIndex { $0["peer"]?.int == peer && $0["what"]?.string?.hasPrefix(words) == true },
                        "nothing of \(words): \(told)")
                }
                let now = try await cluster.leader()
                let between = try #require(cluster.running.first { $0 !== now })
                // Dead, seen by the one that follows, led by the other, moved by the operator.
                let leads = try place(between.id, "peer \(between.id) leads")
                let drill = try place(nil, "transfer to peer \(now.id) by")
                let end = try place(now.id, "peer \(now.id) leads")
                try #require(
                    try place(nil, "peer \(first.id) leads") < leads && leads < drill && drill < end, "\(told)")
                _ = try place(now.id, "the link to peer \(first.id) is down")
                try #require(json["notes"]?.text.contains("peer \(first.id) tells nothing") == true, "\(told)")
                try #require(json["clocks"]?.array?.count == 2, "\(told)")
                let recent = try await run(cluster, ["--incident", "--since", "1s", "-o", "tsv"])
                try #require(recent.output.split(separator: "\n").count < items.count, "\(recent)")
            }
        }

        @Test func wrongUseIsTold() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let file = cluster.peers[0].configurationFile.path
                for arguments in [
                    ["--from", "0"], ["--from", "5", "--to", "4"], ["-n", "0"], ["-f", "--to", "9"],
                    ["--data-dir", "x", "-f"], ["--incident", "-f"], ["--since", "5m"], ["--incident", "--since", "5"],
                    ["--region", "nowhere"], ["--of", "9"], ["--from", "x"],
                ] {
                    let finished = try await Program.run(
                        ["log", "--config", file] + arguments, in: cluster.directory)
                    try #require(finished.ending == .exit(64) && finished.output.isEmpty, "\(arguments): \(finished)")
                }
                let missing = try await Program.run(["log", "--data-dir", "/nowhere"], in: cluster.directory)
                try #require(missing.ending == .exit(1) && missing.errors.contains("/nowhere"), "\(missing)")
                for peer in cluster.peers { try await peer.kill() }
                let nobody = try await Program.run(
                    ["log", "--config", file, "-o", "json"], in: cluster.directory)
                try #require(nobody.ending == .exit(69), "\(nobody)")
                try #require(
                    try JSON(parsing: Array(nobody.errors.utf8))["error.name"]?.string == "unreachable", "\(nobody)")
            }
        }
    }
}
