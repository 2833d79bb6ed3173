// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// One run: hosts, network, what is to happen, and the loop.
public final class World {
    public let plan: Plan
    public internal(set) var report = Report()
    var time: TrueTime = 0
    var random: SplitMix64
    var agenda = Agenda()
    var hosts: [Host] = []
    var network: Network
    let checkers: Checkers
    var trace: Trace
    /// Those that lead some term, in ascending order; more than one for moments only.
    var leading: [Int] = []

    // What Faults keeps.
    var partitions: [Partition?] = []
    var isCalm = true
    var phaseToken = 0
    var calmSince: TrueTime = 0
    var blocksAtCalm = 0
    var longestLease: Duration
    var longestElection: Duration

    // What Clients keeps.
    var tickets: Ticket = 0
    var slot: UInt32 = 1000

    /// - Parameter isWritten: keep the trace's lines.
    public init(_ plan: Plan, isWritten: Bool = false, isPrinted: Bool = false) {
        self.plan = plan
        random = SplitMix64(seed: plan.seed)
        network = Network(hosts: plan.peers)
        checkers = Checkers(quorum: plan.quorum)
        trace = Trace(isWritten: isWritten, isPrinted: isPrinted)
        longestLease = plan.leaseLength
        longestElection = plan.electionTimeout * 2
        for _ in 0..<plan.peers {
            let share = random.pick([0, 1, Double.random(in: 0...1, using: &random)])
            let clock = Clock(
                rate: 1 + plan.clockSpread * share, origin: Int64.random(in: 1...1_000_000_000_000, using: &random))
            hosts.append(Host(clock: clock))
        }
    }

    public var traceHash: UInt64 { trace.hash }

    /// Runs to the end of the plan, or to the first broken promise.
    public func run() -> Violation? {
        for host in hosts.indices { agenda.add(.start(host: host), at: random.milliseconds(0...300)) }
        agenda.add(.client, at: random.milliseconds(100...500))
        agenda.add(.phase(token: 0), at: 0)
        let end = plan.duration.inNanoseconds
        while let (next, happening) = agenda.next(), next <= end {
            checkMoments(until: next)
            time = next
            happen(happening)
            report.events += 1
            checkers.standsAlone(hosts, leading: leading, at: time, canProduceToo: true)
            if checkers.broken != nil { break }
        }
        report.runs = 1
        report.simulatedSeconds = Double(time) / 1e9
        return checkers.broken.map {
            Violation(seed: plan.seed, checker: $0.checker, facts: $0.facts, trace: trace.inOrder)
        }
    }

    /// Between two events nothing changes but the time: where two leases overlap, they do so when one of them begins,
    /// at the last event or when a wait is over; or at the next event.
    private func checkMoments(until next: TrueTime) {
        guard !leading.isEmpty, next > time else { return }
        if leading.count > 1 {
            for index in leading {
                guard let replica = hosts[index].replica else { continue }
                let now = hosts[index].clock.reading(at: time)
                if case .waiting(let rest) = replica.raft.lease(at: now) {
                    let begins = hosts[index].clock.time(of: now + rest)
                    if begins < next {
                        checkers.standsAlone(hosts, leading: leading, at: begins, canProduceToo: true)
                    }
                }
            }
        }
        checkers.standsAlone(hosts, leading: leading, at: next, canProduceToo: true)
    }

    private func happen(_ happening: Happening) {
        switch happening {
        case .wake(let host, let token): wake(host, token)
        case .reach(let host, let life, let event):
            if hosts[host].life == life { reach(host, event) }
        case .arrive(let from, let to, let connection, let message):
            if network[from, to].established == connection {
                trace.add(time, to) { "gets \(message.short) from \(from + 1)" }
                reach(to, .received(message, from: PeerID(from + 1)))
            }
        case .greeting(let from, let to, let connection, let fresh, let hasGroup):
            greet(from, to, connection, fresh, hasGroup)
        case .disconnected(let host, let from, let connection): disconnected(host, from, connection)
        case .connect(let a, let b): connect(a, b)
        case .synced(let host, let disk, let writes): synced(host, disk, writes)
        case .read(let host, let life, let from, let through, let peer):
            guard hosts[host].life == life, hosts[host].replica != nil else { return }
            let image = hosts[host].disk.image
            var entries: [Entry] = []
            var index = from
            while index <= through, let entry = image.entry(at: index) {
                entries.append(entry)
                index += 1
            }
            reach(host, .loaded(entries, from: from, for: peer))
        case .start(let host): start(host)
        case .resume(let host, let token):
            if hosts[host].stopToken == token { resume(host) }
        case .kill(let host, let life):
            if hosts[host].life == life, hosts[host].replica != nil { crash(host, restartsAfter: nil) }
        case .fault: nextFault()
        case .act(let act): self.act(act)
        case .heal(let partition): heal(partition)
        case .client: nextClient()
        case .phase(let token): if phaseToken == token { nextPhase() }
        }
    }

    // MARK: - Processes

    func start(_ host: Int) {
        guard hosts[host].replica == nil else { return }
        let settings = settings(for: host)
        var group: [UInt8] = []
        for _ in 0..<16 { group.append(UInt8.random(in: 0...255, using: &random)) }
        guard let id = GroupID(bytes: group) else { return }
        var options = Replica.Options(newGroupID: id)
        options.startsActive = true
        options.snapshotDistance = plan.snapshotDistance
        hosts[host].life += 1
        hosts[host].isStopped = false
        hosts[host].inbox = []
        let now = hosts[host].clock.reading(at: time)
        let replica = Host.replica(
            from: hosts[host].disk.image, settings: settings, options: options, seed: random.next(), at: now)
        checkers.agrees(host, replica.state)
        trace.add(time, host) {
            "starts: term \(replica.raft.term), log \(replica.raft.baseIndex)...\(replica.raft.lastIndex), applied"
                + " \(replica.state.index), lease \(settings.leaseLength.inMilliseconds) ms"
        }
        hosts[host].replica = replica
        hosts[host].wakeAt = .max
        scheduleWake(host)
        for other in hosts.indices where other != host {
            agenda.add(.connect(host, other), at: time + random.milliseconds(1...100))
        }
    }

    func crash(_ host: Int, restartsAfter: Int64?, forgetsAll: Bool = false) {
        guard hosts[host].replica != nil else { return }
        report.crashes += 1
        let kept = forgetsAll ? 0 : Int.random(in: 0...hosts[host].disk.waiting.count, using: &random)
        trace.add(time, host) { "crashes; \(kept) of \(hosts[host].disk.waiting.count) waiting writes survive" }
        hosts[host].disk.crash(keeping: kept)
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

    private func reach(_ host: Int, _ event: Event) {
        guard hosts[host].replica != nil else { return }
        if hosts[host].isStopped { hosts[host].inbox.append(event) } else { step(host, event) }
    }

    private func wake(_ host: Int, _ token: Int) {
        guard hosts[host].wakeToken == token, !hosts[host].isStopped, let wake = hosts[host].replica?.raft.nextWake
        else { return }
        hosts[host].wakeAt = .max
        if wake <= hosts[host].clock.reading(at: time) { step(host, .tick) } else { scheduleWake(host) }
    }

    private func scheduleWake(_ host: Int) {
        guard let wake = hosts[host].replica?.raft.nextWake else { return }
        let due = max(time, hosts[host].clock.time(of: wake))
        guard due < hosts[host].wakeAt else { return }
        let late: Int64 = random.chance(1, in: 100) ? random.milliseconds(0...60) : Int64(random.next() % 300_000)
        hosts[host].wakeAt = due
        hosts[host].wakeToken += 1
        agenda.add(.wake(host: host, token: hosts[host].wakeToken), at: due + late)
    }

    private func step(_ host: Int, _ event: Event) {
        let now = hosts[host].clock.reading(at: time)
        guard let actions = hosts[host].replica?.step(event, at: now) else { return }
        perform(actions, host)
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
            case .applied(let entry, let result):
                trace.add(time, host) { "applies \(entry.short)\(result == .accepted ? "" : ": \(result)")" }
                let known = checkers.applied.count
                checkers.applies(host, entry, result, in: hosts[host].replica?.raft.term ?? 0)
                if checkers.applied.count > known {
                    report.commits += 1
                    if entry.kind == .region { report.regionChanges += 1 }
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

    private func noted(_ note: Note, _ host: Int) {
        switch note {
        case .becameLeader(let term):
            report.elections += 1
            trace.add(time, host) { "leads term \(term)" }
            if let raft = hosts[host].replica?.raft { checkers.becameLeader(host, raft, term: term) }
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
        }
    }

    // MARK: - Disks

    private func submit(_ write: Write, _ host: Int) {
        hosts[host].disk.submit(write)
        beginSync(host)
    }

    private func beginSync(_ host: Int) {
        guard let writes = hosts[host].disk.beginSync() else { return }
        let time = Int64.random(in: plan.syncTime, using: &random)
        let ends = max(self.time, hosts[host].disk.stalledUntil) + time
        agenda.add(.synced(host: host, disk: hosts[host].disk.number, writes: writes), at: ends)
    }

    private func synced(_ host: Int, _ disk: Int, _ writes: Int) {
        guard hosts[host].disk.number == disk else { return }
        let latest = hosts[host].disk.endSync(of: writes)
        beginSync(host)
        if let latest { reach(host, .persisted(through: latest)) }
    }

    // MARK: - The network

    private func send(_ message: Message, from: Int, to: Int) {
        // A process writes to the connection that it knows.
        guard let connection = network[to, from].established else { return }
        if network[from, to].cuts > 0 {
            if plan.network.kind == .streams, network[from, to].heldUp.count < 5000 {
                network[from, to].heldUp.append((connection, message))
            }
            return
        }
        carry(message, connection, from: from, to: to)
    }

    private func carry(_ message: Message, _ connection: Int, from: Int, to: Int) {
        let delay = Int64.random(in: plan.network.delay, using: &random) + network[from, to].slowness
        switch plan.network.kind {
        case .streams:
            let arrival = max(time + delay, network[from, to].lastArrival + 1)
            network[from, to].lastArrival = arrival
            agenda.add(.arrive(from: from, to: to, connection: connection, message), at: arrival)
        case .datagrams:
            if !isCalm, random.chance(plan.network.lossPerMille, in: 1000) { return }
            agenda.add(.arrive(from: from, to: to, connection: connection, message), at: time + delay)
            if random.chance(plan.network.doublesPerMille, in: 1000) {
                let again = time + delay + random.milliseconds(0...200)
                agenda.add(.arrive(from: from, to: to, connection: connection, message), at: again)
            }
        }
    }

    /// Two processes meet: each says what it is at this moment, and hears the other some time later.
    private func connect(_ a: Int, _ b: Int) {
        guard let one = hosts[a].replica, let other = hosts[b].replica, !hosts[a].isStopped, !hosts[b].isStopped,
            !network.isCut(a, b)
        else { return }
        if let there = network[a, b].established, there == network[b, a].established { return }
        let connection = network.newConnection()
        for (from, to, replica) in [(a, b, one), (b, a, other)] {
            let delay = Int64.random(in: plan.network.delay, using: &random)
            let arrival = max(time + delay, network[from, to].lastArrival + 1)
            network[from, to].lastArrival = arrival
            agenda.add(
                .greeting(
                    from: from, to: to, connection: connection, fresh: replica.raft.isFresh,
                    hasGroup: replica.state.groupID != nil), at: arrival)
        }
    }

    private func greet(_ from: Int, _ to: Int, _ connection: Int, _ fresh: Bool, _ hasGroup: Bool) {
        guard hosts[to].replica != nil, (network[from, to].established ?? 0) < connection else { return }
        if network[from, to].established != nil { reach(to, .linkDown(PeerID(from + 1))) }
        trace.add(time, to) {
            "has a link to \(from + 1)\(fresh ? ", fresh" : "")\(hasGroup ? "" : ", without a group")"
        }
        network[from, to].established = connection
        reach(to, .linkUp(PeerID(from + 1), fresh: fresh, hasGroup: hasGroup))
    }

    private func disconnected(_ host: Int, _ from: Int, _ connection: Int) {
        guard network[from, host].established == connection else { return }
        trace.add(time, host) { "has no link to \(from + 1) any more" }
        network[from, host].established = nil
        network[host, from].heldUp = []
        reach(host, .linkDown(PeerID(from + 1)))
        agenda.add(.connect(host, from), at: time + random.milliseconds(10...300))
    }

    /// Cuts a connection; each side notices in its own time.
    func disconnect(_ a: Int, _ b: Int, within: ClosedRange<Int64>) {
        for (from, to) in [(a, b), (b, a)] {
            if let connection = network[from, to].established {
                agenda.add(
                    .disconnected(host: to, from: from, connection: connection), at: time + random.milliseconds(within))
            }
        }
    }

    func flushHeldUp(_ from: Int, _ to: Int) {
        let heldUp = network[from, to].heldUp
        network[from, to].heldUp = []
        for (connection, message) in heldUp { carry(message, connection, from: from, to: to) }
    }
}
