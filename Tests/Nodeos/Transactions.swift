// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Crypto
import Foundation
import Keys
import Synchronization
import Testing

@testable import Harness

/// Something that `eosio` does to itself, with EOSIO's well-known development key.
struct EosioAction {
    let name: String
    let data: [UInt8]

    /// What `push_transaction` takes. `info` is an answer of `get_info`; it may be some seconds old.
    /// - Parameters:
    ///   - lifetime: in seconds of this machine's clock.
    ///   - tail: bytes behind the transaction, which nodeos passes over.
    static func transaction(
        _ actions: [EosioAction], _ info: JSON, lifetime: Int = 60, tail: [UInt8] = []
    ) throws -> JSON {
        let key = try PrivateKey(text: Nodeos.developmentWIF)
        let chain = try #require(info["chain_id"]?.string.flatMap { Checksum256(hex: $0) })
        let anchor = try #require(info["last_irreversible_block_id"]?.string.flatMap { BlockID(hex: $0) })
        let (eosio, active) = (try Name("eosio"), try Name("active"))
        var packed = bytes(UInt32(clamping: Int(Date().timeIntervalSince1970) + lifetime))
        packed += bytes(UInt16(truncatingIfNeeded: anchor.blockNumber)) + anchor.checksum.bytes[8..<12]
        // No limits, no delay, no context-free action.
        packed += [0, 0, 0, 0, UInt8(actions.count)]
        for action in actions {
            packed += bytes(eosio.rawValue) + bytes(try Name(action.name).rawValue)
            packed += [1] + bytes(eosio.rawValue) + bytes(active.rawValue) + length(action.data) + action.data
        }
        packed += [0]
        let digest = SHA256.hash(data: chain.bytes + packed + [UInt8](repeating: 0, count: 32))
        let signature = try key.sign(try #require(Checksum256(Array(digest))))
        return [
            "signatures": [.string(signature.text)], "compression": "none", "packed_context_free_data": "",
            "packed_trx": .string(Block.hex(packed + tail)),
        ]
    }

    /// A new account, which needs no contract.
    static func newAccount(_ name: Name) throws -> EosioAction {
        // One key of weight 1, threshold 1; no accounts, no waits.
        let key = try PublicKey(text: Nodeos.developmentKey)
        let authority = bytes(UInt32(1)) + [1] + key.packed + bytes(UInt16(1)) + [0, 0]
        let eosio = bytes(try Name("eosio").rawValue)
        return EosioAction(name: "newaccount", data: eosio + bytes(name.rawValue) + authority + authority)
    }

    /// How many bytes follow, up to 16383.
    static func length(_ data: [UInt8]) -> [UInt8] {
        data.count < 128 ? [UInt8(data.count)] : [UInt8(data.count & 127 | 128), UInt8(data.count >> 7)]
    }

    static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

/// A transaction that is never like another one.
enum NewAccount {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz12345")

    static func transaction(_ info: JSON, lifetime: Int = 60, tail: [UInt8] = []) throws -> JSON {
        let name = try Name("t" + String((0..<11).compactMap { _ in alphabet.randomElement() }))
        return try EosioAction.transaction([.newAccount(name)], info, lifetime: lifetime, tail: tail)
    }

    /// Of what `transaction` made, without a tail.
    static func id(_ transaction: JSON) throws -> String {
        let hex = try #require(transaction["packed_trx"]?.string)
        let packed = stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
        return SHA256.hash(data: packed).map { String(format: "%02x", $0) }.joined()
    }
}

/// A steady flow of transactions into some nodeos, to each its own: the blocks of any two of them differ.
final class Traffic: Sendable {
    /// Between two transactions for one nodeos.
    static let pause = Duration.milliseconds(150)

    private struct State {
        var accepted = 0
        var refusal: String?
        var stops = false
    }

    private let nodes: [Nodeos]
    private let state = Mutex(State())

    init(_ nodes: [Nodeos]) {
        self.nodes = nodes
    }

    var accepted: Int { state.withLock { $0.accepted } }
    /// What was said about the last one that was not accepted.
    var refusal: String? { state.withLock { $0.refusal } }

    func stop() {
        state.withLock { $0.stops = true }
    }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for node in nodes {
                group.addTask { await self.feed(node) }
            }
            try await group.waitForAll()
        }
    }

    private func feed(_ node: Nodeos) async {
        var info: (JSON, since: ContinuousClock.Instant)?
        while !state.withLock({ $0.stops }) {
            do {
                let now = ContinuousClock.now
                if info.map({ now - $0.since > .seconds(5) }) ?? true {
                    info = (try await node.info(within: .seconds(1)), now)
                }
                guard let info else { continue }
                let transaction = try NewAccount.transaction(info.0)
                try await node.ask("/v1/chain/push_transaction", transaction, within: .seconds(1))
                state.withLock { $0.accepted += 1 }
            } catch {
                // It is dead, stopped, or was begun anew.
                info = nil
                state.withLock { $0.refusal = "\(error)" }
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
