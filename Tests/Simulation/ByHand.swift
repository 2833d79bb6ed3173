// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Failover
import ProducerHA
import Raft

// What operators do without a switch: pauses, their word that no other region is active, and another block as the head.

extension TwoRegions {
    func actByHand() {
        if plan.kind != .planned, random.chance(1, in: 8) {
            report.count("acts by hand")
            changeByHand(.random(in: 0...1, using: &random)) {
                RegionChange(
                    expects: $0.epoch, epoch: $0.epoch + 1, activity: $0.activity, isPaused: !$0.isPaused)
            }
        }
        if let waiting = worlds.indices.first(where: { isUnconfirmed($0) }), random.chance(3, in: 4) {
            return random.chance(1, in: 2) ? giveWord(to: waiting) : rebase(waiting)
        }
        if random.chance(1, in: 5) { giveWord(to: random.pick([0, 1])) }
        if random.chance(1, in: 5) { rebase(random.pick([0, 1])) }
    }

    /// As `prodha confirm` does. Where nobody forces a switch the word is true: a region is active only once the other one
    /// has stopped, and then its epoch is another. Elsewhere it may be false.
    private func giveWord(to region: Int) {
        guard let epoch = facts(region)?.epoch else { return }
        send(.record(.confirm(expects: epoch, act("word-\(time)", worlds[region]))), to: region)
    }

    /// Its leader only waits for the other region, or for somebody's word.
    private func isUnconfirmed(_ region: Int) -> Bool {
        let world = enter(region)
        guard let leader = world.newestLeader, let replica = world.hosts[leader].replica else { return false }
        return replica.obstacle(at: world.hosts[leader].clock.reading(at: time)) == .regionUnconfirmed
    }

    /// Gives a region a block of the chain, above or below its own: where nobody forces anything only one that is standby,
    /// since one that is active has the last block.
    private func rebase(_ region: Int) {
        guard let facts = facts(region), plan.kind != .planned || facts.standing == .standby else { return }
        let chain = checkers.chain.suffix(40)
        guard let last = chain.last, let block = random.chance(2, in: 3) ? last : chain.randomElement(using: &random)
        else { return }
        let activity: RegionActivity =
            switch facts.standing {
            case .standby: .standby
            case .active: .active
            case .activating: .activating
            }
        send(
            .region(
                RegionChange(
                    expects: facts.epoch, epoch: facts.epoch + 1, activity: activity, isPaused: facts.isPaused,
                    base: checkers.bytes[block.hex], act: act("rebase-\(time)", worlds[region]))),
            to: region)
    }

    private func send(_ change: ProducerHA.Change, to region: Int) {
        trace.add(time, nil) { "somebody sends \(RegionsPlan.names[region]) \(change)" }
        carry(.byHand(change, region: region), from: Self.operators, to: region)
        if random.chance(1, in: 4) {
            // Once more, after other things.
            agenda.add(.byHand(change, region: region), at: time + random.milliseconds(1...random.pick([300, 10_000])))
        }
    }

    /// As `RegionAPI` does it.
    func receive(byHand change: ProducerHA.Change, _ region: Int) {
        let world = enter(region)
        guard let leader = world.newestLeader, !world.hosts[leader].isStopped,
            let replica = world.hosts[leader].replica
        else { return }
        let now = world.hosts[leader].clock.reading(at: time)
        if case .region = change {
            guard case .held = replica.raft.lease(at: now), replica.state.region.openSwitch == nil else { return }
        }
        trace.add(time, nil) { "\(RegionsPlan.names[region]) gets by hand: \(change)" }
        world.hand(change, to: leader, at: now)
        world.check()
    }

    func changeByHand(_ region: Int, _ make: (RegionState) -> RegionChange) {
        let world = enter(region)
        guard let leader = world.newestLeader, !world.hosts[leader].isStopped,
            let state = world.hosts[leader].replica?.state.region
        else { return }
        var change = make(state)
        change.act = act("hand-\(time)", world)
        trace.add(time, nil) { "somebody changes \(RegionsPlan.names[region]) by hand: \(change)" }
        world.hand(.region(change), to: leader, at: world.hosts[leader].clock.reading(at: time))
        world.check()
    }
}
