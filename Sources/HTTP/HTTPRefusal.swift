// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOHTTP1

/// What this layer itself answers instead of the owner's handler. The owner supplies the form of the document.
public enum HTTPRefusal: Hashable, Sendable, CustomStringConvertible {
    case notFound(path: String)
    case methodNotAllowed(method: String, path: String, allowed: [String])
    case malformedRequest(what: String)
    case requestTimeout(afterSeconds: Int64)
    case bodyTooLarge(limitBytes: Int)
    case headersTooLarge(limitBytes: Int)
    case tooManyConnections(limit: Int)
    case tooManyOfOneAddress(limit: Int)
    case tooManyBodies(limitBytes: Int)
    case tooManyAnswers(limitBytes: Int)
    /// A handler's future failed. The cause is in the log and not in the answer.
    case handlerFailed

    public var status: HTTPResponseStatus {
        switch self {
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .malformedRequest: .badRequest
        case .requestTimeout: .requestTimeout
        case .bodyTooLarge: .payloadTooLarge
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .tooManyConnections, .tooManyOfOneAddress, .tooManyBodies, .tooManyAnswers: .serviceUnavailable
        case .handlerFailed: .internalServerError
        }
    }

    /// The reason as scripts read it, in snake_case.
    public var name: String {
        switch self {
        case .notFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .malformedRequest: "malformed_request"
        case .requestTimeout: "request_timeout"
        case .bodyTooLarge: "body_too_large"
        case .headersTooLarge: "headers_too_large"
        case .tooManyConnections, .tooManyOfOneAddress: "too_many_connections"
        case .tooManyBodies, .tooManyAnswers: "overloaded"
        case .handlerFailed: "internal_error"
        }
    }

    /// One sentence for whoever sent the request.
    public var description: String {
        switch self {
        case .notFound(let path):
            "There is nothing at \(path); check the path."
        case .methodNotAllowed(let method, let path, let allowed):
            "\(path) does not take \(method), only \(allowed.joined(separator: ", "))."
        case .malformedRequest(let what):
            "This is not a request that HTTP/1.1 allows: \(what). Nothing was done."
        case .requestTimeout(let seconds):
            "The request had not arrived whole after \(seconds) s. Nothing was done; send it again."
        case .bodyTooLarge(let limit):
            "The body is over the \(limit) bytes that this call takes. Nothing was done."
        case .headersTooLarge(let limit):
            "The request's head is over \(limit) bytes or has too many fields. Nothing was done."
        case .tooManyConnections(let limit):
            "All \(limit) connections are taken. Nothing was done; try again, and close connections that are not "
                + "needed."
        case .tooManyOfOneAddress(let limit):
            "This address has \(limit) connections already, and no more are served. Nothing was done; close those that "
                + "are not needed."
        case .tooManyBodies(let limit):
            "Requests of more than \(limit) bytes together are under way. Nothing was done; try again."
        case .tooManyAnswers(let limit):
            "Answers of more than \(limit) bytes together wait for their readers. Try again."
        case .handlerFailed:
            "The request could not be served because of an error on this side; its log says which."
        }
    }
}

/// Gives a refusal the form of the owner's error documents. The status, `Connection` and `Allow` are set by the caller.
public typealias RefusalDocument = (HTTPRefusal) -> Response

/// Makes the owner's documents into answers.
struct Refusals {
    let document: RefusalDocument

    func response(_ refusal: HTTPRefusal) -> Response {
        var response = document(refusal)
        response.status = refusal.status
        if case .methodNotAllowed(_, _, let allowed) = refusal {
            response.headers.replaceOrAdd(name: "allow", value: allowed.joined(separator: ", "))
        }
        return response
    }
}
