// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Testing

/// Where a new group beside nodeos begins.
@Suite struct FoundationTests {
    private let chain = Checksum256([UInt8](repeating: 7, count: 32)) ?? .zero

    @Test func anActiveGroupWaitsForItsBaseAndGoesOnFromThere() throws {
        let trio = try Trio.serving(awaitsFoundation: true)
        #expect(trio.replicas.map(\.need) == [.base, nil, nil])
        #expect(trio.replicas[0].state.groupID == nil)
        #expect(trio.obstacle(0) == .termNotApplied)
        let base = try Chain.block(on: nil, slot: 10)
        // Without a block nothing begins.
        trio.found(0, .init(chainID: chain, base: nil))
        #expect(trio.replicas[0].need == .base)
        // Only the leader begins anything.
        trio.found(1, .init(chainID: chain, base: base))
        #expect(trio.replicas[1].state.groupID == nil)
        trio.found(0, .init(chainID: chain, base: base))
        trio.lead(for: .milliseconds(200))
        for replica in trio.replicas {
            #expect(replica.state.head?.bytes == base)
            #expect(replica.state.chainID == chain)
            #expect(replica.state.region.base?.blockNumber == 100 && replica.state.region.activity == .active)
        }
        #expect(trio.obstacle(0) == nil && trio.replicas[0].need == nil)
        let other = try Chain.block(on: nil, slot: 11)
        #expect(try trio.answer(to: other, at: 0) == .refused(.conflictsWithHead))
        let next = try Chain.block(on: try Chain.ref(base), slot: 12)
        guard case .committed = try trio.answer(to: next, at: 0) else {
            Issue.record("the block after the base was not committed")
            return
        }
        // Once it has begun, nothing begins it again.
        trio.found(0, .init(chainID: .zero, base: other))
        #expect(trio.replicas[0].state.chainID == chain && trio.replicas[0].state.region.epoch == 1)
    }

    @Test func aStandbyGroupNeedsTheChainAlone() throws {
        let trio = try Trio.serving(startsActive: false, awaitsFoundation: true)
        #expect(trio.replicas[0].need == .chain)
        trio.found(0, .init(chainID: chain, base: nil))
        trio.lead(for: .milliseconds(200))
        #expect(trio.replicas[0].state.region.activity == .standby)
        #expect(trio.replicas[2].state.chainID == chain)
        #expect(trio.obstacle(0) == .regionStandby && trio.replicas[0].need == nil)
        // Activated without a block: now it needs one.
        #expect(trio.change(0, activity: .active))
        trio.lead(for: .milliseconds(200))
        #expect(trio.replicas[0].need == .base)
        let base = try Chain.block(on: nil, slot: 10)
        trio.found(0, .init(chainID: chain, base: base))
        trio.lead(for: .milliseconds(200))
        #expect(trio.replicas[1].state.head?.bytes == base && trio.replicas[1].state.region.epoch == 3)
    }

    /// What one leader was told is of no use to the next: it asks anew.
    @Test func aLeaderThatLosesLeadershipForgetsIt() throws {
        let trio = try Trio.serving(awaitsFoundation: true)
        trio.cut = [0]
        trio.found(0, .init(chainID: .zero, base: try Chain.block(on: nil, slot: 10)))
        trio.elect(1)
        #expect(trio.replicas[1].need == .base)
        trio.cut = []
        let base = try Chain.block(on: nil, slot: 12)
        trio.found(1, .init(chainID: chain, base: base))
        trio.lead(for: .milliseconds(1500))
        for replica in trio.replicas { #expect(replica.state.chainID == chain && replica.state.head?.bytes == base) }
    }

    @Test func whoEndsHandsOverToAPreferredPeer() throws {
        for preferred in 1...2 {
            let trio = try Trio.serving()
            trio.shutDown(0, preferring: [PeerID(preferred)])
            trio.deliver()
            #expect(trio.replicas[preferred].raft.role == .leader)
        }
        // Where none of these can, to any.
        let trio = try Trio.serving()
        trio.shutDown(0, preferring: [PeerID(0)])
        trio.deliver()
        #expect(trio.replicas[1...].contains { $0.raft.role == .leader })
    }
}
