// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope

/// A block that the demonstration made.
struct MadeBlock: Hashable, Sendable {
    var bytes: [UInt8]
    var id: BlockID
    var previous: BlockID
    var timestamp: BlockTimestamp
    /// Of the demonstration's grid.
    var slot: Int

    var number: UInt32 { id.blockNumber }
}

/// What a block producer holds in its hand and whom it gives it to: pure, one block at a time.
///
/// A block of which a peer may have taken hold is handed in again, the same bytes, until the group has decided: to make
/// another one for its height before that would fork the chain. A block that certainly nobody has is dropped when its
/// slot is over, as a nodeos would.
struct Production: Sendable {
    /// What became of handing a block in once.
    enum Attempt: Hashable, Sendable {
        case committed(term: UInt64)
        /// `leader` as far as the peer knows; `head` is the committed one, when the peer told it.
        case refused(CommitBlockReason, leader: Int?, head: BlockID?)
        /// No connection came about.
        case nothingSent
        case outcomeUnknown
    }

    enum Consequence: Hashable, Sendable {
        case committed(MadeBlock, by: Int, term: UInt64)
        /// Another block is committed at this height or below; the next one is built on the committed head.
        case abandoned(MadeBlock)
        /// To be handed in again, to `target`.
        case again
        /// The committed head must be known first; then call `take(head:)`.
        case askForHead
        /// The region is not the active one. When it is again, `begin` comes first.
        case standby
    }

    let peers: [Int]
    let producer: Name
    /// Who gets the next attempt.
    private(set) var target: Int
    /// The block that the next one stands on; nil before the first.
    private(set) var head: BlockID?
    private(set) var inHand: MadeBlock?
    /// Somebody may have the block in hand.
    private(set) var isUndecided = false
    private var lastTimestamp: BlockTimestamp?

    /// The chain's block 1 is its genesis, so blocks that are made start at 2.
    static let firstNumber: UInt32 = 2

    init(peers: [Int], producer: Name) {
        precondition(!peers.isEmpty, "a block producer needs a peer to go to")
        self.peers = peers
        self.producer = producer
        target = peers[0]
    }

    /// A peer may produce: it told the group's head, with that block's time. So everything before is decided, and what is
    /// in hand is let go.
    mutating func begin(head: BlockID?, at timestamp: BlockTimestamp?, leader: Int) {
        self.head = head
        target = leader
        lastTimestamp = timestamp
        inHand = nil
        isUndecided = false
    }

    /// The block to hand in during this slot: the one in hand, as long as anyone may have it or its slot lasts.
    mutating func block(for slot: Int, _ timestamp: BlockTimestamp) throws -> MadeBlock {
        if let inHand, isUndecided || inHand.slot >= slot { return inHand }
        // Slots of the chain only grow, also where blocks come faster than it has slots.
        var timestamp = timestamp
        if let last = lastTimestamp, timestamp <= last { timestamp = BlockTimestamp(slot: last.slot + 1) }
        let builder =
            if let head {
                BlockBuilder(previous: head, timestamp: timestamp, producer: producer)
            } else {
                try BlockBuilder(startingAt: Self.firstNumber, timestamp: timestamp, producer: producer)
            }
        let bytes = try builder.build()
        let header = try BlockHeader(parsingPrefixOf: bytes)
        let block = MadeBlock(
            bytes: bytes, id: header.id, previous: header.previous, timestamp: timestamp, slot: slot)
        inHand = block
        isUndecided = false
        return block
    }

    mutating func learn(_ attempt: Attempt, from peer: Int) -> Consequence {
        guard let block = inHand else { return .again }
        switch attempt {
        case .committed(let term):
            return commit(block, by: peer, term)
        case .nothingSent:
            turnAway(from: peer)
            return .again
        case .outcomeUnknown:
            isUndecided = true
            turnAway(from: peer)
            return .again
        case .refused(let reason, let leader, let head):
            return learn(reason, leader, head, block, from: peer)
        }
    }

    private mutating func learn(
        _ reason: CommitBlockReason, _ leader: Int?, _ head: BlockID?, _ block: MadeBlock, from peer: Int
    ) -> Consequence {
        if reason.outcome == .unknown { isUndecided = true }
        switch reason {
        case .notLeader, .leadershipLost, .draining, .shuttingDown, .unknown:
            if let leader, leader != peer, peers.contains(leader) { target = leader } else { turnAway(from: peer) }
            return .again
        case .regionStandby: return .standby
        case .noQuorum, .leaseExpired, .leaseWait, .termNotApplied, .regionPaused, .regionUnconfirmed,
            .regionsInConflict,
            .overloaded, .notSignedHere:
            return .again
        case .conflictsWithHead, .unlinkable, .stale:
            guard let head else { return .askForHead }
            return take(head: head)
        }
    }

    /// Compares the block in hand with the committed head, and lets go of it if it can never be committed on that.
    mutating func take(head: BlockID) -> Consequence {
        guard let block = inHand else { return .again }
        // Our own: handing it in again is answered as the first time. One below: another is on its way, no more.
        if head == block.id || head == block.previous { return .again }
        self.head = head
        inHand = nil
        isUndecided = false
        return .abandoned(block)
    }

    private mutating func commit(_ block: MadeBlock, by peer: Int, _ term: UInt64) -> Consequence {
        head = block.id
        lastTimestamp = block.timestamp
        target = peer
        inHand = nil
        isUndecided = false
        return .committed(block, by: peer, term: term)
    }

    private mutating func turnAway(from peer: Int) {
        let position = peers.firstIndex(of: peer) ?? 0
        target = peers[(position + 1) % peers.count]
    }
}
