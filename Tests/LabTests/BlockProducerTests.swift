// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import HTTP
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import Lab

/// Three peers as a block producer sees them: one chain, commit calls answered as a test says.
private final class FakeGroup: Sendable {
    enum Reply: Sendable {
        /// Committed, if it fits.
        case honest
        case refuse(CommitBlockReason)
        /// Committed, and the answer withheld.
        case commitAndStaySilent
        /// A block that a test made is committed first.
        case overtake
    }

    struct State {
        var chain: [SignedBlock] = []
        var leader = 1
        var term: UInt64 = 1
        var script: [Reply] = []
        /// Every block that was handed in, with the peer that got it.
        var calls: [(peer: Int, block: SignedBlock)] = []
        var packed: [BlockID: [UInt8]] = [:]
        /// Heads that were given out with their bytes.
        var told: [BlockID] = []
    }

    let state = NIOLockedValueBox(State())
    let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let servers = NIOLockedValueBox([NIOLoopBound<HTTPServer>]())

    var chain: [SignedBlock] { state.withLockedValue(\.chain) }

    func start() async throws -> [Int: PeerAPI] {
        let client = HTTPClient(eventLoop: loop)
        var api: [Int: PeerAPI] = [:]
        for peer in 1...3 {
            let loop = loop
            let server = try await loop.submit { [self] in
                var router = Router(eventLoop: loop, errorDocument: Response.plainError)
                router.on([.GET], "/v1/prodha/can_produce") { [self] _ in
                    loop.makeSucceededFuture(.json(.ok, canProduce(peer).json()))
                }
                router.on([.GET], "/v1/prodha/block") { [self] request in
                    loop.makeSucceededFuture(block(request.query["id"] ?? ""))
                }
                router.on([.POST], "/v1/prodha/commit_block") { [self] request in
                    commit(Array(request.body.readableBytesView), at: peer)
                        .map { loop.makeSucceededFuture($0) } ?? loop.makePromise(of: Response.self).futureResult
                }
                let routes = router
                let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
                return NIOLoopBound(
                    HTTPServer(eventLoop: loop, logger: logger, handler: { routes.handle($0) }), eventLoop: loop)
            }.get()
            let port = try await loop.flatSubmit {
                server.value.start(host: "127.0.0.1", port: 0).map { server.value.port ?? 0 }
            }.get()
            servers.withLockedValue { $0.append(server) }
            api[peer] = PeerAPI(port: port, client: client)
        }
        return api
    }

    private func canProduce(_ peer: Int) -> CanProduceDocument {
        state.withLockedValue { state in
            CanProduceDocument(
                canProduce: peer == state.leader, reason: peer == state.leader ? nil : .notLeader,
                leaseRemainingMS: 700,
                head: state.chain.last.map { BlockReference(blockNum: $0.number, blockID: $0.id.hex) })
        }
    }

    private func block(_ hex: String) -> Response {
        state.withLockedValue { state in
            guard let id = BlockID(hex: hex), let bytes = state.packed[id] else {
                return .json(.notFound, ErrorDocument(.blockNotFound).json())
            }
            state.told.append(id)
            let document = BlockDocument(blockNum: id.blockNumber, blockID: id.hex, block: HexBytes(bytes))
            return .json(.ok, document.json())
        }
    }

    /// Nil: no answer.
    private func commit(_ bytes: [UInt8], at peer: Int) -> Response? {
        guard let block = try? SignedBlock(parsing: bytes) else {
            return .json(.badRequest, ErrorDocument(.malformedBlock).json())
        }
        return state.withLockedValue { state in
            state.calls.append((peer, block))
            state.packed[block.id] = bytes
            guard peer == state.leader else { return refusal(.notLeader, state) }
            switch state.script.isEmpty ? .honest : state.script.removeFirst() {
            case .honest: return accept(block, &state)
            case .refuse(let reason): return refusal(reason, state)
            case .commitAndStaySilent:
                _ = accept(block, &state)
                // The silent peer is gone; another one has the block.
                state.leader = peer % 3 + 1
                state.term += 1
                return nil
            case .overtake:
                let builder = BlockBuilder(
                    previous: block.previous, timestamp: block.header.timestamp,
                    producer: block.header.producer == Name(rawValue: 1) ? Name(rawValue: 2) : Name(rawValue: 1))
                if let other = try? SignedBlock(parsing: builder.build()) { state.chain.append(other) }
                return accept(block, &state)
            }
        }
    }

    private func accept(_ block: SignedBlock, _ state: inout State) -> Response {
        if !state.chain.contains(block) {
            if let head = state.chain.last {
                guard block.number > head.number else { return refusal(.conflictsWithHead, state) }
                guard block.previous == head.id else { return refusal(.unlinkable, state) }
            }
            state.chain.append(block)
        }
        let document = CommitBlockDocument(
            index: UInt64(block.number), term: state.term, blockNum: block.number, blockID: block.id.hex)
        return .json(.ok, document.json())
    }

    private func refusal(_ reason: CommitBlockReason, _ state: State) -> Response {
        var details: [String: JSONValue] = ["leader_id": .integer(Int64(state.leader))]
        if let head = state.chain.last { details["head_block_id"] = .string(head.id.hex) }
        return .json(.conflict, ErrorDocument(reason.error, details: details).json())
    }

    func stop() async throws {
        for server in servers.withLockedValue({ $0 }) {
            try await loop.flatSubmit { server.value.stop() }.get()
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(1)))
struct BlockProducerTests {
    /// Lets a producer work until so many blocks are acknowledged; `during` is called after each.
    private func produce(
        _ count: Int, at group: FakeGroup, during: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> (acknowledged: [MadeBlock], abandoned: [MadeBlock]) {
        let api = try await group.start()
        let reports = NIOLockedValueBox((acknowledged: [MadeBlock](), abandoned: [MadeBlock]()))
        let producer = BlockProducer(api: api, clock: DemoClock(blockIntervalMS: 100)) { report in
            switch report {
            case .committed(let block, _, _, _):
                let count = reports.withLockedValue { reports in
                    reports.acknowledged.append(block)
                    return reports.acknowledged.count
                }
                during(count)
            case .abandoned(let block, _): reports.withLockedValue { $0.abandoned.append(block) }
            }
        }
        let task = Task { try await producer.run() }
        while reports.withLockedValue({ $0.acknowledged.count < count }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        task.cancel()
        try await task.value
        try await group.stop()
        return reports.withLockedValue { $0 }
    }

    private func expectOneChain(_ group: FakeGroup, holds acknowledged: [MadeBlock]) {
        let chain = group.chain
        for (block, next) in zip(chain, chain.dropFirst()) { #expect(next.previous == block.id) }
        for block in acknowledged { #expect(chain.contains { $0.id == block.id }) }
    }

    @Test func aBlockIsCommittedForEverySlot() async throws {
        let group = FakeGroup()
        let (acknowledged, abandoned) = try await produce(5, at: group)
        expectOneChain(group, holds: acknowledged)
        #expect(abandoned.isEmpty)
        #expect(Set(acknowledged.map(\.slot)).count == acknowledged.count, "no slot has two blocks")
    }

    @Test func anUnknownOutcomeIsFollowedByTheSameBlock() async throws {
        let group = FakeGroup()
        group.state.withLockedValue { $0.script = [.honest, .commitAndStaySilent] }
        let (acknowledged, abandoned) = try await produce(4, at: group)
        expectOneChain(group, holds: acknowledged)
        #expect(abandoned.isEmpty)
        let calls = group.state.withLockedValue(\.calls)
        #expect(calls.filter { $0.block.number == 3 }.count >= 2, "block 3 was handed in again")
        #expect(Set(calls.map(\.block.id)).count == Set(calls.map(\.block.number)).count, "one block for a height")
    }

    @Test func anotherBlockAtTheHeightIsBuiltOn() async throws {
        let group = FakeGroup()
        group.state.withLockedValue { $0.script = [.honest, .overtake] }
        let (acknowledged, abandoned) = try await produce(4, at: group)
        expectOneChain(group, holds: acknowledged)
        #expect(abandoned.map(\.number) == [3])
        #expect(acknowledged.map(\.number).prefix(3) == [2, 4, 5])
    }

    @Test func theLeaderIsFollowed() async throws {
        let group = FakeGroup()
        let (acknowledged, _) = try await produce(5, at: group) { count in
            if count == 2 {
                group.state.withLockedValue { state in
                    state.leader = 3
                    state.term = 2
                }
            }
        }
        expectOneChain(group, holds: acknowledged)
        let peers = group.state.withLockedValue(\.calls).map(\.peer)
        #expect(Set(peers) == [1, 3], "the leader's id was believed")
        #expect(peers.last == 3)
    }

    @Test func aRegionThatWasStandbyGoesOnFromItsLogsHead() async throws {
        let group = FakeGroup()
        group.state.withLockedValue { $0.script = [.honest, .refuse(.regionStandby)] }
        let (acknowledged, abandoned) = try await produce(3, at: group)
        expectOneChain(group, holds: acknowledged)
        #expect(abandoned.isEmpty)
        #expect(group.state.withLockedValue(\.told) == [acknowledged[0].id], "it asked for the head anew")
    }

    @Test func aLeaseThatIsNotThereYetIsWaitedFor() async throws {
        let group = FakeGroup()
        group.state.withLockedValue { $0.script = Array(repeating: .refuse(.leaseWait), count: 20) }
        let (acknowledged, abandoned) = try await produce(2, at: group)
        expectOneChain(group, holds: acknowledged)
        #expect(abandoned.isEmpty)
    }
}
