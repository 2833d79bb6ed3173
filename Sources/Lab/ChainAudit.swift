// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope

/// Compares the committed logs of all peers, and the chains of all nodeos where there are some, with each other and with
/// what the groups acknowledged.
struct ChainAudit: Sendable {
    struct Verdict: Hashable, Sendable {
        var heights: Int
        var peersRead: [Int]
        /// Peers whose logs could not be read.
        var unread: [Int]
        var heightsWithTwoIDs: [UInt32]
        /// Acknowledged, and not in the logs of a quorum of its region.
        var missing: [UInt32]
        /// Acknowledged, not in the one chain that ends with the last block, and not told as lost.
        var unchained: [UInt32] = []
        /// Blocks that a region told as lost.
        var told = 0
        /// Told as lost, and in the chain.
        var falselyTold: [UInt32] = []
        /// Acknowledged so long ago that not even one log goes back to it.
        var dropped: Int
        /// Nil where there are none.
        var nodeos: NodeosVerdict?
        /// Nil where no transactions are handed in.
        var promises: PromiseVerdict?

        var isGood: Bool {
            heightsWithTwoIDs.isEmpty && missing.isEmpty && unchained.isEmpty && falselyTold.isEmpty && unread.isEmpty
                && nodeos?.isGood ?? true && promises?.isGood ?? true
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

    /// A region, and what it acknowledged.
    struct Group: Sendable {
        var peers: [Int]
        var quorum: Int
        var acknowledged: Acknowledged
    }

    private var ids: [UInt32: BlockID] = [:]
    private var previous: [BlockID: BlockID] = [:]
    private var holders: [BlockID: Set<Int>] = [:]
    private var lowest: [Int: UInt32] = [:]
    private var unread: [Int] = []
    private var chains: [Part: [BlockID?]] = [:]

    mutating func add(_ entries: [LogEntryDocument], of peer: Int) {
        for block in entries.lazy.compactMap(\.block) {
            guard let id = BlockID(hex: block.id) else { continue }
            lowest[peer] = min(lowest[peer] ?? .max, block.number)
            holders[id, default: []].insert(peer)
            ids[block.number] = id
            previous[id] = BlockID(hex: block.previous)
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

    /// - Parameters:
    ///   - end: the last block of all; nil: only one region could have made any.
    ///   - told: what regions told as lost.
    func verdict(_ groups: [Group], end: BlockID? = nil, told: Set<BlockID> = []) -> Verdict {
        let peers = groups.flatMap(\.peers)
        let forked = Dictionary(grouping: holders.keys.filter { !told.contains($0) }, by: \.blockNumber)
            .filter { $0.value.count > 1 }.keys
        var verdict = Verdict(
            heights: ids.count, peersRead: peers.filter { !unread.contains($0) }, unread: unread.sorted(),
            heightsWithTwoIDs: forked.sorted(), missing: [], told: told.count, dropped: 0, nodeos: nodeosVerdict())
        for group in groups { look(at: group, &verdict) }
        verdict.missing.sort()
        if let end { follow(from: end, groups, told, &verdict) }
        return verdict
    }

    private func look(at group: Group, _ verdict: inout Verdict) {
        let peers = group.peers
        verdict.dropped += group.acknowledged.forgotten
        for id in group.acknowledged.ids {
            // A log that begins above it has it in its snapshot.
            let covering = peers.filter { (lowest[$0] ?? .max) <= id.blockNumber }
            let beyond = peers.count { peer in (lowest[peer] ?? 0) > id.blockNumber }
            let holding = peers.count { holders[id]?.contains($0) ?? false }
            if beyond == peers.count {
                verdict.dropped += 1
            } else if holding + beyond < group.quorum || covering.isEmpty {
                verdict.missing.append(id.blockNumber)
            }
        }
    }

    /// Walks the one chain from its end as far down as logs go.
    private func follow(from end: BlockID, _ groups: [Group], _ told: Set<BlockID>, _ verdict: inout Verdict) {
        var chain: Set<BlockID> = [end]
        var next = end
        while let before = previous[next], holders[before] != nil {
            chain.insert(before)
            next = before
        }
        // Below it no log may have anything, unless none goes so far down.
        let below = holders.keys.contains { $0.blockNumber + 1 == next.blockNumber && !told.contains($0) }
        let isBroken = below || holders[end] == nil
        let acknowledged = groups.flatMap(\.acknowledged.ids)
        verdict.unchained = acknowledged.filter { id in
            !chain.contains(id) && !told.contains(id) && (isBroken || id.blockNumber >= next.blockNumber)
        }.map(\.blockNumber).sorted()
        verdict.falselyTold = chain.intersection(told).map(\.blockNumber).sorted()
    }
}

/// The blocks that a group acknowledged, the newest of them.
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
