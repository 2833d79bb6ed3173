// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft
import SimulatedDisk
import Storage

// Processes: how they start, die, stand still and take their steps, and what they want done.

extension World {
    func start(_ host: Int) {
        guard hosts[host].replica == nil else { return }
        let settings = settings(for: host)
        var group: [UInt8] = []
        for _ in 0..<16 { group.append(UInt8.random(in: 0...255, using: &random)) }
        guard let id = GroupID(bytes: group) else { return }
        var options = Replica.Options(newGroupID: id)
        options.startsActive = plan.region?.startsActive ?? true
        options.otherRegions = plan.region?.others ?? []
        options.returnGate = plan.region?.returnGate
        options.snapshotDistance = plan.snapshotDistance
        options.producers = plan.producers
        hosts[host].life += 1
        hosts[host].isStopped = false
        hosts[host].inbox = []
        let now = hosts[host].clock.reading(at: time)
        let replica: Replica
        do {
            replica = try hosts[host].disk.open(settings, options, seed: random.next(), at: now)
        } catch let error as StoreError where error.isOfTheDisk {
            trace.add(time, host) { "cannot start: \(error)" }
            report.failedSyncs += 1
            hosts[host].disk.crash(.cache, afterOperations: nil)
            return agenda.add(.start(host: host), at: time + random.milliseconds(10...1000))
        } catch {
            return checkers.check(false, "the store", "peer \(host + 1) cannot start: \(error)")
        }
        checkers.agrees(host, replica.state)
        trace.add(time, host) {
            "starts: term \(replica.raft.term), log \(replica.raft.baseIndex)...\(replica.raft.lastIndex), applied"
                + " \(replica.state.index), lease \(settings.leaseLength.inMilliseconds) ms"
        }
        hosts[host].replica = replica
        hosts[host].upSince = time
        setWallClock(host)
        hosts[host].wakeAt = .max
        scheduleWake(host)
        for other in hosts.indices where other != host {
            agenda.add(.connect(host, other), at: time + random.milliseconds(1...100))
        }
    }

    /// - Parameter survival: of what is not synced; nil for any.
    func crash(_ host: Int, restartsAfter: Int64?, _ survival: SimulatedDisk.Survival? = nil) {
        guard hosts[host].replica != nil else { return }
        report.crashes += 1
        defer { nobodyKnowsBetter(than: host) }
        let survival = survival ?? random.pick(SimulatedDisk.Survival.allCases)
        let operations = random.chance(1, in: 3) ? nil : Int.random(in: 0...12, using: &random)
        trace.add(time, host) {
            "crashes; of what is not synced survives \(survival); \(hosts[host].disk.waiting.count) writes waited"
        }
        hosts[host].disk.crash(survival, afterOperations: operations)
        hosts[host].replica = nil
        hosts[host].life += 1
        hosts[host].isStopped = false
        hosts[host].stopToken += 1
        hosts[host].inbox = []
        leading.removeAll { $0 == host }
        // The others notice at once, or, if the machine lost its power, after a while.
        let notice: ClosedRange<Int64> = random.chance(1, in: 2) ? 0...5 : 100...2000
        for other in hosts.indices where other != host {
            network[other, host].established = nil
            network[other, host].heldUp = []
            if let connection = network[host, other].established {
                agenda.add(
                    .disconnected(host: other, from: host, connection: connection),
                    at: time + random.milliseconds(notice))
            }
        }
        if random.chance(1, in: 4) {
            hosts[host].clock.origin = Int64.random(in: 1...1_000_000_000_000, using: &random)
        }
        if let restartsAfter { agenda.add(.start(host: host), at: time + restartsAfter) }
    }

    func stop(_ host: Int, for length: Int64) {
        guard hosts[host].replica != nil, !hosts[host].isStopped else { return }
        report.pauses += 1
        trace.add(time, host) { "is stopped for \(length / 1_000_000) ms" }
        hosts[host].isStopped = true
        hosts[host].stopToken += 1
        agenda.add(.resume(host: host, token: hosts[host].stopToken), at: time + length)
    }

    func resume(_ host: Int) {
        guard hosts[host].isStopped else { return }
        trace.add(time, host) { "goes on, \(hosts[host].inbox.count) events wait" }
        hosts[host].isStopped = false
        hosts[host].upSince = time
        hosts[host].stopToken += 1
        let inbox = hosts[host].inbox
        hosts[host].inbox = []
        // Timers and what came in meanwhile: a process may see either first.
        if random.chance(1, in: 2) { step(host, .tick) }
        for event in inbox { step(host, event) }
        hosts[host].wakeAt = .max
        scheduleWake(host)
        for other in hosts.indices where other != host { agenda.add(.connect(host, other), at: time + 1_000_000) }
    }

    func reach(_ host: Int, _ event: Event) {
        guard hosts[host].replica != nil else { return }
        if hosts[host].isStopped { hosts[host].inbox.append(event) } else { step(host, event) }
    }

    func wake(_ host: Int, _ token: Int) {
        guard hosts[host].wakeToken == token, !hosts[host].isStopped, let wake = hosts[host].replica?.nextWake
        else { return }
        hosts[host].wakeAt = .max
        if wake <= hosts[host].clock.reading(at: time) { step(host, .tick) } else { scheduleWake(host) }
    }

    func scheduleWake(_ host: Int) {
        guard let wake = hosts[host].replica?.nextWake else { return }
        let due = max(time, hosts[host].clock.time(of: wake))
        guard due < hosts[host].wakeAt else { return }
        let late: Int64 = random.chance(1, in: 100) ? random.milliseconds(0...60) : Int64(random.next() % 300_000)
        hosts[host].wakeAt = due
        hosts[host].wakeToken += 1
        agenda.add(.wake(host: host, token: hosts[host].wakeToken), at: due + late)
    }

    func step(_ host: Int, _ event: Event) {
        let now = hosts[host].clock.reading(at: time)
        guard let actions = hosts[host].replica?.step(event, at: now) else { return }
        perform(actions, host)
        if case .linkUp(let peer, _, _, _) = event, peer.value == (hosts[host].witness?.host).map({ $0 + 1 }) {
            hasMetWitness(host)
        }
    }

    // MARK: - What a replica wants done

    func perform(_ actions: [Action], _ host: Int) {
        trace.mix(UInt64(actions.count))
        for action in actions {
            switch action {
            case .persist(let write):
                if let first = write.entries.first {
                    let before = write.snapshot?.term ?? hosts[host].replica?.raft.termOfEntry(at: first.index - 1)
                    checkers.writes(host, write, previousTerm: before)
                }
                trace.add(time, host) { "writes \(write.short)" }
                submit(.persist(write), host)
            case .send(let message, let peer): send(message, from: host, to: peer.value - 1)
            case .load(let from, let through, let peer):
                agenda.add(
                    .read(host: host, life: hosts[host].life, from: from, through: through, for: peer),
                    at: time + random.milliseconds(0...5))
            case .keep(let snapshot, let dropThrough, let droppedTerm):
                report.snapshotsKept += 1
                trace.add(time, host) { "keeps a snapshot at \(snapshot.index), drops through \(dropThrough)" }
                submit(.keep(snapshot, dropThrough: dropThrough, droppedTerm: droppedTerm), host)
            case .answer(let ticket, let answer): answered(ticket, answer, host)
            case .changed(let ticket, let answer): changed(ticket, answer, host)
            case .applied(let entry, let result, _):
                trace.add(time, host) { "applies \(entry.short)\(result == .accepted ? "" : ": \(result)")" }
                dieAtCommit(host)
                let known = checkers.applied.count
                checkers.applies(host, entry, result, in: hosts[host].replica?.raft.term ?? 0)
                if checkers.applied.count > known {
                    report.commits += 1
                    if entry.kind == .region { report.regionChanges += 1 }
                    onApplied(entry, result)
                }
            case .restored:
                report.snapshotsInstalled += 1
                guard let state = hosts[host].replica?.state else { continue }
                trace.add(time, host) { "installs a snapshot at \(state.index)" }
                checkers.restores(host, state)
            case .note(let note): noted(note, host)
            }
        }
        if let replica = hosts[host].replica {
            let leads = replica.raft.role == .leader
            if leads != leading.contains(host) {
                leading.removeAll { $0 == host }
                if leads { leading = (leading + [host]).sorted() }
            }
        }
        scheduleWake(host)
    }

    func noted(_ note: Note, _ host: Int) {
        switch note {
        case .becameLeader(let term):
            report.elections += 1
            onLeader(host)
            trace.add(time, host) { "leads term \(term)" }
            if let raft = hosts[host].replica?.raft { checkers.becameLeader(host, raft, term: term) }
            if !ambushes.isEmpty, let ambush = ambushes.removeFirst() { spring(ambush, host) }
        case .lostLeadership(let term, let reason): trace.add(time, host) { "leads term \(term) no more: \(reason)" }
        case .leaderChanged(let peer, let term):
            trace.add(time, host) { "term \(term), leader \(peer?.description ?? "unknown")" }
        case .leaseAcquired(let term):
            report.leases += 1
            trace.add(time, host) { "holds the lease of term \(term)" }
        case .transferEnded(let peer, let outcome):
            if case .leaderIs(let leader) = outcome, leader == peer {
                report.transfersDone += 1
            } else {
                report.transfersFailed += 1
            }
            trace.add(time, host) { "transfer to \(peer) ended: \(outcome)" }
        case .voteGained(let term):
            if term > 0 { report.votesRegained += 1 }
            trace.add(time, host) { "has a vote from term \(term) on" }
        case .writesLost(let has, let remembered, let peer):
            report.lossesNoticed += 1
            trace.add(time, host) { "hears from \(peer) that it had \(remembered) writes, and has \(has)" }
        }
    }
}
