// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import HTTP
import Harness
import Keys
import Logging
import NIOCore
import NIOPosix
import Raft
import Testing

@testable import Gate

/// A real nodeos, its signer, and the gate's client, all beside each other. Used on `loop`.
final class NodeosProcess: @unchecked Sendable {
    let loop: any EventLoop
    let process: Nodeos
    let http: HTTPClient
    let client: NodeosClient
    /// On the loop: what becomes of the next signing request, and how many came.
    var maySign: () -> Bool = { true }
    var saw: (NodeosControl.Signing) -> Void = { _ in }
    var requests = 0
    private let signerPort: Int
    private var signer: HTTPServer?

    init(loop: any EventLoop, genesisTime: String? = nil) throws {
        self.loop = loop
        signerPort = try Ports.free()
        process = try Nodeos(.signer(port: signerPort), genesisTime: genesisTime)
        http = HTTPClient(eventLoop: loop)
        client = NodeosClient(url: HTTPURL(host: "127.0.0.1", port: process.http), client: http)
    }

    func start() async throws {
        if signer == nil { try await startSigner() }
        try await process.start()
    }

    func startAndWait() async throws {
        try await start()
        try await process.serves()
    }

    private func startSigner() async throws {
        let key = try PrivateKey(text: Nodeos.developmentWIF)
        let port = signerPort
        try await loop.flatSubmit { [self] in
            var router = Router(eventLoop: loop, errorDocument: { Response.plainError($0) })
            router.on([.POST], "/v1/wallet/sign_digest") { [self] request in
                requests += 1
                let words = String(buffer: request.body).split(separator: "\"")
                guard maySign(), words.count > 1, let digest = Checksum256(hex: words[1]),
                    let signature = try? key.sign(digest)
                else {
                    saw(.refused)
                    let error =
                        #"{"code":500,"message":"refused","error":{"code":1,"name":"no","what":"no","details":[]}}"#
                    return loop.makeSucceededFuture(.json(.internalServerError, Array(error.utf8)))
                }
                saw(.signed)
                return loop.makeSucceededFuture(.json(.created, Array("\"\(signature.text)\"".utf8)))
            }
            let handler = router
            let server = HTTPServer(
                eventLoop: loop, limits: HTTPLimits(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                errorDocument: { Response.plainError($0) }, handler: { handler.handle($0) })
            signer = server
            return server.start(host: "127.0.0.1", port: port)
        }.get()
    }

    /// Asks on while nodeos takes longer than the client waits: asking twice does no harm, and this machine may be busy.
    func call(_ request: NodeosRequest) async throws -> NodeosAnswer {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do {
                return try await loop.flatSubmit { self.client.call(request) }.get()
            } catch HTTPClientError.noAnswer where ContinuousClock.now < deadline {
                continue
            }
        }
    }

    func info() async throws -> NodeosInfo {
        guard case .info(let info) = try await call(.info) else { throw CancellationError() }
        return info
    }

    func id(at number: UInt32) async throws -> BlockID? {
        guard case .blockID(let id) = try await call(.blockID(number)) else { return nil }
        return id
    }

    func block(_ id: BlockID) async throws -> [UInt8] {
        guard case .rawBlock(let block) = try await call(.rawBlock(id)) else { return [] }
        return block.bytes
    }

    /// Makes at least `count` blocks of its own, and is paused then.
    func makeBlocks(_ count: UInt32) async throws -> [[UInt8]] {
        let start = try await info().head.number
        _ = try await call(.resume)
        try await eventually("\(count) blocks") { try await self.info().head.number >= start + count }
        _ = try await call(.pause)
        let seen = try await loop.submit { self.requests }.get()
        let deadline = ContinuousClock.now + .milliseconds(700)
        try await eventually("it has finished its last block") {
            let now = try await self.loop.submit { self.requests }.get()
            return now > seen + 1 || ContinuousClock.now > deadline
        }
        let end = try await info().head.number
        var blocks: [[UInt8]] = []
        for number in start + 1...end { blocks.append(try await block(try #require(try await id(at: number)))) }
        return blocks
    }

    func cleanUp() async {
        try? await process.kill()
        try? await loop.flatSubmit { [self] in signer?.stop() ?? loop.makeSucceededVoidFuture() }.get()
        try? await http.close().get()
    }
}

struct NotInTime: Error, CustomStringConvertible { let description: String }

func eventually(
    _ what: String, within bound: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + bound
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(description: "not within \(bound): \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
