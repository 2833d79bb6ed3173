// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// How a trace writes things: as short as can be read.

extension Entry {
    var short: String { "\(index).\(term)/\(kind.rawValue)" }
}

extension Persist {
    var short: String {
        var text = "#\(sequence) term \(hardState.term) vote \(hardState.vote?.description ?? "-")"
        if let snapshot { text += " snapshot \(snapshot.index).\(snapshot.term)" }
        if let first = entries.first, let last = entries.last { text += " entries \(first.short)...\(last.short)" }
        return text
    }
}

extension Message {
    public var short: String {
        switch self {
        case .preVoteRequest(let request): "preVote? term \(request.term) log \(request.lastIndex).\(request.lastTerm)"
        case .preVoteResponse(let response): "preVote \(response.granted ? "yes" : "no") term \(response.term)"
        case .voteRequest(let request): "vote? term \(request.term) log \(request.lastIndex).\(request.lastTerm)"
        case .voteResponse(let response):
            "vote \(response.granted ? "yes" : "no") term \(response.term), promise"
                + " \(response.promiseRemaining.inMilliseconds) ms"
        case .append(let append):
            "append term \(append.term) after \(append.previousIndex).\(append.previousTerm)"
                + " \(append.entries.count) entries, commit \(append.commit)"
        case .appendResponse(let response):
            switch response.result {
            case .matches(let index): "matches \(index) term \(response.term)\(response.counts ? "" : ", no vote")"
            case .conflict(let previous, let index, let term):
                "conflict at \(previous), hint \(index).\(term), term \(response.term)"
            }
        case .installSnapshot(let install): "snapshot \(install.snapshot.index) term \(install.term)"
        case .timeoutNow(let timeout): "timeoutNow term \(timeout.term)\(timeout.leaseReleased ? ", no wait" : "")"
        case .transferRequest(let term): "transfer? term \(term)"
        }
    }
}
