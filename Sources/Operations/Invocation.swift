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
    /// What is to be said beside the result, even to an operator who does not wait for it any more.
    func conclude(_ text: String)
}

/// One carrying out of a command: what it is told about its surroundings, where its words go, and when it is to stop.
///
/// A command line of its own has those of its process. In a session commands follow each other on threads of one
/// process, so what a command needs from outside it takes from `current`, and from nowhere else.
public final class Invocation: Sendable {
    public typealias MakeInspector =
        @Sendable (PeerSource, Duration, CredentialChoice, [String: String]) throws(CredentialsError) -> Inspector

    /// Of the command that this thread carries out.
    @TaskLocal public static var current = Invocation()

    public let environment: [String: String]
    /// Where results go.
    public let terminal: Terminal
    /// Where everything else goes.
    public let errorTerminal: Terminal
    public let jsonLayout: Tree.JSONLayout
    /// Of results, where the command line does not say.
    public let usualFormat: OutputFormat
    /// How long each peer may take, where the command line does not say.
    public let usualTimeout: Duration
    /// Whether signals are this command's own, and end the process.
    public let ownsProcess: Bool
    /// Whom to ask where the command line does not say.
    public let usualSource: PeerSource?
    public let outlet: any Outlet
    /// Puts a question to a person; nil where there is nobody.
    public let ask: (@Sendable (String) -> String?)?
    private let stop: @Sendable () -> Bool
    private let makeInspector: MakeInspector

    /// - Parameters:
    ///   - isStopped: whether the operator does not wait for this command any more.
    ///   - inspector: asks peers; sessions keep one.
    public init(
        environment: [String: String], terminal: Terminal, errorTerminal: Terminal,
        jsonLayout: Tree.JSONLayout, usualFormat: OutputFormat, usualTimeout: Duration, usualSource: PeerSource?,
        outlet: any Outlet,
        ask: (@Sendable (String) -> String?)?, isStopped: @escaping @Sendable () -> Bool,
        inspector: @escaping MakeInspector
    ) {
        self.environment = environment
        self.terminal = terminal
        self.errorTerminal = errorTerminal
        self.jsonLayout = jsonLayout
        self.usualFormat = usualFormat
        self.usualTimeout = usualTimeout
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
        usualFormat = .table
        usualTimeout = .seconds(2)
        ownsProcess = true
        usualSource = nil
        outlet = StandardOutlet()
        ask = isatty(STDIN_FILENO) == 1 && errorTerminal.kind != .none ? Self.askOnTerminal : nil
        stop = { Interruptions.isStop }
        makeInspector = { (source, timeout, choice, environment) throws(CredentialsError) in
            Inspector(
                source: source, timeout: timeout,
                credentials: try choice.credentials(for: source, environment: environment))
        }
    }

    public var isStopped: Bool { stop() }

    /// The same, but for where its words go.
    public func writing(to outlet: any Outlet) -> Invocation {
        Invocation(
            environment: environment, terminal: terminal, errorTerminal: errorTerminal, jsonLayout: jsonLayout,
            usualFormat: usualFormat, usualTimeout: usualTimeout, usualSource: usualSource, outlet: outlet, ask: ask,
            isStopped: stop,
            inspector: makeInspector)
    }

    /// - Parameter choice: what the command line says about what peers are shown.
    public func inspector(
        _ source: PeerSource, timeout: Duration, _ choice: CredentialChoice
    ) throws(CredentialsError) -> Inspector {
        try makeInspector(source, timeout, choice, environment)
    }

    /// From now on ^C makes `isStopped` true. In a session it does so anyway.
    public func stopsOnInterrupt() {
        if ownsProcess { Interruptions.endWaiting() }
    }

    /// From now on ^C ends a command that would go on for ever. In a session it is told by `isStopped`.
    public func endsOnInterrupt() {
        if ownsProcess { Cursor.endOnInterrupt() }
    }

    /// Says what is worth knowing beside the result.
    public func note(_ text: String, isJSON: Bool) {
        let document = Tree.map([.init("schema_version", .integer(1)), .init("note", .string(text))])
        outlet.tell(isJSON ? document.json(.oneLine) + "\n" : "\(text)\n")
    }

    /// Says what went wrong.
    public func fail(_ name: String, _ message: String, exitCode: Int32, isJSON: Bool) {
        let document = Tree.error(name: name, message: message, exitCode: exitCode)
        outlet.tell(isJSON ? document.json(jsonLayout) + "\n" : "prodha: \(message)\n")
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
    func conclude(_ text: String) { tell(text) }
}
