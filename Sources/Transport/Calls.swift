// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

/// Why a call of another peer has no answer.
public enum CallError: Error, Hashable, CustomStringConvertible {
    /// The other peer has not looked at it, and will not.
    case notDelivered(String)
    /// The other peer may have carried it out, or may yet.
    case noAnswer(String)

    public var description: String {
        switch self {
        case .notDelivered(let why), .noAnswer(let why): why
        }
    }
}

/// The calls of one connection, in both directions. Confined to the event loop.
final class Calls {
    private struct Asked {
        let promise: EventLoopPromise<[UInt8]>
        let timer: Scheduled<Void>
    }

    private let eventLoop: any EventLoop
    private var outgoing = OutgoingCalls(limit: LinkLimits.maxCallBytesQueued)
    private var incoming = IncomingCalls()
    private var asked: [UInt64: Asked] = [:]
    private var nextCall: UInt64 = 1
    /// Calls of the other side that have no answer yet, and their bytes.
    private var owed = 0
    private var owedBytes = 0
    private var isOver = false

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func nextPart() -> CallPart? { outgoing.next() }

    func ask(_ bytes: [UInt8], timeout: Duration) -> EventLoopFuture<[UInt8]> {
        guard bytes.count <= LinkLimits.maxCallBytes else {
            return fail("a call of \(bytes.count) bytes does not travel: \(LinkLimits.maxCallBytes) are permitted")
        }
        let call = nextCall
        nextCall += 1
        guard outgoing.append(isAnswer: false, call: call, end: .whole, bytes: ByteBuffer(bytes: bytes)) else {
            return fail("\(outgoing.queuedBytes) bytes of calls wait to be sent already")
        }
        let promise = eventLoop.makePromise(of: [UInt8].self)
        let timer = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(timeout)) { [weak self] in
            guard let self, let asked = asked.removeValue(forKey: call) else { return }
            let why = "no answer within \(Int(timeout.inMilliseconds)) ms"
            asked.promise.fail(outgoing.withdraw(call) ? CallError.notDelivered(why) : .noAnswer(why))
        }
        asked[call] = Asked(promise: promise, timer: timer)
        return promise.futureResult
    }

    private func fail(_ why: String) -> EventLoopFuture<[UInt8]> {
        eventLoop.makeFailedFuture(CallError.notDelivered(why))
    }

    /// A part came in.
    /// - Parameters:
    ///   - carryOut: what makes an answer of a call.
    ///   - send: called when something is there to be sent.
    func receive(
        _ part: CallPart, carryOut: ([UInt8]) -> EventLoopFuture<[UInt8]>, send: @escaping () -> Void
    ) throws(FrameError) {
        guard let whole = try incoming.take(part) else { return }
        if whole.isAnswer { return received(whole) }
        // One that asks on and on and does not read the answers.
        guard outgoing.count < 4 * LinkLimits.maxCalls else { throw .invalid(field: "number of calls") }
        guard owed < LinkLimits.maxCalls, owedBytes + whole.bytes.count <= LinkLimits.maxCallBytesQueued else {
            answer(whole.call, .refused, ByteBuffer(string: "\(owed) calls of \(owedBytes) bytes wait for an answer"))
            return send()
        }
        owed += 1
        owedBytes += whole.bytes.count
        carryOut(whole.bytes).assumeIsolated().whenComplete { [weak self] result in
            guard let self, !isOver else { return }
            owed -= 1
            owedBytes -= whole.bytes.count
            switch result {
            case .success(let bytes) where bytes.count <= LinkLimits.maxCallBytes:
                answer(whole.call, .whole, ByteBuffer(bytes: bytes))
            case .success(let bytes): answer(whole.call, .lost, ByteBuffer(string: "an answer of \(bytes.count) bytes"))
            case .failure(let error): answer(whole.call, .lost, ByteBuffer(string: "\(error)"))
            }
            send()
        }
    }

    private func answer(_ call: UInt64, _ end: CallPart.End, _ bytes: ByteBuffer) {
        if outgoing.append(isAnswer: true, call: call, end: end, bytes: bytes) { return }
        _ = outgoing.append(
            isAnswer: true, call: call, end: .lost,
            bytes: ByteBuffer(string: "\(outgoing.queuedBytes) bytes of answers wait to be sent already"))
    }

    private func received(_ answer: IncomingCalls.Whole) {
        // One that is not known any more came too late.
        guard let asked = asked.removeValue(forKey: answer.call) else { return }
        asked.timer.cancel()
        let text = { String(decoding: answer.bytes.prefix(LinkLimits.maxRefusalBytes), as: UTF8.self).printable }
        switch answer.end {
        case .whole, .more: asked.promise.succeed(answer.bytes)
        case .refused: asked.promise.fail(CallError.notDelivered(text()))
        case .lost: asked.promise.fail(CallError.noAnswer(text()))
        }
    }

    /// The link is over. Those who wait hear of it in the next turn of the loop: the owner may be in the middle of a call.
    func end(_ reason: String) {
        isOver = true
        let asked = asked
        self.asked = [:]
        let failures = asked.map { call, asked in
            asked.timer.cancel()
            return (asked.promise, outgoing.holds(call) ? CallError.notDelivered(reason) : .noAnswer(reason))
        }
        outgoing = OutgoingCalls(limit: 0)
        guard !failures.isEmpty else { return }
        eventLoop.assumeIsolated().execute { for (promise, error) in failures { promise.fail(error) } }
    }
}
