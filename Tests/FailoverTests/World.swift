// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Failover

/// Two regions, what is on its way to them, and what must hold after everything that reaches them.
struct World {
    var east = ModelRegion(
        name: "east", epoch: 5, standing: .active, activatedEpoch: 4, head: Block(number: 100, id: "100", timeMS: 0))
    var west = ModelRegion(
        name: "west", epoch: 3, standing: .standby, activatedEpoch: 1, head: Block(number: 40, id: "40"))
    var rules = Rules.all
    var now: Int64 = 0
    /// The regions' nodeos have the other one's blocks so long after it made them.
    var lagMS: Int64 = 30
    var allowsTwoActive = false
    /// Regions may be read as they stood long before they were asked. No such reading may do harm, but then an engine
    /// cannot know whether the logs have been told.
    var hasOldReadings = false
    private(set) var broken: String?
    private var trace: [(at: Int64, Event)] = []
    /// As they were, the oldest first.
    private(set) var past: [(east: ModelRegion, west: ModelRegion)] = []
    private var headSince: Int64 = 0
    /// Switches of which nothing may change anything any more.
    private var settled: Set<String> = []
    private var ends: [String: Outcome] = [:]

    enum Event {
        case came(SwitchRequest, by: String, ModelRegion.Answer, ModelRegion)
        case ended(String, Ending)
        case did(String)
    }

    mutating func note(_ event: Event) { trace.append((now, event)) }

    /// What happened, for whoever reads of a failure.
    var story: String {
        trace.map { at, event in
            switch event {
            case .did(let what): "\(at) ms: \(what)"
            case .ended(let engine, let ending): "\(at) ms: \(engine) ends: \(ending)"
            case .came(let request, let engine, let answer, let region):
                "\(at) ms: \(engine)'s \(request.operation) to \(region.name): \(answer); "
                    + "\(region.standing) at \(region.epoch)"
            }
        }
        .joined(separator: "\n")
    }

    mutating func breaks(_ what: String) {
        if broken == nil { broken = what }
        note(.did("BROKEN: \(what)"))
    }

    /// An active region makes a block every 100 ms.
    mutating func pass(_ ms: Int64) {
        now += ms
        guard now - headSince >= 100 else { return }
        for name in ["east", "west"] where self[name].standing == .active && !self[name].isPaused {
            headSince = now
            let number = self[name].head.number + 1
            self[name].head = Block(number: number, id: "\(number)", timeMS: now)
        }
    }

    subscript(name: String) -> ModelRegion {
        get { name == "east" ? east : west }
        set { if name == "east" { east = newValue } else { west = newValue } }
    }

    mutating func deliver(_ request: SwitchRequest, by engine: String) -> ModelRegion.Answer {
        let (old, other) = (self[request.region], self[request.region == "east" ? "west" : "east"])
        past.append((east, west))
        let answer = self[request.region].apply(request.change, rules: rules)
        let new = self[request.region]
        note(.came(request, by: engine, answer, new))
        guard new != old else { return answer }
        headSince = now
        let id = request.operation.prefix { $0 != "/" }
        if settled.contains(String(id)), !hasOldReadings {
            breaks("\(request.operation) came late and changed \(request.region)")
        }
        if new.epoch < old.epoch || new.epoch == old.epoch && new.standing != old.standing {
            breaks("\(new.name): an epoch does not name one state")
        }
        if case .end(_, let outcome, _, _) = request.change, let papers = old.openSwitch { judge(outcome, of: papers) }
        if new.standing == .active, old.standing != .active { activated(new, other) }
        return answer
    }

    private mutating func activated(_ new: ModelRegion, _ other: ModelRegion) {
        if allowsTwoActive { return }
        if other.standing == .active { breaks("both regions are active") }
        if other.head.number > new.head.number {
            breaks("\(new.name) goes on from \(new.head.number), and \(other.name) has \(other.head.number)")
        }
        if let base = new.base, base != other.head { breaks("\(new.name) goes on from a block that is not the last") }
        if new.activatedEpoch <= other.activatedEpoch {
            breaks("\(new.name) is active below the epoch of \(other.name)")
        }
    }

    /// Somebody stops a region for a while, or lets it go on.
    mutating func pause(_ name: String) {
        past.append((east, west))
        self[name].isPaused.toggle()
        self[name].epoch += 1
        note(.did("somebody else pauses or resumes \(name)"))
    }

    /// An active region that hears of a higher one stops.
    mutating func fence() {
        for (name, other) in [("east", "west"), ("west", "east")]
        where self[name].standing == .active && self[other].activatedEpoch > self[name].activatedEpoch {
            self[name].standing = .standby
            self[name].epoch += 1
            note(.did("\(name) fences itself"))
        }
    }

    /// `age`: by how many deliveries the answer is old.
    func facts(_ name: String, age: Int = 0) -> RegionFacts {
        let place = past.count - age
        let world = age > 0 && place >= 0 ? past[place] : (east, west)
        let region = name == "east" ? world.0 : world.1
        let other = name == "east" ? world.1 : world.0
        let has = now - headSince >= lagMS
        let witnessed = region.head.number > (region.base?.number ?? .max) ? (region.base?.number ?? 0) + 1 : nil
        return RegionFacts(
            name: name, epoch: region.epoch, standing: region.standing, isPaused: region.isPaused,
            activatedEpoch: region.activatedEpoch, head: region.head, base: region.base, openSwitch: region.openSwitch,
            chain: .nodeos(behind: has ? 0 : 1, holders: has ? 2 : 1, of: other.head, needed: 2),
            witnessed: witnessed.map { Block(number: $0, id: "\($0)", timeMS: region.head.timeMS) })
    }

    /// What a log says of a switch's end must be so then, and the other log must not say otherwise.
    private mutating func judge(_ outcome: Outcome, of papers: Papers) {
        // Where somebody forces, what was true when it was read need not be any more.
        if allowsTwoActive { return }
        let (from, to) = (self[papers.from].standing, self[papers.to].standing)
        let isTrue =
            switch outcome {
            case .done: to == .active && from != .active
            case .rolledBack: to != .active && from == .active
            }
        if !isTrue { breaks("the log says \(outcome) of \(papers.id): \(from), \(to)") }
        if ends[papers.id, default: outcome] != outcome { breaks("the logs do not say the same of \(papers.id)") }
        ends[papers.id] = outcome
    }

    /// An engine that ends must tell the truth, and what is still on its way must be of no effect.
    mutating func judge(_ ending: Ending, of engine: RegionSwitch, by name: String) {
        note(.ended(name, ending))
        let papers = engine.papers
        let outcome: Outcome
        switch ending {
        case .done: outcome = .done
        case .rolledBack: outcome = .rolledBack
        case .refused, .halfway, .overtaken: return
        }
        if let said = ends[papers.id], said != outcome { breaks("\(name) says \(outcome), and the logs \(said)") }
        if !engine.fromIsLost, !hasOldReadings, east.openSwitch?.id == papers.id || west.openSwitch?.id == papers.id {
            breaks("\(name) says \(outcome), and the switch is open")
        }
        if !engine.fromIsLost || papers.kind == .forced { settled.insert(papers.id) }
    }

    var openPapers: Papers? { east.openSwitch ?? west.openSwitch }
    var active: [String] { [east, west].filter { $0.standing == .active }.map(\.name) }

    /// New papers from how the regions stand.
    func papers(_ id: String, from: String, to: String, kind: Papers.Kind = .planned) -> Papers {
        Papers(id: id, kind: kind, from: from, to: to, fromExpects: self[from].epoch, toExpects: self[to].epoch)
    }
}
