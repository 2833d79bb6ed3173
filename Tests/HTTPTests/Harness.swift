// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import HTTP
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

/// No test may hang: what is awaited comes within this time, or the test fails. Wide, since machines are shared.
let patience = TimeAmount.seconds(20)

struct TooLate: Error {
    var what: String
}

/// What a handler fails with where its owner has an answer to that.
struct KnownFailure: Error {}

/// A server of ours on a free port of loopback.
struct TestServer {
    let loop: any EventLoop
    let server: NIOLoopBound<HTTPServer>
    let port: Int

    static func run(
        limits: HTTPLimits = HTTPLimits(), routes: @escaping @Sendable (inout Router, any EventLoop) -> Void,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        // A thread of its own: what one test puts on its server must not delay another.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let server = try await loop.submit {
            var router = Router(eventLoop: loop, errorDocument: document)
            routes(&router, loop)
            let handler = router
            let server = HTTPServer(
                eventLoop: loop, limits: limits,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                errorDocument: document, failureDocument: { $0 is KnownFailure ? .text(.conflict, "known") : nil },
                handler: { handler.handle($0) })
            return NIOLoopBound(server, eventLoop: loop)
        }.get()
        let port = try await loop.flatSubmit {
            server.value.start(host: "127.0.0.1", port: 0).map { server.value.port ?? 0 }
        }.get()
        let test = TestServer(loop: loop, server: server, port: port)
        do {
            try await body(test)
            try await test.stop()
            try await group.shutdownGracefully()
        } catch {
            try await test.stop()
            try await group.shutdownGracefully()
            throw error
        }
    }

    func stop() async throws { try await loop.flatSubmit { server.value.stop() }.get() }

    /// Errors in a form of the owner's.
    @Sendable private static func document(_ refusal: HTTPRefusal) -> Response {
        .json(refusal.status, Array("{\"name\":\"\(refusal.name)\"}".utf8))
    }

    func url(_ target: String) -> HTTPURL { HTTPURL(host: "127.0.0.1", port: port, target: target) }

    func connect() async throws -> RawConnection { try await RawConnection.connect(port: port) }
}

/// Answers that need nothing of the test.
@Sendable func plainRoutes(_ router: inout Router, _ loop: any EventLoop) {
    router.on([.GET, .POST], "/echo") { request in
        loop.makeSucceededFuture(Response(status: .ok, body: request.body))
    }
    router.on([.GET], "/hello") { _ in loop.makeSucceededFuture(.text(.ok, "hello")) }
    router.on([.GET, .POST], "/size") { request in
        loop.makeSucceededFuture(.text(.ok, "\(request.body.readableBytes)"))
    }
    router.on([.POST], "/only-post") { _ in loop.makeSucceededFuture(.text(.ok, "posted")) }
    router.on([.GET], "/fails") { _ in loop.makeFailedFuture(TooLate(what: "secret")) }
    router.on([.GET], "/fails/as-known") { _ in loop.makeFailedFuture(KnownFailure()) }
    router.on([.GET], "/query") { request in
        loop.makeSucceededFuture(
            .text(.ok, request.query.items.map { "\($0.name)=\($0.value)" }.joined(separator: ";")))
    }
    router.on([.GET], "/a b") { _ in loop.makeSucceededFuture(.text(.ok, "decoded")) }
}

/// A request that is answered when the test says so.
final class HeldAnswer: Sendable {
    private let promise = NIOLockedValueBox<EventLoopPromise<Response>?>(nil)

    /// - Parameter note: called when the request has come.
    func serve(
        _ path: String, _ router: inout Router, _ loop: any EventLoop, note: @escaping (Request) -> Void = { _ in }
    ) {
        router.on([.GET], path) { [self] request in
            let new = loop.makePromise(of: Response.self)
            promise.withLockedValue { $0 = new }
            note(request)
            return new.futureResult
        }
    }

    var isAskedFor: Bool { promise.withLockedValue { $0 != nil } }

    func answer(_ text: String) { promise.withLockedValue { $0 }?.succeed(.text(.ok, text)) }
}

/// A socket that sends and expects exactly the bytes that a test says.
final class RawConnection: Sendable {
    let channel: any Channel
    private let inbox: Inbox

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    static func connect(port: Int, autoRead: Bool = true) async throws -> RawConnection {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: autoRead)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { $0.pipeline.addHandler(inbox) }
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel: channel, inbox: inbox)
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    /// Everything received, once `isEnough` says so or the other side has closed.
    func received(_ isEnough: @escaping @Sendable ([UInt8]) -> Bool) async throws -> String {
        let promise = channel.eventLoop.makePromise(of: String.self)
        let timeout = channel.eventLoop.scheduleTask(in: patience) { [inbox] in
            promise.fail(TooLate(what: "received only: \(inbox.text.prefix(500))"))
        }
        inbox.wait(for: isEnough, promise)
        defer { timeout.cancel() }
        return try await promise.futureResult.get()
    }

    func received(containing part: String) async throws -> String {
        try await received { String(decoding: $0, as: UTF8.self).contains(part) }
    }

    func received(endingWith end: String) async throws -> String { try await received { $0.ends(with: end) } }

    /// Everything up to the other side's end.
    func receivedToTheEnd() async throws -> String {
        let text = try await received { _ in false }
        return text
    }

    func close() async { try? await channel.close().get() }
}

private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        var bytes: [UInt8] = []
        var isOver = false
        var waiting: [(isEnough: @Sendable ([UInt8]) -> Bool, promise: EventLoopPromise<String>)] = []

        var text: String { String(decoding: bytes, as: UTF8.self) }

        mutating func takeSatisfied() -> [EventLoopPromise<String>] {
            guard !waiting.isEmpty else { return [] }
            let (bytes, isOver) = (bytes, isOver)
            let satisfied = waiting.filter { isOver || $0.isEnough(bytes) }
            waiting.removeAll { isOver || $0.isEnough(bytes) }
            return satisfied.map(\.promise)
        }
    }

    private let state = NIOLockedValueBox(State())
    var text: String { state.withLockedValue(\.text) }

    func wait(for isEnough: @escaping @Sendable ([UInt8]) -> Bool, _ promise: EventLoopPromise<String>) {
        change { $0.waiting.append((isEnough, promise)) }
    }

    private func change(_ body: (inout State) -> Void) {
        let (text, satisfied) = state.withLockedValue { state in
            body(&state)
            let satisfied = state.takeSatisfied()
            return (satisfied.isEmpty ? "" : state.text, satisfied)
        }
        for promise in satisfied { promise.succeed(text) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        change { $0.bytes.append(contentsOf: bytes.readableBytesView) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { change { $0.isOver = true } }
    }

    func channelInactive(context: ChannelHandlerContext) { change { $0.isOver = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// A server that does what a test says, which is mostly wrong.
struct OddServer {
    let channel: any Channel
    let connections: NIOLockedValueBox<Int>
    var port: Int { channel.localAddress?.port ?? 0 }

    /// `onRequest` is called with the number of the connection, from 1, when a request's head has arrived.
    static func start(_ onRequest: @escaping @Sendable (any Channel, Int) -> Void) async throws -> OddServer {
        let connections = NIOLockedValueBox(0)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                let number = connections.withLockedValue { count in
                    count += 1
                    return count
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Heads { onRequest(channel, number) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return OddServer(channel: channel, connections: connections)
    }

    func stop() async { try? await channel.close().get() }
    func url(_ target: String = "/") -> HTTPURL { HTTPURL(host: "127.0.0.1", port: port, target: target) }

    private final class Heads: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let onHead: () -> Void
        private var text = ""

        init(onHead: @escaping () -> Void) { self.onHead = onHead }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            while let end = text.firstRange(of: "\r\n\r\n") {
                text = String(text[end.upperBound...])
                onHead()
            }
        }
    }
}

extension Channel {
    func say(_ text: String) { writeAndFlush(ByteBuffer(string: text), promise: nil) }
}

extension HTTPAnswer {
    var text: String { String(buffer: body) }
}

final class Counter: Sendable {
    private let count = NIOLockedValueBox(0)
    var value: Int { count.withLockedValue { $0 } }

    func next() -> Int {
        count.withLockedValue { count in
            count += 1
            return count
        }
    }
}

extension [UInt8] {
    fileprivate func ends(with end: String) -> Bool { suffix(end.utf8.count).elementsEqual(end.utf8) }
}
