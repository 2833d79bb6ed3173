// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Of three regions one produces, two stand by, and each of the three knows of both others.
    @Suite struct ThreeRegionsTests {
        private func run(_ cluster: Cluster, _ arguments: String...) async throws -> Finished {
            try await Program.run(
                arguments + ["--config", cluster.peers[0].configurationFile.path, "--timeout", "1s"],
                in: cluster.directory)
        }

        private func become(_ region: Int, _ regions: Regions, _ load: RegionLoad, from teller: Int) async throws {
            let name = regions.names[region]
            let done = try await run(
                regions.clusters[teller], "failover", "--region", name, "--confirm", name)
            try #require(done.ending == .exit(0), "to \(name): \(done)")
            try await load.advances(by: 2)
            try await onlyProduces(region, regions)
        }

        private func onlyProduces(_ region: Int, _ regions: Regions) async throws {
            let producers = try await regions.producers()
            try #require(
                producers.allSatisfy { peer in regions.clusters[region].peers.contains { $0 === peer } },
                "\(producers.map(\.id)) produce")
        }

        /// Whichever region's file it is asked with, status knows all three.
        private func statusAgrees(_ active: Int, _ regions: Regions) async throws {
            for cluster in regions.clusters {
                try await eventually("status tells that \(regions.names[active]) produces and the others are ready") {
                    let status = try await run(cluster, "status")
                    let words = status.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    return status.ending == .exit(0)
                        && regions.names.indices.allSatisfy {
                            words.contains("\(regions.names[$0]) is \($0 == active ? "producing" : "standby")")
                        }
                        && words.components(separatedBy: "- ready,").count == regions.names.count
                }
            }
        }

        private func hears(_ peer: Peer, _ region: String, _ state: String, atLeast epoch: Int = 0) async throws {
            try await eventually("peer \(peer.id) hears that \(region) is \(state)") {
                try await peer.status()["regions"]?.array?.contains {
                    $0["name"]?.string == region && $0["report.state"]?.string == state
                        && $0["report.activated_epoch"]?.int ?? 0 >= epoch
                } == true
            }
        }

        @Test func theActiveRoleGoesRoundAndOneIsGivenUp() async throws {
            try await withRegions(["east", "west", "north"]) { regions in
                let (east, west, north) = (regions.east, regions.west, regions.clusters[2])
                try await regions.start()
                try await regions.underLoad { load in
                    try await become(1, regions, load, from: 0)
                    try await statusAgrees(1, regions)
                    // A peer of the region that takes no part is away meanwhile, and the command runs there.
                    let away = try #require(try await east.followers().first)
                    try await away.kill()
                    try await become(2, regions, load, from: 0)
                    let epoch = try #require(
                        try await north.leader().status()["production.activated_epoch"]?.int)
                    try await away.start()
                    try await hears(away, "north", "active", atLeast: epoch)
                    try await hears(away, "west", "standby")
                    try #require(try await away.status()["production.state"]?.string == "standby")
                    try await statusAgrees(2, regions)

                    // North is lost. East takes over while west is well, and stays as it is.
                    for peer in north.peers { peer.send(SIGSTOP) }
                    let forced = try await run(
                        west, "failover", "--region", "east", "--force", "--accept-loss", "--confirm", "east")
                    try #require(forced.ending == .exit(0), "\(forced)")
                    try #require(
                        forced.errors.components(separatedBy: " of north: ").count == 4, "each is named once: \(forced)"
                    )
                    try await load.advances(by: 2)
                    for peer in west.peers { try await hears(peer, "east", "active", atLeast: 1_000_000) }
                    try #require(try await west.leader().status()["production.state"]?.string == "standby")
                    let lost = try await run(west, "history", "--loss", "--region", "north")
                    try #require(lost.output.hasPrefix("north: it has not answered; when it was given up"), "\(lost)")
                    for peer in north.peers { peer.send(SIGCONT) }
                    for peer in north.peers {
                        try await eventually("north gives way", within: .seconds(10)) {
                            try await peer.status()["production.superseded.by"]?.string == "east"
                        }
                    }
                    try await onlyProduces(0, regions)
                    try await statusAgrees(0, regions)
                    // And it is as good a standby region as before.
                    try await become(2, regions, load, from: 1)
                    try await become(0, regions, load, from: 2)
                }
            }
        }

        /// Two are active since the same epoch: the third one tells, and whoever asks it.
        @Test func theThirdRegionTellsThatTwoAreActive() async throws {
            try await withRegions(["east", "west", "north"], active: ["east", "west"]) { regions in
                try await regions.start()
                let north = regions.clusters[2]
                for peer in north.peers {
                    try await hears(peer, "east", "active")
                    try await hears(peer, "west", "active")
                }
                for cluster in regions.clusters {
                    try await eventually("status raises the alarm") {
                        let status = try await run(cluster, "status")
                        let words = status.everything.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                        return status.ending == .exit(2)
                            && words.contains("ALARM: 2 regions are active: ")
                            && ["east", "west"].allSatisfy { words.contains("\($0) (epoch 1, active since 1)") }
                    }
                }
                try #require(try await regions.producers().isEmpty)
                // To none of the three a planned switch goes; a forced one settles which is right, and north is none of it.
                let planned = try await run(
                    regions.east, "failover", "--region", "north", "--confirm", "north")
                try #require(
                    planned.ending == .exit(3) && planned.errors.contains("2 regions are active"), "\(planned)")
                let forced = try await run(
                    regions.clusters[2], "failover", "--region", "west", "--force", "--accept-loss", "--confirm", "west"
                )
                try #require(forced.ending == .exit(0), "\(forced)")
                try await eventually("east gives way") {
                    try await regions.east.leader().status()["production.superseded.by"]?.string == "west"
                }
                try await eventually("west goes on") {
                    try await regions.west.leader().canProduce()["can_produce"]?.bool == true
                }
                try #require(try await north.leader().status()["production.state"]?.string == "standby")
            }
        }
    }
}
