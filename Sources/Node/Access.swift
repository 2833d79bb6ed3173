// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import HTTP
import Logging
import NIOCore
import Raft
import Transport

/// Who may make which call of the API.
struct Access {
    /// What a call needs.
    enum Need {
        /// Nothing: whether the peer is well, and nodeos's own calls, whose transactions carry their signatures.
        case nothing
        /// To see.
        case reading
        /// To see what is not for everybody on the machine either: a log, a configuration.
        case inspecting
        /// To change something.
        case operating
    }

    /// Who makes a call, as far as it was proved.
    enum Caller: Hashable {
        case nobody
        case reader(name: String)
        case `operator`(name: String)
        /// By a certificate of the authority that `api.tls.client_ca_file` names.
        case certificate(subject: String)
        /// By the unix socket, whose file says who may.
        case user(UInt32?)

        var isReader: Bool { if case .reader = self { true } else { false } }

        /// How the caller proved who it is, for the log of what was done; nil: not at all.
        var proof: String? {
            switch self {
            case .nobody: nil
            case .reader(let name), .operator(let name): name.isEmpty ? "token" : "token of \(name)"
            // What tells them apart stands at the end.
            case .certificate(let subject): "certificate \(subject.suffix(80))"
            case .user(nil): "unix socket"
            case .user(let id?): "unix socket, uid \(id)"
            }
        }
    }

    enum Verdict: Hashable {
        case permitted(Caller)
        /// No token was shown where one is needed.
        case tokenMissing
        /// What was shown is none of the tokens.
        case tokenWrong
        /// A token, and not one for this call.
        case notForThis
    }

    /// What a request shows of its caller.
    struct Credentials {
        /// Every `Authorization` header that came.
        var authorization: [String] = []
        var clientSubject: String?
        var clientUser: UInt32?
        var origin = ClientOrigin.unknown
    }

    private var operators: TokenList?
    private var readers: TokenList?
    /// Certificates or a unix socket are how operators come in.
    private var hasOtherDoor = false

    /// Everybody who gets to the API may do all.
    static let open = Access()

    init(operators: TokenList? = nil, readers: TokenList? = nil, hasOtherDoor: Bool = false) {
        (self.operators, self.readers, self.hasOtherDoor) = (operators, readers, hasOtherDoor)
    }

    var isOpen: Bool { operators == nil && readers == nil && !hasOtherDoor }

    init(_ configuration: Configuration) throws(TokenFileError) {
        if let path = configuration.tokenFile { operators = try TokenList(file: path) }
        if let path = configuration.readTokenFile { readers = try TokenList(file: path) }
        if let operators, let readers, operators.hasTokenOf(readers) {
            throw TokenFileError(
                path: configuration.readTokenFile ?? "",
                problem: "a token of it is also in \(configuration.tokenFile ?? ""): who may read could also operate")
        }
        hasOtherDoor = configuration.apiTLS?.clientCAFile != nil || configuration.apiUnixSocket != nil
    }

    func verdict(_ need: Need, _ credentials: Credentials) -> Verdict {
        if case .nothing = need { return .permitted(.nobody) }
        if credentials.origin == .unixSocket { return .permitted(.user(credentials.clientUser)) }
        if let subject = credentials.clientSubject { return .permitted(.certificate(subject: subject)) }
        if isOpen { return .permitted(.nobody) }
        guard let shown = credentials.authorization.first else {
            // Who is on the machine may look. To change something more is needed there too.
            if case .reading = need, credentials.origin.isLocal { return .permitted(.nobody) }
            return .tokenMissing
        }
        guard credentials.authorization.count == 1, let caller = caller(shown) else { return .tokenWrong }
        if case .operating = need, caller.isReader { return .notForThis }
        return .permitted(caller)
    }

    private func caller(_ authorization: String) -> Caller? {
        let scheme = "bearer "
        guard authorization.prefix(scheme.count).lowercased() == scheme else { return nil }
        let shown = authorization.utf8.dropFirst(scheme.utf8.count)
        // Both are compared, whichever it is.
        let (asOperator, asReader) = (operators?.owner(of: shown), readers?.owner(of: shown))
        return asOperator.map { .operator(name: $0.name) } ?? asReader.map { .reader(name: $0.name) }
    }
}

/// Who shows wrong tokens waits for the answer, so that trying many takes long.
struct WrongTokens {
    static let delay = TimeAmount.seconds(1)
    /// Calls that wait so at once. More are answered at once, as too many.
    static let most = 64

    private(set) var waiting = 0
    private(set) var count: UInt64 = 0
    private var complaints = Complaints(interval: .seconds(60))

    /// False: too many wait already.
    mutating func begin() -> Bool {
        count += 1
        guard waiting < Self.most else { return false }
        waiting += 1
        return true
    }

    mutating func end() { waiting -= 1 }

    /// How many there were since the last line of the log, when it is time for one: once a minute.
    mutating func complaint(at now: Instant) -> Int? {
        complaints.pass("token", at: .uptimeNanoseconds(UInt64(now.nanoseconds))).map { $0 + 1 }
    }
}

extension NodeAPI {
    /// `handler`, for those who may make the call.
    func guarded(_ need: Access.Need, _ handler: @escaping Router.Handler) -> Router.Handler {
        guarded(need) { request, _ in handler(request) }
    }

    /// `handler`, for those who may make the call, and who they are.
    func guarded(
        _ need: Access.Need, _ handler: @escaping (Request, Access.Caller) -> EventLoopFuture<Response>
    ) -> Router.Handler {
        let api = self
        return { request in
            // Also what somebody followed a link to: it changes something.
            if case .operating = need, request.isFromABrowser {
                return api.answer(.error(.forbidden, message: "browsers may not make this call; nothing was done"))
            }
            return switch api.node.access.verdict(need, request.credentials) {
            case .permitted(let caller): handler(request, caller)
            case .tokenMissing: api.answer(.error(.unauthorized))
            case .notForThis: api.answer(.error(.forbidden))
            case .tokenWrong: api.refuseToken(request)
            }
        }
    }

    /// A call that no call of this API is, whatever it asks for: one that a page in a browser makes, or that names another
    /// host. nil when all is well.
    func refusalOfStrangers(_ request: Request) -> Response? {
        if request.isFromAPage {
            return .error(.forbidden, message: "web pages may not call this API; nothing was done")
        }
        guard let name = node.settings.apiNames.foreignName(in: request) else { return nil }
        return .error(
            .misdirected,
            message: "this API is not called \(printable(name)); nothing was done; use its address, or add the name to "
                + "api.host_names")
    }

    private func refuseToken(_ request: Request) -> EventLoopFuture<Response> {
        let response = Response.error(.unauthorized, message: "the token is none of this peer's; nothing was done")
        if let times = node.wrongTokens.complaint(at: Clock.now()) {
            node.logger.warning(
                "a call of the API with a wrong token, \(printable(request.path)) from \(request.originText)\(times > 1 ? "; \(times) in all lately" : "")"
            )
        }
        guard node.wrongTokens.begin() else { return answer(.error(.overloaded, message: "too many wrong tokens")) }
        let node = NIOLoopBound(node, eventLoop: node.eventLoop)
        return node.value.eventLoop.scheduleTask(in: WrongTokens.delay) {
            node.value.wrongTokens.end()
        }.futureResult.map { response }
    }
}

extension Request {
    fileprivate var credentials: Access.Credentials {
        Access.Credentials(
            authorization: headers["authorization"], clientSubject: clientSubject, clientUser: clientUser,
            origin: origin)
    }

    /// Where the caller is, in words.
    var originText: String {
        switch origin {
        case .unixSocket: "this machine"
        case .loopback, .network, .unknown: remoteAddress?.ipAddress ?? "?"
        }
    }
}
