// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The header of a block: all that its id is made of (`block_header.hpp`).
public struct BlockHeader: Hashable, Sendable {
    public let timestamp: BlockTimestamp
    public let producer: Name
    /// How many blocks before this one the producer confirms for the first time; 65535 once Savanna is active.
    public let confirmed: UInt16
    public let previous: BlockID
    /// The root over the block's transaction receipts; see `SignedBlock.transactionRoot`.
    public let transactionRoot: Checksum256
    /// The root over what the transactions did; only a node that executes them can tell.
    public let actionRoot: Checksum256
    /// The schedule that this block's producer was taken from; grows by one with each.
    public let scheduleVersion: UInt32
    /// The next schedule, on chains without WTMSIG_BLOCK_SIGNATURES; there it comes in extension 1 instead.
    public let newProducers: ProducerSchedule?
    public let extensions: [Extension]

    /// The block's id, computed from the bytes that were parsed.
    public let id: BlockID
    /// The header is the first `packedSize` bytes of the block.
    public let packedSize: Int

    /// The block's number: one more than the previous id's (`block_header.hpp`, `block_num`).
    public var number: UInt32 {
        id.blockNumber
    }

    /// Reads the header that `bytes`, a packed `signed_block`, starts with, and nothing behind it: the rest of the block
    /// may be anything. Allocates only for a header with new producers or extensions.
    public init(parsingPrefixOf bytes: UnsafeRawBufferPointer) throws(MalformedBlock) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
    }

    /// As above. `offset`s in errors count from the first byte of `bytes`.
    public init(parsingPrefixOf bytes: [UInt8]) throws(MalformedBlock) {
        self = try ByteReader.read(bytes) { reader throws(MalformedBlock) in try BlockHeader(from: &reader) }
    }

    /// As above. `offset`s in errors count from the first byte of the slice.
    public init(parsingPrefixOf bytes: ArraySlice<UInt8>) throws(MalformedBlock) {
        self = try ByteReader.read(bytes) { reader throws(MalformedBlock) in try BlockHeader(from: &reader) }
    }

    init(from reader: inout ByteReader) throws(MalformedBlock) {
        let start = reader.offset
        timestamp = BlockTimestamp(slot: try reader.integer(UInt32.self, "timestamp"))
        producer = Name(rawValue: try reader.integer(UInt64.self, "producer"))
        confirmed = try reader.integer(UInt16.self, "confirmed")
        let previousStart = reader.offset
        previous = BlockID(try reader.checksum("previous block id"))
        let (number, overflow) = previous.blockNumber.addingReportingOverflow(1)
        guard !overflow else { throw reader.malformed("previous block id", .noNumberLeft, at: previousStart) }
        transactionRoot = try reader.checksum("transaction root")
        actionRoot = try reader.checksum("action root")
        scheduleVersion = try reader.integer(UInt32.self, "schedule version")
        let hasNewProducers = try reader.flag("flag of new producers")
        newProducers = hasNewProducers ? try ProducerSchedule(from: &reader) : nil
        extensions = try Extension.list(from: &reader, "header extensions")
        packedSize = reader.offset - start
        id = BlockID(number: number, digest: .sha256(reader.bytesRead(since: start)))
    }
}

extension BlockHeader {
    /// A producer schedule as blocks carried it before WTMSIG_BLOCK_SIGNATURES (`producer_schedule.hpp`, `legacy`).
    public struct ProducerSchedule: Hashable, Sendable {
        public struct Producer: Hashable, Sendable {
            public let name: Name
            /// The packed public key, its kind first: 34 bytes for K1 and R1.
            public let key: [UInt8]
        }

        public let version: UInt32
        public let producers: [Producer]

        init(from reader: inout ByteReader) throws(MalformedBlock) {
            version = try reader.integer(UInt32.self, "version of new producers")
            let count = try reader.count("count of new producers", elementSize: 8 + 1 + 33)
            var producers: [Producer] = []
            producers.reserveCapacity(min(count, ChainLimits.reservedCount))
            for _ in 0..<count {
                let name = Name(rawValue: try reader.integer(UInt64.self, "name of a new producer"))
                let start = reader.offset
                try Self.skipPublicKey(&reader)
                producers.append(Producer(name: name, key: Array(reader.bytesRead(since: start))))
            }
            self.producers = producers
        }

        /// K1 and R1 keys are 33 bytes; a webauthn key has the kind of user presence and the site's name behind them
        /// (`public_key.hpp`, `elliptic_webauthn.hpp`).
        private static func skipPublicKey(_ reader: inout ByteReader) throws(MalformedBlock) {
            let kind = try reader.variant("kind of a public key", alternatives: 3)
            try reader.take(33, "public key")
            if kind == 2 {
                _ = try reader.integer(UInt8.self, "user presence of a webauthn key")
                let start = reader.offset
                guard try reader.byteString("site of a webauthn key").count > 0 else {
                    throw reader.malformed("site of a webauthn key", .emptyText, at: start)
                }
            }
        }
    }

    /// An extension of a header or a block: a kind and bytes (`types.hpp`, `extensions_type`). Of a header: 0 activates
    /// protocol features, 1 changes the schedule. Of a block: 2 holds further signatures (`block.hpp`).
    public struct Extension: Hashable, Sendable {
        public let kind: UInt16
        public let data: [UInt8]

        static func list(
            from reader: inout ByteReader, _ what: StaticString
        ) throws(MalformedBlock) -> [Extension] {
            let count = try reader.count(what, elementSize: 2 + 1)
            guard count > 0 else { return [] }
            var extensions: [Extension] = []
            extensions.reserveCapacity(min(count, ChainLimits.reservedCount))
            for _ in 0..<count {
                let kind = try reader.integer(UInt16.self, what)
                extensions.append(Extension(kind: kind, data: Array(try reader.byteString(what))))
            }
            return extensions
        }
    }
}
