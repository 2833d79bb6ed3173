// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import DequeModule

/// The log as the core sees it: the terms of all kept entries, and the entries themselves from some index on. What is
/// not in memory is in the store.
struct Log {
    /// The entry before the oldest kept one.
    private(set) var baseIndex: LogIndex
    private(set) var baseTerm: Term
    private(set) var lastIndex: LogIndex
    /// Runs of equal terms above the base, ascending.
    private var runs: [TermRun]
    /// The entries `firstInMemory...lastIndex`.
    private var tail: Deque<Entry>
    private var tailBytes: Int

    init(_ recovered: RecoveredLog) {
        baseIndex = recovered.baseIndex
        baseTerm = recovered.baseTerm
        lastIndex = recovered.lastIndex
        runs = recovered.terms
        tail = Deque(recovered.tail)
        tailBytes = recovered.tail.reduce(0) { $0 + $1.payload.count }
        invariant(lastIndex >= baseIndex, "a log that ends at \(lastIndex), before its base \(baseIndex)")
        invariant(runs.first.map { $0.first == baseIndex + 1 } ?? (lastIndex == baseIndex), "a gap above the base")
        invariant(tail.last.map { $0.index == lastIndex } ?? true, "a tail that does not reach the end of the log")
        invariant(firstInMemory == recovered.applied + 1, "entries above the applied one are missing")
    }

    var firstInMemory: LogIndex { lastIndex + 1 - LogIndex(tail.count) }
    var lastTerm: Term { runs.last?.term ?? baseTerm }

    /// The term of an entry; nil below the base and above the end.
    func term(at index: LogIndex) -> Term? {
        guard index >= baseIndex, index <= lastIndex else { return nil }
        return run(at: index).map { runs[$0].term } ?? baseTerm
    }

    /// The highest entry at or below `index` whose term is at most `term`; the base if there is none above it.
    /// Where two logs differ at `index`, they cannot agree above that entry (thesis 3.5, the conflict hint).
    func highest(atOrBelow index: LogIndex, termAtMost term: Term) -> (index: LogIndex, term: Term) {
        var end = min(index, lastIndex)
        guard end > baseIndex, var at = run(at: end) else { return (baseIndex, baseTerm) }
        while runs[at].term > term {
            end = runs[at].first - 1
            guard at > 0 else { return (baseIndex, baseTerm) }
            at -= 1
        }
        return (end, runs[at].term)
    }

    /// Consecutive entries from `first` on, up to `bytes` of payload but one at least. Empty when `first` is above the
    /// end or no longer in memory.
    func entries(from first: LogIndex, through last: LogIndex? = nil, bytes: Int = .max) -> [Entry] {
        guard first >= firstInMemory, first <= lastIndex else { return [] }
        let offset = Int(first - firstInMemory)
        let limit = last.map { Int(min($0, lastIndex) - firstInMemory) + 1 } ?? tail.count
        var size = 0
        var end = offset
        while end < limit {
            size += tail[end].payload.count
            if size > bytes && end > offset { break }
            end += 1
        }
        return Array(tail[offset..<max(end, offset)])
    }

    mutating func append(_ entry: Entry) {
        invariant(entry.index == lastIndex + 1, "entry \(entry.index) after \(lastIndex)")
        invariant(entry.term >= lastTerm, "term \(entry.term) after \(lastTerm)")
        if lastTerm != entry.term || runs.isEmpty { runs.append(TermRun(first: entry.index, term: entry.term)) }
        tail.append(entry)
        tailBytes += entry.payload.count
        lastIndex = entry.index
    }

    /// Drops the entries from `first` on. They must be in memory: only what is not committed is ever cut off.
    mutating func truncate(from first: LogIndex) {
        invariant(first >= firstInMemory && first > baseIndex, "a cut at \(first), below what may still change")
        while lastIndex >= first, let entry = tail.popLast() {
            tailBytes -= entry.payload.count
            lastIndex -= 1
        }
        while let run = runs.last, run.first > lastIndex { runs.removeLast() }
    }

    /// Forgets everything; the snapshot's entry is the new base.
    mutating func reset(toBase index: LogIndex, term: Term) {
        (baseIndex, baseTerm, lastIndex) = (index, term, index)
        runs.removeAll()
        tail.removeAll()
        tailBytes = 0
    }

    /// Forgets the entries up to and with `index`, which the store drops.
    mutating func compact(through index: LogIndex) {
        guard index > baseIndex, let term = term(at: index) else { return }
        let next = index + 1
        let at = run(at: index) ?? 0
        runs.removeFirst(at)
        if let run = runs.first {
            let ends = runs.count > 1 ? runs[1].first : lastIndex + 1
            if ends <= next { runs.removeFirst() } else { runs[0] = TermRun(first: next, term: run.term) }
        }
        while let entry = tail.first, entry.index <= index { dropFirst() }
        (baseIndex, baseTerm) = (index, term)
    }

    /// Forgets the bytes of entries up to and with `index` until what is left fits in `bytes`; the store has them.
    mutating func trim(through index: LogIndex, toBytes bytes: Int) {
        while tailBytes > bytes, let entry = tail.first, entry.index <= index { dropFirst() }
    }

    private mutating func dropFirst() {
        if let entry = tail.popFirst() { tailBytes -= entry.payload.count }
    }

    /// The place in `runs` of the run that holds `index`, which lies above the base.
    private func run(at index: LogIndex) -> Int? {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].first <= index { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}
