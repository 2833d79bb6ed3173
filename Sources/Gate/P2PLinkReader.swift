// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore

/// Cuts one direction of a p2p stream into frames and hands on those that may pass: runs of them as they lie in what the
/// socket gave, neither copied nor looked at behind their kind. Only whole frames are handed on, so that something may be
/// written between any two runs. A frame with a block that came in several pieces is joined, its one copy.
///
/// Holds the beginning of one frame at most, and of it never much more memory than has come.
struct P2PFrameReader {
    /// The length in front of each message, in bytes.
    static let lengthBytes = 4
    /// Length and the longest kind, in bytes.
    private static let headBytes = lengthBytes + 5
    /// A smaller piece is copied behind the one before: a byte each must not cost a buffer each.
    private static let keptPieceBytes = 4096

    enum Verdict { case pass, swallow }

    /// The longest message, its kind included, in bytes.
    let maxFrameBytes: Int
    /// The same for the first one.
    var maxFirstFrameBytes: Int
    /// Transactions are shown too.
    let showsTransactions: Bool
    /// Frames that were whole.
    private(set) var frames: UInt64 = 0

    /// A frame that is not whole yet: its pieces, their size, and its first bytes up to `headBytes`.
    private var pieces: [ByteBuffer] = []
    private var pendingBytes = 0
    private var head: [UInt8] = []

    init(maxFrameBytes: Int, showsTransactions: Bool = false) {
        self.maxFrameBytes = maxFrameBytes
        self.showsTransactions = showsTransactions
        maxFirstFrameBytes = maxFrameBytes
    }

    /// The stream stands between two frames.
    var isAtBoundary: Bool { pendingBytes == 0 }

    /// Bytes of a frame that is not whole yet.
    var bufferedBytes: Int { pendingBytes }

    /// Takes the next piece of the stream. `judge` is called for each frame once it is whole, with the frame itself when
    /// it is a block, a handshake, a go_away, a time, or a transaction that is to be shown; everything before it has been given to `pass` by then. After an
    /// error the stream cannot be followed: close the link.
    mutating func read(
        _ chunk: ByteBuffer,
        judge: (P2PMessageType, P2PWholeFrame?) throws(P2PLinkError) -> Verdict,
        pass: (ByteBuffer) -> Void
    ) throws(P2PLinkError) {
        var chunk = chunk
        if pendingBytes > 0 {
            try complete(&chunk, judge: judge, pass: pass)
            guard pendingBytes == 0 else { return }
        }
        // Frames that lie whole in this chunk, from here to `position`, and may pass.
        var runStart = chunk.readerIndex
        var position = runStart
        let end = chunk.writerIndex
        func run(upTo position: Int) {
            guard position > runStart, let run = chunk.getSlice(at: runStart, length: position - runStart) else {
                return
            }
            pass(run)
        }
        do throws(P2PLinkError) {
            while end - position >= Self.lengthBytes {
                let size = try frameSize(chunk.getInteger(at: position, endianness: .little, as: UInt32.self) ?? 0)
                guard size <= end - position else { break }
                let (type, contentStart) = try Self.kind(
                    (position..<min(position + size, position + Self.headBytes)).lazy.map {
                        chunk.getInteger(at: $0, as: UInt8.self) ?? 0
                    })
                frames += 1
                var frame: P2PWholeFrame?
                if isShown(type) {
                    run(upTo: position)
                    runStart = position
                    frame = chunk.getSlice(at: position, length: size).map {
                        P2PWholeFrame($0, contentStart: contentStart)
                    }
                }
                let verdict = try judge(type, frame)
                if verdict == .swallow {
                    run(upTo: position)
                    runStart = position + size
                }
                position += size
            }
        } catch {
            // What stands before the error is good.
            run(upTo: position)
            throw error
        }
        run(upTo: position)
        if position < end, let rest = chunk.getSlice(at: position, length: end - position) { try keep(rest) }
    }

    /// Adds to the frame that was begun before, and hands it on when it is whole.
    private mutating func complete(
        _ chunk: inout ByteBuffer,
        judge: (P2PMessageType, P2PWholeFrame?) throws(P2PLinkError) -> Verdict,
        pass: (ByteBuffer) -> Void
    ) throws(P2PLinkError) {
        if head.count < Self.lengthBytes {
            let missing = min(Self.lengthBytes - head.count, chunk.readableBytes)
            if let part = chunk.readSlice(length: missing) { try keep(part) }
            guard head.count >= Self.lengthBytes else { return }
        }
        let size = try pendingSize()
        if let part = chunk.readSlice(length: min(size - pendingBytes, chunk.readableBytes)) { try keep(part) }
        guard pendingBytes == size else { return }
        let (type, contentStart) = try Self.kind(head.prefix(size))
        frames += 1
        var whole = pieces
        forget()
        var frame: P2PWholeFrame?
        if isShown(type), var joined = whole.first {
            if whole.count > 1 {
                joined.reserveCapacity(size)
                for piece in whole.dropFirst() { joined.writeImmutableBuffer(piece) }
                whole = [joined]
            }
            frame = P2PWholeFrame(joined, contentStart: contentStart)
        }
        if try judge(type, frame) == .pass { for piece in whole { pass(piece) } }
    }

    private func isShown(_ type: P2PMessageType) -> Bool {
        type == .signedBlock || type == .handshake || type == .goAway || type == .time
            || showsTransactions && type == .packedTransaction
    }

    private mutating func keep(_ piece: ByteBuffer) throws(P2PLinkError) {
        guard piece.readableBytes > 0 else { return }
        if head.count < Self.headBytes { head += piece.readableBytesView.prefix(Self.headBytes - head.count) }
        pendingBytes += piece.readableBytes
        if piece.readableBytes >= Self.keptPieceBytes {
            pieces.append(piece)
        } else if !pieces.isEmpty {
            pieces[pieces.count - 1].writeImmutableBuffer(piece)
        } else {
            pieces.append(ByteBuffer(bytes: piece.readableBytesView))
        }
        if head.count >= Self.lengthBytes { _ = try pendingSize() }
    }

    /// Lets go of a frame that was begun.
    private mutating func forget() {
        pieces = []
        pendingBytes = 0
        head.removeAll(keepingCapacity: true)
    }

    private func pendingSize() throws(P2PLinkError) -> Int {
        try frameSize(head.prefix(Self.lengthBytes).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// The size of a frame, its length included.
    private func frameSize(_ length: UInt32) throws(P2PLinkError) -> Int {
        guard length > 0 else { throw .badStream(.empty) }
        let limit = frames == 0 ? maxFirstFrameBytes : maxFrameBytes
        guard length <= UInt32(clamping: limit) else { throw .badStream(.oversized(length: length, limit: limit)) }
        return Self.lengthBytes + Int(length)
    }

    /// The kind of a frame that starts with `head`, a varuint32 in its shortest form, and where the content starts.
    ///
    /// Shortest, since nodeos reads longer ones too: a block could come under another spelling of its kind.
    private static func kind(_ head: some Collection<UInt8>) throws(P2PLinkError) -> (P2PMessageType, Int) {
        var code: UInt64 = 0
        var count = 0
        for byte in head.dropFirst(lengthBytes) {
            code |= UInt64(byte & 0x7f) << UInt64(7 * count)
            count += 1
            guard byte < 0x80 else { continue }
            guard code <= UInt32.max, byte != 0 || count == 1 else { break }
            return (P2PMessageType(code: UInt32(code)), lengthBytes + count)
        }
        throw .badStream(.malformedType)
    }
}

/// A frame that somebody looks into.
struct P2PWholeFrame {
    /// The whole frame, length included.
    let bytes: ByteBuffer
    /// Where its content starts, counted from the first byte of `bytes`.
    let contentStart: Int

    init(_ bytes: ByteBuffer, contentStart: Int) {
        self.bytes = bytes
        self.contentStart = contentStart
    }

    /// The sender's time of day when it wrote a message of `type`, in nanoseconds since 1970; nil if such a message does
    /// not tell. (`net_plugin/protocol.hpp`: `handshake_message::time`, `time_message::xmt`.)
    func sentAt(_ type: P2PMessageType) -> Int64? {
        let offset: Int
        switch type {
        case .handshake: offset = 2 + 32 + 32 + 34  // version, chain, node, key of an elliptic curve
        case .time: offset = 2 * 8  // org, rec
        case .chainSize, .goAway, .notice, .request, .syncRequest, .signedBlock, .packedTransaction, .unknown:
            return nil
        }
        return bytes.getInteger(at: bytes.readerIndex + contentStart + offset, endianness: .little)
    }
}

/// Why a link cannot go on. The reason goes into log and status.
enum P2PLinkError: Error, Hashable, CustomStringConvertible {
    case badStream(P2PStreamError)
    case badBlock(MalformedBlock)
    /// The first message was of another kind than a handshake.
    case noHandshake(P2PMessageType)
    /// The local nodeos is of a kind whose blocks the gate would not know.
    case unknownProtocol(UInt16)
    /// The local nodeos answered the gate's handshake with go_away; the number is nodeos's reason, nil if it gave none.
    case openingRefused(UInt8?)

    var description: String {
        switch self {
        case .badStream(let error): error.description
        case .badBlock(let error): "p2p: a block that is none: \(error)"
        case .noHandshake(let type): "p2p: it began with a message of kind \(type.code), not with a handshake"
        case .openingRefused(let reason):
            "p2p: the local nodeos refused the gate's handshake (go_away, reason \(reason.map(String.init) ?? "?"); "
                + "3 is another chain)"
        case .unknownProtocol(let version):
            "p2p: network version \(version) (EOSIO 2.1), which sends blocks in another form, cannot be guarded; "
                + "use EOSIO 2.0 or Leap"
        }
    }
}
