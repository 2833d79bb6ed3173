// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Gate
import HTTP
import NIOCore
import ProducerHA
import Raft
import Transactions
import Transport

/// Carries out what `TransactionTracker` decides: hand-overs to the nodeos of the leader, answers and one timer. Everything
/// happens on the node's event loop.
final class TransactionService {
    typealias Outcome = TransactionTracker.Outcome
    typealias Answer = TransactionTracker.Answer

    /// How long nodeos may take for one. While it is paused it does not answer at all.
    static let nodeosTime = TimeAmount.seconds(5)
    /// The same by way of another peer.
    static let peerTime = Duration.milliseconds(5500)
    /// Largest answer of nodeos that is read, in bytes: a trace may be long.
    static let longestReply = 8 << 20
    /// Transactions that are with this peer's nodeos at once: those of three peers that each hand over as many as they may.
    static let mostAtNodeos = 192

    unowned let node: Node
    private(set) var tracker = TransactionTracker()
    /// From hand-in to commit.
    private(set) var commitTime = Histogram.ofTransactions
    private let http: HTTPClient
    private var promises: [TransactionTracker.Ticket: EventLoopPromise<Answer>] = [:]
    private var nextTicket: TransactionTracker.Ticket = 1
    private var atNodeos = 0
    private var leader: TransactionTracker.Leader?

    private let turns = Turns<TransactionTracker.Event>()
    /// Blocks that were applied while the node carries something out; they come when that is done, so that followers and
    /// nodeos have a block before the clients have their answers.
    private var applied: [[UInt8]] = []
    private var timer: (due: Instant, task: Scheduled<Void>)?
    private(set) var isStopped = false
    /// The log is being read for what it holds.
    var isLoading = false
    /// nil when none is configured.
    private(set) var queue: QueueService?
    /// Counts the gaps: what is being read from the log then is of no use any more.
    private(set) var gapCount: UInt64 = 0
    private var overloads = OnceAMinute()

    init(_ node: Node) {
        self.node = node
        http = HTTPClient(eventLoop: node.eventLoop, maxIdleConnectionsPerHost: TransactionTracker.Bounds().attempts)
    }

    /// Before `start`.
    func attach(_ queue: QueueService) { self.queue = queue }

    func start() {
        tracker.isSole = node.replica.options.producers == .sole
        isLoading = true
        loadIndex()
        follow()
    }

    /// Everyone who waits is answered.
    func stop() -> EventLoopFuture<Void> {
        handle(.shutDown)
        isStopped = true
        timer?.task.cancel()
        let queue = queue?.stop() ?? node.eventLoop.makeSucceededVoidFuture()
        return queue.and(http.close()).map { _ in }
    }

    // MARK: - Clients

    /// Hands a transaction in. Completes by the deadline.
    /// - Parameter over: completes when the client does not wait any more.
    func handIn(
        _ call: TransactionCall, _ body: [UInt8], wait: TransactionTracker.Wait, timeout: Duration,
        over: EventLoopFuture<Void>?
    ) -> EventLoopFuture<Answer> {
        let ticket = nextTicket
        nextTicket += 1
        let promise = node.eventLoop.makePromise(of: Answer.self)
        promises[ticket] = promise
        over?.assumeIsolated().whenComplete { [weak self] _ in
            guard let self, promises[ticket] != nil else { return }
            handle(.gone(ticket))
            // Nobody reads it; a promise must be kept.
            promises.removeValue(forKey: ticket)?.succeed(.overloaded(waiting: 0, bytes: 0))
        }
        let handIn = TransactionTracker.HandIn(
            ticket: ticket, call: call, body: body, transaction: TransactionBody(body, of: call).transaction,
            wait: wait,
            deadline: Clock.now() + timeout)
        handle(.handedIn(handIn))
        return promise.futureResult
    }

    // MARK: - The group

    /// After anything that may have changed who leads.
    func follow() {
        queue?.follow()
        // Field by field: this runs after each step, and the core is large to copy.
        let term = node.replica.raft.hardState.term
        let new = node.replica.raft.leader.map { TransactionTracker.Leader(peer: $0, term: term) }
        guard new != leader else { return }
        leader = new
        handle(.leader(new))
    }

    /// A block was committed and applied. In the log's order.
    func applied(_ bytes: [UInt8]) {
        applied.append(bytes)
        guard applied.count == 1 else { return }
        node.eventLoop.assumeIsolated().execute { [weak self] in self?.takeApplied() }
    }

    private func takeApplied() {
        let blocks = applied
        applied = []
        for bytes in blocks {
            guard let block = CommittedBlock(packed: bytes) else {
                gap()
                continue
            }
            handle(.committed(block))
            queue?.committed(block)
        }
    }

    /// The region was overtaken, or goes on from a block which may be any.
    func applied(_ turn: ChainTurn) {
        takeApplied()
        if turn.lostFrom != nil { gap(.leftBehind) }
        guard let base = turn.base, let header = try? BlockHeader(parsingPrefixOf: base),
            header.id != tracker.index.last?.id
        else { return }
        if header.previous != tracker.index.last?.id { gap(.leftBehind) }
        applied(base)
    }

    /// The state came with a snapshot.
    func restored() {
        takeApplied()
        let state = node.replica.state
        // It may have been overtaken in between.
        gap(node.replica.regions.others.isEmpty ? .gap : .leftBehind)
        if state.region.superseded == nil, let head = state.head { applied(head.bytes) }
    }

    private func gap(_ event: TransactionTracker.Event = .gap) {
        gapCount += 1
        handle(event)
        queue?.gap()
    }

    func loaded() {
        isLoading = false
        queue?.follow()
    }

    /// A block out of the log that is older than all that are known. False: there is no room for it.
    func prepend(_ bytes: [UInt8]) -> Bool {
        guard let block = CommittedBlock(packed: bytes) else { return false }
        guard let first = tracker.index.first, block.reference.number < first.number else { return true }
        return tracker.load(block)
    }

    // MARK: - The tracker

    private func handle(_ event: TransactionTracker.Event) {
        node.eventLoop.preconditionInEventLoop()
        guard !isStopped else {
            if case .handedIn(let handIn) = event {
                promises.removeValue(forKey: handIn.ticket)?.succeed(.overloaded(waiting: 0, bytes: 0))
            }
            return
        }
        let isDone = turns.take(event) { event in
            for action in tracker.step(event, at: Clock.now()) { carryOut(action) }
        }
        if isDone { setTimer() }
    }

    private func carryOut(_ action: TransactionTracker.Action) {
        switch action {
        case .send(let attempt, let peer, let call, let body):
            let outcome = peer == node.settings.raft.id ? execute(call, body) : forward(call, body, to: peer)
            outcome.assumeIsolated().whenSuccess { [weak self] outcome in self?.handle(.outcome(attempt, outcome)) }
        case .answer(let ticket, let answer):
            if case .overloaded(let waiting, let bytes) = answer { tellOverload(waiting, bytes) }
            promises.removeValue(forKey: ticket)?.succeed(answer)
        case .ended(let id, let ending, let time):
            if ending == .committed { commitTime.note(time.inSeconds) }
            node.logger.debug(
                "transaction \(ending)",
                metadata: ["id": "\(id.map { "\($0)" } ?? "not known")", "after_ms": "\(time.inMilliseconds)"])
        case .givenAgain(let count, let leader):
            node.logger.notice("\(count) waiting transactions are given to the new leader, peer \(leader.peer), again")
        }
    }

    private func tellOverload(_ waiting: Int, _ bytes: Int) {
        guard overloads.isDue(Clock.now()) else { return }
        node.logger.warning(
            "transactions are turned away: \(waiting) of \(bytes) bytes wait already; is a block being committed?")
    }

    private func setTimer() {
        guard let wake = tracker.nextWake else { return }
        if let timer, timer.due <= wake { return }
        timer?.task.cancel()
        let delay = max((wake - Clock.now()).inNanoseconds, 0)
        let task = node.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            self?.timer = nil
            self?.handle(.tick)
        }
        timer = (wake, task)
    }

    // MARK: - Hand-overs

    /// Gives a transaction to this peer's own nodeos, if that produces for the group now.
    func execute(_ call: TransactionCall, _ body: [UInt8]) -> EventLoopFuture<Outcome> {
        let loop = node.eventLoop
        guard let attachment = node.attachment else {
            return loop.makeSucceededFuture(.notTaken("peer \(node.settings.raft.id) leads and has no nodeos"))
        }
        if let obstacle = node.visibleObstacle(at: Clock.now()) {
            return loop.makeSucceededFuture(
                .notTaken("peer \(node.settings.raft.id) does not produce now: \(obstacle.name)"))
        }
        guard atNodeos < Self.mostAtNodeos else {
            return loop.makeSucceededFuture(
                .notTaken("peer \(node.settings.raft.id) has too many on their way to nodeos"))
        }
        atNodeos += 1
        let term = node.replica.raft.term
        let request = HTTPCall(
            .POST, attachment.settings.http.appending(call.path), headers: ["content-type": "application/json"],
            body: ByteBuffer(bytes: body),
            timeout: Self.nodeosTime, maxAnswerBytes: Self.longestReply, repetition: .harmless)
        let promise = loop.makePromise(of: Outcome.self)
        http.send(request).assumeIsolated().whenComplete { [self] result in
            atNodeos -= 1
            let outcome: Outcome
            switch result {
            case .success(let answer):
                let reply = NodeosReply(status: Int(answer.status.code), body: Array(answer.body.readableBytesView))
                outcome = holds(reply, since: term) ? .answered(reply) : .unknown("leadership was lost on the way")
            case .failure(let error): outcome = Self.outcome(error, of: "nodeos")
            }
            promise.succeed(outcome)
        }
        return promise.futureResult
    }

    /// A no of a nodeos that does not produce for the group any more rests on what the group may never commit.
    private func holds(_ reply: NodeosReply, since term: Term) -> Bool {
        if case .executed = NodeosVerdict(reply) { return true }
        let raft = node.replica.raft
        return raft.role == .leader && raft.term == term && node.obstacle(at: Clock.now()) == nil
    }

    /// Gives a transaction to the leader, which gives it to its nodeos.
    private func forward(_ call: TransactionCall, _ body: [UInt8], to peer: PeerID) -> EventLoopFuture<Outcome> {
        let loop = node.eventLoop
        guard let links = node.links else { return loop.makeSucceededFuture(.notTaken("this peer has no links yet")) }
        let promise = loop.makePromise(of: Outcome.self)
        let question = PeerCall.transaction(call, body: body).encoded()
        links.call(question, to: peer, timeout: Self.peerTime).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let answer):
                promise.succeed(
                    Outcome(encoded: answer) ?? .unknown("peer \(peer) gave an answer that this one cannot read"))
            case .failure(CallError.notDelivered(let why)): promise.succeed(.notTaken("peer \(peer): \(why)"))
            case .failure(let error): promise.succeed(.unknown("peer \(peer): \(error)"))
            }
        }
        return promise.futureResult
    }

    private static func outcome(_ error: any Error, of what: String) -> Outcome {
        switch error as? HTTPClientError {
        case .badURL(let text), .cannotConnect(let text): .notTaken("\(what): \(text)")
        case .noAnswer, .closedEarly, .cancelled, .badAnswer, .answerTooLarge, nil: .unknown("\(what): \(error)")
        }
    }
}
