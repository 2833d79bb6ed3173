// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import NIOSSL
import NIOTLS
import Raft

/// One TCP connection, from its first byte to its last: the greetings, then frames, pings and the bounds on both.
/// Confined to the event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase: Equatable {
        /// TCP or TLS is not there yet.
        case opening
        case greeting
        case up(PeerID)
        /// One side refused, and it is told. After a refusal of its own this side waits for the other to hang up.
        case refusing
        case ended
    }

    let role: Role
    private let links: PeerLinks
    private var phase = Phase.opening
    private var reader = FrameReader(maxBodyBytes: LinkLimits.maxGreetingBytes)
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var failure: String?
    /// TCP came about, so that it is this object and not the dialling future that reports the end.
    private var isConnected = false
    private var heardAnything = false

    /// Whom the other side claims to be, or whom this side dialled.
    private(set) var peer: PeerID?
    private(set) var remoteAddress = "an unknown address"
    private(set) var upSince: NIODeadline?
    /// The group that this side's greeting named.
    private var greetedGroup: GroupID?

    private var lastHeard = NIODeadline.now()
    private var lastPing: (stamp: NIODeadline, wallClock: Int64)?
    private(set) var roundTrip: Duration?
    private(set) var clockOffset: Duration?

    /// Never less than what waits to be sent; counted down to the exact figure when it reaches the bound.
    private var queuedAtMost = 0
    private var writtenSinceFlush = 0

    private let calls: Calls

    init(role: Role, links: PeerLinks) {
        self.role = role
        self.links = links
        calls = Calls(eventLoop: links.eventLoop)
        if case .dialed(let peer) = role { self.peer = peer }
    }

    var isUp: Bool { if case .up = phase { true } else { false } }
    private var limits: LinkLimits { links.settings.limits }

    // MARK: - The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        links.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(failure ?? "the connection was closed")
        self.context = nil
        links.gone(self)
    }

    func channelActive(context: ChannelHandlerContext) {
        if let address = context.remoteAddress { remoteAddress = address.hostAndPort }
        isConnected = true
        lastHeard = .now()
        schedule(after: limits.greetingTimeout) {
            $0.end("no greeting within \(Int($0.limits.greetingTimeout.inMilliseconds)) ms")
        }
        links.connected(self)
        if phase == .opening, links.settings.tls == nil { greet() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event, phase == .opening { authenticate() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isOpen else { return }
        lastHeard = .now()
        heardAnything = true
        reader.append(unwrapInboundIn(data))
        do throws(FrameError) {
            while isOpen, let frame = try reader.next() { try handle(frame) }
        } catch {
            malformed(error)
        }
        reader.trim()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A failed write closes the channel while the owner's own call is still under way, and an owner that runs its
        // core there must not be called from within: everything that follows waits for the next turn of the loop.
        links.eventLoop.assumeIsolated().execute { self.end(self.failure ?? "the other side closed the connection") }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil {
            switch error {
            case NIOSSLError.uncleanShutdown: break
            case is NIOSSLError, is BoringSSLError: failure = "TLS failed: \(tlsReason(error))".printable
            default: failure = "\(error)".printable
            }
        }
        context.close(promise: nil)
    }

    private var isOpen: Bool {
        switch phase {
        case .opening, .greeting, .up: true
        case .refusing, .ended: false
        }
    }

    // MARK: - Greeting

    private func authenticate() {
        if isOnTheList() { greet() }
    }

    /// The list has changed. A peer that is not on it any more is told, and hung up on; one that has not greeted yet as well.
    func authenticateAgain() {
        switch phase {
        case .greeting, .up: _ = isOnTheList()
        // Its turn comes when the handshake is done.
        case .opening, .refusing, .ended: break
        }
    }

    private func isOnTheList() -> Bool {
        guard let contexts = links.contexts, let context else { return false }
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        guard let certificate else {
            end("the other side showed no certificate")
            return false
        }
        let names = CertificateNames(certificate)
        guard names.isAllowed(by: contexts.allowedSubjectNames) else {
            refuse("the certificate of \(names) is not among the allowed subjects of peer \(links.settings.id)")
            return false
        }
        return true
    }

    /// The dialling side greets first: the other one learns from it whom it talks to.
    private func greet() {
        phase = .greeting
        if case .dialed(let peer) = role { sendGreeting(to: peer) }
    }

    private func sendGreeting(to peer: PeerID) {
        guard let greeting = links.makeGreeting(to: peer) else { return end("this peer stops") }
        greetedGroup = greeting.group
        write(bodyBytes: greeting.bodyBytes) { $0.writeFrame(greeting) }
    }

    private func receive(greetingIn body: ByteBuffer) throws(FrameError) {
        var reader = BodyReader(body)
        let head = try GreetingHead(reading: &reader)
        if role == .accepted { peer = head.sender }
        if let mismatch = links.settings.mismatch(with: head) { return refuse(mismatch) }
        let theirs = try Greeting(head: head, reading: &reader)
        if role == .accepted {
            // Whether the groups differ is seen below; a peer that does not belong here is not worth a greeting.
            if let mismatch = links.settings.mismatch(with: theirs, role: role, group: nil) { return refuse(mismatch) }
            guard let greeting = links.makeGreeting(to: theirs.sender) else { return end("this peer stops") }
            greetedGroup = greeting.group
            if let mismatch = links.settings.mismatch(with: theirs, role: role, group: greeting.group) {
                return refuse(mismatch)
            }
            write(bodyBytes: greeting.bodyBytes) { $0.writeFrame(greeting) }
        } else if let mismatch = links.settings.mismatch(with: theirs, role: role, group: greetedGroup) {
            return refuse(mismatch)
        }
        self.reader.maxBodyBytes = limits.maxFrameBytes
        phase = .up(theirs.sender)
        upSince = .now()
        timer?.cancel()
        keepAlive()
        links.linked(self, to: theirs.sender, greeting: theirs)
    }

    // MARK: - Frames

    private func handle(_ frame: FrameReader.Frame) throws(FrameError) {
        if frame.type == .refusal { return receive(refusal: frame.body) }
        guard case .up(let peer) = phase else {
            guard frame.type == .greeting, phase == .greeting else { throw .unexpected(frame.type) }
            return try receive(greetingIn: frame.body)
        }
        switch frame.type {
        case .greeting, .refusal: throw .unexpected(frame.type)
        case .ping:
            answer(try Ping(body: frame.body))
        case .pong: receive(try Pong(body: frame.body))
        case .report:
            guard frame.body.readableBytes <= LinkLimits.maxReportBytes else {
                throw .tooLong(bytes: frame.body.readableBytes, limit: LinkLimits.maxReportBytes)
            }
            links.received(report: Array(frame.body.readableBytesView), from: peer)
        case .call, .callAnswer:
            try calls.receive(
                try CallPart(type: frame.type, body: frame.body),
                carryOut: { links.received(call: $0, from: peer) }, send: { [weak self] in self?.sendCalls() })
        case .preVoteRequest, .preVoteResponse, .voteRequest, .voteResponse, .append, .appendResponse, .installSnapshot,
            .timeoutNow, .transferRequest:
            guard let message = try Message(type: frame.type, body: frame.body) else { throw .unexpected(frame.type) }
            links.received(message, from: peer)
        }
    }

    private func receive(refusal body: ByteBuffer) {
        let text = String(decoding: body.readableBytesView.prefix(LinkLimits.maxRefusalBytes), as: UTF8.self).printable
        links.refused(self, by: .theOtherSide, reason: text)
        let reason = "the other side refuses: \(text)"
        if isUp { return end(reason) }
        phase = .refusing
        end(reason)
    }

    private func malformed(_ error: FrameError) {
        var error = error
        if phase == .greeting, let first = reader.firstBytes.first, first == 0x15 || first == 0x16,
            reader.firstBytes.dropFirst().first == 0x03
        {
            error = .otherSideSpeaksTLS
        }
        // A stranger gets no answer; a peer is told, so that the reason is in both logs.
        if isUp { refuse("peer \(peer.map(\.description) ?? "?") sent \(error)") } else { end("received \(error)") }
    }

    // MARK: - Keeping alive

    /// Both sides ping at a steady pace, whatever else travels: while one large message is on its way, pings coming
    /// back are all that shows the sender that the receiver lives.
    private func keepAlive() {
        let now = NIODeadline.now()
        let silence = TimeAmount(limits.silenceTimeout)
        if now - lastHeard >= silence {
            return end("nothing was heard for \(Int(Duration(now - lastHeard).inMilliseconds)) ms")
        }
        let ping = Ping(stamp: now.uptimeNanoseconds, wallClock: links.wallClock())
        if write(bodyBytes: Ping.bodyBytes, { $0.writeFrame(ping) }) { lastPing = (now, ping.wallClock) }
        schedule(after: min(limits.pingInterval, Duration(lastHeard + silence - now))) { $0.keepAlive() }
    }

    private func answer(_ ping: Ping) {
        let pong = Pong(stamp: ping.stamp, wallClock: links.wallClock())
        write(bodyBytes: Pong.bodyBytes) { $0.writeFrame(pong) }
    }

    private func receive(_ pong: Pong) {
        guard let sent = lastPing, sent.stamp.uptimeNanoseconds == pong.stamp else { return }
        lastPing = nil
        let roundTrip = Duration(NIODeadline.now() - sent.stamp)
        self.roundTrip = roundTrip
        // Wall clocks are milliseconds, so the difference of any two honest ones fits; others wrap and mean nothing.
        clockOffset = .milliseconds(pong.wallClock &- sent.wallClock) - roundTrip / 2
    }

    private func schedule(after delay: Duration, _ body: @escaping (Connection) -> Void) {
        timer?.cancel()
        timer = links.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { body(self) }
    }

    // MARK: - Sending

    /// Bytes that wait to be sent.
    var queuedBytes: Int {
        guard let channel = context?.channel else { return 0 }
        let buffered = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        // TLS keeps what is not flushed to itself; without it the channel has counted that already.
        return buffered + (links.settings.tls == nil ? 0 : writtenSinceFlush)
    }

    /// Queues one frame; false when it was dropped because the queue is full.
    @discardableResult
    func write(bodyBytes: Int, _ fill: (inout ByteBuffer) -> Void) -> Bool {
        guard let context else { return false }
        let bytes = FrameType.headerBytes + bodyBytes
        if queuedAtMost + bytes > limits.maxQueuedBytes {
            queuedAtMost = queuedBytes
            // An empty queue takes any frame, lest one that is larger than the bound never travels.
            guard queuedAtMost == 0 || queuedAtMost + bytes <= limits.maxQueuedBytes else { return false }
        }
        var buffer = context.channel.allocator.buffer(capacity: bytes)
        fill(&buffer)
        assert(buffer.readableBytes == bytes, "a frame of \(buffer.readableBytes) bytes was sized \(bytes)")
        queuedAtMost += bytes
        if writtenSinceFlush == 0 { links.flushLater(self) }
        writtenSinceFlush += bytes
        context.write(wrapOutboundOut(buffer), promise: nil)
        return true
    }

    func flush() {
        guard writtenSinceFlush > 0 else { return }
        writtenSinceFlush = 0
        context?.flush()
        sendCalls()
    }

    // MARK: - Calls

    /// Asks the other side's owner. Fails with a `CallError`.
    func ask(_ bytes: [UInt8], timeout: Duration) -> EventLoopFuture<[UInt8]> {
        defer { sendCalls() }
        return calls.ask(bytes, timeout: timeout)
    }

    /// Sends of calls and answers what the socket takes now. The rest goes on when it takes more.
    private func sendCalls() {
        while isUp, let channel = context?.channel, takesCalls(channel), let part = calls.nextPart() {
            guard write(bodyBytes: part.bodyBytes, { $0.writeFrame(part) }) else {
                return end("a part of a call cannot be sent: \(queuedBytes) bytes wait already")
            }
        }
    }

    /// TLS keeps what is not flushed from the channel's own count.
    private func takesCalls(_ channel: any Channel) -> Bool {
        channel.isWritable && writtenSinceFlush < 2 * CallPart.mostBytes
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        sendCalls()
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Ending

    /// Tells the other side why, and gives it a moment to read it.
    private func refuse(_ reason: String) {
        guard isOpen else { return }
        let wasUp = isUp
        links.refused(self, by: .thisSide, reason: reason)
        write(bodyBytes: min(reason.utf8.count, LinkLimits.maxRefusalBytes)) { $0.writeFrame(refusal: reason) }
        flush()
        phase = .refusing
        failure = "refused: \(reason)"
        schedule(after: limits.refusalTimeout) { $0.end($0.failure ?? "refused") }
        if wasUp, let peer {
            calls.end(reason)
            links.admit(self)
            links.lost(self, to: peer, reason: "refused: \(reason)")
        }
    }

    /// Closes the connection and reports it, once.
    func end(_ reason: String) {
        guard phase != .ended else { return }
        let phase = self.phase
        shut(reason)
        switch phase {
        case .up(let peer): links.lost(self, to: peer, reason: reason)
        case .refusing: break
        case .opening, .greeting:
            if isConnected { links.failed(self, reason: reason, wasSilent: !heardAnything && failure == nil) }
        case .ended: break
        }
        if isConnected { links.disconnected(self) }
    }

    /// Closes the connection without a word to anyone.
    @discardableResult
    func shut(_ reason: String = "this peer stops") -> EventLoopFuture<Void>? {
        phase = .ended
        timer?.cancel()
        timer = nil
        lastPing = nil
        calls.end(reason)
        guard let channel = context?.channel else { return nil }
        channel.close(mode: .all, promise: nil)
        return channel.closeFuture
    }
}

extension SocketAddress {
    /// `1.2.3.4:5` or `[::1]:5`. An IPv4 address that came in on an IPv6 socket is shown as what it is.
    var hostAndPort: String {
        guard var host = ipAddress, let port else { return description }
        if host.hasPrefix("::ffff:"), host.contains(".") { host.removeFirst(7) }
        return PeerAddress(host: host, port: port).description
    }
}
