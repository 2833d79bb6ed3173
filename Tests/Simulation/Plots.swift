// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// Faults that would seldom meet by chance, each plot aimed at one promise.

extension World {
    /// A plot in the midst of whatever else goes on.
    func plot() {
        guard let leader = newestLeader else { return }
        var others = hosts.indices.filter { $0 != leader }
        others.shuffle(using: &random)
        ambushes = []
        lastAct = time
        switch Int.random(in: 0..<24, using: &random) {
        case 0: lateQuorum(leader, others)
        case 1: lostPromise(leader, others)
        case 2...4: fewPromises(leader, others)
        case 5...7: longPromise(leader, others)
        case 8: lateHandOver(leader, others)
        case 9, 10: forgottenVote(leader, others)
        case 11: overwrittenLog(leader, others)
        case 12: oldLeader(leader, others)
        case 13: splitVotes(leader, others)
        case 14, 15: cutLog(leader, others)
        case 16, 17: olderTerm(leader, others)
        case 18, 19: failingDisk(others)
        case 20, 21: killedAndCut(others)
        default: oldCopy(leader, others)
        }
    }

    /// Most plots come to nothing when something else happens meanwhile: this one begins when all is well, and nothing is
    /// added to it.
    func stagePlot() {
        healEverything()
        undisturbedUntil = time + 500_000_000
        after(500_000_000, .plot(tries: 20))
    }

    private func plotWhenAllIsWell(_ tries: Int) {
        guard time <= undisturbedUntil else { return }
        let leader = newestLeader
        let mayProduce =
            leader.flatMap { hosts[$0].replica?.canProduce(at: hosts[$0].clock.reading(at: time)) } ?? false
        if mayProduce {
            plot()
            undisturbedUntil = lastAct + (longestElection * 2 + plan.leaseLength).inNanoseconds
        } else if tries > 0 {
            undisturbedUntil = time + 250_000_000
            after(250_000_000, .plot(tries: tries - 1))
        }
        if undisturbedUntil > phaseEnd { endPhase(in: undisturbedUntil - time) }
    }

    private func after(_ delay: Int64, _ act: Act) {
        agenda.add(.act(act), at: time + delay)
        lastAct = max(lastAct, time + delay)
    }

    func spring(_ ambush: Ambush, _ winner: Int) {
        switch ambush {
        case .cutOff(let length): act(.cutOff(host: winner, length: length))
        case .crashAtCommit(let down): hosts[winner].diesAtCommit = down
        case .stall(let length): act(.stall(host: winner, length: length))
        }
    }

    func dieAtCommit(_ host: Int) {
        guard let down = hosts[host].diesAtCommit, hosts[host].replica?.raft.role == .leader else { return }
        hosts[host].diesAtCommit = nil
        act(.cutOff(host: host, length: down))
        after(1_000_000, .crash(host: host, down: down))
    }

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
        let length = random.milliseconds(1000...4000)
        after(
            wait, random.chance(1, in: 2) ? .cutOff(host: leader, length: length) : .stop(host: leader, length: length))
        guard random.chance(1, in: 2) else { return }
        let startsShort = random.chance(1, in: 2)
        for host in supporters {
            if startsShort { hosts[host].shortLease = true }
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
        // Nothing is proposed, so that the target is told at once.
        quietUntil = time + late + 1_000_000_000
        act(.transfer(from: leader, to: target))
        after(random.milliseconds(0...10), .stop(host: target, length: late))
        let length = random.milliseconds(500...3000)
        let isAlone = random.chance(1, in: 2)
        after(
            late - 20_000_000, isAlone ? .cutOff(host: leader, length: length) : .part(leader, target, length: length))
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

    /// Some are behind, one of those that are not gets an old copy of its disk, and the leader goes: what only these two
    /// had must not be forgotten.
    private func oldCopy(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: an old copy" }
        let (victim, late) = (others[0], random.milliseconds(100...2000))
        hosts[victim].disk.makeCopy()
        for host in others.suffix(plan.peers - plan.quorum) {
            act(.cutOff(host: host, length: late + random.milliseconds(0...600)))
        }
        after(late, .putBack(host: victim))
        if random.chance(1, in: 2) {
            let slowness = random.milliseconds(20...150)
            network[leader, victim].slowness = slowness
            network[victim, leader].slowness = slowness
        }
        after(late + random.milliseconds(1...600), .cutOff(host: leader, length: random.milliseconds(1000...4000)))
    }

    /// What a leader wrote alone is replaced by less, it leads again, and its disk is slow then: what it writes now lies
    /// where it had written before.
    private func cutLog(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: a cut log" }
        let length = longestElection.inNanoseconds + random.milliseconds(0...800)
        act(.cutOff(host: leader, length: length))
        proposeChain(of: Int.random(in: 2...6, using: &random), at: leader)
        let handOver = length + random.milliseconds(400...900)
        quietUntil = time + handOver
        after(handOver, .transferToward(host: leader))
        ambushes = [nil, .stall(length: random.milliseconds(500...3000))]
    }

    /// Figure 8 of the Raft paper: what one leader wrote alone, a second one does not know of, who writes alone, too. The
    /// first one leads again, spreads some of what it had, and goes; the second one comes back.
    private func olderTerm(_ leader: Int, _ others: [Int]) {
        trace.add(time, leader) { "plot: entries of an older term" }
        let election = longestElection.inNanoseconds
        let length = election + random.milliseconds(0...300)
        act(.cutOff(host: leader, length: length))
        proposeChain(of: Int.random(in: 2...6, using: &random), at: leader)
        quietUntil = time + length + 2 * election
        ambushes = [
            .cutOff(length: length + 3 * election / 2), .crashAtCommit(down: random.milliseconds(2000...4000)),
        ]
        // The others' timers begin anew, so that the first leader's is ahead of theirs.
        for host in others { after(length + random.milliseconds(250...320), .restart(host: host)) }
        lastAct = time + length + 3 * election / 2
    }

    /// A follower's disk fails again and again, while nothing new is written: what remains of one write lies where the
    /// next one goes.
    private func failingDisk(_ others: [Int]) {
        trace.add(time, others[0]) { "plot: a failing disk" }
        hosts[others[0]].failuresToCome = Int.random(in: 2...6, using: &random)
        hosts[others[0]].disk.failSync(1)
        lastAct = time + 1_500_000_000
    }

    /// A process is killed in the midst of a write, starts again, and then the machine loses its power; several times.
    private func killedAndCut(_ others: [Int]) {
        trace.add(time, others[0]) { "plot: killed, then without power" }
        for round in 0..<Int64(4) {
            let start = round * 600_000_000
            after(start, .stall(host: others[0], length: 250_000_000))
            after(start + random.milliseconds(100...200), .kill(host: others[0]))
            after(start + random.milliseconds(300...500), .forget(host: others[0]))
        }
    }

    /// A leader holds a longer lease than any before, and stands still. Those who promised it that restart with
    /// shorter ones; or they are gone, or have lost their disks, when the second leader after it is elected by those who
    /// know of the wait alone.
    private func longPromise(_ leader: Int, _ others: [Int]) {
        let host = others[0]
        trace.add(time, host) { "plot: a long promise" }
        let supporters = [leader] + others[1..<plan.quorum - 1]
        let rest = others[(plan.quorum - 1)...]
        hosts[host].longLease = true
        act(.restart(host: host))
        let meeting = random.milliseconds(200...400)
        for other in rest { after(meeting, .part(host, other, length: 12_000_000_000)) }
        after(meeting, .transferToward(host: host))
        let granted = meeting + random.milliseconds(400...1000)
        // Cut off, it would give up its leadership long before its lease ends.
        after(granted, .stop(host: host, length: 10_000_000_000))
        // Those who know of the wait alone, and the one with a new disk, must be a quorum.
        guard supporters.count > 1, rest.count + 1 >= plan.quorum, random.chance(3, in: 4) else {
            for supporter in supporters {
                hosts[supporter].shortLease = true
                after(granted + random.milliseconds(0...200), .restart(host: supporter))
            }
            return
        }
        after(granted + random.milliseconds(0...20), .loseDisk(host: supporters[1]))
        let third = granted + longestElection.inNanoseconds * 3 / 2 + random.milliseconds(0...800)
        after(third, .crash(host: supporters[0], down: random.milliseconds(2000...4000)))
        for other in rest { after(third + random.milliseconds(0...20), .restart(host: other)) }
    }

    func act(_ act: Act) {
        guard !isCalm else { return }
        switch act {
        case .cutOff(let host, let length):
            let others = hosts.indices.filter { $0 != host }
            cut(others.flatMap { [(host, $0), ($0, host)] }, "\(host + 1) alone", for: length)
        case .cutOffLeader(let length):
            if let leader = newestLeader { self.act(.cutOff(host: leader, length: length)) }
        case .part(let a, let b, let length): cut([(a, b), (b, a)], "\(a + 1) from \(b + 1)", for: length)
        case .loseDisk(let host): loseDisk(host, isFast: true)
        case .crashLeader(let down): if let leader = newestLeader { crash(leader, restartsAfter: down) }
        case .stopLeader(let length): if let leader = newestLeader { stop(leader, for: length) }
        case .stop(let host, let length): stop(host, for: length)
        case .stall(let host, let length): hosts[host].disk.stalledUntil = time + length
        case .makeRoom(let host): hosts[host].disk.setFull(false)
        case .putBack(let host): putBack(host)
        case .restart(let host): crash(host, restartsAfter: random.milliseconds(1...50))
        case .forget(let host): crash(host, restartsAfter: random.milliseconds(1...50), .nothing)
        case .kill(let host): crash(host, restartsAfter: random.milliseconds(1...50), .cache)
        case .transfer(let host, let target): operate(host, .transfer(to: PeerID(target + 1)))
        case .transferToward(let host):
            if let leader = newestLeader, leader != host { operate(leader, .transfer(to: PeerID(host + 1))) }
        case .crash(let host, let down): crash(host, restartsAfter: down)
        case .plot(let tries): plotWhenAllIsWell(tries)
        }
    }
}
