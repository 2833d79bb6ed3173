// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Gate
import ProducerHA
import Raft

// What the gates ask, answered from memory.

extension NodeosAttachment: SignatureGateOwner {
    func obstacleToSigning() -> String? { node.obstacle(at: Clock.now())?.name }

    func askForHead(_ question: SignaturePermit.Question) { driver?.confirm(question) }

    func sawRequest(isRefused: Bool) {
        driver?.saw(isRefused ? .refused : .signed)
        let now = Clock.now()
        if signatures?.trouble == nil { troubleSeen = nil } else { troubleSeen = (troubleSeen?.first ?? now, now) }
        if !isRefused { halt.at(.signed) }
    }
}

extension NodeosAttachment: P2PGateOwner {
    var chainID: Checksum256? { driver?.status.chainID }

    private func producer(of block: SignedBlockView) -> P2PProducer {
        settings.producers.contains(block.producer) ? .guarded : .unguarded
    }

    private func height(of id: BlockID) -> P2PHeight {
        committedIDs.height(of: id, in: node.replica.state, ofAllProducers: settings.producers == .all)
    }

    /// What nodeos holds to be irreversible another region went on without: it never comes to the chain by itself.
    var isLeftBehind: Bool { driver?.status.irreversible.map { height(of: $0.id) == .leftBehind } ?? false }

    func outgoing(block: SignedBlockView) -> P2POutgoingVerdict {
        let region = node.replica.state.region
        return P2POutgoingFacts(
            producer: producer(of: block), height: height(of: block.id),
            isSignedHere: block.signature.map { signatures?.gave($0) ?? false } ?? false,
            isIrreversible: driver?.status.hasMadeIrreversible(block.number) ?? false,
            cameInOnStandby: region.epoch > 0 && region.activity == .standby && cameIn.contains(block.id)
        ).verdict(on: block.id)
    }

    func incoming(block: SignedBlockView) -> P2PIncomingVerdict {
        let state = node.replica.state
        let isActive = state.head != nil && state.region.activity != .standby
        let production: P2PIncomingFacts.Production =
            if driver?.isKnownPaused == true {
                .paused
            } else if driver?.status.head == nil {
                .unknown
            } else {
                .possible
            }
        let verdict = P2PIncomingFacts(
            region: isActive ? .active : .standby, producer: producer(of: block),
            height: height(of: block.id), production: production, presence: presence(of: block)
        ).verdict(on: block.id)
        if verdict == .pass { cameIn.insert(block.id) }
        return verdict
    }

    private func presence(of block: SignedBlockView) -> P2PIncomingFacts.Presence {
        guard let status = driver?.status, let head = status.head, case .well = status.condition else {
            return .lacksOrUnknown
        }
        return block.number <= head.number && committedIDs[block.number] == block.id ? .has : .lacksOrUnknown
    }

    var mayWithholdTransactions: Bool { node.transactions.queue != nil }

    func withholds(packed: Checksum256) -> Bool { node.transactions.queue?.given.contains(packed) ?? false }

    func held(block: SignedBlockView) {
        halt.at(.held)
        // What was signed before this process started, or elsewhere, comes by the driver, if it fits.
        guard node.replica.raft.role == .leader, let signature = block.signature, signatures?.gave(signature) ?? true
        else { return }
        let bytes = block.packed
        guard (try? SignedBlock(parsing: bytes)) != nil else {
            return node.logger.error("nodeos made a block that cannot be read, \(block.number) \(block.id.hex)")
        }
        propose(BlockRef(block.header), bytes)
    }
}
