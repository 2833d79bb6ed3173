// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Configuration

/// How what runs differs from a file, and peers from each other.
public struct LiveCheck: Hashable, Sendable {
    public struct Finding: Hashable, Sendable {
        public var severity: Diagnostic.Severity
        /// Nil for a finding about several peers.
        public var peer: Int?
        public var message: String
        public var suggestion: String
    }

    /// Clocks that differ by more are worth a word: nodeos puts its time into blocks, and slots have half a second.
    public static let maxClockOffset = 250.0

    public var region: String
    public var findings: [Finding]
    public var isReachable: Bool
    /// Peers were reached, and all that answered want another token.
    public var isDenied: Bool

    /// - Parameters:
    ///   - directory: what the file says of its own group.
    ///   - configuration: the whole file; nil when it does not say which peer it is for.
    ///   - inspection: the answers of that group's peers.
    public init(_ directory: PeerDirectory, _ configuration: Configuration?, _ inspection: Inspection) {
        region = directory.regionName
        let reports = inspection.reports.filter { $0.target.region == directory.regionName }
        let answers = reports.compactMap { report in report.answer.map { ($0.status.peer.id, $0) } }
        isReachable = !answers.isEmpty
        isDenied = answers.isEmpty && reports.contains { $0.failure?.isDenial == true }
        findings = []
        for report in reports {
            guard let failure = report.failure else { continue }
            add(
                .warning, report.target.id, "gave no status, so it was not compared: \(printable(failure.message))",
                "see prodha status")
        }
        for (id, answer) in answers { compare(id, answer, directory, configuration) }
        compareVersions(answers)
        compareClocks(answers)
        compareState(answers, configuration)
    }

    private mutating func add(_ severity: Diagnostic.Severity, _ peer: Int?, _ message: String, _ suggestion: String) {
        findings.append(Finding(severity: severity, peer: peer, message: message, suggestion: suggestion))
    }

    private mutating func compare(
        _ id: Int, _ answer: PeerAnswer, _ directory: PeerDirectory, _ configuration: Configuration?
    ) {
        let status = answer.status
        if status.raft.quorumSize != directory.quorumSize {
            add(
                .error, id, "runs with the quorum \(status.raft.quorumSize), the file says \(directory.quorumSize)",
                "it is fixed once a group has run: put the file right")
        }
        let members = Set(status.peers.map(\.id) + [id])
        let listed = Set(directory.peers.map(\.id))
        if members != listed {
            add(
                .error, id, "runs with the peers \(Self.list(members)), the file lists \(Self.list(listed))",
                "they are fixed once a group has run: put the file right")
        }
        for peer in directory.peers {
            let address = peer.id == id ? status.peer.address : status.peers.first { $0.id == peer.id }?.address
            guard let address, address != peer.address.description else { continue }
            add(
                .warning, id, "runs with \(printable(address)) for peer \(peer.id), the file says \(peer.address)",
                "restart it if the file is right")
        }
        guard let configuration, configuration.selfID == id else { return }
        let expiry = Milliseconds(configuration.leadershipExpiry)
        if status.raft.lease.expiryMS != expiry {
            add(
                .warning, id,
                "runs with leadership_expiry_ms \(Int(status.raft.lease.expiryMS.value)), the file says \(Int(expiry.value))",
                "timings take effect at the next start")
        }
    }

    private static func list(_ ids: Set<Int>) -> String { enumeration(ids.sorted().map(String.init)) }

    private mutating func compareVersions(_ answers: [(Int, PeerAnswer)]) {
        let versions = Dictionary(grouping: answers, by: \.1.status.peer.version)
        guard versions.count > 1 else { return }
        let words = versions.sorted { $0.key < $1.key }.map { version, peers in
            "\(peerNames(peers.map(\.0))) \(peers.count == 1 ? "runs" : "run") \(printable(version, limit: 30))"
        }
        add(.warning, nil, "versions differ: \(words.joined(separator: "; "))", "finish the update")
    }

    private mutating func compareClocks(_ answers: [(Int, PeerAnswer)]) {
        guard let clocks = ClockSpread(answers.map { ("peer \($0.0)", $0.1) }), clocks.apart > Self.maxClockOffset
        else { return }
        add(.warning, nil, clocks.words, "synchronize their clocks")
    }

    private mutating func compareState(_ answers: [(Int, PeerAnswer)], _ configuration: Configuration?) {
        // Whoever has applied most knows the region's state.
        guard let configuration,
            let state = answers.max(by: { $0.1.status.raft.appliedIndex < $1.1.status.raft.appliedIndex })?.1.status
                .production, state.epoch > 0, state.regionActive != configuration.isActive
        else { return }
        add(
            .warning, nil,
            "the region is \(state.regionActive ? "active" : "standby") (epoch \(state.epoch)), and the file has "
                + "is_active_raft_cluster \(configuration.isActive)",
            "the group decides, not the file; put the file right so that nobody is misled")
    }

    /// 0 all as the file says; 2 something differs; 69 nobody answers; 77 the token is refused.
    public var exitCode: Int32 { isDenied ? 77 : !isReachable ? 69 : findings.isEmpty ? 0 : 2 }
}

/// How far the clocks of peers are apart.
struct ClockSpread {
    /// In milliseconds at least: what the two round trips leave open is not held against them.
    let apart: Double
    /// Which two are furthest apart.
    let words: String

    /// Nil when no peer says what its clock says.
    init?(_ answers: [(name: String, answer: PeerAnswer)]) {
        let offsets = answers.compactMap { name, answer in
            answer.clockOffset.map { (name: name, offset: $0, doubt: answer.roundTrip.value / 2) }
        }
        .sorted { $0.offset < $1.offset }
        guard let first = offsets.first, let last = offsets.last else { return nil }
        apart = last.offset - first.offset - first.doubt - last.doubt
        words = "the clock of \(last.name) is \(span(last.offset - first.offset)) ahead of that of \(first.name)"
    }
}

extension LiveCheck.Finding: CustomStringConvertible {
    public var description: String {
        "\(severity.rawValue): \(peer.map { "peer \($0) " } ?? "")\(message); \(suggestion)"
    }
}

extension LiveCheck {
    public var document: Tree {
        .map([
            .init("region", .string(region)), .init("reachable", .bool(isReachable)),
            .init(
                "findings",
                .list(
                    findings.map {
                        .map([
                            .init("severity", .string($0.severity.rawValue)), .init("peer", Tree($0.peer)),
                            .init("message", .string($0.message)), .init("suggestion", .string($0.suggestion)),
                        ])
                    })),
        ])
    }
}
