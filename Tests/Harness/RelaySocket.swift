// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// A TCP socket of the relay on loopback. No call blocks.
final class RelaySocket: Sendable {
    enum Received {
        case bytes([UInt8])
        case nothing
        /// The other end has said all, or is gone.
        case end
    }

    let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    private convenience init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SocketError(code: errno) }
        self.init(descriptor: descriptor)
    }

    deinit {
        // A process that is started in the wrong moment has it too; the connection ends all the same.
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    static func listening(on port: Int) throws -> RelaySocket {
        let socket = try RelaySocket()
        // Connections of before may still be on their way out.
        var yes: Int32 = 1
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withAddress(INADDR_LOOPBACK, port, { bind(socket.descriptor, $0, $1) }) == 0,
            listen(socket.descriptor, 16) == 0
        else { throw SocketError(code: errno) }
        return socket
    }

    /// Begins to connect. That it failed shows in the first use.
    static func connecting(to port: Int) throws -> RelaySocket {
        let socket = try RelaySocket()
        guard withAddress(INADDR_LOOPBACK, port, { connect(socket.descriptor, $0, $1) }) == 0 || errno == EINPROGRESS
        else { throw SocketError(code: errno) }
        return socket
    }

    /// A connection that waits at this listener.
    func accepted() -> RelaySocket? {
        let descriptor = accept(descriptor, nil, nil)
        guard descriptor >= 0 else { return nil }
        makeNonblocking(descriptor)
        return RelaySocket(descriptor: descriptor)
    }

    func receive() -> Received {
        var result = 0
        var problem: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            result = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            problem = errno
            count = max(0, result)
        }
        if result > 0 { return .bytes(bytes) }
        return result < 0 && (problem == EAGAIN || problem == EINTR) ? .nothing : .end
    }

    /// How many of `bytes` were taken; nil when the other end is gone.
    func send(_ bytes: ArraySlice<UInt8>) -> Int? {
        let count = bytes.withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return count }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }

    /// Tells the other end that all is said.
    func finish() {
        shutdown(descriptor, Int32(SHUT_WR))
    }
}

func makeNonblocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
}
