// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// One peer's part in the consensus: a value that is told what happened and answers what is to be done.
///
/// Every call of `step` gets the time as this peer's clock showed it after the event happened. Between calls nothing
/// changes, so the answers of the read-only properties hold until the next one, except for the lease, which is compared
/// with the clock each time it is asked for.
public struct RaftCore: Sendable {
    public enum Role: Hashable, Sendable {
        case follower
        /// Asking whether it would be elected.
        case preCandidate
        case candidate
        case leader
    }

    public let settings: Settings
    public internal(set) var role = Role.follower
    /// The leader of the current term, as far as this peer knows.
    public internal(set) var leader: PeerID?
    public internal(set) var commitIndex: LogIndex
    /// What of this peer's own log is durable.
    public internal(set) var persistedIndex: LogIndex
    /// What the leader knows of each follower; empty on others.
    public internal(set) var progress: [PeerID: Progress] = [:]
    public internal(set) var hardState: HardState
    /// The transfer under way that this peer started or was asked for.
    public internal(set) var transfer: Transfer?

    var log: Log
    var promise: Promise
    /// Peers to which a link stands, with what their greetings said.
    var links: [PeerID: Link] = [:]
    var random: SplitMix64

    // Followers and candidates.
    package var electionDeadline: Instant
    var leaderContact: Instant?
    /// The votes of the current election: for each grant, when the voter's promise has run out on this peer's clock.
    var votes: [PeerID: Instant] = [:]
    /// The term for which the last leader said that its lease is gone.
    var releasedForTerm: Term?
    /// Where the leader's log ended when this peer first heard from it in this term.
    var leadersEnd: (term: Term, index: LogIndex)?
    /// How far the leader of this term has committed, as it said last.
    var leadersCommit: (term: Term, index: LogIndex)?

    /// How far the others' disks had come when they last said so.
    var watermarks: [PeerID: Watermark] = [:]

    // The leader.
    var leadingSince = Instant(nanoseconds: 0)
    var heartbeatDue = Instant(nanoseconds: 0)
    var leaseNotBefore = Instant(nanoseconds: 0)
    var leaseReleased = false
    var leaseAnnounced = false
    var ownPromiseWrite: UInt64 = 0
    var uncommittedBytes = 0
    /// When it took a proposal last, and whether that came soon after another one.
    var proposedAt: Instant?
    var proposalsAreClose = false
    /// Since when there is something to commit and nothing was; nil while there is nothing.
    var waitsSince: Instant?
    /// When followers are told of a commit at the latest; nil while all that are abreast know.
    var commitNoticeDue: Instant?

    // Writes and what waits for them.
    var lastWrite: UInt64 = 0
    var persistedWrite: UInt64 = 0
    var hardStateWrite: UInt64 = 0
    var writesUnderWay: [(sequence: UInt64, lastIndex: LogIndex)] = []
    /// The store takes no writes.
    public internal(set) var storageIsBlocked = false
    var isRetiring = false
    /// This peer lets others lead: it campaigns only after several election timeouts, when nobody else has, and is nobody's
    /// successor. It votes as ever, so a group that has a quorum still finds a leader: only this peer may have all that was
    /// committed. May be set between steps.
    public var standsAside = false
    var hardStateIsDirty = false
    var firstUnwritten: LogIndex?
    var unwrittenSnapshot: Snapshot?
    var held: [(needs: UInt64, message: Message, to: PeerID)] = []
    var effects: [Effect] = []
    var lastStep: Instant

    struct Link {
        var fresh: Bool
        var hasGroup: Bool
    }

    /// A peer as it stands after its start.
    /// - Parameters:
    ///   - randomSeed: any number that differs from peer to peer and from start to start.
    ///   - standsAside: see there.
    ///   - now: a reading of the clock after the process started.
    public init(
        settings: Settings, recovered: RecoveredLog, randomSeed: UInt64, standsAside: Bool = false, at now: Instant
    ) {
        invariant(
            recovered.applied <= recovered.hardState.commit || recovered.applied == recovered.baseIndex,
            "applied through \(recovered.applied), committed through \(recovered.hardState.commit)")
        self.settings = settings
        hardState = recovered.hardState
        log = Log(recovered)
        commitIndex = recovered.applied
        persistedIndex = recovered.lastIndex
        // A peer without data may be one whose disk was replaced: what it promised is not known, so it assumes its own
        // setting.
        let promised = recovered.hardState == HardState() ? settings.promise : recovered.hardState.promise
        // With the first write it is on the disk, though no leader may ever ask for a longer one.
        hardState.promise = promised
        promise = Promise(longest: promised, startedAt: now)
        random = SplitMix64(seed: randomSeed)
        electionDeadline = now
        self.standsAside = standsAside
        lastStep = now
        resetElectionTimer(at: now)
    }

    // MARK: - What is true now

    public var id: PeerID { settings.id }
    public var term: Term { hardState.term }
    public var lastIndex: LogIndex { log.lastIndex }
    public var lastTerm: Term { log.lastTerm }
    /// The index of the last entry that is not kept any more.
    public var baseIndex: LogIndex { log.baseIndex }
    /// Never voted, never wrote to its log: either new, or its disk was replaced.
    public var isFresh: Bool { term == 0 && hardState.vote == nil && lastIndex == 0 }
    /// This peer's vote and answers count in the current term.
    public var counts: Bool { mayVote(in: term) }

    /// More proposals are taken: this peer leads, hands over to nobody, and is not too far ahead of its commits.
    /// - Parameters:
    ///   - count: proposals that come first.
    ///   - bytes: of their payloads.
    public func acceptsProposals(beyond count: Int = 0, bytes: Int = 0) -> Bool {
        role == .leader && transfer == nil && uncommittedBytes + bytes < settings.limits.uncommittedBytes
            && lastIndex + LogIndex(count) - commitIndex < LogIndex(settings.limits.uncommittedEntries)
    }

    /// A follower without a vote has caught up, and no entry was made since its link came up that could give it one (see
    /// `gainVoteIfCaughtUp`): this leader should make one.
    public var newcomerAwaitsEntry: Bool {
        role == .leader
            && progress.values.contains {
                $0.isLinked && !$0.counts && $0.match == lastIndex && $0.linkedAt == lastIndex
            }
    }

    /// The term of an entry; nil when it is not kept or not there yet.
    public func termOfEntry(at index: LogIndex) -> Term? { log.term(at: index) }

    /// Entries that are still in memory, from `first` on; empty when the store has to be asked.
    public func entriesInMemory(from first: LogIndex, through last: LogIndex) -> [Entry] {
        first > last ? [] : log.entries(from: first, through: last)
    }

    /// The lease at this very moment. Valid until the process does anything else: ask again at the next use.
    public func lease(at now: Instant) -> LeaseStatus {
        guard role == .leader else { return .notLeader }
        if leaseReleased { return .released }
        if now < leaseNotBefore { return .waiting(leaseNotBefore - now) }
        guard persistedWrite >= ownPromiseWrite, let round = quorumRound() else { return .expired }
        let end = round + settings.leaseLength
        return now < end ? .held(remaining: end - now) : .expired
    }

    /// How long ago the latest round was sent that a quorum acknowledged; nil unless this peer leads and one did.
    public func quorumSilence(at now: Instant) -> Duration? { quorumRound().map { now - $0 } }

    /// What this peer was told is on another one's disk; to be said in every greeting.
    public func watermark(of peer: PeerID) -> Watermark { watermarks[peer] ?? .none }

    /// When `step(.tick)` is next needed, if nothing else happens before.
    public var nextWake: Instant {
        var wake = electionDeadline
        if role == .leader {
            wake = min(heartbeatDue, quorumDeadline)
            if leaseNotBefore > lastStep { wake = min(wake, leaseNotBefore) }
            if let commitNoticeDue { wake = min(wake, commitNoticeDue) }
        }
        if let transfer { wake = min(wake, transfer.deadline) }
        return wake
    }

    // MARK: - What happens

    /// Takes in one event and answers what is to be done.
    /// - Parameter now: a reading of the clock that was made after the event happened. For a message: after it arrived.
    public mutating func step(_ event: Event, at now: Instant) -> [Effect] {
        lastStep = max(lastStep, now)
        switch event {
        case .tick: tick(at: now)
        case .received(let message, let peer):
            if settings.peers.contains(peer), peer != settings.id { receive(message, from: peer, at: now) }
        case .linkUp(let peer, let fresh, let hasGroup, let remembers):
            noticeLostWrites(remembered: remembers, by: peer, at: now)
            linkUp(peer, Link(fresh: fresh, hasGroup: hasGroup || remembers != .none), at: now)
        case .linkDown(let peer): linkDown(peer, at: now)
        case .propose(let proposals): propose(proposals, at: now)
        case .persisted(let sequence): persisted(through: sequence, at: now)
        case .loaded(let entries, let first, let peer): loaded(entries, from: first, for: peer, at: now)
        case .compacted(let index): log.compact(through: min(index, min(commitIndex, persistedIndex)))
        case .transfer(let peer): startTransfer(to: peer, at: now)
        case .requestLeadership:
            if let leader, leader != settings.id { send(.transferRequest(term: term), to: leader) }
        case .retire: retire(at: now)
        case .storageBlocked(let isBlocked):
            storageIsBlocked = isBlocked
            if isBlocked && role == .leader { loseLeadership(.storageBlocked, at: now) }
        }
        advanceTransfer(at: now)
        announceLease(at: now)
        forgetCommitNotice()
        return finishStep()
    }

    private mutating func tick(at now: Instant) {
        if role == .leader {
            if now >= quorumDeadline {
                loseLeadership(.quorumLost, at: now)
            } else if isHeldUp(at: now) {
                loseLeadership(.heldUp, at: now)
            } else if now >= heartbeatDue {
                sendHeartbeats(at: now)
            } else if let commitNoticeDue, now >= commitNoticeDue {
                tellCommit(at: now)
            }
        } else if now >= electionDeadline {
            startPreElection(at: now)
        }
        expireTransfer(at: now)
    }

    private mutating func receive(_ message: Message, from peer: PeerID, at now: Instant) {
        if let durable = message.durable { watermarks[peer] = max(watermarks[peer] ?? .none, durable) }
        switch message {
        case .preVoteRequest(let request): answer(preVote: request, from: peer, at: now)
        case .preVoteResponse(let response): count(response, from: peer, at: now)
        case .voteRequest(let request):
            if request.term > term { becomeFollower(term: request.term, leader: nil, at: now) }
            answer(vote: request, from: peer, at: now)
        case .voteResponse(let response):
            if response.term > term { becomeFollower(term: response.term, leader: nil, at: now) }
            count(response, from: peer, at: now)
        case .append(let append):
            guard follow(peer, term: append.term, round: append.round, at: now) else { return }
            accept(append, from: peer, at: now)
        case .appendResponse(let response):
            if response.term > term { becomeFollower(term: response.term, leader: nil, at: now) }
            accept(response, from: peer, at: now)
        case .installSnapshot(let install):
            guard follow(peer, term: install.term, round: install.round, at: now) else { return }
            accept(install, from: peer, at: now)
        case .timeoutNow(let timeout):
            guard timeout.term == term, leader == peer, role != .leader else { return }
            takeOver(leaseReleased: timeout.leaseReleased, at: now)
        case .transferRequest:
            if role == .leader && transfer == nil { startTransfer(to: peer, at: now) }
        }
    }

    private mutating func linkUp(_ peer: PeerID, _ link: Link, at now: Instant) {
        guard settings.others.contains(peer) else { return }
        links[peer] = link
        foundIfNew()
        switch role {
        case .leader:
            let next = lastIndex + 1
            progress[peer]?.relinked(next: next)
            replicate(to: peer, at: now, heartbeat: true)
        case .preCandidate, .candidate: if votes[peer] == nil { requestVote(of: peer) }
        case .follower: break
        }
    }

    private mutating func linkDown(_ peer: PeerID, at now: Instant) {
        links[peer] = nil
        if role == .leader {
            progress[peer]?.isLinked = false
            progress[peer]?.isLoading = false
        } else if leader == peer {
            // Its process is probably gone. Safe, since votes never depend on this; others may still hear from it.
            leaderContact = nil
            guard !standsAside else { return }
            let spread = settings.electionTimeout.upperBound - settings.electionTimeout.lowerBound
            electionDeadline = min(electionDeadline, now + random.duration(below: spread))
        }
    }

    // MARK: - Writes, and what waits for them

    /// Sends now.
    mutating func send(_ message: Message, to peer: PeerID) { effects.append(.send(message, to: peer)) }

    /// Sends once everything that this step and all before it have changed is durable.
    mutating func sendWhenPersisted(_ message: Message, to peer: PeerID) {
        hold(message, to: peer, until: hasUnwritten ? lastWrite + 1 : lastWrite)
    }

    /// Sends once term, vote and promise as they stand are durable; the log may lag behind.
    mutating func sendWhenHardStatePersisted(_ message: Message, to peer: PeerID) {
        hold(message, to: peer, until: hardStateIsDirty ? lastWrite + 1 : hardStateWrite)
    }

    mutating func changeHardState(_ change: (inout HardState) -> Void) {
        change(&hardState)
        hardStateIsDirty = true
    }

    mutating func appendToLog(_ entry: Entry) {
        log.append(entry)
        firstUnwritten = min(firstUnwritten ?? entry.index, entry.index)
    }

    mutating func truncateLog(from first: LogIndex) {
        invariant(first > commitIndex, "entry \(first) is committed and would be replaced")
        log.truncate(from: first)
        persistedIndex = min(persistedIndex, first - 1)
        for at in writesUnderWay.indices {
            writesUnderWay[at].lastIndex = min(writesUnderWay[at].lastIndex, first - 1)
        }
        if let unwritten = firstUnwritten { firstUnwritten = min(unwritten, first) }
    }

    private var hasUnwritten: Bool { hardStateIsDirty || firstUnwritten != nil || unwrittenSnapshot != nil }

    private mutating func hold(_ message: Message, to peer: PeerID, until write: UInt64) {
        // Writes are counted over all processes of this disk, sequence numbers within this one.
        let durable = hardState.votesFrom.map { Watermark(votesFrom: $0, writes: hardState.writes + write - lastWrite) }
        let message = message.with(durable ?? .none)
        if write <= persistedWrite { send(message, to: peer) } else { held.append((write, message, peer)) }
    }

    private mutating func persisted(through sequence: UInt64, at now: Instant) {
        invariant(sequence <= lastWrite, "write \(sequence) was never asked for")
        guard sequence > persistedWrite else { return }
        persistedWrite = sequence
        while let first = writesUnderWay.first, first.sequence <= sequence {
            persistedIndex = first.lastIndex
            writesUnderWay.removeFirst()
        }
        for item in held where item.needs <= sequence { send(item.message, to: item.to) }
        held.removeAll { $0.needs <= sequence }
        if role == .leader {
            commitWhatAQuorumHas(at: now)
        } else if role == .candidate {
            countOwnVote(at: now)
        }
    }

    private mutating func finishStep() -> [Effect] {
        if hasUnwritten {
            lastWrite += 1
            if hardStateIsDirty { hardStateWrite = lastWrite }
            hardState.commit = max(hardState.commit, commitIndex)
            hardState.writes += 1
            let entries = firstUnwritten.map { log.entries(from: $0) } ?? []
            let write = Persist(
                sequence: lastWrite, hardState: hardState, snapshot: unwrittenSnapshot, entries: entries)
            writesUnderWay.append((lastWrite, lastIndex))
            effects.append(.persist(write))
            (hardStateIsDirty, firstUnwritten, unwrittenSnapshot) = (false, nil, nil)
        }
        log.trim(through: min(commitIndex, persistedIndex), toBytes: settings.limits.cachedBytes)
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }
}

/// A small generator with a seed, so that one seed replays a run (Steele, Lea, Flood 2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func duration(below bound: Duration) -> Duration {
        .nanoseconds(Int64.random(in: 0..<max(bound.inNanoseconds, 1), using: &self))
    }
}
