// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Operations

/// What a command is busy with, on a standard error that is a terminal: one line that is written anew and is gone when
/// the command has its answer. On a terminal without escape sequences each text has a line of its own.
struct ProgressLine {
    private let terminal = Invocation.current.errorTerminal
    private let outlet = Invocation.current.outlet

    func show(_ text: String) {
        switch terminal.kind {
        case .none: return
        case .dumb: outlet.show("... \(text)\n")
        // A line that wraps could not be taken back.
        case .full: outlet.show("\r\u{1b}[K" + "... \(text)".prefix((terminal.size?.columns ?? 80) - 1))
        }
    }

    func clear() {
        if terminal.kind == .full { outlet.show("\r\u{1b}[K") }
    }
}
