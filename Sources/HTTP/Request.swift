// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// A request whose whole body has arrived.
public struct Request: Sendable {
    public var method: HTTPMethod
    /// Percent-decoded, without the query; starts with a slash.
    public var path: String
    public var query: Query
    public var headers: HTTPHeaders
    public var body: ByteBuffer
    /// Nil when the client was gone before it could be asked.
    public var remoteAddress: SocketAddress?
    /// Made of the address, once per connection.
    public var origin: ClientOrigin
    /// The subject of the client's certificate, which was verified; nil without one.
    public var clientSubject: String?
    /// The user who opened the unix socket that the request came by, by number; nil by TCP.
    public var clientUser: UInt32?
    /// Numbers the connections of a server's life, from 1. 0 outside a server.
    public var connection: UInt64
    private var whenOver: NIOLoopBound<() -> EventLoopFuture<Void>>?

    /// Completes when the client is gone, so that a long wait can be given up, or has its answer. To be asked for on the
    /// server's loop. Nil outside a server.
    public var over: EventLoopFuture<Void>? { whenOver?.value() }

    public init(
        method: HTTPMethod, path: String, query: Query = Query(), headers: HTTPHeaders = [:],
        body: ByteBuffer = ByteBuffer(), remoteAddress: SocketAddress? = nil, origin: ClientOrigin? = nil,
        clientSubject: String? = nil, clientUser: UInt32? = nil, connection: UInt64 = 0
    ) {
        self.init(
            method: method, path: path, query: query, headers: headers, body: body, remoteAddress: remoteAddress,
            origin: origin ?? ClientOrigin(remoteAddress), clientSubject: clientSubject, clientUser: clientUser,
            connection: connection, whenOver: nil)
    }

    init(
        method: HTTPMethod, path: String, query: Query, headers: HTTPHeaders, body: ByteBuffer,
        remoteAddress: SocketAddress?, origin: ClientOrigin, clientSubject: String?, clientUser: UInt32?,
        connection: UInt64, whenOver: NIOLoopBound<() -> EventLoopFuture<Void>>?
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.origin = origin
        self.clientSubject = clientSubject
        self.clientUser = clientUser
        self.connection = connection
        self.whenOver = whenOver
    }
}

/// The pairs after a target's question mark, percent-decoded, in order, repeated names kept.
public struct Query: Hashable, Sendable {
    public struct Item: Hashable, Sendable {
        public var name: String
        /// Empty for `?name` and for `?name=`.
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public var items: [Item]

    public init(_ items: [Item] = []) { self.items = items }

    /// Reads `a=1&b=2`, where a plus sign is a space as in forms. Nil for a broken escape or text that is not UTF-8.
    public init?(parsing text: some StringProtocol) {
        items = []
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let halves = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(halves[0], plus: .isSpace),
                let value = halves.count == 2 ? percentDecoded(halves[1], plus: .isSpace) : ""
            else { return nil }
            items.append(Item(name: name, value: value))
        }
    }

    /// The first value of this name.
    public subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }

    public func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }
}

/// A request's target, taken apart.
struct RequestTarget {
    var path: String
    var query: Query

    /// Takes `/path?query` and, as a server must (RFC 9112, 3.2.2), `http://host/path?query`.
    init?(_ uri: String) {
        // Most are what they are.
        if uri.utf8.first == UInt8(ascii: "/"), !uri.utf8.contains(where: Self.meansSomethingElse) {
            (path, query) = (uri, Query())
            return
        }
        var rest = uri[...]
        for scheme in ["http://", "https://"] where rest.utf8.count >= scheme.utf8.count {
            guard rest.prefix(scheme.count).lowercased() == scheme else { continue }
            let afterHost = rest.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
            rest = afterHost.hasPrefix("/") ? afterHost : "/" + afterHost
        }
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        let mark = rest.firstIndex(of: "?")
        guard rest.hasPrefix("/"), let path = percentDecoded(rest[..<(mark ?? rest.endIndex)].utf8, plus: .isPlus)
        else {
            return nil
        }
        guard let query = Query(parsing: mark.map { rest[rest.index(after: $0)...] } ?? "") else { return nil }
        self.path = path
        self.query = query
    }

    private static func meansSomethingElse(_ byte: UInt8) -> Bool {
        switch byte {
        case 0, UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"): true
        default: false
        }
    }
}

private enum PlusSign { case isPlus, isSpace }

/// Nil for a broken escape, a NUL, or bytes that are not UTF-8.
private func percentDecoded(_ text: some Collection<UInt8>, plus: PlusSign) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        case UInt8(ascii: "+") where plus == .isSpace:
            bytes.append(UInt8(ascii: " "))
        default:
            bytes.append(byte)
        }
    }
    guard !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}
