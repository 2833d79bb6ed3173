// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import FoundationEssentials
import HTTP
import NIOConcurrencyHelpers
import NIOCore

// Fuzzing builds this layer without TLS: it asks nobody.
#if canImport(NIOSSL)
    import NIOSSL
#endif

/// What the operator said about what to show, and whom to trust.
public struct CredentialChoice: Hashable, Sendable {
    /// `--cacert`
    public var authorityFile: String?
    /// `--cert`
    public var certificateFile: String?
    /// `--key`
    public var keyFile: String?

    public init(authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    /// A flag beats the environment, and both beat the configuration file. `PRODHA_TOKEN` beats `PRODHA_TOKEN_FILE`.
    public func credentials(
        for source: PeerSource, environment: [String: String]
    ) throws(CredentialsError) -> Credentials {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        var token = variable("PRODHA_TOKEN")
        if token == nil, let file = variable("PRODHA_TOKEN_FILE") { token = try Self.token(in: file) }
        let authority = authorityFile ?? variable("PRODHA_CACERT") ?? source.authorityFile
        let certificate = certificateFile ?? variable("PRODHA_CERT")
        let key = keyFile ?? variable("PRODHA_KEY")
        guard (certificate == nil) == (key == nil) else { throw .halfAPair }
        #if canImport(NIOSSL)
            let tls = ClientTLS(authority: authority, pair: certificate.flatMap { file in key.map { (file, $0) } })
            // The operator named these files, so they are looked at before anything is done; the system's list of authorities is
            // long, and is read when it is needed.
            if authority != nil || certificate != nil { try tls.readFiles() }
            return Credentials(token: token, security: tls.security)
        #else
            return Credentials(token: token, security: nil)
        #endif
    }

    /// The last word of the first line that says something: such a file may be one of those that a peer reads.
    private static func token(in file: String) throws(CredentialsError) -> String {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw .unreadable(file: file)
        }
        let line = text.split(separator: "\n").first { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }
        guard let token = line?.split(whereSeparator: \.isWhitespace).last else { throw .noToken(file: file) }
        return String(token)
    }
}

/// Why the tool does not know what to show.
public enum CredentialsError: Error, Hashable, Sendable, CustomStringConvertible {
    case halfAPair
    case unreadable(file: String)
    case noToken(file: String)
    case badFiles(String)

    public var description: String {
        switch self {
        case .halfAPair: "a certificate and its key belong together; give --cert and --key, or neither"
        case .unreadable(let file): "\(file), of PRODHA_TOKEN_FILE, cannot be read"
        case .noToken(let file): "\(file), of PRODHA_TOKEN_FILE, holds no token"
        case .badFiles(let text): text
        }
    }
}

#if canImport(NIOSSL)
    /// TLS at the client's side.
    private final class ClientTLS: Sendable {
        private let authority: String?
        private let pair: (certificate: String, key: String)?
        private let context = NIOLockedValueBox<NIOSSLContext?>(nil)

        init(authority: String?, pair: (certificate: String, key: String)?) {
            self.authority = authority
            self.pair = pair
        }

        var security: ClientSecurity {
            ClientSecurity(
                prepare: { channel, url in
                    let isAddress = (try? SocketAddress(ipAddress: url.host, port: 0)) != nil
                    // Without a name the certificate must have the address that the connection goes to.
                    let handler = try NIOSSLClientHandler(
                        context: try self.readFiles(), serverHostname: isAddress ? nil : url.host)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }, failure: { Self.failure($0) })
        }

        @discardableResult
        func readFiles() throws(CredentialsError) -> NIOSSLContext {
            if let known = context.withLockedValue({ $0 }) { return known }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            var files: [String] = []
            do {
                if let authority {
                    files = [authority]
                    let authorities = try NIOSSLCertificate.fromPEMFile(authority)
                    guard !authorities.isEmpty else {
                        throw CredentialsError.badFiles("\(authority) holds no certificate")
                    }
                    tls.trustRoots = .certificates(authorities)
                }
                if let pair {
                    files = [pair.certificate, pair.key]
                    tls.certificateChain = try NIOSSLCertificate.fromPEMFile(pair.certificate).map { .certificate($0) }
                    tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: pair.key, format: .pem))
                }
                let made = try NIOSSLContext(configuration: tls)
                context.withLockedValue { $0 = made }
                return made
            } catch let error as CredentialsError {
                throw error
            } catch {
                throw .badFiles(
                    "\(files.joined(separator: " or ")) cannot be used for TLS: see that it is there, is PEM, and fits")
            }
        }

        private static func failure(_ error: any Error) -> ClientSecurity.Failure? {
            switch error {
            case let error as NIOSSLExtraError where error == .failedToValidateHostname:
                return .handshake("its certificate is for another host")
            case is NIOSSLError, is BoringSSLError: break
            default: return nil
            }
            let text = "\(error)"
            // With TLS 1.3 it comes after the handshake, and before the other side reads anything.
            if text.contains("ALERT"), text.contains("CERTIFICATE") || text.contains("UNKNOWN_CA") {
                return .certificateRefused("it does not take this certificate; see --cert")
            }
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return .handshake("its certificate has expired or is not trusted; see --cacert")
            }
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                return .handshake("it does not speak TLS; try http")
            }
            return .handshake("TLS failed: \(text.prefix(200))")
        }
    }
#endif
