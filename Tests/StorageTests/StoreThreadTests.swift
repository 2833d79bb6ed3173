// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import NIOConcurrencyHelpers
import ProducerHA
import Raft
import Testing

@testable import Storage

/// What a thread reported and answered, in order.
final class Reports: Sendable {
    private let all = NIOLockedValueBox<[String]>([])
    private let persisted = NIOLockedValueBox<UInt64>(0)

    var list: [String] { all.withLockedValue { $0 } }
    var lastPersisted: UInt64 { persisted.withLockedValue { $0 } }

    func note(_ text: String) { all.withLockedValue { $0.append(text) } }

    func take(_ report: StoreThread.Report) {
        switch report {
        case .persisted(let sequence):
            let before = lastPersisted
            persisted.withLockedValue { $0 = sequence }
            note(sequence > before ? "persisted" : "went back to \(sequence)")
        case .full: note("full")
        case .roomAgain: note("room")
        case .failed: note("failed")
        }
    }

    /// False if it does not come to pass in time.
    func wait(seconds: Double = 20, _ condition: (Reports) -> Bool) -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while !condition(self) {
            if Date() > end { return false }
            usleep(2000)
        }
        return true
    }
}

func startThread(_ place: Place, _ reports: Reports) throws -> StoreThread {
    StoreThread(store: try place.open()) { reports.take($0) }
}

@Suite struct StoreThreadTests {
    let place = try! Place()
    let reports = Reports()

    private func persist(_ number: UInt64, bytes: Int = 50) -> StoreThread.Job {
        .write(.persist(Persist(number, state(term: 1), entries(number...number, bytes: bytes))))
    }

    private func read(_ name: String, _ first: LogIndex, _ last: LogIndex) -> StoreThread.Job {
        .read(first, through: last, bytes: .max) { [reports] found in
            switch found {
            case .success(let entries): reports.note("\(name) \(entries.count)")
            case .failure: reports.note("\(name) refused")
            }
        }
    }

    @Test func writesThatGatherShareSyncsAndAreReportedInOrder() throws {
        let thread = try startThread(place, reports)
        for number in 1...2000 as ClosedRange<UInt64> { thread.submit(persist(number)) }
        #expect(reports.wait { $0.lastPersisted == 2000 })
        #expect(thread.timings.syncs < 1000)
        #expect(thread.timings.longest <= thread.timings.total)
        #expect(Set(reports.list) == ["persisted"])
        thread.stop(withinSeconds: 20)
        #expect(try Model(try place.open()).log == entries(1...2000, bytes: 50))
    }

    @Test func nothingIsLostWithManySubmitters() throws {
        let thread = try startThread(place, reports)
        let next = NIOLockedValueBox<UInt64>(1)
        DispatchQueue.concurrentPerform(iterations: 8) { submitter in
            for _ in 0..<200 {
                next.withLockedValue { number in
                    thread.submit(persist(number))
                    number += 1
                }
                if submitter == 0 { thread.submit(.write(.flag(FlagRecord(lastRead: true)))) }
                thread.submit(read("read", 1, 5))
            }
        }
        thread.stop(withinSeconds: 30)
        #expect(reports.lastPersisted == 1600)
        #expect(reports.list.count { $0.hasPrefix("read ") && $0 != "read refused" } == 1600)
        #expect(try Model(try place.open()).log.count == 1600)
    }

    @Test func readsSeeEarlierWritesAndNoLaterOnes() throws {
        let thread = try startThread(place, reports)
        for number in 1...50 as ClosedRange<UInt64> { thread.submit([persist(number), read("read", 1, 100)]) }
        thread.stop(withinSeconds: 20)
        #expect(reports.list.filter { $0 != "persisted" } == (1...50).map { "read \($0)" })
    }

    @Test func aSleepingThreadWakesForEveryJob() throws {
        let thread = try startThread(place, reports)
        for number in 1...300 as ClosedRange<UInt64> {
            thread.submit(persist(number))
            try #require(reports.wait { $0.lastPersisted == number })
        }
        thread.stop(withinSeconds: 20)
    }

    @Test func stoppingFinishesWhatWasSubmittedAndClosesTheData() throws {
        for round in 0..<30 as Range<UInt64> {
            let thread = try startThread(place, reports)
            let first = round * 10 + 1
            for number in first...first + 9 { thread.submit(persist(number)) }
            thread.stop(withinSeconds: 20)
            // Open anew at once: the lock is gone, and all is there.
            #expect(try Model(try place.open()).lastIndex == first + 9)
        }
        #expect(!reports.list.contains("failed"))
    }

    @Test func afterTheEndReadsAreRefused() throws {
        let thread = try startThread(place, reports)
        thread.stop(withinSeconds: 20)
        thread.submit([persist(1), read("late", 1, 1)])
        thread.submit(
            .outlines(1, through: 1, prefix: 1) { [reports] in
                if case .failure = $0 { reports.note("outlines refused") }
            })
        #expect(reports.list == ["late refused", "outlines refused"])
        thread.stop(withinSeconds: 20)
    }

    @Test func everyReadIsAnsweredWhileTheThreadStops() throws {
        for _ in 0..<30 {
            let thread = try startThread(place, reports)
            let answers = NIOLockedValueBox(0)
            DispatchQueue.concurrentPerform(iterations: 4) { submitter in
                if submitter == 0 { thread.stop(withinSeconds: 20) }
                for _ in 0..<50 {
                    thread.submit(.read(1, through: 1, bytes: 1) { _ in answers.withLockedValue { $0 += 1 } })
                }
            }
            thread.stop(withinSeconds: 20)
            #expect(reports.wait { _ in answers.withLockedValue { $0 } == 200 })
        }
    }

    @Test func afterAFailureEveryReadIsRefusedAndNothingIsWritten() throws {
        let thread = try startThread(place, reports)
        // The same index twice in one write cannot be.
        let wrong = Store.Write.persist(Persist(2, state(term: 2), entries(2...2) + entries(2...2)))
        thread.submit([persist(1), read("a", 1, 1), .write(wrong), read("b", 1, 1), read("c", 1, 1), persist(3)])
        #expect(reports.wait { $0.list.contains("failed") })
        thread.submit([persist(4), read("d", 1, 1)])
        thread.stop(withinSeconds: 20)
        #expect(reports.list == ["persisted", "a 1", "b refused", "c refused", "failed", "d refused"])
        #expect(reports.lastPersisted == 1)
    }

    @Test func aReadThatFindsDamageEndsTheStore() throws {
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...3)))])
        try store.database.execute("UPDATE entry SET payload = zeroblob(20) WHERE i = 2")
        let thread = StoreThread(store: store) { [reports] in reports.take($0) }
        thread.submit([read("a", 1, 1), read("b", 1, 3), read("c", 1, 1)])
        thread.stop(withinSeconds: 20)
        #expect(reports.list == ["a 1", "b refused", "c refused", "failed"])
    }

    @Test func aReadOfManyEntriesIsBounded() throws {
        let thread = try startThread(place, reports)
        thread.submit(.write(.persist(Persist(1, state(term: 1), entries(1...10_000, bytes: 1000)))))
        thread.submit(
            .read(1, through: 10_000, bytes: 1 << 16) { [reports] in
                reports.note("\((try? $0.get().count) ?? -1)")
            })
        thread.stop(withinSeconds: 20)
        #expect(reports.list == ["persisted", "65"])
    }
}
