// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import DequeModule
import NIOCore

// Calls: one peer asks, the other answers. A call or an answer travels in parts, one whole after the other, and a part
// goes out only when the socket takes it at once: however long they are, no message of the group waits behind more than
// a few parts.

/// A piece of a call or of its answer. Body: u64 number of the call, u8 end, bytes.
struct CallPart: Equatable {
    static let headBytes = 9
    /// The most bytes of a call in one part.
    static let mostBytes = 32 << 10

    /// What comes after a part.
    enum End: UInt8 {
        case more = 0
        case whole = 1
        /// An answer: the call was not looked at. The bytes say why, in UTF-8.
        case refused = 2
        /// An answer: the call may have been carried out, its answer does not travel. The bytes say why, in UTF-8.
        case lost = 3
    }

    var isAnswer: Bool
    /// Numbered by the side that asks.
    var call: UInt64
    var end: End
    var bytes: ByteBuffer

    var frameType: FrameType { isAnswer ? .callAnswer : .call }
    var bodyBytes: Int { Self.headBytes + bytes.readableBytes }

    init(isAnswer: Bool, call: UInt64, end: End, bytes: ByteBuffer) {
        self.isAnswer = isAnswer
        self.call = call
        self.end = end
        self.bytes = bytes
    }

    init(type: FrameType, body: ByteBuffer) throws(FrameError) {
        var reader = BodyReader(body)
        isAnswer = type == .callAnswer
        call = try reader.integer()
        guard let end = End(rawValue: try reader.integer()), isAnswer || end == .more || end == .whole else {
            throw .invalid(field: "end of a call's part")
        }
        self.end = end
        bytes = try reader.slice()
    }
}

extension ByteBuffer {
    mutating func writeFrame(_ part: CallPart) {
        writeHeader(part.frameType, bodyBytes: part.bodyBytes)
        writeMultipleIntegers(part.call, part.end.rawValue, endianness: .little)
        writeImmutableBuffer(part.bytes)
    }
}

/// The calls and answers of one link that wait to be sent, in order.
struct OutgoingCalls {
    private struct Item {
        let isAnswer: Bool
        let call: UInt64
        let end: CallPart.End
        var rest: ByteBuffer
        var isBegun = false
    }

    /// Bytes that may wait.
    let limit: Int
    private var items: Deque<Item> = []
    private(set) var queuedBytes = 0

    init(limit: Int) { self.limit = limit }

    /// Calls and answers of which something waits.
    var count: Int { items.count }

    /// False: there is no room. A reason of the connection's own always has room.
    mutating func append(isAnswer: Bool, call: UInt64, end: CallPart.End, bytes: ByteBuffer) -> Bool {
        guard end == .refused || end == .lost || queuedBytes + bytes.readableBytes <= limit else { return false }
        queuedBytes += bytes.readableBytes
        items.append(Item(isAnswer: isAnswer, call: call, end: end, rest: bytes))
        return true
    }

    /// Takes the next part out.
    mutating func next() -> CallPart? {
        guard var item = items.popFirst() else { return nil }
        let count = min(item.rest.readableBytes, CallPart.mostBytes)
        let isLast = count == item.rest.readableBytes
        guard let bytes = item.rest.readSlice(length: count) else { return nil }
        queuedBytes -= count
        item.isBegun = true
        if !isLast { items.prepend(item) }
        return CallPart(isAnswer: item.isAnswer, call: item.call, end: isLast ? item.end : .more, bytes: bytes)
    }

    /// Drops a call of which nothing was sent. False: it is under way, or was sent.
    mutating func withdraw(_ call: UInt64) -> Bool {
        guard let index = items.firstIndex(where: { !$0.isAnswer && $0.call == call && !$0.isBegun }) else {
            return false
        }
        queuedBytes -= items.remove(at: index).rest.readableBytes
        return true
    }

    /// Whether some of this call waits to be sent, so that the other side cannot have it.
    func holds(_ call: UInt64) -> Bool { items.contains { !$0.isAnswer && $0.call == call } }
}

/// Puts parts together again.
struct IncomingCalls {
    struct Whole: Equatable {
        var isAnswer: Bool
        var call: UInt64
        var end: CallPart.End
        var bytes: [UInt8]
    }

    private var current: (isAnswer: Bool, call: UInt64, bytes: [UInt8])?

    /// nil until the last part is there.
    mutating func take(_ part: CallPart) throws(FrameError) -> Whole? {
        var (isAnswer, call, bytes) = current ?? (part.isAnswer, part.call, [])
        current = nil
        guard isAnswer == part.isAnswer, call == part.call else { throw .invalid(field: "order of a call's parts") }
        let size = bytes.count + part.bytes.readableBytes
        guard size <= LinkLimits.maxCallBytes else { throw .tooLong(bytes: size, limit: LinkLimits.maxCallBytes) }
        bytes += part.bytes.readableBytesView
        if part.end != .more { return Whole(isAnswer: isAnswer, call: call, end: part.end, bytes: bytes) }
        guard part.bytes.readableBytes > 0 else { throw .invalid(field: "length of a call's part") }
        current = (isAnswer, call, bytes)
        return nil
    }
}
