// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Failover
import ProducerHA
import Raft

/// What must hold of two regions. Each group's own promises are held by its `Checkers`.
final class RegionCheckers {
    /// Where an operator forced a switch both regions may produce, until they have heard each other for this long: a
    /// question each second, two ways, and one that was lost.
    static let bound: Int64 = 3_000_000_000

    private(set) var broken: (checker: String, facts: String)?
    private(set) var counts: [String: Int] = [:]
    /// Packed blocks by their ids: an operator can have any that was committed.
    private(set) var bytes: [String: [UInt8]] = [:]
    /// The blocks of both regions, in the order in which they were committed.
    private(set) var chain: [BlockID] = []
    /// The entry of each region's last own block.
    private var lastMade: [LogIndex] = [0, 0]
    /// The entries of each region that are somebody's word that no other one is active.
    private var words: [Set<LogIndex>] = [[], []]
    /// The last block that each region made, and when that was known to be committed.
    private(set) var latest: [(BlockRef, at: TrueTime)?] = [nil, nil]

    private let isPlanned: Bool
    private let producers: ChainProducers
    private let returnGate: Int64
    /// The head of the one chain.
    private var head: BlockRef?
    private var activity: [RegionActivity] = [.standby, .standby]
    /// Epochs at which each became active.
    private var activatedAt: [Set<UInt64>] = [[], []]
    private var lastActivation: TrueTime = 0
    /// Each region's epochs, and when they were known to be committed.
    private var epochs: [[(at: TrueTime, epoch: UInt64)]] = [[], []]
    /// Switches whose new region was activated, and those whose old one was activated again.
    private var activated: Set<String> = []
    private var restarted: Set<String> = []
    /// Switches of which an engine said that nothing more comes.
    private var settled: Set<String> = []
    private var ends: [String: Bool] = [:]
    private var commands: [String: Papers] = [:]
    /// Of each region's peers: when it began to lead, and when it was told last how the other region stands.
    private var leadsSince: [[Int: TrueTime]] = [[:], [:]]
    private var answeredAt: [[Int: TrueTime]] = [[:], [:]]
    /// The latest leader that was seen to produce.
    private var lastProducer: [(host: Int, term: Term)?] = [nil, nil]
    /// The latest one whose index of blocks was looked at.
    private var lastIndex: [(host: Int, term: Term, epoch: UInt64)?] = [nil, nil]
    /// Each block that was made, and the one it stands on.
    private var previous: [BlockID: BlockID] = [:]
    /// The last block of each region's log.
    private var heads: [BlockID?] = [nil, nil]
    /// Another region went on without this one, and this one has written that down.
    private var isOvertaken = [false, false]
    /// Below this height either region may have blocks that an operator took back by hand.
    private var takenBack: UInt32 = 0
    /// Below this height a region may have blocks of another branch than its head's, which it was given from far above: when
    /// an operator took blocks back by hand, it cannot tell.
    private var doubtful: [UInt32] = [0, 0]

    init(_ plan: RegionsPlan) {
        isPlanned = plan.kind == .planned
        producers = plan.regions[0].producers
        returnGate = plan.returnGate.inNanoseconds
    }

    func check(_ holds: Bool, _ checker: String, _ facts: @autoclosure () -> String) {
        if !holds, broken == nil { broken = (checker, facts()) }
    }

    private func count(_ what: String) { counts[what, default: 0] += 1 }

    func standings(_ worlds: [World]) -> String {
        worlds.enumerated().map { index, world in
            let region = world.checkers.region
            return "\(RegionsPlan.names[index]) is \(region.activity)\(region.isPaused ? ", paused" : "") at"
                + " \(region.epoch), active since \(region.activatedEpoch), head"
                + " \(world.checkers.lastBlock?.number ?? 0), switch \(region.openSwitch?.id ?? "-")"
        }
        .joined(separator: "; ")
    }

    // MARK: - The logs

    /// An entry was applied, in one of the regions, for the first time.
    func applied(_ region: Int, _ entry: Entry, _ result: Applied, worlds: [World], at time: TrueTime) {
        guard result == .accepted else { return }
        switch entry.kind {
        case .block:
            guard let header = try? BlockHeader(parsingPrefixOf: entry.payload) else { return }
            let block = BlockRef(header)
            bytes[block.id.hex] = entry.payload
            previous[block.id] = block.previous
            heads[region] = block.id
            chain.append(block.id)
            lastMade[region] = entry.index
            latest[region] = (block, time)
            extends(block, region)
        case .region:
            guard let change = RegionChange(encoded: entry.payload) else { return }
            if change.activity == .active, change.switchID != nil || change.isForced {
                words[region].insert(entry.index)
            }
            applied(region, change, worlds, at: time)
        case .operation:
            switch Record(encoded: entry.payload) {
            case .switchEnds(let end): ended(end, region)
            case .confirm(let expects, _): confirmed(region, expects, entry.index)
            case .leftBehind(let report, _, _): leftBehind(region, report, worlds)
            case .leads, .transfer, .transferFailed, .maintenance, .switchBegins, nil: break
            }
        default: break
        }
    }

    /// Another region did go on without blocks of this one.
    private func leftBehind(_ region: Int, _ report: RegionReport, _ worlds: [World]) {
        count("regions left behind")
        let wasOvertaken = isOvertaken[region]
        isOvertaken[region] = true
        let (name, model) = (RegionsPlan.names[region], worlds[region].checkers.region)
        check(
            !isPlanned, "nothing is lost", "\(name) says that \(report) went on without it, and nobody forced anything")
        check(
            report.name == RegionsPlan.names[1 - region] && report.activatedEpoch > model.activatedEpoch
                && activatedAt[1 - region].contains(report.activatedEpoch) && activity[region] != .active,
            "the region that is right",
            "\(name), active since \(model.activatedEpoch), says that \(report) went on without it")
        guard producers == .sole, let own = heads[region], let other = heads[1 - region],
            own.blockNumber >= takenBack, !wasOvertaken
        else { return }
        check(
            !isBelow(own, other), "nothing is lost",
            "\(name) says that \(report) went on without its block \(own), and the other one's head \(other) is on it")
    }

    /// A word is about the state that its operator saw.
    private func confirmed(_ region: Int, _ expects: UInt64, _ index: LogIndex) {
        count("words")
        let stands = epochs[region].last?.epoch ?? 0
        check(
            expects == stands, "a word for one state",
            "\(RegionsPlan.names[region]) takes a word for epoch \(expects), and \(stands) stands")
        words[region].insert(index)
    }

    /// In both logs together there is one chain.
    private func extends(_ block: BlockRef, _ region: Int) {
        guard isPlanned else { return }
        if let head {
            let fits =
                switch producers {
                case .sole: block.number == head.number + 1 && block.previous == head.id
                case .several: block.number > head.number && block.slot > head.slot
                }
            check(
                fits, "one chain of both regions",
                "\(RegionsPlan.names[region]) commits block \(block.number), \(block.id), on \(block.previous); the"
                    + " last one of both regions was \(head.number), \(head.id)")
        }
        head = block
    }

    private func applied(_ region: Int, _ change: RegionChange, _ worlds: [World], at time: TrueTime) {
        let (model, other) = (worlds[region].checkers.region, worlds[1 - region].checkers.region)
        let name = RegionsPlan.names[region]
        let was = activity[region]
        activity[region] = change.activity
        epochs[region].append((time, change.epoch))
        if let superseder = change.superseder {
            count("fences")
            check(
                superseder.name == RegionsPlan.names[1 - region] && superseder.activatedEpoch > model.activatedEpoch
                    && activatedAt[1 - region].contains(superseder.activatedEpoch), "the region that is right",
                "\(name), active since \(model.activatedEpoch), stands back behind \(superseder)")
            check(
                !isPlanned, "one region", "\(name) had to stand back, and nobody forced anything")
        }
        if change.superseder != nil || change.settlesWhatWasLost { isOvertaken[region] = change.superseder != nil }
        if let id = change.switchID {
            check(!settled.contains(id), "settled", "a change of \(id) comes after it was said to be over: \(change)")
        }
        let base = change.base.flatMap { try? BlockHeader(parsingPrefixOf: $0) }
        if let base { goesOn(region, from: base, byHand: change.activity == was && !change.renews) }
        guard change.activity == .active, change.renews || was != .active else {
            if base != nil {
                count("rebases")
                check(
                    !isPlanned || was == .standby, "nothing is lost",
                    "\(name) is given another block while it is \(was), which was meant for epoch \(change.expects)")
            }
            return
        }
        count("activations")
        if let base, base.number > (latest[region]?.0.number ?? base.number) + 10 { count("far bases") }
        lastActivation = time
        activatedAt[region].insert(change.epoch)
        if change.epoch >= 1_000_000 { count("forced activations") }
        if let id = change.switchID,
            let papers = commands[id] ?? worlds[region].checkers.region.openSwitch.map({ Papers($0) })
        {
            commands[id] = papers
            if papers.to == name { activated.insert(id) } else { restarted.insert(id) }
            check(
                !isPlanned || !activated.contains(id) || !restarted.contains(id), "one way",
                "both regions were activated by \(id)")
        }
        guard isPlanned else { return }
        check(
            other.activity != .active, "one region",
            "\(name) becomes active with epoch \(change.epoch), and the other one is active with"
                + " \(other.activatedEpoch)")
        guard change.expects > 0, let head else { return }
        let last = worlds[region].checkers.lastBlock
        check(
            last?.id == head.id, "nothing is lost",
            "\(name) goes on from block \(last?.number ?? 0); the last one of both regions was \(head.number)")
    }

    private func goesOn(_ region: Int, from base: BlockHeader, byHand: Bool) {
        defer { heads[region] = base.id }
        previous[base.id] = base.previous
        guard !isPlanned, let head = heads[region], !isBelow(head, base.id) else { return }
        if byHand { takenBack = max(takenBack, base.number, 1 + (heads.compactMap { $0?.blockNumber }.max() ?? 0)) }
        if base.number > head.blockNumber + 1 {
            doubtful[region] = max(doubtful[region], min(takenBack, head.blockNumber + 1))
        }
    }

    /// The one is the other, or a block on the way from there to the chain's beginning.
    private func isBelow(_ one: BlockID, _ other: BlockID) -> Bool {
        var block: BlockID? = other
        while let next = block, next.blockNumber > one.blockNumber { block = previous[next] }
        return block == one
    }

    /// The two logs say the same, and it is so.
    private func ended(_ end: SwitchEnd, _ region: Int) {
        guard isPlanned else { return }
        check(
            ends[end.id, default: end.isDone] == end.isDone, "truth", "the logs do not say the same of \(end.id)")
        ends[end.id] = end.isDone
        check(
            activated.contains(end.id) == end.isDone, "truth",
            "the log of \(RegionsPlan.names[region]) says that \(end.id) was \(end.isDone ? "" : "not ")done")
    }

    func judge(_ ending: Ending, _ engine: RegionSwitch) {
        let id = engine.papers.id
        switch ending {
        case .done:
            check(activated.contains(id) || !isPlanned, "truth", "\(id) is said to be done, and is not")
        case .rolledBack:
            check(!activated.contains(id) || !isPlanned, "truth", "\(id) is said to be rolled back, and was done")
        case .refused, .halfway, .overtaken: return
        }
        if !engine.fromIsLost || engine.papers.kind == .forced { settled.insert(id) }
    }

    // MARK: - Moments

    func hasShownIndex(_ region: Int, _ host: Int, _ replica: Replica) -> Bool {
        lastIndex[region].map { $0 == (host, replica.raft.term, replica.state.region.epoch) } ?? false
    }

    /// The blocks that a region has by their heights, as one of its leaders may produce, are those below its head.
    func showsIndex(_ region: Int, _ host: Int, _ world: World) {
        guard producers == .sole, let replica = world.hosts[host].replica, !hasShownIndex(region, host, replica) else {
            return
        }
        lastIndex[region] = (host, replica.raft.term, replica.state.region.epoch)
        count("indexes")
        var next = replica.state.head?.block.id
        while let block = next, block.blockNumber >= doubtful[region] {
            if let index = replica.blocks.index(ofHeight: block.blockNumber), let held = world.checkers.block(of: index)
            {
                check(
                    held == block, "blocks of the chain",
                    "peer \(host + 1) of \(RegionsPlan.names[region]) may produce on block"
                        + " \(replica.state.head?.block.number ?? 0), and says that \(held), entry \(index), is the block of"
                        + " height \(block.blockNumber); it is \(block)")
            }
            next = previous[block]
        }
    }

    func leads(_ region: Int, _ host: Int, at time: TrueTime) { leadsSince[region][host] = time }

    func isAnswered(_ region: Int, _ host: Int, at time: TrueTime) { answeredAt[region][host] = time }

    /// A peer that says it knows how its region stands must not be further behind than its leader's silence is noticed.
    func claims(_ report: RegionReport, _ region: Int, _ world: World, host: Int, at time: TrueTime) {
        let notice = world.longestElection.inNanoseconds * 2 + 500_000_000
        guard report.isCurrent else { return }
        let stood = epochs[region].last { $0.at <= time - notice }?.epoch ?? 0
        check(
            report.epoch >= stood, "current reports",
            "peer \(host + 1) of \(RegionsPlan.names[region]) says that epoch \(report.epoch) stands;"
                + " \(stood) was committed \(notice / 1_000_000) ms ago and more")
    }

    func hasProduced(_ region: Int, _ host: Int, _ term: Term) -> Bool {
        lastProducer[region].map { $0 == (host, term) } ?? false
    }

    /// What a new leader needs to know before it produces: that no other region has gone on while it was silent.
    func produces(_ region: Int, _ host: Int, _ world: World, at time: TrueTime) {
        guard let replica = world.hosts[host].replica else { return }
        let term = replica.raft.term
        if hasProduced(region, host, term) { return }
        lastProducer[region] = (host, term)
        count("gates passed")
        let since = leadsSince[region][host] ?? 0
        if let answered = answeredAt[region][host], answered >= since { return }
        // A block that it was given says nothing: it may have begun to lead before that.
        let word = replica.state.region.confirmedAt
        if words[region].contains(word), word >= lastMade[region] {
            if word > replica.state.region.activatedAt { count("gates passed by a word") }
            return
        }
        let own = latest[region]?.0
        let age = own.map { (world.timeOfDay - $0.slot.unixMilliseconds) * 1_000_000 - (time - since) }
        // The clock was set a second ago, and may go wrong by a twentieth of that.
        let isFresh = age.map { $0 <= returnGate + 200_000_000 } ?? false
        check(
            isFresh, "return gate",
            "peer \(host + 1) of \(RegionsPlan.names[region]) may produce in term \(term), its own head was"
                + " \(age.map { "\($0 / 1_000_000) ms" } ?? "not there") old when it began to lead, and since then no"
                + " peer of the other region has answered, nor an operator")
    }

    /// - Parameter contact: since when they hear each other.
    func standAlone(_ producing: [Int?], _ worlds: [World], contact: TrueTime?, at time: TrueTime) {
        let isTogether = contact.map { time - max($0, lastActivation) > Self.bound } ?? false
        let regions = worlds.map(\.checkers.region)
        if producing[0] != nil, producing[1] != nil {
            check(
                !isPlanned, "one region", "both regions may produce at \(time) ns: \(standings(worlds))")
            check(
                !isTogether, "one region",
                "both regions may produce at \(time) ns, and hear each other since \(contact ?? 0):"
                    + " \(standings(worlds))")
        } else if isTogether, regions[0].activatedEpoch == regions[1].activatedEpoch,
            regions.allSatisfy({ $0.activity == .active })
        {
            check(
                false, "neither is right",
                "both are active with the same epoch and hear each other since \(contact ?? 0), and one may produce:"
                    + " \(standings(worlds))")
        }
    }
}
