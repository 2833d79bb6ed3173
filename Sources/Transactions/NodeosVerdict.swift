// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope

/// An answer of a nodeos, byte for byte.
public struct NodeosReply: Hashable, Sendable {
    /// The HTTP status.
    public var status: Int
    public var body: [UInt8]

    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// What an answer of nodeos says of the transaction that was handed in.
public enum NodeosVerdict: Hashable, Sendable {
    /// It is in the block that nodeos is making. Nothing is promised by that.
    case executed(TransactionID)
    /// nodeos has it already, in a block or in the one that it is making (3040008).
    case duplicate
    /// Its expiration is before the block that nodeos is making (3040005).
    case expired
    /// Anything else, failures with a trace among them (202 with `processed.except`).
    case refused

    public init(_ reply: NodeosReply) {
        let verdict = (200..<300).contains(reply.status) ? Self.success(reply.body) : Self.failure(reply.body)
        self = verdict ?? .refused
    }

    private static func success(_ body: [UInt8]) -> NodeosVerdict? {
        var id: TransactionID?
        var hasFailed = false
        do throws(InvalidJSON) {
            var scanner = JSONScanner(body)
            try scanner.object { scanner, name throws(InvalidJSON) in
                switch name {
                case "transaction_id": id = TransactionID(hex: try scanner.string())
                case "processed":
                    if scanner.null() { return }
                    try scanner.object { scanner, name throws(InvalidJSON) in
                        guard name == "except" else { return try scanner.skip() }
                        if scanner.null() { return }
                        hasFailed = true
                        try scanner.skip()
                    }
                default: try scanner.skip()
                }
            }
            try scanner.end()
        } catch {
            return nil
        }
        return hasFailed ? nil : id.map { .executed($0) }
    }

    private static func failure(_ body: [UInt8]) -> NodeosVerdict? {
        var code: UInt64 = 0
        do throws(InvalidJSON) {
            var scanner = JSONScanner(body)
            try scanner.object { scanner, name throws(InvalidJSON) in
                guard name == "error" else { return try scanner.skip() }
                try scanner.object { scanner, name throws(InvalidJSON) in
                    if name == "code" { code = try scanner.integer() } else { try scanner.skip() }
                }
            }
        } catch {
            return nil
        }
        switch code {
        case 3_040_008: return .duplicate
        case 3_040_005: return .expired
        default: return nil
        }
    }
}

extension NodeosReply {
    /// The answer with the block's number and id added as its last members; all else stays as nodeos wrote it. nil unless
    /// it is an object.
    public func adding(_ block: CommittedBlock.Reference) -> NodeosReply? {
        adding(#""block_num":\#(block.number),"block_id":"\#(block.id.hex)""#)
    }

    /// The same with any members.
    public func adding(_ members: String) -> NodeosReply? {
        func isText(_ byte: UInt8) -> Bool { ![0x20, 0x09, 0x0a, 0x0d].contains(byte) }
        guard let end = body.lastIndex(where: isText), body[end] == UInt8(ascii: "}"),
            let before = body[..<end].last(where: isText)
        else { return nil }
        var reply = self
        let comma = before == UInt8(ascii: "{") ? "" : ","
        reply.body.replaceSubrange(end..., with: "\(comma)\(members)}".utf8)
        return reply
    }
}
