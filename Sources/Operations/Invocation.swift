// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the words of a command go.
public protocol Outlet: Sendable {
    /// A part of the result, whole or not at all.
    func write(_ text: String) throws(StandardOutput.Closed)
    /// What is to be said beside the result, such as errors.
    func tell(_ text: String)
    /// What is gone when the command has its answer: progress, and sequences for a terminal.
    func show(_ text: String)
}

/// One carrying out of a command: what it is told about its surroundings, where its words go, and when it is to stop.
///
/// A command line of its own has those of its process. In a session commands follow each other on threads of one
/// process, so what a command needs from outside it takes from `current`, and from nowhere else.
public final class Invocation: Sendable {
    /// Of the command that this thread carries out.
    @TaskLocal public static var current = Invocation()

    public let environment: [String: String]
    /// Where results go.
    public let terminal: Terminal
    /// Where everything else goes.
    public let errorTerminal: Terminal
    public let jsonLayout: Tree.JSONLayout
    /// Whether signals are this command's own, and end the process.
    public let ownsProcess: Bool
    /// Whom to ask where the command line does not say.
    public let usualSource: PeerSource?
    public let outlet: any Outlet
    /// Puts a question to a person; nil where there is nobody.
    public let ask: (@Sendable (String) -> String?)?
    private let stop: @Sendable () -> Bool
    private let makeInspector: @Sendable (PeerSource, Duration, Credentials) -> Inspector

    /// - Parameters:
    ///   - isStopped: whether the operator does not wait for this command any more.
    ///   - inspector: asks peers; sessions keep one.
    public init(
        environment: [String: String], terminal: Terminal, errorTerminal: Terminal,
        jsonLayout: Tree.JSONLayout, usualSource: PeerSource?, outlet: any Outlet,
        ask: (@Sendable (String) -> String?)?, isStopped: @escaping @Sendable () -> Bool,
        inspector: @escaping @Sendable (PeerSource, Duration, Credentials) -> Inspector
    ) {
        self.environment = environment
        self.terminal = terminal
        self.errorTerminal = errorTerminal
        self.jsonLayout = jsonLayout
        ownsProcess = false
        self.usualSource = usualSource
        self.outlet = outlet
        self.ask = ask
        stop = isStopped
        makeInspector = inspector
    }

    /// Of a command that has this process for itself.
    private init() {
        environment = Self.environmentOfProcess
        terminal = .of(STDOUT_FILENO, environment: environment)
        errorTerminal = .of(STDERR_FILENO, environment: environment)
        jsonLayout = .lines
        ownsProcess = true
        usualSource = nil
        outlet = StandardOutlet()
        ask = isatty(STDIN_FILENO) == 1 && errorTerminal.kind != .none ? Self.askOnTerminal : nil
        stop = { Interruptions.isStop }
        makeInspector = { Inspector(source: $0, timeout: $1, credentials: $2) }
    }

    public var isStopped: Bool { stop() }

    public func inspector(_ source: PeerSource, timeout: Duration, credentials: Credentials) -> Inspector {
        makeInspector(source, timeout, credentials)
    }

    /// From now on ^C makes `isStopped` true. In a session it does so anyway.
    public func stopsOnInterrupt() {
        if ownsProcess { Interruptions.endWaiting() }
    }

    /// From now on ^C ends a command that would go on for ever. In a session it is told by `isStopped`.
    public func endsOnInterrupt() {
        if ownsProcess { Cursor.endOnInterrupt() }
    }

    private static var environmentOfProcess: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let mark = text.firstIndex(of: "=") {
                variables[String(text[..<mark])] = String(text[text.index(after: mark)...])
            }
            next += 1
        }
        return variables
    }

    private static let askOnTerminal: @Sendable (String) -> String? = { question in
        StandardOutlet().tell(question)
        return readLine()
    }
}

/// Standard output and standard error of the process.
private struct StandardOutlet: Outlet {
    func write(_ text: String) throws(StandardOutput.Closed) { try StandardOutput.write(text) }

    func tell(_ text: String) {
        // Who does not read errors is not told that they cannot be written.
        try? StandardOutput.write(text, to: STDERR_FILENO)
    }

    func show(_ text: String) { tell(text) }
}
