// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Operations
import Testing

@testable import Said

/// One time line out of several, whose clocks disagree.
@Suite struct IncidentTests {
    private func time(_ milliseconds: Int64) -> UTCInstant { UTCInstant(unixMilliseconds: Said.now + milliseconds) }

    private func event(_ peer: Int, _ at: Int64, _ type: EventType, _ message: String, term: Int64? = nil)
        -> EventDocument
    {
        EventDocument(
            id: "x-1", at: time(at), type: type, region: "east", peer: peer, message: message,
            details: term.map { ["term": .integer($0)] } ?? [:])
    }

    private func leads(_ peer: Int, _ at: Int64, index: UInt64, term: UInt64) -> LogEntryDocument {
        var entry = LogEntryDocument(index: index, term: term, kind: .operation, size: 18)
        entry.operation = .init(event: .leads, peer: peer, at: time(at))
        return entry
    }

    private func block(_ number: UInt32, slot: Int64, index: UInt64, term: UInt64) -> LogEntryDocument {
        LogEntryDocument(
            index: index, term: term, kind: .block, size: 200,
            block: .init(number: number, id: "aa", previous: "bb", producer: "bp", timestamp: time(slot * 500)))
    }

    private func clock(_ peer: Int, _ offset: Double) -> Incident.ClockOffset {
        .init(peer: peer, offset: offset, uncertainty: 1)
    }

    /// Peer 1's clock is an hour ahead: what it saw of the old term is before what peer 2 saw of the new one.
    @Test func termsOrderWhatClocksCannot() {
        for knowsOffset in [true, false] {
            let ahead: Int64 = 3_600_000
            let incident = Incident(
                region: "east",
                testimonies: [
                    .init(
                        peer: 1, term: 8, clock: knowsOffset ? clock(1, Double(ahead)) : nil,
                        events: [
                            event(1, ahead, .role, "peer 1 leads", term: 7),
                            event(1, ahead + 10, .peer, "the link to peer 2 is down"),
                            event(1, ahead + 900, .role, "peer 1 leads no more", term: 7),
                        ], missed: false),
                    .init(
                        peer: 2, term: 8, clock: clock(2, 0),
                        events: [
                            event(2, 500, .role, "peer 2 leads", term: 8), event(2, 600, .lease, "lease", term: 8),
                        ],
                        missed: false),
                ], log: [leads(1, ahead + 1, index: 20, term: 7), leads(2, 510, index: 21, term: 8)])
            let words = incident.items.map(\.words)
            #expect(
                words == [
                    "peer 1 leads", "peer 1 leads", "the link to peer 2 is down", "peer 1 leads no more",
                    "peer 2 leads", "peer 2 leads", "lease",
                ], "\(incident.items)")
            #expect(incident.items.map(\.term) == [7, 7, 7, 7, 8, 8, 8])
            if knowsOffset { #expect(incident.items.first?.at == time(0)) }
        }
    }

    @Test func gapsAreCountedInSlots() {
        let log = [
            block(100, slot: 0, index: 1, term: 1), block(101, slot: 1, index: 2, term: 1),
            leads(2, 2000, index: 3, term: 2), block(102, slot: 5, index: 4, term: 2),
            block(103, slot: 6, index: 5, term: 2), block(104, slot: 8, index: 6, term: 2),
        ]
        let gaps = Incident(region: nil, testimonies: [], log: log).items.filter { $0.kind == "gap" }
        #expect(
            gaps.map(\.words) == [
                "3 time slots without a block, between block 101 and block 102",
                "1 time slot without a block, between block 103 and block 104",
            ])
    }

    /// Each change stands there once, though every peer tells of it.
    @Test func whatTheLogSaysIsSaidOnce() {
        var pause = LogEntryDocument(index: 9, term: 3, kind: .region, size: 90)
        pause.region = .init(
            epoch: 4, expects: 3, state: "active", paused: true,
            act: .init(operation: "p", who: "alice", from: "x", reason: "why", at: time(50)))
        let testimonies = (1...3).map { peer in
            Incident.Testimony(
                peer: peer, term: 3, clock: nil,
                events: [
                    event(peer, 60, .region, "region east is active, paused"), event(peer, 70, .commit, "block"),
                    event(peer, 80, .nodeos, "nodeos is paused"),
                ], missed: peer == 2)
        }
        let incident = Incident(region: "east", testimonies: testimonies, log: [pause])
        #expect(incident.items.count { $0.words.contains("paused (epoch 4) by alice (why)") } == 1)
        #expect(incident.items.count { $0.kind == "region" } == 1)
        #expect(incident.items.count { $0.kind == "nodeos" } == 3)
        #expect(incident.notes == ["peer 2 keeps no events from before its latest ones or its last start"])
        #expect(
            Incident(region: nil, testimonies: testimonies, log: [pause], since: time(55)).items.map(\.kind).contains(
                "region") == false)
    }

    @Test func whateverPeersSayFitsTheScreen() {
        let hostile = event(1, 0, .unknown("\u{1b}[2J"), String(repeating: "wide \u{1b}[31m ", count: 100), term: .max)
        let incident = Incident(
            region: "east",
            testimonies: [.init(peer: 1, term: .max, clock: clock(1, 1e300), events: [hostile], missed: true)],
            log: [])
        for width in [20, 60, 200] {
            let text = IncidentReport(format: .table, width: width).text(incident)
            #expect(!text.contains("\u{1b}"))
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= max(width, 36) }, "\(width): \(text)")
        }
        for format in OutputFormat.allCases {
            #expect(!IncidentReport(format: format, width: 80).text(incident).isEmpty)
        }
    }
}
