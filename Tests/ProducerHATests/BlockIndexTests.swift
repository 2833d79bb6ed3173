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
            ).turn, onto: nil)
        blocks.follow(RegionChange(expects: 8, epoch: 9, activity: .standby, isPaused: true).turn, onto: nil)
        #expect(blocks.index(ofHeight: 22) == 22, "it is asked what was lost")
        let base = try Chain.block(on: nil, slot: 1)
        let number = try Chain.ref(base).number
        blocks.follow(
            RegionChange(expects: 9, epoch: 10, activity: activity, isPaused: false, base: base).turn, onto: nil)
        // At once: what comes later is the chain's.
        blocks.append(number: number, index: LogIndex(number))
        for height in UInt32(21)..<number { #expect(blocks.index(ofHeight: height) == nil, "height \(height)") }
        #expect(blocks.index(ofHeight: number) == LogIndex(number) && blocks.index(ofHeight: 20) == 20)
        // Nothing is lost when it is activated the next time.
        blocks.follow(
            RegionChange(expects: 10, epoch: 11, activity: .active, isPaused: false, renews: true).turn, onto: nil)
        #expect(blocks.index(ofHeight: number) == LogIndex(number))
    }

    /// A region is given a block at or below its head, by an operator's own hand, which may be of any branch.
    @Test func whatAGivenBlockDoesNotStandOnIsForgotten() throws {
        var chain = [try Chain.block(on: nil, slot: 1)]
        for slot in UInt32(2)...6 { chain.append(try Chain.block(on: Chain.ref(chain[Int(slot) - 2]), slot: slot)) }
        let own = try chain.map { try Chain.ref($0) }
        func isKept(_ base: [UInt8]) throws -> [UInt32] {
            var blocks = BlockIndex()
            for (place, block) in own.enumerated() { blocks.append(number: block.number, index: LogIndex(place + 1)) }
            let turn = RegionChange(expects: 1, epoch: 2, activity: .standby, isPaused: false, base: base).turn
            blocks.follow(turn, onto: own.last)
            blocks.append(number: try Chain.ref(base).number, index: 100)
            return own.map(\.number).filter { blocks.index(ofHeight: $0) ?? 100 < 100 }
        }
        let numbers = own.map(\.number)
        // The head again, and one in its place.
        #expect(try isKept(chain[5]) == numbers.dropLast())
        #expect(try isKept(Chain.block(on: own[4], slot: 90)) == numbers.dropLast())
        // Of the head's height, from another branch; one that the region made itself, and so one of its height.
        let stranger = try Chain.ref(Chain.block(on: own[3], slot: 91))
        #expect(try isKept(Chain.block(on: stranger, slot: 92)) == [])
        #expect(try isKept(chain[3]) == [])
        #expect(try isKept(Chain.block(on: own[2], slot: 93)) == [])
        // Above it: on the head or not; further up, those in between are not known, and the region's own are the chain's.
        #expect(try isKept(Chain.block(on: own[5], slot: 94)) == numbers)
        let inItsPlace = try Chain.ref(Chain.block(on: stranger, slot: 95))
        #expect(try isKept(Chain.block(on: inItsPlace, slot: 96)) == [])
        let above = try Chain.ref(Chain.block(on: inItsPlace, slot: 97))
        #expect(try isKept(Chain.block(on: above, slot: 98)) == numbers)
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
