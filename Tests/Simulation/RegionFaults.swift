// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// What goes wrong outside of the groups, and with whole groups.

extension TwoRegions {
    func disturb() {
        isCalm = false
        tries = 0
        mayGoThere = true
        trace.add(time, nil) { "bad times begin" }
        for region in worlds.indices {
            // One of them may be well, or have no more than a quorum.
            if random.chance(1, in: 2) { enter(region).disturb() }
            if random.chance(1, in: 4) {
                let world = enter(region)
                for host in world.hosts.indices.suffix(world.plan.peers - world.plan.quorum) {
                    world.crash(host, restartsAfter: nil)
                }
            }
        }
        agenda.add(.operators, at: time + random.milliseconds(0...1000))
        agenda.add(.fault, at: time + random.milliseconds(100...2000))
        agenda.add(.calmDown, at: time + random.milliseconds(5000...13000))
    }

    func calmDown() {
        isCalm = true
        calmSince = time
        trace.add(time, nil) { "all is well" }
        for from in cuts.indices { for to in cuts.indices { cuts[from][to] = 0 } }
        linkedSince = max(linkedSince, time)
        for region in worlds.indices { enter(region).calmDown() }
        // What is at work may go on, or not.
        for id in commands.keys.sorted() where random.chance(1, in: 2) { commands[id] = nil }
        agenda.add(.finish, at: time + 300_000_000)
    }

    func nextFault() {
        guard !isCalm else { return }
        agenda.add(.fault, at: time + Int64.random(in: plan.faultInterval / 3...plan.faultInterval * 2, using: &random))
        let region = Int.random(in: 0...1, using: &random)
        let length = random.milliseconds(300...random.pick([1000, 3000, 8000]))
        switch Int.random(in: 0..<12, using: &random) {
        case 0: cut([(region, 1 - region)], for: length)
        case 1, 2: cut([(0, 1), (1, 0)], for: length)
        case 3: cut([(Self.operators, region), (region, Self.operators)], for: length)
        case 4: cut([(region, Self.operators)], for: length)
        case 5, 6:
            cut(
                [(0, 1), (1, 0), (Self.operators, region), (region, Self.operators)],
                for: length)
        case 7: kill(region)
        case 8:
            // Its peers do not hear each other, for longer than what is committed stays fresh.
            let world = enter(region)
            let ways = world.hosts.indices.flatMap { a in
                world.hosts.indices.filter { $0 != a }.map { (from: a, to: $0) }
            }
            world.cut(ways, "everybody alone", for: plan.returnGate.inNanoseconds / 2 + length)
        default: crashLeader(region)
        }
    }

    private func cut(_ ways: [(from: Int, to: Int)], for length: Int64) {
        let names = RegionsPlan.names + ["operators"]
        trace.add(time, nil) {
            "cut: \(ways.map { "\(names[$0.from]) to \(names[$0.to])" }), for \(length / 1_000_000) ms"
        }
        for (from, to) in ways {
            cuts[from][to] += 1
            agenda.add(.heal(from: from, to: to), at: time + length)
        }
    }

    func heal(_ from: Int, _ to: Int) {
        guard cuts[from][to] > 0 else { return }
        cuts[from][to] -= 1
        if cuts[0][1] == 0, cuts[1][0] == 0, from != Self.operators, to != Self.operators { linkedSince = time }
    }

    private func kill(_ region: Int) {
        report.count("regions killed")
        trace.add(time, nil) { "region \(RegionsPlan.names[region]) is killed" }
        let world = enter(region)
        let down = random.milliseconds(200...8000)
        for host in world.hosts.indices {
            world.crash(host, restartsAfter: down + random.milliseconds(0...500))
        }
        // It comes back, and hears of nobody.
        if random.chance(1, in: 2) { cut([(0, 1), (1, 0)], for: down + random.milliseconds(0...6000)) }
    }

    func crashLeader(_ region: Int) {
        let world = enter(region)
        if let leader = world.newestLeader { world.crash(leader, restartsAfter: random.milliseconds(0...2000)) }
    }
}
