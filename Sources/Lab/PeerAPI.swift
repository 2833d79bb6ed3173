// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import HTTP
import NIOCore
import NIOHTTP1

/// Calls to one peer's HTTP API.
struct PeerAPI: Sendable {
    let port: Int
    let client: HTTPClient

    private func url(_ target: String) -> HTTPURL { HTTPURL(host: "127.0.0.1", port: port, target: target) }

    /// Nil for whatever is not that document.
    func get<Answer: Document>(_ type: Answer.Type, _ target: String, timeout: TimeAmount) async -> Answer? {
        guard let answer = try? await client.send(HTTPCall(.GET, url(target), timeout: timeout)), answer.status == .ok
        else { return nil }
        return try? Answer(json: answer.body.readableBytesView)
    }

    /// For calls that may be repeated.
    func post(
        _ target: String, headers: HTTPHeaders, body: ByteBuffer, timeout: TimeAmount
    ) async throws(HTTPClientError) -> HTTPAnswer {
        try await client.send(
            HTTPCall(.POST, url(target), headers: headers, body: body, timeout: timeout, repetition: .harmless))
    }

    func status(timeout: TimeAmount) async -> StatusDocument? {
        await get(StatusDocument.self, "/v1/prodha/status", timeout: timeout)
    }

    /// The blocks that only this peer's region has.
    func loss(timeout: TimeAmount) async -> LossDocument? {
        await get(LossDocument.self, "/v1/prodha/loss", timeout: timeout)
    }

    private static let logPage = 1000

    /// The peer's committed log from an index on, page by page; false when it did not give all of it.
    func log(from first: UInt64 = 1, timeout: TimeAmount, _ take: ([LogEntryDocument]) -> Void) async -> Bool {
        var next = first
        while true {
            guard
                let page = await get(
                    LogDocument.self, "/v1/prodha/log?from=\(next)&limit=\(Self.logPage)", timeout: timeout)
            else { return false }
            take(page.entries)
            guard let last = page.entries.last else { return max(next, page.firstIndex) > page.commitIndex }
            if last.index >= page.commitIndex { return true }
            next = last.index + 1
        }
    }
}
