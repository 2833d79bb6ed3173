// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Testing

@testable import Harness

/// An outside node that the test plays itself, byte for byte. Its calls block.
final class RawLink {
    struct Frame {
        /// 0 handshake, 2 go away, 3 time, 4 notice, 6 sync request, 7 block, 8 transaction.
        let kind: UInt8
        let content: [UInt8]
    }

    private let socket: Socket
    private var bytes: [UInt8] = []

    init(port: Int, within bound: Duration = Bound.call) throws {
        socket = try Socket(port: port, deadline: .now + bound)
    }

    /// A handshake of Leap's own form (`net_plugin/protocol.hpp`). `info` is an answer of `get_info`: this node has what
    /// that one has, or nothing without `isCaughtUp`.
    static func handshake(_ info: JSON, isCaughtUp: Bool = true) throws -> [UInt8] {
        let chain = try #require(info["chain_id"]?.string.flatMap { Checksum256(hex: $0) })
        let irreversible = info["last_irreversible_block_id"]?.string.flatMap { BlockID(hex: $0) }
        let head = info["head_block_id"]?.string.flatMap { BlockID(hex: $0) }
        var content = little(UInt16(1212)) + chain.bytes + (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        // No key; the time; no token and no signature.
        content += [UInt8](repeating: 0, count: 34)
        content += little(Int64(Date().timeIntervalSince1970 * 1e9)) + [UInt8](repeating: 0, count: 32 + 66)
        content += text("127.0.0.1:1 - test")
        for id in [irreversible, head] {
            let known = isCaughtUp ? id : nil
            content += little(known?.blockNumber ?? 0) + (known?.checksum.bytes ?? [UInt8](repeating: 0, count: 32))
        }
        return frame(0, content + text("linux") + text("test") + little(Int16(1)))
    }

    static func frame(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
        little(UInt32(content.count + 1)) + [kind] + content
    }

    static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// At most 127 bytes.
    private static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    func send(_ bytes: [UInt8], within bound: Duration = Bound.call) throws {
        try socket.send(bytes, deadline: .now + bound)
    }

    /// The next frame; nil once the other end has closed or reset the link.
    func receive(within bound: Duration = Bound.call) throws -> Frame? {
        let deadline = ContinuousClock.now + bound
        while true {
            if bytes.count >= 4 {
                let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
                if bytes.count >= 4 + length {
                    let frame = Frame(kind: bytes[4], content: Array(bytes[5..<4 + length]))
                    bytes.removeFirst(4 + length)
                    return frame
                }
            }
            do {
                let more = try socket.receive(deadline: deadline)
                if more.isEmpty { return nil }
                bytes += more
            } catch SocketError.closed {
                return nil
            }
        }
    }

    /// Whether the other end closes or resets the link within that time.
    func isClosed(within bound: Duration) throws -> Bool {
        let deadline = ContinuousClock.now + bound
        do {
            while try receive(within: deadline - ContinuousClock.now) != nil {}
            return true
        } catch SocketError.timedOut {
            return false
        }
    }
}
