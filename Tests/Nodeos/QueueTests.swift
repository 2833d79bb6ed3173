// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import BrokerHarness
@testable import Harness

extension Guarded {
    /// Transactions come out of a real broker's queue while the leader, or the broker, comes to harm. What the broker had
    /// accepted is in the chain, once, in the queue's order, and its client was told so.
    @Suite struct QueuePromiseTests {
        @Test func theOrderOutlivesAKill() async throws {
            try await withQueuePromises { chain, _ in try await chain.killLeaders() }
        }

        @Test func theOrderOutlivesAStop() async throws {
            try await withQueuePromises { chain, _ in try await chain.stopLeaders() }
        }

        /// The old leader still reaches the broker.
        @Test func theOrderOutlivesAPartition() async throws {
            let relay = try Relay()
            defer { relay.stop() }
            var network: Network?
            func prepare(_ chain: GuardedChain) throws { network = try Network(chain.cluster, through: relay) }
            try await withQueuePromises(prepare: prepare) { chain, _ in
                try await chain.cutLeadersOff(by: try #require(network))
            }
        }

        /// Orderly and not; and leadership goes from one to the other in between.
        @Test func theOrderOutlivesTheBrokersRestartsAndHandOvers() async throws {
            try await withQueuePromises { chain, broker in
                for round in 0..<rounds {
                    if round.isMultiple(of: 2) {
                        try await broker.restart()
                    } else {
                        try await broker.kill()
                        // Away for a minute: the peers go on trying, and the chain without it.
                        for _ in 0..<(rounds > 2 && round == 1 ? 12 : 1) { try await chain.advances(by: 10) }
                        try await broker.start()
                    }
                    try await consumes(chain)
                    let machine = try await chain.producer()
                    let other = try #require(chain.others(than: machine).first)
                    let moved = try await machine.peer.post(
                        "/v1/prodha/transfer", ["to": .int(other.peer.id)])
                    #expect(moved.status == 200, "\(moved)")
                    try await consumes(chain)
                }
            }
        }

        private func consumes(_ chain: GuardedChain) async throws {
            try await eventually("the queue is consumed", within: .seconds(60)) {
                try await chain.producer().queue()["state"]?.string == "consuming"
            }
        }
    }

    @Suite struct QueueTests {
        private func producer(of chain: GuardedChain) async throws -> Machine {
            let machine = try await chain.producer()
            try await eventually("its prodha consumes the queue") {
                try await machine.queue()["state"]?.string == "consuming"
            }
            return machine
        }

        private func reply(_ broker: Broker, _ id: String) async throws -> JSON {
            try await value("an answer for \(id)") {
                for message in try await broker.take(from: QueuePromises.replies) {
                    if message.correlationID == Array(id.utf8) { return try JSON(parsing: message.body) }
                }
                return nil
            }
        }

        private func message(_ transaction: JSON, _ id: String) throws -> BrokerMessage {
            var message = BrokerMessage(body: try QueuePromises.message(transaction, kind: 0))
            message.replyTo = QueuePromises.replies
            message.correlationID = Array(id.utf8)
            return message
        }

        @Test func onlyTheProducerConsumes() async throws {
            try await withQueue { chain, broker in
                let machine = try await producer(of: chain)
                for other in chain.others(than: machine) {
                    #expect(try await other.queue()["state"]?.string == "idle")
                    #expect(try await other.queue()["delivered"]?.int == 0)
                }
                let document = try await machine.queue()
                #expect(document["name"]?.string == "trx" && document["ack_mode"]?.string == "in_block")
                #expect(document["broker"]?.string == "amqp://guest@127.0.0.1:\(broker.port)")
                // Without a quorum nobody consumes, and what comes in waits.
                for other in chain.others(than: machine) { try await other.kill(.prodha) }
                try await eventually("it leaves the queue") { try await machine.queue()["state"]?.string == "idle" }
                let transaction = try NewAccount.transaction(try await machine.nodeos.info(), lifetime: 600)
                let id = try NewAccount.id(transaction)
                try await broker.publish([try message(transaction, id)], to: QueuePromises.queue)
                #expect(try await broker.depth(QueuePromises.queue) == 1)
                for other in chain.others(than: machine) { try await other.restart(.prodha) }
                #expect(try await reply(broker, id)["block_num"]?.int != nil)
            }
        }

        @Test func failedMalformedAndExpiredOnesAreDoneWithAndTheOthersGoOn() async throws {
            try await withQueue { chain, broker in
                let machine = try await producer(of: chain)
                let info = try await machine.nodeos.info()
                let expired = try NewAccount.transaction(info, lifetime: -60)
                // No signature of the account's key.
                var unsigned = try NewAccount.transaction(info)
                unsigned["signatures"] = []
                let good = try NewAccount.transaction(info)
                let bad = [[], [9], [0, 0, 0], [UInt8](repeating: 0, count: 1_000_001)].map { (bytes: [UInt8]) in
                    var message = BrokerMessage(body: bytes)
                    message.replyTo = QueuePromises.replies
                    message.correlationID = Array("bad".utf8)
                    return message
                }
                let messages = try [expired, unsigned, good].map { try message($0, try NewAccount.id($0)) }
                try await broker.publish(bad + messages, to: QueuePromises.queue)
                var replies: [String: JSON] = [:]
                try await eventually("three answers") {
                    for message in try await broker.take(from: QueuePromises.replies) {
                        replies[String(decoding: message.correlationID ?? [], as: UTF8.self)] = try JSON(
                            parsing: message.body)
                    }
                    return replies.count == 3
                }
                #expect(replies["bad"] == nil)
                #expect(replies[try NewAccount.id(expired)]?["error.name"]?.string == "expired_tx_exception")
                #expect(replies[try NewAccount.id(unsigned)]?["error.name"]?.string == "unsatisfied_authorization")
                #expect(replies[try NewAccount.id(good)]?["block_num"]?.int != nil)
                #expect(replies[try NewAccount.id(good)]?["processed.action_traces"] != nil)
                try await eventually("nothing is left") {
                    let document = try await machine.queue()
                    return document["waiting"]?.int == 0 && document["rejected"]?.int == 4
                        && document["failed"]?.int == 2 && document["committed"]?.int == 1
                }
                #expect(try await broker.depth(QueuePromises.queue) == 0)
                let metrics = try await machine.peer.get("/metrics").text
                for (name, count) in [("rejected", 4), ("failed", 2), ("committed", 1), ("delivered", 7)] {
                    let line = metrics.split(separator: "\n").first { $0.hasPrefix("prodha_queue_\(name)_total{") }
                    #expect(line?.hasSuffix(" \(count)") == true, "\(line ?? "no such line")")
                }
            }
        }

        /// The session ends, and the message is given again: it is in the chain once.
        @Test func oneThatIsInTheChainAlreadyIsAnsweredWithItsBlock() async throws {
            try await withQueue { chain, broker in
                let machine = try await producer(of: chain)
                let transaction = try NewAccount.transaction(try await machine.nodeos.info(), lifetime: 300)
                let id = try NewAccount.id(transaction)
                let answer = try await machine.peer.post("/v1/chain/send_transaction", transaction)
                let number = try #require(answer.json?["block_num"]?.int, "\(answer)")
                try await broker.publish([try message(transaction, id)], to: QueuePromises.queue)
                #expect(try await reply(broker, id)["block_num"]?.int == number)
            }
        }

        /// Else other nodes would pass them to the next leader's nodeos, in any order.
        @Test func theQueuesTransactionsGetOutInBlocksAlone() async throws {
            try await withQueue { chain, broker in
                let machine = try await producer(of: chain)
                let info = try await machine.nodeos.info()
                // The one by HTTP shows that transactions are seen here at all.
                let last = try NewAccount.transaction(info)
                let wanted = try NewAccount.id(last)
                let links = try await machine.status()["p2p.links"]?.array?.count ?? 0
                let port = machine.gatePort
                async let seen = offload { try transactions(port: port, info, until: wanted) }
                try await eventually("the link stands") {
                    let now = try await machine.status()["p2p.links"]?.array ?? []
                    return now.count > links && now.allSatisfy { $0["up"]?.bool == true }
                }
                let queued = try (0..<20).map { _ in try NewAccount.transaction(info) }
                let messages = try queued.map { try message($0, try NewAccount.id($0)) }
                try await broker.publish(messages, to: QueuePromises.queue)
                try await eventually("all are committed") { try await machine.queue()["committed"]?.int == 20 }
                #expect(try await machine.peer.post("/v1/chain/send_transaction", last).status == 202)
                let all = try await seen
                #expect(all.contains(wanted))
                for transaction in queued {
                    let id = try NewAccount.id(transaction)
                    #expect(!all.contains(id))
                }
                let metrics = try await machine.peer.get("/metrics").text
                let line = metrics.split(separator: "\n").first {
                    $0.hasPrefix("prodha_p2p_transactions_withheld_total{")
                }
                #expect(line?.hasSuffix(" 0") == false, "\(line ?? "no such line")")
            }
        }

        @Test func aQueueThatIsMissingIsToldAndTakenUpOnceItIsThere() async throws {
            try await withQueue(["queue": "later", "retry_timeout_us": 1_000_000]) { chain, broker in
                let machine = try await chain.producer()
                try await eventually("it says so") {
                    let document = try await machine.queue()
                    return document["state"]?.string == "failing"
                        && document["reason"]?.string?.contains("later") == true
                }
                try await machine.peer.says("the queue later is not consumed")
                try await machine.peer.says("the queue later has not been consumed for")
                try await broker.declare("later")
                _ = try await producer(of: chain)
            }
        }

        @Test func thePasswordIsNowhere() async throws {
            try await withQueue { chain, broker in
                try await broker.control("add_user", "bp", "wh1sper-it")
                try await broker.control("set_permissions", "bp", ".*", ".*", ".*")
                let machine = try #require(chain.machines.first)
                // A wrong one as well: refusals are logged.
                for (password, isRight) in [("wh1sper-not", false), ("wh1sper-it", true)] {
                    for machine in chain.machines {
                        try machine.consume(broker.address(user: "bp", password: password))
                        _ = try await machine.peer.terminate()
                        try await machine.peer.start(environment: machine.environment)
                        try await machine.peer.serves()
                    }
                    let producer = try await chain.producer()
                    try await eventually("it \(isRight ? "consumes" : "fails")") {
                        try await producer.queue()["state"]?.string == (isRight ? "consuming" : "failing")
                    }
                    let status = try await producer.peer.get("/v1/prodha/status").text
                    let metrics = try await producer.peer.get("/metrics").text
                    #expect(!status.contains("wh1sper") && !metrics.contains("wh1sper"))
                    for machine in chain.machines { #expect(!machine.peer.log.contains("wh1sper")) }
                }
                #expect(machine.peer.runs)
            }
        }
    }
}

/// The ids of all transactions that a gate tells an outside node of, up to one. Blocks.
private func transactions(port: Int, _ info: JSON, until wanted: String) throws -> Set<String> {
    let link = try RawLink(port: port)
    try link.send(try RawLink.handshake(info))
    var seen: Set<String> = []
    let end = ContinuousClock.now + .seconds(60)
    while !seen.contains(wanted), ContinuousClock.now < end {
        guard let frame = try link.receive(within: .seconds(30)) else { throw SocketError.closed }
        guard frame.kind == 8 else { continue }
        let message = try TransactionMessage(parsing: [0] + frame.content)
        if let transaction = UnpackedTransaction(unpacking: message.transaction[...]) {
            seen.insert("\(transaction.id)")
        }
    }
    return seen
}
