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

    public init() {}

    /// Notes an applied block. A height at or below an earlier one (a new base) replaces that and all above it.
    public mutating func append(number: UInt32, index: LogIndex) {
        while let last = runs.last, last.number >= number { runs.removeLast() }
        if let last = runs.last, last.number + last.count > number {
            runs[runs.count - 1].count = number - last.number
        }
        if let last = runs.last, last.number + last.count == number, last.index + LogIndex(last.count) == index {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(number: number, index: index, count: 1))
        }
    }

    /// Forgets the entries up to and with `index`.
    public mutating func drop(through index: LogIndex) {
        let whole = runs.prefix { $0.index + LogIndex($0.count) - 1 <= index }.count
        runs.removeFirst(whole)
        guard let first = runs.first, first.index <= index else { return }
        let cut = UInt32(index - first.index + 1)
        runs[0] = Run(number: first.number + cut, index: first.index + LogIndex(cut), count: first.count - cut)
    }

    public mutating func removeAll() { runs.removeAll() }

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
