// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Harness

/// What a terminal shows, by ECMA-48 and by what xterm does where that is silent.
@Suite struct TerminalScreenTests {
    private func screen(_ written: String, rows: Int = 4, columns: Int = 10) -> TerminalScreen {
        var screen = TerminalScreen(rows: rows, columns: columns)
        screen.receive(Array(written.utf8))
        return screen
    }

    private func expect(
        _ written: String, shows text: String, cursor: (row: Int, column: Int)? = nil, rows: Int = 4, columns: Int = 10,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let screen = screen(written, rows: rows, columns: columns)
        #expect(screen.text == text, sourceLocation: location)
        #expect(screen.unknown.isEmpty, sourceLocation: location)
        if let cursor {
            #expect(screen.row == cursor.row && screen.column == cursor.column, sourceLocation: location)
        }
    }

    @Test func controlsMoveTheCursor() {
        expect("ab\r\ncd", shows: "ab\ncd", cursor: (1, 2))
        // A line feed keeps the column: the terminal line adds the carriage return.
        expect("ab\ncd", shows: "ab\n  cd", cursor: (1, 4))
        expect("abc\u{8}\u{8}X", shows: "aXc", cursor: (0, 2))
        expect("\u{8}a", shows: "a", cursor: (0, 1))
        expect("a\tb", shows: "a       b", cursor: (0, 9))
        expect("a\t\tb", shows: "a        b", cursor: (0, 9))
        #expect(screen("a\u{7}b\u{7}").bells == 2)
    }

    @Test func theLastColumnWaitsForTheNextCharacter() {
        expect("0123456789", shows: "0123456789", cursor: (0, 9))
        #expect(screen("0123456789").isWrapPending)
        expect("0123456789a", shows: "0123456789\na", cursor: (1, 1))
        // A return takes the wait away, and so does a step to the left.
        expect("0123456789\rX", shows: "X123456789", cursor: (0, 1))
        expect("0123456789\u{8}X", shows: "01234567X9", cursor: (0, 9))
        expect("0123456789\r\na", shows: "0123456789\na")
    }

    @Test func aLineOfSeveralRowsIsOneLine() {
        let wrapped = screen("> 0123456789abcdef")
        #expect(wrapped.lines() == [.init(row: 0, text: "> 0123456789abcdef")])
        #expect(wrapped.current.line.row == 0 && wrapped.current.column == 18)
        let full = screen("0123456789")
        #expect(full.current.column == 10)
        // Two lines, though the first one fills its row.
        #expect(screen("0123456789\r\nabc").lines().map(\.text) == ["0123456789", "abc"])
        // What follows was erased with the end of the row, and is another line.
        #expect(screen("0123456789abc\u{1b}[A\r\u{1b}[K\r\nX").lines().map(\.text) == ["", "Xbc"])
        #expect(wrapped.lines(from: 1).map(\.text) == ["> 0123456789abcdef"])
    }

    @Test func whatLeavesTheScreenIsKept() {
        let screen = screen("1\r\n2\r\n3\r\n4\r\n5\r\n6")
        #expect(screen.text == "3\n4\n5\n6" && screen.scrolled == 2 && screen.cursorRow == 5)
        #expect(screen.lines().map(\.text) == ["1", "2", "3", "4", "5", "6"])
        #expect(screen.lines(from: 4) == [.init(row: 4, text: "5"), .init(row: 5, text: "6")])
        var long = TerminalScreen(rows: 3, columns: 8)
        for number in 0..<(TerminalScreen.mostKept + 50) { long.receive(Array("\(number)\r\n".utf8)) }
        #expect(long.lines().count == TerminalScreen.mostKept + 3)
        #expect(long.lines().last { !$0.text.isEmpty }?.row == TerminalScreen.mostKept + 49)
        #expect(long.lines(from: 0).first?.row == long.scrolled - TerminalScreen.mostKept)
    }

    @Test func sequencesMoveTheCursorAndStopAtTheEdges() {
        expect("\u{1b}[2;3HX", shows: "\n  X", cursor: (1, 3))
        expect("\u{1b}[3;4H\u{1b}[A\u{1b}[2DX", shows: "\n X", cursor: (1, 2))
        expect("ab\u{1b}[5CX", shows: "ab     X")
        expect("abc\u{1b}[GX", shows: "Xbc")
        expect("abc\u{1b}[2GX", shows: "aXc")
        expect("a\u{1b}[BX", shows: "a\n X")
        expect("a\u{1b}[0CX", shows: "a X")
        expect("a\u{1b}[99B\u{1b}[99CX", shows: "a\n\n\n         X")
        expect("\u{1b}[99A\u{1b}[99DX", shows: "X")
        expect("\u{1b}[3dX\u{1b}[HY", shows: "Y\n\nX")
        expect("ab\u{1b}7\r\ncd\u{1b}8X", shows: "abX\ncd")
        expect("1\r\n2\u{1b}M\u{1b}MX", shows: " X\n1\n2")
        expect("ab\u{1b}[1;1fX\u{1b}[EY\u{1b}[FZ", shows: "Zb\nY")
    }

    @Test func textIsErasedInsertedAndDeleted() {
        expect("abcdef\u{1b}[3G\u{1b}[K", shows: "ab", cursor: (0, 2))
        expect("abcdef\u{1b}[3G\u{1b}[1K", shows: "   def")
        expect("abcdef\u{1b}[2KX", shows: "      X")
        expect("1\r\n2\r\n3\u{1b}[2;1H\u{1b}[J", shows: "1")
        expect("1\r\n2\r\n3\u{1b}[2;1H\u{1b}[1J", shows: "\n\n3")
        expect("1\r\n2\u{1b}[2J\u{1b}[HX", shows: "X")
        expect("abcdef\u{1b}[2G\u{1b}[2@XY", shows: "aXYbcdef")
        expect("0123456789\u{1b}[2G\u{1b}[3@", shows: "0   123456")
        expect("abcdef\u{1b}[2G\u{1b}[2P", shows: "adef", cursor: (0, 1))
        expect("abcdef\u{1b}[2G\u{1b}[99P", shows: "a")
        expect("abcdef\u{1b}[2G\u{1b}[2X", shows: "a  def")
        expect("abc\u{1b}[1G\u{1b}[4hXY\u{1b}[4lZ", shows: "XYZbc")
        expect("1\r\n2\r\n3\u{1b}[2H\u{1b}[L", shows: "1\n\n2\n3")
        expect("1\r\n2\r\n3\u{1b}[2H\u{1b}[M", shows: "1\n3")
        expect("1\r\n2\r\n3\r\n4\u{1b}[2S", shows: "3\n4")
        expect("1\r\n2\u{1b}[T", shows: "\n1\n2")
    }

    @Test func modesAreRememberedAndColoursPassedOver() {
        var screen = screen("\u{1b}[?2004h\u{1b}[?25l\u{1b}[1;31mred\u{1b}[0m\u{1b}[?1034h\u{1b}[?1049h")
        #expect(screen.bracketsPastes && !screen.showsCursor && screen.text == "red" && screen.unknown.isEmpty)
        screen.receive(
            Array("\u{1b}[?2004l\u{1b}[?25h\u{1b}]0;a title\u{7}\u{1b}]2;another\u{1b}\\!\u{1b}(B\u{1b}=".utf8))
        #expect(!screen.bracketsPastes && screen.showsCursor && screen.text == "red!" && screen.unknown.isEmpty)
        screen.receive(Array("\u{1b}[6n\u{1b}Z\u{1b}[?77h".utf8))
        #expect(screen.unknown == ["CSI 6n", "ESC Z", "mode 77"])
    }

    @Test func charactersAreOfUTF8() {
        expect("žlutý", shows: "žlutý", cursor: (0, 5))
        // A mark joins the character before it.
        expect("e\u{301}x", shows: "e\u{301}x", cursor: (0, 2))
        expect("\u{1f600}!", shows: "\u{1f600}!")
        var screen = TerminalScreen(rows: 2, columns: 10)
        for byte in Array("a→b".utf8) { screen.receive([byte]) }
        #expect(screen.text == "a→b")
        var broken = TerminalScreen(rows: 2, columns: 10)
        broken.receive([0x61, 0xff, 0xc3, 0x62, 0xe2, 0x82, 0x1b, 0x5b, 0x4b, 0x63])
        #expect(broken.text == "a\u{fffd}bc")
        broken.receive([0x00, 0x7f, 0x64])
        #expect(broken.text == "a\u{fffd}bcd")
    }

    /// Sequences come in pieces, and with controls in their midst.
    @Test func sequencesMayBeCutAnywhere() {
        let written = "abc\u{1b}[2;3Hx\u{1b}[1\u{8}G\u{1b}]0;t\u{1b}\\y"
        let whole = screen(written)
        var pieces = TerminalScreen(rows: 4, columns: 10)
        for byte in Array(written.utf8) { pieces.receive([byte]) }
        #expect(pieces.text == whole.text && pieces.text == "abc\ny x")
        #expect(pieces.column == whole.column)
    }

    @Test func aChangeOfTheSizeCutsOrAdds() {
        var screen = screen("1\r\n2\r\n3\r\n0123456789")
        screen.resize(rows: 2, columns: 5)
        #expect(screen.text == "3\n01234" && screen.row == 1 && screen.column == 4 && screen.scrolled == 2)
        screen.resize(rows: 3, columns: 12)
        screen.receive(Array("X\r\nY".utf8))
        #expect(screen.text == "3\n0123X\nY")
        var top = self.screen("1\r\n2")
        top.resize(rows: 2, columns: 10)
        #expect(top.text == "1\n2" && top.scrolled == 0 && top.row == 1)
    }
}
