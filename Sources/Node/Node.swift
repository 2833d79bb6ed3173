// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
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
    let events: EventStreams
    let startedAt = Clock.now()

    private(set) var replica: Replica
    private(set) var links: PeerLinks?
    /// nil when no nodeos is configured.
    private(set) var attachment: NodeosAttachment?
    /// What the other peers said of their nodeos last.
    private(set) var nodeosReports: [PeerID: PeerReport.Nodeos] = [:]
    var groupStatus = GroupStatus()
    /// nil when no other region is configured.
    private(set) var beacon: RegionBeacon?
    /// Who may make which call of the API.
    var access: Access
    var certificates = OwnCertificates()
    /// What is in force of the file, as it was read last.
    private(set) var configuration: Configuration
    var wrongTokens = WrongTokens()
    private(set) lazy var transactions = TransactionService(self)
    var flags: FlagEdits
    /// Told as an alarm.
    var isInConflict = false
    /// Why an edited flag was not followed, last.
    var flagObjection: ErrorKind?
    /// The flag of the file, not taken in yet.
    var flagToRead: Bool?
    var counters = Counters()
    /// Wall clock time at which the head was applied here.
    private(set) var headAppliedAt: Int64?
    /// When the last message of each peer came.
    private(set) var heard: [PeerID: Instant] = [:]

    // Callers that wait.
    private var nextTicket: Ticket = 1
    private var handedIn: [Replica.HandIn] = []
    private var commits: [Ticket: (CommitAnswer) -> Void] = [:]
    private var changes: [Ticket: EventLoopPromise<ChangeAnswer>] = [:]
    var blockWaiters = BlockWaiters()
    var leadershipWaiters: [(deadline: Instant, promise: EventLoopPromise<LeadershipOutcome>)] = []
    var transferWaiters: [EventLoopPromise<TransferOutcome>] = []
    /// The transfer that an operator asked for, while it is under way.
    var transferAsked: String?
    var maintenanceHandOvers = Backoff(first: .seconds(1), last: .seconds(30))

    private var lastNodeosWords = ""
    /// The term whose leader this peer was, and wrote down.
    var recordedTerm: Term = 0

    private var timer: Scheduled<Void>?
    private var timerDue: Instant?
    private var jobs: [StoreThread.Job] = []
    /// To be written behind all that this turn writes: the entries up to it may be among that.
    private var commitToRemember: LogIndex?
    /// What was asked for while actions were being carried out; it comes after them.
    private var queue: Deque<(inout Replica, Instant) -> [Action]> = []
    private var isBusy = false
    private let onFatal: (StoreError) -> Void

    init(
        eventLoop: any EventLoop, settings: NodeSettings, access: Access, replica: Replica, flags: FlagEdits,
        store: StoreThread, events: EventStreams, logger: Logger, onFatal: @escaping (StoreError) -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.access = access
        configuration = settings.atStart
        self.replica = replica
        self.flags = flags
        self.store = store
        self.events = events
        self.logger = logger
        self.onFatal = onFatal
    }

    /// Before `start`.
    func attach(_ attachment: NodeosAttachment) { self.attachment = attachment }

    /// Before `start`.
    func attach(_ beacon: RegionBeacon) { self.beacon = beacon }

    func start(links: PeerLinks) {
        self.links = links
        replica.setWallClock(aheadBy: Clock.wallOffset())
        beacon?.start()
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
        if let index = commitToRemember { jobs.append(.write(.commit(index))) }
        commitToRemember = nil
        // First the wire: followers' disks work while this one does.
        links?.flush()
        if !jobs.isEmpty {
            store.submit(jobs)
            jobs.removeAll(keepingCapacity: true)
        }
        scheduleWake()
        attachment?.follow(Clock.now())
        transactions.follow()
        leaveLeadershipForMaintenance()
    }

    /// Hands in a packed block; `then` is told what became of it. Blocks that come within one turn of the loop are handed in at
    /// its end, together.
    func commit(_ block: BlockRef, bytes: [UInt8], then: @escaping (CommitAnswer) -> Void) {
        let ticket = nextTicket
        nextTicket += 1
        commits[ticket] = then
        handedIn.append(Replica.HandIn(block, bytes: bytes, ticket: ticket))
        if handedIn.count == 1 {
            let node = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.execute { node.value.handIn() }
        }
    }

    private func handIn() {
        let all = handedIn
        handedIn.removeAll(keepingCapacity: true)
        perform { $0.commitBlocks(all, at: $1) }
    }

    /// Hands in a change and answers what became of it; after `longest` at the latest, as unknown then.
    @discardableResult
    func change(_ change: Change, within longest: TimeAmount = .seconds(5)) -> EventLoopFuture<ChangeAnswer> {
        let ticket = nextTicket
        nextTicket += 1
        let promise = eventLoop.makePromise(of: ChangeAnswer.self)
        changes[ticket] = promise
        perform { $0.change(change, ticket: ticket, at: $1) }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let timer = eventLoop.scheduleTask(in: longest) {
            node.value.changes.removeValue(forKey: ticket)?.succeed(.leadershipLost)
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
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

    /// A peer of another region said how that stands, `age` ago.
    func hear(_ report: RegionReport, from teller: PeerID, age: Duration = .zero) {
        let before = replica.regions.heard[report.name]?.report
        perform { $0.hear(report, from: teller, age: age, at: $1) }
        tellConflict()
        guard let now = replica.regions.heard[report.name]?.report, now.epoch != before?.epoch else { return }
        let words = "region \(now.name) is \(now.activity)"
        logger.notice("\(words)", metadata: ["epoch": "\(now.epoch)"])
        events.emit(.region, words, ["of": .string(now.name), "epoch": .integer(Int64(clamping: now.epoch))])
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
    func endDrainIfOver() {
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
        events.emit(.nodeos, "nodeos \(words)")
    }

    /// What can change while the process runs.
    func takeOver(_ new: Configuration) {
        configuration.isActive = new.isActive
        (configuration.tokenFile, configuration.readTokenFile) = (new.tokenFile, new.readTokenFile)
        if configuration.tls != nil, let tls = new.tls { configuration.tls = tls }
        if configuration.apiTLS != nil, let tls = new.apiTLS { configuration.apiTLS = tls }
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
            case .answer(let ticket, let answer): commits.removeValue(forKey: ticket)?(answer)
            case .changed(let ticket, let answer): changes.removeValue(forKey: ticket)?.succeed(answer)
            case .applied(let entry, let applied, let block): note(entry, applied, block)
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

    private func note(_ entry: Entry, _ applied: Applied, _ block: BlockRef?) {
        counters.entriesApplied += 1
        if case .refused(let refusal) = applied {
            counters.entriesRefused += 1
            events.emit(
                .commit, "entry \(entry.index), \(entry.kind.name), did not fit and changed nothing: \(refusal)",
                ["index": .integer(Int64(clamping: entry.index)), "term": .integer(Int64(clamping: entry.term))])
            logger.warning(
                "an entry that did not fit changed nothing",
                metadata: ["index": "\(entry.index)", "kind": "\(entry.kind.name)", "reason": "\(refusal)"])
            return
        }
        // What this entry says; the state may be further on already.
        if let turn = entry.turn {
            attachment?.committedIDs.follow(turn)
            if let base = turn.base, let attachment, let header = try? BlockHeader(parsingPrefixOf: base) {
                attachment.applied(base, BlockRef(header))
            }
            transactions.applied(turn)
        }
        switch entry.kind {
        case .block:
            counters.blocksCommitted += 1
            headChanged(appliedAt: Clock.unixMilliseconds())
            if let block {
                tell(block, entry)
                attachment?.applied(entry.payload, block)
            }
            transactions.applied(entry.payload)
        case .region:
            if replica.state.head?.index == entry.index { headChanged(appliedAt: Clock.unixMilliseconds()) }
            guard let change = RegionChange(encoded: entry.payload) else { break }
            var metadata: Logger.Metadata = ["epoch": "\(change.epoch)", "index": "\(entry.index)"]
            if let act = change.act { metadata.merge(act.metadata) { _, new in new } }
            let words = "region \(settings.region) is \(change.activity)\(change.isPaused ? ", paused" : "")"
            logger.notice("\(words)", metadata: metadata)
            tell(change, words, entry)
        case .noop: recordLeadership(of: entry.term)
        case .operation: noteOperation(entry)
        case .settings:
            guard let group = GroupSettings(encoded: entry.payload) else { break }
            logger.notice("the group is \(group.groupID)")
            // A peer that does not know whose data it has would be let in by a group of strangers. In an idle group nothing
            // else is written for long.
            commitToRemember = entry.index
        default: break
        }
    }

    private func headChanged(appliedAt: Int64?) {
        guard let head = replica.state.head else { return }
        headAppliedAt = appliedAt
        blockWaiters.resolve(through: head.block.number)
    }

    private func note(_ note: Note) {
        tell(note)
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
            recordFailedTransfer(outcome)
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
        let wake = replica.nextWake
        if let timerDue, timerDue <= wake { return }
        timer?.cancel()
        timerDue = wake
        let delay = max((wake - Clock.now()).inNanoseconds, 0)
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: .nanoseconds(delay)) {
            let node = node.value
            node.timerDue = nil
            if Clock.now() >= node.replica.nextWake { node.handle(.tick) } else { node.scheduleWake() }
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
        replica.setWallClock(aheadBy: Clock.wallOffset())
        let beginning = Clock.now()
        let report = PeerReport(
            edit: flags.record.edit, nodeos: attachment.flatMap(PeerReport.Nodeos.init),
            // Each peer hears each other one: what was told to this one need not be told again, and would grow younger.
            regions: beacon?.watch.heard.values.map { PeerReport.Hearsay($0, at: beginning) } ?? []
        ).encoded()
        for peer in settings.raft.others { links?.send(report: report, to: peer) }
        askOthersForTheirStatus()
        links?.flush()
        takeInFlag()
        followEditedFlags()
        tellConflict()
        for warning in certificates.warnings(atUnixSeconds: Clock.unixMilliseconds() / 1000) {
            logger.warning("\(warning)")
        }
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
}

extension Node: PeerLinksOwner {
    func makeGreeting(to peer: PeerID) -> Greeting {
        Greeting(
            to: peer, settings: settings.links, softwareVersion: settings.versions.software,
            group: replica.state.groupID,
            fresh: replica.raft.isFresh, lastIndex: replica.raft.lastIndex, lastTerm: replica.raft.lastTerm,
            session: settings.session, remembers: replica.raft.watermark(of: peer))
    }

    func linkUp(_ peer: PeerID, greeting: Greeting) {
        events.emit(.peer, "the link to peer \(peer) is up", ["peer": .integer(Int64(peer.value)), "connected": true])
        handle(
            .linkUp(
                peer, fresh: greeting.fresh, hasGroup: greeting.group != nil, remembers: greeting.remembers))
    }

    func linkDown(_ peer: PeerID, reason: String) {
        events.emit(
            .peer, "the link to peer \(peer) is down: \(reason)",
            ["peer": .integer(Int64(peer.value)), "connected": false])
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
        for heard in report.regions {
            hear(heard.report, from: heard.teller, age: .milliseconds(heard.ageMS))
        }
        attachment?.foundGroup(Clock.now())
    }

    func received(call: [UInt8], from peer: PeerID) -> EventLoopFuture<[UInt8]> {
        switch PeerCall(encoded: call) {
        case .transaction(let call, let body): transactions.execute(call, body).map { $0.encoded() }
        case .status: eventLoop.makeSucceededFuture(status().json())
        case .handOver(let record): handOver(to: peer, asRecorded: record).map { $0.encoded() }
        case nil:
            eventLoop.makeSucceededFuture(
                TransactionTracker.Outcome.notTaken(
                    "peer \(settings.raft.id) does not know this call: update its prodha"
                )
                .encoded())
        }
    }
}
