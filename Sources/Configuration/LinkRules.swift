// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of TLS between peers.

enum LinkRules {
    static let fileKeys = ["server_cert_file", "server_key_file", "root_cert_file"]

    /// What the file says about TLS between peers.
    enum Links {
        case plaintext
        case mutualTLS(PeerTLS)
        case wrong
    }

    static func links(_ root: ObjectReader, checks: FileChecks, tlsCheck: TLSCheck?) -> (Links, requireTLS: Bool?) {
        let enabled = root.flag("enable_ssl", default: false)
        let required = root.flag("require_tls", default: false)
        let names = root.texts("allowed_ssl_subject_names")
        guard let enabled else { return (.wrong, required) }
        guard enabled else {
            let given = fileKeys.filter { root.text($0, like: "/etc/prodha/peer.pem", empty: .isNotGiven) != nil }
            let unused = given.isEmpty ? "" : " (\(given.enumeration) not used)"
            if required == true {
                root.error(
                    "require_tls", "require_tls is true, but enable_ssl is not\(unused)",
                    "write \"enable_ssl\": true with \(fileKeys.enumeration)")
            } else if checks == .performed {
                root.warn(
                    "enable_ssl", "peers talk in plaintext\(unused)",
                    "write \"enable_ssl\": true with \(fileKeys.enumeration)")
            }
            return (.plaintext, required)
        }
        let certificate = file(root, fileKeys[0], checks)
        let key = file(root, fileKeys[1], checks, privacy: .advised)
        let authority = file(root, fileKeys[2], checks)
        if names?.isEmpty ?? !root.has("allowed_ssl_subject_names") {
            root.warn(
                root.has("allowed_ssl_subject_names") ? "allowed_ssl_subject_names" : "enable_ssl",
                "allowed_ssl_subject_names is empty: no peer is let in",
                "list the peers' subjects, like \"/CN=bp01\"")
        }
        guard let certificate, let key, let authority else { return (.wrong, required) }
        if checks == .performed, let problem = tlsCheck?(certificate, key, authority) {
            root.error("server_cert_file", problem, "check \(fileKeys.enumeration)")
        }
        return (
            .mutualTLS(
                PeerTLS(
                    certificateFile: certificate, keyFile: key, rootFile: authority,
                    allowedSubjectNames: names?.map(\.text) ?? [])), required
        )
    }

    private static func file(
        _ root: ObjectReader, _ key: String, _ checks: FileChecks, privacy: ObjectReader.FilePrivacy = .notNeeded
    ) -> String? {
        let path = root.file(key, checks: checks, privacy: privacy, empty: .isNotGiven)
        // Wrong values are reported already; here the key is not given, or an empty text, which Taurus cannot use.
        if path == nil, !root.has(key) || isEmptyText(root.node(key)) {
            root.findings.error(
                root.has(key) ? root.place(of: key) : root.place(of: "enable_ssl"), key,
                "enable_ssl is true, but \(key) is not given", "write \"\(key)\": \"/etc/prodha/...pem\"")
        }
        return path
    }

    private static func isEmptyText(_ node: DocumentNode?) -> Bool {
        guard case .string(let text)? = node?.value else { return false }
        return text.isEmpty
    }
}
