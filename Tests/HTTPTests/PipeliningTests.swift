// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import HTTP
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

/// Requests that come before the one before them is answered.
@Suite struct PipeliningTests {
    private let client = HTTPClient(eventLoop: MultiThreadedEventLoopGroup.singleton.next())

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let slow = HeldAnswer()
        try await TestServer.run { router, loop in
            plainRoutes(&router, loop)
            slow.serve("/slow", &router, loop)
        } _: { server in
            let raw = try await server.connect()
            try await raw.send(
                "GET /slow HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n"
                    + "POST /echo HTTP/1.1\r\ncontent-length: 3\r\n\r\nend"
            )
            // Another connection is served in the meantime.
            _ = try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience))
            try await eventually { slow.isAskedFor }
            slow.answer("slow")
            let text = try await raw.received(containing: "end")
            let bodies = ["slow", "hello", "end"].map { text.firstRange(of: "\r\n\r\n\($0)")?.lowerBound }
            #expect(!bodies.contains(nil) && bodies.compactMap { $0 } == bodies.compactMap { $0 }.sorted(), "\(text)")
            await raw.close()
        }
    }

    /// What is wrong with a request says nothing of the one before it, which is still being answered.
    @Test func garbageBehindARequestIsAnsweredAfterIt() async throws {
        let slow = HeldAnswer()
        try await TestServer.run { router, loop in
            plainRoutes(&router, loop)
            slow.serve("/slow", &router, loop)
        } _: { server in
            let raw = try await server.connect()
            try await raw.send("GET /slow HTTP/1.1\r\n\r\nno request at all\r\n\r\n")
            _ = try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience))
            try await eventually { slow.isAskedFor }
            slow.answer("slow")
            let text = try await raw.receivedToTheEnd()
            let answers = ["HTTP/1.1 200 OK", "\r\n\r\nslow", "HTTP/1.1 400 "].map {
                text.firstRange(of: $0)?.lowerBound
            }
            #expect(
                !answers.contains(nil) && answers.compactMap { $0 } == answers.compactMap { $0 }.sorted(), "\(text)")
            await raw.close()
        }
    }

    /// They wait in the client's socket, not in this process's memory.
    @Test func requestsBehindOneThatIsNotAnsweredAreNotRead() async throws {
        let slow = HeldAnswer()
        try await TestServer.run { router, loop in
            plainRoutes(&router, loop)
            slow.serve("/slow", &router, loop)
        } _: { server in
            let raw = try await server.connect()
            let isSent = NIOLockedValueBox(false)
            let more = String(repeating: "GET /hello HTTP/1.1\r\n\r\n", count: 1_000_000)
            let sending = raw.channel.eventLoop.makePromise(of: Void.self)
            sending.futureResult.whenSuccess { isSent.withLockedValue { $0 = true } }
            let all = "GET /slow HTTP/1.1\r\n\r\n" + more + "GET /query?last HTTP/1.1\r\n\r\n"
            raw.channel.writeAndFlush(ByteBuffer(string: all), promise: sending)
            try await eventually { slow.isAskedFor }
            // Time enough to read all of it, if it did.
            for _ in 0..<200 { _ = try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience)) }
            #expect(!isSent.withLockedValue { $0 })
            await raw.close()
        }
    }

    /// Answering within answering would use up the stack.
    @Test func thousandsOfPipelinedRequestsAreAnswered() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            let count = 10_000
            async let sent: Void = raw.send(
                String(repeating: "GET /hello HTTP/1.1\r\n\r\n", count: count) + "GET /query?last HTTP/1.1\r\n\r\n")
            let text = try await raw.received(endingWith: "last=")
            try await sent
            #expect(text.utf8.split(separator: UInt8(ascii: "\n")).count { $0.starts(with: "hello".utf8) } == count)
            await raw.close()
        }
    }

    /// A client that asks and asks and never reads must not fill the memory with answers.
    @Test func answersThatNobodyReadsHoldBackFurtherRequests() async throws {
        let served = NIOLockedValueBox(0)
        try await TestServer.run { router, loop in
            router.on([.GET], "/big") { _ in
                served.withLockedValue { $0 += 1 }
                return loop.makeSucceededFuture(
                    Response(status: .ok, body: ByteBuffer(repeating: 0x61, count: 1 << 20)))
            }
            plainRoutes(&router, loop)
        } _: { server in
            let raw = try await RawConnection.connect(port: server.port, autoRead: false)
            try await raw.send(String(repeating: "GET /big HTTP/1.1\r\n\r\n", count: 200))
            try await eventually { served.withLockedValue { $0 } > 0 }
            for _ in 0..<50 { _ = try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience)) }
            #expect(served.withLockedValue { $0 } < 40)
            await raw.close()
        }
    }
}
