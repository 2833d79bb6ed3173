// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Antelope: the formats of EOSIO-style chains, as prodha needs them to tell one block from another.
//
// - `Name`, `BlockID`, `Checksum256`, `BlockTimestamp`: the small values, in and out of text.
// - `BlockHeader`: a header, its number and its id, read from the front of a packed block: the hot path.
// - `SignedBlock`: a whole packed block, every byte accounted for. `BlockBuilder` makes one.
// - `P2PFrameSplitter`, `P2PFrame`: nodeos's p2p stream cut into messages that can be passed on byte for byte.
//
// Everything here is a pure function of bytes: no I/O, no clock, no threads, no random source. Input comes from
// strangers: nothing in it may trap, nor make us allocate more than a small multiple of what was received.
// The one import allowed is Crypto, for SHA-256.
//
// Strictness. nodeos reads some values that it would never write: a varuint32 longer than need be, bytes left over
// after a message. Its own idea of such a block (it packs the block again to find the id) differs from the bytes we
// hold, so two byte strings could claim one block. All of them are refused: bytes that are accepted here are the only
// way to write that block.

/// The bounds on everything that is read, in one place. Sizes are bytes.
public enum ChainLimits {
    /// The longest p2p message, its type included: twice the send buffer of 4 MiB, beyond which nodeos closes the link
    /// (`net_plugin.cpp`, `start_read_message`).
    public static let frameSize = 8 << 20

    /// The longest packed block that fits in one p2p message after its one byte of type.
    public static let blockSize = frameSize - 1

    /// The most elements that nodeos reads into one list (fc's `MAX_NUM_ARRAY_ELEMENTS`).
    public static let listCount: UInt32 = 1 << 20

    /// The longest byte string or text that nodeos reads (fc's `MAX_SIZE_OF_BYTE_ARRAYS`).
    public static let byteStringSize: UInt32 = 20 << 20

    /// How many elements of a list get room before they are read: until then their count is a stranger's claim.
    static let reservedCount = 256
}
