// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// Entries of a log in one of the formats, a few at a time.
public struct LogReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    /// Nil: lines are as long as they are.
    public var width: Int?
    private var hasBegun = false

    public init(format: OutputFormat, style: Style = .plain, width: Int?) {
        self.format = format
        self.style = style
        self.width = width
    }

    public mutating func text(_ entries: [LogEntryDocument]) -> String {
        var text = ""
        if !hasBegun {
            switch format {
            case .table: text += style.dim("   index   term  what") + "\n"
            case .tsv: text += tsvRow(Self.names)
            case .json, .yaml: break
            }
            hasBegun = true
        }
        for entry in entries {
            switch format {
            case .table: text += line(entry)
            // One document per line, since the end may never come.
            case .json: text += Tree(encoding: entry).json(.oneLine) + "\n"
            case .yaml: text += "---\n" + Tree(encoding: entry).yaml()
            case .tsv: text += tsvRow(entry.tsvFields)
            }
        }
        return text
    }

    private func line(_ entry: LogEntryDocument) -> String {
        let head = Self.right(entry.index, 8) + Self.right(entry.term, 7) + "  "
        guard let width, width > head.count + 10 else { return head + entry.words() + "\n" }
        let lines = wrapped(entry.words(), width: width - head.count)
        let margin = String(repeating: " ", count: head.count)
        return lines.enumerated().map { ($0.offset == 0 ? head : margin) + $0.element + "\n" }.joined()
    }

    private static func right(_ number: UInt64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private static let names =
        [
            "index", "term", "kind", "size", "block_num", "block_id", "producer", "timestamp", "epoch", "state",
            "paused",
            "event", "peer", "at", "operation", "who", "from", "reason", "outcome",
        ] + GivenUpDocument.tsvNames
}

extension LogEntryDocument {
    /// The entry for people.
    /// - Parameter isDated: with the time at which it was asked for.
    func words(isDated: Bool = true) -> String {
        if let block {
            let id = printable(String(block.id.prefix(16)), limit: 16)
            return "block \(block.number) \(id) \(printable(block.producer, limit: 13)) \(block.timestamp) \(size) B"
        }
        if let region {
            let base = region.base.map { ", from block \($0)" } ?? ""
            let state = printable(region.state, limit: 20) + (region.paused ? ", paused" : "")
            let act = region.act.map { " " + $0.words(isDated: isDated) } ?? ""
            let givenUp = region.givenUp.map { "; " + $0.words } ?? ""
            return "region \(state) (epoch \(region.epoch))\(base)\(act)\(givenUp)"
        }
        if let operation {
            let act = operation.act.map { " " + $0.words(isDated: isDated) } ?? (isDated ? " at \(operation.at)" : "")
            let outcome = operation.outcome.map { ": " + printable($0) } ?? ""
            let entry = HistoryEntry(
                index: index, term: term, epoch: 0, at: nil, event: operation.event, peer: operation.peer)
            return entry.what + outcome + act
        }
        if let settings {
            return
                "settings: group \(printable(settings.group, limit: 32)), \(printable(settings.producers, limit: 10))"
                + (settings.chain.map { " producer, chain \(printable($0, limit: 64))" } ?? " producer")
        }
        return "\(printable(kind.rawValue, limit: 20)), \(size) B"
    }

    fileprivate var tsvFields: [String] {
        let act = region?.act ?? operation?.act
        let place = [String(index), String(term), kind.rawValue, String(size)]
        let chain = [
            block.map { String($0.number) } ?? "", block?.id ?? "", block?.producer ?? "",
            block?.timestamp.description ?? "",
        ]
        let state = [
            region.map { String($0.epoch) } ?? "", region?.state ?? "",
            region.map { $0.paused ? "true" : "false" } ?? "",
        ]
        let event = [
            operation?.event.rawValue ?? "", operation?.peer.map(String.init) ?? "",
            (operation?.at ?? region?.act?.at)?.description ?? "",
        ]
        return place + chain + state + event
            + [
                act?.operation ?? operation?.ends ?? "", act?.who ?? "", act?.from ?? "", act?.reason ?? "",
                operation?.outcome ?? "",
            ] + GivenUpDocument.tsvFields(region?.givenUp)
    }
}
