// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import HTTP
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@Suite struct ClientTests {
    private let client = HTTPClient(eventLoop: MultiThreadedEventLoopGroup.singleton.next())

    private func failure(_ call: HTTPCall) async -> (error: HTTPClientError?, took: TimeAmount) {
        let start = NIODeadline.now()
        do throws(HTTPClientError) {
            let answer = try await client.send(call)
            Issue.record("answered: \(answer.status) \(answer.text.prefix(100))")
            return (nil, .now() - start)
        } catch {
            return (error, .now() - start)
        }
    }

    @Test func whatAnswersIsRead() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let body = ByteBuffer(string: "abc")
            let call = HTTPCall(.POST, server.url("/echo"), headers: ["x": "y"], body: body, timeout: patience)
            #expect(try await client.send(call).body == body)
            #expect(try await client.send(call).get().body == body)
            let named = HTTPCall(.GET, try HTTPURL("http://localhost:\(server.port)/hello"), timeout: patience)
            #expect(try await client.send(named).text == "hello")
        }
    }

    @Test func harmlessCallsShareAConnectionAndHarmfulOnesDoNot() async throws {
        let server = try await OddServer.start { channel, number in
            channel.say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\(number)")
        }
        var answers: [String] = []
        for method in [HTTPMethod.GET, .GET, .POST, .POST, .GET] {
            answers.append(try await client.send(HTTPCall(method, server.url(), timeout: patience)).text)
        }
        #expect(answers == ["1", "1", "2", "3", "1"])
        try await client.close().get()
        #expect(try await client.send(HTTPCall(.GET, server.url(), timeout: patience)).text == "4")
        await server.stop()
    }

    /// The server closes a kept connection just when the next call is on its way.
    @Test func aHarmlessCallSurvivesAConnectionThatWentStale() async throws {
        let requests = Counter()
        let server = try await OddServer.start { channel, number in
            if requests.next() == 2 { return channel.close(promise: nil) }
            channel.say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\(number)")
        }
        #expect(try await client.send(HTTPCall(.GET, server.url(), timeout: patience)).text == "1")
        #expect(try await client.send(HTTPCall(.GET, server.url(), timeout: patience)).text == "2")
        #expect(requests.value == 3)
        await server.stop()
    }

    @Test func aHarmfulCallIsNeverSentTwice() async throws {
        let requests = Counter()
        let server = try await OddServer.start { channel, _ in
            _ = requests.next()
            channel.close(promise: nil)
        }
        #expect(await failure(HTTPCall(.POST, server.url(), timeout: patience)).error == .closedEarly)
        #expect(requests.value == 1)
        await server.stop()
    }

    @Test func aRefusedConnectionMeansThatNothingWasSent() async throws {
        let server = try await OddServer.start { _, _ in }
        let url = server.url()
        await server.stop()
        let error = await failure(HTTPCall(.POST, url, timeout: patience)).error
        #expect(error?.conclusion == .nothingWasSent)
        guard case .cannotConnect(let reason) = error else { return #expect(Bool(false), "\(error as Any)") }
        #expect(reason.contains("127.0.0.1:\(url.port)") && reason.contains("refused"), "\(reason)")
    }

    @Test func anUnknownHostMeansThatNothingWasSent() async throws {
        let url = try HTTPURL("http://no-such-host.invalid:80/")
        let error = await failure(HTTPCall(.POST, url, timeout: patience)).error
        #expect(error?.conclusion == .nothingWasSent, "\(error as Any)")
    }

    /// A listener whose queue is full does not answer connections: the deadline covers that too.
    @Test func aConnectionThatHangsEndsAtTheDeadline() async throws {
        // An address of a documentation network: nobody answers, or the network refuses at once.
        let url = HTTPURL(host: "192.0.2.1", port: 9)
        let (error, took) = await failure(HTTPCall(.GET, url, timeout: .milliseconds(1000)))
        #expect(error?.conclusion == .nothingWasSent)
        #expect(took < .seconds(10))
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ])
    func aServerThatStopsHalfwayEndsAtTheDeadline(answer: String) async throws {
        let server = try await OddServer.start { channel, _ in channel.say(answer) }
        let (error, took) = await failure(HTTPCall(.GET, server.url(), timeout: .milliseconds(1000)))
        #expect(error == .noAnswer(after: .milliseconds(1000)) && error?.conclusion == .outcomeUnknown)
        #expect(took >= .milliseconds(1000) && took < .seconds(10), "\(took)")
        await server.stop()
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"])
    func aServerThatDripsEndsAtTheDeadline(start: String) async throws {
        let server = try await OddServer.start { channel, _ in
            channel.say(start)
            channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { task in
                guard channel.isActive else { return task.cancel() }
                // Without a start this drips an endless series of interim answers.
                channel.say(start.isEmpty ? "HTTP/1.1 100 Continue\r\n\r\n" : "a")
            }
        }
        let (error, took) = await failure(HTTPCall(.GET, server.url(), timeout: .milliseconds(1000)))
        #expect(error == .noAnswer(after: .milliseconds(1000)))
        #expect(took >= .milliseconds(1000) && took < .seconds(10), "\(took)")
        await server.stop()
    }

    @Test(arguments: [
        "nonsense nonsense\r\n\r\n", "\u{16}\u{3}\u{3}\u{0}\u{2}", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ])
    func garbageIsABadAnswer(garbage: String) async throws {
        let server = try await OddServer.start { channel, _ in channel.say(garbage) }
        let error = await failure(HTTPCall(.POST, server.url(), timeout: patience)).error
        guard case .badAnswer = error else { return #expect(Bool(false), "\(error as Any)") }
        await server.stop()
    }

    @Test(arguments: [
        "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
    ])
    func aServerThatClosesHalfwayIsNoticed(answer: String) async throws {
        let server = try await OddServer.start { channel, _ in
            channel.writeAndFlush(ByteBuffer(string: answer)).whenComplete { _ in channel.close(promise: nil) }
        }
        let error = await failure(HTTPCall(.POST, server.url(), timeout: patience)).error
        #expect(error == .closedEarly && error?.conclusion == .outcomeUnknown)
        await server.stop()
    }

    @Test func anAnswerWithoutALengthEndsWithTheConnection() async throws {
        let server = try await OddServer.start { channel, _ in
            channel.writeAndFlush(ByteBuffer(string: "HTTP/1.0 200 OK\r\n\r\nwhole")).whenComplete { _ in
                channel.close(promise: nil)
            }
        }
        #expect(try await client.send(HTTPCall(.GET, server.url(), timeout: patience)).text == "whole")
        await server.stop()
    }

    @Test(arguments: ["content-length: 2000\r\n\r\n", "\r\n\(String(repeating: "a", count: 2000))"])
    func anAnswerOverTheLimitIsNotRead(rest: String) async throws {
        let server = try await OddServer.start { channel, _ in channel.say("HTTP/1.1 200 OK\r\n\(rest)") }
        let call = HTTPCall(.GET, server.url(), timeout: patience, maxAnswerBytes: 1000)
        #expect(await failure(call).error == .answerTooLarge(limitBytes: 1000))
        await server.stop()
    }

    @Test func aCancelledTaskEndsItsCall() async throws {
        let asked = Counter()
        let server = try await OddServer.start { _, _ in _ = asked.next() }
        let url = server.url()
        let task = Task { [client] in try await client.send(HTTPCall(.GET, url, timeout: patience)) }
        try await eventually { asked.value == 1 }
        task.cancel()
        await #expect(throws: HTTPClientError.cancelled) { try await task.value }
        await server.stop()
    }

    @Test func manyCallsAtOnceAllEnd() async throws {
        try await TestServer.run(routes: plainRoutes) { server in
            let texts = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<200 {
                    let call = HTTPCall(
                        number % 2 == 0 ? .GET : .POST, server.url("/echo"),
                        body: ByteBuffer(string: "\(number)"), timeout: patience)
                    group.addTask { [client] in try await client.send(call).text }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(texts.count == 200)
        }
    }

    @Test func urlsAreTakenApart() throws {
        let url = try HTTPURL("HTTP://[::1]:8080/a?b=c#d")
        #expect(
            url == HTTPURL(host: "::1", port: 8080, target: "/a?b=c") && url.description == "http://[::1]:8080/a?b=c")
        #expect(try HTTPURL("http://host").port == 80 && HTTPURL("https://host?x").target == "/?x")
        for bad in [
            "", "host:80", "ftp://x", "http://", "http://:80", "http://h:0", "http://h:99999", "http://h:x",
            "http://h/ b",
            "http://h/\r\nx: y", "http://u:p@h/", "http://h/é", "http://[::1", "http://h\r\n/",
        ] {
            let error = #expect(throws: HTTPClientError.self, "\(bad)") { try HTTPURL(bad) }
            #expect(error?.conclusion == .nothingWasSent)
        }
    }

    /// Found by fuzzing: the message quoted the URL as it was.
    @Test func theMessageAboutABadURLStaysOnItsLine() throws {
        for bad in ["HT\u{f}\u{0}9999", "http://h:\u{1b}[2J\n", "http://h:" + String(repeating: "x", count: 9999)] {
            let error = try #require(throws: HTTPClientError.self) { try HTTPURL(bad) }
            #expect(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
            #expect(error.description.utf8.count < 1000)
        }
    }

    @Test func httpsIsRefusedRatherThanSentInTheClear() async throws {
        let error = await failure(HTTPCall(.GET, try HTTPURL("https://127.0.0.1:1/"), timeout: patience)).error
        guard case .badURL = error else { return #expect(Bool(false), "\(error as Any)") }
    }
}
