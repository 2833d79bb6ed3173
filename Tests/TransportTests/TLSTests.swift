// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOSSL
import Raft
import Testing

@testable import Transport

private let bp01Line = "/C=CH/O=example/CN=bp01"
private let bp02Line = "/O=Z\\xC3\\xBCrich & S\\xC3\\xB6hne/CN=bp02"

/// Starts peer 1 with bp01's certificate and peer 2, which dials it.
private func pair(
    oneAllows: [String], twoAllows: [String], two second: TLSFiles? = nil, plainSecond: Bool = false
) async throws -> (PeerHandle, PeerHandle) {
    let one = try await PeerHandle.make(
        settings(
            1,
            tls: try Certificates.files(
                certificate: Certificates.bp01, key: Certificates.bp01Key, allowed: oneAllows)))
    let port = try await one.start()
    var files: TLSFiles?
    if !plainSecond {
        files =
            try second
            ?? Certificates.files(certificate: Certificates.bp02, key: Certificates.bp02Key, allowed: twoAllows)
    }
    let two = try await PeerHandle.make(settings(2, ports: [1: port], tls: files))
    _ = try await two.start()
    return (one, two)
}

private func stop(_ peers: PeerHandle...) async throws { for peer in peers { try await peer.stop() } }

@Suite struct TLSTests {
    @Test(arguments: [bp02Line, "bp02", "bp02.example", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"])
    func aPeerIsLetInByAnyOfItsNames(name: String) async throws {
        let (one, two) = try await pair(oneAllows: ["someone", name], twoAllows: [bp01Line])
        try await eventually("they link up") { try await two.isLinked(to: 1) }
        let payload = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
        let message = Message.installSnapshot(
            InstallSnapshot(
                term: 1, round: Round(sentAt: Instant(nanoseconds: 0), promise: .zero),
                snapshot: Snapshot(index: 1, term: 1, state: payload)))
        try await two.send(message, to: 1)
        try await one.send(message, to: 2)
        for peer in [one, two] {
            try await eventually("the message arrives") { try await !peer.on { $0.messages.isEmpty } }
            let received = try await peer.on { $0.messages }
            #expect(received == [message])
        }
        try await stop(one, two)
    }

    @Test(arguments: [[], ["bp03"], ["/CN=bp02"], ["bp02 "], ["*"], [""]])
    func aPeerThatIsNotOnTheListIsRefused(allowed: [String]) async throws {
        let (one, two) = try await pair(oneAllows: allowed, twoAllows: ["bp01"])
        let reason = "the certificate of \(bp02Line) is not among the allowed subjects of peer 1"
        try await eventually("the dialler learns it") { try await two.status(of: 1).lastRefusal == reason }
        for peer in [one, two] {
            try await eventually("peer \(peer.id) logs it") { !peer.log.all(with: reason).isEmpty }
            #expect(try await peer.events().isEmpty)
        }
        try await stop(one, two)
    }

    @Test func theDiallerChecksToo() async throws {
        let (one, two) = try await pair(oneAllows: ["bp02"], twoAllows: ["bp99"])
        let reason = "the certificate of \(bp01Line) is not among the allowed subjects of peer 2"
        for peer in [one, two] {
            try await eventually("peer \(peer.id) logs it") { !peer.log.all(with: reason).isEmpty }
            #expect(try await peer.events().isEmpty)
        }
        try await stop(one, two)
    }

    @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
        let foreign = try Certificates.files(
            certificate: Certificates.foreign, key: Certificates.foreignKey, allowed: ["bp01"])
        let (one, two) = try await pair(oneAllows: ["bp02"], twoAllows: [], two: foreign)
        for peer in [one, two] {
            try await eventually("peer \(peer.id) logs it") { !peer.log.all(with: "TLS failed").isEmpty }
            #expect(try await peer.events().isEmpty)
        }
        try await stop(one, two)
    }

    @Test func aPeerWithoutTLSIsRefused() async throws {
        let (one, two) = try await pair(oneAllows: ["bp02"], twoAllows: [], plainSecond: true)
        try await eventually("the dialler learns it") { try await two.status(of: 1).lastFailure != nil }
        try await eventually("the other side logs it") { !one.log.all(with: "TLS failed").isEmpty }
        #expect(try await one.events().isEmpty)
        try await stop(one, two)
    }

    @Test func aPeerWithTLSTellsThatTheOtherHasNone() async throws {
        let one = try await PeerHandle.make(settings(1))
        let port = try await one.start()
        let files = try Certificates.files(
            certificate: Certificates.bp02, key: Certificates.bp02Key, allowed: ["bp01"])
        let two = try await PeerHandle.make(settings(2, ports: [1: port], tls: files))
        _ = try await two.start()
        try await eventually("it is told") { !one.log.all(with: "a TLS record, but this peer has no TLS").isEmpty }
        try await stop(one, two)
    }

    /// Whoever has passed the old list and not greeted yet does not get in by the new one.
    @Test func aConnectionThatHasNotGreetedIsCheckedAgain() async throws {
        let files = try Certificates.files(
            certificate: Certificates.bp01, key: Certificates.bp01Key, allowed: ["bp02"])
        let one = try await PeerHandle.make(settings(1, tls: files) { $0.greetingTimeout = .seconds(600) })
        let port = try await one.start()
        let theirs = try Certificates.files(
            certificate: Certificates.bp02, key: Certificates.bp02Key, allowed: ["bp01"])
        let client = try await RawClient(port: port, tls: try TLSContexts(theirs))
        // Its greeting would be taken, so the handshake is done and the old list is passed.
        let other = try await RawClient(port: port, tls: try TLSContexts(theirs))
        let greeting = Greeting(
            to: PeerID(1), settings: settings(2), softwareVersion: "raw", group: nil, fresh: true, lastIndex: 0,
            lastTerm: 0, session: 1)
        try await other.send(.frame(greeting))
        try await eventually("the other one links up") { try await one.events() == ["up 2"] }
        var closed = files
        closed.allowedSubjectNames = ["bp03"]
        let contexts = try TLSContexts(closed)
        try await one.with { $0.renew(contexts) }
        try await eventually("the link is cut") { try await one.events() == ["up 2", "down 2"] }
        try await eventually("both are hung up on") { !client.isOpen && !other.isOpen }
        try? await client.send(.frame(greeting))
        #expect(try await one.events() == ["up 2", "down 2"])
        try await one.stop()
    }

    @Test func filesThatDoNotServeAreNamed() async throws {
        let files = [
            TLSFiles(certificate: "/nonexistent.pem", key: "/k.pem", trustRoots: "/r.pem", allowedSubjectNames: ["a"]),
            try Certificates.files(certificate: "nothing", key: Certificates.bp01Key, allowed: []),
            try Certificates.files(certificate: Certificates.bp01, key: Certificates.bp02Key, allowed: []),
        ]
        for files in files {
            let peer = try await PeerHandle.make(settings(1, tls: files))
            await #expect { _ = try await peer.start() } throws: { error in
                "\(error)".contains(files.certificate) && "\(error)".hasPrefix("the peers' TLS cannot be set up")
            }
            try await peer.stop()
        }
    }

    @Test func aSubjectThatReadsLikeAnotherHasNoOneLineForm() {
        let honest = [SSLCertificateName("a", .organization), SSLCertificateName("b", .commonName)]
        #expect(CertificateNames.oneLine(honest) == "/O=a/CN=b")
        #expect(CertificateNames.oneLine([SSLCertificateName("a/CN=b", .organization)]) == nil)
        #expect(CertificateNames.oneLine([SSLCertificateName("a/s", .organization)]) == "/O=a/s")
        #expect(CertificateNames.oneLine([]) == nil)
    }
}
