// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Where each peer's HTTP API is reached: as written, or on the listening port + 1000.

enum PeerAPIRules {
    /// Every peer with its API. A port over 65535 or taken twice is an error; in a Taurus file, which cannot say where
    /// the API is, the next free port is taken instead, the same on every peer that has the same list.
    static func resolve(_ drafts: [PeerDraft], scheme: ServiceURL.Scheme, findings: Findings) -> [Peer] {
        var taken = TakenPorts()
        for draft in drafts { claimLinks(of: draft, &taken, findings) }
        for draft in drafts {
            guard let api = draft.api else { continue }
            if let owner = taken.claim(api.endpoint, "the API of peer \(draft.id)") {
                draft.reader.error("api", "\(api.endpoint) is taken: \(owner)", "choose a free port")
            }
        }
        return drafts.map { draft in
            Peer(
                id: draft.id, address: draft.address, listeningPort: draft.listeningPort,
                api: draft.api ?? derived(draft, scheme, &taken, findings))
        }
    }

    /// The ports of a peer's Raft link: the one that is dialled, and the one that it listens on. Two peers with one
    /// listening port on one host may be right behind a NAT address, but never on one machine.
    private static func claimLinks(of draft: PeerDraft, _ taken: inout TakenPorts, _ findings: Findings) {
        let host = draft.address.host
        let name = "the Raft link of peer \(draft.id)"
        if let owner = taken.claim(draft.address, name), !owner.hasPrefix("the Raft link") {
            draft.reader.warn("address", "\(draft.address) is also \(owner)", "give every peer ports of its own")
        }
        guard draft.listeningPort != draft.address.port else { return }
        let listening = HostPort(host: host, port: draft.listeningPort)
        guard let owner = taken.claim(listening, "the listening port of peer \(draft.id)") else { return }
        let message = "\(listening) is also \(owner)"
        if listening.isLoopback {
            draft.reader.broken(.ours, "listening_port", message, "give every peer ports of its own")
        } else {
            draft.reader.warn("listening_port", message, "right only if \(host.quoted) stands for several machines")
        }
    }

    private static func derived(
        _ draft: PeerDraft, _ scheme: ServiceURL.Scheme, _ taken: inout TakenPorts, _ findings: Findings
    ) -> ServiceURL {
        let host = draft.address.host
        let usual = draft.listeningPort + Configuration.Defaults.portStep
        let key = draft.reader.has("listening_port") ? "listening_port" : "address"
        let problem: String
        if usual > Port.range.upperBound {
            problem = "the default port of its API would be \(usual), over \(Port.range.upperBound)"
        } else if let owner = taken.claim(HostPort(host: host, port: usual), "the API of peer \(draft.id)") {
            problem = "the default port of its API would be \(usual), which is \(owner)"
        } else {
            return ServiceURL(scheme: scheme, endpoint: HostPort(host: host, port: usual))
        }
        let instead = taken.freePort(host: host, from: usual)
        let used = findings.consequenceOfOurRules == .goesOn ? "; \(instead) is used" : ""
        draft.reader.broken(.ours, key, "\(problem)\(used)", "give this peer an \"api\": \"http://host:port\"")
        let endpoint = HostPort(host: host, port: instead)
        _ = taken.claim(endpoint, "the API of peer \(draft.id)")
        return ServiceURL(scheme: scheme, endpoint: endpoint)
    }
}

/// Who uses which port of which host.
private struct TakenPorts {
    private var owners: [HostPort: String] = [:]

    /// Takes the port; answers who has it already.
    mutating func claim(_ endpoint: HostPort, _ owner: String) -> String? {
        let key = HostPort(host: Host.key(endpoint.host), port: endpoint.port)
        if let earlier = owners[key] { return earlier }
        owners[key] = owner
        return nil
    }

    /// The first free port above `start`, else the first from 1024 on.
    func freePort(host: String, from start: Int) -> Int {
        let key = Host.key(host)
        let isFree = { (port: Int) in owners[HostPort(host: key, port: port)] == nil }
        let unprivileged = 1024...Port.range.upperBound
        let above = unprivileged.first { $0 > start && isFree($0) }
        return above ?? unprivileged.first(where: isFree) ?? Port.range.upperBound
    }
}
