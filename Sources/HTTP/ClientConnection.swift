// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1
import NIOTLS

/// One call and its deadline, on the connection or connections that it takes.
final class Exchange {
    let call: HTTPCall
    let deadline: NIODeadline
    let promise: EventLoopPromise<HTTPAnswer>
    /// Set once something may have left this machine.
    var isSent = false
    /// Opens another connection for this call. Nil once it is over.
    var connectAgain: (() -> Void)?
    private(set) var isOver = false
    /// The connection that is carrying it.
    weak var connection: ClientConnection?
    private var timer: Scheduled<Void>?

    init(_ call: HTTPCall, eventLoop: any EventLoop) {
        self.call = call
        deadline = .now() + call.timeout
        promise = eventLoop.makePromise()
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            if isSent {
                fail(.noAnswer(after: call.timeout))
            } else {
                let within = "\(call.timeout.nanoseconds / 1_000_000) ms"
                fail(.cannotConnect("\(call.url.place): no connection within \(within)"))
            }
        }
    }

    func succeed(_ answer: HTTPAnswer) { end { promise.succeed(answer) } }

    func fail(_ error: HTTPClientError) {
        end {
            connection?.close()
            promise.fail(error)
        }
    }

    private func end(_ complete: () -> Void) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        timer = nil
        connectAgain = nil
        complete()
    }
}

/// A connection to a server, with one exchange at a time.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// Target, names and values of an answer's head together, in bytes, and its fields.
    static let maxHeaderBytes = 64 << 10
    static let maxHeaderFields = 256

    let url: HTTPURL
    private let pool: ConnectionPool
    private let security: ClientSecurity?
    /// TLS is being set up.
    private var isInHandshake: Bool
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var isReused = false
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()
    private var idleTimer: Scheduled<Void>?

    init(url: HTTPURL, pool: ConnectionPool, security: ClientSecurity?) {
        self.url = url
        self.pool = pool
        self.security = security
        isInHandshake = security != nil
    }

    func addCodec(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = Self.maxHeaderBytes
        decoding.maxHeaderListSize = Self.maxHeaderBytes
        decoding.maxHeaderFieldCount = Self.maxHeaderFields
        try pipeline.addHandler(HTTPRequestEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPResponseDecoder(limitConfiguration: decoding)))
        try pipeline.addHandler(NIOHTTPRequestHeadersValidator())
        try pipeline.addHandler(self)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        idleTimer?.cancel()
        pool.remove(self)
    }

    func close() { context?.close(promise: nil) }

    /// Sends the call, if it is still wanted.
    func start(_ exchange: Exchange, isReused: Bool) {
        idleTimer?.cancel()
        idleTimer = nil
        guard !exchange.isOver else { return close() }
        self.exchange = exchange
        self.isReused = isReused
        head = nil
        body = ByteBuffer()
        guard let context else {
            self.exchange = nil
            return exchange.fail(.cannotConnect("\(url.place): the connection closed at once"))
        }
        exchange.connection = self
        // Nothing leaves this machine before the other side has proved who it is.
        if !isInHandshake { send(exchange, context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, isInHandshake {
            isInHandshake = false
            if let exchange { send(exchange, context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func send(_ exchange: Exchange, _ context: ChannelHandlerContext) {
        exchange.isSent = true
        let call = exchange.call
        var request = HTTPRequestHead(version: .http1_1, method: call.method, uri: call.url.target)
        request.headers = call.headers
        for name in ["transfer-encoding", "connection", "content-length"] { request.headers.remove(name: name) }
        request.headers.replaceOrAdd(name: "host", value: url.hostAndPort)
        if call.body.readableBytes > 0 || (call.method != .GET && call.method != .HEAD) {
            request.headers.add(name: "content-length", value: String(call.body.readableBytes))
        }
        if call.repetition == .harmful { request.headers.add(name: "connection", value: "close") }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenFailure { [weak self] error in
            // A connection that broke says so itself, after an answer that came before has been read.
            if error is HTTPParserError { self?.fail(.badURL("\(call.url): a header field is not allowed: \(error)")) }
        }
        context.write(wrapOutboundOut(.head(request)), promise: sent)
        if call.body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(call.body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else { return close() }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status != .switchingProtocols else {
                return fail(.badAnswer(what: "it switches to another protocol"))
            }
            self.head = head
            let declared = head.headers.first(name: "content-length").map { Int($0) ?? .max } ?? 0
            if exchange.call.method != .HEAD, declared > exchange.call.maxAnswerBytes {
                fail(.answerTooLarge(limitBytes: exchange.call.maxAnswerBytes))
            }
        case .body(let bytes):
            guard body.readableBytes + bytes.readableBytes <= exchange.call.maxAnswerBytes else {
                return fail(.answerTooLarge(limitBytes: exchange.call.maxAnswerBytes))
            }
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        case .end:
            guard let head else { return fail(.badAnswer(what: "it has no head")) }
            self.exchange = nil
            exchange.connection = nil
            let answer = HTTPAnswer(status: head.status, headers: head.headers, body: body)
            body = ByteBuffer()
            if head.isKeepAlive, exchange.call.repetition == .harmless, context.channel.isActive, pool.keep(self) {
                idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: HTTPClient.idleTime) { [weak self] in
                    self?.close()
                }
            } else {
                close()
            }
            exchange.succeed(answer)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch security?.failure(error) {
        case .certificateRefused(let reason): return fail(.cannotConnect("\(url.place): \(reason)"))
        case .handshake(let reason) where isInHandshake: return fail(.cannotConnect("\(url.place): \(reason)"))
        case .handshake, nil: break
        }
        switch error {
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection: closedBeforeAnswer()
        case HTTPParserError.headerOverflow:
            fail(.badAnswer(what: "its head is over \(Self.maxHeaderBytes) bytes or has too many fields"))
        case let error as HTTPParserError: fail(.badAnswer(what: "\(error)"))
        case is NIOHTTPDecoderError: fail(.badAnswer(what: "more came than was asked for"))
        default: closedBeforeAnswer()
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        pool.remove(self)
        closedBeforeAnswer()
        context.fireChannelInactive()
    }

    private func closedBeforeAnswer() {
        guard let exchange else { return }
        guard !isInHandshake else {
            return fail(.cannotConnect("\(url.place): it hung up while TLS was being set up"))
        }
        if isReused, head == nil, let again = exchange.connectAgain {
            // The server closed the connection while it was idle; the next one is a new one, so this happens once.
            self.exchange = nil
            return again()
        }
        fail(.closedEarly)
    }

    private func fail(_ error: HTTPClientError) {
        guard let exchange else { return }
        self.exchange = nil
        exchange.fail(error)
        close()
    }
}
