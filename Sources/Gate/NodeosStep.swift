// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Whose blocks the chain is made of.
public enum GuardedProducers: Hashable, Sendable {
    /// All are the group's: nodeos's head is the group's head, or it is not where it should be.
    case all
    /// Others make blocks between the group's, on top of its head and below it.
    case only(Set<Name>)

    public func contains(_ producer: Name) -> Bool {
        switch self {
        case .all: true
        case .only(let names): names.contains(producer)
        }
    }
}

/// Whether nodeos's chain has the group's head, on a chain with several producers.
struct Membership: Sendable {
    enum Answer: Hashable {
        case has
        case lacks
        /// Another block of that height is irreversible: the chain has gone on without the group's.
        case passed
    }

    var committed: BlockID
    /// nodeos's head when it was asked.
    var head: BlockID
    var answer: Answer
}

extension NodeosControl {
    /// nodeos's chain is where it should be: a block made now would follow on the group's head.
    var isInStep: Bool {
        guard let head, let committed = orders.committed else { return false }
        if head.id == committed.id { return true }
        guard case .only = producers, !headIsOurs, membership?.committed == committed.id else { return false }
        return membership?.answer != .lacks
    }

    /// nodeos's head, if it is a block of ours that may be proposed: above the group's head.
    var ownHead: BlockPosition? {
        guard let head, let committed = orders.committed else { return nil }
        switch producers {
        case .all: return head.number == committed.number + 1 ? head : nil
        case .only: return headIsOurs && head.number > committed.number ? head : nil
        }
    }

    /// What tells whether the chain has the group's head, when that is not known, or may have changed.
    func membershipQuestion() -> NodeosRequest? {
        guard case .only = producers, let head, let committed = orders.committed, head.id != committed.id, !headIsOurs,
            head.number >= committed.number
        else { return nil }
        guard let membership, membership.committed == committed.id else { return .blockID(committed.number) }
        if membership.head == head.id { return nil }
        let isSettled = membership.answer != .lacks && info.map { $0.irreversible.number >= committed.number } ?? false
        return isSettled ? nil : .blockID(committed.number)
    }

    mutating func membershipCame(_ number: UInt32, _ found: BlockID?, _ now: Instant) {
        guard case .only = producers, let head, let committed = orders.committed, committed.number == number else {
            return
        }
        let isIrreversible = info.map { $0.irreversible.number >= number } ?? false
        let answer: Membership.Answer =
            if found == committed.id { .has } else if found != nil && isIrreversible { .passed } else { .lacks }
        membership = Membership(committed: committed.id, head: head.id, answer: answer)
        noteProgress(headChanged: false, now)
    }

    /// The head to report to whoever asks whether nodeos made something of a signature: the group's, when what stands
    /// above it is of others.
    func headForConfirmation(_ info: NodeosInfo) -> BlockID {
        guard case .only = producers, let committed = orders.committed, !isOurs(info),
            membership?.committed == committed.id,
            membership?.answer != .lacks
        else { return info.head.id }
        return committed.id
    }

    func isOurs(_ info: NodeosInfo) -> Bool { info.headProducer.map(producers.contains) ?? false }
}
