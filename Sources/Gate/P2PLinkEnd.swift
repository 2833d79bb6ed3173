// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// One of the two connections of a link. It is read only when told to, and counts what it got and what waits to be sent.
/// Confined to the event loop.
final class P2PLinkEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side { case outside, local }

    let side: Side
    private let limits: P2PLimits
    private weak var registry: P2PGate?
    private weak var link: P2PLink?
    private var context: ChannelHandlerContext?
    private var isReading = false
    private var isEnding = false
    private var failure: String?

    var reader: P2PFrameReader
    /// `1.2.3.4:5`, as far as it is known.
    private(set) var address = "an unknown address"
    private(set) var host = ""
    private(set) var received: UInt64 = 0
    /// When something was read for the last time, or reading began again.
    private var lastRead = NIODeadline.now()
    /// What was given to the channel; of that, what had been sent at the last look, and since when that has not changed.
    private(set) var written: UInt64 = 0
    private var sent: UInt64 = 0
    private var sentSince = NIODeadline.now()

    init(side: Side, gate: P2PGate) {
        self.side = side
        limits = gate.settings.limits
        registry = gate
        reader = P2PFrameReader(
            maxFrameBytes: limits.maxFrameBytes,
            showsTransactions: side == .local && gate.owner?.mayWithholdTransactions ?? false)
    }

    /// From now on this link is told everything. It is not read yet.
    func join(_ link: P2PLink) { self.link = link }

    var isOpen: Bool { context != nil && !isEnding }
    var isWritable: Bool { context?.channel.isWritable ?? true }
    var closeFuture: EventLoopFuture<Void>? { context?.channel.closeFuture }

    /// Bytes that wait to be sent.
    var queuedBytes: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: - The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        registry?.opened(self)
        // An accepted channel knows who dialled before it is active.
        connected(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        registry?.closed(self)
        link?.lost(self, reason: failure)
        link = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        connected(context)
        // What was asked for before has been forgotten.
        if isReading { context.read() }
        context.fireChannelActive()
    }

    private func connected(_ context: ChannelHandlerContext) {
        guard let remote = context.remoteAddress else { return }
        host = remote.ipAddress ?? ""
        if host.hasPrefix("::ffff:"), host.contains(".") { host.removeFirst(7) }
        address = remote.port.map { P2PAddress(host: host, port: $0).description } ?? remote.description
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnding else { return }
        let chunk = unwrapInboundIn(data)
        received += UInt64(chunk.readableBytes)
        lastRead = .now()
        link?.read(chunk, from: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        link?.readComplete(self)
        if isReading, !isEnding { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        link?.writabilityChanged(self)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A failed write closes the channel from within the owner's own call: the rest waits for the next turn.
        let reason = failure
        context.eventLoop.assumeIsolated().execute { self.link?.lost(self, reason: reason) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? "\(error)"
        context.close(promise: nil)
    }

    // MARK: - Reading and writing

    func resume() {
        guard !isReading, !isEnding else { return }
        isReading = true
        lastRead = .now()
        context?.read()
    }

    func pause() { isReading = false }

    /// To be sent with the next `flush`.
    func write(_ bytes: ByteBuffer) {
        guard let context, !isEnding else { return }
        written += UInt64(bytes.readableBytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() { context?.flush() }

    // MARK: - Bounds

    /// Why this side is to be given up, if it is.
    func overdue(at now: NIODeadline) -> String? {
        let queued = queuedBytes
        let nowSent = written - min(written, UInt64(queued))
        if queued == 0 || nowSent != sent {
            sent = nowSent
            sentSince = now
        } else if now - sentSince > TimeAmount(limits.stallTimeout) {
            return "it took nothing for \(limits.stallTimeout) while \(queued) bytes waited"
        }
        guard isReading else { return nil }
        if !reader.isAtBoundary, now - lastRead > TimeAmount(limits.frameTimeout) {
            return "it stopped in the middle of a message for \(limits.frameTimeout)"
        }
        if now - lastRead > TimeAmount(limits.silenceTimeout) { return "it was silent for \(limits.silenceTimeout)" }
        return nil
    }

    // MARK: - Ending

    /// Closes at once; what waits to be sent is lost.
    func close() {
        isEnding = true
        link = nil
        context?.close(promise: nil)
    }

    /// Closes once what was written is sent, or after `P2PLimits.lingerTimeout`.
    func finish() {
        guard !isEnding else { return }
        isEnding = true
        link = nil
        guard let context else { return }
        guard context.channel.isActive, queuedBytes > 0 else { return context.close(promise: nil) }
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.lingerTimeout)) {
            self.context?.close(promise: nil)
        }
        sent.futureResult.assumeIsolated().whenComplete { _ in
            timer.cancel()
            self.context?.close(promise: nil)
        }
    }
}
