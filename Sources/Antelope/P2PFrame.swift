// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The kinds of messages that one nodeos sends another (`net_plugin/protocol.hpp`, `net_message`).
public enum P2PMessageType: Hashable, Sendable {
    case handshake, chainSize, goAway, time, notice, request, syncRequest, signedBlock, packedTransaction
    /// A kind that a later version has brought, by its number: 9 or more. To be passed on as it is.
    case unknown(UInt32)

    private static let known: [P2PMessageType] = [
        .handshake, .chainSize, .goAway, .time, .notice, .request, .syncRequest, .signedBlock, .packedTransaction,
    ]

    public init(code: UInt32) {
        self = code < UInt32(Self.known.count) ? Self.known[Int(code)] : .unknown(code)
    }

    /// The number that stands for the kind on the wire.
    public var code: UInt32 {
        switch self {
        case .handshake: 0
        case .chainSize: 1
        case .goAway: 2
        case .time: 3
        case .notice: 4
        case .request: 5
        case .syncRequest: 6
        case .signedBlock: 7
        case .packedTransaction: 8
        case .unknown(let code): code
        }
    }
}

/// One message from a nodeos to another as it goes over the wire: its length (uint32, little-endian, of what follows), its kind
/// (varuint32), its content.
public struct P2PFrame: Hashable, Sendable {
    /// The whole frame, length included: what to write to pass it on unchanged.
    public let bytes: [UInt8]
    public let type: P2PMessageType
    /// Where the content starts in `bytes`.
    let contentStart: Int

    /// The message behind its kind.
    public var content: ArraySlice<UInt8> {
        bytes[contentStart...]
    }

    /// The packed block that the frame carries; nil when it is of another kind. It has not been looked at.
    public var block: ArraySlice<UInt8>? {
        switch type {
        case .signedBlock: content
        case .handshake, .chainSize, .goAway, .time, .notice, .request, .syncRequest, .packedTransaction, .unknown: nil
        }
    }

    /// A frame that carries `block`, a packed `signed_block` of at most `ChainLimits.blockSize` bytes.
    public init(carrying block: some Collection<UInt8>) throws(P2PStreamError) {
        try self.init(type: .signedBlock, content: block)
    }

    /// A frame of any kind.
    public init(type: P2PMessageType, content: some Collection<UInt8>) throws(P2PStreamError) {
        var code: [UInt8] = []
        code.append(varuint32: type.code)
        let (length, overflow) = content.count.addingReportingOverflow(code.count)
        guard !overflow, length <= ChainLimits.frameSize else {
            throw .oversized(length: UInt32(clamping: length), limit: ChainLimits.frameSize)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(P2PFrameSplitter.lengthSize + length)
        bytes.append(littleEndian: UInt32(clamping: length))
        bytes += code
        contentStart = bytes.count
        bytes += content
        self.bytes = bytes
        self.type = type
    }

    /// `bytes` is a whole frame with its length.
    init(splitOff bytes: [UInt8]) throws(P2PStreamError) {
        var code: UInt32 = 0
        var position = P2PFrameSplitter.lengthSize
        do {
            (code, position) = try ByteReader.read(bytes) { reader throws(MalformedBlock) in
                try reader.take(P2PFrameSplitter.lengthSize, "length of a message")
                return (try reader.varuint32("kind of a message"), reader.offset)
            }
        } catch {
            throw .malformedType
        }
        self.bytes = bytes
        type = P2PMessageType(code: code)
        contentStart = position
    }
}

/// Cuts nodeos's p2p stream into frames. Feed it what the socket gives, in any pieces, and take the frames out:
///
/// ```swift
/// splitter.append(piece)
/// while let frame = try splitter.next() { … }
/// ```
///
/// It holds the beginning of one frame at most, plus what was appended and not taken out yet. After an error the stream
/// cannot be followed any further: the splitter lets go of its bytes, ignores more and repeats the error. Close the link.
public struct P2PFrameSplitter: Sendable {
    /// The size of the length in front of each message.
    static let lengthSize = 4

    /// The longest message, its kind included, in bytes.
    public let maximumFrameSize: Int
    private var buffer: [UInt8] = []
    /// Where the next frame starts in `buffer`.
    private var start = 0
    private var failure: P2PStreamError?

    /// `maximumFrameSize` is held to 1 through `ChainLimits.frameSize`.
    public init(maximumFrameSize: Int = ChainLimits.frameSize) {
        self.maximumFrameSize = min(max(1, maximumFrameSize), ChainLimits.frameSize)
    }

    /// How many bytes wait here: of frames not taken out, and of one that is not complete.
    public var bufferedCount: Int {
        buffer.count - start
    }

    /// Takes the next piece of the stream. Take out all frames before the next: see `next`.
    public mutating func append(_ piece: some Collection<UInt8>) {
        guard failure == nil else { return }
        compact()
        buffer.append(contentsOf: piece)
    }

    /// As above, for bytes that some buffer lends.
    public mutating func append(_ piece: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
        compact()
        buffer.append(contentsOf: piece)
    }

    /// The next frame, or nil until more bytes have come.
    public mutating func next() throws(P2PStreamError) -> P2PFrame? {
        if let failure {
            throw failure
        }
        guard bufferedCount >= Self.lengthSize else { return nil }
        let length = buffer.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        }
        guard length > 0 else { throw fail(.empty) }
        guard length <= UInt32(clamping: maximumFrameSize) else {
            throw fail(.oversized(length: length, limit: maximumFrameSize))
        }
        let size = Self.lengthSize + Int(length)
        guard bufferedCount >= size else { return nil }
        let frame: P2PFrame
        do {
            frame = try P2PFrame(splitOff: Array(buffer[start..<start + size]))
        } catch {
            throw fail(error)
        }
        start += size
        return frame
    }

    /// Drops what was taken out, once it is at least half of the buffer: each byte is moved a few times at most.
    private mutating func compact() {
        guard start > 0, start >= bufferedCount else { return }
        buffer.removeFirst(start)
        start = 0
    }

    private mutating func fail(_ error: P2PStreamError) -> P2PStreamError {
        failure = error
        buffer = []
        start = 0
        return error
    }
}

/// Why a p2p stream cannot be followed any further. Frames taken out before the error are good.
public enum P2PStreamError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A message longer than allowed; nodeos closes the link as well. `length` and `limit` in bytes.
    case oversized(length: UInt32, limit: Int)
    /// A message of no bytes; nodeos closes the link as well.
    case empty
    /// The kind of a message is no varuint32 in its shortest form, or is cut off. nodeos would read some of these, so a
    /// block could come under another spelling of its kind: hence an error, not an unknown kind.
    case malformedType

    public var description: String {
        switch self {
        case .oversized(let length, let limit): "p2p: a message of \(length) bytes; \(limit) are the most"
        case .empty: "p2p: a message of no bytes"
        case .malformedType: "p2p: a message whose kind is not a number in its shortest form"
        }
    }
}
