// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Whether files that belong together say the same. What may differ from peer to peer (timings, ports of its own, its nodeos)
/// is not compared.
public enum CrossCheck {
    /// Findings about the files as they differ from each other; each is told once, in the file that differs from the first
    /// of its region.
    /// - Parameter areForTheirPeers: each file says for itself which peer it is for; else nobody can tell doubles.
    public static func findings(_ results: [LoadResult], areForTheirPeers: Bool = true) -> [Diagnostic] {
        let files = results.compactMap { result in
            result.configuration.map { File(configuration: $0, places: result.places) }
        }
        var findings: [Diagnostic] = []
        var first: [String: File] = [:]
        for file in files {
            guard let model = first[file.region] else {
                first[file.region] = file
                continue
            }
            findings += compare(file, with: model)
        }
        if areForTheirPeers { findings += doubles(files) }
        findings += compareRegions(files)
        return findings
    }

    private struct File {
        var configuration: Configuration
        var places: [String: Position]

        var region: String { configuration.regionName }
        var name: String { configuration.file }

        func finding(
            _ severity: Diagnostic.Severity, _ key: String, _ message: String, _ suggestion: String
        ) -> Diagnostic {
            let place = places[key] ?? .start
            return Diagnostic(
                severity: severity, file: name, line: place.line, column: place.column, key: key, message: message,
                suggestion: suggestion)
        }
    }

    /// Two files of one region.
    private static func compare(_ file: File, with model: File) -> [Diagnostic] {
        let (mine, its) = (file.configuration, model.configuration)
        var findings: [Diagnostic] = []
        func differs(_ key: String, _ what: String, _ suggestion: String, severity: Diagnostic.Severity = .error) {
            findings.append(file.finding(severity, key, what, suggestion))
        }
        let ids = Set(mine.peers.map(\.id))
        let itsIDs = Set(its.peers.map(\.id))
        if ids != itsIDs {
            let list = { (ids: Set<Int>) in ids.sorted().map(String.init).enumeration }
            differs(
                "peers", "the peers are \(list(ids)), and \(list(itsIDs)) in \(model.name)",
                "list the same peers in every file of region \(file.region)")
        }
        for peer in mine.peers {
            guard let other = its.peers.first(where: { $0.id == peer.id }) else { continue }
            if peer.address != other.address {
                differs(
                    "peers", "peer \(peer.id) has the address \(peer.address), and \(other.address) in \(model.name)",
                    "an address may differ only while a peer moves", severity: .warning)
            }
            if peer.api != other.api {
                differs(
                    "peers", "peer \(peer.id) has its API at \(peer.api), and at \(other.api) in \(model.name)",
                    "give the same api in every file", severity: .warning)
            }
        }
        if mine.quorumSize != its.quorumSize {
            differs(
                "leader_election_quorum_size",
                "the quorum is \(mine.quorumSize), and \(its.quorumSize) in \(model.name)",
                "it must be the same on all peers of a group")
        }
        if (mine.tls == nil) != (its.tls == nil) {
            differs(
                "enable_ssl",
                "peers talk \(mine.tls == nil ? "in plaintext" : "by TLS"), and "
                    + "\(its.tls == nil ? "in plaintext" : "by TLS") in \(model.name)",
                "peers with and without TLS do not connect")
        }
        if mine.isActive != its.isActive {
            differs(
                "is_active_raft_cluster",
                "the region is \(mine.isActive ? "active" : "standby"), and "
                    + "\(its.isActive ? "active" : "standby") in \(model.name)",
                "a new group takes the value of whoever leads first; later a quorum must say the same",
                severity: .warning)
        }
        let isSole = { (configuration: Configuration) in configuration.nodeos.producers == .all }
        if isSole(mine) != isSole(its) {
            differs(
                "nodeos",
                "nodeos.producers is \(isSole(mine) ? "not given" : "given"), and "
                    + "\(isSole(its) ? "not given" : "given") in \(model.name)",
                "all peers must guard the same blocks")
        }
        if mine.maxClockDrift != its.maxClockDrift {
            differs(
                "max_clock_drift", "it is \(mine.maxClockDrift), and \(its.maxClockDrift) in \(model.name)",
                "the larger one should stand in every file", severity: .warning)
        }
        return findings
    }

    /// Files for one peer.
    private static func doubles(_ files: [File]) -> [Diagnostic] {
        var seen: [String: File] = [:]
        return files.compactMap { file in
            let who = "\(file.region)/\(file.configuration.selfID)"
            guard let other = seen.updateValue(seen[who] ?? file, forKey: who) else { return nil }
            return file.finding(
                .warning, "self", "this file is for peer \(who), and so is \(other.name)",
                "a peer must run once: two processes with one id would vote twice")
        }
    }

    /// What the files of different regions say of each other.
    private static func compareRegions(_ files: [File]) -> [Diagnostic] {
        var findings: [Diagnostic] = []
        let regions = Dictionary(grouping: files, by: \.region)
        if let active = files.first(where: \.configuration.isActive) {
            for file in files where file.configuration.isActive && file.region != active.region {
                findings.append(
                    file.finding(
                        .error, "is_active_raft_cluster",
                        "region \(file.region) is active, and region \(active.region) is in \(active.name)",
                        "one region at most may be active"))
            }
        }
        for file in files {
            for region in file.configuration.regions where region.name != file.region {
                guard let its = regions[region.name]?.first else { continue }
                let expected = Set(its.configuration.peers.map { Region.Member(id: $0.id, api: $0.api) })
                guard Set(region.peers) != expected else { continue }
                findings.append(
                    file.finding(
                        .error, "regions", "the peers of region \(region.name) are not those of \(its.name)",
                        "give the ids and APIs that the files of that region have"))
            }
        }
        return findings
    }
}
