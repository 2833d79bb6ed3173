// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Gate

// What status and metrics show of the nodeos beside this peer.

extension NodeosStatus.Condition {
    static let divergedWord = "diverged"

    var word: String {
        switch self {
        case .unreachable: "unreachable"
        case .wrongChain: "wrong_chain"
        case .behind: "behind"
        case .diverged: Self.divergedWord
        case .well: "well"
        }
    }
}

extension NodeosStatus.Production {
    var word: String {
        switch self {
        case .unknown: "unknown"
        case .pausing: "pausing"
        case .paused: "paused"
        case .resumed: "resumed"
        }
    }
}

extension NodeosStatus {
    /// For the log: the same words as long as nothing changes that a person should know of.
    var inWords: String {
        switch condition {
        case .unreachable(let why): return "does not answer: \(why)"
        case .wrongChain(let chain): return "is on another chain than the group, \(chain)"
        case .behind: return "is behind the group"
        case .diverged(let head): return "has a head that the group did not commit: \(head)"
        case .well: break
        }
        if clockOffset != nil { return "has a clock that differs by seconds from this machine's" }
        switch production {
        case .resumed: return "produces"
        case .paused: return "is paused"
        case .pausing, .unknown: return "is well"
        }
    }
}

extension NodeosAttachment {
    var document: StatusDocument.Nodeos? {
        guard let status = driver?.status else { return nil }
        var document = StatusDocument.Nodeos(
            http: "\(settings.http.scheme.rawValue)://\(settings.http.hostAndPort)", reachable: status.isReachable,
            condition: status.condition.word, production: status.production.word)
        document.chainID = status.chainID.map { "\($0)" }
        document.head = status.head.map { BlockReference(blockNum: $0.number, blockID: $0.id.hex) }
        document.lastIrreversibleBlockNum = status.irreversible?.number
        document.distance = status.distance
        let p2pStatus = p2p?.status
        let clockOffset = status.clockOffset ?? p2pStatus?.nodeosClockOffset
        document.clockOffsetMS = clockOffset.map { Milliseconds(.milliseconds($0)) }
        if case .unreachable(let why) = status.condition {
            document.problem = why
        } else {
            document.problem = status.problem
        }
        if isLeftBehind, let superseder = node.replica.state.region.superseded?.by {
            document.condition = NodeosStatus.Condition.divergedWord
            document.problem =
                "\(superseder.name) went on without what is irreversible here, and nodeos never undoes that: stop it, remove "
                + "its data, and start it from a snapshot of the chain or from the genesis"
        }
        if stampedAhead != nil {
            document.problem =
                "its last block is stamped ahead of this machine's clock by more than 5 s: set nodeos's clock"
        } else if isClockOff {
            document.problem = "this machine's clock differs from those of the other peers by more than 5 s: set it"
        } else if let clockOffset, abs(clockOffset) > NodeosControl.Bounds().clockOffset, status.condition != .well {
            let direction = clockOffset > 0 ? "ahead of" : "behind"
            document.problem =
                "nodeos's clock is \(abs(clockOffset) / 1000) s \(direction) this machine's: set it, or restart nodeos"
        }
        switch signatures?.trouble {
        case .wrongKey:
            document.problem =
                "nodeos asks for signatures of another key than nodeos.signer.public_key: compare that with "
                + "nodeos's signature-provider"
        case .signer(let why): document.problem = "no signature can be made: \(why)"
        case nil: break
        }
        if isBeginning {
            document.problem = "waits until a quorum's nodeos hold one block and all heads stand still, to begin there"
        }
        if let signatures, let signer = settings.signer {
            let counters = signatures.counters
            document.signer = StatusDocument.Signer(
                publicKey: signer.publicKey.description, signed: counters.signed, repeated: counters.repeated,
                refused: counters.refused, malformed: counters.malformed,
                outstanding: signatures.permit.outstanding != nil)
        }
        document.p2p = p2pStatus.map { StatusDocument.P2P($0) }
        return document
    }

    func addMetrics(to page: inout MetricsPage) {
        guard let status = driver?.status else { return }
        page.gauge("prodha_nodeos_reachable", "1 when nodeos answers.", status.isReachable ? 1 : 0)
        page.gauge("prodha_nodeos_well", "1 when nodeos could produce or follow.", isWell ? 1 : 0)
        page.gauge(
            "prodha_nodeos_producing", "1 when nodeos was told to produce.", status.production == .resumed ? 1 : 0)
        page.gauge("prodha_nodeos_head_block_num", "The number of nodeos's head.", Double(status.head?.number ?? 0))
        page.gauge(
            "prodha_nodeos_distance_blocks", "The group's head minus nodeos's, in blocks.", Double(status.distance ?? 0)
        )
        if let signatures {
            let counters = signatures.counters
            page.counter("prodha_signatures_given_total", "Signatures given to nodeos.", counters.signed)
            page.counter(
                "prodha_signatures_refused_total", "Signing requests refused, for whatever reason.",
                counters.refused.values.reduce(0, +))
            page.histogram(
                "prodha_signing_seconds", "From nodeos's signing request to its answer.", node.counters.signingTime)
        }
        if let p2p {
            let status = p2p.status
            page.gauge("prodha_p2p_links", "Links of the p2p gate that stand.", Double(status.links.count { $0.isUp }))
            page.counter("prodha_p2p_blocks_held_total", "Blocks kept back until committed.", status.counters.held)
            page.counter("prodha_p2p_blocks_released_total", "Committed blocks released.", status.counters.released)
            page.counter(
                "prodha_p2p_blocks_dropped_total", "Blocks from outside that were dropped.",
                status.counters.dropped.values.reduce(0, +))
            page.counter(
                "prodha_p2p_transactions_withheld_total",
                "Transactions of the message queue that were kept from a link.",
                status.counters.withheldTransactions)
            page.counter(
                "prodha_p2p_turned_away_total", "Connections from outside that did not become a link.",
                status.counters.turnedAway)
        }
    }
}

extension StatusDocument.P2P {
    init(_ status: P2PGateStatus) {
        self.init(
            links: status.links.map {
                Link(
                    number: $0.number, outside: $0.outside, direction: $0.direction.rawValue, up: $0.isUp,
                    bytesIn: $0.in.bytes, bytesOut: $0.out.bytes, held: $0.held, released: $0.released,
                    queuedBytes: $0.queuedBytes)
            },
            peers: status.peers.map {
                Peer(
                    address: $0.address.description, linked: $0.isLinked, failures: $0.failures,
                    lastFailure: $0.lastFailure)
            },
            held: status.counters.held, released: status.counters.released, duplicates: status.counters.duplicates,
            dropped: Dictionary(uniqueKeysWithValues: status.counters.dropped.map { ($0.key.rawValue, $0.value) }))
    }
}
