// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Testing

@testable import Lab

struct AuditTests {
    /// A block's id by its height and a letter.
    func id(_ number: UInt32, _ letter: UInt8 = 1) -> BlockID {
        BlockID(number: number, digest: Checksum256([UInt8](repeating: letter, count: 32)) ?? .zero)
    }

    func entries(_ ids: [BlockID]) -> [LogEntryDocument] {
        ids.enumerated().map { position, id in
            LogEntryDocument(
                index: UInt64(position + 1), term: 1, kind: .block, size: 100,
                block: .init(
                    number: id.blockNumber, id: id.hex, previous: "", producer: "demo",
                    timestamp: UTCInstant(unixMilliseconds: 0)))
        }
    }

    func verdict(_ logs: [Int: [BlockID]], _ acknowledged: [BlockID]) -> ChainAudit.Verdict {
        var audit = ChainAudit()
        for (peer, ids) in logs { audit.add(entries(ids), of: peer) }
        var all = Acknowledged()
        for id in acknowledged { all.append(id) }
        return audit.verdict(all, quorum: 2, peers: [1, 2, 3])
    }

    @Test func equalLogsWithAllThatWasAcknowledgedAreGood() {
        let chain = [id(2), id(3), id(4)]
        let verdict = verdict([1: chain, 2: chain, 3: chain], chain)
        #expect(verdict.isGood)
        #expect(verdict.heights == 3)
    }

    @Test func twoIDsAtAHeightAreFound() {
        let verdict = verdict([1: [id(2), id(3)], 2: [id(2), id(3)], 3: [id(2), id(3, 9)]], [id(2), id(3)])
        #expect(verdict.heightsWithTwoIDs == [3])
        #expect(!verdict.isGood)
    }

    @Test func anAcknowledgedBlockMustBeInTheLogsOfAQuorum() {
        let short = [id(2)]
        #expect(verdict([1: [id(2), id(3)], 2: [id(2), id(3)], 3: short], [id(2), id(3)]).isGood)
        #expect(verdict([1: [id(2), id(3)], 2: short, 3: short], [id(2), id(3)]).missing == [3])
        #expect(verdict([1: short, 2: short, 3: short], [id(2), id(3)]).missing == [3])
        #expect(verdict([:], [id(2)]).missing == [2])
    }

    @Test func whatASnapshotHoldsIsNotMissing() {
        let late = [id(5), id(6)]
        #expect(verdict([1: [id(4)] + late, 2: late, 3: late], [id(4), id(5), id(6)]).isGood)
        let verdict = verdict([1: late, 2: late, 3: late], [id(4), id(5)])
        #expect(verdict.isGood)
        #expect(verdict.dropped == 1)
    }

    @Test func allChainsMustHaveOneIDAtEveryHeight() {
        func verdict(_ chains: [[BlockID?]?]) -> ChainAudit.NodeosVerdict? {
            var audit = ChainAudit()
            audit.add(entries([id(2), id(3)]), of: 1)
            for (place, chain) in chains.enumerated() {
                audit.add(chain, of: place < 3 ? .nodeos(place + 1) : .outside)
            }
            return audit.verdict(Acknowledged(), quorum: 2, peers: [1, 2, 3]).nodeos
        }
        let chain = [id(1), id(2), id(3)]
        #expect(verdict([]) == nil)
        #expect(verdict([chain, chain, chain, chain])?.isGood == true)
        #expect(verdict([chain, chain, [id(1), id(2, 9), id(3)], chain])?.heightsWithTwoIDs == [2])
        #expect(verdict([chain, chain, chain, [id(1), id(2)]])?.missing == [3])
        #expect(verdict([chain, chain, chain, [id(1), nil, id(3)]])?.missing == [2])
        #expect(verdict([chain, chain, chain, nil])?.unread == [.outside])
        let other = [id(1), id(2, 9), id(3)]
        #expect(verdict([other, other, other, other])?.heightsWithTwoIDs == [2], "the log has another block")
    }

    @Test func aLogThatCouldNotBeReadIsNoProof() {
        var audit = ChainAudit()
        for peer in [1, 2] { audit.add(entries([id(2)]), of: peer) }
        audit.couldNotRead(3)
        let verdict = audit.verdict(Acknowledged(), quorum: 2, peers: [1, 2, 3])
        #expect(!verdict.isGood)
        #expect(verdict.peersRead == [1, 2])
    }
}
