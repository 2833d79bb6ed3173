// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft
import Testing

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

    /// A region that comes back with blocks that another one went on without, and is active again later.
    @Test(arguments: [false, true]) func whatAnotherRegionWentOnWithoutIsForgotten(isBaseKnown: Bool) throws {
        var blocks = BlockIndex()
        for number in UInt32(10)...20 { blocks.append(number: number, index: LogIndex(number)) }
        let base = try Chain.block(on: nil, slot: 1)
        let number = try Chain.ref(base).number
        for height in number..<number + 3 { blocks.append(number: height, index: LogIndex(height)) }
        let superseder = RegionReport(
            name: "west", epoch: 7, activity: .active, activatedEpoch: 7, isCurrent: true,
            base: isBaseKnown ? try Chain.ref(base).id : nil)
        blocks.follow(
            RegionChange(expects: 1, epoch: 8, activity: .standby, isPaused: false, superseder: superseder))
        blocks.follow(RegionChange(expects: 8, epoch: 9, activity: .standby, isPaused: true))
        #expect(blocks.index(ofHeight: number + 2) == LogIndex(number + 2), "it is asked what was lost")
        blocks.follow(RegionChange(expects: 9, epoch: 10, activity: .active, isPaused: false))
        blocks.append(number: number + 100, index: LogIndex(number + 100))
        for height in number..<number + 100 { #expect(blocks.index(ofHeight: height) == nil, "height \(height)") }
        #expect(blocks.index(ofHeight: number + 100) == LogIndex(number + 100))
        #expect(blocks.index(ofHeight: 15) == (isBaseKnown ? 15 : nil))
        // Nothing is lost when it is activated the next time.
        blocks.follow(RegionChange(expects: 10, epoch: 11, activity: .active, isPaused: false, renews: true))
        #expect(blocks.index(ofHeight: number + 100) == LogIndex(number + 100))
    }
}
