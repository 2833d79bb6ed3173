// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope

/// Blocks that the outside node has, in order, and who made each: the peer that led the term in which the group's log
/// has it.
struct Sightings: Sendable {
    struct Maker: Hashable, Sendable {
        var peer: Int
        var term: UInt64
        /// The block's time slot, in milliseconds since 1970.
        var slotUnixMS: Int64
    }

    struct Sighting: Hashable, Sendable {
        var id: BlockID
        var at: Duration
        /// Nil: no log had the block in time.
        var maker: Maker?
    }

    /// For a block's log entry, and for the news of who leads its term. The gates let nothing out before it is committed.
    static let patience = Duration.seconds(3)
    /// Terms that are remembered.
    private static let terms = 1000

    /// The highest block seen.
    private(set) var last: UInt32?
    /// Where the log is to be read next.
    private(set) var nextIndex: UInt64 = 1
    private var waiting: [Sighting] = []
    private var entries: [BlockID: (term: UInt64, slotUnixMS: Int64)] = [:]
    private var leaders: [UInt64: Int] = [:]

    var isWaiting: Bool { !waiting.isEmpty }
    var latestLeader: Int? { leaders.max { $0.key < $1.key }?.value }

    /// What the outside node had before is none of the demonstration's business.
    mutating func begin(at head: UInt32) { last = head }

    /// Blocks are to be shown one by one, each height once.
    mutating func see(_ id: BlockID, at now: Duration) {
        guard let last, id.blockNumber > last else { return }
        self.last = id.blockNumber
        waiting.append(Sighting(id: id, at: now))
    }

    mutating func read(_ page: [LogEntryDocument]) {
        for entry in page {
            nextIndex = max(nextIndex, entry.index + 1)
            guard let block = entry.block, let id = BlockID(hex: block.id) else { continue }
            entries[id] = (entry.term, block.timestamp.unixMilliseconds)
        }
    }

    mutating func learn(leader: Int, of term: UInt64) {
        leaders[term] = leader
        if leaders.count > Self.terms, let oldest = leaders.keys.min() { leaders[oldest] = nil }
    }

    /// Those whose maker has become known, and those for which it was waited in vain.
    mutating func take(at now: Duration) -> [Sighting] {
        var taken: [Sighting] = []
        while var next = waiting.first {
            if let entry = entries[next.id], let leader = leaders[entry.term] {
                next.maker = Maker(peer: leader, term: entry.term, slotUnixMS: entry.slotUnixMS)
            } else if now - next.at < Self.patience {
                break
            }
            waiting.removeFirst()
            taken.append(next)
        }
        if let done = taken.last?.id.blockNumber { entries = entries.filter { $0.key.blockNumber > done } }
        return taken
    }
}
