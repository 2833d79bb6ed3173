// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// What a command is busy with, on a standard error that is a terminal: one line that is written anew and is gone when
/// the command has its answer. On a terminal without escape sequences each text has a line of its own.
struct ProgressLine {
    private enum Kind { case none, dumb, full }
    private let kind: Kind

    init(environment: [String: String]) {
        let name = environment["TERM"] ?? ""
        kind = isatty(STDERR_FILENO) == 0 ? .none : name.isEmpty || name == "dumb" ? .dumb : .full
    }

    func show(_ text: String) {
        switch kind {
        case .none: return
        case .dumb: StandardError.write("... \(text)\n")
        case .full:
            // A line that wraps could not be taken back.
            var size = winsize()
            let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
            let width = isKnown ? Int(size.ws_col) - 1 : 79
            StandardError.write("\r\u{1b}[K" + "... \(text)".prefix(width))
        }
    }

    func clear() {
        if kind == .full { StandardError.write("\r\u{1b}[K") }
    }
}
