// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// Every bound of the HTTP server. What goes over one is answered, where the client can still be told, and then the
/// connection is closed.
public struct HTTPLimits: Sendable {
    /// Body of one request: 8 MiB of block, twice that as hex, and a MiB for the JSON around it.
    public static let defaultBodyBytes = 17 << 20

    /// Largest body of a request, in bytes, by its method and decoded path. Over it: 413.
    public var maxBodyBytes: @Sendable (HTTPMethod, _ path: String) -> Int = { _, _ in HTTPLimits.defaultBodyBytes }
    /// Request bodies of all connections together, in bytes, from their first byte until they are answered. Over it:
    /// 503 to the request that went over.
    public var maxBodyBytesInAll = 128 << 20
    /// Target, names and values of one request's head together, in bytes. Over it: 431.
    public var maxHeaderBytes = 16 << 10
    /// Bytes of answers that clients have not taken yet, of all connections together; small answers are always given.
    public var maxAnswerBytesInAll = 64 << 20
    /// Header fields of one request. Over it: 431.
    public var maxHeaderFields = 128
    /// Connections that are served at once. Over it: 503.
    public var maxConnections = 512
    /// Of them, those from one address of another machine, so that one cannot keep all others out: a share of
    /// `maxConnections`, 0 to 1. Over it: 503.
    public var maxShareOfOneAddress = 0.5
    /// Connections above `maxConnections` for clients on this machine, half of them for its unix socket alone: who comes to
    /// see what is wrong gets in.
    public var reservedForThisMachine = 32
    /// TLS connections that clients on other machines may begin in a second, all together: each costs this loop a signature.
    /// Any more are closed unanswered.
    public var maxHandshakesPerSecond = 100
    /// Connections over `maxConnections` that are being told so at once; any more are closed unanswered.
    public var maxTurnedAway = 64
    /// From the connection to the first byte of its first request, TLS included.
    public var openingTime: TimeAmount = .seconds(10)
    /// Time without a request on an open connection. The client's taking of the last answer counts as such time.
    public var idleTime: TimeAmount = .seconds(75)
    /// From a request's first byte to its last. Over it: 408.
    public var requestTime: TimeAmount = .seconds(30)
    /// How long a refused client's remaining bytes are read and dropped, so that it can read the refusal.
    public var lingerTime: TimeAmount = .seconds(5)
    /// How many of them.
    public var maxLingerBytes = 64 << 20
    /// Bytes of a streaming answer that its client has not taken yet. Over it the stream ends.
    public var maxStreamBytes = 256 << 10
    /// Pipelined requests of one connection that are answered before other work on the loop gets its turn.
    public var maxRequestsInARow = 16
    /// How long `stop` waits for requests that are being answered.
    public var stopTime: TimeAmount = .seconds(5)

    public init() {}
}
