// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// Certificates that openssl makes, in a directory that goes with this. Two authorities are there from the start: `root`
/// and `other`.
public final class TestCertificates: Sendable {
    let directory = FileManager.default.temporaryDirectory.appending(path: "prodha-tls-\(UUID().uuidString)")

    public func file(_ name: String) -> String { directory.appending(path: name).path }

    public init() async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for root in ["root", "other"] {
            try await openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-subj", "/CN=\(root)", "-keyout", file("\(root).key"), "-out", file("\(root).pem"))
        }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Makes `name.pem` and `name.key`, with the subject `/CN=name`.
    /// - Parameters:
    ///   - names: alternative names as openssl writes them, like `DNS:localhost,IP:127.0.0.1`.
    ///   - daysAgo: how many days ago it was made.
    public func make(
        _ name: String, by authority: String = "root", names: String, days: Int = 400, daysAgo: Int = 0
    ) async throws {
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", file("\(name).key"), "-out", file("\(name).csr"))
        try "subjectAltName=\(names)\n".write(toFile: file("\(name).ext"), atomically: false, encoding: .utf8)
        try await openssl(
            "x509", "-req", "-in", file("\(name).csr"), "-CA", file("\(authority).pem"), "-CAkey",
            file("\(authority).key"), "-CAcreateserial", "-days", "\(days)", "-extfile", file("\(name).ext"), "-out",
            file("\(name).pem"), daysAgo: daysAgo)
    }

    /// Puts a pair of files in the place of another, as an operator does who renews a certificate.
    public func put(_ new: String, inPlaceOf old: String) throws {
        for ending in ["pem", "key"] {
            let (from, to) = (file("\(new).\(ending)"), file("\(old).\(ending)"))
            try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to), options: .atomic)
        }
    }

    private func openssl(_ arguments: String..., daysAgo: Int = 0) async throws {
        let clock = daysAgo == 0 ? [] : ["/usr/bin/faketime", "-\(daysAgo)days"]
        let finished = try await Finished.running(clock + ["/usr/bin/openssl"] + arguments, in: directory)
        guard finished.ending == .exit(0) else {
            throw CannotStart(description: "openssl \(arguments): \(finished.everything)")
        }
    }
}
