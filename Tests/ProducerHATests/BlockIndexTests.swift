// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import ProducerHA

@Suite struct BlockIndexTests {
    /// Against a plain dictionary: consecutive blocks, gaps of either kind, new bases, and entries that are dropped.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func answersAsADictionaryWould(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var blocks = BlockIndex()
        var model: [UInt32: LogIndex] = [:]
        var (number, index): (UInt32, LogIndex) = (100, 0)
        for _ in 0..<400 {
            index += Int.random(in: 0..<5, using: &random) == 0 ? .random(in: 2...4, using: &random) : 1
            switch Int.random(in: 0..<20, using: &random) {
            case 0: number += .random(in: 2...5, using: &random)
            case 1: number = max(2, number) - .random(in: 0...min(10, number - 2), using: &random)
            default: number += 1
            }
            blocks.append(number: number, index: index)
            for height in model.keys where height >= number { model[height] = nil }
            model[number] = index
            if Int.random(in: 0..<15, using: &random) == 0 {
                let through = LogIndex.random(in: 0...index, using: &random)
                blocks.drop(through: through)
                model = model.filter { $0.value > through }
            }
            for height in (number > 60 ? number - 60 : 0)...(number + 3) {
                #expect(blocks.index(ofHeight: height) == model[height], "height \(height)")
            }
        }
        blocks.removeAll()
        #expect(model.keys.allSatisfy { blocks.index(ofHeight: $0) == nil })
    }

    private func report(fork: BlockID?) -> RegionReport {
        RegionReport(name: "west", epoch: 7, activity: .active, activatedEpoch: 7, isCurrent: true, inherited: fork)
    }

    /// A region that comes back with blocks that another one went on without, and goes on from that one's blocks later: as it is
    /// active again, or as an operator gives it one while it is standby.
    @Test(arguments: [RegionActivity.active, .standby])
    func whatAnotherRegionWentOnWithoutIsForgotten(goesOnAs activity: RegionActivity) throws {
        var blocks = BlockIndex()
        for number in UInt32(10)...30 { blocks.append(number: number, index: LogIndex(number)) }
        blocks.follow(
            RegionChange(
                expects: 1, epoch: 8, activity: .standby, isPaused: false, superseder: report(fork: nil), lostFrom: 21
            ).turn)
        blocks.follow(RegionChange(expects: 8, epoch: 9, activity: .standby, isPaused: true).turn)
        #expect(blocks.index(ofHeight: 22) == 22, "it is asked what was lost")
        let base = try Chain.block(on: nil, slot: 1)
        let number = try Chain.ref(base).number
        blocks.follow(RegionChange(expects: 9, epoch: 10, activity: activity, isPaused: false, base: base).turn)
        // At once: what comes later is the chain's.
        blocks.append(number: number, index: LogIndex(number))
        for height in UInt32(21)..<number { #expect(blocks.index(ofHeight: height) == nil, "height \(height)") }
        #expect(blocks.index(ofHeight: number) == LogIndex(number) && blocks.index(ofHeight: 20) == 20)
        // Nothing is lost when it is activated the next time.
        blocks.follow(RegionChange(expects: 10, epoch: 11, activity: .active, isPaused: false, renews: true).turn)
        #expect(blocks.index(ofHeight: number) == LogIndex(number))
    }

    private static func chain(_ length: Int) throws -> [(bytes: [UInt8], block: BlockRef)] {
        var chain: [(bytes: [UInt8], block: BlockRef)] = []
        for slot in 1...UInt32(length) {
            let bytes = try Chain.block(on: chain.last?.block, slot: slot)
            chain.append((bytes, try Chain.ref(bytes)))
        }
        return chain
    }

    private static func give(_ base: [UInt8], lostFrom: UInt32?, to blocks: inout BlockIndex, asking own: [[UInt8]]?)
        throws
    {
        func follow(_ change: RegionChange) {
            guard let own else { return blocks.follow(change.turn) }
            blocks.follow(change.turn) { index in
                Entry(index: index, term: 1, kind: .block, payload: own[Int(index) - 1])
            }
        }
        if let lostFrom {
            let report = RegionReport(name: "west", epoch: 7, activity: .active, activatedEpoch: 7, isCurrent: true)
            follow(
                RegionChange(
                    expects: 1, epoch: 2, activity: .standby, isPaused: false, superseder: report, lostFrom: lostFrom))
        }
        follow(RegionChange(expects: 2, epoch: 3, activity: .standby, isPaused: false, base: base))
        blocks.append(number: try Chain.ref(base).number, index: 10_000)
    }

    /// A region is given a block, by an operator's own hand perhaps, which may be of any branch. The rule is the same for who
    /// has the ids and who reads them in the log.
    @Test func whatAGivenBlockDoesNotStandOnIsForgotten() throws {
        let chain = try Self.chain(6)
        let own = chain.map(\.block)
        let numbers = own.map(\.number)
        func isKept(_ base: [UInt8], lostFrom: UInt32? = nil) throws -> [UInt32] {
            let kept = try [nil, chain.map(\.bytes)].map { asked in
                var blocks = BlockIndex()
                for (place, block) in own.enumerated() {
                    blocks.append(number: block.number, index: LogIndex(place + 1))
                    blocks.remember(block.id)
                }
                try Self.give(base, lostFrom: lostFrom, to: &blocks, asking: asked)
                return numbers.filter { blocks.index(ofHeight: $0) ?? 10_000 < 10_000 }
            }
            #expect(kept[0] == kept[1])
            return kept[0]
        }
        func block(on block: BlockRef, _ slot: UInt32) throws -> [UInt8] { try Chain.block(on: block, slot: slot) }
        // The head again, one in its place, the same further below, and the next one.
        #expect(try isKept(chain[5].bytes) == numbers.dropLast())
        #expect(try isKept(block(on: own[4], 90)) == numbers.dropLast())
        #expect(try isKept(chain[3].bytes) == numbers.dropLast(3))
        #expect(try isKept(block(on: own[2], 90)) == numbers.dropLast(3))
        #expect(try isKept(block(on: own[5], 90)) == numbers)
        // Of another branch: below the head, at its height and one above.
        let fourth = try Chain.ref(block(on: Chain.ref(block(on: own[1], 91)), 92))
        let fifth = try Chain.ref(block(on: fourth, 93))
        let sixth = try Chain.ref(block(on: fifth, 94))
        #expect(try isKept(block(on: fourth, 93)) == [])
        #expect(try isKept(block(on: fifth, 94)) == [])
        #expect(try isKept(block(on: sixth, 95)) == [])
        // Where that one left is known, unless the block is below.
        for base in [try block(on: fourth, 93), try block(on: fifth, 94), try block(on: sixth, 95)] {
            #expect(try isKept(base, lostFrom: numbers[2]) == numbers.dropLast(4))
        }
        #expect(try isKept(block(on: fourth, 93), lostFrom: numbers[5]) == [])
        // Further up, those in between are not known, and the region's own are the chain's.
        let seventh = try Chain.ref(block(on: sixth, 95))
        #expect(try isKept(block(on: seventh, 96)) == numbers)
        #expect(try isKept(block(on: seventh, 96), lostFrom: numbers[2]) == numbers.dropLast(4))
    }

    /// Among several producers the log has not every block, and so not every parent.
    @Test func aBlockOfItsOwnIsKnownWithoutItsParent() throws {
        let chain = try Self.chain(4)
        let between = try Chain.ref(Chain.block(on: chain[3].block, slot: 90))
        let last = try Chain.block(on: between, slot: 91)
        var blocks = BlockIndex()
        for (place, block) in (chain.map(\.block) + [try Chain.ref(last)]).enumerated() {
            blocks.append(number: block.number, index: LogIndex(place + 1))
            blocks.remember(block.id)
        }
        try Self.give(last, lostFrom: nil, to: &blocks, asking: nil)
        for each in chain { #expect(blocks.index(ofHeight: each.block.number) != nil) }
    }

    @Test func idsOfTheHighestBlocksAreKept() throws {
        let chain = try Self.chain(BlockIndex.idsKept * 2 + 10)
        for (place, isKept) in [(chain.count - BlockIndex.idsKept, true), (5, false)] {
            var blocks = BlockIndex()
            for (place, each) in chain.enumerated() {
                blocks.append(number: each.block.number, index: LogIndex(place + 1))
                blocks.remember(each.block.id)
            }
            try Self.give(chain[place].bytes, lostFrom: nil, to: &blocks, asking: nil)
            #expect((blocks.index(ofHeight: chain[place].block.number - 1) != nil) == isKept, "block \(place)")
        }
    }

    /// Of which the ids are read when a peer starts.
    @Test func theHighestBlocksAreTold() {
        var blocks = BlockIndex()
        #expect(blocks.highest(3) == [])
        for (number, index) in [(10, 1), (11, 2), (12, 5), (20, 6), (21, 7)] as [(UInt32, LogIndex)] {
            blocks.append(number: number, index: index)
        }
        #expect(blocks.highest(0) == [] && blocks.highest(1) == [7] && blocks.highest(3) == [5, 6, 7])
        #expect(blocks.highest(4) == [2, 5, 6, 7] && blocks.highest(99) == [1, 2, 5, 6, 7])
    }

    /// What another region says that it has of others may be far above where it left this one, or as far below.
    @Test func whatMayBeLostBeginsAboveWhatOthersMadeOrBelow() {
        func id(_ number: UInt32) -> BlockID { BlockID(number: number, digest: .zero) }
        var region = RegionState()
        #expect(region.lostFrom(after: report(fork: id(5))) == 0 && region.lostFrom(after: report(fork: nil)) == 0)
        region.inherited = id(100)
        for (fork, first) in [(nil, 101), (110, 101), (195, 101), (101, 101), (100, 100), (95, 95)]
            as [(UInt32?, UInt32)]
        {
            #expect(region.lostFrom(after: report(fork: fork.map(id))) == first)
        }
        region.inherited = id(.max)
        #expect(region.lostFrom(after: report(fork: nil)) == .max)
    }
}
