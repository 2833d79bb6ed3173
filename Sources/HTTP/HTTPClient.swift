// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1
import NIOPosix

/// TLS for https URLs.
public struct ClientSecurity: Sendable {
    /// Adds it to a new connection, on the loop.
    public var prepare: @Sendable (any Channel, HTTPURL) throws -> Void
    /// What an error of the connection means; nil for what is not of TLS.
    public var failure: @Sendable (any Error) -> Failure?

    /// In an operator's words. Nothing was done by the other side in either case.
    public enum Failure: Sendable {
        /// No connection came about.
        case handshake(String)
        /// The other side does not take the certificate that was shown. It says so when it may have been sent something already.
        case certificateRefused(String)
    }

    public init(
        prepare: @escaping @Sendable (any Channel, HTTPURL) throws -> Void,
        failure: @escaping @Sendable (any Error) -> Failure?
    ) {
        self.prepare = prepare
        self.failure = failure
    }
}

/// Makes short calls. Works on one event loop; may be called from anywhere.
public final class HTTPClient: Sendable {
    /// Connections kept open per host and port for calls that may be repeated, unless told otherwise.
    public static let maxIdleConnectionsPerHost = 2
    /// How long each is kept: shorter than servers usually do, so that it is us who close it.
    public static let idleTime = TimeAmount.seconds(20)

    public let eventLoop: any EventLoop
    private let security: ClientSecurity?
    private let pool: NIOLoopBoundBox<ConnectionPool>

    /// - Parameter security: for https URLs, which are refused without it.
    public init(
        eventLoop: any EventLoop, maxIdleConnectionsPerHost: Int = HTTPClient.maxIdleConnectionsPerHost,
        security: ClientSecurity? = nil
    ) {
        self.eventLoop = eventLoop
        self.security = security
        pool = .makeBoxSendingValue(ConnectionPool(maxIdle: maxIdleConnectionsPerHost), eventLoop: eventLoop)
    }

    /// For the daemon: completes on the client's loop, by the deadline, and fails with `HTTPClientError` only.
    public func send(_ call: HTTPCall) -> EventLoopFuture<HTTPAnswer> {
        send(call, givenUp: nil)
    }

    /// For commands. Cancelling the task ends the call with `.cancelled`.
    public func send(_ call: HTTPCall) async throws(HTTPClientError) -> HTTPAnswer {
        let givenUp = eventLoop.makePromise(of: Void.self)
        let answer = send(call, givenUp: givenUp.futureResult)
        do {
            let result = try await withTaskCancellationHandler {
                try await answer.get()
            } onCancel: {
                givenUp.succeed(())
            }
            givenUp.succeed(())
            return result
        } catch {
            givenUp.succeed(())
            throw error as? HTTPClientError ?? .cannotConnect("\(call.url.place): \(error)")
        }
    }

    /// Closes the connections that are kept open.
    public func close() -> EventLoopFuture<Void> {
        eventLoop.submit { [pool] in pool.value.closeAll() }
    }

    private func send(_ call: HTTPCall, givenUp: EventLoopFuture<Void>?) -> EventLoopFuture<HTTPAnswer> {
        guard eventLoop.inEventLoop else { return eventLoop.flatSubmit { self.send(call, givenUp: givenUp) } }
        if call.url.scheme == .https, security == nil {
            return eventLoop.makeFailedFuture(HTTPClientError.badURL("\(call.url): https is not available here"))
        }
        guard call.url.target.hasPrefix("/"), call.url.target.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            return eventLoop.makeFailedFuture(HTTPClientError.badURL("\(call.url): its target is not percent-encoded"))
        }
        let exchange = Exchange(call, eventLoop: eventLoop)
        exchange.connectAgain = { self.connect(for: exchange) }
        givenUp?.assumeIsolated().whenComplete { _ in exchange.fail(.cancelled) }
        if call.repetition == .harmless, let connection = pool.value.take(call.url) {
            connection.start(exchange, isReused: true)
        } else {
            connect(for: exchange)
        }
        return exchange.promise.futureResult
    }

    private func connect(for exchange: Exchange) {
        let url = exchange.call.url
        let pool = pool.value
        let security = url.scheme == .https ? security : nil
        let connection = NIOLoopBound(
            ClientConnection(url: url, pool: pool, security: security), eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(max(exchange.deadline - .now(), .milliseconds(1)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try security?.prepare(channel, url)
                    try connection.value.addCodec(to: channel.pipeline.syncOperations)
                }
            }
        let byTCP = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
        // An address needs no lookup, and so no thread.
        let channel =
            if let path = url.unixSocket {
                bootstrap.connect(unixDomainSocketPath: path)
            } else if let address = try? SocketAddress(ipAddress: url.host, port: url.port) {
                byTCP.connect(to: address)
            } else {
                byTCP.connect(host: url.host, port: url.port)
            }
        channel.assumeIsolated().whenComplete { result in
            switch result {
            case .success: connection.value.start(exchange, isReused: false)
            // An attempt on a connection that was open already may have reached the server.
            case .failure where exchange.isSent: exchange.fail(.closedEarly)
            case .failure(let error): exchange.fail(.cannotConnect("\(url.place): \(plainReason(error))"))
            }
        }
    }
}

/// Connections that wait for a further call, by host and port.
final class ConnectionPool {
    private let maxIdle: Int
    private var idle: [String: [ClientConnection]] = [:]

    init(maxIdle: Int) { self.maxIdle = maxIdle }

    private func key(_ url: HTTPURL) -> String { "\(url.scheme.rawValue)://\(url.place)" }

    func take(_ url: HTTPURL) -> ClientConnection? {
        guard let connection = idle[key(url)]?.popLast() else { return nil }
        if idle[key(url)]?.isEmpty == true { idle[key(url)] = nil }
        return connection
    }

    /// False: there are enough.
    func keep(_ connection: ClientConnection) -> Bool {
        guard idle[key(connection.url), default: []].count < maxIdle else { return false }
        idle[key(connection.url), default: []].append(connection)
        return true
    }

    func remove(_ connection: ClientConnection) {
        let key = key(connection.url)
        idle[key]?.removeAll { $0 === connection }
        if idle[key]?.isEmpty == true { idle[key] = nil }
    }

    func closeAll() {
        let all = idle.values.flatMap { $0 }
        idle = [:]
        for connection in all { connection.close() }
    }
}
