// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Mutual TLS between peers, on real processes.
    @Suite struct CertificateTests {
        private func expiry(_ peer: Peer, _ use: String) async throws -> String? {
            let list = try await peer.status()["peer.certificates"]?.array ?? []
            return list.first { $0["use"]?.string == use }?["expires_at"]?.string
        }

        private func metric(_ name: String, of peer: Peer) async throws -> Int? {
            try await peer.get("/metrics").text.split(separator: "\n").first { $0.hasPrefix("\(name){") }
                .flatMap { $0.split(separator: " ").last }.flatMap { Int($0) }
        }

        /// Peers get new certificates one after another, of a new authority even, while blocks are committed.
        @Test func certificatesAreRenewedWithoutLosingTheLease() async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                try await cluster.secure(with: certificates)
                try await cluster.start()
                try await cluster.underLoad { load in
                    let leader = try await cluster.leader()
                    let term = try await leader.status()["raft.term"]
                    // Both authorities are trusted before the first certificate of the new one is shown.
                    let both = try ["root.pem", "other.pem"].map {
                        try String(contentsOfFile: certificates.file($0), encoding: .utf8)
                    }.joined()
                    try both.write(toFile: certificates.file("root.pem"), atomically: true, encoding: .utf8)
                    for peer in cluster.peers { peer.send(SIGHUP) }
                    for peer in cluster.peers { try await peer.says("certificate for other peers is /CN=bp\(peer.id)") }
                    for peer in cluster.peers {
                        let old = try await expiry(peer, "peers")
                        try await certificates.make("new\(peer.id)", by: "other", names: "DNS:bp\(peer.id)", days: 500)
                        try certificates.put("new\(peer.id)", inPlaceOf: "bp\(peer.id)")
                        peer.send(SIGHUP)
                        try await peer.says("certificate for other peers is /CN=new\(peer.id)")
                        let new = try await expiry(peer, "peers")
                        try #require(old != nil && new != nil && old != new)
                        let seconds = try #require(
                            try await metric("prodha_peers_certificate_expiry_timestamp_seconds", of: peer))
                        try #require(abs(seconds - Int(Date().timeIntervalSince1970) - 500 * 86400) < 86400)
                        try await load.advances(by: 5)
                    }
                    let status = try await leader.status()
                    try #require(status["raft.term"] == term && status["raft.lease.held"]?.bool == true)
                    try #require(load.doubts == 0)
                    // What is shown now is what new links are made with.
                    let follower = try #require(try await cluster.followers().first)
                    try await follower.kill()
                    try await follower.startAndServe()
                    try await eventually("it is linked to all") {
                        let peers = try await follower.status()["peers"]?.array ?? []
                        return peers.count == 2 && peers.allSatisfy { $0["connected"]?.bool == true }
                    }
                    try await follower.reaches(load.committed)
                }
            }
        }

        /// A name that is taken off the list is hung up on; files that do not serve change nothing.
        @Test func aNameThatIsTakenOffTheListIsHungUpOn() async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                try await cluster.secure(with: certificates)
                try await cluster.start()
                try await cluster.underLoad { load in
                    let leader = try await cluster.leader()
                    let gone = try #require(try await cluster.followers().last)
                    try "nothing".write(
                        toFile: certificates.file("bp\(gone.id).key"), atomically: true, encoding: .utf8)
                    gone.send(SIGHUP)
                    try await gone.says("nothing of it was taken over|certificates stay as they were")
                    try await load.advances()
                    try #require(
                        try await gone.status()["peers"]?.array?.allSatisfy { $0["connected"]?.bool == true } == true)
                    for peer in cluster.others(than: gone) {
                        try peer.edit { document in
                            document["allowed_ssl_subject_names"] = .array(
                                cluster.others(than: gone).map { .string("bp\($0.id)") })
                        }
                        peer.send(SIGHUP)
                    }
                    let reason = "the certificate of /CN=bp\(gone.id) is not among the allowed subjects"
                    for peer in cluster.peers { try await peer.says(reason) }
                    try await eventually("it has no links") {
                        try await gone.status()["peers"]?.array?.allSatisfy { $0["connected"]?.bool == false } == true
                    }
                    try await load.advances()
                    for peer in cluster.others(than: gone) {
                        try #require(try await peer.leaderID() == leader.id)
                    }
                    try #require(load.doubts == 0)
                    // It could not catch up, and need not.
                    try await gone.kill()
                }
            }
        }

        @Test func certificatesThatExpireAreTold() async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                try await cluster.secure(with: certificates)
                try await certificates.make("soon", names: "DNS:bp1", days: 3)
                try await certificates.make("late", names: "DNS:bp2", days: 3, daysAgo: 5)
                try certificates.put("soon", inPlaceOf: "bp1")
                try certificates.put("late", inPlaceOf: "bp2")
                for peer in cluster.peers { try await peer.start() }
                try await cluster.peers[0].says("/CN=soon, expires in [23] days")
                try await cluster.peers[1].says("/CN=late, has expired: new connections fail")
                for peer in cluster.peers { try await peer.serves() }
                try await cluster.peers[0].says("certificate.*(expired|EXPIRED)|TLS failed")
                let status = try await Program.run(
                    ["status", "--config", cluster.peers[0].configurationFile.path], in: cluster.directory)
                let text = status.output.replacing("\n", with: " ")
                try #require(status.ending == .exit(2), "\(status)")
                try #require(text.contains("peer 1's certificate for other peers expires in "), "\(status)")
                try #require(text.contains("peer 2's certificate for other peers has expired"), "\(status)")
            }
        }
    }
}
