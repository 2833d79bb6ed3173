// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Failover
import ProducerHA
import Raft

// What a daemon makes of a request, as in `RegionAPI` of the layer Node.

enum Reply {
    case done
    case unchanged
    case refused(String)

    /// It would be refused again.
    var isFinal: Bool {
        switch self {
        case .done, .unchanged: false
        case .refused(let why):
            !["epoch_changed", "not_leader", "term_not_applied", "busy", "outcome_unknown"].contains(why)
        }
    }

    init(_ answer: ChangeAnswer) {
        switch answer {
        case .applied: self = .done
        case .refused(.doesNotFit(.changesNothing)): self = .unchanged
        case .refused(.doesNotFit(.epochChanged)): self = .refused("epoch_changed")
        case .refused(.doesNotFit(.switchRunning)): self = .refused("switch_running")
        case .refused(.doesNotFit(.noSuchSwitch)): self = .refused("no_such_switch")
        case .refused(.doesNotFit), .refused(.busy): self = .refused("busy")
        case .refused(.notLeader): self = .refused("not_leader")
        case .refused(.termNotApplied): self = .refused("term_not_applied")
        case .leadershipLost: self = .refused("outcome_unknown")
        }
    }
}

extension TwoRegions {
    func receive(_ request: SwitchRequest, _ command: Int, _ turn: Int) {
        let region = request.region == RegionsPlan.names[0] ? 0 : 1
        let world = enter(region)
        let running = world.hosts.indices.filter { world.hosts[$0].replica != nil && !world.hosts[$0].isStopped }
        guard let any = running.first else { return }
        let leader = world.newestLeader ?? any
        guard running.contains(leader) else { return }
        let host = random.chance(1, in: 12) ? random.pick(running) : leader
        trace.add(time, nil) {
            "\(request.operation) of command \(command) reaches peer \(host + 1) of \(request.region)"
        }
        if let reply = carryOut(request, world, region, host, command, turn) {
            reached(reply, region, command, turn)
        }
        world.check()
        if !isCalm, random.chance(1, in: 12) {
            agenda.add(.crashLeader(region: region), at: time + random.milliseconds(0...40))
        }
    }

    private func reached(_ reply: Reply, _ region: Int, _ command: Int, _ turn: Int) {
        carry(.answer(command: command, turn: turn, reply), from: region, to: Self.operators)
    }

    func act(_ operation: String, _ world: World) -> OperatorAct {
        OperatorAct(operation: operation, who: "simulator", from: "here", reason: "", at: world.timeOfDay)
    }

    /// nil: the answer comes later.
    private func carryOut(
        _ request: SwitchRequest, _ world: World, _ region: Int, _ host: Int, _ command: Int, _ turn: Int
    ) -> Reply? {
        guard let replica = world.hosts[host].replica else { return nil }
        if replica.raft.role != .leader { return .refused("not_leader") }
        guard replica.hasCaughtUp else { return .refused("term_not_applied") }
        let state = replica.state.region
        let act = act(request.operation, world)
        // What the daemon looks at first the group has to look at, too: another leader may have come between.
        let isHasty = random.chance(1, in: 4)
        let isEarlier = !isHasty && replica.state.history.item(of: act.operation) != nil
        let change: ProducerHA.Change
        switch request.change {
        case .begin(let papers):
            if state.openSwitch?.id == papers.id { return .unchanged }
            if replica.state.history.item(of: act.operation) != nil { return .done }
            let own = request.region == papers.from ? papers.fromExpects : papers.toExpects
            guard own == state.epoch else { return .refused("epoch_changed") }
            change = .record(.switchBegins(SwitchNote(papers, act)))
        case .end(let id, let outcome, let words, let gapMS):
            guard state.openSwitch?.id == id else { return .unchanged }
            change = .record(
                .switchEnds(SwitchEnd(id: id, isDone: outcome == .done, words: words, gapMS: gapMS, at: act.at)))
        case .deactivate(let standing, let expects, let epoch, let papers):
            if isEarlier { return .done }
            if !isHasty, let refusal = refusal(papers, expects, epoch, state) { return refusal }
            change = .region(
                RegionChange(
                    expects: expects, epoch: epoch, activity: standing == .standby ? .standby : .activating,
                    isPaused: state.isPaused, act: act, switchID: papers))
        case .seal(let expects, let papers):
            if isEarlier { return .done }
            if !isHasty, let refusal = refusal(papers, expects, expects + 1, state) { return refusal }
            change = .region(
                RegionChange(
                    expects: expects, epoch: expects + 1, activity: .standby, isPaused: state.isPaused,
                    act: act, switchID: papers, renews: true))
        case .activate(let expects, let epoch, let base, let force, let papers):
            if isEarlier { return .done }
            if !isHasty, let refusal = refusal(papers, expects, epoch, state) { return refusal }
            var activation = RegionChange(
                expects: expects, epoch: epoch, activity: .active, isPaused: state.isPaused, act: act,
                switchID: papers, renews: true, isForced: force)
            if let base {
                guard let bytes = checkers.bytes[base.id] else { return .refused("malformed: no such base") }
                if let head = replica.state.head?.block, !force,
                    base.number < head.number || base.number == head.number && base.id != head.id.hex
                {
                    return .refused("base_refused")
                }
                activation.base = bytes
            }
            change = .region(activation)
        }
        // The answer may come before `hand` returns.
        waiting[region][world.tickets + 1] = (command, turn)
        world.hand(change, to: host, at: world.hosts[host].clock.reading(at: time))
        return nil
    }

    private func refusal(_ papers: String, _ expects: UInt64, _ epoch: UInt64, _ state: RegionState) -> Reply? {
        if papers != state.openSwitch?.id { return .refused("no_such_switch") }
        if expects != state.epoch { return .refused("epoch_changed") }
        return epoch > state.epoch ? nil : .refused("malformed: the epoch does not grow")
    }

    func changed(_ region: Int, _ ticket: Ticket, _ answer: ChangeAnswer) {
        guard let (command, turn) = waiting[region].removeValue(forKey: ticket) else { return }
        reached(Reply(answer), region, command, turn)
    }
}

extension SwitchNote {
    init(_ papers: Papers, _ act: OperatorAct) {
        let kind: ProducerHA.SwitchKind =
            switch papers.kind {
            case .planned: .planned
            case .forced: .forced
            case .drill: .drill
            }
        self.init(
            id: papers.id, kind: kind, from: papers.from, to: papers.to, fromExpects: papers.fromExpects,
            toExpects: papers.toExpects, act: act)
    }
}

extension Papers {
    init(_ note: SwitchNote) {
        let kind: Kind =
            switch note.kind {
            case .planned: .planned
            case .forced: .forced
            case .drill: .drill
            }
        self.init(
            id: note.id, kind: kind, from: note.from, to: note.to, fromExpects: note.fromExpects,
            toExpects: note.toExpects)
    }
}

extension Standing {
    init(_ activity: RegionActivity) {
        switch activity {
        case .standby: self = .standby
        case .active: self = .active
        case .activating: self = .activating
        }
    }
}

extension Failover.Block {
    init(_ block: BlockRef) {
        self.init(number: block.number, id: block.id.hex, timeMS: block.slot.unixMilliseconds)
    }
}
