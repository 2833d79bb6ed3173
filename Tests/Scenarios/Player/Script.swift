// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// Plays a scenario: a few peers, one clock for all, and nothing that happens unless the script says so. See
/// Tests/Scenarios/README.md for the words.
public struct Script {
    /// A line that cannot be played, or an expectation that was not met.
    public struct Failure: Error, CustomStringConvertible {
        public var line: Int
        public var text: String
        public var reason: String

        public var description: String { "line \(line): \(text)\n    \(reason)" }
    }

    struct Peer {
        var settings: Settings
        var core: RaftCore?
        /// What the disk holds for good.
        var disk = Disk()
        var copy: Disk?
        /// Submitted and not synced.
        var waiting: [Persist] = []
        var isSlow = false
        var notes: [String] = []
        var starts: UInt64 = 0
    }

    struct Disk {
        var hardState = HardState()
        var snapshot: Snapshot?
        var baseIndex: LogIndex = 0
        var baseTerm: Term = 0
        var entries: [Entry] = []
    }

    struct Parcel {
        var from: Int
        var to: Int
        var message: Message
    }

    var peers: [Int: Peer] = [:]
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var network: [Parcel] = []
    var cut: Set<[Int]> = []
    var links: Set<[Int]> = []

    static let deliveriesAtMost = 10_000

    public static func play(_ text: String) throws(Failure) {
        var script = Script()
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
            guard let verb = words.first else { continue }
            do {
                try script.play(verb, Words(rest: Array(words.dropFirst())))
            } catch {
                throw Failure(line: number + 1, text: String(line), reason: "\(error)")
            }
        }
    }

    // MARK: - Verbs

    mutating func play(_ verb: String, _ given: Words) throws(Problem) {
        var words = given
        let all = peers.keys.sorted()
        switch verb {
        case "group": try makeGroup(&words)
        case "settings": for id in try words.peers(of: all) { try change(id, words) }
        case "log": try setLog(&words)
        case "start": for id in try words.peers(of: all) { start(id) }
        case "crash": for id in try words.peers(of: all) { crash(id) }
        case "replace":
            for id in try words.peers(of: all) {
                crash(id)
                if let old = peers[id] { peers[id] = Peer(settings: old.settings, starts: old.starts) }
            }
        case "copy":
            for id in try words.peers(of: all) {
                let disk = peers[id]?.disk
                peers[id]?.copy = disk
            }
        case "put-back":
            for id in try words.peers(of: all) {
                crash(id)
                guard let copy = peers[id]?.copy else { throw Problem(description: "there is no copy of \(id)") }
                peers[id]?.disk = copy
            }
        case "timeout":
            for id in try words.peers(of: all) {
                peers[id]?.core?.electionDeadline = now
                step(id, .tick)
            }
        case "tick": for id in try words.peers(of: all) { step(id, .tick) }
        case "advance": now = now + (try words.duration("how long"))
        case "campaign":
            let id = try words.number("peer")
            peers[id]?.core?.electionDeadline = now
            step(id, .tick)
            try deliver { _ in true }
        case "lead":
            let id = try words.number("leader")
            try lead(id, for: try Words.duration(given.rest.last ?? "", "how long"))
        case "propose":
            let id = try words.number("peer")
            let count = words.rest.isEmpty ? 1 : try words.number("how many")
            guard peers[id]?.core?.acceptsProposals() == true else {
                throw Problem(description: "it takes no proposals")
            }
            step(id, .propose((0..<count).map { _ in Proposal(kind: EntryKind(rawValue: 1), payload: [UInt8(id)]) }))
        case "transfer":
            let id = try words.number("peer")
            step(id, .transfer(to: PeerID(try words.number("target"))))
        case "request-leadership": step(try words.number("peer"), .requestLeadership)
        case "compact":
            let (id, index) = (try words.number("peer"), LogIndex(try words.number("index")))
            compact(id, through: index)
        case "deliver": try deliver(try ways(words))
        case "drop":
            let matches = try ways(words)
            network.removeAll(where: matches)
        case "cut", "heal": try cutOrHeal(verb == "cut", words, all)
        case "unlink":
            let (a, b) = (try words.number("peer"), try words.number("peer"))
            unlink(a, b)
        case "slow-disk": for id in try words.peers(of: all) { peers[id]?.isSlow = true }
        case "sync":
            let ids = try words.peers(of: all)
            let count = words.rest.isEmpty ? nil : try words.number("how many writes")
            for id in ids {
                peers[id]?.isSlow = count != nil
                sync(id, count: count)
            }
        case "expect": try expect(&words, all)
        default: throw Problem(description: "\(verb) is no word of a script")
        }
    }

    // MARK: - Peers

    mutating func makeGroup(_ words: inout Words) throws(Problem) {
        let count = try words.number("group size")
        let quorum = Int(words.option("quorum") ?? "") ?? count / 2 + 1
        let ids = (1...count).map { PeerID($0) }
        for id in 1...count {
            // Timers run out when the script says so; the bounds still say how long a leader is remembered.
            peers[id] = Peer(
                settings: Settings(
                    id: PeerID(id), peers: ids, quorum: quorum, leaseLength: .seconds(1), maxClockDrift: 0.01,
                    heartbeatInterval: .milliseconds(100), electionTimeout: .seconds(10)..<(.seconds(20))))
            try change(id, words)
        }
    }

    mutating func lead(_ id: Int, for length: Duration) throws(Problem) {
        let end = now + length
        while now < end {
            now = min(now + (peers[id]?.settings.heartbeatInterval ?? length), end)
            step(id, .tick)
            try deliver { _ in true }
        }
    }

    mutating func change(_ id: Int, _ given: Words) throws(Problem) {
        var words = given
        if let lease = words.option("lease") { peers[id]?.settings.leaseLength = try Words.duration(lease, "lease") }
        if let drift = words.option("drift") {
            guard drift.hasSuffix("%"), let percent = Double(drift.dropLast()) else {
                throw Problem(description: "\(drift) is no percentage")
            }
            peers[id]?.settings.maxClockDrift = percent / 100
        }
        if let election = words.option("election") {
            let least = try Words.duration(election, "election timeout")
            peers[id]?.settings.electionTimeout = least..<least * 2
        }
        if let bytes = words.option("cached-bytes") { peers[id]?.settings.limits.cachedBytes = Int(bytes) ?? 0 }
        if let bytes = words.option("append-bytes") { peers[id]?.settings.limits.appendBytes = Int(bytes) ?? 0 }
        if let window = words.option("window") { peers[id]?.settings.limits.appendsInFlight = Int(window) ?? 1 }
        guard words.rest.isEmpty else { throw Problem(description: "\(words.rest) is no setting") }
    }

    /// `log 2 term 3 votes-from 0: 1 1 2`: what the disk holds before the peer starts.
    mutating func setLog(_ words: inout Words) throws(Problem) {
        let id = try words.number("peer")
        guard let term = Term(words.option("term") ?? ""), let colon = words.rest.firstIndex(of: ":") else {
            throw Problem(description: "say: log PEER term TERM : TERMS")
        }
        peers[id]?.disk.hardState.term = term
        peers[id]?.disk.hardState.votesFrom = 0
        var entries: [Entry] = []
        for (offset, word) in words.rest[(colon + 1)...].enumerated() {
            guard let term = Term(word) else { throw Problem(description: "\(word) is no term") }
            entries.append(
                Entry(index: LogIndex(offset + 1), term: term, kind: EntryKind(rawValue: 1), payload: [UInt8(id)]))
        }
        peers[id]?.disk.entries = entries
    }

    mutating func start(_ id: Int) {
        guard var peer = peers[id], peer.core == nil else { return }
        var runs: [TermRun] = []
        for entry in peer.disk.entries where runs.last?.term != entry.term {
            runs.append(TermRun(first: entry.index, term: entry.term))
        }
        let applied = max(peer.disk.hardState.commit, peer.disk.snapshot?.index ?? 0)
        peer.disk.hardState.commit = applied
        let recovered = RecoveredLog(
            hardState: peer.disk.hardState, baseIndex: peer.disk.baseIndex, baseTerm: peer.disk.baseTerm, terms: runs,
            lastIndex: peer.disk.baseIndex + LogIndex(peer.disk.entries.count), applied: applied,
            tail: peer.disk.entries.filter { $0.index > applied })
        peer.starts += 1
        peer.core = RaftCore(
            settings: peer.settings, recovered: recovered, randomSeed: UInt64(id) << 8 | peer.starts, at: now)
        peers[id] = peer
        for other in peers.keys.sorted() where other != id { link(id, other) }
    }

    mutating func crash(_ id: Int) {
        peers[id]?.core = nil
        peers[id]?.waiting = []
        peers[id]?.notes = []
        for other in peers.keys.sorted() where other != id { unlink(id, other) }
    }

    mutating func step(_ id: Int, _ event: Event) {
        guard let effects = peers[id]?.core?.step(event, at: now) else { return }
        for effect in effects {
            switch effect {
            case .persist(let write):
                peers[id]?.waiting.append(write)
                if peers[id]?.isSlow == false { sync(id) }
            case .send(let message, let to):
                if links.contains([id, to.value]) && !cut.contains([id, to.value]) {
                    network.append(Parcel(from: id, to: to.value, message: message))
                }
            case .load(let from, let through, let to):
                let entries = peers[id]?.disk.entries.filter { $0.index >= from && $0.index <= through } ?? []
                step(id, .loaded(entries, from: from, for: to))
            case .sendSnapshot(let term, let round, let to):
                guard let core = peers[id]?.core, let last = core.termOfEntry(at: core.commitIndex) else { continue }
                let snapshot = Snapshot(index: core.commitIndex, term: last, state: [])
                let install = InstallSnapshot(term: term, round: round, snapshot: snapshot)
                network.append(Parcel(from: id, to: to.value, message: .installSnapshot(install)))
            case .becameLeader: peers[id]?.notes.append("leads")
            case .lostLeadership(_, let reason): peers[id]?.notes.append("lost: \(reason)")
            case .transferEnded(_, let outcome): peers[id]?.notes.append("transfer: \(outcome)")
            case .restore(let snapshot): peers[id]?.notes.append("restored: \(snapshot.index)")
            case .writesLost(let has, let remembered, let by):
                peers[id]?.notes.append("lost writes: has \(has) of \(remembered), says \(by)")
            case .commit, .leaderChanged, .leaseAcquired, .voteGained: break
            }
        }
    }

    mutating func sync(_ id: Int, count: Int? = nil) {
        guard let writes = peers[id]?.waiting.prefix(count ?? .max), let last = writes.last else { return }
        peers[id]?.waiting.removeFirst(writes.count)
        for write in writes {
            peers[id]?.disk.hardState = write.hardState
            if let snapshot = write.snapshot {
                peers[id]?.disk.snapshot = snapshot
                peers[id]?.disk.baseIndex = snapshot.index
                peers[id]?.disk.baseTerm = snapshot.term
                peers[id]?.disk.entries = []
            }
            guard let first = write.entries.first else { continue }
            peers[id]?.disk.entries.removeAll { $0.index >= first.index }
            peers[id]?.disk.entries += write.entries
        }
        step(id, .persisted(through: last.sequence))
    }

    mutating func compact(_ id: Int, through index: LogIndex) {
        guard let core = peers[id]?.core, let term = core.termOfEntry(at: index),
            let last = core.termOfEntry(at: core.commitIndex)
        else { return }
        peers[id]?.disk.snapshot = Snapshot(index: core.commitIndex, term: last, state: [])
        peers[id]?.disk.entries.removeAll { $0.index <= index }
        peers[id]?.disk.baseIndex = index
        peers[id]?.disk.baseTerm = term
        step(id, .compacted(through: index))
    }

    // MARK: - Network

    mutating func link(_ a: Int, _ b: Int) {
        guard let one = peers[a]?.core, let other = peers[b]?.core, !cut.contains([a, b]), !cut.contains([b, a]),
            !links.contains([a, b])
        else { return }
        links.formUnion([[a, b], [b, a]])
        // A group has its name from its first entry on.
        for (id, from, peer) in [(a, b, other), (b, a, one)] {
            step(
                id,
                .linkUp(
                    PeerID(from), fresh: peer.isFresh, hasGroup: peer.commitIndex > 0,
                    remembers: peer.watermark(of: PeerID(id))))
        }
    }

    mutating func unlink(_ a: Int, _ b: Int) {
        network.removeAll { Set([$0.from, $0.to]) == Set([a, b]) }
        guard links.contains([a, b]) else { return }
        links.subtract([[a, b], [b, a]])
        step(a, .linkDown(PeerID(b)))
        step(b, .linkDown(PeerID(a)))
    }

    /// Nothing, `1->2`, `1->` or `->2`, and then perhaps the kinds of messages.
    func ways(_ words: Words) throws(Problem) -> (Parcel) -> Bool {
        guard let way = words.rest.first else { return { _ in true } }
        let kinds = Set(words.rest.dropFirst())
        guard let arrow = way.firstRange(of: "->") else { throw Problem(description: "\(way) is no way, as 1->2 is") }
        let (from, to) = (Int(way[..<arrow.lowerBound]), Int(way[arrow.upperBound...]))
        return { parcel in
            (from == nil || parcel.from == from) && (to == nil || parcel.to == to)
                && (kinds.isEmpty || kinds.contains(parcel.message.kind))
        }
    }

    /// Delivers what matches until nothing does any more.
    mutating func deliver(_ matches: (Parcel) -> Bool) throws(Problem) {
        var left = Self.deliveriesAtMost
        while let at = network.firstIndex(where: matches) {
            let parcel = network.remove(at: at)
            step(parcel.to, .received(parcel.message, from: PeerID(parcel.from)))
            left -= 1
            guard left > 0 else { throw Problem(description: "the peers do not stop talking") }
        }
    }

    /// `cut 1`: off from all others; `cut 1 2`: from each other; `heal` the same, or everything.
    mutating func cutOrHeal(_ cuts: Bool, _ given: Words, _ all: [Int]) throws(Problem) {
        var words = given
        var ones = all
        var others = all
        if !words.rest.isEmpty {
            ones = try words.peers(of: all)
            others = words.rest.isEmpty ? all.filter { !ones.contains($0) } : try words.peers(of: all)
        }
        for a in ones {
            for b in others where a != b {
                if cuts {
                    cut.formUnion([[a, b], [b, a]])
                    network.removeAll { Set([$0.from, $0.to]) == Set([a, b]) }
                } else {
                    cut.subtract([[a, b], [b, a]])
                    link(a, b)
                }
            }
        }
    }
}
