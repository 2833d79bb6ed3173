// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore
import Testing

@testable import Gate

@Suite struct P2PGateTests {
    @Test func aSessionPassesByteForByteBothWays() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let (outside, local) = try await gate.link(node)
            let start = (outside.bytes.count, local.bytes.count)
            for piece in [1, 700, 8788] {
                for at in stride(from: 0, to: Frames.recorded.count, by: piece) where piece > 1 || at < 600 {
                    let part = Array(Frames.recorded[at..<min(at + piece, piece > 1 ? Frames.recorded.count : 600)])
                    try await local.send(part)
                    try await outside.send(part)
                }
                if piece == 1 {
                    try await local.send(Array(Frames.recorded[600...]))
                    try await outside.send(Array(Frames.recorded[600...]))
                }
            }
            let expected = Frames.recorded + Frames.recorded + Frames.recorded
            try await outside.receives(Array(outside.bytes.prefix(start.0)) + expected)
            try await local.receives(Array(local.bytes.prefix(start.1)) + expected)
            let link = try #require(try await gate.status.links.first)
            #expect(link.isUp && link.direction == .dialedIn && link.outside.hasPrefix("127.0.0.1:"))
            #expect(link.out.bytes == UInt64(outside.bytes.count) && link.in.bytes == UInt64(local.bytes.count))
            #expect(link.out.frames == UInt64(3 * Frames.split(Frames.recorded).count + 1))
        }
        await node.stop()
    }

    @Test func aHeldBlockGetsOutOnlyWhenReleasedOnceToEveryLink() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, hold: true) { gate in
            let one = try await gate.link(node, 10)
            let two = try await gate.link(node, 20)
            let three = try await gate.link(node, 30)
            // nodeos sends it on two sessions; the third one's is late.
            for local in [one.local, two.local] {
                try await local.send(Frames.time(1) + Frames.block(0) + Frames.time(2))
            }
            let before = Frames.time(1) + Frames.time(2)
            try await one.outside.receives(Frames.handshake(11) + before)
            try await two.outside.receives(Frames.handshake(21) + before)
            #expect(gate.owner.heldBlocks == [Frames.id(Frames.blocks[0])])
            #expect(gate.owner.state.withLockedValue(\.heldBytes) == [Frames.blocks[0]])
            try await gate.release(0)
            try await gate.release(0)
            try await one.outside.receives(Frames.handshake(11) + before + Frames.block(0))
            try await two.outside.receives(Frames.handshake(21) + before + Frames.block(0))
            try await three.outside.receives(Frames.handshake(31) + Frames.block(0))
            // The late copy is one too many. Once it is asked for it is not.
            gate.owner.state.withLockedValue { $0.hold = { _ in false } }
            try await three.local.send(Frames.block(0) + Frames.time(3))
            try await three.outside.receives(Frames.handshake(31) + Frames.block(0) + Frames.time(3))
            try await three.local.send(Frames.block(0) + Frames.time(4))
            try await three.outside.receives(
                Frames.handshake(31) + Frames.block(0) + Frames.time(3) + Frames.block(0) + Frames.time(4))
            let status = try await gate.status
            #expect(status.counters.held == 1 && status.counters.duplicates == 1)
            #expect(status.links.map(\.held) == [1, 1, 0] && status.links.map(\.released) == [1, 1, 1])
            // A link made later has got nothing by itself.
            let four = try await gate.link(node, 40)
            try await four.local.send(Frames.time(5))
            try await four.outside.receives(Frames.handshake(41) + Frames.time(5))
        }
        await node.stop()
    }

    @Test func whatAnOutsideNodeAsksForItGets() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let (outside, local) = try await gate.link(node)
            try await gate.release(0)
            try await outside.receives(Frames.handshake(2) + Frames.block(0))
            try await outside.send(Frames.syncRequest)
            try await local.receives(Frames.handshake(1) + Frames.syncRequest)
            try await local.send(Frames.block(0))
            try await outside.receives(Frames.handshake(2) + Frames.block(0) + Frames.block(0))
        }
        await node.stop()
    }

    @Test func releasedBlocksKeepTheirOrderAndSkipWhoHasThem() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let one = try await gate.link(node, 10)
            let two = try await gate.link(node, 20)
            try await one.outside.send(Frames.block(1))
            try await one.local.receives(Frames.handshake(10) + Frames.block(1))
            // nodeos was first.
            try await two.local.send(Frames.block(3))
            try await two.outside.receives(Frames.handshake(21) + Frames.block(3))
            for index in 0..<5 { try await gate.release(index) }
            try await one.outside.receives(Frames.handshake(11) + [0, 2, 3, 4].flatMap { Frames.block($0) })
            try await two.outside.receives(
                Frames.handshake(21) + Frames.block(3) + [0, 1, 2, 4].flatMap { Frames.block($0) })
        }
        await node.stop()
    }

    @Test func aReleaseDuringTheHandshakesIsNotLost() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, hold: true) { gate in
            let outside = try await Wire.dial(gate.port)
            try await outside.send(Frames.handshake())
            let local = try await node.wire(0)
            try await local.receives(Frames.handshake())
            try await local.send(Frames.notice(1) + Frames.block(0))
            try await eventually("it is held") { gate.owner.heldBlocks.count == 1 }
            try await gate.release(0)
            // What this session has not sent yet, it will name in its handshake.
            try await gate.release(1)
            try await local.send(Frames.time(1))
            try await outside.receives(Frames.notice(1) + Frames.time(1), "nothing before the handshake")
            try await local.send(Frames.handshake(2) + Frames.time(2))
            try await outside.receives(
                Frames.notice(1) + Frames.time(1) + Frames.handshake(2) + Frames.time(2) + Frames.block(0))
        }
        await node.stop()
    }

    @Test func aReleaseFromWithinTheDecisionIsWhole() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let (outside, local) = try await gate.link(node)
            let bound = gate.gate
            gate.owner.state.withLockedValue {
                $0.hold = { block in
                    guard block.number == 3 else { return false }
                    try? bound.value.release(Frames.blocks[5])
                    return true
                }
            }
            try await local.send(Frames.time(1) + Frames.block(0) + Frames.block(1) + Frames.time(2))
            try await outside.receives(
                Frames.handshake(2) + Frames.time(1) + Frames.block(0) + Frames.block(5) + Frames.time(2))
        }
        await node.stop()
    }

    @Test func aBlockThatIsDroppedCostsNoLink() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let (outside, local) = try await gate.link(node)
            gate.owner.state.withLockedValue { $0.drop = { $0.number == 3 ? .otherBlockCommitted : nil } }
            try await outside.send(Frames.block(0) + Frames.block(1) + Frames.time(7) + Frames.block(2))
            try await local.receives(Frames.handshake(1) + Frames.block(0) + Frames.time(7) + Frames.block(2))
            let status = try await gate.status
            #expect(status.counters.dropped == [.otherBlockCommitted: 1] && status.links.count == 1)
        }
        await node.stop()
    }

    @Test func aViewTellsWhatTheBlockSays() async throws {
        for (index, packed) in Frames.blocks.enumerated() {
            let block = try SignedBlock(parsing: packed)
            var frame = ByteBuffer(bytes: [1, 2, 3] + Frames.block(index))
            frame.moveReaderIndex(forwardBy: 3)
            let view = try SignedBlockView(P2PWholeFrame(frame, contentStart: 5))
            #expect(view.id == block.id && view.number == block.number && view.previous == block.previous)
            #expect(view.producer == block.header.producer && view.timestamp == block.header.timestamp)
            #expect(view.signature == block.signature && view.packed == packed && view.packedSize == packed.count)
        }
    }
}

@Suite struct P2PBadInputTests {
    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [255, 255, 255, 255], Frames.time(1), Frames.block(0),
        Frames.syncRequest, [3, 0, 0, 0, 0x80, 0, 0],
        // A handshake above the bound of a first message, and one that is announced too long.
        Frames.frame(0, [UInt8](repeating: 0, count: 17 << 10)), [0, 0, 16, 0, 0],
    ])
    func aStrangerThatDoesNotBeginWithAHandshakeNeverReachesNodeos(garbage: [UInt8]) async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let outside = try await Wire.dial(gate.port)
            try? await outside.send(garbage)
            try await outside.closes()
            #expect(node.count == 0)
            try await eventually("nothing is left") { try await gate.openConnections == 0 }
            _ = try await gate.link(node)
        }
        await node.stop()
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [1, 0, 128, 0, 9], [3, 0, 0, 0, 0x87, 0, 0], Frames.frame(7, [1, 2, 3]),
            Frames.frame(7, [UInt8](repeating: 255, count: 500)),
        ] as [[UInt8]])
    func garbageEndsTheLinkAndOnlyThat(garbage: [UInt8]) async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let well = try await gate.link(node, 50)
            for side in [true, false] {
                let (outside, local) = try await gate.link(node)
                try await (side ? outside : local).send(Frames.time(9) + garbage)
                try await outside.closes()
                try await local.closes()
                try await (side ? local : outside).receives(
                    Frames.handshake(side ? 1 : 2) + Frames.time(9), "what came before passes")
            }
            try await eventually("one link is left") { try await gate.openConnections == 2 }
            try await well.local.send(Frames.time(8))
            try await well.outside.receives(Frames.handshake(51) + Frames.time(8))
        }
        await node.stop()
    }

    @Test func aNodeosWhoseBlocksWouldNotBeKnownIsRefused() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            for version: UInt16 in 1208...1211 {
                let before = node.count
                let outside = try await Wire.dial(gate.port)
                try await outside.send(Frames.handshake(1, version: version))
                let local = try await node.wire(before)
                try await local.send(Frames.handshake(2, version: version))
                try await outside.closes()
                #expect(outside.bytes.isEmpty)
            }
        }
        await node.stop()
    }

    @Test func whoStopsInTheMiddleOfAMessageIsGivenUp() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, limits: quick { $0.frameTimeout = .milliseconds(150) }) { gate in
            for side in [true, false] {
                let (outside, local) = try await gate.link(node)
                try await (side ? outside : local).send(Array(Frames.block(0).dropLast()))
                try await outside.closes()
                try await local.closes()
                #expect((side ? local : outside).bytes == Frames.handshake(side ? 1 : 2), "half a message passes")
            }
            // At a boundary silence is no offence.
            let (outside, local) = try await gate.link(node)
            try await Task.sleep(for: .milliseconds(400))
            try await local.send(Frames.time(1))
            try await outside.receives(Frames.handshake(2) + Frames.time(1))
        }
        await node.stop()
    }

    @Test func theSilentAreGivenUp() async throws {
        let node = try await FakeNode.start()
        let limits = quick {
            $0.helloTimeout = .milliseconds(150)
            $0.handshakeTimeout = .milliseconds(150)
            $0.silenceTimeout = .milliseconds(600)
        }
        try await TestGate.run(node: node.port, limits: limits) { gate in
            let stranger = try await Wire.dial(gate.port)
            try await stranger.closes("one without a handshake")
            #expect(node.count == 0)
            let outside = try await Wire.dial(gate.port)
            try await outside.send(Frames.handshake())
            try await outside.closes("nodeos does not answer")
            try await node.wire(0).closes()
            let link = try await gate.link(node)
            try await link.outside.closes("a link on which nothing comes any more")
            try await link.local.closes()
        }
        await node.stop()
    }

    @Test func slowReadersHoldTheOtherSideBackAndLoseNothing() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, limits: quick { $0.pauseBytes = 1 << 16 }) { gate in
            let outside = try await Wire.dial(gate.port, autoRead: false)
            try await outside.send(Frames.handshake())
            let local = try await node.wire(0)
            try await local.receives(Frames.handshake())
            let large = Frames.frame(8, [UInt8](repeating: 5, count: 100_000))
            let expected = Frames.handshake(2) + (0..<400).flatMap { _ in large }
            let sending = Task { try await local.send(expected) }
            try await eventually("the gate holds back") {
                (try await gate.status.links.first?.queuedBytes ?? 0) > 1 << 16
            }
            for _ in 0..<20 {
                let queued = try await gate.status.links.first?.queuedBytes ?? 0
                #expect(queued < 1 << 21, "\(queued) bytes wait in the gate")
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await gate.status.links.first?.out.bytes ?? 0 < UInt64(expected.count))
            try await outside.channel.setOption(.autoRead, value: true).get()
            try await sending.value
            try await outside.receives(expected)
        }
        await node.stop()
    }

    @Test func whoTakesNothingIsGivenUpAfterABound() async throws {
        let node = try await FakeNode.start()
        let limits = quick {
            $0.pauseBytes = 1 << 16
            $0.stallTimeout = .milliseconds(300)
        }
        try await TestGate.run(node: node.port, limits: limits) { gate in
            let outside = try await Wire.dial(gate.port, autoRead: false)
            try await outside.send(Frames.handshake())
            let local = try await node.wire(0)
            let large = Frames.handshake(2) + Frames.frame(8, [UInt8](repeating: 5, count: 8_000_000))
            for _ in 0..<6 where !local.isClosed {
                Task { try? await local.send(large) }
            }
            try await local.closes()
            try await eventually("nothing is left") { try await gate.openConnections == 0 }
        }
        await node.stop()
    }

    @Test func releasesToOneThatDoesNotReadAreBounded() async throws {
        let node = try await FakeNode.start()
        let limits = quick {
            $0.maxFrameBytes = 1 << 20
            $0.maxQueuedBytes = 2 << 20
            $0.pauseBytes = 1 << 16
        }
        try await TestGate.run(node: node.port, limits: limits) { gate in
            let outside = try await Wire.dial(gate.port, autoRead: false)
            try await outside.send(Frames.handshake())
            let local = try await node.wire(0)
            try await local.send(Frames.handshake(2))
            try await eventually("the link stands") { try await gate.status.links.first?.isUp == true }
            var most = 0
            for number in 0..<200 where !local.isClosed {
                // Blocks of our own: number, then 200 kB that nobody looks at.
                let block = Array(Frames.blocks[number]) + [UInt8](repeating: 0, count: 200_000)
                try await gate.on { try $0.release(block) }
                most = max(most, try await gate.status.links.first?.queuedBytes ?? 0)
            }
            try await local.closes()
            #expect(most <= 2 << 20)
            try await eventually("nothing is left") { try await gate.openConnections == 0 }
        }
        await node.stop()
    }

    @Test(arguments: [(150, 120), (120, 150)])
    func hundredsOfConnectionsStayWithinTheBoundsAndLeaveNothing(maxLinks: Int, maxPerAddress: Int) async throws {
        let node = try await FakeNode.start()
        let limits = quick {
            $0.maxLinks = maxLinks
            $0.maxLinksPerAddress = maxPerAddress
        }
        try await TestGate.run(node: node.port, limits: limits) { gate in
            var wires: [Wire] = []
            for number in 0..<300 {
                let wire = try await Wire.dial(gate.port)
                try? await wire.send(Frames.handshake(UInt8(number & 255)))
                wires.append(wire)
            }
            try await eventually("180 are turned away") { wires.count(where: \.isClosed) == 180 }
            try await eventually("120 reach nodeos") { node.count == 120 }
            #expect(try await gate.status.counters.turnedAway == 180)
            for index in 0..<120 { try await node.wire(index).send(Frames.handshake(1)) }
            try await eventually("120 links stand") { try await gate.status.links.count(where: \.isUp) == 120 }
            try await gate.release(0)
            for wire in wires where !wire.isClosed {
                try await wire.receives(Frames.handshake(1) + Frames.block(0))
            }
            for wire in wires { await wire.close() }
            try await eventually("nothing is left") { try await gate.openConnections == 0 }
            _ = try await Wire.dial(gate.port)
        }
        await node.stop()
    }
}
