// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

/// What is known of the link to one peer.
public struct LinkStatus: Hashable, Sendable {
    /// Wall clock of the moment when the link came up, in milliseconds since 1970. nil: there is no link.
    public var connectedSince: Int64?
    /// Where the link leads: the other end's address and port.
    public var remoteAddress: String?
    /// The other side's software version, as of the last link.
    public var remoteVersion: String?
    /// The latest measurement on this link.
    public var roundTrip: Duration?
    /// The peer's wall clock minus this one's, as of the latest round trip and right to half of it.
    public var clockOffset: Duration?
    /// Bytes that wait to be sent.
    public var queuedBytes = 0
    /// Messages and reports dropped since the start: the queue was full, or they were too large to travel.
    public var dropped: UInt64 = 0
    /// Links to this peer since the start.
    public var linksMade: UInt64 = 0
    /// Why one side refused the other, as long as no link has come up since.
    public var lastRefusal: String?
    /// Why the last link ended or the last attempt to make one failed.
    public var lastFailure: String?

    public init() {}
}

/// Why the links could not be started. Nothing is left running.
public enum TransportError: Error, Hashable, CustomStringConvertible {
    case cannotListen(address: String, reason: String)
    case tlsFiles(reason: String)

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen for peers on \(address): \(reason). Another process may hold the port (see ss -ltnp);"
                + " stop it, or change this peer's address on all peers."
        case .tlsFiles(let reason):
            "the peers' TLS cannot be set up: \(reason). No link is made without it; correct the files and start again."
        }
    }
}
