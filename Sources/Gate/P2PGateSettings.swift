// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore

/// A host and a TCP port.
public struct P2PAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    public var host: String
    /// 1 to 65535; 0 only for a listener that is to take any free port.
    public var port: Int

    public init(host: String, port: Int) {
        precondition((0...65535).contains(port), "port \(port)")
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where the gate listens and whom it dials (`nodeos.p2p`). Each part may be missing.
///
/// How the two ends of a link come about:
/// - An outside node dials `listen`: the gate dials `node` for it, once the outside node's handshake has come.
/// - `node` is given: the gate dials each of `peers` and, for each, `node`. Since a nodeos that was dialled is silent
///   until spoken to, the gate says a first handshake to the local nodeos, whose own handshake then goes to the peer: see
///   `P2PSessionOpening`. So a lost link is there again in tenths of a second; nodeos itself waits 30 s.
/// - nodeos dials `localListen` (`p2p-peer-address`): the connection is joined with the first of `peers` that has no
///   link, which the gate dials. One port for all: nodeos takes the same address only once, so for n peers without `node`
///   write it in n spellings (127.0.0.1, 127.0.0.2, ...). With `node` it is not needed and only fills gaps.
public struct P2PGateSettings: Sendable {
    /// The local nodeos (`nodeos.p2p.node`).
    public var node: P2PAddress?
    /// Where outside nodes dial us (`nodeos.p2p.listen`).
    public var listen: P2PAddress?
    /// Where the local nodeos may dial us (`nodeos.p2p.local_listen`).
    public var localListen: P2PAddress?
    /// Whom we dial (`nodeos.p2p.peers`).
    public var peers: [P2PAddress]
    public var limits: P2PLimits

    public init(
        node: P2PAddress?, listen: P2PAddress? = nil, localListen: P2PAddress? = nil, peers: [P2PAddress] = [],
        limits: P2PLimits = P2PLimits()
    ) {
        self.node = node
        self.listen = listen
        self.localListen = localListen
        self.peers = peers
        self.limits = limits
    }
}

/// The bounds of everything that the gate keeps, waits for or sends.
public struct P2PLimits: Sendable {
    /// The longest message, its kind included, in bytes: nodeos's own limit. At most `ChainLimits.frameSize`.
    public var maxFrameBytes = ChainLimits.frameSize
    /// The longest first message of an outside node, a handshake: 400 to 600 bytes and the length of two texts.
    public var maxHandshakeBytes = 16 << 10
    /// Links that were dialled from outside, those on their way included. One more is turned away.
    public var maxLinks = 256
    /// Of these, from one address.
    public var maxLinksPerAddress = 32
    /// Bytes that wait to be sent to one side. Above `pauseBytes` the other side is not read until it is half of that;
    /// above `maxQueuedBytes`, which only released blocks and a last gulp at a connection's end get to, the link is closed.
    public var pauseBytes = 1 << 20
    public var maxQueuedBytes = 32 << 20
    /// Released blocks that wait for a link's handshakes.
    public var maxWaitingBlocks = 16
    /// Ids of blocks remembered: by the gate those that were held, by each link those that went over it.
    public var maxRememberedBlocks = 256
    /// How long a connection may take to come about.
    public var connectTimeout: Duration = .seconds(2)
    /// How long an outside node that dialled may take for its handshake.
    public var helloTimeout: Duration = .seconds(5)
    /// How long a connection waits for the other end of its link: nodeos is starting, or the peer is not there.
    public var joinTimeout: Duration = .seconds(10)
    /// How long both handshakes may take, from the joining of the two ends on.
    public var handshakeTimeout: Duration = .seconds(30)
    /// How long a side may stop in the middle of a frame.
    public var frameTimeout: Duration = .seconds(10)
    /// How long a side may take nothing of what waits for it.
    public var stallTimeout: Duration = .seconds(30)
    /// How long a side may be silent; nodeos says something every 10 s, older ones every 32 s.
    public var silenceTimeout: Duration = .seconds(120)
    /// How long the end of a link waits for what was written before.
    public var lingerTimeout: Duration = .seconds(1)
    /// The pause before a peer is dialled again: the first, doubling to the last.
    public var redialPause: ClosedRange<Duration> = .milliseconds(100)...(.seconds(5))
    /// The same after the peer said that there is a link already.
    public var duplicatePause: Duration = .seconds(30)
    /// A link that stood for so long starts again from the first pause when it is lost.
    public var settledAfter: Duration = .seconds(2)
    /// The pause between two looks whether the local nodeos is there again: the first, doubling to the last.
    public var probePause: ClosedRange<Duration> = .milliseconds(50)...(.milliseconds(500))
    /// How often the timeouts above are looked at.
    public var sweepInterval: Duration = .milliseconds(250)
    /// The same complaint is logged once in this time.
    public var complaintInterval: Duration = .seconds(60)

    public init() {}
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
