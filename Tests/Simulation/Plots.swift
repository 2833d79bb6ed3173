// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// Faults that would seldom meet by chance, each plot aimed at one promise.

extension World {
    func plot() {
        guard let leader = leading.last else { return }
        var others = hosts.indices.filter { $0 != leader }
        others.shuffle(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: lateQuorum(leader, others)
        case 1: lostPromise(leader, others)
        case 2...5: fewPromises(leader, others)
        case 6, 7: lateHandOver(leader, others)
        case 8: forgottenVote(leader, others)
        case 9: overwrittenLog(leader, others)
        case 10: oldLeader(leader, others)
        default: splitVotes(leader, others)
        }
    }

    private func after(_ delay: Int64, _ act: Act) { agenda.add(.act(act), at: time + delay) }

    /// Some are behind, one of those that are not loses its disk, and while that is filled again the leader goes: what
    /// only these two had must not be forgotten.
    private func lateQuorum(_ leader: Int, _ others: [Int]) {
        let late = random.milliseconds(100...1500)
        trace.add(time, leader) { "plot: a late quorum" }
        for host in others.prefix(plan.peers - plan.quorum) {
            act(.cutOff(host: host, length: late + random.milliseconds(0...400)))
        }
        let loser = others[others.count - 1]
        after(late, .loseDisk(host: loser))
        if random.chance(1, in: 2) {
            let slowness = random.milliseconds(20...150)
            network[leader, loser].slowness = slowness
            network[loser, leader].slowness = slowness
        }
        after(late + random.milliseconds(1...800), .stopLeader(length: random.milliseconds(1000...4000)))
    }

    /// A leader that nobody hears holds a lease; one who granted it loses its disk; the next leader goes, too.
    private func lostPromise(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: a lost promise" }
        act(.cutOff(host: leader, length: random.milliseconds(1000...5000)))
        after(random.milliseconds(0...50), .loseDisk(host: others[0]))
        after(random.milliseconds(300...1500), .crashLeader(down: random.milliseconds(500...3000)))
    }

    /// No more than a quorum stands behind the lease. Then the leader is not heard any more, and those who promised it
    /// something may restart, or one of them is the next candidate.
    private func fewPromises(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: few promises" }
        let promise = hosts[others[0]].replica?.raft.hardState.promise ?? longestLease
        let wait = promise.inNanoseconds + random.milliseconds(0...300)
        let (supporters, rest) = (others.prefix(plan.quorum - 1), others.dropFirst(plan.quorum - 1))
        cut(rest.flatMap { [(leader, $0), ($0, leader)] }, "\(leader + 1) from some", for: wait + 4_000_000_000)
        after(wait, .cutOff(host: leader, length: random.milliseconds(1000...4000)))
        guard random.chance(1, in: 2) else { return }
        for host in supporters {
            let isLost = random.chance(1, in: 3)
            after(wait + random.milliseconds(0...200), isLost ? .loseDisk(host: host) : .restart(host: host))
        }
        if random.chance(1, in: 3) {
            after(wait + random.milliseconds(300...1500), .crashLeader(down: random.milliseconds(500...3000)))
        }
    }

    /// The target of a hand-over is stopped, and wins when the leader has given the hand-over up.
    private func lateHandOver(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: a late hand-over" }
        let target = others[0]
        let late = longestElection.inNanoseconds + random.milliseconds(-200...400)
        act(.transfer(from: leader, to: target))
        after(random.milliseconds(0...10), .stop(host: target, length: late))
        after(late - 20_000_000, .part(leader, target, length: random.milliseconds(500...3000)))
    }

    /// A vote that was not durable yet is forgotten by a crash, and an old leader asks for one of the same term.
    private func forgottenVote(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: a forgotten vote" }
        let length = longestElection.inNanoseconds / 2 + random.milliseconds(0...800)
        cut(others.flatMap { [(leader, $0), ($0, leader)] }, "\(leader + 1) alone", for: length)
        for host in others.prefix(Int.random(in: 1...others.count, using: &random)) {
            hosts[host].disk.stalledUntil = time + length + random.milliseconds(0...300)
            after(length - random.milliseconds(0...100), .forget(host: host))
        }
        after(length - 1_000_000, .cutOffLeader(length: random.milliseconds(500...3000)))
    }

    /// What a leader wrote alone is replaced, on a disk that is slow then, and every answer counts.
    private func overwrittenLog(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: an overwritten log" }
        let length = longestElection.inNanoseconds + random.milliseconds(0...1000)
        act(.cutOff(host: leader, length: length))
        after(length - 1_000_000, .stall(host: leader, length: random.milliseconds(50...1000)))
        for host in others.prefix(plan.peers - plan.quorum) {
            after(length + random.milliseconds(-50...100), .cutOff(host: host, length: random.milliseconds(500...2000)))
        }
    }

    /// Leadership was handed over, and the old leader does not hear of it; it fills a new disk, whose old one had voted
    /// for the new leader.
    private func oldLeader(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: an old leader" }
        let slow = 2 * plan.network.delay.upperBound + 3 * plan.syncTime.upperBound
        cut(others.map { ($0, leader) }, "\(leader + 1) does not hear", for: slow + random.milliseconds(0...300))
        act(.transfer(from: leader, to: others[0]))
        after(slow, .cutOff(host: others[0], length: random.milliseconds(500...4000)))
        after(slow + random.milliseconds(0...50), .loseDisk(host: others[1]))
        after(slow + random.milliseconds(300...1500), .crashLeader(down: random.milliseconds(500...3000)))
    }

    /// All timers run out at once, when the leader is gone.
    private func splitVotes(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: split votes" }
        let length = longestElection.inNanoseconds * 3 / 2
        for host in others { stop(host, for: length + random.milliseconds(0...5)) }
        crash(leader, restartsAfter: length + random.milliseconds(-100...500))
        if random.chance(1, in: 2) {
            after(length + random.milliseconds(1...60), .crashLeader(down: random.milliseconds(1...1000)))
        }
    }

    func act(_ act: Act) {
        guard !isCalm else { return }
        switch act {
        case .cutOff(let host, let length):
            let others = hosts.indices.filter { $0 != host }
            cut(others.flatMap { [(host, $0), ($0, host)] }, "\(host + 1) alone", for: length)
        case .cutOffLeader(let length):
            if let leader = leading.last { self.act(.cutOff(host: leader, length: length)) }
        case .part(let a, let b, let length): cut([(a, b), (b, a)], "\(a + 1) from \(b + 1)", for: length)
        case .loseDisk(let host): loseDisk(host, isFast: true)
        case .crashLeader(let down): if let leader = leading.last { crash(leader, restartsAfter: down) }
        case .stopLeader(let length): if let leader = leading.last { stop(leader, for: length) }
        case .stop(let host, let length): stop(host, for: length)
        case .stall(let host, let length): hosts[host].disk.stalledUntil = time + length
        case .restart(let host): crash(host, restartsAfter: random.milliseconds(1...50))
        case .forget(let host): crash(host, restartsAfter: random.milliseconds(1...50), forgetsAll: true)
        case .transfer(let host, let target): operate(host, .transfer(to: PeerID(target + 1)))
        }
    }
}
