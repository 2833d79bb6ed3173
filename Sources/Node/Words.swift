// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

// What the core's answers are called.

/// Why a peer may not produce: the group does not let it, or its nodeos cannot.
enum Obstacle {
    case group(ProductionObstacle)
    case nodeos(NodeosObstacle)

    /// The name in every document and command.
    var name: String {
        switch self {
        case .group(let obstacle): obstacle.name
        case .nodeos(let obstacle): obstacle.rawValue
        }
    }
}

extension LossReason {
    var text: String {
        switch self {
        case .higherTerm(let term): "there is a later term, \(term)"
        case .quorumLost: "no quorum answers"
        case .heldUp: "its commits wait for a peer that the others can do without in a later term"
        case .handOverFailed: "it gave its lease up for another peer, which did not take over"
        case .storageBlocked: "its disk takes no writes"
        case .retired: "it is about to end"
        case .writesLost: "its disk has lost what it had acknowledged"
        }
    }
}

extension TransferOutcome {
    var text: String {
        switch self {
        case .leaderIs(let peer): "peer \(peer) leads"
        case .targetBehind: "it did not catch up in time; leadership stays"
        case .notLeader: "this peer does not lead"
        case .notAMember: "no such peer in this group"
        case .targetUnreachable: "it cannot be reached; leadership stays"
        case .targetHasNoVote: "its vote does not count yet, since it came without data; leadership stays"
        case .targetInMaintenance: "it is in maintenance; leadership stays"
        case .busy: "another transfer is under way"
        case .unknown: "the lease was given up, and no other leader is known yet"
        }
    }
}
