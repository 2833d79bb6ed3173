// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Drives the local nodeos to what the group wants of it: paused and fed with what was committed, or producing on top of
/// that. A value without clock or I/O, in the way of `RaftCore`: events and the time go in, actions come out.
///
/// Two lanes. On the one, orders and what must be in order with them: one call at a time. On the other `get_info`, which
/// may be asked at any time. A call that hangs holds up its own lane until its deadline and nothing else.
///
/// It rests on what was measured of nodeos (Leap 4):
/// - It drops blocks that it is given while it produces or finishes a block, and answers 202 to every push. So blocks are
///   pushed only while it is known to be paused, one at a time, and its id at that height tells whether it took one.
/// - After the 201 of a pause one more signing request comes, or none: see `Bounds.settleTime`.
/// - A block beside its own head shows up only when the child of that block came too.
///
/// None of this fences: the signature gate does. Here a wrong belief costs time.
public struct NodeosControl: Sendable {
    enum Production: Hashable {
        /// Not known. It may produce.
        case unknown
        /// It said yes to a pause. Known to be paused when it is still so after `until`. `requests` came since.
        case settling(until: Instant, requests: Int, isSlow: Bool)
        /// It was paused, but may have been restarted since.
        case unchecked
        case paused
        case resumed
    }

    enum Errand: Hashable {
        case call(NodeosRequest)
        case load(UInt32)
    }

    public let bounds: Bounds
    public let producers: GuardedProducers
    public private(set) var status = NodeosStatus(condition: .unreachable("not asked yet"))
    /// When `step(.tick)` is to be called, if nothing else happens before.
    public private(set) var nextWake: Instant

    var orders = NodeosOrders()
    var production = Production.unknown
    var feed: Feed?
    /// The last block that was loaded.
    var loaded: FeedBlock?
    /// nodeos's chain is known to have left the group's.
    var isForked = false
    /// With several producers only: see `NodeosStep`.
    var membership: Membership?
    /// The producer of nodeos's head is guarded.
    var headIsOurs = false

    // What nodeos said last. `knownBy` is the call that told it: answers to earlier ones say nothing new.
    var info: NodeosInfo?
    var head: BlockPosition?
    var headAskedAt: Instant
    private var knownBy: CallID = 0
    /// Calls up to this one say nothing of a nodeos that is paused.
    private var pausedBy: CallID = 0
    private var unreachable: String?
    /// When the first call was sent that failed since the last answer, and whether nothing listened.
    private var silentSince: (at: Instant, isDead: Bool)?
    /// When the group had a new head, or nodeos was resumed.
    private var progressAt: Instant
    /// The latest signature, until the group has another head.
    private var signedAt: Instant?
    private var clockOffset: Int64?
    private var clockOffAt: Instant?
    private var lateHeads = 0

    // The lane of orders.
    private var errand: (id: CallID, what: Errand, since: Instant)?
    private var errandDue: Instant
    private var failures = 0
    /// Of any call.
    private var lastFailure: Instant
    /// A pause was not answered: it may be carried out much later, together with the next one.
    private var hasUnansweredPause = false
    private var problem: String?
    /// Why the feed does not get on.
    var feedProblem: String?
    private var checkDue: Instant
    private var stuckSince: Instant?
    /// The own block that was proposed, and when it may be again; nil: never, it cannot be.
    private var proposed: (id: BlockID, again: Instant?)?

    // The lane of questions.
    private var infoCall: (id: CallID, sentAt: Instant)?
    private var infoDue: Instant
    private var infoFailures = 0
    private var confirmCall: (id: CallID, question: UInt64, sentAt: Instant)?
    private var confirmWaiting: UInt64?
    private var confirmDue: Instant

    private var nextCall: CallID = 1
    private var unwellSince: Instant?
    private var actions: [Action] = []

    public init(bounds: Bounds = Bounds(), producers: GuardedProducers = .all, at now: Instant) {
        self.bounds = bounds
        self.producers = producers
        (nextWake, headAskedAt, errandDue, lastFailure) = (now, now, now, now)
        (checkDue, infoDue, confirmDue, progressAt) = (now, now, now, now)
        unwellSince = now
    }

    public var isKnownPaused: Bool { production == .paused }

    /// False: nodeos has been dead, hung, behind or beside the group's chain for so long that another peer should lead.
    public func isWell(at now: Instant) -> Bool {
        // Told to make all blocks of the chain, and none comes, whatever the reason.
        if producers == .all, production == .resumed, orders.mayProduce, now - progressAt > bounds.idleTime {
            return false
        }
        let patience = silentSince?.isDead == true ? bounds.deadTime : bounds.unwellTime
        return unwellSince.map { now - $0 <= patience } ?? true
    }

    public mutating func step(_ event: Event, at now: Instant) -> [Action] {
        actions = []
        switch event {
        case .tick: break
        case .orders(let new): take(new, now)
        case .signing(let signing): take(signing, now)
        case .confirm(let question): confirmWaiting = question
        case .notCommitted(let id):
            if let proposed, proposed.id == id, proposed.again != nil {
                self.proposed?.again = now + bounds.proposePause
            }
        case .answered(let id, let answer, let wallClock): answered(id, answer, wallClock, now)
        case .failed(let id, let failure): failed(id, failure, now)
        case .loaded(let height, let block):
            guard let errand, errand.what == .load(height) else { break }
            self.errand = nil
            loadEnded(height, block, now)
        }
        nextWake = now + bounds.greatestBackoff
        sendQuestions(now)
        sendErrand(now)
        renewStatus(now)
        defer { actions = [] }
        return actions
    }

    // MARK: - Events

    private mutating func take(_ new: NodeosOrders, _ now: Instant) {
        let old = orders
        orders = new
        if new.mayProduce != old.mayProduce {
            proposed = nil
            stuckSince = nil
        }
        if new.committed != old.committed {
            signedAt = nil
            progressAt = now
            committedChanged()
            noteProgress(headChanged: false, now)
        }
    }

    private mutating func take(_ signing: Signing, _ now: Instant) {
        if signing == .signed { signedAt = signedAt ?? now }
        switch (production, signing) {
        case (.settling(_, requests: 2..., _), .signed), (.settling(_, requests: 2..., _), .refused):
            // It goes on: somebody resumed it, or it was restarted.
            becomeUnknown()
        case (.settling(let until, let requests, let isSlow), .signed),
            (.settling(let until, let requests, let isSlow), .refused):
            let next = isSlow || requests > 0 ? now + bounds.settleTime : min(until, now + bounds.afterLastRequest)
            production = .settling(until: next, requests: requests + 1, isSlow: isSlow)
        case (.paused, .newConnection): production = .unchecked
        case (.paused, _), (.unchecked, .signed), (.unchecked, .refused):
            becomeUnknown()
        case (.resumed, .newConnection):
            checkDue = now
            infoDue = min(infoDue, now)
        case (.settling, .newConnection), (.unchecked, .newConnection), (.unknown, _), (.resumed, _): break
        }
    }

    private mutating func answered(_ id: CallID, _ answer: NodeosAnswer, _ wallClock: Int64, _ now: Instant) {
        if let sentAt = endQuestion(id, answer, now) {
            if case .info(let info) = answer { take(info, id, sentAt, wallClock, now) }
            return
        }
        guard let errand, errand.id == id, case .call(let request) = errand.what else { return }
        self.errand = nil
        switch (request, answer) {
        case (.pause, .done):
            let isSlow =
                now - errand.since > bounds.slowPause || now - lastFailure <= bounds.settleTime
                || hasUnansweredPause
            hasUnansweredPause = false
            production = .settling(until: now + bounds.settleTime, requests: 0, isSlow: isSlow)
        case (.resume, .done):
            production = .resumed
            progressAt = now
            checkDue = now + bounds.checkInterval
            stuckSince = nil
            noteProgress(headChanged: false, now)
        case (.isPaused, .isPaused(let isPaused)): checked(isPaused, id, errand.since, now)
        case (.rawBlock, .rawBlock(let block)):
            let fits = producers == .all ? block.previous == orders.committed?.id : ownHead?.id == block.id
            guard fits, orders.mayProduce else {
                proposed = (block.id, nil)
                break
            }
            proposed = (block.id, now + bounds.stuckTime)
            actions.append(.propose(block))
        case (.push(let block), .done): pushed(block, now)
        case (.blockID(let number), .blockID(let found)):
            membershipCame(number, found, now)
            idCame(number, found, id, errand.since, now)
            // Whether the block was taken decides there.
            return
        default:
            return errandFailed(request, .garbage("an answer to another question"), now)
        }
        succeeded()
    }

    private mutating func failed(_ id: CallID, _ failure: NodeosFailure, _ now: Instant) {
        lastFailure = now
        if let sentAt = endQuestion(id, nil, now) {
            infoFailures += 1
            let isDead = if case .unreachable = failure { true } else { false }
            silentSince = (silentSince?.at ?? sentAt, isDead)
            infoDue = now + max(bounds.backoff(infoFailures), bounds.infoInterval)
            unreachable = failure.description + hint(failure)
            lostSight()
            return
        }
        guard let errand, errand.id == id, case .call(let request) = errand.what else { return }
        self.errand = nil
        errandFailed(request, failure, now)
    }

    /// A nodeos that was killed does not start again by itself, and only its log says so.
    private func hint(_ failure: NodeosFailure) -> String {
        guard case .unreachable = failure, info != nil else { return "" }
        return """
            . It ran before: if it does not start and its log says "database dirty flag set", it was killed; start it \
            once with --replay-blockchain, or from a snapshot
            """
    }

    private mutating func errandFailed(_ request: NodeosRequest, _ failure: NodeosFailure, _ now: Instant) {
        problem = "\(request.name): \(failure)"
        retryLater(now)
        switch request {
        case .pause:
            hasUnansweredPause = true
            becomeUnknown()
        case .resume: becomeUnknown()
        case .isPaused:
            switch production {
            case .settling: becomeUnknown()
            case .paused: production = .unchecked
            case .unknown, .unchecked, .resumed: break
            }
        case .rawBlock(let id):
            switch failure {
            case .refused, .garbage: proposed = (id, nil)
            case .unreachable, .noAnswer: break
            }
        case .push(let block):
            switch failure {
            // It may have come.
            case .noAnswer: pushed(block, now)
            case .unreachable, .refused, .garbage: feed = nil
            }
            lostSight()
        case .blockID:
            feed = nil
            lostSight()
        case .info: break
        }
    }

    private mutating func checked(_ isPaused: Bool, _ id: CallID, _ since: Instant, _ now: Instant) {
        checkDue = now + bounds.checkInterval
        switch (production, isPaused) {
        case (.settling(let until, _, _), true) where now < until: break
        case (.settling, true) where now - since > bounds.slowPause:
            // It stood still: what was to come within the time has yet to come.
            production = .settling(until: now + bounds.settleTime, requests: 0, isSlow: true)
        case (.settling, true), (.unchecked, true):
            production = .paused
            feed = nil
            // One more block may have been made since the last look.
            pausedBy = id
            infoDue = now
        case (.resumed, true), (.settling, false), (.unchecked, false), (.paused, false): becomeUnknown()
        case (.paused, true), (.resumed, false), (.unknown, _): break
        }
    }

    private mutating func take(
        _ new: NodeosInfo, _ id: CallID, _ sentAt: Instant, _ wallClock: Int64, _ now: Instant
    ) {
        infoFailures = 0
        silentSince = nil
        if unreachable != nil {
            // Its clock may have been set, or its machine's.
            (clockOffset, lateHeads) = (nil, 0)
            unreachable = nil
            (failures, errandDue) = (0, now)
        }
        guard id > knownBy else { return }
        noteClock(new, wallClock, now)
        knownBy = id
        headAskedAt = sentAt
        info = new
        let changed = head != new.head
        head = new.head
        headIsOurs = isOurs(new)
        if changed { headChangedByItself() }
        noteProgress(headChanged: changed, now)
    }

    /// nodeos has the group's block `position` in its chain, as `id` told.
    mutating func found(_ position: BlockPosition, by id: CallID, _ sentAt: Instant, _ now: Instant) {
        isForked = false
        feedProblem = nil
        guard id > knownBy, let head, position.number >= head.number else { return }
        (self.head, knownBy, headAskedAt) = (position, id, sentAt)
        headIsOurs = true
        noteProgress(headChanged: true, now)
    }

    private mutating func noteClock(_ new: NodeosInfo, _ wallClock: Int64, _ now: Instant) {
        let ahead = new.headTime.unixMilliseconds - wallClock
        if ahead > bounds.clockOffset {
            clockOffset = ahead
        } else if production == .resumed, let info, info.head.number < new.head.number,
            producers == .all || isOurs(new)
        {
            // A block just made. The one that was at work while nodeos stood still has an old stamp, but only that.
            lateHeads = -ahead > bounds.clockOffset ? lateHeads + 1 : 0
            clockOffset = lateHeads > 1 ? ahead : nil
        } else if let clockOffset, clockOffset > 0 {
            self.clockOffset = nil
        } else if let clockOffAt, clockOffset != nil, now - clockOffAt >= bounds.clockRest {
            // Only blocks of its own show that it is late, and it makes none: try.
            (clockOffset, lateHeads) = (nil, 0)
        }
        clockOffAt = clockOffset == nil ? nil : clockOffAt ?? now
    }

    /// While nodeos produces, its head is the group's or goes on to be. With several producers it goes on anyway.
    mutating func noteProgress(headChanged: Bool, _ now: Instant) {
        if isInStep {
            stuckSince = nil
        } else if headChanged && producers == .all || stuckSince == nil {
            stuckSince = now
        }
    }

    private mutating func lostSight() {
        switch production {
        case .paused: production = .unchecked
        case .resumed: production = .unknown
        case .unknown, .settling, .unchecked: break
        }
    }

    private mutating func becomeUnknown() {
        production = .unknown
        feed = nil
    }

    mutating func retryLater(_ now: Instant) {
        failures += 1
        errandDue = now + bounds.backoff(failures)
    }

    mutating func succeeded() {
        failures = 0
        problem = nil
    }

    /// Pushed blocks are dropped: nodeos is not as paused as it seemed.
    mutating func doubtPause() { if production == .paused { production = .unchecked } }

    // MARK: - Questions

    /// Ends the question with this number; when it was sent, or nil if there is none.
    private mutating func endQuestion(_ id: CallID, _ answer: NodeosAnswer?, _ now: Instant) -> Instant? {
        if let call = confirmCall, call.id == id {
            confirmCall = nil
            var head: BlockID?
            if case .info(let info) = answer, !isWrong(info) { head = headForConfirmation(info) }
            actions.append(.confirmed(call.question, head: head))
            return call.sentAt
        }
        guard let call = infoCall, call.id == id else { return nil }
        infoCall = nil
        infoDue = call.sentAt + bounds.infoInterval
        return call.sentAt
    }

    private mutating func sendQuestions(_ now: Instant) {
        if let question = confirmWaiting, confirmCall == nil {
            if now >= confirmDue {
                confirmWaiting = nil
                confirmDue = now + bounds.confirmInterval
                confirmCall = (call(.info), question, now)
            } else {
                wake(at: confirmDue)
            }
        }
        guard infoCall == nil else { return }
        if now >= infoDue { infoCall = (call(.info), now) } else { wake(at: infoDue) }
    }

    // MARK: - Errands

    private mutating func sendErrand(_ now: Instant) {
        guard errand == nil else { return }
        guard now >= errandDue else { return wake(at: errandDue) }
        guard let next = nextErrand(now) else { return }
        switch next {
        case .call(let request):
            // From here on it may happen.
            if request == .resume { production = .unknown }
            errand = (call(request), next, now)
        case .load(let height):
            errand = (0, next, now)
            actions.append(.load(height))
        }
    }

    private mutating func nextErrand(_ now: Instant) -> Errand? {
        if let info, isWrong(info) { return nil }
        if info == nil, unreachable == nil { return nil }
        if unreachable == nil, let question = membershipQuestion() { return .call(question) }
        if production == .resumed {
            guard orders.mayProduce else { return .call(.pause) }
            if let own = ownBlock(now) { return own }
            guard let since = stuckSince, now - since >= bounds.stuckTime else {
                if let stuckSince { wake(at: stuckSince + bounds.stuckTime) }
                return check(now)
            }
            becomeUnknown()
        }
        if orders.mayProduce, unreachable == nil, clockOffset == nil {
            if isInStep {
                if now - headAskedAt <= bounds.freshHead { return .call(.resume) }
                ask(now)
                return nil
            }
            if let head = ownHead {
                guard let proposed, proposed.id == head.id else { return .call(.rawBlock(head.id)) }
                if let again = proposed.again {
                    if now >= again { return .call(.rawBlock(head.id)) }
                    wake(at: again)
                    return nil
                }
            }
        }
        switch production {
        case .unknown, .resumed: return .call(.pause)
        case .settling(let until, _, _):
            if now >= until { return .call(.isPaused) }
            wake(at: until)
            return nil
        case .unchecked: return .call(.isPaused)
        case .paused:
            guard unreachable == nil else { return nil }
            guard knownBy > pausedBy else {
                ask(now)
                return nil
            }
            return nextOfFeed(now) ?? check(now)
        }
    }

    /// A block that was just signed, and did not come by p2p: there may be no link.
    private mutating func ownBlock(_ now: Instant) -> Errand? {
        guard let signedAt else { return nil }
        let due = signedAt + bounds.ownBlockTime
        guard now >= due else {
            wake(at: due)
            return nil
        }
        guard let head = ownHead, proposed.map({ $0.id != head.id || $0.again.map { now >= $0 } ?? false }) ?? true
        else {
            if headAskedAt < due || now - headAskedAt >= bounds.confirmInterval, infoCall == nil {
                infoCall = (call(.info), now)
            }
            wake(at: now + bounds.confirmInterval)
            return nil
        }
        return .call(.rawBlock(head.id))
    }

    private mutating func check(_ now: Instant) -> Errand? {
        if now >= checkDue { return .call(.isPaused) }
        wake(at: checkDue)
        return nil
    }

    /// Asks for the head now, instead of later.
    private mutating func ask(_ now: Instant) {
        guard infoCall == nil else { return }
        let due = headAskedAt + bounds.firstVerifyWait
        if now >= due { infoCall = (call(.info), now) } else { wake(at: due) }
    }

    private mutating func call(_ request: NodeosRequest) -> CallID {
        defer { nextCall += 1 }
        actions.append(.call(nextCall, request))
        return nextCall
    }

    mutating func wake(at instant: Instant) { nextWake = min(nextWake, instant) }

    // MARK: - What follows from it

    private func isWrong(_ info: NodeosInfo) -> Bool { orders.chainID.map { $0 != info.chainID } ?? false }

    private func condition(_ now: Instant) -> NodeosStatus.Condition {
        if let unreachable { return .unreachable(unreachable) }
        guard let info, let head else { return status.condition }
        if isWrong(info) { return .wrongChain(info.chainID) }
        guard let committed = orders.committed, head.id != committed.id else { return .well }
        // The chain is made elsewhere.
        if orders.isStandby, head.number >= committed.number { return .well }
        if production == .resumed, let stuckSince, now - stuckSince < bounds.stuckTime { return .well }
        if case .only = producers {
            if isInStep { return .well }
            // What is not known yet is as it was.
            if !headIsOurs, head.number >= committed.number, membership?.committed != committed.id {
                return status.condition
            }
        }
        if isForked || head.number >= committed.number { return .diverged(head) }
        return .behind(by: committed.number - head.number)
    }

    private mutating func renewStatus(_ now: Instant) {
        var new = NodeosStatus(condition: condition(now))
        switch production {
        case .unknown: new.production = .unknown
        case .settling, .unchecked: new.production = .pausing
        case .paused: new.production = .paused
        case .resumed: new.production = .resumed
        }
        new.head = head
        new.irreversible = info?.irreversible
        new.chainID = info?.chainID
        if let head, let committed = orders.committed { new.distance = Int64(committed.number) - Int64(head.number) }
        new.clockOffset = clockOffset
        if case .only = producers, isInStep, membership?.answer == .passed, let committed = orders.committed {
            problem = "the chain has gone on without the group's block \(committed.number), \(committed.id.hex)"
        }
        new.problem = isInStep ? problem : feedProblem ?? problem
        let isSound = new.condition == .well && clockOffset == nil
        if production == .paused, knownBy > pausedBy, isInStep { new.pausedAt = orders.committed?.id }
        new.isReadyToProduce = isSound && production == .resumed && orders.mayProduce
        let isWell = isSound && (!orders.mayProduce || production == .resumed || orders.committed == nil)
        unwellSince = isWell ? nil : unwellSince ?? silentSince?.at ?? now
        guard new != status else { return }
        status = new
        actions.append(.statusChanged(new))
    }
}
