// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What became of a switch, or of the wish for one.
public struct FailoverOutcome: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// The region is active, and the old one is not.
        case done
        /// It was so already, or there is nothing to go on with.
        case unchanged
        /// A dry run that would begin.
        case wouldBegin = "would_begin"
        case failed
        /// Nothing was done.
        case refused
        /// The old region was made active again; of a forced switch: nothing was activated.
        case rolledBack = "rolled_back"
        /// Whether anything was done cannot be told.
        case unknown
        /// It has begun and not ended.
        case halfway
        case usage
        case unreachable
        case denied

        public var exitCode: Int32 {
            switch self {
            case .done, .unchanged, .wouldBegin: 0
            case .failed: 1
            case .refused: 3
            case .rolledBack: 4
            case .unknown: 5
            case .halfway: 6
            case .usage: 64
            case .unreachable: 69
            case .denied: 77
            }
        }
    }

    /// One step that was taken.
    public struct Taken: Hashable, Sendable {
        /// As the plan names it.
        public var step: String
        /// Empty where it concerns both.
        public var region: String
        public var tookMS: Int64
    }

    /// The two blocks between which nothing was produced.
    public struct Proof: Hashable, Sendable {
        public var last: BlockReference
        public var first: BlockReference
        /// From the one to the other, by their time slots.
        public var gapMS: Int64
        /// The peer that told the first one; not the leader that produced it, if another one answered.
        public var teller: String
        public var isIndependent: Bool

        /// Time slots without a block.
        public var missedSlots: Int64 { max(0, gapMS / Incident.slot - 1) }

        public var words: String {
            let by = isIndependent ? teller : "\(teller), which leads: no other peer was asked in time"
            return
                "block \(last.blockNum) was the last, block \(first.blockNum) is the first and follows it; the gap is "
                + "\(tenths(Double(gapMS))) (\(counted(Int(missedSlots), "time slot")) missed), as seen at \(by)"
        }
    }

    public var kind: Kind
    /// A name for scripts; nil when all is well.
    public var reason: String?
    /// One to three sentences.
    public var message: String
    public var region: String?
    /// Names the switch in the logs. Nil when none has begun.
    public var id: String?
    public var findings: [Preflight.Finding] = []
    public var plan: FailoverPlan?
    public var steps: [Taken] = []
    public var proof: Proof?
    /// Of a drill: the way back.
    public var proofOfReturn: Proof?

    init(_ kind: Kind, reason: String? = nil, _ message: String, region: String? = nil) {
        self.kind = kind
        self.reason = reason
        self.message = message
        self.region = region
    }

    public var document: Tree {
        let taken = steps.map { taken -> Tree in
            .map([
                .init("step", .string(taken.step)), .init("region", .string(taken.region)),
                .init("took_ms", .integer(taken.tookMS)),
            ])
        }
        let result: [Tree.Field] = [
            .init("schema_version", .integer(1)), .init("outcome", .string(kind.rawValue)),
            .init("reason", Tree(reason)), .init("message", .string(message)),
            .init("exit_code", .integer(Int64(kind.exitCode))), .init("region", Tree(region)),
            .init("switch", Tree(id)),
        ]
        let details: [Tree.Field] = [
            .init("findings", .list(findings.map(\.document))), .init("plan", plan?.document ?? .null),
            .init("steps", .list(taken)), .init("proof", proof?.document ?? .null),
            .init("proof_of_return", proofOfReturn?.document ?? .null),
        ]
        return .map(result + details)
    }
}

extension Preflight.Finding {
    /// "! west is paused, so it would not produce" and, below it, what would make it pass.
    var lines: [String] {
        switch severity {
        case .refusal: ["! refused: \(what)", "  to make it pass: \(remedy)"]
        case .warning: ["! \(what)", "  \(remedy)"]
        case .note: ["- \(what)"]
        }
    }

    var document: Tree {
        .map([
            .init("severity", .string(severity.rawValue)), .init("name", .string(name)), .init("region", Tree(region)),
            .init("what", .string(what)), .init("remedy", .string(remedy)),
        ])
    }
}

extension FailoverOutcome.Proof {
    var document: Tree {
        .map([
            .init("last_block_num", Tree(UInt64(last.blockNum))), .init("last_block_id", .string(last.blockID)),
            .init("first_block_num", Tree(UInt64(first.blockNum))), .init("first_block_id", .string(first.blockID)),
            .init("gap_ms", .integer(gapMS)), .init("missed_slots", .integer(missedSlots)),
            .init("seen_at", .string(teller)), .init("independent", .bool(isIndependent)),
        ])
    }
}

extension FailoverPlan {
    var document: Tree {
        let steps = lines.map { line -> Tree in
            .map([
                .init("step", .string(line.step)), .init("what", .string(line.what)),
                .init("deadline_ms", .integer(line.deadlineMS)), .init("way_back", .string(line.wayBack)),
            ])
        }
        return .map([
            .init("kind", .string(kind.rawValue)), .init("from", .string(from)), .init("to", .string(to)),
            .init("missed_slots", Tree(missedSlots)), .init("loss", .string(loss)),
            .init("tried", .list(tried.map { .string($0) })), .init("steps", .list(steps)),
        ])
    }

    /// For people.
    func text(width: Int) -> String {
        var lines: [String] = []
        for (place, line) in self.lines.enumerated() {
            let head = "\(place + 1). \(line.step): \(line.what) (within \(span(Double(line.deadlineMS))))"
            lines += wrapped(head, width: width, indent: 3)
            if !line.wayBack.isEmpty {
                lines += wrapped("or else: \(line.wayBack)", width: max(20, width - 3)).map { "   " + $0 }
            }
        }
        let missed = missedSlots.map { "About \(counted($0, "time slot")) will go without a block" }
        lines += wrapped("\(missed ?? "How many time slots will go without a block is not known").", width: width)
        lines += wrapped("Could be lost: \(loss).", width: width, indent: 2)
        for peer in tried { lines += wrapped("- \(peer)", width: width, indent: 2) }
        return lines.map { $0 + "\n" }.joined()
    }
}

/// An outcome in one of the formats.
public struct FailoverReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    public var width: Int

    public init(format: OutputFormat, style: Style = .plain, width: Int) {
        self.format = format
        self.style = style
        self.width = width
    }

    /// What goes to standard output; what went wrong goes to standard error, where a table is asked for.
    public func text(_ outcome: FailoverOutcome) -> String {
        switch format {
        case .table: table(outcome)
        case .json: outcome.document.json() + "\n"
        case .yaml: outcome.document.yaml()
        case .tsv: tsv(outcome)
        }
    }

    private func table(_ outcome: FailoverOutcome) -> String {
        switch outcome.kind {
        case .wouldBegin, .refused:
            let findings = outcome.findings.flatMap(\.lines).flatMap { wrapped($0, width: width, indent: 2) }
            let plan = outcome.plan.map { $0.text(width: width) } ?? ""
            let verdict = outcome.kind == .wouldBegin ? style.bold(outcome.message) + "\n" : ""
            return plan + findings.map { $0 + "\n" }.joined() + verdict
        case .done, .unchanged: return wrapped(outcome.message, width: width).map { $0 + "\n" }.joined()
        case .failed, .rolledBack, .unknown, .halfway, .usage, .unreachable, .denied: return ""
        }
    }

    private func tsv(_ outcome: FailoverOutcome) -> String {
        let names = [
            "outcome", "exit_code", "reason", "region", "switch", "gap_ms", "last_block_num", "first_block_num",
            "message",
        ]
        let row = [
            outcome.kind.rawValue, String(outcome.kind.exitCode), outcome.reason ?? "", outcome.region ?? "",
            outcome.id ?? "", outcome.proof.map { String($0.gapMS) } ?? "",
            outcome.proof.map { String($0.last.blockNum) } ?? "", outcome.proof.map { String($0.first.blockNum) } ?? "",
            outcome.message,
        ]
        return tsvRow(names) + tsvRow(row)
    }
}
