// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore
import Testing

@testable import Gate

/// What a reader hands on of a stream that comes in these pieces, with or without its blocks.
private func passed(_ pieces: [ArraySlice<UInt8>], blocks: P2PFrameReader.Verdict) throws -> (
    bytes: [UInt8], frames: UInt64
) {
    var reader = P2PFrameReader(maxFrameBytes: ChainLimits.frameSize)
    var bytes: [UInt8] = []
    for piece in pieces {
        try reader.read(ByteBuffer(bytes: piece)) { type, frame throws(P2PLinkError) in
            if type == .signedBlock {
                do { _ = try SignedBlockView(#require(frame, "a block without its frame")) } catch {
                    Issue.record(error)
                }
            }
            return type == .signedBlock ? blocks : .pass
        } pass: {
            bytes += $0.readableBytesView
        }
    }
    #expect(reader.isAtBoundary && reader.bufferedBytes == 0)
    return (bytes, reader.frames)
}

@Suite struct P2PReaderTests {
    private let stream = Frames.recorded
    private let withoutBlocks = Frames.split(Frames.recorded).filter { $0[4] != 7 }.flatMap { $0 }

    @Test func everySplitOfARecordedStreamPassesByteForByte() throws {
        #expect(stream.count > 8000 && withoutBlocks.count < stream.count)
        for cut in 0...stream.count {
            let pieces = [stream[..<cut], stream[cut...]]
            #expect(try passed(pieces, blocks: .pass).bytes == stream, "cut at \(cut)")
            #expect(try passed(pieces, blocks: .swallow).bytes == withoutBlocks, "cut at \(cut)")
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 1000, 4095, 4096, 5000])
    func piecesOfOneSizePassByteForByte(size: Int) throws {
        let long = stream + Frames.frame(8, [UInt8](repeating: 9, count: 300_000)) + stream
        let pieces = stride(from: 0, to: long.count, by: size).map { long[$0..<min($0 + size, long.count)] }
        let whole = try passed(pieces, blocks: .pass)
        #expect(whole.bytes == long)
        #expect(whole.frames == UInt64(2 * Frames.split(stream).count + 1))
    }

    @Test func framesOfOtherKindsAreNotCopied() throws {
        var reader = P2PFrameReader(maxFrameBytes: ChainLimits.frameSize)
        let chunk = ByteBuffer(bytes: Frames.notice(1) + Frames.notice(2) + Frames.notice(3))
        var runs: [ByteBuffer] = []
        try reader.read(chunk) { _, _ throws(P2PLinkError) in
            .pass
        } pass: {
            runs.append($0)
        }
        #expect(runs.count == 1)
        let (one, other) = (
            chunk.withUnsafeReadableBytes(\.baseAddress), runs.first?.withUnsafeReadableBytes(\.baseAddress)
        )
        #expect(one == other)
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 1], P2PStreamError.empty),
            ([1, 0, 128, 0, 1], .oversized(length: 0x80_0001, limit: 8 << 20)),
            (Array("GET / HTTP/1.1\r\n".utf8), .oversized(length: 0x2054_4547, limit: 8 << 20)),
            // signed_block, spelled with a byte too many.
            ([3, 0, 0, 0, 0x87, 0, 0], .malformedType), ([1, 0, 0, 0, 0x87], .malformedType),
            ([7, 0, 0, 0, 0x87, 0x80, 0x80, 0x80, 0x80, 0, 0], .malformedType),
            ([6, 0, 0, 0, 0x87, 0x80, 0x80, 0x80, 0x10, 0], .malformedType),
        ] as [([UInt8], P2PStreamError)])
    func garbageEndsTheStream(bytes: [UInt8], expected: P2PStreamError) throws {
        for size in [1, 2, 100] {
            var reader = P2PFrameReader(maxFrameBytes: ChainLimits.frameSize)
            #expect(throws: P2PLinkError.badStream(expected)) {
                for start in stride(from: 0, to: bytes.count, by: size) {
                    let piece = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
                    try reader.read(piece) { _, _ throws(P2PLinkError) in
                        .pass
                    } pass: { _ in
                    }
                }
            }
        }
    }
}

@Suite struct P2PGateRuleTests {
    private let id = Frames.id(Frames.blocks[0])
    private let other = Frames.id(Frames.blocks[1])

    private func verdict(
        _ region: P2PIncomingFacts.Region, _ producer: P2PProducer, _ height: P2PHeight,
        _ production: P2PIncomingFacts.Production, _ presence: P2PIncomingFacts.Presence
    ) -> P2PIncomingVerdict {
        P2PIncomingFacts(
            region: region, producer: producer, height: height, production: production, presence: presence
        ).verdict(on: id)
    }

    @Test func blocksOfUnguardedProducersAlwaysPass() {
        for height in [P2PHeight.committed(other), .aboveTheHead, .belowTheLog] {
            for production in [P2PIncomingFacts.Production.paused, .possible, .unknown] {
                #expect(verdict(.active, .unguarded, height, production, .lacksOrUnknown) == .pass)
            }
        }
    }

    @Test func inStandbyEverythingPassesUnlessNodeosWouldLoseIt() {
        for height in [P2PHeight.committed(other), .aboveTheHead, .belowTheLog, .perhapsLeftBehind] {
            #expect(verdict(.standby, .guarded, height, .paused, .lacksOrUnknown) == .pass)
            #expect(verdict(.standby, .guarded, height, .unknown, .lacksOrUnknown) == .pass)
            #expect(verdict(.standby, .guarded, height, .possible, .lacksOrUnknown) == .drop(.nodeosNotPaused))
            #expect(verdict(.standby, .guarded, height, .possible, .has) == .pass)
        }
    }

    @Test func whatAnotherRegionWentOnWithoutStaysOut() {
        for region in [P2PIncomingFacts.Region.standby, .active] {
            for production in [P2PIncomingFacts.Production.paused, .possible, .unknown] {
                for presence in [P2PIncomingFacts.Presence.has, .lacksOrUnknown] {
                    #expect(verdict(region, .guarded, .leftBehind, production, presence) == .drop(.leftBehind))
                }
            }
        }
    }

    @Test func anActiveGroupTakesOnlyWhatItCommitted() {
        for production in [P2PIncomingFacts.Production.paused, .possible, .unknown] {
            for presence in [P2PIncomingFacts.Presence.has, .lacksOrUnknown] {
                let isSafe = production == .paused || presence == .has
                let safe = isSafe ? P2PIncomingVerdict.pass : .drop(.nodeosNotPaused)
                #expect(
                    verdict(.active, .guarded, .committed(other), production, presence) == .drop(.otherBlockCommitted))
                #expect(verdict(.active, .guarded, .aboveTheHead, production, presence) == .drop(.aboveCommittedHead))
                #expect(verdict(.active, .guarded, .committed(id), production, presence) == safe)
                #expect(verdict(.active, .guarded, .belowTheLog, production, presence) == safe)
            }
        }
    }

    /// Every combination, since a block that gets out cannot be taken back.
    @Test func onlyWhatIsCommittedOrCannotBeOursGoesOut() {
        for height in [
            P2PHeight.committed(id), .committed(other), .aboveTheHead, .belowTheLog, .leftBehind, .perhapsLeftBehind,
        ] {
            for bits in 0..<8 {
                let (isSignedHere, isIrreversible, cameIn) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)
                func verdict(_ producer: P2PProducer) -> P2POutgoingVerdict {
                    P2POutgoingFacts(
                        producer: producer, height: height, isSignedHere: isSignedHere, isIrreversible: isIrreversible,
                        cameInOnStandby: cameIn
                    ).verdict(on: id)
                }
                #expect(verdict(.unguarded) == .pass)
                let passes =
                    switch height {
                    case .committed(let committed): committed == id
                    case .leftBehind: false
                    case .perhapsLeftBehind: cameIn
                    case .aboveTheHead, .belowTheLog: !isSignedHere && (isIrreversible || cameIn)
                    }
                #expect(verdict(.guarded) == (passes ? .pass : .hold), "\(height) \(bits)")
            }
        }
    }
}
