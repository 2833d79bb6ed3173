// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Logging
import NIOCore
import NIOEmbedded
import Raft
import Testing

@testable import HTTP
@testable import Node

/// Readers of events, on a loop whose turns are made here.
@Suite struct EventStreamTests {
    private final class Reader {
        let channel: EmbeddedChannel
        /// Each as it was handed to the socket.
        private(set) var writes: [String] = []

        init(_ server: HTTPServer, on loop: EmbeddedEventLoop, path: String = "/") throws {
            channel = EmbeddedChannel(loop: loop)
            try server.accept(channel)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            channel.pipeline.fireChannelRead(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            channel.pipeline.fireChannelReadComplete()
        }

        func collect() throws {
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
                writes.append(String(buffer: bytes))
            }
        }

        /// What the events said that it was told, in order.
        var told: [String] {
            writes.joined().split(separator: "\n").filter { $0.hasPrefix("data: ") }.compactMap { line in
                line.firstRange(of: #/"message":"([^"]*)"/#).map { String(line[$0].dropFirst(11).dropLast()) }
            }
        }
    }

    private let loop = EmbeddedEventLoop()
    private let streams: EventStreams
    private let server: HTTPServer

    init() {
        let loop = loop
        let streams = EventStreams(eventLoop: loop, region: "east", peer: PeerID(1), session: 7, hook: nil)
        self.streams = streams
        server = HTTPServer(eventLoop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            request in
            let types = request.query["types"].map { Set([EventType(rawValue: $0)]) }
            return loop.makeSucceededFuture(streams.response(after: request.query["after"], types: types))
        }
    }

    private func turn(_ readers: Reader...) throws {
        loop.run()
        for reader in readers { try reader.collect() }
    }

    @Test func whatHappensInOneTurnIsOneWriteToEachReader() throws {
        let all = try Reader(server, on: loop)
        let some = try Reader(server, on: loop, path: "/?types=region")
        try turn(all, some)
        let before = (all.writes.count, some.writes.count)
        for number in 0..<5 { streams.emit(number.isMultiple(of: 2) ? .region : .role, "event \(number)") }
        try turn(all, some)
        #expect(all.told == (0..<5).map { "event \($0)" })
        #expect(some.told == ["event 0", "event 2", "event 4"])
        #expect(all.writes.count == before.0 + 1 && some.writes.count == before.1 + 1)
        streams.emit(.role, "event 5")
        try turn(all, some)
        #expect(all.told.last == "event 5" && some.writes.count == before.1 + 1)
    }

    /// A reader that comes between two events of a turn is told each once, or as if it had come before or behind.
    @Test func readersThatComeInTheMiddleOfATurnMissNothingAndGetNothingTwice() throws {
        let early = try Reader(server, on: loop)
        try turn(early)
        streams.emit(.role, "before")
        try turn(early)
        let id = streams.log.lastID
        streams.emit(.role, "first")
        let late = try Reader(server, on: loop)
        let resuming = try Reader(server, on: loop, path: "/?after=\(id)")
        streams.emit(.role, "second")
        try turn(early, late, resuming)
        #expect(early.told == ["before", "first", "second"])
        #expect(late.told == ["second"])
        #expect(resuming.told == ["first", "second"])
    }

    /// Far more bytes than a reader may leave waiting.
    @Test func aTurnWithThousandsOfEventsLosesNoReader() throws {
        let reader = try Reader(server, on: loop)
        try turn(reader)
        for number in 0..<5000 { streams.emit(.role, "event \(number)") }
        try turn(reader)
        #expect(reader.channel.isActive && reader.told == (0..<5000).map { "event \($0)" })
        #expect(reader.writes.map(\.utf8.count).reduce(0, +) > HTTPLimits().maxStreamBytes)
    }

    @Test func theLastWordsComeBeforeTheEnd() throws {
        let reader = try Reader(server, on: loop)
        try turn(reader)
        streams.emit(.role, "leads no more")
        streams.tellReaders()
        _ = server.stop()
        try turn(reader)
        #expect(reader.told == ["leads no more"] && reader.writes.last == "0\r\n\r\n")
        #expect(!reader.channel.isActive)
    }
}
