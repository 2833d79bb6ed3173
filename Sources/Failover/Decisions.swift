// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension RegionSwitch {
    /// How far the old region is, from its state alone.
    enum Place { case running, stopped, handedOver, restarted, foreign }

    func place(of region: RegionFacts) -> Place {
        if region.activatedEpoch > papers.fromExpects { return .restarted }
        switch region.standing {
        case .active: return .running
        case .standby where region.epoch == Self.after(papers.fromExpects): return .stopped
        case .activating where region.epoch == Self.after(Self.after(papers.fromExpects)): return .handedOver
        case .standby, .activating: return .foreign
        }
    }

    /// What the regions' states ask for. Changes nothing but what can no longer change: that there is no way back.
    mutating func decide() -> Move {
        if isHistory {
            switch said {
            case .done?: return .end(.done(witnessed: false, gapMS: nil, words: "\(papers.to) was active"))
            case .rolledBack?: return .end(.rolledBack(why: reason ?? ""))
            case nil: return overtaken()
            }
        }
        if let to, to.activatedEpoch > papers.toExpects, to.standing == .active {
            // By another switch than this one, which stands in no log.
            if wasOpen.isEmpty, !isOpen(to) {
                return isBegun ? overtaken() : .end(.refused(why: "\(to.sentence): somebody else has switched"))
            }
            if !isOver { (goal, isOver, phaseSince) = (.forward, true, nil) }
            return settle(to)
        }
        if let from, place(of: from) == .restarted { return settleBack(from) }
        if fromIsLost { return decideAlone() }
        if let to, to.activatedEpoch > papers.toExpects { return overtaken() }
        guard let from else { return .wait(.look) }
        if place(of: from) == .running, isTaken(from) {
            return .end(.refused(why: "another switch runs in \(from.name): \(from.openSwitch?.id ?? "")"))
        }
        return goal == .forward ? goForward(from) : goBack(from)
    }

    private func goForward(_ from: RegionFacts) -> Move {
        guard let to else { return .wait(.look) }
        if to.epoch != papers.toExpects {
            return .turnBack("\(to.sentence), not \(papers.toExpects): somebody else changed it")
        }
        if to.standing != .standby { return .turnBack("\(to.sentence), not standby") }
        if isTaken(to) { return .turnBack("another switch runs in \(to.name): \(to.openSwitch?.id ?? "")") }
        if let theirs = to.head?.number, let ours = from.head?.number, theirs > ours {
            return .turnBack("\(to.name) has block \(theirs), and \(from.name) has \(ours) only")
        }
        switch place(of: from) {
        case .running:
            if from.epoch != papers.fromExpects {
                return .turnBack("\(from.sentence), not \(papers.fromExpects): somebody else changed it")
            }
            if !isOpen(from) { return send(.begin, .from, .begin(papers)) }
            if !isOpen(to) { return send(.begin, .to, .begin(papers)) }
            guard silence[.to] == nil, isNear(to) else { return .wait(.catchUp) }
            return send(
                .stop, .from,
                .deactivate(.standby, expects: from.epoch, epoch: Self.after(from.epoch), papers: papers.id))
        case .stopped:
            guard isOpen(from) else { return overtaken() }
            guard silence[.to] == nil, holds(to, from.head) else { return .wait(.hold) }
            return send(
                .handOver, .from,
                .deactivate(.activating, expects: from.epoch, epoch: Self.after(from.epoch), papers: papers.id))
        case .handedOver:
            return send(
                .activate, .to,
                .activate(
                    expects: papers.toExpects, epoch: Self.after(highest), base: from.head, force: false,
                    papers: papers.id))
        case .restarted, .foreign: return overtaken()
        }
    }

    private func goBack(_ from: RegionFacts) -> Move {
        switch place(of: from) {
        // Not begun; and what is on its way to begin it is refused at another epoch.
        case .running where !isBegun || !isOpen(from) && from.epoch > papers.fromExpects:
            return .end(.refused(why: reason ?? ""))
        case .running:
            // Every change names the switch, so that a late one does nothing to the next; so it is begun to be closed.
            return isOpen(from) ? restart(from) : send(.begin, .from, .begin(papers))
        case .stopped, .handedOver:
            if !isOpen(from) { return overtaken() }
            if place(of: from) == .stopped { return restart(from) }
            guard let to else { return .wait(.seal) }
            if to.epoch > papers.toExpects { return restart(from) }
            return to.standing == .active || isTaken(to) ? overtaken() : seal(to)
        case .restarted, .foreign:
            return overtaken()
        }
    }

    /// The old region is active again, or was since: no request of the way forward to it can be carried out.
    private mutating func settleBack(_ from: RegionFacts) -> Move {
        goal = .back
        guard let to else { return .wait(.closeBack) }
        // What is on its way to the new region is refused from now on, too.
        if isBegun, to.epoch == papers.toExpects, to.standing != .active, !isTaken(to) { return seal(to) }
        let why = reason ?? "it was rolled back from elsewhere"
        for (side, region) in [(Side.from, from), (.to, to)] where isOpen(region) { return end(.closeBack, side, why) }
        return .end(isBegun ? .rolledBack(why: why) : .refused(why: "\(from.sentence), and was activated since"))
    }

    /// The new region is active.
    private func settle(_ to: RegionFacts) -> Move {
        if !fromIsLost {
            guard let from else { return .wait(.standDown) }
            switch from.standing {
            // It stops by itself once it hears of the new region, or the new one does.
            case .active: return .wait(.standDown)
            case .activating where isOpen(from):
                return send(
                    .standDown, .from,
                    .deactivate(.standby, expects: from.epoch, epoch: Self.after(from.epoch), papers: papers.id))
            case .activating: return overtaken()
            // As it stood before it handed over; or it never did, and must not now.
            case .standby where place(of: from) == .stopped && isOpen(from):
                return send(.standDown, .from, .seal(expects: from.epoch, papers: papers.id))
            case .standby: break
            }
        }
        let isWitnessed = to.witnessed.map { $0.number > to.base?.number ?? 0 } ?? false
        if isOpen(to), !isWitnessed, !isUnproved, !to.isPaused { return .wait(.prove) }
        var gap: Int64?
        if let base = to.base, let ended = base.timeMS ?? lastTime(base), let first = to.witnessed,
            first.number == base.number + 1
        {
            gap = first.timeMS.map { $0 - ended }
        }
        let words = isWitnessed ? "\(to.name) produces" : "\(to.name) is active; that it produces was not seen"
        if !fromIsLost, let from, isOpen(from) { return end(.close, .from, words, gapMS: gap) }
        if isOpen(to) { return end(.close, .to, words, gapMS: gap) }
        return .end(.done(witnessed: isWitnessed, gapMS: gap, words: words))
    }

    /// The old region cannot be reached.
    private func decideAlone() -> Move {
        guard let to else { return .wait(.look) }
        // It was active, and is no longer: only the logs are left to be told.
        if to.activatedEpoch > papers.toExpects, goal == .forward { return overtaken() }
        // A region that is active must not be stopped by the seal; and what activates it again does no harm.
        let isSealed = to.epoch > papers.toExpects || to.standing == .active
        switch goal {
        case .forward:
            if to.standing == .active { return .turnBack("\(to.sentence) already") }
            if isSealed { return .turnBack("\(to.sentence), not \(papers.toExpects): somebody else changed it") }
            if isTaken(to) { return .turnBack("another switch runs in \(to.name): \(to.openSwitch?.id ?? "")") }
            if !isOpen(to) { return send(.begin, .to, .begin(papers)) }
            return send(
                .activate, .to,
                .activate(
                    expects: papers.toExpects, epoch: Limits.forcedEpoch(above: highest),
                    base: forcedBase ?? lastBlock, force: true, papers: papers.id))
        case .back:
            if !isBegun || isTaken(to) { return .end(.refused(why: reason ?? "")) }
            if !isSealed { return seal(to) }
            let why = reason ?? ""
            if isOpen(to) { return end(.closeBack, .to, why) }
            if papers.kind == .forced { return .end(.rolledBack(why: why)) }
            return .end(
                .halfway(
                    why: why, stands: "\(to.sentence) and sealed; \(papers.from) was not asked",
                    todo: "once it can be asked: failover --rollback; if it is lost: failover --force"))
        }
    }

    private func restart(_ from: RegionFacts) -> Move {
        send(
            .restart, .from,
            .activate(
                expects: from.epoch, epoch: Self.after(highest), base: nil, force: false, papers: papers.id))
    }

    private func seal(_ to: RegionFacts) -> Move {
        isOpen(to)
            ? send(.seal, .to, .seal(expects: to.epoch, papers: papers.id)) : send(.begin, .to, .begin(papers))
    }

    private func end(_ step: Step, _ side: Side, _ words: String, gapMS: Int64? = nil) -> Move {
        send(step, side, .end(id: papers.id, step == .close ? .done : .rolledBack, words: words, gapMS: gapMS))
    }

    private func send(_ step: Step, _ side: Side, _ change: SwitchRequest.Change) -> Move {
        .send(
            SwitchRequest(
                step: step, to: side, region: name(of: side), operation: "\(papers.id)/\(step.rawValue)",
                change: change))
    }

    private func overtaken() -> Move {
        .end(
            .overtaken(
                stands: stands,
                todo: "see the history of both; if the right one, R, is not active: failover --region R --force "
                    + "--accept-loss makes it so; then failover --rollback closes what is still open"))
    }

    func stuck(_ why: String) -> Ending {
        if !isBegun { return .refused(why: why) }
        let todo =
            if fromIsLost { "once \(papers.to) can be asked: failover --resume or --rollback" } else {
                "once both can be asked: failover --resume or --rollback, from anywhere; if one is lost for good: "
                    + "failover --force"
            }
        return .halfway(why: why, stands: stands, todo: todo)
    }

    /// What is known of both regions.
    var stands: String {
        [(Side.from, from), (.to, to)].map { side, region in
            guard let region else { return "\(name(of: side)) is not known" }
            return region.sentence + (silence[side] == nil ? "" : " as far as is known")
        }
        .joined(separator: ", ")
    }

    func name(of side: Side) -> String { side == .from ? papers.from : papers.to }

    /// Something of this switch may be in a log, or on its way there.
    private var isBegun: Bool { !wasOpen.isEmpty || hasSent }

    /// It is ended, and both regions were activated since it began: how it ended is not to be seen in them.
    private var isHistory: Bool {
        guard !fromIsLost, let from, let to, !isOpen(from), !isOpen(to) else { return false }
        return place(of: from) == .restarted && to.activatedEpoch > papers.toExpects
    }

    private func isOpen(_ region: RegionFacts) -> Bool { region.openSwitch?.id == papers.id }

    /// Another switch runs there.
    private func isTaken(_ region: RegionFacts) -> Bool { region.openSwitch != nil && !isOpen(region) }

    private func isNear(_ to: RegionFacts) -> Bool {
        switch to.chain {
        case .none: true
        case .unknown: false
        case .nodeos(let behind, _, _, _): behind <= Limits.nearBlocks
        }
    }

    private func holds(_ to: RegionFacts, _ block: Block?) -> Bool {
        guard let block else { return true }
        switch to.chain {
        case .none: return true
        case .unknown: return false
        case .nodeos(_, let holders, let held, let needed):
            return held?.number == block.number && held?.id == block.id && holders >= needed
        }
    }

    private func lastTime(_ base: Block) -> Int64? {
        from?.head?.id == base.id ? from?.head?.timeMS : nil
    }

    /// Stays the same at the top, where the region refuses it.
    static func after(_ epoch: UInt64) -> UInt64 { epoch == .max ? epoch : epoch + 1 }
}
