// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Raft

/// Who uses the links. Everything is called on the event loop, from the loop itself and never from within a call to
/// `PeerLinks`; and nothing after `PeerLinks.stop`.
public protocol PeerLinksOwner: AnyObject {
    /// What to tell this peer. Asked for each connection, since the group's id, the log and freshness change.
    func makeGreeting(to peer: PeerID) -> Greeting
    /// A link stands. At most one at a time per peer: a newer one comes up after `linkDown` for the older.
    func linkUp(_ peer: PeerID, greeting: Greeting)
    func linkDown(_ peer: PeerID, reason: String)
    /// Called as soon as the message is decoded, so that the time of its arrival can be taken.
    func received(_ message: Message, from peer: PeerID)
    /// An opaque status report of at most `LinkLimits.maxReportBytes`.
    func received(report: [UInt8], from peer: PeerID)
    /// The other peer asks something, in at most `LinkLimits.maxCallBytes`. The answer is as long at most, and may take its
    /// time: the other one waits as long as it likes.
    func received(call: [UInt8], from peer: PeerID) -> EventLoopFuture<[UInt8]>
}

/// The links from one peer to all others of its group. They make and mend themselves. Confined to one event loop: every
/// call must come from it.
public final class PeerLinks {
    public let settings: LinkSettings
    let eventLoop: any EventLoop
    /// This peer's wall clock, in milliseconds since 1970.
    let wallClock: () -> Int64

    private weak var owner: (any PeerLinksOwner)?
    private let logger: Logger
    private var complaints: Complaints
    private let remotes: [PeerID: RemotePeer]
    private var state = State.idle
    private var started: EventLoopFuture<Void>?
    private var stopped: EventLoopFuture<Void>?
    /// nil without TLS, and before `start`.
    private(set) var contexts: TLSContexts?
    private var server: (any Channel)?
    /// Reads the host names; nil if all peers are given by address.
    private var lookupPool: NIOThreadPool?
    /// Every connection with an open channel.
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Incoming connections that have not greeted, or were refused and linger; the oldest first.
    private var strangers: [Connection] = []
    private var unflushed: [Connection] = []
    private var flushIsScheduled = false

    private enum State { case idle, starting, running, stopped }

    /// Which side of a connection said no.
    enum Refuser { case thisSide, theOtherSide }

    /// `wallClock` gives milliseconds since 1970. The owner is not kept alive.
    public init(
        eventLoop: any EventLoop, settings: LinkSettings, owner: any PeerLinksOwner, logger: Logger,
        wallClock: @escaping () -> Int64
    ) {
        let limits = settings.limits
        precondition((LinkLimits.maxGreetingBytes...1 << 30).contains(limits.maxFrameBytes), "maxFrameBytes")
        precondition(limits.maxFrameBytes > LinkLimits.maxReportBytes, "maxFrameBytes below a report's size")
        precondition(limits.maxQueuedBytes >= limits.maxFrameBytes && limits.maxStrangers > 0)
        precondition(limits.pingInterval > .zero && limits.silenceTimeout > limits.pingInterval)
        precondition(limits.redialPause.lowerBound > .zero)
        self.eventLoop = eventLoop
        self.settings = settings
        self.owner = owner
        self.logger = logger
        self.wallClock = wallClock
        complaints = Complaints(interval: limits.complaintInterval)
        var remotes: [PeerID: RemotePeer] = [:]
        for (id, address) in settings.peers where id != settings.id {
            remotes[id] = RemotePeer(id: id, address: address, isDialed: id < settings.id, limits: limits)
        }
        self.remotes = remotes
    }

    // MARK: - Starting and stopping

    /// Listens, then dials. Fails with a `TransportError`; nothing runs then. To be called once.
    /// - Parameter contexts: what the files of the settings say, if they have been read already.
    public func start(_ contexts: TLSContexts? = nil) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        guard state == .idle else { preconditionFailure("the links are started twice") }
        do {
            self.contexts = try contexts ?? settings.tls.map { try TLSContexts($0) }
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        warnOfEmptyList()
        state = .starting
        let started = listen().assumeIsolated().flatMap { server -> EventLoopFuture<Void> in
            guard self.state == .starting else { return server.close(mode: .all) }
            self.server = server
            self.state = .running
            self.logger.info("listening for peers on \(server.localAddress?.hostAndPort ?? "an unknown address")")
            self.dialAll()
            return self.eventLoop.makeSucceededVoidFuture()
        }.nonisolated()
        self.started = started
        return started
    }

    private func warnOfEmptyList() {
        guard contexts?.allowedSubjectNames.isEmpty == true else { return }
        logger.warning("the list of allowed TLS subjects is empty: no peer will be let in")
    }

    /// Takes new files for the links that are made from now on. Those that stand go on, so that nothing is lost while
    /// peers get their new certificates one after another; but a peer that is not on the list any more is hung up on.
    public func renew(_ contexts: TLSContexts) {
        eventLoop.preconditionInEventLoop()
        precondition(settings.tls != nil, "links without TLS do not come to have it")
        self.contexts = contexts
        warnOfEmptyList()
        eventLoop.assumeIsolated().execute {
            for connection in self.connections.values { connection.authenticateAgain() }
        }
    }

    /// The port that is listened on; nil unless running.
    public var listeningPort: Int? {
        eventLoop.preconditionInEventLoop()
        return server?.localAddress?.port
    }

    /// Closes everything. The owner hears nothing more, from this call on. Done when all channels are closed.
    public func stop() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let stopped { return stopped }
        var ends: [EventLoopFuture<Void>] = []
        if let started { ends.append(started) }
        for connection in connections.values {
            if let end = connection.shut() { ends.append(end) }
        }
        for remote in remotes.values {
            remote.redial?.cancel()
            remote.connection = nil
            if let dial = remote.dial { ends.append(dial) }
        }
        if let server {
            ends.append(server.closeFuture)
            server.close(mode: .all, promise: nil)
        }
        server = nil
        lookupPool?.shutdownGracefully { _ in }
        lookupPool = nil
        strangers = []
        unflushed = []
        let done = EventLoopFuture.andAllComplete(ends, on: eventLoop)
        state = .stopped
        stopped = done
        return done
    }

    private var isRunning: Bool { state == .running }

    private func listen() -> EventLoopFuture<any Channel> {
        let port = settings.peers[settings.id]?.port ?? 0
        let address = PeerAddress(host: settings.listenHost ?? "*", port: port).description
        let server: EventLoopFuture<any Channel>
        if let host = settings.listenHost {
            server = listen(host: host, port: port)
        } else {
            // The IPv6 wildcard takes IPv4 in as well. Without IPv6 in the kernel there is the other one.
            server = listen(host: "::", port: port).assumeIsolated().flatMapError { _ in
                self.listen(host: "0.0.0.0", port: port)
            }.nonisolated()
        }
        return server.flatMapErrorThrowing { error in
            throw TransportError.cannotListen(address: address, reason: "\(error)")
        }
    }

    private func listen(host: String, port: Int) -> EventLoopFuture<any Channel> {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, role: .accepted) }
            }
            .bind(host: host, port: port)
    }

    private func prepare(_ channel: any Channel, role: Role) throws {
        guard isRunning else { throw ChannelError.ioOnClosedChannel }
        let pipeline = channel.pipeline.syncOperations
        if let contexts {
            switch role {
            case .dialed:
                try pipeline.addHandler(NIOSSLClientHandler(context: contexts.client, serverHostname: nil))
            case .accepted: try pipeline.addHandler(NIOSSLServerHandler(context: contexts.server))
            }
        }
        try pipeline.addHandler(Connection(role: role, links: self))
    }

    // MARK: - Sending

    /// Queues a message. Without a link, or above the bounds, it is lost.
    public func send(_ message: Message, to peer: PeerID) {
        let bodyBytes = message.bodyBytes
        send(bodyBytes: bodyBytes, limit: settings.limits.maxFrameBytes, to: peer) {
            $0.writeFrame(message, bodyBytes: bodyBytes)
        }
    }

    /// Queues a report. One above `LinkLimits.maxReportBytes` is dropped.
    public func send(report: [UInt8], to peer: PeerID) {
        send(bodyBytes: report.count, limit: LinkLimits.maxReportBytes, to: peer) { $0.writeFrame(report: report) }
    }

    /// Asks the other peer's owner, with at most `LinkLimits.maxCallBytes`. Fails with a `CallError`, within `timeout` in any
    /// case. Calls and answers give way to messages.
    public func call(_ bytes: [UInt8], to peer: PeerID, timeout: Duration) -> EventLoopFuture<[UInt8]> {
        eventLoop.preconditionInEventLoop()
        guard let remote = remotes[peer] else { preconditionFailure("peer \(peer) is not another member of the group") }
        guard let connection = remote.connection else {
            let why = remote.status.lastFailure.map { ": \($0)" } ?? ""
            return eventLoop.makeFailedFuture(CallError.notDelivered("there is no link to peer \(peer)\(why)"))
        }
        return connection.ask(bytes, timeout: timeout)
    }

    private func send(bodyBytes: Int, limit: Int, to peer: PeerID, _ fill: (inout ByteBuffer) -> Void) {
        eventLoop.preconditionInEventLoop()
        guard let remote = remotes[peer] else { preconditionFailure("peer \(peer) is not another member of the group") }
        guard let connection = remote.connection else { return }
        guard bodyBytes <= limit else {
            remote.status.dropped += 1
            complain(
                .error, kind: "\(peer) large",
                "a message of \(bodyBytes) bytes for peer \(peer) is not sent: \(limit) are permitted")
            return
        }
        if !connection.write(bodyBytes: bodyBytes, fill) {
            remote.status.dropped += 1
            complain(
                .warning, kind: "\(peer) queue",
                "messages for peer \(peer) are dropped: \(connection.queuedBytes) bytes wait to be sent already")
        }
    }

    /// Hands what was queued to the sockets. It happens by itself at the end of the loop's turn; the owner may do it
    /// earlier, at the end of its step.
    public func flush() {
        eventLoop.preconditionInEventLoop()
        let connections = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for connection in connections { connection.flush() }
    }

    func flushLater(_ connection: Connection) {
        unflushed.append(connection)
        guard !flushIsScheduled else { return }
        flushIsScheduled = true
        eventLoop.assumeIsolated().execute {
            self.flushIsScheduled = false
            self.flush()
        }
    }

    // MARK: - Status

    /// The links to all other members, whether they stand or not.
    public var links: [PeerID: LinkStatus] {
        eventLoop.preconditionInEventLoop()
        return remotes.mapValues { remote in
            var status = remote.status
            if let connection = remote.connection {
                status.remoteAddress = connection.remoteAddress
                status.roundTrip = connection.roundTrip
                status.clockOffset = connection.clockOffset
                status.queuedBytes = connection.queuedBytes
            } else {
                status.connectedSince = nil
            }
            return status
        }
    }

    // MARK: - Dialling

    private func dialAll() {
        let dialed = remotes.values.filter(\.isDialed).sorted { $0.id < $1.id }
        let names = dialed.count { $0.resolved == nil }
        if names > 0 {
            let pool = NIOThreadPool(numberOfThreads: min(names, 4))
            pool.start()
            lookupPool = pool
        }
        for remote in dialed { dial(remote) }
    }

    private func dial(_ remote: RemotePeer) {
        guard isRunning, !remote.isBusy else { return }
        // A name is looked up anew each time, but never waited for once an address is known: links come back while the
        // name service is away. One look-up per peer is under way at most, however long it hangs.
        lookUp(remote)
        guard let address = remote.resolved else { return }
        remote.isBusy = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let id = remote.id
        let dial = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(settings.limits.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, role: .dialed(id)) }
            }
            .connect(to: address)
        remote.dial = dial.map { _ in }
        dial.assumeIsolated().whenComplete { result in
            remote.dial = nil
            // Once connected, the connection itself reports its end.
            if case .failure(let error) = result { self.dialFailed(remote, reason: "\(error)") }
        }
    }

    private func lookUp(_ remote: RemotePeer) {
        guard remote.isNamed, !remote.isLookingUp, let lookupPool else { return }
        remote.isLookingUp = true
        let address = remote.address
        let lookup = lookupPool.runIfActive(eventLoop: eventLoop) {
            try SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
        }
        lookup.assumeIsolated().whenComplete { result in
            remote.isLookingUp = false
            guard self.isRunning else { return }
            let isFirst = remote.resolved == nil
            switch result {
            case .success(let resolved):
                remote.resolved = resolved
                if isFirst { self.dial(remote) }
            case .failure(let error): if isFirst { self.dialFailed(remote, reason: "\(error)") }
            }
        }
    }

    private func dialFailed(_ remote: RemotePeer, reason: String) {
        guard isRunning else { return }
        let reason = reason.printable
        remote.status.lastFailure = reason
        complain(
            .info, kind: "\(remote.id) dial \(reason)",
            "peer \(remote.id) at \(remote.address) is not reached: \(reason)")
        dialLater(remote)
    }

    private func dialLater(_ remote: RemotePeer) {
        remote.isBusy = false
        guard isRunning, remote.redial == nil else { return }
        let pauses = settings.limits.redialPause
        let pause = remote.pause * Double.random(in: 0.5...1)
        remote.pause = min(remote.pause * 2, pauses.upperBound)
        remote.redial = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
            remote.redial = nil
            self.dial(remote)
        }
    }

    // MARK: - What connections report

    func opened(_ connection: Connection) { connections[ObjectIdentifier(connection)] = connection }

    func gone(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        strangers.removeAll { $0 === connection }
    }

    func connected(_ connection: Connection) {
        guard isRunning else {
            connection.shut()
            return
        }
        admit(connection)
    }

    /// Counts an incoming connection among those that are not a link: not yet, or not any more.
    func admit(_ connection: Connection) {
        guard connection.role == .accepted else { return }
        strangers.append(connection)
        if strangers.count > settings.limits.maxStrangers {
            strangers.removeFirst().end("more than \(settings.limits.maxStrangers) connections wait to greet")
        }
    }

    func makeGreeting(to peer: PeerID) -> Greeting? { isRunning ? owner?.makeGreeting(to: peer) : nil }

    func linked(_ connection: Connection, to peer: PeerID, greeting: Greeting) {
        strangers.removeAll { $0 === connection }
        guard let remote = remotes[peer] else { return }
        if let older = remote.connection {
            complain(
                .warning, kind: "\(peer) again",
                "peer \(peer) connects again, from \(connection.remoteAddress): its link from \(older.remoteAddress) ends"
            )
            older.end("a newer connection of peer \(peer) takes its place")
        }
        // The owner may have stopped everything just now.
        guard isRunning, connection.isUp else { return }
        remote.connection = connection
        remote.status.connectedSince = wallClock()
        remote.status.remoteVersion = greeting.softwareVersion
        remote.status.lastRefusal = nil
        remote.status.linksMade += 1
        logger.info("linked to peer \(peer) at \(connection.remoteAddress), version \(greeting.softwareVersion)")
        owner?.linkUp(peer, greeting: greeting)
    }

    func lost(_ connection: Connection, to peer: PeerID, reason: String) {
        guard isRunning, let remote = remotes[peer], remote.connection === connection else { return }
        remote.connection = nil
        remote.status.connectedSince = nil
        remote.status.lastFailure = reason
        let stood = connection.upSince.map { Duration(NIODeadline.now() - $0) } ?? .zero
        if stood >= settings.limits.settledAfter { remote.pause = settings.limits.redialPause.lowerBound }
        logger.warning("the link to peer \(peer) is down: \(reason)")
        owner?.linkDown(peer, reason: reason)
    }

    /// The connection ended before it was a link. `wasSilent`: not one byte came, as from a port check.
    func failed(_ connection: Connection, reason: String, wasSilent: Bool) {
        guard isRunning else { return }
        let from = connection.remoteAddress
        if let peer = connection.peer, let remote = remotes[peer] {
            remote.status.lastFailure = reason
            complain(.warning, kind: "\(peer) failed \(reason)", "no link to peer \(peer) at \(from): \(reason)")
        } else if wasSilent {
            logger.debug("a silent connection from \(from) ended: \(reason)")
        } else {
            complain(.warning, kind: "stranger", "a connection from \(from) is closed: \(reason)")
        }
    }

    func refused(_ connection: Connection, by refuser: Refuser, reason: String) {
        guard isRunning else { return }
        let remote = connection.peer.flatMap { remotes[$0] }
        remote?.status.lastRefusal = reason
        remote?.status.lastFailure = reason
        let from = connection.remoteAddress
        let who = connection.peer.map { "peer \($0)" } ?? "a stranger"
        switch refuser {
        case .thisSide:
            complain(.warning, kind: "\(who) refused \(reason)", "\(who) at \(from) is refused: \(reason)")
        case .theOtherSide:
            complain(.warning, kind: "\(who) refuses \(reason)", "\(who) at \(from) refuses this peer: \(reason)")
        }
    }

    /// The connection is closed, whatever it was.
    func disconnected(_ connection: Connection) {
        guard case .dialed(let peer) = connection.role, let remote = remotes[peer] else { return }
        dialLater(remote)
    }

    func received(_ message: Message, from peer: PeerID) {
        guard isRunning else { return }
        owner?.received(message, from: peer)
    }

    func received(report: [UInt8], from peer: PeerID) {
        guard isRunning else { return }
        owner?.received(report: report, from: peer)
    }

    func received(call: [UInt8], from peer: PeerID) -> EventLoopFuture<[UInt8]> {
        guard isRunning, let owner else {
            return eventLoop.makeFailedFuture(CallError.notDelivered("this peer stops"))
        }
        return owner.received(call: call, from: peer)
    }

    /// Logs it, unless the same was said a moment ago.
    private func complain(_ level: Logger.Level, kind: String, _ text: @autoclosure () -> String) {
        guard let heldBack = complaints.pass(kind, at: .now()) else { return }
        let suffix = heldBack == 0 ? "" : " (and \(heldBack) times more since this was last logged)"
        logger.log(level: level, "\(text())\(suffix)")
    }
}

/// Another member of the group, and how this peer comes to it.
private final class RemotePeer {
    let id: PeerID
    let address: PeerAddress
    /// This peer has the higher id, so it dials.
    let isDialed: Bool
    /// The address is a name.
    let isNamed: Bool
    /// The address to dial: the given one, or the latest that the name had.
    var resolved: SocketAddress?
    var isLookingUp = false
    /// A connection is being made, or stands.
    var isBusy = false
    var dial: EventLoopFuture<Void>?
    var redial: Scheduled<Void>?
    var pause: Duration
    /// The one that both sides have greeted on.
    var connection: Connection?
    var status = LinkStatus()

    init(id: PeerID, address: PeerAddress, isDialed: Bool, limits: LinkLimits) {
        self.id = id
        self.address = address
        self.isDialed = isDialed
        resolved = try? SocketAddress(ipAddress: address.host, port: address.port)
        isNamed = resolved == nil
        pause = limits.redialPause.lowerBound
    }
}
