// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Synchronization

enum SocketError: Error, Hashable {
    /// Nobody listens: what was to be said cannot have been heard.
    case refused
    case timedOut
    /// The other end closed or reset the connection.
    case closed
    case failed(Int32)

    init(code: Int32) {
        switch code {
        case ECONNREFUSED: self = .refused
        case ECONNRESET, EPIPE: self = .closed
        default: self = .failed(code)
        }
    }
}

/// A TCP connection to this machine. Every call blocks until `deadline` at the latest.
final class Socket: Sendable {
    typealias Deadline = ContinuousClock.Instant

    private let descriptor: Int32

    /// Connects to `port` of 127.0.0.1.
    init(port: Int, deadline: Deadline) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SocketError(code: errno) }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        if withAddress(INADDR_LOOPBACK, port, { connect(descriptor, $0, $1) }) < 0 {
            guard errno == EINPROGRESS else { throw SocketError(code: errno) }
            try wait(for: POLLOUT, until: deadline)
            var problem: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size)
            guard problem == 0 else { throw SocketError(code: problem) }
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Sends all of `bytes`. With `unlessAnswered` it stops when the other end speaks or closes first.
    func send(_ bytes: [UInt8], unlessAnswered: Bool = false, deadline: Deadline) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let ready = try wait(for: unlessAnswered ? POLLOUT | POLLIN : POLLOUT, until: deadline)
            if unlessAnswered, ready & POLLIN != 0 { return }
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EAGAIN && errno != EINTR {
                if unlessAnswered { return }
                throw SocketError(code: errno)
            }
        }
    }

    /// What has come, at least a byte; nothing once the other end has said all.
    func receive(deadline: Deadline) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            try wait(for: POLLIN, until: deadline)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count >= 0 { return Array(buffer.prefix(count)) }
            guard errno == EAGAIN || errno == EINTR else { throw SocketError(code: errno) }
        }
    }

    /// Waits for any of `events`; what is there of them, or of their end.
    @discardableResult
    private func wait(for events: Int32, until deadline: Deadline) throws -> Int32 {
        while true {
            let left = (deadline - ContinuousClock.now) / Duration.milliseconds(1)
            guard left > 0 else { throw SocketError.timedOut }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(min(left + 1, 60_000)))
            if count > 0 { return Int32(entry.revents) }
            guard count == 0 || errno == EINTR else { throw SocketError(code: errno) }
        }
    }
}

/// Ports for a test: free now, given to no other test of this process, and not among those that the kernel gives to
/// outgoing connections, for one of which a port might be taken while its peer is down.
public enum Ports {
    private static let candidates: Range<Int> = {
        let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
        let firstOutgoing = (text ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first ?? 32_768
        return firstOutgoing > 12_000 ? 10_000..<firstOutgoing : 10_000..<32_768
    }()

    private static let given = Mutex<Set<Int>>([])

    /// A port that is free, and so is every one that lies one of `companions` above it.
    public static func free(companions: [Int] = []) throws -> Int {
        try given.withLock { given in
            for _ in 0..<1000 {
                let port = Int.random(in: candidates)
                let all = [port] + companions.map { port + $0 }
                guard all.allSatisfy({ candidates.contains($0) && !given.contains($0) && isFree($0) }) else { continue }
                given.formUnion(all)
                return port
            }
            throw CannotStart(description: "no free port")
        }
    }

    public static func free(_ count: Int) throws -> [Int] {
        try (0..<count).map { _ in try free() }
    }

    static func isFree(_ port: Int) -> Bool {
        (try? Listener(port: port)) != nil
    }
}

/// Holds a port, on all addresses, for as long as it lives.
final class Listener: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0, withAddress(INADDR_ANY, port, { bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, 16) == 0
        else { throw SocketError(code: errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}

func withAddress(
    _ host: UInt32, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
