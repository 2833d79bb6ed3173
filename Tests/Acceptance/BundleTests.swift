// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// `prodha bundle` of real peers: whole, true, without secrets, or not there at all.
    @Suite struct BundleTests {
        private static let operating = "operator-0123456789"
        private static let reading = "reader-0123456789-abc"
        /// Of the broker, in its spelling for URLs, and of the pager that is told of changes.
        private static let password = "brokerpass"
        private static let pager = "https://pager.example.com/T0/pagersecret"

        private static let parts = [
            "configuration.json", "daemon.log", "events.jsonl", "group.json", "history.json", "log.jsonl",
            "metrics.txt", "status.json",
        ]

        private func write(_ text: String, _ name: String, _ cluster: Cluster) throws -> String {
            let path = cluster.directory.appending(path: name).path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return path
        }

        /// A folder in which the command runs, so that what it leaves there is seen.
        private func desk(_ cluster: Cluster, _ name: String = "desk") throws -> URL {
            let desk = cluster.directory.appending(path: name)
            try FileManager.default.createDirectory(at: desk, withIntermediateDirectories: true)
            return desk
        }

        private func files(_ desk: URL) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: desk.path).sorted()
        }

        private func bundle(
            _ cluster: Cluster, in desk: URL, _ arguments: [String] = [], timeout: String = "5s",
            environment: [String: String] = [:]
        ) async throws -> Finished {
            // Its own output would be among the files of the desk.
            let outside = cluster.directory
            let file = cluster.peers[0].configurationFile.path
            return try await Finished.running(
                ["/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", desk.path, try Program.path(), "bundle"]
                    + ["--config", file, "--timeout", timeout] + arguments,
                in: outside, environment: environment, within: .seconds(120))
        }

        /// Has tar, gzip and sha256sum look at the archive; gives what is in it.
        private func unpack(_ archive: URL) async throws -> [String: Data] {
            func run(_ command: String...) async throws -> String {
                let finished = try await Finished.running(command, in: archive.deletingLastPathComponent())
                try #require(finished.ending == .exit(0) && finished.errors.isEmpty, "\(command): \(finished)")
                return finished.output
            }
            let mode = try FileManager.default.attributesOfItem(atPath: archive.path)[.posixPermissions] as? Int
            try #require(mode == 0o600)
            _ = try await run("/usr/bin/env", "gzip", "--test", archive.path)
            let place = archive.appendingPathExtension("unpacked")
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            _ = try await run("/usr/bin/env", "tar", "--extract", "--gzip", "--file", archive.path, "-C", place.path)
            let folders = try FileManager.default.contentsOfDirectory(atPath: place.path)
            try #require(folders.count == 1)
            let inside = place.appending(path: folders[0])
            let checked = try await run("/bin/sh", "-c", "cd '\(inside.path)' && sha256sum --check --strict MANIFEST")
            var contents: [String: Data] = [:]
            for path in try FileManager.default.subpathsOfDirectory(atPath: inside.path) {
                var isFolder: ObjCBool = false
                let file = inside.appending(path: path)
                _ = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
                if !isFolder.boolValue { contents[path] = try Data(contentsOf: file) }
            }
            // All that is in it is in the list, and was checked.
            let names = checked.split(separator: "\n").map { String($0.replacing(": OK", with: "")) }
            try #require(names.sorted() == contents.keys.filter { $0 != "MANIFEST" }.sorted())
            let manifest = try #require(contents["MANIFEST"].map { String(decoding: $0, as: UTF8.self) })
            for name in names {
                try #require(manifest.contains(", \(contents[name]?.count ?? -1) bytes"), "\(name): \(manifest)")
            }
            return contents
        }

        private func archive(_ desk: URL) throws -> URL {
            let names = try files(desk)
            try #require(names.count == 1 && names[0].hasSuffix(".tar.gz"), "\(names)")
            return desk.appending(path: names[0])
        }

        /// Secrets in every file that a peer reads, in the tool's environment, and where people paste them by mistake.
        @Test func allPeersAreInItAndNoSecretIs() async throws {
            try await withCluster(.calm) { cluster in
                let key = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
                let (one, other) = (
                    try write(Self.operating, "operator", cluster), try write(Self.reading, "reader", cluster)
                )
                let keyFile = try write(key + "\n", "key", cluster)
                for peer in cluster.peers {
                    let ports = try Ports.free(2)
                    try peer.edit { document in
                        var api = try #require(document["api"])
                        (api["token_file"], api["read_token_file"]) = (.string(one), .string(other))
                        document["api"] = api
                        document["nodeos"] = [
                            "http": .string("http://127.0.0.1:\(ports[0])"),
                            "signer": [
                                "public_key": "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV",
                                "key_file": .string(keyFile), "listen": .string("127.0.0.1:\(ports[1])"),
                            ],
                        ]
                        document["amqp"] = ["address": .string("amqp://bp:\(Self.password)@127.0.0.1:1")]
                        // What it says goes into the peer's log.
                        document["on_change"] = [
                            "/bin/sh", "-c", .string("echo calls $1 amqp://x:\(Self.password)@h; exit 1"), "hook",
                            .string(Self.pager),
                        ]
                    }
                }
                try await cluster.start()
                _ = try await cluster.leader()
                // Without a nodeos there is no chain, and no block.
                for peer in cluster.peers { try await peer.says("calls https://pager") }
                let paused = try await Program.run(
                    ["pause", "--reason", "with \(Self.operating) at http://bp:\(Self.password)@h", "--config"]
                        + [cluster.peers[0].configurationFile.path], in: cluster.directory,
                    environment: ["PRODHA_TOKEN": Self.operating])
                let desk = try desk(cluster)
                let done = try await bundle(
                    cluster, in: desk, ["-o", "json"], environment: ["PRODHA_TOKEN": Self.operating])
                try #require(done.ending == .exit(0), "\(done)")
                let archive = try archive(desk)
                try #require(
                    archive.lastPathComponent.wholeMatch(of: /prodha-bundle-default-\d{8}T\d{6}Z\.tar\.gz/) != nil)
                let contents = try await unpack(archive)
                let expected =
                    ["MANIFEST", "default/incident.txt", "status.json", "status.txt"]
                    + (1...3).flatMap { id in Self.parts.map { "default/peer-\(id)/\($0)" } }
                try #require(contents.keys.sorted() == expected.sorted())
                for (name, bytes) in contents {
                    for secret in [Self.operating, Self.reading, Self.password, "pagersecret", key] {
                        #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(secret) is in \(name)")
                    }
                }
                // The list that is printed is the one that is inside.
                let list = try JSON(parsing: Array(done.output.utf8))
                try #require(list["complete"]?.bool == true && list["file"]?.string == archive.lastPathComponent)
                let items = try #require(list["items"]?.array)
                try #require(
                    items.compactMap { $0["name"]?.string }.sorted()
                        == contents.keys.filter { $0 != "MANIFEST" }.sorted())
                for item in items {
                    try #require(item["size"]?.int == contents[item["name"]?.string ?? ""]?.count, "\(item)")
                }
                // What is no secret is there.
                for peer in cluster.peers {
                    func part(_ name: String) throws -> String {
                        String(decoding: try #require(contents["default/peer-\(peer.id)/\(name)"]), as: UTF8.self)
                    }
                    let configuration = try JSON(parsing: Array(try part("configuration.json").utf8))["configuration"]
                    try #require(configuration?["amqp.address"]?.string == "amqp://bp:***@127.0.0.1:1")
                    try #require(configuration?["api.token_file"]?.string == one)
                    try #require(configuration?["nodeos.signer.key_file"]?.string == keyFile)
                    try #require(configuration?["election_timeout_lower_bound_ms"]?.int == 1500)
                    let log = try part("daemon.log").split(separator: "\n")
                    try #require(log.contains { $0.contains(" runs ") && $0.contains("peer=default/\(peer.id)") })
                    try #require(log.contains { $0.contains("calls ***") }, "\(log)")
                    // They are the lines that it wrote, but for the secrets.
                    let written = Set(peer.log.split(separator: "\n"))
                    try #require(log.allSatisfy { $0.contains("***") || written.contains($0) }, "\(log)")
                    try #require(try part("metrics.txt").contains("prodha_can_produce{"))
                    try #require(try JSON(parsing: Array(try part("status.json").utf8))["peer.id"]?.int == peer.id)
                }
                if paused.ending == .exit(0) {
                    let history = String(decoding: try #require(contents["default/peer-1/history.json"]), as: UTF8.self)
                    try #require(history.contains("with *** at http://bp:***@h"), "\(history)")
                }
            }
        }

        @Test func theDeadTheSilentAndTheMadAreToldAndCostLittle() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(30) })
                try await cluster.allReach(1029)
                let leader = try await cluster.leader()
                let rest = cluster.others(than: leader)
                let (silent, dead) = (rest[0], rest[1])
                // Its API takes connections and says nothing; its process is stopped, so the links go down too.
                silent.send(SIGSTOP)
                try await eventually("it is stopped") { silent.isStopped }
                try await dead.kill()
                let desk = try desk(cluster)
                let done = try await bundle(cluster, in: desk, ["--log-entries", "20"], timeout: "2s")
                silent.send(SIGCONT)
                try #require(done.ending == .exit(2), "\(done)")
                let contents = try await unpack(try archive(desk))
                let manifest = String(decoding: try #require(contents["MANIFEST"]), as: UTF8.self)
                for (peer, why) in [(silent, "no answer within 2000 ms"), (dead, "connection refused")] {
                    try #require(!contents.keys.contains { $0.contains("peer-\(peer.id)/") })
                    let line = manifest.split(separator: "\n").first { $0.hasPrefix("# default/peer-\(peer.id): ") }
                    try #require(line?.contains(why) == true, "\(manifest)")
                    try #require(done.output.contains("! default/peer-\(peer.id): \(why)"), "\(done)")
                }
                for part in Self.parts { try #require(contents["default/peer-\(leader.id)/\(part)"] != nil, "\(part)") }
                let log = String(decoding: try #require(contents["default/peer-\(leader.id)/log.jsonl"]), as: UTF8.self)
                let entries = try log.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
                try #require(entries.count == 20 && entries.last?["num"]?.int == 1029, "\(log)")
                // What the dead one said last is known by the others.
                let group = try JSON(parsing: Array(try #require(contents["default/peer-\(leader.id)/group.json"])))
                let known = group["peers"]?.array?.first { $0["id"]?.int == dead.id }
                try #require(known?["status.peer.id"]?.int == dead.id, "\(group)")
                try await dead.startAndServe()
            }
        }

        /// Another program, and another version, on the port of a peer.
        @Test(arguments: ["garbage", "other version"])
        func oneThatCannotBeRead(_ kind: String) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                _ = try await cluster.leader()
                let odd =
                    kind == "garbage"
                    ? try LoopbackServer(answering: Array("SSH-2.0-OpenSSH_9.2\r\n\u{1b}[2J".utf8))
                    : try LoopbackServer(document: ["schema_version": 2, "peer": "what a later version may say"])
                var document = try JSON(parsing: Array(try Data(contentsOf: cluster.peers[0].configurationFile)))
                var peers = try #require(document["peers"]?.array)
                peers[2]["api"] = .string("127.0.0.1:\(odd.port)")
                document["peers"] = .array(peers)
                let file = try write(document.text, "odd.json", cluster)
                let desk = try desk(cluster)
                let path = desk.appending(path: "x.tar.gz").path
                let done = try await Program.run(
                    ["bundle", "--config", file, "--file", path, "--timeout", "5s"], in: cluster.directory,
                    within: .seconds(60))
                try #require(done.ending == .exit(2) && done.output.contains("! default/peer-3: "), "\(done)")
                let contents = try await unpack(URL(fileURLWithPath: path))
                try #require(contents.count == 4 + 2 * Self.parts.count, "\(contents.keys)")
                withExtendedLifetime(odd) {}
            }
        }

        @Test func nothingIsWrittenWhereNothingCanBe() async throws {
            try await withCluster(.calm) { cluster in
                let desk = try desk(cluster)
                let nobody = try await bundle(cluster, in: desk, ["-o", "json"], timeout: "1s")
                try #require(nobody.ending == .exit(69) && nobody.output.isEmpty, "\(nobody)")
                try #require(
                    try JSON(parsing: Array(nobody.errors.utf8))["error.name"]?.string == "unreachable", "\(nobody)")
                try #require(try files(desk).isEmpty)

                let token = try write(Self.operating, "operator", cluster)
                for peer in cluster.peers {
                    try peer.edit { document in
                        var api = try #require(document["api"])
                        api["token_file"] = .string(token)
                        document["api"] = api
                    }
                }
                try await cluster.start()
                _ = try await cluster.leader()
                let denied = try await bundle(cluster, in: desk, environment: ["PRODHA_TOKEN": Self.reading])
                try #require(denied.ending == .exit(77) && denied.errors.contains("unauthorized"), "\(denied)")
                try #require(try files(desk).isEmpty)

                // Who has the name keeps it.
                try Data("mine".utf8).write(to: desk.appending(path: "mine"))
                let taken = try await bundle(cluster, in: desk, ["--file", "mine"])
                try #require(taken.ending == .exit(74) && taken.errors.contains("is there already"), "\(taken)")
                try #require(try Data(contentsOf: desk.appending(path: "mine")) == Data("mine".utf8))
                let nowhere = try await bundle(cluster, in: desk, ["--file", "no/such/x", "-o", "json"])
                try #require(nowhere.ending == .exit(74) && nowhere.output.isEmpty, "\(nowhere)")
                try #require(
                    try JSON(parsing: Array(nowhere.errors.utf8))["error.name"]?.string == "cannot_write", "\(nowhere)")
                for wrong in [
                    ["--log-entries", "0"], ["--log-entries", "20001"], ["--file", ""], ["--file", "-"],
                    ["--file", "x/"],
                ] {
                    let usage = try await bundle(cluster, in: desk, wrong)
                    try #require(usage.ending == .exit(64), "\(wrong): \(usage)")
                }
                // A file that may have 512 bytes.
                let limited = try await Finished.running(
                    [
                        "/bin/sh", "-c", "cd \"$1\" && shift && ulimit -f 1 && exec \"$@\"", "sh", desk.path,
                        try Program.path(), "bundle", "--config", cluster.peers[0].configurationFile.path, "--timeout",
                        "5s",
                    ], in: cluster.directory, within: .seconds(60))
                try #require(limited.ending == .exit(74) && limited.errors.contains("File too large"), "\(limited)")
                try #require(try files(desk) == ["mine"])
            }
        }

        @Test(.enabled("file systems cannot be mounted here") { await SmallDisk.isPermitted() })
        func aFullDiskLeavesNothing() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                _ = try await cluster.leader()
                let disk = try await SmallDisk(at: cluster.directory.appending(path: "disk"), megabytes: 1)
                do {
                    try disk.fill()
                    let full = try await bundle(cluster, in: disk.path)
                    try #require(full.ending == .exit(74) && full.errors.contains("No space left"), "\(full)")
                    try #require(try files(disk.path) == ["filler"])
                    try disk.clear()
                    let well = try await bundle(cluster, in: disk.path)
                    try #require(well.ending == .exit(0), "\(well)")
                    _ = try await unpack(try archive(disk.path))
                } catch {
                    await disk.unmount()
                    throw error
                }
                await disk.unmount()
            }
        }

        /// While it asks, and at the last moment: when all is written and has no name yet.
        @Test(arguments: ["asking", "writing"])
        func anInterruptLeavesNothing(_ moment: String) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                _ = try await cluster.leader()
                let desk = try desk(cluster)
                let file = cluster.peers[0].configurationFile.path
                var command = [
                    try Program.path(), "bundle", "--config", file, "--file", desk.path + "/x", "--timeout", "20s",
                ]
                let (output, errors) = (
                    cluster.directory.appending(path: "out"), cluster.directory.appending(path: "err")
                )
                switch moment {
                case "asking":
                    // Takes what it is asked, and says nothing.
                    let silent = try LoopbackServer { connection in
                        var buffer = [UInt8](repeating: 0, count: 4096)
                        while recv(connection, &buffer, buffer.count, 0) > 0 {}
                    }
                    var document = try JSON(parsing: Array(try Data(contentsOf: URL(fileURLWithPath: file))))
                    var peers = try #require(document["peers"]?.array)
                    peers[2]["api"] = .string("127.0.0.1:\(silent.port)")
                    document["peers"] = .array(peers)
                    command[3] = try write(document.text, "silent.json", cluster)
                    let process = try await ChildProcess.start(command, in: desk, output: output, errors: errors)
                    defer { process.killGroup() }
                    try await eventually("it asks") { silent.connections > 0 }
                    process.send(SIGINT)
                    try #require(try await process.end() == .signal(SIGINT))
                default:
                    let traced = try await Finished.running(
                        ["/usr/bin/env", "strace", "-f", "-o", "/dev/null", "-e", "inject=fsync:signal=INT"] + command,
                        in: desk, within: .seconds(60))
                    try #require(traced.ending == .signal(SIGINT), "\(traced)")
                }
                let left = try files(desk)
                try #require(left.isEmpty, "\(left)")
            }
        }
    }
}
