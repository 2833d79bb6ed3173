// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// Standard output: a frame repainted in place, or plain lines one after the other.
struct Terminal: Sendable {
    /// Frames can be repainted.
    let isLive: Bool
    let hasColors: Bool
    let glyphs: Glyphs
    private var paintedLines = 0
    /// Nobody reads what is written.
    private(set) var isGone = false

    init(environment: [String: String], usesColor: Bool) {
        let kind = environment["TERM"] ?? ""
        isLive = isatty(STDOUT_FILENO) == 1 && !kind.isEmpty && kind != "dumb"
        hasColors = isLive && usesColor && (environment["NO_COLOR"] ?? "").isEmpty
        glyphs = isLive ? .fitting(environment) : .ascii
    }

    /// Paints over the frame before.
    mutating func paint(_ lines: [ScreenLine]) {
        let (columns, rows) = size
        let lines = lines.prefix(max(1, rows - 1))
        // Hidden cursor, and all at once where the terminal can do that.
        var text = "\u{1b}[?2026h\u{1b}[?25l" + back
        // The last column stays free: some terminals would begin a new line there.
        for line in lines { text += line.rendered(width: columns - 1, colors: hasColors) + "\u{1b}[K\n" }
        text += "\u{1b}[J\u{1b}[?2026l"
        paintedLines = lines.count
        write(text)
    }

    /// Leaves the last frame where it is and goes on below it.
    mutating func endPainting() {
        guard isLive else { return }
        paintedLines = 0
        write("\r\u{1b}[K\u{1b}[?25h")
    }

    mutating func print(_ line: ScreenLine) {
        write(line.rendered(width: .max, colors: hasColors) + "\n")
    }

    private var back: String { paintedLines > 0 ? "\r\u{1b}[\(paintedLines)A" : "" }

    private var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (DemoScreen.width, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private mutating func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty, !isGone {
            let written = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if written < 0, errno != EINTR {
                isGone = true
            }
        }
    }
}
