// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import DequeModule

/// The latest events of this run of the process, for readers that were away for a while.
struct EventLog {
    /// So many commits, and so many of all else: blocks must not push out what is rare.
    static let kept = 1024

    struct Item {
        var number: UInt64
        var document: EventDocument
    }

    /// Names this run; the numbers of another one say nothing here.
    private let session: String
    private(set) var last: UInt64 = 0
    private var commits = Deque<Item>()
    private var others = Deque<Item>()
    /// The highest number that is not kept any more.
    private var dropped: UInt64 = 0

    init(session: UInt64) { self.session = String(session, radix: 36) }

    private func id(_ number: UInt64) -> String { "\(session)-\(number)" }

    /// - Parameter make: the event with the id that it is given.
    mutating func add(_ make: (String) -> EventDocument) -> EventDocument {
        last += 1
        let item = Item(number: last, document: make(id(last)))
        let gone: Item?
        if item.document.type == .commit {
            commits.append(item)
            gone = commits.count > Self.kept ? commits.popFirst() : nil
        } else {
            others.append(item)
            gone = others.count > Self.kept ? others.popFirst() : nil
        }
        if let gone { dropped = max(dropped, gone.number) }
        return item.document
    }

    /// What a reader has to be told that had the event `id` last.
    /// - Returns: the events since, and whether some are missing.
    func since(_ id: String) -> (events: [EventDocument], someAreMissing: Bool) {
        let halves = id.split(separator: "-", omittingEmptySubsequences: false)
        let number = halves.count == 2 && halves[0] == session ? UInt64(halves[1]) : nil
        let start = number.map { min($0, last) } ?? 0
        let events = (commits.filter { $0.number > start } + others.filter { $0.number > start })
            .sorted { $0.number < $1.number }.map(\.document)
        return (events, number == nil || start < dropped)
    }

    /// All that is kept.
    var all: (events: [EventDocument], someAreMissing: Bool) { since(id(0)) }

    /// The id of the newest event.
    var lastID: String { id(last) }
}
