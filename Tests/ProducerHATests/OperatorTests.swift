// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import ProducerHA

/// What operators change and what is kept of it.
@Suite struct OperatorTests {
    private static func act(_ operation: String, reason: String = "why", at: Int64 = 1000) -> OperatorAct {
        OperatorAct(operation: operation, who: "alice@bp1", from: "10.0.0.1", reason: reason, at: at)
    }

    private final class Log {
        var state = GroupState()

        @discardableResult
        func apply(_ record: Record, term: Term = 3) -> Applied {
            state.apply(Entry(index: state.index + 1, term: term, kind: .operation, payload: record.encoded()))
        }

        @discardableResult
        func apply(_ change: RegionChange) -> Applied {
            state.apply(Entry(index: state.index + 1, term: 3, kind: .region, payload: change.encoded()))
        }

        func pause(_ isPaused: Bool, _ act: OperatorAct?) -> Applied {
            let epoch = state.region.epoch
            return apply(
                RegionChange(expects: epoch, epoch: epoch + 1, activity: .active, isPaused: isPaused, act: act))
        }
    }

    private static let records: [Record] = [
        .leads(PeerID(0), at: -1), .transfer(to: PeerID(7), act("t")),
        .transferFailed(operation: "t", why: "it is behind", at: 5), .maintenance(PeerID(2), isOn: true, act("m")),
        .maintenance(PeerID(2), isOn: false, act("n", reason: "")),
    ]

    @Test func recordsAreReadAsTheyWereWritten() {
        for record in Self.records {
            let bytes = record.encoded()
            #expect(Record(encoded: bytes) == record)
            #expect(Record(encoded: bytes + [0]) == nil)
            for length in bytes.indices { #expect(Record(encoded: Array(bytes[..<length])) == nil) }
        }
        let change = RegionChange(expects: 1, epoch: 2, activity: .standby, isPaused: true, act: Self.act("p"))
        #expect(RegionChange(encoded: change.encoded()) == change)
        #expect(RegionChange(encoded: change.encoded() + [0]) == nil)
    }

    @Test func damagedRecordsDoNotTrap() {
        var random = SplitMix64(seed: 8)
        for record in Self.records {
            let bytes = record.encoded()
            for _ in 0..<2000 {
                var damaged = bytes
                let at = Int.random(in: 0..<damaged.count, using: &random)
                damaged[at] = UInt8.random(in: 0...255, using: &random)
                // What is read is the only way to write it.
                if let read = Record(encoded: damaged) { #expect(read.encoded() == damaged) }
            }
        }
    }

    /// An entry must stay small, whatever somebody types.
    @Test func longTextsAreCutBetweenCharacters() {
        let act = OperatorAct(
            operation: String(repeating: "x", count: 5000), who: String(repeating: "ü", count: 5000),
            from: "", reason: String(repeating: "👩‍👩‍👧", count: 5000), at: 0)
        #expect(act.operation.utf8.count == OperatorAct.longestName)
        #expect(act.who.utf8.count == OperatorAct.longestName && act.who.allSatisfy { $0 == "ü" })
        #expect(act.reason.utf8.count <= OperatorAct.longestReason && act.reason.allSatisfy { $0 == "👩‍👩‍👧" })
        #expect(Record.transfer(to: PeerID(1), act).encoded().count <= 1024)
    }

    @Test func aPauseSaysWhoseItIsUntilItEnds() {
        let log = Log()
        #expect(log.pause(false, nil) == .accepted)
        #expect(log.state.region.pause == nil)
        #expect(log.pause(true, Self.act("a")) == .accepted)
        #expect(log.state.region.pause == Self.act("a"))
        // Another change of the region leaves it alone.
        let epoch = log.state.region.epoch
        #expect(
            log.apply(
                RegionChange(
                    expects: epoch, epoch: epoch + 1, activity: .standby, isPaused: true, act: Self.act("b")))
                == .accepted)
        #expect(log.state.region.pause == Self.act("a"))
        #expect(GroupState(log.state.snapshot()) == log.state)
        #expect(log.pause(false, Self.act("c")) == .accepted)
        #expect(log.state.region.pause == nil)
        #expect(log.state.history.items.compactMap(\.act?.operation) == ["a", "b", "c"])
        #expect(log.state.history.items.map(\.epoch) == [1, 2, 3, 4])
    }

    @Test func maintenanceIsASetOfPeersWithTheirReasons() {
        let log = Log()
        #expect(log.apply(.maintenance(PeerID(2), isOn: false, Self.act("a"))) == .refused(.changesNothing))
        #expect(log.apply(.maintenance(PeerID(2), isOn: true, Self.act("b"))) == .accepted)
        #expect(log.apply(.maintenance(PeerID(2), isOn: true, Self.act("c"))) == .refused(.changesNothing))
        #expect(log.apply(.maintenance(PeerID(1), isOn: true, Self.act("d"))) == .accepted)
        #expect(log.state.maintenance == [PeerID(2): Self.act("b"), PeerID(1): Self.act("d")])
        #expect(GroupState(log.state.snapshot()) == log.state)
        #expect(log.apply(.maintenance(PeerID(2), isOn: false, Self.act("e"))) == .accepted)
        #expect(log.state.maintenance.keys.sorted() == [PeerID(1)])
        #expect(log.state.history.items.compactMap(\.act?.operation) == ["b", "d", "e"])
        for id in 10..<(9 + GroupState.mostInMaintenance) {
            #expect(log.apply(.maintenance(PeerID(id), isOn: true, Self.act("\(id)"))) == .accepted)
        }
        #expect(log.apply(.maintenance(PeerID(999), isOn: true, Self.act("x"))) == .refused(.tooMany))
        #expect(GroupState(log.state.snapshot()) == log.state)
    }

    @Test func aTransferEndsWithTheNextLeaderOrWithItsFailure() {
        let log = Log()
        log.apply(.leads(PeerID(1), at: 100), term: 3)
        log.apply(.transfer(to: PeerID(2), Self.act("good", at: 200)), term: 3)
        #expect(log.state.history.item(of: "good")?.ending == nil)
        // Not by a leader of its own term: that is who hands over.
        log.apply(.leads(PeerID(1), at: 250), term: 3)
        #expect(log.state.history.item(of: "good")?.ending == nil)
        log.apply(.leads(PeerID(2), at: 300), term: 4)
        #expect(
            log.state.history.item(of: "good")?.ending
                == History.Ending(isDone: true, words: "peer 2 leads", at: 300, term: 4))
        log.apply(.transfer(to: PeerID(3), Self.act("lost", at: 400)), term: 4)
        log.apply(.leads(PeerID(1), at: 500), term: 6)
        #expect(
            log.state.history.item(of: "lost")?.ending
                == History.Ending(isDone: false, words: "peer 1 leads", at: 500, term: 6))
        log.apply(.transfer(to: PeerID(3), Self.act("slow", at: 600)), term: 6)
        #expect(log.apply(.transferFailed(operation: "slow", why: "it is behind", at: 700), term: 6) == .accepted)
        #expect(
            log.state.history.item(of: "slow")?.ending
                == History.Ending(isDone: false, words: "it is behind", at: 700, term: 6))
        // Its end is its end.
        #expect(
            log.apply(.transferFailed(operation: "slow", why: "again", at: 800), term: 6) == .refused(.changesNothing))
        log.apply(.leads(PeerID(3), at: 900), term: 7)
        #expect(log.state.history.item(of: "slow")?.ending?.isDone == false)
        #expect(GroupState(log.state.snapshot()) == log.state)
    }

    /// A group that elects all night must not forget what operators did, and the reverse.
    @Test func neitherLeadersNorActsPushOutTheOther() {
        let log = Log()
        for number in 1...History.kept {
            log.apply(.transfer(to: PeerID(2), Self.act("t\(number)")), term: 3)
        }
        for term in 4...Term(3 * History.kept) { log.apply(.leads(PeerID(1), at: Int64(term)), term: term) }
        let items = log.state.history.items
        #expect(items.count == 2 * History.kept)
        #expect(items.first?.act?.operation == "t1")
        #expect(items.last?.term == Term(3 * History.kept))
        log.apply(.transfer(to: PeerID(2), Self.act("one more")), term: 999)
        #expect(log.state.history.item(of: "t1") == nil)
        #expect(log.state.history.item(of: "t2") != nil)
        #expect(log.state.history.items.count == 2 * History.kept)
        #expect(GroupState(log.state.snapshot()) == log.state)
        #expect(log.state.snapshot().state.count < 300_000)
    }

    // MARK: - In a group

    private func pause(_ trio: Trio, by id: Int = 0, expects: UInt64? = nil, _ isPaused: Bool = true) -> Change {
        let epoch = trio.replicas[id].state.region.epoch
        return .region(
            RegionChange(
                expects: expects ?? epoch, epoch: epoch + 1, activity: .active, isPaused: isPaused,
                act: Self.act("pause")))
    }

    private func maintenance(_ id: Int, _ isOn: Bool = true) -> Change {
        .record(.maintenance(PeerID(id), isOn: isOn, Self.act("maintenance")))
    }

    @Test func aChangeIsAnsweredOnceItIsAppliedAndNeverBefore() throws {
        let trio = try Trio.serving()
        trio.cut = [1, 2]
        let ticket = trio.hand(pause(trio), to: 0)
        trio.deliver()
        #expect(trio.changes[ticket] == nil && !trio.replicas[0].state.region.isPaused)
        #expect(trio.answer(to: pause(trio), at: 0) == .refused(.busy))
        #expect(trio.answer(to: pause(trio, expects: 0, false), at: 0) == .refused(.busy))
        #expect(trio.answer(to: pause(trio), at: 1) == .refused(.notLeader))
        trio.cut = []
        trio.lead(for: .milliseconds(300))
        let index = try #require(trio.replicas[0].state.history.items.last?.index)
        #expect(trio.changes[ticket] == .applied(index: index, term: 1))
        #expect(trio.obstacle(0) == .regionPaused)
        #expect(trio.answer(to: pause(trio), at: 0) == .refused(.doesNotFit(.changesNothing)))
        #expect(trio.answer(to: pause(trio, expects: 1, false), at: 0) == .refused(.doesNotFit(.epochChanged(2))))
        #expect(trio.replicas.allSatisfy { $0.state.region.isPaused })
    }

    /// Its outcome is not known, and that is what is said.
    @Test func aChangeWhoseLeaderIsLostIsNeitherDoneNorRefused() throws {
        let trio = try Trio.serving()
        trio.cut = [0]
        let ticket = trio.hand(pause(trio), to: 0)
        trio.elect(1)
        trio.cut = []
        trio.lead(for: .milliseconds(300))
        #expect(trio.changes[ticket] == .leadershipLost)
        #expect(!trio.replicas[1].state.region.isPaused)
    }

    @Test func aPeerInMaintenanceIsNobodysSuccessor() throws {
        let trio = try Trio.serving()
        #expect(trio.answer(to: maintenance(1), at: 0).map { if case .applied = $0 { true } else { false } } == true)
        #expect(trio.replicas.allSatisfy { $0.isInMaintenance(PeerID(1)) })
        trio.step(0, .transfer(to: PeerID(1)))
        #expect(trio.transfers.last?.2 == .targetInMaintenance)
        trio.step(1, .requestLeadership)
        trio.deliver()
        #expect(trio.replicas[0].raft.role == .leader && trio.replicas[0].raft.transfer == nil)
        // Even one that asks as if it knew nothing of it.
        trio.step(0, .received(.transferRequest(term: trio.replicas[0].raft.term), from: PeerID(1)))
        #expect(trio.replicas[0].raft.transfer == nil)
        trio.shutDown(0)
        trio.deliver()
        #expect(trio.replicas[2].raft.role == .leader)
    }

    @Test func aPeerInMaintenanceLetsOthersCampaignFirst() throws {
        for seed in 0..<20 {
            let trio = try Trio.serving()
            _ = trio.answer(to: maintenance(1 + seed % 2), at: 0)
            // Heartbeats go on, at times that differ.
            trio.lead(for: .milliseconds(100 + 50 * seed))
            trio.cut = [0]
            while trio.replicas[1].raft.role != .leader, trio.replicas[2].raft.role != .leader {
                trio.now = trio.now + .milliseconds(100)
                trio.step(1, .tick)
                trio.step(2, .tick)
                trio.deliver()
            }
            #expect(trio.replicas[2 - seed % 2].raft.role == .leader)
        }
    }

    /// It may be the only one left that has all that was committed: a group with a quorum must go on (promise 4).
    @Test func aPeerInMaintenanceLeadsWhenNobodyElseCan() throws {
        let trio = try Trio.serving()
        _ = trio.answer(to: maintenance(1), at: 0)
        // Peer 2 is behind by one block, and peer 0 dies.
        trio.cut = [2]
        let block = try Chain.block(on: nil, slot: 9)
        guard case .committed = try trio.answer(to: block, at: 0) else {
            Issue.record("two of three commit")
            return
        }
        trio.cut = [0]
        let start = trio.now
        while trio.replicas[1].raft.role != .leader, trio.now - start < .seconds(120) {
            trio.now = trio.now + .milliseconds(100)
            trio.step(1, .tick)
            trio.step(2, .tick)
            trio.deliver()
        }
        #expect(trio.replicas[1].raft.role == .leader)
        trio.lead(for: .milliseconds(500))
        #expect(trio.replicas[2].state.head?.block == (try Chain.ref(block)))
    }

    /// After a restart of the whole group it stands aside from the beginning.
    @Test func aRestartedPeerInMaintenanceStandsAside() throws {
        let settings = Settings(
            id: PeerID(1), peers: [0, 1, 2].map { PeerID($0) }, quorum: 2, leaseLength: .seconds(1),
            electionTimeout: .seconds(2)..<(.seconds(4)))
        let start = Instant(nanoseconds: 1_000_000_000)
        for seed in 0..<50 {
            let raft = RaftCore(
                settings: settings, recovered: RecoveredLog(), randomSeed: UInt64(seed), standsAside: true, at: start)
            #expect(raft.nextWake - start >= .seconds(2) + .seconds(4) * RaftCore.timeoutsAside)
        }
    }
}
