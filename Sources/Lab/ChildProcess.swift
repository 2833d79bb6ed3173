// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc

/// How a process ended.
enum Ending: Hashable, Sendable {
    case exited(code: Int32)
    case signaled(Int32)

    /// From `waitpid`.
    init(status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited(code: status >> 8 & 0xff) : .signaled(signal)
    }

    /// Not what anybody may do to a process from outside, by `kill` or `kill -9`.
    var isFault: Bool { self != .exited(code: 0) && self != .signaled(SIGKILL) }

    var text: String {
        switch self {
        case .exited(code: 0): "ended, as somebody asked"
        case .signaled(SIGKILL): "killed by somebody else"
        case .exited(let code): "gave up with exit code \(code)"
        case .signaled(let number): "died of signal \(number)"
        }
    }
}

/// A child process: a peer, or a nodeos. Nobody else waits for it.
struct ChildProcess: Sendable {
    let pid: pid_t

    struct CannotStart: Error, CustomStringConvertible {
        var description: String
    }

    /// Starts a program in a process group of its own, so that ^C at the terminal reaches the demonstration alone, and
    /// with no signal blocked: nodeos needs its timer's. Its output goes to the end of the log file. The thread that
    /// calls must last as long as the process may: see `Leash`.
    static func start(_ program: String, _ arguments: [String], logFile: String) throws -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, logFile, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var words = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, program, &actions, &attributes, words, environ)
        guard error == 0 else {
            throw CannotStart(description: "cannot start \(program): \(String(cString: strerror(error)))")
        }
        return ChildProcess(pid: pid)
    }

    /// To the whole group: nodeos has helper processes.
    func signal(_ number: Int32) { kill(-pid, number) }

    /// How it ended, if it has; reported once.
    func ended() -> Ending? {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == pid ? Ending(status: status) : nil
    }

    /// The last lines of a log.
    static func tail(of logFile: String, lines: Int = 12) -> [String] {
        guard let bytes = FileManager.default.contents(atPath: logFile) else { return [] }
        return String(decoding: bytes.suffix(8192), as: UTF8.self).split(separator: "\n").suffix(lines).map(String.init)
    }
}
