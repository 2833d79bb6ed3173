// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A leadership transfer under way (thesis 3.10), as the peer sees it that hands over.
public struct Transfer: Hashable, Sendable {
    public enum Phase: Hashable, Sendable {
        /// No more proposals; waiting until everything is committed and the target has it.
        case draining
        /// The lease is given up for the rest of the term and the target was told to take over.
        case released
    }

    public var target: PeerID
    /// The term of the leader that hands over.
    public var term: Term
    public var phase: Phase
    public var deadline: Instant
}

extension RaftCore {
    mutating func startTransfer(to target: PeerID, at now: Instant) {
        func refuse(_ outcome: TransferOutcome) { effects.append(.transferEnded(to: target, outcome)) }
        guard settings.peers.contains(target) else { return refuse(.notAMember) }
        guard role == .leader else { return refuse(.notLeader) }
        guard target != settings.id else { return refuse(.leaderIs(target)) }
        guard transfer == nil else { return refuse(.busy) }
        guard links[target] != nil, let follower = progress[target] else { return refuse(.targetUnreachable) }
        guard follower.counts else { return refuse(.targetHasNoVote) }
        transfer = Transfer(
            target: target, term: term, phase: .draining, deadline: now + settings.electionTimeout.upperBound)
    }

    /// Takes the next step of a transfer as soon as it is possible, and notices when somebody else leads.
    mutating func advanceTransfer(at now: Instant) {
        guard let under = transfer else { return }
        if role == .leader && term == under.term {
            guard under.phase == .draining, let follower = progress[under.target] else { return }
            guard follower.match == lastIndex, commitIndex == lastIndex, follower.isLinked else { return }
            // Only who holds the lease knows that no earlier one is still running.
            let held = lease(at: now).isHeld
            leaseReleased = true
            transfer = Transfer(
                target: under.target, term: term, phase: .released,
                deadline: now + settings.electionTimeout.upperBound)
            send(.timeoutNow(TimeoutNow(term: term, leaseReleased: held)), to: under.target)
        } else if let leader, term > under.term {
            transfer = nil
            effects.append(.transferEnded(to: under.target, .leaderIs(leader)))
        }
    }

    /// Ends a transfer that took too long. A lease that was given up is not taken back in the same term.
    mutating func expireTransfer(at now: Instant) {
        guard let under = transfer, now >= under.deadline else { return }
        transfer = nil
        let stillLeads = role == .leader && term == under.term
        if stillLeads && under.phase == .draining {
            let reachable = progress[under.target]?.isLinked == true
            effects.append(.transferEnded(to: under.target, reachable ? .targetBehind : .targetUnreachable))
            if isRetiring { loseLeadership(.retired, at: now) }
            return
        }
        if stillLeads { loseLeadership(.handOverFailed, at: now) }
        effects.append(.transferEnded(to: under.target, .unknown))
    }

    mutating func announceLease(at now: Instant) {
        guard role == .leader, !leaseAnnounced, lease(at: now).isHeld else { return }
        leaseAnnounced = true
        effects.append(.leaseAcquired(term: term))
    }
}
