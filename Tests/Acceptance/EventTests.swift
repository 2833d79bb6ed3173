// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// A reader of a peer's events, as a browser's EventSource is one.
private final class EventReader: Sendable {
    struct Event: Hashable {
        var id: String
        var type: String
        var document: JSON
    }

    private let raw = Guarded<[UInt8]>([])
    private let isOver = Guarded(false)

    init(_ peer: Peer, query: String = "", lastID: String? = nil) {
        let header = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        let request = "GET /v1/prodha/events\(query) HTTP/1.1\r\nHost: 127.0.0.1:\(peer.apiPort)\r\n\(header)\r\n"
        let (raw, isOver, port) = (raw, isOver, peer.apiPort)
        Thread.detachNewThread {
            let end = ContinuousClock.now + .seconds(120)
            if let socket = try? Socket(port: port, deadline: end) {
                try? socket.send(Array(request.utf8), deadline: end)
                while let bytes = try? socket.receive(deadline: end), !bytes.isEmpty {
                    raw.withLock { $0 += bytes }
                }
            }
            isOver.withLock { $0 = true }
        }
    }

    /// The peer has taken it in.
    var stands: Bool { String(decoding: raw.withLock { $0 }, as: UTF8.self).contains(": events from") }
    var hasEnded: Bool { isOver.withLock { $0 } }

    /// Without the chunks' frames.
    private var text: String {
        let bytes = raw.withLock { $0 }
        guard let head = String(decoding: bytes, as: UTF8.self).range(of: "\r\n\r\n") else { return "" }
        let start = String(decoding: bytes, as: UTF8.self)[..<head.upperBound].utf8.count
        var rest = bytes[start...]
        var body: [UInt8] = []
        while let line = rest.firstIndex(of: 13) {
            guard let size = Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16), size > 0,
                rest.endIndex - line >= size + 4
            else { break }
            body += rest[(line + 2)..<(line + 2 + size)]
            rest = rest[(line + 4 + size)...]
        }
        return String(decoding: body, as: UTF8.self)
    }

    func events() throws -> [Event] {
        try text.components(separatedBy: "\n\n").dropLast().compactMap { block in
            var fields: [String: String] = [:]
            for line in block.split(separator: "\n") where !line.hasPrefix(":") {
                let halves = line.split(separator: ":", maxSplits: 1)
                fields[String(halves[0])] = halves.count > 1 ? String(halves[1].drop { $0 == " " }) : ""
            }
            guard let data = fields["data"] else { return nil }
            return Event(
                id: try #require(fields["id"]), type: try #require(fields["event"]),
                document: try JSON(parsing: Array(data.utf8)))
        }
    }

    func has(_ what: String, _ test: (Event) -> Bool) async throws -> Event {
        try await value(what) { try events().first(where: test) }
    }
}

extension Acceptance {
    /// What happens is told, to readers and to the operator's command, and telling is never in the way.
    @Suite struct EventTests {
        @Test func readersAreToldWhatHappensAndGoOnWhereTheyWere() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let leader = try await cluster.leader()
                let follower = try #require(cluster.others(than: leader).first)
                let blocks = try Chain().growing { try $0.next(6) }
                let all = EventReader(follower)
                let some = EventReader(follower, query: "?types=region,maintenance")
                // Both stand.
                try await eventually("the readers are there") {
                    try await cluster.commit([blocks[0]])
                    return try !all.events().isEmpty && some.stands
                }
                try await cluster.commit(Array(blocks[1..<3]))
                for (path, body): (String, JSON) in [
                    ("region/pause", ["reason": "test", "who": "alice"]), ("region/resume", [:]),
                    ("maintenance", ["peer": .int(follower.id), "on": true]),
                ] {
                    let done = try await leader.post("/v1/prodha/\(path)", body)
                    try #require(done.status == 200, "\(done)")
                }
                let commit = try await all.has("block 1002") { $0.document["details.block_num"]?.int == 1002 }
                try #require(commit.type == "commit" && commit.document["details.block_id"]?.string == blocks[2].id)
                let pause = try await all.has("the pause") { $0.document["details.paused"]?.bool == true }
                try #require(pause.type == "region" && pause.document["details.who"]?.string == "alice", "\(pause)")
                _ = try await all.has("maintenance") { $0.type == "maintenance" }
                _ = try await some.has("maintenance") { $0.type == "maintenance" }
                try #require(try some.events().map(\.type) == ["region", "region", "maintenance"])

                // One that was away gets what it missed, in order and once.
                try await cluster.commit(Array(blocks[3...]))
                let back = EventReader(follower, lastID: pause.id)
                _ = try await back.has("block 1005") { $0.document["details.block_num"]?.int == 1005 }
                let numbers = try back.events().map { try #require(Int($0.id.split(separator: "-")[1])) }
                let start = try #require(Int(pause.id.split(separator: "-")[1]))
                try #require(numbers == Array(start + 1..<start + 1 + numbers.count), "\(numbers) after \(start)")
                // One whose events are of another run of the process is told so.
                let stranger = EventReader(follower, lastID: "nobody-7")
                let missed = try await stranger.has("that some are missing") { $0.type == "missed" }
                try #require(try stranger.events().first == missed)

                let wrong = try await follower.get("/v1/prodha/events?types=weather")
                try #require(wrong.status == 400, "\(wrong)")
                // The end of the peer is the end of the stream.
                try #require(try await follower.terminate() == .exit(0))
                try await eventually("the streams end") { all.hasEnded && some.hasEnded && back.hasEnded }
            }
        }

        @Test func readersAreBounded() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let leader = try await cluster.leader()
                let readers = (0..<64).map { _ in EventReader(leader) }
                try await eventually("all are taken in") { readers.allSatisfy(\.stands) }
                try #require(try await leader.get("/v1/prodha/events").status == 503)
                try await cluster.commit(try Chain().growing { try $0.next(3) })
                for reader in readers {
                    _ = try await reader.has("block 1002") { $0.document["details.block_num"]?.int == 1002 }
                }
            }
        }

        private func script(_ text: String, in cluster: Cluster) throws -> String {
            let file = cluster.directory.appending(path: "on-change")
            try "#!/bin/sh\n\(text)\n".write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
            return file.path
        }

        @Test func theOperatorsCommandIsRunForEachChange() async throws {
            try await withCluster(.calm) { cluster in
                let told = cluster.directory.appending(path: "told")
                let program = try script("echo \"$PRODHA_EVENT $1 $(cat)\" >> \(told.path)", in: cluster)
                for peer in cluster.peers {
                    try peer.edit { $0["on_change"] = [.string(program), .string("peer-\(peer.id)")] }
                }
                try await cluster.start()
                let leader = try await cluster.leader()
                try await cluster.commit(try Chain().growing { try $0.next(3) })
                try #require(try await leader.post("/v1/prodha/region/pause", ["reason": "page me"]).status == 200)
                try await eventually("all three are told of the pause") {
                    let lines = try String(contentsOf: told, encoding: .utf8).split(separator: "\n")
                    return Set(cluster.peers.map(\.id)).allSatisfy { id in
                        lines.contains { $0.hasPrefix("region peer-\(id) {") && $0.contains("page me") }
                    }
                }
                let lines = try String(contentsOf: told, encoding: .utf8).split(separator: "\n")
                try #require(lines.contains { $0.hasPrefix("role peer-\(leader.id) {") && $0.contains("leads") })
                try #require(!lines.contains { $0.hasPrefix("commit ") }, "a command for each block")
                for line in lines {
                    let json = line.drop { $0 != "{" }
                    try #require(try JSON(parsing: Array(json.utf8))["schema_version"]?.int == 1)
                }
            }
        }

        /// One that hangs, one that fails, one that is not there: blocks go on, and the log says it.
        @Test(arguments: [
            ("sleep 1000 & sleep 1000", "killed after 10000 ms"),
            ("echo no pager here; exit 3", "exit 3; it says: no pager"),
            ("kill -9 $$", "died of signal 9"),
        ])
        func aBadCommandIsNeverInTheWay(_ text: String, _ words: String) async throws {
            try await withCluster(.calm) { cluster in
                let program = try script(text, in: cluster)
                for peer in cluster.peers { try peer.edit { $0["on_change"] = [.string(program)] } }
                try await cluster.start()
                try await cluster.underLoad { load in
                    try await load.advances()
                    try await cluster.peers[0].says(words)
                    try await load.advances()
                }
            }
        }

        @Test func aCommandThatIsNotThereIsToldAndThePeerRuns() async throws {
            try await withCluster(.calm) { cluster in
                for peer in cluster.peers { try peer.edit { $0["on_change"] = ["/nowhere/pager"] } }
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(1) })
                try await cluster.peers[0].says("/nowhere/pager.* cannot be run")
                try await cluster.peers[0].says("cannot run /nowhere/pager")
            }
        }
    }
}
