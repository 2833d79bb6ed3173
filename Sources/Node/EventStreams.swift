// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import HTTP
import NIOCore
import Raft

/// Tells what happens: to the readers of the stream `events`, and to the command `on_change`.
final class EventStreams {
    /// Readers at a time.
    static let most = 64
    /// A word now and then, so that a reader that is gone is noticed, and one that waits knows that we live.
    static let heartbeat = TimeAmount.seconds(15)

    private let eventLoop: any EventLoop
    private let hook: ChangeHook?
    private(set) var log: EventLog
    private var readers: [(writer: StreamWriter, types: Set<EventType>?)] = []
    /// Of this turn of the loop, for the readers that are there: one write to each in the place of one for each event.
    private var untold: [(type: EventType, frame: ByteBuffer)] = []
    private var isBeating = false

    init(eventLoop: any EventLoop, region: String, peer: PeerID, session: UInt64, hook: ChangeHook?) {
        self.eventLoop = eventLoop
        self.hook = hook
        log = EventLog(session: session, region: region, peer: peer)
    }

    /// Not for blocks that are committed.
    func emit(_ type: EventType, _ message: String, _ details: [String: JSONValue] = [:]) {
        let event = log.add(type, message, details, at: Clock.unixMilliseconds())
        if let hook, type != .commit, type != .peer { hook.run(event) }
        tell(event)
    }

    func emit(_ commit: EventLog.Commit) {
        log.add(commit)
        if !readers.isEmpty, let event = log.lastCommit { tell(event) }
    }

    private func tell(_ event: EventDocument) {
        guard !readers.isEmpty else { return }
        untold.append((event.type, Self.frame(event)))
        guard untold.count == 1 else { return }
        eventLoop.assumeIsolated().execute { [weak self] in self?.tellReaders() }
    }

    /// Gives the readers what happened in this turn of the loop. It happens by itself at the turn's end; whoever ends the
    /// streams before that asks for it.
    func tellReaders() {
        let events = untold
        untold.removeAll(keepingCapacity: true)
        let all = Self.joined(events.map(\.frame))
        for reader in readers {
            let pieces = reader.types.map { types in
                Self.joined(events.filter { types.contains($0.type) }.map(\.frame))
            }
            for piece in pieces ?? all { reader.writer.send(piece) }
        }
    }

    /// Pieces of about this many bytes at most: a reader that takes them as they come has far more room.
    private static let pieceBytes = 32 << 10

    private static func joined(_ frames: [ByteBuffer]) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        for frame in frames {
            // No second name for the piece: it is written to in its place.
            if let count = pieces.last?.readableBytes, count + frame.readableBytes <= pieceBytes {
                pieces[pieces.count - 1].writeImmutableBuffer(frame)
            } else {
                pieces.append(frame)
            }
        }
        return pieces
    }

    /// - Parameters:
    ///   - lastID: the event that the reader had last; nil for what comes from now on.
    ///   - types: nil for all.
    func response(after lastID: String?, types: Set<EventType>?) -> Response {
        guard readers.count < Self.most else {
            return .error(.overloaded, message: "\(Self.most) readers of events are there already")
        }
        let headers: [(String, String)] = [
            ("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no"),
        ]
        return .stream(on: eventLoop, headers: .init(headers)) { [self] writer in
            // What was told so far is not for it, or comes below.
            tellReaders()
            readers.append((writer, types))
            writer.closed.assumeIsolated().whenComplete { [weak self] _ in
                self?.readers.removeAll { $0.writer === writer }
            }
            beat()
            guard let lastID else {
                writer.send(": events from \(log.lastID) on\n\n")
                return
            }
            let (events, someAreMissing) = log.since(lastID)
            if someAreMissing { writer.send(Self.frame(missed(before: events.first))) }
            for event in events where types?.contains(event.type) ?? true { writer.send(Self.frame(event)) }
        }
    }

    private func missed(before next: EventDocument?) -> EventDocument {
        var event = log.document(
            log.last, .missed,
            "events before this one are not kept any more, or were told by an earlier run of this peer", [:],
            at: Clock.unixMilliseconds())
        if let next { event.id = next.id }
        return event
    }

    private static func frame(_ event: EventDocument) -> ByteBuffer {
        let json = String(decoding: event.json(), as: UTF8.self)
        return ByteBuffer(string: "id: \(event.id)\nevent: \(event.type.rawValue)\ndata: \(json)\n\n")
    }

    private func beat() {
        guard !isBeating else { return }
        isBeating = true
        eventLoop.assumeIsolated().scheduleTask(in: Self.heartbeat) { [weak self] in
            guard let self else { return }
            isBeating = false
            for reader in readers { reader.writer.send(":\n\n") }
            if !readers.isEmpty { beat() }
        }
    }
}

extension NodeAPI {
    /// `events`: `?types=role,region` for some; `Last-Event-ID`, or `?after=`, to go on; `?once=true` for what is kept.
    func events(_ request: Request) -> EventLoopFuture<Response> {
        var types: Set<EventType>?
        if let text = request.query["types"] {
            let words = text.split(separator: ",").map { EventType(rawValue: String($0)) }
            let unknown = words.filter { !EventType.known.contains($0) }
            guard unknown.isEmpty, !words.isEmpty else {
                let known = EventType.known.map(\.rawValue).joined(separator: ", ")
                return malformed("types= takes some of \(known)")
            }
            types = Set(words)
        }
        let after = request.headers.first(name: "last-event-id") ?? request.query["after"]
        if request.query["once"] == "true" {
            let log = node.events.log
            let (events, missed) = after.map { log.since($0) } ?? log.all
            return answer(
                .document(
                    EventsDocument(
                        lastID: log.lastID, missed: missed,
                        events: events.filter { types?.contains($0.type) ?? true })))
        }
        return answer(node.events.response(after: after, types: types))
    }
}
