// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The HTTP layer: a small HTTP/1.1 server for the daemon's one event loop, and a client for short calls by commands and
// by the daemon. NIO's parser reads the protocol; what is here bounds it, orders it, answers it and says what went wrong.
// It knows nothing of the product: no paths, no documents, no configuration.
// May import NIOCore, NIOPosix, NIOHTTP1, NIOTLS, Logging and the C library, and no layer of ours.
//
// Server: Doorkeeper stands before NIO's parser and sends clients away; ServerConnection stands behind it, gathers requests
// and sends answers, whose heads ResponseHead writes; Router finds handlers; StreamWriter is the open end of an endless
// answer. A client that closes its side counts as gone. ClientCounts says who may come in, HostNames whom a request may
// call. Client: HTTPClient, ClientConnection. Every bound of the server is in HTTPLimits.
//
// A server is confined to its loop: no locks, no hops. TLS comes in through `ChannelSecurity` here and through
// `secureChannel` at the client.

import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// What stands between the socket and HTTP: TLS.
public struct ChannelSecurity {
    /// Adds it to a new connection, on the loop.
    public var prepare: (any Channel) throws -> Void
    /// The subject of the certificate that a client showed, verified. Asked on the loop, at its first request; nil without
    /// one.
    public var subjectOfClient: (any Channel) -> String?

    public init(
        prepare: @escaping (any Channel) throws -> Void, subjectOfClient: @escaping (any Channel) -> String?
    ) {
        self.prepare = prepare
        self.subjectOfClient = subjectOfClient
    }
}

/// An HTTP/1.1 server that lives on one event loop. All of it is to be used on that loop, once `init` is done.
public final class HTTPServer {
    /// Called on the loop with a whole request. A future that fails is answered as `failureDocument` says; one that never
    /// completes holds its connection, so a handler bounds its own waits.
    public typealias Handler = (Request) -> EventLoopFuture<Response>

    public let eventLoop: any EventLoop
    let limits: HTTPLimits
    let logger: Logger
    let refusals: Refusals
    let handler: Handler
    let failureDocument: (any Error) -> Response?
    let security: ChannelSecurity?

    private var listeners: [any Channel] = []
    private var connections: [ObjectIdentifier: (channel: any Channel, connection: ServerConnection?)] = [:]
    private var clients = ClientCounts()
    private var handshakes = Rate()
    /// Clients that were served, ever.
    private var served: UInt64 = 0
    private(set) var isStopping = false
    private var areListenersClosed = false
    private var stopped: EventLoopPromise<Void>?
    /// Request bodies that are held now, on all connections, in bytes.
    public internal(set) var heldBodyBytes = 0
    /// Bytes of large answers that were written and not taken yet, on all connections.
    var heldAnswerBytes = 0

    /// - Parameters:
    ///   - failureDocument: the answer where the handler fails; where it has none, 500, and the error is logged.
    ///   - security: of connections by TCP; a unix socket needs none.
    public init(
        eventLoop: any EventLoop, limits: HTTPLimits = HTTPLimits(), logger: Logger,
        errorDocument: @escaping RefusalDocument = Response.plainError,
        failureDocument: @escaping (any Error) -> Response? = { _ in nil },
        security: ChannelSecurity? = nil,
        handler: @escaping Handler
    ) {
        self.eventLoop = eventLoop
        self.limits = limits
        self.logger = logger
        self.refusals = Refusals(document: errorDocument)
        self.failureDocument = failureDocument
        self.security = security
        self.handler = handler
    }

    /// The port that is listened on, once started.
    public var port: Int? { listeners.lazy.compactMap { $0.localAddress?.port }.first }

    /// Clients that are being served.
    public var connectionCount: Int { clients.all }
    /// Clients that are being told that they are not.
    private var turnedAway: Int { connections.count - clients.all }

    /// Listens. Fails with `HTTPListenError`. Port 0 takes any free port, see `port`. A server may listen in several places.
    public func start(host: String, port: Int) -> EventLoopFuture<Void> {
        listen(.tcp(host: host, port: port)) { $0.bind(host: host, port: port) }
    }

    /// Listens on a unix socket. There must be no file of this name. Fails with `HTTPListenError`.
    public func start(unixSocket path: String) -> EventLoopFuture<Void> {
        listen(.unixSocket(path)) { $0.bind(unixDomainSocketPath: path) }
    }

    private func listen(
        _ place: HTTPListenError.Place, _ bind: (ServerBootstrap) -> EventLoopFuture<any Channel>
    ) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        precondition(!isStopping, "an HTTP server that stops does not listen")
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        var bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            // 64 KiB at most before other work on the loop gets its turn.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.accept(channel) }
            }
        if case .tcp = place {
            bootstrap =
                bootstrap
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
        }
        return bind(bootstrap)
            .map { channel in bound.value.listeners.append(channel) }
            .flatMapErrorThrowing { error in throw HTTPListenError(place: place, cause: error) }
    }

    /// Sets up a connection. Called for each that the listener takes; not private so that it can be tried without a socket.
    func accept(_ channel: any Channel) throws {
        let origin = ClientOrigin(channel.remoteAddress)
        let welcome: Doorkeeper.Welcome
        let isHandshake = security != nil && origin != .unixSocket
        if isStopping {
            welcome = .slam
        } else if isHandshake, !origin.isLocal, !handshakes.admits(limits.maxHandshakesPerSecond, at: .now()) {
            welcome = .slam
        } else if let refusal = clients.refusal(of: origin, limits) {
            logger.debug("HTTP client turned away", metadata: ["reason": "\(refusal)"])
            // Who expects TLS could not read it.
            welcome =
                turnedAway < limits.maxTurnedAway && !isHandshake
                ? .turnAway(refusals.response(refusal).lastBytes(to: nil)) : .slam
        } else {
            welcome = .serve
        }
        let doorkeeper = Doorkeeper(welcome, limits: limits)
        var connection: ServerConnection?
        let pipeline = channel.pipeline.syncOperations
        if case .serve = welcome {
            if isHandshake { try security?.prepare(channel) }
            try pipeline.addHandler(doorkeeper)
            var decoding = NIOHTTPDecoderLimitConfiguration()
            decoding.maxHeaderFieldSize = limits.maxHeaderBytes
            decoding.maxHeaderListSize = limits.maxHeaderBytes
            decoding.maxHeaderFieldCount = limits.maxHeaderFields
            let parser = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
            try pipeline.addHandler(ByteToMessageHandler(parser))
            served += 1
            clients.enter(origin)
            let handler = ServerConnection(server: self, number: served, origin: origin, doorkeeper: doorkeeper)
            try pipeline.addHandler(handler)
            connection = handler
        } else {
            try pipeline.addHandler(doorkeeper)
        }
        let id = ObjectIdentifier(channel)
        connections[id] = (channel, connection)
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            guard let gone = connections.removeValue(forKey: id) else { return }
            if gone.connection != nil { clients.leave(origin) }
            completeStop()
        }
    }

    /// Takes no further connection or request, lets requests that are being answered end within `stopTime`, and
    /// completes when every connection is closed. May be called again.
    public func stop() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let stopped { return stopped.futureResult }
        isStopping = true
        let stopped = eventLoop.makePromise(of: Void.self)
        self.stopped = stopped
        for (channel, connection) in connections.values {
            if let connection { connection.stop() } else { channel.close(promise: nil) }
        }
        let force = eventLoop.assumeIsolated().scheduleTask(in: limits.stopTime) { [self] in
            for (channel, _) in connections.values { channel.close(promise: nil) }
        }
        let closed = EventLoopFuture.andAllComplete(listeners.map { $0.close() }, on: eventLoop)
        closed.assumeIsolated().whenComplete { [self] _ in
            areListenersClosed = true
            completeStop()
        }
        stopped.futureResult.whenComplete { _ in force.cancel() }
        return stopped.futureResult
    }

    private func completeStop() {
        if areListenersClosed, connections.isEmpty { stopped?.succeed(()) }
    }
}

@available(*, unavailable)
extension HTTPServer: Sendable {}

/// Why a server could not listen.
public struct HTTPListenError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        case portInUse
        case other(String)
    }

    public enum Place: Hashable, Sendable, CustomStringConvertible {
        case tcp(host: String, port: Int)
        case unixSocket(String)

        public var description: String {
            switch self {
            case .tcp(let host, let port): hostAndPort(host, port)
            case .unixSocket(let path): path
            }
        }
    }

    public var place: Place
    public var reason: Reason

    init(place: Place, cause: any Error) {
        self.place = place
        if let error = cause as? IOError, error.errnoCode == addressInUse {
            reason = .portInUse
        } else {
            reason = .other(plainReason(cause))
        }
    }

    public var description: String {
        switch reason {
        case .portInUse:
            "cannot listen on \(place): another process has this port; stop it or choose another port"
        case .other(let text):
            "cannot listen on \(place): \(text); check the address, and that this user may listen on it"
        }
    }
}

#if os(Linux)
    private let addressInUse: CInt = 98
#else
    private let addressInUse: CInt = 48
#endif

func hostAndPort(_ host: String, _ port: Int) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
}

/// An operating system's or NIO's error in an operator's words.
func plainReason(_ error: any Error) -> String {
    switch error {
    case let error as IOError:
        // The name of the system call says nothing to an operator.
        return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout: return "no answer to the connection attempt"
    case is SocketAddressError: return "the host name is not known"
    default: return "\(error)"
    }
}
