// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Failover
import ProducerHA
import Raft

// Operators: commands that see a switch through, several at once, killed at any request.

/// A command that runs somewhere: it asks both regions, sends what its engine wants, and begins anew.
struct Command {
    var engine: RegionSwitch
    /// What belongs to an earlier turn is not waited for any more.
    var turn = 0
    var readings: [Side: Reading] = [:]
    /// Whose answer it waits for.
    var sent: SwitchRequest?
    /// It is killed when it has sent this many requests.
    var lives: Int
}

extension TwoRegions {
    private static let patience: Int64 = 1_000_000_000
    /// After the last fault: some elections, and commands that each may wait for several of their steps.
    private static let recoveryBound: Int64 = 30_000_000_000

    func start(_ papers: Papers, _ goal: Goal, fromIsLost: Bool = false, lives: Int = .max, base: Failover.Block? = nil)
    {
        started += 1
        report.count("commands")
        trace.add(time, nil) {
            "command \(started) begins: \(papers.kind.rawValue) \(papers.id) from \(papers.from) at"
                + " \(papers.fromExpects) to \(papers.to) at \(papers.toExpects), \(goal)\(fromIsLost ? ", lost" : "")"
        }
        let known = worlds.flatMap { world in world.leading.compactMap { world.hosts[$0].replica } }
            .flatMap { $0.regions.heard.values.map(\.report.epoch) }.max()
        commands[started] = Command(
            engine: RegionSwitch(papers, goal: goal, fromIsLost: fromIsLost, known: known ?? 0, forcedBase: base),
            lives: lives)
        agenda.add(.look(command: started, turn: 0), at: time)
    }

    // MARK: - A command's turn

    func look(_ id: Int) {
        guard var command = commands[id] else { return }
        command.turn += 1
        (command.readings, command.sent) = ([:], nil)
        commands[id] = command
        for side in [Side.from, .to] {
            carry(
                .isAsked(command: id, turn: command.turn, side), from: Self.operators,
                to: region(side, command.engine.papers))
        }
        agenda.add(.timeout(command: id, turn: command.turn), at: time + Self.patience)
    }

    private func region(_ side: Side, _ papers: Papers) -> Int {
        (side == .from ? papers.from : papers.to) == RegionsPlan.names[0] ? 0 : 1
    }

    func isAsked(_ id: Int, _ turn: Int, _ side: Side) {
        guard let command = commands[id] else { return }
        let region = region(side, command.engine.papers)
        let reading = facts(region).map { Reading.facts($0) } ?? .silent("no leader has the lease")
        carry(.says(command: id, turn: turn, side, reading), from: region, to: Self.operators)
    }

    func says(_ id: Int, _ turn: Int, _ side: Side, _ reading: Reading) {
        guard commands[id]?.turn == turn, commands[id]?.sent == nil else { return }
        commands[id]?.readings[side] = reading
        if commands[id]?.readings.count == 2 { decide(id) }
    }

    func timeout(_ id: Int, _ turn: Int) {
        guard let command = commands[id], command.turn == turn else { return }
        if command.sent != nil { look(id) } else { decide(id) }
    }

    func answer(_ id: Int, _ turn: Int, _ reply: Reply) {
        guard let command = commands[id], command.turn == turn, let sent = command.sent else { return }
        trace.add(time, nil) { "command \(id) is answered: \(reply)" }
        if case .refused(let why) = reply, reply.isFinal { commands[id]?.engine.refused(sent, because: why) }
        look(id)
    }

    private func decide(_ id: Int) {
        guard var command = commands[id] else { return }
        let silent = Reading.silent("no answer within 1000 ms")
        let directive = command.engine.next(
            from: command.readings[.from] ?? silent, to: command.readings[.to] ?? silent, at: time / 1_000_000)
        command.turn += 1
        commands[id] = command
        switch directive {
        case .wait(let until, _):
            agenda.add(.look(command: id, turn: command.turn), at: max(until * 1_000_000, time + 1_000_000))
        case .ended(let ending):
            trace.add(time, nil) { "command \(id) ends: \(ending)" }
            report.count(String("\(ending)".prefix { $0 != "(" }))
            commands[id] = nil
            checkers.judge(ending, command.engine)
        case .send(let request):
            trace.add(time, nil) { "command \(id) sends \(request.operation) to \(request.region): \(request.change)" }
            commands[id]?.sent = request
            send(request, id, command.turn)
            agenda.add(.timeout(command: id, turn: command.turn), at: time + Self.patience)
            commands[id]?.lives -= 1
            if commands[id]?.lives ?? 0 <= 0 {
                trace.add(time, nil) { "command \(id) is killed" }
                report.count("commands killed")
                commands[id] = nil
            }
        }
    }

    private func send(_ request: SwitchRequest, _ id: Int, _ turn: Int) {
        let region = request.region == RegionsPlan.names[0] ? 0 : 1
        if !isCalm, random.chance(1, in: 6) {
            // Very late: after the switch, or after the next one.
            agenda.add(
                .request(command: id, turn: turn, request),
                at: time + random.milliseconds(1...random.pick([300, 3000, 30_000])))
            if random.chance(1, in: 2) { return }
        }
        carry(.request(command: id, turn: turn, request), from: Self.operators, to: region)
    }

    // MARK: - How a region stands

    /// From its leader, while that holds the lease.
    func facts(_ region: Int) -> RegionFacts? {
        let world = enter(region)
        let leader = world.leading.last { host in
            let now = world.hosts[host].clock.reading(at: time)
            return !world.hosts[host].isStopped && world.hosts[host].replica?.isCurrent(at: now) ?? false
        }
        guard let leader, let state = world.hosts[leader].replica?.state, state.region.epoch > 0 else { return nil }
        let base = state.region.base.map { Failover.Block(number: $0.blockNumber, id: $0.hex) }
        var facts = RegionFacts(
            name: RegionsPlan.names[region], epoch: state.region.epoch, standing: Standing(state.region.activity),
            isPaused: state.region.isPaused, activatedEpoch: state.region.activatedEpoch,
            head: state.head.map { Failover.Block($0.block) }, base: base,
            openSwitch: state.region.openSwitch.map { Papers($0) }, chain: chain(region))
        let seen = world.hosts.indices.filter { $0 != leader }
            .compactMap { world.hosts[$0].replica?.state.head?.block.number }.max()
        if let seen, seen > base?.number ?? 0 {
            facts.witnessed = Failover.Block(number: base.map { $0.number + 1 } ?? seen, id: "")
        }
        return facts
    }

    /// The nodeos of a region have what the other one committed a while ago.
    private func chain(_ region: Int) -> Chain {
        guard let lag = plan.nodeosLag else { return .none }
        guard let (head, at) = checkers.latest[1 - region] else { return .none }
        let has = time - at >= lag
        return .nodeos(behind: has ? 0 : 1, holders: has ? 2 : 1, of: Failover.Block(head), needed: 2)
    }

    // MARK: - Who begins what

    func nextOperator() {
        guard !isCalm else { return }
        agenda.add(.operators, at: time + random.milliseconds(300...3000))
        actByHand()
        for id in commands.keys.sorted() where random.chance(1, in: 15) {
            trace.add(time, nil) { "command \(id) is told to go back" }
            commands[id]?.engine.rollBack()
        }
        guard commands.isEmpty || commands.count < 3 && random.chance(1, in: 3) else { return }
        let lives = random.chance(1, in: 2) ? .max : Int.random(in: 1...9, using: &random)
        let known = [facts(0), facts(1)]
        let open = known.compactMap { $0?.openSwitch }
        let mayForce = plan.kind != .planned
        if !open.isEmpty, random.chance(4, in: 5) {
            let isLost = mayForce && random.chance(1, in: 3)
            return start(
                random.pick(open), random.chance(1, in: 2) ? .forward : .back, fromIsLost: isLost, lives: lives)
        }
        let isForced = mayForce && random.chance(1, in: 2)
        let active = known.firstIndex { $0?.standing == .active }
        guard let from = active ?? (isForced ? Int.random(in: 0...1, using: &random) : nil), let to = known[1 - from]
        else { return }
        let fromExpects = known[from]?.epoch ?? heard(from, by: 1 - from)?.epoch ?? 0
        guard known[from] != nil || isForced else { return }
        let papers = Papers(
            id: "s\(started + 1)", kind: isForced ? .forced : random.chance(1, in: 4) ? .drill : .planned,
            from: RegionsPlan.names[from], to: RegionsPlan.names[1 - from], fromExpects: fromExpects,
            toExpects: to.epoch)
        // By hand it may be any; `prodha failover --force` takes none that is not above the region's own head.
        let base = isForced ? heard(from, by: 1 - from)?.head : nil
        start(
            papers, .forward, lives: lives,
            base: random.chance(1, in: 2) ? base.map { Failover.Block(number: $0.blockNumber, id: $0.hex) } : nil)
    }

    private func heard(_ region: Int, by other: Int) -> RegionReport? {
        let world = worlds[other]
        return world.leading.last.flatMap { world.hosts[$0].replica?.regions.heard[RegionsPlan.names[region]]?.report }
    }

    // MARK: - Afterwards

    /// With all well, whatever was left open is seen through, until one region is active and produces.
    func finish() {
        guard isCalm else { return }
        agenda.add(.finish, at: time + 300_000_000)
        checkers.check(
            time - calmSince < Self.recoveryBound, "recovery",
            "\(Self.recoveryBound / 1_000_000_000) s after all faults were healed there is not one active region: \(checkers.standings(worlds))"
        )
        guard commands.isEmpty, let east = facts(0), let west = facts(1) else { return }
        let both = [east, west]
        let open = both.compactMap(\.openSwitch)
        if !open.isEmpty {
            tries += 1
            if tries > 6 {
                checkers.check(
                    plan.kind != .planned, "a way out",
                    "six commands have not ended a switch: \(checkers.standings(worlds))")
                if tries % 2 == 1 { return rescue(both) }
            }
            return start(random.pick(open), random.chance(1, in: 2) ? .forward : .back)
        }
        guard both.filter({ $0.standing == .active }).count == 1,
            let active = both.firstIndex(where: { $0.standing == .active }), !both[active].isPaused
        else { return rescue(both) }
        // It has to have committed something since.
        guard let (_, at) = checkers.latest[active], at > calmSince else { return }
        settled(active, both)
    }

    private func settled(_ active: Int, _ both: [RegionFacts]) {
        for world in worlds {
            for host in world.hosts { if let state = host.replica?.state { world.checkers.agrees(0, state) } }
        }
        if mayGoThere, random.chance(1, in: 2) {
            mayGoThere = false
            return start(
                Papers(
                    id: "s\(started + 1)", kind: .planned, from: RegionsPlan.names[active],
                    to: RegionsPlan.names[1 - active], fromExpects: both[active].epoch,
                    toExpects: both[1 - active].epoch), .forward)
        }
        report.count("settled")
        trace.add(time, nil) { "settled: \(checkers.standings(worlds))" }
        disturb()
    }

    /// What an operator does who sees both regions: the one that is right goes on.
    private func rescue(_ both: [RegionFacts]) {
        let active = both.indices.filter { both[$0].standing == .active }
        checkers.check(
            plan.kind != .planned || active.count == 1, "one region",
            "nobody forced anything, and no switch is open: \(checkers.standings(worlds))")
        // Two of them: what hears of the other one stops.
        if active.count == 2, both[0].activatedEpoch != both[1].activatedEpoch { return }
        let right = active.first ?? (both[0].activatedEpoch >= both[1].activatedEpoch ? 0 : 1)
        let epoch = (both.map(\.epoch).max() ?? 0) + 1
        report.count("rescues")
        changeByHand(right) {
            RegionChange(
                expects: $0.epoch, epoch: epoch, activity: .active, isPaused: false, renews: true, isForced: true)
        }
    }
}
