// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension SignedBlock {
    /// The longest JSON that is read, in bytes: the longest block in hexadecimal digits, and what stands around it.
    public static let longestJSON = 2 * ChainLimits.blockSize + (4 << 20)

    /// Reads what nodeos gives at `/v1/chain/get_raw_block`, all of it, and packs it. Members that the packed form has
    /// no place for are an error, so that nothing is lost unseen; members may come in any order.
    public init(json: [UInt8], _ texts: some ChainTexts) throws(MalformedBlockJSON) {
        guard json.count <= Self.longestJSON else { throw .tooLong(json.count) }
        let packed: [UInt8]
        do {
            var scanner = JSONScanner(json)
            packed = try BlockJSONReader(texts).block(&scanner)
            try scanner.end()
        } catch {
            throw .unread(String(describing: error))
        }
        do {
            try self.init(parsing: packed)
        } catch {
            throw .noBlock(error)
        }
    }
}

/// Why JSON is no block. Nothing may be concluded from it.
public enum MalformedBlockJSON: Error, Hashable, Sendable, CustomStringConvertible {
    /// In bytes.
    case tooLong(Int)
    case unread(String)
    /// It read well, and what was packed from it is no block.
    case noBlock(MalformedBlock)

    public var description: String {
        switch self {
        case .tooLong(let size): "a block as JSON of \(size) bytes; \(SignedBlock.longestJSON) are the most"
        case .unread(let why): "not a block as nodeos writes it: \(why)"
        case .noBlock(let error): String(describing: error)
        }
    }
}

/// Each method reads one value and returns it packed.
private struct BlockJSONReader<Texts: ChainTexts> {
    typealias Scanner = JSONScanner
    let texts: Texts

    init(_ texts: Texts) { self.texts = texts }

    func block(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var parts: [String: [UInt8]] = ["new_producers": [0]]
        try scanner.object { scanner, name throws(InvalidJSON) in
            parts[name] =
                switch name {
                case "timestamp": Self.packed(try timestamp(&scanner))
                case "producer": Self.packed(try self.name(&scanner))
                case "confirmed": Self.packed(try scanner.integer(UInt16.self))
                case "previous", "transaction_mroot", "action_mroot": try checksum(&scanner)
                case "schedule_version": Self.packed(try scanner.integer(UInt32.self))
                case "new_producers": scanner.null() ? [0] : [1] + (try schedule(&scanner))
                case "header_extensions", "block_extensions": try extensions(&scanner)
                case "producer_signature": try signature(&scanner)
                case "transactions": try list(&scanner, receipt)
                default: throw scanner.invalid("a member that blocks have")
                }
        }
        return try Self.join(
            parts,
            [
                "timestamp", "producer", "confirmed", "previous", "transaction_mroot", "action_mroot",
                "schedule_version", "new_producers", "header_extensions", "producer_signature", "transactions",
                "block_extensions",
            ], scanner)
    }

    private func receipt(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var parts: [String: [UInt8]] = [:]
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "status":
                let word = try scanner.string()
                guard let status = TransactionReceipt.Status.allCases.first(where: { $0.jsonName == word }) else {
                    throw scanner.invalid("a transaction's status")
                }
                parts[name] = [status.rawValue]
            case "cpu_usage_us": parts[name] = Self.packed(try scanner.integer(UInt32.self))
            case "net_usage_words": parts[name] = Self.varuint(try scanner.integer(UInt32.self))
            case "trx": parts[name] = try transaction(&scanner)
            default: throw scanner.invalid("a member that receipts have")
            }
        }
        return try Self.join(parts, ["status", "cpu_usage_us", "net_usage_words", "trx"], scanner)
    }

    /// `[0, id]` or `[1, transaction]`.
    private func transaction(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var kind: UInt8?
        var body: [UInt8]?
        try scanner.array { scanner, position throws(InvalidJSON) in
            switch (position, kind) {
            case (0, _): kind = try scanner.integer(UInt8.self)
            case (1, 0): body = try checksum(&scanner)
            case (1, 1): body = try packedTransaction(&scanner)
            default: throw scanner.invalid("a transaction or its id")
            }
        }
        guard let kind, let body else { throw scanner.invalid("a transaction or its id") }
        return [kind] + body
    }

    private func packedTransaction(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var parts: [String: [UInt8]] = [:]
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "signatures": parts[name] = try list(&scanner, signature)
            case "compression":
                let word = try scanner.string()
                guard let compression = PackedTransaction.Compression.allCases.first(where: { $0.jsonName == word })
                else { throw scanner.invalid("a compression") }
                parts[name] = [compression.rawValue]
            case "packed_context_free_data", "packed_trx": parts[name] = try hex(&scanner)
            default: throw scanner.invalid("a member that transactions have")
            }
        }
        return try Self.join(
            parts, ["signatures", "compression", "packed_context_free_data", "packed_trx"], scanner)
    }

    private func schedule(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var parts: [String: [UInt8]] = [:]
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "version": parts[name] = Self.packed(try scanner.integer(UInt32.self))
            case "producers": parts[name] = try list(&scanner, producer)
            default: throw scanner.invalid("a member that schedules have")
            }
        }
        return try Self.join(parts, ["version", "producers"], scanner)
    }

    private func producer(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        var parts: [String: [UInt8]] = [:]
        try scanner.object { scanner, name throws(InvalidJSON) in
            switch name {
            case "producer_name": parts[name] = Self.packed(try self.name(&scanner))
            case "block_signing_key":
                guard let key = texts.packedKey(try scanner.string()) else { throw scanner.invalid("a public key") }
                parts[name] = key
            default: throw scanner.invalid("a member that producers have")
            }
        }
        return try Self.join(parts, ["producer_name", "block_signing_key"], scanner)
    }

    private func extensions(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        try list(&scanner) { scanner throws(InvalidJSON) in
            var parts: [[UInt8]] = []
            try scanner.array { scanner, position throws(InvalidJSON) in
                switch position {
                case 0: parts.append(Self.packed(try scanner.integer(UInt16.self)))
                case 1: parts.append(try hex(&scanner))
                default: throw scanner.invalid("the end of an extension")
                }
            }
            guard parts.count == 2 else { throw scanner.invalid("an extension's kind and data") }
            return parts[0] + parts[1]
        }
    }

    /// The count, then the elements.
    private func list(
        _ scanner: inout Scanner, _ element: (inout Scanner) throws(InvalidJSON) -> [UInt8]
    ) throws(InvalidJSON) -> [UInt8] {
        var count: UInt32 = 0
        var bytes: [UInt8] = []
        try scanner.array { scanner, _ throws(InvalidJSON) in
            guard count < ChainLimits.listCount else { throw scanner.invalid("the end of a list") }
            count += 1
            bytes += try element(&scanner)
        }
        return Self.varuint(count) + bytes
    }

    private func signature(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        guard let signature = texts.signature(try scanner.string()) else { throw scanner.invalid("a signature") }
        return signature.packed
    }

    private func timestamp(_ scanner: inout Scanner) throws(InvalidJSON) -> UInt32 {
        guard let timestamp = BlockTimestamp(try scanner.string()) else { throw scanner.invalid("a slot's time") }
        return timestamp.slot
    }

    private func name(_ scanner: inout Scanner) throws(InvalidJSON) -> UInt64 {
        let text = try scanner.string()
        // The first block's producer is nobody.
        if text.isEmpty { return 0 }
        do { return try Name(text).rawValue } catch { throw scanner.invalid("an account's name") }
    }

    private func checksum(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        guard let checksum = Checksum256(hex: try scanner.string()) else { throw scanner.invalid("64 hex digits") }
        return checksum.bytes
    }

    /// The length, then the bytes.
    private func hex(_ scanner: inout Scanner) throws(InvalidJSON) -> [UInt8] {
        let bytes = try scanner.hexBytes()
        return Self.varuint(UInt32(bytes.count)) + bytes
    }

    private static func packed(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        return bytes
    }

    private static func varuint(_ value: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(varuint32: value)
        return bytes
    }

    private static func join(
        _ parts: [String: [UInt8]], _ order: [String], _ scanner: Scanner
    ) throws(InvalidJSON) -> [UInt8] {
        var bytes: [UInt8] = []
        for name in order {
            guard let part = parts[name] else { throw scanner.invalid("the member \"\(name)\"") }
            bytes += part
        }
        return bytes
    }
}
