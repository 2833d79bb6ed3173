// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import Harness
import NIOConcurrencyHelpers
import Testing

@testable import Gate

/// Two real nodeos, joined through two gates: the second one's gate dials the first one's.
@Suite(.enabled("there is no nodeos: see Tests/Nodeos/README.md") { await Nodeos.isWanted() })
struct P2PNodeosTests {
    @Test func aHeldBlockReachesTheOtherNodeOnlyWhenReleasedAndLinksComeBack() async throws {
        let (maker, other) = (try Nodeos(.itself), try Nodeos(.itself))
        try await maker.startAndServe()
        try await other.startAndServe()
        let chainID = try #require(Checksum256(hex: try await maker.chainID()))
        try await TestGate.run(node: maker.p2p) { first in
            try await TestGate.run(node: other.p2p, peers: [first.port], chainID: chainID) { second in
                try await eventually("the nodes are joined") { try await second.status.links.first?.isUp == true }
                let released = NIOLockedValueBox<UInt32>(1)
                first.owner.state.withLockedValue {
                    $0.hold = { block in released.withLockedValue { block.number > $0 } }
                }
                try await maker.resume()
                for next in 1...20 {
                    try await eventually("block \(next + 1) is held") { first.owner.heldBlocks.count >= next }
                    // Longer than nodeos takes to send and to take a block.
                    try await Task.sleep(for: .milliseconds([50, 150, 400][next % 3]))
                    #expect(try await other.head().number == next, "a held block got out")
                    let block = first.owner.state.withLockedValue { $0.heldBytes[next - 1] }
                    released.withLockedValue { $0 = UInt32(next + 1) }
                    try await first.on { try $0.release(block) }
                    try await eventually("block \(next + 1) is there") { try await other.head().number == next + 1 }
                }
                let lost = (try await first.status.counters.linksLost, try await second.status.counters.linksLost)
                #expect(lost == (0, 0))
                // From here on everything passes. The other node dies and comes back.
                first.owner.state.withLockedValue { $0.hold = { _ in false } }
                try await other.kill()
                try await eventually("the links are gone") { try await second.status.links.isEmpty }
                try await other.startAndServe(.replaying)
                try await eventually("they are back") { try await second.status.links.first?.isUp == true }
                let head = try await maker.head().number
                try await eventually("it has caught up") { try await other.head().number >= head }
                for number in 1...head {
                    let (one, two) = (try await maker.id(at: number), try await other.id(at: number))
                    #expect(one != nil && one == two, "block \(number)")
                }
            }
        }
    }
}
