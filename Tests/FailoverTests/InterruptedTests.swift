// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Failover
import Testing

/// What becomes of an engine's nth request, which is its last: the engine is killed.
private enum Fate: CaseIterable { case lost, delivered, late, deliveredAndLate }

private struct Interruption: CustomStringConvertible {
    var after: Int
    var fate: Fate
    /// How many requests of those that came after it reach the regions before it does; the rest of the run comes after
    /// it.
    var overtakenBy = 0

    var description: String { "after \(after), \(fate), overtaken by \(overtakenBy)" }
}

/// Worlds in which nothing goes wrong but that the command is killed.
struct InterruptedTests {
    private static func engine(_ papers: Papers, _ goal: Goal) -> RegionSwitch {
        RegionSwitch(papers, goal: goal)
    }

    /// Runs an engine to its end, or to its interruption. nil: it was interrupted.
    private static func run(
        _ engine: inout RegionSwitch, _ name: String, in world: inout World, late: inout [(SwitchRequest, after: Int)],
        until interruption: Interruption? = nil
    ) -> Ending? {
        var count = 0
        for _ in 0..<2_000 {
            let lost = engine.fromIsLost
            let from = lost ? Reading.silent("no route to host") : .facts(world.facts(engine.papers.from))
            switch engine.next(from: from, to: .facts(world.facts(engine.papers.to)), at: world.now) {
            case .ended(let ending):
                world.judge(ending, of: engine, by: name)
                for (request, _) in late { _ = world.deliver(request, by: "late") }
                late = []
                return ending
            case .wait(let until, _):
                if until < world.now || until > world.now + 50 { world.breaks("waits until \(until)") }
                world.pass(max(1, until - world.now))
            case .send(let request):
                count += 1
                let isLast = count == interruption?.after
                if !isLast || interruption?.fate == .delivered || interruption?.fate == .deliveredAndLate {
                    let answer = world.deliver(request, by: name)
                    if case .refused(let why) = answer { engine.refused(request, because: why) }
                }
                for (request, _) in late where late[0].after <= 0 { _ = world.deliver(request, by: "late") }
                late = late.filter { $0.after > 0 }.map { ($0.0, $0.after - 1) }
                if let interruption, isLast {
                    if interruption.fate == .late || interruption.fate == .deliveredAndLate {
                        late.append((request, interruption.overtakenBy))
                    }
                    return nil
                }
                world.pass(5)
            }
        }
        world.breaks("\(name) does not end")
        return nil
    }

    private func check(_ world: World, _ what: @autoclosure () -> String) {
        if let broken = world.broken { Issue.record("\(what()): \(broken)\n\(world.story)") }
    }

    @Test(arguments: [Papers.Kind.planned, .forced])
    func aSwitchInAQuietWorldIsDone(_ kind: Papers.Kind) {
        var world = World()
        world.allowsTwoActive = kind == .forced
        var late: [(SwitchRequest, after: Int)] = []
        var engine = Self.engine(world.papers("s", from: "east", to: "west", kind: kind), .forward)
        let ending = Self.run(&engine, "first", in: &world, late: &late)
        guard case .done(witnessed: true, _, _)? = ending else { return check(world, "\(String(describing: ending))") }
        #expect(world.west.standing == .active && world.openPapers == nil)
        #expect(kind == .forced || world.east.standing == .standby)
        #expect(kind == .planned || world.west.epoch == 1_000_000)
        check(world, "quiet")
    }

    /// The production gap has only what the regions and the chain need.
    @Test func nothingIsWaitedForNeedlessly() {
        var world = World()
        var late: [(SwitchRequest, after: Int)] = []
        var engine = Self.engine(world.papers("s", from: "east", to: "west"), .forward)
        guard case .done(_, let gap?, _)? = Self.run(&engine, "first", in: &world, late: &late) else {
            Issue.record("not done:\n\(world.story)")
            return
        }
        // The 30 ms of the world's nodeos (a pause of 50), the new region's first block after 100 ms, and a few
        // requests.
        #expect(gap <= 200)
        check(world, "gap")
    }

    /// Killed after every one of its requests, whatever became of that; then another engine goes on or back; and the
    /// same again.
    @Test(arguments: [Papers.Kind.planned, .forced])
    func everyInterruptionCanBeResumedAndRolledBack(_ kind: Papers.Kind) {
        var endings: [String: Int] = [:]
        for first in 1...9 {
            for fate in Fate.allCases {
                for goal in [Goal.forward, .back] {
                    for overtakenBy in fate == .late || fate == .deliveredAndLate ? Array(0...8) : [0] {
                        // Interrupted twice, the late one comes at once or last.
                        for second in [0, 8].contains(overtakenBy) ? Array(0...8) : [0] {
                            for secondFate in second == 0 ? [Fate.lost] : Fate.allCases {
                                let one = Interruption(after: first, fate: fate, overtakenBy: overtakenBy)
                                let two = second == 0 ? nil : Interruption(after: second, fate: secondFate)
                                guard let ending = interrupted(kind, one, goal, two) else { continue }
                                endings[ending, default: 0] += 1
                            }
                        }
                    }
                }
            }
        }
        #expect((endings["done"] ?? 0) > 100 && (endings["rolledBack"] ?? 0) > 50, "\(endings)")
    }

    private func interrupted(
        _ kind: Papers.Kind, _ one: Interruption, _ goal: Goal, _ two: Interruption?
    ) -> String? {
        var world = World()
        world.allowsTwoActive = kind == .forced
        var late: [(SwitchRequest, after: Int)] = []
        let papers = world.papers("s", from: "east", to: "west", kind: kind)
        var engine = Self.engine(papers, .forward)
        guard Self.run(&engine, "first", in: &world, late: &late, until: one) == nil else { return nil }
        if let two {
            world.pass(20)
            guard let open = world.openPapers else { return nil }
            var engine = Self.engine(open, goal)
            if Self.run(&engine, "second", in: &world, late: &late, until: two) != nil { return nil }
        }
        world.pass(20)
        guard let open = world.openPapers else {
            // Nothing came of it, or only the last word was missing.
            for (request, _) in late { _ = world.deliver(request, by: "late") }
            if kind == .planned, world.active.count != 1 { world.breaks("active: \(world.active)") }
            check(world, "\(kind) \(one), \(goal), \(two?.description ?? "")")
            return nil
        }
        let (wasActive, couldCome) = (world[papers.to].standing == .active, !late.isEmpty)
        var last = Self.engine(open, goal)
        let ending = Self.run(&last, "last", in: &world, late: &late)
        let word: String
        switch ending {
        case .done: word = "done"
        case .rolledBack: word = "rolledBack"
        default:
            world.breaks("the last one ended with \(String(describing: ending))")
            word = "?"
        }
        let wentBack = two != nil && goal == .back
        if word == "rolledBack", goal == .forward || wasActive { world.breaks("rolled back") }
        if word == "done", goal == .back, !wasActive, !couldCome, !wentBack { world.breaks("not rolled back") }
        if kind == .planned, world.active.count != 1 { world.breaks("active: \(world.active)") }
        if world.openPapers != nil { world.breaks("the switch is open") }
        check(world, "\(kind) \(one), \(goal), \(two?.description ?? "")")
        return word
    }
}
