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
        /// To change something.
        case operating
    }

    /// Whose token was shown.
    enum Caller: Hashable {
        case nobody
        case reader
        case `operator`
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

    private var operatorToken: Token?
    private var readToken: Token?

    /// Everybody who gets to the API may do all.
    static let open = Access()

    init(operatorToken: Token? = nil, readToken: Token? = nil) {
        (self.operatorToken, self.readToken) = (operatorToken, readToken)
    }

    var isOpen: Bool { operatorToken == nil && readToken == nil }

    init(_ configuration: Configuration) throws(TokenFileError) {
        if let path = configuration.tokenFile { operatorToken = try Token(file: path) }
        if let path = configuration.readTokenFile { readToken = try Token(file: path) }
    }

    /// - Parameters:
    ///   - authorization: every `Authorization` header that came.
    ///   - isLocal: the caller is on this machine.
    func verdict(_ need: Need, authorization: [String], isLocal: Bool) -> Verdict {
        if isOpen { return .permitted(.nobody) }
        if case .nothing = need { return .permitted(.nobody) }
        guard let shown = authorization.first else {
            // Who is on the machine may look. To change something the operator's token is needed there too.
            if case .reading = need, isLocal { return .permitted(.nobody) }
            return .tokenMissing
        }
        guard authorization.count == 1, let caller = caller(shown) else { return .tokenWrong }
        if case .operating = need, caller != .operator { return .notForThis }
        return .permitted(caller)
    }

    private func caller(_ authorization: String) -> Caller? {
        let scheme = "bearer "
        guard authorization.prefix(scheme.count).lowercased() == scheme else { return nil }
        let shown = authorization.utf8.dropFirst(scheme.utf8.count)
        // Both are compared, whichever it is.
        let (isOperator, isReader) = (operatorToken?.matches(shown) ?? false, readToken?.matches(shown) ?? false)
        return isOperator ? .operator : isReader ? .reader : nil
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
        let api = self
        return { request in
            switch api.node.access.verdict(
                need, authorization: request.headers["authorization"], isLocal: request.isLocal)
            {
            case .permitted: handler(request)
            case .tokenMissing: api.answer(.error(.unauthorized))
            case .notForThis: api.answer(.error(.forbidden))
            case .tokenWrong: api.refuseToken(request)
            }
        }
    }

    private func refuseToken(_ request: Request) -> EventLoopFuture<Response> {
        let response = Response.error(.unauthorized, message: "the token is none of this peer's; nothing was done")
        if let times = node.wrongTokens.complaint(at: Clock.now()) {
            let from = request.remoteAddress?.ipAddress ?? "?"
            node.logger.warning(
                "a call of the API with a wrong token, \(request.path) from \(from)\(times > 1 ? "; \(times) in all lately" : "")"
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
    fileprivate var isLocal: Bool {
        guard let address = remoteAddress?.ipAddress else { return false }
        return address == "::1" || address.hasPrefix("127.") || address.hasPrefix("::ffff:127.")
    }
}
