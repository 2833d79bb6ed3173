// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import NIOConcurrencyHelpers

@testable import BrokerHarness
@testable import Harness

/// Calls `body` with 127.0.0.1 and a port.
func withLoopback<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}

private func newSocket() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw BrokerError("socket: \(String(cString: strerror(errno)))") }
    return descriptor
}

func canConnect(to port: Int) throws -> Bool {
    let descriptor = try newSocket()
    defer { close(descriptor) }
    return withLoopback(port) { connect(descriptor, $0, $1) } == 0
}

/// Listens on loopback and treats each connection as it is told, on a thread of its own.
final class Listener: Sendable {
    let port: Int
    private let descriptor: Int32
    private let accepted = NIOLockedValueBox(0)

    /// - Parameter treat: need not close the connection.
    init(_ treat: @escaping @Sendable (Int32) -> Void) throws {
        descriptor = try newSocket()
        port = try Ports.free()
        guard withLoopback(port, { [descriptor] in bind(descriptor, $0, $1) }) == 0, listen(descriptor, 64) == 0 else {
            throw BrokerError("port \(port): \(String(cString: strerror(errno)))")
        }
        let (descriptor, accepted) = (descriptor, accepted)
        Thread.detachNewThread {
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { break }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                accepted.withLockedValue { $0 += 1 }
                Thread.detachNewThread {
                    treat(connection)
                    close(connection)
                }
            }
            close(descriptor)
        }
    }

    /// Connections so far.
    var connections: Int { accepted.withLockedValue { $0 } }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { stop() }
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
    private let listener: Listener

    var port: Int { listener.port }

    init(to target: Int) throws {
        let (state, mayPass) = (NIOLockedValueBox(State()), ConditionLock(value: true))
        (self.state, self.mayPass) = (state, mayPass)
        listener = try Listener { client in
            guard let broker = try? newSocket() else { return }
            defer { close(broker) }
            guard withLoopback(target, { connect(broker, $0, $1) }) == 0 else { return }
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
