// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// Stands in the links between peers and does to them what networks do.
///
/// Peers dial the relay in place of each other: one port for each pair, since it is always the peer with the higher id
/// that dials. Once a call has returned, what it asked for is in force.
final class Relay: Sendable {
    /// From one peer to another.
    struct Way: Hashable, Sendable {
        let from: Int
        let to: Int

        var reversed: Way { Way(from: to, to: from) }
    }

    private struct Link {
        /// Connections at a time; another one closes the oldest.
        static let maxConnections = 32

        /// From the one that dials.
        let way: Way
        let port: Int
        let target: Int
        /// nil: connections are refused.
        var listener: RelaySocket?
        var connections: [RelayConnection] = []
        /// What connections that are gone had delivered.
        var deliveredBefore = (there: 0, back: 0)

        mutating func add(_ connection: RelayConnection) {
            if connections.count == Self.maxConnections { forget(connections.removeFirst()) }
            connections.append(connection)
        }

        mutating func remove(where isGone: (RelayConnection) -> Bool) {
            for connection in connections where isGone(connection) {
                forget(connection)
            }
            connections.removeAll(where: isGone)
        }

        private mutating func forget(_ connection: RelayConnection) {
            deliveredBefore.there += connection.delivered.there
            deliveredBefore.back += connection.delivered.back
        }
    }

    private struct State {
        var links: [Link] = []
        var rules: [Way: RelayRule] = [:]
        var stops = false

        func rule(_ way: Way) -> RelayRule { rules[way] ?? .pass }
    }

    private let state = Guarded(State())
    /// A byte in it ends the thread's wait.
    private let bell: (reader: Int32, writer: Int32)

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SocketError(code: errno) }
        ends.forEach(makeNonblocking)
        bell = (ends[0], ends[1])
        Thread.detachNewThread { [self] in
            while let (entries, until) = turn() {
                wait(for: entries, until: until)
            }
            close(bell.reader)
            close(bell.writer)
        }
    }

    /// Closes everything. Nothing may be called after it.
    func stop() {
        change {
            $0.links = []
            $0.stops = true
        }
    }

    // MARK: Controls

    /// Opens a port for the link that peer `dialler` dials to peer `other`, who listens on `target`.
    func open(from dialler: Int, to other: Int, target: Int) throws -> Int {
        let port = try Ports.free()
        let listener = try RelaySocket.listening(on: port)
        change {
            $0.links.append(
                Link(way: Way(from: dialler, to: other), port: port, target: target, listener: listener))
        }
        return port
    }

    func set(_ rule: RelayRule, _ way: Way) {
        change { $0.rules[way] = rule }
    }

    /// Closes the link between the two peers of `way`, and refuses to open it again.
    func drop(_ way: Way) {
        change { state in
            for index in state.links.indices where [way, way.reversed].contains(state.links[index].way) {
                state.links[index].listener = nil
                state.links[index].remove { _ in true }
            }
        }
    }

    /// Lets everything pass again, everywhere.
    func restore() throws {
        try change { state in
            state.rules = [:]
            for index in state.links.indices where state.links[index].listener == nil {
                state.links[index].listener = try .listening(on: state.links[index].port)
            }
        }
    }

    /// Lets everything pass again between the two peers of `way`.
    func restore(_ way: Way) throws {
        try change { state in
            state.rules[way] = nil
            state.rules[way.reversed] = nil
            for index in state.links.indices where [way, way.reversed].contains(state.links[index].way) {
                let port = state.links[index].port
                state.links[index].listener = try state.links[index].listener ?? .listening(on: port)
            }
        }
    }

    /// How many bytes have arrived.
    func delivered(_ way: Way) -> Int {
        state.withLock { state in
            state.links.reduce(0) { sum, link in
                let all = link.connections.map(\.delivered) + [link.deliveredBefore]
                return sum + (link.way == way ? all.reduce(0) { $0 + $1.there } : 0)
                    + (link.way == way.reversed ? all.reduce(0) { $0 + $1.back } : 0)
            }
        }
    }

    private func change(_ body: (inout State) throws -> Void) rethrows {
        try state.withLock {
            try body(&$0)
            var byte: UInt8 = 0
            _ = write(bell.writer, &byte, 1)
        }
    }

    // MARK: The thread

    /// Moves all there is to move; then what to wait for, nil at the end.
    private func turn() -> (entries: [pollfd], until: ContinuousClock.Instant?)? {
        state.withLock { state in
            guard !state.stops else { return nil }
            let now = ContinuousClock.now
            var entries = [pollfd(fd: bell.reader, events: Int16(POLLIN), revents: 0)]
            var until: ContinuousClock.Instant?
            for index in state.links.indices {
                let way = state.links[index].way
                let (there, back) = (state.rule(way), state.rule(way.reversed))
                accept(&state.links[index])
                for place in state.links[index].connections.indices {
                    state.links[index].connections[place].pump(there: there, back: back, at: now)
                }
                state.links[index].remove(where: \.isOver)
                if let listener = state.links[index].listener {
                    entries.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
                }
                for connection in state.links[index].connections {
                    let waits = connection.waits(there: there, back: back, at: now)
                    entries += waits.entries
                    until = [until, waits.until].compactMap { $0 }.min()
                }
            }
            return (entries, until)
        }
    }

    private func accept(_ link: inout Link) {
        while let near = link.listener?.accepted() {
            if let connection = try? RelayConnection(accepted: near, target: link.target) {
                link.add(connection)
            }
        }
    }

    /// Waits until one of `entries` has something, or until that instant. Which one is of no interest: `turn` tries all,
    /// so that a socket that was closed meanwhile does no harm.
    private func wait(for entries: [pollfd], until: ContinuousClock.Instant?) {
        var entries = entries
        let left = until.map { ($0 - ContinuousClock.now) / Duration.milliseconds(1) }
        let bound = left.map { Int32(min(max($0.rounded(.up), 0), 60_000)) } ?? -1
        poll(&entries, nfds_t(entries.count), bound)
        if entries[0].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 256)
            while read(bell.reader, &bytes, bytes.count) > 0 {}
        }
    }
}
