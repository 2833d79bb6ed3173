// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc

/// Ports of loopback that nobody uses now.
enum FreePorts {
    /// Below those that the system gives to outgoing connections: a dead peer's port stays free until the peer is back,
    /// and no connection to it can meet itself.
    static func take(_ count: Int) throws -> [Int] {
        let outgoing = outgoingPorts()
        let preferred = outgoing.lowerBound > 11_000 ? 10_000..<min(outgoing.lowerBound, 32_768) : 0..<0
        var held: [Int32] = []
        defer { for socket in held { close(socket) } }
        var ports: [Int] = []
        for candidate in preferred.shuffled().prefix(1000) where ports.count < count {
            guard case .success(let (socket, port)) = hold(candidate) else { continue }
            held.append(socket)
            ports.append(port)
        }
        while ports.count < count {
            switch hold(0) {
            case .success(let (socket, port)):
                held.append(socket)
                ports.append(port)
            case .failure(let error):
                throw DemoFailure(
                    description: "no free port on 127.0.0.1: \(String(cString: strerror(error.code.rawValue))); the "
                        + "demonstration needs \(count) of them")
            }
        }
        return ports
    }

    private static func outgoingPorts() -> Range<Int> {
        let fallback = 32_768..<61_000
        guard let bytes = FileManager.default.contents(atPath: "/proc/sys/net/ipv4/ip_local_port_range") else {
            return fallback
        }
        let numbers = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            .compactMap { Int($0) }
        guard numbers.count == 2, numbers[0] < numbers[1] else { return fallback }
        return numbers[0]..<numbers[1]
    }

    private static func hold(_ port: Int) -> Result<(socket: Int32, port: Int), POSIXError> {
        func failure() -> Result<(socket: Int32, port: Int), POSIXError> {
            .failure(POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO))
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return failure() }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &size) == 0
            }
        }
        guard bound else {
            defer { close(descriptor) }
            return failure()
        }
        return .success((descriptor, Int(in_port_t(bigEndian: address.sin_port))))
    }
}
