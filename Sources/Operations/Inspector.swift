// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Configuration
import FoundationEssentials
import HTTP
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks every peer for its status, all at once, each with a deadline of its own.
///
/// Keeps connections and what it learnt of the group from one round to the next, so that a peer that dies stays listed.
public final class Inspector: Sendable {
    /// A status of a group of any size is far below this.
    public static let maxAnswerBytes = 4 << 20
    /// A block of 8 MiB in hex, and the rest of its document.
    static let maxBlockBytes = 17 << 20
    /// The blocks that were lost, with the ids of their transactions.
    static let maxLossBytes = 16 << 20

    private let source: PeerSource
    let timeoutMS: Int64
    let credentials: Credentials
    let eventLoop: any EventLoop
    private let client: HTTPClient
    /// Peers that others told of, by region and id.
    private let learnt: NIOLoopBoundBox<[PeerTarget]>

    /// - Parameters:
    ///   - timeout: for one peer: connection, request and whole answer.
    ///   - credentials: the token is sent to the APIs that the operator named, by file or flag; never to addresses that a
    ///     peer told, and never in plaintext to another machine.
    public init(
        source: PeerSource, timeout: Duration, credentials: Credentials = .none, eventLoop: any EventLoop
    ) {
        self.source = source
        self.timeoutMS = max(1, Int64(Milliseconds(timeout).value.rounded()))
        self.credentials = credentials
        self.eventLoop = eventLoop
        client = HTTPClient(eventLoop: eventLoop, security: credentials.security)
        learnt = .makeBoxSendingValue([], eventLoop: eventLoop)
    }

    /// For commands: with one thread of its own, which ends with the process.
    public convenience init(source: PeerSource, timeout: Duration, credentials: Credentials = .none) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.init(source: source, timeout: timeout, credentials: credentials, eventLoop: group.next())
    }

    /// One round, waited for on the calling thread, which must not be the event loop's. Nobody has said anything when the
    /// command is stopped meanwhile.
    public func inspectAndWait() -> Inspection {
        do {
            return try wait(for: inspect())
        } catch is Stopped {
            return Inspection(reports: [])
        } catch {
            preconditionFailure("asking the peers cannot fail as a whole: \(error)")
        }
    }

    /// Nobody waits for the command any more.
    struct Stopped: Error, CustomStringConvertible {
        var description: String { "stopped waiting" }
    }

    /// Waits on the calling thread, which must not be the event loop's.
    /// - Throws: `Stopped`, or what the future fails with.
    func wait<Value: Sendable>(for future: EventLoopFuture<Value>) throws -> Value {
        let isComplete = ConditionLock(value: false)
        future.whenComplete { _ in
            isComplete.lock()
            isComplete.unlock(withValue: true)
        }
        while !isComplete.lock(whenValue: true, timeoutSeconds: 0.05) {
            if Invocation.current.isStopped { throw Stopped() }
        }
        isComplete.unlock()
        return try future.wait()
    }

    /// One round. Never fails: what goes wrong is in the reports. Takes one deadline; two when the group must first be
    /// learnt from one peer.
    public func inspect() -> EventLoopFuture<Inspection> {
        guard eventLoop.inEventLoop else { return eventLoop.flatSubmit { self.inspect() } }
        switch source {
        case .directory(let directory):
            let quorum = [directory.regionName: directory.quorumSize]
            return ask(directory.targets).map { Inspection(reports: $0, quorumInFile: quorum) }
        case .api(let url):
            return startingWith(url).map { Inspection(reports: $0) }
        case .known(let peers):
            return ask(peers.targets).map { Inspection(reports: $0, quorumInFile: peers.quorum) }
        }
    }

    private func ask(_ targets: [PeerTarget]) -> EventLoopFuture<[PeerReport]> {
        EventLoopFuture.whenAllSucceed(targets.map { ask($0) }, on: eventLoop)
    }

    /// Asks one API, and the peers that it or an earlier answer of its group told of.
    private func startingWith(_ url: ServiceURL) -> EventLoopFuture<[PeerReport]> {
        let itself = learnt.value.first { $0.api == url } ?? PeerTarget(region: nil, id: nil, api: url, origin: .given)
        let known = learnt.value.filter { $0.api != url }
        let first = ask(itself)
        let others = ask(known)
        return first.flatMap { report in
            let (learnt, first) = self.learn(from: report)
            let new = learnt.filter { target in !known.contains { $0.id == target.id } }
            return others.and(self.ask(new)).map { reports, newReports in
                // The file's order is not known, so it is by id.
                let all = [first] + (reports + newReports).filter { $0.target.id != first.target.id }
                return all.sorted { ($0.target.id ?? -1) < ($1.target.id ?? -1) }
            }
        }
    }

    private func learn(from report: PeerReport) -> (learnt: [PeerTarget], PeerReport) {
        var report = report
        // After the first answer it is known who else there is.
        guard report.target.id == nil, let status = report.answer?.status else { return ([], report) }
        report.target.region = status.peer.region
        report.target.id = status.peer.id
        let others = status.neighbours
        learnt.value = [report.target] + others
        return (others, report)
    }

    /// Asks one peer for its status, on the loop. Never fails: what goes wrong is in the report.
    func ask(_ target: PeerTarget, timeoutMS: Int64? = nil) -> EventLoopFuture<PeerReport> {
        guard let url = target.api else {
            return eventLoop.makeSucceededFuture(PeerReport(target: target, outcome: .failed(.notListed)))
        }
        let start = NIODeadline.now()
        let timeoutMS = timeoutMS ?? self.timeoutMS
        var call = call(url, path: "/v1/prodha/status?group=true", origin: target.origin)
        call.timeout = .milliseconds(timeoutMS)
        return client.send(call)
            .map { answer -> PeerReport in
                let roundTrip = Milliseconds(nanoseconds: (NIODeadline.now() - start).nanoseconds)
                do throws(PeerFailure) {
                    var status = try Self.status(in: answer, from: target)
                    let known = status.group ?? []
                    status.group = nil
                    let at = UTCInstant(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
                    let answer = PeerAnswer(status: status, known: known, at: at, roundTrip: roundTrip)
                    return PeerReport(target: target, outcome: .answered(answer))
                } catch {
                    return PeerReport(target: target, outcome: .failed(error))
                }
            }
            .recover { error in
                let failure =
                    (error as? HTTPClientError)
                    .map { PeerFailure($0, place: url.place, timeoutMS: timeoutMS) }
                    ?? .cannotConnect("\(error)")
                return PeerReport(target: target, outcome: .failed(failure))
            }
    }

    /// Calls one peer's API, after `inspect`.
    func send(
        _ method: HTTPMethod, _ path: String, to target: PeerTarget, body: [UInt8] = [], timeoutMS: Int64? = nil,
        maxBytes: Int = maxAnswerBytes
    ) -> EventLoopFuture<HTTPAnswer> {
        guard eventLoop.inEventLoop else {
            return eventLoop.flatSubmit {
                self.send(method, path, to: target, body: body, timeoutMS: timeoutMS, maxBytes: maxBytes)
            }
        }
        guard let url = target.api else {
            return eventLoop.makeFailedFuture(HTTPClientError.badURL("nobody says where the API of \(target.name) is"))
        }
        var call = call(url, method, path: path, origin: target.origin)
        if !body.isEmpty {
            call.headers.add(name: "content-type", value: "application/json")
            call.body = ByteBuffer(bytes: body)
        }
        call.timeout = .milliseconds(timeoutMS ?? self.timeoutMS)
        call.maxAnswerBytes = maxBytes
        return client.send(call)
    }

    /// A document from one peer, waited for on the calling thread, which must not be the event loop's.
    func document<Answer: Document>(
        _: Answer.Type, _ path: String, of target: PeerTarget, maxBytes: Int = maxAnswerBytes
    ) throws -> Answer {
        let answer = try wait(for: send(.GET, path, to: target, maxBytes: maxBytes))
        guard answer.status == .ok else { throw NoDocument(status: Int(answer.status.code)) }
        return try Answer(json: answer.body.readableBytesView)
    }

    private struct NoDocument: Error, CustomStringConvertible {
        var status: Int
        var description: String { "HTTP \(status)" }
    }

    private func call(
        _ url: ServiceURL, _ method: HTTPMethod = .GET, path: String, origin: PeerTarget.Origin
    ) -> HTTPCall {
        let scheme: HTTPURL.Scheme =
            switch url.scheme {
            case .http: .http
            case .https: .https
            }
        var headers: HTTPHeaders = ["accept": "application/json"]
        if let token = credentials.token, url.scheme == .https || url.endpoint.isLoopback {
            switch origin {
            case .file, .given: headers.add(name: "authorization", value: "Bearer \(token)")
            case .derived, .hearsay: break
            }
        }
        return HTTPCall(
            method,
            HTTPURL(
                scheme: scheme, host: url.host, port: url.port, unixSocket: url.unixSocket, target: url.path + path),
            headers: headers, timeout: .milliseconds(timeoutMS), maxAnswerBytes: Self.maxAnswerBytes)
    }

    /// The status in an answer, of whatever content.
    static func status(in answer: HTTPAnswer, from target: PeerTarget) throws(PeerFailure) -> StatusDocument {
        let body = answer.body.readableBytesView
        guard answer.status == .ok else {
            let error = try? ErrorDocument(json: body)
            throw .httpError(
                status: Int(answer.status.code), name: error?.error.name,
                message: error?.message ?? answer.status.reasonPhrase)
        }
        let status: StatusDocument
        do {
            // The version first: a later form may lack what this one has.
            let version = try VersionOnly(json: body).schemaVersion
            guard version == .current else { throw PeerFailure.otherSchemaVersion(version.number) }
            status = try StatusDocument(json: body)
        } catch let failure as PeerFailure {
            throw failure
        } catch {
            throw .garbage("\(error)")
        }
        let isExpected =
            (target.id ?? status.peer.id) == status.peer.id
            && (target.region ?? status.peer.region) == status.peer.region
        guard isExpected else { throw .someoneElse(region: status.peer.region, id: status.peer.id) }
        return status
    }
}

private struct VersionOnly: Document {
    var schemaVersion: SchemaVersion

    private enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
    }
}
