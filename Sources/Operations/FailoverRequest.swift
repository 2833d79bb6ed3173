// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What the operator wants of `prodha failover`.
public struct FailoverRequest: Hashable, Sendable {
    public enum Purpose: Hashable, Sendable {
        case planned
        case forced
        /// There and back.
        case drill
        /// Goes on with the switch that is open.
        case resume
        /// Undoes the switch that is open, if it still can.
        case rollBack
    }

    public var purpose: Purpose
    /// The region that takes over. Nil where the open switch says which.
    public var region: String?
    /// Shows the plan and ends.
    public var isDryRun: Bool
    /// The region's name, given beforehand.
    public var confirmation: String?
    public var acceptsLoss: Bool

    public init(
        _ purpose: Purpose, region: String?, isDryRun: Bool = false, confirmation: String? = nil,
        acceptsLoss: Bool = false
    ) {
        self.purpose = purpose
        self.region = region
        self.isDryRun = isDryRun
        self.confirmation = confirmation
        self.acceptsLoss = acceptsLoss
    }

    public var kind: SwitchKind {
        switch purpose {
        case .planned, .resume, .rollBack: .planned
        case .forced: .forced
        case .drill: .drill
        }
    }

    /// What about it makes no sense; nil when it does.
    public var mistake: String? {
        switch purpose {
        case .planned, .forced, .drill:
            if region == nil { return "--region is missing: which region is to take over?" }
        case .resume, .rollBack:
            if isDryRun { return "--dry-run goes with a new switch, not with --resume or --rollback" }
            if confirmation != nil { return "--confirm goes with a new switch, not with --resume or --rollback" }
        }
        if purpose == .forced, !acceptsLoss, !isDryRun {
            return "--force needs --accept-loss: blocks that only the old region has are lost; --dry-run shows which"
        }
        if purpose != .forced, acceptsLoss { return "--accept-loss goes with --force" }
        if let confirmation, let region, confirmation != region {
            return "--confirm \(printable(confirmation)) is not --region \(printable(region))"
        }
        return nil
    }
}

/// What is asked of a person before a switch begins: the words to be typed, one after the other.
public struct FailoverPrompt: Hashable, Sendable {
    public var question: String
    public var expected: String

    public init(question: String, expected: String) {
        self.question = question
        self.expected = expected
    }
}

extension FailoverRequest {
    /// In the order in which they are asked.
    public func prompts(to region: String) -> [FailoverPrompt] {
        let name = FailoverPrompt(
            question: "Type the name of the region that is to take over (\(region)) to begin: ", expected: region)
        guard purpose == .forced else { return [name] }
        return [
            name,
            FailoverPrompt(question: "Type 'accept loss' if its blocks may be lost: ", expected: "accept loss"),
        ]
    }
}
