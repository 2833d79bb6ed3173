// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import Logging
import NIOCore
import NIOPosix

/// The gate between the local nodeos and the world: listeners, links, and what is released to them. Confined to one event
/// loop: every call must come from it.
public final class P2PGate {
    public let settings: P2PGateSettings
    let eventLoop: any EventLoop
    /// This peer's wall clock, in milliseconds since 1970.
    let wallClock: () -> Int64
    private(set) weak var owner: (any P2PGateOwner)?
    let logger: Logger

    private enum State { case idle, starting, running, stopped }
    private var state = State.idle
    private var listeners: [P2PLinkEnd.Side: any Channel] = [:]
    private var stopped: EventLoopFuture<Void>?
    private var sweeper: Scheduled<Void>?

    /// Every open connection, of links and of none.
    private var ends: [ObjectIdentifier: P2PLinkEnd] = [:]
    /// In the order of their numbers.
    private(set) var links: [P2PLink] = []
    private var lastNumber: UInt64 = 0
    private var heldIDs: RecentIDs<BlockID>
    private var counters = P2PCounters()
    private var complaints: [String: (at: NIODeadline, heldBack: Int)] = [:]
    /// nodeos's time of day, as it last said.
    private var nodeosClock: (ahead: Int64, at: NIODeadline)?
    /// See P2PGateDialling.
    let peers: [P2PGatePeer]
    var nodeos = P2PNodeosState()

    /// `wallClock` gives milliseconds since 1970. The owner is not kept alive; without it nothing of a block passes.
    public init(
        eventLoop: any EventLoop, settings: P2PGateSettings, owner: any P2PGateOwner, logger: Logger,
        wallClock: @escaping () -> Int64
    ) {
        let limits = settings.limits
        precondition((1...ChainLimits.frameSize).contains(limits.maxFrameBytes), "maxFrameBytes")
        precondition(limits.maxQueuedBytes >= limits.maxFrameBytes && limits.pauseBytes > 0, "maxQueuedBytes")
        precondition(limits.redialPause.lowerBound > .zero && limits.probePause.lowerBound > .zero, "pauses")
        self.eventLoop = eventLoop
        self.settings = settings
        self.owner = owner
        self.logger = logger
        self.wallClock = wallClock
        heldIDs = RecentIDs(limit: limits.maxRememberedBlocks)
        peers = settings.peers.map { P2PGatePeer($0, pause: limits.redialPause.lowerBound) }
    }

    var isRunning: Bool { state == .running }

    // MARK: - Starting and stopping

    /// Listens, then dials. Fails with a `P2PGateError`; nothing runs then. To be called once.
    public func start() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        precondition(state == .idle, "the p2p gate is started twice")
        state = .starting
        var listening = eventLoop.makeSucceededVoidFuture()
        for (side, address) in [(P2PLinkEnd.Side.outside, settings.listen), (.local, settings.localListen)] {
            guard let address else { continue }
            listening = listening.assumeIsolated().flatMap { self.listen(address, side) }.nonisolated()
        }
        return listening.assumeIsolated().flatMapThrowing {
            guard self.state == .starting else { throw P2PGateError.stopped }
            self.state = .running
            self.sweep()
        }.flatMapErrorThrowing { error in
            if self.state == .starting { _ = self.stop() }
            throw error
        }.nonisolated()
    }

    private func listen(_ address: P2PAddress, _ side: P2PLinkEnd.Side) -> EventLoopFuture<Void> {
        let gate = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark(settings.limits))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try gate.value.accept(channel, side) }
            }
            .bind(host: address.host, port: address.port)
            .flatMapErrorThrowing { throw P2PGateError.cannotListen(address: address.description, reason: "\($0)") }
            .assumeIsolated().flatMap { server in
                guard self.state == .starting else { return server.close() }
                self.listeners[side] = server
                self.logger.info(
                    "listening for \(side == .outside ? "outside nodes" : "the local nodeos") on \(address) (p2p)")
                return self.eventLoop.makeSucceededVoidFuture()
            }.nonisolated()
    }

    static func waterMark(_ limits: P2PLimits) -> ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, limits.pauseBytes / 2), high: limits.pauseBytes)
    }

    /// The port of `listen`; nil unless it listens.
    public var listeningPort: Int? { listeners[.outside]?.localAddress?.port }
    /// The port of `localListen`; nil unless it listens.
    public var localListeningPort: Int? { listeners[.local]?.localAddress?.port }

    /// Closes everything. The owner hears nothing more, from this call on. Done when all connections are closed.
    public func stop() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let stopped { return stopped }
        state = .stopped
        owner = nil
        sweeper?.cancel()
        var closing = listeners.values.map { $0.closeFuture }
        for listener in listeners.values { listener.close(promise: nil) }
        listeners = [:]
        stopDialling()
        for link in links { _ = link.shut(by: .gate) }
        links = []
        for end in ends.values {
            if let closed = end.closeFuture { closing.append(closed) }
            end.finish()
        }
        let done = EventLoopFuture.andAllComplete(closing, on: eventLoop)
        stopped = done
        return done
    }

    // MARK: - Connections and links

    func opened(_ end: P2PLinkEnd) { ends[ObjectIdentifier(end)] = end }
    func closed(_ end: P2PLinkEnd) { ends[ObjectIdentifier(end)] = nil }

    private func accept(_ channel: any Channel, _ side: P2PLinkEnd.Side) throws {
        guard isRunning else { throw P2PGateError.stopped }
        let end = P2PLinkEnd(side: side, gate: self)
        switch side {
        case .local:
            try channel.pipeline.syncOperations.addHandler(end)
            eventLoop.assumeIsolated().execute { self.acceptNodeos(end) }
        case .outside:
            let incoming = links.filter { $0.direction == .dialedIn }
            var host = channel.remoteAddress?.ipAddress ?? ""
            if host.hasPrefix("::ffff:") { host.removeFirst(7) }
            let limits = settings.limits
            guard incoming.count < limits.maxLinks else {
                return try turnAway("all \(limits.maxLinks) links are taken", host)
            }
            guard incoming.count(where: { $0.outside?.host == host }) < limits.maxLinksPerAddress else {
                return try turnAway("it has \(limits.maxLinksPerAddress) links already", host)
            }
            guard settings.node != nil else { return try turnAway("nodeos.p2p.node is not given", host) }
            try channel.pipeline.syncOperations.addHandler(end)
            add(.dialedIn, nil, end)
        }
    }

    private func turnAway(_ reason: String, _ host: String) throws {
        counters.turnedAway += 1
        complain(kind: reason, "p2p: \(host) is turned away: \(reason)")
        throw P2PGateError.turnedAway(reason)
    }

    @discardableResult
    func add(_ direction: P2PDirection, _ peer: P2PAddress?, _ end: P2PLinkEnd) -> P2PLink {
        lastNumber += 1
        let link = P2PLink(number: lastNumber, direction: direction, peer: peer, first: end, gate: self)
        links.append(link)
        return link
    }

    func isUp(_ link: P2PLink) {
        counters.linksMade += 1
        logger.info("p2p link \(link.number) (\(link.direction.rawValue)) to \(link.outsideAddress) stands")
        peerIsUp(link)
    }

    /// Ends a link, once.
    func end(_ link: P2PLink, reason: String, by cause: P2PLink.Cause) {
        let wasUp = link.isUp
        let address = link.outsideAddress
        guard link.shut(by: cause) else { return }
        links.removeAll { $0 === link }
        if wasUp {
            counters.linksLost += 1
            logger.info("p2p link \(link.number) (\(link.direction.rawValue)) to \(address) ended: \(reason)")
        } else if link.direction == .dialedIn {
            counters.turnedAway += 1
            complain(kind: "before", "p2p: no link with \(address): \(reason)")
        }
        peerIsLost(link, reason: reason)
    }

    private func sweep() {
        let now = NIODeadline.now()
        for link in links { link.sweep(at: now) }
        dialPeers()
        guard isRunning else { return }
        sweeper = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(settings.limits.sweepInterval)) {
            self.sweep()
        }
    }

    // MARK: - Blocks

    /// Writes a committed block to every link that stands, once per link, unless the outside node has it already. To be
    /// called in the chain's order. `block` is a packed signed_block.
    public func release(_ block: [UInt8]) throws(MalformedBlock) {
        eventLoop.preconditionInEventLoop()
        let id = try BlockHeader(parsingPrefixOf: block).id
        counters.released += 1
        guard !links.isEmpty else { return }
        guard block.count <= ChainLimits.blockSize else {
            throw MalformedBlock(reading: "block", offset: 0, problem: .tooLong(block.count))
        }
        let frame = P2PSessionOpening.frame(.signedBlock, ByteBuffer(bytes: block))
        for link in links { link.release(id, frame: frame) }
    }

    func isFirstHeld(_ id: BlockID) -> Bool {
        guard heldIDs.insert(id) else { return false }
        counters.held += 1
        return true
    }

    /// `time` is in milliseconds since 1970.
    func nodeosToldTime(_ time: Int64) {
        nodeosClock = (time - wallClock(), .now())
    }

    func dropped(_ reason: P2PDropReason) { counters.dropped[reason, default: 0] += 1 }
    func sawDuplicate() { counters.duplicates += 1 }

    /// A transaction of the local nodeos that is not to get out. One that cannot be read is none that was given to it here.
    func withholds(_ frame: P2PWholeFrame) -> Bool {
        // In front of it stands what would be its kind in a message of a queue: packed_transaction_v0.
        let content = [0] + frame.bytes.readableBytesView.dropFirst(frame.contentStart)
        guard let owner, let transaction = try? TransactionMessage(parsing: content),
            owner.withholds(packed: transaction.packedDigest)
        else { return false }
        counters.withheldTransactions += 1
        return true
    }

    // MARK: - Status

    public var status: P2PGateStatus {
        eventLoop.preconditionInEventLoop()
        let clock = nodeosClock.flatMap { NIODeadline.now() - $0.at < .minutes(1) ? $0.ahead : nil }
        return P2PGateStatus(
            links: links.map(\.status), peers: peers.map(\.status), isNodeosReachable: nodeos.isReachable,
            nodeosClockOffset: clock, counters: counters)
    }

    /// Open connections, those on their way to their end included.
    var openConnections: Int { ends.count }

    /// Warns, the same kind once in `P2PLimits.complaintInterval`. Kinds are of a fixed number.
    func complain(kind: String, _ message: String) {
        let now = NIODeadline.now()
        if let last = complaints[kind], now - last.at < TimeAmount(settings.limits.complaintInterval) {
            complaints[kind]?.heldBack += 1
            return
        }
        let heldBack = complaints[kind]?.heldBack ?? 0
        complaints[kind] = (now, 0)
        logger.warning("\(message)\(heldBack > 0 ? " (and \(heldBack) more like it)" : "")")
    }
}

/// Why the gate does not run, or let somebody in.
public enum P2PGateError: Error, Hashable, CustomStringConvertible {
    case cannotListen(address: String, reason: String)
    case turnedAway(String)
    case stopped

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "the p2p gate cannot listen on \(address): \(reason); give nodeos.p2p another port, or end what holds it"
        case .turnedAway(let reason): "turned away: \(reason)"
        case .stopped: "the p2p gate was stopped"
        }
    }
}
