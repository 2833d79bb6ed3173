// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover

// A switch without the old region, which cannot be reached.

extension FailoverRunner {
    /// An open switch to this region goes on as a forced one; an open one from it is closed first.
    func force(_ job: Job, _ preflight: Preflight) -> FailoverOutcome {
        var job = job
        var outcome = FailoverOutcome(.failed, "", region: job.papers.to)
        outcome.findings = preflight.findings
        job.givenUp = preflight.givenUp
        if let new = job.regions.first(where: { $0.name == job.papers.to }) {
            if new.isActive == true { return claim(job, new) }
            job.base = forcedBase(new, of: job.papers.from)
            if let open = new.openSwitch.flatMap({ Papers($0) }) {
                if open.to == job.papers.to {
                    var taken = job
                    taken.papers = open
                    taken.isSeen = true
                    let ended = carryOut(taken, on: outcome)
                    // It may have been sealed against its activation; then it is closed now, and a new one can begin.
                    let view = ClusterView(inspector.inspectAndWait())
                    let now = view.region(named: job.papers.to)
                    guard ended.kind == .rolledBack || ended.kind == .halfway, now?.leaderStatus != nil,
                        now?.isActive == false, now?.openSwitch == nil
                    else { return ended }
                    job.regions = view.regions
                    job.papers.toExpects = now?.epoch ?? job.papers.toExpects
                    job.known = Self.highestEpoch(view.regions)
                } else if let trouble = close(open, in: new) {
                    return trouble
                }
            }
        }
        return carryOut(job, on: outcome)
    }

    /// Of two regions that are active since the same epoch: this one is right from now on, and the other one stops when it
    /// hears of it. The entry itself is the record.
    private func claim(_ job: Job, _ region: RegionView) -> FailoverOutcome {
        let ended = insist(
            on: "/v1/prodha/region/activate", in: region, within: Step.activate.limitMS,
            isDone: { $0.state == .active && $0.activatedEpoch ?? 0 > job.known },
            body: { production in
                RegionRequest(
                    expects: production.epoch, epoch: Limits.forcedEpoch(above: job.known), renew: true, force: true,
                    givenUp: job.givenUp, operation: "\(job.papers.id)/activate", who: who, reason: reason
                ).json()
            })
        var outcome = FailoverOutcome(.failed, reason: "not_activated", "", region: region.label)
        switch ended {
        case .done(let production):
            outcome.kind = .done
            outcome.reason = nil
            outcome.message =
                "\(region.label) is right from now on (active since epoch \(production.activatedEpoch ?? 0)); the other "
                + "region stops when it hears of it: see prodha status"
        case .late(let last, let hasSent):
            outcome.kind = hasSent ? .unknown : .failed
            outcome.message =
                "\(region.label) does not say that it was activated anew (\(last)); prodha status tells, and prodha "
                + "history"
        }
        return outcome
    }

    /// Nil: it is closed.
    private func close(_ papers: Papers, in region: RegionView) -> FailoverOutcome? {
        let body = SwitchEndRequest(
            id: papers.id, result: .rolledBack, words: "given up for a forced switch to \(region.label)",
            operation: "\(papers.id)/given up", who: who, reason: reason)
        let ended = insist(
            on: "/v1/prodha/region/switch/end", in: region, within: Step.closeBack.limitMS,
            isDone: { $0.switch?.id != papers.id }, body: { _ in body.json() })
        switch ended {
        case .done: return nil
        case .late(let last, _):
            return FailoverOutcome(
                .failed, reason: "switch_running",
                "\(region.label) is as it was: the switch that is open there could not be closed (\(last)); try again",
                region: region.label)
        }
    }

    private enum Insistence {
        case done(StatusDocument.Production)
        /// What was heard last, and whether anything was sent.
        case late(String, hasSent: Bool)
    }

    /// Sends a request until its leader shows that it is carried out, whatever is answered.
    private func insist(
        on path: String, in region: RegionView, within limitMS: Int64,
        isDone: (StatusDocument.Production) -> Bool, body: (StatusDocument.Production) -> [UInt8]
    ) -> Insistence {
        let group = RegionGroup(region, inspector, limits)
        let deadline = timing.now() + limitMS
        var hasSent = false
        var last = "nobody leads"
        repeat {
            let look = group.look()
            if let (target, status) = look.leader {
                if isDone(status.production) { return .done(status.production) }
                hasSent = true
                last = group.send(path, body(status.production), to: target, timeoutMS: limits.answerMS).words
            } else {
                last = look.trouble
            }
            timing.pause(Limits.pauseMS)
        } while timing.now() < deadline
        return .late(last, hasSent: hasSent)
    }

    /// The highest block of the lost region that a peer of the new one can give, when that is above the new region's own.
    /// With nodeos there is none: the daemon finds where they stand.
    private func forcedBase(_ new: RegionView, of old: String) -> CommittedBlock? {
        guard new.peers.allSatisfy({ $0.status?.nodeos == nil }) else { return nil }
        let own = new.head?.blockNum ?? 0
        let group = RegionGroup(new, inspector, limits)
        for (head, peer) in new.held(of: old).prefix(ClusterView.maxHearsay) where head.blockNum > own {
            guard let target = new.target(of: peer) else { continue }
            if let found = group.block("id=\(head.blockID)", from: [target])?.block, found.reference == head {
                return found
            }
            tell("\(target.name) of \(new.label) no longer gives block \(head.blockNum)")
        }
        return nil
    }
}
