// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The p2p gate: nodeos talks to the world only through its prodha, which relays p2p streams frame by frame and
// understands one kind of message, `signed_block`. What the group has not committed does not get out; all else passes
// byte for byte, but for the transactions of a message queue.
//
// Read in this order: P2PGateOwner, P2PGateSettings, P2PGate, P2PLink, P2PLinkEnd, P2PLinkReader, P2PSessionOpening.
//
// What an outside node may learn all the same: handshakes and notices name number and id of nodeos's head, of one that
// is kept back too. Its content does not get out: whoever asks for it gets it once it is released.
import Antelope
import NIOCore

/// Who decides what passes. Everything is called on the event loop, and from within the reading of a socket: decide from
/// memory. `P2PGate.release` may be called from any of them.
public protocol P2PGateOwner: AnyObject {
    /// The chain's id, as soon as it is known (nodeos's get_info). Until then `nodeos.p2p.peers` are not dialled, since
    /// the first message of a p2p session names it.
    var chainID: Checksum256? { get }
    /// A block from the local nodeos, asked for every copy: nodeos sends one to every session.
    func outgoing(block: SignedBlockView) -> P2POutgoingVerdict
    /// A block from outside.
    func incoming(block: SignedBlockView) -> P2PIncomingVerdict
    /// Transactions of the local nodeos may have to be kept back: see `withholds`. Stays as it is.
    var mayWithholdTransactions: Bool { get }
    /// A transaction from the local nodeos is not to get out, now or later. `packed`: the digest of the packed transaction,
    /// as it is in the message, compressed or not.
    func withholds(packed: Checksum256) -> Bool
    /// A block was held back for the first time: once per id, of the last `P2PLimits.maxRememberedBlocks` ids. It gets
    /// out by `P2PGate.release` only.
    func held(block: SignedBlockView)
}

public enum P2POutgoingVerdict: Hashable, Sendable {
    case pass
    /// To be kept back, on all links.
    case hold
}

public enum P2PIncomingVerdict: Hashable, Sendable {
    case pass
    case drop(P2PDropReason)
}

/// Why a block from outside is kept from the local nodeos. The link stays.
public enum P2PDropReason: String, Hashable, Sendable, CaseIterable {
    /// The group committed another block at this height.
    case otherBlockCommitted = "other_block_committed"
    /// Above the committed head: what the group commits comes to nodeos by the feed.
    case aboveCommittedHead = "above_committed_head"
    /// Another region went on without it.
    case leftBehind = "left_behind"
    /// nodeos is not known to be paused: it would drop the block and never take it over p2p again.
    case nodeosNotPaused = "nodeos_not_paused"
}

/// A block on its way through the gate. It has been parsed as far as its header; that the rest is a block is not known.
public struct SignedBlockView: Sendable {
    public let header: BlockHeader
    /// The frame, length and kind included: a part of what the socket gave, not copied.
    let frame: ByteBuffer
    let contentStart: Int

    init(_ frame: P2PWholeFrame) throws(MalformedBlock) {
        self.frame = frame.bytes
        contentStart = frame.contentStart
        header = try frame.bytes.withUnsafeReadableBytes { bytes throws(MalformedBlock) in
            try BlockHeader(parsingPrefixOf: UnsafeRawBufferPointer(rebasing: bytes[frame.contentStart...]))
        }
    }

    public var number: UInt32 { header.number }
    public var id: BlockID { header.id }
    public var previous: BlockID { header.previous }
    public var producer: Name { header.producer }
    public var timestamp: BlockTimestamp { header.timestamp }

    /// The producer's signature, if it is of kind K1. nil for others, and when the bytes end before it does.
    public var signature: Signature? {
        let start = frame.readerIndex + contentStart + header.packedSize
        guard frame.getInteger(at: start, as: UInt8.self) == Signature.Kind.k1.rawValue,
            let bytes = frame.getBytes(at: start + 1, length: 65)
        else { return nil }
        return Signature(k1: bytes)
    }

    /// Bytes of the packed block.
    public var packedSize: Int { frame.readableBytes - contentStart }

    /// The packed block, copied out of the frame: its one copy.
    public var packed: [UInt8] {
        Array(frame.readableBytesView.dropFirst(contentStart))
    }
}
