// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

extension Store {
    /// What the store holds, without the entries.
    public struct Contents: Sendable {
        public var hardState: HardState
        public var base: (index: LogIndex, term: Term)
        public var terms: [TermRun]
        public var lastIndex: LogIndex
        public var snapshot: Snapshot?
        public var flag: FlagRecord
    }

    /// Reads all of it, once, and checks that it fits together. What was passed on before an error must not be used.
    /// - Parameters:
    ///   - restore: takes the snapshot, before any entry.
    ///   - visit: takes each entry above the snapshot, in order.
    public func contents(
        restoring restore: (Snapshot?) throws(StoreError) -> Void = { (_) throws(StoreError) in },
        _ visit: (Entry) throws(StoreError) -> Void = { (_) throws(StoreError) in }
    ) throws(StoreError) -> Contents {
        let (state, base) = (peer.state, peer.base)
        let snapshot = try snapshot()
        let snapshotIndex = snapshot?.index ?? 0
        guard snapshotIndex >= base.index else {
            throw damaged("entries from above \(base.index), snapshot at \(snapshotIndex)")
        }
        try restore(snapshot)
        var terms: [TermRun] = []
        var (lastIndex, lastTerm) = base
        func note(_ entry: Entry) {
            if entry.term != terms.last?.term { terms.append(TermRun(first: entry.index, term: entry.term)) }
            (lastIndex, lastTerm) = (entry.index, max(lastTerm, entry.term))
        }
        try outlines(from: base.index + 1, through: snapshotIndex, prefix: 0) { outline in
            note(outline.entry)
            return true
        }
        try whole(from: snapshotIndex + 1, through: .max) { (entry) throws(StoreError) in
            note(entry)
            try visit(entry)
            return true
        }
        let areAscending = zip(terms, terms.dropFirst()).allSatisfy { $0.term < $1.term }
        guard areAscending, terms.first.map({ $0.term >= base.term }) ?? true, lastTerm <= state.term else {
            throw damaged(
                "the terms of the log, from \(base.term) to \(lastTerm), do not fit the peer's, \(state.term)")
        }
        guard state.commit <= lastIndex, snapshotIndex <= lastIndex else {
            throw damaged(
                "entries from above \(base.index) to \(lastIndex), commit index \(state.commit), "
                    + "snapshot at \(snapshotIndex)")
        }
        return Contents(
            hardState: state, base: base, terms: terms, lastIndex: lastIndex, snapshot: snapshot, flag: peer.flag)
    }

    private func snapshot() throws(StoreError) -> Snapshot? {
        var snapshot: Snapshot?
        try database.query("SELECT i, term, state_sum, sum, state FROM snapshot") { (row) throws(StoreError) in
            let found = Snapshot(index: row.number(0), term: row.number(1), state: row.blob(4))
            guard row.signed(3) == row.checksum(0..<3), row.signed(2) == Checksum.of(found.state) else {
                throw damaged("the snapshot is not what was written")
            }
            snapshot = found
            return false
        }
        return snapshot
    }

    /// This peer's own hard state, as it was last written.
    public var ownState: HardState { peer.state }

    /// The oldest and the newest entry that can be read.
    public func keptRange() throws(StoreError) -> ClosedRange<LogIndex>? {
        var range: ClosedRange<LogIndex>?
        try database.query("SELECT MIN(i), MAX(i) FROM entry WHERE i > \(Int64(clamping: peer.base.index))") { row in
            if row.signed(0) != nil, row.number(0) <= row.number(1) { range = row.number(0)...row.number(1) }
            return false
        }
        return range
    }

    /// Consecutive entries from `first` on, until `bytes` of payload are reached, but one at least if there is one. None
    /// where `first` is dropped.
    public func entries(from first: LogIndex, through last: LogIndex, bytes: Int = .max) throws(StoreError) -> [Entry] {
        var entries: [Entry] = []
        var size = 0
        try whole(from: first, through: last) { (entry) throws(StoreError) in
            size += entry.payload.count
            if size > bytes && !entries.isEmpty { return false }
            entries.append(entry)
            return true
        }
        return entries
    }

    /// Consecutive entries from `first` on, until `body` answers false.
    private func whole(
        from first: LogIndex, through last: LogIndex, _ body: (Entry) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try read(select, from: first, through: last) { (outline, payloadSum) throws(StoreError) in
            let entry = outline.entry
            guard entry.payload.count == outline.size, Checksum.of(entry.payload) == payloadSum else {
                throw damaged("the payload of entry \(entry.index) is not what was written")
            }
            return try body(entry)
        }
    }

    /// Consecutive entries from `first` on with only the first `prefix` bytes of their payloads, which are not checked.
    /// None where `first` is dropped.
    public func outlines(
        from first: LogIndex, through last: LogIndex, prefix: Int, _ body: (EntryOutline) -> Bool
    ) throws(StoreError) {
        try read(outline, from: first, through: last, Int64(prefix)) { outline, _ in body(outline) }
    }

    private func read(
        _ statement: Statement, from first: LogIndex, through last: LogIndex, _ more: Int64...,
        body: (EntryOutline, _ payloadSum: Int64?) throws(StoreError) -> Bool
    ) throws(StoreError) {
        guard first <= last, first > peer.base.index else { return }
        var next = first
        try statement.query([Int64(clamping: first), Int64(clamping: last)] + more) { (row) throws(StoreError) in
            guard row.number(0) == next, row.signed(8) == row.checksum(0..<8) else {
                throw damaged("entry \(next) is not what was written")
            }
            next += 1
            let entry = Entry(
                index: row.number(0), term: row.number(1),
                kind: EntryKind(rawValue: UInt8(truncatingIfNeeded: row.number(2))),
                payload: row.blob(9))
            let height = row.signed(3).map { UInt32(truncatingIfNeeded: $0) }
            return try body(
                EntryOutline(entry: entry, size: Int(clamping: row.number(4)), height: height), row.signed(5))
        }
    }

    private func damaged(_ reason: String) -> StoreError { .damaged(path: database.path, reason: reason) }
}
