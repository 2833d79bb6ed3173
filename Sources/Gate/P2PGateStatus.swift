// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// How a link came about.
public enum P2PDirection: String, Hashable, Sendable {
    /// The outside node dialled `listen`.
    case dialedIn = "in"
    /// The gate dialled both ends.
    case dialedOut = "out"
    /// The local nodeos dialled `local_listen`, the gate the peer.
    case dialedByNodeos = "nodeos"
}

/// What went over a link in one direction; swallowed frames are not among it, released ones are.
public struct P2PTraffic: Hashable, Sendable {
    public var frames: UInt64 = 0
    public var bytes: UInt64 = 0
}

/// One link, or one on its way.
public struct P2PLinkStatus: Sendable {
    /// Numbers links from 1 in the order of their making.
    public var number: UInt64
    /// The outside node's address.
    public var outside: String
    public var direction: P2PDirection
    /// When its first connection stood.
    public var since: NIODeadline
    /// Both handshakes have gone through.
    public var isUp: Bool
    /// From the local nodeos to the outside, and back.
    public var out = P2PTraffic()
    public var `in` = P2PTraffic()
    /// Blocks swallowed on this link and blocks written to it by `release`.
    public var held: UInt64 = 0
    public var released: UInt64 = 0
    /// Bytes that wait to be sent to either side.
    public var queuedBytes = 0
}

/// One of `nodeos.p2p.peers`.
public struct P2PPeerStatus: Sendable {
    public var address: P2PAddress
    public var isLinked: Bool
    /// Attempts that failed since the last link stood for `P2PLimits.settledAfter`.
    public var failures: Int
    /// Why there is no link, or was none the last time.
    public var lastFailure: String?
}

/// What status and metrics show of the gate. Counts are from the gate's start on.
public struct P2PGateStatus: Sendable {
    public var links: [P2PLinkStatus]
    public var peers: [P2PPeerStatus]
    /// The local nodeos took the last connection. Unknown before the first.
    public var isNodeosReachable: Bool?
    /// By how many milliseconds the local nodeos's time of day is ahead of this machine's, as it last said: every 10 s, to
    /// each node. Nil when it said nothing for a minute. For people: a message that waited makes it look late.
    public var nodeosClockOffset: Int64?
    public var counters: P2PCounters
}

public struct P2PCounters: Hashable, Sendable {
    /// Blocks held back, by id, and blocks released.
    public var held: UInt64 = 0
    public var released: UInt64 = 0
    /// Copies from nodeos that were swallowed since the link had got the block by `release`.
    public var duplicates: UInt64 = 0
    /// Blocks from outside that were dropped.
    public var dropped: [P2PDropReason: UInt64] = [:]
    /// Transactions that were kept from a link.
    public var withheldTransactions: UInt64 = 0
    public var linksMade: UInt64 = 0
    public var linksLost: UInt64 = 0
    /// Connections that were closed before they were a link: above a bound, garbage, too slow.
    public var turnedAway: UInt64 = 0
}

/// The last ids, so and so many; the oldest makes room.
public struct RecentIDs<ID: Hashable> {
    private let limit: Int
    private var ids: Set<ID> = []
    private var order: [ID] = []
    private var oldest = 0

    public init(limit: Int) { self.limit = limit }

    public func contains(_ id: ID) -> Bool { ids.contains(id) }

    /// False: it was there.
    @discardableResult
    public mutating func insert(_ id: ID) -> Bool {
        guard ids.insert(id).inserted else { return false }
        if order.count < limit {
            order.append(id)
        } else {
            ids.remove(order[oldest])
            order[oldest] = id
            oldest = (oldest + 1) % limit
        }
        return true
    }
}
