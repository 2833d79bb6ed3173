// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import HTTP
import NIOCore
import NIOHTTP1
import Raft
import Transactions

// nodeos's calls that take transactions, as a peer serves them, and what else it shows of transactions.

extension NodeAPI {
    /// Of a client that waits for its transaction, in milliseconds.
    static let transactionWait: ClosedRange<Int64> = 100...300_000
    static let usualTransactionWait: Int64 = 30_000

    func takeTransaction(_ request: Request, _ call: TransactionCall) -> EventLoopFuture<Response> {
        let body = Array(request.body.readableBytesView)
        let wait: TransactionTracker.Wait
        switch request.query["wait"] {
        case nil, "committed": wait = .committed
        case "executed": wait = .executed
        case .some: return malformed("wait is executed or committed")
        }
        var timeout = Self.usualTransactionWait
        if let text = request.query["timeout_ms"] {
            guard let value = Int64(text), Self.transactionWait.contains(value) else {
                let (least, most) = (Self.transactionWait.lowerBound, Self.transactionWait.upperBound)
                return malformed("timeout_ms is a number of milliseconds from \(least) to \(most)")
            }
            timeout = value
        }
        return node.transactions.handIn(
            call, body, wait: wait, timeout: .milliseconds(timeout), over: request.over
        ).map { Response($0) }
    }

    func transaction(_ request: Request) -> EventLoopFuture<Response> {
        guard let id = request.query["id"].flatMap({ TransactionID(hex: $0) }) else {
            return malformed("give id=, a transaction's id of 64 hex digits")
        }
        return answer(.document(TransactionDocument(id, node.transactions.tracker.fate(of: id))))
    }
}

extension TransactionService {
    var document: StatusDocument.Transactions {
        let counters = tracker.counters
        return StatusDocument.Transactions(
            waiting: tracker.waiting, waitingBytes: tracker.waitingBytes, handedIn: counters.handedIn,
            committed: counters.committed, rejected: counters.rejected, expired: counters.expired,
            unknown: counters.unknown, overloaded: counters.overloaded, repeated: counters.repeated,
            knownFromBlockNum: tracker.index.first?.number, queue: queue?.document)
    }

    func addMetrics(to page: inout MetricsPage) {
        let counters = tracker.counters
        page.gauge("prodha_transactions_waiting", "Transactions that wait for a block.", Double(tracker.waiting))
        page.gauge("prodha_transactions_waiting_bytes", "Their bodies, in bytes.", Double(tracker.waitingBytes))
        page.gauge(
            "prodha_transactions_known", "Transactions of the latest committed blocks that are known by id.",
            Double(tracker.index.count))
        page.counter("prodha_transactions_handed_in_total", "Transactions handed in by clients.", counters.handedIn)
        page.counter(
            "prodha_transactions_committed_total", "Of those, held by a committed block.", counters.committed)
        page.counter("prodha_transactions_rejected_total", "Of those, refused by nodeos.", counters.rejected)
        page.counter(
            "prodha_transactions_expired_total", "Of those, past their expiration and in no block.", counters.expired)
        page.counter(
            "prodha_transactions_unknown_total", "Clients told that the outcome is unknown.", counters.unknown)
        page.counter(
            "prodha_transactions_overloaded_total", "Transactions turned away, too many waiting.", counters.overloaded)
        page.counter(
            "prodha_transactions_repeated_total", "Hand-overs of what was handed over before.", counters.repeated)
        page.histogram("prodha_transaction_seconds", "From a transaction's hand-in to its commit.", commitTime)
        queue?.addMetrics(to: &page)
    }
}

extension Response {
    fileprivate init(_ answer: TransactionTracker.Answer) {
        switch answer {
        case .nodeos(let reply): self = .json(HTTPResponseStatus(statusCode: reply.status), reply.body)
        case .committed(let place, let reply):
            if let reply = reply?.adding(place.block) {
                self = .json(HTTPResponseStatus(statusCode: reply.status), reply.body)
            } else {
                self = .json(.accepted, Array(place.inNodeosForm.utf8))
            }
        case .expired(let expired): self = .json(.internalServerError, Array(expired.inNodeosForm.utf8))
        case .unknown(let unknown): self = .unknown(unknown)
        case .overloaded(let waiting, let bytes):
            self = .error(
                .overloaded,
                message: "\(waiting) transactions of \(bytes) bytes wait at this peer already; send it again later")
            headers.add(name: "retry-after", value: "1")
        }
    }

    private static func unknown(_ unknown: TransactionTracker.Unknown) -> Response {
        let blocks = unknown.blocks
        var details: [String: JSONValue] = [
            "state": "unknown", "transaction_id": unknown.id.map { .string("\($0)") } ?? .null,
            "handed_in": .bool(unknown.mayBeHandedIn),
            "expiration": unknown.expiration.map { .string(UTCInstant(seconds: $0).description) } ?? .null,
            "not_in_blocks": .null,
        ]
        if let blocks {
            details["not_in_blocks"] = [
                "from": .integer(Int64(blocks.first.number)), "to": .integer(Int64(blocks.last.number)),
                "to_time": .string(blocks.last.slot.description),
            ]
        }
        var text = unknown.isShuttingDown ? "this peer ends: " : ""
        text += "no committed block holds transaction \(unknown.id.map { "\($0)" } ?? "(id not known)") yet"
        if let blocks { text += ", as far as block \(blocks.last.number)" }
        text += unknown.mayBeHandedIn ? "; nodeos may have it" : "; no nodeos has had it"
        if let trouble = unknown.trouble { text += " (\(trouble))" }
        return .error(.transactionUnknown, message: text, details: details)
    }
}

extension TransactionTracker.Expired {
    /// As nodeos says it of a transaction that it did not take because of its age.
    fileprivate var inNodeosForm: String {
        """
        {"code":500,"message":"Internal Service Error","error":{"code":3040005,"name":"expired_tx_exception",\
        "what":"Expired Transaction","details":[{"message":"expired transaction \(id), expiration \
        \(UTCInstant(seconds: expiration).description.dropLast(5)), block time \(passedBy.slot.description.dropLast()): no \
        committed block from \(since.number) on holds it, and none will","file":"prodha","line_number":0,\
        "method":"transaction"}]}}
        """
    }
}

extension TransactionDocument {
    init(_ id: TransactionID, _ fate: TransactionTracker.Fate) {
        switch fate {
        case .committed(let place):
            self.init(transactionID: "\(id)", state: .committed)
            blockNum = place.block.number
            blockID = place.block.id.hex
            blockTime = UTCInstant(unixMilliseconds: place.block.slot.unixMilliseconds)
            receiptStatus = place.receipt.status.jsonName
        case .waiting(let mayBeHandedIn, let seconds, let blocks):
            self.init(transactionID: "\(id)", state: .waiting)
            handedIn = mayBeHandedIn
            expiration = seconds.map { UTCInstant(seconds: $0) }
            notInBlocks = blocks.map(BlockRange.init)
        case .expired(let expired):
            self.init(transactionID: "\(id)", state: .expired)
            expiration = UTCInstant(seconds: expired.expiration)
            notInBlocks = BlockRange(.init(first: expired.since, last: expired.passedBy))
        case .unknown(let blocks):
            self.init(transactionID: "\(id)", state: .unknownHere)
            notInBlocks = blocks.map(BlockRange.init)
        }
    }
}

extension BlockRange {
    init(_ blocks: TransactionTracker.ClosedReferences) {
        self.init(
            from: blocks.first.number, to: blocks.last.number,
            toTime: UTCInstant(unixMilliseconds: blocks.last.slot.unixMilliseconds))
    }
}

extension UTCInstant {
    fileprivate init(seconds: UInt32) { self.init(unixMilliseconds: Int64(seconds) * 1000) }
}
