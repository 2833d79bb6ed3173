// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Who leads: pre-votes, votes, and what a win means for the lease (thesis 3.4, 9.6, 4.2.3; the lease rules of Promise).

extension RaftCore {
    /// The vote of this peer counts in `term`: it is no newcomer, or it has caught up with the leader of an earlier term.
    func mayVote(in term: Term) -> Bool { hardState.votesFrom.map { $0 <= term } ?? false }

    /// A peer without data may vote only in a group that is new as a whole: a quorum greeted each other as fresh, and
    /// nobody here knows of a group that exists. Else it may be a peer that lost its disk, and with it what it promised.
    mutating func foundIfNew() {
        guard isFresh, hardState.votesFrom == nil else { return }
        let fresh = 1 + links.values.count { $0.fresh }
        guard fresh >= settings.quorum, !links.values.contains(where: \.hasGroup) else { return }
        let longest = promise.longest
        changeHardState {
            $0.votesFrom = 0
            $0.promise = longest
        }
        effects.append(.voteGained(from: 0))
    }

    /// How many election timeouts more a peer that stands aside waits before it campaigns.
    public static let timeoutsAside = 4

    mutating func resetElectionTimer(at now: Instant) {
        let bounds = settings.electionTimeout
        let patience = standsAside ? bounds.upperBound * Self.timeoutsAside : .zero
        electionDeadline =
            now + patience + bounds.lowerBound + random.duration(below: bounds.upperBound - bounds.lowerBound)
    }

    mutating func setLeader(_ peer: PeerID?) {
        guard leader != peer else { return }
        leader = peer
        effects.append(.leaderChanged(peer, term: term))
    }

    mutating func becomeFollower(term newTerm: Term, leader newLeader: PeerID?, at now: Instant) {
        invariant(newTerm >= term, "term \(newTerm) after \(term)")
        if role == .leader { leaveLeadership(.higherTerm(newTerm), at: now) }
        role = .follower
        votes = [:]
        if newTerm > term {
            changeHardState {
                $0.term = newTerm
                $0.vote = nil
            }
            leaderContact = nil
        }
        setLeader(newLeader)
    }

    /// Stops leading without anyone else leading.
    mutating func loseLeadership(_ reason: LossReason, at now: Instant) {
        leaveLeadership(reason, at: now)
        setLeader(nil)
    }

    private mutating func leaveLeadership(_ reason: LossReason, at now: Instant) {
        role = .follower
        progress = [:]
        leaderContact = nil
        resetElectionTimer(at: now)
        effects.append(.lostLeadership(term: term, reason))
    }

    // MARK: - The candidate

    mutating func startPreElection(at now: Instant) {
        resetElectionTimer(at: now)
        setLeader(nil)
        votes = [:]
        guard mayVote(in: term + 1), mayLead else {
            role = .follower
            return
        }
        role = .preCandidate
        votes[settings.id] = now
        for peer in settings.others where links[peer] != nil { requestVote(of: peer) }
        if votes.count >= settings.quorum { startElection(leaseReleased: false, at: now) }
    }

    private var mayLead: Bool { !storageIsBlocked && !isRetiring }

    /// Takes no part in elections any more, but with its vote. A leader goes on until its successor takes over, or until
    /// the transfer has failed.
    mutating func retire(at now: Instant) {
        isRetiring = true
        switch role {
        case .leader: if transfer == nil { loseLeadership(.retired, at: now) }
        case .preCandidate, .candidate:
            role = .follower
            votes = [:]
        case .follower: break
        }
    }

    /// The leader asks this peer to be its successor.
    mutating func takeOver(leaseReleased: Bool, at now: Instant) {
        guard mayVote(in: term + 1), mayLead, !standsAside else { return }
        startElection(leaseReleased: leaseReleased, at: now)
    }

    private mutating func startElection(leaseReleased: Bool, at now: Instant) {
        let id = settings.id
        changeHardState {
            $0.term += 1
            $0.vote = id
        }
        role = .candidate
        releasedForTerm = leaseReleased ? term : nil
        setLeader(nil)
        votes = [:]
        resetElectionTimer(at: now)
        for peer in settings.others where links[peer] != nil { requestVote(of: peer) }
    }

    mutating func requestVote(of peer: PeerID) {
        var request = VoteRequest(term: term, lastIndex: lastIndex, lastTerm: lastTerm)
        if role == .preCandidate {
            request.term += 1
            send(.preVoteRequest(request), to: peer)
        } else {
            // The log that the request speaks of, and this peer's own vote, must not be lost by a crash.
            sendWhenPersisted(.voteRequest(request), to: peer)
        }
    }

    mutating func count(_ response: PreVoteResponse, from peer: PeerID, at now: Instant) {
        if response.granted {
            guard role == .preCandidate, response.term == term + 1 else { return }
            votes[peer] = now
            if votes.count >= settings.quorum { startElection(leaseReleased: false, at: now) }
        } else if response.term > term {
            becomeFollower(term: response.term, leader: nil, at: now)
        }
    }

    mutating func count(_ response: VoteResponse, from peer: PeerID, at now: Instant) {
        guard role == .candidate, response.term == term, response.granted, votes[peer] == nil else { return }
        votes[peer] = now + response.promiseRemaining
        winWithAQuorum(at: now)
    }

    /// The candidate's own vote counts once it is durable.
    mutating func countOwnVote(at now: Instant) {
        guard votes[settings.id] == nil, hardStateWrite <= persistedWrite else { return }
        votes[settings.id] = now + promise.remaining(at: now)
        winWithAQuorum(at: now)
    }

    private mutating func winWithAQuorum(at now: Instant) {
        guard votes.count >= settings.quorum, votes[settings.id] != nil else { return }
        // Any lease granted before was acknowledged by a quorum, which shares a peer with this one.
        leaseNotBefore = releasedForTerm == term ? now : votes.values.max() ?? now
        becomeLeader(at: now)
    }

    private mutating func becomeLeader(at now: Instant) {
        role = .leader
        leadingSince = now
        leaseReleased = false
        leaseAnnounced = false
        uncommittedBytes = 0
        (proposedAt, proposalsAreClose, commitNoticeDue) = (nil, false, nil)
        waitsSince = now
        progress = [:]
        for peer in settings.others {
            progress[peer] = Progress(next: lastIndex + 1, isLinked: links[peer] != nil)
        }
        if promise.acknowledge(settings.promise, at: now) {
            let longest = promise.longest
            changeHardState { $0.promise = longest }
        }
        ownPromiseWrite = hardStateIsDirty ? lastWrite + 1 : hardStateWrite
        effects.append(.becameLeader(term: term))
        setLeader(settings.id)
        appendToLog(Entry(index: lastIndex + 1, term: term, kind: .noop))
        sendHeartbeats(at: now)
    }

    // MARK: - The voter

    private func isUpToDate(_ request: VoteRequest) -> Bool {
        (request.lastTerm, request.lastIndex) >= (lastTerm, lastIndex)
    }

    /// This peer leads, or heard from a leader so recently that there is no need for another (thesis 4.2.3).
    private func hearsALeader(at now: Instant) -> Bool {
        if role == .leader { return true }
        guard leader != nil, let leaderContact else { return false }
        return now - leaderContact < settings.electionTimeout.lowerBound
    }

    /// A follower that heard its leader a moment ago, and holds everything that was committed by then.
    public func isAbreast(at now: Instant) -> Bool {
        guard role == .follower, hearsALeader(at: now), let leadersCommit, leadersCommit.term == term else {
            return false
        }
        return commitIndex >= leadersCommit.index
    }

    mutating func answer(preVote request: VoteRequest, from peer: PeerID, at now: Instant) {
        let granted =
            request.term > term && mayVote(in: request.term) && isUpToDate(request) && !hearsALeader(at: now)
        send(.preVoteResponse(PreVoteResponse(term: granted ? request.term : term, granted: granted)), to: peer)
    }

    mutating func answer(vote request: VoteRequest, from peer: PeerID, at now: Instant) {
        let isFree = hardState.vote == nil || hardState.vote == peer
        guard request.term == term, mayVote(in: term), isFree, isUpToDate(request) else {
            let refusal = VoteResponse(term: term, granted: false, promiseRemaining: .zero)
            sendWhenHardStatePersisted(.voteResponse(refusal), to: peer)
            return
        }
        if hardState.vote == nil { changeHardState { $0.vote = peer } }
        resetElectionTimer(at: now)
        let grant = VoteResponse(term: term, granted: true, promiseRemaining: promise.remaining(at: now))
        sendWhenHardStatePersisted(.voteResponse(grant), to: peer)
    }
}
