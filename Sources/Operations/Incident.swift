// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials

/// What happened in a region, on one time line, from what every peer tells and from the log that they share.
///
/// Clocks of several machines cannot order anything. Terms can: what happened in a lower term happened before. Within a term the
/// log's entries stand in the order of their indices, and the rest where the clocks put it, each corrected by how far that
/// peer's clock is from this machine's now.
public struct Incident: Hashable, Sendable {
    public struct Item: Hashable, Sendable {
        /// As good as it is known; nil for an entry that does not say, which `since` leaves out.
        public var at: UTCInstant?
        public var term: UInt64
        /// Of the log; nil for what one peer alone tells.
        public var index: UInt64?
        /// Who tells it; nil for what the log says.
        public var peer: Int?
        public var kind: String
        public var words: String
    }

    /// How a peer's clock stands.
    public struct ClockOffset: Hashable, Sendable {
        public var peer: Int
        /// By how much it is ahead of this machine's, in milliseconds.
        public var offset: Double
        /// Give or take.
        public var uncertainty: Double

        public init(peer: Int, offset: Double, uncertainty: Double) {
            self.peer = peer
            self.offset = offset
            self.uncertainty = uncertainty
        }
    }

    /// What one peer told.
    public struct Testimony: Sendable {
        public var peer: Int
        /// Its term now, for events that name none.
        public var term: UInt64
        public var clock: ClockOffset?
        public var events: [EventDocument]
        public var missed: Bool

        public init(peer: Int, term: UInt64, clock: ClockOffset?, events: [EventDocument], missed: Bool) {
            self.peer = peer
            self.term = term
            self.clock = clock
            self.events = events
            self.missed = missed
        }
    }

    /// The length of a time slot, in milliseconds.
    static let slot: Int64 = 500

    public var region: String?
    public var items: [Item]
    public var clocks: [ClockOffset]
    /// What is not known.
    public var notes: [String]

    /// - Parameters:
    ///   - log: committed entries, oldest first.
    ///   - since: what is older is left out.
    public init(
        region: String?, testimonies: [Testimony], log: [LogEntryDocument], since: UTCInstant? = nil,
        notes: [String] = []
    ) {
        self.region = region
        self.notes = notes
        clocks = testimonies.compactMap(\.clock)
        let offsets = Dictionary(clocks.map { ($0.peer, $0.offset) }) { first, _ in first }
        var items = Self.items(of: log, offsets)
        for testimony in testimonies {
            items += Self.items(of: testimony, offsets[testimony.peer] ?? 0)
            if testimony.missed {
                self.notes.append(
                    "peer \(testimony.peer) keeps no events from before its latest ones or its last start")
            }
        }
        if let since { items.removeAll { $0.at.map { $0 < since } ?? true } }
        self.items = Self.ordered(items)
    }

    // MARK: - What the log says

    private static func items(of log: [LogEntryDocument], _ offsets: [Int: Double]) -> [Item] {
        var items: [Item] = []
        var leader: Int?
        var last: LogEntryDocument.Block?
        for entry in log {
            if case .leads? = entry.operation?.event { leader = entry.operation?.peer }
            let offset = leader.flatMap { offsets[$0] } ?? 0
            var item = Item(
                at: nil, term: entry.term, index: entry.index, peer: nil, kind: entry.kind.rawValue, words: "")
            if let block = entry.block {
                defer { last = block }
                guard let before = last else { continue }
                let missed = (block.timestamp.unixMilliseconds - before.timestamp.unixMilliseconds) / slot - 1
                guard missed > 0 else { continue }
                item.at = corrected(block.timestamp, offset)
                item.kind = "gap"
                item.words =
                    "\(counted(Int(missed), "time slot")) without a block, between block \(before.number) and block "
                    + "\(block.number)"
                items.append(item)
            } else if entry.region != nil || entry.operation != nil {
                item.at = (entry.operation?.at ?? entry.region?.act?.at).map { corrected($0, offset) }
                item.kind = entry.operation?.event.rawValue ?? "region"
                item.words = entry.words(isDated: false)
                items.append(item)
            }
        }
        return items
    }

    // MARK: - What a peer tells

    private static func items(of testimony: Testimony, _ offset: Double) -> [Item] {
        func term(_ event: EventDocument) -> UInt64? {
            if case .integer(let number)? = event.details["term"], number > 0 { return UInt64(number) }
            return nil
        }
        // What names no term is of the one that the peer knew then.
        var known = testimony.events.lazy.compactMap(term).first ?? testimony.term
        return testimony.events.compactMap { event in
            known = max(known, term(event) ?? 0)
            switch event.type {
            // The log has these, once for all.
            case .commit where event.details["block_num"] != nil: return nil
            case .region, .maintenance: return nil
            case .transfer where event.details["operation"] != nil: return nil
            case .role, .lease, .commit, .transfer, .peer, .nodeos, .missed, .unknown: break
            }
            return Item(
                at: corrected(event.at, offset), term: known, index: nil, peer: testimony.peer,
                kind: printable(event.type.rawValue, limit: 20), words: printable(event.message, limit: 400))
        }
    }

    private static func corrected(_ time: UTCInstant, _ offset: Double) -> UTCInstant {
        // No clock is further off than the years that a time can have.
        let span = Double(UTCInstant.range.upperBound - UTCInstant.range.lowerBound)
        let offset = Int64(min(max(offset.rounded(), -span), span))
        return UTCInstant(unixMilliseconds: time.unixMilliseconds - offset)
    }

    // MARK: - Order

    private static func ordered(_ items: [Item]) -> [Item] {
        // Where clocks contradict the log, the log is right: an entry is not earlier than the one before it in its term.
        var latest = Int64.min
        var term: UInt64 = 0
        let entries = items.filter { $0.index != nil }.sorted { ($0.index ?? 0) < ($1.index ?? 0) }
            .map { item -> (item: Item, time: Int64) in
                if item.term != term { (term, latest) = (item.term, .min) }
                latest = max(latest, item.at?.unixMilliseconds ?? latest)
                return (item, latest)
            }
        let others = items.filter { $0.index == nil }.map { (item: $0, time: $0.at?.unixMilliseconds ?? .min) }
        return (entries + others).enumerated().sorted { a, b in
            (a.element.item.term, a.element.time, a.offset) < (b.element.item.term, b.element.time, b.offset)
        }.map(\.element.item)
    }
}

extension ActRunner {
    /// Collects what a region's peers tell. Nil: there is no such region.
    public func incident(region name: String?, lastSeconds: Int64?) -> Incident? {
        let since = lastSeconds.map {
            UTCInstant(unixMilliseconds: Int64((Date().timeIntervalSince1970 - Double($0)) * 1000))
        }
        let inspection = inspector.inspectAndWait()
        let view = ClusterView(inspection)
        guard let region = view.region(named: name) else { return nil }
        var notes: [String] = []
        var testimonies: [Incident.Testimony] = []
        for peer in region.peers {
            guard let id = peer.id else { continue }
            guard let answer = peer.report.answer else {
                notes.append("peer \(id) tells nothing: \(peer.failureText)")
                continue
            }
            progress("asking peer \(id) what it saw")
            guard
                let told = try? inspector.document(
                    EventsDocument.self, "/v1/prodha/events?once=true", of: peer.report.target)
            else {
                notes.append("peer \(id) tells no events")
                continue
            }
            testimonies.append(
                Incident.Testimony(
                    peer: id, term: answer.status.raft.term,
                    clock: answer.clockOffset.map {
                        .init(peer: id, offset: $0, uncertainty: answer.roundTrip.value / 2)
                    }, events: told.events, missed: told.missed))
        }
        progress("reading the log")
        var log: [LogEntryDocument] = []
        do {
            try LogFeed(inspector).read(
                LogRange(limit: Self.incidentEntries), region: name, peer: nil, follows: false,
                note: { notes.append($0) },
                body: { log += $0 })
        } catch {
            notes.append("the log is not known: \(error)")
        }
        return Incident(region: region.name, testimonies: testimonies, log: log, since: since, notes: notes)
    }

    /// The newest entries that are looked at: half an hour of blocks.
    private static let incidentEntries: UInt64 = 3600
}

/// An incident in one of the formats.
public struct IncidentReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    public var width: Int

    public init(format: OutputFormat, style: Style = .plain, width: Int) {
        self.format = format
        self.style = style
        self.width = width
    }

    public func text(_ incident: Incident) -> String {
        switch format {
        case .table: table(incident)
        case .json: incident.document.json() + "\n"
        case .yaml: incident.document.yaml()
        case .tsv:
            ([["at", "term", "index", "peer", "kind", "what"]] + incident.items.map(\.fields)).map(tsvRow).joined()
        }
    }

    private func table(_ incident: Incident) -> String {
        var lines: [String] = []
        let clocks = incident.clocks.map { clock in
            "peer \(clock.peer) \(clock.offset < 0 ? "-" : "+")\(span(abs(clock.offset)))"
                + " (give or take \(span(clock.uncertainty.rounded(.up))))"
        }
        if !clocks.isEmpty {
            lines += wrapped(
                "clocks, against this machine's: " + clocks.joined(separator: ", "), width: width, indent: 2)
        }
        for note in incident.notes { lines += wrapped("! " + note, width: width, indent: 2).map(style.yellow) }
        if incident.items.isEmpty {
            lines.append("nothing is known to have happened")
        } else {
            let listing = Listing(
                titles: ["time", "term", "index", "told by", "what"], numbers: [1, 2], expendable: [2, 1],
                rows: incident.items.map { item in
                    [
                        item.at?.description ?? "-", String(item.term), item.index.map { String($0) } ?? "",
                        item.peer.map { "peer \($0)" } ?? "the log", item.words,
                    ]
                }, width: width)
            lines += listing.lines(style)
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension Incident.Item {
    fileprivate var fields: [String] {
        [
            at?.description ?? "", String(term), index.map { String($0) } ?? "", peer.map(String.init) ?? "", kind,
            words,
        ]
    }
}

extension Incident {
    public var document: Tree {
        .map([
            .init("schema_version", .integer(1)), .init("region", Tree(region)),
            .init(
                "clocks",
                .list(
                    clocks.map {
                        .map([
                            .init("peer", Tree($0.peer)), .init("offset_ms", Tree(Milliseconds($0.offset))),
                            .init("uncertainty_ms", Tree(Milliseconds($0.uncertainty))),
                        ])
                    })),
            .init("notes", .list(notes.map { .string($0) })),
            .init(
                "items",
                .list(
                    items.map {
                        .map([
                            .init("at", Tree($0.at?.description)), .init("term", Tree($0.term)),
                            .init("index", Tree($0.index)), .init("peer", Tree($0.peer)),
                            .init("kind", .string($0.kind)), .init("what", .string($0.words)),
                        ])
                    })),
        ])
    }
}
