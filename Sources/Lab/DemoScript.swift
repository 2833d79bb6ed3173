// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What the demonstration does, and when: kills the leader, brings it back, kills the next one.
struct DemoScript: Sendable {
    enum Step: Hashable, Sendable {
        /// With what it waits for, in words.
        case wait(String)
        case kill(peer: Int)
        case start(peer: Int)
        case finish
    }

    /// From one leader's death to the next; nil: nobody is killed.
    let killEvery: Duration?
    let duration: Duration?

    /// Added to that, so that leaders die at all phases of a slot.
    static let shift = Duration.milliseconds(130)

    /// How long a dead peer stays down: half the time to the next death, within what can be watched.
    var downTime: Duration { min(max((killEvery ?? .seconds(8)) / 2, .milliseconds(500)), .seconds(10)) }

    /// A leader dies only if so much time is left to show what follows.
    var aftermath: Duration { downTime + .seconds(1) }

    func step(_ story: DemoStory, at now: Duration) -> Step {
        if let duration, now >= duration { return .finish }
        if let back = nextBack(story) {
            guard now < back.at else { return .start(peer: back.peer) }
            return .wait("peer \(back.peer) is started again in \((back.at - now).text(decimals: 1))")
        }
        guard let firstCommitAt = story.firstCommitAt else { return .wait("the first block is yet to come") }
        if !story.comingBack.isEmpty { return .wait("\(named(story.comingBack)) catches up") }
        if let killEvery {
            let due = (story.lastKillAt ?? firstCommitAt) + killEvery + Self.shift
            if duration.map({ max(due, now) + aftermath <= $0 }) ?? true {
                guard now >= due else { return .wait("the leader is killed in \((due - now).text(decimals: 1))") }
                guard story.outage == nil, let leader = story.leader, story.running.contains(leader) else {
                    return .wait("the next leader is yet to come")
                }
                return .kill(peer: leader)
            }
        }
        guard let duration else { return .wait("it goes on until ^C") }
        return .wait("it ends in \((duration - now).text(decimals: 1))")
    }

    private func nextBack(_ story: DemoStory) -> (peer: Int, at: Duration)? {
        story.down.compactMap { peer in
            story.peers[peer]?.downSince.map { (peer, $0 + downTime) }
        }.min { $0.1 < $1.1 }
    }
}
