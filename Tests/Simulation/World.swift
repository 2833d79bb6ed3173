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
    var agenda = Agenda<Happening>()
    var hosts: [Host] = []
    var network: Network
    let checkers: Checkers
    var trace: Trace
    /// Those that lead some term, in ascending order; more than one for moments only.
    var leading: [Int] = []

    // What Faults keeps.
    var partitions: [Partition?] = []
    var isCalm = true
    var phaseEnd: TrueTime = 0
    var faultAt: TrueTime = 0
    /// No fault but those of a plot comes before.
    var undisturbedUntil: TrueTime = 0
    /// When the last act of the latest plot comes.
    var lastAct: TrueTime = 0
    /// What awaits the winners of the next elections.
    var ambushes: [Ambush?] = []
    var phaseToken = 0
    var calmSince: TrueTime = 0
    var blocksAtCalm = 0
    var longestLease: Duration
    var longestElection: Duration

    // What Clients keeps.
    var tickets: Ticket = 0
    var slot: UInt32 = 1000
    /// No block is made before.
    var quietUntil: TrueTime = 0

    // For whoever runs it together with others.
    /// An entry was applied, for the first time by anybody.
    var onApplied: (Entry, Applied) -> Void = { _, _ in }
    var onChanged: (Ticket, ChangeAnswer) -> Void = { _, _ in }
    var onLeader: (Int) -> Void = { _ in }

    /// - Parameter isWritten: keep the trace's lines.
    public init(_ plan: Plan, isWritten: Bool = false, isPrinted: Bool = false) {
        self.plan = plan
        random = SplitMix64(seed: plan.seed)
        network = Network(hosts: plan.peers)
        checkers = Checkers(quorum: plan.quorum, producers: plan.producers)
        trace = Trace(isWritten: isWritten, isPrinted: isPrinted)
        longestLease = plan.leaseLength
        longestElection = plan.electionTimeout * 2
        for _ in 0..<plan.peers {
            let share = random.pick([0, 1, Double.random(in: 0...1, using: &random)])
            let clock = Clock(
                rate: 1 + plan.clockSpread * share, origin: Int64.random(in: 1...1_000_000_000_000, using: &random))
            hosts.append(Host(clock: clock, disk: Disk(seed: random.next())))
        }
    }

    public var traceHash: UInt64 { trace.hash }

    /// An earlier one may not know yet that it leads no more.
    var newestLeader: Int? { leading.max { hosts[$0].replica?.raft.term ?? 0 < hosts[$1].replica?.raft.term ?? 0 } }

    /// As far as this peer knows. Others never produce; that is checked elsewhere.
    func isOfActiveRegion(_ host: Int) -> Bool { hosts[host].replica?.state.region.activity == .active }

    /// Runs to the end of the plan, or to the first broken promise.
    public func run() -> Violation? {
        begin()
        let end = plan.duration.inNanoseconds
        while let next = agenda.earliest, next <= end, checkers.broken == nil { goOn() }
        report.runs = 1
        report.shapes = [Plan.Shape(peers: plan.peers, quorum: plan.quorum): 1]
        report.simulatedSeconds = Double(time) / 1e9
        return checkers.broken.map {
            Violation(seed: plan.seed, checker: $0.checker, facts: $0.facts, trace: trace.inOrder)
        }
    }

    func begin() {
        for host in hosts.indices { agenda.add(.start(host: host), at: random.milliseconds(0...300)) }
        agenda.add(.client, at: random.milliseconds(100...500))
        if plan.region == nil { agenda.add(.phase(token: 0), at: 0) }
    }

    /// The next thing happens.
    func goOn() {
        guard let (next, happening) = agenda.next() else { return }
        advance(to: next)
        happen(happening)
        report.events += 1
        check()
    }

    func advance(to next: TrueTime) {
        checkMoments(until: next)
        time = next
    }

    func check() { checkers.standsAlone(hosts, leading: leading, at: time, canProduceToo: true) }

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
        case .greeting(let from, let to, let connection, let words): greet(from, to, connection, words)
        case .disconnected(let host, let from, let connection): disconnected(host, from, connection)
        case .connect(let a, let b): connect(a, b)
        case .synced(let host, let disk, let writes): synced(host, disk, writes)
        case .retry(let host, let disk): retry(host, disk)
        case .read(let host, let life, let from, let through, let peer):
            guard hosts[host].life == life, hosts[host].replica != nil else { return }
            guard let entries = try? hosts[host].disk.entries(from: from, through: through) else {
                return checkers.check(false, "the store", "peer \(host + 1) cannot read entries \(from)...\(through)")
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
}
