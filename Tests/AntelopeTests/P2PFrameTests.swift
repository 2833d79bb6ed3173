// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@Suite struct P2PFrameTests {
    /// Everything a splitter gives when `stream` comes in pieces of the sizes that `size` says.
    private func split(
        _ stream: [UInt8], maximumFrameSize: Int = ChainLimits.frameSize, size: () -> Int
    ) -> (frames: [P2PFrame], error: P2PStreamError?, left: Int) {
        var splitter = P2PFrameSplitter(maximumFrameSize: maximumFrameSize)
        var frames: [P2PFrame] = []
        var rest = stream[...]
        do {
            while !rest.isEmpty {
                let piece = rest.prefix(max(1, size()))
                rest = rest.dropFirst(piece.count)
                splitter.append(piece)
                while let frame = try splitter.next() {
                    frames.append(frame)
                }
            }
        } catch {
            return (frames, error, splitter.bufferedCount)
        }
        return (frames, nil, splitter.bufferedCount)
    }

    private func recordedFrames() throws -> [P2PFrame] {
        split(try Recording.file("nodeos-p2p.bin")) { Int.max }.frames
    }

    @Test func aRealStreamSplitsIntoItsMessages() throws {
        let stream = try Recording.file("nodeos-p2p.bin")
        let (frames, error, left) = split(stream) { Int.max }
        #expect(error == nil)
        #expect(left == 0)
        #expect(Array(frames.map(\.bytes).joined()) == stream)
        #expect(Set(frames.map(\.type)) == [.handshake, .time, .notice, .signedBlock, .packedTransaction])
        let blocks = try frames.compactMap(\.block).map { try SignedBlock(parsing: $0) }
        #expect(blocks.count == frames.count { $0.type == .signedBlock })
        #expect(blocks.count >= 12)
        for block in blocks {
            #expect(block.transactionRoot == block.header.transactionRoot)
        }
        let ids = Set(blocks.map(\.id))
        #expect(blocks.count { ids.contains($0.previous) } >= blocks.count / 2)
    }

    @Test func theStreamMayComeInAnyPieces() throws {
        let stream = try Recording.file("nodeos-p2p.bin")
        let whole = try recordedFrames()
        #expect(split(stream) { 1 }.frames == whole)
        for seed in 1...50 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let largest = [3, 10, 100, 2000].randomElement(using: &generator) ?? 1
            let frames = split(stream) { Int.random(in: 1...largest, using: &generator) }.frames
            #expect(frames == whole, "seed \(seed)")
        }
    }

    @Test func piecesMayBeLentBytes() throws {
        var splitter = P2PFrameSplitter()
        try Recording.file("nodeos-p2p.bin").withUnsafeBytes { splitter.append($0) }
        var frames: [P2PFrame] = []
        while let frame = try splitter.next() {
            frames.append(frame)
        }
        #expect(frames == (try recordedFrames()))
    }

    @Test func aFrameMadeOfABlockIsTheOneNodeosSent() throws {
        for frame in try recordedFrames() {
            #expect(try P2PFrame(type: frame.type, content: frame.content) == frame)
            if let block = frame.block {
                #expect(try P2PFrame(carrying: block).bytes == frame.bytes)
            }
        }
    }

    @Test func anIncompleteFrameIsNotGivenOut() throws {
        for frame in try recordedFrames().prefix(5) {
            var splitter = P2PFrameSplitter()
            for byte in frame.bytes.dropLast() {
                splitter.append([byte])
                #expect(try splitter.next() == nil)
            }
            splitter.append(frame.bytes.suffix(1))
            #expect(try splitter.next() == frame)
            #expect(splitter.bufferedCount == 0)
        }
    }

    /// Frames that came before the bad one are given out, however the bytes arrive; then the error, and nothing after.
    @Test(
        arguments: [
            ([0x01, 0x01, 0, 0], .oversized(length: 257, limit: 256)),
            ([0xff, 0xff, 0xff, 0xff], .oversized(length: .max, limit: 256)), ([0, 0, 0, 0], .empty),
            ([2, 0, 0, 0, 0x87, 0x00], .malformedType), ([1, 0, 0, 0, 0x87], .malformedType),
            ([6, 0, 0, 0, 0x87, 0x80, 0x80, 0x80, 0x80, 0], .malformedType),
            ([5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x1f], .malformedType),
        ] as [([UInt8], P2PStreamError)])
    func aBadFrameEndsTheStreamAtTheSamePlaceForAnyPieces(bad: [UInt8], expected: P2PStreamError) throws {
        let good = try P2PFrame(type: .time, content: [1, 2, 3])
        let stream = good.bytes + good.bytes + bad + good.bytes
        for seed in 1...20 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let (frames, error, left) = split(stream, maximumFrameSize: 256) {
                seed == 1 ? Int.max : Int.random(in: 1...5, using: &generator)
            }
            #expect(frames == [good, good], "seed \(seed)")
            #expect(error == expected, "seed \(seed)")
            #expect(left == 0)
        }
        var splitter = P2PFrameSplitter(maximumFrameSize: 256)
        splitter.append(bad)
        #expect(throws: expected) { try splitter.next() }
        splitter.append(good.bytes)
        #expect(throws: expected) { try splitter.next() }
        #expect(splitter.bufferedCount == 0)
    }

    @Test func anOversizedFrameIsRefusedBeforeItsBytesCome() throws {
        var splitter = P2PFrameSplitter()
        splitter.append([0x01, 0, 0x80, 0])
        #expect(throws: P2PStreamError.oversized(length: 0x80_0001, limit: ChainLimits.frameSize)) {
            try splitter.next()
        }
        // The longest that is allowed is only waited for.
        var other = P2PFrameSplitter(maximumFrameSize: Int.max)
        other.append([0, 0, 0x80, 0])
        #expect(try other.next() == nil)
    }

    @Test func theLongestFrameAllowedPasses() throws {
        let frame = try P2PFrame(type: .signedBlock, content: [UInt8](repeating: 1, count: 255))
        #expect(split(frame.bytes, maximumFrameSize: 256) { 100 }.frames == [frame])
        #expect(split(frame.bytes, maximumFrameSize: 255) { 100 }.frames == [])
    }

    @Test func aLongStreamLeavesNothingBehind() throws {
        var splitter = P2PFrameSplitter()
        var generator = SeededGenerator(seed: 9)
        let stream = Array(repeating: try P2PFrame(type: .time, content: generator.bytes(32)).bytes, count: 3000)
            .joined()
        var rest = Array(stream)[...]
        var count = 0
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...200, using: &generator))
            rest = rest.dropFirst(piece.count)
            splitter.append(piece)
            while try splitter.next() != nil {
                count += 1
            }
            #expect(splitter.bufferedCount < 37)
        }
        #expect(count == 3000)
    }

    @Test(arguments: [9, 10, 127, 128, 300, UInt32.max] as [UInt32])
    func laterKindsOfMessagesPassUnchanged(code: UInt32) throws {
        let frame = try P2PFrame(type: P2PMessageType(code: code), content: [1, 2, 3])
        let parsed = try #require(split(frame.bytes) { 2 }.frames.first)
        #expect(parsed == frame)
        #expect(parsed.type == .unknown(code))
        #expect(Array(parsed.content) == [1, 2, 3])
        #expect(parsed.block == nil)
    }

    @Test func everyKindHasItsNumber() {
        for code: UInt32 in 0..<20 {
            #expect(P2PMessageType(code: code).code == code)
        }
        #expect(P2PMessageType(code: 7) == .signedBlock)
        #expect(P2PMessageType(code: 0) == .handshake)
        #expect(P2PMessageType(code: 8) == .packedTransaction)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomStreamsNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            var stream = generator.bytes(Int.random(in: 0...60, using: &generator))
            if stream.count > 4 {
                stream.replaceSubrange(1..<4, with: [0, 0, 0])
            }
            for frame in split(stream, size: { Int.random(in: 1...9, using: &generator) }).frames {
                _ = frame.block.map { try? SignedBlock(parsing: $0) }
            }
        }
    }
}
