// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// One screen for all peers, dead ones too.
    @Suite struct StatusCommandTests {
        private func status(_ cluster: Cluster, _ arguments: [String] = []) async throws -> Finished {
            let file = cluster.peers[0].configurationFile.path
            return try await Program.run(
                ["status", "--config", file] + arguments, in: cluster.directory, within: .seconds(60))
        }

        /// The table lists every peer; the JSON parses, has its version and lists them too.
        private func check(_ cluster: Cluster, ending: Ending) async throws {
            let table = try await status(cluster)
            try #require(table.ending == ending, "\(table)")
            for peer in cluster.peers {
                let named = table.output.split(separator: "\n").contains { line in
                    line.contains("\(peer.peerPort)") || line.contains("\(peer.apiPort)")
                        || line.range(of: "(^|[^0-9])\(peer.id)([^0-9]|$)", options: .regularExpression) != nil
                }
                try #require(named, "no peer \(peer.id) in \(table)")
            }
            try #require(!table.everything.contains("\u{1b}"), "colours without a terminal: \(table)")

            let document = try await status(cluster, ["--output", "json"])
            try #require(document.ending == ending, "\(document)")
            let json = try JSON(parsing: Array(document.output.utf8))
            try #require(json["schema_version"]?.int != nil, "\(json)")
            for peer in cluster.peers {
                try #require(lists(peer, json), "no peer \(peer.id) in \(json)")
            }
        }

        /// An object with that id and one of that peer's ports, somewhere.
        private func lists(_ peer: Peer, _ json: JSON) -> Bool {
            switch json {
            case .array(let values): values.contains { lists(peer, $0) }
            case .object(let members):
                members["id"]?.int == peer.id
                    && (json.text.contains("\(peer.peerPort)") || json.text.contains("\(peer.apiPort)"))
                    || members.values.contains { lists(peer, $0) }
            case .null, .bool, .int, .number, .string: false
            }
        }

        @Test func everyPeerIsShownDeadOrAliveAndTheExitCodeSaysHowItIs() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(3) })
                try await cluster.allReach(1002)
                try await eventually("all is well") { try await status(cluster).ending == .exit(0) }
                try await check(cluster, ending: .exit(0))

                // The peer whose file is read is as good a victim as any.
                for peer in cluster.peers {
                    try await peer.kill()
                    try await eventually("a dead peer is noticed") { try await status(cluster).ending == .exit(2) }
                    try await check(cluster, ending: .exit(2))
                    try await peer.startAndServe()
                    try await eventually("it is well again") { try await status(cluster).ending == .exit(0) }
                }
                for peer in cluster.peers[1...] {
                    try await peer.kill()
                }
                try await check(cluster, ending: .exit(2))
                try await cluster.peers[0].kill()
                try await check(cluster, ending: .exit(69))
            }
        }

        /// APIs are where the files say, which need not be 1000 above the peers' ports.
        @Test func oneReachableAPILeadsToAllOthers() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(3) })
                try await cluster.allReach(1002)
                for peer in cluster.peers {
                    let finished = try await Program.run(
                        ["status", "--peer", "127.0.0.1:\(peer.apiPort)"], in: cluster.directory)
                    try #require(finished.ending == .exit(0), "\(finished.output)\(finished.errors)")
                }
            }
        }

        @Test func wrongUseIsTold() async throws {
            try await TemporaryDirectory.with { directory in
                let missing = try await Program.run(["status", "--config", "none.json"], in: directory)
                try #require(missing.ending == .exit(78) && missing.errors.contains("none.json"), "\(missing)")
                let usage = try await Program.run(["status", "--output", "xml"], in: directory)
                try #require(usage.ending == .exit(64), "\(usage)")
                let port = try Ports.free()
                let silent = try await Program.run(["status", "--peer", "127.0.0.1:\(port)"], in: directory)
                try #require(silent.ending == .exit(69), "\(silent)")
            }
        }
    }
}
