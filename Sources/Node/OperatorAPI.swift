// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import HTTP
import NIOCore
import ProducerHA
import Raft
import Storage

// The calls that operators make.

extension NodeAPI {
    func routeOperators(_ router: inout Router) {
        let api = self
        func act(
            _ path: String, _ handler: @escaping (Request, Access.Caller) -> EventLoopFuture<Response>
        ) {
            router.on([.POST], path, guarded(.operating, handler))
        }
        act("/v1/prodha/region/pause") { api.setPaused(true, $0, $1) }
        act("/v1/prodha/region/resume") { api.setPaused(false, $0, $1) }
        act("/v1/prodha/region/deactivate", api.deactivate)
        act("/v1/prodha/region/activate", api.activate)
        act("/v1/prodha/region/rebase", api.rebase)
        act("/v1/prodha/region/confirm", api.confirm)
        act("/v1/prodha/region/switch/begin", api.beginSwitch)
        act("/v1/prodha/region/switch/end", api.endSwitch)
        act("/v1/prodha/maintenance", api.maintenance)
        act("/v1/prodha/transfer", api.transfer)
        router.on(
            [.GET, .POST], "/v1/prodha/history", guarded(.reading) { _ in api.answer(.document(api.node.history())) })
    }

    /// The body of a call, and who makes it. An empty body is an empty object.
    func read<Body: OperatorRequest>(
        _ request: Request, _ caller: Access.Caller, as: Body.Type
    ) throws(MalformedDocument) -> (Body, OperatorAct) {
        let body = try Body(
            json: request.body.readableBytes == 0 ? Array("{}".utf8) : Array(request.body.readableBytesView))
        for (name, text, most) in [
            ("operation", body.operation, OperatorAct.longestName), ("who", body.who, OperatorAct.longestName),
            ("reason", body.reason, OperatorAct.longestReason),
        ] where (text?.utf8.count ?? 0) > most {
            throw MalformedDocument(what: "\(name) is over \(most) bytes")
        }
        let texts = [body.operation, body.who, body.reason].compactMap { $0 }
        if texts.contains(where: { $0.unicodeScalars.contains(where: \.breaksLines) }) {
            throw MalformedDocument(what: "operation, who and reason are each one line of text")
        }
        if body.operation == "" { throw MalformedDocument(what: "operation is empty") }
        return (body, act(request, caller, operation: body.operation, who: body.who, reason: body.reason))
    }

    /// Who makes a call, and from where.
    func act(
        _ request: Request, _ caller: Access.Caller, operation: String? = nil, who: String? = nil, reason: String? = nil
    ) -> OperatorAct {
        var random = SystemRandomNumberGenerator()
        return OperatorAct(
            operation: operation ?? String(random.next(), radix: 16), who: who ?? "",
            from: request.originText + (caller.proof.map { " (\($0))" } ?? ""), reason: reason ?? "",
            at: Clock.unixMilliseconds())
    }

    /// Why this peer cannot say what stands, nor change it; nil when it can.
    var notReady: Response? {
        if node.replica.raft.role != .leader { return refused(.notLeader) }
        return node.replica.hasCaughtUp ? nil : refused(.termNotApplied)
    }

    /// What was already done under the name that this request has.
    func earlier(_ act: OperatorAct) -> History.Item? { node.replica.state.history.item(of: act.operation) }

    /// The answer to a change of the region that was carried out before, or cannot be asked of this peer; nil: go on.
    func settled(_ act: OperatorAct) -> Response? {
        notReady ?? earlier(act).map { .document(node.region(changed: true, index: $0.index)) }
    }

    var leader: [String: JSONValue] { ["leader_id": .integer(node.leaderID)] }

    func refused(_ refusal: ChangeRefusal) -> Response {
        switch refusal {
        case .notLeader: .error(.notLeader, details: leader)
        case .termNotApplied: .error(CommitBlockReason.termNotApplied.error, details: leader)
        case .busy: .error(.busy, details: leader)
        case .doesNotFit(.epochChanged(let epoch)):
            .error(.epochChanged, details: ["epoch": .integer(Int64(clamping: epoch))])
        case .doesNotFit(.switchRunning): .error(.switchRunning, details: node.openSwitchDetails)
        case .doesNotFit(.noSuchSwitch): .error(.noSuchSwitch, details: node.openSwitchDetails)
        case .doesNotFit(let refusal): .error(.busy, message: "it does not fit any more (\(refusal)); look again")
        }
    }

    func unknown(_ act: OperatorAct) -> Response {
        let details = leader.merging(["operation": .string(act.operation)]) { _, new in new }
        return .error(
            .outcomeUnknown,
            message: "whether it was done is unknown; the history tells, under the operation \(act.operation)",
            details: details)
    }

    // MARK: - Region

    private func setPaused(
        _ isPaused: Bool, _ request: Request, _ caller: Access.Caller
    ) -> EventLoopFuture<Response> {
        let body: RegionRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: RegionRequest.self) } catch { return malformed("\(error)") }
        let region = node.replica.state.region
        if let settled = settled(act) { return answer(settled) }
        if let expects = body.expects, expects != region.epoch {
            return answer(refused(.doesNotFit(.epochChanged(region.epoch))))
        }
        if region.isPaused == isPaused { return answer(.document(node.region(changed: false, index: nil))) }
        // The first state of a region is where its chain begins, not what an operator says.
        guard region.epoch > 0 else {
            return answer(.error(.busy, message: "the group has not begun yet", details: leader))
        }
        let change = RegionChange(
            expects: region.epoch, epoch: region.epoch + 1, activity: region.activity, isPaused: isPaused, act: act)
        return self.answer(to: act, node.changeRegion(change))
    }

    /// The region's state once what was asked for is applied.
    func answer(to act: OperatorAct, _ outcome: EventLoopFuture<ChangeAnswer>) -> EventLoopFuture<Response> {
        let bound = NIOLoopBound(self, eventLoop: node.eventLoop)
        return outcome.map { answer in
            let api = bound.value
            return switch answer {
            case .applied(let index, _): .document(api.node.region(changed: true, index: index))
            case .refused(.doesNotFit(.changesNothing)): .document(api.node.region(changed: false, index: nil))
            case .refused(let refusal): api.refused(refusal)
            case .leadershipLost: api.unknown(act)
            }
        }
    }

    // MARK: - Maintenance

    private func maintenance(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        let body: MaintenanceRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: MaintenanceRequest.self) } catch {
            return malformed("\(error)")
        }
        let peer = PeerID(body.peer)
        let replica = node.replica
        if let notReady { return answer(notReady) }
        guard node.settings.raft.peers.contains(peer) else {
            return answer(.error(.unknownPeer, message: "peer \(peer) is not in this group"))
        }
        if let item = earlier(act) {
            return answer(.document(node.maintenance(body, changed: true, index: item.index)))
        }
        if replica.isInMaintenance(peer) == body.on {
            return answer(.document(node.maintenance(body, changed: false, index: nil)))
        }
        let others = node.settings.raft.peers.filter { $0 != peer && !replica.isInMaintenance($0) }
        guard !body.on || others.contains(where: { node.obstacleToLeading($0) == nil }) else {
            let why = others.isEmpty ? "all others are in maintenance" : node.obstaclesToLeading(others)
            return answer(.error(.maintenanceRefused, message: "no other peer could lead: \(why)", details: leader))
        }
        let bound = NIOLoopBound(self, eventLoop: node.eventLoop)
        return node.change(.record(.maintenance(peer, isOn: body.on, act))).flatMap { answer in
            let api = bound.value
            switch answer {
            case .applied(let index, _):
                // A leader hands over once this step is done.
                return api.node.eventLoop.flatSubmit { bound.value.node.handedOver() }.map { _ in
                    .document(bound.value.node.maintenance(body, changed: true, index: index))
                }
            case .refused(let refusal): return api.answer(api.refused(refusal))
            case .leadershipLost: return api.answer(api.unknown(act))
            }
        }
    }

    // MARK: - Leadership

    /// What became of a transfer that was asked for before.
    private func ended(_ item: History.Item, _ act: OperatorAct) -> Response {
        guard let ending = item.ending, case .transfer(let target) = item.event else { return unknown(act) }
        return ending.isDone
            ? .document(TransferDocument(leaderID: target.value, term: ending.term))
            : .error(.transferFailed, message: "transfer to peer \(target): \(ending.words)", details: leader)
    }

    private func transfer(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        let body: TransferRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: TransferRequest.self) } catch { return malformed("\(error)") }
        let raft = node.replica.raft
        if let notReady { return answer(notReady) }
        if let item = earlier(act) { return answer(ended(item, act)) }
        guard let target = body.to.map({ PeerID($0) }) ?? node.successor() else {
            let why = node.obstaclesToLeading(raft.settings.others)
            return answer(.error(.transferRefused, message: "no peer could take over: \(why)", details: leader))
        }
        guard raft.settings.peers.contains(target) else {
            return answer(
                .error(.unknownPeer, message: "peer \(target) is not in this group", details: leader))
        }
        if target == raft.id {
            return answer(.document(TransferDocument(leaderID: target.value, term: raft.term)))
        }
        if let obstacle = node.obstacleToLeading(target) {
            return answer(
                .error(.transferRefused, message: "peer \(target) could not take over: \(obstacle)", details: leader))
        }
        let bound = NIOLoopBound(self, eventLoop: node.eventLoop)
        return node.transfer(to: target, act).map { recorded, outcome in
            let api = bound.value
            switch recorded {
            case .applied: break
            case .refused(let refusal): return api.refused(refusal)
            case .leadershipLost: return api.unknown(act)
            }
            switch outcome {
            case .leaderIs(let peer) where peer == target:
                return .document(TransferDocument(leaderID: peer.value, term: api.node.replica.raft.term))
            case .unknown, nil: return api.unknown(act)
            case .some(let outcome):
                return .error(
                    .transferFailed, message: "transfer to peer \(target): \(outcome.text)", details: api.leader)
            }
        }
    }
}

// MARK: - Documents

extension Node {
    func region(changed: Bool, index: LogIndex?) -> RegionDocument {
        let region = replica.state.region
        return RegionDocument(
            changed: changed, epoch: region.epoch, regionActive: region.activity == .active,
            state: RegionStanding(region.activity), paused: region.isPaused, activatedEpoch: region.activatedEpoch,
            index: index, head: replica.state.head.map { BlockReference($0.block.id) },
            switch: region.openSwitch.map { SwitchDocument($0) })
    }

    func maintenance(_ request: MaintenanceRequest, changed: Bool, index: LogIndex?) -> MaintenanceDocument {
        MaintenanceDocument(
            changed: changed, peer: request.peer, on: request.on, index: index, leaderID: Int(leaderID))
    }

    func history() -> HistoryDocument {
        HistoryDocument(region: settings.region, entries: HistoryEntry.entries(of: replica.state.history))
    }

    /// The page with the entries that need their whole payloads. They are few.
    func fill(_ page: LogDocument, with outlines: [EntryOutline]) -> EventLoopFuture<Response> {
        guard let outline = outlines.first, let at = page.entries.firstIndex(where: { $0.index == outline.entry.index })
        else { return eventLoop.makeSucceededFuture(.document(page)) }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        return readEntry(outline.entry.index).flatMap { entry in
            var page = page
            if let entry { page.entries[at] = LogEntryDocument(entry, size: entry.payload.count) }
            return node.value.fill(page, with: Array(outlines.dropFirst()))
        }
    }

    var maintenanceDocuments: [StatusDocument.Maintenance] {
        replica.state.maintenance.sorted { $0.key < $1.key }
            .map { .init(peer: $0.key.value, act: ActDocument($0.value)) }
    }

    /// Completes once no hand-over is under way any more. A hand-over has its own deadlines.
    func handedOver() -> EventLoopFuture<Void> {
        guard isHandingOver else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: TransferOutcome.self)
        transferWaiters.append(promise)
        return promise.futureResult.map { _ in }
    }
}

extension ActDocument {
    init(_ act: OperatorAct) {
        self.init(
            operation: act.operation, who: act.who, from: act.from, reason: act.reason,
            at: UTCInstant(unixMilliseconds: act.at))
    }
}

extension HistoryEntry {
    /// How something ended that takes its time.
    private mutating func end(_ item: History.Item) {
        result = item.ending.map { $0.isDone ? .done : .failed } ?? .open
        outcome = item.ending?.words
        if let end = item.ending?.at, let at = item.at, end >= at { durationMS = Milliseconds(Double(end - at)) }
    }

    static func entries(of history: History) -> [HistoryEntry] {
        var region: (activity: RegionActivity, isPaused: Bool)?
        return history.items.map { item in
            var entry = HistoryEntry(
                index: item.index, term: item.term, epoch: item.epoch,
                at: item.at.map { UTCInstant(unixMilliseconds: $0) }, event: .leads, act: item.act.map(ActDocument.init)
            )
            switch item.event {
            case .leads(let peer): entry.peer = peer.value
            case .transfer(let peer):
                (entry.event, entry.peer) = (.transfer, peer.value)
                entry.end(item)
            case .maintenance(let peer, let isOn):
                (entry.event, entry.peer) = (isOn ? .maintenanceOn : .maintenanceOff, peer.value)
            case .region(let activity, let isPaused, let base):
                entry.base = base
                entry.givenUp = item.givenUp.map { GivenUpDocument($0) }
                if isPaused != region?.isPaused ?? false {
                    entry.event = isPaused ? .pause : .resume
                } else {
                    entry.event =
                        switch activity {
                        case .active: .active
                        case .standby: .standby
                        case .activating: .activating
                        }
                }
                region = (activity, isPaused)
            case .confirm: entry.event = .confirm
            case .switches(let note):
                (entry.event, entry.about) = (.failover, note.words)
                entry.end(item)
            case .leftBehind(let name, let epoch, let fork):
                entry.event = .leftBehind
                entry.about = History.Event.forkWords(name, from: fork, epoch: epoch)
            }
            return entry
        }
    }
}
