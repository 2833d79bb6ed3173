// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Failover
import ProducerHA
import Raft

// Two groups in one simulated time, each a `World` with faults of its own; between them the beacon, above them operators
// with the engine that `prodha failover` runs. Read in this order: TwoRegions (the plan, the loop), RegionFaults, Beacons,
// Operators (switches), ByHand (what operators do without one), RegionRequests (what a daemon makes of a request),
// RegionCheckers (what must hold).

/// Everything that one run of two regions starts from.
public struct RegionsPlan: Sendable {
    public enum Kind: Sendable, CaseIterable {
        /// Operators switch as planned only: nothing is lost, and never are two regions active.
        case planned
        /// Some force a switch, pause regions, and change them by hand.
        case forced
        /// The files of both regions say that they start active.
        case bothActive
    }

    public var seed: UInt64
    public var kind: Kind
    public var duration: Duration = .seconds(60)
    var regions: [Plan]
    var returnGate: Duration
    /// One way, between regions, and to and from operators, in nanoseconds.
    var delay: Range<Int64>
    var lossPerMille: Int
    var doublesPerMille: Int
    /// So long after a block was committed the nodeos of the other region have it; nil: there are none.
    var nodeosLag: Int64?
    /// Between two faults outside of the groups.
    var faultInterval: Int64

    static let names = ["east", "west"]

    public init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed &* 0x9E6C_63D0_876A_68DE)
        kind = random.pick([.planned, .planned, .planned, .forced, .forced, .forced, .forced, .bothActive])
        returnGate = .seconds(random.pick([2, 4, 8]))
        delay = 100_000..<random.pick([2, 30, 120]) * 1_000_000
        lossPerMille = random.pick([0, 20, 150])
        doublesPerMille = random.pick([0, 50, 150])
        nodeosLag = random.chance(1, in: 2) ? random.milliseconds(5...900) : nil
        faultInterval = random.milliseconds(500...3000)
        let producers: ChainProducers = random.chance(1, in: 4) ? .several : .sole
        let blockInterval = Duration.milliseconds(random.pick([600, 800]))
        regions = []
        for (index, name) in Self.names.enumerated() {
            var plan = Plan(seed: random.next())
            plan.peers = random.pick([3, 3, 3, 3, 4, 5])
            plan.quorum = plan.peers / 2 + 1
            plan.leaseLength = min(plan.leaseLength, .milliseconds(2500))
            plan.producers = producers
            plan.blockInterval = blockInterval
            plan.faultInterval = .milliseconds(random.pick([700, 1500, 3000]))
            plan.snapshotDistance = random.pick([15, 50, 200])
            plan.region = Plan.Region(
                name: name, others: [Self.names[1 - index]], startsActive: index == 0 || kind == .bothActive,
                returnGate: returnGate, mark: UInt16(index + 1))
            regions.append(plan)
        }
    }
}

public final class TwoRegions {
    /// What is going to happen outside of the groups.
    enum Occurrence {
        // The beacon.
        case ask(region: Int, host: Int)
        case question(by: Asker)
        case report(RegionReport, to: Asker)
        case hearsay(RegionReport, to: Asker)
        // What goes wrong.
        case fault
        case heal(from: Int, to: Int)
        case crashLeader(region: Int)
        case calmDown
        // Operators.
        case operators
        case finish
        case look(command: Int, turn: Int)
        case isAsked(command: Int, turn: Int, Side)
        case says(command: Int, turn: Int, Side, Reading)
        case request(command: Int, turn: Int, SwitchRequest)
        case answer(command: Int, turn: Int, Reply)
        case timeout(command: Int, turn: Int)
        case byHand(ProducerHA.Change, region: Int)
    }

    public let plan: RegionsPlan
    public internal(set) var report = RegionsReport()
    let worlds: [World]
    let checkers: RegionCheckers
    var agenda = Agenda<Occurrence>()
    var time: TrueTime = 0
    var random: SplitMix64
    var trace: Trace

    // What RegionFaults keeps.
    /// How often the way between two places is cut: the regions, and `operators`.
    var cuts = Array(repeating: Array(repeating: 0, count: 3), count: 3)
    static let operators = 2
    var isCalm = true
    var calmSince: TrueTime = 0
    /// Since when regions hear each other.
    var linkedSince: TrueTime = 0

    // What Operators keeps.
    var commands: [Int: Command] = [:]
    var started = 0
    var tries = 0
    var mayGoThere = true
    /// Who waits for which answer of which region.
    var waiting: [[Ticket: (command: Int, turn: Int)]] = [[:], [:]]

    public init(_ plan: RegionsPlan, isWritten: Bool = false, isPrinted: Bool = false) {
        self.plan = plan
        random = SplitMix64(seed: plan.seed ^ 0x5DEE_CE66_D123_4567)
        trace = Trace(isWritten: isWritten, isPrinted: isPrinted)
        worlds = plan.regions.map { World($0, isWritten: isWritten, isPrinted: isPrinted) }
        checkers = RegionCheckers(plan)
        for (index, world) in worlds.enumerated() {
            world.trace.label = RegionsPlan.names[index] + " "
            world.onApplied = { [unowned self] entry, result in
                checkers.applied(index, entry, result, worlds: worlds, at: worlds[index].time)
            }
            world.onChanged = { [unowned self] ticket, answer in changed(index, ticket, answer) }
            world.onLeader = { [unowned self] host in checkers.leads(index, host, at: worlds[index].time) }
        }
    }

    public var traceHash: UInt64 {
        worlds.reduce(trace.hash) { ($0 ^ $1.traceHash) &* 0x0000_0100_0000_01b3 }
    }

    /// Runs to the end of the plan, or to the first broken promise.
    public func run() -> Violation? {
        for world in worlds { world.begin() }
        for region in worlds.indices {
            for host in worlds[region].hosts.indices {
                agenda.add(.ask(region: region, host: host), at: random.milliseconds(0...1000))
            }
        }
        agenda.add(.finish, at: 1_000_000_000)
        let end = plan.duration.inNanoseconds
        while let (next, region) = earliest(), next <= end, !isBroken {
            checkMoments(until: next)
            time = next
            if let region {
                worlds[region].goOn()
            } else if let (_, occurrence) = agenda.next() {
                happen(occurrence)
            }
            standAlone(at: time)
        }
        report.finish(worlds, checkers, time)
        return broken.map {
            Violation(seed: plan.seed, checker: $0.checker, facts: $0.facts, trace: lines, isOfRegions: true)
        }
    }

    /// When the next thing happens, and in which region; nil: between them.
    private func earliest() -> (TrueTime, region: Int?)? {
        var first: (TrueTime, region: Int?)? = agenda.earliest.map { ($0, nil) }
        for region in worlds.indices {
            if let time = worlds[region].agenda.earliest, time < first?.0 ?? .max { first = (time, region) }
        }
        return first
    }

    private var isBroken: Bool {
        checkers.broken != nil || worlds[0].checkers.broken != nil || worlds[1].checkers.broken != nil
    }

    private var broken: (checker: String, facts: String)? {
        if let broken = checkers.broken { return broken }
        for (index, world) in worlds.enumerated() {
            if let broken = world.checkers.broken {
                return (broken.checker, "in region \(RegionsPlan.names[index]): \(broken.facts)")
            }
        }
        return nil
    }

    /// The lines of all traces, by time.
    private var lines: [String] {
        let all = ([trace] + worlds.map(\.trace)).flatMap(\.inOrder)
        func time(_ line: String) -> Double { Double(line.prefix { $0 != " " }) ?? 0 }
        return all.enumerated().sorted { (time($0.element), $0.offset) < (time($1.element), $1.offset) }
            .map(\.element)
    }

    private func happen(_ occurrence: Occurrence) {
        switch occurrence {
        case .ask(let region, let host): ask(region, host)
        case .question(let asker): question(asker)
        case .report(let report, let asker): hear(report, asker)
        case .hearsay(let report, let asker): hear(report.asHearsay, asker)
        case .fault: nextFault()
        case .heal(let from, let to): heal(from, to)
        case .crashLeader(let region): crashLeader(region)
        case .calmDown: calmDown()
        case .operators: nextOperator()
        case .finish: finish()
        case .look(let command, let turn): if commands[command]?.turn == turn { look(command) }
        case .isAsked(let command, let turn, let side): isAsked(command, turn, side)
        case .says(let command, let turn, let side, let reading): says(command, turn, side, reading)
        case .request(let command, let turn, let request): receive(request, command, turn)
        case .answer(let command, let turn, let reply): answer(command, turn, reply)
        case .timeout(let command, let turn): timeout(command, turn)
        case .byHand(let change, let region): receive(byHand: change, region)
        }
    }

    /// Before anything is done to a region from outside.
    @discardableResult func enter(_ region: Int) -> World {
        worlds[region].advance(to: time)
        return worlds[region]
    }

    /// What is sent from one place to another is lost, late, doubled, or arrives.
    func carry(_ occurrence: Occurrence, from: Int, to: Int) {
        guard cuts[from][to] == 0 else { return }
        if !isCalm, random.chance(plan.lossPerMille, in: 1000) { return }
        agenda.add(occurrence, at: time + Int64.random(in: plan.delay, using: &random))
        if !isCalm, random.chance(plan.doublesPerMille, in: 1000) {
            agenda.add(occurrence, at: time + random.milliseconds(0...800))
        }
    }

    // MARK: - What must hold at every moment

    /// Between two events nothing changes but the time: both produce from the last event on, or from the end of a wait.
    private func checkMoments(until next: TrueTime) {
        guard next > time else { return }
        for world in worlds {
            for index in world.leading where world.isOfActiveRegion(index) {
                let now = world.hosts[index].clock.reading(at: time)
                guard case .waiting(let rest)? = world.hosts[index].replica?.raft.lease(at: now) else { continue }
                let begins = world.hosts[index].clock.time(of: now + rest)
                if begins < next { standAlone(at: begins) }
            }
        }
    }

    private func standAlone(at moment: TrueTime) {
        let isActive = worlds.map { world in world.leading.contains { world.isOfActiveRegion($0) } }
        guard isActive[0] && isActive[1] || mayBeNew(isActive) else { return }
        let east = producer(0, at: moment)
        let west = producer(1, at: moment)
        guard east != nil || west != nil else { return }
        if let east { checkers.produces(0, east, worlds[0], at: moment) }
        if let west { checkers.produces(1, west, worlds[1], at: moment) }
        if let east { checkers.showsIndex(0, east, worlds[0]) }
        if let west { checkers.showsIndex(1, west, worlds[1]) }
        // An earlier leader may hold its lease still when a new one has already made the region standby.
        let areActive = worlds.allSatisfy { $0.checkers.region.activity == .active }
        guard east != nil && west != nil || areActive else { return }
        checkers.standAlone([east, west], worlds, contact: contact([east, west]), at: moment)
    }

    /// Of one active region, only the first moment of a leader matters, and that after a change.
    private func mayBeNew(_ isActive: [Bool]) -> Bool {
        guard let region = isActive.firstIndex(of: true) else { return false }
        let world = worlds[region]
        return world.leading.contains { host in
            guard let replica = world.hosts[host].replica else { return false }
            return world.isOfActiveRegion(host)
                && !(checkers.hasProduced(region, host, replica.raft.term)
                    && checkers.hasShownIndex(region, host, replica))
        }
    }

    private func producer(_ region: Int, at moment: TrueTime) -> Int? {
        let world = worlds[region]
        return world.leading.first { host in
            world.isOfActiveRegion(host)
                && world.hosts[host].replica?.canProduce(at: world.hosts[host].clock.reading(at: moment)) ?? false
        }
    }

    /// Since when those that produce, or lead, can hear each other; nil: they cannot.
    private func contact(_ producing: [Int?]) -> TrueTime? {
        guard isCalm || plan.lossPerMille == 0, cuts[0][1] == 0, cuts[1][0] == 0 else { return nil }
        var since = max(linkedSince, plan.lossPerMille == 0 ? 0 : calmSince)
        for (index, world) in worlds.enumerated() {
            guard let host = producing[index] ?? world.leading.last else { return nil }
            if world.hosts[host].isStopped { return nil }
            since = max(since, world.hosts[host].upSince)
        }
        return since
    }
}

/// What many runs of two regions went through.
public struct RegionsReport: Sendable {
    public var runs = 0
    public var simulatedSeconds = 0.0
    public var events = 0
    public var counts: [String: Int] = [:]

    public init() {}

    mutating func count(_ what: String, _ times: Int = 1) { counts[what, default: 0] += times }

    mutating func finish(_ worlds: [World], _ checkers: RegionCheckers, _ time: TrueTime) {
        runs = 1
        simulatedSeconds = Double(time) / 1e9
        events = worlds.reduce(0) { $0 + $1.report.events }
        for world in worlds {
            count("blocks", world.report.blocksAnswered)
            count("elections", world.report.elections)
            count("crashes", world.report.crashes)
        }
        for (what, times) in checkers.counts { count(what, times) }
    }

    public static func + (a: RegionsReport, b: RegionsReport) -> RegionsReport {
        var sum = a
        sum.runs += b.runs
        sum.simulatedSeconds += b.simulatedSeconds
        sum.events += b.events
        sum.counts.merge(b.counts, uniquingKeysWith: +)
        return sum
    }

    /// What must happen in a run, on average, for many runs to prove anything.
    private static let minima: [(String, perRun: Double)] = [
        ("blocks", 20), ("elections", 5), ("crashes", 3), ("commands", 5), ("commands killed", 0.5),
        ("done", 1), ("rolledBack", 0.3), ("refused", 0.1), ("activations", 2), ("fences", 0.1),
        ("forced activations", 0.2), ("settled", 2), ("regions killed", 0.3), ("gates passed", 3),
        ("words", 0.5), ("gates passed by a word", 0.02), ("rebases", 0.5), ("far bases", 0.1),
    ]

    /// What happened less often than it must; empty when all is well.
    public func shortfalls() -> [String] {
        Self.minima.compactMap { name, perRun in
            let (count, needed) = (counts[name] ?? 0, Int(perRun * Double(runs)))
            return count < needed ? "\(count) \(name), \(needed) are needed" : nil
        }
    }
}

extension RegionsReport: CustomStringConvertible {
    public var description: String {
        "\(runs) runs of two regions, \(Int(simulatedSeconds)) simulated seconds, \(events) events\n"
            + counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}
