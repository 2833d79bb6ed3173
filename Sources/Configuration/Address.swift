// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Where something listens or is reached: "host:port" and URLs.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A host and a TCP port.
public struct HostPort: Hashable, Sendable, Codable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    public var host: String
    /// 1 to 65535.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Why a text is not "host:port".
    public struct Malformed: Error, Hashable, Sendable {
        public var message: String
        public var suggestion: String
    }

    /// Reads `host:port`; an IPv6 address stands in brackets: `[2001:db8::1]:8988`.
    public init(parsing text: String) throws(Malformed) {
        let example = "write host:port, like bp1.example.com:8988"
        guard !text.contains("://") else {
            throw Malformed(message: "\(text.quoted) is a URL, an address is host:port", suggestion: example)
        }
        let hostText: Substring
        let portText: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw Malformed(message: "\(text.quoted) has no ']'", suggestion: "write [2001:db8::1]:8988")
            }
            let address = text[text.index(after: text.startIndex)..<end]
            guard Host.isIPv6(String(address)) else {
                throw Malformed(
                    message: "\(String(address).quoted) is not an IPv6 address", suggestion: "write [2001:db8::1]:8988")
            }
            let rest = text[text.index(after: end)...]
            guard rest.first == ":" else {
                throw Malformed(
                    message: "\(text.quoted) has no port", suggestion: "write \("[\(address)]:8988".quoted)")
            }
            hostText = address
            portText = rest.dropFirst()
        } else {
            guard let colon = text.firstIndex(of: ":") else {
                throw Malformed(
                    message: "\(text.quoted) has no port", suggestion: example)
            }
            hostText = text[..<colon]
            portText = text[text.index(after: colon)...]
            if portText.contains(":") {
                let suggestion =
                    Host.isIPv6(text)
                    ? "put an IPv6 address in brackets: \("[\(text)]:8988".quoted)"
                    : "write one host and one port; an IPv6 address stands in brackets"
                throw Malformed(message: "\(text.quoted) has more than one ':'", suggestion: suggestion)
            }
            if let problem = Host.problem(with: String(hostText)) {
                throw Malformed(message: "\(text.quoted): \(problem)", suggestion: example)
            }
        }
        guard let port = Port.parse(portText) else {
            throw Malformed(
                message: "\(text.quoted): the port \(String(portText).quoted) is not a number from 1 to 65535",
                suggestion: example)
        }
        self.init(host: String(hostText), port: port)
    }

    /// `host:port`, an IPv6 address in brackets.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether only this machine reaches it: `localhost`, 127.0.0.0/8, ::1.
    public var isLoopback: Bool { Host.isLoopback(host) }
    /// Whether it stands for every address of this machine: 0.0.0.0 and ::.
    public var isWildcard: Bool { Host.isWildcard(host) }

    /// Whether two listeners with these addresses are in each other's way on one machine.
    func collides(with other: HostPort) -> Bool {
        port == other.port && (isWildcard || other.isWildcard || Host.key(host) == Host.key(other.host))
    }
}

/// An `http` or `https` URL.
public struct ServiceURL: Hashable, Sendable, Codable, CustomStringConvertible {
    public enum Scheme: String, Sendable, Codable {
        case http
        case https

        var defaultPort: Int {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    public var scheme: Scheme
    public var endpoint: HostPort
    /// Empty, or beginning with `/`.
    public var path: String
    /// It is reached by this socket of the machine instead: an absolute path.
    public private(set) var unixSocket: String?

    public var host: String { endpoint.host }
    public var port: Int { endpoint.port }

    public init(scheme: Scheme, endpoint: HostPort, path: String = "") {
        self.scheme = scheme
        self.endpoint = endpoint
        self.path = path
    }

    /// By a unix socket, at this absolute path.
    public init(unixSocket: String) {
        self.init(scheme: .http, endpoint: HostPort(host: "localhost", port: Scheme.http.defaultPort))
        self.unixSocket = unixSocket
    }

    /// Reads `http://host:port`. Without a scheme `bareScheme` applies, and then a port is required.
    public init(parsing text: String, bareScheme: Scheme = .http) throws(HostPort.Malformed) {
        let example = "write http://host:port"
        let rest: Substring
        let scheme: Scheme
        let namesScheme: Bool
        if let separator = text.firstPosition(of: "://") {
            guard let known = Scheme(rawValue: text[..<separator].lowercased()) else {
                throw .init(
                    message: "\(String(text[..<separator]).quoted) is neither http nor https", suggestion: example)
            }
            scheme = known
            namesScheme = true
            rest = text[separator...].dropFirst(3)
        } else {
            scheme = bareScheme
            namesScheme = false
            rest = text[...]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        let path = rest[slash...] == "/" ? "" : String(rest[slash...])
        guard !authority.contains("@") else {
            throw .init(message: "the URL holds a user name or password", suggestion: example)
        }
        guard !path.unicodeScalars.contains(where: { $0 == "?" || $0 == "#" || $0.value <= 0x20 || $0.value == 0x7F })
        else {
            throw .init(message: "\(text.quoted): blanks, '?' and '#' have no place here", suggestion: example)
        }
        let hasPort = authority.hasPrefix("[") ? !authority.hasSuffix("]") : authority.contains(":")
        let endpoint =
            namesScheme && !hasPort
            ? try HostPort(parsing: "\(authority):\(scheme.defaultPort)") : try HostPort(parsing: authority)
        self.init(scheme: scheme, endpoint: endpoint, path: path)
    }

    /// `http://host:port/path`, the port always written; `unix:/path` for a socket.
    public var description: String { unixSocket == nil ? "\(scheme.rawValue)://\(place)\(path)" : place }
    /// Where it is, without how to speak to it: `host:port`, `unix:/path`.
    public var place: String { unixSocket.map { "unix:\($0)" } ?? endpoint.description }
}

extension String {
    fileprivate func firstPosition(of needle: String) -> String.Index? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { return start }
            start = index(after: start)
        }
        return nil
    }
}

enum Port {
    static let range = 1...65535

    /// Decimal digits only, 1 to 65535.
    static func parse(_ text: some StringProtocol) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(text), range.contains(number)
        else { return nil }
        return number
    }
}

enum Host {
    /// The same for two spellings of one host: letters in lower case, all of loopback alike.
    static func key(_ host: String) -> String {
        isLoopback(host) ? "localhost" : host.lowercased()
    }

    static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        return name == "localhost" || name == "::1" || (isIPv4(name) && name.hasPrefix("127."))
    }

    static func isWildcard(_ host: String) -> Bool {
        host == "0.0.0.0" || host == "::"
    }

    /// Why a text is neither a host name nor an IPv4 address; nil when it is one.
    static func problem(with host: String) -> String? {
        guard !host.isEmpty else { return "the host is missing" }
        guard host.utf8.count <= 253 else { return "the host is longer than 253 characters" }
        for scalar in host.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": continue
            default: return "\(String(scalar).quoted) cannot be in a host name"
            }
        }
        if host.hasPrefix(".") || host.hasPrefix("-") || host.contains("..") { return "this is not a host name" }
        let looksNumeric = host.unicodeScalars.allSatisfy { ("0"..."9").contains($0) || $0 == "." }
        if looksNumeric, !isIPv4(host) { return "this is not an IPv4 address" }
        return nil
    }

    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        // C's text ends at a NUL, ours does not.
        return !text.utf8.contains(0) && inet_pton(AF_INET, text, &address) == 1
    }

    /// An IPv6 address, with or without a zone (`fe80::1%eth0`).
    static func isIPv6(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first else { return false }
        if parts.count == 2 {
            let zone = parts[1].unicodeScalars
            let isName = zone.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0)) }
            if zone.isEmpty || !isName { return false }
        }
        var address = in6_addr()
        return !first.utf8.contains(0) && inet_pton(AF_INET6, String(first), &address) == 1
    }
}
