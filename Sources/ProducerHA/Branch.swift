// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope

/// The chain that a log's blocks make, as far as it may leave earlier ones of them: another region goes on without them, or an
/// operator gives the log a block of another branch. Who keeps blocks by their heights follows it.
public struct Branch: Sendable {
    private var head: UInt32?
    /// Another region went on without the blocks from this height on, as far as is certain; nil: none has.
    public var lostFrom: UInt32?

    public init() {}

    /// Notes a block that was applied.
    public mutating func applied(_ number: UInt32) { head = max(head ?? 0, number) }

    /// Follows what an applied entry says of the blocks before it. What another region went on without can be told until this
    /// one goes on from the other one's blocks.
    /// - Parameter id: of the log's block of a height, as far as it is known.
    /// - Returns: From this height on earlier blocks are no part of the chain, or nobody can know it; nil: all are.
    public mutating func follow<Failure: Error>(
        _ turn: ChainTurn, id: (UInt32) throws(Failure) -> BlockID?
    ) throws(Failure) -> UInt32? {
        lostFrom = turn.lostFrom ?? lostFrom
        let lost = turn.settlesWhatWasLost ? lostFrom : nil
        if turn.settlesWhatWasLost { lostFrom = nil }
        guard let base = turn.base, let block = try? BlockHeader(parsingPrefixOf: base) else { return lost }
        let below = block.previous.blockNumber
        defer { head = block.number }
        // What is between it and the head is not known.
        guard let head, below <= head else { return lost }
        let (own, parent) = (try id(block.number), try id(below))
        if own == block.id || parent == block.previous { return min(lost ?? .max, block.number) }
        if let lost, lost <= block.number { return lost }
        // Of another branch, and where that one left nobody knows.
        return 0
    }
}
