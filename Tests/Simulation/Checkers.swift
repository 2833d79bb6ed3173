// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

/// What must hold after every step, whatever went wrong. The checkers know all peers, the true time, and nothing of the
/// faults. The first broken promise ends the run.
final class Checkers {
    let quorum: Int
    let producers: ChainProducers
    private(set) var broken: (checker: String, facts: String)?

    /// Who led which term.
    private var leaders: [Term: Int] = [:]
    /// What stands at a place of the log, and the term before it: two logs with one entry in common are equal up to it
    /// if every entry has but one term before it.
    private var written: [Place: (entry: Int, previousTerm: Term)] = [:]
    /// Every applied entry, from index 1 on.
    private(set) var applied: [Entry] = []
    private var appliedHashes: [Int] = []
    /// The terms of those who applied them first.
    private var committedIn: [Term] = []
    /// The state that the log makes, computed here a second time.
    private var model = RegionModel()
    private var models: [RegionModel] = [RegionModel()]
    private var blocks: [UInt32: BlockID] = [:]
    /// What the accepted entries made the head.
    private var made: [LogIndex: BlockID] = [:]
    private var head: BlockRef?
    /// Blocks that somebody was told are committed.
    private var answered: [UInt32: LogIndex] = [:]

    private struct Place: Hashable {
        var index: LogIndex
        var term: Term
    }

    init(quorum: Int, producers: ChainProducers) {
        self.quorum = quorum
        self.producers = producers
    }

    private func fail(_ checker: String, _ facts: @autoclosure () -> String) {
        if broken == nil { broken = (checker, facts()) }
    }

    func check(_ holds: Bool, _ checker: String, _ facts: @autoclosure () -> String) {
        if !holds { fail(checker, facts()) }
    }

    // MARK: - Raft's own properties (thesis figure 3.2)

    /// Election safety and leader completeness.
    func becameLeader(_ peer: Int, _ raft: RaftCore, term: Term) {
        if let other = leaders[term], other != peer {
            fail("election safety", "peers \(other + 1) and \(peer + 1) both lead term \(term)")
        }
        leaders[term] = peer
        // What an earlier term committed. A candidate may win when the others have moved on already.
        let last = LogIndex((committedIn.lastIndex { $0 < term }).map { $0 + 1 } ?? 0)
        check(
            raft.lastIndex >= last, "leader completeness",
            "peer \(peer + 1) leads term \(term), its log ends at \(raft.lastIndex), \(last) is committed")
        var index = last
        while index > raft.baseIndex, index > 0, index + 16 > last {
            let (mine, committed) = (raft.termOfEntry(at: index), applied[Int(index) - 1].term)
            check(
                mine == committed, "leader completeness",
                "peer \(peer + 1) leads term \(term); its entry \(index) is of term \(mine ?? 0), not \(committed)")
            index -= 1
        }
    }

    /// Log matching.
    func writes(_ peer: Int, _ write: Persist, previousTerm: Term?) {
        var previousTerm = previousTerm
        for entry in write.entries {
            let place = Place(index: entry.index, term: entry.term)
            let hash = entry.hashValue
            if let known = written[place] {
                check(
                    known.entry == hash, "log matching",
                    "peer \(peer + 1) has another entry \(entry.index) of term \(entry.term) than was known")
                check(
                    previousTerm == nil || known.previousTerm == previousTerm, "log matching",
                    "before entry \(entry.index) of term \(entry.term) peer \(peer + 1) has one of term"
                        + " \(previousTerm ?? 0), another has one of \(known.previousTerm)")
            } else if let previousTerm {
                written[place] = (hash, previousTerm)
            }
            previousTerm = entry.term
        }
    }

    /// State machine safety, and one block per height.
    func applies(_ peer: Int, _ entry: Entry, _ result: Applied, in term: Term) {
        if entry.index <= LogIndex(applied.count) {
            check(
                appliedHashes[Int(entry.index) - 1] == entry.hashValue, "state machine safety",
                "peer \(peer + 1) applies another entry \(entry.index) (term \(entry.term)) than was applied"
                    + " (term \(applied[Int(entry.index) - 1].term))")
            return
        }
        guard entry.index == LogIndex(applied.count) + 1 else {
            return fail("state machine safety", "peer \(peer + 1) applies \(entry.index) after \(applied.count)")
        }
        applied.append(entry)
        appliedHashes.append(entry.hashValue)
        committedIn.append(max(term, committedIn.last ?? 0))
        model.apply(entry)
        models.append(model)
        if result == .accepted, entry.kind == .region { return restarts(entry) }
        guard result == .accepted, entry.kind == .block, let header = try? BlockHeader(parsingPrefixOf: entry.payload)
        else { return }
        let region = models[models.count - 2]
        check(
            region.activity == .active && !region.isPaused, "standby never produces",
            "block \(header.number) is committed in entry \(entry.index), and the region is \(region)")
        if let other = blocks[header.number], other != header.id {
            fail("one block per height", "height \(header.number) has \(other) and \(header.id)")
        }
        if let head {
            let fits =
                switch producers {
                case .sole: header.previous == head.id && header.number == head.number + 1
                case .several: header.number > head.number && header.timestamp > head.slot
                }
            check(
                fits, "one chain",
                "block \(header.number) of slot \(header.timestamp) was committed on \(header.previous); the head was"
                    + " \(head.number), \(head.id), of slot \(head.slot)")
        }
        blocks[header.number] = header.id
        made[entry.index] = header.id
        head = BlockRef(header)
    }

    /// A change with a base: the chain goes on from there, whatever this group committed above.
    private func restarts(_ entry: Entry) {
        guard let base = entry.block, let header = try? BlockHeader(parsingPrefixOf: base) else { return }
        blocks = blocks.filter { $0.key < header.number }
        blocks[header.number] = header.id
        made[entry.index] = header.id
        head = BlockRef(header)
    }

    /// The region as the log makes it.
    var region: RegionModel { model }
    var lastBlock: BlockRef? { head }
    /// The block of an entry that was committed.
    func block(of index: LogIndex) -> BlockID? { made[index] }

    func restores(_ peer: Int, _ state: GroupState) {
        guard state.index <= LogIndex(applied.count) else {
            return fail(
                "state machine safety", "peer \(peer + 1) has a snapshot at \(state.index), above what is committed")
        }
        agrees(peer, state)
    }

    /// A state is what the log makes of it, however a peer came by it.
    func agrees(_ peer: Int, _ state: GroupState) {
        guard state.index <= LogIndex(applied.count) else { return }
        let expected = models[Int(state.index)]
        check(
            state.region.epoch == expected.epoch && state.region.activity == expected.activity
                && state.region.isPaused == expected.isPaused
                && state.region.activatedEpoch == expected.activatedEpoch
                && state.region.confirmedAt == expected.confirmedAt
                && state.region.base == expected.base
                && state.region.openSwitch == expected.openSwitch
                && state.region.superseded?.by == expected.superseder, "state machine safety",
            "after entry \(state.index) peer \(peer + 1) has the region \(state.region), the log makes it \(expected)")
        check(
            state.maintenance.keys.sorted() == expected.maintenance.sorted(), "state machine safety",
            "after entry \(state.index) peer \(peer + 1) has \(state.maintenance.keys.sorted()) in maintenance, the log"
                + " has \(expected.maintenance.sorted())")
        check(
            state.head?.index ?? 0 == expected.headIndex, "state machine safety",
            "after entry \(state.index) peer \(peer + 1) has the head of entry \(state.head?.index ?? 0), not"
                + " \(expected.headIndex)")
    }

    /// The last entry that was committed in a term before this one.
    private func committedBefore(_ term: Term) -> LogIndex {
        var (low, high) = (0, committedIn.count)
        while low < high {
            let middle = (low + high) / 2
            if committedIn[middle] < term { low = middle + 1 } else { high = middle }
        }
        return LogIndex(low)
    }

    // MARK: - The promises

    /// Promise 3: on the disks of a quorum of voters at the moment when it is said, and never something else at that
    /// height. A disk that was taken away since counts as one: a quorum is what may lose some.
    func answers(_ peer: Int, _ block: BlockRef, index: LogIndex, term: Term, hosts: [Host]) {
        isDurable("block \(block.number)", peer, index: index, term: term, hosts: hosts)
        guard index > 0, index <= LogIndex(applied.count), applied[Int(index) - 1].blockNumber == block.number,
            made[index] == block.id
        else {
            return fail("no false answer", "block \(block.number) was reported committed in entry \(index), and is not")
        }
        answered[block.number] = index
    }

    private func isDurable(_ what: String, _ peer: Int, index: LogIndex, term: Term, hosts: [Host]) {
        let now = hosts[peer].replica?.raft.term ?? term
        let holders = hosts.count { host in
            ([host.disk.image] + host.lostDisks).contains { disk in
                disk.holds(index: index, term: term) && disk.hardState.votesFrom.map { $0 <= now } ?? false
            }
        }
        check(
            holders >= quorum, "durability",
            "\(what), entry \(index), was reported committed on \(holders) disks of \(quorum)")
    }

    /// The same for an operator's change.
    func answersChange(_ peer: Int, index: LogIndex, term: Term, hosts: [Host]) {
        isDurable("a change", peer, index: index, term: term, hosts: hosts)
        guard index > 0, index <= LogIndex(applied.count), applied[Int(index) - 1].term == term else {
            return fail(
                "no false answer", "a change was reported applied in entry \(index) of term \(term), and is not")
        }
    }

    /// Promise 3, at any time: what was reported committed is still on enough disks to survive.
    func keeps(disks: [Image]) {
        guard let last = answered.values.max() else { return }
        let entry = applied[Int(last) - 1]
        let holders = disks.count { $0.holds(index: last, term: entry.term) }
        check(holders > 0, "nothing is lost", "entry \(last), which was reported committed, is on no disk")
    }

    /// Promises 1 and 5, at one true instant, which all clocks are asked for.
    func standsAlone(_ hosts: [Host], leading: [Int], at time: TrueTime, canProduceToo: Bool) {
        var holder: Int?
        for index in leading {
            guard let replica = hosts[index].replica else { continue }
            let now = hosts[index].clock.reading(at: time)
            if replica.raft.lease(at: now).isHeld {
                if let holder {
                    fail(
                        "one lease",
                        "at \(time) ns peers \(holder + 1) (term \(hosts[holder].replica?.raft.term ?? 0)) and"
                            + " \(index + 1) (term \(replica.raft.term)) both hold the lease")
                }
                holder = index
            }
            guard canProduceToo, replica.canProduce(at: now) else { continue }
            check(
                holder == index, "one producer", "at \(time) ns peer \(index + 1) may produce and holds no lease")
            let known = committedBefore(replica.raft.term)
            check(
                replica.state.index >= known, "producer knows the head",
                "peer \(index + 1) may produce in term \(replica.raft.term) after entry \(replica.state.index); \(known)"
                    + " was committed in an earlier term")
            let region = models[min(Int(replica.state.index), models.count - 1)]
            check(
                region.activity == .active && !region.isPaused, "standby never produces",
                "peer \(index + 1) may produce after entry \(replica.state.index), which leaves the region \(region)")
        }
    }
}

/// The region's state as the log makes it, in as few words as possible.
struct RegionModel {
    var epoch: UInt64 = 0
    var activity = RegionActivity.standby
    var isPaused = false
    var activatedEpoch: UInt64 = 0
    var confirmedAt: LogIndex = 0
    var openSwitch: SwitchNote?
    var superseder: RegionReport?
    var headIndex: LogIndex = 0
    var head: BlockID?
    /// Where it went on when it became active last, or what it was given since.
    var base: BlockID?
    var maintenance: Set<PeerID> = []

    mutating func apply(_ entry: Entry) {
        switch entry.kind {
        case .block:
            headIndex = entry.index
            head = entry.blockID
        case .region:
            guard let change = RegionChange(encoded: entry.payload), change.expects == epoch, change.epoch > epoch
            else { return }
            if let id = change.switchID, id != openSwitch?.id { return }
            let given = change.base == nil ? nil : entry.blockID
            let asksForWhatStands =
                (given == nil || given == head) && (change.activity, change.isPaused) == (activity, isPaused)
            if epoch > 0, asksForWhatStands, !change.renews { return }
            if change.activity == .active, change.renews || activity != .active {
                activatedEpoch = change.epoch
                superseder = nil
                if change.switchID != nil || change.isForced { confirmedAt = entry.index }
                base = head
            }
            if let report = change.superseder { superseder = report } else if given != nil { superseder = nil }
            (epoch, activity, isPaused) = (change.epoch, change.activity, change.isPaused)
            if let given { (head, base, headIndex) = (given, given, entry.index) }
        case .operation:
            switch Record(encoded: entry.payload) {
            case .maintenance(let peer, let isOn, _):
                if isOn { maintenance.insert(peer) } else { maintenance.remove(peer) }
            case .confirm(let expects, _): if expects == epoch { confirmedAt = entry.index }
            case .switchBegins(let note): if openSwitch == nil { openSwitch = note }
            case .switchEnds(let end): if openSwitch?.id == end.id { openSwitch = nil }
            case .leftBehind(let report, _, _): superseder = report
            case .leads, .transfer, .transferFailed, nil: break
            }
        default: return
        }
    }
}

extension Entry {
    /// Of the block that it holds; nil when it holds none.
    fileprivate var blockID: BlockID? { block.flatMap { try? BlockHeader(parsingPrefixOf: $0).id } }
}
