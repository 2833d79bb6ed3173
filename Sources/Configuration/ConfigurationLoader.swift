// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The way in: a file becomes a configuration, or findings.

/// Checks that a certificate, its key and the authority's certificate fit together, and says what is wrong, or nil.
/// Arguments are paths of readable files; there is no authority for an API without `client_ca_file`.
public typealias TLSCheck = (_ certificate: String, _ key: String, _ root: String?) -> String?

/// What became of a file.
public struct LoadResult: Sendable {
    /// Nil when any finding is an error, and when a file read for a tool does not say which peer it is for.
    public var configuration: Configuration?
    /// What tools need to find every peer. Nil when any finding is an error.
    public var directory: PeerDirectory?
    /// Errors and warnings, by position.
    public var diagnostics: [Diagnostic]
    /// Where the keys of the file's outermost object stand.
    var places: [String: Position] = [:]

    /// Whether the file cannot be used.
    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

public enum ConfigurationLoader {
    /// What the command line says; it beats the file.
    public struct Overrides: Hashable, Sendable {
        /// `--self`
        public var selfID: Int?
        /// `--data-dir`
        public var dataDirectory: String?

        public init(selfID: Int? = nil, dataDirectory: String? = nil) {
            self.selfID = selfID
            self.dataDirectory = dataDirectory
        }
    }

    /// What the configuration is for.
    public enum Purpose: Hashable, Sendable {
        /// A peer runs here with it: it must say which one, and the files that it names must be there.
        case peer
        /// A tool wants to find the peers, on any machine: neither is asked for.
        case tool
    }

    /// Reads `file` and applies every default and rule.
    ///
    /// Paths in the file (TLS, tokens, keys) count from the working directory when relative, as with Taurus.
    /// A file that cannot be read, or is neither JSON nor YAML, gives one error; of any other all findings are given.
    /// - Parameters:
    ///   - environment: of the process; `STATE_DIRECTORY` is read.
    ///   - tlsCheck: called once for the peers' TLS files and once for the API's, when all of them are readable.
    public static func load(
        file: String, overrides: Overrides = Overrides(), environment: [String: String], purpose: Purpose = .peer,
        tlsCheck: TLSCheck? = nil
    ) -> LoadResult {
        let bytes: [UInt8]
        do {
            bytes = try FileAccess.read(file, limit: DocumentReader.maximumBytes + 1)
        } catch {
            let findings = Findings(file: file)
            findings.error(.start, nil, "cannot read this file: \(error.reason)", "check the path and its permissions")
            return LoadResult(diagnostics: findings.sorted)
        }
        return load(
            bytes: bytes, file: file, overrides: overrides, environment: environment, purpose: purpose,
            tlsCheck: tlsCheck)
    }

    /// As above, for a file's content that the caller has already; `file` names it and tells its format.
    public static func load(
        bytes: [UInt8], file: String, overrides: Overrides = Overrides(), environment: [String: String],
        purpose: Purpose = .peer, tlsCheck: TLSCheck? = nil
    ) -> LoadResult {
        let findings = Findings(file: file)
        let document: DocumentNode
        do {
            document = try DocumentReader.read(bytes, file: file)
        } catch {
            findings.error(error.position, nil, error.message, error.suggestion)
            return LoadResult(diagnostics: findings.sorted)
        }
        findings.dialect = KnownKeys.dialect(of: document)
        var assembly = Assembly(
            file: file, findings: findings, overrides: overrides, environment: environment, purpose: purpose,
            checks: purpose == .peer ? .performed : .skipped, tlsCheck: tlsCheck)
        assembly.apply(to: document)
        guard !findings.hasErrors else { return LoadResult(diagnostics: findings.sorted) }
        precondition(
            assembly.directory != nil && (assembly.configuration != nil || purpose == .tool),
            "\(file): no error was found, and yet a value is missing")
        var places: [String: Position] = [:]
        if case .object(let members) = document.value {
            for member in members { places[member.key] = member.keyPosition }
        }
        return LoadResult(
            configuration: assembly.configuration, directory: assembly.directory, diagnostics: findings.sorted,
            places: places)
    }
}

/// Runs the rules over one document, in the order in which they need each other.
private struct Assembly {
    let file: String
    let findings: Findings
    let overrides: ConfigurationLoader.Overrides
    let environment: [String: String]
    let purpose: ConfigurationLoader.Purpose
    let checks: FileChecks
    let tlsCheck: TLSCheck?

    var configuration: Configuration?
    var directory: PeerDirectory?

    mutating func apply(to document: DocumentNode) {
        guard let root = ObjectReader(document, path: "", keys: .root, findings: findings) else { return }
        let isActive = root.flag("is_active_raft_cluster", default: false)
        let loggingLevel =
            root.has("logging_level")
            ? root.integer("logging_level").map(LoggingLevel.init(number:)) : Configuration.Defaults.loggingLevel
        let timing = TimingRules.timing(root)
        let snapshotDistance = TimingRules.snapshotDistance(root)
        let returnGate = TimingRules.returnGate(root)
        let maxClockDrift = TimingRules.maxClockDrift(root)
        let (links, requireTLS) = LinkRules.links(root, checks: checks, tlsCheck: tlsCheck)
        let api = LocalRules.api(root, checks: checks, tlsCheck: tlsCheck)

        let listed = GroupRules.peers(root, apiScheme: api.scheme)
        let quorum = GroupRules.quorum(root, peerCount: listed?.count)
        let areAllRead = listed.map { $0.drafts.count == $0.count } ?? false
        let peers = listed.map { PeerAPIRules.resolve($0.drafts, scheme: api.scheme, findings: findings) }
        let selfID = selfID(root, ids: listed?.ids)
        let regionName = RegionRules.ownName(root)
        let regions = RegionRules.regions(root, ownName: regionName, peers: areAllRead ? peers : nil)

        let onChange = LocalRules.onChange(root, checks: checks)

        let selfPeer = peers?.first { $0.id == selfID }
        let apiListen = selfPeer.flatMap { LocalRules.apiListen(api, selfPeer: $0) }
        // Without knowing which peer this is, the written address is still checked.
        let nodeos = NodeosRules.settings(root, apiListen: apiListen ?? api.listen, checks: checks)
        let amqp = QueueRules.settings(root, hasNodeos: nodeos.settings.http != nil, checks: checks)
        if let selfPeer, let apiListen {
            collisions(root, api, selfPeer, apiListen, nodeos.listeners)
        }
        let dataDirectory = LocalRules.dataDirectory(
            root, override: overrides.dataDirectory, environment: environment,
            region: regionName ?? Configuration.Defaults.region, selfID: selfID ?? 0)

        guard let quorum, let peers, let regionName, !findings.hasErrors else { return }
        directory = PeerDirectory(
            file: file, regionName: regionName, quorumSize: quorum, peers: peers, regions: regions,
            apiAuthorityFile: api.authorityFile)
        guard let isActive, let loggingLevel, let timing, let snapshotDistance, let returnGate, let maxClockDrift,
            let requireTLS, let selfID, let apiListen, let dataDirectory, let onChange
        else { return }
        let tls: PeerTLS?
        switch links {
        case .plaintext: tls = nil
        case .mutualTLS(let files): tls = files
        case .wrong: return
        }
        configuration = Configuration(
            file: file, isTaurusFile: findings.dialect == .taurus, selfID: selfID, peers: peers, quorumSize: quorum,
            isActive: isActive, loggingLevel: loggingLevel,
            leadershipExpiry: .milliseconds(timing.leadershipExpiry), heartbeat: .milliseconds(timing.heartbeat),
            electionLower: .milliseconds(timing.electionLower), electionUpper: .milliseconds(timing.electionUpper),
            snapshotDistance: snapshotDistance, maxClockDrift: maxClockDrift,
            returnGate: returnGate == 0 ? nil : .milliseconds(returnGate), tls: tls, requireTLS: requireTLS,
            regionName: regionName, regions: regions, apiListen: apiListen, apiTLS: api.tls,
            apiHostNames: api.hostNames, apiUnixSocket: api.unixSocket, tokenFile: api.tokenFile,
            readTokenFile: api.readTokenFile,
            apiAuthorityFile: api.authorityFile, dataDirectory: dataDirectory,
            onChange: onChange, nodeos: nodeos.settings, amqp: amqp)
    }

    private func selfID(_ root: ObjectReader, ids: [Int]?) -> Int? {
        switch GroupRules.selfID(root, override: overrides.selfID, ids: ids) {
        case .known(let id): return id
        case .wrong: return nil
        case .notGiven:
            switch purpose {
            case .tool: return nil
            case .peer:
                let list = ids.map { "; the peers have the ids \($0.map(String.init).enumeration)" } ?? ""
                root.findings.error(
                    root.position, "self", "the file does not say which peer this is",
                    "give \"self\" in the file, or --self on the command line\(list)")
                return nil
            }
        }
    }

    private func collisions(
        _ root: ObjectReader, _ api: APIDraft, _ selfPeer: Peer, _ apiListen: HostPort, _ gates: [Listener]
    ) {
        let raft = Listener(
            name: "the Raft link", endpoint: HostPort(host: "0.0.0.0", port: selfPeer.listeningPort), path: "peers",
            position: root.place(of: "peers"))
        let http = Listener(
            name: "the API", endpoint: apiListen, path: "api.listen",
            position: api.reader?.place(of: "listen") ?? root.place(of: "peers"))
        LocalRules.collisions(among: [raft, http] + gates, findings: findings)
    }
}
