// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Keys
import Testing

@testable import Harness

/// A contract for `eosio` with one action, `setprods`: its data, a packed list of producers and their keys, becomes the
/// schedule. Written by hand, as the bytes of a WebAssembly module.
enum ScheduleContract {
    static var code: [UInt8] {
        get throws {
            func section(_ number: UInt8, _ body: [UInt8]) -> [UInt8] { [number] + EosioAction.length(body) + body }
            func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
            let (i32, i64) = (UInt8(0x7f), UInt8(0x7e))
            // (): i32, (i32, i32): i32, (i32, i32): i64, (i64, i64, i64)
            let types: [UInt8] =
                [4, 0x60, 0, 1, i32, 0x60, 2, i32, i32, 1, i32, 0x60, 2, i32, i32, 1, i64, 0x60, 3, i64, i64, i64, 0]
            let imported =
                text("env") + text("action_data_size") + [0, 0] + text("env") + text("read_action_data") + [0, 1]
                + text("env") + text("set_proposed_producers") + [0, 2]
            let exported = text("memory") + [2, 0] + text("apply") + [0, 3]
            let name = signed(Int64(bitPattern: try Name("setprods").rawValue))
            // apply(receiver, code, action): if action == setprods, read_action_data(0, size), set_proposed_producers(0, size)
            let wanted: [UInt8] = [0x20, 2, 0x42] + name + [0x51, 0x04, 0x40]
            let read: [UInt8] = [0x41, 0, 0x10, 0, 0x10, 1, 0x1a]
            let set: [UInt8] = [0x41, 0, 0x10, 0, 0x10, 2, 0x1a]
            let body: [UInt8] = [0] + wanted + read + set + [0x0b, 0x0b]
            return [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] + section(1, types) + section(2, [3] + imported)
                + section(3, [1, 3]) + section(5, [1, 0, 1]) + section(7, [2] + exported)
                + section(10, [1] + EosioAction.length(body) + body)
        }
    }

    /// LEB128 of a signed number.
    private static func signed(_ value: Int64) -> [UInt8] {
        var (value, bytes) = (value, [UInt8]())
        while true {
            let byte = UInt8(truncatingIfNeeded: value) & 0x7f
            value >>= 7
            if value == 0 && byte & 0x40 == 0 || value == -1 && byte & 0x40 != 0 { return bytes + [byte] }
            bytes.append(byte | 0x80)
        }
    }

    /// `eosio` gets the contract.
    static func install() throws -> EosioAction {
        let code = try code
        let account = EosioAction.bytes(try Name("eosio").rawValue)
        return EosioAction(name: "setcode", data: account + [0, 0] + EosioAction.length(code) + code)
    }

    /// Each makes twelve blocks in a row, in this order.
    static func propose(_ producers: [(name: String, key: String)]) throws -> EosioAction {
        let packed = try producers.flatMap { producer in
            EosioAction.bytes(try Name(producer.name).rawValue) + (try PublicKey(text: producer.key)).packed
        }
        return EosioAction(name: "setprods", data: [UInt8(producers.count)] + packed)
    }
}

extension Guarded {
    /// The group is one of two producers of its chain.
    @Suite struct SeveralProducersTests {
        private static let rival = "bpother"
        private static let rivalKey = "EOS63hZRKM9e9oFFnEJytVfAqxPMRU4s8dtNgLaq2BTEhsYHUxexe"
        private static let rivalWIF = "5HsP65LXNjiLs2Eedd2Qt9VA8h1gLmU5yiG3Bc5XLZ7SGwXrMKD"

        /// A busy machine may take longer over a contract than the 30 ms that nodeos gives any transaction: then nothing of it
        /// is left, and it is handed in again.
        private func push(_ actions: [EosioAction], _ machine: Machine) async throws {
            try await eventually("nodeos takes the transaction") {
                let info = try await machine.nodeos.info()
                try await machine.nodeos.ask(
                    "/v1/chain/push_transaction", try EosioAction.transaction(actions, info))
                return true
            }
        }

        private func producers(_ node: Nodeos, last count: Int) async throws -> [String] {
            let top = try await node.head().number
            var names: [String] = []
            for number in max(2, top - count + 1)...top {
                let block = try await node.ask("/v1/chain/get_block_info", ["block_num": .int(number)])
                names.append(try #require(block["producer"]?.string))
            }
            return names
        }

        /// Waits until both have made blocks after `height`, so that each had a turn on the other's.
        private func bothHaveTurns(_ node: Nodeos, after height: Int) async throws {
            try await eventually("both producers make blocks", within: .seconds(60)) {
                let count = try await node.head().number - height
                guard count > 0 else { return false }
                let names = Set(try await producers(node, last: count))
                guard names == ["eosio", Self.rival] else { throw TimedOut(description: "\(names)") }
                return true
            }
        }

        @Test func onlyTheGroupsOwnBlocksAreHeldAndTheOthersPass() async throws {
            func guardOne(_ chain: GuardedChain) throws {
                for machine in chain.machines {
                    try machine.peer.edit { document in
                        var nodeos = try #require(document["nodeos"])
                        nodeos["producers"] = ["eosio"]
                        document["nodeos"] = nodeos
                    }
                }
            }
            try await withGuardedChain(GroupSettings(hasGaps: true), prepare: guardOne) { chain in
                let rival = try Nodeos(.nobody, in: chain.cluster.directory.appending(path: "rival"))
                try await rival.startAndServe(
                    .usual,
                    chain.dialling(chain.machines) + [
                        "--producer-name", Self.rival, "--signature-provider", "\(Self.rivalKey)=KEY:\(Self.rivalWIF)",
                    ])
                defer { rival.killNow() }
                try await rival.resume()
                let leader = try await chain.producer()
                try await push([try ScheduleContract.install(), try .newAccount(Name(Self.rival))], leader)
                try await chain.advances(by: 2)
                let schedule = [(Self.rival, Self.rivalKey), ("eosio", Nodeos.developmentKey)]
                try await push([try ScheduleContract.propose(schedule)], leader)
                try await bothHaveTurns(chain.outside, after: chain.outside.head().number)
                for round in 0..<rounds {
                    let machine = try await chain.producer()
                    let height = try await chain.outside.head().number
                    switch round % 4 {
                    case 0:
                        try await machine.kill(.both)
                        try await bothHaveTurns(chain.outside, after: height)
                        try await machine.restart(.both)
                    case 1:
                        machine.send(SIGSTOP, to: .prodha)
                        try await bothHaveTurns(chain.outside, after: height)
                        machine.send(SIGCONT, to: .prodha)
                    case 2:
                        let target = chain.others(than: machine)[round % 2]
                        _ = try await machine.peer.post("/v1/prodha/transfer", ["to": .int(target.peer.id)])
                    default:
                        try await machine.kill(.nodeos)
                        try await bothHaveTurns(chain.outside, after: height)
                        try await machine.restart(.nodeos)
                    }
                    try await bothHaveTurns(chain.outside, after: chain.outside.head().number)
                    try await chain.settles([rival])
                }
                // The group's logs have its own blocks, and no others.
                let own = try await producers(chain.outside, last: 60)
                #expect(Set(own) == ["eosio", Self.rival])
                for machine in chain.machines {
                    let entries = try await machine.peer.get("/v1/prodha/log?limit=200").document()
                    let blocks = (entries["entries"]?.array ?? []).compactMap {
                        $0["block.producer"]?.string ?? $0["producer"]?.string
                    }
                    #expect(!blocks.isEmpty && Set(blocks) == ["eosio"])
                }
            }
        }
    }
}
