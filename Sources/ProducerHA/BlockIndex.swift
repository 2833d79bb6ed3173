// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// Which entry holds the block of a height, for all blocks that the log still keeps. Small, since a chain's blocks follow
/// each other: consecutive heights in consecutive entries are one run.
public struct BlockIndex: Sendable {
    private struct Run {
        var number: UInt32
        var index: LogIndex
        var count: UInt32
    }

    private var runs: [Run] = []
    /// Another region went on without the blocks from this height on; nil: none has.
    private var leftBehind: UInt32?

    public init() {}

    /// Notes an entry that was applied, and accepted.
    /// - Parameters:
    ///   - earlier: the head before it.
    ///   - head: the one that it left.
    public mutating func applied(_ entry: Entry, onto earlier: BlockRef?, leaving head: Head?) {
        if let turn = entry.turn { follow(turn, onto: earlier) }
        if let head, head.index == entry.index { append(number: head.block.number, index: entry.index) }
    }

    /// Notes an applied block. A height at or below an earlier one (a new base) replaces that and all above it.
    public mutating func append(number: UInt32, index: LogIndex) {
        remove(from: number)
        if let last = runs.last, last.number + last.count == number, last.index + LogIndex(last.count) == index {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(number: number, index: index, count: 1))
        }
    }

    private mutating func remove(from number: UInt32) {
        while let last = runs.last, last.number >= number { runs.removeLast() }
        if let last = runs.last, last.number + last.count > number {
            runs[runs.count - 1].count = number - last.number
        }
    }

    /// Notes what an applied entry says of the blocks before it. What another region went on without can be told until this
    /// one goes on from the other one's blocks; from then on it is no part of the chain. To be called before `append`.
    /// - Parameter head: the head before it.
    public mutating func follow(_ turn: ChainTurn, onto head: BlockRef?) {
        leftBehind = turn.lostFrom ?? leftBehind
        if turn.leavesTheBranch(of: head) { runs = [] }
        guard turn.settlesWhatWasLost, let first = leftBehind else { return }
        leftBehind = nil
        remove(from: first)
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
