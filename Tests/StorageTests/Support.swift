// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import ProducerHA

@testable import Raft
@testable import Storage

/// SplitMix64: the same seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ range: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: range, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}

/// A new directory on a disk (/tmp may be memory), gone with this object.
final class Place: Sendable {
    let path: String
    var data: String { path + "/data" }
    var database: String { data + "/prodha.db" }
    var log: String { database + "-wal" }

    init() throws {
        var template = Array("/var/tmp/prodha-storage.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open(_ shape: GroupShape = .three) throws -> Store {
        try Store(directory: try DataDirectory(path: data), shape: shape)
    }

    static func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}

extension GroupShape {
    static let three = GroupShape(id: PeerID(1), peers: [PeerID(1), PeerID(2), PeerID(3)], quorum: 2)
}

func state(term: Term, commit: LogIndex = 0) -> HardState {
    var state = HardState()
    state.term = term
    state.commit = commit
    return state
}

func entries(_ range: ClosedRange<LogIndex>, term: Term = 1, bytes: Int = 20) -> [Entry] {
    range.map { index in
        let mark = UInt8(truncatingIfNeeded: index &* 31 &+ term &* 7)
        return Entry(index: index, term: term, kind: .block, payload: [UInt8](repeating: mark, count: bytes))
    }
}

extension Persist {
    init(_ hardState: HardState, snapshot: Snapshot? = nil, _ entries: [Entry] = []) {
        self.init(sequence: 1, hardState: hardState, snapshot: snapshot, entries: entries)
    }

    init(_ sequence: UInt64, _ hardState: HardState, _ entries: [Entry]) {
        self.init(sequence: sequence, hardState: hardState, snapshot: nil, entries: entries)
    }
}

/// What a store should hold: the rules of `Store.write`, without a disk.
struct Model: Equatable {
    var state = HardState()
    var base: LogIndex = 0
    var baseTerm: Term = 0
    var log: [Entry] = []
    var snapshot: Snapshot?
    var flag = FlagRecord()

    var lastIndex: LogIndex { log.last?.index ?? base }
    var lastTerm: Term { log.last?.term ?? baseTerm }

    init() {}

    mutating func apply(_ write: Store.Write) {
        switch write {
        case .persist(let persist):
            state = persist.hardState
            if let installed = persist.snapshot {
                log = []
                snapshot = installed
                (base, baseTerm) = (installed.index, installed.term)
            }
            if let first = persist.entries.first { log.removeAll { $0.index >= first.index } }
            log += persist.entries
        case .keep(let kept, let dropThrough, let term):
            snapshot = kept
            if dropThrough > base {
                log.removeAll { $0.index <= dropThrough }
                (base, baseTerm) = (dropThrough, term)
            }
        case .flag(let record): flag = record
        case .commit(let index): state.commit = max(state.commit, index)
        }
    }

    /// All that the store holds, its entries too.
    init(_ store: Store) throws {
        let contents = try store.contents()
        state = contents.hardState
        (base, baseTerm) = contents.base
        snapshot = contents.snapshot
        flag = contents.flag
        log = try store.entries(from: base + 1, through: contents.lastIndex)
        let runs = contents.terms.map { [$0.first, $0.term] }
        guard contents.lastIndex == lastIndex, runs == terms else {
            throw StoreError.damaged(path: "contents", reason: "\(runs) and \(contents.lastIndex) beside \(terms)")
        }
    }

    private var terms: [[UInt64]] {
        var runs: [[UInt64]] = []
        for entry in log where entry.term != runs.last?[1] { runs.append([entry.index, entry.term]) }
        return runs
    }

    /// A write that the core could ask for.
    func randomWrite(_ random: inout SeededGenerator) -> Store.Write {
        switch Int.random(in: 0..<20, using: &random) {
        case 0:
            return .flag(
                FlagRecord(
                    lastRead: [nil, true, false].randomElement(using: &random) ?? nil,
                    edit: Bool.random(using: &random)
                        ? nil : .init(isActive: Bool.random(using: &random), epoch: random.next())))
        case 1, 2:
            let index = LogIndex.random(in: base...max(base, lastIndex), using: &random)
            let drop = LogIndex.random(in: 0...index, using: &random)
            let term = log.first { $0.index == drop }?.term ?? baseTerm
            let kept = max(index, snapshot?.index ?? 0)
            return .keep(
                Snapshot(index: kept, term: term, state: random.bytes(0...300)), dropThrough: drop, droppedTerm: term)
        case 3: return .commit(LogIndex.random(in: base...max(base, lastIndex), using: &random))
        case 4:
            var hardState = state
            hardState.term += 1
            let index = lastIndex + LogIndex.random(in: 0...600, using: &random)
            hardState.commit = index
            let installed = Snapshot(index: index, term: hardState.term, state: random.bytes(0...300))
            return .persist(Persist(hardState, snapshot: installed, newEntries(index + 1, hardState.term, &random)))
        default:
            var hardState = state
            if Bool.random(using: &random) { hardState.term += 1 }
            hardState.term = max(hardState.term, 1)
            hardState.vote = Bool.random(using: &random) ? nil : PeerID(Int.random(in: 0...1000, using: &random))
            hardState.votesFrom = Bool.random(using: &random) ? nil : random.next()
            hardState.promise = .nanoseconds(Int64(random.next() >> 2))
            // At the end, or in place of what is there.
            let lowest = max(base, snapshot?.index ?? 0, hardState.commit) + 1
            let isAppend = hardState.term == state.term || lowest > lastIndex || Bool.random(using: &random)
            let first = isAppend ? lastIndex + 1 : LogIndex.random(in: lowest...lastIndex, using: &random)
            let added = newEntries(first, hardState.term, &random)
            let last = added.last?.index ?? lastIndex
            if hardState.commit < last { hardState.commit = .random(in: hardState.commit...last, using: &random) }
            return .persist(Persist(hardState, added))
        }
    }

    private func newEntries(_ first: LogIndex, _ term: Term, _ random: inout SeededGenerator) -> [Entry] {
        (0..<UInt64.random(in: 0...30, using: &random)).map { offset in
            let isLarge = Int.random(in: 0..<50, using: &random) == 0
            return Entry(
                index: first + offset, term: term, kind: EntryKind(rawValue: UInt8.random(in: 0...4, using: &random)),
                payload: isLarge
                    ? [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: 20_000)
                    : random.bytes(0...90))
        }
    }
}
