// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import HTTP
import Harness
import NIOCore
import NIOPosix
import Raft
import Testing

@testable import Gate

/// A driver beside a nodeos, and a group that is just a list of blocks. Used on the nodeos's loop.
final class Guarded: @unchecked Sendable {
    let nodeos: NodeosProcess
    private(set) var driver: NodeosDriver?
    private(set) var proposals: [FeedBlock] = []
    private(set) var confirmed: [UInt64: BlockID?] = [:]
    private var blocks: [UInt32: [UInt8]] = [:]
    private var orders = NodeosOrders()

    init(_ nodeos: NodeosProcess, chainID: Checksum256? = nil) async throws {
        self.nodeos = nodeos
        orders.chainID = chainID
        try await nodeos.loop.submit { [self] in
            let loop = nodeos.loop
            let driver = NodeosDriver(
                eventLoop: loop, client: nodeos.client,
                hooks: .init(
                    now: { Instant(nanoseconds: Int64(DispatchTime.now().uptimeNanoseconds)) },
                    wallClock: { Int64(Date().timeIntervalSince1970 * 1000) },
                    load: { [unowned self] in loop.makeSucceededFuture(blocks[$0]) },
                    propose: { [unowned self] in proposals.append($0) },
                    confirmed: { [unowned self] in confirmed[$0] = $1 }, statusChanged: { _ in }))
            self.driver = driver
            nodeos.saw = { driver.saw($0) }
            // Else it might act before it knows the chain.
            driver.follow(orders)
            driver.start()
        }.get()
    }

    /// The group commits these; the last one becomes its head.
    func commit(_ packed: [[UInt8]]) async throws {
        try await nodeos.loop.submit { [self] in
            for bytes in packed {
                let block = try FeedBlock(bytes)
                blocks[block.number] = bytes
                orders.committed = .init(id: block.id, previous: block.previous)
            }
            driver?.follow(orders)
        }.get()
    }

    func mayProduce(_ may: Bool) async throws {
        try await nodeos.loop.submit { [self] in
            orders.mayProduce = may
            driver?.follow(orders)
        }.get()
    }

    func confirm(_ question: UInt64) async throws {
        try await nodeos.loop.submit { self.driver?.confirm(question) }.get()
    }

    func answer(to question: UInt64) async throws -> BlockID?? {
        try await nodeos.loop.submit { self.confirmed[question] }.get()
    }

    func proposed() async throws -> [FeedBlock] { try await nodeos.loop.submit { self.proposals }.get() }

    func status() async throws -> NodeosStatus {
        try await nodeos.loop.submit { self.driver?.status ?? NodeosStatus(condition: .unreachable("none")) }.get()
    }

    func isWell() async throws -> Bool { try await nodeos.loop.submit { self.driver?.isWell ?? false }.get() }

    func until(
        _ what: String, within bound: Duration = .seconds(30), _ test: (NodeosStatus) -> Bool
    ) async throws {
        do {
            try await eventually(what, within: bound) { test(try await self.status()) }
        } catch {
            throw NotInTime(description: "\(error); \(try await status())")
        }
    }

    func stop() async { try? await nodeos.loop.submit { self.driver?.stop() }.get() }
}

@Suite(.serialized, .enabled("there is no nodeos: see Tests/Nodeos/README.md") { await Nodeos.isWanted() })
struct NodeosAcceptanceTests {
    /// Two fresh nodeos of one chain, or of two. Cleans up whatever happens.
    private func withNodes(
        _ count: Int = 2, genesisTimes: [String] = [], _ body: ([NodeosProcess]) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var nodes: [NodeosProcess] = []
        for index in 0..<count {
            let time = index < genesisTimes.count ? genesisTimes[index] : nil
            nodes.append(try NodeosProcess(loop: group.next(), genesisTime: time))
        }
        var failure: (any Error)?
        do {
            for node in nodes { try await node.startAndWait() }
            try await body(nodes)
        } catch {
            failure = error
        }
        for node in nodes { await node.cleanUp() }
        try await group.shutdownGracefully()
        if let failure { throw failure }
    }

    @Test func aFreshNodeosTakesEveryShapeOfRecordedBlock() async throws {
        try await withNodes(1, genesisTimes: ["2024-01-01T00:00:00.000"]) { nodes in
            let guarded = try await Guarded(nodes[0])
            let start = ContinuousClock.now
            try await guarded.commit(RecordedBlocks.packed)
            try await guarded.until("all 300 blocks") { $0.condition == .well && $0.distance == 0 }
            print("300 recorded blocks fed in \(ContinuousClock.now - start)")
            for packed in RecordedBlocks.packed {
                let id = try BlockHeader(parsingPrefixOf: packed).id
                #expect(try await nodes[0].id(at: id.blockNumber) == id)
                #expect(try await nodes[0].block(id) == packed)
            }
            await guarded.stop()
        }
    }

    /// `PRODHA_CHAIN`: a file with a block as JSON on each line, from number 2 on, of the chain of Tests/Nodeos.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["PRODHA_CHAIN"] != nil))
    func aFreshNodeosTakesALongChain() async throws {
        let path = ProcessInfo.processInfo.environment["PRODHA_CHAIN"] ?? ""
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let blocks = try lines.map { try SignedBlock(json: Array($0.utf8), KeyTexts()).bytes }
        try await withNodes(1) { nodes in
            let guarded = try await Guarded(nodes[0])
            try await guarded.until("paused") { $0.production == .paused }
            let start = ContinuousClock.now
            try await guarded.commit(blocks)
            try await guarded.until("all blocks", within: .seconds(120)) { $0.condition == .well }
            print("\(blocks.count) blocks fed in \(ContinuousClock.now - start)")
            await guarded.stop()
        }
    }

    @Test func aBlockCommittedBesideAnOwnOneComesUpWithItsChild() async throws {
        try await withNodes { nodes in
            let (a, b) = (nodes[0], nodes[1])
            let common = try await a.makeBlocks(2)
            let second = try await Guarded(b)
            try await second.commit(common)
            try await second.until("b has the common blocks") { $0.condition == .well && $0.production == .paused }
            await second.stop()
            // a makes one that is never committed, b makes the group's.
            let height = try await a.info().head.number
            try await a.loop.submit {
                var left = 1
                a.maySign = {
                    left -= 1
                    return left >= 0
                }
            }.get()
            _ = try await a.call(.resume)
            try await eventually("a's own block") { try await a.info().head.number == height + 1 }
            let own = try await a.info().head
            // Two empty blocks of one slot are the same block.
            try await Task.sleep(for: .seconds(1))
            let others = try await b.makeBlocks(2)
            let first = try await Guarded(a)
            try await first.commit(common + others.prefix(1))
            try await first.until("it says so") {
                $0.condition == .diverged(own) && $0.production == .paused && $0.distance == 0
            }
            try await eventually("not well any more") { try await !first.isWell() }
            #expect(try await a.info().head == own)
            try await first.commit(Array(others.dropFirst()))
            try await first.until("a took the group's blocks") { $0.condition == .well }
            for packed in others {
                let id = try BlockHeader(parsingPrefixOf: packed).id
                #expect(try await a.id(at: id.blockNumber) == id)
            }
            #expect(try await first.isWell())
            await first.stop()
        }
    }

    @Test func productionFollowsTheLease() async throws {
        try await withNodes(1) { nodes in
            let nodeos = nodes[0]
            let blocks = try await nodeos.makeBlocks(2)
            // What was made is not committed yet: the head is an own block on top of the group's head.
            let guarded = try await Guarded(nodeos)
            let head = try await nodeos.info().head
            try await guarded.commit(Array(blocks.dropLast()))
            try await guarded.mayProduce(true)
            try await eventually("its own block is proposed") { try await guarded.proposed().map(\.id) == [head.id] }
            #expect(try await guarded.proposed().first?.bytes == blocks.last)
            #expect(try await guarded.status().production != .resumed)
            try await guarded.commit(Array(blocks.suffix(1)))
            try await guarded.until("it produces") { $0.isReadyToProduce }
            try await eventually("a block") { try await nodeos.info().head.number > head.number }
            try await guarded.confirm(7)
            try await eventually("the head is told") { try await guarded.answer(to: 7) != nil }
            // The lease is lost: signatures are refused, then it pauses.
            try await nodeos.loop.submit { nodeos.maySign = { false } }.get()
            try await guarded.mayProduce(false)
            try await guarded.until("it is known to be paused") { $0.production == .paused }
            let requests = try await nodeos.loop.submit { nodeos.requests }.get()
            try await guarded.commit([])
            try await Task.sleep(for: .milliseconds(700))
            #expect(try await nodeos.loop.submit { nodeos.requests }.get() == requests)
            await guarded.stop()
        }
    }

    @Test func aNodeosThatStandsStillOrDiesOrIsKilledIsTold() async throws {
        try await withNodes(1) { nodes in
            let nodeos = nodes[0]
            let blocks = try await nodeos.makeBlocks(2)
            let guarded = try await Guarded(nodeos)
            try await guarded.commit(blocks)
            try await guarded.until("well") { $0.condition == .well && $0.production == .paused }
            nodeos.process.send(SIGSTOP)
            try await guarded.until("it stands still") {
                if case .unreachable(let why) = $0.condition { why.contains("no whole answer") } else { false }
            }
            try await guarded.confirm(1)
            try await eventually("no head") { try await guarded.answer(to: 1) == .some(nil) }
            try await eventually("not well") { try await !guarded.isWell() }
            nodeos.process.send(SIGCONT)
            try await guarded.until("well again") {
                $0.condition == .well && $0.production == .paused
            }
            // A clean restart.
            try await nodeos.process.terminate()
            try await guarded.until("gone") {
                if case .unreachable(let why) = $0.condition { why.contains("cannot connect") } else { false }
            }
            try await nodeos.start()
            try await guarded.until("well again") { $0.condition == .well && $0.production == .paused }
            // Killed: it does not start again, and what to do about it is said.
            try await nodeos.process.kill()
            try await nodeos.start()
            try await guarded.until("what to do is said") {
                if case .unreachable(let why) = $0.condition { why.contains("--replay-blockchain") } else { false }
            }
            await guarded.stop()
        }
    }

    @Test func aNodeosOfAnotherChainIsLeftAlone() async throws {
        try await withNodes(1) { nodes in
            _ = try await nodes[0].call(.resume)
            let guarded = try await Guarded(nodes[0], chainID: .zero)
            try await guarded.commit(Array(RecordedBlocks.packed.prefix(3)))
            let chain = try await nodes[0].info().chainID
            try await guarded.until("it is the wrong chain") { $0.condition == .wrongChain(chain) }
            try await eventually("not well") { try await !guarded.isWell() }
            #expect(try await nodes[0].call(.isPaused) == .isPaused(false))
            await guarded.stop()
        }
    }

    @Test func whatNodeosSaysIsKept() async throws {
        try await withNodes(1) { nodes in
            #expect(try await nodes[0].id(at: 999) == nil)
            let block = BlockID(number: 5, digest: .zero)
            do {
                _ = try await nodes[0].call(.rawBlock(block))
                Issue.record("it has a block of zeros")
            } catch NodeosFailure.refused(let status, let message) {
                #expect(status == 400 && message.contains("block"), "\(message)")
            }
        }
    }
}
