// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import Raft
import Testing

@testable import Transport

/// Whatever one frame can carry.
private enum Decoded: Equatable {
    case greeting(Greeting)
    case message(Message)
    case ping(Ping)
    case pong(Pong)
    case bytes([UInt8])
}

/// Reads one frame the way a connection does.
private func decode(_ frame: FrameReader.Frame) throws(FrameError) -> Decoded {
    switch frame.type {
    case .greeting: return .greeting(try Greeting(body: frame.body))
    case .ping: return .ping(try Ping(body: frame.body))
    case .pong: return .pong(try Pong(body: frame.body))
    case .call, .callAnswer:
        var buffer = ByteBuffer()
        buffer.writeFrame(try CallPart(type: frame.type, body: frame.body))
        return .bytes(Array(buffer.readableBytesView.dropFirst(FrameType.headerBytes)))
    case .refusal, .report: return .bytes(Array(frame.body.readableBytesView))
    default:
        guard let message = try Message(type: frame.type, body: frame.body) else { throw .unexpected(frame.type) }
        return .message(message)
    }
}

private func decodeAll(_ bytes: ByteBuffer, limit: Int = 24 << 20) throws(FrameError) -> [Decoded] {
    var reader = FrameReader(maxBodyBytes: limit)
    reader.append(bytes)
    var all: [Decoded] = []
    while let frame = try reader.next() { all.append(try decode(frame)) }
    return all
}

@Suite struct CodecTests {
    @Test(arguments: 1...100)
    func everyMessageSurvivesTheWire(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        for message in generator.messages() {
            let frame = ByteBuffer.frame(message)
            #expect(frame.readableBytes == FrameType.headerBytes + message.bodyBytes, "\(message)")
            #expect(try decodeAll(frame) == [.message(message)])
        }
        let greeting = generator.greeting()
        let frame = ByteBuffer.frame(greeting)
        #expect(frame.readableBytes == FrameType.headerBytes + greeting.bodyBytes)
        #expect(try decodeAll(frame) == [.greeting(greeting)])
    }

    @Test func pingsPongsReportsAndRefusalsSurviveTheWire() throws {
        var buffer = ByteBuffer()
        buffer.writeFrame(Ping(stamp: .max, wallClock: .min))
        buffer.writeFrame(Pong(stamp: 7, wallClock: 1_750_000_000_123))
        buffer.writeFrame(report: [1, 2, 3])
        buffer.writeFrame(report: [])
        buffer.writeFrame(refusal: "ä because")
        let expected: [Decoded] = [
            .ping(Ping(stamp: .max, wallClock: .min)), .pong(Pong(stamp: 7, wallClock: 1_750_000_000_123)),
            .bytes([1, 2, 3]), .bytes([]), .bytes(Array("ä because".utf8)),
        ]
        #expect(try decodeAll(buffer) == expected)
    }

    @Test func aGreetingOfTheLargestGroupFitsBeforeTheLinkStands() {
        let peers = (0..<LinkLimits.maxPeers).map { (PeerID(.max - $0), PeerAddress(host: "::1", port: 1)) }
        let settings = LinkSettings(
            id: peers[0].0, region: String(repeating: "r", count: 255), peers: Dictionary(uniqueKeysWithValues: peers),
            quorum: LinkLimits.maxPeers)
        let greeting = Greeting(
            to: peers[1].0, settings: settings, softwareVersion: String(repeating: "v", count: 255),
            group: GroupID(bytes: Array(repeating: 9, count: 16)), fresh: false, lastIndex: 1, lastTerm: 1, session: 1)
        #expect(greeting.bodyBytes <= LinkLimits.maxGreetingBytes)
    }

    @Test(arguments: 1...40)
    func framesArriveWholeHoweverTheStreamIsCut(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var messages: [Message] = []
        for _ in 0..<5 { messages += generator.messages() }
        var stream = ByteBuffer()
        for message in messages { stream.writeFrame(message, bodyBytes: message.bodyBytes) }
        var reader = FrameReader(maxBodyBytes: 1 << 20)
        var received: [Decoded] = []
        while stream.readableBytes > 0 {
            let count = min(stream.readableBytes, Int.random(in: 1...70, using: &generator))
            reader.append(stream.readSlice(length: count) ?? ByteBuffer())
            while let frame = try reader.next() { received.append(try decode(frame)) }
            reader.trim()
        }
        #expect(received == messages.map { .message($0) })
        #expect(reader.pendingBytes == 0)
    }

    /// A body that is cut anywhere is refused, with its length as sent (nothing comes of it) or adjusted.
    @Test(arguments: 1...5)
    func everyTruncationIsRefused(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let frames = generator.messages().map { ByteBuffer.frame($0) } + [.frame(generator.greeting())]
        for frame in frames {
            for count in 0..<frame.readableBytes {
                let cut = try #require(frame.getSlice(at: 0, length: count))
                #expect(try decodeAll(cut).isEmpty)
                guard count >= FrameType.headerBytes else { continue }
                var adjusted = cut
                adjusted.setInteger(UInt32(count - FrameType.headerBytes), at: 0, endianness: .little)
                #expect(throws: FrameError.self) { try decodeAll(adjusted) }
            }
            var longer = frame
            longer.writeInteger(UInt8(0))
            longer.setInteger(UInt32(longer.readableBytes - FrameType.headerBytes), at: 0, endianness: .little)
            #expect(throws: FrameError.self) { try decodeAll(longer) }
        }
    }

    /// What passes says the same when it is sent on: no two encodings of one message, nothing read beyond the frame.
    @Test(arguments: 1...20)
    func mutatedFramesNeverTrap(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        for frame in generator.messages().map({ ByteBuffer.frame($0) }) + [.frame(generator.greeting())] {
            for _ in 0..<50 {
                var mutated = frame
                for _ in 0...Int.random(in: 0..<3, using: &generator) {
                    let at = Int.random(in: 0..<mutated.readableBytes, using: &generator)
                    let value: UInt8 =
                        Bool.random(using: &generator) ? 0xff : UInt8(truncatingIfNeeded: generator.next())
                    mutated.setInteger(value, at: at)
                }
                guard let decoded = try? decodeAll(mutated) else { continue }
                for case .message(let message) in decoded.prefix(1) {
                    let again = ByteBuffer.frame(message)
                    #expect(again == mutated.getSlice(at: 0, length: again.readableBytes), "seed \(seed)")
                }
            }
        }
    }

    @Test(arguments: 1...20)
    func randomBytesNeverTrap(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        for type in FrameType.allCases {
            for _ in 0..<50 {
                let body = ByteBuffer(bytes: generator.bytes(upTo: 120))
                _ = try? decode(FrameReader.Frame(type: type, body: body))
            }
        }
    }

    @Test func aHugeCountIsRefusedBeforeAnythingIsAllocated() throws {
        var frame = ByteBuffer.frame(
            .append(
                Append(
                    term: 1, round: Round(sentAt: Instant(nanoseconds: 1), promise: .zero), previousIndex: 0,
                    previousTerm: 0, commit: 0, entries: [])))
        frame.setInteger(UInt32.max, at: FrameType.headerBytes + Message.appendHead - 4, endianness: .little)
        #expect(throws: FrameError.truncated) { try decodeAll(frame) }
    }

    /// The core adds to and subtracts from these without checks.
    @Test func valuesThatCouldOverflowTheCoreAreRefused() throws {
        let beyond = BodyReader.maxCounter + 1
        let round = Round(sentAt: Instant(nanoseconds: 0), promise: .zero)
        let messages: [Message] = [
            .transferRequest(term: beyond),
            .voteRequest(VoteRequest(term: 1, lastIndex: beyond, lastTerm: 1)),
            .voteResponse(VoteResponse(term: 1, granted: true, promiseRemaining: .nanoseconds(-1))),
            .append(
                Append(term: 1, round: round, previousIndex: beyond, previousTerm: 0, commit: 0, entries: [])),
            .appendResponse(
                AppendResponse(
                    term: 1, sentAt: Instant(nanoseconds: .min), counts: true, result: .matches(through: 1))),
            .installSnapshot(
                InstallSnapshot(
                    term: 1, round: Round(sentAt: Instant(nanoseconds: 0), promise: .nanoseconds(Int64.max)),
                    snapshot: Snapshot(index: 1, term: 1, state: []))),
        ]
        for message in messages {
            #expect(throws: FrameError.self, "\(message)") { try decodeAll(.frame(message)) }
        }
    }

    @Test func aFrameIsRefusedByItsHeaderAlone() throws {
        var reader = FrameReader(maxBodyBytes: 100)
        reader.append(ByteBuffer(bytes: [101, 0, 0, 0, FrameType.report.rawValue]))
        #expect(throws: FrameError.tooLong(bytes: 101, limit: 100)) { try reader.next() }
        reader = FrameReader(maxBodyBytes: 100)
        reader.append(ByteBuffer(bytes: [1, 0, 0, 0, 99]))
        #expect(throws: FrameError.unknownType(99)) { try reader.next() }
    }

    /// A later version adds its fields at the end; this one reads what it knows.
    @Test func aNewerGreetingThatStillSpeaksThisVersionIsUnderstood() throws {
        var generator = SeededGenerator(seed: 1)
        var greeting = generator.greeting()
        greeting.wireVersion = Greeting.knownWireVersions.upperBound + 5
        var frame = ByteBuffer.frame(greeting)
        frame.writeString("fields to come")
        frame.setInteger(UInt32(frame.readableBytes - FrameType.headerBytes), at: 0, endianness: .little)
        #expect(try decodeAll(frame) == [.greeting(greeting)])
    }

    @Test func textThatCouldForgeALogLineIsRefused() throws {
        var generator = SeededGenerator(seed: 2)
        for text in ["a\nb", "a\u{1b}[2J", "a\u{202e}b"] {
            var greeting = generator.greeting()
            greeting.softwareVersion = text
            #expect(throws: FrameError.invalid(field: "software version")) { try decodeAll(.frame(greeting)) }
            #expect(text.printable.isPrintable)
        }
    }

    @Test func complaintsPassOnceInAnIntervalAndTellHowManyWereHeldBack() {
        var complaints = Complaints(interval: .seconds(60))
        let start = NIODeadline.uptimeNanoseconds(1)
        #expect(complaints.pass("a", at: start) == 0)
        #expect(complaints.pass("b", at: start) == 0)
        #expect(complaints.pass("a", at: start + .seconds(59)) == nil)
        #expect(complaints.pass("a", at: start + .seconds(59)) == nil)
        #expect(complaints.pass("a", at: start + .seconds(60)) == 2)
        #expect(complaints.pass("a", at: start + .seconds(61)) == nil)
        var passed = 0
        for number in 0..<10_000 where complaints.pass("made up \(number)", at: start + .seconds(62)) != nil {
            passed += 1
        }
        #expect(passed <= Complaints.maxKinds + 1)
    }
}
