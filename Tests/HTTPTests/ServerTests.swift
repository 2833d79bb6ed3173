// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import HTTP
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@Suite struct ServerTests {
    private let client = HTTPClient(eventLoop: MultiThreadedEventLoopGroup.singleton.next())

    @Test(arguments: [
        "\u{0}\u{1}\u{2}\u{3}", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", "SSH-2.0-OpenSSH_9.6\r\n",
        "\r\n\r\nnonsense\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\nbroken header\r\n\r\n", "GET / HTTP/1.1\r\n: empty\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /%zz HTTP/1.1\r\n\r\n", "GET /%00 HTTP/1.1\r\n\r\n", "GET /%ff HTTP/1.1\r\n\r\n",
        "GET /?a=%f HTTP/1.1\r\n\r\n",
        "CONNECT example.org:80 HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n",
    ])
    func garbageIsAnswered400AndTheConnectionClosed(garbage: String) async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send(garbage)
            let text = try await raw.receivedToTheEnd()
            #expect(text.hasPrefix("HTTP/1.1 400 "), "\(text)")
            #expect(text.hasSuffix("{\"name\":\"malformed_request\"}"), "\(text)")
            await raw.close()
            // And the next client is served.
            #expect(try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience)).text == "hello")
        }
    }

    @Test func randomBytesNeverStopTheServer() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        try await TestServer.run(routes: plainRoutes) { server in
            var random = Seeded(state: seed)
            for _ in 0..<60 {
                let raw = try await server.connect()
                var bytes = Array(
                    "POST /echo HTTP/1.1\r\ncontent-length: 20\r\nhost: x\r\n\r\n01234567890123456789".utf8)
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                try? await raw.send(bytes)
                await raw.close()
            }
            let answer = try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience))
            #expect(answer.text == "hello", "seed \(seed)")
        }
    }

    @Test func aRequestInOneBytePiecesIsARequest() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            let request = "POST /echo?x=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabcde"
            for byte in request.utf8 { try await raw.send([byte]) }
            let text = try await raw.received(containing: "abcde")
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            await raw.close()
        }
    }

    @Test func aChunkedBodyInOneBytePiecesIsWhole() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            let request =
                "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: u\r\n\r\n"
            for byte in request.utf8 { try await raw.send([byte]) }
            #expect(try await raw.received(containing: "abcde").contains("content-length: 5"))
            await raw.close()
        }
    }

    @Test(arguments: [false, true])
    func aBodyOverTheLimitIsAnswered413WhileItIsStillSent(chunked: Bool) async throws {
        var limits = HTTPLimits()
        limits.lingerTime = patience
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let raw = try await server.connect()
            let size = 20 << 20
            if chunked {
                try await raw.send(
                    "POST /size HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n")
            } else {
                try await raw.send("POST /size HTTP/1.1\r\ncontent-length: \(size)\r\n\r\n")
                // Before a byte of the body.
                _ = try await raw.received(containing: "body_too_large")
            }
            // A client that sends everything before it reads is not cut off either.
            try await raw.send([UInt8](repeating: 0x61, count: size))
            let text = try await raw.receivedToTheEnd()
            #expect(text.hasPrefix("HTTP/1.1 413 "))
            #expect(text.contains("connection: close") && text.hasSuffix("{\"name\":\"body_too_large\"}"))
            await raw.close()
        }
    }

    @Test func theClientReadsA413() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let body = ByteBuffer(repeating: 0x61, count: 20 << 20)
            let answer = try await client.send(HTTPCall(.POST, server.url("/size"), body: body, timeout: patience))
            #expect(answer.status == .payloadTooLarge)
        }
    }

    @Test func theLimitOfABodyDependsOnThePath() async throws {
        var limits = HTTPLimits()
        limits.maxBodyBytes = { _, path in path == "/size" ? 10 : 5 }
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            for (path, size, status) in [("/size", 10, 200), ("/size", 11, 413), ("/echo", 5, 200), ("/echo", 6, 413)] {
                let body = ByteBuffer(repeating: 0x61, count: size)
                let answer = try await client.send(HTTPCall(.POST, server.url(path), body: body, timeout: patience))
                #expect(answer.status.code == status, "\(size) bytes to \(path)")
            }
        }
    }

    @Test func twoMebibytesPass() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let body = ByteBuffer(repeating: 0x61, count: 2 << 20)
            let answer = try await client.send(HTTPCall(.POST, server.url("/echo"), body: body, timeout: patience))
            #expect(answer.status == .ok && answer.body == body)
        }
    }

    @Test func bodiesOfAllConnectionsTogetherAreBounded() async throws {
        var limits = HTTPLimits()
        limits.maxBodyBytesInAll = 100_000
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let holder = try await server.connect()
            try await holder.send("POST /size HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 80000\r\n\r\n")
            _ = try await holder.received(containing: "100 Continue")
            try await holder.send([UInt8](repeating: 0x61, count: 79_999))
            try await eventually { try await server.loop.submit { server.server.value.heldBodyBytes }.get() == 79_999 }
            func call(_ count: Int) -> HTTPCall {
                let body = ByteBuffer(repeating: 0x61, count: count)
                return HTTPCall(.POST, server.url("/size"), body: body, timeout: patience)
            }
            #expect(try await client.send(call(30_000)).status == .serviceUnavailable)
            // An operator's word is heard all the same.
            #expect(try await client.send(call(1000)).text == "1000")
            try await holder.send("a")
            _ = try await holder.received(containing: "\r\n\r\n80000")
            #expect(try await client.send(call(30_000)).text == "30000")
            await holder.close()
        }
    }

    @Test(arguments: [
        "", "GET /hel", "GET /hello HTTP/1.1\r\nhost: x\r\n", "POST /echo HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc",
    ])
    func aRequestThatDoesNotEndIsAnswered408(start: String) async throws {
        var limits = HTTPLimits()
        limits.requestTime = .milliseconds(150)
        if start.isEmpty { limits.idleTime = .milliseconds(150) }
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send(start)
            let text = try await raw.receivedToTheEnd()
            // An idle connection is closed without a word.
            #expect(start.isEmpty ? text.isEmpty : text.hasPrefix("HTTP/1.1 408 "), "\(text)")
            await raw.close()
        }
    }

    /// Bytes that keep coming do not move the deadline.
    @Test func aDrippedHeaderIsAnswered408() async throws {
        var limits = HTTPLimits()
        limits.requestTime = .milliseconds(300)
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send("GET /hello HTTP/1.1\r\nx: ")
            let drip = raw.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { _ in
                raw.channel.say("a")
            }
            #expect(try await raw.receivedToTheEnd().hasPrefix("HTTP/1.1 408 "))
            drip.cancel()
            await raw.close()
        }
    }

    @Test func headersAreBounded() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            for head in [
                "x: \(String(repeating: "a", count: 20_000))\r\n",
                (0..<120).map { "x\($0): \(String(repeating: "a", count: 200))\r\n" }.joined(),
                (0..<200).map { "x\($0): a\r\n" }.joined(),
            ] {
                let raw = try await server.connect()
                try await raw.send("GET /hello HTTP/1.1\r\n\(head)\r\n")
                let text = try await raw.receivedToTheEnd()
                #expect(text.hasPrefix("HTTP/1.1 431 ") && text.contains("headers_too_large"), "\(text)")
                await raw.close()
            }
            let raw = try await server.connect()
            try await raw.send("GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\n\r\n")
            #expect(try await raw.receivedToTheEnd().hasPrefix("HTTP/1.1 431 "))
            await raw.close()
        }
    }

    @Test func connectionsAreBounded() async throws {
        var limits = HTTPLimits()
        limits.maxConnections = 1
        limits.reservedForThisMachine = 2
        limits.maxTurnedAway = 1
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let first = try await server.connect()
            let second = try await server.connect()
            for raw in [first, second] {
                try await raw.send("GET /hello HTTP/1.1\r\n\r\n")
                _ = try await raw.received(containing: "hello")
            }
            // Told so, even though it never says anything.
            let third = try await server.connect()
            let text = try await third.receivedToTheEnd()
            #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("too_many_connections"))
            // The third still lingers: closed without a word.
            let fourth = try await server.connect()
            #expect(try await fourth.receivedToTheEnd().isEmpty)
            for raw in [third, fourth, first] { await raw.close() }
            try await eventually { try await server.loop.submit { server.server.value.connectionCount }.get() == 1 }
            #expect(try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience)).text == "hello")
            await second.close()
        }
    }

    @Test func aConnectionThatSaysNothingIsClosed() async throws {
        var limits = HTTPLimits()
        // Long enough for a request that is sent at once.
        limits.openingTime = .seconds(2)
        limits.idleTime = .hours(1)
        try await TestServer.run(limits: limits, routes: plainRoutes) { server in
            let silent = try await server.connect()
            #expect(try await silent.receivedToTheEnd().isEmpty)
            // One that has spoken may be idle.
            let raw = try await server.connect()
            try await raw.send("GET /hello HTTP/1.1\r\n\r\n")
            _ = try await raw.received(containing: "hello")
            let other = try await server.connect()
            #expect(try await other.receivedToTheEnd().isEmpty)
            try await raw.send("GET /hello HTTP/1.1\r\n\r\n")
            _ = try await raw.received { String(decoding: $0, as: UTF8.self).split(separator: "hello").count >= 2 }
            await raw.close()
        }
    }

    @Test func headIsAnsweredWithoutABody() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send(
                "HEAD /hello HTTP/1.1\r\n\r\nHEAD /nothing HTTP/1.1\r\n\r\nGET /query?end HTTP/1.1\r\n\r\n")
            let text = try await raw.received(containing: "end=")
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.contains("content-length: 5\r\n"))
            #expect(!text.contains("hello") && !text.contains("not_found") && text.contains("HTTP/1.1 404 "))
            await raw.close()
            let answer = try await client.send(HTTPCall(.HEAD, server.url("/hello"), timeout: patience))
            #expect(answer.status == .ok && answer.body.readableBytes == 0)
        }
    }

    @Test func whatIsNotThereIsAnsweredInTheOwnersForm() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let missing = try await client.send(HTTPCall(.GET, server.url("/nothing"), timeout: patience))
            #expect(missing.status == .notFound && missing.text == #"{"name":"not_found"}"#)
            #expect(missing.headers.first(name: "content-type") == "application/json")
            let wrong = try await client.send(HTTPCall(.DELETE, server.url("/echo"), timeout: patience))
            #expect(wrong.status == .methodNotAllowed && wrong.headers.first(name: "allow") == "GET, HEAD, POST")
            let head = try await client.send(HTTPCall(.HEAD, server.url("/only-post"), timeout: patience))
            #expect(head.status == .methodNotAllowed && head.headers.first(name: "allow") == "POST")
            let known = try await client.send(HTTPCall(.GET, server.url("/fails/as-known"), timeout: patience))
            #expect(known.status == .conflict && String(buffer: known.body) == "known")
            let failed = try await client.send(HTTPCall(.GET, server.url("/fails"), timeout: patience))
            #expect(failed.status == .internalServerError && failed.text == #"{"name":"internal_error"}"#)
        }
    }

    @Test func targetsAreDecoded() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            for (target, body) in [
                ("/query?a=1&b=%2F+x&a=2&&c&d=", "a=1;b=/ x;a=2;c=;d="), ("/a%20b", "decoded"), ("/query", ""),
                ("http://elsewhere/query?z=1", "z=1"), ("/%68ello#fragment", "hello"),
            ] {
                let raw = try await server.connect()
                try await raw.send("GET \(target) HTTP/1.0\r\n\r\n")
                let text = try await raw.receivedToTheEnd()
                #expect(text.hasPrefix("HTTP/1.0 200 OK") && text.hasSuffix("\r\n\r\n\(body)"), "\(target): \(text)")
                await raw.close()
            }
        }
    }

    @Test func expectedContinueIsSaidBeforeTheBodyAndNotForOneTooLarge() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send("POST /echo HTTP/1.1\r\nExpect: 100-Continue\r\ncontent-length: 3\r\n\r\n")
            #expect(try await raw.received(containing: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await raw.send("abc")
            _ = try await raw.received(containing: "\r\n\r\nabc")
            try await raw.send("POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n")
            let text = try await raw.receivedToTheEnd()
            #expect(text.contains("HTTP/1.1 413 ") && text.split(separator: "100 Continue").count == 2)
            await raw.close()
        }
    }

    @Test func connectionsAreKeptOrClosedAsTheClientAsks() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let raw = try await server.connect()
            try await raw.send("GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            #expect(try await raw.received(containing: "hello").contains("connection: keep-alive"))
            try await raw.send("GET /query?2 HTTP/1.1\r\nconnection: close\r\n\r\nGET /query?3 HTTP/1.1\r\n\r\n")
            let text = try await raw.receivedToTheEnd()
            #expect(text.hasSuffix("2=") && text.contains("connection: close"))
            await raw.close()
            // The codec reads nothing after it, so it must not be left open.
            let upgrade = try await server.connect()
            try await upgrade.send("GET /hello HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
            #expect(try await upgrade.receivedToTheEnd().hasSuffix("hello"))
            await upgrade.close()
        }
    }

    @Test func aBrokenAnswerOfAHandlerClosesTheConnection() async throws {
        try await TestServer.run { router, loop in
            router.on([.GET], "/split") { _ in
                loop.makeSucceededFuture(Response(status: .ok, headers: ["x": "a\r\nset-cookie: b"]))
            }
        } _: { server in
            let raw = try await server.connect()
            try await raw.send("GET /split HTTP/1.1\r\n\r\n")
            #expect(!(try await raw.receivedToTheEnd()).contains("set-cookie"))
            await raw.close()
        }
    }

    @Test func aPortInUseIsNamed() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let loop = server.loop
            let port = server.port
            let error = await #expect(throws: HTTPListenError.self) {
                try await loop.flatSubmit {
                    HTTPServer(eventLoop: loop, logger: .init(label: "x")) { _ in
                        loop.makeSucceededFuture(.text(.ok, ""))
                    }
                    .start(host: "127.0.0.1", port: port)
                }.get()
            }
            #expect(error?.reason == .portInUse && error?.description.contains("127.0.0.1:\(port)") == true)
        }
    }

    @Test func stopLetsRequestsThatAreBeingAnsweredEnd() async throws {
        let waiting = HeldAnswer()
        try await TestServer.run { router, loop in
            plainRoutes(&router, loop)
            waiting.serve("/wait", &router, loop)
        } _: { server in
            let idle = try await server.connect()
            try await idle.send("GET /hello HTTP/1.1\r\n\r\n")
            _ = try await idle.received(containing: "hello")
            let busy = try await server.connect()
            try await busy.send("GET /wait HTTP/1.1\r\n\r\n")
            try await eventually { waiting.isAskedFor }
            async let stopped: Void = server.stop()
            _ = try await idle.receivedToTheEnd()
            waiting.answer("done")
            let text = try await busy.receivedToTheEnd()
            #expect(text.hasSuffix("done") && text.contains("connection: close"))
            try await stopped
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.send(HTTPCall(.GET, server.url("/hello"), timeout: patience))
            }
            #expect(error?.conclusion == .nothingWasSent)
            await idle.close()
            await busy.close()
        }
    }
}

@Suite struct StreamTests {
    @Test func aStreamIsSentPieceByPieceAndEnded() async throws {
        let writers = NIOLockedValueBox<NIOLoopBound<StreamWriter>?>(nil)
        try await TestServer.run { router, loop in
            router.on([.GET], "/events") { _ in
                loop.makeSucceededFuture(
                    .stream(on: loop, headers: ["content-type": "text/event-stream"]) { writer in
                        writers.withLockedValue { $0 = NIOLoopBound(writer, eventLoop: loop) }
                        writer.send("data: 1\n\n")
                    })
            }
        } _: { server in
            let raw = try await server.connect()
            try await raw.send("GET /events HTTP/1.1\r\n\r\n")
            #expect(try await raw.received(containing: "data: 1").contains("transfer-encoding: chunked"))
            let writer = try #require(writers.withLockedValue { $0 })
            try await server.loop.submit { #expect(writer.value.send("data: 2\n\n")) }.get()
            _ = try await raw.received(containing: "data: 2")
            try await server.loop.flatSubmit {
                writer.value.close()
                writer.value.close()
                return writer.value.closed
            }.get()
            #expect(try await raw.receivedToTheEnd().hasSuffix("0\r\n\r\n"))
            try await server.loop.submit { #expect(!writer.value.send("late")) }.get()
            await raw.close()
            // For an old client the end of the connection is the end of the stream; for HEAD there is none.
            let old = try await server.connect()
            try await old.send("GET /events HTTP/1.0\r\n\r\n")
            #expect(try await old.received(containing: "data: 1").contains("\r\n\r\ndata: 1\n\n"))
            await old.close()
            let head = try await server.connect()
            try await head.send("HEAD /events HTTP/1.1\r\n\r\n")
            #expect(try await head.receivedToTheEnd().hasSuffix("\r\n\r\n"))
            await head.close()
        }
    }

    @Test func aHandlerLearnsWhenItsClientIsGoneOrAnswered() async throws {
        let (asked, over) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        let waiting = HeldAnswer()
        try await TestServer.run { router, loop in
            waiting.serve("/wait", &router, loop) { request in
                asked.withLockedValue { $0 += 1 }
                request.over?.whenComplete { _ in over.withLockedValue { $0 += 1 } }
            }
        } _: { server in
            let stays = try await server.connect()
            for round in 1...3 {
                try await stays.send("GET /wait HTTP/1.1\r\n\r\n")
                try await eventually { asked.withLockedValue { $0 } == round }
                #expect(over.withLockedValue { $0 } == round - 1)
                waiting.answer("answer \(round)")
                _ = try await stays.received(containing: "answer \(round)")
                try await eventually { over.withLockedValue { $0 } == round }
            }
            await stays.close()
            let leaves = try await server.connect()
            try await leaves.send("GET /wait HTTP/1.1\r\n\r\n")
            try await eventually { asked.withLockedValue { $0 } == 4 }
            await leaves.close()
            try await eventually { over.withLockedValue { $0 } == 4 }
            // Too late, and no harm.
            waiting.answer("late")
            let next = try await server.connect()
            try await next.send("GET /nowhere HTTP/1.1\r\n\r\n")
            _ = try await next.received(containing: "404")
            await next.close()
        }
    }

    @Test func aRequestThatWasAnsweredIsOverWhateverItsConnectionDoesNow() async throws {
        let requests = NIOLockedValueBox<[Request]>([])
        let waiting = HeldAnswer()
        try await TestServer.run { router, loop in
            waiting.serve("/wait", &router, loop) { request in requests.withLockedValue { $0.append(request) } }
        } _: { server in
            let client = try await server.connect()
            for round in 1...2 {
                try await client.send("GET /wait HTTP/1.1\r\n\r\n")
                try await eventually { requests.withLockedValue { $0.count } == round }
                guard round == 1 else { break }
                waiting.answer("answer 1")
                _ = try await client.received(containing: "answer 1")
            }
            // Asked for late, by both.
            let are = try await server.loop.submit {
                requests.withLockedValue { $0 }.map { request in
                    let isOver = NIOLockedValueBox(false)
                    request.over?.whenComplete { _ in isOver.withLockedValue { $0 = true } }
                    return isOver
                }
            }.get()
            #expect(are.map { $0.withLockedValue { $0 } } == [true, false])
            waiting.answer("answer 2")
            _ = try await client.received(containing: "answer 2")
            try await eventually { are.allSatisfy { $0.withLockedValue { $0 } } }
            await client.close()
        }
    }

    @Test func aClientThatLeavesOrDoesNotReadEndsItsStream() async throws {
        var limits = HTTPLimits()
        limits.maxStreamBytes = 100_000
        let ended = NIOLockedValueBox(0)
        let sent = NIOLockedValueBox(0)
        try await TestServer.run(limits: limits) { router, loop in
            router.on([.GET], "/quiet") { _ in
                loop.makeSucceededFuture(
                    .stream(on: loop, headers: [:]) { writer in
                        writer.send("first")
                        writer.closed.whenComplete { _ in ended.withLockedValue { $0 += 1 } }
                    })
            }
            router.on([.GET], "/flood") { _ in
                loop.makeSucceededFuture(
                    .stream(on: loop, headers: [:]) { writer in
                        writer.closed.whenComplete { _ in ended.withLockedValue { $0 += 1 } }
                        flood(writer, loop, sent)
                    })
            }
        } _: { server in
            let leaver = try await server.connect()
            try await leaver.send("GET /quiet HTTP/1.1\r\n\r\n")
            _ = try await leaver.received(containing: "first")
            await leaver.close()
            // Its writer is gone, and its connection too.
            try await eventually { ended.withLockedValue { $0 } == 1 }
            let sleeper = try await RawConnection.connect(port: server.port, autoRead: false)
            try await sleeper.send("GET /flood HTTP/1.1\r\n\r\n")
            try await eventually { ended.withLockedValue { $0 } == 2 }
            #expect(sent.withLockedValue { $0 } < 64 << 20)
            await sleeper.close()
        }
    }
}

/// Sends as fast as it may until it may not.
private func flood(_ writer: StreamWriter, _ loop: any EventLoop, _ sent: NIOLockedValueBox<Int>) {
    guard writer.send(ByteBuffer(repeating: 0x61, count: 50_000)) else { return }
    sent.withLockedValue { $0 += 50_000 }
    loop.assumeIsolated().execute { flood(writer, loop, sent) }
}

struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 29)) &* 0xbf58_476d_1ce4_e5b9
    }
}

/// Awaits a condition that nothing announces.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = NIODeadline.now() + patience
    while !(try await condition()) {
        guard NIODeadline.now() < deadline else { throw TooLate(what: "a condition did not come true") }
        await Task.yield()
    }
}
