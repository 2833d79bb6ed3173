// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// A connection of the benchmark's client: one request at a time, kept alive. It is as thin as may be, since its own time
/// and its share of the processor are in every figure; nothing but the benchmark uses it.
final class LoadConnection {
    enum Failure: Error, CustomStringConvertible {
        case cannotConnect(port: Int, errno: Int32)
        case broken(port: Int)
        /// What came is no answer of HTTP/1.1 with a length.
        case malformed(port: Int)
        /// No whole answer in time.
        case late(port: Int)

        var description: String {
            switch self {
            case .cannotConnect(let port, let errno):
                "cannot connect to 127.0.0.1:\(port): \(String(cString: strerror(errno)))"
            case .broken(let port): "127.0.0.1:\(port) closed the connection before its answer was whole"
            case .malformed(let port): "127.0.0.1:\(port) gave an answer that is not HTTP"
            case .late(let port): "127.0.0.1:\(port) gave no answer in time"
            }
        }
    }

    struct Answer {
        var status: Int
        var body: ArraySlice<UInt8>
    }

    /// Longest answer that is taken, head and body, in bytes.
    private static let mostAnswerBytes = 64 << 10

    let port: Int
    let socket: Int32
    private var request: [UInt8] = []
    private var sent = 0
    private var received: [UInt8]
    private var count = 0

    /// To a port of loopback. Waits for the connection, which the kernel answers at once there.
    init(port: Int) throws(Failure) {
        self.port = port
        received = [UInt8](repeating: 0, count: Self.mostAnswerBytes)
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw .cannotConnect(port: port, errno: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        // From here on `deinit` closes it.
        guard connected else { throw .cannotConnect(port: port, errno: errno) }
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    deinit { if socket >= 0 { close(socket) } }

    /// What to wait for next.
    var events: Int16 { Int16(sent < request.count ? POLLOUT : POLLIN) }

    func send(_ request: [UInt8]) throws(Failure) {
        self.request = request
        sent = 0
        count = 0
        try goOn()
    }

    /// Sends what the socket takes.
    private func goOn() throws(Failure) {
        while sent < request.count {
            let written = request.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if written < 0, errno == EAGAIN || errno == EINTR { return }
            guard written > 0 else { throw .broken(port: port) }
            sent += written
        }
    }

    /// Goes on with what `events` announced; the answer, once it is whole.
    func ready() throws(Failure) -> Answer? {
        if sent < request.count {
            try goOn()
            return nil
        }
        let got = received.withUnsafeMutableBytes { recv(socket, $0.baseAddress! + count, $0.count - count, 0) }
        if got < 0, errno == EAGAIN || errno == EINTR { return nil }
        guard got > 0 else { throw .broken(port: port) }
        count += got
        return try answer()
    }

    /// The same for an answer that has no end and is not looked at.
    func drop() throws(Failure) {
        if sent < request.count { return try goOn() }
        let got = received.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
        if got < 0, errno == EAGAIN || errno == EINTR { return }
        guard got > 0 else { throw .broken(port: port) }
    }

    private func answer() throws(Failure) -> Answer? {
        guard let end = headEnd() else {
            guard count < received.count else { throw .malformed(port: port) }
            return nil
        }
        // "HTTP/1.1 200": nothing else is taken apart, since this is within what is measured.
        let digits = received[9..<12].map { Int($0) - 48 }
        guard end >= 12, digits.allSatisfy({ (0...9).contains($0) }), let length = contentLength(before: end),
            end + 4 + length <= received.count
        else { throw .malformed(port: port) }
        guard count >= end + 4 + length else { return nil }
        return Answer(
            status: digits[0] * 100 + digits[1] * 10 + digits[2], body: received[(end + 4)..<(end + 4 + length)])
    }

    private static let lengthName = Array("\ncontent-length:".utf8)

    private func contentLength(before end: Int) -> Int? {
        received.withUnsafeBufferPointer { bytes in
            let name = Self.lengthName
            var at = 12
            while at + name.count < end {
                var matched = 0
                while matched < name.count, bytes[at + matched] | (matched == 0 ? 0 : 0x20) == name[matched] {
                    matched += 1
                }
                guard matched == name.count else {
                    at += 1
                    continue
                }
                at += matched
                while at < end, bytes[at] == UInt8(ascii: " ") { at += 1 }
                var length = 0
                while at < end, (48...57).contains(bytes[at]), length < 1 << 30 {
                    length = length * 10 + Int(bytes[at]) - 48
                    at += 1
                }
                return length
            }
            return nil
        }
    }

    /// Where the empty line begins that ends the head.
    private func headEnd() -> Int? {
        received.withUnsafeBufferPointer { bytes in
            var at = 0
            while at + 3 < count {
                if bytes[at] == 13, bytes[at + 1] == 10, bytes[at + 2] == 13, bytes[at + 3] == 10 { return at }
                at += 1
            }
            return nil
        }
    }

    /// Sends a request and waits for the answer.
    func ask(_ request: [UInt8], within limit: Duration) throws(Failure) -> Answer {
        let deadline = LoadClock.now() + limit.inNanoseconds
        try send(request)
        while true {
            let rest = deadline - LoadClock.now()
            guard rest > 0 else { throw .late(port: port) }
            var waiting = pollfd(fd: socket, events: events, revents: 0)
            guard poll(&waiting, 1, Int32(clamping: rest / 1_000_000 + 1)) > 0 else { continue }
            if let answer = try ready() { return answer }
        }
    }
}

/// The clock of all figures, in nanoseconds.
enum LoadClock {
    static func now() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}

extension Duration {
    var inNanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
