// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What the demonstration does, and when: kills the leader and brings it back; switches the active region, and back;
/// kills all of it, forces the switch, and brings it back. Then again.
struct DemoScript: Sendable {
    enum Step: Hashable, Sendable {
        /// With what it waits for, in words.
        case wait(String)
        case kill(peer: Int)
        case start(peer: Int)
        case killRegion(DemoRegion)
        case switchOver(to: DemoRegion, Switch.Kind)
        /// A region that was dead has given way: what it alone has is asked for.
        case askForLoss(DemoRegion)
        case finish
        /// Something that should happen by itself does not.
        case giveUp(String)
    }

    enum Act: Hashable, Sendable { case death, planned, forced }

    /// From one act to the next; nil: nothing happens.
    let killEvery: Duration?
    let duration: Duration?
    /// All acts, once.
    var isOnce = false
    /// Where there are two regions.
    static let acts: [Act] = [.death, .planned, .planned, .forced]
    /// After so many refusals of a switch in a row something is wrong.
    static let mostFailures = 5
    /// A block that came no longer ago has just come.
    static let justNow = Duration.milliseconds(40)
    /// Within this a region that comes back gives way.
    static let patience = Duration.seconds(20)

    /// Added to that, so that leaders die at all phases of a slot.
    static let shift = Duration.milliseconds(130)

    /// How long a dead peer stays down: half the time to the next death, within what can be watched.
    var downTime: Duration { min(max((killEvery ?? .seconds(8)) / 2, .milliseconds(500)), .seconds(10)) }

    /// How long a region is missed before an operator forces the switch.
    var alarmTime: Duration { min(downTime, .seconds(1)) }

    /// An act begins only if so much time is left to show what follows.
    func aftermath(_ act: Act) -> Duration {
        switch act {
        case .death: downTime + .seconds(1)
        case .planned: .seconds(4)
        case .forced: downTime + .seconds(8)
        }
    }

    func step(_ story: DemoStory, at now: Duration) -> Step {
        if let duration, now >= duration { return .finish }
        switch story.turn {
        case .none: break
        case .lost(let region, let since):
            guard story.failedSwitches < Self.mostFailures else { return .giveUp("the forced switch is refused") }
            guard let other = story.regions.first(where: { $0 != region }) else { break }
            let at = since + alarmTime
            guard now < at else { return .switchOver(to: other, .forced) }
            return .wait("the switch to \(other.name) is forced in \((at - now).text(decimals: 1))")
        case .switching(let kind, let from, let to):
            return .wait("the \(kind.rawValue) switch from \(from.name) to \(to.name) ends")
        case .returning(let region, let since):
            let at = since + downTime
            guard now >= at else {
                return .wait("all of \(region.name) is started again in \((at - now).text(decimals: 1))")
            }
            if let peer = region.peers.first(where: { story.peers[$0]?.downSince != nil }) { return .start(peer: peer) }
            if story.hasGivenWay(region) { return .askForLoss(region) }
            guard now < at + Self.patience else { return .giveUp("\(region.name) is back and does not give way") }
            return .wait("\(region.name) hears that it is no longer the active region")
        }
        if let back = nextBack(story) {
            guard now < back.at else { return .start(peer: back.peer) }
            return .wait("peer \(back.peer) is started again in \((back.at - now).text(decimals: 1))")
        }
        guard let firstCommitAt = story.firstCommitAt else { return .wait("the first block is yet to come") }
        if !story.comingBack.isEmpty { return .wait("\(named(story.comingBack)) catches up") }
        let acts = story.regions.count > 1 ? Self.acts : [.death]
        if isOnce, story.acts >= acts.count, story.isCalm { return .finish }
        if let killEvery {
            let act = acts[story.acts % acts.count]
            let due = (story.lastActAt ?? firstCommitAt) + killEvery + Self.shift
            if duration.map({ max(due, now) + aftermath(act) <= $0 }) ?? true {
                return begin(act, story, in: due - now, at: now)
            }
        }
        guard let duration else { return .wait("it goes on until ^C") }
        return .wait("it ends in \((duration - now).text(decimals: 1))")
    }

    private func begin(_ act: Act, _ story: DemoStory, in time: Duration, at now: Duration) -> Step {
        let active = story.active?.name ?? ""
        let other = story.other?.name ?? ""
        guard story.failedSwitches < Self.mostFailures else { return .giveUp("the switch to \(other) is refused") }
        guard time <= .zero else {
            let what =
                switch act {
                case .death: "the leader is killed"
                case .planned: "\(active) is switched to \(other)"
                case .forced: "all of \(active) is killed"
                }
            return .wait("\(what) in \(time.text(decimals: 1))")
        }
        guard story.isCalm, let leader = story.leader else { return .wait("the next leader is yet to come") }
        switch act {
        case .death: return .kill(peer: leader)
        case .planned: return story.other.map { .switchOver(to: $0, .planned) } ?? .finish
        case .forced:
            // Before the other region has heard of its last block, so that there is something to lose.
            guard let last = story.lastCommitAt, now - last <= Self.justNow else {
                return .wait("all of \(active) is killed after its next block")
            }
            return story.active.map { .killRegion($0) } ?? .finish
        }
    }

    private func nextBack(_ story: DemoStory) -> (peer: Int, at: Duration)? {
        story.down.compactMap { peer in
            story.peers[peer]?.downSince.map { (peer, $0 + downTime) }
        }.min { $0.1 < $1.1 }
    }
}
