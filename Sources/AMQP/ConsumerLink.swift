// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ
import Glibc
import NIOConcurrencyHelpers
import NIOCore

/// What a session's event loop and its thread share.
final class ConsumerLink: Sendable {
    enum Call: Sendable {
        case acknowledge(UInt64)
        case reject(UInt64)
        case publish(Publication)
        case close
    }

    struct Publication: Sendable {
        let queue: String
        let correlationID: String?
        let headers: [String: String]
        let contentType: String
        let body: [UInt8]
    }

    private struct Shared {
        var calls: [Call] = []
        var isWoken = false
        var isClosing = false
        var isShut = false
        /// A descriptor of our own for the broker's socket: librabbitmq closes its own when it likes, and the number may
        /// be another file's a moment later. -1: none.
        var socket: Int32 = -1
        /// Since when the thread is in one call of librabbitmq that may write. nil: it waits in `poll`, or has ended.
        var busySince: NIODeadline?
        var hasEnded = false
    }

    private let box = NIOLockedValueBox(Shared())
    /// Readable when there are calls. -1: the process has no file descriptor left.
    let wakeDescriptor: Int32

    init() { wakeDescriptor = crabbitmq_eventfd() }

    deinit {
        if wakeDescriptor >= 0 { Glibc.close(wakeDescriptor) }
    }

    // MARK: - For the event loop

    /// False: too many wait already.
    func submit(_ call: Call, limit: Int) -> Bool {
        let (isTaken, mustWake) = box.withLockedValue { shared in
            guard shared.calls.count < limit else { return (false, false) }
            shared.calls.append(call)
            if case .close = call { shared.isClosing = true }
            defer { shared.isWoken = true }
            return (true, !shared.isWoken)
        }
        if mustWake {
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, 8)
        }
        return isTaken
    }

    /// Ends whatever the thread does with the broker's socket, now and later: it will find the connection broken. This
    /// alone ends a wait for a broker that does not read: librabbitmq 0.11 knows no bound there.
    func shut() {
        box.withLockedValue { shared in
            shared.isShut = true
            if shared.socket >= 0 { shutdown(shared.socket, Int32(SHUT_RDWR)) }
        }
    }

    var busySince: NIODeadline? { box.withLockedValue { $0.busySince } }

    /// The thread has closed the connection, and does nothing more.
    var hasEnded: Bool { box.withLockedValue { $0.hasEnded } }

    // MARK: - For the thread

    var isClosing: Bool { box.withLockedValue { $0.isClosing || $0.isShut } }

    func takeCalls() -> [Call] {
        box.withLockedValue { shared in
            if shared.isWoken {
                var count: UInt64 = 0
                _ = read(wakeDescriptor, &count, 8)
                shared.isWoken = false
            }
            defer { shared.calls = [] }
            return shared.calls
        }
    }

    /// Takes note of the broker's socket. False: there is no file descriptor left.
    func adopt(_ socket: Int32) -> Bool {
        box.withLockedValue { shared in
            shared.socket = fcntl(socket, F_DUPFD_CLOEXEC, 0)
            if shared.socket >= 0, shared.isShut { shutdown(shared.socket, Int32(SHUT_RDWR)) }
            return shared.socket >= 0
        }
    }

    /// The connection is gone; so is what was not taken.
    func release() {
        box.withLockedValue { shared in
            if shared.socket >= 0 {
                shutdown(shared.socket, Int32(SHUT_RDWR))
                Glibc.close(shared.socket)
            }
            shared.socket = -1
            shared.busySince = nil
            shared.calls = []
            shared.hasEnded = true
        }
    }

    func noteBusy() { box.withLockedValue { $0.busySince = .now() } }

    func noteIdle() { box.withLockedValue { $0.busySince = nil } }
}
