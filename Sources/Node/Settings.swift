// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Configuration
import HTTP
import ProducerHA
import Raft
import Storage
import Transport

/// What a node runs with, taken from the configuration.
struct NodeSettings: Sendable {
    var raft: Settings
    var replica: Replica.Options
    var region: String
    /// Addresses by peer, as the configuration writes them.
    var peers: [Peer]
    /// A random number of this run of the process.
    var session: UInt64
    var links: LinkSettings
    let versions: Versions
    /// What the API may be called.
    var apiNames: HostNames
    /// The configuration at the start of the process.
    var atStart: Configuration

    init(
        _ configuration: Configuration, versions: Versions = .current, random: inout some RandomNumberGenerator
    ) {
        self.versions = versions
        raft = Settings(
            id: PeerID(configuration.selfID), peers: configuration.peers.map { PeerID($0.id) },
            quorum: configuration.quorumSize, leaseLength: configuration.leadershipExpiry,
            maxClockDrift: configuration.maxClockDrift, heartbeatInterval: configuration.heartbeat,
            electionTimeout: configuration.electionLower..<configuration.electionUpper)
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        guard let groupID = GroupID(bytes: bytes) else { preconditionFailure("a group id has 16 bytes") }
        replica = Replica.Options(newGroupID: groupID)
        replica.snapshotDistance = UInt64(configuration.snapshotDistance)
        replica.startsActive = configuration.isActive
        replica.awaitsFoundation = configuration.nodeos.http != nil
        if case .only = configuration.nodeos.producers { replica.producers = .several }
        replica.otherRegions = configuration.otherRegions.map(\.name)
        replica.returnGate = configuration.returnGate
        region = configuration.regionName
        peers = configuration.peers
        session = random.next()
        atStart = configuration
        var addresses: [PeerID: PeerAddress] = [:]
        for peer in configuration.peers {
            // Others dial the address; this peer listens on its own port, which may differ behind a translation.
            let port = peer.id == configuration.selfID ? peer.listeningPort : peer.address.port
            addresses[PeerID(peer.id)] = PeerAddress(host: peer.address.host, port: port)
        }
        links = LinkSettings(
            id: raft.id, region: region, peers: addresses, quorum: raft.quorum,
            tls: configuration.tls.map(TLSFiles.init))
        links.wireVersions = versions.wire
        var names = configuration.apiHostNames + [configuration.apiListen.host]
        if let own = configuration.selfPeer { names += [own.api.host, own.address.host] }
        apiNames = HostNames(names)
    }

    /// The peer with this id; there is one for every id that the group knows.
    func peer(_ id: PeerID) -> Peer? { peers.first { $0.id == id.value } }
}

extension Configuration {
    /// Without what can change while the process runs.
    var fixedAtStart: Configuration {
        var copy = self
        copy.isActive = false
        (copy.tokenFile, copy.readTokenFile, copy.apiAuthorityFile) = (nil, nil, nil)
        // Whether there is TLS is fixed, its files are not.
        if var tls = copy.tls {
            (tls.certificateFile, tls.keyFile, tls.rootFile, tls.allowedSubjectNames) = ("", "", "", [])
            copy.tls = tls
        }
        if var tls = copy.apiTLS {
            (tls.certificateFile, tls.keyFile, tls.clientCAFile) = ("", "", nil)
            copy.apiTLS = tls
        }
        return copy
    }
}

public enum Version {
    public static let current = "0.1.0"
}

/// What a build speaks and writes.
public struct Versions: Sendable {
    public var software: String
    public var wire: ClosedRange<UInt16>
    public var store: Int

    public static let current = Versions(
        software: Version.current, wire: Greeting.knownWireVersions, store: Store.currentFormat)

    public init(software: String, wire: ClosedRange<UInt16>, store: Int) {
        self.software = software
        self.wire = wire
        self.store = store
    }
}

/// Counted since the process started.
struct Counters {
    var blocksCommitted: UInt64 = 0
    var entriesApplied: UInt64 = 0
    var entriesRefused: UInt64 = 0
    var commitsRefused: UInt64 = 0
    var electionsWon: UInt64 = 0
    var leadershipsLost: UInt64 = 0
    var leaderChanges: UInt64 = 0
    var leasesAcquired: UInt64 = 0
    var snapshots: UInt64 = 0
    var snapshotsInstalled: UInt64 = 0
    var requests: UInt64 = 0
    /// From nodeos's signing request to its answer.
    var signingTime = Histogram(bounds: [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25])
    /// Time from handing a block in to its commit, for the blocks that this peer committed as leader.
    var commitTime = Histogram(bounds: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
}

/// A histogram in seconds, as Prometheus wants it.
struct Histogram {
    let bounds: [Double]
    private(set) var counts: [UInt64]
    private(set) var sum = 0.0
    private(set) var count: UInt64 = 0

    /// Of a transaction's time until its block is committed.
    static let ofTransactions = Histogram(bounds: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30])

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count)
    }

    mutating func note(_ seconds: Double) {
        sum += seconds
        count += 1
        for (at, bound) in bounds.enumerated() where seconds <= bound { counts[at] += 1 }
    }
}
