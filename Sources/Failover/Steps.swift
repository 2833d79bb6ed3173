// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The steps of a switch, in their order, as the plan and the progress show them.
public enum Step: String, CaseIterable, Hashable, Sendable {
    case look
    case begin
    case catchUp = "catch up"
    case stop
    case hold
    case handOver = "hand over"
    case activate
    case standDown = "stand down"
    case prove
    case close
    /// Of the way back.
    case seal
    case restart
    case closeBack = "close again"

    /// Those of the way forward. `fromIsLost`: the old region cannot be reached.
    public static func plan(fromIsLost: Bool) -> [Step] {
        fromIsLost
            ? [.look, .begin, .activate, .prove, .close]
            : [.look, .begin, .catchUp, .stop, .hold, .handOver, .activate, .standDown, .prove, .close]
    }

    /// For how long it is tried.
    public var limitMS: Int64 {
        switch self {
        case .look, .begin, .stop, .hold, .handOver, .activate, .close: 5_000
        case .catchUp: 60_000
        case .prove, .standDown, .closeBack: 10_000
        case .seal, .restart: 15_000
        }
    }

    /// `fromIsLost`: only the new region is asked and told.
    public func does(_ papers: Papers, fromIsLost: Bool) -> String {
        let (old, new) = (papers.from, papers.to)
        let leaders = fromIsLost ? "the leader of \(new) how it stands" : "the leaders of both regions how they stand"
        let logs = fromIsLost ? "the log of \(new)" : "the logs of both regions"
        return switch self {
        case .look: "asks \(leaders)"
        case .begin: "writes into \(logs) that the switch has begun; no other one can begin"
        case .catchUp: "waits until the nodeos of \(new) are close behind the head of \(old), which still produces"
        case .stop: "makes \(old) standby: its last block is signed and committed, and it signs no more"
        case .hold: "waits until a quorum of the nodeos of \(new) hold the last block of \(old)"
        case .handOver: "makes \(old) activating: it starts again only once \(new) can no longer be started"
        case .activate: "makes \(new) active, to go on from that block"
        case .standDown: "makes \(old) standby"
        case .prove: "waits until a peer of \(new) that does not lead has a new block"
        case .close: "writes into \(logs) how the switch ended"
        case .seal: "raises the epoch of \(new), so that an activation on its way is refused"
        case .restart: "makes \(old) active again, at an epoch above all known"
        case .closeBack: "writes into \(logs) that the switch was rolled back"
        }
    }

    /// What happens when it fails or is late.
    public func wayBack(_ papers: Papers) -> String {
        switch self {
        case .look: "nothing has been begun"
        case .begin, .catchUp: "\(papers.from) goes on; the switch is closed"
        case .stop, .hold, .handOver: "\(papers.from) is made active again"
        case .activate: "\(papers.to) is sealed, then \(papers.from) is made active again"
        case .standDown, .prove, .close: "forward only: \(papers.to) is active"
        case .seal, .restart, .closeBack: "it stays halfway, and says so"
        }
    }
}

public enum Limits {
    /// From the moment that the old region has stopped until the new one is active; then the old one is started again.
    public static let gapMS: Int64 = 10_000
    /// For the way forward, the way back, and what follows the activation, each.
    public static let phaseMS: Int64 = 120_000
    /// A request that changed nothing that can be seen is sent again after this.
    public static let againMS: Int64 = 500
    /// Between two readings while there is nothing to send.
    public static let pauseMS: Int64 = 50
    /// The old region is stopped when the new one's nodeos are not further behind than this many blocks.
    public static let nearBlocks: UInt32 = 4
    /// A forced switch takes the next multiple of it, so that no planned step of the lost region is above it.
    public static let forcedEpochs: UInt64 = 1_000_000

    /// The epoch of a forced switch. - Parameter known: the highest that is known of any region.
    public static func forcedEpoch(above known: UInt64) -> UInt64 {
        let next = (known / forcedEpochs + 1).multipliedReportingOverflow(by: forcedEpochs)
        return next.overflow ? .max : next.partialValue
    }
}
