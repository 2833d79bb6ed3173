// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials
import HTTP
import NIOCore

/// Asks all peers for what a support case needs: their status first, then those that gave one for all the rest, side by side.
/// A peer that does not answer costs its deadline once, and one that stops answering once more.
public struct BundleCollector: Sendable {
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// No peer gave a status, so there is nothing to be put into a bundle.
        case unreachable(String)
        /// Those that were reached want another token.
        case denied(String)

        public var description: String {
            switch self {
            case .unreachable(let why), .denied(let why): "no bundle was made: \(why)"
            }
        }

        public var name: String {
            switch self {
            case .unreachable: "unreachable"
            case .denied: "unauthorized"
            }
        }

        public var exitCode: Int32 {
            switch self {
            case .unreachable: 69
            case .denied: 77
            }
        }
    }

    /// How many entries of the log are asked for.
    public static let logEntries = 1...20_000
    /// Half an hour of blocks.
    public static let usualLogEntries = 3600

    private let inspector: Inspector
    private let logEntries: UInt64
    private let toolVersion: String
    private let scrubber: Scrubber
    private let limits: SupportBundle.Limits
    private let progress: @Sendable (String) -> Void

    /// What the inspector shows of secrets is not in the bundle.
    /// - Parameter logEntries: the newest ones, from each peer.
    public init(
        _ inspector: Inspector, logEntries: Int = usualLogEntries, toolVersion: String,
        limits: SupportBundle.Limits = .usual, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.inspector = inspector
        self.logEntries = UInt64(max(1, logEntries))
        self.toolVersion = toolVersion
        scrubber = Scrubber(known: [inspector.credentials.token].compactMap { $0 })
        self.limits = limits
        self.progress = progress
    }

    /// Waits on the calling thread, which must not be the event loop's.
    public func collect() throws(Failure) -> SupportBundle {
        progress("asking all peers how they are")
        let inspection = inspector.inspectAndWait().scrubbed(scrubber)
        let view = ClusterView(inspection)
        guard view.verdict != .unreachable else {
            throw view.isDenied ? .denied(view.headline) : .unreachable(view.headline)
        }
        let answered = inspection.reports.filter { $0.answer != nil }
        progress("asking \(counted(answered.count, "peer")) for logs, metrics and configuration")
        let accounts = accounts(of: answered.map(\.target))
        guard !Invocation.current.isStopped else { throw .unreachable("stopped waiting") }
        let made = UTCInstant(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        let region = inspection.ownRegion ?? view.regions.first?.name
        var bundle = SupportBundle(
            region: region, made: made, toolVersion: toolVersion, scrubber: scrubber, limits: limits)
        fill(&bundle, view, accounts)
        return bundle
    }

    // MARK: - Asking

    /// Levels of a configuration.
    private static let deepest = 16

    /// What became of one question.
    private typealias Told<Value: Sendable> = Result<Value, Reason>

    private struct Reason: Error, CustomStringConvertible {
        var description: String
    }

    /// What one peer answered beside its status.
    private struct Answers: Sendable {
        var target: PeerTarget
        var history: Told<ByteBuffer>
        var configuration: Told<ByteBuffer>
        var daemonLog: Told<ByteBuffer>
        var events: Told<ByteBuffer>
        var metrics: Told<ByteBuffer>
        var log: Log
    }

    /// What that says.
    private struct Account {
        var target: PeerTarget
        var history: Told<HistoryDocument>
        var configuration: Told<ConfigurationDocument>
        /// With its secrets still in it: a key may go over several lines.
        var daemonLog: Told<DaemonLogDocument>
        var events: Told<EventsDocument>
        var metrics: Told<String>
        var log: Log
    }

    private struct Log: Sendable {
        /// Oldest first.
        var entries: [LogEntryDocument] = []
        /// Why these are not all that were asked for.
        var missing: String?
    }

    private func accounts(of targets: [PeerTarget]) -> [Account] {
        let loop = inspector.eventLoop
        let deadline = NIODeadline.now() + .milliseconds(inspector.timeoutMS)
        let all = loop.flatSubmit {
            EventLoopFuture.whenAllSucceed(targets.map { self.answers(of: $0, by: deadline) }, on: loop)
        }
        do {
            // Read here, and not on the loop, where one peer's large answer would make the others late.
            return try inspector.wait(for: all).map(read)
        } catch is Inspector.Stopped {
            return []
        } catch {
            preconditionFailure("asking the peers cannot fail as a whole: \(error)")
        }
    }

    private func answers(of target: PeerTarget, by deadline: NIODeadline) -> EventLoopFuture<Answers> {
        func ask(_ path: String) -> EventLoopFuture<Told<ByteBuffer>> { self.ask(path, of: target, by: deadline) }
        let history = ask("/v1/prodha/history")
        let configuration = ask("/v1/prodha/configuration")
        let daemonLog = ask("/v1/prodha/daemon_log")
        let events = ask("/v1/prodha/events?once=true")
        let metrics = ask("/metrics")
        let log = log(of: target, Log(), before: nil, by: deadline)
        return history.and(configuration).and(daemonLog.and(events)).and(metrics.and(log)).map { told in
            let (((history, configuration), (daemonLog, events)), (metrics, log)) = told
            return Answers(
                target: target, history: history, configuration: configuration, daemonLog: daemonLog, events: events,
                metrics: metrics, log: log)
        }
    }

    /// Never fails: why there is no answer is the answer then.
    private func ask(
        _ path: String, of target: PeerTarget, by deadline: NIODeadline
    ) -> EventLoopFuture<Told<ByteBuffer>> {
        let timeoutMS = inspector.timeoutMS
        let rest = max(1, (deadline - .now()).nanoseconds / 1_000_000)
        return inspector.send(.GET, path, to: target, timeoutMS: rest).map { answer -> Told<ByteBuffer> in
            if answer.status == .ok { return .success(answer.body) }
            let name = (try? ErrorDocument(json: answer.body.readableBytesView))?.error.name
            let failure = PeerFailure.httpError(status: Int(answer.status.code), name: name, message: "")
            return .failure(Reason(description: failure.message))
        }.recover { error in
            let failure = (error as? HTTPClientError).map {
                PeerFailure($0, place: target.api?.place ?? "", timeoutMS: timeoutMS)
            }
            // Its words are those for a status.
            if case .garbage(let what)? = failure { return .failure(Reason(description: what)) }
            return .failure(Reason(description: failure?.message ?? "\(error)"))
        }
    }

    /// The newest entries, page by page, backwards.
    /// - Parameter index: those before it; nil for the newest.
    private func log(
        of target: PeerTarget, _ log: Log, before index: UInt64?, by deadline: NIODeadline
    ) -> EventLoopFuture<Log> {
        let limit = min(logEntries - UInt64(log.entries.count), LogFeed.pageEntries)
        var query = "/v1/prodha/log?limit=\(limit)"
        if let index { query += "&to=\(index - 1)" }
        return ask(query, of: target, by: deadline).flatMap { told in
            var log = log
            let page: LogDocument
            switch Self.read(told, { try LogDocument(json: $0) }) {
            case .success(let told): page = told
            case .failure(let reason):
                log.missing = reason.description
                return inspector.eventLoop.makeSucceededFuture(log)
            }
            // Whatever a peer answers, each page goes back further.
            let entries = page.entries.filter { entry in index.map { entry.index < $0 } ?? true }.suffix(Int(limit))
            log.entries.insert(contentsOf: entries, at: 0)
            guard let first = entries.first?.index, first > max(1, page.firstIndex), log.entries.count < logEntries
            else { return inspector.eventLoop.makeSucceededFuture(log) }
            return self.log(of: target, log, before: first, by: deadline)
        }
    }

    // MARK: - Reading

    private static func read<Value>(
        _ told: Told<ByteBuffer>, _ body: (ByteBufferView) throws -> Value
    ) -> Told<Value> {
        told.flatMap { bytes in
            Result { try body(bytes.readableBytesView) }.mapError { Reason(description: "\($0)") }
        }
    }

    private func read(_ answers: Answers) -> Account {
        func document<Answer: Document>(_ told: Told<ByteBuffer>, _: Answer.Type) -> Told<Answer> {
            Self.read(told) { try Answer(json: $0).scrubbed(scrubber) }
        }
        let configuration = Self.read(answers.configuration) { body in
            let document = try ConfigurationDocument(json: body).scrubbed(scrubber)
            // Each level is set in further: a few bytes could become very many.
            guard JSONValue.object(document.configuration).depth <= Self.deepest else {
                throw MalformedDocument(what: "it is nested more than \(Self.deepest) levels deep")
            }
            return document
        }
        let metrics = Self.read(answers.metrics) { body in
            guard let text = String(validating: body, as: UTF8.self) else {
                throw MalformedDocument(what: "it is no text")
            }
            return text
        }
        var log = answers.log
        log.entries = log.entries.map { $0.scrubbed(scrubber) }
        return Account(
            target: answers.target, history: document(answers.history, HistoryDocument.self),
            configuration: configuration, daemonLog: Self.read(answers.daemonLog) { try DaemonLogDocument(json: $0) },
            events: document(answers.events, EventsDocument.self), metrics: metrics, log: log)
    }

    // MARK: - Filling

    /// Long enough for no line to be broken: who reads it makes it as wide as he likes.
    private static let width = 10_000

    private func fill(_ bundle: inout SupportBundle, _ view: ClusterView, _ accounts: [Account]) {
        let status = StatusScreen(width: Self.width).lines(view).map { $0 + "\n" }.joined()
        bundle.add("status.txt", "what prodha status shows", text: status)
        bundle.add("status.json", "the same for scripts", document: view.document)
        for region in view.regions {
            let folder = SupportBundle.fileName(region.name ?? "group")
            let told = region.tellers.compactMap { peer in
                accounts.first { $0.target == peer.report.target }.map { (peer, $0) }
            }
            if !told.isEmpty {
                bundle.add(
                    "\(folder)/incident.txt", "\(region.name ?? "the group"): what happened, as log --incident tells",
                    text: incident(of: region, told))
            }
            for peer in region.peers {
                let place = "\(folder)/\(peer.id.map { "peer-\($0)" } ?? "peer")"
                guard let account = accounts.first(where: { $0.target == peer.report.target }),
                    let answer = peer.report.answer
                else {
                    bundle.leaveOut(place, "\(peer.name), all of it", because: peer.failureText)
                    continue
                }
                fill(&bundle, place, peer.name, answer, account)
            }
        }
    }

    private func fill(
        _ bundle: inout SupportBundle, _ place: String, _ peer: String, _ answer: PeerAnswer, _ account: Account
    ) {
        func add<Value>(_ file: String, _ what: String, _ told: Told<Value>, _ body: (Value, String) -> Void) {
            switch told {
            case .success(let value): body(value, what)
            case .failure(let reason): bundle.leaveOut("\(place)/\(file)", "\(peer): \(what)", because: "\(reason)")
            }
        }
        func addDocument(_ file: String, _ what: String, _ told: Told<some Document>) {
            add(file, what, told) { document, what in
                bundle.add("\(place)/\(file)", "\(peer): \(what)", document: Tree(document))
            }
        }
        addDocument("status.json", "its status", .success(answer.status))
        let group = GroupDocument(
            region: answer.status.peer.region, peer: answer.status.peer.id, peers: answer.known)
        addDocument("group.json", "what it knows of every peer", .success(group))
        addDocument("history.json", "what operators did, and who led", account.history)
        addDocument("configuration.json", "what it runs with", account.configuration)
        add("metrics.txt", "its metrics", account.metrics) { text, what in
            bundle.add("\(place)/metrics.txt", "\(peer): \(what)", text: text)
        }
        add("daemon.log", "the latest lines of its own log", account.daemonLog) { document, what in
            let older = document.dropped > 0 ? " (\(document.dropped) older ones are no longer kept)" : ""
            bundle.add("\(place)/daemon.log", "\(peer): \(what)\(older)", lines: document.lines)
        }
        add("events.jsonl", "what happened at it", account.events) { document, what in
            let older = document.missed ? " (older ones are no longer kept)" : ""
            bundle.add("\(place)/events.jsonl", "\(peer): \(what)\(older)", documents: document.events)
        }
        let entries = account.log.entries
        if entries.isEmpty, let missing = account.log.missing {
            bundle.leaveOut("\(place)/log.jsonl", "\(peer): its log", because: missing)
        } else {
            bundle.add(
                "\(place)/log.jsonl", "\(peer): the newest entries of its log",
                documents: entries,
                missing: account.log.missing.map { "\(counted(entries.count, "entry", "entries")) alone: \($0)" })
        }
    }

    /// - Parameter told: those that answered, who knows most first.
    private func incident(of region: RegionView, _ told: [(PeerView, Account)]) -> String {
        var notes: [String] = []
        for peer in region.peers where peer.status == nil {
            notes.append("\(peer.name) tells nothing: \(peer.failureText)")
        }
        let testimonies = told.compactMap { peer, account -> Incident.Testimony? in
            guard let id = peer.id, let answer = peer.report.answer, case .success(let events) = account.events else {
                notes.append("\(peer.name) tells no events")
                return nil
            }
            return Incident.Testimony(
                peer: id, term: answer.status.raft.term,
                clock: answer.clockOffset.map {
                    .init(peer: id, offset: $0, uncertainty: answer.roundTrip.value / 2)
                }, events: events.events, missed: events.missed)
        }
        let log = told.lazy.map(\.1.log.entries).first { !$0.isEmpty } ?? []
        let incident = Incident(region: region.name, testimonies: testimonies, log: log, notes: notes)
        return IncidentReport(format: .table, width: Self.width).text(incident)
    }
}

extension LogEntryDocument {
    /// Without secrets in what operators wrote. A block holds none that would be shown.
    fileprivate func scrubbed(_ scrubber: Scrubber) -> LogEntryDocument {
        guard region?.act != nil || operation != nil else { return self }
        let alone = LogDocument(firstIndex: index, lastIndex: index, commitIndex: index, entries: [self])
        if let clean = try? alone.scrubbed(scrubber).entries.first { return clean }
        var bare = self
        (bare.region, bare.operation) = (nil, nil)
        return bare
    }
}

extension JSONValue {
    fileprivate var depth: Int {
        switch self {
        case .null, .bool, .integer, .number, .string: 0
        case .array(let items): 1 + (items.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.map(\.depth).max() ?? 0)
        }
    }
}

extension PeerFailure {
    fileprivate func scrubbed(_ scrubber: Scrubber) -> PeerFailure {
        switch self {
        case .refused, .noAnswer, .brokenOff, .otherSchemaVersion, .notListed: self
        case .cannotConnect(let text): .cannotConnect(scrubber.scrubbed(text))
        case .garbage(let what): .garbage(scrubber.scrubbed(what))
        case .httpError(let status, let name, let message):
            .httpError(
                status: status, name: name.map { scrubber.scrubbed($0) }, message: scrubber.scrubbed(message))
        case .someoneElse(let region, let id): .someoneElse(region: scrubber.scrubbed(region), id: id)
        case .cannotBeCalled(let text): .cannotBeCalled(scrubber.scrubbed(text))
        }
    }
}

extension Inspection {
    /// Of the file, where the peers were found by one.
    fileprivate var ownRegion: String? { quorumInFile.keys.first }

    /// Without secrets. An answer that makes no sense without them is none.
    fileprivate func scrubbed(_ scrubber: Scrubber) -> Inspection {
        var clean = self
        for index in reports.indices {
            guard case .answered(var answer) = reports[index].outcome else {
                // Before its words are cut to fit: half a secret would not be found.
                if let failure = reports[index].failure {
                    clean.reports[index].outcome = .failed(failure.scrubbed(scrubber))
                }
                continue
            }
            do throws(MalformedDocument) {
                var status = answer.status
                status.group = answer.known
                status = try status.scrubbed(scrubber)
                answer.known = status.group ?? []
                status.group = nil
                answer.status = status
                clean.reports[index].outcome = .answered(answer)
            } catch {
                clean.reports[index].outcome = .failed(.garbage("\(error)"))
            }
        }
        return clean
    }
}
