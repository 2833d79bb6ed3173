// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import ProducerHA
import Raft
import Testing

@testable import Node

@Suite struct EventLogTests {
    private static let block: BlockRef = {
        let bytes = try? BlockBuilder(startingAt: 7, timestamp: BlockTimestamp(slot: 1), producer: Name("p")).build()
        return BlockRef(try! BlockHeader(parsingPrefixOf: bytes ?? []))
    }()

    private func add(_ type: EventType, to log: inout EventLog) -> EventDocument {
        guard type == .commit else { return log.add(type, "", [:], at: 0) }
        log.add(EventLog.Commit(block: Self.block, index: log.last, term: 1, at: 0))
        return log.lastCommit ?? log.add(.missed, "a commit is not the last event", [:], at: 0)
    }

    @Test func aReaderGetsWhatCameSinceItsLastOne() {
        var log = EventLog(session: 77, region: "east", peer: PeerID(1))
        #expect(log.since("x").events.isEmpty)
        let events = (0..<10).map { add($0.isMultiple(of: 3) ? .region : .commit, to: &log) }
        #expect(log.since(events[3].id) == (Array(events[4...]), false))
        #expect(log.since(log.lastID) == ([], false))
        // Of a run that is over, of the future, of nobody.
        let other = EventLog(session: 78, region: "east", peer: PeerID(1)).lastID
        for id in [other, "", "-", "25", "25-", "25-x", "25-1-1", "-3"] {
            #expect(log.since(id) == (events, true), "\(id)")
        }
        #expect(log.since("25-999") == ([], false))
    }

    /// Blocks come twice a second: a pause of last week must still be there.
    @Test func blocksDoNotPushOutWhatIsRare() {
        var log = EventLog(session: 1, region: "east", peer: PeerID(1))
        let pause = add(.region, to: &log)
        for _ in 0..<5000 { _ = add(.commit, to: &log) }
        let all = log.since("1-0")
        #expect(all.events.first == pause && all.events.count == EventLog.kept + 1 && all.someAreMissing)
        #expect(log.since(pause.id).someAreMissing)
        let kept = all.events[1].id
        #expect(log.since(kept) == (Array(all.events[2...]), false))
        for _ in 0..<2 * EventLog.kept { _ = add(.role, to: &log) }
        #expect(log.since("1-0").events.count == 2 * EventLog.kept)
    }
}

private func == (
    a: (events: [EventDocument], someAreMissing: Bool), b: ([EventDocument], Bool)
) -> Bool { a.events == b.0 && a.someAreMissing == b.1 }

@Suite struct LogLineTests {
    /// A reason with a line break in it must not look like a line of ours.
    @Test func whatOthersWroteStaysOnOneLine() {
        #expect(
            LineLogHandler.onOneLine("a reason=two\n2026-11-29 info leads\u{1b}[2J\u{2028}x")
                == "a reason=two?2026-11-29 info leads?[2J?x")
        #expect(LineLogHandler.onOneLine("ümlaut 👩‍👩‍👧") == "ümlaut 👩?👩?👧")
        #expect(LineLogHandler.onOneLine("plain") == "plain")
    }
}
