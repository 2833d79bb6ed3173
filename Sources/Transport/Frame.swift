// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

// A frame: u32 length of the body, u8 type, body. All integers are little endian.

/// What a frame's body is. The numbers never change their meaning; greeting and refusal never change their head either,
/// so that peers of any two versions can tell each other why they do not get along.
enum FrameType: UInt8, CaseIterable {
    case greeting = 1
    /// One sentence, UTF-8: why the sender closes this connection.
    case refusal = 2
    case ping = 3
    case pong = 4
    case report = 5
    /// A part of a call of the other side's owner, and a part of its answer.
    case call = 6
    case callAnswer = 7

    case preVoteRequest = 16
    case preVoteResponse = 17
    case voteRequest = 18
    case voteResponse = 19
    case append = 20
    case appendResponse = 21
    case installSnapshot = 22
    case timeoutNow = 23
    case transferRequest = 24

    /// The bytes before a body.
    static let headerBytes = 5
}

/// Asks for a pong.
struct Ping: Equatable {
    static let bodyBytes = 16

    /// The sender's own clock, in nanoseconds. Comes back with the pong and means nothing to the receiver.
    var stamp: UInt64
    /// The sender's wall clock, in milliseconds since 1970.
    var wallClock: Int64
}

/// Answers a ping: the same stamp, and the answering side's wall clock.
struct Pong: Equatable {
    static let bodyBytes = 16

    var stamp: UInt64
    var wallClock: Int64
}

extension Ping {
    init(body: ByteBuffer) throws(FrameError) {
        var reader = BodyReader(body)
        stamp = try reader.integer()
        wallClock = try reader.integer()
        try reader.end()
    }
}

extension Pong {
    init(body: ByteBuffer) throws(FrameError) {
        let ping = try Ping(body: body)
        stamp = ping.stamp
        wallClock = ping.wallClock
    }
}

extension ByteBuffer {
    mutating func writeHeader(_ type: FrameType, bodyBytes: Int) {
        writeMultipleIntegers(UInt32(bodyBytes), type.rawValue, endianness: .little)
    }

    mutating func writeFrame(_ ping: Ping) {
        writeHeader(.ping, bodyBytes: Ping.bodyBytes)
        writeMultipleIntegers(ping.stamp, ping.wallClock, endianness: .little)
    }

    mutating func writeFrame(_ pong: Pong) {
        writeHeader(.pong, bodyBytes: Pong.bodyBytes)
        writeMultipleIntegers(pong.stamp, pong.wallClock, endianness: .little)
    }

    mutating func writeFrame(report: [UInt8]) {
        writeHeader(.report, bodyBytes: report.count)
        writeBytes(report)
    }

    mutating func writeFrame(refusal: String) {
        let bytes = Array(refusal.utf8.prefix(LinkLimits.maxRefusalBytes))
        writeHeader(.refusal, bodyBytes: bytes.count)
        writeBytes(bytes)
    }
}

/// Cuts a stream of bytes into frames.
struct FrameReader {
    struct Frame: Equatable {
        var type: FrameType
        var body: ByteBuffer
    }

    /// Up to so much unread input is moved to a buffer of its own, so that a large frame's buffer is given back.
    private static let smallBytes = 64 << 10

    /// The longest body that is taken.
    var maxBodyBytes: Int
    private var pending = ByteBuffer()

    init(maxBodyBytes: Int) { self.maxBodyBytes = maxBodyBytes }

    /// Bytes that wait for the rest of their frame.
    var pendingBytes: Int { pending.readableBytes }

    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            var bytes = bytes
            pending.writeBuffer(&bytes)
        }
    }

    /// The next whole frame; nil until more bytes arrive. A frame that cannot be taken is refused by its header alone.
    mutating func next() throws(FrameError) -> Frame? {
        guard
            let (length, code) = pending.peekMultipleIntegers(endianness: .little, as: (UInt32, UInt8).self)
        else { return nil }
        guard let type = FrameType(rawValue: code) else { throw .unknownType(code) }
        guard Int(length) <= maxBodyBytes else { throw .tooLong(bytes: Int(length), limit: maxBodyBytes) }
        guard pending.readableBytes >= FrameType.headerBytes + Int(length) else { return nil }
        pending.moveReaderIndex(forwardBy: FrameType.headerBytes)
        guard let body = pending.readSlice(length: Int(length)) else { throw .truncated }
        return Frame(type: type, body: body)
    }

    /// Gives back the memory of frames that were read. To be called once no slice of them is in use.
    mutating func trim() {
        if pending.readableBytes == 0 {
            pending = ByteBuffer()
        } else if pending.readerIndex > 0 {
            if pending.readableBytes <= Self.smallBytes, pending.capacity > 4 * Self.smallBytes {
                pending = ByteBuffer(bytes: pending.readableBytesView)
            } else {
                pending.discardReadBytes()
            }
        }
    }

    /// The first bytes that did not make a frame, for telling what the other side may be.
    var firstBytes: [UInt8] { Array(pending.readableBytesView.prefix(8)) }
}
