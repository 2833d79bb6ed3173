// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

// The wire form of the core's messages: fixed widths, little endian, in the order of the fields. Entries follow each
// other from `previousIndex` + 1 on, so their indices do not travel and cannot be wrong.

extension Message {
    /// Bytes of an entry beside its payload: term, kind, length.
    static let entryOverhead = 13
    static let appendHead = 52
    static let snapshotHead = 44

    var frameType: FrameType {
        switch self {
        case .preVoteRequest: .preVoteRequest
        case .preVoteResponse: .preVoteResponse
        case .voteRequest: .voteRequest
        case .voteResponse: .voteResponse
        case .append: .append
        case .appendResponse: .appendResponse
        case .installSnapshot: .installSnapshot
        case .timeoutNow: .timeoutNow
        case .transferRequest: .transferRequest
        }
    }

    /// The exact size of the frame's body.
    var bodyBytes: Int {
        switch self {
        case .preVoteRequest, .voteRequest: return 24
        case .preVoteResponse, .timeoutNow: return 9
        case .voteResponse: return 33
        case .append(let append):
            return append.entries.reduce(Self.appendHead) { $0 + Self.entryOverhead + $1.payload.count }
        case .appendResponse(let response):
            switch response.result {
            case .matches: return 42
            case .conflict: return 58
            }
        case .installSnapshot(let install): return Self.snapshotHead + install.snapshot.state.count
        case .transferRequest: return 8
        }
    }
}

extension ByteBuffer {
    /// Writes the whole frame. `bodyBytes` is the message's own, which the caller needed already for its bounds.
    mutating func writeFrame(_ message: Message, bodyBytes: Int) {
        writeHeader(message.frameType, bodyBytes: bodyBytes)
        switch message {
        case .preVoteRequest(let request), .voteRequest(let request):
            writeMultipleIntegers(request.term, request.lastIndex, request.lastTerm, endianness: .little)
        case .preVoteResponse(let response):
            writeMultipleIntegers(response.term, UInt8(response.granted ? 1 : 0), endianness: .little)
        case .voteResponse(let response):
            writeMultipleIntegers(
                response.term, UInt8(response.granted ? 1 : 0), response.promiseRemaining.inNanoseconds,
                response.durable.votesFrom, response.durable.writes, endianness: .little)
        case .append(let append): write(append)
        case .appendResponse(let response):
            writeMultipleIntegers(
                response.term, response.sentAt.nanoseconds, response.durable.votesFrom, response.durable.writes,
                UInt8(response.counts ? 1 : 0), endianness: .little)
            switch response.result {
            case .matches(let through):
                writeMultipleIntegers(UInt8(0), through, endianness: .little)
            case .conflict(let previousIndex, let hintIndex, let hintTerm):
                writeMultipleIntegers(UInt8(1), previousIndex, hintIndex, hintTerm, endianness: .little)
            }
        case .installSnapshot(let install):
            writeMultipleIntegers(
                install.term, install.round.sentAt.nanoseconds, install.round.promise.inNanoseconds,
                install.snapshot.index, install.snapshot.term, UInt32(install.snapshot.state.count),
                endianness: .little)
            writeBytes(install.snapshot.state)
        case .timeoutNow(let message):
            writeMultipleIntegers(message.term, UInt8(message.leaseReleased ? 1 : 0), endianness: .little)
        case .transferRequest(let term):
            writeInteger(term, endianness: .little)
        }
    }

    private mutating func write(_ append: Append) {
        writeMultipleIntegers(
            append.term, append.round.sentAt.nanoseconds, append.round.promise.inNanoseconds, append.previousIndex,
            append.previousTerm, append.commit, UInt32(append.entries.count), endianness: .little)
        var index = append.previousIndex
        for entry in append.entries {
            index += 1
            precondition(entry.index == index, "entry \(entry.index) in the place of entry \(index)")
            writeMultipleIntegers(
                entry.term, entry.kind.rawValue, UInt32(entry.payload.count), endianness: .little)
            writeBytes(entry.payload)
        }
    }
}

extension Message {
    /// Reads the body of a message's frame; nil if frames of this type carry no message.
    init?(type: FrameType, body: ByteBuffer) throws(FrameError) {
        var reader = BodyReader(body)
        switch type {
        case .greeting, .refusal, .ping, .pong, .report, .call, .callAnswer: return nil
        case .preVoteRequest: self = .preVoteRequest(try reader.voteRequest())
        case .voteRequest: self = .voteRequest(try reader.voteRequest())
        case .preVoteResponse:
            self = .preVoteResponse(
                PreVoteResponse(term: try reader.counter("term"), granted: try reader.flag("answer")))
        case .voteResponse:
            self = .voteResponse(
                VoteResponse(
                    term: try reader.counter("term"), granted: try reader.flag("answer"),
                    promiseRemaining: .nanoseconds(try reader.nanoseconds("promise")),
                    durable: try reader.watermark()))
        case .append: self = .append(try reader.append())
        case .appendResponse: self = .appendResponse(try reader.appendResponse())
        case .installSnapshot:
            self = .installSnapshot(
                InstallSnapshot(
                    term: try reader.counter("term"), round: try reader.round(),
                    snapshot: Snapshot(
                        index: try reader.counter("log index"), term: try reader.counter("term"),
                        state: try reader.array())))
        case .timeoutNow:
            self = .timeoutNow(
                TimeoutNow(term: try reader.counter("term"), leaseReleased: try reader.flag("lease release")))
        case .transferRequest: self = .transferRequest(term: try reader.counter("term"))
        }
        try reader.end()
    }
}

extension BodyReader {
    mutating func watermark() throws(FrameError) -> Watermark {
        Watermark(votesFrom: try counter("term"), writes: try counter("number of writes"))
    }

    fileprivate mutating func voteRequest() throws(FrameError) -> VoteRequest {
        VoteRequest(
            term: try counter("term"), lastIndex: try counter("log index"), lastTerm: try counter("term"))
    }

    fileprivate mutating func round() throws(FrameError) -> Round {
        Round(
            sentAt: Instant(nanoseconds: try nanoseconds("time of sending")),
            promise: .nanoseconds(try nanoseconds("promise")))
    }

    fileprivate mutating func append() throws(FrameError) -> Append {
        var append = Append(
            term: try counter("term"), round: try round(), previousIndex: try counter("log index"),
            previousTerm: try counter("term"), commit: try counter("commit index"), entries: [])
        let count = Int(try integer(UInt32.self))
        guard count <= remaining / Message.entryOverhead else { throw .truncated }
        append.entries.reserveCapacity(count)
        var index = append.previousIndex
        for _ in 0..<count {
            index += 1
            append.entries.append(
                Entry(
                    index: index, term: try counter("term"), kind: EntryKind(rawValue: try integer()),
                    payload: try array()))
        }
        return append
    }

    fileprivate mutating func appendResponse() throws(FrameError) -> AppendResponse {
        let term = try counter("term")
        let sentAt = Instant(nanoseconds: try nanoseconds("time of sending"))
        let durable = try watermark()
        let counts = try flag("right to count")
        let conflicts = try flag("result")
        let result: AppendResponse.Result =
            conflicts
            ? .conflict(
                previousIndex: try counter("log index"), hintIndex: try counter("log index"),
                hintTerm: try counter("term"))
            : .matches(through: try counter("log index"))
        return AppendResponse(term: term, sentAt: sentAt, counts: counts, result: result, durable: durable)
    }
}
