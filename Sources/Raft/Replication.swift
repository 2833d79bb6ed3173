// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Log replication, commits and snapshots (thesis 3.5, 3.6, 5, 10.2), and the rounds that the lease is made of.

extension RaftCore {
    // MARK: - The leader sends

    /// The sending time of the latest round that a quorum, this leader included, has acknowledged.
    func quorumRound() -> Instant? {
        let needed = settings.quorum - 1
        guard needed > 0 else { return lastStep }
        // There are few, and this is asked for often: no array.
        var latest: Instant?
        for follower in progress.values {
            guard let round = follower.acknowledgedRound, latest.map({ $0 < round }) ?? true else { continue }
            let have = progress.values.count { $0.acknowledgedRound.map { $0 >= round } ?? false }
            if have >= needed { latest = round }
        }
        return latest
    }

    /// When a leader without answers from a quorum steps down (thesis 6.2).
    var quorumDeadline: Instant {
        max(leadingSince, quorumRound() ?? leadingSince) + settings.electionTimeout.upperBound
    }

    mutating func propose(_ proposals: [Proposal], at now: Instant) {
        invariant(role == .leader && transfer == nil, "only a leader that stays takes proposals")
        for proposal in proposals {
            uncommittedBytes += proposal.payload.count
            appendToLog(
                Entry(index: lastIndex + 1, term: term, kind: proposal.kind, payload: proposal.payload))
        }
        proposalsAreClose = proposedAt.map { now - $0 < settings.limits.commitNoticeDelay * 2 } ?? false
        proposedAt = now
        waitsSince = waitsSince ?? now
        for peer in settings.others { replicate(to: peer, at: now, heartbeat: false) }
    }

    mutating func sendHeartbeats(at now: Instant) {
        heartbeatDue = now + (isQuiet(at: now) ? settings.quietHeartbeatInterval : settings.heartbeatInterval)
        for peer in settings.others { replicate(to: peer, at: now, heartbeat: true) }
    }

    /// Nothing was proposed for a while, and every follower that can be reached has everything and answered a moment ago.
    private func isQuiet(at now: Instant) -> Bool {
        guard transfer == nil, now - (proposedAt ?? leadingSince) >= settings.limits.quietAfter else { return false }
        return progress.values.allSatisfy { follower in
            guard follower.isLinked else { return true }
            // The last round's answer. A timer may be late by as much as a heartbeat.
            let longest = settings.quietHeartbeatInterval + settings.heartbeatInterval
            let hasAnswered = follower.hasAnswered(within: longest, at: now)
            return follower.state == .replicating && follower.match == lastIndex && hasAnswered
        }
    }

    /// Sends a follower what it lacks, as far as its window allows; with `heartbeat`, one message at least.
    mutating func replicate(to peer: PeerID, at now: Instant, heartbeat: Bool) {
        guard var follower = progress[peer], follower.isLinked else { return }
        defer { progress[peer] = follower }
        var heartbeat = heartbeat
        while true {
            switch follower.state {
            case .snapshot(let index):
                guard heartbeat else { return }
                if let sentAt = follower.snapshotSentAt, now - sentAt > settings.electionTimeout.upperBound * 4 {
                    follower.probe(from: index + 1)  // It was lost on the way.
                    continue
                }
                sendAppend([], after: max(follower.match, baseIndex), to: peer, &follower, at: now)
                return
            case .probing:
                if follower.awaitsProbe && !heartbeat { return }
            case .replicating:
                if !follower.hasRoom(settings.limits) && !heartbeat { return }
            }
            let previous = follower.next - 1
            guard previous >= baseIndex else {
                let round = makeRound(at: now)
                effects.append(.sendSnapshot(term: term, round: round, to: peer))
                follower.snapshotSent(index: commitIndex, at: now)
                return
            }
            var entries: [Entry] = []
            let isRepeat = follower.state == .probing && follower.awaitsProbe
            if follower.next <= lastIndex && !follower.isLoading && !isRepeat && follower.hasRoom(settings.limits) {
                entries = log.entries(from: follower.next, bytes: settings.limits.appendBytes)
                if entries.isEmpty {
                    let through = min(log.firstInMemory - 1, follower.next + 1023)
                    effects.append(.load(from: follower.next, through: through, for: peer))
                    follower.isLoading = true
                }
            }
            let tellsCommit = commitNoticeDue == nil && follower.lacksCommit(commitIndex)
            guard !entries.isEmpty || heartbeat || tellsCommit else { return }
            sendAppend(entries, after: previous, to: peer, &follower, at: now)
            heartbeat = false
            if entries.isEmpty || follower.state == .probing { return }
        }
    }

    private mutating func sendAppend(
        _ entries: [Entry], after previous: LogIndex, to peer: PeerID, _ follower: inout Progress, at now: Instant
    ) {
        guard let previousTerm = log.term(at: previous) else {
            impossible("entry \(previous) is not in the log \(baseIndex)...\(lastIndex)")
        }
        let append = Append(
            term: term, round: makeRound(at: now), previousIndex: previous, previousTerm: previousTerm,
            commit: commitIndex, entries: entries)
        send(.append(append), to: peer)
        follower.commitSent = commitIndex
        if follower.state == .probing {
            follower.awaitsProbe = true
        } else if let last = entries.last {
            follower.sent(through: last.index, bytes: entries.reduce(0) { $0 + $1.payload.count })
        }
    }

    /// Stamps a message. Sending it is an acknowledgement of this leader's own.
    private mutating func makeRound(at now: Instant) -> Round {
        _ = promise.acknowledge(settings.promise, at: now)
        // An earlier lease may be longer than this leader's own, and those who promised it need not be in the quorum
        // that elects the next leader, if one of them has lost its data: all followers promise what is left of it.
        return Round(sentAt: now, promise: max(settings.promise, leaseNotBefore - now))
    }

    /// The store's answer to a request for entries that are no longer in memory.
    mutating func loaded(_ entries: [Entry], from first: LogIndex, for peer: PeerID, at now: Instant) {
        guard role == .leader, var follower = progress[peer], follower.isLoading else { return }
        follower.isLoading = false
        var stillWanted = follower.isLinked && follower.next == first
        if case .snapshot = follower.state { stillWanted = false }
        guard !entries.isEmpty else {
            // The store could not read them, or has dropped them: the next heartbeat tries again.
            progress[peer] = follower
            return
        }
        let isSound = entries.first?.index == first && entries.allSatisfy { log.term(at: $0.index) == $0.term }
        var rest = entries[...]
        if stillWanted && isSound && first > baseIndex {
            while !rest.isEmpty && follower.hasRoom(settings.limits) {
                var (count, bytes) = (0, 0)
                for entry in rest {
                    bytes += entry.payload.count
                    if bytes > settings.limits.appendBytes && count > 0 { break }
                    count += 1
                }
                sendAppend(Array(rest.prefix(count)), after: follower.next - 1, to: peer, &follower, at: now)
                rest = rest.dropFirst(count)
                if follower.state == .probing { break }
            }
        }
        progress[peer] = follower
        if follower.state == .replicating { replicate(to: peer, at: now, heartbeat: false) }
    }

    // MARK: - The leader hears

    mutating func accept(_ response: AppendResponse, from peer: PeerID, at now: Instant) {
        guard role == .leader, response.term == term, var follower = progress[peer] else { return }
        follower.lastContact = now
        follower.roundTrip = now - response.sentAt
        follower.counts = response.counts
        follower.votesFrom = response.durable == .none ? nil : response.durable.votesFrom
        if response.counts {
            follower.acknowledgedRound = max(follower.acknowledgedRound ?? response.sentAt, response.sentAt)
        }
        switch response.result {
        case .matches(let index):
            guard index <= lastIndex else { break }
            follower.acknowledged(through: index)
            switch follower.state {
            case .probing: follower.replicate()
            case .snapshot: if index >= baseIndex { follower.replicate() }
            case .replicating: break
            }
        case .conflict(let previous, let hintIndex, let hintTerm):
            switch follower.state {
            case .snapshot: break
            case .replicating: if previous > follower.match { follower.probe(from: follower.match + 1) }
            case .probing:
                guard previous == follower.next - 1 else { break }
                // A follower whose log ends below what it once acknowledged has lost its data.
                if hintIndex < follower.match { follower.match = 0 }
                let agreed = log.highest(atOrBelow: hintIndex, termAtMost: hintTerm).index
                // Below the base only a snapshot helps.
                let last = max(follower.match, min(agreed, previous - 1))
                follower.probe(from: hintIndex < baseIndex ? baseIndex : last + 1)
            }
        }
        progress[peer] = follower
        commitWhatAQuorumHas(at: now)
        replicate(to: peer, at: now, heartbeat: false)
    }

    /// Up to where this peer and such followers could commit: what is durable on a quorum of them, once that includes an entry of
    /// this term (thesis 3.6.2); nil when there is nothing new.
    private func committableIndex(among counts: (Progress) -> Bool) -> LogIndex? {
        var matches = [persistedIndex]
        for follower in progress.values where counts(follower) { matches.append(follower.match) }
        guard matches.count >= settings.quorum else { return nil }
        matches.sort(by: >)
        let index = matches[settings.quorum - 1]
        guard index > commitIndex, log.term(at: index) == term else { return nil }
        return index
    }

    /// Commits what is durable on a quorum.
    mutating func commitWhatAQuorumHas(at now: Instant) {
        guard role == .leader, let index = committableIndex(among: { $0.counts }) else { return }
        commit(through: index)
        if proposalsAreClose {
            // The next proposal is about to come. A message of its own would cost each follower and this leader as much again.
            commitNoticeDue = commitNoticeDue ?? now + settings.limits.commitNoticeDelay
        }
        for peer in settings.others { replicate(to: peer, at: now, heartbeat: false) }
    }

    /// Nothing was committed for about as long as giving up costs, though a quorum has it: not all of that quorum count in this
    /// term. In the next one they do, so whoever leads that goes on without the peer that all wait for.
    func isHeldUp(at now: Instant) -> Bool {
        let patience = max(settings.electionTimeout.upperBound, settings.promise)
        guard transfer == nil, let waitsSince, now - waitsSince >= patience else { return false }
        let index = committableIndex { follower in
            let hasAnswered = follower.hasAnswered(within: settings.electionTimeout.lowerBound, at: now)
            let willCount = follower.votesFrom.map { $0 <= term + 1 } ?? false
            return follower.isLinked && hasAnswered && (follower.counts || willCount)
        }
        return index != nil
    }

    /// Tells followers of the commit index that do not know it yet.
    mutating func tellCommit(at now: Instant) {
        commitNoticeDue = nil
        for peer in settings.others { replicate(to: peer, at: now, heartbeat: false) }
    }

    /// Once all have been told.
    mutating func forgetCommitNotice() {
        guard commitNoticeDue != nil else { return }
        let isDone = role != .leader || !progress.values.contains { $0.isLinked && $0.lacksCommit(commitIndex) }
        if isDone { commitNoticeDue = nil }
    }

    private mutating func commit(through index: LogIndex) {
        let entries = log.entries(from: commitIndex + 1, through: index)
        invariant(entries.count == Int(index - commitIndex), "entries above \(commitIndex) are not in memory")
        commitIndex = index
        if role == .leader {
            uncommittedBytes = max(0, uncommittedBytes - entries.reduce(0) { $0 + $1.payload.count })
            waitsSince = index < lastIndex ? lastStep : nil
        }
        effects.append(.commit(entries))
    }

    // MARK: - The follower

    /// Takes a message of a leader: follows it, and promises what it asks for. False when the sender leads no more.
    mutating func follow(_ peer: PeerID, term leaderTerm: Term, round: Round, at now: Instant) -> Bool {
        // A promise counts for ever; one that no configuration permits is a damaged message.
        guard round.promise <= settings.limits.longestPromise else { return false }
        guard leaderTerm >= term else {
            let answer = AppendResponse(
                term: term, sentAt: round.sentAt, counts: false,
                result: .conflict(previousIndex: 0, hintIndex: 0, hintTerm: 0))
            sendWhenHardStatePersisted(.appendResponse(answer), to: peer)
            return false
        }
        invariant(
            leaderTerm > term || (role != .leader && (leader == nil || leader == peer)),
            "peers \(leader.map(\.description) ?? "?") and \(peer) both lead term \(term)")
        if leaderTerm > term || role != .follower || leader != peer {
            becomeFollower(term: leaderTerm, leader: peer, at: now)
        }
        leaderContact = now
        resetElectionTimer(at: now)
        if promise.acknowledge(round.promise, at: now) {
            let longest = promise.longest
            changeHardState { $0.promise = longest }
        }
        return true
    }

    mutating func accept(_ append: Append, from peer: PeerID, at now: Instant) {
        let previous = append.previousIndex
        // A leader's first message begins where its log ended when its term began, or when the link came up.
        if leadersEnd?.term != term { leadersEnd = (term, previous) }
        if leadersCommit?.term != term || leadersCommit?.index ?? 0 < append.commit {
            leadersCommit = (term, append.commit)
        }
        var wroteEntries = false
        var result: AppendResponse.Result
        if previous < commitIndex {
            // Everything up to the commit index equals the leader's log already.
            result = .matches(through: commitIndex)
        } else if log.term(at: previous) != append.previousTerm {
            let hint = log.highest(atOrBelow: previous, termAtMost: append.previousTerm)
            result = .conflict(previousIndex: previous, hintIndex: hint.index, hintTerm: hint.term)
        } else {
            var last = previous
            for entry in append.entries {
                guard entry.index == last + 1, entry.term <= append.term, entry.term >= log.term(at: last) ?? 0 else {
                    return
                }
                if let mine = log.term(at: entry.index), mine != entry.term { truncateLog(from: entry.index) }
                if entry.index > lastIndex {
                    appendToLog(entry)
                    wroteEntries = true
                }
                last = entry.index
            }
            result = .matches(through: last)
            let committed = min(append.commit, last)
            if committed > commitIndex { commit(through: committed) }
        }
        gainVoteIfCaughtUp()
        if case .matches(let index) = result, !wroteEntries { result = .matches(through: min(index, persistedIndex)) }
        let response = Message.appendResponse(
            AppendResponse(term: term, sentAt: append.round.sentAt, counts: counts, result: result))
        if wroteEntries {
            sendWhenPersisted(response, to: peer)
        } else {
            sendWhenHardStatePersisted(response, to: peer)
        }
    }

    mutating func accept(_ install: InstallSnapshot, from peer: PeerID, at now: Instant) {
        let snapshot = install.snapshot
        // Each would wait for the disk, and the leader sends newer ones.
        if storageIsBlocked { return }
        if snapshot.index > commitIndex {
            if log.term(at: snapshot.index) == snapshot.term {
                commit(through: snapshot.index)
            } else {
                // What this peer holds above its commit index differs from what was committed, or ends below it.
                persistedIndex = min(persistedIndex, commitIndex)
                for at in writesUnderWay.indices {
                    writesUnderWay[at].lastIndex = min(writesUnderWay[at].lastIndex, commitIndex)
                }
                log.reset(toBase: snapshot.index, term: snapshot.term)
                commitIndex = snapshot.index
                firstUnwritten = nil
                unwrittenSnapshot = snapshot
                effects.append(.restore(snapshot))
            }
        }
        gainVoteIfCaughtUp()
        let response = AppendResponse(
            term: term, sentAt: install.round.sentAt, counts: counts, result: .matches(through: commitIndex))
        sendWhenPersisted(.appendResponse(response), to: peer)
    }

    /// Another peer may remember more of this peer's writes than the disk holds. Then the disk was replaced, though by
    /// one that is not empty.
    mutating func noticeLostWrites(remembered: Watermark, by peer: PeerID, at now: Instant) {
        guard let votesFrom = hardState.votesFrom else {
            // It has no vote to lose. It may get one in the very term in which the lost disk did: the count goes on above.
            if remembered.writes > hardState.writes { changeHardState { $0.writes = remembered.writes } }
            return
        }
        guard Watermark(votesFrom: votesFrom, writes: hardState.writes) < remembered else { return }
        effects.append(.writesLost(has: hardState.writes, remembered: remembered.writes, by: peer))
        switch role {
        case .leader: loseLeadership(.writesLost, at: now)
        case .preCandidate, .candidate:
            role = .follower
            votes = [:]
        case .follower: break
        }
        // What this leader committed so far it may have committed with this peer's help: only a later one's entries say
        // that a quorum without this peer has taken them.
        if leadersEnd?.term == term { leadersEnd = (term, .max) }
        changeHardState {
            $0.votesFrom = nil
            $0.writes = max($0.writes, remembered.writes)
        }
    }

    /// A peer without a vote gets one for later terms when it holds a commit of its leader's own term of an entry that
    /// was made after this process started: a quorum without this peer has taken that entry since its data was lost. So
    /// nobody wins any more by a vote that it gave before, and all that it acknowledged before stands below that entry.
    private mutating func gainVoteIfCaughtUp() {
        guard hardState.votesFrom == nil, let leadersEnd, leadersEnd.term == term, commitIndex > leadersEnd.index,
            log.term(at: commitIndex) == term
        else { return }
        let from = term + 1
        changeHardState { $0.votesFrom = from }
        effects.append(.voteGained(from: from))
    }
}
