// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import HTTP
import NIOCore
import ProducerHA
import Raft
import Transactions

// The calls about whole regions: what other regions and the switch between them ask for.

extension NodeAPI {
    func routeRegions(_ router: inout Router) {
        let api = self
        // The peers of other regions ask once a second, and have no token of this one.
        router.on([.GET, .POST], "/v1/prodha/region", guarded(.nothing) { _ in api.answer(api.regionReport()) })
        // What it tells is on its way to everybody, or the region has given way and tells nothing.
        router.on([.GET], "/v1/prodha/region/head", guarded(.nothing, api.lateBlock))
        router.on([.GET, .POST], "/v1/prodha/loss", guarded(.reading) { _ in api.node.loss().map { .document($0) } })
    }

    private func regionReport() -> Response {
        guard var report = node.regionReportDocument() else {
            return .error(.busy, message: "the group has not begun yet")
        }
        // Who did it, from where and why is for those who may read.
        report.switch?.act.who = ""
        report.switch?.act.from = ""
        report.switch?.act.reason = ""
        return .document(report)
    }

    private func lateBlock(_ request: Request) -> EventLoopFuture<Response> {
        guard let id = request.query["id"].flatMap({ BlockID(hex: $0) }) else {
            return malformed("give id=, 64 hex digits")
        }
        guard node.replica.state.mayTellOthers(id) else { return answer(.error(.blockNotFound)) }
        return node.committedBlock(id.blockNumber).map { found in
            guard let found, found.block.id == id else { return .error(.blockNotFound) }
            return Response(status: .ok, headers: ["content-type": "application/octet-stream"], body: found.bytes)
        }
    }

    // MARK: - Changes of the region's state

    func deactivate(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        change(request, caller) { api, body, change, act throws(Objection) in
            switch body.state {
            case nil, .standby?: change.activity = .standby
            case .activating?: change.activity = .activating
            case .active?, .unknown?: throw .malformed("state is standby or activating")
            }
            return api.answer(to: act, api.node.changeRegion(change))
        }
    }

    func activate(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        change(request, caller) { api, body, change, act throws(Objection) in
            let isForced = body.force ?? false
            change.activity = .active
            change.isForced = isForced
            if isForced { change.givenUp = try api.givenUp(body.givenUp) }
            if body.epoch == nil {
                change.epoch = api.node.replica.regions.epochOfActivation(api.node.replica.state.region)
            }
            // A step of a switch comes after the other region has stopped: what was heard of that may be a second old.
            if body.switch == nil, !isForced, let refusal = api.node.objectionToActivation() {
                throw .refused(refusal.kind, refusal.why)
            }
            try api.takeBase(body, into: &change, isForced: isForced)
            if let base = change.base, !isForced, let attachment = api.node.attachment,
                let header = try? BlockHeader(parsingPrefixOf: base), !attachment.places.ids.contains(header.id)
            {
                throw .refused(
                    .baseRefused,
                    "the nodeos of peer \(api.node.settings.raft.id) has not come to block \(header.number), "
                        + "\(header.id.hex)")
            }
            // A switch back goes on from the region's own head. Else, beside nodeos, it begins where the chain is.
            if change.base == nil, body.switch == nil || isForced, let attachment = api.node.attachment {
                return api.answer(to: act, attachment.begin(with: change, isForced: isForced))
            }
            if change.base == nil, body.switch == nil {
                switch api.node.baseWithoutNodeos() {
                case .success(let base): change.base = base
                case .failure(let missing): if !isForced { throw .refused(.baseRefused, "\(missing)") }
                }
            }
            return api.answer(to: act, api.node.changeRegion(change))
        }
    }

    /// Another block becomes the head, whatever was committed.
    func rebase(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        change(request, caller) { api, body, change, act throws(Objection) in
            try api.takeBase(body, into: &change, isForced: true)
            guard change.base != nil else { throw .malformed("base is missing: the block that is to be the head") }
            // It raises the epoch, and a switch that has stopped this region could then go neither on nor back.
            if body.switch == nil, let open = api.node.openSwitchWords { throw .refused(.switchRunning, open) }
            return api.answer(to: act, api.node.changeRegion(change))
        }
    }

    /// The region that a forced activation gives up: what the caller knows of it, and what is known here.
    private func givenUp(_ told: GivenUpDocument?) throws(Objection) -> GivenUpRegion? {
        let regions = node.replica.regions
        guard let told else {
            guard !regions.others.isEmpty else { return nil }
            let from = node.replica.state.region.openSwitch?.from
            return regions.givenUp(from.flatMap { regions.others.contains($0) ? $0 : nil }, at: Clock.now())
        }
        guard let region = GivenUpRegion(told) else {
            throw .malformed(
                "given_up is a region, in one line of at most \(OperatorAct.longestName) bytes, and of what is known the "
                    + "block, told_by, source (beacon or command) and age_ms")
        }
        // None of those that it knows.
        guard region.name.isEmpty || regions.others.contains(region.name) else {
            return regions.givenUp(nil, at: Clock.now())
        }
        return region.knowing(regions.givenUp(region.name, at: Clock.now()))
    }

    /// Why a change was refused before it was proposed.
    private enum Objection: Error {
        case malformed(String)
        case refused(ErrorKind, String)
    }

    /// Reads what every change of the region's state says, and carries it out: `make` gets a change that asks for what stands,
    /// with the next epoch.
    private func change(
        _ request: Request, _ caller: Access.Caller,
        _ make: (NodeAPI, RegionRequest, inout RegionChange, OperatorAct) throws(Objection) -> EventLoopFuture<Response>
    ) -> EventLoopFuture<Response> {
        let body: RegionRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: RegionRequest.self) } catch { return malformed("\(error)") }
        let region = node.replica.state.region
        if let settled = settled(act) { return answer(settled) }
        if let id = body.switch, id != region.openSwitch?.id {
            return answer(refused(.doesNotFit(.noSuchSwitch)))
        }
        if let expects = body.expects, expects != region.epoch {
            return answer(refused(.doesNotFit(.epochChanged(region.epoch))))
        }
        guard region.epoch > 0 else {
            return answer(.error(.busy, message: "the group has not begun yet", details: leader))
        }
        // Until it has the lease an earlier leader may still produce, whatever the log says.
        guard case .held = node.replica.raft.lease(at: Clock.now()) else {
            return answer(.error(.busy, message: "this peer does not hold the lease yet", details: leader))
        }
        let epoch = body.epoch ?? region.epoch + 1
        guard epoch > region.epoch, epoch <= RegionState.largestEpoch else {
            return malformed(
                "epoch is not above \(region.epoch), which stands, and at most \(RegionState.largestEpoch)")
        }
        var change = RegionChange(
            expects: region.epoch, epoch: epoch, activity: region.activity, isPaused: region.isPaused, act: act,
            switchID: body.switch, renews: body.renew ?? false)
        do throws(Objection) {
            return try make(self, body, &change, act)
        } catch {
            switch error {
            case .malformed(let what): return malformed(what)
            case .refused(let kind, let why): return answer(.error(kind, message: why, details: leader))
            }
        }
    }

    private func takeBase(
        _ body: RegionRequest, into change: inout RegionChange, isForced: Bool
    ) throws(Objection) {
        guard let hex = body.base else { return }
        guard let bytes = try? Hex.decode(hex), bytes.count <= Self.maxBlockBytes else {
            throw .malformed("base is not a block in hex of at most \(Self.maxBlockBytes) bytes")
        }
        let block: SignedBlock
        do { block = try SignedBlock(parsing: bytes) } catch {
            throw .refused(.malformedBlock, "base is no packed block: \(error)")
        }
        let header = block.header
        // The id covers the header alone.
        guard block.transactionRoot == header.transactionRoot else {
            throw .refused(.malformedBlock, "the transactions of base are not those of its transaction_mroot")
        }
        if let head = node.replica.state.head?.block, !isForced,
            header.number < head.number || header.number == head.number && header.id != head.id
        {
            throw .refused(
                .baseRefused,
                "block \(header.number), \(header.id.hex), is not on top of this region's last block, \(head.number), "
                    + "\(head.id.hex): see which of the two is the chain's; only a forced switch or a rebase goes back")
        }
        change.base = bytes
    }

    // MARK: - An operator's word, and the switch

    func confirm(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        let body: RegionRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: RegionRequest.self) } catch { return malformed("\(error)") }
        if let settled = settled(act) { return answer(settled) }
        let epoch = body.expects ?? node.replica.state.region.epoch
        return answer(to: act, node.change(.record(.confirm(expects: epoch, act))))
    }

    func beginSwitch(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        let body: SwitchBeginRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: SwitchBeginRequest.self) } catch {
            return malformed("\(error)")
        }
        let names = [("id", body.id), ("from", body.from), ("to", body.to)]
        for (name, text) in names
        where text.utf8.count > OperatorAct.longestName || text.unicodeScalars.contains(where: \.breaksLines) {
            return malformed("\(name) is one line of at most \(OperatorAct.longestName) bytes")
        }
        guard !body.id.isEmpty, !body.to.isEmpty else { return malformed("id and to must not be empty") }
        guard let kind = SwitchKind(body.kind) else { return malformed("kind is planned, forced or drill") }
        if let notReady { return answer(notReady) }
        let region = node.replica.state.region
        if region.openSwitch?.id == body.id { return answer(.document(node.region(changed: false, index: nil))) }
        // One that has ended does not begin again.
        if let item = earlier(act) { return answer(.document(node.region(changed: true, index: item.index))) }
        let own = node.settings.region == body.from ? body.fromExpects : body.toExpects
        guard own == region.epoch else { return answer(refused(.doesNotFit(.epochChanged(region.epoch)))) }
        let note = SwitchNote(
            id: body.id, kind: kind, from: body.from, to: body.to, fromExpects: body.fromExpects,
            toExpects: body.toExpects, act: act)
        return answer(to: act, node.change(.record(.switchBegins(note))))
    }

    func endSwitch(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        let body: SwitchEndRequest
        let act: OperatorAct
        do { (body, act) = try read(request, caller, as: SwitchEndRequest.self) } catch { return malformed("\(error)") }
        guard body.words.utf8.count <= OperatorAct.longestReason,
            !body.words.unicodeScalars.contains(where: \.breaksLines)
        else { return malformed("words are one line of at most \(OperatorAct.longestReason) bytes") }
        let isDone: Bool
        switch body.result {
        case .done: isDone = true
        case .rolledBack: isDone = false
        case .unknown: return malformed("result is done or rolled_back")
        }
        if let notReady { return answer(notReady) }
        // It may have been ended before.
        guard node.replica.state.region.openSwitch?.id == body.id else {
            return answer(.document(node.region(changed: false, index: nil)))
        }
        let end = SwitchEnd(
            id: body.id, isDone: isDone, words: body.words, gapMS: body.gapMS.map { Int64($0) }, at: act.at)
        return answer(to: act, node.change(.record(.switchEnds(end))))
    }
}

extension GroupState {
    /// How far below the head a block may be for other regions to fetch it.
    static let lateBlocks: UInt32 = 100

    /// The last blocks of a region that was overtaken are not the chain's.
    func mayTellOthers(_ id: BlockID) -> Bool {
        guard region.superseded == nil, let head = head?.block.number, id.blockNumber <= head else { return false }
        return head - id.blockNumber <= Self.lateBlocks
    }
}

extension Node {
    var openSwitchWords: String? {
        replica.state.region.openSwitch.map { "the switch \($0.id), \($0.words), has begun and not ended" }
    }

    var openSwitchDetails: [String: JSONValue] {
        guard let note = replica.state.region.openSwitch else { return [:] }
        return [
            "switch": .string(note.id), "from": .string(note.from), "to": .string(note.to),
            "who": .string(note.act.who),
            "began_at": .string(UTCInstant(unixMilliseconds: note.act.at).description),
        ]
    }

    func regionReportDocument() -> RegionReportDocument? {
        replica.regionReport(named: settings.region, at: Clock.now()).map { report in
            var document = RegionReportDocument(report, peer: settings.raft.id)
            let region = replica.state.region
            document.paused = region.isPaused
            document.base = region.base.map { BlockReference($0) }
            document.leaderID = Int(leaderID)
            document.term = replica.raft.term
            document.switch = region.openSwitch.map { SwitchDocument($0) }
            return document
        }
    }

    // MARK: - What was lost

    /// Blocks that one answer tells, and transactions.
    static let mostLostBlocks = 1000
    static let mostLostTransactions = 20_000

    /// The blocks that this region committed above the block that another one went on from. Where the log does not have that
    /// very block: all that it may have gone on without.
    func loss() -> EventLoopFuture<LossDocument> {
        guard let superseded = replica.state.region.superseded else {
            return eventLoop.makeSucceededFuture(LossDocument(region: settings.region))
        }
        var document = LossDocument(region: settings.region, superseded: .init(superseded))
        guard let head = superseded.head else {
            document.truncated = true
            return eventLoop.makeSucceededFuture(document)
        }
        let fork = superseded.by.inherited
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        let own = fork.map { committedBlock($0.blockNumber) } ?? eventLoop.makeSucceededFuture(nil)
        return own.flatMap { [document] own in
            let node = node.value
            var document = document
            var first = superseded.lostFrom
            if let fork, own?.block.id == fork {
                first = fork.blockNumber + 1
            } else {
                document.forkKnown = false
            }
            guard first <= head.blockNumber else { return node.eventLoop.makeSucceededFuture(document) }
            return node.addLost(first, through: head.blockNumber, to: document)
        }
    }

    private func addLost(
        _ first: UInt32, through last: UInt32, to document: LossDocument
    ) -> EventLoopFuture<LossDocument> {
        var document = document
        var number = first
        // Heights that the log has no more; of several producers others are not the group's.
        while number <= last, replica.state.head?.block.number != number, replica.blocks.index(ofHeight: number) == nil
        {
            if settings.replica.producers == .sole { document.truncated = true }
            number += 1
        }
        let transactions = document.blocks.reduce(0) { $0 + $1.transactions.count }
        guard number <= last, document.blocks.count < Self.mostLostBlocks, transactions < Self.mostLostTransactions
        else {
            document.truncated = document.truncated || number <= last
            return eventLoop.makeSucceededFuture(document)
        }
        let node = NIOLoopBound(self, eventLoop: eventLoop)
        return committedBlock(number).flatMap { [document, number] found in
            var document = document
            if let found, let block = CommittedBlock(packed: found.bytes) {
                document.blocks.append(
                    .init(
                        blockNum: number, blockID: found.block.id.hex,
                        transactions: block.receipts.map(\.id.description)))
            } else {
                document.truncated = true
            }
            let next = document
            return node.value.eventLoop.flatSubmit { node.value.addLost(number + 1, through: last, to: next) }
        }
    }
}

// MARK: - Documents

extension BlockReference {
    init(_ id: BlockID) { self.init(blockNum: id.blockNumber, blockID: id.hex) }
}

extension RegionStanding {
    init(_ activity: RegionActivity) {
        switch activity {
        case .standby: self = .standby
        case .active: self = .active
        case .activating: self = .activating
        }
    }
}

extension ProducerHA.SwitchKind {
    init?(_ word: API.SwitchKind) {
        switch word {
        case .planned: self = .planned
        case .forced: self = .forced
        case .drill: self = .drill
        case .unknown: return nil
        }
    }

    var word: API.SwitchKind {
        switch self {
        case .planned: .planned
        case .forced: .forced
        case .drill: .drill
        }
    }
}

extension SwitchNote {
    var words: String { "\(from.isEmpty ? "no region" : from) to \(to), \(kind.word.rawValue)" }
}

extension SwitchDocument {
    init(_ note: SwitchNote) {
        self.init(
            id: note.id, kind: note.kind.word, from: note.from, to: note.to, fromExpects: note.fromExpects,
            toExpects: note.toExpects, act: ActDocument(note.act))
    }
}

extension RegionReport {
    /// Where it went on.
    var forkWords: String {
        History.Event.forkWords(name, from: inherited?.blockNumber, epoch: activatedEpoch)
    }
}

extension History.Event {
    static func forkWords(_ region: String, from fork: UInt32?, epoch: UInt64) -> String {
        "\(region) went on\(fork.map { " from block \($0)" } ?? ""), epoch \(epoch)"
    }
}

extension GivenUpDocument {
    init(_ region: GivenUpRegion) {
        self.init(
            region: region.name, epoch: region.epoch,
            known: region.known.map { known in
                .init(
                    block: BlockReference(known.head), toldBy: known.teller?.value,
                    source: known.source == .beacon ? .beacon : .command, ageMS: Milliseconds(Double(known.ageMS)))
            })
    }
}

extension GivenUpRegion {
    /// nil for words of a later version, and for what the log does not take.
    init?(_ document: GivenUpDocument) {
        guard document.region.utf8.count <= OperatorAct.longestName,
            !document.region.unicodeScalars.contains(where: \.breaksLines)
        else { return nil }
        self.init(name: document.region, epoch: document.epoch)
        guard let known = document.known else { return }
        let source: Source
        switch known.source {
        case .beacon: source = .beacon
        case .command: source = .command
        case .unknown: return nil
        }
        guard let head = BlockID(hex: known.block.blockID), head.blockNumber == known.block.blockNum,
            known.toldBy ?? 0 >= 0, let age = UInt64(exactly: known.ageMS.value.rounded())
        else { return nil }
        self.known = .init(head: head, teller: known.toldBy.map { PeerID($0) }, source: source, ageMS: age)
    }
}

extension LossDocument.Superseded {
    init(_ superseded: RegionState.Superseded) {
        self.init(
            by: superseded.by.name, epoch: superseded.by.activatedEpoch,
            base: superseded.by.inherited.map { BlockReference($0) }, head: superseded.head.map { BlockReference($0) },
            at: UTCInstant(unixMilliseconds: superseded.at))
    }
}

extension StatusDocument.Drill {
    init(_ drill: RegionState.Drill) {
        self.init(
            at: UTCInstant(unixMilliseconds: drill.at), gapMS: drill.gapMS.map { Milliseconds(Double($0)) })
    }
}

extension RegionReportDocument {
    /// Without what the replicated state of the peer's own region knows beyond a report.
    init(_ report: RegionReport, peer: PeerID?) {
        self.init(
            region: report.name, peer: peer?.value ?? -1, epoch: report.epoch, state: RegionStanding(report.activity),
            paused: false, activatedEpoch: report.activatedEpoch, current: report.isCurrent, leaderID: -1, term: 0,
            head: report.head.map { BlockReference($0) }, inherited: report.inherited.map { BlockReference($0) })
    }
}

extension RegionReport {
    /// nil for words of a later version, or ids that are none.
    /// - Parameter own: the region that hears it.
    init?(_ document: RegionReportDocument, heardBy own: RegionState, on head: BlockID?) {
        let activity: RegionActivity
        switch document.state {
        case .standby: activity = .standby
        case .active: activity = .active
        case .activating: activity = .activating
        case .unknown: return nil
        }
        guard document.schemaVersion == .current, document.region.utf8.count <= OperatorAct.longestName else {
            return nil
        }
        var ids: [BlockID?] = []
        for reference in [document.head, document.base, document.inherited] {
            guard let reference else {
                ids.append(nil)
                continue
            }
            guard let id = BlockID(hex: reference.blockID) else { return nil }
            ids.append(id)
        }
        let (base, told) = (ids[1], ids[2])
        // One that goes on from its own last block made what is below itself, and this region may have that all the same: it has
        // what they both were given, and its own last block, if that was given to the other one. A version that does not tell what it has of others says nothing better than its base.
        let isShared = base != nil && (base == own.inherited || base == head)
        self.init(
            name: document.region, epoch: document.epoch, activity: activity, activatedEpoch: document.activatedEpoch,
            isCurrent: document.current, head: ids[0], inherited: isShared ? base : told ?? base)
    }
}
