// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

extension Script {
    mutating func expect(_ words: inout Words, _ all: [Int]) throws(Problem) {
        if words.rest.first == "message" {
            words.rest.removeFirst()
            return try expectMessage(&words)
        }
        let ids = try words.peers(of: all)
        let what = try words.next("what to expect")
        for id in ids {
            guard let peer = peers[id], let core = peer.core else { throw Problem(description: "peer \(id) is down") }
            func compare(_ seen: String, _ expected: String) throws(Problem) {
                if seen != expected { throw Problem(description: "peer \(id): \(what) is \(seen), not \(expected)") }
            }
            switch what {
            case "follower": try compare("\(core.role)", "follower")
            case "leader", "candidate", "preCandidate": try compare("\(core.role)", what)
            case "term": try compare("\(core.term)", words.rest.first ?? "")
            case "follows": try compare(core.leader?.description ?? "nobody", words.rest.first ?? "")
            case "commit": try compare("\(core.commitIndex)", words.rest.first ?? "")
            case "durable": try compare("\(core.persistedIndex)", words.rest.first ?? "")
            case "base": try compare("\(core.baseIndex)", words.rest.first ?? "")
            case "match":
                var rest = words
                let other = try rest.number("follower")
                try compare("\(core.progress[PeerID(other)]?.match ?? 0)", rest.rest.first ?? "")
            case "log":
                var terms: [String] = []
                var index = core.baseIndex + 1
                while index <= core.lastIndex {
                    terms.append(core.termOfEntry(at: index)?.description ?? "?")
                    index += 1
                }
                try compare(terms.joined(separator: " "), words.rest.joined(separator: " "))
            case "votes-from":
                try compare(core.hardState.votesFrom?.description ?? "never", words.rest.first ?? "")
            case "promise":
                try compare("\(core.hardState.promise)", "\(try Words.duration(words.rest.first ?? "", "promise"))")
            case "lease": try compare(Self.word(core.lease(at: now)), words.rest.first ?? "")
            case "waits":
                guard case .waiting(let rest) = core.lease(at: now) else {
                    throw Problem(description: "peer \(id): the lease is \(Self.word(core.lease(at: now)))")
                }
                try compare("\(rest)", "\(try Words.duration(words.rest.first ?? "", "wait"))")
            case "remaining":
                guard case .held(let rest) = core.lease(at: now) else {
                    throw Problem(description: "peer \(id): the lease is \(Self.word(core.lease(at: now)))")
                }
                try compare("\(rest)", "\(try Words.duration(words.rest.first ?? "", "remaining"))")
            case "note": try compare(peer.notes.last ?? "nothing", words.rest.joined(separator: " "))
            case "proposals": try compare(core.acceptsProposals() ? "taken" : "refused", words.rest.first ?? "")
            default: throw Problem(description: "\(what) is nothing to expect")
            }
        }
    }

    static func word(_ status: LeaseStatus) -> String {
        switch status {
        case .notLeader: "not-leader"
        case .waiting: "waiting"
        case .expired: "expired"
        case .released: "released"
        case .held: "held"
        }
    }

    /// `expect message 1->2 vote granted promise 900ms`: one like this is on its way.
    func expectMessage(_ words: inout Words) throws(Problem) {
        let way = try words.next("way")
        let matches = try ways(Words(rest: [way]))
        let wanted = words.rest.joined(separator: " ")
        let seen = network.filter(matches).map(\.message.words)
        let isThere = wanted == "none" ? seen.isEmpty : seen.contains { $0.hasPrefix(wanted) }
        guard isThere else {
            throw Problem(description: "on the way \(way): \(seen.isEmpty ? "nothing" : seen.joined(separator: "; "))")
        }
    }
}

extension Message {
    var kind: String { String(words.prefix { $0 != " " }) }

    var words: String {
        switch self {
        case .preVoteRequest(let request): "pre-vote-request term \(request.term)"
        case .preVoteResponse(let response):
            "pre-vote \(response.granted ? "granted" : "refused") term \(response.term)"
        case .voteRequest(let request):
            "vote-request term \(request.term) log \(request.lastIndex) \(request.lastTerm)"
        case .voteResponse(let response):
            "vote \(response.granted ? "granted" : "refused") promise \(Int(response.promiseRemaining.inMilliseconds))ms"
        case .append(let append):
            "append after \(append.previousIndex) \(append.previousTerm) entries \(append.entries.count) commit"
                + " \(append.commit)"
        case .appendResponse(let response):
            switch response.result {
            case .matches(let index): "matches \(index)\(response.counts ? "" : " uncounted")"
            case .conflict(let previous, let index, let term): "conflict \(previous) hint \(index) \(term)"
            }
        case .installSnapshot(let install): "snapshot \(install.snapshot.index)"
        case .timeoutNow(let timeout): "timeout-now \(timeout.leaseReleased ? "no-wait" : "wait")"
        case .transferRequest: "transfer-request"
        }
    }
}
