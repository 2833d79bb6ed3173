// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of the group: peers, quorum, this peer's id. They are EOSIO-Taurus's unless said otherwise.

/// An entry of `peers` as far as it could be read.
struct PeerDraft {
    var reader: ObjectReader
    var id: Int
    var address: HostPort
    var listeningPort: Int
    /// `api` as written; nil when the default applies.
    var api: ServiceURL?
}

enum GroupRules {
    static let largest = Int(Int32.max)
    static let fewestPeers = 3
    /// What a greeting between peers has room for.
    static let mostPeers = 128

    /// The list of peers as far as it could be read.
    struct Listed {
        /// The entries that hold.
        var drafts: [PeerDraft]
        /// How many entries there are, right or wrong.
        var count: Int
        /// The ids of all entries; nil when one could not be read.
        var ids: [Int]?
    }

    /// Nil when the list itself is missing or too short.
    static func peers(_ root: ObjectReader, apiScheme: ServiceURL.Scheme) -> Listed? {
        guard root.has("peers") else {
            root.findings.error(
                root.position, "peers", "peers is missing",
                "list \(fewestPeers) or more: \"peers\": [{\"id\": 1, \"address\": \"host:port\"}, ...]")
            return nil
        }
        guard let items = root.list("peers") else { return nil }
        var drafts: [PeerDraft] = []
        var idsSeen: [Int: Position] = [:]
        var legibleIDs = 0
        var addressesSeen: [HostPort: Position] = [:]
        for (index, item) in items.enumerated() {
            guard
                let reader = ObjectReader(item, path: "peers[\(index)]", keys: .peer, findings: root.findings)
            else { continue }
            let id = self.id(of: reader, seen: &idsSeen)
            if reader.plainInteger("id") != nil { legibleIDs += 1 }
            let address = self.address(of: reader, seen: &addressesSeen)
            let listeningPort = self.listeningPort(of: reader, address: address)
            let api = reader.url("api", path: .none, bareScheme: apiScheme)
            if let id, let address, let listeningPort {
                drafts.append(
                    PeerDraft(reader: reader, id: id, address: address, listeningPort: listeningPort, api: api))
            }
        }
        // Follows from Taurus's rule that a quorum is more than half and less than all.
        guard items.count >= fewestPeers else {
            root.error(
                "peers", "\(items.count) \(items.count == 1 ? "peer" : "peers"), a group has \(fewestPeers) or more",
                "with fewer, no peer may fail; add peers")
            return nil
        }
        guard items.count <= mostPeers else {
            root.error("peers", "\(items.count) peers, a group has \(mostPeers) at most", "three or five are usual")
            return nil
        }
        let ids = legibleIDs == items.count ? idsSeen.keys.sorted() : nil
        return Listed(drafts: drafts, count: items.count, ids: ids)
    }

    private static func id(of peer: ObjectReader, seen: inout [Int: Position]) -> Int? {
        guard peer.has("id") else {
            peer.error("id", "this peer has no id", "give it a whole number from 0 that no other peer has")
            return nil
        }
        guard let id = peer.integer("id") else { return nil }
        guard (0...largest).contains(id) else {
            peer.error("id", "\(id) is not from 0 to \(largest)", "give it a small number that no other peer has")
            return nil
        }
        // Taurus does not look, but two machines that vote as one member would break every promise: never let through.
        if let first = seen[id] {
            peer.error("id", "the id \(id) is taken, at \(first.spelled)", "give every peer an id of its own")
            return nil
        }
        seen[id] = peer.place(of: "id")
        return id
    }

    private static func address(of peer: ObjectReader, seen: inout [HostPort: Position]) -> HostPort? {
        guard peer.has("address") else {
            peer.error("address", "this peer has no address", "write \"address\": \"host:port\"")
            return nil
        }
        guard let address = peer.address("address") else { return nil }
        let key = HostPort(host: address.host.lowercased(), port: address.port)
        if let first = seen[key] {
            peer.broken(
                .ours, "address", "the address \(address) is taken, at \(first.spelled)",
                "give every peer an address of its own")
        } else {
            seen[key] = peer.place(of: "address")
        }
        if address.isWildcard {
            peer.warn(
                "address", "\(address.host) stands for every address, other peers cannot dial it",
                "write the host that others reach this peer by")
        }
        return address
    }

    /// Absent or 0: the port of `address`.
    private static func listeningPort(of peer: ObjectReader, address: HostPort?) -> Int? {
        guard peer.has("listening_port") else { return address?.port }
        guard let port = peer.integer("listening_port", .numberOrText) else { return nil }
        if port == 0 { return address?.port }
        guard Port.range.contains(port) else {
            peer.error(
                "listening_port", "\(port) is not a port, those are 1 to 65535",
                "leave it out to listen on the port of address")
            return nil
        }
        return port
    }

    /// More than half of the peers, less than all.
    static func quorum(_ root: ObjectReader, peerCount: Int?) -> Int? {
        let key = "leader_election_quorum_size"
        let usual = peerCount.map { $0 / 2 + 1 }
        guard root.has(key) else {
            root.error(
                key, "\(key) is missing",
                usual.map { "for \(peerCount ?? 0) peers write \"\(key)\": \($0)" }
                    ?? "write more than half of the peers")
            return nil
        }
        guard let quorum = root.integer(key), let peerCount, let usual else { return nil }
        if quorum <= peerCount / 2 {
            root.error(key, "\(quorum) is not more than half of \(peerCount) peers", "write \(usual)")
            return nil
        }
        if quorum >= peerCount {
            root.error(
                key, "\(quorum) of \(peerCount) peers: a quorum of all stops when one fails", "write \(usual)")
            return nil
        }
        return quorum
    }

    /// What is known about which peer this is.
    enum SelfID {
        case known(Int)
        /// Neither `self` nor an override.
        case notGiven
        case wrong
    }

    /// `override` beats `self`. `ids` is nil when the peers could not all be read.
    static func selfID(_ root: ObjectReader, override: Int?, ids: [Int]?) -> SelfID {
        let written = root.integer("self")
        guard let id = override ?? written else { return root.has("self") ? .wrong : .notGiven }
        guard let ids, !ids.contains(id) else { return .known(id) }
        let list = ids.map(String.init).enumeration
        if override != nil {
            root.findings.error(
                root.place(of: "peers"), "peers", "--self \(id) is not among the peers",
                "the peers have the ids \(list)")
        } else {
            root.error("self", "\(id) is not among the peers", "the peers have the ids \(list)")
        }
        return .wrong
    }
}
