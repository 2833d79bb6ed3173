// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Every command in every state of a group: what it prints is what is true.
    @Suite struct EveryStateTests {
        /// The commands, with a file that names the peers.
        private struct Desk {
            let cluster: Cluster
            let file: String
            /// Peers that do not answer on the file's API, or not as themselves.
            var silent: Set<Int> = []
            /// What runs differs from the file: each peer has addresses of its own for the others.
            var drifts = false

            init(_ cluster: Cluster) {
                self.cluster = cluster
                file = cluster.peers[0].configurationFile.path
            }

            /// With a file in which peer `id` has its API at `port`.
            init(_ cluster: Cluster, peer id: Int, at port: Int) throws {
                self.cluster = cluster
                silent = [id]
                var document = try JSON(parsing: Array(try Data(contentsOf: cluster.peers[0].configurationFile)))
                let peers = try #require(document["peers"]?.array)
                document["peers"] = .array(
                    peers.map { peer in
                        guard peer["id"]?.int == id else { return peer }
                        var peer = peer
                        peer["api"] = .string("127.0.0.1:\(port)")
                        return peer
                    })
                file = cluster.directory.appending(path: "desk-\(port).json").path
                try document.text.write(toFile: file, atomically: true, encoding: .utf8)
            }

            var speaking: [Peer] { cluster.peers.filter { !silent.contains($0.id) } }

            func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Finished {
                try await Program.run(
                    arguments + ["--config", file, "--timeout", "700ms"], in: cluster.directory,
                    environment: environment, within: .seconds(60))
            }

            func validateLive() async throws -> Finished {
                try await Program.run(
                    ["validate", "--live", file, "--timeout", "700ms"], in: cluster.directory, within: .seconds(60))
            }

            func json(_ arguments: [String], _ ending: Ending) async throws -> JSON {
                let finished = try await run(arguments + ["-o", "json"])
                try #require(finished.ending == ending, "\(arguments): \(finished)")
                return try JSON(parsing: Array(finished.output.utf8))
            }

            /// As on a terminal of 60 columns.
            func onTerminal(_ arguments: [String], _ environment: [String: String]) async throws -> String {
                let command = ([try Program.path()] + arguments + ["--config", file, "--timeout", "700ms"])
                    .map { "'\($0)'" }.joined(separator: " ")
                let finished = try await Finished.running(
                    ["/usr/bin/script", "-qec", "stty cols 60 rows 40; exec \(command)", "/dev/null"],
                    in: cluster.directory, environment: environment, within: .seconds(60))
                return finished.output.replacing("\r\n", with: "\n")
            }
        }

        private static let facts = [
            "peer.id", "peer.version", "raft.role", "raft.term", "raft.leader_id", "raft.quorum_size",
            "production.can_produce", "production.reason", "production.paused", "production.region_active",
            "production.epoch", "production.pause", "maintenance",
        ]

        private func truths(_ peers: [Peer]) async throws -> [Int: JSON] {
            var truths: [Int: JSON] = [:]
            for peer in peers { truths[peer.id] = try await peer.status() }
            return truths
        }

        /// What all commands that only look say, beside what the peers say of themselves.
        private func look(
            _ desk: Desk, _ ending: Ending, _ state: String, _ words: String...
        ) async throws {
            // A moment in which nothing changes.
            let (truth, shown) = try await value("nothing changes for a moment") {
                let before = try await truths(desk.speaking)
                let finished = try await desk.run(["status", "-o", "json"])
                let after = try await truths(desk.speaking)
                let changed = desk.speaking.flatMap { peer in
                    Self.facts.filter { before[peer.id]?[$0] != after[peer.id]?[$0] }
                }
                guard changed.isEmpty else { throw TimedOut(description: "\(changed) changed") }
                guard finished.ending == ending else { throw TimedOut(description: "\(finished)") }
                return (before, try JSON(parsing: Array(finished.output.utf8)))
            }
            let region = try #require(shown["regions"]?.array?.first)
            try #require(region["state"]?.string == state, "\(region)")
            let peers = try #require(region["peers"]?.array)
            try #require(peers.compactMap { $0["id"]?.int } == desk.cluster.peers.map(\.id), "\(region)")
            for peer in peers {
                let id = try #require(peer["id"]?.int)
                guard let truth = truth[id] else {
                    try #require(peer["answered"]?.bool == false && peer["error.name"]?.string != nil, "\(peer)")
                    continue
                }
                let said = try #require(peer["status"])
                for fact in Self.facts { try #require(said[fact] == truth[fact], "peer \(id), \(fact): \(peer)") }
                try #require(said["raft.commit_index"]?.int ?? -1 >= truth["raft.commit_index"]?.int ?? 0, "\(peer)")
            }
            // Who leads is what the latest term's leader says of itself.
            let leads = truth.values.filter { $0["raft.role"]?.string == "leader" }
                .max { $0["raft.term"]?.int ?? 0 < $1["raft.term"]?.int ?? 0 }
            if let leads { try #require(region["leader_id"]?.int == leads["peer.id"]?.int, "\(region)") }

            let headline = try #require(shown["headline"]?.string)
            for word in words { try #require(headline.contains(word), "\(word) is not in: \(headline)") }
            try #require((shown["verdict"]?.string == "well") == (ending == .exit(0)), "\(shown)")
            try await lookAtTheRest(desk)
            try await lookThroughASmallTerminal(desk)
        }

        /// The log, the history, the incident and the check of what runs.
        private func lookAtTheRest(_ desk: Desk) async throws {
            let speaker = try #require(desk.speaking.first)
            let log = try await desk.run(["log", "-n", "5", "-o", "json", "--of", "\(speaker.id)"])
            try #require(log.ending == .exit(0), "\(log)")
            let all = try await speaker.get("/v1/prodha/log?limit=1000").document()
            let known = try #require(all["entries"]?.array)
            let lines = try log.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            try #require(!lines.isEmpty && lines.allSatisfy(known.contains), "\(log)")

            let told = try #require(try await desk.json(["history"], .exit(0))["regions"]?.array?.first)
            let teller = try desk.cluster.peer(try #require(told["told_by"]?.int, "\(told)"))
            try #require(!desk.silent.contains(teller.id))
            let kept = try await teller.get("/v1/prodha/history").document()
            let (shown, written) = (told["entries"]?.array ?? [], kept["entries"]?.array ?? [])
            try #require(!shown.isEmpty && shown.allSatisfy(written.contains), "\(told) but \(kept)")

            let incident = try await desk.run(["log", "--incident"])
            try #require(incident.ending == .exit(0), "\(incident)")
            let live = try await desk.validateLive()
            try #require(live.ending == .exit(desk.silent.isEmpty && !desk.drifts ? 0 : 2), "\(live)")
            for id in desk.silent {
                try #require(incident.everything.contains("peer \(id) tells nothing"), "\(incident)")
                try #require(live.everything.contains("peer \(id) gave no status"), "\(live)")
            }
        }

        private func lookThroughASmallTerminal(_ desk: Desk) async throws {
            let plain = [["TERM": "dumb"], ["TERM": "xterm", "NO_COLOR": "1"]]
            for command in [["status"], ["history"], ["log", "-n", "5"], ["log", "--incident"]] {
                for (index, environment) in (plain + [["TERM": "xterm"]]).enumerated() {
                    // What is repainted on the way is not part of what stays.
                    let screen = try await desk.onTerminal(command, environment)
                        .replacing(/\r\u{1b}\[K(\.\.\. [^\r\n]*)?/, with: "")
                    let isColoured = screen.contains("\u{1b}")
                    try #require(
                        index < 2 ? !isColoured : true, "\(command) with \(environment): \(screen.debugDescription)")
                    let lines = screen.replacing(/\u{1b}\[[0-9;]*m/, with: "").split(separator: "\n")
                    try #require(!lines.isEmpty && lines.allSatisfy { $0.count <= 60 }, "\(command): \(screen)")
                }
            }
        }

        private func act(_ desk: Desk, _ arguments: [String], _ endings: [Int32], says words: String...) async throws {
            let finished = try await desk.run(arguments)
            try #require(endings.contains { finished.ending == .exit($0) }, "\(arguments): \(finished)")
            let good = finished.ending == .exit(0)
            try #require(finished.output.isEmpty == !good && finished.errors.isEmpty == good, "\(finished)")
            for word in words { try #require(finished.everything.contains(word), "\(word) is not in: \(finished)") }
        }

        private func commitSome(_ cluster: Cluster) async throws -> [Block] {
            let blocks = try Chain().growing { try $0.next(6) }
            try await cluster.commit(Array(blocks[..<3]))
            try await cluster.allReach(1002)
            return Array(blocks[3...])
        }

        @Test func producingThenPaused() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let rest = try await commitSome(cluster)
                let desk = Desk(cluster)
                let leader = try await cluster.leader()
                try await look(desk, .exit(0), "producing", "peer \(leader.id) leads", "3 of 3 up")
                let next = try #require(cluster.others(than: leader).first)
                try await act(desk, ["transfer", "--to", "\(next.id)"], [0], says: "peer \(next.id) leads")
                try #require(try await cluster.leader() === next)
                try await look(desk, .exit(0), "producing", "peer \(next.id) leads")
                try await act(desk, ["resume"], [0], says: "already")

                try await act(desk, ["pause", "--reason", "disk swap"], [0], says: "is paused now")
                try await look(desk, .exit(2), "paused", "paused", "disk swap")
                let refused = try await next.commit(rest[0])
                try #require(refused.status == 409 && refused.reason == "region_paused", "\(refused)")
                try await act(desk, ["pause"], [0], says: "already", "disk swap")
                try await act(desk, ["transfer", "--to", "\(leader.id)"], [0], says: "peer \(leader.id) leads")
                try await look(desk, .exit(2), "paused", "peer \(leader.id) leads")
                try await act(desk, ["maintenance", "on", "\(next.id)"], [0])
                try await act(desk, ["transfer", "--to", "\(next.id)"], [3], says: "maintenance")
                try await act(desk, ["resume"], [0])
                try await look(desk, .exit(0), "producing", "peer \(leader.id) leads")
                try await cluster.commit(rest)
            }
        }

        @Test func standby() async throws {
            var settings = GroupSettings.calm
            settings.active = false
            try await withCluster(settings) { cluster in
                try await cluster.start()
                let desk = Desk(cluster)
                let leader = try await cluster.leader()
                try await look(desk, .exit(0), "standby", "standby", "peer \(leader.id) leads")
                try await act(desk, ["transfer"], [0], says: "leads")
                try await act(desk, ["pause"], [0, 3])
                for peer in cluster.peers { try #require(try await peer.canProduce()["can_produce"]?.bool == false) }
            }
        }

        @Test func aPeerThatHangs() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                _ = try await commitSome(cluster)
                let leader = try await cluster.leader()
                let (hanging, other) = (cluster.others(than: leader)[0], cluster.others(than: leader)[1])
                // Its last words must have reached the others.
                try await eventually("the others know of it") {
                    let group = try await other.get("/v1/prodha/group").document()
                    return group["peers"]?.array?.first { $0["id"]?.int == hanging.id }?["status.production.head"]
                        == (try await hanging.status()["production.head"])
                }
                hanging.send(SIGSTOP)
                defer { hanging.send(SIGCONT) }
                var desk = Desk(cluster)
                desk.silent = [hanging.id]
                try await look(desk, .exit(2), "producing", "2 of 3 up", "peer \(hanging.id)", "no answer within")
                let before = try await lastKnown(hanging, desk)
                try await eventually("what is known grows old") {
                    try await lastKnown(hanging, desk).age > before.age + 1000
                }
                try #require(before.head == 1002)
                try await act(desk, ["transfer", "--to", "\(hanging.id)"], [1, 3], says: "peer \(hanging.id)")
                let leads = try await cluster.leader(among: [leader, other])
                let next = leads === leader ? other : leader
                try await act(desk, ["transfer", "--to", "\(next.id)"], [0], says: "peer \(next.id) leads")
                try await act(desk, ["pause"], [0])
                try await look(desk, .exit(2), "paused", "peer \(hanging.id)")
                try await act(desk, ["resume"], [0])
            }
        }

        private func lastKnown(_ peer: Peer, _ desk: Desk) async throws -> (age: Double, head: Int?) {
            let peers = try #require(
                try await desk.json(["status"], .exit(2))["regions"]?.array?.first?["peers"]?.array)
            let known = try #require(peers.first { $0["id"]?.int == peer.id }?["last_known"])
            let age = try #require(known["age_ms"]?.double, "\(known)")
            return (age, known["status.production.head.block_num"]?.int)
        }

        @Test func noQuorum() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                _ = try await commitSome(cluster)
                for peer in cluster.peers[1...] { try await peer.kill() }
                try await eventually("peer 1 knows of no leader") { try await cluster.peers[0].leaderID() == -1 }
                var desk = Desk(cluster)
                desk.silent = [2, 3]
                try await look(desk, .exit(2), "stopped", "cannot produce", "no quorum", "peers 2 and 3 unreachable")
                // Each waits for a leader as long as it may.
                for arguments in [["resume"], ["maintenance", "on", "2"]] {
                    try await act(desk, arguments, [3], says: "nothing was done", "no quorum")
                }
                try await cluster.peers[0].kill()
                for arguments in [["status"], ["history"], ["transfer"], ["log"], ["log", "--incident"]] {
                    let finished = try await desk.run(arguments)
                    try #require(finished.ending == .exit(69), "\(arguments): \(finished)")
                }
                let live = try await desk.validateLive()
                try #require(live.ending == .exit(69), "\(live)")
                let offline = try await Program.run(
                    ["log", "--data-dir", cluster.peers[0].dataDirectory.path], in: cluster.directory)
                try #require(offline.ending == .exit(0) && offline.output.contains("block 1002"), "\(offline)")
            }
        }

        /// The tool reaches all, the peers do not reach each other: the majority's word counts, and who says what is told.
        @Test func twoViews() async throws {
            try await withNetwork { cluster, network in
                try await cluster.start()
                _ = try await commitSome(cluster)
                let old = try await cluster.leader()
                let others = cluster.others(than: old)
                network.separate([old], by: .hold)
                let new = try await cluster.leader(among: others)
                try await eventually("the old one knows that it leads no more") {
                    try await old.status()["raft.role"]?.string != "leader"
                }
                var desk = Desk(cluster)
                desk.drifts = true
                try await look(desk, .exit(2), "producing", "peer \(new.id) leads")
                let table = try await desk.run(["status"])
                try #require(
                    table.output.contains("they disagree about the leader")
                        && table.output.replacing(/\s+/, with: " ").contains("peer \(old.id) says that nobody leads"),
                    "\(table)")
                try #require(table.output.contains("a minority"), "\(table)")
                try await act(desk, ["transfer", "--to", "\(old.id)"], [3], says: "peer \(old.id)")
                try await act(desk, ["pause"], [0])
                try await look(desk, .exit(2), "paused", "paused")
                try await act(desk, ["resume"], [0])
                try network.join()
                try await eventually("all is well") { try await desk.run(["status"]).ending == .exit(0) }
            }
        }

        /// One peer's API speaks another language, is something else, or takes connections and says nothing.
        @Test(arguments: ["other version", "garbage", "silence"])
        func oneThatCannotBeRead(_ kind: String) async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                _ = try await commitSome(cluster)
                let leader = try await cluster.leader()
                let odd = try #require(cluster.others(than: leader).first)
                let (port, holder, error): (Int, AnyObject, String)
                switch kind {
                case "other version":
                    let api = try LoopbackServer(document: [
                        "schema_version": 2, "peer": "what a later version may say",
                    ])
                    (port, holder, error) = (api.port, api, "other_schema_version")
                case "garbage":
                    let api = try LoopbackServer(answering: Array("SSH-2.0-OpenSSH_9.2\r\n\u{1b}[2J".utf8))
                    (port, holder, error) = (api.port, api, "garbage")
                default:
                    let free = try Ports.free()
                    (port, holder, error) = (free, try Listener(port: free), "no_answer")
                }
                defer { withExtendedLifetime(holder) {} }
                let desk = try Desk(cluster, peer: odd.id, at: port)
                try await look(desk, .exit(2), "producing", "peer \(leader.id) leads", "2 of 3 up", "peer \(odd.id)")
                let document = try await desk.json(["status"], .exit(2))
                let peer = document["regions"]?.array?.first?["peers"]?.array?.first { $0["id"]?.int == odd.id }
                try #require(peer?["error.name"]?.string == error, "\(document)")
                // It is well, and others tell so: what is known is of this moment.
                try #require(peer?["last_known.age_ms"]?.double ?? .infinity < 5000, "\(document)")
                let next = try #require(cluster.peers.first { $0 !== odd && $0 !== leader })
                try await act(desk, ["transfer", "--to", "\(next.id)"], [0], says: "peer \(next.id) leads")
                try await act(desk, ["pause"], [0])
                try await act(desk, ["resume"], [0])
                guard kind == "silence" else { return }
                // The leader cannot be told to do anything when its API is not there.
                let blind = try Desk(cluster, peer: next.id, at: port)
                try await act(blind, ["pause"], [3], says: "nothing was done")
                try #require(try await next.status()["production.paused"]?.bool == false)
            }
        }
    }
}
