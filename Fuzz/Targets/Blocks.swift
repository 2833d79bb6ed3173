// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

@testable import Antelope

extension Target {
    /// A packed block.
    static let blocks = Target("blocks", maxBytes: 32 << 10) { bytes in
        checkBlock(bytes)
    }

    /// A choice of pieces, then a stream of nodeos's messages.
    static let p2pStream = Target("p2p-stream", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let seed = input.byte()
        let whole = split([input.rest])
        let inPieces = split(input.pieces(seed))
        check(whole == inPieces, "whole: \(whole), in pieces: \(inPieces)")
        if let error = whole.error { checkSentence(error.description) }
        var again: [UInt8] = []
        for frame in whole.frames {
            check(frame.bytes.count <= P2PFrameSplitter.lengthSize + messageLimit, "a frame of \(frame.bytes.count)")
            again += frame.bytes
            check((frame.block != nil) == (frame.type == .signedBlock), "\(frame.type)")
            check((try? P2PFrame(type: frame.type, content: frame.content)) == frame, "another frame: \(frame)")
        }
        check(input.rest.starts(with: again), "frames that are not what came")
        check(whole.error != nil || again.count + whole.bufferedCount == input.rest.count, "bytes were lost")
    }
}

private func checkBlock(_ bytes: [UInt8]) {
    let header: BlockHeader
    do {
        header = try BlockHeader(parsingPrefixOf: bytes)
    } catch {
        checkSentence(error.description)
        check((0...bytes.count).contains(error.offset), "offset \(error.offset) of \(bytes.count)")
        check((try? SignedBlock(parsing: bytes)) == nil, "a block without a header")
        return
    }
    check(header.packedSize <= bytes.count, "a header of \(header.packedSize) bytes")
    check(header.number == header.previous.blockNumber &+ 1 && header.number > 0, "number \(header.number)")
    check(BlockID(hex: header.id.hex) == header.id, header.id.hex)
    check(repacked(header) == Array(bytes.prefix(header.packedSize)), "the header is packed otherwise")
    check((try? BlockHeader(parsingPrefixOf: bytes.prefix(header.packedSize))) == header, "it depends on what follows")
    check((try? BlockHeader(parsingPrefixOf: bytes.prefix(header.packedSize - 1))) == nil, "it needs no last byte")
    let block: SignedBlock
    do {
        block = try SignedBlock(parsing: bytes)
    } catch {
        checkSentence(error.description)
        check((0...bytes.count).contains(error.offset), "offset \(error.offset) of \(bytes.count)")
        return
    }
    check(block.header == header && block.bytes == bytes, "another header than that of the prefix")
    check(block.transactionIDs.count == block.receipts.count, "\(block.transactionIDs.count) ids")
    check((block.transactionRoot == .zero) == block.receipts.isEmpty, "the root \(block.transactionRoot)")
    check(repacked(block) == bytes, "the block is packed otherwise")
    check((try? SignedBlock(parsing: bytes.dropLast())) == nil, "it needs no last byte")
    check((try? SignedBlock(parsing: bytes + [0])) == nil, "it may have more bytes")
}

// Packed anew, by code of its own, from the values alone.

private func integer(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

private func varuint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value % 128 + 128)] + varuint(value / 128)
}

private func string(_ bytes: some Collection<UInt8>) -> [UInt8] { varuint(bytes.count) + bytes }

private func repacked(_ extensions: [BlockHeader.Extension]) -> [UInt8] {
    extensions.reduce(varuint(extensions.count)) { $0 + integer($1.kind) + string($1.data) }
}

private func repacked(_ header: BlockHeader) -> [UInt8] {
    var bytes = integer(header.timestamp.slot) + integer(header.producer.rawValue) + integer(header.confirmed)
    bytes += header.previous.checksum.bytes + header.transactionRoot.bytes + header.actionRoot.bytes
    bytes += integer(header.scheduleVersion)
    if let schedule = header.newProducers {
        bytes += [1] + integer(schedule.version) + varuint(schedule.producers.count)
        for producer in schedule.producers { bytes += integer(producer.name.rawValue) + producer.key }
    } else {
        bytes += [0]
    }
    return bytes + repacked(header.extensions)
}

private func repacked(_ block: SignedBlock) -> [UInt8] {
    var bytes = repacked(block.header) + block.signature.packed + varuint(block.receipts.count)
    for receipt in block.receipts {
        bytes += [receipt.status.rawValue] + integer(receipt.cpuUsageMicroseconds)
        bytes += varuint(Int(receipt.netUsageWords))
        switch receipt.transaction {
        case .id(let id): bytes += [0] + id.bytes
        case .packed(let packed):
            bytes += [1] + block.bytes[packed.signatureList] + [packed.compression.rawValue]
            bytes += string(block.bytes[packed.contextFreeData]) + string(block.bytes[packed.transaction])
        }
    }
    return bytes + repacked(block.extensions)
}

private let messageLimit = 4096

private struct Split: Equatable {
    var frames: [P2PFrame] = []
    var error: P2PStreamError?
    var bufferedCount = 0
}

private func split(_ pieces: [ArraySlice<UInt8>]) -> Split {
    var result = Split()
    var splitter = P2PFrameSplitter(maximumFrameSize: messageLimit)
    for piece in pieces {
        splitter.append(piece)
        do {
            while let frame = try splitter.next() { result.frames.append(frame) }
        } catch {
            check(result.error == nil || result.error == error, "another error, \(error), in \(result)")
            result.error = error
        }
    }
    result.bufferedCount = splitter.bufferedCount
    return result
}
