// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// Where a client is, as far as its rights to connections go.
public enum ClientOrigin: Hashable, Sendable {
    /// It may be many: whoever may open the socket's file.
    case unixSocket
    case loopback
    /// An IPv4 address, or the network of an IPv6 address: its first 64 bits, which one client has for itself.
    case network([UInt8])
    case unknown

    public init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): self = Self.of(v4: withUnsafeBytes(of: address.address.sin_addr) { Array($0) })
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            if bytes.starts(with: Self.mappedPrefix) {
                self = Self.of(v4: Array(bytes[Self.mappedPrefix.count...]))
            } else if bytes.dropLast().allSatisfy({ $0 == 0 }), bytes.last == 1 {
                self = .loopback
            } else {
                self = .network(Array(bytes[..<8]))
            }
        case .unixDomainSocket: self = .unixSocket
        case nil: self = .unknown
        }
    }

    /// The client is on this machine.
    public var isLocal: Bool {
        switch self {
        case .unixSocket, .loopback: true
        case .network, .unknown: false
        }
    }

    private static func of(v4 bytes: [UInt8]) -> ClientOrigin { bytes.first == 127 ? .loopback : .network(bytes) }

    /// Of an IPv4 address that came in on an IPv6 socket.
    private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]
}

/// How many connections who has.
struct ClientCounts {
    private(set) var all = 0
    private var byNetwork: [ClientOrigin: Int] = [:]

    /// Why one more is not served; nil when it is.
    func refusal(of origin: ClientOrigin, _ limits: HTTPLimits) -> HTTPRefusal? {
        guard !origin.isLocal else {
            let reserve = limits.reservedForThisMachine
            let limit = limits.maxConnections + (origin == .unixSocket ? reserve : reserve / 2)
            return all < limit ? nil : .tooManyConnections(limit: limit)
        }
        guard all < limits.maxConnections else { return .tooManyConnections(limit: limits.maxConnections) }
        let share = max(1, Int(Double(limits.maxConnections) * limits.maxShareOfOneAddress))
        return byNetwork[origin, default: 0] < share ? nil : .tooManyOfOneAddress(limit: share)
    }

    mutating func enter(_ origin: ClientOrigin) {
        all += 1
        if !origin.isLocal { byNetwork[origin, default: 0] += 1 }
    }

    mutating func leave(_ origin: ClientOrigin) {
        all -= 1
        guard !origin.isLocal, let left = byNetwork[origin].map({ $0 - 1 }) else { return }
        byNetwork[origin] = left == 0 ? nil : left
    }
}

/// How often something happens in a second, from its first time on.
struct Rate {
    private var second = NIODeadline.uptimeNanoseconds(0)
    private var count = 0

    /// False: it has happened so often in this second.
    mutating func admits(_ most: Int, at now: NIODeadline) -> Bool {
        if now - second >= .seconds(1) { (second, count) = (now, 0) }
        count += 1
        return count <= most
    }
}
