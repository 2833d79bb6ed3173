// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// Where a call goes: `http://host[:port][/path][?query]`.
public struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    public enum Scheme: String, Sendable { case http, https }

    public var scheme: Scheme
    /// A name or an address; an IPv6 address without its brackets.
    public var host: String
    public var port: Int
    /// The call goes there instead; host and port are for the request's head alone.
    public var unixSocket: String?
    /// Path and query as they are sent, percent-encoded; starts with a slash.
    public var target: String

    /// For parts that are known to be well: `target` must be percent-encoded.
    public init(
        scheme: Scheme = .http, host: String, port: Int, unixSocket: String? = nil, target: String = "/"
    ) {
        self.scheme = scheme
        self.unixSocket = unixSocket
        self.host = host
        self.port = port
        self.target = target
    }

    /// With more behind its target, which must be percent-encoded and start with a slash.
    public func appending(_ path: String) -> HTTPURL {
        var url = self
        if url.target.hasSuffix("/") { url.target.removeLast() }
        url.target += path
        return url
    }

    public init(_ text: String) throws(HTTPClientError) {
        func bad(_ why: String) -> HTTPClientError {
            .badURL("\(printable(text)) is not a URL that can be called: \(why)")
        }
        guard let colon = text.firstRange(of: "://") else { throw bad("it does not start with http://") }
        guard let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased()) else {
            throw bad("only http and https are known")
        }
        let rest = text[colon.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw bad("a user name or password has no place in it") }
        var target = String(rest[authority.endIndex...])
        if !target.hasPrefix("/") { target = "/" + target }
        guard target.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw bad("spaces and other than ASCII must be percent-encoded")
        }
        let host: Substring
        let port: Substring
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<bracket]
            port = authority[authority.index(after: bracket)...]
        } else {
            host = authority.prefix { $0 != ":" }
            port = authority[host.endIndex...]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw bad("it has no host") }
        switch port {
        case "", ":": self.port = scheme == .http ? 80 : 443
        default:
            guard port.first == ":", let number = Int(port.dropFirst()), (1...65535).contains(number) else {
                throw bad("\(printable(port)) is not a port")
            }
            self.port = number
        }
        self.scheme = scheme
        self.host = String(host)
        self.target = target
    }

    public var hostAndPort: String { HTTP.hostAndPort(host, port) }
    /// Where the call goes: host and port, or the socket.
    public var place: String { unixSocket.map { "unix:\($0)" } ?? hostAndPort }
    public var description: String { unixSocket == nil ? "\(scheme.rawValue)://\(place)\(target)" : place + target }
}

/// One call: what is sent, and how long and how large an answer may be.
public struct HTTPCall: Sendable {
    public enum Repetition: Sendable {
        /// Doing it twice does what doing it once does. The call may use a connection that is open already; if that
        /// breaks before a byte of the answer, the call is sent again.
        case harmless
        /// The call gets a connection of its own and is sent once.
        case harmful
    }

    public var method: HTTPMethod
    public var url: HTTPURL
    public var headers: HTTPHeaders
    public var body: ByteBuffer
    /// For everything: name lookup, connection, sending, and the answer's last byte.
    public var timeout: TimeAmount
    /// Largest body of the answer, in bytes.
    public var maxAnswerBytes: Int
    public var repetition: Repetition

    /// - Parameter repetition: nil for what HTTP says of the method: harmless for GET and HEAD.
    public init(
        _ method: HTTPMethod, _ url: HTTPURL, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer(),
        timeout: TimeAmount, maxAnswerBytes: Int = 64 << 20, repetition: Repetition? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maxAnswerBytes = maxAnswerBytes
        self.repetition = repetition ?? (method == .GET || method == .HEAD ? .harmless : .harmful)
    }
}

/// A whole answer, whatever its status.
public struct HTTPAnswer: Sendable {
    public var status: HTTPResponseStatus
    public var headers: HTTPHeaders
    public var body: ByteBuffer
}

/// Why there is no answer, by what the caller may conclude.
public enum HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was sent: the URL cannot be called.
    case badURL(String)
    /// Nothing was sent: no connection came about.
    case cannotConnect(String)
    /// It was sent, at least in part, and no whole answer came in time. Outcome unknown.
    case noAnswer(after: TimeAmount)
    /// It was sent, at least in part, and the connection closed before a whole answer. Outcome unknown.
    case closedEarly
    /// It was sent, and what came back is not HTTP. Outcome unknown.
    case badAnswer(what: String)
    /// It was sent and answered, and the answer is over the caller's limit. Outcome unknown.
    case answerTooLarge(limitBytes: Int)
    /// The caller gave up. Outcome unknown.
    case cancelled

    public enum Conclusion: Sendable { case nothingWasSent, outcomeUnknown }

    public var conclusion: Conclusion {
        switch self {
        case .badURL, .cannotConnect: .nothingWasSent
        case .noAnswer, .closedEarly, .badAnswer, .answerTooLarge, .cancelled: .outcomeUnknown
        }
    }

    public var description: String {
        switch self {
        case .badURL(let text): text
        case .cannotConnect(let reason): "cannot connect to \(reason); nothing was sent"
        case .noAnswer(let after):
            "no whole answer within \(after.nanoseconds / 1_000_000) ms; whether the request was carried out is unknown"
        case .closedEarly:
            "the connection closed before the answer was whole; whether the request was carried out is unknown"
        case .badAnswer(let what):
            "the answer is not HTTP (\(what)); is this the right port, and is it http or https? Whether the request was carried out is unknown"
        case .answerTooLarge(let limit):
            "the answer is over \(limit) bytes and was not read; the request may have been carried out"
        case .cancelled: "given up; whether the request was carried out is unknown"
        }
    }
}

/// Text from elsewhere on one line of a message: without what a terminal or a log would act on, and cut to 200 characters.
private func printable(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(200) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result.append("?")
        default: result.append(scalar)
        }
    }
    return String(result) + (text.unicodeScalars.count > 200 ? "..." : "")
}
