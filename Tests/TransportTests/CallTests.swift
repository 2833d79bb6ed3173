// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft
import Testing

@testable import Transport

private let mib = 1 << 20

/// A started pair; peer 2 dials peer 1.
private func pair() async throws -> (PeerHandle, PeerHandle) {
    let one = try await PeerHandle.make(settings(1))
    let port = try await one.start()
    let two = try await PeerHandle.make(settings(2, ports: [1: port]))
    _ = try await two.start()
    try await eventually("they link up") {
        let there = try await one.isLinked(to: 2)
        return try await two.isLinked(to: 1) && there
    }
    return (one, two)
}

extension PeerHandle {
    /// Answers every call with its bytes in reverse.
    fileprivate func echo() async throws {
        try await on { [eventLoop] in $0.onCall = { eventLoop.makeSucceededFuture($0.reversed()) } }
    }

    fileprivate func neverAnswer() async throws {
        try await on { [eventLoop] in
            $0.onCall = { _ in
                // Left open until the test's end: the loop must not see it dropped.
                let promise = eventLoop.makePromise(of: [UInt8].self)
                eventLoop.scheduleTask(in: .hours(1)) { promise.succeed([]) }
                return promise.futureResult
            }
        }
    }

    fileprivate func ask(_ bytes: [UInt8], _ peer: Int, timeout: Duration = .seconds(60)) async throws -> [UInt8] {
        try await with { $0.call(bytes, to: PeerID(peer), timeout: timeout) }.get()
    }
}

private func failure(_ body: () async throws -> [UInt8]) async -> CallError? {
    do {
        let answer = try await body()
        Issue.record("an answer of \(answer.count) bytes")
    } catch let error as CallError {
        return error
    } catch {
        Issue.record("\(error)")
    }
    return nil
}

private func text(of error: CallError?, isDelivered: Bool) -> String {
    switch error {
    case .notDelivered(let why) where !isDelivered: return why
    case .noAnswer(let why) where isDelivered: return why
    default:
        Issue.record("\(error.map { String(reflecting: $0) } ?? "nothing")")
        return ""
    }
}

@Suite struct CallTests {
    @Test func callsOfEverySizeGoBothWaysAtOnce() async throws {
        let (one, two) = try await pair()
        try await one.echo()
        try await two.echo()
        let sizes = [0, 1, CallPart.mostBytes - 1, CallPart.mostBytes, CallPart.mostBytes + 1, 3 * mib, 0, 9 * mib, 7]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for size in sizes {
                for (peer, other) in [(one, 2), (two, 1)] {
                    group.addTask {
                        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ size) }
                        let answer = try await peer.ask(bytes, other)
                        #expect(answer == bytes.reversed(), "\(size) bytes")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await one.events().filter { $0.hasPrefix("down") }.isEmpty, "\(one.log.text)")
        try await one.stop()
        try await two.stop()
    }

    @Test func anAnswerFindsItsCallInAnyOrder() async throws {
        let (one, two) = try await pair()
        try await one.on { [eventLoop = one.eventLoop] peer in
            var waiting: [([UInt8], EventLoopPromise<[UInt8]>)] = []
            peer.onCall = { call in
                let promise = eventLoop.makePromise(of: [UInt8].self)
                waiting.append((call, promise))
                if waiting.count == 20 { for (call, promise) in waiting.reversed() { promise.succeed(call + [99]) } }
                return promise.futureResult
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let answer = try await two.ask([UInt8(number)], 1)
                    #expect(answer == [UInt8(number), 99])
                }
            }
            try await group.waitForAll()
        }
        try await one.stop()
        try await two.stop()
    }

    /// Both ways: the leader's messages behind long answers, the follower's behind long calls.
    @Test func aMessagePassesALongCallAndALongAnswer() async throws {
        let (one, two) = try await pair()
        try await one.on { [eventLoop = one.eventLoop] peer in
            peer.onMessage = { _ in peer.events.append("message") }
            peer.onCall = { _ in
                // Sent after the answer, in the same turn of the loop or the next.
                eventLoop.assumeIsolated().execute {
                    eventLoop.assumeIsolated().execute { peer.links?.send(.transferRequest(term: 2), to: PeerID(2)) }
                }
                return eventLoop.makeSucceededFuture([UInt8](repeating: 1, count: 9 * mib))
            }
        }
        let answer = try await two.on { peer in
            peer.onMessage = { _ in peer.events.append("message") }
            let links = try #require(peer.links)
            let answer = links.call([UInt8](repeating: 2, count: 9 * mib), to: PeerID(1), timeout: .seconds(60))
            links.send(.transferRequest(term: 1), to: PeerID(1))
            answer.assumeIsolated().whenComplete { _ in peer.events.append("answer") }
            return answer
        }
        #expect(try await answer.get().count == 9 * mib)
        try await eventually("the answer is noted") { try await two.events().contains("answer") }
        #expect(try await one.events() == ["up 2", "message", "call of \(9 * mib)"])
        #expect(try await two.events() == ["up 1", "message", "answer"])
        try await one.stop()
        try await two.stop()
    }

    @Test func aCallThatIsNotAnsweredEndsInTime() async throws {
        let (one, two) = try await pair()
        try await one.neverAnswer()
        let error = await failure { try await two.ask([1], 1, timeout: .milliseconds(200)) }
        #expect(text(of: error, isDelivered: true) == "no answer within 200 ms")
        try await one.stop()
        try await two.stop()
    }

    @Test func anAnswerThatComesTooLateIsNotThatOfAnother() async throws {
        let (one, two) = try await pair()
        try await one.on { [eventLoop = one.eventLoop] peer in
            var late: EventLoopPromise<[UInt8]>?
            peer.onCall = { call in
                if call == [2] {
                    late?.succeed([66])
                    return eventLoop.makeSucceededFuture([2])
                }
                let promise = eventLoop.makePromise(of: [UInt8].self)
                late = promise
                return promise.futureResult
            }
        }
        _ = await failure { try await two.ask([1], 1, timeout: .milliseconds(100)) }
        #expect(try await two.ask([2], 1) == [2])
        #expect(try await two.isLinked(to: 1))
        try await one.stop()
        try await two.stop()
    }

    @Test func aLinkThatEndsEndsItsCalls() async throws {
        let (one, two) = try await pair()
        try await one.neverAnswer()
        async let error = failure { try await two.ask([1], 1) }
        try await eventually("the call is there") { try await one.on { $0.calls.count } == 1 }
        try await one.stop()
        #expect(!text(of: await error, isDelivered: true).isEmpty)
        let after = await failure { try await two.ask([1], 1) }
        #expect(text(of: after, isDelivered: false).hasPrefix("there is no link to peer 1"))
        try await two.stop()
    }

    /// The owner stops its own links in the middle of its work; it hears of its calls afterwards.
    @Test func stoppingEndsTheOwnCallsToo() async throws {
        let (one, two) = try await pair()
        try await one.neverAnswer()
        async let error = failure { try await two.ask([1], 1) }
        try await eventually("the call is there") { try await one.on { $0.calls.count } == 1 }
        try await two.stop()
        #expect(text(of: await error, isDelivered: true) == "this peer stops")
        try await one.stop()
    }

    @Test func aFailureOfTheOtherSideComesBackAsOne() async throws {
        struct Refusal: Error, CustomStringConvertible { let description = "not\ntoday" }
        let (one, two) = try await pair()
        try await one.on { [eventLoop = one.eventLoop] in $0.onCall = { _ in eventLoop.makeFailedFuture(Refusal()) } }
        #expect(text(of: await failure { try await two.ask([1], 1) }, isDelivered: true) == "not?today")
        try await one.on { [eventLoop = one.eventLoop] in
            $0.onCall = { _ in eventLoop.makeSucceededFuture([UInt8](repeating: 0, count: 9 * mib + 1)) }
        }
        #expect(text(of: await failure { try await two.ask([1], 1) }, isDelivered: true).contains("9437185 bytes"))
        let tooLong = await failure { try await two.ask([UInt8](repeating: 0, count: 9 * mib + 1), 1) }
        #expect(text(of: tooLong, isDelivered: false).contains("9437184 are permitted"))
        try await one.stop()
        try await two.stop()
    }

    // MARK: - A peer without manners

    private func linkedClient() async throws -> (PeerHandle, RawClient) {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let greeting = Greeting(
            to: PeerID(1), settings: settings(2), softwareVersion: "raw", group: nil, fresh: true, lastIndex: 0,
            lastTerm: 0, session: 1)
        let client = try await RawClient(port: port)
        try await client.send(.frame(greeting))
        try await eventually("the link stands") { try await one.isLinked(to: 2) }
        return (one, client)
    }

    private func part(
        _ call: UInt64, _ end: CallPart.End, _ bytes: [UInt8] = [1], isAnswer: Bool = false
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeFrame(CallPart(isAnswer: isAnswer, call: call, end: end, bytes: ByteBuffer(bytes: bytes)))
        return buffer
    }

    @Test func partsThatDoNotFitEndTheLink() async throws {
        let long = [UInt8](repeating: 0, count: 5 * mib)
        let cases: [(String, [ByteBuffer])] = [
            ("order of a call's parts", [part(1, .more), part(2, .whole)]),
            ("order of a call's parts", [part(1, .more), part(1, .whole, isAnswer: true)]),
            ("length of a call's part", [part(1, .more, [])]),
            ("9437184 are permitted", [part(1, .more, long), part(1, .more, long)]),
            ("end of a call's part", [part(1, .refused)]),
            ("end of a call's part", [part(1, .lost)]),
        ]
        for (what, parts) in cases {
            let (one, client) = try await linkedClient()
            try await one.neverAnswer()
            for part in parts { try await client.send(part) }
            try await eventually("refused for \(what)") {
                !one.log.all(with: "peer 2 sent a frame").filter { $0.contains(what) }.isEmpty
            }
            #expect(try await one.on { $0.calls.isEmpty })
            try await client.close()
            try await one.stop()
        }
    }

    @Test func anAnswerToNothingIsPassedOver() async throws {
        let (one, client) = try await linkedClient()
        try await client.send(part(77, .whole, isAnswer: true))
        try await client.send(.frame(.transferRequest(term: 1)))
        try await eventually("the message behind it arrives") { try await one.on { $0.messages.count } == 1 }
        try await client.close()
        try await one.stop()
    }

    @Test func oneThatAsksWithoutEndIsBounded() async throws {
        let (one, client) = try await linkedClient()
        try await one.neverAnswer()
        for call in 1...UInt64(LinkLimits.maxCalls) + 1 { try await client.send(part(call, .whole)) }
        try await eventually("the last one is refused") {
            try await client.frames().contains { $0.type == .callAnswer }
        }
        let answers = try await client.frames().filter { $0.type == .callAnswer }
        let first = try #require(answers.first)
        let answer = try CallPart(type: .callAnswer, body: first.body)
        #expect(answers.count == 1 && answer.end == .refused && answer.call == UInt64(LinkLimits.maxCalls) + 1)
        #expect(try await one.on { $0.calls.count } == LinkLimits.maxCalls)
        try await client.close()
        try await one.stop()
    }

    /// It does not read the answers either.
    @Test func oneThatAsksAndDoesNotReadIsBounded() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        try await one.on { [eventLoop = one.eventLoop] in
            $0.onCall = { _ in eventLoop.makeSucceededFuture([UInt8](repeating: 0, count: 8 * mib)) }
        }
        let client = try await RawClient(port: port, reads: false)
        try await client.send(
            .frame(
                Greeting(
                    to: PeerID(1), settings: settings(2), softwareVersion: "raw", group: nil, fresh: true, lastIndex: 0,
                    lastTerm: 0, session: 1)))
        try await eventually("the link stands") { try await one.isLinked(to: 2) }
        let calls = (1...UInt64(5 * LinkLimits.maxCalls)).reduce(into: ByteBuffer()) { buffer, call in
            var part = part(call, .whole)
            buffer.writeBuffer(&part)
        }
        try await client.send(calls)
        try await eventually("refused") { !one.log.all(with: "invalid number of calls").isEmpty }
        try await client.close()
        try await one.stop()
    }
}

/// A class, so that the macros can look at what changes it.
private final class Queue {
    private var calls: OutgoingCalls

    init(limit: Int) { calls = OutgoingCalls(limit: limit) }

    var queuedBytes: Int { calls.queuedBytes }
    var count: Int { calls.count }

    func append(_ call: UInt64, _ bytes: Int, isAnswer: Bool = false, end: CallPart.End = .whole) -> Bool {
        calls.append(isAnswer: isAnswer, call: call, end: end, bytes: ByteBuffer(repeating: 7, count: bytes))
    }

    func next() -> CallPart? { calls.next() }
    func withdraw(_ call: UInt64) -> Bool { calls.withdraw(call) }
    func holds(_ call: UInt64) -> Bool { calls.holds(call) }
}

@Suite struct CallPartTests {
    private let size = CallPart.mostBytes + 5

    @Test func whatWasNotBegunCanBeWithdrawn() {
        let calls = Queue(limit: 1 << 20)
        for number in 1...3 as ClosedRange<UInt64> { #expect(calls.append(number, size)) }
        #expect(calls.next()?.end == .more)
        #expect(!calls.withdraw(1) && calls.holds(1), "a half is on its way")
        #expect(calls.withdraw(2) && !calls.holds(2) && !calls.withdraw(2))
        #expect(calls.next()?.end == .whole)
        #expect(!calls.holds(1) && !calls.withdraw(1))
        #expect(calls.next()?.call == 3)
    }

    /// Both sides number their calls, so an answer may have a call's number.
    @Test func anAnswerIsNoCallOfTheSameNumber() {
        let calls = Queue(limit: 1 << 20)
        #expect(calls.append(1, size, isAnswer: true))
        #expect(!calls.holds(1) && !calls.withdraw(1))
    }

    @Test func theBoundHoldsAndRoomComesBack() {
        let calls = Queue(limit: size)
        #expect(calls.append(1, size))
        #expect(!calls.append(2, 1, isAnswer: true))
        #expect(calls.append(2, 1, isAnswer: true, end: .lost))
        while calls.next() != nil {}
        #expect(calls.queuedBytes == 0 && calls.count == 0)
        #expect(calls.append(3, size))
    }
}
