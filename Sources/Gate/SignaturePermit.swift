// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope

/// The fence: whether a signature may be given now. A signature spends the permit, so that nodeos is never more than one
/// block away from what its group has committed: the most that the only producer of a chain can undo.
///
/// The permit comes back when the block with that very signature was committed; or when nodeos, asked after the signing
/// call had ended, says that its head is the committed head, so that nothing was made of the signature. nodeos signs one
/// block at a time, hence a later request is proof that the earlier call has ended, for it or by a time-out. What the
/// signer cannot know, that is after a start of either side, or on another connection, needs nodeos's word too. A nodeos
/// that is paused has no signing call under way either.
///
/// A value without clock or I/O. The right to produce is asked for at each request, and never kept.
public struct SignaturePermit: Sendable {
    /// A connection that signing requests come in on; never used twice.
    public typealias Connection = UInt64
    /// Numbers the questions for nodeos's head.
    public typealias Question = UInt64

    /// A signature that was given.
    public struct Given: Hashable, Sendable {
        public var digest: Checksum256
        public var signature: Signature
    }

    public enum Refusal: Hashable, Sendable {
        /// The peer may not produce; why.
        case mayNotProduce(String)
        /// An earlier signature is out, and its block not committed yet.
        case uncommittedBlock
        /// It is not known yet that nodeos's head is the committed head.
        case unconfirmedHead
        /// The last request is still being signed.
        case busy

        /// The name in status, metrics and answers.
        public var name: String {
            switch self {
            case .mayNotProduce(let reason): reason
            case .uncommittedBlock: "uncommitted_block"
            case .unconfirmedHead: "unconfirmed_head"
            case .busy: "signer_busy"
            }
        }
    }

    public enum Decision: Hashable, Sendable {
        /// Make a signature and say so with `signed`, or with `gaveUp`.
        case sign
        /// The same digest again: the same answer.
        case again(Signature)
        case refuse(Refusal)
    }

    private enum State: Hashable {
        case free
        case signing(Checksum256, on: Connection)
        case spent(Given)
        /// Whatever was given before this process started, or on another connection, is not known, or given up.
        case unconfirmed
    }

    private var state = State.unconfirmed
    /// The connection of the latest request.
    private var connection: Connection?
    /// The next request may come on any connection.
    var takesAnyConnection: Bool { connection == nil && state == .free }
    /// The latest question, and whether its answer counts: it does unless something was signed since.
    private var asked: Question = 0
    private var answerCounts = false
    /// nodeos has to be asked, and was not yet.
    public private(set) var wantsQuestion = false

    public init() {}

    /// The signature that waits for its block.
    public var outstanding: Given? {
        if case .spent(let given) = state { given } else { nil }
    }

    /// Decides about a request.
    /// - Parameter obstacle: why this peer may not produce at this moment; nil when it may.
    public mutating func request(_ digest: Checksum256, on connection: Connection, obstacle: String?) -> Decision {
        let isAnother = self.connection.map { $0 != connection } ?? false
        self.connection = connection
        if isAnother {
            // nodeos may have been restarted since it was asked, with less than it had.
            answerCounts = false
            if state == .free { state = .unconfirmed }
        }
        if let obstacle {
            return .refuse(.mayNotProduce(obstacle))
        }
        switch state {
        case .free:
            state = .signing(digest, on: connection)
            answerCounts = false
            wantsQuestion = false
            return .sign
        case .signing: return .refuse(.busy)
        case .spent(let given):
            if given.digest == digest {
                // nodeos may make a block of it now: what it is about to answer, it answers from before.
                answerCounts = false
                wantsQuestion = false
                return .again(given.signature)
            }
            // The call of the given one has ended.
            if !answerCounts { wantsQuestion = true }
            return .refuse(.uncommittedBlock)
        case .unconfirmed:
            if !answerCounts { wantsQuestion = true }
            return .refuse(.unconfirmedHead)
        }
    }

    /// The signature that `sign` asked for is made and goes out now.
    public mutating func signed(_ digest: Checksum256, _ signature: Signature) {
        guard case .signing(digest, _) = state else { return }
        state = .spent(Given(digest: digest, signature: signature))
    }

    /// The signature that `sign` asked for was not made, or did not go out: the right to produce was gone by then.
    public mutating func gaveUp(_ digest: Checksum256) {
        guard case .signing(digest, let connection) = state else { return }
        state = connection == self.connection ? .free : .unconfirmed
    }

    /// The group committed a block with this signature.
    public mutating func committed(_ signature: Signature) {
        guard case .spent(let given) = state, given.signature == signature else { return }
        state = .free
        answerCounts = false
        wantsQuestion = false
    }

    /// nodeos is known to be paused, so no signing call is under way, and its head, asked for since, is the committed head:
    /// as good as an answer. Whatever connection comes next begins from there. Should nodeos restart in between, with less
    /// than it had and so fast that nobody noticed, it gets one signature for a height that is committed already: a block
    /// that never leaves, and one is what it can undo.
    public mutating func confirmedPaused() {
        switch state {
        case .spent, .unconfirmed: state = .free
        case .free: break
        case .signing: return
        }
        connection = nil
        answerCounts = false
        wantsQuestion = false
    }

    /// Takes the number of a question for nodeos's head that is sent now. Only the latest one's answer counts.
    public mutating func ask() -> Question {
        asked += 1
        wantsQuestion = false
        answerCounts = true
        return asked
    }

    /// nodeos's answer: its head, or nil when there was none.
    /// - Parameter committed: the head of the group at this moment.
    public mutating func answered(_ question: Question, head: BlockID?, committed: BlockID?) {
        guard question == asked, answerCounts else { return }
        answerCounts = false
        guard let head, head == committed else { return }
        switch state {
        case .spent, .unconfirmed: state = .free
        case .free, .signing: break
        }
    }
}
