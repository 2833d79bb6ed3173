// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// A whole answer.
struct Response: Sendable, CustomStringConvertible {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON? { try? JSON(parsing: body) }
    /// `error.name` of an answer that tells of an error.
    var reason: String? { json?["error.name"]?.string }
    var description: String { "\(status) \(text.prefix(600))" }

    /// The document of an answer that must be 200 and say which version of its form it has.
    func document(_ location: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(status == 200, "\(self)", sourceLocation: location)
        return try #require(json, "not JSON: \(self)", sourceLocation: location)
    }

    /// The details of an answer that must be an error of the one form that all errors have. nil: any name will do.
    @discardableResult
    func error(_ status: Int, _ name: String?, _ location: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(self.status == status, "\(self)", sourceLocation: location)
        let json = try #require(json, "not JSON: \(self)", sourceLocation: location)
        try #require(json["code"]?.int == status, "\(self)", sourceLocation: location)
        try #require(json["message"]?.string?.isEmpty == false, "\(self)", sourceLocation: location)
        let given = try #require(json["error.name"]?.string, "\(self)", sourceLocation: location)
        let form = given.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" } && !given.isEmpty
        try #require(form, "\(self)", sourceLocation: location)
        if let name { try #require(given == name, "\(self)", sourceLocation: location) }
        try #require(json["error.what"]?.string?.isEmpty == false, "\(self)", sourceLocation: location)
        let details = try #require(json["error.details"], "\(self)", sourceLocation: location)
        try #require(details.keys != nil, "\(self)", sourceLocation: location)
        return details
    }
}

struct UnreadableAnswer: Error {
    let text: String
}

/// HTTP/1.1 over one connection per call, byte for byte under the test's control.
enum HTTP {
    static func call(
        _ method: String, _ target: String, port: Int, headers: [(String, String)] = [], body: [UInt8]? = nil,
        within bound: Duration = Bound.call
    ) async throws -> Response {
        try await offload {
            let deadline = ContinuousClock.now + bound
            let socket = try Socket(port: port, deadline: deadline)
            var lines = ["\(method) \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"]
            lines += headers.map { "\($0.0): \($0.1)" }
            if let body { lines.append("Content-Length: \(body.count)") }
            let head = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
            try socket.send(head + (body ?? []), unlessAnswered: true, deadline: deadline)
            return try answer(from: socket, deadline: deadline)
        }
    }

    /// Reads one final answer.
    static func answer(from socket: Socket, deadline: Socket.Deadline) throws -> Response {
        var bytes: [UInt8] = []
        func more() throws -> Bool {
            let part = try socket.receive(deadline: deadline)
            bytes += part
            return !part.isEmpty
        }
        while true {
            var end = headEnd(bytes)
            while end == nil {
                guard try more() else {
                    throw bytes.isEmpty
                        ? SocketError.closed : UnreadableAnswer(text: String(decoding: bytes, as: UTF8.self))
                }
                end = headEnd(bytes)
            }
            guard let end else { continue }
            let (status, headers) = try head(bytes.prefix(end))
            bytes.removeFirst(end)
            if (100..<200).contains(status) { continue }
            if let length = headers["content-length"].flatMap(Int.init) {
                while bytes.count < length {
                    guard try more() else { throw SocketError.closed }
                }
                bytes = Array(bytes.prefix(length))
            } else if headers["transfer-encoding"]?.lowercased() == "chunked" {
                while try more() {}
                bytes = try joined(bytes)
            } else {
                while try more() {}
            }
            return Response(status: status, headers: headers, body: bytes)
        }
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound
    }

    private static func head(_ bytes: ArraySlice<UInt8>) throws -> (Int, [String: String]) {
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ")
        guard first.count >= 2, first[0] == "HTTP/1.1", let status = Int(first[1]) else {
            throw UnreadableAnswer(text: lines[0])
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        return (status, headers)
    }

    private static func joined(_ chunks: [UInt8]) throws -> [UInt8] {
        var (rest, body) = (chunks[...], [UInt8]())
        while true {
            guard let line = rest.firstRange(of: Array("\r\n".utf8)),
                let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16),
                rest.distance(from: line.upperBound, to: rest.endIndex) >= size + 2
            else { throw UnreadableAnswer(text: "chunks that do not add up") }
            if size == 0 { return body }
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
    }
}
