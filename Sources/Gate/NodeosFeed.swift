// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// Where the feed is: from the first height at which nodeos's chain differs from the group's it pushes one block after
/// the other.
struct Feed: Sendable {
    enum Step: Hashable {
        /// nodeos's head is above the group's: is the group's below it?
        case compare
        /// Is the block before the group's block of this height nodeos's as well?
        case locate(UInt32)
        case push(UInt32)
        /// Was this one taken? Asked again until `bounds.verifyTime` after `since`.
        case verify(FeedBlock, since: Instant, next: Instant, wait: Duration)
        /// It stands beside nodeos's own, and there is no child of it yet: perhaps it was taken nevertheless.
        case lookBeside(FeedBlock)
        /// The group's block of this height was given, beside nodeos's own; its child will bring it up.
        case waitForChild(of: UInt32)
        /// Nothing can be done now.
        case rest(until: Instant)
    }

    var step: Step
    /// nodeos's own blocks reach up to here, if its chain has left the group's.
    let ownHead: UInt32
}

extension NodeosControl {
    /// When the feed can do nothing: until it looks again, if neither head changes before. The second for a chain that
    /// has left the group's below its last irreversible block, which no feed can mend.
    private static let rest = Duration.seconds(1)
    private static let longRest = Duration.seconds(10)
    /// With several producers, a nodeos that lacks more blocks than this gets them from its p2p peers first.
    private static let farBehind: UInt32 = 250

    /// The next call or load, while nodeos is known to be paused.
    mutating func nextOfFeed(_ now: Instant) -> Errand? {
        guard let committed = orders.committed, let head, !isInStep, !orders.isStandby || head.number < committed.number
        else {
            feed = nil
            isForked = false
            feedProblem = nil
            return nil
        }
        if case .rest(let until) = feed?.step {
            guard now >= until else {
                wake(at: until)
                return nil
            }
            feed = nil
        }
        if feed == nil {
            let step: Feed.Step
            if case .only = producers {
                // The blocks between come by p2p, and heights that the log lacks are of others.
                let isFar = head.number < committed.number && committed.number - head.number > Self.farBehind
                step = isFar ? .rest(until: now + Self.rest) : .push(min(head.number + 1, committed.number))
            } else if head.number > committed.number {
                step = .compare
            } else {
                isForked = isForked || head.number == committed.number
                step = .locate(min(head.number + 1, committed.number))
            }
            feed = Feed(step: step, ownHead: head.number)
        }
        while let step = feed?.step {
            switch step {
            case .compare: return .call(.blockID(committed.number))
            case .locate(let height):
                guard let block = loaded, block.number == height else { return .load(height) }
                guard height - 1 == head.number else { return .call(.blockID(height - 1)) }
                located(height, head.id == block.previous, now)
            case .push(let height):
                guard height <= committed.number else {
                    feed = nil
                    return nil
                }
                guard let block = loaded, block.number == height else { return .load(height) }
                return .call(.push(block))
            case .verify(let block, _, let next, _):
                if now >= next { return .call(.blockID(block.number)) }
                wake(at: next)
                return nil
            case .lookBeside(let block): return .call(.blockID(block.number))
            case .waitForChild(let height):
                guard height < committed.number else { return nil }
                feed?.step = .push(height + 1)
            case .rest: return nil
            }
        }
        return nil
    }

    /// The group has another head: what was found out before may be of no use.
    mutating func committedChanged() {
        switch feed?.step {
        case .compare, .rest: feed = nil
        case .waitForChild(let height) where orders.committed.map({ $0.number <= height }) ?? true: feed = nil
        case .locate, .push, .verify, .lookBeside, .waitForChild, nil: break
        }
    }

    /// nodeos has another head, and not by what was just pushed.
    mutating func headChangedByItself() {
        guard let head, let feed else { return }
        switch feed.step {
        case .push(let height) where head.number >= height && !isForked: self.feed = nil
        case .compare, .locate, .rest, .waitForChild: self.feed = nil
        case .push, .verify, .lookBeside: break
        }
    }

    mutating func loadEnded(_ height: UInt32, _ block: FeedBlock?, _ now: Instant) {
        switch feed?.step {
        case .push(height) where block == nil && producers != .all: feed?.step = .push(height + 1)
        case .locate(height), .push(height):
            guard let block, block.number == height else {
                loaded = nil
                feedProblem =
                    "block \(height) is not in the group's log any more; nodeos has to get it from its p2p peers"
                feed?.step = .rest(until: now + Self.rest)
                return
            }
            loaded = block
        case .compare, .locate, .push, .verify, .lookBeside, .waitForChild, .rest, nil: break
        }
    }

    /// The push was answered, or may have come.
    mutating func pushed(_ block: FeedBlock, _ now: Instant) {
        guard case .push(block.number) = feed?.step, let feed, let committed = orders.committed else { return }
        guard isForked && block.number <= feed.ownHead else {
            self.feed?.step = .verify(block, since: now, next: now, wait: bounds.firstVerifyWait)
            return
        }
        self.feed?.step = block.number < committed.number ? .push(block.number + 1) : .lookBeside(block)
    }

    /// nodeos's block at a height, as it said when asked by call `id`, sent at `sentAt`.
    mutating func idCame(_ number: UInt32, _ found: BlockID?, _ id: CallID, _ sentAt: Instant, _ now: Instant) {
        succeeded()
        switch feed?.step {
        case .compare:
            guard let committed = orders.committed, committed.number == number else { break }
            if found == committed.id {
                isForked = false
                feed?.step = .rest(until: now + Self.rest)
            } else {
                isForked = true
                feed?.step = .locate(number)
            }
        case .locate(let height) where height == number + 1:
            guard let block = loaded, block.number == height else { break }
            guard let found else {
                feedProblem = "nodeos does not tell its block \(number)"
                feed = nil
                return retryLater(now)
            }
            located(height, found == block.previous, now)
        case .verify(let block, let since, _, let wait) where block.number == number:
            if found == block.id {
                self.found(BlockPosition(block.id), by: id, sentAt, now)
                feed?.step = .push(number + 1)
            } else if now - since < bounds.verifyTime {
                feed?.step = .verify(block, since: since, next: now + wait, wait: min(wait * 2, .milliseconds(50)))
                return
            } else if producers != .all {
                feedProblem =
                    "nodeos does not take block \(number) yet; it may lack blocks of other producers before it"
                feed?.step = .rest(until: now + Self.rest)
                return
            } else {
                feedProblem = "nodeos does not take block \(number), \(block.id.hex), of the group; its log may say why"
                feed = nil
                doubtPause()
                return retryLater(now)
            }
        case .lookBeside(let block) where block.number == number:
            if found == block.id {
                self.found(BlockPosition(block.id), by: id, sentAt, now)
                feed?.step = .push(number + 1)
            } else {
                feed?.step = .waitForChild(of: number)
            }
        case .locate, .push, .verify, .lookBeside, .waitForChild, .rest, nil: break
        }
    }

    private mutating func located(_ height: UInt32, _ isSame: Bool, _ now: Instant) {
        if isSame {
            feed?.step = .push(height)
            return
        }
        isForked = true
        guard let info, height > 1, height - 1 > info.irreversible.number else {
            feedProblem = """
                nodeos's chain has left the group's at or below its last irreversible block, which it never undoes: start \
                it anew, from a snapshot of a well one
                """
            feed?.step = .rest(until: now + Self.longRest)
            return
        }
        feed?.step = .locate(height - 1)
    }
}
