// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

@testable import Transport

/// SplitMix64: the same seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Small, ordinary and extreme values alike.
    mutating func counter() -> UInt64 {
        switch next() % 4 {
        case 0: return next() % 3
        case 1: return BodyReader.maxCounter - next() % 3
        default: return next() >> (next() % 62 + 2)
        }
    }

    mutating func nanoseconds() -> Int64 { Int64(counter()) }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        let count = Int.random(in: 0...limit, using: &self)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func round() -> Round {
        Round(sentAt: Instant(nanoseconds: nanoseconds()), promise: .nanoseconds(nanoseconds()))
    }

    mutating func voteRequest() -> VoteRequest {
        VoteRequest(term: counter(), lastIndex: counter(), lastTerm: counter())
    }

    /// One message of every case, in the order of their declaration.
    mutating func messages() -> [Message] {
        let previous = counter()
        let entries = (0..<UInt64.random(in: 0...5, using: &self)).map { offset in
            Entry(
                index: previous + 1 + offset, term: counter(),
                kind: EntryKind(rawValue: UInt8(truncatingIfNeeded: next())),
                payload: bytes(upTo: 40))
        }
        let results: [AppendResponse.Result] = [
            .matches(through: counter()),
            .conflict(previousIndex: counter(), hintIndex: counter(), hintTerm: counter()),
        ]
        return [
            .preVoteRequest(voteRequest()),
            .preVoteResponse(PreVoteResponse(term: counter(), granted: Bool.random(using: &self))),
            .voteRequest(voteRequest()),
            .voteResponse(
                VoteResponse(
                    term: counter(), granted: Bool.random(using: &self),
                    promiseRemaining: .nanoseconds(nanoseconds()), durable: watermark())),
            .append(
                Append(
                    term: counter(), round: round(), previousIndex: previous, previousTerm: counter(),
                    commit: counter(), entries: entries)),
        ]
            + results.map {
                .appendResponse(
                    AppendResponse(
                        term: counter(), sentAt: Instant(nanoseconds: nanoseconds()),
                        counts: Bool.random(using: &self), result: $0, durable: watermark()))
            } + [
                .installSnapshot(
                    InstallSnapshot(
                        term: counter(), round: round(),
                        snapshot: Snapshot(index: counter(), term: counter(), state: bytes(upTo: 60)))),
                .timeoutNow(TimeoutNow(term: counter(), leaseReleased: Bool.random(using: &self))),
                .transferRequest(term: counter()),
            ]
    }

    private mutating func watermark() -> Watermark { Watermark(votesFrom: counter(), writes: counter()) }

    mutating func greeting() -> Greeting {
        let peers = Set((0..<4).map { _ in PeerID(Int(next() >> 1)) }).sorted()
        let settings = LinkSettings(
            id: peers[0], region: "région \(next() % 10)",
            peers: Dictionary(uniqueKeysWithValues: peers.map { ($0, PeerAddress(host: "::1", port: 1)) }), quorum: 3)
        return Greeting(
            to: peers[1], settings: settings, softwareVersion: "1.\(next() % 100)",
            group: Bool.random(using: &self)
                ? GroupID(bytes: (0..<16).map { _ in UInt8(truncatingIfNeeded: next()) }) : nil,
            fresh: Bool.random(using: &self), lastIndex: counter(), lastTerm: counter(), session: next(),
            remembers: watermark())
    }
}

extension ByteBuffer {
    static func frame(_ message: Message) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeFrame(message, bodyBytes: message.bodyBytes)
        return buffer
    }

    static func frame(_ greeting: Greeting) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeFrame(greeting)
        return buffer
    }
}
