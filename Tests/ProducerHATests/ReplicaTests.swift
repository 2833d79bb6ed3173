// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import Testing

@Suite struct CommitTests {
    @Test func aBlockIsAnsweredOnceItIsApplied() throws {
        let trio = try Trio.serving()
        let bytes = try Chain.block(on: nil, slot: 1)
        let ticket = try trio.commit(bytes, at: 0)
        #expect(trio.answers[ticket] == nil)
        trio.deliver()
        let index = trio.replicas[0].state.index
        #expect(trio.answers[ticket] == .committed(index: index, term: 1, try Chain.ref(bytes)))
        #expect(trio.replicas.allSatisfy { $0.state.head?.bytes == bytes })
    }

    @Test func theSameBlockTwiceHasOneAnswerAndOneEntry() throws {
        let trio = try Trio.serving()
        let bytes = try Chain.block(on: nil, slot: 1)
        let tickets = [try trio.commit(bytes, at: 0), try trio.commit(bytes, at: 0)]
        trio.deliver()
        let index = trio.replicas[0].state.index
        let again = try trio.answer(to: bytes, at: 0)
        let expected = CommitAnswer.committed(index: index, term: 1, try Chain.ref(bytes))
        #expect(trio.answers[tickets[0]] == expected)
        #expect(trio.answers[tickets[1]] == expected)
        #expect(again == expected)
        #expect(trio.replicas[0].state.index == index)
    }

    @Test func anotherBlockOfTheHeightConflicts() throws {
        let trio = try Trio.serving()
        _ = try trio.commit(try Chain.block(on: nil, slot: 1), at: 0)
        // While the first one is on its way, and when it is committed.
        #expect(try trio.answer(to: try Chain.block(on: nil, slot: 2), at: 0) == .refused(.conflictsWithHead))
        #expect(try trio.answer(to: try Chain.block(on: nil, slot: 3), at: 0) == .refused(.conflictsWithHead))
    }

    @Test func aBlockThatDoesNotFollowIsUnlinkable() throws {
        let trio = try Trio.serving()
        let first = try Chain.block(on: nil, slot: 1)
        let second = try Chain.block(on: try Chain.ref(first), slot: 2)
        let third = try Chain.block(on: try Chain.ref(second), slot: 3)
        _ = try trio.answer(to: first, at: 0)
        #expect(try trio.answer(to: third, at: 0) == .refused(.unlinkable))
    }

    @Test func anOldBlockIsLookedUpOrStale() throws {
        let trio = try Trio.serving()
        let first = try Chain.block(on: nil, slot: 1)
        _ = try trio.answer(to: first, at: 0)
        let index = trio.replicas[0].state.index
        let second = try Chain.block(on: try Chain.ref(first), slot: 2)
        _ = try trio.answer(to: second, at: 0)
        #expect(try trio.answer(to: first, at: 0) == .compareWithEntry(index, try Chain.ref(first)))
        // Below everything that the group ever had.
        let producer = Name(rawValue: 1)
        let old = try BlockBuilder(startingAt: 50, timestamp: BlockTimestamp(slot: 1), producer: producer).build()
        #expect(try trio.answer(to: old, at: 0) == .refused(.stale))
    }

    @Test func onlyTheLeaderTakesBlocks() throws {
        let trio = try Trio.serving()
        let answer = try trio.answer(to: try Chain.block(on: nil, slot: 1), at: 1)
        #expect(answer == .refused(.obstacle(.notLeader(leader: PeerID(0)))))
        #expect(CommitRefusal.obstacle(.noLeader).name == "not_leader")
    }

    @Test func noBlockComesAfterAStandbyThatIsOnItsWay() throws {
        for stop in [(RegionActivity.standby, false), (.active, true)] {
            let trio = try Trio.serving()
            let first = try Chain.block(on: nil, slot: 1)
            _ = try trio.answer(to: first, at: 0)
            trio.propose(at: 0, activity: stop.0, isPaused: stop.1)
            #expect(trio.obstacle(0) == nil, "it is proposed, not applied")
            let ticket = try trio.commit(try Chain.block(on: try Chain.ref(first), slot: 2), at: 0)
            #expect(trio.answers[ticket] == .refused(.obstacle(stop.1 ? .regionPaused : .regionStandby)))
            trio.deliver()
            #expect(trio.replicas.allSatisfy { $0.state.head?.bytes == first })
        }
    }

    @Test func aPeerThatEndsIsNotElected() throws {
        let trio = try Trio.serving()
        trio.shutDown(1)
        trio.cut = [0]
        for _ in 0..<40 where trio.replicas[2].raft.role != .leader {
            trio.now = trio.now + .milliseconds(100)
            for id in [1, 2] { trio.step(id, .tick) }
            trio.deliver()
        }
        #expect(trio.replicas[1].raft.role == .follower)
        #expect(trio.replicas[2].raft.role == .leader)
    }

    @Test func lostLeadershipMeansUnknown() throws {
        let trio = try Trio.serving()
        trio.cut = [0]
        let ticket = try trio.commit(try Chain.block(on: nil, slot: 1), at: 0)
        trio.deliver()
        trio.lead(for: .seconds(4))
        #expect(trio.answers[ticket] == .refused(.leadershipLost))
    }

    @Test func nothingIsTakenWithoutTheLease() throws {
        let trio = try Trio.serving()
        trio.cut = [0]
        trio.now = trio.now + .milliseconds(1001)
        let answer = try trio.answer(to: try Chain.block(on: nil, slot: 1), at: 0)
        #expect(answer == .refused(.obstacle(.leaseExpired)))
    }
}

/// Every reason why a peer may not produce.
@Suite struct ObstacleTests {
    @Test func aServingLeaderHasNone() throws {
        let trio = try Trio.serving()
        #expect(trio.obstacle(0) == nil)
        #expect(trio.obstacle(1) == .notLeader(leader: PeerID(0)))
    }

    @Test func withoutALeader() throws {
        let trio = try Trio()
        #expect(trio.obstacle(0) == .noLeader)
    }

    @Test func untilTheEarlierLeaseIsOver() throws {
        let trio = try Trio.serving()
        trio.step(0, .transfer(to: PeerID(1)))
        trio.deliver()
        #expect(trio.obstacle(1) == nil, "this one was handed over")
        trio.step(0, .linkDown(PeerID(1)))
        trio.step(2, .linkDown(PeerID(1)))
        trio.cut = [1]
        trio.elect(2)
        guard case .leaseWait(let rest) = trio.obstacle(2) else {
            Issue.record("\(String(describing: trio.obstacle(2)))")
            return
        }
        #expect(rest > .zero)
    }

    @Test func aQuietQuorum() throws {
        let trio = try Trio.serving()
        trio.cut = [0]
        trio.now = trio.now + .milliseconds(1500)
        #expect(trio.obstacle(0) == .leaseExpired)
        trio.now = trio.now + .milliseconds(1000)
        #expect(trio.obstacle(0) == .noQuorum)
    }

    /// The others have heard from it, so that it holds the lease, and cannot finish any write.
    @Test func beforeItsOwnTermIsApplied() throws {
        let trio = try Trio.serving()
        trio.step(0, .transfer(to: PeerID(1)))
        trio.deliver { trio.replicas[1].raft.role == .leader }
        trio.stalled = [0, 2]
        trio.deliver()
        trio.lead(for: .milliseconds(100))
        #expect(trio.replicas[1].raft.lease(at: trio.now).isHeld)
        #expect(trio.obstacle(1) == .termNotApplied)
    }

    @Test func aStandbyRegion() throws {
        let trio = try Trio.serving(startsActive: false)
        #expect(trio.obstacle(0) == .regionStandby)
        #expect(trio.change(0))
        #expect(trio.obstacle(0) == nil)
        #expect(trio.change(0, activity: .standby))
        #expect(trio.obstacle(0) == .regionStandby)
        #expect(trio.change(0, activity: .activating))
        #expect(trio.obstacle(0) == .regionStandby)
    }

    @Test func aPausedRegion() throws {
        let trio = try Trio.serving()
        #expect(trio.change(0, isPaused: true))
        #expect(trio.obstacle(0) == .regionPaused)
        #expect(!trio.change(0, isPaused: true), "it changes nothing")
        #expect(!trio.change(0, expects: 0), "another epoch stands")
        #expect(!trio.change(1), "it does not lead")
        #expect(trio.change(0))
        #expect(trio.obstacle(0) == nil)
    }

    @Test func aHandOver() throws {
        let trio = try Trio.serving()
        trio.cut = [1]
        _ = try trio.commit(try Chain.block(on: nil, slot: 1), at: 0)
        trio.deliver()
        trio.step(0, .transfer(to: PeerID(1)))
        #expect(trio.obstacle(0) == .draining)
    }

    @Test func aShutDown() throws {
        let trio = try Trio.serving()
        trio.cut = [0]
        trio.shutDown(0)
        #expect(trio.obstacle(0) == .shuttingDown)
        let other = try Trio.serving()
        other.shutDown(0)
        other.deliver()
        #expect(other.replicas[0].raft.role == .follower)
        #expect([1, 2].contains { other.replicas[$0].canProduce(at: other.now) }, "without a wait")
    }

    /// A peer that gets its vote back needs an entry that was made since; where nobody writes any, the leader does.
    @Test func anIdleGroupFillsAReplacedDiskToo() throws {
        let trio = try Trio.serving(startsActive: false)
        let before = trio.replicas[0].raft.lastIndex
        let settings = trio.replicas[2].raft.settings
        let raft = RaftCore(settings: settings, recovered: RecoveredLog(), randomSeed: 9, at: trio.now)
        let options = trio.replicas[2].options
        trio.replicas[2] = Replica(
            raft: raft, state: GroupState(), blocks: BlockIndex(), lastSnapshot: 0, options: options)
        for other in [0, 1] {
            trio.step(2, .linkUp(PeerID(other), fresh: false, hasGroup: true, remembers: .none))
            trio.step(other, .linkUp(PeerID(2), fresh: true, hasGroup: false, remembers: .none))
        }
        trio.deliver()
        trio.lead(for: .milliseconds(200))
        #expect(trio.replicas[0].raft.lastIndex == before + 1)
        #expect(trio.replicas[2].raft.hardState.votesFrom == 2)
        #expect(!trio.replicas[2].raft.counts)
    }
}
