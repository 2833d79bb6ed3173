// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Failover

/// What a region's group holds to. Each can be left out, to see that it is needed.
struct Rules: OptionSet {
    let rawValue: Int

    /// A change is refused unless the epoch that it expects stands.
    static let changesCompareEpochs = Rules(rawValue: 1)
    static let sealComparesEpochs = Rules(rawValue: 2)
    /// A switch begins only at the epoch that its papers expect.
    static let beginComparesEpochs = Rules(rawValue: 4)
    static let oneSwitchAtATime = Rules(rawValue: 8)
    /// A change that names a switch is refused unless that one is open.
    static let changesNeedTheirSwitch = Rules(rawValue: 16)
    static let all: Rules = [
        .changesCompareEpochs, .sealComparesEpochs, .beginComparesEpochs, .oneSwitchAtATime, .changesNeedTheirSwitch,
    ]
}

/// The replicated state of a region's group, as far as switches go.
struct ModelRegion: Hashable {
    enum Answer: Hashable {
        case done, unchanged, epochChanged
        case refused(String)
    }

    let name: String
    var epoch: UInt64
    var standing: Standing
    var activatedEpoch: UInt64
    var isPaused = false
    var head: Block
    var base: Block?
    var openSwitch: Papers?
    var isForced = false

    mutating func apply(_ change: SwitchRequest.Change, rules: Rules) -> Answer {
        switch change {
        case .begin(let papers):
            if openSwitch?.id == papers.id { return .unchanged }
            if openSwitch != nil, rules.contains(.oneSwitchAtATime) { return .refused("switch_running") }
            let expects = papers.from == name ? papers.fromExpects : papers.toExpects
            if epoch != expects, rules.contains(.beginComparesEpochs) { return .epochChanged }
            openSwitch = papers
        case .end(let id, _, _, _):
            if openSwitch?.id != id { return .unchanged }
            openSwitch = nil
        case .deactivate(let standing, let expects, let epoch, let papers):
            if let refusal = refusal(papers, expects, epoch, rules, .changesCompareEpochs) { return refusal }
            if self.standing == standing { return .unchanged }
            (self.standing, self.epoch) = (standing, max(epoch, self.epoch + 1))
        case .seal(let expects, let papers):
            if let refusal = refusal(papers, expects, expects + 1, rules, .sealComparesEpochs) { return refusal }
            (standing, epoch) = (.standby, epoch + 1)
        case .activate(let expects, let epoch, let base, let force, let papers):
            if let refusal = refusal(papers, expects, epoch, rules, .changesCompareEpochs) { return refusal }
            if let base, base.number < head.number, !force { return .refused("base_refused") }
            self.epoch = max(epoch, self.epoch + 1)
            (standing, activatedEpoch, isForced) = (.active, self.epoch, force)
            self.base = base
            if let base { head = base }
        }
        return .done
    }

    private func refusal(
        _ papers: String, _ expects: UInt64, _ epoch: UInt64, _ rules: Rules, _ rule: Rules
    ) -> Answer? {
        if papers != openSwitch?.id, rules.contains(.changesNeedTheirSwitch) {
            return .refused("no_such_switch")
        }
        if !rules.contains(rule) { return nil }
        if expects != self.epoch { return .epochChanged }
        return epoch > expects ? nil : .refused("epoch does not grow")
    }
}
