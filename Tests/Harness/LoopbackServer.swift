// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// Listens on a port of loopback and treats each connection as it is told, on a thread of its own.
final class LoopbackServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let accepted = Guarded(0)

    /// - Parameter treat: need not close the connection.
    init(_ treat: @escaping @Sendable (Int32) -> Void) throws {
        port = try Ports.free()
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0, withAddress(INADDR_LOOPBACK, port, { [descriptor] in bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, 64) == 0
        else { throw SocketError(code: errno) }
        let (descriptor, accepted) = (descriptor, accepted)
        Thread.detachNewThread {
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { break }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                accepted.withLock { $0 += 1 }
                Thread.detachNewThread {
                    treat(connection)
                    close(connection)
                }
            }
            close(descriptor)
        }
    }

    /// Answers every HTTP request with the same bytes; what is no HTTP is sent as well.
    /// - Parameter answer: all of it, the status line too.
    convenience init(answering answer: [UInt8]) throws {
        try self.init { connection in
            var patience = timeval(tv_sec: 5, tv_usec: 0)
            setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            // One request is one segment here.
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            guard recv(connection, &buffer, buffer.count, 0) > 0 else { return }
            _ = answer.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            shutdown(connection, Int32(SHUT_WR))
        }
    }

    /// Takes what it is sent, and never answers.
    static func silent() throws -> LoopbackServer {
        try LoopbackServer { connection in
            var buffer = [UInt8](repeating: 0, count: 1 << 12)
            while recv(connection, &buffer, buffer.count, 0) > 0 {}
        }
    }

    /// Stands before the server at `port`: passes on what reads, and its answers; what would change something it takes,
    /// tells `taken`, and never answers.
    static func deaf(before port: Int, taken: @escaping @Sendable () -> Void) throws -> LoopbackServer {
        try LoopbackServer { connection in
            let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
            defer { close(upstream) }
            guard withAddress(INADDR_LOOPBACK, port, { connect(upstream, $0, $1) }) == 0 else { return }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            func pass(_ from: Int32, _ to: Int32) -> Bool {
                let count = recv(from, &buffer, buffer.count, 0)
                return count > 0 && send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count
            }
            while true {
                var entries = [connection, upstream].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&entries, 2, -1) > 0 else { return }
                if entries[0].revents != 0 {
                    let count = recv(connection, &buffer, buffer.count, Int32(MSG_PEEK))
                    if buffer.prefix(max(0, count)).starts(with: "POST ".utf8) {
                        taken()
                        while recv(connection, &buffer, buffer.count, 0) > 0 {}
                        return
                    }
                    guard pass(connection, upstream) else { return }
                }
                if entries[1].revents != 0, !pass(upstream, connection) { return }
            }
        }
    }

    /// Answers every HTTP request with this document.
    convenience init(document: JSON) throws {
        let body = document.text
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            + "content-length: \(body.utf8.count)\r\n\r\n"
        try self.init(answering: Array((head + body).utf8))
    }

    /// Connections so far.
    var connections: Int { accepted.withLock { $0 } }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { stop() }
}
