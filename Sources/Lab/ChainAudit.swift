// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope

/// Compares the committed logs of all peers, and the chains of all nodeos where there are some, with each other and with
/// what the group acknowledged.
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
        /// Nil where there are none.
        var nodeos: NodeosVerdict?
        /// Nil where no transactions are handed in.
        var promises: PromiseVerdict?

        var isGood: Bool {
            heightsWithTwoIDs.isEmpty && missing.isEmpty && unread.isEmpty && nodeos?.isGood ?? true
                && promises?.isGood ?? true
        }
    }

    /// Of the transactions that a peer said are in a committed block.
    struct PromiseVerdict: Hashable, Sendable {
        /// The newest of them: see `TransactionFlow.Promises`.
        var checked: Int
        /// They are in that block, and it is in the chain of the outside node.
        var kept: Int

        var isGood: Bool { kept == checked }
    }

    /// Of every height from 1 to the last that was compared.
    struct NodeosVerdict: Hashable, Sendable {
        var heights: UInt32
        /// How many nodeos.
        var chains: Int
        var unread: [Part]
        /// Of two nodeos, or of a nodeos and the log.
        var heightsWithTwoIDs: [UInt32]
        /// Not every nodeos has a block there.
        var missing: [UInt32]

        var isGood: Bool { heightsWithTwoIDs.isEmpty && missing.isEmpty && unread.isEmpty }
    }

    private var ids: [UInt32: BlockID] = [:]
    private var forked: Set<UInt32> = []
    private var holders: [BlockID: Set<Int>] = [:]
    private var lowest: [Int: UInt32] = [:]
    private var unread: [Int] = []
    private var chains: [Part: [BlockID?]] = [:]

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

    /// The ids of a nodeos's blocks from height 1 on; nil where it has none. Nil for all: it gave no answer.
    mutating func add(_ ids: [BlockID?]?, of node: Part) { chains[node] = ids ?? [] }

    private func nodeosVerdict() -> NodeosVerdict? {
        guard !chains.isEmpty else { return nil }
        let read = chains.values.filter { !$0.isEmpty }
        let heights = UInt32(read.map(\.count).max() ?? 0)
        var (forked, missing): ([UInt32], [UInt32]) = ([], [])
        for height in 0..<Int(heights) {
            let number = UInt32(height + 1)
            let all = read.map { height < $0.count ? $0[height] : nil }
            if all.contains(nil) { missing.append(number) }
            if Set(all.compactMap { $0 } + (ids[number].map { [$0] } ?? [])).count > 1 { forked.append(number) }
        }
        let unread = chains.filter(\.value.isEmpty).keys.sorted { $0.text < $1.text }
        return NodeosVerdict(
            heights: heights, chains: chains.count, unread: unread, heightsWithTwoIDs: forked, missing: missing)
    }

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
            heightsWithTwoIDs: forked.sorted(), missing: missing.sorted(), dropped: dropped, nodeos: nodeosVerdict())
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
