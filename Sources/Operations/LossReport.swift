// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// The blocks that only one region has, because another one went on without it.
public struct RegionLoss: Hashable, Sendable {
    public var region: String?
    /// The peer whose word this is.
    public var teller: Int?
    /// Nil: no peer tells.
    public var document: LossDocument?
    /// Why there is none.
    public var note: String?
    /// The peers want another token.
    public var isDenied = false
    /// How another region went on without this one, which has not been heard to give way since.
    public var givenUp: GivenUp?

    /// A forced activation, as the history of the region that it made active has it.
    public struct GivenUp: Hashable, Sendable {
        /// That region.
        public var by: String
        public var entry: HistoryEntry
        public var known: GivenUpDocument.Known?
    }
}

extension ActRunner {
    /// - Parameter regionName: nil for all.
    public func losses(region regionName: String?) -> [RegionLoss] {
        let view = ClusterView(inspector.inspectAndWait())
        return view.regions.filter { regionName == nil || $0.name == regionName }.map { region in
            var best: (teller: Int?, document: LossDocument)?
            for teller in region.tellers {
                let target = teller.report.target
                guard
                    let loss = try? inspector.document(
                        LossDocument.self, "/v1/prodha/loss", of: target, maxBytes: Inspector.maxLossBytes)
                else { continue }
                // A peer whose log is shorter tells less.
                if best.map({ loss.isBetter(than: $0.document) }) ?? true { best = (teller.id, loss) }
                if loss.forkKnown, !loss.truncated { break }
            }
            return RegionLoss(
                region: region.name, teller: best?.teller, document: best?.document,
                note: best == nil ? region.headline : nil, isDenied: region.isDenied,
                givenUp: best == nil ? givenUp(region, view.regions) : nil)
        }
    }

    private func givenUp(_ region: RegionView, _ regions: [RegionView]) -> RegionLoss.GivenUp? {
        let histories = regions.filter { $0.name != region.name }.map { other in
            (by: other.label, entries: other.tellers.lazy.compactMap { self.history(of: $0) }.first?.entries ?? [])
        }
        return RegionLoss.GivenUp(region, histories, regions)
    }
}

extension RegionLoss.GivenUp {
    /// The last time that another region went on without this one; nil when it has given way since, or was active again.
    init?(_ region: RegionView, _ histories: [(by: String, entries: [HistoryEntry])], _ regions: [RegionView]) {
        let found = histories.flatMap { history in
            history.entries.compactMap { entry in
                entry.givenUp.flatMap {
                    $0.region == region.name ? Self(by: history.by, entry: entry, known: $0.known) : nil
                }
            }
        }
        guard let last = found.max(by: { $0.entry.epoch < $1.entry.epoch }) else { return nil }
        let known = last.entry.givenUp?.epoch ?? 0
        let hasReturned = regions.flatMap(\.heardEverywhere).contains { heard in
            guard heard.name == region.name, let report = heard.report else { return false }
            return report.activatedEpoch > last.entry.epoch || report.state != .active && report.epoch > known
        }
        if hasReturned { return nil }
        self = last
    }
}

extension LossDocument {
    fileprivate func isBetter(than other: LossDocument) -> Bool {
        forkKnown == other.forkKnown ? blocks.count > other.blocks.count : forkKnown
    }
}

/// Losses in one of the formats.
public struct LossReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    public var width: Int

    public init(format: OutputFormat, style: Style = .plain, width: Int) {
        self.format = format
        self.style = style
        self.width = width
    }

    public func text(_ losses: [RegionLoss]) -> String {
        switch format {
        case .table: losses.map(table).joined(separator: "\n")
        case .json: document(losses).json() + "\n"
        case .yaml: document(losses).yaml()
        case .tsv: tsv(losses)
        }
    }

    private func table(_ loss: RegionLoss) -> String {
        var lines = wrapped("\(printable(loss.region ?? "the group")): \(summary(loss))", width: width)
            .map(style.bold)
        let blocks = loss.document?.blocks ?? []
        if !blocks.isEmpty {
            let listing = Listing(
                titles: ["block", "id", "transactions"], numbers: [0],
                rows: blocks.map { block in
                    [
                        String(block.blockNum), printable(block.blockID, limit: 64),
                        block.transactions.isEmpty
                            ? "none" : block.transactions.map { printable($0, limit: 64) }.joined(separator: " "),
                    ]
                }, width: width)
            lines += listing.lines(style)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func summary(_ loss: RegionLoss) -> String {
        if let givenUp = loss.givenUp { return givenUp.words }
        guard let document = loss.document else { return loss.note ?? "no peer tells" }
        guard let superseded = document.superseded else { return "no other region went on without it" }
        let base = superseded.base.map { " from block \($0.blockNum)" } ?? ""
        let at = superseded.at.map { " at \($0)" } ?? ""
        let before = "\(printable(superseded.by, limit: 64)) went on\(base)\(at), epoch \(superseded.epoch)"
        let count = counted(document.blocks.count, "block")
        let transactions = counted(document.blocks.reduce(0) { $0 + $1.transactions.count }, "transaction")
        if !document.forkKnown {
            let more = document.truncated ? ", and some that are no longer in the log or too many to be told" : ""
            return "\(before); which of this region's blocks are on its chain is not known here: up to \(count) with "
                + "\(transactions) may be here alone\(more)"
        }
        if document.truncated {
            return "\(before); at least \(count) with \(transactions) are here alone: there are more than can be told, "
                + "or some are no longer in the log"
        }
        return document.blocks.isEmpty
            ? "\(before); no block is here alone" : "\(before); \(count) with \(transactions) are here alone"
    }

    private func document(_ losses: [RegionLoss]) -> Tree {
        .map([
            .init("schema_version", .integer(1)),
            .init(
                "regions",
                .list(
                    losses.map { loss in
                        .map([
                            .init("name", Tree(loss.region)), .init("told_by", Tree(loss.teller)),
                            .init("note", Tree(loss.note)),
                            .init("loss", loss.document.map { Tree($0) } ?? .null),
                            .init("given_up", loss.givenUp?.document ?? .null),
                        ])
                    })),
        ])
    }

    private func tsv(_ losses: [RegionLoss]) -> String {
        let names = ["region", "superseded_by", "epoch", "block_num", "block_id", "transactions", "what"]
        let rows = losses.flatMap { loss in
            (loss.givenUp.map { [$0.row(loss.region ?? "")] } ?? [])
                + (loss.document?.blocks ?? []).map { block in
                    let superseded = loss.document?.superseded
                    return [
                        loss.region ?? "", superseded?.by ?? "", superseded.map { String($0.epoch) } ?? "",
                        String(block.blockNum), block.blockID, block.transactions.joined(separator: " "),
                        loss.document?.forkKnown == false ? "perhaps_lost" : "lost",
                    ]
                }
        }
        return ([names] + rows).map(tsvRow).joined()
    }
}

extension RegionLoss.GivenUp {
    /// So many blocks at least are lost if the region does not return; nil: that is not known.
    public var lost: Int? {
        guard let base = entry.base, let known else { return nil }
        return max(0, Int(known.block.blockNum) - Int(base))
    }

    /// "it has not answered; when it was given up its last known block was 123 (...), west went on from 120: at least 3 blocks
    /// are lost if it does not return".
    fileprivate var words: String {
        let time = entry.at.map { " at \($0)" } ?? ""
        let last = known.map { "its last known block was \($0.words)" } ?? "no block of it was known"
        let base = entry.base.map { "block \($0)" } ?? "its own last block"
        let count =
            switch lost {
            case nil: "how many blocks are lost if it does not return is not known"
            case 0?: "no block that was known is lost, and what it made after that is not known"
            case let lost?:
                "at least \(counted(lost, "block")) \(lost == 1 ? "is" : "are") lost if it does not return"
            }
        return "it has not answered; when it was given up\(time) \(last); \(printable(by, limit: 64)) went on from "
            + "\(base): \(count)"
    }

    /// A region that has not answered has no lost blocks that could be listed, only a last one that was known.
    fileprivate func row(_ region: String) -> [String] {
        [
            region, by, String(entry.epoch), known.map { String($0.block.blockNum) } ?? "", known?.block.blockID ?? "",
            "",
            "last_known",
        ]
    }

    fileprivate var document: Tree {
        .map([
            .init("by", .string(by)), .init("at_least", Tree(lost)), .init("entry", Tree(encoding: entry)),
        ])
    }
}
