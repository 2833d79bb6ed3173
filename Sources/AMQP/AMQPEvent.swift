// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What a session reports, in order.
public enum AMQPEvent: Hashable, Sendable {
    /// The broker has agreed to deliver the queue's messages to this session and to no other. Comes at most once, and
    /// before any delivery.
    case opened
    case delivered(AMQPDelivery)
    /// The last event, exactly once. The connection is closed: what was delivered and not acknowledged the broker puts
    /// back at its place in the queue.
    case closed(AMQPCloseReason)
}

/// A message of the queue.
public struct AMQPDelivery: Hashable, Sendable {
    /// Counts the session's deliveries from 1. Means nothing in another session.
    public let tag: UInt64
    /// Empty when `isTooLarge`.
    public let body: [UInt8]
    /// The body has more than `AMQPConsumer.maxBodyBytes`; it was read past.
    public let isTooLarge: Bool
    /// It was delivered before, to this or another consumer, perhaps without being seen by it. Not set on every message
    /// that somebody has seen: a broker that went down uncleanly may have forgotten it.
    public let isRedelivered: Bool
    /// The queue of whoever waits for a reply. nil also when it is not UTF-8.
    public let replyTo: String?
    /// What a reply must carry to be recognized. nil also when it is not UTF-8.
    public let correlationID: String?
    /// Those headers that are texts in UTF-8.
    public let headers: [String: String]

    /// For whoever plays the broker.
    public init(
        tag: UInt64, body: [UInt8], isTooLarge: Bool = false, isRedelivered: Bool = false, replyTo: String? = nil,
        correlationID: String? = nil, headers: [String: String] = [:]
    ) {
        self.tag = tag
        self.body = body
        self.isTooLarge = isTooLarge
        self.isRedelivered = isRedelivered
        self.replyTo = replyTo
        self.correlationID = correlationID
        self.headers = headers
    }
}

/// Why a session ended, and what an operator can do about it.
public enum AMQPCloseReason: Error, Hashable, Sendable, CustomStringConvertible {
    /// By `close()`, or because the `AMQPConsumer` was given up.
    case asked
    /// The session never opened, for a reason other than the following two.
    case cannotConnect(String)
    /// The session never opened: the queue does not exist.
    case queueMissing(String)
    /// The session never opened: another consumer has the queue.
    case queueBusy(String)
    /// The session was open, and ended without being asked to. What was written last may have reached the broker or not.
    case lost(String)

    public var description: String {
        switch self {
        case .asked: "closed as asked"
        case .cannotConnect(let text), .queueMissing(let text), .queueBusy(let text), .lost(let text): text
        }
    }
}

/// Nothing was published.
public enum AMQPPublishError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the queue, the correlation ID, the content type and the names of headers may have 255 bytes each.
    case textTooLong(String)
    /// All headers together may have `AMQPConsumer.maxHeaderBytes`.
    case headersTooLarge(bytes: Int)
    /// A body may have `AMQPConsumer.maxBodyBytes`.
    case bodyTooLarge(bytes: Int)

    public var description: String {
        switch self {
        case .textTooLong(let what): "\(what) has more than 255 bytes"
        case .headersTooLarge(let bytes): "the headers have \(bytes) bytes, more than \(AMQPConsumer.maxHeaderBytes)"
        case .bodyTooLarge(let bytes): "the body has \(bytes) bytes, more than \(AMQPConsumer.maxBodyBytes)"
        }
    }
}
