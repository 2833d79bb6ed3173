// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import Gate
import HTTP
import Keys
import Logging
import NIOCore
import ProducerHA
import Raft

/// The nodeos beside this peer and the gates around it: brings what the group decides to them, and what they ask to the
/// group. Everything happens on the node's event loop.
final class NodeosAttachment {
    let settings: AttachmentSettings
    unowned let node: Node
    private let http: HTTPClient
    let client: NodeosClient
    private let lock: NodeosLock
    let halt: DebugHalt?
    private(set) var driver: NodeosDriver?
    private(set) var signatures: SignatureGate?
    private(set) var p2p: P2PGate?
    private var signingServer: HTTPServer?

    private var orders = NodeosOrders()
    private var leaseCheck: Scheduled<Void>?
    /// How many hand-overs and changes of the region are under way before which nothing more is signed.
    var drains = 0
    var isDraining: Bool { drains > 0 }
    var drainWaiters: [EventLoopPromise<Void>] = []
    var drainTimer: Scheduled<Void>?
    private var lastSigningConnection: UInt64 = 0
    /// Ids of committed blocks by height, as far as the log has them.
    var committedIDs = CommittedIDs()
    /// The latest places that nodeos was seen at, last first.
    private(set) var places = RecentPlaces()
    var handOvers = Backoff(first: .seconds(3), last: .seconds(60))
    /// Ids of blocks that came in through the p2p gate: they were public before.
    var cameIn = RecentIDs<BlockID>(limit: 4096)
    var beginning = Beginning()
    /// The region is to be active, and where it begins is not known yet.
    var activation: Activation?
    var isFetchingBase = false
    /// When a signature could not be made, for the first time since one was, and for the last.
    var troubleSeen: (first: Instant, last: Instant)?
    var agreedClock = AgreedClock()
    /// A block of nodeos that was not proposed because of its time.
    private(set) var stampedAhead: BlockID?
    /// Told once, however often it is tried.
    private var lastRefused: BlockID?

    /// How long a hand-over waits for the block that was signed last.
    static let drainTime = TimeAmount.milliseconds(300)

    /// Fails when another process of this machine guards the same nodeos, or the key cannot be used.
    init(_ settings: AttachmentSettings, node: Node, halt: DebugHalt?) throws {
        self.settings = settings
        self.node = node
        self.halt = halt
        lock = try NodeosLock(settings.http)
        http = HTTPClient(eventLoop: node.eventLoop)
        client = NodeosClient(url: settings.http, client: http)
        if let signer = settings.signer {
            let key: any BlockSigner =
                switch signer.key {
                case .here(let key): KeySigner(key, eventLoop: node.eventLoop)
                case .keosd(let url):
                    KeosdSigner(url: url, publicKey: signer.publicKey, client: http, timeout: .milliseconds(250))
                }
            signatures = SignatureGate(eventLoop: node.eventLoop, signer: key, owner: self)
        }
        if let settings = settings.p2p {
            p2p = P2PGate(
                eventLoop: node.eventLoop, settings: settings, owner: self, logger: node.logger,
                wallClock: Clock.unixMilliseconds)
        }
        let node = NIOLoopBound(node, eventLoop: node.eventLoop)
        driver = NodeosDriver(
            eventLoop: node.value.eventLoop, client: client, producers: settings.producers,
            hooks: .init(
                now: Clock.now, wallClock: Clock.unixMilliseconds,
                load: { number in node.value.committedBlock(number).map { $0?.bytes } },
                propose: { [unowned self] in proposeOwn($0) },
                confirmed: { [unowned self] question, head in
                    signatures?.answered(question, head: head, committed: self.node.replica.state.head?.block.id)
                },
                statusChanged: { [unowned self] in statusChanged($0) }))
    }

    // MARK: - Start and end

    /// Fails when a port cannot be had.
    func start() -> EventLoopFuture<Void> {
        loadCommittedIDs()
        driver?.start()
        follow(Clock.now())
        var started = node.eventLoop.makeSucceededVoidFuture()
        if let p2p { started = p2p.start() }
        guard let signer = settings.signer else { return started }
        let server = makeSigningServer()
        signingServer = server
        return started.assumeIsolated().flatMap { server.start(host: signer.listen.host, port: signer.listen.port) }
            .nonisolated()
    }

    /// To be called once nothing is signed any more. nodeos is left paused, if it says so in time.
    func stop() -> EventLoopFuture<Void> {
        leaseCheck?.cancel()
        let loop = node.eventLoop
        return pauseAtEnd().assumeIsolated().flatMap { [self] in
            driver?.stop()
            return signingServer?.stop() ?? loop.makeSucceededVoidFuture()
        }.flatMap { [self] in p2p?.stop() ?? loop.makeSucceededVoidFuture() }
            .flatMap { [self] in http.close() }.nonisolated()
    }

    private func pauseAtEnd() -> EventLoopFuture<Void> {
        let loop = node.eventLoop
        let promise = loop.makePromise(of: Void.self)
        let deadline = NIODeadline.now() + .seconds(1)
        func look() {
            guard let driver, !driver.isKnownPaused, driver.status.isReachable, NIODeadline.now() < deadline else {
                return promise.succeed()
            }
            loop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { look() }
        }
        look()
        return promise.futureResult
    }

    private func makeSigningServer() -> HTTPServer {
        let refusal: (HTTPRefusal) -> Response = { Response.plainError($0) }
        let names = HostNames(settings.signer.map { [$0.listen.host] } ?? [])
        var router = Router(eventLoop: node.eventLoop, errorDocument: refusal)
        router.on([.POST], "/v1/wallet/sign_digest") { [unowned self] request in
            guard let signatures else { return node.eventLoop.makeSucceededFuture(Response(status: .notFound)) }
            // A signature that a web page asks for would spend the permit.
            guard !request.isFromAPage, names.foreignName(in: request) == nil else {
                return node.eventLoop.makeSucceededFuture(.text(.forbidden, "this gate signs for a nodeos only"))
            }
            if request.connection != lastSigningConnection {
                lastSigningConnection = request.connection
                driver?.saw(.newConnection)
            }
            let started = Clock.now()
            let answer = signatures.answer(request)
            answer.assumeIsolated().whenComplete { [unowned self] _ in
                node.counters.signingTime.note((Clock.now() - started).inSeconds)
            }
            return answer
        }
        let handler = router
        var limits = HTTPLimits()
        limits.maxBodyBytes = { _, _ in 4096 }
        limits.maxConnections = 32
        limits.idleTime = .hours(24)
        return HTTPServer(
            eventLoop: node.eventLoop, limits: limits, logger: node.logger, errorDocument: refusal
        ) { handler.handle($0) }
    }

    // MARK: - What the group decided

    /// After anything that may have changed what the group wants.
    func follow(_ now: Instant) {
        let obstacle = isDraining ? .draining : node.replica.obstacle(at: now)
        var new = NodeosOrders()
        switch obstacle {
        case nil: new.mayProduce = !isClockOff
        // A lease that is late by some milliseconds: signatures are refused, and that is enough. When it stays away the
        // obstacle is another one.
        case .leaseExpired: new.mayProduce = orders.mayProduce
        default: break
        }
        // The last blocks of a region that was overtaken are not the chain's.
        new.committed =
            node.replica.state.region.superseded == nil ? node.replica.state.head.map { .init($0.block) } : nil
        new.chainID = node.replica.state.chainID
        let region = node.replica.state.region
        new.isStandby = region.epoch > 0 && region.activity == .standby
        if new != orders {
            orders = new
            driver?.follow(new)
        }
        checkWhenLeaseEnds(now)
        leaveLeadershipIfUnwell(now)
    }

    /// The end of a lease is no event.
    private func checkWhenLeaseEnds(_ now: Instant) {
        guard leaseCheck == nil, case .held(let rest) = node.replica.raft.lease(at: now) else { return }
        leaseCheck = node.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(rest.inNanoseconds + 1_000_000)) {
            [weak self] in
            self?.leaseCheck = nil
            self?.follow(Clock.now())
        }
    }

    /// A block was committed and applied. In the log's order.
    func applied(_ bytes: [UInt8], _ block: BlockRef) {
        halt.at(.committed)
        committedIDs.insert(block.id)
        handOvers.reset()
        do {
            try p2p?.release(bytes)
        } catch {
            node.logger.critical("block \(block.number) was committed, and cannot be sent: \(error)")
        }
        if let signatures, let signature = (try? FeedBlock(bytes))?.signature { signatures.committed(signature) }
        halt.at(.released)
        endDrain()
    }

    /// The state came with a snapshot.
    func restored(_ head: Head?) {
        committedIDs.removeAll()
        committedIDs.lostFrom = node.replica.state.region.superseded?.lostFrom
        guard let head else { return }
        committedIDs.insert(head.block.id)
        if let signature = (try? FeedBlock(head.bytes))?.signature { signatures?.committed(signature) }
    }

    private func loadCommittedIDs() {
        let raft = node.replica.raft
        committedIDs.lostFrom = node.replica.state.region.superseded?.lostFrom
        load(from: raft.baseIndex + 1, through: node.replica.state.index)
        if let head = node.replica.state.head { committedIDs.insert(head.block.id) }
    }

    private func load(from first: LogIndex, through last: LogIndex) {
        guard first <= last else { return }
        let page = min(last, first + 499)
        node.outlines(from: first, through: page, prefix: LogEntryDocument.prefixBytes).assumeIsolated().whenComplete {
            [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let outlines):
                for outline in outlines {
                    guard let id = outline.entry.blockID,
                        node.replica.blocks.index(ofHeight: id.blockNumber) == outline.entry.index
                    else { continue }
                    committedIDs.insert(id)
                }
                if let end = outlines.last?.entry.index { load(from: end + 1, through: last) }
            case .failure(let error):
                node.logger.warning("the ids of committed blocks from entry \(first) on cannot be read: \(error)")
            }
        }
    }

    // MARK: - Proposals

    /// The driver found nodeos's own block on top of the group's head.
    func proposeOwn(_ block: FeedBlock) {
        // It came as JSON: what would be committed must be what nodeos has.
        guard let whole = try? SignedBlock(parsing: block.bytes), whole.transactionRoot == whole.header.transactionRoot
        else { return node.logger.error("nodeos's block \(block.number), \(block.id.hex), cannot be read") }
        propose(BlockRef(whole.header), block.bytes)
    }

    func propose(_ block: BlockRef, _ bytes: [UInt8]) {
        if let ahead = secondsAhead(block.slot) {
            if stampedAhead != block.id {
                node.logger.error(
                    """
                    nodeos's block \(block.number) is stamped \(ahead) s ahead of this machine's clock and is not proposed: set \
                    nodeos's clock
                    """, metadata: ["id": "\(block.id.hex)"])
            }
            stampedAhead = block.id
            return
        }
        let started = Clock.now()
        let lastIndex = node.replica.raft.lastIndex
        node.commit(block, bytes: bytes) { [unowned self] answer in
            node.counters.note(answer, above: lastIndex, took: Clock.now() - started)
            guard case .refused(let refusal) = answer else { return }
            driver?.notCommitted(block.id)
            guard lastRefused != block.id else { return }
            lastRefused = block.id
            node.events.emit(
                .nodeos, "nodeos's block \(block.number) was not committed: \(refusal.name)",
                ["block_num": .integer(Int64(block.number)), "block_id": .string(block.id.hex)])
            node.logger.warning(
                "nodeos's block \(block.number) was not committed: \(refusal.name)",
                metadata: ["id": "\(block.id.hex)"])
        }
        halt.at(.proposed)
    }

    /// This gate gave the signature of that block, and the group has not committed it yet.
    func gave(_ bytes: [UInt8]) -> Bool {
        guard let signatures else { return true }
        guard let signature = (try? FeedBlock(bytes))?.signature else { return false }
        return signatures.gave(signature)
    }

    // MARK: - How it is

    /// By how many seconds a slot is ahead of this machine's clock, if that is more than may be. No other nodeos could make
    /// a block on top of it before that time.
    func secondsAhead(_ slot: BlockTimestamp) -> Int64? {
        // This machine's clock may just have jumped.
        let wall = min(Clock.unixMilliseconds(), agreedClock.time(at: Clock.now()) ?? .max)
        let ahead = slot.unixMilliseconds - wall
        return ahead > NodeosControl.Bounds().clockOffset ? ahead / 1000 : nil
    }

    private func statusChanged(_ status: NodeosStatus) {
        // Its block was replaced, or its clock was set.
        if let head = status.head, head.id != stampedAhead { stampedAhead = nil }
        if let head = status.head { places.insert(head.id) }
        if let irreversible = status.irreversible { places.insert(irreversible.id) }
        if let head = status.pausedAt, head == node.replica.state.head?.block.id {
            signatures?.confirmedPaused()
        }
        node.nodeosChanged(to: status)
    }

    /// More clocks of the group differ from this machine's than agree with it. nodeos puts its time into blocks.
    var isClockOff: Bool {
        let bound = Duration.milliseconds(NodeosControl.Bounds().clockOffset)
        let offsets = node.links?.links.values.compactMap { $0.connectedSince == nil ? nil : $0.clockOffset } ?? []
        let agreeing = offsets.count { $0 <= bound && $0 >= .zero - bound } + 1
        return agreeing * 2 < offsets.count + 1
    }

    /// A clock, this machine's or nodeos's, would put a wrong time into blocks.
    private var hasClockTrouble: Bool { isClockOff || stampedAhead != nil }

    /// Signatures could not be made, lately. A peer that does not lead is not asked for any, so that it is better now is
    /// not seen: it is believed after a while.
    func hasSignerTrouble(_ now: Instant) -> Bool {
        guard let trouble = signatures?.trouble, let seen = troubleSeen else { return false }
        let patience: Duration = trouble == .wrongKey ? .zero : .seconds(1)
        return seen.last - seen.first >= patience && now - seen.last < .seconds(30)
    }

    /// nodeos could produce, or follow, at once.
    var isWell: Bool {
        !hasClockTrouble && !hasSignerTrouble(Clock.now()) && !isLeftBehind && driver?.isWell ?? false
    }

    /// Why this peer may not produce although the group would let it.
    var obstacle: NodeosObstacle? {
        guard let status = driver?.status else { return .unreachable }
        switch status.condition {
        case .unreachable: return .unreachable
        case .wrongChain: return .wrongChain
        case .behind: return .behind
        case .diverged: return .diverged
        case .well: return hasClockTrouble || status.clockOffset != nil ? .clockOff : nil
        }
    }
}

/// Why a nodeos cannot produce. The names are those of `can_produce`.
enum NodeosObstacle: String {
    case unreachable = "nodeos_unreachable"
    case wrongChain = "nodeos_wrong_chain"
    case behind = "nodeos_behind"
    case diverged = "nodeos_diverged"
    case clockOff = "nodeos_clock_off"
    /// No signature can be made.
    case signerFailed = "nodeos_signer_failed"
    /// It was told to produce, or will be in a moment, and has not said yes yet.
    case notResumed = "nodeos_paused"
}

extension NodeosStatus {
    var isReachable: Bool { if case .unreachable = condition { false } else { true } }
}

/// The time of day as it was when this machine's clock agreed with the others', carried on by the monotonic clock.
struct AgreedClock {
    /// How long a clock that jumped must agree with the others before it is believed.
    static let trial = Duration.seconds(10)

    /// The time of day at the monotonic clock's zero, in milliseconds since 1970.
    private var base: Int64?
    private var jumpedAt: Instant?

    /// To be called about once a second.
    mutating func look(wall: Int64, isOff: Bool, at now: Instant) {
        let new = wall - now.nanoseconds / 1_000_000
        guard let base, abs(new - base) > NodeosControl.Bounds().clockOffset else {
            if !isOff { self.base = new }
            jumpedAt = nil
            return
        }
        guard !isOff else {
            jumpedAt = nil
            return
        }
        let since = jumpedAt ?? now
        jumpedAt = since
        if now - since >= Self.trial { (self.base, jumpedAt) = (new, nil) }
    }

    func time(at now: Instant) -> Int64? { base.map { $0 + now.nanoseconds / 1_000_000 } }
}
