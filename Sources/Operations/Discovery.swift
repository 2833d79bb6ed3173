// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Operations layer: what operators do, from the client's side. It finds the peers, asks them, compares what they
// say and puts that on a screen or into a file. Commands stay thin: whatever can be decided is decided here.
// - Discovery says whom to ask, Inspector asks them all at once, PeerReport is what became of one question.
// - ClusterView is the judgement: a pure value made from the answers. Everything that is shown, in whatever format,
//   and every exit code comes from that one value, so that they cannot contradict each other.
// - StatusScreen, StatusTable and ClusterDocument write it down; Screen and Terminal know about terminals.
// - Preflight judges whether a region could take over, FailoverPlan says what a switch would do, FailoverRunner carries it
//   out; the decisions of a switch under way are those of the layer Failover. LossReport lists what a forced one lost.
// - SupportBundle is all that a support case needs in one archive; Tar, Gzip and NewFile write it.
// - CredentialChoice says what peers are shown, and whom to trust.
// It talks to peers over HTTP only and has no state of its own on disk.
// May import API, Configuration, Failover, HTTP and CZlib of ours; NIO and its TLS, Crypto, FoundationEssentials and the C library.

import API
import Configuration
import FoundationEssentials

/// A peer to be asked.
public struct PeerTarget: Hashable, Sendable {
    public enum Origin: Hashable, Sendable {
        /// The configuration file lists it.
        case file
        /// The operator named its API.
        case given
        /// Another peer told of it and of its API's address.
        case derived
        /// Another peer told of it, and nobody told where its API is.
        case hearsay
    }

    /// Nil until it has answered, for an API that was given.
    public var region: String?
    /// Nil until it has answered, for an API that was given.
    public var id: Int?
    /// Nil for hearsay.
    public var api: ServiceURL?
    public var origin: Origin

    public init(region: String?, id: Int?, api: ServiceURL?, origin: Origin) {
        self.region = region
        self.id = id
        self.api = api
        self.origin = origin
    }

    /// "peer 2", or where its API is while its id is not known.
    public var name: String { id.map { "peer \($0)" } ?? api.map(\.place) ?? "a peer" }
}

/// Where the knowledge of the peers comes from.
public enum PeerSource: Hashable, Sendable {
    /// A configuration file: all peers of all its regions.
    case directory(PeerDirectory)
    /// One API; the other peers of its group are learnt from its answer.
    case api(ServiceURL)
    /// Those that a session has learnt of.
    case known(KnownPeers)

    /// The authority of the APIs' certificates that the file names.
    public var authorityFile: String? {
        switch self {
        case .directory(let directory): directory.apiAuthorityFile
        case .api: nil
        case .known(let peers): peers.authorityFile
        }
    }

    /// Whom to ask first.
    public var targets: [PeerTarget] {
        switch self {
        case .directory(let directory): directory.targets
        case .api(let url): [PeerTarget(region: nil, id: nil, api: url, origin: .given)]
        case .known(let peers): peers.targets
        }
    }
}

/// Peers that a session has learnt of, from a file or from each other.
public struct KnownPeers: Hashable, Sendable {
    /// Those of the region that is meant when none is named come first.
    public var targets: [PeerTarget]
    /// By region, as a file has it.
    public var quorum: [String: Int]
    public var authorityFile: String?

    public init(targets: [PeerTarget], quorum: [String: Int] = [:], authorityFile: String? = nil) {
        self.targets = targets
        self.quorum = quorum
        self.authorityFile = authorityFile
    }
}

extension PeerDirectory {
    /// Every peer of every region: this file's own region first, the others in the order of the file.
    public var targets: [PeerTarget] {
        let own = peers.map { PeerTarget(region: regionName, id: $0.id, api: $0.api, origin: .file) }
        let others = regions.filter { $0.name != regionName }.flatMap { region in
            region.peers.map { PeerTarget(region: region.name, id: $0.id, api: $0.api, origin: .file) }
        }
        return own + others
    }
}

extension KnownPeers {
    /// What another process reads, to ask the same peers.
    public var document: Tree {
        let list = targets.map { target -> Tree in
            .map([
                .init("region", Tree(target.region)), .init("id", Tree(target.id)),
                .init("api", Tree(target.api?.description)), .init("is_named", .bool(target.isNamed)),
            ])
        }
        let quorums = quorum.sorted { $0.key < $1.key }.map { Tree.Field($0.key, Tree($0.value)) }
        return .map([
            .init("targets", .list(list)), .init("quorum", .map(quorums)), .init("authority_file", Tree(authorityFile)),
        ])
    }

    private struct Raw: Decodable {
        struct Target: Decodable {
            var region: String?
            var id: Int?
            var api: String?
            var isNamed: Bool

            private enum CodingKeys: String, CodingKey {
                case region, id, api
                case isNamed = "is_named"
            }
        }

        var targets: [Target]
        var quorum: [String: Int]
        var authorityFile: String?

        private enum CodingKeys: String, CodingKey {
            case targets, quorum
            case authorityFile = "authority_file"
        }
    }

    /// Nil: that is none.
    public init?(json bytes: some Sequence<UInt8>) {
        guard let raw = try? JSONDecoder().decode(Raw.self, from: Data(bytes)) else { return nil }
        targets = raw.targets.map { target in
            let api = target.api.flatMap { try? TargetChoice(peer: $0).source(environment: [:]).targets.first?.api }
            let origin: PeerTarget.Origin = target.isNamed ? .given : api == nil ? .hearsay : .derived
            return PeerTarget(region: target.region, id: target.id, api: api, origin: origin)
        }
        quorum = raw.quorum
        authorityFile = raw.authorityFile
    }
}

extension PeerTarget {
    /// An operator named its API, by file or flag; such a one is shown the token.
    var isNamed: Bool {
        switch origin {
        case .file, .given: true
        case .derived, .hearsay: false
        }
    }
}

/// What the operator said about whom to ask.
public struct TargetChoice: Hashable, Sendable {
    /// `--config`
    public var config: String?
    /// `--peer`
    public var peer: String?

    public init(config: String? = nil, peer: String? = nil) {
        self.config = config
        self.peer = peer
    }

    /// Finds the peers. A flag beats the environment; `PRODHA_CONFIG` beats `PRODHA_PEER`, because it tells of more.
    public func source(environment: [String: String]) throws(TargetError) -> PeerSource {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        switch (config, peer) {
        case (.some, .some): throw .both
        case (let file?, nil): return try Self.read(file, environment)
        case (nil, let peer?): return try Self.parse(peer, from: "--peer")
        case (nil, nil):
            if let file = variable("PRODHA_CONFIG") { return try Self.read(file, environment) }
            if let peer = variable("PRODHA_PEER") { return try Self.parse(peer, from: "PRODHA_PEER") }
            throw .neither
        }
    }

    private static func read(_ file: String, _ environment: [String: String]) throws(TargetError) -> PeerSource {
        let result = ConfigurationLoader.load(file: file, environment: environment, purpose: .tool)
        guard let directory = result.directory else { throw .badConfiguration(file: file, result.diagnostics) }
        return .directory(directory)
    }

    private static func parse(_ text: String, from origin: String) throws(TargetError) -> PeerSource {
        let scheme = "unix:"
        if text.hasPrefix(scheme) {
            let path = String(text.dropFirst(scheme.count))
            guard UnixSocket.isPath(path) else {
                throw .badPeer("\(origin): \(printable(text)) is no socket; write unix:/run/prodha/1.sock")
            }
            return .api(ServiceURL(unixSocket: path))
        }
        do {
            return .api(try ServiceURL(parsing: text))
        } catch {
            throw .badPeer("\(origin): \(error.message); \(error.suggestion)")
        }
    }
}

/// Why it is not known whom to ask.
public enum TargetError: Error, Hashable, Sendable, CustomStringConvertible {
    case neither
    case both
    case badPeer(String)
    case badConfiguration(file: String, [Diagnostic])

    public var name: String {
        switch self {
        case .neither, .both, .badPeer: "usage"
        case .badConfiguration: "bad_configuration"
        }
    }

    public var description: String {
        switch self {
        case .neither:
            "it is not known which peers to ask; give --config FILE (all peers) or --peer HOST:PORT (one peer's API), "
                + "or set PRODHA_CONFIG or PRODHA_PEER"
        case .both: "--config and --peer are both given; give --config to ask every peer, or --peer to begin with one"
        case .badPeer(let text): text
        case .badConfiguration(let file, let findings):
            "\(file) cannot be used: \(counted(findings.count { $0.severity == .error }, "error")); see prodha validate"
        }
    }
}

extension TargetError {
    /// 64 usage, 78 configuration.
    public var exitCode: Int32 {
        switch self {
        case .neither, .both, .badPeer: 64
        case .badConfiguration: 78
        }
    }

    /// Warnings and errors of a file, else nothing.
    public var findings: [Diagnostic] {
        switch self {
        case .neither, .both, .badPeer: []
        case .badConfiguration(_, let findings): findings
        }
    }

    /// For standard error where JSON is asked for.
    public var document: Tree {
        let list = findings.map { finding -> Tree in
            .map([
                .init("severity", .string(finding.severity.rawValue)), .init("file", .string(finding.file)),
                .init("line", Tree(finding.line)), .init("column", Tree(finding.column)),
                .init("key", Tree(finding.key)), .init("message", .string(finding.message)),
                .init("suggestion", Tree(finding.suggestion)),
            ])
        }
        return Tree.error(name: name, message: description, exitCode: exitCode, more: [.init("findings", .list(list))])
    }
}

extension Tree {
    /// An error of a tool, as JSON has it.
    public static func error(name: String, message: String, exitCode: Int32, more: [Field] = []) -> Tree {
        let error: [Field] = [
            .init("name", .string(name)), .init("message", .string(message)),
            .init("exit_code", .integer(Int64(exitCode))),
        ]
        return .map([.init("schema_version", .integer(1)), .init("error", .map(error + more))])
    }
}

extension StatusDocument {
    /// The other peers of the group that this peer tells of.
    public var neighbours: [PeerTarget] {
        peers.prefix(ClusterView.maxHearsay).map { other in
            let api = other.api.flatMap { try? ServiceURL(parsing: $0) }
            return PeerTarget(
                region: peer.region, id: other.id, api: api, origin: api == nil ? .hearsay : .derived)
        }
    }
}
