// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

extension TransactionTracker {
    /// Numbers the clients that wait.
    public typealias Ticket = UInt64
    /// Numbers the hand-overs to a nodeos.
    public typealias Attempt = UInt64

    /// What a client waits for.
    public enum Wait: Hashable, Sendable {
        /// A nodeos has it in the block that it is making.
        case executed
        /// A committed block holds it.
        case committed
    }

    /// A transaction that a client hands in.
    public struct HandIn: Hashable, Sendable {
        public var ticket: Ticket
        public var call: TransactionCall
        public var body: [UInt8]
        /// As the body says; nil when it cannot be read.
        public var transaction: UnpackedTransaction?
        public var wait: Wait
        public var deadline: Instant

        public init(
            ticket: Ticket, call: TransactionCall, body: [UInt8], transaction: UnpackedTransaction?, wait: Wait,
            deadline: Instant
        ) {
            self.ticket = ticket
            self.call = call
            self.body = body
            self.transaction = transaction
            self.wait = wait
            self.deadline = deadline
        }
    }

    /// The peer whose nodeos produces, in one term of its leadership.
    public struct Leader: Hashable, Sendable {
        public var peer: PeerID
        public var term: Term

        public init(peer: PeerID, term: Term) {
            self.peer = peer
            self.term = term
        }
    }

    /// What became of a hand-over.
    public enum Outcome: Hashable, Sendable {
        case answered(NodeosReply)
        /// No nodeos has seen it; why.
        case notTaken(String)
        /// A nodeos may have seen it; why that is not known.
        case unknown(String)
    }

    public enum Event: Hashable, Sendable {
        case handedIn(HandIn)
        case outcome(Attempt, Outcome)
        /// nil: none is known.
        case leader(Leader?)
        /// In the order of the log, on every peer, whether something waits or not.
        case committed(CommittedBlock)
        /// The state came from elsewhere: blocks before the next one may be missing.
        case gap
        /// The blocks that are known may not be the chain's, and what was concluded from them may not be so.
        case leftBehind
        /// The client does not wait any more.
        case gone(Ticket)
        case tick
        /// Answers everyone who waits: this peer is about to end.
        case shutDown
    }

    public enum Action: Hashable, Sendable {
        case send(Attempt, to: PeerID, TransactionCall, body: [UInt8])
        case answer(Ticket, Answer)
        /// For the log: a transaction came to this end.
        case ended(TransactionID?, Ending, after: Duration)
        /// For the log: so many were given to a new leader again.
        case givenAgain(Int, Leader)
    }

    public enum Ending: Hashable, Sendable { case committed, rejected, expired, unknown }

    /// What a client is told.
    public enum Answer: Hashable, Sendable {
        /// nodeos's answer, unchanged.
        case nodeos(NodeosReply)
        /// A committed block holds it. `reply` is what the nodeos said that executed it; nil when none told this peer.
        case committed(CommittedTransaction, reply: NodeosReply?)
        case expired(Expired)
        /// Nothing is known in time.
        case unknown(Unknown)
        /// This much waits already; nothing was done.
        case overloaded(waiting: Int, bytes: Int)
    }

    /// It is in no committed block from `since` on, and never will be: the chain has come past its expiration.
    public struct Expired: Hashable, Sendable {
        public var id: TransactionID
        /// In seconds since 1970.
        public var expiration: UInt32
        /// The first block that is after it.
        public var passedBy: CommittedBlock.Reference
        /// The oldest block that was looked into.
        public var since: CommittedBlock.Reference
    }

    public struct Unknown: Hashable, Sendable {
        /// nil: the body cannot be read here, and no nodeos has said it.
        public var id: TransactionID?
        public var expiration: UInt32?
        /// A nodeos may have it.
        public var mayBeHandedIn: Bool
        /// Why the last hand-over came to nothing.
        public var trouble: String?
        /// It is in none of the committed blocks from the first to the last of these; nil: none is known.
        public var blocks: ClosedReferences?
        /// This peer ends.
        public var isShuttingDown: Bool
    }

    public struct ClosedReferences: Hashable, Sendable {
        public var first: CommittedBlock.Reference
        public var last: CommittedBlock.Reference

        public init(first: CommittedBlock.Reference, last: CommittedBlock.Reference) {
            self.first = first
            self.last = last
        }
    }

    /// What is known of a transaction at this moment.
    public enum Fate: Hashable, Sendable {
        case committed(CommittedTransaction)
        /// It waits here; `mayBeHandedIn` as in `Unknown`.
        case waiting(mayBeHandedIn: Bool, expiration: UInt32?, blocks: ClosedReferences?)
        case expired(Expired)
        /// It is in none of these blocks, and does not wait here.
        case unknown(blocks: ClosedReferences?)
    }

    /// Every bound, in one place.
    public struct Bounds: Hashable, Sendable {
        /// Transactions that wait, and clients that do.
        public var waiting = 10_000
        /// Their bodies together, in bytes.
        public var bytes = 64 << 20
        /// Answers of nodeos that are kept for them, in bytes. One that does not fit is not kept.
        public var replyBytes = 128 << 20
        /// Hand-overs under way.
        public var attempts = 64
        /// After a hand-over that was not taken: the first wait, and the longest.
        public var firstBackoff = Duration.milliseconds(20)
        public var greatestBackoff = Duration.milliseconds(250)
        /// One that a nodeos executed, and no block holds yet, is handed over again after this time, and then after twice
        /// as long each time, up to the second figure: nodeos may have been restarted.
        public var again = Duration.seconds(3)
        public var greatestAgain = Duration.seconds(24)
        /// The same when it is not known whether nodeos saw it.
        public var againIfUnknown = Duration.milliseconds(250)
        /// Committed blocks after which a refusal of what had been handed over before is final: the one that a peer may be
        /// behind its leader, and the next.
        public var blocksAfterRefusal = 2
        /// Expired ones that are remembered.
        public var expired = 20_000
        /// The chain takes no transaction that is good for longer, in seconds (`max_transaction_lifetime`).
        public var greatestLifetime: UInt32 = 3600

        public init() {}
    }

    /// Counted since the start.
    public struct Counters: Hashable, Sendable {
        public var handedIn: UInt64 = 0
        public var committed: UInt64 = 0
        public var rejected: UInt64 = 0
        public var expired: UInt64 = 0
        /// Clients that were told so.
        public var unknown: UInt64 = 0
        /// Hand-ins beyond the bounds.
        public var overloaded: UInt64 = 0
        /// Hand-overs of one that was handed over before.
        public var repeated: UInt64 = 0
    }
}
