// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// A peer that cannot run as it is told to says why, with the facts, and ends with the code for it.
    @Suite struct StartUpTests {
        /// A peer that must refuse to start: how it ended and what it said.
        private func refusal(of peer: Peer, _ arguments: [String] = []) async throws -> Finished {
            try await Program.run(["run", "--config", peer.configurationFile.path] + arguments, in: peer.directory)
        }

        private func line(_ text: String, with words: [String]) -> Bool {
            text.split(separator: "\n").contains { line in
                words.allSatisfy {
                    line.range(of: "(?<![0-9a-z_])\($0)(?![0-9a-z_])", options: [.regularExpression, .caseInsensitive])
                        != nil
                }
            }
        }

        @Test func anUnknownKeyIsNamedWithTheNearestOne() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                try peer.edit { $0["snapshot_distence"] = 10 }
                let text = try String(contentsOf: peer.configurationFile, encoding: .utf8)
                let number = try #require(text.split(separator: "\n").firstIndex { $0.contains("distence") }) + 1
                let finished = try await refusal(of: peer)
                try #require(finished.ending == .exit(78), "\(finished)")
                let line = finished.errors.split(separator: "\n").first { $0.contains("snapshot_distence") }
                let said = try #require(line, "\(finished)")
                try #require(said.contains("\(peer.configurationFile.path):\(number):"), "\(finished)")
                try #require(said.contains("snapshot_distance"), "\(finished)")
                try #require(finished.output.isEmpty, "\(finished)")
            }
        }

        @Test func everyFindingIsReportedAtOnceWithItsPosition() async throws {
            try await TemporaryDirectory.with { directory in
                let file = directory.appending(path: "bad.json")
                try """
                {
                  "is_active_raft_cluster": "yes",
                  "leader_election_quorum_size": 3,
                  "self": 9,
                  "hart_beat_interval_ms": 50,
                  "leadership_expiry_ms": 100,
                  "heart_beat_interval_ms": 200,
                  "snapshot_distance": 0,
                  "snapshot_distance": 5,
                  "peers": [
                    {"id": 1, "address": "localhost:21001", "listening_port": 21001},
                    {"id": 1, "address": "localhost:21002", "listening_port": "many"},
                    {"id": 3, "address": "localhost", "listening_port": 21003}
                  ]
                }
                """.write(to: file, atomically: true, encoding: .utf8)
                let finished = try await Program.run(["validate", file.path], in: directory)
                try #require(finished.ending == .exit(78), "\(finished)")
                for line in [2, 3, 4, 5, 7, 9, 12, 13] {
                    try #require(
                        finished.everything.range(
                            of: "bad\\.json:\(line):[1-9][0-9]*: ", options: .regularExpression) != nil,
                        "nothing about line \(line): \(finished)")
                }
                try #require(finished.everything.contains("heart_beat_interval_ms"), "\(finished)")

                // No JSON at all: the first error, and where.
                let broken = directory.appending(path: "broken.json")
                try "{\n  \"self\": 1,\n  \"peers\": [}\n}".write(to: broken, atomically: true, encoding: .utf8)
                for command in [["validate", broken.path], ["run", "--config", broken.path]] {
                    let finished = try await Program.run(command, in: directory)
                    try #require(finished.ending == .exit(78), "\(finished)")
                    try #require(finished.everything.contains("broken.json:3:"), "\(finished)")
                }
                let missing = try await Program.run(["run", "--config", "missing.json"], in: directory)
                try #require(missing.ending == .exit(78), "\(missing)")
                try #require(missing.errors.contains("missing.json"), "\(missing)")
            }
        }

        @Test func aGoodFileIsCalledGood() async throws {
            try await withCluster { cluster in
                let files = cluster.peers.map(\.configurationFile.path)
                let finished = try await Program.run(["validate"] + files, in: cluster.directory)
                try #require(finished.ending == .exit(0), "\(finished)")
                let usage = try await Program.run(["validate"], in: cluster.directory)
                try #require(usage.ending == .exit(64), "\(usage)")
                let unknown = try await Program.run(["run", "--confug", "x"], in: cluster.directory)
                try #require(unknown.ending == .exit(64), "\(unknown)")
                try #require(!unknown.errors.isEmpty && unknown.output.isEmpty, "\(unknown)")
            }
        }

        @Test func quorumSizeAndNumberOfPeersAreFixedAddressesAreNot() async throws {
            try await withCluster(GroupSettings(ids: [1, 2, 3, 4, 5], quorum: 3)) { cluster in
                let members = Array(cluster.peers[..<4])
                try await cluster.start(members)
                var chain = try Chain()
                try await cluster.commit(try chain.next(5))
                try await cluster.allReach(try #require(chain.head).number)
                let peer = members[0]
                try await peer.kill()
                let good = try String(contentsOf: peer.configurationFile, encoding: .utf8)

                try peer.edit { $0["leader_election_quorum_size"] = 4 }
                let quorum = try await refusal(of: peer)
                try #require(quorum.ending == .exit(78), "\(quorum)")
                try #require(line(quorum.errors, with: ["quorum.*", "3", "4"]), "\(quorum)")

                try peer.edit { document in
                    document["leader_election_quorum_size"] = 3
                    document["peers"] = .array(Array(try #require(document["peers"]?.array).dropLast()))
                }
                let peers = try await refusal(of: peer)
                try #require(peers.ending == .exit(78), "\(peers)")
                try #require(line(peers.errors, with: ["peers", "5", "4"]), "\(peers)")

                // Nothing was harmed.
                try good.write(to: peer.configurationFile, atomically: true, encoding: .utf8)
                try await peer.startAndServe()
                try await peer.reaches(try #require(chain.head).number)

                // One peer moves; the others learn of it one after the other. The group goes on all the time, though
                // not all of it reaches all of it.
                let port = try Ports.free()
                for member in members {
                    try await member.kill()
                    try member.edit { document in
                        var entries = try #require(document["peers"]?.array)
                        entries[0]["address"] = .string("localhost:\(port)")
                        entries[0]["listening_port"] = .int(port)
                        document["peers"] = .array(entries)
                    }
                    try await member.startAndServe()
                    try await cluster.commitThrough(members, try chain.next(2))
                }
                try await cluster.allReach(try #require(chain.head).number)
                let listed = try await peer.info()["peers"]?.array?.first?["address"]?.string
                try #require(listed == "localhost:\(port)")
            }
        }

        @Test func aTakenPortIsNamed() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                for port in [peer.peerPort, peer.apiPort] {
                    let holder = try Listener(port: port)
                    let finished = try await refusal(of: peer)
                    try #require(finished.ending == .exit(75), "\(finished)")
                    try #require(finished.errors.contains("\(port)"), "\(finished)")
                    withExtendedLifetime(holder) {}
                }
                try await cluster.start()
                try await cluster.leader()
            }
        }

        @Test func aSecondProcessOnTheSameDataIsRefused() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                var chain = try Chain()
                try await cluster.commit(try chain.next(3))
                // All else is its own: another file, other ports.
                let (first, ports) = (cluster.peers[0], try Ports.free(2))
                let second = try Peer(
                    id: 1, peerPort: ports[0], apiPort: ports[1],
                    directory: cluster.directory.appending(path: "second"),
                    ledger: cluster.ledger)
                defer { second.killGroup() }
                var document = try JSON(parsing: Array(try Data(contentsOf: first.configurationFile)))
                var entries = try #require(document["peers"]?.array)
                entries[0]["address"] = .string("localhost:\(ports[0])")
                entries[0]["listening_port"] = .int(ports[0])
                entries[0]["api"] = .string("127.0.0.1:\(ports[1])")
                document["peers"] = .array(entries)
                document["api"] = ["listen": .string("127.0.0.1:\(ports[1])")]
                try second.configure(document)
                let finished = try await refusal(of: second)
                try #require(finished.ending == .exit(75), "\(finished)")
                try #require(finished.errors.contains(first.dataDirectory.path), "\(finished)")
                try await cluster.commit(try chain.next(3))

                // After kill -9 the data is free at once.
                try await first.kill()
                try await first.startAndServe()
            }
        }

        @Test func dataThatCannotBeWrittenIsNamed() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                let file = peer.directory.appending(path: "file")
                try "not a directory".write(to: file, atomically: true, encoding: .utf8)
                for path in [file.path, file.appending(path: "data").path, "/proc/prodha"] {
                    let finished = try await refusal(of: peer, ["--data-dir", path])
                    try #require([.exit(74), .exit(78)].contains(finished.ending), "\(finished)")
                    try #require(finished.errors.contains(path), "\(finished)")
                }
                #expect(try String(contentsOf: file, encoding: .utf8) == "not a directory")
            }
        }
    }
}
