// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import Operations

/// Runs one `prodha failover` against the fake regions, by a clock that waiting alone moves, five times as fast as it says.
struct Operator: Sendable {
    var fakes: FakeRegions
    var who = "alice@ops-1"
    /// How often ^C was pressed.
    var interruptions: @Sendable () -> Int = { 0 }
    /// What a person types, question by question; nil: nobody is there.
    var typed: [String]?
    let told = NIOLockedValueBox<[String]>([])

    init(_ fakes: FakeRegions) { self.fakes = fakes }

    func callAsFunction(_ request: FailoverRequest) async throws -> FailoverOutcome {
        let source = try fakes.source()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var time: Int64 = 0
                var answers = typed ?? []
                let runner = FailoverRunner(
                    fakes.net.inspector(source), who: who, reason: "drill of the test",
                    limits: .init(lookMS: 2_000, answerMS: 60),
                    timing: Timing(now: { time }, pause: { time += 5 * $0 }), interruptions: interruptions,
                    tell: { line in told.withLockedValue { $0.append(line) } },
                    ask: typed == nil ? nil : { _ in answers.isEmpty ? nil : answers.removeFirst() })
                continuation.resume(returning: runner.run(request))
            }
        }
    }
}

private let planned = FailoverRequest(.planned, region: "west", confirmation: "west")
private let forced = FailoverRequest(
    .forced, region: "west", confirmation: "west", acceptsLoss: true)
private let drill = FailoverRequest(.drill, region: "west", confirmation: "west")
private let resume = FailoverRequest(.resume, region: nil)
private let rollBack = FailoverRequest(.rollBack, region: nil)

/// Whatever happened on the way: one region at most is active, nothing is half done, and no block is lost.
private func check(
    _ fakes: FakeRegions, _ outcome: FailoverOutcome, _ comment: String,
    _ location: SourceLocation = #_sourceLocation
) {
    fakes.deliverTheRest()
    let world = fakes.world
    let comment = Comment(
        rawValue: "\(comment): \(outcome.kind) \(outcome.message); \(world.changes)")
    #expect(world.violations.isEmpty, comment, sourceLocation: location)
    #expect(
        world.regions.values.allSatisfy { $0.openSwitch == nil }, comment, sourceLocation: location)
    let active = world.regions.filter { $0.value.standing == .active }.keys
    switch outcome.kind {
    case .done, .unchanged:
        #expect(
            Array(active) == ["west"] || Array(active) == ["east"], comment, sourceLocation: location)
    case .rolledBack, .refused: #expect(Array(active) == ["east"], comment, sourceLocation: location)
    default: Issue.record(comment, sourceLocation: location)
    }
    if fakes["west"].standing == .active, let base = fakes["west"].base {
        #expect(base == fakes["east"].head, comment, sourceLocation: location)
        let next = fakes["west"].blocks.first { $0.number == base.number + 1 }
        if let next {
            #expect(CommittedBlock(next)?.previous == base.id, comment, sourceLocation: location)
        }
    }
}

extension CommittedBlock {
    init?(_ block: FakeRegions.Block) {
        self.init(
            BlockDocument(blockNum: block.number, blockID: block.id, block: HexBytes(block.bytes)))
    }
}

@Suite struct FailoverRunnerTests {
    @Test func aPlannedSwitchGoesThroughAndIsProved() async throws {
        let fakes = try await FakeRegions()
        let alice = Operator(fakes)
        let outcome = try await alice(planned)
        #expect(outcome.kind == .done && outcome.kind.exitCode == 0, "\(outcome.message)")
        check(fakes, outcome, "planned")
        #expect(
            fakes.world.changes == [
                "east standby 4", "east activating 5", "west active 6", "east standby 6",
            ])
        let proof = try #require(outcome.proof)
        #expect(proof.last.blockID == fakes["east"].head.id && proof.isIndependent)
        #expect(proof.first.blockNum == proof.last.blockNum + 1)
        let first = try #require(fakes["west"].blocks.first { $0.number == proof.first.blockNum })
        #expect(proof.gapMS == Int64(first.slot - fakes["east"].head.slot) * 500)
        #expect(
            outcome.message.hasPrefix(
                "west is active now; block \(proof.last.blockNum) was the last, block"))
        // Both logs say how it ended, and by whom it was begun.
        for region in ["east", "west"] {
            let end = try #require(fakes[region].ended.first)
            #expect(end.result == .done && end.id == outcome.id && end.who == "alice@ops-1")
            #expect(end.gapMS == Int(proof.gapMS), "\(region)")
        }
        let steps = outcome.steps.map(\.step)
        #expect(steps.starts(with: ["begin", "stop", "hand over", "activate"]), "\(steps)")
        // Each step is told with its deadline.
        let told = alice.told.withLockedValue { $0 }
        for step in ["begin", "stop", "hand over", "activate", "close"] {
            #expect(
                told.contains { $0.contains(" \(step): ") && $0.contains("(within ") }, "\(step): \(told)")
        }
    }

    @Test func thereAndBackIsADrill() async throws {
        let fakes = try await FakeRegions()
        let outcome = try await Operator(fakes)(
            FailoverRequest(.drill, region: "west", confirmation: "west"))
        #expect(outcome.kind == .done, "\(outcome.message)")
        #expect(fakes["east"].standing == .active && fakes["west"].standing == .standby)
        #expect(outcome.proof != nil && outcome.proofOfReturn != nil)
        #expect(fakes["east"].ended.count == 2 && fakes["west"].ended.count == 2)
        #expect(fakes.world.violations.isEmpty)
        #expect(fakes["east"].base == fakes["west"].head)
    }

    /// The way there was done, whatever becomes of the way back: neither "rolled back" nor "nothing was done" is true.
    @Test func aDrillThatDoesNotComeBackSaysWhereItStands() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.refuseActivation = { $0 == "east" } }
        let outcome = try await Operator(fakes)(drill)
        #expect(outcome.kind == .failed && outcome.kind.exitCode == 1 && outcome.reason == "not_back")
        #expect(outcome.message.hasPrefix("there: west is active now"), "\(outcome.message)")
        #expect(outcome.message.contains("Not back: rolled back: "), "\(outcome.message)")
        #expect(
            outcome.message.hasSuffix("active now: west; prodha failover --region east brings it back"),
            "\(outcome.message)")
        #expect(outcome.proof != nil && outcome.proofOfReturn == nil)
        #expect(fakes["west"].standing == .active && fakes.world.violations.isEmpty)
    }

    @Test func anInterruptionEndsTheWaitForTheWayBack() async throws {
        let fakes = try await FakeRegions()
        var alice = Operator(fakes)
        let told = alice.told
        let looks = NIOLockedValueBox(0)
        alice.interruptions = {
            // After the last request of the way there the old region is not ready any more, so that it is waited for.
            if fakes.world.requests == 8 { fakes.change { $0.regions["east"]?.isSilent = true } }
            guard told.withLockedValue({ $0.contains { $0.hasPrefix("the way back") } }) else { return 0 }
            return looks.withLockedValue { looks in
                looks += 1
                return looks > 2 ? 1 : 0
            }
        }
        let outcome = try await alice(drill)
        #expect(outcome.kind == .failed && outcome.reason == "not_back", "\(outcome.kind) \(outcome.message)")
        #expect(outcome.message.contains("Not back: interrupted before the way back began. active now: west"))
        #expect(fakes["west"].standing == .active && fakes.world.requests == 8)
    }

    private static let faults: [FakeRegions.Fault] = [
        .answerLost, .requestLost, .late(1), .late(4), .doubled, .garbage, .unknown, .newLeader,
        .doneByANewLeader,
    ]

    /// No answer is trusted, so none is missed. Eight requests are made without faults.
    @Test(arguments: faults)
    func noLostLateOrDoubledRequestDoesHarm(_ fault: FakeRegions.Fault) async throws {
        for number in 0..<8 {
            let fakes = try await FakeRegions()
            fakes.change { $0.fault = { at, _ in at == number ? fault : .none } }
            let outcome = try await Operator(fakes)(planned)
            // One fault is no reason to turn back.
            #expect(outcome.kind == .done, "\(fault) at \(number): \(outcome.message)")
            check(fakes, outcome, "\(fault) at \(number)")
        }
    }

    @Test(arguments: [1, 3, 7])
    func manyFaultsAtOnceDoNoHarmEither(_ seed: UInt64) async throws {
        for round in 0..<3 {
            let fakes = try await FakeRegions()
            let start = seed &* 0x9e37_79b9 &+ UInt64(round) &* 77
            fakes.change {
                $0.fault = { number, _ in
                    let dice = (start &+ UInt64(number) &* 2_654_435_761) >> 7 % 24
                    return dice < UInt64(Self.faults.count) ? Self.faults[Int(dice)] : .none
                }
            }
            var outcome = try await Operator(fakes)(planned)
            fakes.change { $0.fault = { _, _ in .none } }
            if outcome.kind == .halfway || outcome.kind == .unknown {
                outcome = try await Operator(fakes)(resume)
            }
            check(fakes, outcome, "seed \(seed), round \(round)")
        }
    }

    // MARK: - Interrupted

    /// The command is gone after its nth request, which was carried out or not; anybody goes on from the logs.
    @Test(arguments: [FakeRegions.Fault.none, .requestLost, .late(3)], [true, false])
    func whatWasLeftHalfwayIsGoneOnWithOrUndone(_ fault: FakeRegions.Fault, _ isForward: Bool)
        async throws
    {
        for number in 0..<8 {
            let fakes = try await FakeRegions()
            let killed = NIOLockedValueBox(0)
            fakes.change {
                $0.fault = { at, _ in at == number ? fault : .none }
                $0.onRequest = { at in if at == number { killed.withLockedValue { $0 = 2 } } }
            }
            var alice = Operator(fakes)
            alice.interruptions = { killed.withLockedValue { $0 } }
            let left = try await alice(planned)
            let comment = "\(fault) at \(number): \(left.message)"
            // All but the last request leave something to be gone on with.
            #expect([.halfway, .unknown, .done].contains(left.kind), Comment(rawValue: comment))
            var bob = Operator(fakes)
            bob.who = "bob@ops-2"
            var outcome = try await bob(isForward ? resume : rollBack)
            fakes.deliverTheRest()
            // A beginning that was still on its way when nobody could know of it.
            if number == 0, fakes["east"].openSwitch != nil { outcome = try await bob(rollBack) }
            check(fakes, outcome, comment)
            if isForward, left.kind == .halfway {
                #expect(outcome.kind == .done || outcome.kind == .unchanged, Comment(rawValue: comment))
                #expect(fakes["west"].standing == .active, Comment(rawValue: comment))
            }
        }
    }

    @Test func oneInterruptionRollsBackWhileThatIsPossible() async throws {
        var kinds: [FailoverOutcome.Kind] = []
        for number in 0..<8 {
            let fakes = try await FakeRegions()
            let pressed = NIOLockedValueBox(0)
            fakes.change {
                $0.onRequest = { at in if at == number { pressed.withLockedValue { $0 = 1 } } }
            }
            var alice = Operator(fakes)
            alice.interruptions = { pressed.withLockedValue { $0 } }
            let outcome = try await alice(planned)
            check(fakes, outcome, "^C at \(number)")
            kinds.append(outcome.kind)
            if outcome.kind == .rolledBack {
                #expect(outcome.kind.exitCode == 4 && outcome.message.contains("east is active, as before"))
                #expect(outcome.message.contains("the operator interrupted it"), "\(outcome.message)")
            } else {
                #expect(outcome.message.contains("too late to roll back"), "\(outcome.message)")
            }
        }
        #expect(kinds.prefix(4).allSatisfy { $0 == .rolledBack }, "\(kinds)")
        #expect(kinds.last == .done, "\(kinds)")
    }

    @Test func aSecondOperatorIsToldAboutTheFirst() async throws {
        let fakes = try await FakeRegions()
        let killed = NIOLockedValueBox(0)
        fakes.change { $0.onRequest = { at in if at == 2 { killed.withLockedValue { $0 = 2 } } } }
        var alice = Operator(fakes)
        alice.interruptions = { killed.withLockedValue { $0 } }
        let left = try await alice(planned)
        #expect(left.kind == .halfway && left.kind.exitCode == 6, "\(left.message)")
        #expect(
            left.message.contains("--resume") && left.message.contains("east is standby"),
            "\(left.message)")
        var bob = Operator(fakes)
        bob.who = "bob@ops-2"
        let refused = try await bob(planned)
        #expect(refused.kind == .refused && refused.kind.exitCode == 3)
        #expect(refused.reason == "switch_running")
        #expect(
            refused.message.contains("a planned switch from east to west by alice@ops-1"),
            "\(refused.message)")
        #expect(refused.message.contains("--resume") && refused.message.contains("--rollback"))
    }

    /// One goes forward, the other one back, at the same time.
    @Test func twoOperatorsWhoWantOppositesDoNoHarm() async throws {
        for number in 1..<7 {
            let fakes = try await FakeRegions()
            let (stream, signal) = AsyncStream<Void>.makeStream()
            fakes.change { $0.onRequest = { at in if at == number { signal.finish() } } }
            async let first = Operator(fakes)(planned)
            for await _ in stream {}
            var bob = Operator(fakes)
            bob.who = "bob@ops-2"
            let second = try await bob(rollBack)
            let outcome = try await first
            let comment = "\(number): \(outcome.message) | \(second.message)"
            #expect(fakes.world.violations.isEmpty, Comment(rawValue: comment))
            // Whatever they left, a third one brings it to its end.
            let last = try await Operator(fakes)(resume)
            let active = fakes.world.regions.values.count { $0.standing == .active }
            #expect(active == 1, "\(comment) | \(last.message)")
            #expect(
                fakes.world.regions.values.allSatisfy { $0.openSwitch == nil },
                "\(comment) | \(last.message)")
            if outcome.kind == .done { #expect(fakes["west"].standing == .active, "\(comment)") }
            if outcome.kind == .rolledBack { #expect(fakes["east"].standing == .active, "\(comment)") }
        }
    }

    // MARK: - What cannot be finished

    @Test func aRegionThatFallsSilentLeavesItHalfwayUntilItIsBack() async throws {
        for (number, region) in [(3, "east"), (4, "west"), (5, "west")] {
            let fakes = try await FakeRegions()
            fakes.change { $0.fault = { at, _ in at == number ? .silence : .none } }
            let outcome = try await Operator(fakes)(planned)
            let comment = Comment(rawValue: "\(number): \(outcome.message) \(fakes.world.changes)")
            let silent = fakes.world.regions.first { $0.value.isSilent }?.key
            if outcome.kind == .halfway {
                #expect(outcome.kind.exitCode == 6, comment)
                #expect(outcome.message.contains("cannot be asked"), comment)
            } else {
                #expect(outcome.kind == .rolledBack, comment)
            }
            #expect(silent != nil || region.isEmpty, comment)
            #expect(fakes.world.violations.isEmpty, comment)
            fakes.change { world in
                world.fault = { _, _ in .none }
                for name in world.regions.keys { world.regions[name]?.isSilent = false }
            }
            check(fakes, try await Operator(fakes)(rollBack), "\(comment)")
        }
    }

    @Test func whatTheNewRegionRefusesIsRolledBackAndSaid() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.refuseActivation = { $0 == "west" } }
        let outcome = try await Operator(fakes)(planned)
        check(fakes, outcome, "refused")
        #expect(
            outcome.kind == .rolledBack && outcome.message.contains(ErrorKind.baseRefused.what),
            "\(outcome.message)")
        #expect(
            fakes["west"].ended.allSatisfy { $0.result == .rolledBack } && !fakes["west"].ended.isEmpty)
    }

    @Test func afterARollbackItIsSaidHowTheOldRegionWasSeen() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.refuseActivation = { $0 == "west" } }
        var alice = Operator(fakes)
        alice.interruptions = {
            // Somebody stops it as soon as it is active again.
            fakes.change { world in
                guard world.changes.last?.hasPrefix("east active") == true, let epoch = world.regions["east"]?.epoch
                else { return }
                world.regions["east"]?.epoch = epoch + 1
                world.regions["east"]?.standing = .standby
                world.changes.append("east stopped by hand")
            }
            return 0
        }
        let outcome = try await alice(planned)
        #expect(outcome.kind == .rolledBack)
        #expect(
            outcome.message.hasSuffix("east was active again, and is standby now: somebody stopped it since"),
            "\(outcome.message)")
    }

    /// Each command that the words name is given, and the switch is closed in both logs.
    @Test func aSwitchThatWasOvertakenIsEndedAsItSays() async throws {
        let fakes = try await FakeRegions()
        let killed = NIOLockedValueBox(0)
        fakes.change { $0.onRequest = { at in if at == 3 { killed.withLockedValue { $0 = 2 } } } }
        var alice = Operator(fakes)
        alice.interruptions = { killed.withLockedValue { $0 } }
        #expect(try await alice(planned).kind == .halfway)
        fakes.change { world in
            world.regions["east"]?.epoch = 9
            world.regions["east"]?.standing = .standby
        }
        let stuck = try await Operator(fakes)(resume)
        #expect(stuck.kind == .failed && stuck.reason == "overtaken", "\(stuck.message)")
        #expect(stuck.message.contains("failover --region R --force --accept-loss"), "\(stuck.message)")
        #expect(stuck.message.contains("then failover --rollback closes"), "\(stuck.message)")
        let right = FailoverRequest(.forced, region: "east", confirmation: "east", acceptsLoss: true)
        let done = try await Operator(fakes)(right)
        #expect(done.kind == .done && fakes["east"].standing == .active, "\(done.message)")
        let closed = try await Operator(fakes)(rollBack)
        #expect(closed.kind == .rolledBack || closed.kind == .unchanged, "\(closed.message)")
        #expect(fakes["east"].standing == .active && fakes["west"].standing == .standby)
        #expect(fakes["east"].openSwitch == nil && fakes["west"].openSwitch == nil, "\(closed.message)")
    }

    // MARK: - Forced

    @Test func ofAForcedSwitchThatIsRolledBackNothingIsSaidOfTheOldRegion() async throws {
        let fakes = try await FakeRegions()
        fakes.change { world in
            world.regions["east"]?.isSilent = true
            world.refuseActivation = { $0 == "west" }
        }
        let alice = Operator(fakes)
        let outcome = try await alice(forced)
        #expect(outcome.kind == .rolledBack && outcome.kind.exitCode == 4)
        #expect(
            outcome.message.hasSuffix(
                "see the message. Nothing was activated by it; west is standby; whether east is active is not known"),
            "\(outcome.message)")
        let told = alice.told.withLockedValue { $0.joined(separator: " ") }
        #expect(told.contains("begin: writes into the log of west that"), "\(told)")
        #expect(!told.contains("the logs"), "\(told)")
    }

    /// Its own head may be older than the activation.
    @Test func withoutABaseNoBlockProvesAForcedSwitch() async throws {
        let fakes = try await FakeRegions()
        fakes.change { world in
            world.regions["east"]?.isSilent = true
            world.tellsBase = false
        }
        let outcome = try await Operator(fakes)(forced)
        #expect(outcome.kind == .done && outcome.proof == nil)
        #expect(outcome.message.contains("west is active; that it produces was not seen"), "\(outcome.message)")
    }

    @Test func aLostRegionIsTakenOverFromItsLastBlockThatIsKnown() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.regions["east"]?.isSilent = true }
        let outcome = try await Operator(fakes)(forced)
        #expect(outcome.kind == .done, "\(outcome.message)")
        #expect(fakes.world.changes == ["west active 1000000"])
        #expect(fakes["west"].base?.number == 1001, "the block that west had heard of")
        let known = try #require(fakes["west"].givenUp?.known)
        #expect(fakes["west"].givenUp?.region == "east" && known.block.blockNum == 1001 && known.toldBy == 2)
        #expect(known.source == .beacon && known.ageMS == 7000)
        #expect(fakes["west"].openSwitch == nil && fakes["west"].ended.first?.result == .done)
        #expect(outcome.proof?.last.blockNum == 1001)
    }

    @Test func aForcedSwitchTakesOverThePlannedOneThatIsOpen() async throws {
        for number in [2, 3] {
            let fakes = try await FakeRegions()
            let killed = NIOLockedValueBox(0)
            fakes.change {
                $0.onRequest = { at in if at == number { killed.withLockedValue { $0 = 2 } } }
            }
            var alice = Operator(fakes)
            alice.interruptions = { killed.withLockedValue { $0 } }
            #expect(try await alice(planned).kind == .halfway)
            fakes.change { $0.regions["east"]?.isSilent = true }
            let outcome = try await Operator(fakes)(forced)
            #expect(outcome.kind == .done, "\(number): \(outcome.message)")
            #expect(fakes["west"].standing == .active && fakes["west"].openSwitch == nil)
            #expect(fakes["west"].activatedEpoch == 1_000_000)
            // East returns, still with the switch in its log.
            fakes.change { $0.regions["east"]?.isSilent = false }
            let closed = try await Operator(fakes)(resume)
            #expect(
                fakes["east"].openSwitch == nil && fakes["east"].standing == .standby, "\(closed.message)")
        }
    }

    @Test func theOldRegionIsForcedBackWhenTheNewOneIsLostHalfway() async throws {
        let fakes = try await FakeRegions()
        let killed = NIOLockedValueBox(0)
        fakes.change { $0.onRequest = { at in if at == 3 { killed.withLockedValue { $0 = 2 } } } }
        var alice = Operator(fakes)
        alice.interruptions = { killed.withLockedValue { $0 } }
        #expect(try await alice(planned).kind == .halfway)
        #expect(fakes["east"].standing == .activating)
        fakes.change { $0.regions["west"]?.isSilent = true }
        let stuck = try await Operator(fakes)(rollBack)
        #expect(stuck.kind == .halfway && stuck.message.contains("--force"), "\(stuck.message)")
        let outcome = try await Operator(fakes)(
            FailoverRequest(.forced, region: "east", confirmation: "east", acceptsLoss: true))
        #expect(outcome.kind == .done, "\(outcome.message)")
        #expect(fakes["east"].standing == .active && fakes["east"].openSwitch == nil)
    }

    /// Somebody had sealed the new region, and the old one is lost before it could go on.
    @Test func aSealedRegionIsForcedAnew() async throws {
        let fakes = try await FakeRegions()
        let killed = NIOLockedValueBox(0)
        fakes.change { $0.onRequest = { at in if at == 3 { killed.withLockedValue { $0 = 2 } } } }
        var alice = Operator(fakes)
        alice.interruptions = { killed.withLockedValue { $0 } }
        #expect(try await alice(planned).kind == .halfway)
        fakes.change { world in
            world.regions["west"]?.epoch += 1
            world.regions["east"]?.isSilent = true
        }
        let outcome = try await Operator(fakes)(forced)
        #expect(outcome.kind == .done, "\(outcome.message) \(fakes.world.changes)")
        #expect(fakes["west"].activatedEpoch == 1_000_000 && fakes["west"].openSwitch == nil)
        #expect(fakes["west"].ended.map(\.result) == [.rolledBack, .done])
    }

    @Test(arguments: [FakeRegions.Fault.none, .answerLost, .requestLost, .newLeader])
    func ofTwoRegionsThatAreActiveSinceTheSameEpochOneIsSaidToBeRight(_ fault: FakeRegions.Fault)
        async throws
    {
        let fakes = try await FakeRegions()
        fakes.change { world in
            world.regions["west"]?.standing = .active
            world.regions["west"]?.activatedEpoch = 3
            world.regions["west"]?.epoch = 3
            world.fault = { at, _ in at == 0 ? fault : .none }
        }
        let outcome = try await Operator(fakes)(forced)
        #expect(
            outcome.kind == .done && outcome.message.contains("active since epoch 1000000"),
            "\(outcome.message)")
        #expect(fakes.world.changes == ["west active 1000000"])
    }
}
