// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// Answers every HTTP request on a port of its own with the same bytes, for as long as it lives.
final class CannedAPI: Sendable {
    let port: Int
    private let descriptor: Int32

    /// - Parameter answer: all of it, the status line too; what is no HTTP is sent as well.
    init(answering answer: [UInt8]) throws {
        port = try Ports.free()
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0, withAddress(INADDR_LOOPBACK, port, { [descriptor] in bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, 64) == 0
        else { throw SocketError(code: errno) }
        Thread.detachNewThread { [descriptor] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { break }
                Self.answer(connection, answer)
            }
            close(descriptor)
        }
    }

    /// A status answer of any content.
    convenience init(status: JSON) throws {
        let body = status.text
        try self.init(
            answering: Array(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
                    .utf8))
    }

    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// One request is one segment here.
    private static func answer(_ connection: Int32, _ bytes: [UInt8]) {
        defer { close(connection) }
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        guard recv(connection, &buffer, buffer.count, 0) > 0 else { return }
        _ = bytes.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        shutdown(connection, Int32(SHUT_WR))
    }
}
