// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import HTTP
import Keys
import NIOCore

/// Signs with a key in memory, at once.
public struct KeySigner: BlockSigner {
    private let key: PrivateKey
    private let eventLoop: any EventLoop

    public init(_ key: PrivateKey, eventLoop: any EventLoop) {
        self.key = key
        self.eventLoop = eventLoop
    }

    public var publicKey: PublicKey { key.publicKey }

    public func sign(_ digest: Checksum256) -> EventLoopFuture<Signature> {
        eventLoop.makeCompletedFuture { try key.sign(digest) }
    }
}

/// Lets a keosd sign.
public struct KeosdSigner: BlockSigner {
    public let publicKey: PublicKey
    private let url: HTTPURL
    private let client: HTTPClient
    private let timeout: TimeAmount

    /// What keosd did instead of signing.
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// - Parameters:
    ///   - url: where keosd's `sign_digest` is, path included.
    ///   - timeout: shorter than nodeos's `keosd-provider-timeout`.
    public init(url: HTTPURL, publicKey: PublicKey, client: HTTPClient, timeout: TimeAmount) {
        self.url = url
        self.publicKey = publicKey
        self.client = client
        self.timeout = timeout
    }

    public func sign(_ digest: Checksum256) -> EventLoopFuture<Signature> {
        let body = ByteBuffer(string: "[\"\(digest)\",\"\(publicKey)\"]")
        let call = HTTPCall(
            .POST, url, headers: ["content-type": "application/json"], body: body, timeout: timeout,
            repetition: .harmless)
        return client.send(call).flatMapThrowing { [url] answer in
            let text = String(buffer: answer.body)
            guard answer.status == .created || answer.status == .ok else {
                throw Failure(description: "keosd at \(url) answers \(answer.status.code): is its wallet unlocked?")
            }
            guard text.count <= 200, let signature = try? Signature(text: text.filter { $0 != "\"" && $0 != "\n" })
            else { throw Failure(description: "keosd at \(url) answers something that is no signature") }
            return signature
        }
    }
}
