// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import DequeModule
import Glibc
import Logging
import NIOConcurrencyHelpers
import Raft

/// Runs the operator's command once for each event, with the event on its standard input: for pagers and load balancers.
///
/// It is never in the way: it has a thread of its own, one command runs at a time, each has a bounded time, and so many events
/// wait at most; what is more is dropped, and that is said.
final class ChangeHook: Sendable {
    /// Of one command, in milliseconds.
    static let longestMS = 10_000
    static let mostWaiting = 64
    /// Of what the command prints, that goes into the log.
    private static let mostOutput = 2048

    private struct Shared {
        var waiting = Deque<EventDocument>()
        var dropped = 0
    }

    private let command: [String]
    private let logger: Logger
    private let shared = NIOLockedValueBox(Shared())
    private let isAwake = ConditionLock(value: false)

    /// - Parameter command: the program's path, and its arguments.
    init(_ command: [String], logger: Logger) {
        self.command = command
        self.logger = logger
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ChangeHook>.fromOpaque(argument).takeRetainedValue().loop()
                return nil
            }, argument.toOpaque())
        precondition(code == 0, "no thread for on_change: \(String(cString: strerror(code)))")
        pthread_detach(thread)
    }

    func run(_ event: EventDocument) {
        let dropped = shared.withLockedValue { shared -> Bool in
            if shared.waiting.count >= Self.mostWaiting {
                shared.dropped += 1
                return shared.dropped == 1
            }
            shared.waiting.append(event)
            return false
        }
        if dropped {
            logger.warning("on_change is too slow: \(Self.mostWaiting) events wait, and what comes now is dropped")
        }
        isAwake.lock()
        isAwake.unlock(withValue: true)
    }

    private func loop() {
        while true {
            isAwake.lock(whenValue: true)
            isAwake.unlock(withValue: false)
            while let event = shared.withLockedValue({ $0.waiting.popFirst() }) {
                if let trouble = carryOut(event) {
                    logger.warning("on_change for \(event.type.rawValue) \(event.id): \(trouble)")
                }
            }
            let dropped = shared.withLockedValue { shared in
                defer { shared.dropped = 0 }
                return shared.dropped
            }
            if dropped > 0 { logger.warning("on_change has caught up; it was not run for \(dropped) events") }
        }
    }

    /// What went wrong; nil when all is well.
    private func carryOut(_ event: EventDocument) -> String? {
        var input: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        guard Self.makePipe(&input) else { return "no pipe: \(String(cString: strerror(errno)))" }
        guard Self.makePipe(&output) else {
            let reason = String(cString: strerror(errno))
            close(input[0])
            close(input[1])
            return "no pipe: \(reason)"
        }
        let spawned = spawn(input: input[0], output: output[1], type: event.type.rawValue)
        close(input[0])
        close(output[1])
        defer { close(output[0]) }
        let child: pid_t
        switch spawned {
        case .success(let pid): child = pid
        case .failure(let failure):
            close(input[1])
            return "cannot run \(command[0]): \(String(cString: strerror(failure.number)))"
        }
        // An event is far smaller than what a pipe holds, so this does not wait. A command that does not read is well.
        let text = event.json() + [UInt8(ascii: "\n")]
        _ = text.withUnsafeBytes { write(input[1], $0.baseAddress, $0.count) }
        close(input[1])
        let (said, isOver) = listen(output[0])
        // Whatever it started dies with it.
        if !isOver { kill(-child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        let words = said.isEmpty ? "" : "; it says: \(said)"
        if !isOver { return "it was killed after \(Self.longestMS) ms\(words)" }
        if status & 0x7f != 0 { return "it died of signal \(status & 0x7f)\(words)" }
        let code = status >> 8 & 0xff
        return code == 0 ? nil : "exit \(code)\(words)"
    }

    /// Its ends are closed in what is run; the daemon runs nothing else meanwhile.
    private static func makePipe(_ ends: inout [Int32]) -> Bool {
        guard pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return true
    }

    /// Until the command has closed its output, which is when it has ended, or its time is over.
    private func listen(_ descriptor: Int32) -> (String, isOver: Bool) {
        var said: [UInt8] = []
        let deadline = Clock.now() + .milliseconds(Self.longestMS)
        var buffer = [UInt8](repeating: 0, count: 1024)
        while true {
            let rest = (deadline - Clock.now()).inNanoseconds / 1_000_000
            guard rest > 0 else { return (Self.printable(said), false) }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, Int32(clamping: rest)) > 0 else { continue }
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return (Self.printable(said), true) }
            if count > 0 { said += buffer.prefix(min(count, Self.mostOutput - said.count)) }
        }
    }

    private static func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " | ")
    }

    private struct Failure: Error { var number: Int32 }

    private func spawn(input: Int32, output: Int32, type: String) -> Result<pid_t, Failure> {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        // A group of its own, and the signals as any program expects them: the daemon blocks some.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments = command.map { strdup($0) } + [nil]
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let variables: [String] = ["PATH=\(path)", "PRODHA_EVENT=\(type)"]
        var environment = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid: pid_t = 0
        let number = posix_spawn(&pid, command[0], &actions, &attributes, &arguments, &environment)
        return number == 0 ? .success(pid) : .failure(Failure(number: number))
    }
}
