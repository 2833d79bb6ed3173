// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Raft
import Synchronization
import Testing

@testable import Transport

/// Waits for a condition, for a bounded time.
func eventually(
    _ what: String, within limit: Duration = .seconds(40), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Everything that one peer logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func all(with part: String) -> [String] { lines.withLock { $0.filter { $0.contains(part) } } }
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
}

private struct LogRecorder: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.level): \(event.message)") }
}

/// A peer with real sockets, whose owner writes everything down. All of it lives on the loop.
final class TestPeer: PeerLinksOwner {
    var greets: (Greeting) -> Greeting = { $0 }
    var events: [String] = []
    var greetingsMade = 0
    var greetings: [PeerID: Greeting] = [:]
    var messages: [Message] = []
    var reports: [[UInt8]] = []
    var calls: [[UInt8]] = []
    var onCall: ([UInt8]) -> EventLoopFuture<[UInt8]> = { _ in preconditionFailure("nobody asks here") }
    /// Lets a test act from within a callback.
    var onMessage: (Message) -> Void = { _ in }
    /// The owner must never be called from within its own call.
    var isCalling = false
    private(set) var links: PeerLinks?

    fileprivate init() {}

    fileprivate func make(eventLoop: any EventLoop, settings: LinkSettings, lines: LogLines, wallClockAhead: Int64) {
        links = PeerLinks(
            eventLoop: eventLoop, settings: settings, owner: self,
            logger: Logger(label: "peer \(settings.id)") { _ in LogRecorder(lines: lines) },
            wallClock: { Int64(Date().timeIntervalSince1970 * 1000) + wallClockAhead })
    }

    func makeGreeting(to peer: PeerID) -> Greeting {
        guard let settings = links?.settings else { preconditionFailure() }
        greetingsMade += 1
        return greets(
            Greeting(
                to: peer, settings: settings, softwareVersion: "0.0.\(settings.id)", group: nil, fresh: true,
                lastIndex: 5, lastTerm: 2, session: UInt64(settings.id.value)))
    }

    func linkUp(_ peer: PeerID, greeting: Greeting) {
        precondition(!isCalling)
        greetings[peer] = greeting
        events.append("up \(peer)")
    }

    func linkDown(_ peer: PeerID, reason: String) {
        precondition(!isCalling)
        events.append("down \(peer)")
    }

    func received(_ message: Message, from peer: PeerID) {
        precondition(!isCalling)
        messages.append(message)
        onMessage(message)
    }

    func received(report: [UInt8], from peer: PeerID) { reports.append(report) }

    func received(call: [UInt8], from peer: PeerID) -> EventLoopFuture<[UInt8]> {
        precondition(!isCalling)
        events.append("call of \(call.count)")
        calls.append(call)
        return onCall(call)
    }
}

/// The outside of a `TestPeer`: reaches it from a test's own task.
struct PeerHandle: Sendable {
    let eventLoop: any EventLoop
    let log = LogLines()
    let id: PeerID
    private let peer: NIOLoopBound<TestPeer>

    private init(eventLoop: any EventLoop, id: PeerID, peer: NIOLoopBound<TestPeer>) {
        self.eventLoop = eventLoop
        self.id = id
        self.peer = peer
    }

    static func make(
        _ settings: LinkSettings, wallClockAhead: Int64 = 0, greets: @escaping @Sendable (Greeting) -> Greeting = { $0 }
    ) async throws -> PeerHandle {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let peer = try await eventLoop.submit { NIOLoopBound(TestPeer(), eventLoop: eventLoop) }.get()
        let handle = PeerHandle(eventLoop: eventLoop, id: settings.id, peer: peer)
        try await handle.on {
            $0.greets = greets
            $0.make(eventLoop: eventLoop, settings: settings, lines: handle.log, wallClockAhead: wallClockAhead)
        }
        return handle
    }

    @discardableResult
    func on<T: Sendable>(_ body: @escaping @Sendable (TestPeer) throws -> T) async throws -> T {
        try await eventLoop.submit { try body(peer.value) }.get()
    }

    func with<T: Sendable>(_ body: @escaping @Sendable (PeerLinks) throws -> T) async throws -> T {
        try await on { peer in
            let links = try #require(peer.links)
            peer.isCalling = true
            defer { peer.isCalling = false }
            return try body(links)
        }
    }

    func start() async throws -> Int {
        try await with { $0.start() }.get()
        return try #require(try await with { $0.listeningPort })
    }

    func stop() async throws { try await with { $0.stop() }.get() }

    func status(of peer: Int) async throws -> LinkStatus { try #require(try await with { $0.links[PeerID(peer)] }) }
    func isLinked(to peer: Int) async throws -> Bool { try await status(of: peer).connectedSince != nil }
    func events() async throws -> [String] { try await on { $0.events } }

    func send(_ message: Message, to peer: Int) async throws { try await with { $0.send(message, to: PeerID(peer)) } }
}

/// Settings of peer `id` of a group 1...count on loopback; `ports` of those that it dials must be known.
func settings(
    _ id: Int, of count: Int = 2, ports: [Int: Int] = [:], region: String = "eu", quorum: Int? = nil,
    host: String = "127.0.0.1", tls: TLSFiles? = nil, _ change: (inout LinkLimits) -> Void = { _ in }
) -> LinkSettings {
    // A busy machine may stall a test for seconds; the tests that are about a timeout set it themselves.
    var limits = LinkLimits()
    limits.greetingTimeout = .seconds(30)
    limits.silenceTimeout = .seconds(60)
    limits.connectTimeout = .seconds(10)
    change(&limits)
    let peers = (1...count).map { (PeerID($0), PeerAddress(host: host, port: ports[$0] ?? ($0 == id ? 0 : 9))) }
    return LinkSettings(
        id: PeerID(id), region: region, peers: Dictionary(uniqueKeysWithValues: peers),
        quorum: quorum ?? count / 2 + 1, listenHost: nil, limits: limits, tls: tls)
}

/// A client without manners: sends what a test wants and reads only when told to.
final class RawClient: Sendable {
    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: NIOLoopBoundBox<ByteBuffer>

        init(_ received: NIOLoopBoundBox<ByteBuffer>) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            received.value.writeBuffer(&bytes)
        }
    }

    private let channel: any Channel
    private let bytes: NIOLoopBoundBox<ByteBuffer>

    init(port: Int, reads: Bool = true, tls: TLSContexts? = nil) async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let bytes = NIOLoopBoundBox.makeBoxSendingValue(ByteBuffer(), eventLoop: eventLoop)
        self.bytes = bytes
        channel = try await ClientBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls.client, serverHostname: nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(Recorder(bytes))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }
    func send(_ bytes: [UInt8]) async throws { try await send(ByteBuffer(bytes: bytes)) }
    var isOpen: Bool { channel.isActive }
    func close() async throws { try? await channel.close() }
    func read() { channel.read() }

    /// The frames that have come.
    func frames() async throws -> [FrameReader.Frame] {
        try await channel.eventLoop.submit { [bytes] in
            var reader = FrameReader(maxBodyBytes: 1 << 26)
            reader.append(bytes.value)
            var frames: [FrameReader.Frame] = []
            while let frame = try reader.next() { frames.append(frame) }
            return frames
        }.get()
    }
}
