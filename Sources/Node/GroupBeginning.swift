// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Gate
import NIOCore
import ProducerHA
import Raft

extension NodeosAttachment {
    /// A group, or a region, has to begin, and it is not known where yet.
    var isBeginning: Bool { node.replica.need != nil || activation != nil }

    /// How long a region may take to find where the chain is: longer than the heads must stand still and peers are waited
    /// for.
    static let activationTime = TimeAmount.seconds(8)

    /// The region is to become active, and to begin where the chain is.
    /// - Parameters:
    ///   - isForced: heads need not stand still: another region that cannot be asked may make blocks on.
    ///   - limit: after which it is given up; nil: once the region's state changes otherwise.
    func begin(
        with change: RegionChange, isForced: Bool, within limit: TimeAmount? = activationTime
    ) -> EventLoopFuture<ChangeAnswer> {
        if let activation, activation.change.expects == change.expects, activation.change.epoch == change.epoch {
            return activation.promise.futureResult
        }
        end(.refused(.busy))
        let new = Activation(
            change: change, isForced: isForced, isByFiles: limit == nil,
            promise: node.eventLoop.makePromise(of: ChangeAnswer.self))
        activation = new
        foundGroup(Clock.now())
        guard let limit else { return new.promise.futureResult }
        let timer = node.eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in
            if self?.activation?.change == change { self?.end(.refused(.busy)) }
        }
        new.promise.futureResult.whenComplete { _ in timer.cancel() }
        return new.promise.futureResult
    }

    /// The files do not ask for it any more, or must not be followed now.
    func withdrawActivationByFiles() { if activation?.isByFiles == true { end(.refused(.busy)) } }

    private func end(_ answer: ChangeAnswer) {
        let ended = activation
        activation = nil
        ended?.promise.succeed(answer)
    }

    /// A leader whose group has to begin looks where the chain is: at the highest block that a quorum's nodeos hold.
    func foundGroup(_ now: Instant) {
        let state = node.replica.state
        if let change = activation?.change {
            if node.replica.raft.role != .leader {
                end(.refused(.notLeader))
            } else if change.expects != state.region.epoch {
                end(.refused(.doesNotFit(.epochChanged(state.region.epoch))))
            }
        }
        guard isBeginning, let driver, case .well = driver.status.condition,
            let chainID = driver.status.chainID
        else {
            beginning = Beginning()
            return
        }
        if node.replica.need == .chain { return node.found(.init(chainID: chainID, base: nil)) }
        let others = node.nodeosReports.values.filter { $0.chainID == chainID }
        let irreversible = (others.map(\.irreversible) + [driver.status.irreversible?.number ?? 0]).max() ?? 0
        let heads = others.compactMap(\.places.first) + [driver.status.head?.id].compactMap { $0 }
        beginning.look(Set(heads), at: now)
        guard driver.isKnownPaused else { return }
        // All nodeos of the group are paused. Where heads move nevertheless, somebody else makes blocks.
        guard settings.producers != .all || activation?.isForced == true || beginning.hasStoodStill(now) else {
            if beginning.isLate(now) {
                node.logger.warning(
                    "the group does not begin, since the chain goes on without it: pause the nodeos that makes blocks")
            }
            return
        }
        guard others.count >= node.linkedPeers || activation?.isForced == true || beginning.isPatienceOver(now),
            others.count + 1 >= node.settings.raft.quorum
        else { return }
        let base = places.ids.filter { id in
            id.blockNumber >= irreversible
                && others.count { $0.places.contains(id) } + 1 >= node.settings.raft.quorum
        }.max { $0.blockNumber < $1.blockNumber }
        // What the group has committed it does not leave behind.
        guard let base else { return }
        if activation?.isForced != true {
            guard base.blockNumber >= state.head?.block.number ?? 0 else { return }
            if base.blockNumber == state.head?.block.number, base != state.head?.block.id { return }
        }
        guard !isFetchingBase else { return }
        isFetchingBase = true
        client.call(.rawBlock(base)).assumeIsolated().whenComplete { [weak self] result in
            guard let self else { return }
            isFetchingBase = false
            switch result {
            case .success(.rawBlock(let block)):
                node.logger.notice("the group begins at block \(base.blockNumber)", metadata: ["id": "\(base.hex)"])
                if node.replica.need == .base {
                    node.found(.init(chainID: chainID, base: block.bytes))
                } else if let begun = activation {
                    // Much may have happened since it was asked for.
                    guard begun.isForced || node.objectionToActivation() == nil else { return end(.refused(.busy)) }
                    activation = nil
                    var change = begun.change
                    change.base = block.bytes
                    begun.promise.completeWith(node.changeRegion(change))
                }
            case .success: break
            case .failure(let error):
                node.logger.warning("the group cannot begin at block \(base.blockNumber): \(error)")
            }
        }
    }
}

/// A region that is to become active once it is known where the chain is.
struct Activation {
    var change: RegionChange
    var isForced: Bool
    var isByFiles: Bool
    var promise: EventLoopPromise<ChangeAnswer>
}

/// What the leader of a group that has to begin has seen of the chain.
struct Beginning {
    /// How long all heads must stand still: four slots.
    static let stillness = Duration.seconds(2)
    /// How long it waits for the word of peers that are linked.
    static let patience = Duration.seconds(5)

    private var heads: Set<BlockID> = []
    private var since: Instant?
    private var stoodSince: Instant?
    private var lateness = OnceAMinute()

    mutating func look(_ new: Set<BlockID>, at now: Instant) {
        since = since ?? now
        guard new != heads || stoodSince == nil else { return }
        heads = new
        stoodSince = now
    }

    func hasStoodStill(_ now: Instant) -> Bool { stoodSince.map { now - $0 >= Self.stillness } ?? false }
    func isPatienceOver(_ now: Instant) -> Bool { since.map { now - $0 >= Self.patience } ?? false }

    /// Once in a minute, when it takes long.
    mutating func isLate(_ now: Instant) -> Bool {
        guard let since, now - since >= .seconds(10) else { return false }
        return lateness.isDue(now)
    }
}

/// The latest places that a nodeos was seen at.
struct RecentPlaces {
    static let most = 16

    private(set) var ids: [BlockID] = []

    mutating func insert(_ id: BlockID) {
        guard !ids.contains(id) else { return }
        ids.insert(id, at: 0)
        if ids.count > Self.most { ids.removeLast() }
    }
}
