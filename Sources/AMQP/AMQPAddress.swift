// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Where a broker is and how to log in.
public struct AMQPAddress: Hashable, Sendable, CustomStringConvertible {
    public enum Security: Hashable, Sendable {
        case plain
        case tls
    }

    public let security: Security
    /// A name or an IP address, the latter without brackets.
    public let host: String
    /// 1...65535.
    public let port: Int
    public let user: String
    public let password: String
    /// At most 255 bytes.
    public let virtualHost: String

    public init(
        security: Security = .plain, host: String, port: Int, user: String = "guest", password: String = "guest",
        virtualHost: String = "/"
    ) {
        self.security = security
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.virtualHost = virtualHost
    }

    /// Never shows the password.
    public var description: String {
        let host = host.contains(":") ? "[\(host)]" : host
        let path = virtualHost == "/" ? "" : "/" + virtualHost
        return "\(security == .tls ? "amqps" : "amqp")://\(user)@\(host):\(port)\(path)"
    }
}
