// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import Gate

/// What is awaited comes within this time, or the test fails. Wide, since machines are shared.
let p2pPatience = TimeAmount.seconds(60)

struct P2PTooLate: Error { var what: String }

/// Waits until a condition holds.
func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
    let deadline = NIODeadline.now() + p2pPatience
    while !(try await holds()) {
        guard NIODeadline.now() < deadline else { throw P2PTooLate(what: what) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

// MARK: - Frames

enum Frames {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "AntelopeTests/Fixtures")

    /// What a real nodeos said over two links, one behind the other.
    static let recorded: [UInt8] = (try? Array(Data(contentsOf: fixtures.appending(path: "nodeos-p2p.bin")))) ?? []

    /// Real blocks from number 2 on, packed.
    static let blocks: [[UInt8]] = {
        var rest = ((try? Array(Data(contentsOf: fixtures.appending(path: "nodeos-blocks.bin")))) ?? [])[...]
        var blocks: [[UInt8]] = []
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            blocks.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        return blocks
    }()

    static func id(_ block: [UInt8]) -> BlockID { (try? BlockHeader(parsingPrefixOf: block).id) ?? .zero }

    static func frame(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length = UInt32(content.count + 1)
        return [UInt8(length & 255), UInt8(length >> 8 & 255), UInt8(length >> 16 & 255), UInt8(length >> 24), kind]
            + content
    }

    static func block(_ index: Int) -> [UInt8] { frame(7, blocks[index]) }
    /// `mark` tells one from another.
    static func handshake(_ mark: UInt8 = 1, version: UInt16 = 1212) -> [UInt8] {
        frame(0, [UInt8(version & 255), UInt8(version >> 8)] + [UInt8](repeating: mark, count: 400))
    }
    static func time(_ mark: UInt8) -> [UInt8] { frame(3, [UInt8](repeating: mark, count: 32)) }
    static func notice(_ mark: UInt8) -> [UInt8] { frame(4, [UInt8](repeating: mark, count: 18)) }
    static let syncRequest = frame(6, [1, 0, 0, 0, 2, 0, 0, 0])

    /// Every frame of a stream.
    static func split(_ stream: [UInt8]) -> [[UInt8]] {
        var rest = stream[...]
        var frames: [[UInt8]] = []
        while rest.count >= 4 {
            let length = 4 + rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return frames
    }
}

// MARK: - Sockets

/// A raw connection: what came in, and whether the other side has closed.
final class Wire: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
        var channel: (any Channel)?
    }
    private let state = NIOLockedValueBox(State())

    var bytes: [UInt8] { state.withLockedValue(\.bytes) }
    var isClosed: Bool { state.withLockedValue(\.isClosed) }
    var channel: any Channel {
        get throws {
            let channel = state.withLockedValue(\.channel)
            return try #require(channel)
        }
    }

    func channelActive(context: ChannelHandlerContext) { attach(context) }
    func handlerAdded(context: ChannelHandlerContext) { attach(context) }
    private func attach(_ context: ChannelHandlerContext) {
        let channel = context.channel
        state.withLockedValue { $0.channel = channel }
    }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let chunk = unwrapInboundIn(data)
        state.withLockedValue { $0.bytes.append(contentsOf: chunk.readableBytesView) }
    }
    func channelInactive(context: ChannelHandlerContext) { state.withLockedValue { $0.isClosed = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    static func dial(_ port: Int, autoRead: Bool = true) async throws -> Wire {
        let wire = Wire()
        _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: autoRead)
            .channelInitializer { $0.pipeline.addHandler(wire) }
            .connect(host: "127.0.0.1", port: port).get()
        return wire
    }

    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }
    func close() async { try? await channel.close().get() }
    func receives(_ expected: [UInt8], _ what: String = "the expected bytes") async throws {
        do { try await eventually(what) { self.bytes.count >= expected.count || self.isClosed } } catch {}
        let bytes = bytes
        let isEqual = bytes == expected
        #expect(isEqual, "\(what): \(bytes.count) bytes, not \(expected.count)")
    }
    func closes(_ what: String = "the connection closes") async throws { try await eventually(what) { self.isClosed } }
}

/// A node that is dialled.
final class FakeNode: Sendable {
    private let wires: NIOLockedValueBox<[Wire]>
    private let server: any Channel
    let port: Int

    private init(_ server: any Channel, _ wires: NIOLockedValueBox<[Wire]>) {
        self.server = server
        self.wires = wires
        port = server.localAddress?.port ?? 0
    }

    static func start(port: Int = 0, autoRead: Bool = true) async throws -> FakeNode {
        let wires = NIOLockedValueBox<[Wire]>([])
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 512)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: autoRead)
            .childChannelInitializer { channel in
                let wire = Wire()
                wires.withLockedValue { $0.append(wire) }
                return channel.pipeline.addHandler(wire)
            }
            .bind(host: "127.0.0.1", port: port).get()
        return FakeNode(server, wires)
    }

    var count: Int { wires.withLockedValue(\.count) }
    /// The connections, in the order of their coming.
    func wire(_ index: Int) async throws -> Wire {
        try await eventually("connection \(index) is there") { self.count > index }
        return wires.withLockedValue { $0[index] }
    }
    /// The connection over which these bytes came, and no others.
    func wire(thatGot bytes: [UInt8]) async throws -> Wire {
        func find() -> Wire? { wires.withLockedValue { $0.first { $0.bytes == bytes } } }
        try await eventually("nodeos gets what was sent") { find() != nil }
        return try #require(find())
    }
    func stop() async {
        try? await server.close().get()
        for wire in wires.withLockedValue({ $0 }) { await wire.close() }
    }
}

// MARK: - The gate

final class FakeOwner: P2PGateOwner, Sendable {
    struct State {
        var heldBlocks: [BlockID] = []
        var heldBytes: [[UInt8]] = []
        var hold: @Sendable (SignedBlockView) -> Bool = { _ in false }
        var drop: @Sendable (SignedBlockView) -> P2PDropReason? = { _ in nil }
        var chainID: Checksum256? = .zero
        var withheld: Set<Checksum256>?
    }
    let state = NIOLockedValueBox(State())
    var heldBlocks: [BlockID] { state.withLockedValue(\.heldBlocks) }

    var chainID: Checksum256? { state.withLockedValue(\.chainID) }
    func outgoing(block: SignedBlockView) -> P2POutgoingVerdict {
        state.withLockedValue { $0.hold }(block) ? .hold : .pass
    }
    func incoming(block: SignedBlockView) -> P2PIncomingVerdict {
        state.withLockedValue { $0.drop }(block).map { .drop($0) } ?? .pass
    }
    var mayWithholdTransactions: Bool { state.withLockedValue { $0.withheld != nil } }
    func withholds(packed: Checksum256) -> Bool { state.withLockedValue { $0.withheld?.contains(packed) ?? false } }
    func held(block: SignedBlockView) {
        state.withLockedValue {
            $0.heldBlocks.append(block.id)
            $0.heldBytes.append(block.packed)
        }
    }
}

/// A gate on a thread of its own, with a fake nodeos behind it.
struct TestGate {
    let owner: FakeOwner
    let gate: NIOLoopBound<P2PGate>
    let loop: any EventLoop
    let port: Int
    let localPort: Int

    static func run(
        node: Int?, peers: [Int] = [], limits: P2PLimits = P2PLimits(), hold: Bool = false,
        chainID: Checksum256 = .zero, withheld: Set<Checksum256>? = nil,
        _ body: (TestGate) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let owner = FakeOwner()
        owner.state.withLockedValue {
            $0.chainID = chainID
            $0.withheld = withheld
        }
        if hold { owner.state.withLockedValue { $0.hold = { _ in true } } }
        let any = P2PAddress(host: "127.0.0.1", port: 0)
        let settings = P2PGateSettings(
            node: node.map { P2PAddress(host: "127.0.0.1", port: $0) }, listen: any, localListen: any,
            peers: peers.map { P2PAddress(host: "127.0.0.1", port: $0) }, limits: limits)
        let gate = try await loop.submit {
            NIOLoopBound(
                P2PGate(
                    eventLoop: loop, settings: settings, owner: owner,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), wallClock: { 0 }),
                eventLoop: loop)
        }.get()
        try await loop.flatSubmit { gate.value.start() }.get()
        let ports = try await loop.submit {
            (gate.value.listeningPort ?? 0, gate.value.localListeningPort ?? 0)
        }.get()
        let test = TestGate(owner: owner, gate: gate, loop: loop, port: ports.0, localPort: ports.1)
        do {
            try await body(test)
        } catch {
            Issue.record(error)
        }
        try await loop.flatSubmit { gate.value.stop() }.get()
        #expect(try await test.openConnections == 0, "connections outlive the gate")
        try await group.shutdownGracefully()
    }

    func on<Result: Sendable>(_ body: @escaping @Sendable (P2PGate) throws -> Result) async throws -> Result {
        try await loop.submit { try body(gate.value) }.get()
    }
    var status: P2PGateStatus { get async throws { try await on(\.status) } }
    var openConnections: Int { get async throws { try await on(\.openConnections) } }
    func release(_ index: Int) async throws { try await on { try $0.release(Frames.blocks[index]) } }

    /// An outside node that dialled, the local end that the gate dialled for it, past both handshakes.
    func link(_ node: FakeNode, _ mark: UInt8 = 1) async throws -> (outside: Wire, local: Wire) {
        let before = node.count
        let outside = try await Wire.dial(port)
        try await outside.send(Frames.handshake(mark))
        let local = try await node.wire(before)
        try await local.receives(Frames.handshake(mark))
        try await local.send(Frames.handshake(mark &+ 1))
        try await outside.receives(Frames.handshake(mark &+ 1))
        return (outside, local)
    }
}

/// Test limits: everything that waits waits shortly.
func quick(_ change: (inout P2PLimits) -> Void = { _ in }) -> P2PLimits {
    var limits = P2PLimits()
    limits.redialPause = .milliseconds(10)...(.milliseconds(100))
    limits.probePause = .milliseconds(5)...(.milliseconds(50))
    limits.sweepInterval = .milliseconds(20)
    change(&limits)
    return limits
}
