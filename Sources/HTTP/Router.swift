// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOHTTP1

/// Exact paths to handlers. What it does not know is answered 404, what it knows by other methods 405.
///
/// A value: fill it, then give `handle` to the server. HEAD is served wherever GET is.
public struct Router {
    public typealias Handler = (Request) -> EventLoopFuture<Response>

    private let eventLoop: any EventLoop
    private let refusals: Refusals
    private var routes: [String: [(method: HTTPMethod, handler: Handler)]] = [:]

    public init(eventLoop: any EventLoop, errorDocument: @escaping RefusalDocument) {
        self.eventLoop = eventLoop
        self.refusals = Refusals(document: errorDocument)
    }

    /// Serves `path` by `methods`. Each pair may be given once.
    public mutating func on(_ methods: [HTTPMethod], _ path: String, _ handler: @escaping Handler) {
        precondition(path.hasPrefix("/"), "the path \(path) does not start with a slash")
        for method in methods {
            let isTaken = routes[path]?.contains { $0.method == method } ?? false
            precondition(!isTaken, "\(method) \(path) is routed twice")
            routes[path, default: []].append((method, handler))
        }
    }

    public func handle(_ request: Request) -> EventLoopFuture<Response> {
        guard let methods = routes[request.path] else {
            return eventLoop.makeSucceededFuture(refusals.response(.notFound(path: request.path)))
        }
        if let exact = methods.first(where: { $0.method == request.method }) { return exact.handler(request) }
        if request.method == .HEAD, let get = methods.first(where: { $0.method == .GET }) {
            return get.handler(request)
        }
        var allowed = methods.map(\.method.rawValue)
        if allowed.contains("GET"), !allowed.contains("HEAD") { allowed.append("HEAD") }
        let refusal = HTTPRefusal.methodNotAllowed(
            method: request.method.rawValue, path: request.path, allowed: allowed.sorted())
        return eventLoop.makeSucceededFuture(refusals.response(refusal))
    }
}
