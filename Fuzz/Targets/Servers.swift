// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import HTTP

extension Target {
    /// A choice of pieces, then what a client sends.
    static let httpServer = Target("http-server", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let seed = input.byte()
        let whole = serve([input.rest])
        let inPieces = serve(input.pieces(seed))
        check(whole.requests == inPieces.requests, "whole: \(whole.requests), in pieces: \(inPieces.requests)")
        check(whole.answers == inPieces.answers, "whole: \(whole.answers), in pieces: \(inPieces.answers)")
    }

    /// A choice of pieces, a choice of the call, then what a server sends.
    static let httpClient = Target("http-client", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let seed = input.byte()
        let choice = input.byte()
        let whole = call(choice, [input.rest])
        let inPieces = call(choice, input.pieces(seed))
        check(whole == inPieces, "whole: \(whole), in pieces: \(inPieces)")
    }
}

private let bodyLimit = 1024

/// What the handler was given, and what went back.
private struct Served {
    struct Seen: Equatable {
        var method: String
        var path: String
        var query: Query
        var body: [UInt8]
    }

    var requests: [Seen] = []
    var answers: [String] = []
}

private func checkedRefusal(_ refusal: HTTPRefusal) -> Response {
    checkSentence(refusal.description)
    return Response.plainError(refusal)
}

private func serve(_ pieces: [ArraySlice<UInt8>]) -> Served {
    let loop = EmbeddedEventLoop()
    var served = Served()
    var limits = HTTPLimits()
    limits.maxBodyBytes = { _, _ in bodyLimit }
    // With one piece all requests are there at once.
    limits.maxRequestsInARow = .max
    let server = HTTPServer(
        eventLoop: loop, limits: limits, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() },
        errorDocument: checkedRefusal
    ) { request in
        check(request.body.readableBytes <= bodyLimit, "a body of \(request.body.readableBytes) bytes")
        check(request.path.hasPrefix("/") && !request.path.utf8.contains(0), "the path \(request.path)")
        served.requests.append(
            .init(
                method: request.method.rawValue, path: request.path, query: request.query,
                body: Array(request.body.readableBytesView)))
        return loop.makeSucceededFuture(Response(status: .ok, headers: [:], body: request.body))
    }
    let channel = EmbeddedChannel(loop: loop)
    var output = ByteBuffer()
    func collect() {
        loop.run()
        while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { output.writeImmutableBuffer(bytes) }
        check(server.heldBodyBytes <= limits.maxBodyBytesInAll, "\(server.heldBodyBytes) bytes of bodies are held")
    }
    do {
        try server.accept(channel)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    } catch {
        check(false, "the connection was not taken: \(error)")
    }
    for piece in pieces where channel.isActive {
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
        channel.pipeline.fireChannelReadComplete()
        collect()
    }
    if channel.isActive { channel.close(promise: nil) }
    collect()
    _ = try? channel.finish(acceptAlreadyClosed: true)
    check(server.heldBodyBytes == 0 && server.heldAnswerBytes == 0, "bytes are held for a client that is gone")
    check(server.connectionCount == 0, "a connection that is gone is counted")
    served.answers = answers(output)
    return served
}

/// Reads the answers, all of which say their length; the client end of what was sent.
private func answers(_ output: ByteBuffer) -> [String] {
    var rest = output.readableBytesView[...]
    var answers: [String] = []
    while !rest.isEmpty {
        guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else {
            check(false, "an answer without an end: \(String(decoding: rest, as: UTF8.self))")
            return answers
        }
        let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
        check(head.hasPrefix("HTTP/1."), "not an answer: \(head)")
        answers.append(head)
        rest = rest[end.upperBound...]
        let length =
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
            .flatMap { Int($0.dropFirst(16)) } ?? 0
        // An answer to HEAD says the length of what it leaves out.
        if !rest.starts(with: Array("HTTP/1.".utf8)) || length == 0 {
            answers.append(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
        }
    }
    return answers
}

private struct Outcome: Equatable {
    var status: UInt = 0
    var headers: [String] = []
    var body: [UInt8] = []
    var error: HTTPClientError?
}

private func call(_ choice: UInt8, _ pieces: [ArraySlice<UInt8>]) -> Outcome {
    let loop = EmbeddedEventLoop()
    let channel = EmbeddedChannel(loop: loop)
    let url = HTTPURL(host: "127.0.0.1", port: 8080, target: "/v1/prodha/status")
    let method: HTTPMethod = [.GET, .POST, .HEAD][Int(choice) % 3]
    let exchange = Exchange(
        HTTPCall(method, url, timeout: .hours(1), maxAnswerBytes: bodyLimit), eventLoop: loop)
    var outcome: Outcome?
    exchange.promise.futureResult.assumeIsolated().whenComplete { result in
        check(outcome == nil, "an outcome after the outcome")
        switch result {
        case .success(let answer):
            check(answer.body.readableBytes <= bodyLimit, "a body of \(answer.body.readableBytes) bytes")
            outcome = Outcome(
                status: answer.status.code, headers: answer.headers.map { "\($0.name): \($0.value)" },
                body: Array(answer.body.readableBytesView))
        case .failure(let error as HTTPClientError):
            checkSentence(error.description)
            outcome = Outcome(error: error)
        case .failure(let error): check(false, "an error of another kind: \(error)")
        }
    }
    let connection = ClientConnection(url: url, pool: ConnectionPool(maxIdle: 4), security: nil)
    do {
        try connection.addCodec(to: channel.pipeline.syncOperations)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    } catch {
        check(false, "no connection: \(error)")
    }
    connection.start(exchange, isReused: false)
    for piece in pieces where channel.isActive {
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
        channel.pipeline.fireChannelReadComplete()
        loop.run()
    }
    if channel.isActive { channel.close(promise: nil) }
    loop.run()
    _ = try? channel.finish(acceptAlreadyClosed: true)
    guard let outcome else { fatalError("the connection is closed and the call has no outcome") }
    return outcome
}
