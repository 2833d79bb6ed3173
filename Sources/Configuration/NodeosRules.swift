// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of the `nodeos` block: the local nodeos, the p2p gate, the signature gate.

enum NodeosRules {
    /// What was read, and where it makes this peer listen.
    static func settings(
        _ root: ObjectReader, apiListen: HostPort?, checks: FileChecks
    ) -> (settings: NodeosSettings, listeners: [Listener]) {
        var settings = NodeosSettings()
        var listeners: [Listener] = []
        guard let nodeos = root.object("nodeos", .nodeos) else { return (settings, []) }
        settings.http = nodeos.url("http", path: .none)
        settings.producers = producers(nodeos)
        if let p2p = nodeos.object("p2p", .p2p) {
            settings.p2p = self.p2p(p2p, &listeners)
        }
        if let signer = nodeos.object("signer", .signer) {
            settings.signer = self.signer(signer, apiListen: apiListen, checks: checks, &listeners)
        }
        if let gate = ["p2p", "signer"].first(where: nodeos.has), !nodeos.has("http") {
            nodeos.error(
                gate, "nodeos.http is not given, and a gate that cannot ask nodeos for its head stays shut",
                "give nodeos.http, like \"http://127.0.0.1:8888\"")
        }
        return (settings, listeners)
    }

    private static func producers(_ nodeos: ObjectReader) -> NodeosSettings.Producers {
        guard let names = nodeos.texts("producers") else { return .all }
        if names.isEmpty, case .list(let items)? = nodeos.node("producers")?.value, items.isEmpty {
            nodeos.error(
                "producers", "the list is empty: no block would be guarded", "leave it out to guard every producer")
        }
        var seen: [String: Position] = [:]
        for (name, path, position) in names {
            if !isAccountName(name) {
                nodeos.findings.error(
                    position, path, "\(name.quoted) is not an account name",
                    "those have up to 12 of a-z, 1-5 and '.', and do not end in '.'")
            } else if let first = seen[name] {
                nodeos.findings.error(
                    position, path, "\(name.quoted) is listed twice, first at \(first.spelled)", "keep one")
            }
            seen[name] = seen[name] ?? position
        }
        return .only(names.map(\.text))
    }

    /// The chain's rule for names; a 13th character, from a smaller alphabet, is allowed.
    static func isAccountName(_ name: String) -> Bool {
        let letters = Array(name.unicodeScalars)
        guard (1...13).contains(letters.count), letters.last != "." else { return false }
        for (index, letter) in letters.enumerated() {
            switch letter {
            case "1"..."5", ".", "a"..."j": continue
            case "k"..."z" where index < 12: continue
            default: return false
            }
        }
        return true
    }

    private static func p2p(_ p2p: ObjectReader, _ listeners: inout [Listener]) -> NodeosSettings.P2P {
        var result = NodeosSettings.P2P(
            node: p2p.address("node"), listen: p2p.address("listen"), peers: [],
            localListen: p2p.address("local_listen"))
        if !p2p.has("node"), !p2p.has("local_listen") {
            p2p.error(
                "node", "the p2p gate has no way to the local nodeos",
                "give node, where nodeos listens, or local_listen, where nodeos dials")
        }
        for (key, endpoint) in [("listen", result.listen), ("local_listen", result.localListen)] {
            guard let endpoint else { continue }
            listeners.append(
                Listener(
                    name: "the p2p gate (\(key))", endpoint: endpoint, path: p2p.pathOf(key),
                    position: p2p.place(of: key)))
        }
        var seen: [HostPort: Position] = [:]
        for (text, path, position) in p2p.texts("peers") ?? [] {
            do {
                let peer = try HostPort(parsing: text)
                if let first = seen[peer] {
                    p2p.findings.error(position, path, "\(peer) is listed twice, first at \(first.spelled)", "keep one")
                    continue
                }
                seen[peer] = position
                result.peers.append(peer)
            } catch {
                p2p.findings.error(position, path, error.message, error.suggestion)
            }
        }
        return result
    }

    private static func signer(
        _ signer: ObjectReader, apiListen: HostPort?, checks: FileChecks, _ listeners: inout [Listener]
    ) -> NodeosSettings.Signer? {
        let listen = signerListen(signer, apiListen: apiListen)
        if let listen {
            listeners.append(
                Listener(
                    name: "the signature gate", endpoint: listen, path: signer.pathOf("listen"),
                    position: signer.place(of: "listen")))
        }
        let publicKey = publicKey(signer)
        let key = privateKey(signer, checks: checks)
        guard let listen, let publicKey, let key else { return nil }
        return NodeosSettings.Signer(listen: listen, publicKey: publicKey, key: key)
    }

    private static func signerListen(_ signer: ObjectReader, apiListen: HostPort?) -> HostPort? {
        guard signer.has("listen") else {
            guard let apiListen else { return nil }
            let port = apiListen.port + Configuration.Defaults.portStep
            guard Port.range.contains(port) else {
                signer.error(
                    "listen", "the default port of the signature gate would be \(port), over \(Port.range.upperBound)",
                    "give nodeos.signer.listen, like \"127.0.0.1:9000\"")
                return nil
            }
            return HostPort(host: "127.0.0.1", port: port)
        }
        guard let listen = signer.address("listen") else { return nil }
        guard listen.isLoopback else {
            signer.error(
                "listen", "\(listen) is not loopback: who reaches the signature gate could have blocks signed",
                "write \("127.0.0.1:\(listen.port)".quoted)")
            return nil
        }
        return listen
    }

    private static func publicKey(_ signer: ObjectReader) -> String? {
        guard signer.has("public_key") else {
            signer.error("public_key", "nodeos.signer has no public_key", "give the key of the block producer: EOS...")
            return nil
        }
        guard let key = signer.text("public_key", like: "EOS...") else { return nil }
        let body = ["PUB_K1_", "EOS"].first(where: key.hasPrefix).map { key.dropFirst($0.count) }
        let alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
        guard let body, (48...52).contains(body.count), body.allSatisfy(alphabet.contains) else {
            let isPrivate = key.hasPrefix("5") || key.hasPrefix("PVT_")
            signer.error(
                "public_key",
                isPrivate ? "this looks like a private key" : "\(key.quoted) is not a public key for blocks",
                isPrivate
                    ? "take it out of this file; it belongs in key_file, or in keosd"
                    : "copy it from signature-provider in nodeos's config.ini: EOS... or PUB_K1_...")
            return nil
        }
        return key
    }

    private static func privateKey(_ signer: ObjectReader, checks: FileChecks) -> NodeosSettings.Signer.Key? {
        let choice = "give one of key_file and keosd_url"
        switch (signer.has("key_file"), signer.has("keosd_url")) {
        case (false, false):
            signer.error("key_file", "nodeos.signer has nothing to sign with", choice)
            return nil
        case (true, true):
            signer.error("keosd_url", "both key_file and keosd_url are given", choice)
            return nil
        case (true, false):
            return signer.file("key_file", checks: checks, privacy: .advised).map { .file($0) }
        case (false, true):
            return signer.url("keosd_url", path: .allowed).map { .keosd($0) }
        }
    }
}
