// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Raft
import Testing

@testable import Node

/// What is known of a peer is what it said itself, and how long ago.
@Suite struct GroupStatusTests {
    private func status(_ id: Int, region: String = "east") -> StatusDocument {
        StatusDocument(
            peer: .init(id: id, region: region, address: "a:1", api: "http://a:2", version: "0.1.0", uptimeMS: 1),
            raft: .init(
                role: .follower, term: 3, leaderID: 1, commitIndex: 9, appliedIndex: 9, lastIndex: 9, snapshotIndex: 0,
                quorumSize: 2, lease: .init(held: false, remainingMS: 0, expiryMS: 750)),
            peers: [], production: .init(regionActive: true, epoch: 1, paused: false, canProduce: false))
    }

    @Test func theLastAnswerStaysAndGrowsOld() {
        var group = GroupStatus()
        let (peer, start) = (PeerID(2), Clock.now())
        #expect(group.status(of: peer, in: "east", at: start) == KnownStatus(id: 2))
        let (first, second) = (group.ask(peer), group.ask(peer))
        #expect(first && !second, "one question at a time")
        group.take(status(2).json(), from: peer, at: start)
        // Neither silence nor the refusal of an old peer wipes out what is known.
        for answer in [nil, [1] + Array("peer 2 does not know this call".utf8), []] as [[UInt8]?] {
            let mayAsk = group.ask(peer)
            #expect(mayAsk)
            group.take(answer, from: peer, at: start + .seconds(4))
        }
        let known = group.status(of: peer, in: "east", at: start + .seconds(5))
        #expect(known == KnownStatus(id: 2, ageMS: 5000, status: status(2)))
    }

    @Test func whatIsNotThatPeersStatusIsNotTold() {
        let now = Clock.now()
        var other = status(2)
        other.schemaVersion = 2
        let tooLong = status(2).json() + [UInt8](repeating: UInt8(ascii: " "), count: GroupStatus.maxBytes)
        for answer in [
            status(3).json(), status(2, region: "west").json(), other.json(), Array("{}".utf8), Array("{".utf8),
            tooLong,
        ] {
            var group = GroupStatus()
            group.take(answer, from: PeerID(2), at: now)
            #expect(group.status(of: PeerID(2), in: "east", at: now) == KnownStatus(id: 2))
        }
    }
}
