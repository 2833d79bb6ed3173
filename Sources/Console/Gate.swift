// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import NIOConcurrencyHelpers
import Operations

/// Where the words of one command go, until nobody waits for it any more.
final class Gate: Outlet {
    private enum State { case open, stopped, abandoned }

    private let state = NIOLockedValueBox(State.open)
    /// Held while something is written, which a terminal that stands still makes long. Never by who stops the command.
    private let writing = NIOLock()
    private let transcript: Transcript?
    /// What was said after the stop.
    private let hasConcluded = NIOLockedValueBox(false)
    /// The line on the terminal is one of progress.
    private let isProgress = NIOLockedValueBox(false)

    init(transcript: Transcript?) { self.transcript = transcript }

    var isStopped: Bool { state.withLockedValue { $0 != .open } }
    var concluded: Bool { hasConcluded.withLockedValue { $0 } }
    var showsProgress: Bool { isProgress.withLockedValue { $0 } }

    /// Nobody waits any more: nothing but a conclusion comes through.
    func stop() { state.withLockedValue { $0 = .stopped } }
    /// Nothing comes through.
    func abandon() { state.withLockedValue { $0 = .abandoned } }

    func write(_ text: String) throws(StandardOutput.Closed) {
        try write(text, to: STDOUT_FILENO, while: [.open])
        transcript?.note(.said, text)
    }

    func tell(_ text: String) { say(text, while: [.open], isKept: true) }

    func show(_ text: String) {
        isProgress.withLockedValue { $0 = text != "\r\u{1b}[K" }
        say(text, while: [.open], isKept: false)
    }

    func conclude(_ text: String) {
        if state.withLockedValue({ $0 == .stopped }) { hasConcluded.withLockedValue { $0 = true } }
        say(text, while: [.open, .stopped], isKept: true)
    }

    private func say(_ text: String, while states: Set<State>, isKept: Bool) {
        guard (try? write(text, to: STDERR_FILENO, while: states)) != nil else { return }
        if isKept { transcript?.note(.error, text) }
    }

    /// Gives up when the command is stopped, in the middle of a text too.
    private func write(_ text: String, to descriptor: Int32, while states: Set<State>) throws(StandardOutput.Closed) {
        writing.lock()
        defer { writing.unlock() }
        try StandardOutput.write(text, to: descriptor) { states.contains(self.state.withLockedValue { $0 }) }
    }
}

/// Hands everything on and keeps a copy of the results, for who compares them.
final class CopyingOutlet: Outlet {
    /// As much of one output is compared.
    private static let most = 1 << 20

    private let base: any Outlet
    private let copy = NIOLockedValueBox("")

    init(_ base: any Outlet) { self.base = base }

    /// What has been written since the last time.
    func take() -> String {
        copy.withLockedValue { text in
            defer { text = "" }
            return text
        }
    }

    func write(_ text: String) throws(StandardOutput.Closed) {
        copy.withLockedValue { if $0.utf8.count < Self.most { $0 += text } }
        try base.write(text)
    }

    func tell(_ text: String) { base.tell(text) }
    func show(_ text: String) { base.show(text) }
    func conclude(_ text: String) { base.conclude(text) }
}
