// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// With tokens configured nobody changes anything without the operator's, on loopback too.
    @Suite struct TokenTests {
        private static let operating = "operator-0123456789"
        private static let reading = "reader-0123456789-abc"
        /// A wrong one is as long as the right one.
        private static let wrong = "operator-012345678X"

        private func write(_ token: String, _ name: String, _ cluster: Cluster) throws -> JSON {
            let path = cluster.directory.appending(path: name).path
            try token.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return .string(path)
        }

        /// Every peer's file names the tokens, which are then in force at the next start.
        private func guardAll(_ cluster: Cluster) throws {
            let (one, other) = (
                try write(Self.operating, "operator", cluster), try write(Self.reading, "reader", cluster)
            )
            for peer in cluster.peers {
                try peer.edit { document in
                    var api = try #require(document["api"])
                    (api["token_file"], api["read_token_file"]) = (one, other)
                    document["api"] = api
                }
            }
        }

        private func call(_ peer: Peer, _ method: String, _ path: String, _ token: String?) async throws -> Response {
            try await peer.call(
                method, path, headers: token.map { [("Authorization", "Bearer \($0)")] } ?? [],
                body: method == "POST" ? Array("{}".utf8) : nil)
        }

        @Test func noCallThatChangesAnythingIsForgotten() async throws {
            try await withCluster(.calm) { cluster in
                try guardAll(cluster)
                try await cluster.start()
                let leader = try await cluster.leader()
                let before = try await leader.status()["raft.commit_index"]
                let changing = [
                    ("POST", "/v1/prodha/commit_block"), ("POST", "/v1/prodha/transfer"),
                    ("POST", "/v1/prodha/region/pause"), ("POST", "/v1/prodha/region/resume"),
                    ("POST", "/v1/prodha/maintenance"), ("GET", "/v1/producer_ha/take_leadership"),
                    ("POST", "/v1/producer_ha/take_leadership"),
                ]
                for (method, path) in changing {
                    for (token, status, reason) in [
                        (nil, 401, "unauthorized"), (Self.reading, 403, "forbidden"), (Self.wrong, 401, "unauthorized"),
                    ] {
                        let refused = try await call(leader, method, path, token)
                        try #require(refused.status == status && refused.reason == reason, "\(path): \(refused)")
                        try #require(!refused.text.contains(token ?? "Bearer"), "\(path): \(refused)")
                    }
                }
                // Whoever is on the machine may look, and a token that is shown must be right.
                let seeing = [
                    "status", "group", "can_produce", "log", "history", "events?once=true", "block?num=1",
                ].map { "/v1/prodha/" + $0 }
                for path in seeing + ["/metrics", "/v1/producer_ha/get_info"] {
                    for token in [nil, Self.reading, Self.operating] {
                        let answer = try await call(leader, "GET", path, token)
                        try #require(![401, 403].contains(answer.status), "\(path): \(answer)")
                    }
                    try #require(try await call(leader, "GET", path, Self.wrong).status == 401, "\(path)")
                }
                for path in ["/health/live", "/health/ready", "/health/leader"] {
                    try #require(try await call(leader, "GET", path, Self.wrong).status == 200, "\(path)")
                }
                try #require(try await leader.status()["raft.commit_index"] == before, "something was done")
                try #require(try await cluster.leader() === leader)
                for peer in cluster.peers {
                    for token in [Self.operating, Self.reading, Self.wrong] {
                        try #require(!peer.log.contains(token), "a token is in the log")
                    }
                }
                try await leader.says("wrong token")
                let metrics = try await leader.get("/metrics").text
                let wrong = metrics.split(separator: "\n").first { $0.hasPrefix("prodha_http_wrong_tokens_total{") }
                try #require(wrong?.hasSuffix("} \(changing.count + seeing.count + 2)") == true, "\(metrics)")
            }
        }

        @Test func theToolsShowTheToken() async throws {
            try await withCluster(.calm) { cluster in
                try guardAll(cluster)
                try await cluster.start()
                let file = cluster.peers[0].configurationFile.path
                func run(_ arguments: [String], _ token: String?) async throws -> Finished {
                    try await Program.run(
                        arguments + ["--config", file], in: cluster.directory,
                        environment: token.map { ["PRODHA_TOKEN": $0] } ?? [:], within: .seconds(60))
                }
                _ = try await cluster.leader()
                for token in [nil, Self.reading, Self.wrong] {
                    for act in [["pause"], ["transfer"], ["maintenance", "on", "1"]] {
                        let denied = try await run(act, token)
                        try #require(denied.ending == .exit(77) && denied.errors.contains("PRODHA_TOKEN"), "\(denied)")
                        try #require(!denied.everything.contains(token ?? "Bearer"), "\(denied)")
                    }
                }
                let checked = try await Program.run(
                    ["validate", "--live", file], in: cluster.directory, environment: ["PRODHA_TOKEN": Self.wrong])
                try #require(checked.ending == .exit(77), "\(checked)")
                for look in [["status"], ["history"], ["log"]] {
                    let denied = try await run(look, Self.wrong)
                    try #require(denied.ending == .exit(77) && denied.everything.contains("unauthorized"), "\(denied)")
                    try #require(try await run(look, nil).ending == .exit(0))
                }
                let paused = try await run(["pause", "--reason", "drill"], Self.operating)
                try #require(paused.ending == .exit(0), "\(paused)")
                let history = try await run(["history"], Self.reading)
                try #require(history.ending == .exit(0) && history.output.contains("(token)"), "\(history)")
                try #require(try await run(["resume"], Self.operating).ending == .exit(0))
            }
        }

        /// What is listened on stays as it was, so a file without tokens must not open it.
        @Test func noReloadOpensTheDoors() async throws {
            try await withCluster(.calm) { cluster in
                try guardAll(cluster)
                try await cluster.start()
                let leader = try await cluster.leader()
                for path in ["daemon_log", "configuration"] {
                    for (token, status) in [(nil, 401), (Self.reading, 200), (Self.wrong, 401)] {
                        try #require(try await call(leader, "GET", "/v1/prodha/\(path)", token).status == status)
                    }
                }
                try leader.edit { document in
                    try Cluster.changeAPI(&document) { api in
                        (api["token_file"], api["read_token_file"]) = (nil, nil)
                    }
                }
                leader.send(SIGHUP)
                try await leader.says("that takes a restart, and the doors stay closed until then")
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", nil).status == 401)
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", Self.operating).status == 200)
            }
        }

        /// SIGHUP brings a new token; a file that others may read changes nothing.
        @Test func tokensChangeWhileThePeerRuns() async throws {
            try await withCluster(.calm) { cluster in
                try guardAll(cluster)
                try await cluster.start()
                let leader = try await cluster.leader()
                let next = "operator-new-9876543210"
                _ = try write(next, "operator", cluster)
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", next).status == 401)
                leader.send(SIGHUP)
                try await eventually("the new token is taken") {
                    try await call(leader, "POST", "/v1/prodha/region/resume", next).status == 200
                }
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", Self.operating).status == 401)
                let path = cluster.directory.appending(path: "operator").path
                try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
                leader.send(SIGHUP)
                try await leader.says("has errors; nothing of it was taken over")
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", next).status == 200)
                try #require(try await call(leader, "POST", "/v1/prodha/region/resume", nil).status == 401)
                try #require(try await cluster.leader() === leader)
            }
        }
    }
}
