// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Rows of text in columns. Where there is no room, first those columns go that may, then the right ones fall below their
/// row, each value behind its title.
public struct Listing {
    private let titles: [String]
    private let rows: [[String]]
    private let numbers: Set<Int>
    private let beside: [(index: Int, width: Int)]
    private let below: [Int]
    private let width: Int

    /// The least room that the last column is given; it is wrapped there.
    private static let leastForLast = 20
    private static let gap = 2
    private static let indent = 4

    /// - Parameters:
    ///   - numbers: the columns that are set flush right.
    ///   - expendable: the columns that may go, the first one first.
    public init(titles: [String], numbers: Set<Int> = [], expendable: [Int] = [], rows: [[String]], width: Int) {
        self.titles = titles
        self.rows = rows
        self.numbers = numbers
        self.width = width
        var columns = titles.indices.map { index in
            (index: index, width: ([titles[index]] + rows.map { $0[index] }).map(\.count).max() ?? 0)
        }
        // What is empty in every row needs no column.
        columns.removeAll { column in rows.allSatisfy { $0[column.index].isEmpty } }
        /// How many of them, from the left, there is room for.
        func fitting() -> Int {
            var end = 0
            for (place, column) in columns.enumerated() {
                let isLast = place == columns.count - 1
                end += (place == 0 ? 0 : Self.gap) + (isLast ? min(column.width, Self.leastForLast) : column.width)
                if end > width { return max(1, place) }
            }
            return columns.count
        }
        for victim in expendable where fitting() < columns.count { columns.removeAll { $0.index == victim } }
        let fit = fitting()
        beside = Array(columns.prefix(fit))
        below = columns.dropFirst(fit).map(\.index)
    }

    func header(_ style: Style) -> String { style.dim(besides(titles)[0]) }

    public func lines(_ style: Style) -> [String] { [header(style)] + rows.flatMap(lines(of:)) }

    /// One row; several lines where something is long.
    func lines(of row: [String]) -> [String] {
        let facts = below.filter { !row[$0].isEmpty }.map { "\(titles[$0]): \(row[$0])" }
        guard !facts.isEmpty else { return besides(row) }
        let room = max(10, width - Self.indent)
        let margin = String(repeating: " ", count: Self.indent)
        return besides(row) + wrapped(facts.joined(separator: "; "), width: room).map { margin + $0 }
    }

    /// The columns that have room; the last of them may take several lines.
    private func besides(_ row: [String]) -> [String] {
        guard let last = beside.last else { return [""] }
        var head = ""
        for (index, width) in beside.dropLast() {
            let blank = String(repeating: " ", count: max(0, width - row[index].count))
            head += (numbers.contains(index) ? blank + row[index] : row[index] + blank)
            head += String(repeating: " ", count: Self.gap)
        }
        let margin = String(repeating: " ", count: head.count)
        let text = wrapped(row[last.index], width: max(10, width - head.count))
        return text.enumerated().map { number, part in
            let line = (number == 0 ? head : margin) + part
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
