// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import Configuration
import HTTP
import NIOCore
import ProducerHA
import Raft
import Storage
import Transactions

// What the API asks of a node.

extension Node {
    var leaderID: Int64 { replica.raft.leader.map { Int64($0.value) } ?? -1 }

    var headDescription: String {
        replica.state.head.map { "\($0.block.number) \($0.block.id.hex)" } ?? "none"
    }

    /// A member of a working quorum: its vote counts and its disk takes writes, and it leads and hears a quorum, or
    /// follows a leader.
    var isReady: Bool {
        let raft = replica.raft
        guard raft.counts, !raft.storageIsBlocked, !replica.isShuttingDown else { return false }
        if raft.role == .leader {
            return raft.quorumSilence(at: Clock.now()).map { $0 < raft.settings.electionTimeout.upperBound } ?? false
        }
        return raft.leader != nil
    }

    /// For `systemctl status`; the package's upgrade waits for its first word.
    var statusLine: String {
        let role =
            replica.raft.leader.map { $0 == replica.raft.id ? "leads" : "follows peer \($0)" } ?? "knows no leader"
        return "\(isReady ? "ready" : "not ready"), \(role)"
    }

    func health(isWell: Bool) -> Response {
        let reason = visibleObstacle(at: Clock.now()).map { CanProduceReason(rawValue: $0.name) }
        let document = HealthDocument(healthy: isWell, reason: isWell ? nil : reason)
        return .document(document, status: isWell ? .ok : .serviceUnavailable)
    }

    // MARK: - Documents

    func getInfo() -> GetInfoDocument {
        let region = replica.state.region
        return GetInfoDocument(
            // Until the group has decided, the file is all there is.
            isActiveRaftCluster: region.epoch == 0 ? replica.options.startsActive : region.activity == .active,
            quorumSize: settings.raft.quorum,
            lastCommittedBlockNum: replica.state.head?.block.number ?? 0, leaderID: Int(leaderID),
            peers: settings.peers.map {
                .init(id: $0.id, address: $0.address.description, listeningPort: $0.listeningPort)
            })
    }

    func canProduceDocument() -> CanProduceDocument {
        let now = Clock.now()
        let obstacle = visibleObstacle(at: now)
        var remaining = Duration.zero
        if case .held(let rest) = replica.raft.lease(at: now) { remaining = rest }
        if case .group(.leaseWait(let rest)) = obstacle { remaining = rest }
        return CanProduceDocument(
            canProduce: obstacle == nil, reason: obstacle.map { CanProduceReason(rawValue: $0.name) },
            leaseRemainingMS: Milliseconds(remaining),
            head: replica.state.head.map { BlockReference(blockNum: $0.block.number, blockID: $0.block.id.hex) })
    }

    func status() -> StatusDocument {
        let now = Clock.now()
        let raft = replica.raft
        let region = replica.state.region
        let obstacle = visibleObstacle(at: now)
        var lease = StatusDocument.Lease(held: false, remainingMS: 0, expiryMS: Milliseconds(raft.settings.leaseLength))
        switch raft.lease(at: now) {
        case .held(let rest): (lease.held, lease.remainingMS) = (true, Milliseconds(rest))
        case .waiting(let rest): lease.remainingMS = Milliseconds(rest)
        case .notLeader, .expired, .released: break
        }
        let role: RaftRole =
            switch raft.role {
            case .leader: .leader
            case .follower: .follower
            case .preCandidate, .candidate: .candidate
            }
        let me = settings.peer(raft.settings.id)
        return StatusDocument(
            peer: .init(
                id: raft.settings.id.value, region: settings.region, address: me?.address.description ?? "",
                api: me?.api.description ?? "", version: settings.versions.software,
                uptimeMS: Milliseconds(now - startedAt),
                time: UTCInstant(unixMilliseconds: Clock.unixMilliseconds()), certificates: certificates.documents),
            raft: .init(
                role: role, term: raft.term, leaderID: Int(leaderID), commitIndex: raft.commitIndex,
                appliedIndex: replica.state.index, lastIndex: raft.lastIndex, snapshotIndex: replica.snapshotIndex,
                quorumSize: settings.raft.quorum, lease: lease),
            peers: settings.peers.filter { $0.id != raft.settings.id.value }.map { other($0, now) },
            production: .init(
                regionActive: region.activity == .active, state: RegionStanding(region.activity),
                activatedEpoch: region.activatedEpoch, switch: region.openSwitch.map { SwitchDocument($0) },
                lastDrill: region.lastDrill.map { .init($0) },
                superseded: region.superseded.map { .init($0) },
                epoch: region.epoch, paused: region.isPaused,
                pause: region.pause.map(ActDocument.init), canProduce: obstacle == nil,
                reason: obstacle.map { CanProduceReason(rawValue: $0.name) },
                head: replica.state.head.map {
                    .init(
                        blockNum: $0.block.number, blockID: $0.block.id.hex,
                        committedAt: headAppliedAt.map { UTCInstant(unixMilliseconds: $0) })
                }), maintenance: maintenanceDocuments, regions: otherRegionDocuments, nodeos: attachment?.document,
            transactions: transactions.document
        )
    }

    private func other(_ configured: Peer, _ now: Instant) -> StatusDocument.OtherPeer {
        let peer = PeerID(configured.id)
        let link = links?.links[peer]
        let progress = replica.raft.progress[peer]
        let isConnected = link?.connectedSince != nil
        let state: PeerLinkState
        if !isConnected {
            state = .unreachable
        } else {
            switch progress?.state {
            case .probing: state = .probing
            case .snapshot: state = .snapshot
            case .replicating, nil: state = .replicating
            }
        }
        return .init(
            id: peer.value, address: configured.address.description, api: configured.api.description,
            connected: isConnected,
            lastContactMS: heard[peer].map { Milliseconds(now - $0) }, matchIndex: progress?.match,
            rttMS: (link?.roundTrip ?? progress?.roundTrip).map { Milliseconds($0) }, state: state)
    }

    // MARK: - Blocks

    /// A committed block of this height, from memory or the store; nil when the log does not have it.
    func committedBlock(_ number: UInt32) -> EventLoopFuture<(block: BlockRef, bytes: [UInt8])?> {
        if let head = replica.state.head, head.block.number == number {
            return eventLoop.makeSucceededFuture((head.block, head.bytes))
        }
        guard let index = replica.blocks.index(ofHeight: number) else { return eventLoop.makeSucceededFuture(nil) }
        return readEntry(index).map { entry in
            guard let block = entry?.block, let header = try? BlockHeader(parsingPrefixOf: block) else { return nil }
            return (BlockRef(header), block)
        }
    }

    func readEntry(_ index: LogIndex) -> EventLoopFuture<Entry?> {
        if let entry = replica.raft.entriesInMemory(from: index, through: index).first {
            return eventLoop.makeSucceededFuture(entry)
        }
        let promise = eventLoop.makePromise(of: Entry?.self)
        store.submit(
            .read(index, through: index, bytes: .max) { result in
                promise.completeWith(result.map(\.first).mapError { $0 })
            })
        return promise.futureResult
    }

    func outlines(from first: LogIndex, through last: LogIndex, prefix: Int) -> EventLoopFuture<[EntryOutline]> {
        let promise = eventLoop.makePromise(of: [EntryOutline].self)
        store.submit(
            .outlines(first, through: last, prefix: prefix) { result in
                promise.completeWith(result.mapError { $0 })
            })
        return promise.futureResult
    }

    enum WaitOutcome { case committed, timedOut, tooMany }

    func waitForBlock(_ number: UInt32, timeout: Duration) -> EventLoopFuture<WaitOutcome> {
        if let head = replica.state.head, head.block.number >= number {
            return eventLoop.makeSucceededFuture(.committed)
        }
        guard let (id, future) = blockWaiters.wait(for: number, on: eventLoop) else {
            return eventLoop.makeSucceededFuture(.tooMany)
        }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let timer = eventLoop.scheduleTask(in: .nanoseconds(timeout.inNanoseconds)) {
            node.value.blockWaiters.giveUp(id)
        }
        return future.map { committed in
            timer.cancel()
            return committed ? .committed : .timedOut
        }
    }

    // MARK: - Leadership

    func transfer(to peer: PeerID) -> EventLoopFuture<TransferOutcome> {
        guard transferWaiters.isEmpty, !isHandingOver else { return eventLoop.makeSucceededFuture(.busy) }
        let promise = eventLoop.makePromise(of: TransferOutcome.self)
        transferWaiters.append(promise)
        handOver(to: peer)
        return promise.futureResult
    }

    /// Asks the leader for its place, and to write down who wanted that.
    func takeLeadership(_ act: OperatorAct) -> EventLoopFuture<LeadershipOutcome> {
        let raft = replica.raft
        if raft.role == .leader { return eventLoop.makeSucceededFuture(.leads) }
        guard let leader = raft.leader, let links else { return eventLoop.makeSucceededFuture(.stillFollows(nil)) }
        if replica.isInMaintenance(raft.id) { return eventLoop.makeSucceededFuture(.stillFollows(raft.leader)) }
        guard leadershipWaiters.count < BlockWaiters.most else {
            return eventLoop.makeSucceededFuture(.stillFollows(raft.leader))
        }
        let promise = eventLoop.makePromise(of: LeadershipOutcome.self)
        // The leader may take one election timeout to drain, and this peer one to be elected.
        let deadline = Clock.now() + raft.settings.electionTimeout.upperBound * 3
        leadershipWaiters.append((deadline, promise))
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let call = PeerCall.handOver(record: Record.transfer(to: raft.id, act).encoded())
        links.call(call.encoded(), to: leader, timeout: raft.settings.electionTimeout.upperBound * 3)
            .whenComplete { result in
                switch (try? result.get()).flatMap(HandOverReply.init) {
                case .done: break
                case .refused(let why): node.value.resolveLeadershipWaiters(.refused(by: leader, why: why))
                // An older version, which writes nothing down, or no answer.
                case nil: node.value.handle(.requestLeadership)
                }
            }
        return promise.futureResult
    }

    /// Hands leadership over, if there is any and anyone to take it. Bounded by the transfer's own deadlines.
    func handOverAtEnd() -> EventLoopFuture<Void> {
        blockWaiters.giveUpAll()
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let drained =
            replica.raft.role == .leader
            ? attachment?.drain() ?? eventLoop.makeSucceededVoidFuture()
            : eventLoop.makeSucceededVoidFuture()
        return drained.flatMap {
            let node = node.value
            node.shutDown()
            guard node.replica.raft.transfer != nil else { return node.eventLoop.makeSucceededVoidFuture() }
            let promise = node.eventLoop.makePromise(of: TransferOutcome.self)
            node.transferWaiters.append(promise)
            return promise.futureResult.map { _ in }
        }
    }
}

extension Counters {
    /// - Parameter lastIndex: where the log ended when the block was handed in; a repeat is below it, and took no commit.
    mutating func note(_ answer: CommitAnswer, above lastIndex: LogIndex, took: Duration) {
        switch answer {
        case .committed(let index, _, _): if index > lastIndex { commitTime.note(took.inSeconds) }
        case .refused: commitsRefused += 1
        case .compareWithEntry: break
        }
    }
}
