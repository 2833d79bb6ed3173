// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import NIOPosix
import Raft
import Testing

@testable import Transport

private func append(_ index: UInt64, payload: [UInt8] = []) -> Message {
    .append(
        Append(
            term: 3, round: Round(sentAt: Instant(nanoseconds: 1), promise: .milliseconds(5)), previousIndex: index - 1,
            previousTerm: 3, commit: 0,
            entries: [Entry(index: index, term: 3, kind: EntryKind(rawValue: 1), payload: payload)]))
}

/// A started pair; peer 2 dials peer 1.
private func pair(_ change: (inout LinkLimits) -> Void = { _ in }) async throws -> (PeerHandle, PeerHandle) {
    let one = try await PeerHandle.make(settings(1, change))
    let port = try await one.start()
    let two = try await PeerHandle.make(settings(2, ports: [1: port], change))
    _ = try await two.start()
    try await linked(one, two)
    return (one, two)
}

private func linked(_ one: PeerHandle, _ two: PeerHandle) async throws {
    try await eventually("peers \(one.id) and \(two.id) link up") {
        let there = try await one.isLinked(to: two.id.value)
        return try await two.isLinked(to: one.id.value) && there
    }
}

private func greeting(from sender: Int, of count: Int = 2, to receiver: Int = 1) -> Greeting {
    Greeting(
        to: PeerID(receiver), settings: settings(sender, of: count), softwareVersion: "raw", group: nil, fresh: true,
        lastIndex: 0, lastTerm: 0, session: 1)
}

@Suite struct LinkTests {
    @Test func twoPeersLinkUpAndSayEverything() async throws {
        let (one, two) = try await pair()
        var generator = SeededGenerator(seed: 7)
        let messages = generator.messages()
        for message in messages {
            try await one.send(message, to: 2)
            try await two.send(message, to: 1)
        }
        try await two.with { $0.send(report: [1, 2, 3], to: PeerID(1)) }
        for peer in [one, two] {
            try await eventually("all messages arrive") { try await peer.on { $0.messages.count } == messages.count }
            #expect(try await peer.on { $0.messages } == messages)
        }
        try await eventually("the report arrives") { try await one.on { $0.reports } == [[1, 2, 3]] }
        let greeting = try #require(try await one.on { $0.greetings[PeerID(2)] })
        #expect(greeting.session == 2 && greeting.lastIndex == 5 && greeting.lastTerm == 2 && greeting.fresh)
        let status = try await one.status(of: 2)
        #expect(status.remoteVersion == "0.0.2" && status.dropped == 0 && status.linksMade == 1)
        #expect(status.remoteAddress?.hasPrefix("127.0.0.1:") == true)
        try await one.stop()
        try await two.stop()
    }

    @Test func threePeersLinkUpWithOneConnectionPerPair() async throws {
        var ports: [Int: Int] = [:]
        var peers: [PeerHandle] = []
        for id in 1...3 {
            let peer = try await PeerHandle.make(settings(id, of: 3, ports: ports))
            ports[id] = try await peer.start()
            peers.append(peer)
        }
        for one in peers { for two in peers where one.id < two.id { try await linked(one, two) } }
        for peer in peers {
            let others = [1, 2, 3].filter { $0 != peer.id.value }
            #expect(try await Set(peer.events()) == Set(others.map { "up \($0)" }), "\(peer.log.text)")
            for other in others { #expect(try await peer.status(of: other).linksMade == 1) }
        }
        for peer in peers { try await peer.stop() }
    }

    @Test func aNameIsResolved() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let two = try await PeerHandle.make(settings(2, ports: [1: port], host: "localhost"))
        _ = try await two.start()
        try await linked(one, two)
        try await two.stop()
        try await one.stop()
    }

    @Test func aNameThatDoesNotResolveIsTriedAgainAndTold() async throws {
        let two = try await PeerHandle.make(settings(2, host: "no-such-host.invalid"))
        _ = try await two.start()
        try await eventually("the failure is told") { try await two.status(of: 1).lastFailure != nil }
        #expect(!two.log.all(with: "peer 1 at no-such-host.invalid:9 is not reached").isEmpty)
        try await two.stop()
    }

    @Test func aRestartedPeerLinksUpAgain() async throws {
        let (one, two) = try await pair()
        let port = try #require(try await one.with { $0.listeningPort })
        try await one.stop()
        try await eventually("peer 2 notices") { try await !two.isLinked(to: 1) }
        let again = try await PeerHandle.make(settings(1, ports: [1: port]))
        #expect(try await again.start() == port)
        try await linked(again, two)
        #expect(try await two.events() == ["up 1", "down 1", "up 1"])

        try await two.stop()
        try await eventually("peer 1 notices") { try await !again.isLinked(to: 2) }
        let third = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await third.start()
        try await linked(again, third)
        try await third.stop()
        try await again.stop()
        #expect(try await one.events() == ["up 2"], "nothing is heard after stop")
    }

    @Test func aPeerThatStartsFirstFindsTheOtherLater() async throws {
        let probe = try await PeerHandle.make(settings(1))
        let port = try await probe.start()
        try await probe.stop()
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await two.start()
        try await eventually("the refused connection is told") { try await two.status(of: 1).lastFailure != nil }
        let one = try await PeerHandle.make(settings(1, ports: [1: port]))
        _ = try await one.start()
        try await linked(one, two)
        try await two.stop()
        try await one.stop()
    }

    @Test func aPortInUseIsNamed() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let other = try await PeerHandle.make(settings(1, ports: [1: port]))
        do {
            _ = try await other.start()
            Issue.record("two peers listen on one port")
        } catch let error as TransportError {
            #expect("\(error)".contains("cannot listen for peers on *:\(port)"))
            #expect("\(error)".contains("in use"))
        }
        try await other.stop()
        try await one.stop()
    }

    @Test func stopDuringStartLeavesNothingBehind() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        let stopped = try await two.with { links in
            _ = links.start()
            return links.stop()
        }
        try await stopped.get()
        try await two.stop()
        #expect(try await two.events().isEmpty)
        try await one.stop()
    }

    @Test func messagesArriveInOrderAndWholeUpToEightMebibytes() async throws {
        let (one, two) = try await pair()
        var generator = SeededGenerator(seed: 11)
        var messages: [Message] = []
        for size in [8 << 20, 0, 1, 8 << 20, 100, 65_536, 1 << 20, 3, 8 << 20] {
            let pattern = (0..<251).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            messages.append(append(UInt64(messages.count + 1), payload: (0..<size).map { pattern[$0 % 251] }))
        }
        let sent = messages
        try await two.with { links in for message in sent { links.send(message, to: PeerID(1)) } }
        try await eventually("all messages arrive") { try await one.on { $0.messages.count } == sent.count }
        let received = try await one.on { $0.messages }
        #expect(received == sent)
        #expect(try await two.status(of: 1).dropped == 0)
        try await eventually("the queue is empty") { try await two.status(of: 1).queuedBytes == 0 }
        try await one.stop()
        try await two.stop()
    }

    @Test func aMessageThatTheOtherSideWouldRefuseIsNotSent() async throws {
        let (one, two) = try await pair {
            $0.maxFrameBytes = 100_000
            $0.maxQueuedBytes = 200_000
        }
        try await two.send(append(1, payload: Array(repeating: 0, count: 100_000)), to: 1)
        try await two.with { $0.send(report: Array(repeating: 0, count: LinkLimits.maxReportBytes + 1), to: PeerID(1)) }
        try await two.send(append(2), to: 1)
        try await eventually("the other message arrives") { try await one.on { $0.messages.count } == 1 }
        #expect(try await two.status(of: 1).dropped == 2)
        #expect(try await one.events() == ["up 2"])
        #expect(two.log.all(with: "is not sent").count == 1)
        try await one.stop()
        try await two.stop()
    }

    @Test func roundTripsAndClockOffsetsAreMeasured() async throws {
        let one = try await PeerHandle.make(settings(1) { $0.pingInterval = .milliseconds(20) }, wallClockAhead: 60_000)
        let port = try await one.start()
        let two = try await PeerHandle.make(settings(2, ports: [1: port]) { $0.pingInterval = .milliseconds(20) })
        _ = try await two.start()
        for (peer, other, ahead) in [(one, 2, -60_000.0), (two, 1, 60_000.0)] {
            try await eventually("a round trip is measured") { try await peer.status(of: other).roundTrip != nil }
            let status = try await peer.status(of: other)
            let roundTrip = try #require(status.roundTrip)
            let offset = try #require(status.clockOffset)
            #expect(roundTrip > .zero && roundTrip < .seconds(5))
            #expect(abs(offset.inMilliseconds - ahead) <= roundTrip.inMilliseconds / 2 + 2)
        }
        try await one.stop()
        try await two.stop()
    }

    @Test func theOwnerMayStopFromWithinACallback() async throws {
        let (one, two) = try await pair()
        try await one.on { peer in
            peer.onMessage = { _ in _ = peer.links?.stop() }
        }
        try await two.with { links in for index in 1...5 { links.send(append(UInt64(index)), to: PeerID(1)) } }
        try await eventually("peer 2 notices") { try await !two.isLinked(to: 1) }
        #expect(try await one.on { $0.messages.count } == 1)
        try await two.stop()
    }

    @Test func aQuietLinkStaysAndADeadOneIsClosed() async throws {
        let one = try await PeerHandle.make(
            settings(1) {
                $0.pingInterval = .milliseconds(50)
                $0.silenceTimeout = .seconds(1)
            })
        let port = try await one.start()
        let dead = try await RawClient(port: port)
        try await dead.send(.frame(greeting(from: 2)))
        try await eventually("the dead peer is linked") { try await one.events().first == "up 2" }
        try await eventually("it is given up") { try await one.events() == ["up 2", "down 2"] }
        #expect(try #require(try await one.status(of: 2).lastFailure).contains("nothing was heard"))
        #expect(try await dead.frames().filter { $0.type == .ping }.count >= 3)

        let two = try await PeerHandle.make(
            settings(2, ports: [1: port]) {
                $0.pingInterval = .milliseconds(50)
                $0.silenceTimeout = .seconds(1)
            })
        _ = try await two.start()
        try await linked(one, two)
        let since = ContinuousClock.now
        // Twice the time that silence is borne, with nothing but pings.
        try await eventually("time passes") { ContinuousClock.now - since > .seconds(2) }
        #expect(try await two.events() == ["up 1"])
        try await one.stop()
        try await two.stop()
    }

    @Test func aNewerConnectionReplacesTheOlder() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let older = try await RawClient(port: port)
        try await older.send(.frame(greeting(from: 2)))
        try await eventually("the older is linked") { try await one.events() == ["up 2"] }
        let newer = try await RawClient(port: port)
        try await newer.send(.frame(greeting(from: 2)))
        try await eventually("the newer is linked") { try await one.events() == ["up 2", "down 2", "up 2"] }
        try await eventually("the older is closed") { !older.isOpen }
        try await one.send(append(1), to: 2)
        try await eventually("the newer gets the message") {
            try await newer.frames().contains { $0.type == .append }
        }
        #expect(newer.isOpen)
        #expect(try await older.frames().allSatisfy { $0.type != .append })
        try await one.stop()
    }

    @Test func aSlowReaderBoundsTheQueue() async throws {
        let limit = 4 << 20
        let one = try await PeerHandle.make(
            settings(1) {
                $0.maxFrameBytes = 1 << 20
                $0.maxQueuedBytes = limit
            })
        let port = try await one.start()
        let slow = try await RawClient(port: port, reads: false)
        try await slow.send(.frame(greeting(from: 2)))
        try await eventually("the slow reader is linked") { try await one.isLinked(to: 2) }
        let payload = Array(repeating: UInt8(7), count: 100_000)
        var sent = 0
        // What the system's own buffers take is not known, so: until far more was sent than all buffers hold.
        while sent < 1000 {
            let first = sent
            let queued = try await one.with { links in
                var most = 0
                for offset in 1...10 {
                    links.send(append(UInt64(first + offset), payload: payload), to: PeerID(2))
                    most = max(most, links.links[PeerID(2)]?.queuedBytes ?? 0)
                }
                return most
            }
            try #require(queued <= limit)
            sent += 10
        }
        let status = try await one.status(of: 2)
        #expect(status.dropped > 500 && status.dropped < 1000)
        #expect(one.log.all(with: "are dropped").count == 1)

        // It reads again: what was queued comes whole and in order, and the link serves as before.
        try await eventually("the queue drains") {
            slow.read()
            return try await one.status(of: 2).queuedBytes == 0
        }
        try await one.send(append(5000), to: 2)
        var indices: [UInt64] = []
        try await eventually("the last message comes") {
            slow.read()
            indices = try await slow.frames().compactMap { frame in
                guard case .append(let append)? = try Message(type: frame.type, body: frame.body) else { return nil }
                return append.entries.first?.index
            }
            return indices.last == 5000
        }
        #expect(indices == indices.sorted() && indices.count == 1001 - Int(status.dropped))
        try await one.stop()
    }
}
