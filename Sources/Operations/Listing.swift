// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Rows of text in columns. Where there is no room columns go, and the last one is wrapped.
struct Listing {
    private let titles: [String]
    private let rows: [[String]]
    private let numbers: Set<Int>
    private let columns: [(index: Int, width: Int)]
    private let width: Int

    /// The least room that the last column is given before others go.
    private static let leastForLast = 20

    /// - Parameters:
    ///   - numbers: the columns that are set flush right.
    ///   - expendable: the columns that may go, the first one first.
    init(titles: [String], numbers: Set<Int> = [], expendable: [Int] = [], rows: [[String]], width: Int) {
        self.titles = titles
        self.rows = rows
        self.numbers = numbers
        self.width = width
        var columns = titles.indices.map { index in
            (index: index, width: ([titles[index]] + rows.map { $0[index] }).map(\.count).max() ?? 0)
        }
        // What is empty in every row needs no column.
        columns.removeAll { column in rows.allSatisfy { $0[column.index].isEmpty } }
        func needed() -> Int {
            columns.dropLast().reduce(0) { $0 + $1.width + 2 }
                + min(columns.last?.width ?? 0, Self.leastForLast)
        }
        for victim in expendable where needed() > width { columns.removeAll { $0.index == victim } }
        self.columns = columns
    }

    func header(_ style: Style) -> String { style.dim(lines(of: titles)[0]) }

    func lines(_ style: Style) -> [String] { [header(style)] + rows.flatMap(lines(of:)) }

    /// One row; several lines where its last column is long.
    func lines(of row: [String]) -> [String] {
        guard let last = columns.last else { return [""] }
        var head = ""
        for (index, width) in columns.dropLast() {
            let blank = String(repeating: " ", count: max(0, width - row[index].count))
            head += (numbers.contains(index) ? blank + row[index] : row[index] + blank) + "  "
        }
        // With no room beside the others it stands below them.
        let isBeside = width - head.count >= Self.leastForLast || last.width <= width - head.count
        let margin = isBeside ? head.count : 4
        let room = max(10, width - margin)
        let text = row[last.index].isEmpty ? [] : wrapped(row[last.index], width: room)
        var result = isBeside ? [head + (text.first ?? "")] : wrappedHead(head)
        let rest = isBeside ? Array(text.dropFirst()) : text
        result += rest.map { String(repeating: " ", count: margin) + $0 }
        return result.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    }

    private func wrappedHead(_ head: String) -> [String] {
        head.count <= width ? [head] : wrapped(head, width: width, indent: 4)
    }
}
