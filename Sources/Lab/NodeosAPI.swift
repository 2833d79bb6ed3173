// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import HTTP
import NIOCore

/// The facts of `get_info` that are needed here.
struct NodeosInfo: Document {
    var chainID: String
    var headID: String
    var headTime: String
    var irreversibleID: String

    private enum CodingKeys: String, CodingKey {
        case chainID = "chain_id"
        case headID = "head_block_id"
        case headTime = "head_block_time"
        case irreversibleID = "last_irreversible_block_id"
    }
}

/// Calls to one nodeos's HTTP API.
struct NodeosAPI: Sendable {
    let port: Int
    let client: HTTPClient

    private struct BlockInfo: Document {
        var id: String
    }

    /// A block with its transactions, each by its id alone or as a whole.
    private struct Block: Document {
        struct Receipt: Codable, Hashable, Sendable {
            var trx: Transaction
        }

        struct Transaction: Codable, Hashable, Sendable {
            var id: String

            private struct Whole: Codable { var id: String }

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                id = try (try? container.decode(String.self)) ?? container.decode(Whole.self).id
            }
        }

        var id: String
        var transactions: [Receipt]
    }

    func info(timeout: TimeAmount) async -> NodeosInfo? {
        await ask(NodeosInfo.self, "/v1/chain/get_info", "{}", timeout: timeout)
    }

    func blockID(at number: UInt32, timeout: TimeAmount) async -> BlockID? {
        let body = #"{"block_num":\#(number)}"#
        return await ask(BlockInfo.self, "/v1/chain/get_block_info", body, timeout: timeout)
            .flatMap { BlockID(hex: $0.id) }
    }

    /// The id of the block at a height, and those of its transactions.
    func transactions(at number: UInt32, timeout: TimeAmount) async -> (block: BlockID, ids: Set<String>)? {
        let body = #"{"block_num_or_id":\#(number)}"#
        guard let block = await ask(Block.self, "/v1/chain/get_block", body, timeout: timeout),
            let id = BlockID(hex: block.id)
        else { return nil }
        return (id, Set(block.transactions.map(\.trx.id)))
    }

    /// Nil for whatever is not that document.
    private func ask<Answer: Document>(
        _ type: Answer.Type, _ target: String, _ body: String, timeout: TimeAmount
    ) async -> Answer? {
        guard let answer = await call(target, body, timeout: timeout) else { return nil }
        return try? Answer(json: answer.body.readableBytesView)
    }

    /// Nil when there was no good answer.
    private func call(_ target: String, _ body: String, timeout: TimeAmount) async -> HTTPAnswer? {
        let url = HTTPURL(host: "127.0.0.1", port: port, target: target)
        let call = HTTPCall(
            .POST, url, headers: ["content-type": "application/json"], body: ByteBuffer(string: body),
            timeout: timeout, repetition: .harmless)
        guard let answer = try? await client.send(call), (200..<300).contains(answer.status.code) else { return nil }
        return answer
    }
}
