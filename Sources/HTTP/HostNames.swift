// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import NIOCore
import NIOHTTP1

/// The names by which a server may be called. A page in a browser can have a name of its own stand for any address and
/// so read what this server says ("DNS rebinding"); its requests then name that host. Addresses are always permitted:
/// nobody else can make them stand for something.
public struct HostNames: Sendable {
    private let names: Set<String>

    /// - Parameter names: host names without ports, besides `localhost`.
    public init(_ names: some Sequence<String>) { self.names = Set(names.map { $0.lowercased() } + ["localhost"]) }

    /// What the request calls this server, when that is none of its names; nil when all is well. On a unix socket any is.
    public func foreignName(in request: Request) -> String? {
        if request.origin == .unixSocket { return nil }
        let hosts = request.headers["host"]
        // HTTP/1.0 knows no hosts, and browsers speak later versions.
        guard let host = hosts.first else { return nil }
        guard hosts.count == 1 else { return hosts.joined(separator: ", ") }
        return permits(host) ? nil : host
    }

    private func permits(_ host: String) -> Bool {
        var name = host[...]
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            name = name[name.index(after: name.startIndex)..<end]
            return Self.isAddress(name)
        }
        if let colon = name.firstIndex(of: ":") { name = name[..<colon] }
        if name.hasSuffix(".") { name = name.dropLast() }
        return names.contains(name.lowercased()) || Self.isAddress(name)
    }

    private static func isAddress(_ text: Substring) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, String(text), &address) == 1 || inet_pton(AF_INET6, String(text), &address) == 1
    }
}

extension Request {
    /// Browsers add these headers to what a page has them send, and scripts do not. What somebody typed into a browser's
    /// address field passes.
    public var isFromAPage: Bool {
        headers.contains(name: "origin") || headers["sec-fetch-site"].contains { $0 != "none" }
    }

    /// Whatever a browser sends, by its own word.
    public var isFromABrowser: Bool {
        headers.contains { header in
            header.name.utf8.prefix(10).elementsEqual("sec-fetch-".utf8) { $0 | 0x20 == $1 }
        }
    }
}
