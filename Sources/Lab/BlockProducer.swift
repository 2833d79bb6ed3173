// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import HTTP
import NIOCore
import NIOHTTP1

/// The block producers beside the peers of one region: while a peer of it may produce, a block is made for every slot and
/// committed through the leader, whoever that is. After a switch the first one stands on the head of the region's log.
struct BlockProducer: Sendable {
    enum Report: Sendable {
        /// Acknowledged by the group.
        case committed(MadeBlock, by: Int, term: UInt64, at: Duration)
        case abandoned(MadeBlock, at: Duration)
    }

    /// How long one attempt may take. A dead peer's connection breaks at once; this is for one that hangs.
    static let patience = TimeAmount.milliseconds(500)
    /// Between two attempts.
    static let pause = Duration.milliseconds(5)
    /// Between two looks whether the region may produce.
    static let lookAgain = Duration.milliseconds(20)
    static let producer = "prodhademo"

    let api: [Int: PeerAPI]
    let clock: DemoClock
    let report: @Sendable (Report) async -> Void

    /// Until the task is cancelled. A block that is under way then is not reported.
    func run() async throws {
        var production = Production(peers: api.keys.sorted(), producer: try Name(Self.producer))
        while let begin = await firstHead(production.peers) {
            production.begin(head: begin.head?.id, at: begin.head?.timestamp, leader: begin.leader)
            var slot = clock.grid.slot(at: clock.now())
            // The other region's last block may be of this very slot.
            if let last = begin.head?.timestamp, clock.grid.isOfTheChain {
                slot = max(slot, clock.grid.slot(atUnixMilliseconds: last.unixMilliseconds) + 1)
            }
            while await clock.sleep(until: clock.grid.start(of: slot)) {
                guard let done = try await commitOne(&production, slot: slot) else { break }
                slot = max(done + 1, clock.grid.slot(at: clock.now()))
            }
        }
    }

    /// Asks around until a peer may produce; nil when the task is cancelled.
    private func firstHead(_ peers: [Int]) async -> (head: (id: BlockID, timestamp: BlockTimestamp)?, leader: Int)? {
        while !Task.isCancelled {
            for peer in peers {
                guard let document = await canProduce(peer), document.canProduce else { continue }
                guard let head = document.head else { return (nil, peer) }
                guard let id = BlockID(hex: head.blockID), let timestamp = await timestamp(of: id, at: peer) else {
                    continue
                }
                return ((id, timestamp), peer)
            }
            try? await Task.sleep(for: Self.lookAgain)
        }
        return nil
    }

    private func timestamp(of block: BlockID, at peer: Int) async -> BlockTimestamp? {
        let path = "/v1/prodha/block?id=\(block.hex)"
        guard let document = await api[peer]?.get(BlockDocument.self, path, timeout: Self.patience) else { return nil }
        return try? BlockHeader(parsingPrefixOf: document.block.bytes).timestamp
    }

    private func canProduce(_ peer: Int) async -> CanProduceDocument? {
        await api[peer]?.get(CanProduceDocument.self, "/v1/prodha/can_produce", timeout: Self.patience)
    }

    /// Hands one block in until the group has decided about it. Returns its slot; nil when the task is cancelled, or the
    /// region is no longer the active one.
    private func commitOne(_ production: inout Production, slot: Int) async throws -> Int? {
        var slot = slot
        while !Task.isCancelled {
            guard let timestamp = clock.grid.timestamp(of: slot) else { return nil }
            let block = try production.block(for: slot, timestamp)
            let target = production.target
            var consequence = production.learn(await handIn(block, to: target), from: target)
            if case .askForHead = consequence {
                let document = await canProduce(target)
                guard document?.canProduce == true, let head = document?.head.flatMap({ BlockID(hex: $0.blockID) })
                else {
                    try? await Task.sleep(for: Self.pause)
                    continue
                }
                consequence = production.take(head: head)
            }
            switch consequence {
            case .committed(let block, let peer, let term):
                await report(.committed(block, by: peer, term: term, at: clock.now()))
                return block.slot
            case .abandoned(let block):
                await report(.abandoned(block, at: clock.now()))
            case .standby:
                return nil
            case .again, .askForHead:
                try? await Task.sleep(for: Self.pause)
            }
            slot = max(slot, clock.grid.slot(at: clock.now()))
        }
        return nil
    }

    private func handIn(_ block: MadeBlock, to peer: Int) async -> Production.Attempt {
        guard let api = api[peer] else { return .nothingSent }
        let answer: HTTPAnswer
        do throws(HTTPClientError) {
            answer = try await api.post(
                "/v1/prodha/commit_block", headers: ["content-type": "application/octet-stream"],
                body: ByteBuffer(bytes: block.bytes), timeout: Self.patience)
        } catch {
            switch error.conclusion {
            case .nothingWasSent: return .nothingSent
            case .outcomeUnknown: return .outcomeUnknown
            }
        }
        let bytes = answer.body.readableBytesView
        if answer.status == .ok, let document = try? CommitBlockDocument(json: bytes),
            document.blockID == block.id.hex
        {
            return .committed(term: document.term)
        }
        guard answer.status == .conflict, let document = try? ErrorDocument(json: bytes) else {
            return .outcomeUnknown
        }
        var leader: Int?
        var head: BlockID?
        if case .integer(let id) = document.error.details["leader_id"], id >= 0 { leader = Int(id) }
        if case .string(let hex) = document.error.details["head_block_id"] { head = BlockID(hex: hex) }
        return .refused(CommitBlockReason(rawValue: document.error.name), leader: leader, head: head)
    }
}
