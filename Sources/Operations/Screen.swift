// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lines that are painted again and again in the same place of a terminal, for commands that watch.
///
/// A value that says what to write; `Cursor` hides the cursor meanwhile and gives it back.
public struct Screen: Sendable {
    private var painted = 0
    private var size: (rows: Int, columns: Int)?

    public init() {}

    /// What to write so that the terminal shows `lines` and nothing of the last painting.
    ///
    /// More lines than the terminal has rows are cut, with a line that says how many.
    public mutating func repaint(_ lines: [String], rows: Int, columns: Int) -> String {
        var shown = lines
        let room = max(1, rows - 1)
        if shown.count > room {
            shown = Array(lines.prefix(room - 1)) + ["(\(lines.count - room + 1) more lines: the window is too low)"]
        }
        var text = ""
        if let size, size == (rows, columns) {
            if painted > 0 { text += "\u{1b}[\(painted)A" }
            text += "\r"
        } else if size != nil {
            // The terminal has broken the old lines anew; nobody knows where they begin.
            text += "\u{1b}[H\u{1b}[2J"
        }
        // Cleared before, not after: behind a line that is full the cursor still stands on its last character.
        for line in shown { text += "\u{1b}[K" + line + "\n" }
        text += "\u{1b}[J"
        painted = shown.count
        size = (rows, columns)
        return text
    }
}

/// Hides the cursor and sees to it that it comes back, however the process is ended.
public enum Cursor {
    nonisolated(unsafe) private static var exitCode: Int32 = 0

    /// From now on ^C and its like give the cursor back and end the process with `exitCode`.
    public static func hide() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { signal(number, endWithCursor) }
        signal(SIGTSTP, stopWithCursor)
        signal(SIGCONT, hideAgain)
        raw("\u{1b}[?25l")
    }

    public static func show() { raw("\u{1b}[?25h") }

    /// How a watch that is ended by ^C ends: what was seen last. Set it as often as it changes.
    public static func setExitCode(_ code: Int32) { exitCode = code }

    /// For a watch without a terminal: ends with the code, touches no cursor.
    public static func endOnInterrupt() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, end) }
    }

    private static let endWithCursor: @convention(c) (Int32) -> Void = { _ in
        Cursor.raw("\u{1b}[?25h")
        _exit(Cursor.exitCode)
    }

    private static let end: @convention(c) (Int32) -> Void = { _ in _exit(Cursor.exitCode) }

    private static let stopWithCursor: @convention(c) (Int32) -> Void = { _ in
        Cursor.raw("\u{1b}[?25h")
        kill(getpid(), SIGSTOP)
    }

    private static let hideAgain: @convention(c) (Int32) -> Void = { _ in Cursor.raw("\u{1b}[?25l") }

    /// May be called by a signal handler.
    private static func raw(_ sequence: StaticString) {
        _ = write(STDOUT_FILENO, sequence.utf8Start, sequence.utf8CodeUnitCount)
    }
}
