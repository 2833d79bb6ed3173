// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// Stands before the HTTP parser. It notices a request's first byte, and sends clients away: writes the refusal past the
/// parser, which may be in any state, closes our side, and drops what still comes in, within bounds.
///
/// Without the dropping, the kernel would answer a client that is still sending with a reset, and the reset would
/// overtake the refusal.
final class Doorkeeper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Welcome {
        case serve
        /// Send away with these bytes.
        case turnAway(ByteBuffer)
        /// Close without a word.
        case slam
    }

    private let welcome: Welcome
    private let limits: HTTPLimits
    private var context: ChannelHandlerContext?
    private var isRefusing = false
    private var droppedBytes = 0
    private var lingerTimer: Scheduled<Void>?
    /// Called for every read that goes to the parser.
    var onBytes: (() -> Void)?

    init(_ welcome: Welcome, limits: HTTPLimits) {
        self.welcome = welcome
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        lingerTimer?.cancel()
        onBytes = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        switch welcome {
        case .serve: context.fireChannelActive()
        case .turnAway(let refusal): refuse(refusal)
        case .slam: context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isRefusing else {
            onBytes?()
            return context.fireChannelRead(data)
        }
        droppedBytes += unwrapInboundIn(data).readableBytes
        if droppedBytes > limits.maxLingerBytes { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The connection may be holding reads back; nobody but us wants these.
        if isRefusing { context.read() }
    }

    /// Sends these bytes as the connection's last.
    func refuse(_ refusal: ByteBuffer) {
        guard !isRefusing, let context else { return }
        isRefusing = true
        lingerTimer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.lingerTime) { [weak self] in
            self?.context?.close(promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [weak self] result in
            switch result {
            case .success: self?.context?.close(mode: .output, promise: nil)
            case .failure: self?.context?.close(promise: nil)
            }
        }
        context.writeAndFlush(wrapOutboundOut(refusal), promise: written)
        context.read()
    }
}
