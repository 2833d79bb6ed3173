// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Configuration
import Gate
import Glibc
import HTTP
import Keys

/// The keys under `nodeos` in the form that the gates take.
struct AttachmentSettings {
    struct Signer {
        enum Key {
            case here(PrivateKey)
            case keosd(HTTPURL)
        }

        var listen: HostPort
        var publicKey: PublicKey
        var key: Key
    }

    var http: HTTPURL
    var producers = GuardedProducers.all
    var p2p: P2PGateSettings?
    var signer: Signer?

    /// nil when no nodeos is configured.
    init?(_ configuration: Configuration) throws(AttachmentError) {
        let nodeos = configuration.nodeos
        guard let url = nodeos.http else { return nil }
        http = HTTPURL(url)
        if case .only(let names) = nodeos.producers { producers = .only(Set(names.compactMap { try? Name($0) })) }
        p2p = nodeos.p2p.map { p2p in
            P2PGateSettings(
                node: p2p.node.map(P2PAddress.init), listen: p2p.listen.map(P2PAddress.init),
                localListen: p2p.localListen.map(P2PAddress.init), peers: p2p.peers.map(P2PAddress.init))
        }
        guard let signer = nodeos.signer else { return }
        let publicKey: PublicKey
        do {
            publicKey = try PublicKey(text: signer.publicKey)
        } catch {
            throw .key("nodeos.signer.public_key \(signer.publicKey): \(error)")
        }
        switch signer.key {
        case .keosd(let url):
            var url = HTTPURL(url)
            if url.target == "/" { url.target = "/v1/wallet/sign_digest" }
            self.signer = Signer(listen: signer.listen, publicKey: publicKey, key: .keosd(url))
        case .file(let path):
            let key: PrivateKey
            do {
                key = try KeyFile.read(path)
            } catch {
                throw .key("\(error)")
            }
            guard key.publicKey == publicKey else {
                throw .key(
                    "the key in \(path) is that of \(key.publicKey), not of nodeos.signer.public_key \(publicKey): give the "
                        + "file of the right key, or the key that nodeos's signature-provider names")
            }
            self.signer = Signer(listen: signer.listen, publicKey: publicKey, key: .here(key))
        }
    }
}

/// Why this peer cannot stand beside its nodeos.
enum AttachmentError: Error, CustomStringConvertible {
    case key(String)
    case queue(String)
    case guardedAlready(String)
    case cannotLock(String)

    var description: String {
        switch self {
        case .key(let text), .queue(let text): text
        case .cannotLock(let reason): "whether another prodha guards this nodeos cannot be found out: \(reason)"
        case .guardedAlready(let url):
            "another prodha of this machine guards the nodeos at \(url); two would give it two signatures. End that one, "
                + "or give this peer its own nodeos.http"
        }
    }
}

/// Keeps a second process of this machine from the same nodeos, by a name that the system drops with the process.
struct NodeosLock: ~Copyable {
    private let descriptor: Int32

    init(_ url: HTTPURL) throws(AttachmentError) {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .cannotLock(String(cString: strerror(errno))) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // All names of this machine's own addresses are one place.
        let isLoopback = HostPort(host: url.host, port: url.port).isLoopback
        let name = Array("\0prodha-guards-\(isLoopback ? "loopback" : url.host):\(url.port)".utf8)
        let length = withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: name.prefix(path.count))
            return min(path.count, name.count)
        }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + length)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard bound == 0 else {
            let code = errno
            close(descriptor)
            throw code == EADDRINUSE
                ? .guardedAlready(url.hostAndPort) : .cannotLock(String(cString: strerror(code)))
        }
    }

    deinit { close(descriptor) }
}

/// Stops this process, once, at a step of a block's way, for tests that then kill it or let it go on: `PRODHA_HALT_AT` is
/// `STEP:FILE`, and the process stops at that step as soon as the file is there, which it takes away first.
struct DebugHalt {
    enum Step: String {
        case signed, held, proposed, committed, released
    }

    private let step: Step
    private let file: String

    init?(_ text: String?) {
        guard let text, let colon = text.firstIndex(of: ":"), let step = Step(rawValue: String(text[..<colon])) else {
            return nil
        }
        self.step = step
        file = String(text[text.index(after: colon)...])
    }

    fileprivate func reached(_ step: Step) {
        if step == self.step, unlink(file) == 0 { raise(SIGSTOP) }
    }
}

extension DebugHalt? {
    func at(_ step: DebugHalt.Step) { self?.reached(step) }
}

extension HTTPURL {
    init(_ url: ServiceURL) {
        self.init(
            scheme: url.scheme == .https ? .https : .http, host: url.host, port: url.port,
            unixSocket: url.unixSocket, target: url.path.isEmpty ? "/" : url.path)
    }
}

extension P2PAddress {
    init(_ address: HostPort) { self.init(host: address.host, port: address.port) }
}
