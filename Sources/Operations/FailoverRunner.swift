// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover

/// Carries out what `prodha failover` is asked for. For commands: everything is waited for on the calling thread.
///
/// It decides nothing about a switch under way: `RegionSwitch` does, from what the regions say. It asks them, sends what is
/// to be sent, and tells how far it has got.
public final class FailoverRunner {
    /// How long the way back of a drill is waited for, once the way there is done.
    static let readyMS: Int64 = 60_000

    let inspector: Inspector
    let who: String
    let reason: String?
    let timing: Timing
    let limits: RegionGroup.Limits
    private let interruptions: () -> Int
    let tell: (String) -> Void
    private let ask: ((String) -> String?)?
    private let begins: () -> Void
    private let newID: () -> String

    /// - Parameters:
    ///   - interruptions: how often the operator has pressed ^C since `begins` was called.
    ///   - tell: is given the plan and the progress, line by line.
    ///   - ask: puts a question to a person; nil where there is nobody.
    ///   - begins: is called before the first request.
    public convenience init(
        _ inspector: Inspector, who: String, reason: String?,
        interruptions: @escaping () -> Int = { 0 },
        tell: @escaping (String) -> Void = { _ in }, ask: ((String) -> String?)? = nil,
        begins: @escaping () -> Void = {}
    ) {
        self.init(
            inspector, who: who, reason: reason, limits: .init(), interruptions: interruptions,
            tell: tell, ask: ask,
            begins: begins)
    }

    init(
        _ inspector: Inspector, who: String, reason: String?, limits: RegionGroup.Limits,
        timing: Timing = .real, interruptions: @escaping () -> Int = { 0 },
        tell: @escaping (String) -> Void = { _ in },
        ask: ((String) -> String?)? = nil, begins: @escaping () -> Void = {},
        newID: @escaping () -> String = FailoverRunner.randomID
    ) {
        self.inspector = inspector
        self.who = who
        self.reason = reason
        self.limits = limits
        self.timing = timing
        self.interruptions = interruptions
        self.tell = tell
        self.ask = ask
        self.begins = begins
        self.newID = newID
    }

    static func randomID() -> String {
        var random = SystemRandomNumberGenerator()
        return "failover-\(String(random.next(), radix: 36))"
    }

    // MARK: - What is asked for

    public func run(_ request: FailoverRequest) -> FailoverOutcome {
        if let mistake = request.mistake { return FailoverOutcome(.usage, reason: "usage", mistake) }
        let view = ClusterView(inspector.inspectAndWait())
        if view.isDenied {
            return FailoverOutcome(.denied, reason: "unauthorized", "nothing was done: \(view.headline)")
        }
        if view.verdict == .unreachable {
            return FailoverOutcome(
                .unreachable, reason: "unreachable", "nothing was done: \(view.headline)")
        }
        switch request.purpose {
        case .planned, .forced, .drill: return begin(request, view)
        case .resume: return goOn(request, view, .forward)
        case .rollBack: return goOn(request, view, .back)
        }
    }

    private func begin(_ request: FailoverRequest, _ view: ClusterView) -> FailoverOutcome {
        let region = request.region ?? ""
        let preflight = Preflight(view.regions, to: region, kind: request.kind)
        if preflight.isUnknown {
            return FailoverOutcome(
                .usage, reason: "unknown_region", preflight.refusals.map(\.what).joined())
        }
        if preflight.isActiveAlready {
            let open = view.region(named: region)?.openSwitch
            let rest = open.map { "; \($0.words) has not ended: prodha failover --resume ends it" } ?? ""
            return FailoverOutcome(
                .unchanged,
                "\(region) is active already (epoch \(preflight.to?.epoch ?? 0)); nothing was done\(rest)",
                region: region)
        }
        var outcome = FailoverOutcome(
            .wouldBegin, "This would begin; so far nothing was done.", region: region)
        outcome.findings = preflight.findings
        outcome.plan = FailoverPlan(preflight, view.regions)
        guard preflight.passes, let to = preflight.to else {
            outcome.kind = .refused
            outcome.reason = preflight.refusals.first?.name
            outcome.message =
                "refused, nothing was done: "
                + preflight.refusals.map { "\($0.what) (to make it pass: \($0.remedy))" }.joined(
                    separator: "; ")
            return outcome
        }
        if request.isDryRun { return outcome }
        if let objection = confirm(request, region, outcome) { return objection }
        begins()
        let job = Job(
            papers: papers(preflight, to, request), goal: .forward,
            fromIsLost: request.purpose == .forced,
            known: Self.highestEpoch(view.regions), regions: view.regions)
        let ended: FailoverOutcome
        if request.purpose == .forced {
            ended = force(job, preflight)
        } else {
            ended = carryOut(job, on: outcome)
        }
        return request.purpose == .drill && ended.kind == .done ? goBack(request, ended) : ended
    }

    private func papers(_ preflight: Preflight, _ to: Preflight.Side, _ request: FailoverRequest)
        -> Papers
    {
        Papers(
            id: newID(),
            kind: request.purpose == .forced ? .forced : request.purpose == .drill ? .drill : .planned,
            from: preflight.from?.region ?? "", to: to.region, fromExpects: preflight.from?.epoch ?? 0,
            toExpects: to.epoch)
    }

    /// Nil: it may begin.
    private func confirm(_ request: FailoverRequest, _ region: String, _ shown: FailoverOutcome)
        -> FailoverOutcome?
    {
        for line in (shown.plan?.text(width: 100) ?? "").split(separator: "\n") { tell(String(line)) }
        for line in shown.findings.flatMap(\.lines) { tell(line) }
        if request.confirmation == region { return nil }
        guard let ask else {
            let loss = request.purpose == .forced ? " --accept-loss" : ""
            return FailoverOutcome(
                .usage, reason: "not_confirmed",
                "nothing was done: there is nobody to ask here; confirm with --confirm \(region)\(loss)",
                region: region
            )
        }
        for prompt in request.prompts(to: region) {
            let typed = ask(prompt.question)?.filter { !$0.isNewline }
            guard typed == prompt.expected else {
                return FailoverOutcome(
                    .refused, reason: "not_confirmed", "nothing was done: it was not confirmed",
                    region: region)
            }
        }
        return nil
    }

    /// The highest that anybody knows of.
    static func highestEpoch(_ regions: [RegionView]) -> UInt64 {
        let own = regions.flatMap { $0.peers.compactMap(\.status?.production.epoch) }
        let heard = regions.flatMap { $0.heardEverywhere.compactMap(\.report?.epoch) }
        return (own + heard).max() ?? 0
    }

    // MARK: - A switch that has begun

    private func goOn(_ request: FailoverRequest, _ view: ClusterView, _ goal: Goal)
        -> FailoverOutcome
    {
        let open = view.regions.compactMap(\.openSwitch).filter {
            request.region == nil || $0.to == request.region
        }
        guard let document = open.first else { return nothingOpen(request, view, goal) }
        guard let papers = Papers(document) else {
            return FailoverOutcome(
                .failed, reason: "later_version",
                "\(document.words) was begun by a later version; use a tool of that one")
        }
        if let unknown = [papers.from, papers.to].first(where: { name in
            !name.isEmpty && !view.regions.contains { $0.name == name }
        }) {
            return FailoverOutcome(
                .usage, reason: "unknown_region",
                "\(document.words) concerns \(printable(unknown)), which is not known here; give --config with a file "
                    + "that lists it")
        }
        begins()
        tell("\(document.words): \(goal == .forward ? "going on with it" : "undoing it")")
        let job = Job(
            papers: papers, goal: goal, fromIsLost: papers.kind == .forced,
            known: Self.highestEpoch(view.regions),
            regions: view.regions, isSeen: true)
        let outcome = FailoverOutcome(.failed, "", region: papers.to)
        return carryOut(job, on: outcome)
    }

    private func nothingOpen(_ request: FailoverRequest, _ view: ClusterView, _ goal: Goal)
        -> FailoverOutcome
    {
        let states = view.regions.map { region in
            guard region.isActive != nil else { return "how \(region.label) stands is not known" }
            return "\(region.label) is \(region.standingWords)"
                + (region.epoch.map { " (epoch \($0))" } ?? "")
        }
        let silent = view.regions.filter { $0.leaderStatus == nil }.map(\.label)
        let words = "no switch is open; \(states.joined(separator: ", "))"
        if !silent.isEmpty {
            return FailoverOutcome(
                .unknown, reason: "outcome_unknown",
                "no switch is open in the logs that can be read, and the leader of \(enumeration(silent)) tells nothing; "
                    + states.joined(separator: ", "), region: request.region)
        }
        let isActive = request.region.map { name in
            view.regions.first { $0.name == name }?.isActive == true
        }
        let isAsWanted = isActive.map { $0 == (goal == .forward) } ?? true
        return isAsWanted
            ? FailoverOutcome(.unchanged, "\(words); nothing was done", region: request.region)
            : FailoverOutcome(
                .refused, reason: "no_such_switch", "nothing was done: \(words)", region: request.region)
    }

    // MARK: - Carrying it out

    /// What is to be carried out.
    struct Job {
        var papers: Papers
        var goal: Goal
        var fromIsLost: Bool
        var known: UInt64
        var regions: [RegionView]
        /// It is in a log.
        var isSeen = false
        var base: CommittedBlock?
        /// Of a forced one: what is known of the region that is given up.
        var givenUp: GivenUpDocument?

        func group(_ side: Failover.Side, _ inspector: Inspector, _ limits: RegionGroup.Limits)
            -> RegionGroup?
        {
            let name = side == .from ? papers.from : papers.to
            if side == .from, fromIsLost { return nil }
            return regions.first { $0.name == name }.map { RegionGroup($0, inspector, limits) }
        }
    }

    func carryOut(_ job: Job, on outcome: FailoverOutcome) -> FailoverOutcome {
        var run = SwitchRun(
            job, inspector, limits, timing, acts: ActPapers(operation: "", who: who, reason: reason),
            interruptions: interruptions, tell: tell)
        return run.finish(outcome)
    }

    // MARK: - The way back of a drill

    private func goBack(_ request: FailoverRequest, _ there: FailoverOutcome) -> FailoverOutcome {
        guard let old = there.plan?.from else { return there }
        let deadline = timing.now() + Self.readyMS
        tell("the way back: waiting until \(old) is ready")
        while true {
            let view = ClusterView(inspector.inspectAndWait())
            if interruptions() > 0 {
                return notBack(there, to: old, view, "not_back", "interrupted before the way back began")
            }
            let preflight = Preflight(view.regions, to: old, kind: .drill)
            if preflight.passes, let to = preflight.to {
                let job = Job(
                    papers: papers(preflight, to, request), goal: .forward, fromIsLost: false,
                    known: Self.highestEpoch(view.regions), regions: view.regions)
                return cameBack(there, carryOut(job, on: FailoverOutcome(.failed, "", region: old)), to: old)
            }
            guard timing.now() < deadline else {
                let why =
                    "\(old) was not ready within \(span(Double(Self.readyMS))): "
                    + preflight.refusals.map(\.what).joined(separator: "; ")
                return notBack(there, to: old, view, "not_ready", why)
            }
            timing.pause(500)
        }
    }

    /// Both ways as one. Nothing that is said of the way back alone holds for the drill: the way there was done.
    private func cameBack(_ there: FailoverOutcome, _ back: FailoverOutcome, to old: String) -> FailoverOutcome {
        var result = there
        result.steps += back.steps
        result.proofOfReturn = back.proof
        result.id = back.id
        switch back.kind {
        case .refused, .denied, .rolledBack:
            return notBack(result, to: old, ClusterView(inspector.inspectAndWait()), "not_back", back.message)
        case .done, .unchanged, .wouldBegin, .failed, .unknown, .halfway, .usage, .unreachable:
            result.kind = back.kind
            result.reason = back.reason
            result.message = "there: \(there.message). Back: \(back.message)"
            return result
        }
    }

    private func notBack(
        _ there: FailoverOutcome, to old: String, _ view: ClusterView, _ reason: String, _ why: String
    ) -> FailoverOutcome {
        var result = there
        let active = view.regions.filter { $0.isActive == true }.map(\.label)
        let now =
            active.isEmpty
            ? "no region says that it is active: see prodha status" : "active now: \(enumeration(active))"
        result.kind = .failed
        result.reason = reason
        result.message =
            "there: \(there.message). Not back: \(clause(why)). \(now); "
            + "prodha failover --region \(old) brings it back"
        return result
    }
}

extension RegionView {
    /// The other regions as each of its peers heard them.
    var heardEverywhere: [HeardRegion] {
        peers.compactMap(\.status).flatMap { status in
            (status.regions ?? []).prefix(ClusterView.maxHearsay).map { other in
                HeardRegion(other, by: status.peer.id)
            }
        }
    }

    /// The last blocks of another region that its peers hold, the highest first, and who holds each. None that is above the last
    /// one of which the newest word of that region says, or another one of its height: that was of before it gave way.
    func held(of region: String) -> [(block: BlockReference, peer: Int)] {
        let heard = heardEverywhere.filter { $0.name == region }
        let newest = heard.compactMap(\.report?.epoch).max()
        let head = heard.compactMap(\.report).filter { $0.epoch == newest }.compactMap(\.head)
            .max { $0.blockNum < $1.blockNum }
        guard let head else { return [] }
        return heard.compactMap { heard in heard.held.map { ($0, heard.by) } }
            .filter { $0.0.blockNum < head.blockNum || $0.0 == head }
            .sorted { $0.0.blockNum > $1.0.blockNum }
    }
}
