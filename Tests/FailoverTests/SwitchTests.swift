// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Failover
import Testing

/// One engine, and a world whose readings and deliveries a test may spoil.
private struct Stage {
    var world = World()
    var engine: RegionSwitch
    var steps: [Step] = []
    var sent: SwitchRequest?
    /// What the engine is told instead of the truth.
    var from: (RegionFacts) -> Reading = { .facts($0) }
    var to: (RegionFacts) -> Reading = { .facts($0) }
    /// The request reaches its region.
    var arrives: (SwitchRequest) -> Bool = { _ in true }

    init(_ kind: Papers.Kind = .planned, goal: Goal = .forward, known: UInt64 = 0) {
        engine = RegionSwitch(world.papers("s", from: "east", to: "west", kind: kind), goal: goal, known: known)
    }

    /// Until it ends, or `stop` says so.
    mutating func run(until stop: (Stage) -> Bool = { _ in false }) -> Ending? {
        for _ in 0..<20_000 where !stop(self) {
            let directive = engine.next(
                from: from(world.facts("east")), to: to(world.facts("west")), at: world.now)
            if let step = engine.step, step != steps.last { steps.append(step) }
            switch directive {
            case .ended(let ending):
                world.judge(ending, of: engine, by: "engine")
                if let broken = world.broken { Issue.record("\(broken)\n\(world.story)") }
                return ending
            case .wait(let until, _): world.pass(max(1, until - world.now))
            case .send(let request):
                sent = request
                if arrives(request) { _ = world.deliver(request, by: "engine") }
                world.pass(5)
            }
        }
        return nil
    }
}

private func fail(_ what: String) { Issue.record("\(what)") }

struct SwitchTests {
    @Test(arguments: [Papers.Kind.planned, .forced])
    func theStepsAreThoseOfThePlan(_ kind: Papers.Kind) {
        var stage = Stage(kind)
        stage.world.allowsTwoActive = kind == .forced
        var first = true
        stage.from = { kind == .forced ? .silent("no route to host") : .facts($0) }
        stage.to = { facts in
            defer { first = false }
            return first ? .silent("a moment") : .facts(facts)
        }
        var behind = 2
        if kind == .planned {
            let chain = stage.to
            stage.to = { facts in
                guard case .facts(var facts) = chain(facts) else { return .silent("a moment") }
                if facts.openSwitch != nil, facts.standing == .standby, behind > 0 {
                    behind -= 1
                    facts.chain = .unknown
                }
                return .facts(facts)
            }
        }
        guard case .done? = stage.run() else {
            Issue.record("not done\n\(stage.world.story)")
            return
        }
        #expect(stage.steps == Step.plan(fromIsLost: kind == .forced))
    }

    /// Whatever is lost is sent again; a lost answer is no refusal.
    @Test func lossesCostTimeAndNothingElse() {
        var stage = Stage()
        var seen: Set<String> = []
        stage.arrives = { !seen.insert("\($0.operation) \($0.region)").inserted }
        guard case .done? = stage.run() else {
            Issue.record("not done\n\(stage.world.story)")
            return
        }
        #expect(stage.world.active == ["west"])
    }

    @Test(arguments: [Step.begin, .stop, .hold, .handOver, .activate])
    func whatIsLateBeforeTheActivationGoesBack(_ step: Step) {
        var stage = Stage()
        stage.world.lagMS = 30
        let isHeld = step == .hold
        stage.arrives = { $0.step != step || $0.to == .to && step == .begin }
        if isHeld {
            stage.to = {
                var facts = $0
                if case .nodeos(let behind, _, let block, let needed) = facts.chain {
                    facts.chain = .nodeos(behind: behind, holders: 1, of: block, needed: needed)
                }
                return .facts(facts)
            }
        }
        let ending = stage.run()
        if step == .begin {
            // It never got through, in the way back neither.
            guard case .halfway? = ending else { return fail("\(String(describing: ending))") }
        } else {
            guard case .rolledBack? = ending else { return fail("\(String(describing: ending))") }
            #expect(stage.world.east.activatedEpoch > 5 && stage.world.west.epoch > 3)
        }
        #expect(stage.world.active == ["east"])
        #expect(stage.world.now < 45_000)
    }

    /// No step is late, since they take turns: the new region is near, is asked to wait for, is not near any more.
    @Test func aWayForwardThatDoesNotGetOnGoesBack() {
        var stage = Stage()
        var turn = 0
        stage.arrives = { $0.step != .stop }
        stage.to = {
            turn += 1
            var facts = $0
            // So many looks of `Limits.pauseMS`, less than any step's limit.
            facts.chain = turn / 20 % 2 == 0 ? .unknown : .none
            return .facts(facts)
        }
        guard case .rolledBack(let why)? = stage.run() else { return fail("not rolled back") }
        #expect(why.contains("it took longer than \(Limits.phaseMS / 1_000) s"), "\(why)")
        #expect(stage.world.now >= Limits.phaseMS && stage.world.now < Limits.phaseMS + 30_000)
        #expect(stage.steps.contains(.catchUp) && stage.steps.contains(.stop))
        #expect(stage.world.active == ["east"])
    }

    @Test func theOldRegionDoesNotStopBeforeTheNewOneIsNear() {
        for chain in [Chain.unknown, .nodeos(behind: 5, holders: 2, of: nil, needed: 2)] {
            var stage = Stage()
            stage.to = {
                var facts = $0
                facts.chain = chain
                return .facts(facts)
            }
            guard case .rolledBack? = stage.run() else { return fail("\(chain)") }
            #expect(!stage.steps.contains(.stop))
        }
    }

    /// The block must be that very one.
    @Test func aNodeosOnAnotherBranchDoesNotCount() {
        var stage = Stage()
        stage.to = {
            var facts = $0
            if case .nodeos(let behind, let holders, let block?, let needed) = facts.chain {
                facts.chain = .nodeos(
                    behind: behind, holders: holders, of: Block(number: block.number, id: "fork"), needed: needed)
            }
            return .facts(facts)
        }
        guard case .rolledBack? = stage.run() else { return fail("not rolled back") }
        #expect(!stage.steps.contains(.handOver))
    }

    @Test func theOldRegionMayBeLostOnceItHasHandedOver() {
        var stage = Stage()
        stage.arrives = { $0.step != .activate }
        _ = stage.run { $0.engine.step == .activate }
        stage.arrives = { _ in true }
        stage.from = { _ in .silent("no route to host") }
        let ending = stage.run()
        #expect(stage.world.active == ["west"])
        guard case .halfway(_, let stands, _)? = ending else { return fail("\(String(describing: ending))") }
        #expect(stands.contains("west is active"))
    }

    @Test func behindAnUnsealedDoorItStaysHalfway() {
        var stage = Stage()
        _ = stage.run { $0.world.east.standing == .activating }
        stage.engine.rollBack()
        stage.to = { _ in .silent("no route to host") }
        guard case .halfway? = stage.run() else { return fail("not halfway") }
        #expect(stage.world.active.isEmpty && stage.world.east.standing == .activating)
        var later = Stage(goal: .back)
        later.world = stage.world
        later.engine = RegionSwitch(stage.engine.papers, goal: .back)
        guard case .rolledBack? = later.run() else { return fail("not rolled back") }
        #expect(later.world.active == ["east"])
    }

    @Test func aRefusedRequestTurnsBackAtOnce() {
        var stage = Stage()
        stage.arrives = { $0.step != .activate }
        _ = stage.run { $0.sent?.step == .activate }
        guard let request = stage.sent, request.step == .activate else { return fail("not sent") }
        stage.engine.refused(request, because: "base_refused")
        let began = stage.world.now
        guard case .rolledBack(let why)? = stage.run() else { return fail("not rolled back") }
        #expect(why.contains("base_refused") && stage.world.now - began < 1_000)
    }

    @Test func onceTheNewRegionIsActiveThereIsNoWayBack() {
        var stage = Stage()
        _ = stage.run { $0.world.west.standing == .active }
        stage.engine.rollBack()
        guard case .done? = stage.run() else { return fail("not done") }
        #expect(stage.world.active == ["west"])
    }

    @Test func nothingIsBegunWhereItCannotBe() {
        var other = Stage()
        other.world.east.openSwitch = other.world.papers("other", from: "east", to: "north")
        var ahead = Stage()
        ahead.world.west.head = Block(number: 101, id: "101")
        var active = Stage()
        active.world.west.standing = .active
        var changed = Stage()
        changed.world.east.epoch += 1
        var silent = Stage()
        silent.to = { _ in .silent("no route to host") }
        var forced = Stage(.forced)
        forced.world.west.standing = .active
        for stage in [other, ahead, active, changed, silent, forced] {
            var stage = stage
            let before = (stage.world.east, stage.world.west)
            guard case .refused(let why)? = stage.run() else { return fail("not refused") }
            #expect(!why.isEmpty)
            #expect(stage.world.east.epoch == before.0.epoch && stage.world.west == before.1, "\(why)")
            #expect(stage.world.east.openSwitch == before.0.openSwitch)
        }
    }

    /// Above all that the lost region may have got to by planned steps.
    @Test(arguments: [(0, 1_000_000), (999_999, 1_000_000), (1_000_000, 2_000_000)] as [(UInt64, UInt64)])
    func aForcedSwitchTakesTheNextMillion(_ known: UInt64, _ epoch: UInt64) {
        var stage = Stage(.forced, known: known)
        stage.world.allowsTwoActive = true
        guard case .done? = stage.run() else { return fail("not done") }
        #expect(stage.world.west.activatedEpoch == epoch)
    }

    @Test func aPausedRegionNeedNotProveThatItProduces() {
        var stage = Stage()
        stage.world.west.isPaused = true
        guard case .done(witnessed: false, _, _)? = stage.run() else { return fail("not done") }
        #expect(stage.world.now < 1_000)
    }

    /// Each step is in time, and together they are not.
    @Test func theTimeWithoutAProducerIsBounded() {
        var stage = Stage()
        var (readings, sendings) = (0, 0)
        stage.to = {
            var facts = $0
            if case .nodeos(let behind, _, let block, let needed) = facts.chain, readings < 90 {
                readings += block?.number == 100 ? 1 : 0
                facts.chain = .nodeos(behind: behind, holders: 1, of: block, needed: needed)
            }
            return .facts(facts)
        }
        stage.arrives = {
            if $0.step == .handOver { sendings += 1 }
            return $0.step == .handOver ? sendings == 9 : $0.step != .activate
        }
        guard case .rolledBack? = stage.run() else { return fail("not rolled back") }
        #expect(stage.world.now > 10_000 && stage.world.now < 10_500)
    }

    /// The old region handed over since it was read: its log must not be closed before it is standby.
    @Test func anOldReadingDoesNotCloseTheSwitchEarly() {
        var stage = Stage()
        _ = stage.run { $0.world.east.standing == .standby }
        let old = stage.world.facts("east")
        _ = stage.run { $0.world.west.standing == .active }
        stage.engine = RegionSwitch(stage.engine.papers)
        var isOld = true
        stage.from = { .facts(isOld ? old : $0) }
        stage.arrives = { _ in
            isOld = false
            return true
        }
        guard case .done? = stage.run() else { return fail("not done\n\(stage.world.story)") }
        #expect(stage.world.east.standing == .standby)
    }

    @Test func whatIsKnownIsNotForgottenForAnOldReading() {
        var stage = Stage()
        _ = stage.run { $0.world.east.standing == .standby }
        let old = stage.world.facts("east")
        stage.arrives = { $0.step != .activate }
        _ = stage.run { $0.engine.step == .activate }
        stage.arrives = { _ in true }
        stage.from = { _ in .facts(old) }
        guard case .halfway? = stage.run() else { return fail("not halfway\n\(stage.world.story)") }
        #expect(stage.world.active == ["west"])
    }

    @Test func aRegionThatIsActiveIsNotSealed() {
        var stage = Stage(.forced)
        stage.world.allowsTwoActive = true
        _ = stage.run { $0.world.west.openSwitch != nil }
        stage.world.west.standing = .active
        guard case .rolledBack? = stage.run() else { return fail("not rolled back") }
        #expect(stage.world.west.standing == .active && stage.world.west.openSwitch == nil)
    }
}
