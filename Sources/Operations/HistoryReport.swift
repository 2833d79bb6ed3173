// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// The history of every region, as the peer tells it that knows most.
public struct RegionHistory: Hashable, Sendable {
    public var region: String?
    /// The peer whose word this is.
    public var teller: Int?
    public var entries: [HistoryEntry]
    /// Why there is none, or why it may not be all.
    public var note: String?
    /// The peers want another token.
    public var isDenied = false
}

extension ActRunner {
    /// - Parameter regionName: nil for all.
    public func histories(region regionName: String?) -> [RegionHistory] {
        let view = ClusterView(inspector.inspectAndWait())
        return view.regions.filter { regionName == nil || $0.name == regionName }.map { region in
            for teller in region.tellers {
                guard let history = history(of: teller) else { continue }
                let note =
                    teller.isLeader
                    ? nil : "as \(teller.name) has it, which does not lead: what is newest may be missing"
                return RegionHistory(region: region.name, teller: teller.id, entries: history.entries, note: note)
            }
            return RegionHistory(
                region: region.name, teller: nil, entries: [], note: region.headline, isDenied: view.isDenied)
        }
    }
}

/// Histories in one of the formats.
public struct HistoryReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    public var width: Int

    public init(format: OutputFormat, style: Style = .plain, width: Int) {
        self.format = format
        self.style = style
        self.width = width
    }

    public func text(_ histories: [RegionHistory]) -> String {
        switch format {
        case .table: histories.map(table).joined(separator: "\n")
        case .json: document(histories).json() + "\n"
        case .yaml: document(histories).yaml()
        case .tsv: tsv(histories)
        }
    }

    private func table(_ history: RegionHistory) -> String {
        var lines = wrapped("\(history.region ?? "the group"):", width: width).map(style.bold)
        if let note = history.note { lines += wrapped("! " + note, width: width, indent: 2).map(style.yellow) }
        if history.entries.isEmpty, history.note == nil { lines.append("nothing has happened") }
        let listing = Listing(
            titles: ["time", "term", "epoch", "what", "result", "took", "who", "reason"],
            numbers: [1, 2, 5], expendable: [5, 2, 1],
            rows: history.entries.map { entry in
                [
                    entry.at?.description ?? "-", String(entry.term), String(entry.epoch), entry.what,
                    entry.resultWords, entry.durationMS.map { span($0.value) } ?? "", entry.whoWords,
                    printable(entry.act?.reason ?? ""),
                ]
            }, width: width)
        if !history.entries.isEmpty { lines += listing.lines(style) }
        return lines.map { $0 + "\n" }.joined()
    }

    private func document(_ histories: [RegionHistory]) -> Tree {
        .map([
            .init("schema_version", .integer(1)),
            .init(
                "regions",
                .list(
                    histories.map { history in
                        .map([
                            .init("name", Tree(history.region)), .init("told_by", Tree(history.teller)),
                            .init("note", Tree(history.note)),
                            .init("entries", .list(history.entries.map { Tree(encoding: $0) })),
                        ])
                    })),
        ])
    }

    private func tsv(_ histories: [RegionHistory]) -> String {
        let names =
            [
                "region", "index", "term", "epoch", "at", "event", "peer", "base", "result", "outcome", "duration_ms",
                "operation", "who", "from", "reason",
            ] + GivenUpDocument.tsvNames
        let rows = histories.flatMap { history in
            history.entries.map { [history.region ?? ""] + $0.tsvFields }
        }
        return ([names] + rows).map(tsvRow).joined()
    }
}

extension HistoryEntry {
    var what: String {
        let peer = peer.map { "peer \($0)" } ?? "?"
        switch event {
        case .leads: return "\(peer) leads"
        case .transfer: return "transfer to \(peer)"
        case .transferFailed: return "transfer failed"
        case .maintenanceOn: return "maintenance of \(peer) begins"
        case .maintenanceOff: return "maintenance of \(peer) ends"
        case .pause: return "pause"
        case .resume: return "resume"
        case .active: return "active" + (base.map { " from block \($0)" } ?? "")
        case .standby: return "standby"
        case .activating: return "activating"
        case .confirm: return "no other region is active"
        case .failover: return "failover" + (about.map { ", \(printable($0))" } ?? "")
        case .leftBehind: return "left behind" + (about.map { ": \(printable($0))" } ?? "")
        case .unknown(let text): return printable(text, limit: 40)
        }
    }

    fileprivate var tsvFields: [String] {
        let place = [String(index), String(term), String(epoch), at?.description ?? "", event.rawValue]
        let about = [peer.map(String.init) ?? "", base.map { String($0) } ?? ""]
        let ending = [result.rawValue, outcome ?? "", durationMS.map { "\(Int64($0.value))" } ?? ""]
        return place + about + ending + [act?.operation ?? "", act?.who ?? "", act?.from ?? "", act?.reason ?? ""]
            + GivenUpDocument.tsvFields(givenUp)
    }

    public var resultWords: String {
        switch result {
        case .done:
            "done"
                + (givenUp.map { ": " + $0.words }
                    ?? (event == .failover ? outcome.map { ": \(printable($0, limit: 512))" } ?? "" : ""))
        case .failed: "failed" + (outcome.map { ": \(printable($0, limit: 512))" } ?? "")
        case .open: "open"
        case .unknown(let text): printable(text, limit: 20)
        }
    }

    var whoWords: String {
        guard let act else { return "" }
        return printable([act.who, act.from].filter { !$0.isEmpty }.joined(separator: " from "), limit: 80)
    }
}

extension GivenUpDocument {
    static let tsvNames = [
        "given_up", "given_up_block_num", "given_up_block_id", "given_up_told_by", "given_up_source", "given_up_age_ms",
    ]

    static func tsvFields(_ region: GivenUpDocument?) -> [String] {
        let known = region?.known
        return [
            region?.region ?? "", known.map { String($0.block.blockNum) } ?? "", known?.block.blockID ?? "",
            known?.toldBy.map { String($0) } ?? "", known?.source.rawValue ?? "",
            known.map { "\(Int64($0.ageMS.value))" } ?? "",
        ]
    }
}
