// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Who gets into the API, by which door, and what is written down about it.
    @Suite struct APISecurityTests {
        private static let token = "operator-0123456789"

        /// A group whose APIs speak TLS, take certificates of `other`, tokens, and calls by a unix socket.
        private func withSecureCluster(
            _ body: (Cluster, TestCertificates) async throws -> Void
        ) async throws {
            try await withCluster(.calm) { cluster in
                let certificates = try await TestCertificates()
                try await cluster.secure(with: certificates, api: true)
                try await certificates.make("alice", by: "other", names: "DNS:alice")
                try await certificates.make("mallory", by: "root", names: "DNS:mallory")
                let file = certificates.file("tokens")
                try "# who may\nbob \(Self.token)\n".write(toFile: file, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
                for peer in cluster.peers {
                    try peer.edit { document in
                        try Cluster.changeAPI(&document) { api in
                            api["token_file"] = .string(file)
                            api["unix_socket"] = .string(socket(of: peer))
                        }
                    }
                    try await peer.start()
                }
                for peer in cluster.peers { try await peer.says("runs") }
                try await body(cluster, certificates)
                // What the group has is looked at by plain HTTP, as other tests do.
                for peer in cluster.running { _ = try await peer.terminate() }
            }
        }

        private func socket(of peer: Peer) -> String { peer.directory.appending(path: "api.sock").path }

        private func run(
            _ arguments: [String], _ cluster: Cluster, environment: [String: String] = [:]
        ) async throws -> Finished {
            try await Program.run(arguments, in: cluster.directory, environment: environment, within: .seconds(60))
        }

        /// What curl says: the status and the body.
        private func curl(_ arguments: String..., cluster: Cluster) async throws -> (status: Int, body: String) {
            let finished = try await Finished.running(
                ["/usr/bin/curl", "--silent", "--max-time", "30", "--write-out", "\n%{http_code}"] + arguments,
                in: cluster.directory)
            let lines = finished.output.split(separator: "\n", omittingEmptySubsequences: false)
            return (lines.last.flatMap { Int($0) } ?? 0, lines.dropLast().joined(separator: "\n"))
        }

        @Test func everyDoorHasItsKeyAndEveryChangeItsAuthor() async throws {
            try await withSecureCluster { cluster, certificates in
                let config = ["--config", cluster.peers[0].configurationFile.path]
                let alice = ["--cert", certificates.file("alice.pem"), "--key", certificates.file("alice.key")]
                let mallory = ["--cert", certificates.file("mallory.pem"), "--key", certificates.file("mallory.key")]
                try await eventually("the group works") {
                    try await run(["status"] + config, cluster).ending == .exit(0)
                }
                // Nothing, a certificate of another authority, and one's own word are not enough.
                let denied = try await run(["pause"] + config, cluster)
                try #require(denied.ending == .exit(77), "\(denied)")
                let stranger = try await run(["pause"] + config + mallory, cluster)
                try #require(stranger.ending == .exit(69), "\(stranger)")
                try #require(stranger.everything.contains("does not take this certificate"), "\(stranger)")
                // Each of the three ways is.
                let byCertificate = try await run(["pause", "--reason", "one"] + config + alice, cluster)
                try #require(byCertificate.ending == .exit(0), "\(byCertificate)")
                let byToken = try await run(
                    ["resume", "--reason", "two"] + config, cluster,
                    environment: ["PRODHA_TOKEN_FILE": certificates.file("tokens")])
                try #require(byToken.ending == .exit(0), "\(byToken)")
                let leader = try await value("one leads") {
                    for peer in cluster.peers {
                        let status = try await curl(
                            "--unix-socket", socket(of: peer), "http://x/v1/prodha/status", cluster: cluster)
                        if status.body.contains("\"role\":\"leader\"") { return peer }
                    }
                    return nil
                }
                let bySocket = try await curl(
                    "--unix-socket", socket(of: leader), "-d", #"{"reason": "three"}"#,
                    "http://anything/v1/prodha/region/pause", cluster: cluster)
                try #require(bySocket.status == 200, "\(bySocket)")
                let history = try await run(["history", "--output", "json"] + config, cluster).output
                for proof in ["certificate /CN=alice", "token of bob", "unix socket, uid \(getuid())"] {
                    try #require(history.contains("(\(proof))"), "\(proof) is not in \(history)")
                }
                try #require(!history.contains(Self.token))
            }
        }

        @Test func nobodyElsesServerIsTrusted() async throws {
            try await withSecureCluster { cluster, certificates in
                let place = "127.0.0.1:\(cluster.peers[0].apiPort)"
                let cacert = ["--cacert", certificates.file("root.pem")]
                try await eventually("it answers") {
                    try await run(["status", "--peer", "https://\(place)"] + cacert, cluster).ending == .exit(0)
                }
                let untrusted = try await run(
                    ["status", "--peer", "https://\(place)", "--cacert", certificates.file("other.pem")], cluster,
                    environment: ["PRODHA_TOKEN": Self.token])
                try #require(untrusted.ending == .exit(69) && untrusted.output.contains("not trusted"), "\(untrusted)")
                let plain = try await run(["status", "--peer", place], cluster)
                try #require(plain.ending == .exit(69) && plain.output.contains("https?"), "\(plain)")
                // The right authority, and another host's certificate.
                try await certificates.make("elsewhere", names: "DNS:elsewhere")
                try certificates.put("elsewhere", inPlaceOf: "bp1")
                cluster.peers[0].send(SIGHUP)
                try await cluster.peers[0].says("certificate for the API is /CN=elsewhere")
                let other = try await run(["status", "--peer", "https://\(place)"] + cacert, cluster)
                try #require(other.ending == .exit(69) && other.output.contains("another host"), "\(other)")
            }
        }

        @Test func noPageInABrowserAndNoOtherNameGetsIn() async throws {
            try await withCluster(.calm) { cluster in
                for peer in cluster.peers {
                    try peer.edit { try Cluster.changeAPI(&$0) { $0["host_names"] = ["bp.example"] } }
                }
                try await cluster.start()
                let leader = try await cluster.leader()
                let before = try await leader.status()["raft.commit_index"]
                let calls = [
                    ("POST", "/v1/prodha/region/pause"), ("POST", "/v1/prodha/commit_block"),
                    ("GET", "/v1/producer_ha/take_leadership"), ("GET", "/v1/prodha/status"), ("GET", "/metrics"),
                    ("POST", "/v1/chain/send_transaction"), ("GET", "/health/live"), ("GET", "/nowhere"),
                ]
                for (method, path) in calls {
                    for header in [
                        ("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site"),
                        ("Sec-Fetch-Site", "same-origin"),
                    ] {
                        let answer = try await leader.call(
                            method, path, headers: [header], body: method == "POST" ? Array("{}".utf8) : nil)
                        try answer.error(403, "forbidden")
                    }
                    for host in ["evil.example", "evil.example:\(leader.apiPort)", "localhost.evil.example", ""] {
                        let answer = try await rebound(leader, method, path, host)
                        try answer.error(421, "misdirected_request")
                    }
                }
                for host in [
                    "localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:\(leader.apiPort)", "10.0.0.1", "bp.example:80",
                    "BP.example.",
                ] {
                    try #require(try await rebound(leader, "GET", "/health/live", host).status == 200, "\(host)")
                }
                // A link that somebody followed.
                let followed = try await leader.call(
                    "GET", "/v1/producer_ha/take_leadership", headers: [("Sec-Fetch-Site", "none")])
                try followed.error(403, "forbidden")
                // Typed into a browser's address field.
                let typed = try await leader.call("GET", "/metrics", headers: [("Sec-Fetch-Site", "none")])
                try #require(typed.status == 200)
                try #require(try await leader.status()["raft.commit_index"] == before, "something was done")
                try #require(try await cluster.leader() === leader)
            }
        }

        /// A signature that a page asks for would spend the permit.
        @Test func theSignatureGateIsForNodeosOnly() async throws {
            try await withCluster(.calm) { cluster in
                let peer = cluster.peers[0]
                let ports = try Ports.free(2)
                let key = cluster.directory.appending(path: "bp.key").path
                try "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3".write(
                    toFile: key, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
                let publicKey = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
                try peer.edit { document in
                    document["nodeos"] = [
                        "http": .string("http://127.0.0.1:\(ports[0])"),
                        "signer": [
                            "listen": .string("127.0.0.1:\(ports[1])"), "public_key": .string(publicKey),
                            "key_file": .string(key),
                        ],
                    ]
                }
                try await peer.startAndServe()
                let body = Array("[\"\(String(repeating: "a", count: 64))\",\"\(publicKey)\"]".utf8)
                func ask(_ headers: [(String, String)]) async throws -> Int {
                    try await HTTP.call(
                        "POST", "/v1/wallet/sign_digest", port: ports[1], headers: headers, body: body
                    ).status
                }
                try await eventually("it answers") { try await ask([]) == 500 }
                for header in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
                    try #require(try await ask([header]) == 403)
                }
                let foreign = try await rebound(ports[1], "POST", "/v1/wallet/sign_digest", "evil.example")
                try #require(foreign.status == 403)
            }
        }

        private func rebound(_ peer: Peer, _ method: String, _ path: String, _ host: String) async throws -> Response {
            try await rebound(peer.apiPort, method, path, host)
        }

        /// A call with this Host header.
        private func rebound(_ port: Int, _ method: String, _ path: String, _ host: String) async throws -> Response {
            try await offload {
                let deadline = ContinuousClock.now + Bound.call
                let socket = try Socket(port: port, deadline: deadline)
                let head =
                    "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                try socket.send(Array(head.utf8), deadline: deadline)
                return try HTTP.answer(from: socket, deadline: deadline)
            }
        }

        @Test func theSocketsFileSaysWhoMay() async throws {
            try await withSecureCluster { cluster, _ in
                let peer = cluster.peers[0]
                let path = socket(of: peer)
                func mode() throws -> Int? {
                    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                }
                try #require(try mode() == 0o600)
                // What a killed process left does not keep the next one out.
                try await peer.kill()
                try #require(FileManager.default.fileExists(atPath: path))
                try peer.edit { try Cluster.changeAPI(&$0) { $0["unix_socket_mode"] = "0660" } }
                let start = peer.log.count
                try await peer.start()
                try await peer.says("runs", after: start)
                try #require(try mode() == 0o660)
                // A second peer with the same path does not take it away.
                let other = cluster.peers[1]
                try #require(try await other.terminate() == .exit(0))
                try #require(!FileManager.default.fileExists(atPath: socket(of: other)))
                try other.edit { try Cluster.changeAPI(&$0) { $0["unix_socket"] = .string(path) } }
                try await other.start()
                try #require(try await other.end() == .exit(75))
                try await other.says("another process serves it")
                let answer = try await curl("--unix-socket", path, "http://x/health/live", cluster: cluster)
                try #require(answer.status == 200)
                // Nor is a file that is no socket removed.
                let precious = cluster.directory.appending(path: "precious").path
                try "precious".write(toFile: precious, atomically: true, encoding: .utf8)
                try other.edit { try Cluster.changeAPI(&$0) { $0["unix_socket"] = .string(precious) } }
                try await other.start()
                try #require(try await other.end() == .exit(75))
                try await other.says("no socket; choose another path")
                try #require(try String(contentsOfFile: precious, encoding: .utf8) == "precious")
                // The tools know sockets.
                let status = try await run(["status", "--output", "json", "--peer", "unix:\(path)"], cluster)
                try #require(status.ending == .exit(2) && status.output.contains("unix:\(path)"), "\(status)")
            }
        }
    }
}
