// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// What a handler answers. `Content-Length`, `Transfer-Encoding` and `Connection` are the server's own business.
public struct Response: Sendable {
    public enum Body: Sendable {
        case bytes(ByteBuffer)
        /// Bytes that come when they come; called on the server's loop once the head is on its way.
        case stream(NIOLoopBound<(StreamWriter) -> Void>)
    }

    public var status: HTTPResponseStatus
    public var headers: HTTPHeaders
    public var body: Body

    public init(status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
    }

    public init(status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: [UInt8]) {
        self.init(status: status, headers: headers, body: ByteBuffer(bytes: body))
    }

    public static func json(_ status: HTTPResponseStatus = .ok, _ body: ByteBuffer) -> Response {
        Response(status: status, headers: ["content-type": "application/json"], body: body)
    }

    public static func json(_ status: HTTPResponseStatus = .ok, _ body: [UInt8]) -> Response {
        json(status, ByteBuffer(bytes: body))
    }

    public static func text(_ status: HTTPResponseStatus = .ok, _ body: String) -> Response {
        Response(
            status: status, headers: ["content-type": "text/plain; charset=utf-8"], body: ByteBuffer(string: body))
    }

    /// An answer without a set length, for as long as its writer is open; the connection ends with it.
    ///
    /// Must be made on `eventLoop`, the server's. A HEAD request gets the head alone and `start` is not called.
    public static func stream(
        on eventLoop: any EventLoop, headers: HTTPHeaders, _ start: @escaping (StreamWriter) -> Void
    ) -> Response {
        var response = Response(status: .ok, headers: headers)
        response.body = .stream(NIOLoopBound(start, eventLoop: eventLoop))
        return response
    }

    /// The refusal's sentence as plain text: for an owner that has no form of its own.
    public static func plainError(_ refusal: HTTPRefusal) -> Response {
        .text(refusal.status, refusal.description + "\n")
    }
}
