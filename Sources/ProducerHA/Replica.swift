// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Names a caller that waits for an answer.
public typealias Ticket = UInt64

/// What became of a block that was handed in.
public enum CommitAnswer: Hashable, Sendable {
    case committed(index: LogIndex, term: Term, BlockRef)
    case refused(CommitRefusal)
    /// The height is committed and in the log: the same block is well, another one conflicts. The store knows.
    case compareWithEntry(LogIndex, BlockRef)
}

/// What an operator, or the node itself, wants changed.
public enum Change: Hashable, Sendable {
    case region(RegionChange)
    case record(Record)
}

/// What became of a change that was handed in.
public enum ChangeAnswer: Hashable, Sendable {
    case applied(index: LogIndex, term: Term)
    /// It was never appended.
    case refused(ChangeRefusal)
    /// It was appended, and then another peer took over: whether it is committed is not known.
    case leadershipLost
}

public enum ChangeRefusal: Hashable, Sendable {
    case notLeader
    /// It leads, and does not know yet what was committed before its term.
    case termNotApplied
    /// Another change of the same thing is on its way, or leadership is being handed over, or too much waits.
    case busy
    case doesNotFit(Refusal)
}

/// What a replica wants done, in this order.
public enum Action: Sendable {
    case persist(Persist)
    case send(Message, to: PeerID)
    case load(from: LogIndex, through: LogIndex, for: PeerID)
    /// Keep this snapshot, durably, and drop the entries up to and with `dropThrough` when convenient.
    case keep(Snapshot, dropThrough: LogIndex, droppedTerm: Term)
    case answer(Ticket, CommitAnswer)
    case changed(Ticket, ChangeAnswer)
    /// Applied, in order. The block is the one that the entry made the head; nil for entries of other kinds, and refused ones.
    case applied(Entry, Applied, BlockRef?)
    /// The state was replaced by a leader's snapshot.
    case restored
    case note(Note)
}

/// What an operator wants to see in the log.
public enum Note: Sendable {
    case becameLeader(term: Term)
    case lostLeadership(term: Term, LossReason)
    case leaderChanged(PeerID?, term: Term)
    case leaseAcquired(term: Term)
    case transferEnded(to: PeerID, TransferOutcome)
    case voteGained(from: Term)
    case writesLost(has: UInt64, remembered: UInt64, by: PeerID)
}

/// One peer: the consensus core, the replicated state, and what waits for it. A value without I/O; the daemon and the
/// simulator drive it alike.
public struct Replica: Sendable {
    public struct Options: Sendable {
        /// Commits between two snapshots, and entries kept behind one.
        public var snapshotDistance: UInt64 = 7200
        /// What a new group starts with, if this peer is its first leader.
        public var startsActive = false
        public var newGroupID: GroupID
        public var producers = ChainProducers.sole
        /// A new group waits for `found`: a nodeos has to say where its chain is.
        public var awaitsFoundation = false
        /// Names of the other regions.
        public var otherRegions: [String] = []
        /// As in `RegionWatch`.
        public var returnGate: Duration?

        public init(newGroupID: GroupID) { self.newGroupID = newGroupID }
    }

    public private(set) var raft: RaftCore
    public private(set) var state: GroupState
    public private(set) var blocks: BlockIndex
    public let options: Options
    /// What was heard of the other regions.
    public private(set) var regions: RegionWatch
    /// No leadership and no production any more: the process is about to end.
    public private(set) var isShuttingDown = false

    /// The state as it will be when all proposed entries are applied; nil unless this peer leads and has applied an entry
    /// of its own term.
    private var proposed: GroupState?
    private var foundation: Foundation?

    /// Where a new group begins on a chain that is there already.
    public struct Foundation: Hashable, Sendable {
        public var chainID: Checksum256
        /// The packed block that becomes the head, if the region starts active.
        public var base: [UInt8]?

        public init(chainID: Checksum256, base: [UInt8]?) {
            self.chainID = chainID
            self.base = base
        }
    }

    /// Blocks that fit and are proposed at the end of this call.
    private var gathered: [Proposal] = []
    private var gatheredBytes = 0
    private var waiting: [LogIndex: [Ticket]] = [:]
    private var changesWaiting: [LogIndex: Ticket] = [:]
    /// The index of the newest snapshot.
    public var snapshotIndex: LogIndex { lastSnapshot }
    private var lastSnapshot: LogIndex
    /// As of the core. Kept, since it is asked for after each step.
    public private(set) var nextWake: Instant
    private var actions: [Action] = []

    /// - Parameters:
    ///   - state: the state after the last applied entry, which `raft` was started with.
    ///   - blocks: the blocks that the kept part of the log holds, up to there.
    ///   - lastSnapshot: the index of the snapshot in the store.
    public init(raft: RaftCore, state: GroupState, blocks: BlockIndex, lastSnapshot: LogIndex, options: Options) {
        invariant(state.index == raft.commitIndex, "state at \(state.index), core at \(raft.commitIndex)")
        self.raft = raft
        nextWake = raft.nextWake
        self.state = state
        self.blocks = blocks
        self.lastSnapshot = lastSnapshot
        self.options = options
        regions = RegionWatch(others: options.otherRegions, returnGate: options.returnGate)
        standAsideIfInMaintenance()
    }

    // MARK: - What is true now

    /// Why this peer may not produce at this very moment; nil when it may. Ask at each use, never keep the answer.
    public func obstacle(at now: Instant) -> ProductionObstacle? {
        guard raft.role == .leader else {
            guard let leader = raft.leader else { return .noLeader }
            return .notLeader(leader: leader)
        }
        if isShuttingDown { return .shuttingDown }
        if raft.transfer != nil { return .draining }
        switch state.region.activity {
        case .standby, .activating: return state.region.epoch == 0 ? .termNotApplied : .regionStandby
        case .active: if state.region.isPaused { return .regionPaused }
        }
        if let obstacle = regions.obstacle(state.region, term: raft.term) { return obstacle }
        switch raft.lease(at: now) {
        case .held: break
        case .notLeader: return .noLeader
        case .waiting(let rest): return .leaseWait(rest)
        case .released: return .draining
        case .expired:
            let silence = raft.quorumSilence(at: now)
            let isSilent = silence.map { $0 >= raft.settings.electionTimeout.lowerBound } ?? true
            return isSilent ? .noQuorum : .leaseExpired
        }
        return state.term == raft.term && proposed != nil ? nil : .termNotApplied
    }

    public func canProduce(at now: Instant) -> Bool { obstacle(at: now) == nil }

    /// This peer has applied an entry of the current leader's term, so it knows all that was committed before that term.
    public var hasCaughtUp: Bool { raft.leader != nil && state.term == raft.term }

    // MARK: - What happens

    public mutating func step(_ event: Event, at now: Instant) -> [Action] {
        switch event {
        case .transfer(let peer) where isInMaintenance(peer):
            actions.append(.note(.transferEnded(to: peer, .targetInMaintenance)))
        case .received(.transferRequest, let peer) where isInMaintenance(peer): break
        case .requestLeadership where isInMaintenance(raft.id): break
        default: drive(event, at: now)
        }
        return takeActions()
    }

    /// A peer of another region said how that stands, `age` ago.
    public mutating func hear(
        _ report: RegionReport, from teller: PeerID, age: Duration = .zero, at now: Instant
    ) -> [Action] {
        regions.hear(report, from: teller, at: Instant(nanoseconds: now.nanoseconds - age.inNanoseconds))
        followOtherRegions(at: now)
        return takeActions()
    }

    /// - Parameter offset: by how much the time of day, in milliseconds since 1970, is ahead of the clock of `Instant`.
    public mutating func setWallClock(aheadBy offset: Int64) { regions.wallClockOffset = offset }

    /// What this peer says of its region to those of others; nil before its group has begun.
    public func regionReport(named name: String, at now: Instant) -> RegionReport? {
        let region = state.region
        guard region.epoch > 0 else { return nil }
        return RegionReport(
            name: name, epoch: region.epoch, activity: region.activity, activatedEpoch: region.activatedEpoch,
            isCurrent: isCurrent(at: now), head: state.head?.block.id, inherited: region.inherited)
    }

    /// What it knows of its group is how that stands, or stood a moment ago.
    public func isCurrent(at now: Instant) -> Bool {
        guard hasCaughtUp else { return false }
        guard raft.role == .leader else { return raft.isAbreast(at: now) }
        if case .held = raft.lease(at: now) { return true }
        return false
    }

    /// A leader whose active region was overtaken makes it standby. Of one that had stopped, it writes down what became of its
    /// last blocks.
    private mutating func followOtherRegions(at now: Instant) {
        regions.look(state, term: raft.term, at: now)
        guard !regions.others.isEmpty, raft.role == .leader, let proposed else { return }
        let region = proposed.region
        let wall = now.nanoseconds / 1_000_000 + (regions.wallClockOffset ?? 0)
        if let leaver = regions.leaver(of: proposed) {
            let record = Record.leftBehind(by: leaver, lostFrom: region.lostFrom(after: leaver), at: wall)
            _ = propose(Proposal(kind: .operation, payload: record.encoded()), at: now)
        }
        guard let superseder = regions.superseder(of: region) else { return }
        let change = RegionChange(
            expects: region.epoch, epoch: region.epoch + 1, activity: .standby, isPaused: region.isPaused,
            act: OperatorAct(
                operation: "fence-\(superseder.name)-\(superseder.activatedEpoch)", who: "prodha",
                from: "region \(superseder.name)",
                reason: "\(superseder.name) became active with epoch \(superseder.activatedEpoch)", at: wall),
            superseder: superseder, lostFrom: region.lostFrom(after: superseder))
        _ = propose(Proposal(kind: .region, payload: change.encoded()), at: now)
    }

    /// It takes no leadership while another peer can, as far as is known here.
    public func isInMaintenance(_ peer: PeerID) -> Bool { state.maintenance[peer] != nil }

    private mutating func standAsideIfInMaintenance() { raft.standsAside = isInMaintenance(raft.id) }

    /// A packed block, which was checked to be well formed, and who waits for it.
    public struct HandIn: Sendable {
        public var block: BlockRef
        public var bytes: [UInt8]
        public var ticket: Ticket

        public init(_ block: BlockRef, bytes: [UInt8], ticket: Ticket) {
            self.block = block
            self.bytes = bytes
            self.ticket = ticket
        }
    }

    /// Hands in blocks that came at the same time: lower ones first, whichever way they came. All that fit become one write and
    /// one message to each follower. The answers come as `Action.answer`.
    public mutating func commitBlocks(_ handIns: [HandIn], at now: Instant) -> [Action] {
        let inOrder = handIns.count > 1 ? handIns.sorted { $0.block.number < $1.block.number } : handIns
        for handIn in inOrder {
            if let answer = proposeBlock(handIn, at: now) { actions.append(.answer(handIn.ticket, answer)) }
        }
        if !gathered.isEmpty {
            let proposals = gathered
            gathered.removeAll(keepingCapacity: true)
            gatheredBytes = 0
            drive(.propose(proposals), at: now)
        }
        return takeActions()
    }

    public mutating func commitBlock(_ block: BlockRef, bytes: [UInt8], ticket: Ticket, at now: Instant) -> [Action] {
        commitBlocks([HandIn(block, bytes: bytes, ticket: ticket)], at: now)
    }

    /// Hands in a change. The answer to a ticket comes as `Action.changed`.
    public mutating func change(_ change: Change, ticket: Ticket? = nil, at now: Instant) -> [Action] {
        if let refusal = proposeChange(change, ticket: ticket, at: now), let ticket {
            actions.append(.changed(ticket, .refused(refusal)))
        }
        return takeActions()
    }

    private mutating func proposeChange(_ change: Change, ticket: Ticket?, at now: Instant) -> ChangeRefusal? {
        guard raft.role == .leader else { return .notLeader }
        guard var next = proposed else { return .termNotApplied }
        guard raft.acceptsProposals() else { return .busy }
        let proposal: Proposal
        let isUnderWay: Bool
        switch change {
        case .region(let change):
            proposal = Proposal(kind: .region, payload: change.encoded())
            isUnderWay = next.region != state.region
        case .record(let record):
            proposal = Proposal(kind: .operation, payload: record.encoded())
            isUnderWay =
                switch record {
                case .maintenance: next.maintenance != state.maintenance
                case .confirm, .switchBegins, .switchEnds, .leftBehind: next.region != state.region
                case .leads, .transfer, .transferFailed: false
                }
        }
        // That nothing would change is only true once the other change is committed.
        if isUnderWay { return .busy }
        if case .refused(let refusal) = next.apply(entry(of: proposal)) { return .doesNotFit(refusal) }
        if let ticket { changesWaiting[raft.lastIndex + 1] = ticket }
        append(proposal, leaving: next, at: now)
        return nil
    }

    /// What the leader of a group that is to stand beside nodeos has to be told before it can go on.
    public enum Need: Hashable, Sendable {
        /// The chain; the region begins as standby.
        case chain
        /// The chain, and the block that an active region begins at.
        case base
    }

    /// nil unless this peer leads.
    public var need: Need? {
        guard options.awaitsFoundation, foundation == nil, let proposed else { return nil }
        if proposed.groupID == nil || proposed.region.epoch == 0 { return options.startsActive ? .base : .chain }
        return proposed.region.activity == .active && proposed.head == nil ? .base : nil
    }

    /// Begins a new group, or gives an active region without any block its first one, if this peer still leads and needs it.
    public mutating func found(_ foundation: Foundation, at now: Instant) -> [Action] {
        guard let need, foundation.base != nil || need == .chain else { return [] }
        self.foundation = foundation
        foundGroupIfNew(at: now)
        // Of a group that had begun without one.
        if let region = proposed?.region, region.activity == .active, proposed?.head == nil {
            let change = RegionChange(
                expects: region.epoch, epoch: region.epoch + 1, activity: .active, isPaused: region.isPaused,
                base: foundation.base)
            _ = propose(Proposal(kind: .region, payload: change.encoded()), at: now)
        }
        return takeActions()
    }

    /// Takes no leadership any more, and gives away what it has, to the peer that is closest behind.
    /// - Parameter preferred: who should have it, if any of these can.
    public mutating func shutDown(preferring preferred: Set<PeerID> = [], at now: Instant) -> [Action] {
        isShuttingDown = true
        if raft.transfer == nil, let best = bestSuccessor(among: preferred, at: now) ?? bestSuccessor(at: now) {
            drive(.transfer(to: best), at: now)
        }
        drive(.retire, at: now)
        return takeActions()
    }

    /// The follower that has most of the log, of those that answered a moment ago if there are any: a hung one still has
    /// its link.
    public func bestSuccessor(among peers: Set<PeerID>? = nil, at now: Instant) -> PeerID? {
        let recent = raft.settings.quietHeartbeatInterval + raft.settings.heartbeatInterval * 2
        let linked = raft.progress.filter {
            $0.value.isLinked && $0.value.counts && !isInMaintenance($0.key) && peers?.contains($0.key) ?? true
        }
        let well = linked.filter { $0.value.hasAnswered(within: recent, at: now) }
        return (well.isEmpty ? linked : well)
            .max { ($0.value.match, $1.key) < ($1.value.match, $0.key) }?.key
    }

    // MARK: - Proposals

    private mutating func proposeBlock(_ handIn: HandIn, at now: Instant) -> CommitAnswer? {
        let (block, ticket) = (handIn.block, handIn.ticket)
        guard raft.role == .leader else { return .refused(.obstacle(obstacle(at: now) ?? .noLeader)) }
        // What was committed stays so, whatever else is the matter.
        if let head = state.head?.block, block.number <= head.number {
            if block == head, let index = state.head?.index, let term = state.head?.term {
                return .committed(index: index, term: term, head)
            }
            if block.number == head.number { return .refused(.conflictsWithHead) }
            if let index = blocks.index(ofHeight: block.number) { return .compareWithEntry(index, block) }
            return .refused(.stale)
        }
        if let obstacle = obstacle(at: now) { return .refused(.obstacle(obstacle)) }
        guard let next = proposed else { return .refused(.obstacle(.termNotApplied)) }
        // A change of the region that is on its way already counts: no block comes after it.
        switch next.region.activity {
        case .standby, .activating: return .refused(.obstacle(.regionStandby))
        case .active: if next.region.isPaused { return .refused(.obstacle(.regionPaused)) }
        }
        if let under = blockOnItsWay(number: block.number) {
            guard under.block == block else { return .refused(.conflictsWithHead) }
            waiting[under.index, default: []].append(ticket)
            return nil
        }
        switch next.refusal(of: block) {
        case nil: break
        case .conflictsWithHead: return .refused(.conflictsWithHead)
        case .stale: return .refused(.conflictsWithHead)
        case .unlinkable, .epochChanged, .changesNothing, .alreadySet, .tooMany, .switchRunning, .noSuchSwitch,
            .malformed,
            .unknownKind:
            return .refused(.unlinkable)
        }
        guard raft.acceptsProposals(beyond: gathered.count, bytes: gatheredBytes) else {
            return .refused(.overloaded)
        }
        let proposal = Proposal(kind: .block, payload: handIn.bytes)
        let entry = entry(of: proposal)
        guard proposed?.apply(entry, saying: block) == .accepted else {
            impossible("block \(block.number) fits and is refused")
        }
        waiting[entry.index] = [ticket]
        gathered.append(proposal)
        gatheredBytes += proposal.payload.count
        return nil
    }

    /// A block that is appended and not applied yet.
    private func blockOnItsWay(number: UInt32) -> (index: LogIndex, block: BlockRef)? {
        guard let top = proposed?.head?.block.number, number <= top else { return nil }
        let appended = raft.entriesInMemory(from: state.index + 1, through: raft.lastIndex)
        let coming = gathered.enumerated().map { at, proposal in
            Entry(
                index: raft.lastIndex + 1 + LogIndex(at), term: raft.term, kind: proposal.kind,
                payload: proposal.payload)
        }
        for entry in appended + coming where entry.kind == .block {
            if let header = try? BlockHeader(parsingPrefixOf: entry.payload), header.number == number {
                return (entry.index, BlockRef(header))
            }
        }
        return nil
    }

    private mutating func propose(_ proposal: Proposal, at now: Instant) -> Bool {
        guard raft.acceptsProposals(), var next = proposed else { return false }
        guard next.apply(entry(of: proposal)) == .accepted else { return false }
        append(proposal, leaving: next, at: now)
        return true
    }

    /// - Parameter next: the state that it leaves, once it is applied.
    private mutating func append(_ proposal: Proposal, leaving next: GroupState, at now: Instant) {
        proposed = next
        drive(.propose([proposal]), at: now)
    }

    /// The next one behind all that is appended and gathered.
    private func entry(of proposal: Proposal) -> Entry {
        Entry(
            index: raft.lastIndex + 1 + LogIndex(gathered.count), term: raft.term, kind: proposal.kind,
            payload: proposal.payload)
    }

    // MARK: - Driving the core

    private mutating func drive(_ event: Event, at now: Instant) {
        for effect in raft.step(event, at: now) {
            switch effect {
            case .persist(let write): actions.append(.persist(write))
            case .send(let message, let peer): actions.append(.send(message, to: peer))
            case .load(let from, let through, let peer): actions.append(.load(from: from, through: through, for: peer))
            case .sendSnapshot(let term, let round, let peer):
                let install = InstallSnapshot(term: term, round: round, snapshot: state.snapshot())
                actions.append(.send(.installSnapshot(install), to: peer))
            case .commit(let entries):
                for entry in entries { apply(entry) }
                beginTerm()
            case .restore(let snapshot): restore(snapshot)
            case .lostLeadership(let term, let reason):
                stopProposing()
                actions.append(.note(.lostLeadership(term: term, reason)))
            case .becameLeader(let term):
                regions.beginLeading(term, at: now)
                actions.append(.note(.becameLeader(term: term)))
            case .leaderChanged(let peer, let term): actions.append(.note(.leaderChanged(peer, term: term)))
            case .leaseAcquired(let term): actions.append(.note(.leaseAcquired(term: term)))
            case .transferEnded(let peer, let outcome): actions.append(.note(.transferEnded(to: peer, outcome)))
            case .voteGained(let term): actions.append(.note(.voteGained(from: term)))
            case .writesLost(let has, let remembered, let peer):
                actions.append(.note(.writesLost(has: has, remembered: remembered, by: peer)))
            }
        }
        foundGroupIfNew(at: now)
        followOtherRegions(at: now)
        if raft.newcomerAwaitsEntry { _ = propose(Proposal(kind: .noop), at: now) }
        keepSnapshotIfDue(at: now)
    }

    private mutating func apply(_ entry: Entry) {
        let applied = state.apply(entry)
        if applied == .accepted { blocks.applied(entry, leaving: state.head) }
        let block = entry.kind == .block && applied == .accepted ? state.head?.block : nil
        actions.append(.applied(entry, applied, block))
        if entry.kind == .operation { standAsideIfInMaintenance() }
        if let ticket = changesWaiting.removeValue(forKey: entry.index) {
            guard applied == .accepted else {
                impossible("entry \(entry.index) was proposed as fitting and then refused")
            }
            actions.append(.changed(ticket, .applied(index: entry.index, term: entry.term)))
        }
        guard let tickets = waiting.removeValue(forKey: entry.index) else { return }
        guard applied == .accepted, let head = state.head, head.index == entry.index else {
            impossible("entry \(entry.index) was proposed as fitting and then refused")
        }
        for ticket in tickets {
            actions.append(.answer(ticket, .committed(index: entry.index, term: entry.term, head.block)))
        }
    }

    /// Once an entry of its own term is applied, a leader knows everything that was committed before, and may propose.
    private mutating func beginTerm() {
        guard raft.role == .leader, proposed == nil, state.term == raft.term else { return }
        proposed = state
    }

    /// Gives a new group its name and its region's state.
    private mutating func foundGroupIfNew(at now: Instant) {
        if options.awaitsFoundation && foundation == nil { return }
        if let proposed, proposed.groupID == nil {
            let settings = GroupSettings(
                groupID: options.newGroupID, producers: options.producers, chainID: foundation?.chainID)
            _ = propose(Proposal(kind: .settings, payload: settings.encoded()), at: now)
        }
        if let proposed, proposed.region.epoch == 0 {
            let change = RegionChange(
                expects: 0, epoch: 1, activity: options.startsActive ? .active : .standby, isPaused: false,
                base: options.startsActive ? foundation?.base : nil)
            _ = propose(Proposal(kind: .region, payload: change.encoded()), at: now)
        }
        if proposed?.groupID != nil, proposed?.region.epoch != 0 { foundation = nil }
    }

    private mutating func stopProposing() {
        proposed = nil
        foundation = nil
        for (_, tickets) in waiting.sorted(by: { $0.key < $1.key }) {
            for ticket in tickets { actions.append(.answer(ticket, .refused(.leadershipLost))) }
        }
        waiting = [:]
        for (_, ticket) in changesWaiting.sorted(by: { $0.key < $1.key }) {
            actions.append(.changed(ticket, .leadershipLost))
        }
        changesWaiting = [:]
    }

    // MARK: - Snapshots

    private mutating func restore(_ snapshot: Snapshot) {
        guard let restored = GroupState(snapshot) else {
            impossible("the leader's snapshot at \(snapshot.index) is of a kind this version does not know")
        }
        state = restored
        standAsideIfInMaintenance()
        lastSnapshot = snapshot.index
        blocks.removeAll()
        actions.append(.restored)
    }

    private mutating func keepSnapshotIfDue(at now: Instant) {
        guard state.index >= lastSnapshot + options.snapshotDistance else { return }
        lastSnapshot = state.index
        let keepFrom = state.index > options.snapshotDistance ? state.index - options.snapshotDistance : 0
        let dropThrough = min(keepFrom, raft.persistedIndex)
        let droppedTerm = raft.termOfEntry(at: dropThrough) ?? 0
        actions.append(.keep(state.snapshot(), dropThrough: dropThrough, droppedTerm: droppedTerm))
        if dropThrough > raft.baseIndex {
            blocks.drop(through: dropThrough)
            drive(.compacted(through: dropThrough), at: now)
        }
    }

    private mutating func takeActions() -> [Action] {
        defer { actions.removeAll(keepingCapacity: true) }
        nextWake = raft.nextWake
        return actions
    }
}
