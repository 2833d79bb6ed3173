// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// What goes wrong. A run alternates between bad times, in which one fault follows the other, and calm, in which all is
// healed and the group has to commit a block again within a bound.

extension World {
    /// How long a healed group may take: every lease that was ever granted, some elections, and syncs and hand-overs. Two
    /// of the elections may have to wait for a peer in maintenance.
    var recoveryBound: Duration {
        longestLease.stretched(byDrift: plan.maxClockDrift) + longestElection * (12 + 2 * RaftCore.timeoutsAside)
            + .seconds(3)
    }

    /// Bad times, until `calmDown`.
    func disturb() {
        isCalm = false
        phaseEnd = .max
        trace.add(time, nil) { "bad times begin" }
        scheduleFault(in: random.milliseconds(100...2000))
    }

    func calmDown() {
        isCalm = true
        healEverything()
    }

    func nextPhase() {
        // Several groups have their phases together.
        if plan.region != nil { return }
        if isCalm {
            if time > 0 { checkRecovery() }
            isCalm = false
            trace.add(time, nil) { "bad times begin" }
            scheduleFault(in: random.milliseconds(500...3000))
            endPhase(in: random.milliseconds(6000...14000))
        } else {
            isCalm = true
            healEverything()
            calmSince = time
            blocksAtCalm = report.blocksAnswered
            endPhase(in: recoveryBound.inNanoseconds)
        }
    }

    func endPhase(in length: Int64) {
        phaseToken += 1
        phaseEnd = time + length
        agenda.add(.phase(token: phaseToken), at: phaseEnd)
    }

    private func scheduleFault(in delay: Int64) {
        faultAt = time + delay
        agenda.add(.fault, at: faultAt)
    }

    /// The first block after the end of all faults.
    func recovered() {
        report.slowestRecovery = max(report.slowestRecovery, .nanoseconds(time - calmSince))
        endPhase(in: random.milliseconds(100...2000))
    }

    private func checkRecovery() {
        let blocks = report.blocksAnswered - blocksAtCalm
        checkers.check(
            blocks > 0, "recovery",
            "no block was committed within \(recoveryBound.inMilliseconds) ms after all faults were healed at"
                + " \(calmSince) ns")
        report.recoveries += 1
        checkers.keeps(disks: hosts.map(\.disk.image))
        for host in hosts.indices {
            if let state = hosts[host].replica?.state { checkers.agrees(host, state) }
        }
    }

    func healEverything() {
        trace.add(time, nil) { "everything is healed" }
        (ambushes, quietUntil, undisturbedUntil) = ([], 0, 0)
        for index in partitions.indices { heal(index) }
        for a in hosts.indices {
            hosts[a].disk.stalledUntil = time
            hosts[a].disk.setFull(false)
            hosts[a].disk.failSync(0)
            hosts[a].failuresToCome = 0
            hosts[a].diesAtCommit = nil
            if hosts[a].replica == nil { agenda.add(.start(host: a), at: time + random.milliseconds(0...300)) }
            resume(a)
            for b in hosts.indices where b != a {
                network[a, b].slowness = 0
                agenda.add(.connect(a, b), at: time + random.milliseconds(0...500))
            }
        }
    }

    func nextFault() {
        guard !isCalm, time == faultAt else { return }
        guard time >= undisturbedUntil else { return scheduleFault(in: undisturbedUntil - time) }
        let interval = plan.faultInterval.inNanoseconds
        scheduleFault(in: Int64.random(in: interval / 3...interval * 2, using: &random))
        // The leader suffers most.
        let any = Int.random(in: 0..<plan.peers, using: &random)
        let victim = leading.last.map { random.chance(1, in: 2) ? $0 : any } ?? any
        switch Int.random(in: 0..<30, using: &random) {
        case 0...3: crash(victim, restartsAfter: random.milliseconds(0...3000))
        case 4...6: stop(victim, for: random.milliseconds(10...random.pick([200, 1000, 4000])))
        case 7...12: partition(around: victim)
        case 13: slowDown(victim)
        case 14...15: stall(victim)
        case 16...17: loseDisk(victim)
        case 18: crashAll()
        case 19, 20: plot()
        case 21...23: stagePlot()
        case 24: fillDisk(victim)
        case 25: hosts[victim].disk.failSync(Int.random(in: 1...3, using: &random))
        case 26, 27: hosts[any].disk.makeCopy()
        case 28: putBack(any)
        default:
            let other = Int.random(in: 0..<plan.peers, using: &random)
            if other != victim { disconnect(victim, other, within: 0...50) }
        }
    }

    private func crashAll() {
        for host in hosts.indices where random.chance(3, in: 4) {
            crash(host, restartsAfter: random.milliseconds(0...1000))
        }
    }

    func stall(_ host: Int) {
        report.stalls += 1
        hosts[host].disk.stalledUntil = time + random.milliseconds(20...2000)
        trace.add(time, host) { "has a disk that stalls for \((hosts[host].disk.stalledUntil - time) / 1_000_000) ms" }
    }

    private func fillDisk(_ host: Int) {
        trace.add(time, host) { "has a full disk" }
        hosts[host].disk.setFull(true)
        agenda.add(.act(.makeRoom(host: host)), at: time + random.milliseconds(50...4000))
    }

    private func slowDown(_ host: Int) {
        let slowness = random.pick([0, random.milliseconds(5...400)])
        trace.add(time, host) { "has a network slower by \(slowness / 1_000_000) ms" }
        for other in hosts.indices where other != host {
            if random.chance(2, in: 3) { network[host, other].slowness = slowness }
            if random.chance(2, in: 3) { network[other, host].slowness = slowness }
        }
    }

    // MARK: - Partitions

    private func partition(around victim: Int) {
        var ways: [(from: Int, to: Int)] = []
        var name = ""
        let others = hosts.indices.filter { $0 != victim }
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1:
            name = "\(victim + 1) alone"
            for other in others { ways += [(victim, other), (other, victim)] }
        case 2:
            name = "\(victim + 1) is not heard"
            for other in others { ways.append((victim, other)) }
        case 3:
            name = "\(victim + 1) does not hear"
            for other in others { ways.append((other, victim)) }
        case 4:
            name = "everybody alone"
            for a in hosts.indices { for b in hosts.indices where a != b { ways.append((a, b)) } }
        case 5:
            let sides = hosts.indices.map { _ in random.chance(1, in: 2) }
            name = "\(sides.enumerated().filter(\.element).map { $0.offset + 1 }) from the others"
            for a in hosts.indices { for b in hosts.indices where sides[a] != sides[b] { ways.append((a, b)) } }
        default:
            name = "some ways"
            for a in hosts.indices {
                for b in hosts.indices where a != b && random.chance(1, in: 4) { ways.append((a, b)) }
            }
        }
        cut(ways, name, for: random.milliseconds(20...random.pick([300, 1500, 5000])))
    }

    func cut(_ ways: [(from: Int, to: Int)], _ name: String, for length: Int64) {
        report.partitions += 1
        trace.add(time, nil) { "partition \(partitions.count): \(name), for \(length / 1_000_000) ms" }
        for (from, to) in ways {
            network[from, to].cuts += 1
            // Somebody gives the connection up, some time.
            if random.chance(1, in: 3) { disconnect(from, to, within: 0...2000) }
        }
        agenda.add(.heal(partition: partitions.count), at: time + length)
        partitions.append(Partition(ways: ways, name: name))
    }

    func heal(_ index: Int) {
        guard let partition = partitions[index] else { return }
        partitions[index] = nil
        trace.add(time, nil) { "partition \(index) is healed: \(partition.name)" }
        for (from, to) in partition.ways {
            network[from, to].cuts -= 1
            guard network[from, to].cuts == 0 else { continue }
            flushHeldUp(from, to)
            agenda.add(.connect(from, to), at: time + random.milliseconds(5...300))
        }
    }

    // MARK: - Settings

    /// What a peer starts with this time.
    func settings(for host: Int) -> Settings {
        var lease = plan.leaseLength
        var heartbeat = plan.heartbeatInterval
        var election = plan.electionTimeout
        if plan.settingsDiffer {
            report.settingsChanged += 1
            heartbeat = heartbeat * Double.random(in: 0.5...1, using: &random)
            lease = lease * (hosts[host].shortLease ? 0.2 : Double.random(in: 0.2...2, using: &random))
            hosts[host].shortLease = false
            // A lease that ends before the answers come is never held. What is written is whole nanoseconds.
            let least = heartbeat * 1.5 + .nanoseconds(2 * plan.network.delay.upperBound)
            lease = .nanoseconds(max(lease, least).inNanoseconds)
            election = election * Double.random(in: 1...1.5, using: &random)
        }
        if hosts[host].longLease {
            hosts[host].longLease = false
            lease = plan.leaseLength * 2 + .nanoseconds(random.milliseconds(3000...5000))
        }
        longestLease = max(longestLease, lease)
        longestElection = max(longestElection, election * 2)
        return Settings(
            id: PeerID(host + 1), peers: (1...plan.peers).map { PeerID($0) }, quorum: plan.quorum, leaseLength: lease,
            maxClockDrift: plan.maxClockDrift, heartbeatInterval: heartbeat, electionTimeout: election..<election * 2,
            limits: plan.limits)
    }
}

extension Image {
    /// Whoever has this has no vote that counts: a new disk, or one that its group has not filled again yet.
    var hasNoSay: Bool { hardState.votesFrom == nil || (hardState.term == 0 && entries.isEmpty && baseIndex == 0) }
}
