import Antelope
import Configuration
import DequeModule
import Gate
import Logging
import NIOCore
import ProducerHA
import Raft
import Storage
import Transactions
import Transport

/// One running peer. Everything here happens on one event loop, which owns the replica and all its state.
final class Node {
    let eventLoop: any EventLoop
    let settings: NodeSettings
    let logger: Logger
    let store: StoreThread
    let startedAt = Clock.now()

    private(set) var replica: Replica
    private(set) var links: PeerLinks?
    /// nil when no nodeos is configured.
    private(set) var attachment: NodeosAttachment?
    /// What the other peers said of their nodeos last.
    private(set) var nodeosReports: [PeerID: PeerReport.Nodeos] = [:]
    private(set) lazy var transactions = TransactionService(self)
    var flags: FlagEdits
    /// The flag of the file, not taken in yet.
    private var flagToRead: Bool?
    var counters = Counters()
    /// Wall clock time at which the head was applied here.
    private(set) var headAppliedAt: Int64?
    /// When the last message of each peer came.
    private(set) var heard: [PeerID: Instant] = [:]

    // Callers that wait.
    private var nextTicket: Ticket = 1
    private var commits: [Ticket: EventLoopPromise<CommitAnswer>] = [:]
    var blockWaiters = BlockWaiters()
    var leadershipWaiters: [(deadline: Instant, promise: EventLoopPromise<LeadershipOutcome>)] = []
    var transferWaiters: [EventLoopPromise<TransferOutcome>] = []

    private var lastNodeosWords = ""

    private var timer: Scheduled<Void>?
    private var timerDue: Instant?
    private var jobs: [StoreThread.Job] = []
    /// What was asked for while actions were being carried out; it comes after them.
    private var queue: Deque<(inout Replica, Instant) -> [Action]> = []
    private var isBusy = false
    private let onFatal: (StoreError) -> Void

    init(
        eventLoop: any EventLoop, settings: NodeSettings, replica: Replica, flags: FlagEdits, store: StoreThread,
        logger: Logger, onFatal: @escaping (StoreError) -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.replica = replica
        self.flags = flags
        self.store = store
        self.logger = logger
        self.onFatal = onFatal
    }

    /// Before `start`.
    func attach(_ attachment: NodeosAttachment) { self.attachment = attachment }

    func start(links: PeerLinks) {
        self.links = links
        scheduleWake()
        reportRegularly()
        transactions.start()
    }

    // MARK: - Events

    func handle(_ event: Event) { perform { $0.step(event, at: $1) } }

    /// Does one thing with the replica, and then what that asks for. Carrying out actions can call back here, through a
    /// link that fails or a caller that is answered: such a call waits its turn, so that actions stay in order.
    private func perform(_ work: @escaping (inout Replica, Instant) -> [Action]) {
        eventLoop.preconditionInEventLoop()
        queue.append(work)
        guard !isBusy else { return }
        isBusy = true
        while let next = queue.popFirst() { carryOut(next(&replica, Clock.now())) }
        isBusy = false
        if !jobs.isEmpty {
            store.submit(jobs)
            jobs.removeAll(keepingCapacity: true)
        }
        links?.flush()
        scheduleWake()
        attachment?.follow(Clock.now())
        transactions.follow()
    }

    /// Hands in a packed block and answers what became of it.
    func commit(_ block: BlockRef, bytes: [UInt8]) -> EventLoopFuture<CommitAnswer> {
        let ticket = nextTicket
        nextTicket += 1
        let promise = eventLoop.makePromise(of: CommitAnswer.self)
        commits[ticket] = promise
        perform { $0.commitBlock(block, bytes: bytes, ticket: ticket, at: $1) }
        return promise.futureResult
    }

    func shutDown() {
        let preferred = attachment == nil ? [] : peersWithWellNodeos
        perform { $0.shutDown(preferring: preferred, at: $1) }
    }

    /// Why this peer may not produce at this moment; nil when it may. Ask at each use.
    func obstacle(at now: Instant) -> Obstacle? {
        if let obstacle = replica.obstacle(at: now) {
            // A new group that waits until it knows where its chain is.
            if obstacle == .termNotApplied, replica.need != nil { return .nodeos(attachment?.obstacle ?? .behind) }
            return .group(obstacle)
        }
        guard let attachment else { return nil }
        if replica.state.head == nil { return .nodeos(attachment.obstacle ?? .behind) }
        return attachment.isDraining ? .group(.draining) : attachment.obstacle.map(Obstacle.nodeos)
    }

    /// The same for people and programs that ask: nodeos may not have been told yet, or not have said yes.
    func visibleObstacle(at now: Instant) -> Obstacle? {
        if let obstacle = obstacle(at: now) { return obstacle }
        guard let attachment, let status = attachment.driver?.status else { return nil }
        if attachment.hasSignerTrouble(now) { return .nodeos(.signerFailed) }
        return status.isReadyToProduce ? nil : .nodeos(.notResumed)
    }

    func found(_ foundation: Replica.Foundation) { perform { $0.found(foundation, at: $1) } }

    /// Hands leadership over, once what was signed is committed.
    func handOver(to peer: PeerID) {
        guard let attachment, replica.raft.role == .leader else { return handle(.transfer(to: peer)) }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        attachment.drain().whenComplete { _ in
            node.value.handle(.transfer(to: peer))
        }
    }

    /// From the first thought of it on.
    var isHandingOver: Bool { replica.raft.transfer != nil || attachment?.isDraining == true }

    /// Once no hand-over is under way any more.
    private func endDrainIfOver() {
        if attachment?.isDraining == true, replica.raft.transfer == nil, !replica.isShuttingDown {
            attachment?.undrain()
        }
    }

    func nodeosChanged(to status: NodeosStatus) {
        transactions.follow()
        attachment?.foundGroup(Clock.now())
        // Each block is behind for some milliseconds.
        switch status.condition {
        case .behind, .diverged: break
        case .well where status.distance != 0: break
        case .well, .unreachable, .wrongChain: tellNodeos(status)
        }
    }

    private func tellNodeos(_ status: NodeosStatus) {
        let words = status.inWords
        guard words != lastNodeosWords else { return }
        lastNodeosWords = words
        logger.notice("nodeos \(words)")
    }

    var linkedPeers: Int { links?.links.values.count { $0.connectedSince != nil } ?? 0 }

    var peersWithWellNodeos: Set<PeerID> { Set(nodeosReports.filter { $0.value.isWell }.keys) }

    func stored(_ report: StoreThread.Report) {
        switch report {
        case .persisted(let sequence): handle(.persisted(through: sequence))
        case .full(let error):
            logger.error("\(error)")
            handle(.storageBlocked(true))
        case .roomAgain:
            logger.notice("there is room on the disk again")
            handle(.storageBlocked(false))
        case .failed(.full) where replica.isShuttingDown:
            // The end was asked for. What is not written was never acknowledged.
            logger.warning("ends with the disk full; the last writes are not kept")
        case .failed(let error): onFatal(error)
        }
    }

    // MARK: - Actions

    private func carryOut(_ actions: [Action]) {
        for action in actions {
            switch action {
            case .persist(let write): jobs.append(.write(.persist(write)))
            case .send(let message, let peer): links?.send(message, to: peer)
            case .load(let first, let last, let peer): load(from: first, through: last, for: peer)
            case .keep(let snapshot, let dropThrough, let term):
                jobs.append(.write(.keep(snapshot, dropThrough: dropThrough, droppedTerm: term)))
                counters.snapshots += 1
            case .answer(let ticket, let answer): commits.removeValue(forKey: ticket)?.succeed(answer)
            case .applied(let entry, let applied): note(entry, applied)
            case .restored:
                counters.snapshotsInstalled += 1
                headChanged(appliedAt: nil)
                attachment?.restored(replica.state.head)
                transactions.restored()
                logger.notice("took over the leader's snapshot", metadata: ["index": "\(replica.state.index)"])
            case .note(let note): self.note(note)
            }
        }
    }

    private func load(from first: LogIndex, through last: LogIndex, for peer: PeerID) {
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        jobs.append(
            .read(first, through: last, bytes: settings.raft.limits.appendBytes * 4) { result in
                eventLoop.execute {
                    node.value.handle(.loaded((try? result.get()) ?? [], from: first, for: peer))
                }
            })
    }

    private func note(_ entry: Entry, _ applied: Applied) {
        counters.entriesApplied += 1
        if case .refused(let refusal) = applied {
            counters.entriesRefused += 1
            logger.warning(
                "an entry that did not fit changed nothing",
                metadata: ["index": "\(entry.index)", "kind": "\(entry.kind.name)", "reason": "\(refusal)"])
            return
        }
        switch entry.kind {
        case .block:
            counters.blocksCommitted += 1
            headChanged(appliedAt: Clock.unixMilliseconds())
            if let attachment, let header = try? BlockHeader(parsingPrefixOf: entry.payload) {
                attachment.applied(entry.payload, BlockRef(header))
            }
            transactions.applied(entry.payload)
        case .region:
            if replica.state.head?.index == entry.index { headChanged(appliedAt: Clock.unixMilliseconds()) }
            // What this entry says; the state may be further on already.
            guard let change = RegionChange(encoded: entry.payload) else { break }
            if let base = change.base, let attachment, let header = try? BlockHeader(parsingPrefixOf: base) {
                attachment.applied(base, BlockRef(header))
            }
            if let base = change.base { transactions.applied(base: base) }
            logger.notice(
                "region \(settings.region) is \(change.activity)\(change.isPaused ? ", paused" : "")",
                metadata: ["epoch": "\(change.epoch)", "index": "\(entry.index)"])
        case .settings:
            guard let group = GroupSettings(encoded: entry.payload) else { break }
            logger.notice("the group is \(group.groupID)")
        default: break
        }
    }

    private func headChanged(appliedAt: Int64?) {
        guard let head = replica.state.head else { return }
        headAppliedAt = appliedAt
        blockWaiters.resolve(through: head.block.number)
    }

    private func note(_ note: Note) {
        switch note {
        case .becameLeader(let term):
            counters.electionsWon += 1
            logger.notice("leads", metadata: ["term": "\(term)"])
            resolveLeadershipWaiters(.leads)
        case .lostLeadership(let term, let reason):
            counters.leadershipsLost += 1
            logger.notice("leads no more: \(reason.text)", metadata: ["term": "\(term)"])
        case .leaderChanged(let peer, let term):
            counters.leaderChanges += 1
            if let peer, peer != settings.raft.id {
                logger.notice("follows peer \(peer)", metadata: ["term": "\(term)"])
            } else if peer == nil {
                logger.info("knows no leader", metadata: ["term": "\(term)"])
            }
        case .leaseAcquired(let term):
            counters.leasesAcquired += 1
            logger.notice("holds the lease", metadata: ["term": "\(term)"])
        case .transferEnded(let peer, let outcome):
            logger.notice("transfer to peer \(peer): \(outcome.text)")
            // A second one that was refused says nothing of the first.
            if case .busy = outcome { break }
            let waiters = transferWaiters
            transferWaiters = []
            for waiter in waiters { waiter.succeed(outcome) }
            endDrainIfOver()
        case .voteGained(let term):
            logger.notice("this peer's vote counts", metadata: ["from_term": "\(term)"])
        case .writesLost(let has, let remembered, let peer):
            logger.critical(
                """
                the data directory has lost writes: peer \(peer) was told of number \(remembered), here the last one is \
                number \(has). Files were cut short, or an old copy was put back. This peer has no vote until it has \
                caught up with the group; check its disk
                """)
        }
    }

    // MARK: - Time

    /// Keeps one timer that is due no later than the core wants to be woken. One that fires early only looks again.
    private func scheduleWake() {
        let wake = replica.raft.nextWake
        if let timerDue, timerDue <= wake { return }
        timer?.cancel()
        timerDue = wake
        let delay = max((wake - Clock.now()).inNanoseconds, 0)
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: .nanoseconds(delay)) {
            let node = node.value
            node.timerDue = nil
            if Clock.now() >= node.replica.raft.nextWake { node.handle(.tick) } else { node.scheduleWake() }
        }
    }

    /// Once a second: what peers tell each other, and what waits too long.
    private func reportRegularly() {
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(200), delay: .seconds(1)) { _ in
            node.value.report()
        }
    }

    func report() {
        let report = PeerReport(edit: flags.record.edit, nodeos: attachment.flatMap(PeerReport.Nodeos.init)).encoded()
        for peer in settings.raft.others { links?.send(report: report, to: peer) }
        links?.flush()
        takeInFlag()
        followEditedFlags()
        let now = Clock.now()
        if let attachment {
            attachment.agreedClock.look(wall: Clock.unixMilliseconds(), isOff: attachment.isClockOff, at: now)
            attachment.foundGroup(now)
            if let status = attachment.driver?.status, !attachment.isWell { tellNodeos(status) }
        }
        transactions.follow()
        let late = leadershipWaiters.filter { $0.deadline <= now }
        leadershipWaiters.removeAll { $0.deadline <= now }
        for waiter in late { waiter.promise.succeed(.stillFollows(replica.raft.leader)) }
    }

    func resolveLeadershipWaiters(_ outcome: LeadershipOutcome) {
        let waiters = leadershipWaiters
        leadershipWaiters = []
        for waiter in waiters { waiter.promise.succeed(outcome) }
    }

    // MARK: - The flag of the configuration files

    /// Takes in the flag as the file has it now, at the start and at SIGHUP.
    func readFlag(_ isActive: Bool) {
        flagToRead = isActive
        takeInFlag()
    }

    /// An edit belongs to the epoch that stands when it is noticed, so this peer must know that first: what its store
    /// knew at the start may be behind.
    private func takeInFlag() {
        guard let isActive = flagToRead, flags.record.lastRead == nil || replica.hasCaughtUp else { return }
        flagToRead = nil
        guard flags.read(isActive, epoch: replica.state.region.epoch) else { return }
        store.submit(.write(.flag(flags.record)))
        if flags.record.edit != nil {
            logger.notice(
                """
                is_active_raft_cluster was edited to \(isActive); it takes effect when \(settings.raft.quorum) peers \
                have the same edit
                """)
        }
    }

    /// Takes over what can change while the process runs, and says what cannot.
    func reload(_ configuration: Configuration) {
        if flags.record.lastRead == configuration.isActive {
            logger.notice("is_active_raft_cluster is \(configuration.isActive), as before")
        }
        readFlag(configuration.isActive)
        // The others need not wait for the next second.
        report()
        if configuration.fixedAtStart != settings.fixedAtStart {
            logger.warning("other settings of the file have changed too; they take effect at the next start")
        }
    }

    private func followEditedFlags() {
        guard replica.raft.role == .leader, !replica.isShuttingDown else { return }
        guard let change = flags.change(of: replica.state.region, quorum: settings.raft.quorum) else { return }
        if change.activity == .active && settings.knowsOtherRegions {
            counters.flagActivationsRefused += 1
            if counters.flagActivationsRefused == 1 {
                logger.error(
                    """
                    a quorum edited is_active_raft_cluster to true, but whether another of `regions` is active is not \
                    known, so this region stays standby
                    """)
            }
            return
        }
        // Beside nodeos a region begins where the chain is now, not where its own head was.
        if change.activity == .active, let attachment { return attachment.begin(with: change) }
        propose(change)
    }

    func propose(_ change: RegionChange) { perform { $0.proposeRegion(change, at: $1).0 } }
}

extension Node: PeerLinksOwner {
    func makeGreeting(to peer: PeerID) -> Greeting {
        Greeting(
            to: peer, settings: settings.links, softwareVersion: Version.current,
            group: replica.state.groupID,
            fresh: replica.raft.isFresh, lastIndex: replica.raft.lastIndex, lastTerm: replica.raft.lastTerm,
            session: settings.session, remembers: replica.raft.watermark(of: peer))
    }

    func linkUp(_ peer: PeerID, greeting: Greeting) {
        handle(
            .linkUp(
                peer, fresh: greeting.fresh, hasGroup: greeting.group != nil, remembers: greeting.remembers))
    }

    func linkDown(_ peer: PeerID, reason: String) {
        flags.forget(peer)
        nodeosReports[peer] = nil
        handle(.linkDown(peer))
    }

    func received(_ message: Message, from peer: PeerID) {
        heard[peer] = Clock.now()
        if case .transferRequest(let term) = message, attachment != nil, term == replica.raft.term,
            replica.raft.role == .leader
        {
            return isHandingOver ? () : handOver(to: peer)
        }
        handle(.received(message, from: peer))
    }

    func received(report: [UInt8], from peer: PeerID) {
        guard let report = PeerReport(encoded: report) else { return }
        flags.report(report.edit, from: peer)
        nodeosReports[peer] = report.nodeos
        attachment?.foundGroup(Clock.now())
    }

    func received(call: [UInt8], from peer: PeerID) -> EventLoopFuture<[UInt8]> {
        switch PeerCall(encoded: call) {
        case .transaction(let call, let body): transactions.execute(call, body).map { $0.encoded() }
        case nil:
            eventLoop.makeSucceededFuture(
                TransactionTracker.Outcome.notTaken(
                    "peer \(settings.raft.id) does not know this call: update its prodha"
                )
                .encoded())
        }
    }
}

/// Why a peer may not produce: the group does not let it, or its nodeos cannot.
enum Obstacle {
    case group(ProductionObstacle)
    case nodeos(NodeosObstacle)

    /// The name in every document and command.
    var name: String {
        switch self {
        case .group(let obstacle): obstacle.name
        case .nodeos(let obstacle): obstacle.rawValue
        }
    }
}

/// What became of a request for leadership.
enum LeadershipOutcome: Sendable {
    case leads
    case stillFollows(PeerID?)
}

/// Calls that wait for a block.
struct BlockWaiters {
    static let most = 1024

    private var waiting: [(number: UInt32, id: UInt64, promise: EventLoopPromise<Bool>)] = []
    private var nextID: UInt64 = 0

    /// Waits until the block is committed: true, or until the time is over: false. nil when too many wait already.
    mutating func wait(for number: UInt32, on eventLoop: any EventLoop) -> (id: UInt64, future: EventLoopFuture<Bool>)?
    {
        guard waiting.count < Self.most else { return nil }
        nextID += 1
        let promise = eventLoop.makePromise(of: Bool.self)
        waiting.append((number, nextID, promise))
        return (nextID, promise.futureResult)
    }

    mutating func resolve(through number: UInt32) {
        let done = waiting.filter { $0.number <= number }
        guard !done.isEmpty else { return }
        waiting.removeAll { $0.number <= number }
        for waiter in done { waiter.promise.succeed(true) }
    }

    mutating func giveUpAll() {
        let all = waiting
        waiting = []
        for waiter in all { waiter.promise.succeed(false) }
    }

    mutating func giveUp(_ id: UInt64) {
        guard let at = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: at).promise.succeed(false)
    }
}

extension LossReason {
    var text: String {
        switch self {
        case .higherTerm(let term): "there is a later term, \(term)"
        case .quorumLost: "no quorum answers"
        case .handOverFailed: "it gave its lease up for another peer, which did not take over"
        case .storageBlocked: "its disk takes no writes"
        case .retired: "it is about to end"
        case .writesLost: "its disk has lost what it had acknowledged"
        }
    }
}

extension TransferOutcome {
    var text: String {
        switch self {
        case .leaderIs(let peer): "peer \(peer) leads"
        case .targetBehind: "it did not catch up in time; leadership stays"
        case .notLeader: "this peer does not lead"
        case .notAMember: "no such peer in this group"
        case .targetUnreachable: "it cannot be reached; leadership stays"
        case .targetHasNoVote: "its vote does not count yet, since it came without data; leadership stays"
        case .busy: "another transfer is under way"
        case .unknown: "the lease was given up, and no other leader is known yet"
        }
    }
}
