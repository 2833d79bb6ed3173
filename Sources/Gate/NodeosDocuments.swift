// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Keys

/// What nodeos says of itself (`/v1/chain/get_info`), as far as prodha cares.
public struct NodeosInfo: Hashable, Sendable {
    public var chainID: Checksum256
    public var head: BlockPosition
    /// The slot of the head, and who made it; nil for the first block of a chain, which nobody made.
    public var headTime: BlockTimestamp
    public var headProducer: Name?
    /// The last irreversible block: nodeos never leaves it again.
    public var irreversible: BlockPosition

    public init(
        chainID: Checksum256, head: BlockPosition, headTime: BlockTimestamp, headProducer: Name? = nil,
        irreversible: BlockPosition
    ) {
        self.chainID = chainID
        self.head = head
        self.headTime = headTime
        self.headProducer = headProducer
        self.irreversible = irreversible
    }
}

/// A place in a chain.
public struct BlockPosition: Hashable, Sendable, CustomStringConvertible {
    public var id: BlockID
    public var number: UInt32 { id.blockNumber }

    public init(_ id: BlockID) { self.id = id }

    public var description: String { "\(number) (\(id.hex.prefix(16)))" }
}

/// Why a call to nodeos gave nothing, by what may be concluded from it.
public enum NodeosFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was sent: nodeos does not run, or not there.
    case unreachable(String)
    /// It was sent and not answered in time, or the connection broke. nodeos may carry it out yet.
    case noAnswer(String)
    /// nodeos said no, in its own words.
    case refused(status: Int, message: String)
    /// What came is not what nodeos answers. Whether it was carried out is unknown.
    case garbage(String)

    public var description: String {
        switch self {
        case .unreachable(let why), .noAnswer(let why): why
        case .refused(let status, let message): "nodeos answers \(status): \(message)"
        case .garbage(let what): "the answer is not one of nodeos: \(what); is this the right port?"
        }
    }
}

enum NodeosDocuments {
    /// nodeos's words in our messages: at most so many characters.
    static let longestMessage = 300

    static func info(_ json: [UInt8]) throws(InvalidJSON) -> NodeosInfo {
        var scanner = JSONScanner(json)
        var ids: [String: Checksum256] = [:]
        var numbers: [String: UInt32] = [:]
        var time: BlockTimestamp?
        var producer: Name?
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "chain_id", "head_block_id", "last_irreversible_block_id": ids[name] = try checksum(&scanner)
            case "head_block_num", "last_irreversible_block_num": numbers[name] = try scanner.integer(UInt32.self)
            case "head_block_time":
                time = BlockTimestamp(try scanner.string())
                if time == nil { throw scanner.invalid("a slot's time") }
            case "head_block_producer": producer = try? Name(try scanner.string())
            default: try scanner.skip()
            }
        }
        try scanner.end()
        guard let chain = ids["chain_id"], let head = ids["head_block_id"], let time,
            let irreversible = ids["last_irreversible_block_id"]
        else { throw scanner.invalid("a member of get_info") }
        let info = NodeosInfo(
            chainID: chain, head: BlockPosition(BlockID(head)), headTime: time, headProducer: producer,
            irreversible: BlockPosition(BlockID(irreversible)))
        guard numbers["head_block_num"] == info.head.number,
            numbers["last_irreversible_block_num"] == info.irreversible.number,
            info.irreversible.number <= info.head.number
        else { throw scanner.invalid("numbers that fit their ids") }
        return info
    }

    /// The member `id` of `get_block_info` and `get_block`.
    static func blockID(_ json: [UInt8]) throws(InvalidJSON) -> BlockID {
        var scanner = JSONScanner(json)
        var id: BlockID?
        try scanner.object { scanner, name throws(InvalidJSON) in
            if name == "id" { id = BlockID(try checksum(&scanner)) } else { try scanner.skip() }
        }
        try scanner.end()
        guard let id else { throw scanner.invalid("the member \"id\"") }
        return id
    }

    static func bool(_ json: [UInt8]) throws(InvalidJSON) -> Bool {
        var scanner = JSONScanner(json)
        let value = try scanner.bool()
        try scanner.end()
        return value
    }

    /// What went wrong, out of an answer in nodeos's form of errors, and the number of its error; nil when it has none.
    static func error(_ json: [UInt8]) -> (code: UInt64, message: String)? {
        var scanner = JSONScanner(json)
        var code: UInt64 = 0
        var name = ""
        var messages: [String] = []
        func details(_ scanner: inout JSONScanner) throws(InvalidJSON) {
            try scanner.array { scanner, _ throws(InvalidJSON) in
                try scanner.object { scanner, member throws(InvalidJSON) in
                    guard member == "message" else { return try scanner.skip() }
                    let message = try scanner.string()
                    if messages.count < 3 { messages.append(message) }
                }
            }
        }
        do throws(InvalidJSON) {
            try scanner.object { scanner, member throws(InvalidJSON) in
                switch member {
                case "error":
                    try scanner.object { scanner, member throws(InvalidJSON) in
                        switch member {
                        case "code": code = try scanner.integer(UInt64.self)
                        case "what": name = try scanner.string()
                        case "details": try details(&scanner)
                        default: try scanner.skip()
                        }
                    }
                case "message": messages.append(try scanner.string())
                default: try scanner.skip()
                }
            }
        } catch {
            return nil
        }
        var all: [String] = []
        for text in messages + [name] where !text.isEmpty && !all.contains(text) { all.append(text) }
        return (code, printable(all.joined(separator: ": ")))
    }

    /// Text from elsewhere on one line: without what a terminal or a log would act on, and not too long.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(longestMessage) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result.append(" ")
            default: result.append(scalar)
            }
        }
        return String(result) + (text.unicodeScalars.count > longestMessage ? "..." : "")
    }

    private static func checksum(_ scanner: inout JSONScanner) throws(InvalidJSON) -> Checksum256 {
        guard let checksum = Checksum256(hex: try scanner.string()) else { throw scanner.invalid("64 hex digits") }
        return checksum
    }
}

/// Keys and signatures of blocks in and out of text.
public struct KeyTexts: ChainTexts {
    /// A signature of more characters is not read: its time grows with the square of them. Only those of WebAuthn reach
    /// a few hundred.
    static let longestText = 4096

    public init() {}

    public func text(of signature: Signature) -> String { signature.text }

    public func text(ofPackedKey packed: [UInt8]) -> String? {
        (try? PublicKey(packed: packed)).map(\.description)
    }

    public func packedKey(_ text: String) -> [UInt8]? { (try? PublicKey(text: text))?.packed }

    public func signature(_ text: String) -> Signature? {
        if let signature = try? Signature(text: text) { return signature }
        guard text.utf8.count <= Self.longestText else { return nil }
        let prefixes: [(String, Signature.Kind)] = [("SIG_R1_", .r1), ("SIG_WA_", .webAuthn)]
        guard let (prefix, kind) = prefixes.first(where: { text.hasPrefix($0.0) }),
            let bytes = Self.bytes(ofBase58: text.utf8.dropFirst(prefix.utf8.count)), bytes.count > 4,
            let signature = Signature(packed: [kind.rawValue] + bytes.dropLast(4))
        else { return nil }
        // This compares the checksum as well.
        return signature.text == text ? signature : nil
    }

    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    private static func bytes(ofBase58 text: Substring.UTF8View.SubSequence) -> [UInt8]? {
        // Least significant byte first.
        var bytes: [UInt8] = []
        for digit in text {
            guard var carry = alphabet.firstIndex(of: digit) else { return nil }
            for index in bytes.indices {
                carry += Int(bytes[index]) * 58
                bytes[index] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            if carry > 0 { bytes.append(UInt8(truncatingIfNeeded: carry)) }
        }
        let zeros = text.prefix { $0 == alphabet[0] }.count
        return [UInt8](repeating: 0, count: zeros) + bytes.reversed()
    }
}
