// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft

@testable import Transport

extension Target {
    /// A choice of pieces, then a stream of frames.
    static let peerFrames = Target("peer-frames", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let seed = input.byte()
        let whole = readFrames([input.rest])
        let inPieces = readFrames(input.pieces(seed))
        check(whole == inPieces, "whole: \(whole), in pieces: \(inPieces)")
        if let error = whole.error { checkSentence(error.description) }
        var again = ByteBuffer()
        for frame in whole.frames {
            check(frame.body.count <= frameLimit, "a body of \(frame.body.count) bytes")
            checkFrame(frame.type, ByteBuffer(bytes: frame.body))
            again.writeHeader(frame.type, bodyBytes: frame.body.count)
            again.writeBytes(frame.body)
        }
        checkCalls(whole.frames)
        check(input.rest.starts(with: again.readableBytesView), "frames that are not what came")
        check(
            whole.error != nil || again.readableBytes + whole.pendingBytes == input.rest.count, "bytes were lost")
    }

    /// The body of a greeting.
    static let greetings = Target("greetings", maxBytes: LinkLimits.maxGreetingBytes) { bytes in
        checkFrame(.greeting, ByteBuffer(bytes: bytes))
    }

    /// A frame's type, then its body.
    static let messages = Target("messages", maxBytes: 8 << 10) { bytes in
        var input = Input(bytes)
        let code = input.byte()
        guard let type = FrameType(rawValue: code) ?? FrameType(rawValue: 16 + code % 9) else { return }
        checkFrame(type, ByteBuffer(bytes: input.rest))
    }
}

/// Whatever the parts are, no call is longer than they are together.
private func checkCalls(_ frames: [Frames.Frame]) {
    var calls = IncomingCalls()
    var size = 0
    for frame in frames where frame.type == .call || frame.type == .callAnswer {
        guard let part = try? CallPart(type: frame.type, body: ByteBuffer(bytes: frame.body)) else { return }
        size += part.bytes.readableBytes
        do throws(FrameError) {
            guard let taken = try calls.take(part) else { continue }
            check(
                taken.bytes.count == size && taken.call == part.call && taken.end != .more, "\(taken) of \(size) bytes")
        } catch { checkSentence(error.description) }
        size = 0
    }
}

private let frameLimit = 4096

private struct Frames: Equatable {
    struct Frame: Equatable {
        var type: FrameType
        var body: [UInt8]
    }

    var frames: [Frame] = []
    var error: FrameError?
    var pendingBytes = 0
}

/// Reads as a connection does.
private func readFrames(_ pieces: [ArraySlice<UInt8>]) -> Frames {
    var read = Frames()
    var reader = FrameReader(maxBodyBytes: frameLimit)
    var given = 0
    for piece in pieces where read.error == nil {
        reader.append(ByteBuffer(bytes: piece))
        given += piece.count
        do {
            while let frame = try reader.next() {
                read.frames.append(.init(type: frame.type, body: Array(frame.body.readableBytesView)))
            }
        } catch {
            read.error = error
        }
        reader.trim()
        check(reader.pendingBytes <= given, "\(reader.pendingBytes) bytes wait, of \(given)")
        check(reader.firstBytes.count == min(8, reader.pendingBytes), "the first bytes are not the first")
    }
    // After an error it depends on the pieces what else had come.
    read.pendingBytes = read.error == nil ? reader.pendingBytes : 0
    return read
}

/// Reads the body, and writes what was read.
private func checkFrame(_ type: FrameType, _ body: ByteBuffer) {
    var written = ByteBuffer()
    var expected = ByteBuffer()
    do throws(FrameError) {
        switch type {
        case .greeting: return try checkGreeting(body)
        case .ping: written.writeFrame(try Ping(body: body))
        case .pong: written.writeFrame(try Pong(body: body))
        case .report: written.writeFrame(report: Array(body.readableBytesView))
        case .call, .callAnswer: written.writeFrame(try CallPart(type: type, body: body))
        case .refusal: return checkNoControls(String(decoding: body.readableBytesView, as: UTF8.self).printable)
        case .preVoteRequest, .preVoteResponse, .voteRequest, .voteResponse, .append, .appendResponse,
            .installSnapshot, .timeoutNow, .transferRequest:
            guard let message = try Message(type: type, body: body) else { return check(false, "no message") }
            check(message.frameType == type, "\(message.frameType) from \(type)")
            check(message.bodyBytes == body.readableBytes, "\(message.bodyBytes) from \(body.readableBytes) bytes")
            checkBounds(message)
            written.writeFrame(message, bodyBytes: message.bodyBytes)
        }
    } catch {
        return checkSentence(error.description)
    }
    expected.writeHeader(type, bodyBytes: body.readableBytes)
    expected.writeImmutableBuffer(body)
    check(written == expected, "written: \(written), came: \(expected)")
}

private func checkBounds(_ message: Message) {
    let most = BodyReader.maxCounter
    check(message.term <= most, "term \(message.term)")
    switch message {
    case .append(let append):
        check(max(append.previousIndex, append.previousTerm, append.commit) <= most, "\(append)")
        check(append.round.sentAt.nanoseconds >= 0 && append.round.promise >= .zero, "\(append.round)")
        for (offset, entry) in append.entries.enumerated() {
            check(entry.index == append.previousIndex + 1 + UInt64(offset) && entry.term <= most, "\(entry)")
        }
    case .installSnapshot(let install):
        check(max(install.snapshot.index, install.snapshot.term) <= most, "snapshot at \(install.snapshot.index)")
        check(install.round.sentAt.nanoseconds >= 0 && install.round.promise >= .zero, "\(install.round)")
    case .voteResponse(let response): check(response.promiseRemaining >= .zero, "\(response)")
    case .voteRequest(let request), .preVoteRequest(let request):
        check(max(request.lastIndex, request.lastTerm) <= most, "\(request)")
    case .appendResponse(let response):
        switch response.result {
        case .matches(let index): check(index <= most, "\(response)")
        case .conflict(let previous, let index, let term): check(max(previous, index, term) <= most, "\(response)")
        }
    case .preVoteResponse, .timeoutNow, .transferRequest: break
    }
}

private let settings = LinkSettings(
    id: PeerID(2), region: "east",
    peers: Dictionary(uniqueKeysWithValues: (1...3).map { (PeerID($0), PeerAddress(host: "::1", port: $0)) }), quorum: 2
)

private func checkGreeting(_ body: ByteBuffer) throws(FrameError) {
    var reader = BodyReader(body)
    let head = try GreetingHead(reading: &reader)
    check(head.sender.value >= 0 && head.receiver.value >= 0, "\(head)")
    if let sentence = settings.mismatch(with: head) { checkSentence(sentence) }
    let greeting = try Greeting(head: head, reading: &reader)
    check(greeting.peers.count <= LinkLimits.maxPeers, "\(greeting.peers.count) peers")
    check(max(greeting.lastIndex, greeting.lastTerm) <= BodyReader.maxCounter, "\(greeting)")
    check(greeting.bodyBytes <= body.readableBytes, "\(greeting.bodyBytes) of \(body.readableBytes) bytes")
    for role in [Role.accepted, .dialed(PeerID(1)), .dialed(head.sender)] {
        let own = GroupID(bytes: [UInt8](repeating: 7, count: GroupID.byteCount))
        if let sentence = settings.mismatch(with: greeting, role: role, group: own) { checkSentence(sentence) }
    }
    var written = ByteBuffer()
    written.writeFrame(greeting)
    written.moveReaderIndex(forwardBy: FrameType.headerBytes)
    check(body.readableBytesView.starts(with: written.readableBytesView), "written: \(written), came: \(body)")
    // A newer version may say more at the end.
    check(
        greeting.wireVersion > Greeting.knownWireVersions.upperBound || written.readableBytes == body.readableBytes,
        "\(body.readableBytes - written.readableBytes) bytes more than were read")
    check(try Greeting(body: written) == greeting, "the greeting reads otherwise the second time")
}
