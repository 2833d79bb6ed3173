// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

/// The region without which another one was made active by force, and what was known of it at that moment. Stands in the
/// log with the activation.
public struct GivenUpRegion: Hashable, Sendable {
    public struct Known: Hashable, Sendable {
        /// Its last block.
        public var head: BlockID
        /// The peer of that region that told it; nil where that is not known.
        public var teller: PeerID?
        public var source: Source
        /// How long before that region had been heard last, in milliseconds.
        public private(set) var ageMS: UInt64

        /// - Parameter ageMS: one above `longestAgeMS` is cut to that.
        public init(head: BlockID, teller: PeerID?, source: Source, ageMS: UInt64) {
            self.head = head
            self.teller = teller
            self.source = source
            self.ageMS = min(ageMS, GivenUpRegion.longestAgeMS)
        }
    }

    public enum Source: UInt8, Sendable {
        /// The peers of the region that became active, which ask those of others all the time.
        case beacon = 1
        /// The command that made it active, which asked the peers itself.
        case command = 2
    }

    /// Some 279 years: a number that JSON holds exactly. The documents have it too.
    public static let longestAgeMS: UInt64 = 1 << 43

    /// At most `OperatorAct.longestName` bytes; empty when nobody knows which region was active.
    public var name: String
    /// The highest epoch of it that was known; 0: none was. It gives way with a higher one.
    public var epoch: UInt64
    /// nil: no block of it is known.
    public var known: Known?

    public init(name: String, epoch: UInt64 = 0, known: Known? = nil) {
        self.name = name
        self.epoch = epoch
        self.known = known
    }

    /// With the higher epoch and the higher block of the two; of equal ones, with the word that is younger.
    public func knowing(_ other: GivenUpRegion) -> GivenUpRegion {
        var best = self
        best.epoch = max(epoch, other.epoch)
        guard let theirs = other.known else { return best }
        if let known, (theirs.head.blockNumber, known.ageMS) <= (known.head.blockNumber, theirs.ageMS) { return best }
        best.known = theirs
        return best
    }
}

extension Encoder {
    mutating func givenUp(_ region: GivenUpRegion) {
        text(region.name)
        number(region.epoch)
        byte(region.known?.source.rawValue ?? 0)
        guard let known = region.known else { return }
        bytes(known.head.checksum.bytes)
        // 0 is nobody.
        number(known.teller.map { UInt64($0.value) + 1 } ?? 0)
        number(known.ageMS)
    }
}

extension Decoder {
    mutating func givenUp() -> GivenUpRegion? {
        guard let name = text(), name.utf8.count <= OperatorAct.longestName, let epoch = number(), let raw = byte()
        else { return nil }
        guard raw > 0 else { return GivenUpRegion(name: name, epoch: epoch) }
        guard let source = GivenUpRegion.Source(rawValue: raw), let head = optionalID()?.value, let teller = number(),
            teller <= UInt64(Int.max) + 1, let age = number(), age <= GivenUpRegion.longestAgeMS
        else { return nil }
        return GivenUpRegion(
            name: name, epoch: epoch,
            known: .init(
                head: head, teller: teller > 0 ? PeerID(Int(teller - 1)) : nil, source: source, ageMS: age))
    }
}
