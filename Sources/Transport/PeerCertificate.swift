// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import NIOSSL

/// The names that a certificate gives its owner, each a way to be on the list of allowed subjects. That the certificate
/// is genuine was settled before, by its chain to the trust roots.
public struct CertificateNames: CustomStringConvertible {
    /// The subject as OpenSSL prints it on one line. nil when that could be taken for another subject, or has attributes
    /// that are not known here.
    private(set) var subject: String?
    private(set) var commonNames: [String] = []
    /// DNS names and addresses.
    private(set) var alternativeNames: [String] = []

    public init(_ certificate: NIOSSLCertificate) {
        let attributes = certificate.subjectName
        subject = Self.oneLine(attributes)
        commonNames = attributes.filter { $0.type == .commonName }.map(\.value)
        for name in certificate._subjectAlternativeNames() {
            let bytes = name.contents.withUnsafeBufferPointer { Array($0) }
            switch name.nameType {
            case .dnsName: alternativeNames.append(String(decoding: bytes, as: UTF8.self))
            case .ipAddress:
                if let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress {
                    alternativeNames.append(address)
                }
            default: break
            }
        }
    }

    func isAllowed(by list: [String]) -> Bool {
        list.contains { allowed in
            if allowed == subject || commonNames.contains(allowed) || alternativeNames.contains(allowed) { return true }
            // An address may be written in several ways.
            guard let address = try? SocketAddress(ipAddress: allowed, port: 0).ipAddress else { return false }
            return alternativeNames.contains(address)
        }
    }

    /// On one line, whatever is in it.
    public var description: String { (subject ?? commonNames.first ?? alternativeNames.first ?? "no name").printable }

    static func oneLine(_ attributes: [SSLCertificateName]) -> String? {
        var line = ""
        for attribute in attributes {
            guard let short = shortNames[attribute.type] else { return nil }
            // "/O=a/CN=b" may be two attributes or one with a strange value: only the former passes.
            if let slash = attribute.value.firstIndex(of: "/"), attribute.value[slash...].contains("=") { return nil }
            line += "/\(short)="
            for byte in attribute.value.utf8 {
                if (0x20...0x7e).contains(byte) {
                    line.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    line += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            }
        }
        return line.isEmpty ? nil : line
    }

    private static let shortNames: [SSLCertificateNameType: String] = [
        .commonName: "CN", .organization: "O", .organizationalUnit: "OU", .country: "C", .state: "ST", .city: "L",
        .emailAddress: "emailAddress", .userId: "UID",
    ]
}

/// What went wrong with TLS, in an operator's words. The library's own have numbers and lines of source in them.
func tlsReason(_ error: any Error) -> String {
    let text = "\(error)"
    guard let mark = text.firstRange(of: "OPENSSL_internal:") else { return text }
    let name = text[mark.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let words = name.lowercased().replacing("_", with: " ")
    if name == "CERTIFICATE_VERIFY_FAILED" {
        return "the other side's certificate has expired, or is of an authority that is not trusted"
    }
    if name.contains("ALERT"), name.contains("CERTIFICATE") || name.contains("UNKNOWN_CA") {
        return "the other side does not take this peer's certificate (\(words))"
    }
    if name == "WRONG_VERSION_NUMBER" { return "the other side does not speak TLS" }
    return words
}

/// A certificate that this peer shows to others.
public struct OwnCertificate: Hashable, Sendable {
    public var subject: String
    /// Seconds since 1970.
    public var expiresAt: Int64

    public init(subject: String, expiresAt: Int64) {
        self.subject = subject
        self.expiresAt = expiresAt
    }

    public init(_ certificate: NIOSSLCertificate) {
        subject = CertificateNames(certificate).description
        expiresAt = Int64(certificate.notValidAfter)
    }

    /// The certificate at the beginning of a PEM file, and all that the file holds.
    public static func chain(in file: String) throws -> (OwnCertificate, [NIOSSLCertificate]) {
        let chain = try NIOSSLCertificate.fromPEMFile(file)
        guard let own = chain.first else { throw TransportError.tlsFiles(reason: "\(file) holds no certificate") }
        return (OwnCertificate(own), chain)
    }
}

/// What both sides of a TLS connection between peers are set up with.
public struct TLSContexts: Sendable {
    let client: NIOSSLContext
    let server: NIOSSLContext
    let allowedSubjectNames: [String]
    public let certificate: OwnCertificate

    /// Reads the files. Throws `TransportError.tlsFiles` when one is missing, malformed or does not fit the others.
    public init(_ files: TLSFiles) throws {
        do {
            let chain: [NIOSSLCertificate]
            (certificate, chain) = try OwnCertificate.chain(in: files.certificate)
            allowedSubjectNames = files.allowedSubjectNames
            let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
            let roots = NIOSSLTrustRoots.certificates(try NIOSSLCertificate.fromPEMFile(files.trustRoots))
            var server = TLSConfiguration.makeServerConfigurationWithMTLS(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key), trustRoots: roots)
            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = server.certificateChain
            client.privateKey = server.privateKey
            client.trustRoots = roots
            client.certificateVerification = .noHostnameVerification
            client.minimumTLSVersion = .tlsv12
            server.minimumTLSVersion = .tlsv12
            client.shutdownTimeout = .seconds(1)
            server.shutdownTimeout = .seconds(1)
            self.client = try NIOSSLContext(configuration: client)
            self.server = try NIOSSLContext(configuration: server)
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError.tlsFiles(
                reason: "\(files.certificate), \(files.key) or \(files.trustRoots) cannot be used (\(error))")
        }
    }
}
