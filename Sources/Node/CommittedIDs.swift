// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Gate
import ProducerHA

/// Ids of committed blocks by height; the oldest make room.
struct CommittedIDs {
    static let most = 20_000

    private var ids: [UInt32: BlockID] = [:]
    private var lowest: UInt32 = .max
    private var branch = Branch()

    /// Another region went on without the blocks from this height on, as far as is certain; nil: none has.
    var lostFrom: UInt32? {
        get { branch.lostFrom }
        set { branch.lostFrom = newValue }
    }

    subscript(number: UInt32) -> BlockID? { ids[number] }

    mutating func insert(_ id: BlockID) {
        let number = id.blockNumber
        branch.applied(number)
        ids[number] = id
        lowest = min(lowest, number)
        while ids.count > Self.most {
            ids[lowest] = nil
            lowest += 1
        }
    }

    /// Notes what an applied entry says of the blocks before it. To be called before its block is inserted.
    mutating func follow(_ turn: ChainTurn) {
        guard let first = branch.follow(turn, id: { ids[$0] }) else { return }
        ids = ids.filter { $0.key < first }
        lowest = ids.keys.min() ?? .max
    }

    mutating func removeAll() { self = CommittedIDs() }

    /// What the log says about the height of a block, from memory.
    /// - Parameter ofAllProducers: the log has every block of the chain.
    func height(of id: BlockID, in state: GroupState, ofAllProducers: Bool) -> P2PHeight {
        let number = id.blockNumber
        guard let head = state.head?.block, number <= head.number else { return .aboveTheHead }
        if let superseded = state.region.superseded {
            // Of several producers the chain may have taken up what only this region had.
            guard ofAllProducers, number >= firstLost(superseded), id != superseded.by.inherited else {
                return .belowTheLog
            }
            guard let own = ids[number] else { return .perhapsLeftBehind }
            return own == id ? .leftBehind : .belowTheLog
        }
        if number == head.number { return .committed(head.id) }
        return ids[number].map { .committed($0) } ?? .belowTheLog
    }

    /// A block that the other region went on from and this one has as well is the chain's, and so are those below.
    private func firstLost(_ superseded: RegionState.Superseded) -> UInt32 {
        guard let fork = superseded.by.inherited, ids[fork.blockNumber] == fork else { return superseded.lostFrom }
        return fork.blockNumber
    }
}
