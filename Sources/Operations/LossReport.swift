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
                if loss.blocks.count > best?.document.blocks.count ?? -1 { best = (teller.id, loss) }
                if !loss.truncated { break }
            }
            return RegionLoss(
                region: region.name, teller: best?.teller, document: best?.document,
                note: best == nil ? region.headline : nil, isDenied: region.isDenied)
        }
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
        guard let document = loss.document else { return loss.note ?? "no peer tells" }
        guard let superseded = document.superseded else { return "no other region went on without it" }
        let base = superseded.base.map { " from block \($0.blockNum)" } ?? ""
        let at = superseded.at.map { " at \($0)" } ?? ""
        let before = "\(printable(superseded.by, limit: 64)) went on\(base)\(at), epoch \(superseded.epoch)"
        let count = counted(document.blocks.count, "block")
        let transactions = counted(document.blocks.reduce(0) { $0 + $1.transactions.count }, "transaction")
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
                        ])
                    })),
        ])
    }

    private func tsv(_ losses: [RegionLoss]) -> String {
        let names = ["region", "superseded_by", "epoch", "block_num", "block_id", "transactions"]
        let rows = losses.flatMap { loss in
            (loss.document?.blocks ?? []).map { block in
                let superseded = loss.document?.superseded
                return [
                    loss.region ?? "", superseded?.by ?? "", superseded.map { String($0.epoch) } ?? "",
                    String(block.blockNum), block.blockID, block.transactions.joined(separator: " "),
                ]
            }
        }
        return ([names] + rows).map(tsvRow).joined()
    }
}
