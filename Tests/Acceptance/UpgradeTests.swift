// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Two versions that follow each other work in one group, so that it serves while it is upgraded; what an older one
    /// cannot understand it refuses, and says so.
    @Suite struct UpgradeTests {
        private func version(of peer: Peer) async throws -> String? { try await peer.status()["peer.version"]?.string }

        @Test func aGroupServesWhileItIsUpgraded() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let old = try #require(try await version(of: cluster.peers[0]))
                try await cluster.underLoad { load in
                    // The leader last, as an operator would; its lease is handed over.
                    let leader = try await cluster.leader()
                    for peer in cluster.others(than: leader) + [leader] {
                        try #require(try await peer.terminate() == .exit(0))
                        try await load.advances(by: 20)
                        try await peer.start(program: try Program.nextVersion())
                        try await peer.serves()
                        try await peer.reaches(load.committed)
                        try #require(try await version(of: peer) == "\(old)+next")
                        // Both are in the group, and each can be told from the other.
                        try await load.advances(by: 20)
                    }
                    // A link that broke while the last one was exchanged is dialled again.
                    try await eventually("status finds all well, and the new version") {
                        let status = try await Program.run(
                            ["status", "--config", leader.configurationFile.path], in: cluster.directory)
                        return status.ending == .exit(0) && status.output.contains("\(old)+next")
                    }
                }
                // What the new one has written the old one leaves alone.
                let peer = try #require(try await cluster.followers().first)
                _ = try await peer.terminate()
                let files = try contents(of: peer.dataDirectory)
                try await peer.start()
                try #require(try await peer.end() == .exit(78))
                try await peer.says(
                    "has format 4, and this version of prodha knows formats up to 3. Use a newer prodha")
                try #require(try contents(of: peer.dataDirectory) == files)
                try await peer.start(program: try Program.nextVersion())
                try await peer.serves()
            }
        }

        @Test(arguments: [("alone", 4), ("before", 2)])
        func aWireFormatThatOnlyOneSideKnowsIsRefusedByBoth(claim: String, version: Int) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    let stranger = try #require(try await cluster.followers().first)
                    _ = try await stranger.terminate()
                    try await stranger.start(
                        environment: ["PRODHA_CLAIM": claim], program: try Program.nextVersion())
                    let reason =
                        "peer \(stranger.id) speaks wire version \(version) and peer .* 3: update the older one|"
                        + "peer .* speaks wire version 3 and peer \(stranger.id) \(version): update the older one"
                    for peer in cluster.peers { try await peer.says(reason) }
                    try await load.advances(by: 20)
                    let links = try await stranger.status()["peers"]?.array ?? []
                    try #require(links.count == 2 && links.allSatisfy { $0["connected"]?.bool == false })
                    try #require(load.doubts == 0)
                    // As a version that knows both it is let in again.
                    _ = try await stranger.terminate()
                    try await stranger.start(program: try Program.nextVersion())
                    try await stranger.serves()
                    try await stranger.reaches(load.committed)
                }
            }
        }

        private func contents(of directory: URL) throws -> [String: Data] {
            let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0 != "lock" }
            return try Dictionary(
                uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: directory.appending(path: $0))) })
        }
    }
}
