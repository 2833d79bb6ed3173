// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// How keys and signatures are written as texts: base 58 with a checksum, which layer `Keys` knows.
public protocol ChainTexts {
    func text(of signature: Signature) -> String
    /// nil for a key that is not understood. `packed` is as in `BlockHeader.ProducerSchedule.Producer.key`.
    func text(ofPackedKey packed: [UInt8]) -> String?
    /// nil for what is no signature.
    func signature(_ text: String) -> Signature?
    /// The packed key; nil for what is none.
    func packedKey(_ text: String) -> [UInt8]?
}

extension Signature {
    /// Reads a packed signature, its kind first; nil unless it is that and nothing else.
    public init?(packed bytes: [UInt8]) {
        let signature = try? ByteReader.read(bytes) { reader throws(MalformedBlock) in
            let signature = try Signature(from: &reader, "signature")
            try reader.end("end of the signature")
            return signature
        }
        guard let signature else { return nil }
        self = signature
    }
}

extension SignedBlock {
    /// The block as nodeos takes it at `/v1/chain/push_block` and gives it at `/v1/chain/get_raw_block`: transactions
    /// stay packed, in hexadecimal digits. About twice as long as the packed block. Written straight as bytes.
    ///
    /// The JSON of a block is another way to write the same block: nodeos packs it again. Throws only for a schedule
    /// with a key that `texts` does not know.
    public func json(_ texts: some ChainTexts) throws(UnwritableBlock) -> [UInt8] {
        var json = JSONBytes(room: 1024 + 5 * bytes.count / 2)
        json.text(#"{"timestamp":""#)
        // nodeos writes no Z.
        json.text(header.timestamp.description.dropLast())
        json.text(#"","producer":""#)
        json.text(header.producer.description)
        json.text(#"","confirmed":"#)
        json.number(header.confirmed)
        json.text(#","previous":""#)
        json.checksum(header.previous.checksum)
        json.text(#"","transaction_mroot":""#)
        json.checksum(header.transactionRoot)
        json.text(#"","action_mroot":""#)
        json.checksum(header.actionRoot)
        json.text(#"","schedule_version":"#)
        json.number(header.scheduleVersion)
        if let schedule = header.newProducers {
            json.text(#","new_producers":{"version":"#)
            json.number(schedule.version)
            json.text(#","producers":["#)
            for (index, producer) in schedule.producers.enumerated() {
                guard let key = texts.text(ofPackedKey: producer.key) else { throw .unknownKey(of: producer.name) }
                json.text(index == 0 ? #"{"producer_name":""# : #",{"producer_name":""#)
                json.text(producer.name.description)
                json.text(#"","block_signing_key":""#)
                json.text(key)
                json.text(#""}"#)
            }
            json.text("]}")
        }
        json.text(#","header_extensions":"#)
        json.extensions(header.extensions)
        json.text(#","producer_signature":""#)
        json.text(texts.text(of: signature))
        json.text(#"","transactions":["#)
        for (index, receipt) in receipts.enumerated() {
            if index > 0 { json.text(",") }
            try write(receipt, to: &json, texts)
        }
        json.text(#"],"block_extensions":"#)
        json.extensions(extensions)
        json.text("}")
        return json.bytes
    }

    private func write(
        _ receipt: TransactionReceipt, to json: inout JSONBytes, _ texts: some ChainTexts
    ) throws(UnwritableBlock) {
        json.text(#"{"status":""#)
        json.text(receipt.status.jsonName)
        json.text(#"","cpu_usage_us":"#)
        json.number(receipt.cpuUsageMicroseconds)
        json.text(#","net_usage_words":"#)
        json.number(receipt.netUsageWords)
        switch receipt.transaction {
        case .id(let id):
            json.text(#","trx":[0,""#)
            json.checksum(id)
            json.text(#""]}"#)
        case .packed(let packed):
            json.text(#","trx":[1,{"signatures":["#)
            for (index, signature) in signatures(of: packed).enumerated() {
                json.text(index == 0 ? "\"" : ",\"")
                json.text(texts.text(of: signature))
                json.text("\"")
            }
            json.text(#"],"compression":""#)
            json.text(packed.compression.jsonName)
            json.text(#"","packed_context_free_data":""#)
            json.hex(bytes[packed.contextFreeData])
            json.text(#"","packed_trx":""#)
            json.hex(bytes[packed.transaction])
            json.text(#""}]}"#)
        }
    }

    /// They parsed once already, so none is left out.
    private func signatures(of packed: PackedTransaction) -> [Signature] {
        let list = try? ByteReader.read(bytes[packed.signatureList]) { reader throws(MalformedBlock) in
            var signatures: [Signature] = []
            for _ in 0..<(try reader.count("count of a transaction's signatures", elementSize: 1 + 65)) {
                signatures.append(try Signature(from: &reader, "signature of a transaction"))
            }
            return signatures
        }
        return list ?? []
    }
}

/// Why a block cannot be written as JSON.
public enum UnwritableBlock: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownKey(of: Name)

    public var description: String {
        switch self {
        case .unknownKey(let name): "the block announces a producer, \(name), whose key is of a kind not known here"
        }
    }
}

extension TransactionReceipt.Status {
    /// As nodeos writes it (`block.hpp`).
    public var jsonName: String {
        switch self {
        case .executed: "executed"
        case .softFail: "soft_fail"
        case .hardFail: "hard_fail"
        case .delayed: "delayed"
        case .expired: "expired"
        }
    }
}

extension PackedTransaction.Compression {
    /// As nodeos writes it (`transaction.hpp`).
    var jsonName: String {
        switch self {
        case .none: "none"
        case .zlib: "zlib"
        }
    }
}

/// JSON being written. Texts are known not to need escapes: digits, names, base 58.
private struct JSONBytes {
    private(set) var bytes: [UInt8] = []

    init(room: Int) { bytes.reserveCapacity(room) }

    mutating func text(_ text: some StringProtocol) { bytes.append(contentsOf: text.utf8) }

    mutating func number(_ value: some UnsignedInteger) { text(String(value)) }

    mutating func checksum(_ checksum: Checksum256) { checksum.withUnsafeBytes { hex($0) } }

    mutating func hex(_ data: some Sequence<UInt8>) {
        for byte in data {
            bytes.append(Self.digit(byte >> 4))
            bytes.append(Self.digit(byte & 15))
        }
    }

    mutating func extensions(_ list: [BlockHeader.Extension]) {
        text("[")
        for (index, each) in list.enumerated() {
            text(index == 0 ? "[" : ",[")
            number(each.kind)
            text(",\"")
            hex(each.data)
            text("\"]")
        }
        text("]")
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 - 10 + value }
}
