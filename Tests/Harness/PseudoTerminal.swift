// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// A process on a terminal that it controls, as in a window of its own: what is typed and what is seen.
final class PseudoTerminal: Sendable {
    /// What a keyboard sends that is no text.
    enum Key: String, CaseIterable {
        case enter = "\r"
        case tab = "\t"
        case backspace = "\u{7f}"
        case escape = "\u{1b}"
        case up = "\u{1b}[A"
        case down = "\u{1b}[B"
        case right = "\u{1b}[C"
        case left = "\u{1b}[D"
        case home = "\u{1}"
        case end = "\u{5}"
        case interrupt = "\u{3}"
        case endOfInput = "\u{4}"
        case search = "\u{12}"
        case eraseLine = "\u{15}"
        case verbatim = "\u{16}"
        case suspend = "\u{1a}"
    }

    /// Linux's TIOCGPTN and TIOCSPTLCK, for `ptsname` and `unlockpt`, which Swift does not see.
    private enum Request {
        static let number: UInt = 0x8004_5430
        static let setLock: UInt = 0x4004_5431
    }

    private struct State: Sendable {
        var screen: TerminalScreen
        /// The latest of what the program has written, at most `mostKept` bytes.
        var log: [UInt8] = []
        var isClosing = false
        var isClosed = false
    }

    private static let mostKept = 1 << 20

    let process: ChildProcess
    private let master: Int32
    private let state: Guarded<State>

    /// Starts `command`, a path and its arguments, in `directory`. Its `TERM` is xterm, its characters are UTF-8, and
    /// the tester's own settings for the line editor are not read.
    static func start(
        _ command: [String], in directory: URL, environment: [String: String] = [:], rows: Int = 30, columns: Int = 100
    ) async throws -> PseudoTerminal {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard master >= 0 else { throw SocketError(code: errno) }
        do {
            var (number, isLocked): (Int32, Int32) = (0, 0)
            guard ioctl(master, Request.setLock, &isLocked) == 0, ioctl(master, Request.number, &number) == 0,
                fcntl(master, F_SETFL, O_NONBLOCK) == 0
            else { throw SocketError(code: errno) }
            try setSize(master, rows, columns)
            let path = "/dev/pts/\(number)"
            // Held until the process has it: with nobody at its other end a terminal ends.
            let held = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
            defer { close(held) }
            let usual = ["TERM": "xterm", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null", "HOME": directory.path]
            let process = try await ChildProcess.start(
                command, in: directory, channels: .terminal(path), environment: usual.merging(environment) { $1 })
            return PseudoTerminal(process, master, TerminalScreen(rows: rows, columns: columns))
        } catch {
            close(master)
            throw error
        }
    }

    private init(_ process: ChildProcess, _ master: Int32, _ screen: TerminalScreen) {
        (self.process, self.master) = (process, master)
        state = Guarded(State(screen: screen))
        let state = state
        Thread.detachNewThread { Self.read(master, into: state) }
    }

    deinit {
        hangUp()
        process.killGroup()
    }

    /// The window is closed: what is on the terminal gets a SIGHUP.
    func hangUp() { state.withLock { $0.isClosing = true } }

    private static func read(_ master: Int32, into state: Guarded<State>) {
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while !state.withLock({ $0.isClosing }) {
            var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            // Wakes up now and then to see whether it is to end.
            guard poll(&entry, 1, 50) > 0 else { continue }
            let count = Foundation.read(master, &buffer, buffer.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            // EIO: nobody has the other end any more.
            guard count > 0 else { break }
            state.withLock { state in
                state.screen.receive(buffer.prefix(count))
                state.log += buffer.prefix(count)
                if state.log.count > mostKept { state.log.removeFirst(state.log.count - mostKept / 2) }
            }
        }
        state.withLock { state in
            state.isClosed = true
            close(master)
        }
    }

    // MARK: What is seen

    var screen: TerminalScreen { state.withLock { $0.screen } }

    /// What the program has written, byte for byte.
    var log: String { String(decoding: state.withLock { $0.log }, as: UTF8.self) }

    /// All has been read, and nobody writes any more.
    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Waits until `condition` gives a value of what is on the screen. A failure tells all that is seen.
    @discardableResult
    func shows<Value>(
        _ promise: String, within bound: Duration = Bound.outcome, _ condition: (TerminalScreen) throws -> Value?
    ) async throws -> Value {
        do {
            return try await Harness.value(promise, within: bound) {
                let isOver = isClosed
                do {
                    if let value = try condition(screen) { return value }
                } catch {
                    if !isOver { throw error }
                }
                if isOver {
                    throw Violation(description: "\(promise): the program has ended: \(process.ended as Any)")
                }
                return nil
            }
        } catch {
            throw Violation(description: "\(error)\n\(description)")
        }
    }

    func shows(_ promise: String, within bound: Duration = Bound.outcome, until condition: (TerminalScreen) -> Bool)
        async throws
    {
        try await shows(promise, within: bound) { condition($0) ? true : nil }
    }

    /// Waits until `text` is on the screen or above it, from row `first` on.
    func shows(text: String, from first: Int = 0, within bound: Duration = Bound.outcome) async throws {
        try await shows("'\(text)' is shown", within: bound) { screen in
            screen.lines(from: first).contains { $0.text.contains(text) }
        }
    }

    /// Waits for the end of the process, and until all that it wrote has been read.
    @discardableResult
    func ends(within bound: Duration = Bound.outcome) async throws -> Ending {
        do {
            let ending = try await process.end(within: bound)
            try await eventually("all is read") { self.isClosed }
            return ending
        } catch {
            throw Violation(description: "\(error)\n\(description)")
        }
    }

    // MARK: What is done

    /// As if typed at once.
    func type(_ text: String) async throws { try await write(Array(text.utf8)) }

    func press(_ keys: Key...) async throws {
        for key in keys { try await type(key.rawValue) }
    }

    /// A character at a time, with `pause` between two of them.
    func type(_ text: String, eachAfter pause: Duration) async throws {
        for character in text {
            try await type(String(character))
            try await Task.sleep(for: pause)
        }
    }

    /// From the clipboard: in brackets if the program has asked for them, else as if typed.
    func paste(_ text: String) async throws {
        try await type(screen.bracketsPastes ? "\u{1b}[200~\(text)\u{1b}[201~" : text)
    }

    func write(_ bytes: [UInt8], within bound: Duration = Bound.call) async throws {
        let (master, state) = (master, state)
        try await offload {
            var rest = bytes[...]
            let deadline = ContinuousClock.now + bound
            while !rest.isEmpty {
                guard ContinuousClock.now < deadline else { throw SocketError.timedOut }
                // Under the lock, so that the descriptor is still this terminal's.
                let problem: Int32? = state.withLock { state in
                    guard !state.isClosed else { return EIO }
                    let count = rest.withUnsafeBytes { Foundation.write(master, $0.baseAddress, $0.count) }
                    if count > 0 { rest = rest.dropFirst(count) }
                    return count < 0 ? errno : nil
                }
                switch problem {
                case nil: break
                case EAGAIN, EINTR:
                    // The program is slow to read.
                    var entry = pollfd(fd: master, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, 50)
                case let code?: throw SocketError(code: code)
                }
            }
        }
    }

    func send(_ signal: Int32) { process.send(signal) }

    /// The window gets another size, and the program a SIGWINCH by the kernel.
    func resize(rows: Int, columns: Int) throws {
        try state.withLock { state in
            guard !state.isClosed else { return }
            state.screen.resize(rows: rows, columns: columns)
            try Self.setSize(master, rows, columns)
        }
    }

    private static func setSize(_ descriptor: Int32, _ rows: Int, _ columns: Int) throws {
        var size = winsize(
            ws_row: UInt16(clamping: rows), ws_col: UInt16(clamping: columns), ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(descriptor, UInt(TIOCSWINSZ), &size) == 0 else { throw SocketError(code: errno) }
    }
}

extension PseudoTerminal: CustomStringConvertible {
    /// The screen, and the end of what was written, for a failure.
    var description: String {
        let screen = screen
        let frame = String(repeating: "-", count: screen.columns)
        let rows = screen.text.split(separator: "\n", omittingEmptySubsequences: false).map { "|\($0)" }
        let raw = log.suffix(3000).unicodeScalars.map { $0.escaped(asASCII: true) }.joined()
        return """
            the screen, the cursor in row \(screen.row), column \(screen.column)\
            \(screen.unknown.isEmpty ? "" : ", not understood: \(screen.unknown.suffix(10))"):
            +\(frame)
            \(rows.joined(separator: "\n"))
            +\(frame)
            the last of what was written:
            \(raw)
            """
    }
}
