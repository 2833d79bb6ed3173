// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

extension Cluster {
    /// Gives every peer a certificate, `bp1` for peer 1, for its links and, if told, for its API.
    func secure(with certificates: TestCertificates, api: Bool = false) async throws {
        let names = peers.map { JSON.string("bp\($0.id)") }
        for peer in peers {
            let name = "bp\(peer.id)"
            try await certificates.make(name, names: "IP:127.0.0.1,DNS:localhost")
            try peer.edit { document in
                document["enable_ssl"] = .bool(true)
                document["server_cert_file"] = .string(certificates.file("\(name).pem"))
                document["server_key_file"] = .string(certificates.file("\(name).key"))
                document["root_cert_file"] = .string(certificates.file("root.pem"))
                document["allowed_ssl_subject_names"] = .array(names)
                guard api else { return }
                try Self.changeAPI(&document) { api in
                    api["tls"] = [
                        "cert_file": .string(certificates.file("\(name).pem")),
                        "key_file": .string(certificates.file("\(name).key")),
                        "client_ca_file": .string(certificates.file("other.pem")),
                        "ca_file": .string(certificates.file("root.pem")),
                    ]
                }
                document["peers"] = .array(
                    (document["peers"]?.array ?? []).map { entry in
                        var entry = entry
                        if let place = entry["api"]?.string { entry["api"] = .string("https://\(place)") }
                        return entry
                    })
            }
        }
    }

    /// Changes the `api` object of a configuration.
    static func changeAPI(_ document: inout JSON, _ change: (inout JSON) -> Void) throws {
        guard var api = document["api"] else { throw CannotStart(description: "the file has no api") }
        change(&api)
        document["api"] = api
    }
}
