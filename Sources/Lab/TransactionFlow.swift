// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Keys
import NIOCore

/// Hands transactions in at the peers, as clients do, each at the next peer: some are dead. A yes is a promise: the
/// transaction is in a committed block.
struct TransactionFlow: Sendable {
    struct Promise: Hashable, Sendable {
        var transaction: String
        var block: BlockID
    }

    /// Between two transactions: some for every block.
    static let interval = Duration.milliseconds(150)
    /// Longer than it takes until another peer produces.
    static let patience = TimeAmount.seconds(10)
    static let infoPatience = TimeAmount.milliseconds(1000)
    /// Transactions that wait at once; they all do while nobody produces.
    static let most = 32

    /// What the transactions refer to is asked here.
    let node: NodeosAPI
    let peers: [PeerAPI]
    /// Accounts are named by numbers from here on; a chain that goes on must not see one twice.
    let firstNumber: UInt64
    /// Called for each yes.
    let promised: @Sendable (Promise) async -> Void

    /// Until the task is cancelled.
    func run() async throws {
        let key = try PrivateKey(text: DevelopmentKey.privateText)
        await withTaskGroup(of: Void.self) { group in
            var number = firstNumber
            var waiting = 0
            while !Task.isCancelled {
                if let info = await node.info(timeout: Self.infoPatience),
                    let json = try? Self.transaction(NewAccount.name(number), on: info, key)
                {
                    let peer = peers[Int(number % UInt64(peers.count))]
                    group.addTask { await handIn(json, at: peer) }
                    waiting += 1
                }
                // Nobody knows what became of one that had no answer, hence a new name.
                number += 1
                if waiting >= Self.most {
                    await group.next()
                    waiting -= 1
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    private struct Answer: Document {
        var transactionID: String
        var blockID: String

        private enum CodingKeys: String, CodingKey {
            case transactionID = "transaction_id"
            case blockID = "block_id"
        }
    }

    private func handIn(_ json: String, at peer: PeerAPI) async {
        let milliseconds = Self.patience.nanoseconds / 1_000_000
        guard
            let answer = try? await peer.post(
                "/v1/chain/send_transaction?timeout_ms=\(milliseconds)", headers: ["content-type": "application/json"],
                body: ByteBuffer(string: json), timeout: Self.patience + .seconds(1)), answer.status == .accepted,
            let document = try? Answer(json: answer.body.readableBytesView), let block = BlockID(hex: document.blockID)
        else { return }
        await promised(Promise(transaction: document.transactionID, block: block))
    }

    /// What was promised, the newest of it.
    struct Promises: Sendable {
        /// An hour and more.
        static let most = 25_000

        private var all: [BlockID: Set<String>] = [:]
        private var order: [BlockID] = []
        private(set) var count = 0

        mutating func append(_ promise: Promise) {
            if all[promise.block] == nil { order.append(promise.block) }
            if all[promise.block, default: []].insert(promise.transaction).inserted { count += 1 }
            while count > Self.most, let oldest = order.first, order.count > 1 {
                order.removeFirst()
                count -= all.removeValue(forKey: oldest)?.count ?? 0
            }
        }

        /// How many are in the chain of `node`, in the block that was named. Nil when it was stopped.
        func kept(by node: NodeosAPI, timeout: TimeAmount, goesOn: () async -> Bool) async -> Int? {
            var kept = 0
            for block in order {
                guard await goesOn() else { return nil }
                guard let found = await node.transactions(at: block.blockNumber, timeout: timeout), found.block == block
                else { continue }
                kept += all[block, default: []].count { found.ids.contains($0) }
            }
            return kept
        }
    }

    /// The body of `push_transaction`; nil when `info` makes no sense.
    static func transaction(_ account: Name, on info: NodeosInfo, _ key: PrivateKey) throws -> String? {
        guard let chain = Checksum256(hex: info.chainID), let reference = BlockID(hex: info.irreversibleID),
            let time = BlockTimestamp(info.headTime)
        else { return nil }
        let expiration = UInt32(truncatingIfNeeded: time.unixMilliseconds / 1000 + NewAccount.lifetime)
        let packed = try NewAccount(account: account, reference: reference, expiration: expiration)
            .packed(owner: key.publicKey)
        let signature = try key.sign(NewAccount.digest(chainID: chain, packed: packed))
        return
            #"{"signatures":["\#(signature.text)"],"compression":"none","packed_context_free_data":"","packed_trx":""#
            + Hex.encode(packed) + #""}"#
    }
}
