// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// What the group wants of the local nodeos, and what it has committed.
public struct NodeosOrders: Hashable, Sendable {
    /// This peer holds the lease of an active region that is not paused, and so on: everything but nodeos itself.
    public var mayProduce: Bool
    /// The group's head; nil as long as it has none.
    public var committed: Committed?
    /// Another region makes the chain: nodeos may be ahead of the group, in whatever way.
    public var isStandby = false
    /// The chain that nodeos must be on; nil when that is not known.
    public var chainID: Checksum256?

    public struct Committed: Hashable, Sendable {
        public var id: BlockID
        public var previous: BlockID
        public var number: UInt32 { id.blockNumber }

        public init(id: BlockID, previous: BlockID) {
            self.id = id
            self.previous = previous
        }

        public init(_ block: BlockRef) { self.init(id: block.id, previous: block.previous) }
    }

    public init(mayProduce: Bool = false, committed: Committed? = nil, chainID: Checksum256? = nil) {
        self.mayProduce = mayProduce
        self.committed = committed
        self.chainID = chainID
    }
}

/// How the local nodeos is, as far as is known here.
public struct NodeosStatus: Hashable, Sendable {
    public enum Condition: Hashable, Sendable {
        /// It does not answer; why.
        case unreachable(String)
        /// It is on the chain with this id.
        case wrongChain(Checksum256)
        /// It lacks so many of the group's blocks.
        case behind(by: UInt32)
        /// Its head is none of the group's blocks: an own one that was not committed, or not yet.
        case diverged(BlockPosition)
        case well
    }

    /// It will never undo its block of this height, and that is the chain's. What is irreversible in a nodeos that cannot take
    /// the group's blocks may be what another region went on without.
    public func hasMadeIrreversible(_ number: UInt32) -> Bool {
        if case .diverged = condition { return false }
        return number <= irreversible?.number ?? 0
    }

    public enum Production: Hashable, Sendable {
        /// Nothing is known: it may make blocks, as far as it gets signatures.
        case unknown
        /// Told to pause; it may be finishing a block.
        case pausing
        /// Known to be paused: it takes blocks that it is given.
        case paused
        /// Told to produce, and it said yes.
        case resumed
    }

    public var condition: Condition
    public var production: Production = .unknown
    public var head: BlockPosition?
    public var irreversible: BlockPosition?
    /// Of its last answer.
    public var chainID: Checksum256?
    /// The group's head minus nodeos's, in blocks; negative when nodeos is ahead.
    public var distance: Int64?
    /// The group's head, if nodeos is known to be paused and its head, asked for after that, is that one, or one of other
    /// producers above it.
    public var pausedAt: BlockID?
    /// It makes blocks, and on top of the group's head.
    public var isReadyToProduce = false
    /// By how many milliseconds nodeos's clock is ahead of this machine's, when that is more than may be.
    public var clockOffset: Int64?
    /// What nodeos refused or did not do last, in words; nil after it did.
    public var problem: String?
}

extension NodeosControl {
    public typealias CallID = UInt64

    /// What the signature gate sees.
    public enum Signing: Hashable, Sendable {
        case signed, refused, newConnection
    }

    public enum Event: Sendable {
        case tick
        case orders(NodeosOrders)
        case signing(Signing)
        /// Ask for nodeos's head after this moment, and tell it with this number. Of two that wait the later one counts.
        case confirm(UInt64)
        /// The group did not take this block, which was proposed, and may later.
        case notCommitted(BlockID)
        /// - wallClock: this machine's time when the answer came, in milliseconds since 1970.
        case answered(CallID, NodeosAnswer, wallClock: Int64)
        case failed(CallID, NodeosFailure)
        /// The group's block of this height; nil: its log does not have it.
        case loaded(UInt32, FeedBlock?)
    }

    public enum Action: Hashable, Sendable {
        /// Call nodeos; report the end of it, by its deadline, with `answered` or `failed`.
        case call(CallID, NodeosRequest)
        /// Get a block of the group's log; report with `loaded`, within seconds.
        case load(UInt32)
        /// The answer to `confirm`: nodeos's head as it was some time after that event, or nil.
        case confirmed(UInt64, head: BlockID?)
        /// Propose nodeos's own block, which follows on the group's head.
        case propose(FeedBlock)
        case statusChanged(NodeosStatus)
    }

    /// Every wait and bound of it.
    public struct Bounds: Sendable {
        /// Between two looks at nodeos, and between two answers to `confirm` asked in a row.
        public var infoInterval = Duration.milliseconds(250)
        public var confirmInterval = Duration.milliseconds(20)
        /// A paused nodeos finishes the block it is at: one signing request follows within this, or none (measured: at
        /// most 458 ms). After that one was answered it takes blocks within the second time (measured: 20 to 30 ms).
        public var settleTime = Duration.milliseconds(600)
        public var afterLastRequest = Duration.milliseconds(30)
        /// A pause that took longer (measured: at most 8.5 ms) found nodeos standing still: two requests may follow.
        public var slowPause = Duration.milliseconds(30)
        /// How often it is asked whether it still is as it was told to be.
        public var checkInterval = Duration.seconds(1)
        /// A head older than this is asked for again before production is resumed.
        public var freshHead = Duration.milliseconds(500)
        /// How long its head may stand beside the group's while it produces, or while its own block is proposed.
        public var stuckTime = Duration.seconds(1)
        /// Before a block is proposed again that was refused; and before a clock is believed again that was late.
        public var proposePause = Duration.milliseconds(100)
        public var clockRest = Duration.seconds(60)
        /// How long a block that was pushed may take to show, and the first wait between two looks.
        public var verifyTime = Duration.milliseconds(500)
        public var firstVerifyWait = Duration.milliseconds(5)
        /// Waits after failures, doubled each time.
        public var firstBackoff = Duration.milliseconds(20)
        public var greatestBackoff = Duration.seconds(1)
        /// How long nodeos may be less than well before this peer should leave leadership to another; when nothing
        /// listens at its port: it has ended.
        public var unwellTime = Duration.seconds(2)
        public var deadTime = Duration.milliseconds(500)
        /// The same for a nodeos that is well, as it says, and makes no block: six slots.
        public var idleTime = Duration.seconds(3)
        /// How long a block may take to come by p2p after it was signed. Then nodeos is asked for it.
        public var ownBlockTime = Duration.milliseconds(15)
        /// How far two clocks may differ, in milliseconds.
        public var clockOffset: Int64 = 5000

        public init() {}

        func backoff(_ failures: Int) -> Duration {
            min(firstBackoff * (1 << min(max(failures, 1) - 1, 16)), greatestBackoff)
        }
    }
}
