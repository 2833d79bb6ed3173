// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Keys
import Synchronization
import Testing

@testable import BrokerHarness
@testable import Harness

/// A client that puts numbered transactions into a queue, all the time, and holds what it is answered, and the order in which
/// they come, against the chain.
final class QueuePromises: Sendable {
    static let queue = "trx"
    static let replies = "replies"
    static let blocks = "blocks"
    /// Longer than any fault lasts: none expires on its own.
    private static let lifetime = 900
    /// Messages that are published together.
    private static let batch = 4

    private enum Answer: Hashable {
        case committed(number: Int, blockID: String)
        case failed(code: Int, String)
    }

    private struct State {
        /// The broker has confirmed these, in this order.
        var accepted: [String] = []
        /// Perhaps in the queue: the broker went away while they were given to it.
        var perhaps: Set<String> = []
        var answers: [String: Answer] = [:]
        var repeated = 0
        var blockMessages: [String: String] = [:]
        var violation: Violation?
        var stops = false
    }

    private let chain: GuardedChain
    private let broker: Broker
    private let state = Mutex(State())

    init(_ chain: GuardedChain, _ broker: Broker) {
        self.chain = chain
        self.broker = broker
    }

    var kept: Int { state.withLock { $0.answers.count } }

    func stop() { state.withLock { $0.stops = true } }

    /// What a wallet sends, as a message of one of the two kinds.
    static func message(_ transaction: JSON, kind: UInt8) throws -> [UInt8] {
        let signatures = try (transaction["signatures"]?.array ?? []).flatMap {
            try Signature(text: try #require($0.string)).packed
        }
        let hex = try #require(transaction["packed_trx"]?.string)
        let packed = stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
        let count = UInt8(transaction["signatures"]?.array?.count ?? 0)
        let tail = EosioAction.length(packed) + packed
        return kind == 0 ? [0, count] + signatures + [0, 0] + tail : [1, 0, 0, count] + signatures + [0] + tail
    }

    func run() async throws {
        var kind: UInt8 = 0
        while !state.withLock({ $0.stops }) {
            do {
                var info: JSON?
                for machine in chain.machines where info == nil {
                    info = try? await machine.nodeos.info(within: .seconds(1))
                }
                if let info {
                    var ids: [String] = []
                    var messages: [BrokerMessage] = []
                    for _ in 0..<Self.batch {
                        let transaction = try NewAccount.transaction(info, lifetime: Self.lifetime)
                        let id = try NewAccount.id(transaction)
                        var message = BrokerMessage(body: try Self.message(transaction, kind: kind))
                        message.replyTo = Self.replies
                        message.correlationID = Array(id.utf8)
                        message.headers = ["block-uuid-msg": Self.blocks]
                        messages.append(message)
                        ids.append(id)
                        kind = 1 - kind
                    }
                    do {
                        try await broker.publish(messages, to: Self.queue)
                        state.withLock { $0.accepted += ids }
                    } catch {
                        state.withLock { $0.perhaps.formUnion(ids) }
                    }
                }
                try await readReplies()
            } catch let violation as Violation {
                state.withLock { $0.violation = $0.violation ?? violation }
            } catch {
                // The broker is away.
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func readReplies() async throws {
        for message in try await broker.take(from: Self.blocks) {
            let document = try JSON(parsing: message.body)
            let (uuid, id) = (try #require(document["block_uuid"]?.string), try #require(document["block_id"]?.string))
            let other = state.withLock { $0.blockMessages.updateValue(id, forKey: uuid) }
            guard other == nil || other == id else {
                throw Violation(description: "\(uuid) is \(id) and \(other ?? "")")
            }
        }
        for message in try await broker.take(from: Self.replies) { try await take(message) }
    }

    private func take(_ message: BrokerMessage) async throws {
        let document = try JSON(parsing: message.body)
        let id = String(decoding: message.correlationID ?? [], as: UTF8.self)
        guard document["transaction_id"]?.string == id else {
            throw Violation(description: "a reply for \(id) is about another: \(document)")
        }
        let answer: Answer
        if let number = document["block_num"]?.int, let block = document["block_id"]?.string {
            answer = .committed(number: number, blockID: block)
            try await isCommitted(number, block)
        } else {
            answer = .failed(code: document["error.code"]?.int ?? 0, "\(document)")
        }
        let other = state.withLock { state in
            let other = state.answers.updateValue(answer, forKey: id)
            if other != nil { state.repeated += 1 }
            return other
        }
        guard other == nil || other == answer else {
            throw Violation(description: "\(id): \(answer) after \(other.map { "\($0)" } ?? "")")
        }
    }

    /// Whoever sent the reply has it in its log; if that peer is dead by now, the next leader has.
    private func isCommitted(_ number: Int, _ block: String) async throws {
        do {
            try await eventually("block \(number) \(block) is committed") {
                for machine in chain.machines where machine.peer.runs && !machine.peer.isStopped {
                    let answer = try? await machine.peer.get("/v1/prodha/block?id=\(block)", within: .seconds(2))
                    if answer?.status == 200 { return true }
                }
                return false
            }
        } catch {
            throw Violation(description: "a reply names block \(number), which no peer has committed: \(block)")
        }
    }

    /// Waits until everything that the broker has accepted is answered, and compares all with the chain. The flow must have
    /// stopped.
    func check() async throws {
        try await eventually("every message is answered", within: .seconds(120)) {
            try await readReplies()
            return state.withLock { state in
                let open = state.accepted.count { state.answers[$0] == nil }
                if open > 0 { print("\(open) of \(state.accepted.count) messages wait for their answer") }
                return open == 0
            }
        }
        try await eventually("nothing is left in the queue") { try await broker.depth(Self.queue) == 0 }
        let (accepted, perhaps, answers, violation) = state.withLock {
            ($0.accepted, $0.perhaps, $0.answers, $0.violation)
        }
        if let violation { throw violation }
        var places: [String: [Place]] = [:]
        let head = try await chain.outside.head().number
        for number in 1...head {
            let block = try await chain.outside.ask("/v1/chain/get_block", ["block_num_or_id": .string("\(number)")])
            let blockID = try #require(block["id"]?.string)
            for (index, receipt) in (block["transactions"]?.array ?? []).enumerated() {
                guard let id = receipt["trx.id"]?.string else { continue }
                places[id, default: []].append(Place(block: number, index: index, blockID: blockID))
            }
        }
        var last: (id: String, place: Place)?
        var tooSlow = 0
        for id in accepted {
            let found = places[id] ?? []
            switch answers[id] {
            case .committed(let number, let block)?:
                guard found.count == 1, found[0].block == number, found[0].blockID == block else {
                    throw Violation(description: "\(id): promised in \(number) \(block), is in \(found)")
                }
                if let last, last.place >= found[0] {
                    throw Violation(
                        description: "\(id) is at \(found[0]), behind \(last.id) in the queue, at \(last.place)")
                }
                last = (id, found[0])
            case .failed(let code, let why)?:
                guard found.isEmpty else { throw Violation(description: "\(id) failed, and is in \(found): \(why)") }
                // nodeos gives a transaction 30 ms; a machine that stalls takes longer (tx_cpu_usage_exceeded, deadline).
                guard [3_080_004, 3_080_006].contains(code) else {
                    throw Violation(description: "\(id) failed without need: \(why)")
                }
                tooSlow += 1
            case nil: throw Violation(description: "\(id) was not answered")
            }
        }
        for id in perhaps where (places[id]?.count ?? 0) > 1 {
            throw Violation(description: "\(id) is in \(places[id] ?? [])")
        }
        let (repeated, told) = state.withLock { ($0.repeated, $0.blockMessages) }
        let inChain = Set(places.values.joined().map(\.blockID))
        for id in told.values where !inChain.contains(id) {
            throw Violation(description: "a message tells of block \(id), which the chain has not")
        }
        print(
            """
            queue: \(accepted.count) accepted, answered, \(accepted.count - tooSlow) in the chain in their order, the others too \
            slow for nodeos; \(repeated) answered again; \
            \(perhaps.count) not confirmed by the broker, of them \(perhaps.count { places[$0] != nil }) in the chain; \
            \(told.count) blocks told of
            """)
    }

    private struct Place: Comparable {
        var block: Int
        var index: Int
        var blockID: String

        static func < (one: Place, other: Place) -> Bool { (one.block, one.index) < (other.block, other.index) }
    }
}

extension Machine {
    /// Makes its prodha take transactions from the broker. `settings`: beside the address.
    func consume(_ address: String, _ settings: JSON = [:]) throws {
        try peer.edit { document in
            var amqp = settings
            amqp["address"] = .string(address)
            document["amqp"] = amqp
        }
    }

    func queue() async throws -> JSON { try #require(try await peer.status()["transactions.queue"]) }
}

/// Runs `test` on a guarded chain whose peers take transactions from a broker.
func withQueue(
    _ settings: JSON = [:], environment: (Peer) -> [String: String] = { _ in [:] },
    prepare: (GuardedChain) async throws -> Void = { _ in }, _ test: (GuardedChain, Broker) async throws -> Void
) async throws {
    let broker = try await Broker.start()
    for queue in [QueuePromises.queue, QueuePromises.replies, QueuePromises.blocks] { try await broker.declare(queue) }
    func prepareAll(_ chain: GuardedChain) async throws {
        for machine in chain.machines { try machine.consume(broker.address(), settings) }
        try await prepare(chain)
    }
    try await withGuardedChain(environment: environment, prepare: prepareAll) { chain in
        try await test(chain, broker)
    }
}

/// The same with a flow of transactions, whose fate is checked afterwards.
func withQueuePromises(
    prepare: (GuardedChain) async throws -> Void = { _ in }, _ test: (GuardedChain, Broker) async throws -> Void
) async throws {
    try await withQueue(prepare: prepare) { chain, broker in
        let promises = QueuePromises(chain, broker)
        try await alongside(promises.run, stop: promises.stop) {
            try await eventually("messages are answered") { promises.kept > 20 }
            try await test(chain, broker)
            let kept = promises.kept
            try await eventually("messages are answered again", within: .seconds(60)) { promises.kept > kept + 20 }
        }
        try await promises.check()
    }
}
