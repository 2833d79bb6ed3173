// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

// The view as a document for scripts, in JSON and YAML. Durations are milliseconds, instants RFC 3339 in UTC.

extension ClusterView {
    public var document: Tree {
        .map([
            .init("schema_version", .integer(1)),
            .init("verdict", .string(verdict.rawValue)),
            .init("headline", .string(headline)),
            .init("alarms", .list(alarms.map { .string($0) })),
            .init("concerns", .list(concerns.map { .string($0) })),
            .init("regions", .list(regions.map(\.document))),
        ])
    }
}

extension RegionView {
    var document: Tree {
        let judged: [Tree.Field] = [
            .init("name", Tree(name)),
            .init("verdict", .string(verdict.rawValue)),
            .init("headline", .string(headline)),
            .init("state", .string(state.name)),
            .init("reason", Tree(state.reason?.rawValue)),
            .init("certain", .bool(isCertain)),
        ]
        return .map(judged + production + group)
    }

    private var production: [Tree.Field] {
        let aside = maintenance.map { peer -> Tree in
            .map([.init("peer", Tree(peer.peer)), .init("act", Tree(actOf: peer.act))])
        }
        return [
            .init("active", Tree(isActive)),
            .init("epoch", Tree(epoch)),
            .init("standing", Tree(standing?.rawValue)),
            .init("activated_epoch", Tree(activatedEpoch)),
            .init("switch", openSwitch.map { Tree(encoding: $0) } ?? .null),
            .init("superseded", superseded.map { Tree(encoding: $0) } ?? .null),
            .init("last_drill", lastDrill.map { Tree(encoding: $0) } ?? .null),
            .init("ready", Tree(readiness?.isReady)),
            .init("readiness", Tree(readiness?.words)),
            .init("heard", .list((heard ?? []).map(\.document))),
            .init("pause", pause.map { Tree(actOf: $0) } ?? .null),
            .init("maintenance", .list(aside)),
        ]
    }

    private var group: [Tree.Field] {
        [
            .init("leader_id", Tree(leader?.id)),
            .init("leader_term", Tree(leader?.term)),
            .init("lease_holders", .list(leaseHolders.map { Tree($0) })),
            .init("producers", .list(producers.map { Tree($0) })),
            .init("quiet_ms", Tree(quiet)),
            .init("quorum_size", Tree(quorum)),
            .init("up", Tree(up)),
            .init("total", Tree(total)),
            .init("best_commit_index", Tree(bestCommitIndex)),
            .init("max_lag", Tree(ClusterView.maxLag)),
            .init("alarms", .list(alarms.map { .string($0) })),
            .init("disagreements", .list(disagreements.map(\.document))),
            .init("concerns", .list(concerns.map { .string($0) })),
            .init("peers", .list(peers.map(\.document))),
        ]
    }
}

extension HeardRegion {
    var document: Tree {
        .map([
            .init("region", .string(name)), .init("by", Tree(by)), .init("age_ms", Tree(age)),
            .init("report", report.map { Tree($0) } ?? .null),
        ])
    }
}

extension Tree {
    init(actOf act: ActDocument) {
        self = .map([
            .init("operation", .string(act.operation)), .init("who", .string(act.who)),
            .init("from", .string(act.from)), .init("reason", .string(act.reason)),
            .init("at", .string(act.at.description)),
        ])
    }
}

extension Disagreement {
    var document: Tree {
        .map([
            .init("subject", .string(subject.rawValue)),
            .init("sentence", .string(sentence)),
            .init(
                "camps",
                .list(
                    camps.map { camp in
                        .map([
                            .init("says", .string(camp.says)),
                            .init("peers", .list(camp.peers.map { Tree($0) })),
                            .init("file", .bool(camp.file)),
                            .init("minority", .bool(camp.isMinority)),
                        ])
                    })),
        ])
    }
}

extension PeerView {
    var document: Tree {
        var fields: [Tree.Field] = [
            .init("id", Tree(id)),
            .init("api", Tree(report.target.api?.description)),
            .init("answered", .bool(status != nil)),
            .init("leader", .bool(isLeader)),
            .init("lag", Tree(lag)),
            .init("heard_by", .list(heardBy.map { Tree($0) })),
            .init("last_heard_ms", Tree(lastHeard)),
            .init(
                "last_known",
                lastKnown.map {
                    .map([
                        .init("age_ms", Tree($0.age)), .init("from", Tree($0.from)), .init("status", Tree($0.status)),
                    ])
                } ?? .null),
        ]
        switch report.outcome {
        case .answered(let answer):
            fields += [
                .init("answered_at", .string(answer.at.description)),
                .init("round_trip_ms", Tree(answer.roundTrip)),
                .init("status", Tree(answer.status)),
                .init("error", .null),
            ]
        case .failed(let failure):
            var error: [Tree.Field] = [
                .init("name", .string(failure.name)), .init("message", .string(failure.message)),
            ]
            if case .httpError(let status, let name, let message) = failure {
                let answer: [Tree.Field] = [
                    .init("status", Tree(status)), .init("name", Tree(name)), .init("message", .string(message)),
                ]
                error.append(.init("answer", .map(answer)))
            }
            fields += [
                .init("answered_at", .null),
                .init("round_trip_ms", .null),
                .init("status", .null),
                .init("error", .map(error)),
            ]
        }
        return .map(fields)
    }
}
