// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import DequeModule
import ProducerHA
import Raft

/// The latest events of this run of the process, for readers that were away for a while.
struct EventLog {
    /// So many commits, and so many of all else: blocks must not push out what is rare.
    static let kept = 1024

    /// A committed block. It becomes a document when somebody asks: there may be thousands a second, and nobody who reads.
    struct Commit {
        var block: BlockRef
        var index: LogIndex
        var term: Term
        /// In milliseconds since 1970.
        var at: Int64
    }

    private struct Item<Event> {
        var number: UInt64
        var event: Event
    }

    /// Names this run; the numbers of another one say nothing here.
    private let session: String
    private(set) var last: UInt64 = 0
    private let region: String
    private let peer: Int
    private var commits = Deque<Item<Commit>>()
    private var others = Deque<Item<EventDocument>>()
    /// The highest number that is not kept any more.
    private var dropped: UInt64 = 0

    init(session: UInt64, region: String, peer: PeerID) {
        self.session = String(session, radix: 36)
        self.region = region
        self.peer = peer.value
    }

    private func id(_ number: UInt64) -> String { "\(session)-\(number)" }

    mutating func add(
        _ type: EventType, _ message: String, _ details: [String: JSONValue], at: Int64
    ) -> EventDocument {
        last += 1
        let event = document(last, type, message, details, at: at)
        others.append(Item(number: last, event: event))
        if others.count > Self.kept, let gone = others.popFirst() { dropped = max(dropped, gone.number) }
        return event
    }

    mutating func add(_ commit: Commit) {
        last += 1
        commits.append(Item(number: last, event: commit))
        if commits.count > Self.kept, let gone = commits.popFirst() { dropped = max(dropped, gone.number) }
    }

    /// The event that came last, if that was a commit.
    var lastCommit: EventDocument? { commits.last.flatMap { $0.number == last ? document($0) : nil } }

    private func document(_ item: Item<Commit>) -> EventDocument {
        let commit = item.event
        return document(
            item.number, .commit, "block \(commit.block.number) is committed",
            [
                "index": .integer(Int64(clamping: commit.index)), "term": .integer(Int64(clamping: commit.term)),
                "block_num": .integer(Int64(commit.block.number)), "block_id": .string(commit.block.id.hex),
            ], at: commit.at)
    }

    /// - Parameter at: in milliseconds since 1970.
    func document(
        _ number: UInt64, _ type: EventType, _ message: String, _ details: [String: JSONValue], at: Int64
    ) -> EventDocument {
        EventDocument(
            id: id(number), at: UTCInstant(unixMilliseconds: at), type: type, region: region, peer: peer,
            message: message, details: details)
    }

    /// What a reader has to be told that had the event `id` last.
    /// - Returns: the events since, and whether some are missing.
    func since(_ id: String) -> (events: [EventDocument], someAreMissing: Bool) {
        let halves = id.split(separator: "-", omittingEmptySubsequences: false)
        let number = halves.count == 2 && halves[0] == session ? UInt64(halves[1]) : nil
        let start = number.map { min($0, last) } ?? 0
        let events =
            commits.filter { $0.number > start }.map { ($0.number, document($0)) }
            + others.filter { $0.number > start }.map { ($0.number, $0.event) }
        return (events.sorted { $0.0 < $1.0 }.map(\.1), number == nil || start < dropped)
    }

    /// All that is kept.
    var all: (events: [EventDocument], someAreMissing: Bool) { since(id(0)) }

    /// The id of the newest event.
    var lastID: String { id(last) }
}
