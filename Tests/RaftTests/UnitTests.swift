// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Raft

@Suite struct LogTests {
    /// Against a plain array: appends, cuts, compaction, trimming, resets, and every question that can be asked.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func answersAsAnArrayWould(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var log = Log(RecoveredLog())
        var model: [Entry] = []
        var (base, baseTerm): (LogIndex, Term) = (0, 0)
        var (inMemory, committed): (LogIndex, LogIndex) = (1, 0)
        for _ in 0..<500 {
            let last = base + LogIndex(model.count)
            switch Int.random(in: 0..<20, using: &random) {
            case 0...11:
                let term = (model.last?.term ?? baseTerm) + (Int.random(in: 0..<5, using: &random) == 0 ? 1 : 0)
                let size = Int.random(in: 0...9, using: &random)
                let entry = Entry(
                    index: last + 1, term: max(term, 1), kind: .noop, payload: Array(repeating: 1, count: size))
                log.append(entry)
                model.append(entry)
            case 12, 13:
                guard last > committed else { continue }
                let first = LogIndex.random(in: max(committed + 1, inMemory)...last, using: &random)
                log.truncate(from: first)
                model.removeLast(Int(last + 1 - first))
            case 14, 15: committed = LogIndex.random(in: committed...last, using: &random)
            case 16, 17:
                let index = LogIndex.random(in: 0...committed, using: &random)
                log.compact(through: index)
                guard index > base else { continue }
                baseTerm = model[Int(index - base) - 1].term
                model.removeFirst(Int(index - base))
                base = index
                inMemory = max(inMemory, base + 1)
            case 18:
                let bytes = Int.random(in: 0...60, using: &random)
                log.trim(through: committed, toBytes: bytes)
                func size() -> Int { model.suffix(from: Int(inMemory - base) - 1).reduce(0) { $0 + $1.payload.count } }
                while inMemory <= committed, size() > bytes { inMemory += 1 }
            default:
                guard Int.random(in: 0..<10, using: &random) == 0 else { continue }
                (base, baseTerm) = (last + 5, (model.last?.term ?? baseTerm) + 1)
                log.reset(toBase: base, term: baseTerm)
                model = []
                (inMemory, committed) = (base + 1, base)
            }
            expectEqual(log, model, base, baseTerm, inMemory, &random)
        }
    }

    private func expectEqual(
        _ log: Log, _ model: [Entry], _ base: LogIndex, _ baseTerm: Term, _ inMemory: LogIndex,
        _ random: inout SplitMix64
    ) {
        let last = base + LogIndex(model.count)
        #expect(log.baseIndex == base)
        #expect(log.baseTerm == baseTerm)
        #expect(log.lastIndex == last)
        #expect(log.lastTerm == model.last?.term ?? baseTerm)
        #expect(log.firstInMemory == inMemory)
        for index in (base > 2 ? base - 2 : 0)...(last + 2) {
            let expected: Term? =
                index == base ? baseTerm : index > base && index <= last ? model[Int(index - base) - 1].term : nil
            #expect(log.term(at: index) == expected, "term at \(index)")
        }
        let index = LogIndex.random(in: 0...(last + 2), using: &random)
        let term = Term.random(in: 0...(log.lastTerm + 1), using: &random)
        let found = model.last { $0.index <= index && $0.term <= term }
        let highest = log.highest(atOrBelow: index, termAtMost: term)
        #expect(highest.index == found?.index ?? base)
        #expect(highest.term == found?.term ?? baseTerm)
        let bytes = Int.random(in: 0...30, using: &random)
        var expected: [Entry] = []
        if index >= inMemory && index <= last {
            for entry in model.suffix(from: Int(index - base) - 1) {
                if !expected.isEmpty && (expected + [entry]).reduce(0, { $0 + $1.payload.count }) > bytes { break }
                expected.append(entry)
            }
        }
        #expect(log.entries(from: index, bytes: bytes) == expected)
    }
}

@Suite struct PromiseTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test func countsFromTheStartOfTheProcess() {
        let promise = Promise(longest: .seconds(5), startedAt: start)
        #expect(promise.remaining(at: start + .seconds(2)) == .seconds(3))
        #expect(promise.remaining(at: start + .seconds(9)) == .zero)
    }

    @Test func theLongestOneCountsFromTheLatestAcknowledgement() {
        var promise = Promise(longest: .zero, startedAt: start)
        let isLonger = promise.acknowledge(.seconds(5), at: start)
        let isLongerAgain = promise.acknowledge(.seconds(1), at: start + .seconds(4))
        #expect(isLonger && !isLongerAgain)
        #expect(promise.remaining(at: start + .seconds(4)) == .seconds(5))
        #expect(promise.longest == .seconds(5))
    }

    @Test func aReadingOfTheClockThatIsOlderTakesNothingBack() {
        var promise = Promise(longest: .seconds(5), startedAt: start)
        _ = promise.acknowledge(.seconds(5), at: start + .seconds(3))
        _ = promise.acknowledge(.seconds(5), at: start + .seconds(1))
        #expect(promise.remaining(at: start + .seconds(3)) == .seconds(5))
        #expect(promise.remaining(at: start) == .seconds(5))
    }

    @Test func stretchingRoundsUp() {
        #expect(Duration.nanoseconds(101).stretched(byDrift: 0.01) == .nanoseconds(103))
        #expect(Duration.seconds(1).stretched(byDrift: 0) == .seconds(1))
    }
}

@Suite struct ProgressTests {
    private var limits: Limits {
        var limits = Limits()
        limits.appendsInFlight = 2
        limits.bytesInFlight = 100
        return limits
    }

    @Test func theWindowIsFullByMessagesOrByBytes() {
        var progress = Progress(next: 1, isLinked: true)
        progress.replicate()
        progress.sent(through: 3, bytes: 10)
        #expect(progress.hasRoom(limits))
        progress.sent(through: 5, bytes: 10)
        #expect(!progress.hasRoom(limits))
        progress.acknowledged(through: 3)
        #expect(progress.hasRoom(limits))
        progress.sent(through: 6, bytes: 90)
        #expect(!progress.hasRoom(limits))
        progress.acknowledged(through: 6)
        #expect(progress.hasRoom(limits))
        #expect(progress.match == 6)
        #expect(progress.next == 7)
    }

    @Test func anOldAcknowledgementTakesNothingBack() {
        var progress = Progress(next: 1, isLinked: true)
        progress.replicate()
        progress.sent(through: 9, bytes: 1)
        progress.acknowledged(through: 9)
        progress.acknowledged(through: 4)
        #expect(progress.match == 9)
        #expect(progress.next == 10)
    }

    @Test func aNewLinkBeginsAnew() {
        var progress = Progress(next: 1, isLinked: true)
        progress.counts = true
        progress.acknowledgedRound = Instant(nanoseconds: 5)
        progress.replicate()
        progress.sent(through: 9, bytes: 200)
        progress.acknowledged(through: 8)
        progress.relinked(next: 10)
        #expect(progress.match == 0)
        #expect(progress.next == 10)
        #expect(!progress.counts)
        // The promise was made, whatever became of the link; a lease must not end with it.
        #expect(progress.acknowledgedRound == Instant(nanoseconds: 5))
        #expect(progress.state == .probing)
        #expect(progress.hasRoom(limits))
    }
}
