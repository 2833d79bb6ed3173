// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope

/// Compares the committed logs of all peers with each other and with what the group acknowledged.
struct ChainAudit: Sendable {
    struct Verdict: Hashable, Sendable {
        var heights: Int
        var peersRead: [Int]
        /// Peers whose logs could not be read.
        var unread: [Int]
        var heightsWithTwoIDs: [UInt32]
        /// Acknowledged, and not in the logs of a quorum.
        var missing: [UInt32]
        /// Acknowledged so long ago that not even one log goes back to it.
        var dropped: Int

        var isGood: Bool { heightsWithTwoIDs.isEmpty && missing.isEmpty && unread.isEmpty }
    }

    private var ids: [UInt32: BlockID] = [:]
    private var forked: Set<UInt32> = []
    private var holders: [BlockID: Set<Int>] = [:]
    private var lowest: [Int: UInt32] = [:]
    private var unread: [Int] = []

    mutating func add(_ entries: [LogEntryDocument], of peer: Int) {
        for block in entries.lazy.compactMap(\.block) {
            guard let id = BlockID(hex: block.id) else { continue }
            lowest[peer] = min(lowest[peer] ?? .max, block.number)
            holders[id, default: []].insert(peer)
            if let known = ids[block.number], known != id { forked.insert(block.number) }
            ids[block.number] = id
        }
    }

    mutating func couldNotRead(_ peer: Int) { unread.append(peer) }

    func verdict(_ acknowledged: Acknowledged, quorum: Int, peers: [Int]) -> Verdict {
        var missing: [UInt32] = []
        var dropped = acknowledged.forgotten
        for id in acknowledged.ids {
            // A log that begins above it has it in its snapshot.
            let covering = peers.filter { (lowest[$0] ?? .max) <= id.blockNumber }
            let beyond = peers.count { peer in (lowest[peer] ?? 0) > id.blockNumber }
            if beyond == peers.count {
                dropped += 1
            } else if (holders[id]?.count ?? 0) + beyond < quorum || covering.isEmpty {
                missing.append(id.blockNumber)
            }
        }
        return Verdict(
            heights: ids.count, peersRead: peers.filter { !unread.contains($0) }, unread: unread.sorted(),
            heightsWithTwoIDs: forked.sorted(), missing: missing.sorted(), dropped: dropped)
    }
}

/// The blocks that the group acknowledged, the newest of them.
struct Acknowledged: Sendable {
    /// Fourteen hours of a block every half second.
    static let most = 100_000

    private(set) var ids: [BlockID] = []
    private(set) var forgotten = 0

    mutating func append(_ id: BlockID) {
        ids.append(id)
        guard ids.count >= 2 * Self.most else { return }
        forgotten += Self.most
        ids.removeFirst(Self.most)
    }
}
