// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import CLineEditor
import Glibc
import NIOConcurrencyHelpers
import Operations

/// The loop of an interactive session. It serves keys, signals, what the watcher sees and the thread that carries out a
/// line, and never waits for a peer.
public final class Desk {
    /// How long the first prompt waits for the first look at the group.
    static let firstLookMS: Int32 = 100
    /// What nobody looked at for a long time is in the history.
    static let mostWaiting = 200
    /// Lines that are still to be written to the file.
    static let mostUnwritten = 16
    /// How long a command that was stopped may take for its last words.
    static let lastWords = Duration.milliseconds(300)

    private enum Message {
        case look(Watcher.Look)
        case ask(String, Int, Reply)
        case ended(Int, Int32)
        case note(String)
        case trouble(String)
    }

    /// What others tell the loop.
    private final class Inbox: Sendable {
        private let messages = NIOLockedValueBox<[Message]>([])
        let reading: Int32
        private let writing: Int32

        init() {
            (reading, writing) = pipe()
        }

        /// Of looks the last one counts; while the terminal stands still nobody takes them.
        func put(_ message: Message) {
            messages.withLockedValue { messages in
                if case .look(var look) = message,
                    let place = messages.lastIndex(where: { if case .look = $0 { true } else { false } }),
                    case .look(let before) = messages[place]
                {
                    look.happenings = Array((before.happenings + look.happenings).suffix(Desk.mostWaiting))
                    messages[place] = .look(look)
                } else {
                    messages.append(message)
                }
            }
            var byte: UInt8 = 0
            _ = Glibc.write(writing, &byte, 1)
        }

        func take() -> [Message] {
            drain(reading)
            return messages.withLockedValue { messages in
                defer { messages = [] }
                return messages
            }
        }
    }

    /// An answer that a thread waits for.
    private final class Reply: Sendable {
        private let answer = ConditionLock(value: false)
        private let value = NIOLockedValueBox(Answer.none)

        func give(_ answer: Answer) {
            value.withLockedValue { $0 = answer }
            self.answer.lock()
            self.answer.unlock(withValue: true)
        }

        func wait() -> Answer {
            answer.lock(whenValue: true)
            answer.unlock()
            return value.withLockedValue { $0 }
        }
    }

    private enum Mode {
        case prompt
        case running(Int, Gate)
        case asking(Reply, Int, Gate)
    }

    private let session: Session
    private let inbox: Inbox
    private let signals: (reading: Int32, writing: Int32)
    private var editor: LineEditor?
    private var mode = Mode.prompt
    private var count = 0
    private var shownPrompt = ""
    /// What happened while a line was carried out.
    private var waiting: [String] = []
    private var exitCode: Int32?
    /// Lines on their way to the file, in order.
    private let unwritten = NIOLockedValueBox<[String]>([])
    private var hasToldTrouble = false
    private var hasLooked = false

    private init(_ session: Session, _ inbox: Inbox) {
        self.session = session
        self.inbox = inbox
        signals = pipe()
    }

    /// Serves an operator until the session ends, and returns the exit code.
    public static func serve(_ options: SessionOptions, _ table: any CommandTable) -> Int32 {
        let inbox = Inbox()
        let transcript: Transcript?
        do throws(Transcript.Failure) {
            transcript = try options.transcript.map { path throws(Transcript.Failure) in
                try Transcript(path, secrets: options.secrets) { inbox.put(.note("prodha: \($0)")) }
            }
        } catch {
            try? StandardOutput.write("prodha: \(error)\n", to: STDERR_FILENO)
            return 74
        }
        return Desk(Session(options, table, isAttended: true, transcript: transcript), inbox).serve()
    }

    private func serve() -> Int32 {
        if let failure = session.begin(with: session.options.peer) {
            return session.refuse(failure, Gate(transcript: session.transcript))
        }
        le_watch_signals(signals.reading, signals.writing)
        signal(SIGPIPE, SIG_IGN)
        let inbox = inbox
        let session = session
        let watcher = Watcher(
            session.loop, source: { session.watchInspector },
            tell: { look in
                session.take(look)
                inbox.put(.look(look))
            })
        watcher.begin()
        defer { watcher.end() }
        Worker.start { session.learnGrammar() }
        editor = LineEditor(
            lines: session.state.withLockedValue { $0.lines.lines },
            complete: { session.completer.offer($0) }, help: { Self.help($0, session) })
        say(
            "prodha \(session.options.version), read-only (enable allows changes). ? shows what can be typed.\n"
        )
        if let trouble = session.state.withLockedValue({ $0.lines.trouble }) { say("\(trouble)\n") }
        waitForFirstLook()
        showPrompt()
        while exitCode == nil { turn() }
        editor?.rest()
        // Ended by a signal, in the middle of a line.
        if let exitCode, exitCode > 128 { say("\n") }
        let deadline = ContinuousClock.now + Self.lastWords
        while unwritten.withLockedValue({ !$0.isEmpty }), ContinuousClock.now < deadline { usleep(2000) }
        session.transcript?.end()
        return exitCode ?? 0
    }

    private static func help(_ line: String, _ session: Session) -> String? {
        guard Words(partOf: line).openQuote == nil else { return nil }
        return session.completer.help(
            line, width: Terminal.of(STDOUT_FILENO, environment: session.options.environment).width)
    }

    private func waitForFirstLook() {
        var waiting = [pollfd(fd: inbox.reading, events: Int16(POLLIN), revents: 0)]
        guard poll(&waiting, 1, Self.firstLookMS) > 0 else { return }
        for case .look(let look) in inbox.take() { note(look) }
    }

    // MARK: - One turn

    private func turn() {
        let isEditing = editor?.isEditing ?? false
        var descriptors = [
            pollfd(fd: signals.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: inbox.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isEditing ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&descriptors, 3, 1000)
        guard count >= 0 || errno == EINTR else {
            exitCode = 1
            return
        }
        if descriptors[0].revents != 0 { takeSignals() }
        if descriptors[1].revents != 0 { for message in inbox.take() { take(message) } }
        if exitCode == nil, descriptors[2].revents != 0, editor?.isEditing == true { takeKey() }
        if exitCode == nil { refresh() }
    }

    private func takeKey() {
        guard let entered = editor?.read() else { return }
        switch mode {
        case .prompt: take(entered)
        case .asking(let reply, let number, let gate):
            mode = .running(number, gate)
            switch entered {
            case .line(let text, let wasPasted):
                session.transcript?.note(.typed, (wasPasted ? "(pasted) " : "") + text + "\n")
                reply.give(wasPasted ? .pasted : .typed(trimmed(text)))
            case .end:
                say("\n")
                reply.give(.none)
            }
        case .running: break
        }
    }

    private func take(_ entered: LineEditor.Entered) {
        switch entered {
        case .end:
            say("\n")
            exitCode = 0
        case .line(let line, _):
            guard !trimmed(line).isEmpty else { return showPrompt() }
            begin(line)
        }
    }

    // MARK: - Carrying out a line

    private func begin(_ line: String) {
        session.transcript?.note(.typed, line + "\n")
        keep(line)
        count += 1
        let number = count
        let gate = Gate(transcript: session.transcript)
        mode = .running(number, gate)
        let inbox = inbox
        let session = session
        let ask: Session.Ask = { question in
            guard !gate.isStopped else { return .none }
            let reply = Reply()
            inbox.put(.ask(question, number, reply))
            return reply.wait()
        }
        Worker.start { inbox.put(.ended(number, session.carryOut(line, gate, ask: ask))) }
    }

    /// What was pasted has several lines, each of which is kept or not.
    private func keep(_ line: String) {
        for part in Session.parts(of: line).map(String.init) {
            let words = Words(partOf: part)
            let first = words.complete.first ?? words.last ?? ""
            let isCommand = first == "?" || (try? session.grammar.command(first)) != nil
            guard LineFile.isKept(part, isCommand: isCommand, secrets: session.options.secrets) else { continue }
            let path = session.state.withLockedValue { state in
                state.lines.add(part)
                return state.lines.path
            }
            editor?.remember(part)
            if let path { write(part, to: path) }
        }
    }

    /// Beside the loop, since a home directory may be slow.
    private func write(_ line: String, to path: String) {
        let (inbox, unwritten) = (inbox, unwritten)
        let isOnlyOne = unwritten.withLockedValue { lines in
            guard lines.count < Self.mostUnwritten else { return false }
            lines.append(line)
            return lines.count == 1
        }
        // Else the worker that writes the ones before it goes on with it.
        guard isOnlyOne else { return }
        Worker.start {
            var next: String? = line
            while let line = next {
                do throws(LineFile.Failure) {
                    try LineFile.add(line, to: path)
                } catch {
                    inbox.put(.trouble("\(error)"))
                }
                next = unwritten.withLockedValue { lines in
                    lines.removeFirst()
                    return lines.first
                }
            }
        }
    }

    private func take(_ message: Message) {
        switch message {
        case .look(let look): note(look)
        case .note(let text): announce(text)
        case .trouble(let text):
            if !hasToldTrouble { announce(text) }
            hasToldTrouble = true
        case .ask(let question, let asker, let reply):
            guard case .running(asker, let gate) = mode, !gate.isStopped else { return reply.give(.none) }
            mode = .asking(reply, asker, gate)
            session.transcript?.note(.asked, question + "\n")
            // What was typed before the question was read is no answer to it.
            tcflush(STDIN_FILENO, TCIFLUSH)
            editor?.prompt(printable(question, limit: 1000), isQuestion: true)
            tcflush(STDIN_FILENO, TCIFLUSH)
        case .ended(let number, _):
            guard case .running(number, _) = mode else { return }
            mode = .prompt
            if session.state.withLockedValue({ $0.isOver }) { exitCode = 0 } else { showPrompt() }
        }
    }

    /// ^C while a line is carried out.
    private func stop(_ number: Int, _ gate: Gate) {
        // Behind the ^C that the terminal has shown.
        say(gate.showsProgress ? "\r\u{1b}[K" : "\n")
        gate.stop()
        let deadline = ContinuousClock.now + Self.lastWords
        var hasEnded = false
        while !hasEnded, case let rest = deadline - .now, rest > .zero {
            var waiting = [pollfd(fd: inbox.reading, events: Int16(POLLIN), revents: 0)]
            _ = poll(&waiting, 1, 20)
            for message in inbox.take() {
                if case .ended(number, _) = message { hasEnded = true } else { take(message) }
            }
        }
        // From here on its words would stand in the way of the next line's.
        gate.abandon()
        if !gate.concluded {
            say(
                hasEnded
                    ? "stopped waiting\n"
                    : "stopped waiting; what was asked for may be done all the same: history shows it\n")
        }
        mode = .prompt
        if session.state.withLockedValue({ $0.isOver }) { exitCode = 0 } else { showPrompt() }
    }

    // MARK: - Signals

    private func takeSignals() {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(signals.reading, &bytes, bytes.count)
        for byte in bytes.prefix(max(0, count)) where exitCode == nil {
            switch Int32(byte) {
            case SIGINT: interrupt()
            case SIGWINCH: editor?.resize()
            case SIGTSTP: editor?.suspend()
            default: exitCode = 128 + Int32(byte)
            }
        }
    }

    private func interrupt() {
        switch mode {
        case .prompt:
            editor?.drop()
            showPrompt()
        case .asking(let reply, let number, let gate):
            editor?.drop()
            mode = .running(number, gate)
            reply.give(.none)
        case .running(let number, let gate): stop(number, gate)
        }
    }

    // MARK: - What is shown

    private var isColoured: Bool { session.options.isColoured }

    private func promptText() -> String {
        session.prompt.text(isColoured ? Prompt.coloured : { text, _ in text })
    }

    private func showPrompt() {
        // They are in the transcript already, where they happened.
        for text in waiting { try? StandardOutput.write(text + "\n") }
        waiting = []
        shownPrompt = promptText()
        editor?.prompt(shownPrompt)
    }

    /// Renews the prompt where it says something else now.
    private func refresh() {
        if session.endsEnabling() {
            announce("-- read-only again: nothing was done for a while; enable allows changes")
            // A question that nobody answered in all that time.
            if case .asking = mode { interrupt() }
        }
        guard case .prompt = mode, editor?.isEditing == true else { return }
        let text = promptText()
        if text != shownPrompt, editor?.change(prompt: text) == true { shownPrompt = text }
    }

    private func note(_ look: Watcher.Look) {
        let time = Session.now()
        if !hasLooked, look.view.verdict == .unreachable { announce("-- \(look.view.headline)") }
        hasLooked = true
        // `follow` tells them itself.
        guard !session.state.withLockedValue({ $0.isFollowing }) else { return }
        for happening in look.happenings { announce(session.line(of: happening, at: time)) }
    }

    /// Above the line that is edited, or before the next prompt.
    private func announce(_ text: String) {
        session.transcript?.note(.happened, text + "\n")
        guard case .prompt = mode, let editor, editor.isEditing else {
            waiting.append(text)
            if waiting.count > Self.mostWaiting { waiting.removeFirst() }
            return
        }
        editor.printAbove(text + "\n")
    }

    private func say(_ text: String) {
        try? StandardOutput.write(text)
        session.transcript?.note(.said, text)
    }

    private func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}

extension Session {
    /// For the prompt.
    var watchInspector: Inspector {
        do throws(CredentialsError) {
            return try inspector(source, Watcher.timeout, options.credentials, options.environment)
        } catch {
            // A file that was there at the start; commands say what is wrong with it now.
            return Inspector(source: source, timeout: Watcher.timeout, credentials: .none, eventLoop: loop)
        }
    }
}

/// A pipe from which reading never waits.
private func pipe() -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    precondition(Glibc.pipe(&ends) == 0, "a pipe is to be had")
    for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    return (ends[0], ends[1])
}

private func drain(_ descriptor: Int32) {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(descriptor, &bytes, bytes.count) > 0 {}
}
