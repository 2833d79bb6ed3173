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

    /// Each follows the one before it, the first one `base`.
    func entries(_ ids: [BlockID], on base: BlockID? = nil) -> [LogEntryDocument] {
        ids.enumerated().map { position, id in
            let previous = position > 0 ? ids[position - 1] : base
            return LogEntryDocument(
                index: UInt64(position + 1), term: 1, kind: .block, size: 100,
                block: .init(
                    number: id.blockNumber, id: id.hex, previous: previous?.hex ?? "", producer: "demo",
                    timestamp: UTCInstant(unixMilliseconds: 0)))
        }
    }

    func verdict(_ logs: [Int: [BlockID]], _ acknowledged: [BlockID]) -> ChainAudit.Verdict {
        var audit = ChainAudit()
        for (peer, ids) in logs { audit.add(entries(ids), of: peer) }
        var all = Acknowledged()
        for id in acknowledged { all.append(id) }
        return audit.verdict([group(all)])
    }

    func group(_ acknowledged: Acknowledged, _ peers: [Int] = [1, 2, 3]) -> ChainAudit.Group {
        ChainAudit.Group(peers: peers, quorum: 2, acknowledged: acknowledged)
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

    /// East made `east`, all of it acknowledged, and west `west` on `base`; the last of west's is the end.
    func verdict(
        east: [BlockID], west: [BlockID], on base: BlockID, told: Set<BlockID> = [], westLogs: [BlockID]? = nil
    ) -> ChainAudit.Verdict {
        var audit = ChainAudit()
        for peer in 1...3 { audit.add(entries(east), of: peer) }
        for peer in 4...6 { audit.add(entries(westLogs ?? west, on: base), of: peer) }
        var (all, others) = (Acknowledged(), Acknowledged())
        for id in east { all.append(id) }
        for id in west { others.append(id) }
        return audit.verdict([group(all), group(others, [4, 5, 6])], end: west.last, told: told)
    }

    @Test func aSwitchGoesOnWithTheChain() {
        let verdict = verdict(east: [id(2), id(3)], west: [id(4), id(5)], on: id(3))
        #expect(verdict.isGood)
        #expect(verdict.heights == 4)
    }

    @Test func whatASwitchLeavesBehindMustBeTold() {
        let (east, west) = ([id(2), id(3), id(4)], [id(4, 9), id(5)])
        let silent = verdict(east: east, west: west, on: id(3))
        #expect(silent.heightsWithTwoIDs == [4])
        #expect(silent.unchained == [4])
        #expect(!silent.isGood)
        let told = verdict(east: east, west: west, on: id(3), told: [id(4)])
        #expect(told.isGood)
        #expect(told.told == 1)
    }

    @Test func aLostBlockAboveTheChainsEndMustBeToldToo() {
        let east = [id(2), id(3), id(4), id(5)]
        #expect(verdict(east: east, west: [id(4, 9)], on: id(3), told: [id(4)]).unchained == [5])
        #expect(verdict(east: east, west: [id(4, 9)], on: id(3), told: [id(4), id(5)]).isGood)
    }

    @Test func whatIsToldAsLostMustBeLost() {
        let verdict = verdict(east: [id(2), id(3)], west: [id(4)], on: id(3), told: [id(3)])
        #expect(verdict.falselyTold == [3])
        #expect(!verdict.isGood)
    }

    @Test func aBlockThatStandsOnNoneOfThemBreaksTheChain() {
        let verdict = verdict(east: [id(2), id(3)], west: [id(4)], on: id(3, 7))
        #expect(verdict.heightsWithTwoIDs == [])
        #expect(verdict.unchained == [2, 3])
    }

    @Test func anAcknowledgedBlockMustBeInTheLogsOfItsOwnRegion() {
        #expect(verdict(east: [id(2), id(3)], west: [id(4)], on: id(3), westLogs: []).missing == [4])
    }

    @Test func allChainsMustHaveOneIDAtEveryHeight() {
        func verdict(_ chains: [[BlockID?]?]) -> ChainAudit.NodeosVerdict? {
            var audit = ChainAudit()
            audit.add(entries([id(2), id(3)]), of: 1)
            for (place, chain) in chains.enumerated() {
                audit.add(chain, of: place < 3 ? .nodeos(place + 1) : .outside)
            }
            return audit.verdict([group(Acknowledged())]).nodeos
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
        let verdict = audit.verdict([group(Acknowledged())])
        #expect(!verdict.isGood)
        #expect(verdict.peersRead == [1, 2])
    }
}
