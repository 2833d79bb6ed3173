// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of what this peer opens and keeps on its own machine: the HTTP API, its tokens, the data directory.

/// Where this peer listens, to find two uses of one port.
struct Listener {
    var name: String
    var endpoint: HostPort
    var path: String
    var position: Position
}

/// The `api` object as far as it does not depend on which peer this is.
struct APIDraft {
    var reader: ObjectReader?
    var listen: HostPort?
    /// A value was given for `listen` and is wrong.
    var listenIsWrong: Bool
    var hostNames: [String] = []
    var unixSocket: UnixSocket?
    var tls: APITLS?
    var authorityFile: String?
    var tokenFile: String?
    var readTokenFile: String?

    var scheme: ServiceURL.Scheme { tls == nil ? .http : .https }
}

enum LocalRules {
    static func api(_ root: ObjectReader, checks: FileChecks, tlsCheck: TLSCheck?) -> APIDraft {
        guard let api = root.object("api", .api) else {
            if !root.has("api") { warnWithoutToken(root, "api", checks) }
            return APIDraft(listenIsWrong: root.has("api"))
        }
        let listen = api.address("listen")
        let (tls, authorityFile) = apiTLS(api, checks: checks, tlsCheck: tlsCheck)
        let unixSocket = unixSocket(api)
        let tokenFile = api.file("token_file", checks: checks, privacy: .required)
        let readTokenFile = api.file("read_token_file", checks: checks, privacy: .required)
        if let tokenFile, tokenFile == readTokenFile {
            api.error(
                "read_token_file", "the same file as token_file: who may read could also operate",
                "give readers a token of their own")
        }
        let hasToken = api.has("token_file") || api.has("read_token_file") || tls?.clientCAFile != nil
        if let listen, !listen.isLoopback {
            if !api.has("tls") {
                api.error(
                    "listen", "\(listen) is not loopback and the API has no TLS",
                    "give api.tls with cert_file and key_file, or listen on 127.0.0.1:\(listen.port)")
            }
            if !hasToken {
                api.error(
                    "listen", "\(listen) is not loopback and the API has no token",
                    "give api.token_file, or api.tls.client_ca_file, or listen on 127.0.0.1:\(listen.port)")
            }
        } else if !hasToken, unixSocket == nil {
            warnWithoutToken(root, "api", checks)
        }
        return APIDraft(
            reader: api, listen: listen, listenIsWrong: api.has("listen") && listen == nil, hostNames: hostNames(api),
            unixSocket: unixSocket, tls: tls, authorityFile: authorityFile, tokenFile: tokenFile,
            readTokenFile: readTokenFile)
    }

    private static func warnWithoutToken(_ root: ObjectReader, _ key: String, _ checks: FileChecks) {
        guard checks == .performed else { return }
        root.warn(
            key, "no token is configured: everyone on this machine may operate this peer through its API", nil)
    }

    /// Names without ports: a browser's page cannot make the API's own name stand for another address.
    private static func hostNames(_ api: ObjectReader) -> [String] {
        (api.texts("host_names") ?? []).compactMap { name, path, position in
            guard let problem = Host.problem(with: name) else { return name }
            api.findings.error(position, path, "\(name.quoted): \(problem)", "write a host's name, without a port")
            return nil
        }
    }

    private static func unixSocket(_ api: ObjectReader) -> UnixSocket? {
        let example = "0660"
        var mode: UInt32 = 0o600
        if let text = api.text("unix_socket_mode", like: example) {
            if !api.has("unix_socket") {
                api.warn("unix_socket_mode", "it is not used: there is no unix_socket", "give api.unix_socket")
            }
            if let value = UInt32(text, radix: 8), text.utf8.count <= 4, value & ~0o777 == 0, value & 0o200 != 0 {
                mode = value
            } else {
                api.error(
                    "unix_socket_mode", "\(text.quoted) is no mode of a socket",
                    "write the permissions in octal, like \"\(example)\"; the owner must be able to write")
            }
            if mode & 0o002 != 0 {
                api.warn("unix_socket_mode", "everyone on this machine may operate this peer", "write \"\(example)\"")
            }
        }
        guard let path = api.text("unix_socket", like: "/run/prodha/1.sock") else { return nil }
        guard UnixSocket.isPath(path) else {
            api.error(
                "unix_socket", "\(path.quoted) is no absolute path of at most \(UnixSocket.longestPath) bytes",
                "write it like \"/run/prodha/1.sock\"")
            return nil
        }
        return UnixSocket(path: path, mode: mode)
    }

    private static func apiTLS(
        _ api: ObjectReader, checks: FileChecks, tlsCheck: TLSCheck?
    ) -> (APITLS?, authorityFile: String?) {
        guard let tls = api.object("tls", .apiTLS) else { return (nil, nil) }
        let authority = tls.file("ca_file", checks: checks)
        for key in ["cert_file", "key_file"] where !tls.has(key) {
            tls.error(key, "api.tls has no \(key)", "give cert_file and key_file")
        }
        let certificate = tls.file("cert_file", checks: checks)
        let key = tls.file("key_file", checks: checks, privacy: .advised)
        let clientCA = tls.file("client_ca_file", checks: checks)
        guard let certificate, let key else { return (nil, authority) }
        if checks == .performed, let problem = tlsCheck?(certificate, key, clientCA) {
            tls.error("cert_file", problem, "check cert_file, key_file and client_ca_file")
        }
        return (APITLS(certificateFile: certificate, keyFile: key, clientCAFile: clientCA), authority)
    }

    /// `api.listen`, else loopback and the port of this peer's API.
    static func apiListen(_ draft: APIDraft, selfPeer: Peer) -> HostPort? {
        if draft.listenIsWrong { return nil }
        return draft.listen ?? HostPort(host: "127.0.0.1", port: selfPeer.api.port)
    }

    /// A region's name is part of paths and labels: letters, digits, '-', '_' and '.', at most 63.
    static func regionName(_ reader: ObjectReader, _ key: String) -> String? {
        guard let name = reader.text(key, like: "east") else { return nil }
        let isAllowed = name.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
            default: false
            }
        }
        guard isAllowed, name.utf8.count <= 63, !name.hasPrefix("."), !name.hasPrefix("-") else {
            reader.error(
                key, "\(name.quoted) is no name for a region",
                "use up to 63 letters, digits, '-', '_' and '.', beginning with a letter or digit, like \"east\"")
            return nil
        }
        return name
    }

    /// The first that is given: the override, `data_dir`, a folder in `$STATE_DIRECTORY`, a folder in `./data`.
    static func dataDirectory(
        _ root: ObjectReader, override: String?, environment: [String: String], region: String, selfID: Int
    ) -> String? {
        let written = root.text("data_dir", like: "/var/lib/prodha/east-1")
        if let override, !override.isEmpty { return override }
        if root.has("data_dir") { return written }
        // systemd separates several state directories with ':'.
        let state = environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init)
        return "\(state ?? Configuration.Defaults.dataDirectory)/\(region)-\(selfID)"
    }

    /// `on_change`: `["/path/of/program", "argument"]`. nil when it is wrong.
    static func onChange(_ root: ObjectReader, checks: FileChecks) -> [String]? {
        guard root.has("on_change") else { return [] }
        guard let words = root.texts("on_change") else { return nil }
        guard let program = words.first else {
            root.error("on_change", "it names no program", "write [\"/usr/local/bin/notify\"]")
            return nil
        }
        guard program.text.hasPrefix("/") else {
            root.error(
                "on_change", "\(program.text.quoted) is no absolute path",
                "give the program's whole path first, then its arguments, each as a text of its own")
            return nil
        }
        // A peer must not stay away because its pager does.
        if checks == .performed, !FileAccess.isExecutable(program.text) {
            root.warn(
                "on_change", "\(program.text.quoted) cannot be run by this user, so nobody will be told of changes",
                "check the path and its permissions")
        }
        return words.map(\.text)
    }

    /// Two listeners of this peer on one port: the one that comes later in the list is reported.
    static func collisions(among listeners: [Listener], findings: Findings) {
        for (index, listener) in listeners.enumerated() {
            guard let earlier = listeners[..<index].first(where: { $0.endpoint.collides(with: listener.endpoint) })
            else { continue }
            findings.error(
                listener.position, listener.path,
                "\(listener.name) on \(listener.endpoint) is in the way of \(earlier.name) on \(earlier.endpoint)",
                "choose a free port")
        }
    }
}
