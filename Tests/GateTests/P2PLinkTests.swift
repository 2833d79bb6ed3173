// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore
import Testing

@testable import Gate

/// Links come, go and come again.
@Suite struct P2PLinkTests {
    /// What happens on a link, step by step; either side may close after any of them.
    @Test func closingAtEveryPointClosesTheOtherSideAndLeavesNothing() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, limits: quick(), hold: true) { gate in
            for point in 0..<8 {
                for closesOutside in [true, false] {
                    // No two alike: an earlier one's may still be on its way to nodeos.
                    let greeting = Frames.handshake(UInt8(100 + 2 * point + (closesOutside ? 1 : 0)))
                    let outside = try await Wire.dial(gate.port)
                    if point >= 1 { try await outside.send(Array(greeting.prefix(100))) }
                    if point >= 2 { try await outside.send(Array(greeting.dropFirst(100))) }
                    var local: Wire?
                    if point >= 3 { local = try await node.wire(thatGot: greeting) }
                    if point >= 4 { try await local?.send(Frames.notice(1)) }
                    if point >= 5 { try await local?.send(Frames.handshake(8)) }
                    if point >= 6 { try await local?.send(Frames.block(point) + Frames.time(1)) }
                    if point >= 7 {
                        try await gate.release(6)
                        try await outside.send(Array(Frames.block(1).prefix(50)))
                    }
                    guard closesOutside || local != nil else {
                        await outside.close()
                        continue
                    }
                    await (closesOutside ? outside : local)?.close()
                    try await (closesOutside ? local : outside)?.closes("the other side, point \(point)")
                    try await eventually("nothing is left, point \(point)") { try await gate.openConnections == 0 }
                }
            }
        }
        await node.stop()
    }

    @Test func whatWasSaidBeforeClosingGetsThrough() async throws {
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            let goAway = Frames.frame(2, [UInt8](repeating: 3, count: 33))
            for _ in 0..<20 {
                let (outside, local) = try await gate.link(node)
                try await local.send(goAway)
                await local.close()
                try await outside.closes()
                #expect(outside.bytes == Frames.handshake(2) + goAway)
            }
        }
        await node.stop()
    }

    @Test func nodeossOwnTimeIsRead() async throws {
        // 2001-02-03T04:05:06.789Z; the gate's own clock stands at 0.
        let milliseconds: Int64 = 981_173_106_789
        let time = withUnsafeBytes(of: (milliseconds * 1_000_000).littleEndian, Array.init)
        let others = withUnsafeBytes(of: Int64.min, Array.init)
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port) { gate in
            #expect(try await gate.status.nodeosClockOffset == nil)
            let (outside, local) = try await gate.link(node)
            // What an outside node says of its time is not nodeos's, and half a message says nothing.
            try await outside.send(Frames.frame(3, [UInt8](repeating: 0xff, count: 32)))
            try await local.receives(Frames.handshake(1) + Frames.frame(3, [UInt8](repeating: 0xff, count: 32)))
            #expect(try await gate.status.nodeosClockOffset == 0x0202_0202_0202_0202 / 1_000_000)
            for message in [
                Frames.frame(3, others + others + time + others),
                Frames.frame(0, [UInt8](repeating: 9, count: 100) + time + [UInt8](repeating: 9, count: 300)),
            ] {
                try await local.send(Frames.time(3) + message + Frames.frame(3, Array(message.prefix(20))))
                try await eventually("it is read") {
                    try await gate.status.nodeosClockOffset == milliseconds
                }
            }
        }
        await node.stop()
    }

    /// Those of a message queue, out only: what comes in passes.
    @Test func theTransactionsThatAreToStayAreKeptFromEveryLink() async throws {
        // No signatures, not compressed, no context-free data, three bytes of a transaction.
        let (kept, other) = ([0, 0, 0, 3, 7, 7, 7] as [UInt8], [0, 0, 0, 3, 7, 7, 8] as [UInt8])
        let digest = try TransactionMessage(parsing: [0] + kept).packedDigest
        let node = try await FakeNode.start()
        try await TestGate.run(node: node.port, withheld: [digest]) { gate in
            for mark in [1, 3] as [UInt8] {
                let (outside, local) = try await gate.link(node, mark)
                let broken = Frames.frame(8, Array(kept.dropLast()))
                let first = Frames.notice(1) + Frames.frame(8, kept) + Frames.frame(8, other) + broken
                // In one piece, and cut in the middle of what is kept.
                try await local.send(first)
                try await local.send(Array(Frames.frame(8, kept).prefix(9)))
                try await outside.receives(
                    Frames.handshake(mark + 1) + Frames.notice(1) + Frames.frame(8, other) + broken)
                try await local.send(Array(Frames.frame(8, kept).dropFirst(9)) + Frames.notice(2))
                try await outside.receives(
                    Frames.handshake(mark + 1) + Frames.notice(1) + Frames.frame(8, other) + broken + Frames.notice(2))
                try await outside.send(Frames.frame(8, kept))
                try await local.receives(Frames.handshake(mark) + Frames.frame(8, kept))
            }
            #expect(try await gate.status.counters.withheldTransactions == 4)
        }
        await node.stop()
    }

    @Test func whenBothEndsAreDialledTheGateSpeaksFirst() async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        try await TestGate.run(node: node.port, peers: [peer.port], limits: quick()) { gate in
            let (local, outside) = (try await node.wire(0), try await peer.wire(0))
            try await eventually("a handshake comes") { local.bytes.count > 4 && Frames.split(local.bytes).count == 1 }
            let opening = local.bytes
            #expect(
                opening[4] == 0 && Array(opening[5..<7]) == [188, 4] && Array(opening[7..<39]).allSatisfy { $0 == 0 })
            #expect(opening.count == Int(opening[0]) + Int(opening[1]) << 8 + 4)
            // The answer to it goes nowhere, the handshake does.
            try await local.send(Frames.notice(1) + Frames.block(0) + Frames.handshake(1) + Frames.time(2))
            try await outside.receives(Frames.handshake(1) + Frames.time(2))
            try await outside.send(Frames.notice(3) + Frames.handshake(4))
            try await local.receives(opening + Frames.notice(3) + Frames.handshake(4))
            try await gate.release(0)
            try await outside.receives(Frames.handshake(1) + Frames.time(2) + Frames.block(0))
            let status = try await gate.status
            #expect(status.peers.map(\.isLinked) == [true] && status.links.map(\.direction) == [.dialedOut])
        }
        await node.stop()
        await peer.stop()
    }

    @Test func withoutTheChainsIDNoPeerIsDialled() async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        try await TestGate.run(node: node.port, peers: [peer.port], limits: quick()) { gate in
            _ = try await peer.wire(0)
            gate.owner.state.withLockedValue { $0.chainID = nil }
            let before = peer.count
            try await peer.wire(0).close()
            try await eventually("the link is gone") { try await gate.openConnections == 0 }
            try await Task.sleep(for: .milliseconds(300))
            #expect(peer.count == before)
            gate.owner.state.withLockedValue { $0.chainID = .zero }
            _ = try await peer.wire(before)
        }
        await node.stop()
        await peer.stop()
    }

    @Test func aLostPeerIsDialledAgainAtOnceAndALastingFailureMoreAndMoreSeldom() async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        try await TestGate.run(node: node.port, peers: [peer.port], limits: quick()) { gate in
            for round in 0..<5 {
                let outside = try await peer.wire(round)
                try await eventually("both ends are there") { node.count > round }
                let local = try await node.wire(round)
                await (round.isMultiple(of: 2) ? outside : local).close()
            }
            await peer.stop()
            try await eventually("it fails") { (try await gate.status.peers.first?.failures ?? 0) >= 10 }
            let start = NIODeadline.now()
            let failures = try await gate.status.peers.first?.failures ?? 0
            try await eventually("it fails again") {
                (try await gate.status.peers.first?.failures ?? 0) >= failures + 3
            }
            #expect(NIODeadline.now() - start > .milliseconds(120), "the pause does not grow")
            #expect(try await gate.status.peers.first?.lastFailure?.hasPrefix("cannot be dialled") == true)
            let again = try await FakeNode.start(port: peer.port)
            _ = try await again.wire(0)
            await again.stop()
        }
        await node.stop()
    }

    @Test func whenNodeosComesBackAllLinksDoAtOnce() async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        var limits = quick()
        // Only the look-out for nodeos may make it fast.
        limits.redialPause = .milliseconds(10)...(.seconds(60))
        try await TestGate.run(node: node.port, peers: [peer.port], limits: limits) { gate in
            _ = try await peer.wire(0)
            await node.stop()
            try await eventually("it is missed") { try await gate.status.isNodeosReachable == false }
            // One that dials now waits.
            let outside = try await Wire.dial(gate.port)
            try await outside.send(Frames.handshake(5))
            try await Task.sleep(for: .milliseconds(300))
            #expect(!outside.isClosed)
            let before = peer.count
            let start = NIODeadline.now()
            let again = try await FakeNode.start(port: node.port)
            _ = try await peer.wire(before)
            try await eventually("the one that waited is through") {
                for index in 0..<again.count {
                    if try await again.wire(index).bytes == Frames.handshake(5) { return true }
                }
                return false
            }
            #expect(NIODeadline.now() - start < .seconds(2))
            await again.stop()
        }
        await peer.stop()
    }

    @Test func whoWaitsForNodeosInVainIsClosed() async throws {
        let node = try await FakeNode.start()
        await node.stop()
        let limits = quick {
            $0.joinTimeout = .milliseconds(200)
            $0.helloTimeout = .milliseconds(100)
        }
        try await TestGate.run(node: node.port, limits: limits) { gate in
            let outside = try await Wire.dial(gate.port)
            try await outside.send(Frames.handshake(5))
            try await outside.closes()
            try await eventually("no link is left") { try await gate.status.links.isEmpty }
        }
    }

    @Test func nodeosMayDialItsGate() async throws {
        let peers = [try await FakeNode.start(), try await FakeNode.start()]
        try await TestGate.run(node: nil, peers: peers.map(\.port), limits: quick()) { gate in
            for (index, peer) in peers.enumerated() {
                let local = try await Wire.dial(gate.localPort)
                try await local.send(Frames.handshake(1))
                let outside = try await peer.wire(0)
                try await outside.receives(Frames.handshake(1))
                try await outside.send(Frames.handshake(2))
                try await local.receives(Frames.handshake(2))
                #expect(
                    try await gate.status.links.map(\.direction) == Array(repeating: .dialedByNodeos, count: index + 1))
            }
            try await Wire.dial(gate.localPort).closes("one more than there are peers")
            try await Wire.dial(gate.port).closes("without node nobody gets in")
            try await gate.release(0)
            for peer in peers { try await peer.wire(0).receives(Frames.handshake(1) + Frames.block(0)) }
        }
        for peer in peers { await peer.stop() }
    }

    @Test func aRefusedOpeningSaysWhy() async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        try await TestGate.run(node: node.port, peers: [peer.port], limits: quick()) { gate in
            let local = try await node.wire(0)
            try await local.send(Frames.frame(2, [3] + [UInt8](repeating: 0, count: 32)))
            try await eventually("it is told") {
                (try await gate.status.peers.first?.lastFailure ?? "").contains("reason 3; 3 is another chain")
            }
        }
        await node.stop()
        await peer.stop()
    }

    /// Two gates that dial each other have two links, and nodeos wants one.
    @Test(arguments: [true, false]) func whoHasALinkAlreadyIsNotDialledAgainAtOnce(byLocal: Bool) async throws {
        let (node, peer) = (try await FakeNode.start(), try await FakeNode.start())
        let limits = quick {
            $0.redialPause = .milliseconds(5)...(.milliseconds(5))
            $0.duplicatePause = .milliseconds(800)
        }
        try await TestGate.run(node: node.port, peers: [peer.port], limits: limits) { gate in
            let (local, outside) = (try await node.wire(0), try await peer.wire(0))
            try await local.send(Frames.handshake(1))
            try await outside.send(Frames.handshake(4))
            try await eventually("the link stands") { try await gate.status.links.first?.isUp == true }
            let start = NIODeadline.now()
            let end = byLocal ? local : outside
            try await end.send(Frames.frame(2, [2] + [UInt8](repeating: 0, count: 32)))
            await end.close()
            _ = try await peer.wire(1)
            #expect(NIODeadline.now() - start >= .milliseconds(800), "it was dialled again at once")
            #expect(try await gate.status.peers.first?.failures == 0)
        }
        await node.stop()
        await peer.stop()
    }
}
