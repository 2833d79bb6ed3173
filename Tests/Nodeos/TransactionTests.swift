// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// Clients hand transactions in by HTTP at all peers, while the leader comes to harm. What was reported committed is in
    /// the chain, once; what was left open is told truly afterwards.
    /// Each ends with the expiration of what was left open, which takes its time.
    @Suite struct TransactionPromiseTests {
        @Test func promisesOutliveAKill() async throws {
            try await withPromises { try await $0.killLeaders() }
        }

        @Test func promisesOutliveAStop() async throws {
            try await withPromises { try await $0.stopLeaders() }
        }

        @Test func promisesOutliveAPartition() async throws {
            let relay = try Relay()
            defer { relay.stop() }
            var network: Network?
            func prepare(_ chain: GuardedChain) throws { network = try Network(chain.cluster, through: relay) }
            try await withPromises(prepare: prepare) { try await $0.cutLeadersOff(by: try #require(network)) }
        }
    }

    @Suite struct TransactionTests {
        private let calls = ["push_transaction", "send_transaction", "send_transaction2"]

        private func body(_ call: String, _ transaction: JSON) -> JSON {
            call == "send_transaction2"
                ? ["return_failure_trace": true, "retry_trx": false, "transaction": transaction] : transaction
        }

        @Test func nodeossCallsAreServedByEveryPeer() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                for machine in chain.machines {
                    for call in calls {
                        let transaction = try NewAccount.transaction(try await producer.nodeos.info())
                        let id = try NewAccount.id(transaction)
                        let response = try await machine.peer.post("/v1/chain/\(call)", body(call, transaction))
                        try #require(response.status == 202, "\(call) at peer \(machine.peer.id): \(response)")
                        let json = try #require(response.json)
                        #expect(json["transaction_id"]?.string == id)
                        #expect(json["processed.id"]?.string == id)
                        #expect(json["processed.action_traces"]?.array?.count == 1)
                        let number = try #require(json["block_num"]?.int)
                        // The group has it before a follower's nodeos is given it.
                        try await eventually("nodeos \(machine.peer.id) has block \(number)") {
                            try await machine.nodeos.id(at: number) == json["block_id"]?.string
                        }

                        // The same again, by any way: it is there already.
                        let again = try await machine.peer.post("/v1/chain/\(call)", body(call, transaction))
                        #expect(again.status == 202 && again.json?["block_num"]?.int == number, "\(again)")
                        #expect(again.json?["processed.receipt.status"]?.string == "executed")
                        for other in chain.machines {
                            try await other.peer.reaches(number)
                            let told = try await other.peer.get("/v1/prodha/transaction?id=\(id)").document()
                            #expect(told["state"]?.string == "committed" && told["block_num"]?.int == number, "\(told)")
                        }
                    }
                }
                let page = try await producer.peer.get("/metrics")
                #expect(page.text.contains("prodha_transactions_committed_total{"))
            }
        }

        /// nodeos passes over bytes behind a transaction, and they stand in the block.
        @Test func theIDIsThatOfTheTransactionAndNotOfTheBytes() async throws {
            try await withGuardedChain { chain in
                let machine = try await chain.producer()
                let transaction = try NewAccount.transaction(try await machine.nodeos.info(), tail: [0, 1, 2, 3])
                for machine in chain.machines {
                    let response = try await machine.peer.post("/v1/chain/push_transaction", transaction)
                    try #require(response.status == 202, "\(response)")
                    let id = try #require(response.json?["transaction_id"]?.string)
                    let told = try await machine.peer.get("/v1/prodha/transaction?id=\(id)").document()
                    #expect(told["state"]?.string == "committed")
                }
            }
        }

        @Test func aFailureIsPassedOnByteForByteAndAtOnce() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                for machine in chain.machines {
                    let info = try await producer.nodeos.info()
                    let old = try NewAccount.transaction(info, lifetime: -5)
                    let unsigned = try NewAccount.transaction(info)
                    var bad = unsigned
                    bad["signatures"] = []
                    let bodies: [JSON] = [["signatures": []], bad, ["packed_trx": "00", "compression": "none"]]
                    for call in calls {
                        for transaction in bodies {
                            let direct = try await producer.nodeos.post("/v1/chain/\(call)", body(call, transaction))
                            let start = ContinuousClock.now
                            let response = try await machine.peer.post("/v1/chain/\(call)", body(call, transaction))
                            #expect(ContinuousClock.now - start < .seconds(5))
                            #expect(response.status == direct.status)
                            if direct.status == 202 {
                                // With a trace, which tells the time.
                                let code = "processed.except.code"
                                #expect(response.json?[code] == direct.json?[code])
                                #expect(response.json?["block_num"] == nil, "\(response)")
                                #expect(response.json?.keys == direct.json?.keys)
                            } else {
                                #expect(response.body == direct.body)
                            }
                        }
                        let response = try await machine.peer.post("/v1/chain/\(call)", body(call, old))
                        #expect(response.reason == "expired_tx_exception", "\(response)")
                    }
                    let text = try await machine.peer.call("POST", "/v1/chain/push_transaction", body: Array("{".utf8))
                    #expect(text.status == 400 && text.reason == "invalid_http_request", "\(text)")
                }
                // A failure with its trace is a 202 of nodeos.
                let info = try await producer.nodeos.info()
                let (name, lifetime) = (EosioAction(name: "nosuch", data: []), 30)
                let failing = try EosioAction.transaction([name], info, lifetime: lifetime)
                for machine in chain.machines {
                    let response = try await machine.peer.post(
                        "/v1/chain/send_transaction2", body("send_transaction2", failing))
                    // eosio has no contract here, so any action of its is carried out, by nobody.
                    #expect(response.status == 202 && response.json?["block_num"] != nil, "\(response)")
                }
            }
        }

        @Test func theSameThroughTwoPeersIsInTheChainOnceAndBothAreTold() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                for _ in 0..<10 {
                    let transaction = try NewAccount.transaction(try await producer.nodeos.info())
                    let answers = try await withThrowingTaskGroup { group in
                        for machine in chain.machines {
                            group.addTask {
                                try await machine.peer.post("/v1/chain/send_transaction", transaction)
                            }
                        }
                        return try await group.reduce(into: [Response]()) { $0.append($1) }
                    }
                    #expect(answers.allSatisfy { $0.status == 202 }, "\(answers)")
                    #expect(Set(answers.map { $0.json?["block_id"]?.string }).count == 1)
                }
            }
        }

        @Test func whatExpiresWhileThereIsNoLeaderIsToldSo() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                let others = chain.others(than: producer)
                let info = try await producer.nodeos.info()
                for machine in others { try await machine.kill(.prodha) }
                let transaction = try NewAccount.transaction(info, lifetime: 3)
                let id = try NewAccount.id(transaction)
                // One that gives up waiting, and one that waits on.
                let short = try await producer.peer.post(
                    "/v1/chain/send_transaction?timeout_ms=200", transaction)
                let details = try short.error(408, "transaction_unknown")
                #expect(details["transaction_id"]?.string == id && details["not_in_blocks.from"]?.int ?? 9 <= 2)
                let waiting = try await producer.peer.get("/v1/prodha/transaction?id=\(id)").document()
                #expect(waiting["state"]?.string == "waiting", "\(waiting)")
                async let long = producer.peer.post(
                    "/v1/chain/send_transaction?timeout_ms=60000", transaction, within: .seconds(70))
                try await Task.sleep(for: .seconds(4))
                for machine in others { try await machine.restart(.prodha) }
                let told = try await long
                // The leader's nodeos may have had it in the block that it was making.
                let document = try await producer.peer.get("/v1/prodha/transaction?id=\(id)").document()
                if told.status == 202 {
                    #expect(document["state"]?.string == "committed", "\(document)")
                } else {
                    #expect(told.status == 500 && told.reason == "expired_tx_exception", "\(told)")
                    #expect(document["state"]?.string == "expired", "\(document)")
                }
                print("without a leader it was \(document["state"] ?? .null)")
            }
        }

        @Test func aThousandClientsWait() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                let follower = try #require(chain.others(than: producer).first)
                let info = try await producer.nodeos.info()
                let others = chain.others(than: follower)
                // No quorum: all must wait.
                for machine in others { machine.send(SIGSTOP, to: .prodha) }
                let port = follower.peer.apiPort
                let bodies = try (0..<1000).map { _ in Array(try NewAccount.transaction(info, lifetime: 120).line.utf8)
                }
                let sockets = try await offload {
                    try bodies.map { body in
                        let deadline = ContinuousClock.now + .seconds(10)
                        let socket = try Socket(port: port, deadline: deadline)
                        let head =
                            "POST /v1/chain/send_transaction?timeout_ms=90000 HTTP/1.1\r\nHost: localhost\r\n"
                            + "Content-Length: \(body.count)\r\n\r\n"
                        try socket.send(Array(head.utf8) + body, deadline: deadline)
                        return socket
                    }
                }
                try await eventually("all wait") {
                    let status = try await follower.peer.status()
                    guard status["transactions.waiting"]?.int == 1000 else {
                        throw TimedOut(description: "\(status["transactions"] ?? .null)")
                    }
                    return true
                }
                let threads = try FileManager.default.contentsOfDirectory(
                    atPath: "/proc/\(try #require(follower.peer.pid))/task")
                #expect(threads.count < 20, "\(threads.count) threads")
                // Others are served as ever, and who goes away is not waited for.
                let start = ContinuousClock.now
                #expect(try await follower.peer.get("/health/live").status == 200)
                #expect(ContinuousClock.now - start < .seconds(1))
                let gone = 100
                var left = sockets
                left.removeFirst(gone)
                for machine in others { machine.send(SIGCONT, to: .prodha) }
                let stay = left
                let answers = try await offload {
                    try stay.map { try HTTP.answer(from: $0, deadline: ContinuousClock.now + .seconds(80)) }
                }
                let failed = answers.filter { $0.status != 202 }
                #expect(failed.isEmpty, "\(failed.count), first \(failed.first?.description ?? "none")")
                // Theirs go on without them.
                try await eventually("all are committed") {
                    let status = try await follower.peer.status()
                    guard status["transactions.committed"]?.int == 1000 else {
                        throw TimedOut(description: "\(status["transactions"] ?? .null)")
                    }
                    return true
                }
            }
        }

        @Test func afterARestartThePeerKnowsWhatTheLogHolds() async throws {
            try await withGuardedChain { chain in
                let producer = try await chain.producer()
                let follower = try #require(chain.others(than: producer).first)
                let transaction = try NewAccount.transaction(try await producer.nodeos.info())
                let id = try NewAccount.id(transaction)
                let response = try await follower.peer.post("/v1/chain/send_transaction", transaction)
                try #require(response.status == 202, "\(response)")
                try await chain.advances()
                try await follower.kill(.prodha)
                try await follower.restart(.prodha)
                try await eventually("it has read its log") {
                    let told = try await follower.peer.get("/v1/prodha/transaction?id=\(id)").document()
                    guard told["state"]?.string == "committed" else { throw TimedOut(description: "\(told)") }
                    return told["block_num"] == response.json?["block_num"]
                }
                let other = String(repeating: "0", count: 64)
                let told = try await follower.peer.get("/v1/prodha/transaction?id=\(other)").document()
                #expect(told["state"]?.string == "unknown" && told["not_in_blocks.from"]?.int ?? 99 <= 2, "\(told)")
                try await follower.peer.get("/v1/prodha/transaction?id=12").error(400, "malformed_request")
            }
        }

        @Test func wrongArgumentsAreRefused() async throws {
            try await withGuardedChain { chain in
                let peer = chain.machines[0].peer
                for query in ["wait=never", "timeout_ms=99", "timeout_ms=300001", "timeout_ms=x", "wait="] {
                    try await peer.post("/v1/chain/send_transaction?\(query)", ["a": 1]).error(
                        400, "malformed_request")
                }
                try await peer.get("/v1/chain/send_transaction").error(405, "method_not_allowed")
                try await peer.post("/v1/chain/get_info", [:]).error(404, "not_found")
                try await peer.call(
                    "POST", "/v1/chain/push_transaction", body: [UInt8](repeating: 32, count: (2 << 20) + 1)
                ).error(413, "body_too_large")
            }
        }
    }
}
