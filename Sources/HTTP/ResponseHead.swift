// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// An answer's head as it is sent (RFC 9112, 4 and 6).
struct ResponseHead {
    /// How the client knows where the answer ends.
    enum Framing: Hashable {
        /// It has no body by its status.
        case none
        case length(Int)
        case chunked
        /// It ends with the connection.
        case untilTheEnd
    }

    var version = HTTPVersion.http1_1
    var status: HTTPResponseStatus
    /// Those that `framing` and `isLast` decide are left out.
    var headers: HTTPHeaders
    var framing = Framing.none
    /// The connection ends with this answer.
    var isLast = true

    init(_ response: Response, to request: HTTPRequestHead? = nil) {
        if let request { version = request.version }
        (status, headers) = (response.status, response.headers)
    }

    /// False: a header would end its line early, and the client would take what follows for something else.
    func write(into buffer: inout ByteBuffer) -> Bool {
        buffer.writeStaticString("HTTP/")
        buffer.writeString(version.major == 1 && version.minor == 0 ? "1.0 " : "1.1 ")
        buffer.writeString(String(status.code))
        buffer.writeStaticString(" ")
        buffer.writeString(status.reasonPhrase)
        buffer.writeStaticString("\r\n")
        for (name, value) in headers where !Self.isOurs(name) {
            guard Self.isOneLine(name), Self.isOneLine(value) else { return false }
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        switch framing {
        case .none, .untilTheEnd: break
        case .length(let count):
            buffer.writeStaticString("content-length: ")
            buffer.writeString(String(count))
            buffer.writeStaticString("\r\n")
        case .chunked: buffer.writeStaticString("transfer-encoding: chunked\r\n")
        }
        if isLast {
            buffer.writeStaticString("connection: close\r\n")
        } else if version < .http1_1 {
            buffer.writeStaticString("connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        return true
    }

    private static func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 10, 14, 17: ["connection", "content-length", "transfer-encoding"].contains(name.lowercased())
        default: false
        }
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }
    }
}

extension Response {
    /// The whole answer as bytes for a connection that closes after it.
    func lastBytes(to method: HTTPMethod?) -> ByteBuffer {
        var body = ByteBuffer()
        if case .bytes(let given) = self.body { body = given }
        var head = ResponseHead(self)
        head.framing = .length(body.readableBytes)
        var bytes = ByteBuffer()
        _ = head.write(into: &bytes)
        if method != .HEAD { bytes.writeBuffer(&body) }
        return bytes
    }
}

extension HTTPVersion {
    static func < (a: HTTPVersion, b: HTTPVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
    static func >= (a: HTTPVersion, b: HTTPVersion) -> Bool { !(a < b) }
}
