// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of `region` and `regions`.

enum RegionRules {
    /// Nil: given and wrong.
    static func ownName(_ root: ObjectReader) -> String? {
        guard root.has("region") else { return Configuration.Defaults.region }
        return LocalRules.regionName(root, "region")
    }

    /// All regions, this one added when the list leaves it out. Empty when there is no list.
    static func regions(_ root: ObjectReader, ownName: String?, peers: [Peer]?) -> [Region] {
        guard let items = root.list("regions") else { return [] }
        var regions: [Region] = []
        var namesSeen: [String: Position] = [:]
        var apisSeen: [HostPort: (owner: String, position: Position)] = [:]
        for (index, item) in items.enumerated() {
            guard
                let reader = ObjectReader(item, path: "regions[\(index)]", keys: .region, findings: root.findings)
            else { continue }
            let name = name(of: reader, seen: &namesSeen)
            let members = members(of: reader, regionName: name ?? "", seen: &apisSeen)
            guard let name, let members else { continue }
            if name == ownName, let peers { compare(reader, members, with: peers) }
            regions.append(Region(name: name, peers: members))
        }
        guard let ownName, let peers, !root.findings.hasErrors, !regions.contains(where: { $0.name == ownName }) else {
            return regions
        }
        addOwn(ownName, peers, root, &regions, apisSeen.mapValues(\.owner))
        return regions
    }

    private static func name(of region: ObjectReader, seen: inout [String: Position]) -> String? {
        guard region.has("name") else {
            region.error("name", "this region has no name", "write \"name\": \"west\"")
            return nil
        }
        guard let name = LocalRules.regionName(region, "name") else { return nil }
        if let first = seen[name] {
            region.error("name", "the region \(name.quoted) is listed twice, first at \(first.spelled)", "keep one")
            return nil
        }
        seen[name] = region.place(of: "name")
        return name
    }

    private static func members(
        of region: ObjectReader, regionName: String, seen: inout [HostPort: (owner: String, position: Position)]
    ) -> [Region.Member]? {
        let example = "write \"peers\": [{\"id\": 1, \"api\": \"https://host:port\"}, ...]"
        guard region.has("peers") else {
            region.error("peers", "this region has no peers", example)
            return nil
        }
        guard let items = region.list("peers") else { return nil }
        guard !items.isEmpty else {
            region.error("peers", "this region has no peers", example)
            return nil
        }
        var members: [Region.Member] = []
        var idsSeen: [Int: Position] = [:]
        for (index, item) in items.enumerated() {
            let path = "\(region.path).peers[\(index)]"
            guard let reader = ObjectReader(item, path: path, keys: .regionPeer, findings: region.findings) else {
                continue
            }
            for key in ["id", "api"] where !reader.has(key) {
                reader.error(key, "this peer has no \(key)", "write {\"id\": 1, \"api\": \"https://host:port\"}")
            }
            let id = reader.integer("id")
            let api = reader.url("api", path: .none)
            guard let id, let api else { continue }
            guard (0...GroupRules.largest).contains(id) else {
                reader.error("id", "\(id) is not from 0 to \(GroupRules.largest)", "write the id that the peer has")
                continue
            }
            if let first = idsSeen[id] {
                reader.error(
                    "id", "the id \(id) is taken, at \(first.spelled)", "give every peer of a region its own id")
                continue
            }
            idsSeen[id] = reader.place(of: "id")
            let endpoint = HostPort(host: Host.key(api.host), port: api.port)
            if let first = seen[endpoint] {
                reader.error(
                    "api", "\(api.endpoint) is taken by \(first.owner), at \(first.position.spelled)",
                    "every peer has an API of its own")
                continue
            }
            seen[endpoint] = ("peer \(id) of region \(regionName.quoted)", reader.place(of: "api"))
            members.append(Region.Member(id: id, api: api))
        }
        return members
    }

    /// This region's entry must tell of the same peers as `peers`.
    private static func compare(_ region: ObjectReader, _ members: [Region.Member], with peers: [Peer]) {
        let listed = Set(members.map(\.id))
        let own = Set(peers.map(\.id))
        let unknown = listed.subtracting(own).sorted()
        if !unknown.isEmpty {
            region.error(
                "peers", "this region's list has the ids \(unknown.map(String.init).enumeration), which peers lacks",
                "the peers have the ids \(peers.map { String($0.id) }.enumeration)")
        }
        let missing = own.subtracting(listed).sorted()
        if !missing.isEmpty, unknown.isEmpty {
            region.warn(
                "peers", "this region's list lacks the ids \(missing.map(String.init).enumeration), which peers has",
                "list every peer, so that other regions find each of them")
        }
    }

    private static func addOwn(
        _ ownName: String, _ peers: [Peer], _ root: ObjectReader, _ regions: inout [Region],
        _ owners: [HostPort: String]
    ) {
        let own = peers.compactMap { owners[HostPort(host: Host.key($0.api.host), port: $0.api.port)] }
        if let owner = own.first {
            root.error(
                root.has("region") ? "region" : "regions",
                "region is \(ownName.quoted), but regions names \(owner) where a peer of this file has its API",
                "give this region the same name in both places")
            return
        }
        root.warn(
            "regions", "this region, \(ownName.quoted), is not in the list; it is added",
            "list every region in every file, or check the spelling of region")
        regions.append(Region(name: ownName, peers: peers.map { .init(id: $0.id, api: $0.api) }))
    }
}
