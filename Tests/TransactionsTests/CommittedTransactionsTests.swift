// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import Transactions

@Suite struct CommittedTransactionsTests {
    private let stage = Stage()

    private func block(_ number: UInt32, _ transactions: ClosedRange<UInt64>) -> CommittedBlock {
        CommittedBlock(stage.reference(number), receipts: transactions.map(receipt))
    }

    private func prepend(_ block: CommittedBlock, to index: inout CommittedTransactions) -> Bool {
        index.prepend(block)
    }

    @Test func blocksComeAtBothEnds() {
        var index = CommittedTransactions()
        #expect(index.first == nil && index.last == nil && index[id(1)] == nil)
        index.append(block(10, 1...2))
        index.append(block(11, 3...3))
        #expect(prepend(block(9, 4...5), to: &index))
        #expect(prepend(block(8, 6...6), to: &index))
        index.append(block(12, 7...7))
        #expect(index.first == stage.reference(8) && index.last == stage.reference(12) && index.count == 7)
        for (number, height) in [(1, 10), (2, 10), (3, 11), (4, 9), (5, 9), (6, 8), (7, 12)] as [(UInt64, UInt32)] {
            #expect(index[id(number)] == stage.place(height, number))
        }
    }

    @Test func theOldestBlocksMakeRoomAsAWhole() {
        var index = CommittedTransactions(limit: 5, blockLimit: 100)
        index.append(block(10, 1...2))
        index.append(block(11, 3...4))
        index.append(block(12, 5...6))
        #expect(index.first == stage.reference(11) && index.count == 4)
        #expect(index[id(1)] == nil && index[id(2)] == nil && index[id(3)] == stage.place(11, 3))
        #expect(!prepend(block(10, 1...2), to: &index))
        #expect(index.first == stage.reference(11))
        // One block alone may be over it.
        index.append(block(13, 10...20))
        #expect(index.first == stage.reference(13) && index.count == 11)
    }

    @Test func blocksWithoutTransactionsAreBoundedToo() {
        var index = CommittedTransactions(limit: 1000, blockLimit: 3)
        for number: UInt32 in 1...10 { index.append(CommittedBlock(stage.reference(number), receipts: [])) }
        #expect(index.first == stage.reference(8) && index.last == stage.reference(10))
        #expect(!prepend(CommittedBlock(stage.reference(7), receipts: []), to: &index))
    }

    /// One that was put off has a receipt when it comes and one when it is carried out.
    @Test func theLaterReceiptOfTwoCounts() {
        var index = CommittedTransactions(limit: 3, blockLimit: 100)
        index.append(block(10, 1...1))
        index.append(block(11, 1...1))
        #expect(index[id(1)] == stage.place(11, 1))
        #expect(prepend(block(9, 1...1), to: &index))
        #expect(index[id(1)] == stage.place(11, 1))
        // The first of its blocks makes room: it stays known by the second.
        index.append(block(12, 2...2))
        index.append(block(13, 3...3))
        #expect(index[id(1)] == stage.place(11, 1))
        index.append(block(14, 4...4))
        #expect(index[id(1)] == nil)
    }

    @Test func afterABlockThatCannotBeReadItBeginsAnew() {
        var index = CommittedTransactions()
        index.append(block(10, 1...1))
        index.append(CommittedBlock(stage.reference(11), receipts: [], isWhole: false))
        #expect(index.first == nil && index[id(1)] == nil)
        index.append(block(12, 2...2))
        #expect(index.first == stage.reference(12))
        #expect(!prepend(CommittedBlock(stage.reference(11), receipts: [], isWhole: false), to: &index))
    }
}

/// Random events; what must hold whatever happens. A failure names its seed.
@Suite struct RandomTrackerTests {
    @Test(arguments: 0..<200) func everyClientIsAnsweredOnceAndTruly(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bounds = TransactionTracker.Bounds()
        bounds.attempts = Int.random(in: 1...4, using: &random)
        bounds.waiting = Int.random(in: 2...12, using: &random)
        bounds.replyBytes = Bool.random(using: &random) ? 500 : 1 << 20
        let stage = Stage(bounds: bounds)
        var (ticket, height): (UInt64, UInt32) = (0, 2)
        var committedAt: [TransactionID: UInt32] = [:]
        var waiting: [UInt64: (transaction: UInt64, wait: TransactionTracker.Wait, deadline: Instant)] = [:]
        var underWay: [UInt64: UInt64] = [:]
        var executedIDs: Set<TransactionID> = []
        stage.commit(2, [])

        func check(_ actions: [TransactionTracker.Action]) {
            for action in actions {
                switch action {
                case .send(let attempt, _, _, let body):
                    underWay[attempt] = (1...30).first { bodyOf(trx($0)) == body }
                    #expect(underWay[attempt] != nil, "seed \(seed)")
                case .answer(let ticket, let answer):
                    guard let client = waiting.removeValue(forKey: ticket) else {
                        Issue.record("seed \(seed): client \(ticket) is answered twice")
                        continue
                    }
                    let id = id(client.transaction)
                    switch answer {
                    case .committed(let place, _):
                        #expect(committedAt[id] == place.block.number, "seed \(seed)")
                    case .expired:
                        #expect(committedAt[id] == nil, "seed \(seed): block \(committedAt[id] ?? 0) holds it")
                    case .nodeos(let reply):
                        if case .executed(let told) = NodeosVerdict(reply) {
                            #expect(client.wait == .executed && told == id, "seed \(seed)")
                        } else {
                            #expect(committedAt[id] == nil, "seed \(seed): refused, and in a block")
                        }
                    case .unknown: #expect(stage.now >= client.deadline, "seed \(seed)")
                    case .overloaded: #expect(stage.tracker.counters.overloaded > 0, "seed \(seed)")
                    }
                case .ended, .givenAgain: break
                }
            }
            #expect(stage.tracker.waiting <= bounds.waiting, "seed \(seed)")
            for client in waiting.values {
                #expect(client.deadline > stage.now, "seed \(seed): a client waits beyond its deadline")
            }
        }

        for _ in 0..<400 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...2:
                let number = UInt64.random(in: 1...30, using: &random)
                ticket += 1
                let wait: TransactionTracker.Wait = Bool.random(using: &random) ? .committed : .executed
                let timeout = Duration.milliseconds(Int.random(in: 100...5000, using: &random))
                waiting[ticket] = (number, wait, stage.now + timeout)
                let expires = stage.time(UInt32(number) * 4)
                check(stage.handIn(ticket, trx(number, expires: expires), wait: wait, timeout: timeout))
            case 3...5:
                guard let attempt = underWay.keys.sorted().randomElement(using: &random),
                    let number = underWay.removeValue(forKey: attempt)
                else { continue }
                let outcome: TransactionTracker.Outcome
                switch Int.random(in: 0..<6, using: &random) {
                case 0: outcome = .notTaken("no")
                case 1: outcome = .unknown("closed")
                case 2 where committedAt[id(number)] == nil && !executedIDs.contains(id(number)):
                    outcome = .answered(refusal(500))
                    // A real chain may hold it later; a client was told no by then.
                    committedAt[id(number)] = nil
                case 3: outcome = .answered(duplicate)
                default:
                    guard committedAt[id(number)] == nil else {
                        outcome = .answered(duplicate)
                        break
                    }
                    executedIDs.insert(id(number))
                    outcome = executed(number)
                }
                check(stage.step(.outcome(attempt, outcome)))
            case 6...7:
                height += UInt32.random(in: 1...3, using: &random)
                let held = executedIDs.filter { executed in
                    committedAt[executed] == nil
                        && (1...30).contains { id($0) == executed && UInt32($0) * 4 >= height }
                }.filter { _ in Bool.random(using: &random) }
                let numbers = (1...30).filter { held.contains(id($0)) }
                for number in numbers { committedAt[id(number)] = height }
                check(stage.commit(height, numbers))
            case 8:
                let leaders: [TransactionTracker.Leader?] = [nil, stage.leader(1), stage.leader(2), stage.leader(3)]
                check(stage.step(.leader(leaders[Int.random(in: 0...3, using: &random)])))
            case 9:
                guard let gone = waiting.keys.sorted().randomElement(using: &random) else { continue }
                waiting[gone] = nil
                check(stage.step(.gone(gone)))
            default:
                // As a driver does: on time.
                let goal = stage.now + .milliseconds(Int.random(in: 1...2000, using: &random))
                while let wake = stage.tracker.nextWake, wake <= goal {
                    stage.now = max(wake, stage.now)
                    let before = stage.tracker.nextWake
                    check(stage.step(.tick))
                    if stage.tracker.nextWake == before, stage.now >= wake { break }
                }
                stage.now = goal
                check(stage.step(.tick))
            }
        }
        stage.now = stage.now + .seconds(10)
        check(stage.step(.tick))
        #expect(waiting.isEmpty, "seed \(seed): \(waiting.keys.sorted()) were never answered")
        check(stage.commit(height + 1000, []))
        #expect(stage.tracker.waiting == 0 && stage.tracker.waitingBytes == 0, "seed \(seed)")
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
