// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation

/// What a terminal of the kind xterm shows when a program that edits lines has written to it. Colours are left out, and
/// so is the alternate screen. A change of the size cuts off or adds, as xterm does, and wraps nothing anew.
struct TerminalScreen: Sendable {
    /// One row. `wraps`: the text goes on in the next row without a line break.
    private struct Row: Sendable {
        var cells: [Character]
        var wraps = false

        init(columns: Int) { cells = Array(repeating: " ", count: columns) }
    }

    /// A line as the program wrote it, however many rows it takes.
    struct Line: Hashable, Sendable {
        /// Its first row, counted from the first one that there ever was.
        let row: Int
        /// Without the blanks at its end.
        let text: String
    }

    /// How many rows above the screen are kept.
    static let mostKept = 10_000

    private(set) var columns: Int
    private(set) var rows: Int
    private var grid: [Row]
    private var above: [Row] = []
    /// Rows that have left the screen at its top, kept or not.
    private(set) var scrolled = 0
    private(set) var row = 0
    private(set) var column = 0
    /// The last column has been written, and the cursor still stands on it.
    private(set) var isWrapPending = false
    private var saved = (row: 0, column: 0)

    private(set) var bells = 0
    private(set) var bracketsPastes = false
    private(set) var showsCursor = true
    private var inserts = false
    /// Sequences that are not understood; a test whose screen is to be believed finds none.
    private(set) var unknown: [String] = []
    private var decoder = TerminalDecoder()

    init(rows: Int, columns: Int) {
        precondition(rows > 0 && columns > 0)
        (self.rows, self.columns) = (rows, columns)
        grid = Array(repeating: Row(columns: columns), count: rows)
    }

    // MARK: What is seen

    /// All rows of the screen, without the blanks at their ends.
    var visible: [String] { grid.map { Self.trimmed($0.cells) } }

    /// The rows of the screen down to the last one that is not empty.
    var text: String {
        let rows = visible
        return rows.prefix((rows.lastIndex { !$0.isEmpty } ?? -1) + 1).joined(separator: "\n")
    }

    /// The row of the cursor, counted from the first one that there ever was.
    var cursorRow: Int { scrolled + row }

    /// All lines from the one in which `first` lies, down to the cursor or the last one with text.
    func lines(from first: Int = 0) -> [Line] {
        let all = above + grid
        let offset = scrolled - above.count
        let last = max(above.count + row, all.lastIndex { $0.cells.contains { $0 != " " } } ?? 0)
        var start = min(max(first - offset, 0), last)
        while start > 0, all[start - 1].wraps { start -= 1 }
        var lines: [Line] = []
        var cells: [Character] = []
        for index in start...last {
            cells += all[index].cells
            if all[index].wraps, index < last { continue }
            lines.append(Line(row: offset + start, text: Self.trimmed(cells)))
            (cells, start) = ([], index + 1)
        }
        return lines
    }

    /// The line in which the cursor stands, and how many columns are before it there.
    var current: (line: Line, column: Int) {
        let line = lines(from: cursorRow).first ?? Line(row: cursorRow, text: "")
        return (line, (cursorRow - line.row) * columns + column + (isWrapPending ? 1 : 0))
    }

    private static func trimmed(_ cells: [Character]) -> String {
        String(cells.prefix((cells.lastIndex { $0 != " " } ?? -1) + 1))
    }

    // MARK: What is written

    mutating func receive(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if let item = decoder.take(byte) { carryOut(item) }
        }
    }

    mutating func resize(rows newRows: Int, columns newColumns: Int) {
        precondition(newRows > 0 && newColumns > 0)
        while newRows < rows {
            // Empty rows at the bottom go first, then those at the top.
            if row < rows - 1 { grid.removeLast() } else { leaveAtTop() }
            rows -= 1
        }
        grid += Array(repeating: Row(columns: columns), count: newRows - rows)
        rows = newRows
        for index in grid.indices {
            let cells = grid[index].cells
            grid[index].cells =
                Array(cells.prefix(newColumns)) + Array(repeating: " ", count: max(0, newColumns - cells.count))
            if newColumns != columns { grid[index].wraps = false }
        }
        columns = newColumns
        (row, column, isWrapPending) = (min(row, rows - 1), min(column, columns - 1), false)
        saved = (min(saved.row, rows - 1), min(saved.column, columns - 1))
    }

    private mutating func carryOut(_ item: TerminalDecoder.Item) {
        switch item {
        case .character(let scalar): write(scalar)
        case .control(let byte): control(byte)
        case .escape(let text): escape(text)
        case .sequence(let sequence): carryOut(sequence)
        }
    }

    private mutating func write(_ scalar: Unicode.Scalar) {
        if scalar.properties.generalCategory == .nonspacingMark || scalar.value == 0x200d {
            let place = isWrapPending ? column : column - 1
            if place >= 0 {
                let together = String(grid[row].cells[place]) + String(scalar)
                if together.count == 1, let character = together.first { grid[row].cells[place] = character }
            }
            return
        }
        if isWrapPending {
            grid[row].wraps = true
            (column, isWrapPending) = (0, false)
            lineFeed()
        }
        if inserts { insertBlanks(1) }
        grid[row].cells[column] = Character(scalar)
        if column == columns - 1 { isWrapPending = true } else { column += 1 }
    }

    private mutating func control(_ byte: UInt8) {
        switch byte {
        case 0x07: bells += 1
        case 0x08: move(to: row, column - 1)
        case 0x09: move(to: row, (column / 8 + 1) * 8)
        case 0x0a, 0x0b, 0x0c: lineFeed()
        case 0x0d: move(to: row, 0)
        default: break
        }
    }

    private mutating func escape(_ text: String) {
        switch text {
        case "7": saved = (row, column)
        case "8": move(to: saved.row, saved.column)
        case "D": lineFeed()
        case "E":
            move(to: row, 0)
            lineFeed()
        case "M":
            if row > 0 { move(to: row - 1, column) } else { insertRows(1, at: 0) }
        case "c": self = TerminalScreen(rows: rows, columns: columns)
        // Keypad modes, and the character sets, of which every program here uses the first.
        case "=", ">", "(B", ")B", "(0", ")0": break
        default: unknown.append("ESC \(text)")
        }
    }

    private mutating func carryOut(_ sequence: TerminalDecoder.Sequence) {
        let count = max(1, sequence[0] ?? 1)
        switch (sequence.mark, sequence.final) {
        case ("", "A"): move(to: row - count, column)
        case ("", "B"): move(to: row + count, column)
        case ("", "C"): move(to: row, column + count)
        case ("", "D"): move(to: row, column - count)
        case ("", "E"): move(to: row + count, 0)
        case ("", "F"): move(to: row - count, 0)
        case ("", "G"): move(to: row, count - 1)
        case ("", "d"): move(to: count - 1, column)
        case ("", "H"), ("", "f"): move(to: count - 1, max(1, sequence[1] ?? 1) - 1)
        case ("", "J"): eraseInScreen(sequence[0] ?? 0)
        case ("", "K"): eraseInRow(sequence[0] ?? 0)
        case ("", "@"): insertBlanks(count)
        case ("", "P"):
            let number = min(count, columns - column)
            grid[row].cells.removeSubrange(column..<(column + number))
            grid[row].cells += Array(repeating: " ", count: number)
            (grid[row].wraps, isWrapPending) = (false, false)
        case ("", "X"): erase(row, column..<min(columns, column + count))
        case ("", "L"): insertRows(count, at: row)
        case ("", "M"): deleteRows(count, at: row)
        case ("", "S"): for _ in 0..<min(count, rows) { leaveAtTop(isReplaced: true) }
        case ("", "T"): insertRows(count, at: 0)
        case ("", "h"), ("", "l"): if sequence[0] == 4 { inserts = sequence.final == "h" }
        case ("?", "h"), ("?", "l"): set(sequence.numbers.compactMap(\.self), to: sequence.final == "h")
        // Colours, and the keyboard's way to report.
        case ("", "m"), (">", "m"), ("", "t"): break
        default: unknown.append("CSI \(sequence)")
        }
    }

    private mutating func set(_ modes: [Int], to isOn: Bool) {
        for mode in modes {
            switch mode {
            case 25: showsCursor = isOn
            case 2004: bracketsPastes = isOn
            // Cursor keys, blinking, the meta key, the alternate screens.
            case 1, 12, 47, 1034, 1047, 1048, 1049: break
            default: unknown.append("mode \(mode)")
            }
        }
    }

    // MARK: Rows and cells

    private mutating func move(to row: Int, _ column: Int) {
        self.row = min(max(row, 0), rows - 1)
        self.column = min(max(column, 0), columns - 1)
        isWrapPending = false
    }

    private mutating func lineFeed() {
        isWrapPending = false
        if row < rows - 1 { row += 1 } else { leaveAtTop(isReplaced: true) }
    }

    /// The first row goes above the screen.
    private mutating func leaveAtTop(isReplaced: Bool = false) {
        above.append(grid.removeFirst())
        if above.count > Self.mostKept { above.removeFirst() }
        scrolled += 1
        if isReplaced { grid.append(Row(columns: columns)) } else { row = max(0, row - 1) }
    }

    private mutating func insertRows(_ count: Int, at place: Int) {
        let number = min(count, rows - place)
        grid.insert(contentsOf: Array(repeating: Row(columns: columns), count: number), at: place)
        grid.removeLast(number)
    }

    private mutating func deleteRows(_ count: Int, at place: Int) {
        let number = min(count, rows - place)
        grid.removeSubrange(place..<(place + number))
        grid += Array(repeating: Row(columns: columns), count: number)
    }

    private mutating func insertBlanks(_ count: Int) {
        let number = min(count, columns - column)
        grid[row].cells.insert(contentsOf: Array(repeating: " ", count: number), at: column)
        grid[row].cells.removeLast(number)
        isWrapPending = false
    }

    private mutating func erase(_ row: Int, _ range: Range<Int>) {
        for column in range { grid[row].cells[column] = " " }
        if range.upperBound == columns { grid[row].wraps = false }
        isWrapPending = false
    }

    private mutating func eraseInRow(_ part: Int) {
        switch part {
        case 0: erase(row, column..<columns)
        case 1: erase(row, 0..<(column + 1))
        default: erase(row, 0..<columns)
        }
    }

    private mutating func eraseInScreen(_ part: Int) {
        switch part {
        case 0:
            eraseInRow(0)
            for other in (row + 1)..<rows { erase(other, 0..<columns) }
        case 1:
            for other in 0..<row { erase(other, 0..<columns) }
            eraseInRow(1)
        case 2: for other in 0..<rows { erase(other, 0..<columns) }
        // What is above the screen, which the tests go on to see.
        default: break
        }
    }
}
