// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover
import FoundationEssentials

/// The time, in milliseconds from anywhere, and waiting.
struct Timing {
    var now: () -> Int64
    var pause: (_ milliseconds: Int64) -> Void

    static var real: Timing {
        let clock = ContinuousClock()
        let start = clock.now
        return Timing(
            now: { Int64(Milliseconds(clock.now - start).value) },
            pause: { Pause.until(clock.now + .milliseconds($0), clock) })
    }
}

/// One switch, carried out: reads both regions, asks the engine what to do, does it, and again.
struct SwitchRun {
    /// How often a refused base is offered again: the leader's nodeos may be about to have that block.
    static let baseTries = 4

    private var engine: RegionSwitch
    private let papers: Papers
    private let givenUp: GivenUpDocument?
    private let from: RegionGroup?
    private let to: RegionGroup?
    private let inspector: Inspector
    private let limits: RegionGroup.Limits
    private let acts: ActPapers
    private let interruptions: () -> Int
    private let tell: (String) -> Void
    private let timing: Timing

    private var steps: [FailoverOutcome.Taken] = []
    private var step: (step: Step, region: String, since: Int64)?
    /// The last that was said of the present step.
    private var said = ""
    /// The switch was seen in a log, so that it can be resumed.
    private var isSeen: Bool
    private var hasSent = false
    private var denial: String?
    private var refusedBases = 0
    /// By id: what is looked for again and again.
    private var blocks: [String: CommittedBlock] = [:]
    private var first: (block: CommittedBlock, teller: PeerTarget, isIndependent: Bool)?
    private var base: BlockReference?

    init(
        _ job: FailoverRunner.Job, _ inspector: Inspector, _ limits: RegionGroup.Limits, _ timing: Timing,
        acts: ActPapers, interruptions: @escaping () -> Int, tell: @escaping (String) -> Void
    ) {
        self.timing = timing
        papers = job.papers
        givenUp = job.givenUp
        engine = RegionSwitch(
            job.papers, goal: job.goal, fromIsLost: job.fromIsLost, known: job.known,
            forcedBase: job.base.map { Block($0) })
        from = job.group(.from, inspector, limits)
        to = job.group(.to, inspector, limits)
        self.inspector = inspector
        self.limits = limits
        self.acts = acts
        self.interruptions = interruptions
        self.tell = tell
        isSeen = job.isSeen
        if let base = job.base { blocks[base.id] = base }
    }

    private var now: Int64 { timing.now() }

    mutating func finish(_ outcome: FailoverOutcome) -> FailoverOutcome {
        var outcome = outcome
        outcome.id = papers.id
        let end = seeThrough()
        leave(step: nil, region: "")
        outcome.steps = steps
        outcome.proof = proof
        outcome.region = papers.to
        conclude(&outcome, end)
        return outcome
    }

    private enum End {
        case ended(Ending)
        case interrupted
    }

    private mutating func seeThrough() -> End {
        while true {
            if interruptions() > 1 { return leaveIt() }
            if interruptions() == 1 { engine.rollBack(because: "the operator interrupted it") }
            let (readingOfFrom, readingOfTo) = read()
            let directive = engine.next(from: readingOfFrom, to: readingOfTo, at: now)
            switch directive {
            case .ended(let ending): return .ended(ending)
            case .wait(let until, let step):
                show(step, region: "")
                timing.pause(max(1, min(until - now, limits.pauseMS)))
            case .send(let request):
                show(request.step, region: request.region)
                send(request)
            }
        }
    }

    /// Sends nothing more, and looks once more so that the operator is told how things are.
    private mutating func leaveIt() -> End {
        let (readingOfFrom, readingOfTo) = read()
        guard case .ended(let ending) = engine.next(from: readingOfFrom, to: readingOfTo, at: now) else {
            return .interrupted
        }
        return .ended(ending)
    }

    // MARK: - Reading

    private var looks: [Failover.Side: RegionGroup.Look] = [:]

    private mutating func read() -> (Reading, Reading) {
        let groups = [from, to].compactMap { $0 }
        // Until the new region holds the last block of the old one, all its peers count.
        let last = engine.step == .hold ? engine.lastBlock : nil
        let found = RegionGroup.look(at: groups, untilHeld: groups.map { $0 === to ? last : nil })
        looks = [:]
        var next = found.makeIterator()
        if from != nil { looks[.from] = next.next() }
        if to != nil { looks[.to] = next.next() }
        for look in looks.values where look.isDenied { denial = look.trouble }
        let readingOfFrom = reading(.from, headOfOld: nil)
        var oldHead: Block?
        if case .facts(let facts) = readingOfFrom { oldHead = facts.head }
        return (readingOfFrom, reading(.to, headOfOld: oldHead))
    }

    private mutating func reading(_ side: Failover.Side, headOfOld: Block?) -> Reading {
        guard let look = looks[side] else { return .silent("it cannot be reached") }
        guard let (target, status) = look.leader else { return .silent(look.trouble) }
        guard var facts = RegionFacts(status) else {
            return .silent("it says that it is \(printable(status.production.state?.rawValue ?? "", limit: 20))")
        }
        if facts.openSwitch?.id == papers.id { isSeen = true }
        if side == .from {
            // Its last block is the new region's base, and has to be given with its bytes.
            if facts.standing != .active, let head = facts.head, let group = from {
                facts.head?.timeMS = fetch(head.id, group, look).map(\.time)
            }
            return .facts(facts)
        }
        facts.chain = Chain(look, needed: status.raft.quorumSize, last: engine.lastBlock, head: headOfOld)
        if facts.standing == .active, facts.activatedEpoch > papers.toExpects {
            // Only this says which block it went on from.
            let report = try? inspector.document(RegionReportDocument.self, "/v1/prodha/region", of: target)
            if let report, report.activatedEpoch == facts.activatedEpoch { base = report.base }
            facts.base = base.map { Block($0) }
            if let base { facts.base?.timeMS = time(of: base) }
            facts.witnessed = witness(look)
        }
        return .facts(facts)
    }

    private mutating func fetch(_ id: String, _ group: RegionGroup, _ look: RegionGroup.Look) -> CommittedBlock? {
        if let known = blocks[id] { return known }
        guard let found = group.block("id=\(id)", from: group.peers(look))?.block, found.id == id else { return nil }
        blocks[id] = found
        return found
    }

    private mutating func time(of base: BlockReference) -> Int64? {
        for (group, side) in [(to, Failover.Side.to), (from, .from)] {
            guard let group, let look = looks[side] else { continue }
            if let found = fetch(base.blockID, group, look) { return found.time }
        }
        return nil
    }

    /// The first block of the new region, at a peer that does not lead; at the leader alone, it is no witness.
    private mutating func witness(_ look: RegionGroup.Look) -> Block? {
        if let first, first.isIndependent { return Block(first.block) }
        // Without a base nothing tells a new block from one that was there before the activation.
        guard let base, let to, let leader = look.leader else { return nil }
        let head = leader.status.production.head?.blockNum ?? 0
        guard head > base.blockNum else { return nil }
        let number = base.blockNum + 1
        let others = to.peers(look).filter { $0 != leader.target }
        func firstBlock(from peers: [PeerTarget]) -> (block: CommittedBlock, teller: PeerTarget)? {
            guard let found = to.block("num=\(number)", from: peers), found.block.number == number,
                found.block.previous == base.blockID
            else { return nil }
            return found
        }
        if let (block, teller) = firstBlock(from: others) {
            first = (block, teller, true)
            return Block(block)
        }
        if first == nil, let (block, teller) = firstBlock(from: [leader.target]) {
            first = (block, teller, false)
        }
        // With several producers the next block may be another's; then one that is committed at a peer counts.
        let heads = look.statuses.filter { $0.peer.id != leader.status.peer.id }.compactMap(\.production.head)
        return heads.filter { $0.blockNum > number }.min { $0.blockNum < $1.blockNum }
            .map { Block(number: $0.blockNum, id: $0.blockID) }
    }

    private var proof: FailoverOutcome.Proof? {
        guard let base, let last = blocks[base.blockID], let first, first.block.number == base.blockNum &+ 1 else {
            return nil
        }
        return FailoverOutcome.Proof(
            last: base, first: first.block.reference, gapMS: first.block.time - last.time,
            teller: "\(first.teller.name) of \(papers.to)", isIndependent: first.isIndependent)
    }

    // MARK: - Sending

    private mutating func send(_ request: SwitchRequest) {
        guard let group = request.to == .from ? from : to, let target = looks[request.to]?.leader?.target else {
            return
        }
        let body: [UInt8]
        let path: String
        switch call(request) {
        case .success(let call): (path, body) = call
        case .failure(let problem):
            note(problem.words)
            return
        }
        hasSent = true
        let reply = group.send(path, body, to: target, timeoutMS: limits.answerMS)
        switch reply {
        case .done: break
        case .unknown(let why), .notSent(let why): note(why)
        case .denied(let why):
            denial = why
            engine.refused(request, because: why)
        case .refused(let name, let why):
            note(why)
            if isFinal(name) { engine.refused(request, because: why) }
        }
    }

    /// Whether the same would be refused again. What the next look at the region tells is not.
    private mutating func isFinal(_ name: String) -> Bool {
        switch name {
        case ErrorKind.notLeader.name, ErrorKind.noQuorum.name, ErrorKind.epochChanged.name, ErrorKind.busy.name,
            ErrorKind.switchRunning.name, ErrorKind.noSuchSwitch.name, ErrorKind.overloaded.name,
            CommitBlockReason.termNotApplied.rawValue, CommitBlockReason.leaseExpired.rawValue,
            // What it heard of the other region may be a second old.
            ErrorKind.otherRegionActive.name, ErrorKind.tooManyConnections.name:
            return false
        case ErrorKind.baseRefused.name:
            refusedBases += 1
            return refusedBases >= Self.baseTries
        default: return true
        }
    }

    private struct Problem: Error { var words: String }

    private func call(_ request: SwitchRequest) -> Result<(String, [UInt8]), Problem> {
        let (operation, who, reason) = (request.operation, acts.who, acts.reason)
        func region(
            expects: UInt64, epoch: UInt64?, state: RegionStanding?, base: String? = nil, papers: String?,
            force: Bool? = nil
        ) -> [UInt8] {
            RegionRequest(
                expects: expects, epoch: epoch, state: state, base: base, switch: papers, renew: true, force: force,
                givenUp: force == true ? givenUp : nil, operation: operation, who: who, reason: reason
            ).json()
        }
        switch request.change {
        case .begin(let papers):
            let body = SwitchBeginRequest(
                id: papers.id, kind: SwitchKind(rawValue: papers.kind.rawValue), from: papers.from, to: papers.to,
                fromExpects: papers.fromExpects,
                toExpects: papers.toExpects, operation: operation, who: who, reason: reason)
            return .success(("/v1/prodha/region/switch/begin", body.json()))
        case .deactivate(let standing, let expects, let epoch, let papers):
            let body = RegionRequest(
                expects: expects, epoch: epoch, state: RegionStanding(rawValue: standing.rawValue), switch: papers,
                operation: operation, who: who, reason: reason)
            return .success(("/v1/prodha/region/deactivate", body.json()))
        case .seal(let expects, let papers):
            return .success(
                (
                    "/v1/prodha/region/deactivate",
                    region(expects: expects, epoch: nil, state: .standby, papers: papers)
                ))
        case .activate(let expects, let epoch, let base, let force, let papers):
            var bytes: String?
            if let base {
                guard let block = blocks[base.id] else {
                    return .failure(
                        Problem(
                            words: "no peer of \(self.papers.from) gives block \(base.number), which is to be the base")
                    )
                }
                bytes = Hex.encode(block.bytes)
            }
            return .success(
                (
                    "/v1/prodha/region/activate",
                    region(
                        expects: expects, epoch: epoch, state: nil, base: bytes, papers: papers,
                        force: force ? true : nil)
                ))
        case .end(let id, let result, let words, let gapMS):
            let body = SwitchEndRequest(
                id: id, result: SwitchResult(rawValue: result.rawValue), words: Self.cut(words),
                gapMS: gapMS.flatMap { Int(exactly: $0) }, operation: operation, who: who, reason: reason)
            return .success(("/v1/prodha/region/switch/end", body.json()))
        }
    }

    /// The log takes 512 bytes of one line.
    private static func cut(_ words: String) -> String {
        var text = printable(words, limit: 500)
        while text.utf8.count > 512 { text.removeLast() }
        return text
    }

    // MARK: - Telling

    private mutating func show(_ next: Step, region: String) {
        guard step?.step != next else { return }
        leave(step: next, region: region)
        tell(
            "\(Self.time) \(next.rawValue): \(next.does(papers, fromIsLost: engine.fromIsLost)) (within \(span(Double(next.limitMS))))"
        )
    }

    private mutating func leave(step next: Step?, region: String) {
        if let step {
            let took = now - step.since
            steps.append(.init(step: step.step.rawValue, region: step.region, tookMS: took))
            tell("\(Self.time) \(step.step.rawValue): \(next == nil ? "ended" : "left") after \(span(Double(took)))")
        }
        step = next.map { ($0, region, now) }
        said = ""
    }

    private mutating func note(_ words: String) {
        guard words != said else { return }
        said = words
        tell("  \(words)")
    }

    private static var time: String {
        let now = UTCInstant(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        return String(now.description.dropFirst(11))
    }

    // MARK: - The end

    private func conclude(_ outcome: inout FailoverOutcome, _ end: End) {
        switch end {
        case .ended(.done(let isWitnessed, let gapMS, let words)):
            outcome.kind = .done
            let proven =
                proof.map(\.words)
                ?? (isWitnessed
                    ? "\(words)\(gapMS.map { "; the gap is \(tenths(Double($0)))" } ?? "")"
                    : "\(words): see prodha status")
            let late = interruptions() > 0 ? "it was too late to roll back: " : ""
            outcome.message = "\(late)\(papers.to) is active now; \(proven)"
        case .ended(.rolledBack(let why)):
            outcome.kind = .rolledBack
            outcome.reason = "rolled_back"
            outcome.message = "rolled back: \(clause(why)). \(afterRollback)"
        case .ended(.refused(let why)):
            outcome.kind = denial == nil ? .refused : .denied
            outcome.reason = denial == nil ? "refused" : "unauthorized"
            outcome.message = "nothing was done: \(why)"
        case .ended(.halfway(let why, let stands, let todo)):
            outcome.kind = isSeen ? .halfway : .unknown
            outcome.reason = isSeen ? "halfway" : "outcome_unknown"
            outcome.message =
                isSeen
                ? "halfway: \(clause(why)). \(stands). \(todo)"
                : "unknown whether it has begun: \(clause(why)). \(todo)"
        case .ended(.overtaken(let stands, let todo)):
            outcome.kind = .failed
            outcome.reason = "overtaken"
            outcome.message = "somebody else changed the regions, and this switch is left as it is: \(stands); \(todo)"
        case .interrupted:
            outcome.kind = isSeen ? .halfway : hasSent ? .unknown : .refused
            outcome.reason = "interrupted"
            let todo = "go on with prodha failover --resume, or undo it with --rollback, from anywhere"
            outcome.message =
                isSeen
                ? "left halfway, as you asked: \(stands); \(todo)"
                : hasSent ? "interrupted; unknown whether it has begun: \(todo)" : "interrupted; nothing was done"
        }
    }

    /// As it was seen: somebody may have stopped or paused the old region since.
    private var afterRollback: String {
        guard !engine.fromIsLost else {
            let old = papers.from.isEmpty ? "" : "; whether \(papers.from) is active is not known"
            let new = engine.to.map { "; \($0.name) is \($0.standing.rawValue)" } ?? ""
            return "Nothing was activated by it\(new)\(old)"
        }
        guard let from = engine.from else { return "How \(papers.from) stands is not known" }
        switch (from.standing, from.isPaused) {
        case (.active, false): return "\(from.name) is active, as before"
        case (.active, true): return "\(from.name) is active, and paused: prodha resume --region \(from.name)"
        case (.standby, _), (.activating, _):
            return "\(from.name) was active again, and is \(from.standing.rawValue) now: somebody stopped it since"
        }
    }

    private var stands: String {
        let states = [engine.from, engine.to].compactMap { $0 }.map { "\($0.name) is \($0.standing.rawValue)" }
        return states.isEmpty ? "how the regions stand is not known" : enumeration(states)
    }
}
