// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import HTTP
import NIOCore
import NIOHTTP1

// Changing something: the leader of a region's group is found and asked, and what it says is never taken for more than it
// is. Each request has a name, under which a peer carries it out once at most and the history tells what became of it;
// so a request whose answer was lost is neither sent blindly again nor given up.

/// Something that an operator wants of a region's group.
public enum Act: Hashable, Sendable {
    case pause, resume
    case transfer(to: PeerName?)
    case maintenance(PeerName, isOn: Bool)
    /// The operator's word that no other region produces.
    case confirm

    /// As the command is called.
    public var name: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .transfer: "transfer"
        case .maintenance: "maintenance"
        case .confirm: "confirm"
        }
    }
}

/// A peer as an operator calls it: its id, `region/id`, or where it is reached.
public struct PeerName: Hashable, Sendable {
    public var text: String
    public init(_ text: String) { self.text = text }
}

/// Who acts, and why.
public struct ActPapers: Hashable, Sendable {
    /// Names the request.
    public var operation: String
    public var who: String
    public var reason: String?

    public init(operation: String, who: String, reason: String?) {
        self.operation = operation
        self.who = who
        self.reason = reason
    }
}

/// What became of an act.
public struct ActOutcome: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case done
        /// It was so already.
        case unchanged
        /// Nothing was done.
        case refused
        /// It was tried, and things are as before.
        case failed
        case unknown
        /// The operator did not wait for it; nothing was done.
        case interrupted
        /// Nobody could be asked; nothing was done.
        case unreachable
        /// The command itself makes no sense here.
        case usage
        /// The peer wants another token, or one at all.
        case denied

        public var exitCode: Int32 {
            switch self {
            case .done, .unchanged: 0
            case .failed: 1
            case .refused: 3
            case .unknown: 5
            case .usage: 64
            case .unreachable: 69
            case .denied: 77
            case .interrupted: 130
            }
        }
    }

    public var kind: Kind
    /// The error's name; nil when all is well.
    public var reason: String?
    /// One or two sentences.
    public var message: String
    public var operation: String
    public var region: String?
    /// Facts for scripts.
    public var facts: [Tree.Field]

    init(
        _ kind: Kind, reason: String? = nil, _ message: String, operation: String, region: String? = nil,
        facts: [Tree.Field] = []
    ) {
        self.kind = kind
        self.reason = reason
        self.message = message
        self.operation = operation
        self.region = region
        self.facts = facts
    }

    public var document: Tree {
        .map([
            .init("schema_version", .integer(1)), .init("outcome", .string(kind.rawValue)),
            .init("reason", Tree(reason)), .init("message", .string(message)), .init("operation", .string(operation)),
            .init("region", Tree(region)), .init("exit_code", .integer(Int64(kind.exitCode))),
            .init("facts", .map(facts)),
        ])
    }
}

/// Carries out acts. For commands: everything is waited for on the calling thread.
public final class ActRunner: Sendable {
    /// How long an act may take before it is said to be unknown, in milliseconds.
    public static let patienceMS: Int64 = 12_000
    /// How long the leader may take for its answer: it gives up waiting for a quorum after five seconds itself.
    private static let answerMS: Int64 = 6_000
    private static let pauseMS = 150

    let inspector: Inspector
    private let clock = ContinuousClock()
    private let patienceMS: Int64
    let progress: @Sendable (String) -> Void

    /// - Parameter progress: is told what is waited for, in a few words.
    public init(
        _ inspector: Inspector, patienceMS: Int64 = ActRunner.patienceMS,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.inspector = inspector
        self.patienceMS = patienceMS
        self.progress = progress
    }

    /// - Parameter regionName: nil for the region of the file, or of the peer that was given.
    public func carryOut(_ act: Act, region regionName: String?, _ papers: ActPapers) -> ActOutcome {
        var run = Run(act: act, papers: papers, deadline: clock.now + .milliseconds(patienceMS))
        progress("asking the peers who leads")
        while true {
            let view = ClusterView(inspector.inspectAndWait())
            if Invocation.current.isStopped { return run.stopped() }
            // Waiting gives nobody a token.
            if view.isDenied { return run.giveUp(view) }
            let step = look(at: view, regionName, &run)
            if case .end(let outcome) = step { return outcome }
            guard case .again = step, clock.now < run.deadline else { return run.giveUp(view) }
            progress(run.isOut ? "finding out whether it was done" : "waiting: \(run.obstacle?.words ?? view.headline)")
            Pause.until(clock.now + .milliseconds(Self.pauseMS), clock)
        }
    }

    private enum Step {
        case end(ActOutcome)
        case again
    }

    /// What is known while an act is under way.
    private struct Run {
        let act: Act
        let papers: ActPapers
        let deadline: ContinuousClock.Instant
        /// It may have been carried out: an answer was lost, or said so.
        var isOut = false
        /// Why it was not done so far, last: a name and words.
        var obstacle: (name: String, words: String)?
        var region: RegionView?
        /// Who led when it was sent.
        var before: RegionView?

        func end(_ kind: ActOutcome.Kind, reason: String? = nil, _ message: String, _ facts: [Tree.Field] = []) -> Step
        {
            .end(outcome(kind, reason: reason, message, facts))
        }

        func outcome(
            _ kind: ActOutcome.Kind, reason: String? = nil, _ message: String, _ facts: [Tree.Field] = []
        ) -> ActOutcome {
            ActOutcome(
                kind, reason: reason, message, operation: papers.operation, region: region?.name, facts: facts)
        }

        static let aboutTokens = "what is shown is PRODHA_TOKEN, or the certificate of --cert"

        /// Nobody waits any more. What was sent may be done all the same.
        func stopped() -> ActOutcome {
            isOut
                ? outcome(.unknown, reason: "interrupted", "stopped waiting; \(doubt)")
                : outcome(.interrupted, reason: "interrupted", "stopped waiting; nothing was done")
        }

        private var doubt: String {
            "whether it was done is unknown; prodha history shows operation \(papers.operation) if it was"
        }

        func giveUp(_ view: ClusterView) -> ActOutcome {
            if isOut { return outcome(.unknown, reason: "outcome_unknown", doubt) }
            if view.isDenied {
                return outcome(
                    .denied, reason: "unauthorized", "nothing was done: \(view.headline); \(Self.aboutTokens)")
            }
            if region == nil || region?.verdict == .unreachable {
                return outcome(.unreachable, reason: "unreachable", "nothing was done: \(view.headline)")
            }
            return outcome(
                .refused, reason: obstacle?.name ?? "no_leader", "nothing was done: \(obstacle?.words ?? view.headline)"
            )
        }
    }

    // MARK: - One look

    private func look(at view: ClusterView, _ regionName: String?, _ run: inout Run) -> Step {
        guard let region = view.region(named: regionName) else {
            let names = view.regions.compactMap(\.name)
            return run.end(
                .usage, reason: "unknown_region",
                "there is no region \(printable(regionName ?? ""))"
                    + (names.isEmpty ? "" : "; there is \(enumeration(names))"))
        }
        run.region = region
        if run.act == .confirm, let other = view.regions.first(where: { $0.name != region.name && $0.isActive == true })
        {
            return run.end(
                .refused, reason: ErrorKind.otherRegionActive.name,
                "nothing was done: \(other.label) says that it is active; stop it first, or switch with prodha failover"
            )
        }
        if run.isOut, let found = findInHistory(region, run) { return found }
        let body: [UInt8]
        switch request(run.act, region, run) {
        case .success(let bytes): body = bytes
        case .failure(let problem): return run.end(.usage, reason: "unknown_peer", problem.message)
        }
        // One that does not answer now would only be waited for.
        guard let leader = region.leader, leader.isSelfDeclared, let target = region.target(of: leader.id) else {
            run.obstacle = ("no_leader", region.headline)
            return .again
        }
        if run.before == nil { run.before = region }
        return send(body, to: target, region, &run)
    }

    private struct Problem: Error { var message: String }

    private func request(_ act: Act, _ region: RegionView, _ run: Run) -> Result<[UInt8], Problem> {
        let papers = run.papers
        func id(_ name: PeerName) -> Result<Int, Problem> {
            region.peer(named: name).map { .success($0) }
                ?? .failure(
                    Problem(
                        message: "there is no peer \(printable(name.text)) in \(region.label); there is "
                            + enumeration(region.peers.compactMap(\.id).map(String.init))))
        }
        switch act {
        case .confirm:
            return .success(
                RegionRequest(
                    expects: region.epoch, operation: papers.operation, who: papers.who, reason: papers.reason
                ).json())
        case .pause, .resume:
            return .success(
                RegionRequest(operation: papers.operation, who: papers.who, reason: papers.reason).json())
        case .transfer(nil):
            return .success(
                TransferRequest(operation: papers.operation, who: papers.who, reason: papers.reason).json())
        case .transfer(let name?):
            return id(name).map {
                TransferRequest(to: $0, operation: papers.operation, who: papers.who, reason: papers.reason).json()
            }
        case .maintenance(let name, let isOn):
            return id(name).map {
                MaintenanceRequest(
                    peer: $0, on: isOn, operation: papers.operation, who: papers.who, reason: papers.reason
                ).json()
            }
        }
    }

    private func send(_ body: [UInt8], to target: PeerTarget, _ region: RegionView, _ run: inout Run) -> Step {
        let path =
            switch run.act {
            case .pause: "/v1/prodha/region/pause"
            case .resume: "/v1/prodha/region/resume"
            case .transfer: "/v1/prodha/transfer"
            case .maintenance: "/v1/prodha/maintenance"
            case .confirm: "/v1/prodha/region/confirm"
            }
        progress("\(target.name) leads: waiting for its answer to \(run.act.name)")
        let rest = min(Self.answerMS, max(1, Int64(Milliseconds(run.deadline - clock.now).value)))
        do {
            let answer = try inspector.wait(
                for: inspector.send(.POST, path, to: target, body: body, timeoutMS: rest))
            return take(answer, from: target, region, &run)
        } catch is Inspector.Stopped {
            run.isOut = true
            return .end(run.stopped())
        } catch let error as HTTPClientError {
            switch error.conclusion {
            case .nothingWasSent:
                run.obstacle = ("unreachable", "\(target.name) leads, and \(error)")
            case .outcomeUnknown:
                run.isOut = true
            }
            return .again
        } catch {
            run.obstacle = ("unreachable", "\(error)")
            return .again
        }
    }

    private func take(_ answer: HTTPAnswer, from target: PeerTarget, _ region: RegionView, _ run: inout Run) -> Step {
        let bytes = answer.body.readableBytesView
        guard answer.status == .ok else {
            guard let error = try? ErrorDocument(json: bytes) else {
                return run.end(
                    .failed, reason: "http_error", "\(target.name) answered HTTP \(answer.status.code) and no reason")
            }
            switch error.error.name {
            case ErrorKind.outcomeUnknown.name:
                run.isOut = true
                return .again
            case ErrorKind.notLeader.name, CommitBlockReason.termNotApplied.rawValue, ErrorKind.overloaded.name,
                ErrorKind.busy.name:
                // Busy: this request itself may be what is under way.
                run.obstacle = (error.error.name, "\(target.name): \(printable(error.message))")
                return .again
            case ErrorKind.unauthorized.name, ErrorKind.forbidden.name:
                return run.end(
                    .denied, reason: error.error.name,
                    "\(target.name): \(printable(error.message, limit: 400)); \(Run.aboutTokens)")
            case ErrorKind.transferFailed.name:
                return run.end(.failed, reason: error.error.name, printable(error.message, limit: 400))
            default:
                return run.end(.refused, reason: error.error.name, printable(error.message, limit: 400))
            }
        }
        do {
            return .end(try done(bytes, from: target, region, run))
        } catch {
            return run.end(
                .unknown, reason: "garbage",
                "\(target.name) says that it was done, and nothing that can be read: \(error)")
        }
    }

    // MARK: - What was done

    private func done(
        _ bytes: ByteBufferView, from target: PeerTarget, _ region: RegionView, _ run: Run
    ) throws(MalformedDocument) -> ActOutcome {
        switch run.act {
        case .pause, .resume:
            let document = try RegionDocument(json: bytes)
            let state =
                document.paused ? "is paused" : document.regionActive ? "may produce" : "is standby, and not paused"
            let head = document.head.map { ", block \($0.blockNum) is the last" } ?? ""
            let facts: [Tree.Field] = [
                .init("epoch", Tree(document.epoch)), .init("paused", .bool(document.paused)),
                .init("region_active", .bool(document.regionActive)), .init("index", Tree(document.index)),
                .init("head_block_num", Tree(document.head.map { UInt64($0.blockNum) })),
            ]
            guard document.changed else {
                let pause = region.pause.map { "; \($0.words())" } ?? ""
                return run.outcome(
                    .unchanged, "\(region.label) \(state) already (epoch \(document.epoch))\(pause); nothing was done",
                    facts)
            }
            let undo = document.paused ? "; prodha resume ends it" : ""
            return run.outcome(
                .done, "\(region.label) \(state) now (epoch \(document.epoch))\(document.paused ? head : "")\(undo)",
                facts)
        case .confirm:
            let document = try RegionDocument(json: bytes)
            let facts: [Tree.Field] = [
                .init("epoch", Tree(document.epoch)), .init("region_active", .bool(document.regionActive)),
                .init("index", Tree(document.index)),
            ]
            guard document.changed else {
                return run.outcome(
                    .unchanged, "\(region.label) waits for no confirmation (epoch \(document.epoch)); nothing was done",
                    facts)
            }
            return run.outcome(
                .done,
                "\(region.label) is confirmed (epoch \(document.epoch)): it asks no other region before it produces",
                facts)
        case .maintenance:
            let document = try MaintenanceDocument(json: bytes)
            let facts: [Tree.Field] = [
                .init("peer", Tree(document.peer)), .init("on", .bool(document.on)),
                .init("index", Tree(document.index)), .init("leader_id", Tree(document.leaderID)),
            ]
            let state = document.on ? "is in maintenance" : "takes part as before"
            guard document.changed else {
                return run.outcome(.unchanged, "peer \(document.peer) \(state) already; nothing was done", facts)
            }
            let stillLeads = document.on && document.leaderID == document.peer
            let leader =
                stillLeads
                ? ", and leads until another peer can take over"
                : document.leaderID >= 0 ? "; peer \(document.leaderID) leads" : "; no peer is known to lead"
            return run.outcome(.done, "peer \(document.peer) \(state) now\(leader)", facts)
        case .transfer:
            let document = try TransferDocument(json: bytes)
            return handedOver(to: document.leaderID, term: document.term, region, run)
        }
    }

    private func handedOver(to leader: Int, term: UInt64, _ region: RegionView, _ run: Run) -> ActOutcome {
        let facts: [Tree.Field] = [
            .init("leader_id", Tree(leader)), .init("term", Tree(term)),
            .init("previous_leader_id", Tree(run.before?.leader?.id)),
        ]
        guard let before = run.before, before.leader?.id != leader else {
            return run.outcome(.unchanged, "peer \(leader) leads already; nothing was done", facts)
        }
        let was = before.leader.map { " (it was peer \($0.id))" } ?? ""
        let gap = before.isSeenProducing ? gap(leader: leader, term: term, region) : nil
        return run.outcome(
            .done, "peer \(leader) leads \(region.label) now\(was)\(gap.map { "; \($0.words)" } ?? "")",
            facts + (gap?.facts ?? []))
    }

    /// What the change of leader cost the chain: the time slots without a block between the last block of the old leader
    /// and the first of the new one.
    private struct Gap {
        var slots: Int64?

        var words: String {
            switch slots {
            case nil: "no block was committed since: see prodha status"
            case 0?: "no time slot was missed"
            case let slots?: "\(counted(Int(slots), "time slot")) went without a block"
            }
        }

        var facts: [Tree.Field] { [.init("missed_slots", slots.map { .integer($0) } ?? .null)] }
    }

    private func gap(leader: Int, term: UInt64, _ region: RegionView) -> Gap {
        guard let target = region.target(of: leader) else { return Gap() }
        let deadline = clock.now + .milliseconds(3000)
        repeat {
            if let log = try? inspector.document(LogDocument.self, "/v1/prodha/log?limit=200", of: target) {
                let blocks = log.entries.compactMap { entry in entry.block.map { (entry.term, $0) } }
                if let first = blocks.firstIndex(where: { $0.0 >= term }), first > 0 {
                    let time =
                        blocks[first].1.timestamp.unixMilliseconds - blocks[first - 1].1.timestamp.unixMilliseconds
                    return Gap(slots: max(0, time / Incident.slot - 1))
                }
            }
            Pause.until(clock.now + .milliseconds(Self.pauseMS), clock)
        } while clock.now < deadline && !Invocation.current.isStopped
        return Gap()
    }

    func history(of peer: PeerView) -> HistoryDocument? {
        try? inspector.document(HistoryDocument.self, "/v1/prodha/history", of: peer.report.target)
    }

    /// The request's own record. Any peer that has it proves it.
    private func findInHistory(_ region: RegionView, _ run: Run) -> Step? {
        for peer in region.peers where peer.status != nil {
            guard let history = history(of: peer),
                let entry = history.entries.last(where: { $0.act?.operation == run.papers.operation })
            else { continue }
            let facts: [Tree.Field] = [.init("index", Tree(entry.index)), .init("epoch", Tree(entry.epoch))]
            let words = "its answer was lost, and the history has it as entry \(entry.index)"
            switch entry.result {
            case .done:
                return run.end(.done, "it was done: \(words)\(entry.outcome.map { "; \(printable($0))" } ?? "")", facts)
            case .failed:
                return run.end(
                    .failed, reason: "transfer_failed", "\(words): \(printable(entry.outcome ?? "it failed"))", facts)
            case .open, .unknown: return .again
            }
        }
        return nil
    }
}

// MARK: - Finding regions and peers by name

extension ClusterView {
    /// The region of that name; the first, which is that of the file or of the given peer, when there is no name.
    public func region(named name: String?) -> RegionView? {
        guard let name else { return regions.first }
        return regions.first { $0.name == name }
    }
}

extension RegionView {
    /// The peer that the operator means; nil when there is none, or more than one.
    public func peer(named name: PeerName) -> Int? {
        let text = name.text
        let found = peers.filter { peer in
            guard let id = peer.id else { return false }
            let api = peer.report.target.api
            let addresses =
                peers.compactMap { other in
                    other.status?.peers.first { $0.id == id }?.address
                } + [peer.status?.peer.address].compactMap { $0 }
            let hosts = (addresses.map { String($0.prefix { $0 != ":" }) } + [api?.host].compactMap { $0 })
            return text == "\(id)" || text == "\(label)/\(id)" || api?.place == text
                || addresses.contains(text) || hosts.contains(text)
        }
        // A number is an id before it is anything else.
        if let exact = found.first(where: { text == "\($0.id ?? -1)" }) { return exact.id }
        return found.count == 1 ? found[0].id : nil
    }

    /// Those that answered, the leader first, then by how much of the log they have.
    var tellers: [PeerView] {
        func rank(_ peer: PeerView) -> (Int, UInt64) { (peer.isLeader ? 1 : 0, peer.status?.raft.commitIndex ?? 0) }
        return peers.filter { $0.status != nil }.sorted { rank($0) > rank($1) }
    }

    func target(of id: Int) -> PeerTarget? { peers.first { $0.id == id }?.report.target }

    /// It produced a moment ago.
    var isSeenProducing: Bool {
        guard case .producing = state, peers.contains(where: { $0.status?.production.head?.committedAt != nil }) else {
            return false
        }
        return quiet.map { $0 <= ClusterView.recentHead } ?? false
    }
}

extension ActDocument {
    /// "by alice@bp1 at 12:00:00Z: new disk".
    public func words(isDated: Bool = true) -> String {
        let name = who.isEmpty ? from : who
        return "by \(printable(name.isEmpty ? "somebody" : name))" + (isDated ? " at \(at)" : "")
            + (reason.isEmpty ? "" : " (\(printable(reason)))")
    }
}
