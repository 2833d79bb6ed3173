// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The Transport layer: the links between the peers of one group. It carries the consensus core's messages, and small
// reports, and calls, over one TCP connection per pair of peers: framing, greeting, TLS, reconnecting by itself, and a bound on
// every queue, size and wait. A message may be lost, never changed, split or put out of order: Raft makes up for the rest.
//
// Everything runs on the one event loop that also owns the core: a message is encoded and decoded there, without locks
// and without a hop between threads. Only name look-ups run elsewhere.
//
// It may import Raft, swift-nio, swift-nio-ssl and swift-log. It decides nothing about elections, regions or blocks.
//
// Read in this order: LinkSettings, Greeting, Frame, MessageEncoding, CallParts, Calls, PeerLinks, Connection,
// PeerCertificate.
import NIOCore
import Raft

/// Where a peer listens for its group.
public struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    public var host: String
    /// 1 to 65535; 0 only in a peer's own entry, when it is to listen on any free port.
    public var port: Int

    public init(host: String, port: Int) {
        precondition((0...65535).contains(port), "port \(port)")
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What one peer's links run with. Region, members and quorum are the same on all peers of a group.
public struct LinkSettings: Sendable {
    /// This peer.
    public var id: PeerID
    /// The group's name, 1 to 255 bytes.
    public var region: String
    /// Every member, this peer included; at most `LinkLimits.maxPeers`. It dials those with a lower id than its own.
    public var peers: [PeerID: PeerAddress]
    public var quorum: Int
    /// The address to listen on; nil is the wildcard, of IPv6 and IPv4 alike where the system has both. The port is that
    /// of this peer's own entry in `peers`.
    public var listenHost: String?
    public var limits: LinkLimits
    /// What this peer says that it understands.
    public var wireVersions = Greeting.knownWireVersions
    /// nil: links are neither encrypted nor authenticated, and belong on a network of their own.
    public var tls: TLSFiles?

    public init(
        id: PeerID, region: String, peers: [PeerID: PeerAddress], quorum: Int, listenHost: String? = nil,
        limits: LinkLimits = LinkLimits(), tls: TLSFiles? = nil
    ) {
        precondition(peers[id] != nil, "peer \(id) is not a member of its own group")
        precondition(peers.count <= LinkLimits.maxPeers, "\(peers.count) peers")
        precondition(peers.keys.allSatisfy { $0.value >= 0 }, "a peer's id is negative")
        precondition((1...255).contains(region.utf8.count), "a region's name has 1 to 255 bytes")
        precondition(quorum > peers.count / 2 && quorum <= peers.count, "quorum \(quorum) of \(peers.count) peers")
        self.id = id
        self.region = region
        self.peers = peers
        self.quorum = quorum
        self.listenHost = listenHost
        self.limits = limits
        self.tls = tls
    }

    /// The ids of all members, ascending.
    public var members: [PeerID] { peers.keys.sorted() }
}

/// The bounds of everything that the links keep, wait for or send.
public struct LinkLimits: Sendable {
    /// Members of a group, so that every greeting fits its frame.
    public static let maxPeers = 128
    /// The body of a frame before the greetings are exchanged.
    static let maxGreetingBytes = 4 << 10
    /// The sentence of a refusal.
    static let maxRefusalBytes = 1 << 10
    /// An opaque report.
    public static let maxReportBytes = 64 << 10
    /// A call or an answer.
    public static let maxCallBytes = 9 << 20
    /// Bytes of calls and answers that wait to be sent on one link, and of the other side's calls that wait for an answer.
    static let maxCallBytesQueued = 32 << 20
    /// Calls of the other side that wait for an answer.
    static let maxCalls = 256

    /// The body of a frame once a link stands. 4 KiB to 1 GiB, and the same on all peers: what is larger does not travel.
    public var maxFrameBytes = 24 << 20
    /// Bytes that wait to be sent on one link; what comes above it is dropped and counted. At least `maxFrameBytes`.
    public var maxQueuedBytes = 32 << 20
    /// Incoming connections that have not greeted yet; another one closes the oldest.
    public var maxStrangers = 64
    /// How long a connection may take to greet, TLS included.
    public var greetingTimeout: Duration = .seconds(3)
    public var connectTimeout: Duration = .seconds(1)
    /// How often each side of a link pings the other.
    public var pingInterval: Duration = .seconds(1)
    /// A link on which nothing arrives for so long is closed.
    public var silenceTimeout: Duration = .seconds(5)
    /// The pause before a peer is dialled again: the first, doubling to the last, each shortened at random by up to half.
    public var redialPause: ClosedRange<Duration> = .milliseconds(50)...(.milliseconds(250))
    /// A link that stood for so long starts again from the first pause when it is lost.
    public var settledAfter: Duration = .seconds(1)
    /// How long the sender of a refusal waits for the other side to read it and hang up.
    public var refusalTimeout: Duration = .seconds(1)
    /// The same complaint about the same peer is logged once in this time.
    public var complaintInterval: Duration = .seconds(60)

    public init() {}
}

/// The files of mutual TLS, all in PEM.
public struct TLSFiles: Hashable, Sendable {
    /// This peer's certificate, followed by the intermediate ones if there are any. If it is limited to certain extended
    /// key usages, both server and client authentication must be among them: a peer is dialled and dials.
    public var certificate: String
    /// Its private key.
    public var key: String
    /// The authorities that sign the peers' certificates. The system's own list is never used.
    public var trustRoots: String
    /// Whom to let in: a subject on one line as OpenSSL prints it (`/C=CH/O=example/CN=bp01`), its common name, or one of
    /// its alternative DNS names or IP addresses. An empty list lets nobody in.
    public var allowedSubjectNames: [String]

    public init(certificate: String, key: String, trustRoots: String, allowedSubjectNames: [String]) {
        self.certificate = certificate
        self.key = key
        self.trustRoots = trustRoots
        self.allowedSubjectNames = allowedSubjectNames
    }
}

extension TimeAmount {
    init(_ duration: Duration) { self = .nanoseconds(duration.inNanoseconds) }
}

extension Duration {
    init(_ amount: TimeAmount) { self = .nanoseconds(amount.nanoseconds) }
}
