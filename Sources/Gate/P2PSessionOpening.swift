// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import NIOCore

/// What makes two nodeos talk that were both dialled by the gate. The side of a session that was dialled is silent until
/// it got a handshake, so both would be silent for ever.
///
/// The gate says a handshake to the local nodeos: a node without a name, without blocks, of the same chain. nodeos answers
/// with a notice and with its own first handshake. The notice is swallowed, since it answers nobody; the handshake goes to
/// the peer, who takes it for that of a node that dialled it, and answers with its own. That one the local nodeos takes as
/// a new state of the other side, as it takes any later handshake, and from there on everything passes.
enum P2PSessionOpening {
    /// `net_version_base` + `proto_leap_initial`: what Leap says; EOSIO 2.0 takes it too, as one of its future.
    static let networkVersion: UInt16 = 1212
    /// Those of EOSIO 2.1, whose blocks have another form and go by another kind of message (`net_plugin.cpp`,
    /// `proto_pruned_types` to `proto_dup_node_id_goaway`).
    static let unknownVersions: ClosedRange<UInt16> = 1208...1211

    /// `net_plugin/protocol.hpp`, `handshake_message`. `unixMilliseconds` is now.
    static func handshake(chainID: Checksum256, nodeID: [UInt8], unixMilliseconds: Int64) -> ByteBuffer {
        var content = ByteBuffer()
        content.writeInteger(networkVersion, endianness: .little)
        content.writeBytes(chainID.bytes)
        content.writeBytes(nodeID.prefix(32))
        content.writeRepeatingByte(0, count: 34 + max(0, 32 - nodeID.count))  // a key: none
        content.writeInteger(unixMilliseconds &* 1_000_000, endianness: .little)
        content.writeRepeatingByte(0, count: 32 + 66)  // a token and a signature: none
        content.writeText("127.0.0.1:1 - prodha")
        // Last irreversible block and head: none.
        content.writeRepeatingByte(0, count: 2 * (4 + 32))
        content.writeText("linux")
        content.writeText("prodha")
        content.writeInteger(Int16(1), endianness: .little)  // generation
        return frame(.handshake, content)
    }

    /// A whole frame around `content`.
    static func frame(_ type: P2PMessageType, _ content: ByteBuffer) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.reserveCapacity(5 + content.readableBytes)
        frame.writeInteger(UInt32(clamping: 1 + content.readableBytes), endianness: .little)
        frame.writeInteger(UInt8(truncatingIfNeeded: type.code))
        frame.writeImmutableBuffer(content)
        return frame
    }

    /// Throws when a handshake of the local nodeos says that the gate would not know its blocks.
    static func check(_ handshake: P2PWholeFrame) throws(P2PLinkError) {
        let start = handshake.bytes.readerIndex + handshake.contentStart
        guard let version = handshake.bytes.getInteger(at: start, endianness: .little, as: UInt16.self) else { return }
        if unknownVersions.contains(version) { throw .unknownProtocol(version) }
    }
}

extension ByteBuffer {
    /// At most 127 bytes.
    fileprivate mutating func writeText(_ text: String) {
        writeInteger(UInt8(clamping: text.utf8.count))
        writeString(text)
    }
}
