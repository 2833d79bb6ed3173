// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Configuration
import Operations

/// What one peer says, with the values of a well follower of peer 2 in east where nothing else is given.
struct Said {
    var id: Int
    var region = "east"
    var role = RaftRole.follower
    var term: UInt64 = 7
    var leader = 2
    var commit: UInt64 = 120
    var applied: UInt64?
    var quorum = 2
    var members = [1, 2, 3]
    /// Peers that it has no link to.
    var cutOff: Set<Int> = []
    var active = true
    var epoch: UInt64 = 3
    var paused = false
    var can = false
    var reason: CanProduceReason? = .notLeader
    var lease: Bool?
    var leaseRest: Milliseconds?
    var head: UInt32? = 1034
    var headID = "0000040a5c"
    /// Nil: the peer has applied none since it started.
    var headAge: Int64? = 400
    var uptime: Milliseconds = 93_000
    var version = "0.1.0"
    /// By how many milliseconds its clock is ahead; nil: it does not say.
    var clock: Int64?
    var pause: ActDocument?
    var maintenance: [StatusDocument.Maintenance]?
    var leaseExpiry: Milliseconds = 750
    var nodeos: StatusDocument.Nodeos?
    /// Why the message queue cannot be consumed.
    var queueTrouble: String?
    /// What it knows of others.
    var knows: [KnownStatus] = []
    /// When the answer came, after the first.
    var later: Int64 = 0
    var state: RegionStanding?
    var activatedEpoch: UInt64?
    var openSwitch: SwitchDocument?
    var lastDrill: StatusDocument.Drill?
    var superseded: LossDocument.Superseded?
    /// The other regions; nil: it does not say.
    var hears: [StatusDocument.OtherRegion]?

    static let now: Int64 = 1_790_000_000_000

    /// The leader of a producing region.
    static func leader(_ id: Int = 2, change: (inout Said) -> Void = { _ in }) -> Said {
        var said = Said(id: id, role: .leader, leader: id, can: true, reason: nil)
        change(&said)
        return said
    }

    static func follower(_ id: Int, change: (inout Said) -> Void = { _ in }) -> Said {
        var said = Said(id: id)
        change(&said)
        return said
    }

    var status: StatusDocument {
        let holdsLease = lease ?? can
        let at = Self.now + later
        return StatusDocument(
            peer: .init(
                id: id, region: region, address: "10.0.0.\(id):8988", api: "http://10.0.0.\(id):9988", version: version,
                uptimeMS: uptime, time: clock.map { UTCInstant(unixMilliseconds: at + $0) }),
            raft: .init(
                role: role, term: term, leaderID: leader, commitIndex: commit, appliedIndex: applied ?? commit,
                lastIndex: commit, snapshotIndex: 0, quorumSize: quorum,
                lease: .init(held: holdsLease, remainingMS: leaseRest ?? (holdsLease ? 712 : 0), expiryMS: leaseExpiry)),
            peers: members.filter { $0 != id }.map { other in
                .init(
                    id: other, address: "10.0.0.\(other):8988", connected: !cutOff.contains(other),
                    lastContactMS: cutOff.contains(other) ? 5200 : 13, matchIndex: nil, rttMS: 0.4,
                    state: cutOff.contains(other) ? .unreachable : .replicating)
            },
            production: .init(
                regionActive: active, state: state, activatedEpoch: activatedEpoch, switch: openSwitch,
                lastDrill: lastDrill, superseded: superseded, epoch: epoch, paused: paused, pause: pause,
                canProduce: can, reason: reason,
                head: head.map { number in
                    .init(
                        blockNum: number, blockID: headID,
                        committedAt: headAge.map { UTCInstant(unixMilliseconds: at - $0) })
                }),
            maintenance: maintenance, regions: hears, nodeos: nodeos, transactions: queueTrouble.map { .failing($0) })
    }

    var report: PeerReport {
        PeerReport(
            target: PeerTarget(region: region, id: id, api: url(region, id), origin: .file),
            outcome: .answered(
                PeerAnswer(
                    status: status, known: knows, at: UTCInstant(unixMilliseconds: Self.now + later), roundTrip: 1.25)))
    }
}

func url(_ region: String, _ id: Int) -> ServiceURL {
    ServiceURL(scheme: .http, endpoint: HostPort(host: region == "east" ? "10.0.0.\(id)" : "10.1.0.\(id)", port: 9988))
}

func missing(_ id: Int, _ failure: PeerFailure = .refused, region: String = "east") -> PeerReport {
    PeerReport(
        target: PeerTarget(region: region, id: id, api: url(region, id), origin: .file), outcome: .failed(failure))
}

/// A standby region whose peer 1 leads.
func standby(_ region: String) -> [PeerReport] {
    (1...3).map { id in
        Said(
            id: id, region: region, role: id == 1 ? .leader : .follower, term: 4, leader: 1, commit: 15, active: false,
            epoch: 2, reason: id == 1 ? .regionStandby : .notLeader, lease: id == 1, head: 1000, headAge: nil
        ).report
    }
}

func view(_ said: Said...) -> ClusterView { ClusterView(Inspection(reports: said.map(\.report))) }
func view(_ reports: [PeerReport], quorumInFile: [String: Int] = [:]) -> ClusterView {
    ClusterView(Inspection(reports: reports, quorumInFile: quorumInFile))
}

extension StatusDocument.Transactions {
    fileprivate static func failing(_ reason: String) -> Self {
        Self(
            waiting: 0, waitingBytes: 0, handedIn: 0, committed: 0, rejected: 0, expired: 0, unknown: 0, overloaded: 0,
            repeated: 0, knownFromBlockNum: nil,
            queue: StatusDocument.Queue(
                name: "trx", broker: "amqp://bp@10.0.0.9:5672", ackMode: "in_block", state: .failing, reason: reason,
                waiting: 0, delivered: 0, redelivered: 0, committed: 0, failed: 0, rejected: 0, requeued: 0))
    }
}
