// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import Logging
import NIOCore
import ProducerHA
import Raft
import Transactions

// What operators change, and what is written down about it.

extension Node {
    // MARK: - The region

    /// Changes the region's state. A change that ends production comes after what was signed before it, if that can be
    /// committed in time: else nodeos is left with a block that nobody else has.
    @discardableResult
    func changeRegion(_ change: RegionChange) -> EventLoopFuture<ChangeAnswer> {
        let region = replica.state.region
        let produces = region.activity == .active && !region.isPaused
        let ends = produces && (change.activity != .active || change.isPaused)
        guard ends, let attachment, replica.raft.role == .leader else { return self.change(.region(change)) }
        guard !isHandingOver else { return eventLoop.makeSucceededFuture(.refused(.busy)) }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        return attachment.drain().flatMap { node.value.change(.region(change)) }.map { answer in
            node.value.attachment?.undrain()
            return answer
        }
    }

    // MARK: - Transfers

    /// Why the peer could not take over at once, nil when it could.
    func obstacleToLeading(_ peer: PeerID) -> String? {
        guard peer != replica.raft.id else { return nil }
        guard let progress = replica.raft.progress[peer] else { return "it is not in this group" }
        if replica.isInMaintenance(peer) { return "it is in maintenance" }
        guard progress.isLinked else { return "it cannot be reached" }
        guard progress.counts else { return "its vote does not count yet, since it came without data" }
        let behind = replica.raft.lastIndex - min(progress.match, replica.raft.lastIndex)
        if behind > Self.mostBehind { return "it is \(behind) entries behind" }
        if attachment != nil, replica.state.region.activity == .active, !peersWithWellNodeos.contains(peer) {
            return "its nodeos is not well"
        }
        return nil
    }

    /// By how many entries a peer may be behind and still become the leader on an operator's word.
    static let mostBehind: UInt64 = 20

    /// Why none of these could, peer by peer; of those that could nothing is said.
    func obstaclesToLeading(_ peers: [PeerID]) -> String {
        peers.compactMap { peer in obstacleToLeading(peer).map { "peer \(peer): \($0)" } }.joined(separator: "; ")
    }

    /// The peer that an operator who names none would choose.
    func successor() -> PeerID? {
        let able = Set(settings.raft.others.filter { obstacleToLeading($0) == nil })
        return able.isEmpty ? nil : replica.bestSuccessor(among: able, at: Clock.now())
    }

    /// Hands leadership over and writes down that it was asked for, first. nil: that could not be written down.
    func transfer(to peer: PeerID, _ act: OperatorAct) -> EventLoopFuture<(ChangeAnswer, TransferOutcome?)> {
        guard transferWaiters.isEmpty, !isHandingOver, transferAsked == nil else {
            return eventLoop.makeSucceededFuture((.refused(.busy), nil))
        }
        transferAsked = act.operation
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        return change(.record(.transfer(to: peer, act)), within: .seconds(2)).flatMap { answer in
            guard case .applied = answer else {
                node.value.transferAsked = nil
                return node.value.eventLoop.makeSucceededFuture((answer, nil))
            }
            return node.value.transfer(to: peer).map { outcome in
                node.value.transferAsked = nil
                return (answer, outcome)
            }
        }
    }

    /// Another peer asks for leadership, on an operator's word that it was given.
    func handOver(to peer: PeerID, asRecorded record: [UInt8]) -> EventLoopFuture<HandOverReply> {
        func refused(_ why: String) -> EventLoopFuture<HandOverReply> {
            eventLoop.makeSucceededFuture(.refused(why))
        }
        guard case .transfer(let target, let act) = Record(encoded: record), target == peer else {
            return refused("the request is not understood")
        }
        guard replica.raft.role == .leader else { return refused("it does not lead") }
        if let obstacle = obstacleToLeading(peer) { return refused(obstacle) }
        return transfer(to: peer, act).map { recorded, outcome in
            switch (recorded, outcome) {
            case (.applied, .leaderIs(peer)?): .done
            case (.applied, let outcome?): .refused(outcome.text)
            case (.applied, nil), (.leadershipLost, _): .refused("it has just lost leadership")
            case (.refused, _): .refused("it is busy with another change")
            }
        }
    }

    /// The leader of before still leads: nobody else would write that down.
    func recordFailedTransfer(_ outcome: TransferOutcome) {
        guard let operation = transferAsked, replica.raft.role == .leader else { return }
        if case .leaderIs = outcome { return }
        change(.record(.transferFailed(operation: operation, why: outcome.text, at: Clock.unixMilliseconds())))
    }

    /// Once a term, by its leader.
    func recordLeadership(of term: Term) {
        let raft = replica.raft
        guard raft.role == .leader, raft.term == term, recordedTerm < term else { return }
        recordedTerm = term
        change(.record(.leads(raft.id, at: Clock.unixMilliseconds())))
    }

    // MARK: - Maintenance

    /// A leader in maintenance leads only as long as nobody else can.
    func leaveLeadershipForMaintenance() {
        guard replica.raft.role == .leader, !replica.state.maintenance.isEmpty,
            replica.isInMaintenance(settings.raft.id), !isHandingOver,
            !replica.isShuttingDown, case let now = Clock.now(), maintenanceHandOvers.isOver(now)
        else { return }
        maintenanceHandOvers.start(now)
        guard let successor = successor() else {
            logger.warning("is in maintenance and leads nevertheless: no other peer could take over")
            return
        }
        logger.notice("is in maintenance: hands leadership to peer \(successor)")
        handOver(to: successor)
    }

    func noteOperation(_ entry: Entry) {
        switch Record(encoded: entry.payload) {
        case .maintenance(let peer, let isOn, let act):
            if peer == replica.raft.id { maintenanceHandOvers.reset() }
            let words = "maintenance of peer \(peer) \(isOn ? "begins" : "ends")"
            logger.notice("\(words)", metadata: act.metadata)
            events.emit(
                .maintenance, words,
                act.details.merging(["peer": .integer(Int64(peer.value)), "on": .bool(isOn)]) { _, new in new })
        case .transfer(let peer, let act):
            logger.notice("leadership is to go to peer \(peer)", metadata: act.metadata)
            events.emit(
                .transfer, "leadership is to go to peer \(peer)",
                act.details.merging(["peer": .integer(Int64(peer.value))]) { _, new in new })
        case .confirm(_, let act):
            let words = "no other region is active, an operator says"
            logger.notice("\(words)", metadata: act.metadata)
            events.emit(.region, words, act.details)
        case .switchBegins(let note):
            let words = "a switch begins: \(note.words)"
            logger.notice("\(words)", metadata: note.act.metadata)
            events.emit(.region, words, note.act.details.merging(["switch": .string(note.id)]) { _, new in new })
        case .switchEnds(let end):
            let words = "the switch is \(end.isDone ? "done" : "rolled back"): \(end.words)"
            logger.notice("\(words)", metadata: ["operation": "\(end.id)"])
            events.emit(.region, words, ["switch": .string(end.id)])
        case .leftBehind(let report, _, _):
            let words = "region \(settings.region) was left behind: \(report.forkWords)"
            logger.notice("\(words)", metadata: ["by": "\(report.name)", "their_epoch": "\(report.activatedEpoch)"])
            events.emit(
                .region, words,
                ["by": .string(report.name), "their_epoch": .integer(Int64(clamping: report.activatedEpoch))])
        case .leads, .transferFailed, nil: break
        }
    }
}

// MARK: - Events

extension Node {
    /// What happened to this peer's part in the group.
    func tell(_ note: Note) {
        func term(_ term: Term) -> JSONValue { .integer(Int64(clamping: term)) }
        let id = settings.raft.id
        switch note {
        case .becameLeader(let number):
            events.emit(.role, "peer \(id) leads", ["term": term(number), "leader_id": .integer(Int64(id.value))])
        case .lostLeadership(let number, let reason):
            events.emit(.role, "peer \(id) leads no more: \(reason.text)", ["term": term(number)])
        case .leaderChanged(let peer, let number):
            // Of its own leadership there is word already.
            if peer == id { return }
            events.emit(
                .role, peer.map { "peer \(id) follows peer \($0)" } ?? "peer \(id) knows no leader",
                ["term": term(number), "leader_id": .integer(peer.map { Int64($0.value) } ?? -1)])
        case .leaseAcquired(let number): events.emit(.lease, "peer \(id) holds the lease", ["term": term(number)])
        case .transferEnded(let peer, let outcome):
            events.emit(
                .transfer, "transfer to peer \(peer): \(outcome.text)", ["peer": .integer(Int64(peer.value))])
        case .voteGained(let number):
            events.emit(.peer, "the vote of peer \(id) counts from term \(number) on", ["term": term(number)])
        case .writesLost:
            events.emit(.peer, "the data of peer \(id) has lost writes: it has no vote until it has caught up")
        }
    }

    func tell(_ block: BlockRef, _ entry: Entry) {
        events.emit(
            EventLog.Commit(block: block, index: entry.index, term: entry.term, at: Clock.unixMilliseconds()))
    }

    func tell(_ change: RegionChange, _ words: String, _ entry: Entry) {
        let details: [String: JSONValue] = [
            "epoch": .integer(Int64(clamping: change.epoch)), "state": .string(change.activity.description),
            "paused": .bool(change.isPaused), "index": .integer(Int64(clamping: entry.index)),
        ]
        events.emit(.region, words, (change.act?.details ?? [:]).merging(details) { _, new in new })
    }
}

extension OperatorAct {
    var details: [String: JSONValue] {
        [
            "operation": .string(operation), "who": .string(who), "from": .string(from), "reason": .string(reason),
        ]
    }

    var metadata: Logger.Metadata {
        ["operation": "\(operation)", "who": "\(who)", "from": "\(from)", "reason": "\(reason)"]
    }
}
