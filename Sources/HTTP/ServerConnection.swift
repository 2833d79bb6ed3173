// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import Logging
import NIOCore
import NIOHTTP1

/// The system's `struct ucred`.
private struct SocketCredentials {
    var process: Int32
    var user: UInt32
    var group: UInt32
}

/// One client's connection behind the parser: gathers each request, has it answered, keeps the connection's deadlines.
///
/// One request at a time: what a client sends meanwhile waits here, one read of it, and the rest in the socket.
final class ServerConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A piece of a request, or why there will be no more.
    private typealias Part = Result<HTTPServerRequestPart, HTTPParserError>

    private enum Phase {
        /// Between requests, or with less than a whole head.
        case idle
        case receiving
        /// Whole, with the handler or waiting to be.
        case answering
        case streaming(StreamWriter)
        /// The last answer is on its way; what still comes in is of no interest.
        case ending
    }

    private let server: HTTPServer
    private let doorkeeper: Doorkeeper
    private var limits: HTTPLimits { server.limits }
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle

    // The request at hand.
    private var head: HTTPRequestHead?
    private var target: RequestTarget?
    private var body = ByteBuffer()
    private var bodyLimit = 0
    private var hasBegun = false
    /// Whole and not with the handler yet.
    private var isReady = false
    /// Requests that the handler was given, ever, and whether it has the last one of them still.
    private var handedOver: UInt64 = 0
    private var isWithHandler = false
    /// See `Request.over`; nil unless the handler asked for it.
    private var over: EventLoopPromise<Void>?

    /// What came while an answer was under way.
    private var waiting = CircularBuffer<Part>(initialCapacity: 0)
    /// The channel wants to read, and is to wait until nothing waits here.
    private var isReadHeldBack = false

    /// Guards against answering within answering: a client may pipeline thousands of requests in one packet.
    private var isServing = false

    private var deadline: NIODeadline?
    private var timer: (due: NIODeadline, task: Scheduled<Void>)?

    /// See `Request.connection`.
    private let number: UInt64
    /// See `Request.remoteAddress`.
    private var remoteAddress: SocketAddress?
    private let origin: ClientOrigin
    /// See `Request.clientUser`.
    private var clientUser: UInt32?
    /// See `Request.clientSubject`. It stays what the handshake made it.
    private lazy var clientSubject = context.flatMap { server.security?.subjectOfClient($0.channel) }

    init(server: HTTPServer, number: UInt64, origin: ClientOrigin, doorkeeper: Doorkeeper) {
        self.server = server
        self.number = number
        self.origin = origin
        self.doorkeeper = doorkeeper
    }

    // MARK: the channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        remoteAddress = context.remoteAddress
        doorkeeper.onBytes = { [weak self] in self?.bytesArrived() }
        setDeadline(.now() + limits.openingTime)
        if origin == .unixSocket { askForUser(context.channel) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { connectionIsOver() }

    /// Answered at once: both are on the loop.
    private func askForUser(_ channel: any Channel) {
        #if os(Linux)
            guard let options = channel as? any SocketOptionProvider else { return }
            let credentials: EventLoopFuture<SocketCredentials> = options.unsafeGetSocketOption(
                level: .socket, name: .init(rawValue: SO_PEERCRED))
            credentials.assumeIsolated().whenSuccess { [weak self] in self?.clientUser = $0.user }
        #endif
    }

    func channelInactive(context: ChannelHandlerContext) {
        connectionIsOver()
        context.fireChannelInactive()
    }

    private func connectionIsOver() {
        guard context != nil else { return }
        context = nil
        timer?.task.cancel()
        timer = nil
        releaseBody()
        endRequest()
        waiting.removeAll()
        if case .streaming(let writer) = phase { writer.connectionIsGone() }
        phase = .ending
    }

    private func endRequest() {
        isWithHandler = false
        over?.succeed(())
        over = nil
    }

    private func over(ofRequest number: UInt64, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        guard isWithHandler, number == handedOver else { return eventLoop.makeSucceededVoidFuture() }
        let promise = over ?? eventLoop.makePromise()
        over = promise
        return promise.futureResult
    }

    /// The server is stopping: no further request on this connection.
    func stop() {
        switch phase {
        case .idle, .receiving: context?.close(promise: nil)
        case .streaming: endStream()
        case .answering, .ending: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError { return take(.failure(error)) }
        server.logger.debug("HTTP connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    private static func sentence(_ error: HTTPParserError) -> String {
        switch error {
        case .invalidVersion: "the version is not HTTP/1.0 or HTTP/1.1"
        case .invalidMethod: "the method is unknown"
        case .invalidURL: "the target is not a URL"
        case .invalidHeaderToken: "a header field is broken"
        case .invalidContentLength, .unexpectedContentLength: "the content length is broken"
        case .invalidChunkSize: "a chunk's size is broken"
        case .invalidEOFState, .closedConnection: "it ends too early"
        default: "it cannot be read (\(error))"
        }
    }

    // MARK: deadlines

    private func bytesArrived() {
        guard case .idle = phase, !hasBegun else { return }
        hasBegun = true
        setDeadline(.now() + limits.requestTime)
    }

    /// One timer serves all deadlines of the connection; it is moved only when it would ring too late.
    private func setDeadline(_ new: NIODeadline?) {
        deadline = new
        guard let new, let eventLoop = context?.eventLoop else { return }
        if let timer {
            guard new < timer.due else { return }
            timer.task.cancel()
        }
        let task: Scheduled<Void> = eventLoop.assumeIsolated().scheduleTask(deadline: new) { [weak self] in
            self?.timerRang()
        }
        timer = (new, task)
    }

    private func timerRang() {
        timer = nil
        guard let deadline else { return }
        guard deadline <= .now() else { return setDeadline(deadline) }
        self.deadline = nil
        switch phase {
        case .receiving: refuse(.requestTimeout(afterSeconds: limits.requestTime.wholeSeconds))
        case .idle where hasBegun: refuse(.requestTimeout(afterSeconds: limits.requestTime.wholeSeconds))
        case .idle, .answering, .streaming, .ending: context?.close(promise: nil)
        }
    }

    // MARK: receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(.success(unwrapInboundIn(data))) }

    /// Bounds what waits here: nothing more is read while something does.
    func read(context: ChannelHandlerContext) {
        if waiting.isEmpty { context.read() } else { isReadHeldBack = true }
    }

    private func take(_ part: Part) {
        switch phase {
        case .ending: break
        case .answering, .streaming: waiting.append(part)
        case .idle, .receiving: if waiting.isEmpty { receive(part) } else { waiting.append(part) }
        }
    }

    private func receive(_ part: Part) {
        switch (part, phase) {
        case (.success(.head(let head)), .idle): receive(head)
        case (.success(.body(let bytes)), .receiving): receive(bytes)
        case (.success(.end), .receiving):
            phase = .answering
            hasBegun = false
            setDeadline(nil)
            isReady = true
            serve()
        case (.failure(.headerOverflow), _): refuse(.headersTooLarge(limitBytes: limits.maxHeaderBytes))
        case (.failure(let error), _): refuse(.malformedRequest(what: Self.sentence(error)))
        // What belongs to a request that was refused.
        case (.success, _): break
        }
    }

    private func receive(_ head: HTTPRequestHead) {
        phase = .receiving
        if !hasBegun { setDeadline(.now() + limits.requestTime) }
        hasBegun = true
        self.head = head
        guard head.method != .CONNECT else {
            return refuse(.malformedRequest(what: "CONNECT is for proxies, and this is none"))
        }
        guard let target = RequestTarget(head.uri) else {
            return refuse(.malformedRequest(what: "the target is not a path, or has a broken percent escape"))
        }
        self.target = target
        bodyLimit = limits.maxBodyBytes(head.method, target.path)
        // What does not fit in an Int does not fit here either.
        let declared = head.headers.first(name: "content-length").map { Int($0) ?? .max } ?? 0
        guard declared <= bodyLimit else { return refuse(.bodyTooLarge(limitBytes: bodyLimit)) }
        let expectsContinue = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        if expectsContinue, head.version >= .http1_1 {
            context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    private func receive(_ bytes: ByteBuffer) {
        let count = bytes.readableBytes
        guard body.readableBytes + count <= bodyLimit else { return refuse(.bodyTooLarge(limitBytes: bodyLimit)) }
        // An operator's word is heard whatever others are sending.
        let isSmall = body.readableBytes + count <= Self.smallBodyBytes
        guard isSmall || server.heldBodyBytes + count <= limits.maxBodyBytesInAll else {
            return refuse(.tooManyBodies(limitBytes: limits.maxBodyBytesInAll))
        }
        server.heldBodyBytes += count
        heldBytes += count
        if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
    }

    /// Bodies up to this size are taken whatever is held already.
    private static let smallBodyBytes = 16 << 10

    /// This connection's share of `server.heldBodyBytes`.
    private var heldBytes = 0

    private func releaseBody() {
        server.heldBodyBytes -= heldBytes
        heldBytes = 0
        body = ByteBuffer()
        head = nil
        target = nil
    }

    // MARK: answering

    /// Has what is ready answered, and what waits received, until there is nothing more or the client does not take its
    /// answers.
    private func serve() {
        guard !isServing else { return }
        isServing = true
        defer { isServing = false }
        var turns = 0
        while let context {
            guard isReady else {
                guard isBetweenAnswers, let part = waiting.popFirst() else { break }
                receive(part)
                continue
            }
            guard turns < limits.maxRequestsInARow else {
                context.eventLoop.assumeIsolated().execute { [weak self] in self?.serve() }
                break
            }
            turns += 1
            guard context.channel.isWritable else {
                setDeadline(.now() + limits.idleTime)
                break
            }
            handOver(context)
        }
        context?.flush()
        if isReadHeldBack, waiting.isEmpty {
            isReadHeldBack = false
            context?.read()
        }
    }

    private var isBetweenAnswers: Bool {
        switch phase {
        case .idle, .receiving: true
        case .answering, .streaming, .ending: false
        }
    }

    private func handOver(_ context: ChannelHandlerContext) {
        isReady = false
        guard let head, let target else { return }
        setDeadline(nil)
        handedOver += 1
        isWithHandler = true
        let (eventLoop, number) = (context.eventLoop, handedOver)
        let request = Request(
            method: head.method, path: target.path, query: target.query, headers: head.headers, body: body,
            remoteAddress: remoteAddress, origin: origin,
            clientSubject: clientSubject, clientUser: clientUser,
            connection: self.number,
            whenOver: NIOLoopBound({ self.over(ofRequest: number, on: eventLoop) }, eventLoop: eventLoop))
        body = ByteBuffer()
        server.handler(request).hop(to: eventLoop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let response): answer(response)
            case .failure(let error):
                if let response = server.failureDocument(error) { return answer(response) }
                server.logger.error(
                    "HTTP request failed",
                    metadata: [
                        "method": "\(head.method)", "path": "\(target.path)", "error": "\(error)",
                    ])
                answer(server.refusals.response(.handlerFailed))
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        serve()
        context.fireChannelWritabilityChanged()
    }

    private func answer(_ response: Response) {
        // The client may have gone in the meantime.
        guard case .answering = phase, let context, let request = head else { return }
        endRequest()
        // After a request for another protocol the parser reads nothing more.
        let keepAlive = request.isKeepAlive && !request.headers.contains(name: "upgrade") && !server.isStopping
        releaseBody()
        switch response.body {
        case .bytes(let bytes):
            let isSmall = bytes.readableBytes <= Self.smallAnswerBytes
            if isSmall || server.heldAnswerBytes + bytes.readableBytes <= limits.maxAnswerBytesInAll {
                write(response, bytes, to: request, keepAlive: keepAlive, context)
            } else {
                let refusal = server.refusals.response(.tooManyAnswers(limitBytes: limits.maxAnswerBytesInAll))
                guard case .bytes(let text) = refusal.body else { break }
                write(refusal, text, to: request, keepAlive: keepAlive, context)
            }
            serve()
        case .stream(let start):
            beginStream(response, to: request, start.value, context)
        }
    }

    /// Answers up to this size are given whatever waits already.
    private static let smallAnswerBytes = 64 << 10

    private func write(
        _ response: Response, _ bytes: ByteBuffer, to request: HTTPRequestHead, keepAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        let hasBody = response.status.mayHaveResponseBody
        var head = ResponseHead(response, to: request)
        head.framing = hasBody ? .length(bytes.readableBytes) : .none
        head.isLast = !keepAlive
        let sent = hasBody && request.method != .HEAD ? bytes : ByteBuffer()
        phase = keepAlive ? .idle : .ending
        setDeadline(.now() + limits.idleTime)
        guard var buffer = headBytes(head, room: sent.readableBytes) else { return context.close(promise: nil) }
        let written = writtenPromise(sent.readableBytes, isLast: !keepAlive, context)
        if sent.readableBytes <= Self.copiedAnswerBytes {
            buffer.writeImmutableBuffer(sent)
            context.write(wrapOutboundOut(buffer), promise: written)
        } else {
            context.write(wrapOutboundOut(buffer), promise: nil)
            context.write(wrapOutboundOut(sent), promise: written)
        }
    }

    /// Answers up to this size travel in one piece with their head.
    private static let copiedAnswerBytes = 4 << 10

    /// The head's bytes; nil when it cannot be sent.
    private func headBytes(_ head: ResponseHead, room: Int) -> ByteBuffer? {
        let room = room <= Self.copiedAnswerBytes ? room : 0
        guard var buffer = context?.channel.allocator.buffer(capacity: 256 + room) else { return nil }
        guard head.write(into: &buffer) else {
            server.logger.error("an answer's header holds a line's end or another control character")
            return nil
        }
        return buffer
    }

    /// Nil for what needs nobody's attention when it is written.
    private func writtenPromise(
        _ count: Int, isLast: Bool, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void>? {
        let held = count > Self.smallAnswerBytes ? count : 0
        guard isLast || held > 0 else { return nil }
        let written = context.eventLoop.makePromise(of: Void.self)
        server.heldAnswerBytes += held
        written.futureResult.assumeIsolated().whenComplete { [weak self, server] result in
            server.heldAnswerBytes -= held
            if case .success = result, !isLast { return }
            self?.context?.close(promise: nil)
        }
        return written
    }

    /// Answers without the handler, as the connection's last act.
    private func refuse(_ refusal: HTTPRefusal) {
        switch phase {
        case .idle, .receiving: break
        // An answer is under way, or was the last: there is no room for another.
        case .answering, .streaming:
            context?.close(promise: nil)
            return
        case .ending: return
        }
        let method = head?.method
        server.logger.debug(
            "HTTP request refused",
            metadata: [
                "reason": "\(refusal.name)", "client": "\(context?.channel.remoteAddress.map(\.description) ?? "gone")",
            ])
        releaseBody()
        phase = .ending
        setDeadline(nil)
        doorkeeper.refuse(server.refusals.response(refusal).lastBytes(to: method))
    }

    // MARK: streaming

    /// The stream's pieces are chunks (RFC 9112, 7.1); HTTP/1.0 knows none.
    private var isChunked = false

    private func beginStream(
        _ response: Response, to request: HTTPRequestHead, _ start: (StreamWriter) -> Void,
        _ context: ChannelHandlerContext
    ) {
        var head = ResponseHead(response, to: request)
        head.framing = request.version < .http1_1 ? .untilTheEnd : .chunked
        head.isLast = true
        isChunked = head.framing == .chunked
        guard let bytes = headBytes(head, room: 0) else { return context.close(promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let isHead = request.method == .HEAD
        written.futureResult.assumeIsolated().whenComplete { [weak self] result in
            if case .success = result, !isHead { return }
            self?.context?.close(promise: nil)
        }
        let writer = StreamWriter(
            connection: self, eventLoop: context.eventLoop, maxWaitingBytes: limits.maxStreamBytes)
        phase = isHead ? .ending : .streaming(writer)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: written)
        if !isHead { start(writer) }
    }

    func writeToStream(_ bytes: ByteBuffer, taken: @escaping () -> Void) {
        guard case .streaming = phase, let context else { return }
        // An empty chunk would be the last one.
        guard bytes.readableBytes > 0 else { return taken() }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in taken() }
        context.writeAndFlush(wrapOutboundOut(isChunked ? chunk(bytes, context) : bytes), promise: written)
    }

    private func chunk(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) -> ByteBuffer {
        var chunk = context.channel.allocator.buffer(capacity: bytes.readableBytes + 20)
        chunk.writeString(String(bytes.readableBytes, radix: 16))
        chunk.writeStaticString("\r\n")
        chunk.writeImmutableBuffer(bytes)
        chunk.writeStaticString("\r\n")
        return chunk
    }

    func endStream() {
        guard case .streaming(let writer) = phase, let context else { return }
        phase = .ending
        writer.connectionIsGone()
        setDeadline(.now() + limits.idleTime)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.context?.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: isChunked ? "0\r\n\r\n" : "")), promise: written)
    }

    func abandonStream(waitingBytes: Int) {
        guard case .streaming = phase else { return }
        server.logger.debug("HTTP stream's client is too slow", metadata: ["waiting_bytes": "\(waitingBytes)"])
        context?.close(promise: nil)
    }
}

extension TimeAmount {
    var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }
}
