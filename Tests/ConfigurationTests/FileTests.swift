// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

@Suite struct FileTests {
    @Test(arguments: [("/nowhere/group.json", "No such file or directory"), ("/tmp", "Is a directory")])
    func anUnreadableFileIsOneErrorWithTheReason(_ path: String, _ reason: String) {
        let result = ConfigurationLoader.load(file: path, environment: [:])
        #expect(result.configuration == nil && result.directory == nil)
        #expect(result.diagnostics.map(\.description).first?.contains(reason) == true)
        #expect(result.diagnostics.count == 1)
        #expect(result.diagnostics.first?.description.hasPrefix("\(path):1:1: error: ") == true)
    }

    @Test func aFileIsReadFromDiskAndBounded() throws {
        let scratch = try Scratch()
        let path = try scratch.write("group", Samples.taurus())
        #expect(ConfigurationLoader.load(file: path, environment: [:]).configuration?.file == path)
        let large = try scratch.write("large", String(repeating: " ", count: DocumentReader.maximumBytes + 5))
        #expect(
            ConfigurationLoader.load(file: large, environment: [:]).errors.first?.message.contains("at most") == true)
        let endless = ConfigurationLoader.load(file: "/dev/zero", environment: [:])
        #expect(endless.errors.count == 1)
    }

    @Test(arguments: [
        (0o600, true), (0o400, true), (0o000, true), (0o640, false), (0o604, false), (0o700, false), (0o644, false),
    ])
    func aTokenFileIsForItsOwnerOnly(_ mode: Int, _ isRight: Bool) throws {
        let scratch = try Scratch()
        let token = try scratch.write("token", mode: UInt32(mode))
        for key in ["token_file", "read_token_file"] {
            let result = load(Samples.extended("\"api\": {\"\(key)\": \"\(token)\"}"))
            if mode == 0o000, result.has(.error, "api.\(key)", "Permission denied") { continue }
            #expect((result.configuration != nil) == isRight, "\(result.diagnostics)")
            if !isRight { #expect(result.has(.error, "api.\(key)", "chmod 600 \(token)")) }
            #expect(!result.warnings.contains { $0.message.contains("no token") })
        }
    }

    @Test func tokensAreNotEmptyAndNotTheSame() throws {
        let scratch = try Scratch()
        let empty = try scratch.write("empty", "")
        #expect(
            load(Samples.extended("\"api\": {\"token_file\": \"\(empty)\"}")).has(.error, "api.token_file", "empty"))
        let token = try scratch.write("token")
        let both = "\"api\": {\"token_file\": \"\(token)\", \"read_token_file\": \"\(token)\"}"
        #expect(load(Samples.extended(both)).has(.error, "api.read_token_file", "could also operate"))
    }

    @Test func anOpenAPINeedsTLSAndAToken() throws {
        let scratch = try Scratch()
        let certificate = try scratch.write("cert.pem", mode: 0o644)
        let key = try scratch.write("key.pem")
        let token = try scratch.write("token")
        let tls = "\"tls\": {\"cert_file\": \"\(certificate)\", \"key_file\": \"\(key)\"}"
        let listen = "\"listen\": \"0.0.0.0:9988\""
        let whole = load(Samples.extended("\"api\": {\(listen), \(tls), \"token_file\": \"\(token)\"}"))
        let configuration = try #require(whole.configuration, "\(whole.errors)")
        #expect(configuration.apiListen.isWildcard)
        #expect(configuration.apiTLS?.certificateFile == certificate && configuration.apiTLS?.clientCAFile == nil)
        #expect(configuration.peers.allSatisfy { $0.api.scheme == .https })
        #expect(load(Samples.extended("\"api\": {\(listen), \(tls)}")).has(.error, "api.listen", "no token"))
        #expect(
            load(Samples.extended("\"api\": {\(listen), \"token_file\": \"\(token)\"}"))
                .has(.error, "api.listen", "no TLS"))
    }

    @Test func peerTLSNeedsItsFilesAndAMatch() throws {
        let scratch = try Scratch()
        let certificate = try scratch.write("cert.pem")
        let key = try scratch.write("key.pem")
        let root = try scratch.write("root.pem")
        func text(_ key: String, names: String = "[\"/CN=bp01\"]") -> String {
            Samples.taurus(
                extra:
                    "\"enable_ssl\": true, \"server_cert_file\": \"\(certificate)\", \"server_key_file\": \"\(key)\", "
                    + "\"root_cert_file\": \"\(root)\", \"allowed_ssl_subject_names\": \(names),")
        }
        let whole = load(text(key), tlsCheck: { $0 == certificate && $1 == key && $2 == root ? nil : "mixed up" })
        let expected = PeerTLS(
            certificateFile: certificate, keyFile: key, rootFile: root, allowedSubjectNames: ["/CN=bp01"])
        #expect(whole.configuration?.tls == expected, "\(whole.diagnostics)")
        #expect(!whole.warnings.contains { $0.message.contains("plaintext") })
        let mismatch = load(text(key), tlsCheck: { _, _, _ in "the key is not the certificate's" })
        #expect(mismatch.has(.error, "server_cert_file", "the key is not the certificate's"))
        let missing = load(text(key + "x"), tlsCheck: { _, _, _ in "never asked" })
        #expect(missing.errors.map(\.key) == ["server_key_file"])
        #expect(load(text("")).has(.error, "server_key_file", "is not given"))
        #expect(load(text(key, names: "[]")).has(.warning, "allowed_ssl_subject_names", "no peer is let in"))
        #expect(load(text(key, names: "[5]")).has(.error, "allowed_ssl_subject_names[0]", "wanted text"))
        let open = try scratch.write("open.pem", mode: 0o644)
        #expect(load(text(open)).has(.warning, "server_key_file", "open to everyone"))
        #expect(load(text(key + "x"), purpose: .tool).directory != nil, "a tool needs none of these files")
    }
}
