// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import HTTP
import NIOCore
import NIOSSL
import Transport

/// All that the configuration's files with secrets and certificates say about who may come in. Reading them may take its
/// time, so it is done beside the loop: at the start, and again on SIGHUP.
struct Security: Sendable {
    var access: Access
    /// For links between peers; nil: plaintext.
    var links: TLSContexts?
    /// For the API; nil: plain HTTP.
    var api: APICertificate?
    /// For asking other regions; nil: plain HTTP.
    var regions: ClientSecurity?

    /// Fails with `TokenFileError` and `TransportError.tlsFiles`.
    init(_ configuration: Configuration) throws {
        access = try Access(configuration)
        links = try configuration.tls.map { try TLSContexts(TLSFiles($0)) }
        api = try configuration.apiTLS.map { try APICertificate($0) }
        regions = try ClientSecurity.forRegions(of: configuration)
    }
}

extension TLSFiles {
    init(_ files: PeerTLS) {
        self.init(
            certificate: files.certificateFile, key: files.keyFile, trustRoots: files.rootFile,
            allowedSubjectNames: files.allowedSubjectNames)
    }
}

/// What the API's TLS is set up with.
struct APICertificate: Sendable {
    let context: NIOSSLContext
    let certificate: OwnCertificate

    /// Fails with `TransportError.tlsFiles`.
    init(_ files: APITLS) throws {
        do {
            let chain: [NIOSSLCertificate]
            (certificate, chain) = try OwnCertificate.chain(in: files.certificateFile)
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.keyFile, format: .pem)))
            tls.minimumTLSVersion = .tlsv12
            tls.shutdownTimeout = .seconds(1)
            if let authority = files.clientCAFile {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
                // A token is as good, so nobody has to show one; who does must show a good one.
                tls.certificateVerification = .optionalVerification
            }
            context = try NIOSSLContext(configuration: tls)
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError.tlsFiles(
                reason: "\(files.certificateFile), \(files.keyFile)"
                    + "\(files.clientCAFile.map { " or \($0)" } ?? "") cannot be used for the API (\(error))")
        }
    }
}

/// The API's TLS, which may change while the server runs. Used on the loop.
final class APISecurity {
    /// For connections that are made from now on.
    var current: APICertificate

    init(_ current: APICertificate) { self.current = current }

    var channels: ChannelSecurity {
        ChannelSecurity(
            prepare: { channel in
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: self.current.context))
            },
            subjectOfClient: { channel in
                let certificate = try? channel.pipeline.syncOperations.nioSSL_peerCertificate()
                return certificate.map { CertificateNames($0).description }
            })
    }
}

/// The certificates that a peer shows, and how long they are good.
struct OwnCertificates {
    enum Use: String {
        case peers
        case api

        /// Whom it is shown to.
        var words: String {
            switch self {
            case .peers: "other peers"
            case .api: "the API"
            }
        }
    }

    /// A warning is written once a day from here on.
    static let warningTime = Duration.seconds(14 * 86400)

    var byUse: [(use: Use, certificate: OwnCertificate)] = []
    /// Days since 1970.
    private var lastWarning: Int64 = 0

    init(_ certificates: [(Use, OwnCertificate?)] = []) {
        byUse = certificates.compactMap { use, certificate in certificate.map { (use, $0) } }
    }

    /// What is to be said of them, once a day.
    mutating func warnings(atUnixSeconds now: Int64) -> [String] {
        guard now / 86400 > lastWarning else { return [] }
        lastWarning = now / 86400
        return byUse.compactMap { use, certificate in
            let left = certificate.expiresAt - now
            guard left < Self.warningTime.components.seconds else { return nil }
            let name = "the certificate for \(use.words), \(certificate.subject),"
            return left > 0
                ? "\(name) expires in \(left / 86400) days and \(left % 86400 / 3600) hours; put a new one in its place and send SIGHUP"
                : "\(name) has expired: new connections fail; put a new one in its place and send SIGHUP"
        }
    }

    var documents: [StatusDocument.Certificate] {
        byUse.map { use, certificate in
            .init(
                use: use.rawValue, subject: certificate.subject,
                expiresAt: UTCInstant(unixMilliseconds: certificate.expiresAt * 1000))
        }
    }

    func addMetrics(to page: inout MetricsPage) {
        for (use, certificate) in byUse {
            page.gauge(
                "prodha_\(use)_certificate_expiry_timestamp_seconds",
                "When the certificate expires, in seconds since 1970.",
                Double(certificate.expiresAt))
        }
    }
}
