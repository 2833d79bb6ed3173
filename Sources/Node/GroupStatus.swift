// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import NIOCore
import Raft
import Transactions

/// What the other peers said of themselves last. Each is asked over its link, once a second.
struct GroupStatus {
    private struct Known {
        /// As it came: it is read when somebody asks, not once a second on the way of the blocks.
        var json: [UInt8]
        var at: Instant
    }

    /// A status is far below this.
    static let maxBytes = 256 << 10
    static let patience = Duration.seconds(5)

    private var known: [PeerID: Known] = [:]
    private var asked: Set<PeerID> = []

    /// False: the last question has no answer yet.
    mutating func ask(_ peer: PeerID) -> Bool { asked.insert(peer).inserted }

    /// - Parameter answer: nil: none came.
    mutating func take(_ answer: [UInt8]?, from peer: PeerID, at now: Instant) {
        asked.remove(peer)
        // What starts otherwise is the refusal of a peer that does not know the question.
        guard let answer, answer.count <= Self.maxBytes, answer.first == UInt8(ascii: "{") else { return }
        known[peer] = Known(json: answer, at: now)
    }

    func status(of peer: PeerID, in region: String, at now: Instant) -> KnownStatus {
        guard let known = known[peer], let status = try? StatusDocument(json: known.json),
            status.schemaVersion == .current, status.peer.id == peer.value, status.peer.region == region
        else { return KnownStatus(id: peer.value) }
        return KnownStatus(id: peer.value, ageMS: Milliseconds(now - known.at), status: status)
    }
}

extension Node {
    func askOthersForTheirStatus() {
        guard let links else { return }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        for peer in settings.raft.others where links.links[peer]?.connectedSince != nil && groupStatus.ask(peer) {
            links.call(PeerCall.status.encoded(), to: peer, timeout: GroupStatus.patience).whenComplete { result in
                node.value.groupStatus.take(try? result.get(), from: peer, at: Clock.now())
            }
        }
    }

    func groupDocument() -> GroupDocument {
        GroupDocument(region: settings.region, peer: settings.raft.id.value, peers: knownStatuses())
    }

    /// Of every peer of the configuration.
    func knownStatuses() -> [KnownStatus] {
        let now = Clock.now()
        return settings.peers.map { peer in
            peer.id == settings.raft.id.value
                ? KnownStatus(id: peer.id, ageMS: 0, status: status())
                : groupStatus.status(of: PeerID(peer.id), in: settings.region, at: now)
        }
    }
}
