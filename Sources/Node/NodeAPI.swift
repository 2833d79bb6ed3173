// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import Configuration
import HTTP
import Logging
import NIOCore
import NIOHTTP1
import ProducerHA
import Raft
import Storage
import Transactions

/// The HTTP API of one peer. Everything runs on the node's event loop.
struct NodeAPI {
    let node: Node

    /// Largest packed block that is taken, in bytes.
    static let maxBlockBytes = 8 << 20
    /// Clients that wait for their transactions each hold one. Fewer where the system lets the process open fewer files.
    static let maxConnections = OpenFiles.limit(below: 4096, others: 512)
    private static let pathsOfBlocks: Set<String> = [
        "/v1/prodha/commit_block", "/v1/prodha/region/activate", "/v1/prodha/region/rebase",
    ]
    /// Longest wait of `wait_block`.
    static let longestWait = Duration.seconds(60)

    /// - Parameter security: TLS, where the file asks for it.
    func makeServer(security: ChannelSecurity?, logger: Logger) -> HTTPServer {
        var router = Router(eventLoop: node.eventLoop, errorDocument: Self.refusalDocument)
        let node = node
        let api = self
        func read(_ path: String, needs need: Access.Need = .reading, _ handler: @escaping Router.Handler) {
            router.on([.GET, .POST], path, guarded(need, handler))
        }
        func now(_ path: String, needs need: Access.Need = .reading, _ handler: @escaping (Request) -> Response) {
            read(path, needs: need) { node.eventLoop.makeSucceededFuture(handler($0)) }
        }
        now("/v1/producer_ha/get_info") { _ in .document(node.getInfo()) }
        now("/v1/prodha/status") { request in
            var status = node.status()
            if request.query["group"] == "true" { status.group = node.knownStatuses() }
            return .document(status)
        }
        now("/v1/prodha/group") { _ in .document(node.groupDocument()) }
        now("/v1/prodha/configuration", needs: .inspecting) { _ in .document(node.configurationDocument) }
        now("/v1/prodha/daemon_log", needs: .inspecting) { _ in .document(node.daemonLogDocument) }
        now("/v1/prodha/can_produce") { _ in .document(node.canProduceDocument()) }
        now("/health/live", needs: .nothing) { _ in .document(HealthDocument(healthy: true)) }
        now("/health/ready", needs: .nothing) { _ in node.health(isWell: node.isReady) }
        now("/health/leader", needs: .nothing) { _ in node.health(isWell: node.visibleObstacle(at: Clock.now()) == nil)
        }
        now("/metrics") { _ in
            Response(
                status: .ok, headers: ["content-type": "text/plain; version=0.0.4; charset=utf-8"],
                body: ByteBuffer(string: node.metrics()))
        }
        read("/v1/prodha/log", api.log)
        router.on([.GET], "/v1/prodha/events", guarded(.reading, api.events))
        read("/v1/prodha/block", api.block)
        read("/v1/prodha/wait_block", api.waitBlock)
        read("/v1/prodha/transaction", api.transaction)
        for call in TransactionCall.allCases {
            router.on([.POST], call.path, guarded(.nothing) { api.takeTransaction($0, call) })
        }
        router.on([.POST], "/v1/prodha/check_block", guarded(.reading, api.checkBlock))
        router.on([.POST], "/v1/prodha/commit_block", guarded(.operating, api.commitBlock))
        api.routeOperators(&router)
        api.routeRegions(&router)
        // Scripts written for EOSIO-Taurus use GET.
        router.on([.GET, .POST], "/v1/producer_ha/take_leadership", guarded(.operating, api.takeLeadership))
        var limits = HTTPLimits()
        limits.maxBodyBytes = { _, path in
            // A block may come as hex within JSON.
            if Self.pathsOfBlocks.contains(path) { return 2 * Self.maxBlockBytes + 4096 }
            return TransactionCall.allCases.contains { $0.path == path } ? TransactionCall.longestBody : 64 << 10
        }
        limits.maxConnections = Self.maxConnections
        return HTTPServer(
            eventLoop: node.eventLoop, limits: limits, logger: logger, errorDocument: Self.refusalDocument,
            failureDocument: Self.failureDocument, security: security
        ) { request in
            node.counters.requests += 1
            if let refusal = api.refusalOfStrangers(request) { return api.answer(refusal) }
            return router.handle(request)
        }
    }

    private static func failureDocument(_ error: any Error) -> Response? {
        guard case StoreError.full = error else { return nil }
        return .error(.overloaded, message: "\(error)")
    }

    private static func refusalDocument(_ refusal: HTTPRefusal) -> Response {
        let kind = ErrorKind(name: refusal.name, status: Int(refusal.status.code), what: refusal.description)
        return .error(kind)
    }

    func answer(_ response: Response) -> EventLoopFuture<Response> {
        node.eventLoop.makeSucceededFuture(response)
    }

    func malformed(_ message: String) -> EventLoopFuture<Response> {
        answer(.error(.malformedRequest, message: message))
    }

    // MARK: - Blocks

    private func commitBlock(_ request: Request) -> EventLoopFuture<Response> {
        let bytes: [UInt8]
        do {
            bytes = try Self.blockBytes(request)
        } catch {
            return answer(.error(.malformedBlock, message: "\(error)"))
        }
        guard bytes.count <= Self.maxBlockBytes else {
            return answer(
                .error(.bodyTooLarge, message: "the block has \(bytes.count) bytes, \(Self.maxBlockBytes) are taken"))
        }
        let block: SignedBlock
        do {
            block = try SignedBlock(parsing: bytes)
        } catch {
            return answer(.error(.malformedBlock, message: "\(error)"))
        }
        // The id covers the header alone, so the transactions must be those that the header speaks of.
        guard block.transactionRoot == block.header.transactionRoot else {
            return answer(
                .error(.malformedBlock, message: "the transactions are not those of the header's transaction_mroot"))
        }
        let reference = BlockRef(block.header)
        let isNew = reference.number > node.replica.state.head?.block.number ?? 0
        if isNew, node.replica.raft.role == .leader, let attachment = node.attachment, !attachment.gave(bytes) {
            return answer(
                .error(CommitBlockReason.notSignedHere.error, details: ["leader_id": .integer(node.leaderID)]))
        }
        if let ahead = node.attachment?.secondsAhead(block.header.timestamp) {
            return answer(
                .error(.malformedBlock, message: "the block is stamped \(ahead) s ahead of this machine's clock"))
        }
        let started = Clock.now()
        let lastIndex = node.replica.raft.lastIndex
        let response = node.eventLoop.makePromise(of: Response.self)
        node.commit(reference, bytes: bytes) { answer in
            node.counters.note(answer, above: lastIndex, took: Clock.now() - started)
            self.answer(response, answer)
        }
        return response.futureResult
    }

    private static func blockBytes(_ request: Request) throws -> [UInt8] {
        let type = request.headers.first(name: "content-type")?.lowercased() ?? ""
        if type.hasPrefix("application/octet-stream") { return Array(request.body.readableBytesView) }
        return try request.body.withUnsafeReadableBytes { try CommitBlockRequest(body: $0).block.bytes }
    }

    private func answer(_ response: EventLoopPromise<Response>, _ answer: CommitAnswer) {
        switch answer {
        case .committed(let index, let term, let block): response.succeed(.committed(index, term, block))
        case .refused(let refusal): response.succeed(refused(refusal))
        case .compareWithEntry(let index, let block):
            let bound = NIOLoopBound(node, eventLoop: node.eventLoop)
            node.readEntry(index).map { entry in
                guard let entry, let header = entry.block.flatMap({ try? BlockHeader(parsingPrefixOf: $0) }) else {
                    return NodeAPI(node: bound.value).refused(.stale)
                }
                return header.id == block.id
                    ? .committed(entry.index, entry.term, block)
                    : NodeAPI(node: bound.value).refused(.conflictsWithHead)
            }.cascade(to: response)
        }
    }

    private func refused(_ refusal: CommitRefusal) -> Response {
        let reason = CommitBlockReason(rawValue: refusal.name)
        var details: [String: JSONValue] = ["leader_id": .integer(node.leaderID)]
        if case .obstacle(.leaseWait(let rest)) = refusal { details["lease_wait_ms"] = .number(rest.inMilliseconds) }
        if let head = node.replica.state.head {
            details["head_block_num"] = .integer(Int64(head.block.number))
            details["head_block_id"] = .string(head.block.id.hex)
        }
        return .error(reason.error, details: details)
    }

    private func checkBlock(_ request: Request) -> EventLoopFuture<Response> {
        let check: CheckBlockRequest
        do {
            check = try CheckBlockRequest(json: request.body.readableBytesView)
        } catch {
            return malformed("\(error)")
        }
        guard let id = BlockID(hex: check.blockID) else { return malformed("block_id is not 64 hex digits") }
        guard id.blockNumber == check.blockNum else {
            return malformed("block_id is the id of block \(id.blockNumber), not of block \(check.blockNum)")
        }
        switch node.replica.state.verdict(number: check.blockNum, id: id, blocks: node.replica.blocks) {
        case .accept: return answer(.document(CheckBlockDocument(accept: true)))
        case .conflictsWithHead:
            return answer(.document(CheckBlockDocument(accept: false, reason: .conflictsWithHead)))
        case .notCommitted: return answer(.document(CheckBlockDocument(accept: false, reason: .notCommitted)))
        case .compareWithEntry(let index):
            return node.readEntry(index).map { entry in
                // Dropped from the log in the meantime: as any height below it.
                guard let entry else { return .document(CheckBlockDocument(accept: true)) }
                guard let header = entry.block.flatMap({ try? BlockHeader(parsingPrefixOf: $0) }) else {
                    return .error(.internalError)
                }
                return .document(
                    header.id == id
                        ? CheckBlockDocument(accept: true)
                        : CheckBlockDocument(accept: false, reason: .conflictsWithHead))
            }
        }
    }

    private func block(_ request: Request) -> EventLoopFuture<Response> {
        let number: UInt32
        let wanted: BlockID?
        if let text = request.query["id"] {
            guard let id = BlockID(hex: text) else { return malformed("id is not 64 hex digits") }
            (number, wanted) = (id.blockNumber, id)
        } else {
            guard let text = request.query["num"], let value = UInt32(text) else {
                return malformed("give num=, a block number, or id=, 64 hex digits")
            }
            (number, wanted) = (value, nil)
        }
        let asBytes = request.headers.first(name: "accept")?.lowercased().contains("application/octet-stream") ?? false
        let heard = wanted.flatMap { node.beacon?.block($0) }
        return node.committedBlock(number).map { found in
            var found = found
            if wanted != nil, found?.block.id != wanted {
                found = heard.flatMap { bytes in
                    (try? BlockHeader(parsingPrefixOf: bytes)).map { (BlockRef($0), bytes) }
                }
            }
            guard let found else { return .error(.blockNotFound) }
            if asBytes {
                return Response(status: .ok, headers: ["content-type": "application/octet-stream"], body: found.bytes)
            }
            let document = BlockDocument(
                blockNum: number, blockID: found.block.id.hex, block: HexBytes(found.bytes))
            return .json(.ok, document.quickJSON())
        }
    }

    private func waitBlock(_ request: Request) -> EventLoopFuture<Response> {
        guard let text = request.query["num"], let number = UInt32(text) else {
            return malformed("give num=, a block number")
        }
        var timeout = Self.longestWait
        if let text = request.query["timeout_ms"] {
            guard let value = Int64(text), value >= 0 else {
                return malformed("timeout_ms is a number of milliseconds")
            }
            timeout = min(.milliseconds(value), Self.longestWait)
        }
        let bound = NIOLoopBound(node, eventLoop: node.eventLoop)
        return node.waitForBlock(number, timeout: timeout).flatMap { outcome in
            let api = NodeAPI(node: bound.value)
            switch outcome {
            case .tooMany: return api.answer(.error(.overloaded))
            case .timedOut: return api.answer(.error(.waitTimeout))
            case .committed:
                return api.node.committedBlock(number).map { found in
                    guard let found else { return .error(.blockNotFound) }
                    return .document(WaitBlockDocument(blockNum: number, blockID: found.block.id.hex))
                }
            }
        }
    }

    // MARK: - The log

    private static let logPage = 100
    private static let largestLogPage = 1000
    private func log(_ request: Request) -> EventLoopFuture<Response> {
        func number(_ name: String) throws(MalformedDocument) -> UInt64? {
            guard let text = request.query[name] else { return nil }
            guard let value = UInt64(text) else { throw MalformedDocument(what: "\(name) is not a number") }
            return value
        }
        let raft = node.replica.raft
        let first: LogIndex
        let last: LogIndex
        do {
            let limit = min(try number("limit") ?? UInt64(Self.logPage), UInt64(Self.largestLogPage))
            let to = min(try number("to") ?? .max, raft.commitIndex)
            // Without a start the newest entries are wanted.
            let newest = to >= limit ? to - limit + 1 : 1
            first = max(try number("from") ?? newest, raft.baseIndex + 1)
            last = limit == 0 ? 0 : min(to, first.addingReportingOverflow(limit - 1).partialValue)
        } catch {
            return malformed("\(error)")
        }
        let document = LogDocument(
            firstIndex: raft.baseIndex + 1, lastIndex: raft.lastIndex, commitIndex: raft.commitIndex, entries: [])
        guard first <= last else { return answer(.document(document)) }
        let bound = NIOLoopBound(node, eventLoop: node.eventLoop)
        return node.outlines(from: first, through: last, prefix: LogEntryDocument.prefixBytes).flatMap { outlines in
            var document = document
            document.entries = outlines.map { LogEntryDocument($0) }
            return bound.value.fill(document, with: outlines.filter(LogEntryDocument.needsWhole))
        }
    }

    // MARK: - Leadership

    private func takeLeadership(_ request: Request, _ caller: Access.Caller) -> EventLoopFuture<Response> {
        // HEAD is served wherever GET is, and this changes the leader.
        guard request.method != .HEAD else {
            return answer(.error(.forbidden, message: "take_leadership is no HEAD; nothing was done"))
        }
        let bound = NIOLoopBound(node, eventLoop: node.eventLoop)
        return node.takeLeadership(act(request, caller)).map { outcome in
            let id = bound.value.settings.raft.id
            let document =
                switch outcome {
                case .leads: TakeLeadershipDocument(success: true, info: "peer \(id) leads")
                case .stillFollows(let leader?):
                    TakeLeadershipDocument(
                        success: false, info: "peer \(leader) still leads; peer \(id) did not take over in time")
                case .refused(let leader, let why):
                    TakeLeadershipDocument(success: false, info: "peer \(leader) leads and does not hand over: \(why)")
                case .stillFollows(nil):
                    TakeLeadershipDocument(
                        success: false, info: "no peer leads: the group has no quorum, or is just electing")
                }
            return .document(document, status: .created)
        }
    }
}

extension Response {
    static func document(_ document: some Document, status: HTTPResponseStatus = .ok) -> Response {
        .json(status, document.json())
    }

    static func error(_ kind: ErrorKind, message: String? = nil, details: [String: JSONValue] = [:]) -> Response {
        .document(
            ErrorDocument(kind, message: message, details: details), status: HTTPResponseStatus(statusCode: kind.status)
        )
    }

    fileprivate static func committed(_ index: LogIndex, _ term: Term, _ block: BlockRef) -> Response {
        // Its own writer, not that of all documents.
        .json(.ok, CommitBlockDocument(index: index, term: term, blockNum: block.number, blockID: block.id.hex).json())
    }
}
