// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import NIOPosix
import Raft
import Testing

@testable import Transport

/// Peer 2 dials peer 1; both must come to know the same reason, log it, and never link.
private func expectRefusal(
    _ expected: String, _ first: LinkSettings, _ second: (Int) -> LinkSettings,
    greetsFirst: @escaping @Sendable (Greeting) -> Greeting = { $0 },
    greetsSecond: @escaping @Sendable (Greeting) -> Greeting = { $0 }
) async throws {
    let one = try await PeerHandle.make(first, greets: greetsFirst)
    let port = try await one.start()
    let two = try await PeerHandle.make(second(port), greets: greetsSecond)
    _ = try await two.start()
    for (peer, other) in [(one, two.id.value), (two, one.id.value)] {
        if try await peer.with({ $0.links[PeerID(other)] }) != nil {
            try await eventually("peer \(peer.id) learns: \(expected)") {
                try await peer.status(of: other).lastRefusal?.contains(expected) == true
            }
        }
        try await eventually("peer \(peer.id) logs: \(expected)") { !peer.log.all(with: expected).isEmpty }
    }
    // Several more attempts, which are not logged again.
    let before = try await attempts(two)
    try await eventually("it is tried again") { try await attempts(two) >= before + 2 }
    for peer in [one, two] {
        #expect(peer.log.all(with: expected).count == 1, "\(peer.log.text)")
        #expect(peer.log.all(with: "warning").count == 1, "\(peer.log.text)")
        #expect(try await peer.events().isEmpty)
    }
    try await one.stop()
    try await two.stop()
}

/// How often this peer was asked for a greeting.
private func attempts(_ peer: PeerHandle) async throws -> Int { try await peer.on { $0.greetingsMade } }

@Suite struct RefusalTests {
    @Test func aPeerOfAnotherRegionIsRefused() async throws {
        try await expectRefusal(
            "peer 2 belongs to region us and peer 1 to region eu", settings(1),
            { settings(2, ports: [1: $0], region: "us") })
    }

    @Test func aPeerWithAnotherListOfPeersIsRefused() async throws {
        try await expectRefusal(
            "peer 2 lists the peers 1, 2, 3 and peer 1 the peers 1, 2", settings(1),
            { settings(2, of: 3, ports: [1: $0], quorum: 2) })
    }

    @Test func aPeerThatIsNotOfTheGroupIsRefused() async throws {
        try await expectRefusal(
            "peer 3 is not among the peers of peer 1, which are 1, 2", settings(1),
            { settings(3, of: 3, ports: [1: $0], quorum: 2) },
            greetsSecond: { $0.with { $0.receiver = PeerID(1) } })
    }

    @Test func aPeerWithAnotherQuorumIsRefused() async throws {
        try await expectRefusal(
            "peer 2 has a quorum of 3 and peer 1 one of 2", settings(1, of: 3, quorum: 2),
            { settings(2, of: 3, ports: [1: $0], quorum: 3) })
    }

    @Test func aPeerOfAnotherGroupIsRefused() async throws {
        let groups = [1, 2].map { GroupID(bytes: Array(repeating: $0, count: 16)) }
        try await expectRefusal(
            "peer 2 has the data of group 02020202020202020202020202020202 and peer 1 that of group 0101", settings(1),
            { settings(2, ports: [1: $0]) },
            greetsFirst: { $0.with { $0.group = groups[0] } }, greetsSecond: { $0.with { $0.group = groups[1] } })
    }

    @Test func aGroupThatOnlyOneSideKnowsIsNoReason() async throws {
        let group = GroupID(bytes: Array(repeating: 5, count: 16))
        let one = try await PeerHandle.make(settings(1)) { $0.with { $0.group = group } }
        let port = try await one.start()
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await two.start()
        try await eventually("they link up") { try await two.isLinked(to: 1) }
        #expect(try await two.on { $0.greetings[PeerID(1)]?.group } == group)
        try await one.stop()
        try await two.stop()
    }

    @Test func aNewerWireVersionIsRefused() async throws {
        try await expectRefusal(
            "peer 2 speaks wire version 4 to 5 and peer 1 3: update the older one", settings(1),
            { settings(2, ports: [1: $0]) },
            greetsSecond: {
                $0.with {
                    $0.wireVersion = 5
                    $0.lowestWireVersion = 4
                }
            })
    }

    /// As the version before regions, which would not apply the entries of a switch.
    @Test func anOlderWireVersionIsRefused() async throws {
        try await expectRefusal(
            "peer 2 speaks wire version 2 and peer 1 3: update the older one", settings(1),
            { settings(2, ports: [1: $0]) },
            greetsSecond: {
                $0.with {
                    $0.wireVersion = 2
                    $0.lowestWireVersion = 2
                }
            })
    }

    /// The dialled side saw nothing wrong and has its link up already; it is told all the same.
    @Test func aRefusalByTheDiallingSideEndsTheLink() async throws {
        let reason = "peer 1 speaks wire version 9 and peer 2 3: update the older one"
        let one = try await PeerHandle.make(settings(1)) {
            $0.with {
                $0.wireVersion = 9
                $0.lowestWireVersion = 9
            }
        }
        let port = try await one.start()
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await two.start()
        try await eventually("peer 1 loses its link again") {
            try await one.events().starts(with: ["up 2", "down 2"])
        }
        for (peer, other) in [(one, 2), (two, 1)] {
            try await eventually("peer \(peer.id) logs it") { !peer.log.all(with: reason).isEmpty }
            try await eventually("peer \(peer.id) knows it") { try await peer.status(of: other).lastFailure != nil }
        }
        #expect(try await two.status(of: 1).lastRefusal == reason)
        #expect(try await two.events().isEmpty)
        try await one.stop()
        try await two.stop()
    }

    @Test func anAddressThatLeadsToAnotherPeerIsRefused() async throws {
        // Peer 3 was given peer 2's port for peer 1.
        let two = try await PeerHandle.make(settings(2, of: 3))
        let port = try await two.start()
        let three = try await PeerHandle.make(settings(3, of: 3, ports: [1: port, 2: port]))
        _ = try await three.start()
        try await eventually("the right one links") { try await three.isLinked(to: 2) }
        try await eventually("the wrong one is told") {
            try await three.status(of: 1).lastRefusal?.contains("looks for peer 1, but this is peer 2") == true
        }
        #expect(try await two.events() == ["up 3"])
        try await two.stop()
        try await three.stop()
    }

    @Test func garbageOnThePortHarmsNobody() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        var generator = SeededGenerator(seed: 3)
        let garbage: [[UInt8]] =
            [
                Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [0, 0, 0, 0, 1], [0, 0, 0, 0, 20],
                [0xff, 0xff, 0xff, 0xff, 1],
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], Array(repeating: 0, count: 100_000),
            ] + (0..<20).map { _ in generator.bytes(upTo: 5000) + [1, 2, 3, 4, 99, 6] }
        for bytes in garbage {
            let client = try await RawClient(port: port)
            try? await client.send(bytes)
            try await eventually("garbage is hung up on") { !client.isOpen }
        }
        #expect(one.log.all(with: "is closed").count == 1, "\(one.log.text)")
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await two.start()
        try await eventually("a peer links still") { try await one.isLinked(to: 2) }
        #expect(try await one.events() == ["up 2"])
        try await two.stop()
        try await one.stop()
    }

    @Test func aMessageBeforeTheGreetingIsRefused() async throws {
        let one = try await PeerHandle.make(settings(1))
        let client = try await RawClient(port: try await one.start())
        try await client.send(.frame(.transferRequest(term: 1)))
        try await eventually("it is hung up on") { !client.isOpen }
        #expect(try await one.on { $0.messages.isEmpty })
        try await one.stop()
    }

    @Test func halfOpenConnectionsDoNotKeepARealPeerOut() async throws {
        let one = try await PeerHandle.make(settings(1) { $0.greetingTimeout = .seconds(2) })
        let port = try await one.start()
        var clients: [RawClient] = []
        for number in 0..<200 {
            let client = try await RawClient(port: port)
            if number % 2 == 0 { try? await client.send([0]) }
            clients.append(client)
        }
        let half = clients
        try await eventually("no more than 64 are kept") { half.count(where: \.isOpen) <= 64 }
        let two = try await PeerHandle.make(settings(2, ports: [1: port]))
        _ = try await two.start()
        try await eventually("a peer links still") { try await one.isLinked(to: 2) }
        try await eventually("all of them are closed") { half.allSatisfy { !$0.isOpen } }
        #expect(try await one.isLinked(to: 2))
        try await two.stop()
        try await one.stop()
    }

    @Test(arguments: [
        ("larger than permitted", "a frame of 100001 bytes", [UInt8]([0xa1, 0x86, 1, 0, 20])),
        ("of an unknown type", "unknown type 99", [1, 0, 0, 0, 99]),
        ("with a body that ends early", "whose body ends early", [1, 0, 0, 0, 24, 0]),
        ("with a body that is too long", "1 bytes too many", [9, 0, 0, 0, 24, 1, 0, 0, 0, 0, 0, 0, 0, 7]),
        ("that greets again", "greeting frame out of turn", [0, 0, 0, 0, 1]),
    ])
    func aBadFrameEndsTheLinkWithItsReason(what: String, reason: String, frame: [UInt8]) async throws {
        let one = try await PeerHandle.make(
            settings(1) {
                $0.maxFrameBytes = 100_000
                $0.refusalTimeout = .milliseconds(100)
            })
        let client = try await RawClient(port: try await one.start())
        let greeting = Greeting(
            to: PeerID(1), settings: settings(2), softwareVersion: "raw", group: nil, fresh: true, lastIndex: 0,
            lastTerm: 0, session: 1)
        try await client.send(.frame(greeting))
        try await eventually("it links up") { try await one.events() == ["up 2"] }
        try await client.send(frame)
        try await eventually("a frame \(what) ends the link") { try await one.events() == ["up 2", "down 2"] }
        try await eventually("the connection is closed") { !client.isOpen }
        #expect(one.log.all(with: reason).contains { $0.hasPrefix("warning") }, "\(one.log.text)")
        let refusal = try #require(try await client.frames().first { $0.type == .refusal })
        #expect(String(buffer: refusal.body).contains(reason))
        try await one.stop()
    }
}

extension Greeting {
    func with(_ change: (inout Greeting) -> Void) -> Greeting {
        var greeting = self
        change(&greeting)
        return greeting
    }
}
