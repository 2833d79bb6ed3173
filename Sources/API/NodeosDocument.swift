// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension StatusDocument {
    /// The nodeos beside this peer, and the gates around it.
    public struct Nodeos: Codable, Hashable, Sendable {
        /// Its HTTP address.
        public var http: String
        public var reachable: Bool
        /// `well`, `unreachable`, `wrong_chain`, `behind` or `diverged`.
        public var condition: String
        /// `unknown`, `pausing`, `paused` or `resumed`: what it was told, and is known to do.
        public var production: String
        /// Null before its first answer, like all below.
        @Nullable public var chainID: String?
        @Nullable public var head: BlockReference?
        @Nullable public var lastIrreversibleBlockNum: UInt32?
        /// The group's head minus nodeos's, in blocks; negative when nodeos is ahead.
        @Nullable public var distance: Int64?
        /// By how much nodeos's time of day is ahead of this machine's, as far as it is known.
        @Nullable public var clockOffsetMS: Milliseconds?
        /// What it refused or did not do last, in words.
        @Nullable public var problem: String?
        /// Null when no signature gate is configured.
        @Nullable public var signer: Signer?
        /// Null when no p2p gate is configured.
        @Nullable public var p2p: P2P?

        public init(http: String, reachable: Bool, condition: String = "well", production: String = "unknown") {
            self.http = http
            self.reachable = reachable
            self.condition = condition
            self.production = production
        }

        private enum CodingKeys: String, CodingKey {
            case http, reachable, condition, production, head, distance, problem, signer, p2p
            case chainID = "chain_id"
            case lastIrreversibleBlockNum = "last_irreversible_block_num"
            case clockOffsetMS = "clock_offset_ms"
        }
    }

    /// The signature gate, since the process started.
    public struct Signer: Codable, Hashable, Sendable {
        public var publicKey: String
        public var signed: UInt64
        /// Requests for a digest that was signed just before.
        public var repeated: UInt64
        /// By reason.
        public var refused: [String: UInt64]
        public var malformed: UInt64
        /// A signature is out whose block is not committed.
        public var outstanding: Bool

        public init(
            publicKey: String, signed: UInt64, repeated: UInt64, refused: [String: UInt64], malformed: UInt64,
            outstanding: Bool
        ) {
            self.publicKey = publicKey
            self.signed = signed
            self.repeated = repeated
            self.refused = refused
            self.malformed = malformed
            self.outstanding = outstanding
        }

        private enum CodingKeys: String, CodingKey {
            case signed, repeated, refused, malformed, outstanding
            case publicKey = "public_key"
        }
    }

    /// The p2p gate; counts are since the process started.
    public struct P2P: Codable, Hashable, Sendable {
        public var links: [Link]
        public var peers: [Peer]
        /// Blocks kept back, by id, and blocks released.
        public var held: UInt64
        public var released: UInt64
        public var duplicates: UInt64
        /// Blocks from outside that were dropped, by reason.
        public var dropped: [String: UInt64]

        public init(
            links: [Link], peers: [Peer], held: UInt64, released: UInt64, duplicates: UInt64, dropped: [String: UInt64]
        ) {
            self.links = links
            self.peers = peers
            self.held = held
            self.released = released
            self.duplicates = duplicates
            self.dropped = dropped
        }

        public struct Link: Codable, Hashable, Sendable {
            public var number: UInt64
            /// The outside node's address.
            public var outside: String
            /// `in`: it dialled; `out`: the gate dialled; `nodeos`: the local nodeos dialled its gate.
            public var direction: String
            /// Both handshakes have gone through.
            public var up: Bool
            public var bytesIn: UInt64
            public var bytesOut: UInt64
            public var held: UInt64
            public var released: UInt64
            public var queuedBytes: Int

            public init(
                number: UInt64, outside: String, direction: String, up: Bool, bytesIn: UInt64, bytesOut: UInt64,
                held: UInt64, released: UInt64, queuedBytes: Int
            ) {
                self.number = number
                self.outside = outside
                self.direction = direction
                self.up = up
                self.bytesIn = bytesIn
                self.bytesOut = bytesOut
                self.held = held
                self.released = released
                self.queuedBytes = queuedBytes
            }

            private enum CodingKeys: String, CodingKey {
                case number, outside, direction, up, held, released
                case bytesIn = "bytes_in"
                case bytesOut = "bytes_out"
                case queuedBytes = "queued_bytes"
            }
        }

        /// One of `nodeos.p2p.peers`.
        public struct Peer: Codable, Hashable, Sendable {
            public var address: String
            public var linked: Bool
            /// Attempts that failed in a row.
            public var failures: Int
            @Nullable public var lastFailure: String?

            public init(address: String, linked: Bool, failures: Int, lastFailure: String?) {
                self.address = address
                self.linked = linked
                self.failures = failures
                self.lastFailure = lastFailure
            }

            private enum CodingKeys: String, CodingKey {
                case address, linked, failures
                case lastFailure = "last_failure"
            }
        }
    }
}
