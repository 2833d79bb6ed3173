// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Colours, or none.
public struct Style: Hashable, Sendable {
    public static let plain = Style(isColoured: false)
    public static let coloured = Style(isColoured: true)

    private let isColoured: Bool

    func bold(_ text: String) -> String { painted(text, "1") }
    func dim(_ text: String) -> String { painted(text, "2") }
    func red(_ text: String) -> String { painted(text, "31") }
    func yellow(_ text: String) -> String { painted(text, "33") }
    func alarm(_ text: String) -> String { painted(text, "1;31") }

    func verdict(_ verdict: ClusterView.Verdict, _ text: String) -> String {
        switch verdict {
        case .well: painted(text, "1;32")
        case .degraded: painted(text, "1;33")
        case .unreachable: painted(text, "1;31")
        }
    }

    private func painted(_ text: String, _ code: String) -> String {
        isColoured && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}

/// Where words go: a terminal, or what is none.
public struct Terminal: Hashable, Sendable {
    /// Used where the width cannot be told.
    public static let defaultWidth = 100

    public enum Kind: Hashable, Sendable {
        /// A file, a pipe, nothing.
        case none
        /// It understands no escape sequences.
        case dumb
        case full
    }

    public var kind: Kind
    private let descriptor: Int32

    public init(kind: Kind, descriptor: Int32 = STDOUT_FILENO) {
        self.kind = kind
        self.descriptor = descriptor
    }

    /// What the descriptor is.
    public static func of(_ descriptor: Int32, environment: [String: String]) -> Terminal {
        guard isatty(descriptor) == 1 else { return Terminal(kind: .none, descriptor: descriptor) }
        let name = environment["TERM"] ?? ""
        return Terminal(kind: name.isEmpty || name == "dumb" ? .dumb : .full, descriptor: descriptor)
    }

    /// As wide as it is now.
    public var width: Int { size?.columns ?? Self.defaultWidth }

    /// Nil: not a terminal, or it does not say.
    public var size: (rows: Int, columns: Int)? {
        guard kind != .none else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Colours on a full terminal, unless the operator does not want them (`NO_COLOR` with any value but none).
    public func style(noColor: Bool, environment: [String: String]) -> Style {
        let isRefused = noColor || !(environment["NO_COLOR"] ?? "").isEmpty
        return kind == .full && !isRefused ? .coloured : .plain
    }
}

/// Standard output, written whole or not at all.
public enum StandardOutput {
    public struct Closed: Error, Hashable, Sendable, CustomStringConvertible {
        public var number: Int32

        public init(number: Int32) { self.number = number }

        /// Whoever read it has gone, and does not want to be told.
        public var isBrokenPipe: Bool { number == EPIPE }
        public var description: String {
            "cannot write the result to standard output: \(String(cString: strerror(number)))"
        }
    }

    /// How much is written at once while somebody may end it: a terminal takes it, or is not ready at all.
    private static let chunk = 512
    private static let sliceMS: Int32 = 50

    /// - Parameter goesOn: nil: until all is written. Else it ends, as if the reader had gone, soon after this says no.
    public static func write(
        _ text: String, to descriptor: Int32 = STDOUT_FILENO, while goesOn: (() -> Bool)? = nil
    ) throws(Closed) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            if let goesOn {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                while goesOn(), poll(&waiting, 1, sliceMS) == 0 {}
                guard goesOn() else { throw Closed(number: EPIPE) }
            }
            let (count, number) = rest.withUnsafeBytes { bytes in
                let size = goesOn == nil ? bytes.count : min(chunk, bytes.count)
                let count = unistdWrite(descriptor, bytes.baseAddress, size)
                return (count, errno)
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if number == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
            } else if number != EINTR {
                throw Closed(number: number)
            }
        }
    }
}

private func unistdWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Waiting on the calling thread, for commands that have nothing else to do. Ends early when nobody waits for the command
/// any more.
public enum Pause {
    /// How soon that is noticed.
    static let slice = Duration.milliseconds(50)

    public static func until(_ instant: ContinuousClock.Instant, _ clock: ContinuousClock) {
        // A signal may end a sleep early.
        while case let rest = clock.now.duration(to: instant), rest > .zero, !Invocation.current.isStopped {
            let (_, attoseconds) = min(rest, slice).components
            var time = timespec(tv_sec: 0, tv_nsec: Int(attoseconds / 1_000_000_000))
            _ = nanosleep(&time, nil)
        }
    }
}

/// ^C and its like, counted instead of ending the command, which has to bring something to an end first.
public enum Interruptions {
    nonisolated(unsafe) private static var counter: sig_atomic_t = 0
    nonisolated(unsafe) private static var endsWaiting = false

    public static var count: Int { Int(counter) }

    /// Whether whatever is waited for is to be left alone.
    static var isStop: Bool { endsWaiting && counter > 0 }

    static func endWaiting() {
        endsWaiting = true
        catchThem()
    }

    /// From now on. A reader of our output that goes away does not end the command either.
    public static func catchThem() {
        counter = 0
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, take) }
        signal(SIGPIPE, SIG_IGN)
    }

    /// Each ends the process again.
    public static func release() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }

    private static let take: @convention(c) (Int32) -> Void = { _ in Interruptions.counter += 1 }
}
