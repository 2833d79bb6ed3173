// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A switch of the active role between two regions, seen through by whoever has its papers.
///
/// It looks at how both regions stand, not at what it was answered: so it makes no difference whether an answer was
/// lost, whether another engine works at the same switch, or whether this one was just made from the papers in a log.
/// Why it is safe:
/// - An epoch names one state of its region. Every request expects the epoch of the state that it was decided on, so it
///   does nothing once anything else has happened.
/// - The new region is activated only when the old one was seen activating, and expects `toExpects`. Who raises the new
///   region's epoch (the seal) has refused every activation of this switch, also those still on their way.
/// - The way back ends with the old region active at a new epoch, even if it was never stopped: then every request of
///   the way forward is refused.
public struct RegionSwitch: Sendable {
    public let papers: Papers
    /// The old region cannot be reached: only the new one is asked and told.
    public let fromIsLost: Bool
    public internal(set) var goal: Goal
    /// What is being done, and since when; nil before the first `next`.
    public private(set) var step: Step?
    public private(set) var since: Int64 = 0
    /// Why it goes back.
    public private(set) var reason: String?
    /// As they were seen last, each at its highest epoch.
    public private(set) var from: RegionFacts?
    public private(set) var to: RegionFacts?

    /// The block that a lost region is taken over from; nil: its last one if it is known to have stopped, else the new
    /// region's head.
    let forcedBase: Block?
    /// The highest epoch known of any region.
    var highest: UInt64
    /// Of a side that is silent, or says what was overtaken already: why it cannot be asked now.
    var silence: [Side: String] = [:]
    /// Where these papers were seen open.
    var wasOpen: Set<Side> = []
    /// What this engine has told the logs of the end.
    var said: Outcome?
    var hasSent = false
    /// The new region has been active: there is no way back.
    var isOver = false
    /// No block of the new region was seen in time.
    var isUnproved = false
    private var sent: (request: SwitchRequest, at: Int64)?
    private var refusal: String?
    /// When it began to go forward, to go back, or to finish.
    var phaseSince: Int64?
    private var stoppedAt: Int64?
    private var ending: Ending?

    enum Move {
        case send(SwitchRequest)
        case wait(Step)
        case turnBack(String)
        case end(Ending)
    }

    /// To begin a switch, with new papers, or to go on with one that is open in a log. `fromIsLost`: a planned one is
    /// gone on with as a forced one. `known`: the highest epoch heard of, of any region.
    public init(
        _ papers: Papers, goal: Goal = .forward, fromIsLost: Bool = false, known: UInt64 = 0, forcedBase: Block? = nil
    ) {
        self.papers = papers
        self.goal = goal
        self.fromIsLost = fromIsLost || papers.kind == .forced
        self.forcedBase = forcedBase
        highest = max(known, papers.fromExpects, papers.toExpects)
        if goal == .back { reason = "the operator asked for it" }
    }

    /// The last block of the old region, once it has stopped: the new region's nodeos must hold it.
    public var lastBlock: Block? {
        guard let from, place(of: from) == .stopped || place(of: from) == .handedOver else { return nil }
        return from.head
    }

    /// By when the present step is given up.
    public var deadline: Int64? { step.map { since + $0.limitMS } }

    /// The operator wants the old region back. Once the new one is active this has no effect.
    public mutating func rollBack(because why: String = "the operator asked for it") {
        if goal == .forward, !isOver { turnBack(why) }
    }

    /// The request was refused, and would be again. Not for what the next reading tells more truly: `epoch_changed`,
    /// `not_leader`, `busy`, no answer.
    public mutating func refused(_ request: SwitchRequest, because why: String) {
        refusal = "\(request.region) refused to \(request.step.rawValue): \(why)"
        if let refusal { rollBack(because: refusal) }
    }

    /// What to do, with both regions read after the latest request was answered or given up. `now`: in milliseconds,
    /// never less than before.
    public mutating func next(from readingOfFrom: Reading, to readingOfTo: Reading, at now: Int64) -> Directive {
        if let ending { return .ended(ending) }
        take(readingOfFrom, of: .from)
        take(readingOfTo, of: .to)
        if stoppedAt == nil, lastBlock != nil { stoppedAt = now }
        // Ends, since it turns back once at most.
        while true {
            let move = decide()
            let (step, request): (Step, SwitchRequest?)
            switch move {
            case .end(let ending):
                self.ending = ending
                return .ended(ending)
            case .turnBack(let why):
                turnBack(why)
                continue
            case .wait(let what): (step, request) = (what, nil)
            case .send(let what): (step, request) = (what.step, what)
            }
            if step != self.step { (self.step, since) = (step, now) }
            if let why = lateness(at: now) {
                if isOver, step == .prove {
                    isUnproved = true
                } else if goal == .forward, !isOver {
                    turnBack(why)
                } else {
                    let ending = stuck(why)
                    self.ending = ending
                    return .ended(ending)
                }
                continue
            }
            let isUnderWay = sent.map { $0.request == request && now - $0.at < Limits.againMS } ?? false
            guard let request, silence[request.to] == nil, !isUnderWay else {
                return .wait(until: min(now + Limits.pauseMS, since + step.limitMS), for: step)
            }
            (sent, hasSent) = ((request, now), true)
            if case .end(_, let outcome, _, _) = request.change { said = outcome }
            return .send(request)
        }
    }

    /// Only what is newer than what is known: an epoch names one state, and while the one stands at which the switch
    /// began, the switch is not ended.
    private mutating func take(_ reading: Reading, of side: Side) {
        guard case .facts(let facts) = reading else {
            if case .silent(let why) = reading { silence[side] = why }
            return
        }
        let known = side == .from ? from : to
        let began = side == .from ? papers.fromExpects : papers.toExpects
        let isOurs = facts.openSwitch?.id == papers.id
        let mayBeEnded = side == .to && facts.standing == .active
        let isOld = facts.epoch == began && wasOpen.contains(side) && !isOurs && !mayBeEnded
        guard facts.epoch >= max(known?.epoch ?? 0, began), !isOld else {
            silence[side] = "it says how it stood before, at epoch \(facts.epoch)"
            return
        }
        silence[side] = nil
        if side == .from { from = facts } else { to = facts }
        highest = max(highest, facts.epoch)
        if isOurs { wasOpen.insert(side) }
    }

    private mutating func turnBack(_ why: String) {
        (goal, reason) = (.back, why)
        (step, phaseSince) = (nil, nil)
    }

    /// Why the present step is not tried any longer.
    private mutating func lateness(at now: Int64) -> String? {
        guard let step else { return nil }
        let phase = phaseSince ?? now
        phaseSince = phase
        if now - since >= step.limitMS {
            return "\(step.rawValue) was not done within \(step.limitMS / 1_000) s" + trouble
        }
        if goal == .forward, !isOver, let stoppedAt, now - stoppedAt >= Limits.gapMS {
            return "\(papers.to) was not active within \(Limits.gapMS / 1_000) s after \(papers.from) had stopped"
                + trouble
        }
        return now - phase >= Limits.phaseMS ? "it took longer than \(Limits.phaseMS / 1_000) s" + trouble : nil
    }

    /// Who is silent, and what was refused.
    private var trouble: String {
        let silent = silence.map { side, why in "\(name(of: side)) cannot be asked (\(why))" }.sorted()
        return (silent + [refusal].compactMap { $0 }).map { "; " + $0 }.joined()
    }
}
