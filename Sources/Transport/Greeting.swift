// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

/// The first thing that two peers tell each other on a connection: who they are, and what both must agree about.
public struct Greeting: Hashable, Sendable {
    /// The wire versions that this software understands; it speaks the highest that the other side knows too. Version 1 had
    /// neither calls nor `remembers`, and no `durable` in its messages: a peer that speaks it cannot tell of what is on disks.
    /// Version 2 knew one region: a peer that speaks it would refuse entries of a switch that the others apply.
    public static let knownWireVersions: ClosedRange<UInt16> = 3...3

    public var wireVersion: UInt16
    public var lowestWireVersion: UInt16
    public var sender: PeerID
    /// Whom the sender believes to be talking to.
    public var receiver: PeerID
    /// For people; at most 255 bytes. Wire versions decide what peers can say to each other.
    public var softwareVersion: String
    public var region: String
    /// Every member, ascending.
    public var peers: [PeerID]
    public var quorum: Int
    /// nil as long as the sender has no group.
    public var group: GroupID?
    /// The sender has never voted, nor written to its log.
    public var fresh: Bool
    public var lastIndex: LogIndex
    public var lastTerm: Term
    /// Random, another one each time the sender's process starts.
    public var session: UInt64
    /// What the sender was told is on the receiver's disk.
    public var remembers: Watermark

    /// A greeting from the peer that these settings are for.
    public init(
        to receiver: PeerID, settings: LinkSettings, softwareVersion: String, group: GroupID?, fresh: Bool,
        lastIndex: LogIndex, lastTerm: Term, session: UInt64, remembers: Watermark = .none
    ) {
        self.wireVersion = settings.wireVersions.upperBound
        self.lowestWireVersion = settings.wireVersions.lowerBound
        self.sender = settings.id
        self.receiver = receiver
        self.softwareVersion = softwareVersion
        self.region = settings.region
        self.peers = settings.members
        self.quorum = settings.quorum
        self.group = group
        self.fresh = fresh
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.session = session
        self.remembers = remembers
    }
}

/// The start of every greeting, the same in all wire versions to come: enough to refuse a peer by its name.
struct GreetingHead: Equatable {
    static let magic: UInt32 = 0x4148_5250  // "PRHA"
    static let bytes = 24

    var wireVersion: UInt16
    var lowestWireVersion: UInt16
    var sender: PeerID
    var receiver: PeerID

    init(reading reader: inout BodyReader) throws(FrameError) {
        guard try reader.integer(UInt32.self) == Self.magic else { throw .notAPeer }
        wireVersion = try reader.integer()
        lowestWireVersion = try reader.integer()
        guard lowestWireVersion <= wireVersion else { throw .invalid(field: "wire version") }
        sender = try reader.peer()
        receiver = try reader.peer()
    }

    /// The version that both sides would speak; nil if there is none.
    func commonWireVersion(with known: ClosedRange<UInt16>) -> UInt16? {
        let theirs = lowestWireVersion...wireVersion
        return theirs.overlaps(known) ? min(theirs.upperBound, known.upperBound) : nil
    }
}

extension GroupID {
    static let byteCount = 16
}

extension Greeting {
    /// Reads what follows the head. A newer version may add fields at the end, which are skipped.
    init(head: GreetingHead, reading reader: inout BodyReader) throws(FrameError) {
        wireVersion = head.wireVersion
        lowestWireVersion = head.lowestWireVersion
        sender = head.sender
        receiver = head.receiver
        softwareVersion = try reader.text("software version")
        region = try reader.text("region")
        let count = Int(try reader.integer(UInt8.self))
        guard count <= LinkLimits.maxPeers else { throw .invalid(field: "number of peers") }
        peers = []
        for _ in 0..<count { peers.append(try reader.peer()) }
        quorum = Int(try reader.integer(UInt8.self))
        group = try reader.flag("group id") ? GroupID(bytes: try reader.array(count: GroupID.byteCount)) : nil
        fresh = try reader.flag("fresh mark")
        lastIndex = try reader.counter("log index")
        lastTerm = try reader.counter("term")
        session = try reader.integer()
        remembers = try reader.watermark()
        if head.wireVersion <= Greeting.knownWireVersions.upperBound { try reader.end() }
    }

    init(body: ByteBuffer) throws(FrameError) {
        var reader = BodyReader(body)
        try self.init(head: GreetingHead(reading: &reader), reading: &reader)
    }

    var bodyBytes: Int {
        GreetingHead.bytes + 1 + softwareVersion.utf8.count + 1 + region.utf8.count + 1 + 8 * peers.count + 1 + 1
            + (group == nil ? 0 : GroupID.byteCount) + 1 + 40
    }
}

extension ByteBuffer {
    mutating func writeFrame(_ greeting: Greeting) {
        precondition(greeting.peers.count <= LinkLimits.maxPeers && (0...255).contains(greeting.quorum))
        writeHeader(.greeting, bodyBytes: greeting.bodyBytes)
        writeMultipleIntegers(
            GreetingHead.magic, greeting.wireVersion, greeting.lowestWireVersion, UInt64(greeting.sender.value),
            UInt64(greeting.receiver.value), endianness: .little)
        writeText(greeting.softwareVersion)
        writeText(greeting.region)
        writeInteger(UInt8(greeting.peers.count))
        for peer in greeting.peers { writeInteger(UInt64(peer.value), endianness: .little) }
        writeInteger(UInt8(greeting.quorum))
        if let group = greeting.group {
            writeInteger(UInt8(1))
            writeBytes(group.bytes)
        } else {
            writeInteger(UInt8(0))
        }
        writeMultipleIntegers(
            UInt8(greeting.fresh ? 1 : 0), greeting.lastIndex, greeting.lastTerm, greeting.session,
            greeting.remembers.votesFrom, greeting.remembers.writes, endianness: .little)
    }
}

/// Which side of a connection this peer is.
enum Role: Equatable {
    case dialed(PeerID)
    case accepted
}

extension LinkSettings {
    /// One sentence that both sides can log, or nil if the version and the addressing are right.
    func mismatch(with head: GreetingHead) -> String? {
        if head.commonWireVersion(with: wireVersions) == nil {
            let theirs = versions(head.lowestWireVersion, head.wireVersion)
            let own = versions(wireVersions.lowerBound, wireVersions.upperBound)
            return "peer \(head.sender) speaks wire version \(theirs) and peer \(id) \(own): update the older one"
        }
        return nil
    }

    /// One sentence that both sides can log, or nil if these two belong together.
    func mismatch(with theirs: Greeting, role: Role, group: GroupID?) -> String? {
        let them = theirs.sender
        if theirs.region != region {
            return "peer \(them) belongs to region \(theirs.region) and peer \(id) to region \(region)"
        }
        if theirs.receiver != id {
            return "peer \(them) looks for peer \(theirs.receiver), but this is peer \(id): check the peers' addresses"
        }
        if them == id { return "peer \(id) met its own id: an address leads back to it, or two peers share the id" }
        switch role {
        case .dialed(let peer):
            if them != peer {
                return "peer \(id) looks for peer \(peer), but peer \(them) answered: check the peers' addresses"
            }
        case .accepted:
            if peers[them] == nil {
                return "peer \(them) is not among the peers of peer \(id), which are \(list(members))"
            }
            if them < id { return "peer \(them) dialled peer \(id), which is for the peer with the higher id to do" }
        }
        if theirs.peers != members {
            return "peer \(them) lists the peers \(list(theirs.peers)) and peer \(id) the peers \(list(members))"
        }
        if theirs.quorum != quorum {
            return "peer \(them) has a quorum of \(theirs.quorum) and peer \(id) one of \(quorum)"
        }
        if let group, let other = theirs.group, group != other {
            return "peer \(them) has the data of group \(other) and peer \(id) that of group \(group)"
        }
        return nil
    }

    private func versions(_ lowest: UInt16, _ highest: UInt16) -> String {
        lowest == highest ? "\(highest)" : "\(lowest) to \(highest)"
    }

    private func list(_ peers: [PeerID]) -> String { peers.map(\.description).joined(separator: ", ") }
}
