// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import NIOConcurrencyHelpers

@testable import BrokerHarness
@testable import Harness

private func newSocket() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw BrokerError("socket: \(String(cString: strerror(errno)))") }
    return descriptor
}

func canConnect(to port: Int) throws -> Bool {
    let descriptor = try newSocket()
    defer { close(descriptor) }
    return withAddress(INADDR_LOOPBACK, port) { connect(descriptor, $0, $1) } == 0
}

/// Stands between a client and a broker.
final class Relay: Sendable {
    private struct State {
        var isHeld = false
        var descriptors: Set<Int32> = []
        var fromClient: [UInt8] = []
        var lastMethod: [UInt16]?
    }

    private let state: NIOLockedValueBox<State>
    private let mayPass: ConditionLock<Bool>
    private let listener: LoopbackServer

    var port: Int { listener.port }

    init(to target: Int) throws {
        let (state, mayPass) = (NIOLockedValueBox(State()), ConditionLock(value: true))
        (self.state, self.mayPass) = (state, mayPass)
        listener = try LoopbackServer { client in
            guard let broker = try? newSocket() else { return }
            defer { close(broker) }
            guard withAddress(INADDR_LOOPBACK, target, { connect(broker, $0, $1) }) == 0 else { return }
            state.withLockedValue { $0.descriptors.formUnion([client, broker]) }
            defer { state.withLockedValue { $0.descriptors.subtract([client, broker]) } }
            let isDone = ConditionLock(value: false)
            Thread.detachNewThread {
                Self.pump(from: broker, to: client, mayPass) { _ in }
                isDone.lock()
                isDone.unlock(withValue: true)
            }
            Self.pump(from: client, to: broker, mayPass) { bytes in
                let isLast = state.withLockedValue { state in
                    state.fromClient += bytes
                    guard let last = state.lastMethod,
                        Self.frames(state.fromClient).contains(where: { $0.method == last })
                    else { return false }
                    state.lastMethod = nil
                    return true
                }
                if isLast { Self.hold(mayPass) }
            }
            isDone.lock(whenValue: true)
            isDone.unlock()
        }
    }

    private static func pump(
        from source: Int32, to sink: Int32, _ mayPass: ConditionLock<Bool>, _ see: (ArraySlice<UInt8>) -> Void
    ) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        pumping: while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            mayPass.lock(whenValue: true)
            mayPass.unlock()
            see(buffer[..<count])
            var sent = 0
            while sent < count {
                let more = buffer[sent..<count].withUnsafeBytes {
                    send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break pumping }
                sent += more
            }
        }
        // The end is held as bytes are.
        mayPass.lock(whenValue: true)
        mayPass.unlock()
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(sink, Int32(SHUT_RDWR))
    }

    /// Nothing passes any more, and nobody is told: as if the client were suspended.
    func hold() { Self.hold(mayPass) }

    private static func hold(_ mayPass: ConditionLock<Bool>) {
        mayPass.lock()
        mayPass.unlock(withValue: false)
    }

    /// Nothing passes any more once the client has sent this method, which passes; until `resume`.
    func holdAfter(method: [UInt16]) { state.withLockedValue { $0.lastMethod = method } }

    func resume() {
        mayPass.lock()
        mayPass.unlock(withValue: true)
    }

    /// Breaks all connections: as if the client were killed.
    func cut() {
        state.withLockedValue { for descriptor in $0.descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    deinit {
        cut()
        resume()
    }

    /// What the clients have sent, as frames (AMQP 0-9-1, section 2.3.5), after the protocol's header.
    struct Frame: Hashable {
        let type: UInt8
        /// Class and method of a method frame.
        let method: [UInt16]
    }

    var frames: [Frame] { Self.frames(state.withLockedValue { $0.fromClient }) }

    private static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var place = 8
        while place + 7 <= bytes.count {
            let size = bytes[(place + 3)..<(place + 7)].reduce(0) { $0 << 8 | Int($1) }
            guard place + 8 + size <= bytes.count else { break }
            let payload = bytes[(place + 7)..<(place + 7 + size)].map(UInt16.init)
            let method = bytes[place] == 1 ? [payload[0] << 8 | payload[1], payload[2] << 8 | payload[3]] : []
            frames.append(Frame(type: bytes[place], method: method))
            place += 8 + size
        }
        return frames
    }
}
