// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Which entry holds the block of a height, for all blocks that the log still keeps. Small, since a chain's blocks follow
/// each other: consecutive heights in consecutive entries are one run.
public struct BlockIndex: Sendable {
    /// Of so many of the highest blocks the ids are kept too.
    public static let idsKept = 1000

    private struct Run {
        var number: UInt32
        var index: LogIndex
        var count: UInt32
    }

    private var runs: [Run] = []
    /// In ascending order; up to twice as many as promised, so that they seldom move.
    private var ids: [BlockID] = []
    private var branch = Branch()

    public init() {}

    /// Notes an entry that was applied, and accepted, and left this head.
    public mutating func applied(_ entry: Entry, leaving head: Head?) {
        if let turn = entry.turn { follow(turn) }
        guard let head, head.index == entry.index else { return }
        append(number: head.block.number, index: entry.index)
        remember(head.block.id)
    }

    /// Notes an applied block. A height at or below an earlier one (a new base) replaces that and all above it.
    public mutating func append(number: UInt32, index: LogIndex) {
        remove(from: number)
        branch.applied(number)
        if let last = runs.last, last.number + last.count == number, last.index + LogIndex(last.count) == index {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(number: number, index: index, count: 1))
        }
    }

    /// Notes the id of the highest block. Where its header is not whole it stays unknown.
    /// - Parameter entry: with the block.
    public mutating func remember(_ entry: Entry) { if let id = entry.blockID { remember(id) } }

    mutating func remember(_ id: BlockID) {
        ids.append(id)
        if ids.count > Self.idsKept * 2 { ids.removeFirst(ids.count - Self.idsKept) }
    }

    private mutating func remove(from number: UInt32) {
        while let last = runs.last, last.number >= number { runs.removeLast() }
        if let last = runs.last, last.number + last.count > number {
            runs[runs.count - 1].count = number - last.number
        }
        while let last = ids.last, last.blockNumber >= number { ids.removeLast() }
    }

    /// Notes what an applied entry says of the blocks before it. To be called before `append`.
    public mutating func follow(_ turn: ChainTurn) {
        if let first = branch.follow(turn, id: { number in ids.last { $0.blockNumber == number } }) {
            remove(from: first)
        }
    }

    /// The same, where ids are not kept.
    /// - Parameter entry: the log's, of that index.
    public mutating func follow<Failure: Error>(
        _ turn: ChainTurn, entry: (LogIndex) throws(Failure) -> Entry?
    ) throws(Failure) {
        let known = self
        let first = try branch.follow(turn) { (number) throws(Failure) in
            try known.index(ofHeight: number).flatMap(entry)?.blockID
        }
        if let first { remove(from: first) }
    }

    /// Forgets the entries up to and with `index`.
    public mutating func drop(through index: LogIndex) {
        let whole = runs.prefix { $0.index + LogIndex($0.count) - 1 <= index }.count
        runs.removeFirst(whole)
        guard let first = runs.first, first.index <= index else { return }
        let cut = UInt32(index - first.index + 1)
        runs[0] = Run(number: first.number + cut, index: first.index + LogIndex(cut), count: first.count - cut)
    }

    public mutating func removeAll() { self = BlockIndex() }

    /// The entries of the highest blocks, `count` of them or as many as there are, in order of height.
    public func highest(_ count: Int) -> [LogIndex] {
        var found: [LogIndex] = []
        for run in runs.reversed() where found.count < count {
            let taken = LogIndex(min(count - found.count, Int(run.count)))
            let end = run.index + LogIndex(run.count)
            found += (end - taken..<end).reversed()
        }
        return found.reversed()
    }

    /// The entry with the block of this height; nil when the log has it no longer, or not yet.
    public func index(ofHeight number: UInt32) -> LogIndex? {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].number <= number { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let run = runs[low - 1]
        return number - run.number < run.count ? run.index + LogIndex(number - run.number) : nil
    }
}
