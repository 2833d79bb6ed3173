// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Synchronization
import Testing

@testable import Harness

/// Clients that hand transactions in at all peers, all the time, and hold what they are told against the chain.
final class Promises: Sendable {
    /// Short, so that the fate of each is known soon.
    static let lifetime = 12
    /// Clients of one peer.
    static let clients = 6

    private struct State {
        /// Block by id, of those that were reported committed.
        var committed: [String: (number: Int, blockID: String)] = [:]
        /// Told that nothing is known, or not answered at all.
        var open: Set<String> = []
        /// Refused by nodeos or expired, and why.
        var refused: [String: String] = [:]
        /// What was said that must never be.
        var violation: Violation?
        var unanswered = 0
        var latencies: [Duration] = []
        var stops = false
    }

    private let machines: [Machine]
    private let state = Mutex(State())

    init(_ machines: [Machine]) { self.machines = machines }

    var kept: Int { state.withLock { $0.committed.count } }

    func stop() { state.withLock { $0.stops = true } }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for machine in machines {
                for _ in 0..<Self.clients { group.addTask { await self.client(of: machine) } }
            }
            try await group.waitForAll()
        }
    }

    private func client(of machine: Machine) async {
        var info: JSON?
        while !state.withLock({ $0.stops }) {
            // What it refers to is any nodeos's word: it may be old.
            for other in machines where info == nil { info = try? await other.nodeos.info(within: .seconds(1)) }
            guard let known = info else { continue }
            do {
                let transaction = try NewAccount.transaction(known, lifetime: Self.lifetime)
                try await handIn(transaction, at: machine.peer)
            } catch {
                // The peer is dead.
                try? await Task.sleep(for: .milliseconds(50))
            }
            info = nil
        }
    }

    private func handIn(_ transaction: JSON, at peer: Peer) async throws {
        let id = try NewAccount.id(transaction)
        let start = ContinuousClock.now
        let timeout = [1000, 4000, 20_000].randomElement() ?? 1000
        let response: Response
        do {
            response = try await peer.post(
                "/v1/chain/send_transaction?timeout_ms=\(timeout)", transaction, within: .seconds(25))
        } catch {
            // Whether it was heard is open, unless nobody listened.
            state.withLock { state in
                state.unanswered += 1
                state.open.insert(id)
            }
            throw error
        }
        let took = ContinuousClock.now - start
        switch response.status {
        case 202:
            guard let number = response.json?["block_num"]?.int, let block = response.json?["block_id"]?.string,
                response.json?["transaction_id"]?.string == id
            else { return violate("a yes without its block: \(response)") }
            state.withLock { state in
                state.committed[id] = (number, block)
                state.latencies.append(took)
            }
            // It answered, so it has it: unless it was killed in between.
            let log = try await peer.get("/v1/prodha/block?id=\(block)")
            if log.status != 200 { violate("\(id): block \(number) is not in peer \(peer.id)'s log: \(log)") }
        case 408:
            guard response.reason == "transaction_unknown",
                response.json?["error.details.transaction_id"]?.string == id
            else { return violate("\(response)") }
            if took < .milliseconds(timeout) - .milliseconds(5) { violate("408 after \(took), not \(timeout) ms") }
            _ = state.withLock { $0.open.insert(id) }
        case 503: _ = state.withLock { $0.open.insert(id) }
        case 500: state.withLock { $0.refused[id] = response.text }
        default: violate("\(response)")
        }
    }

    private func violate(_ text: String) { state.withLock { $0.violation = Violation(description: text) } }

    /// Compares all with the chain. The flow must have stopped.
    func check(_ chain: GuardedChain) async throws {
        // The last of them has expired by then.
        try await Task.sleep(for: .seconds(Self.lifetime + 1))
        try await chain.advances()
        let (committed, open, refused, violation) = state.withLock {
            ($0.committed, $0.open, $0.refused, $0.violation)
        }
        if let violation { throw violation }
        var places: [String: [Int]] = [:]
        let head = try await chain.outside.head().number
        for number in 1...head {
            let block = try await chain.outside.ask("/v1/chain/get_block", ["block_num_or_id": .string("\(number)")])
            let blockID = try #require(block["id"]?.string)
            for receipt in block["transactions"]?.array ?? [] {
                guard let id = receipt["trx.id"]?.string else { continue }
                places[id, default: []].append(number)
                if let promise = committed[id], promise.number != number || promise.blockID != blockID {
                    throw Violation(description: "\(id): promised in \(promise), is in \(number) \(blockID)")
                }
            }
        }
        for (id, numbers) in places where numbers.count > 1 {
            throw Violation(description: "\(id) is in blocks \(numbers)")
        }
        for (id, promise) in committed where places[id] == nil {
            throw Violation(description: "\(id): promised in block \(promise.number), is nowhere")
        }
        for (id, why) in refused where places[id] != nil {
            throw Violation(description: "\(id): refused, and is in \(places[id] ?? []): \(why)")
        }
        for id in open { try await tell(id, isInChain: places[id] != nil, chain) }
        let states = state.withLock { $0.latencies.sorted() }
        print(
            """
            promises: \(committed.count) kept; \(open.count) left open (\(state.withLock { $0.unanswered }) without an answer), \
            of them \(open.count { places[$0] != nil }) in the chain; \(refused.count) refused; \
            median \(states.isEmpty ? .zero : states[states.count / 2]), longest \(states.last ?? .zero)
            """)
    }

    /// What every peer says of one whose outcome was left open.
    private func tell(_ id: String, isInChain: Bool, _ chain: GuardedChain) async throws {
        for machine in chain.machines where machine.peer.runs {
            let document = try await machine.peer.get("/v1/prodha/transaction?id=\(id)").document()
            let said = document["state"]?.string
            let allowed = isInChain ? ["committed"] : ["expired", "unknown"]
            guard let said, allowed.contains(said) else {
                throw Violation(description: "peer \(machine.peer.id), in the chain \(isInChain): \(document)")
            }
            if !isInChain {
                // It must say that it looked everywhere.
                guard document["not_in_blocks.from"]?.int ?? 99 <= 2, document["not_in_blocks.to"]?.int ?? 0 > 2 else {
                    throw Violation(description: "peer \(machine.peer.id) does not say where it looked: \(document)")
                }
            }
        }
    }
}

/// Runs `test` on a guarded chain while clients hand transactions in, and checks afterwards what they were told.
func withPromises(
    environment: (Peer) -> [String: String] = { _ in [:] }, prepare: (GuardedChain) async throws -> Void = { _ in },
    _ test: (GuardedChain) async throws -> Void
) async throws {
    try await withGuardedChain(environment: environment, prepare: prepare) { chain in
        let promises = Promises(chain.machines)
        try await alongside(promises.run, stop: promises.stop) {
            try await eventually("transactions are committed") { promises.kept > 20 }
            try await test(chain)
            let kept = promises.kept
            try await eventually("transactions are committed again") { promises.kept > kept + 20 }
        }
        try await promises.check(chain)
    }
}
