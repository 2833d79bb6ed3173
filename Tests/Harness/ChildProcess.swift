// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// How a process ended.
enum Ending: Hashable, Sendable {
    case exit(Int32)
    case signal(Int32)
}

struct CannotStart: Error, CustomStringConvertible {
    let description: String
}

/// What a process has as its standard input, output and errors.
enum Channels: Sendable {
    /// What it reads, and two files that are appended to.
    case files(input: URL = URL(fileURLWithPath: "/dev/null"), output: URL, errors: URL)
    /// The terminal of this name, in a session of its own, which it controls.
    case terminal(String)
}

/// A process in a group of its own.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let ending = Guarded<Ending?>(nil)

    private init(pid: pid_t) {
        self.pid = pid
    }

    /// Starts `command`, a path and its arguments, in `directory`, with nothing on its standard input. The files are
    /// appended to.
    static func start(
        _ command: [String], in directory: URL, output: URL, errors: URL, environment: [String: String] = [:]
    ) async throws -> ChildProcess {
        try await start(
            command, in: directory, channels: .files(output: output, errors: errors), environment: environment)
    }

    static func start(
        _ command: [String], in directory: URL, channels: Channels, environment: [String: String] = [:]
    ) async throws -> ChildProcess {
        let tied = Spawner.setpriv.map { path in [path, "--pdeathsig", "KILL", "--"] } ?? [String]()
        let result = await Spawner.shared.run {
            spawn(tied + command, in: directory, channels: channels, environment: environment)
        }
        return ChildProcess(pid: try result.get())
    }

    /// How it ended, or nil while it runs.
    var ended: Ending? {
        ending.withLock { ending in
            if ending == nil {
                var status: Int32 = 0
                if waitpid(pid, &status, WNOHANG) == pid {
                    ending = status & 0x7f == 0 ? .exit(status >> 8 & 0xff) : .signal(status & 0x7f)
                }
            }
            return ending
        }
    }

    var runs: Bool { ended == nil }

    /// By SIGSTOP.
    var isStopped: Bool { state == "T" }
    /// Its first thread waits for something.
    var sleeps: Bool { state == "S" }

    private var state: Character? {
        guard runs, let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        // The state follows the name, which is in brackets and may hold anything.
        return stat.split(separator: ")").last?.first { $0 != " " }
    }

    func send(_ signal: Int32) {
        if runs { _ = Foundation.kill(pid, signal) }
    }

    /// Waits for the end.
    @discardableResult
    func end(within bound: Duration = Bound.outcome) async throws -> Ending {
        try await value("process \(pid) ends", within: bound) { self.ended }
    }

    /// Kills the whole group and does not wait; for the end of a test.
    func killGroup() {
        if runs { _ = Foundation.kill(-pid, SIGKILL) }
    }

    /// Kills what is left of the group once its first process has ended.
    func killRest() {
        if !runs { _ = Foundation.kill(-pid, SIGKILL) }
    }

    deinit {
        killGroup()
    }
}

/// A program that ran to its end.
struct Finished: Sendable {
    let ending: Ending
    let output: String
    let errors: String

    var everything: String { output + errors }

    /// Runs `command` to its end with these bytes on its standard input; kills it after `bound`.
    static func running(
        _ command: [String], in directory: URL, environment: [String: String] = [:], input bytes: [UInt8] = [],
        within bound: Duration = Bound.outcome
    ) async throws -> Finished {
        let name = UUID().uuidString
        let (output, errors) = (directory.appending(path: "\(name).out"), directory.appending(path: "\(name).err"))
        let input = directory.appending(path: "\(name).in")
        try Data(bytes).write(to: input)
        defer {
            for file in [input, output, errors] { try? FileManager.default.removeItem(at: file) }
        }
        let process = try await ChildProcess.start(
            command, in: directory, channels: .files(input: input, output: output, errors: errors),
            environment: environment)
        defer { process.killGroup() }
        do {
            let ending = try await process.end(within: bound)
            return Finished(
                ending: ending, output: try String(contentsOf: output, encoding: .utf8),
                errors: try String(contentsOf: errors, encoding: .utf8))
        } catch let error as TimedOut {
            let said = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
            throw TimedOut(description: "\(command.joined(separator: " ")) still runs; it said:\n\(said)\n\(error)")
        }
    }
}

/// Starts every process from one thread that never ends: `setpriv --pdeathsig` ties a process to the thread that started
/// it, so whatever becomes of the test run, no process outlives it.
private final class Spawner: Sendable {
    static let shared = Spawner()
    static let setpriv: String? = {
        let places: [String] = ["/usr/bin/setpriv", "/bin/setpriv"]
        return places.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    private let jobs = Guarded<[@Sendable () -> Void]>([])
    private let wake = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                wake.wait()
                let job = jobs.withLock { $0.removeFirst() }
                job()
            }
        }
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            jobs.withLock { jobs in jobs.append { continuation.resume(returning: body()) } }
            wake.signal()
        }
    }
}

/// glibc's `POSIX_SPAWN_SETSID`, which Swift does not see.
private let spawnInNewSession: Int32 = 0x80

private func spawn(
    _ command: [String], in directory: URL, channels: Channels, environment: [String: String]
) -> Result<pid_t, CannotStart> {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group or session of its own, and no signal blocked or ignored, whatever the test run does with its own.
    let own =
        switch channels {
        case .files: POSIX_SPAWN_SETPGROUP
        case .terminal: spawnInNewSession
        }
    posix_spawnattr_setflags(&attributes, Int16(own | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    switch channels {
    case .files(let input, let output, let errors):
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.path, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.path, flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.path, flags, 0o644)
    case .terminal(let name):
        // The first terminal that the leader of a session opens controls the session.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, name, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO)
    }

    let passedOn = ["PATH", "HOME", "LANG", "TZ", "ASAN_OPTIONS", "TSAN_OPTIONS"]
    let inherited = ProcessInfo.processInfo.environment.filter { passedOn.contains($0.key) }
    let variables = inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
    let inDirectory = ["/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory.path] + command
    var arguments = inDirectory.map { strdup($0) } + [nil]
    var values = variables.map { strdup($0) } + [nil]
    defer { for text in arguments + values { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, inDirectory[0], &actions, &attributes, &arguments, &values)
    return code == 0
        ? .success(pid) : .failure(CannotStart(description: "\(command): \(String(cString: strerror(code)))"))
}
