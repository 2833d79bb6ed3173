// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import HTTP
import NIOCore
import NIOHTTP1

/// Makes a block for every slot and has each committed through the leader, whoever that is.
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
    static let producer = "prodhademo"

    let api: [Int: PeerAPI]
    let clock: DemoClock
    let report: @Sendable (Report) async -> Void

    /// Until the task is cancelled. A block that is under way then is not reported.
    func run() async throws {
        var production = Production(peers: api.keys.sorted(), producer: try Name(Self.producer))
        guard let begin = await firstHead(production.peers) else { return }
        production.begin(head: begin.head, leader: begin.leader)
        var slot = clock.grid.slot(at: clock.now())
        while await clock.sleep(until: clock.grid.start(of: slot)) {
            guard let done = try await commitOne(&production, slot: slot) else { return }
            slot = max(done + 1, clock.grid.slot(at: clock.now()))
        }
    }

    /// Asks around until a peer may produce; nil when the task is cancelled.
    private func firstHead(_ peers: [Int]) async -> (head: BlockID?, leader: Int)? {
        while !Task.isCancelled {
            for peer in peers {
                guard let document = await canProduce(peer), document.canProduce else { continue }
                return (document.head.flatMap { BlockID(hex: $0.blockID) }, peer)
            }
            try? await Task.sleep(for: Self.pause)
        }
        return nil
    }

    private func canProduce(_ peer: Int) async -> CanProduceDocument? {
        await api[peer]?.get(CanProduceDocument.self, "/v1/prodha/can_produce", timeout: Self.patience)
    }

    /// Hands one block in until the group has decided about it. Returns its slot; nil when the task is cancelled.
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
