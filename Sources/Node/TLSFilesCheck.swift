// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOSSL

/// Whether TLS files can be used together, for the configuration's checks.
public enum TLSFilesCheck {
    /// What is wrong with these files; nil when a certificate, its key and the authority fit.
    public static func check(certificate: String, key: String, root: String?) -> String? {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            guard !chain.isEmpty else { return "\(certificate) holds no certificate" }
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            if let root {
                let roots = try NIOSSLCertificate.fromPEMFile(root)
                guard !roots.isEmpty else { return "\(root) holds no certificate" }
                tls.trustRoots = .certificates(roots)
            }
            _ = try NIOSSLContext(configuration: tls)
            return nil
        } catch {
            return "\(certificate), \(key)\(root.map { " and \($0)" } ?? "") do not fit together: \(error)"
        }
    }
}
