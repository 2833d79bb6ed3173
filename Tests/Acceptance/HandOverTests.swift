// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Leadership moves when it is told to, and a refusal changes nothing.
    @Suite struct HandOverTests {
        @Test func aFollowerTakesLeadershipWhenTold() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    for method in ["GET", "POST"] {
                        let follower = try #require(try await cluster.followers().first)
                        let answer = try await follower.call(
                            method, "/v1/producer_ha/take_leadership", body: method == "POST" ? [] : nil)
                        try #require(answer.status == 201, "\(answer)")
                        try #require(answer.json?.keys == ["success", "info"], "\(answer)")
                        try #require(answer.json?["success"]?.bool == true, "\(answer)")
                        try #require(answer.json?["info"]?.string != nil, "\(answer)")
                        try #require(try await follower.status()["raft.role"]?.string == "leader")
                        try #require(try await cluster.leader() === follower)
                        // Who wanted it is written down, and what became of it.
                        try await eventually("the history tells") {
                            let entries =
                                try await follower.get("/v1/prodha/history").document()["entries"]?.array ?? []
                            let last = entries.last { $0["event"]?.string == "transfer" }
                            return last?["peer"]?.int == follower.id && last?["result"]?.string == "done"
                                && last?["act.from"]?.string == "127.0.0.1"
                        }
                        try await load.advances()
                    }
                    // In maintenance it is told why not.
                    let idle = try #require(try await cluster.followers().last)
                    let served = try await cluster.leader().post(
                        "/v1/prodha/maintenance", ["peer": .int(idle.id), "on": true])
                    try #require(served.status == 200, "\(served)")
                    let refused = try await idle.get("/v1/producer_ha/take_leadership")
                    try #require(refused.json?["success"]?.bool == false, "\(refused)")
                    // To the leader itself it says something, and stays leader.
                    let leader = try await cluster.leader()
                    let answer = try await leader.get("/v1/producer_ha/take_leadership")
                    try #require(answer.status == 201 && answer.json?.keys == ["success", "info"], "\(answer)")
                    try #require(answer.json?["success"]?.bool != nil, "\(answer)")
                    try await load.advances()
                }
            }
        }

        @Test func noneOfAMinorityTakesLeadership() async throws {
            try await withCluster { cluster in
                try await cluster.start()
                try await cluster.commit(try Chain().growing { try $0.next(2) })
                let survivor = cluster.peers[0]
                for peer in cluster.others(than: survivor) {
                    try await peer.kill()
                }
                try await eventually("peer 1 knows of no leader") { try await survivor.leaderID() == -1 }
                let answer = try await survivor.get("/v1/producer_ha/take_leadership", within: Bound.outcome)
                try #require(answer.status == 201, "\(answer)")
                try #require(answer.json?["success"]?.bool == false, "\(answer)")
                try #require(answer.json?["info"]?.string?.isEmpty == false, "\(answer)")
                try #require(try await survivor.leaderID() == -1)
            }
        }

        @Test func theLeaderGivesLeadershipToTheNamedPeer() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                try await cluster.underLoad { load in
                    for _ in 0..<rounds {
                        let leader = try await cluster.leader()
                        for target in cluster.others(than: leader) {
                            let leader = try await cluster.leader()
                            let answer = try await leader.post("/v1/prodha/transfer", ["to": .int(target.id)])
                            _ = try answer.document()
                            try #require(try await target.status()["raft.role"]?.string == "leader")
                            try await load.advances()
                            try #require(try await cluster.leader() === target)
                        }
                    }
                }
            }
        }

        @Test func transfersThatMakeNoSenseAreRefused() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                let target = "/v1/prodha/transfer"
                try await cluster.underLoad { load in
                    let leader = try await cluster.leader()
                    let others = cluster.others(than: leader)
                    // To nobody, and what is no request.
                    let unknown = try await leader.post(target, ["to": 99])
                    try #require([400, 409].contains(unknown.status), "\(unknown)")
                    try unknown.error(unknown.status, nil)
                    for body: JSON in [["to": "x"], [], ["to": -1], ["to": .number(1.5)], ["to": 1, "reason": 2]] {
                        let answer = try await leader.post(target, body)
                        try #require([400, 409].contains(answer.status), "\(answer)")
                        try answer.error(answer.status, nil)
                    }
                    // From one who does not have it.
                    let details = try await others[0].post(target, ["to": .int(others[1].id)]).error(409, "not_leader")
                    #expect(details["leader_id"]?.int == leader.id)
                    // To itself: done already, or refused; in any case it stays.
                    let own = try await leader.post(target, ["to": .int(leader.id)])
                    try #require([200, 409].contains(own.status), "\(own)")
                    if own.status == 409 { try own.error(409, nil) }
                    try await load.advances()
                    try #require(try await cluster.leader() === leader)

                    // To one who is not there: it fails with a reason, and the group goes on, whoever leads.
                    try await others[0].kill()
                    let dead = try await leader.post(target, ["to": .int(others[0].id)], within: Bound.outcome)
                    try dead.error(409, nil)
                    try await load.advances()
                    try await others[0].startAndServe()
                    try await load.advances()
                }
            }
        }
    }
}

extension Chain {
    /// What `body` makes of a chain that is needed no longer.
    func growing<Result>(_ body: (inout Chain) throws -> Result) rethrows -> Result {
        var chain = self
        return try body(&chain)
    }
}
