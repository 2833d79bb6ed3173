// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc

/// A picture of how long commits took: one line per group, size and number of clients, from the median to the slowest one,
/// on a scale that multiplies.
struct BenchPlot: Sendable, CustomStringConvertible {
    private struct Line {
        var name: String
        var color: String
        /// In microseconds, one per share.
        var values: [Double]
        var isDashed = false
    }

    private static let shares = ["p50", "p90", "p99", "p99.9", "max"]
    private static let colors = ["#1f77b4", "#2ca02c", "#9467bd", "#17becf", "#8c564b", "#e377c2"]
    private static let (width, height) = (760.0, 420.0)
    private static let (left, right, top, bottom) = (64.0, 190.0, 36.0, 36.0)

    private let title: String
    private var lines: [Line] = []
    private let decades: ClosedRange<Int>

    init(_ document: BenchDocument) {
        title = "\(document.version), \(document.peers) peers: time of a commit"
        if let floor = document.floor {
            lines.append(
                Line(
                    name: "floor", color: "#777777", values: Self.shares.map { _ in floor.commit }, isDashed: true))
        }
        for (at, group) in document.groups.enumerated() {
            for (number, commits) in group.commits.enumerated() {
                let clients = commits.clients > 1 ? ", \(commits.clients) clients" : ""
                let latency = commits.latency
                lines.append(
                    Line(
                        name: "\(group.name) \(commits.size)\(clients)", color: Self.colors[number % Self.colors.count],
                        values: [latency.p50, latency.p90, latency.p99, latency.p999, latency.max], isDashed: at > 0))
            }
        }
        let all = lines.flatMap(\.values).filter { $0 > 0 }
        let low = Self.decade(below: all.min() ?? 1)
        decades = low...max(low + 1, Self.decade(below: all.max() ?? 1) + 1)
    }

    /// The power of ten at or below a value.
    private static func decade(below value: Double) -> Int {
        var power = 0
        var rest = value
        while rest >= 10 {
            rest /= 10
            power += 1
        }
        return power
    }

    var description: String {
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
            font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="\(Int(Self.left))" y="20" font-size="14">\(escaped(title))</text>

            """
        for power in decades {
            let value = Self.power(power)
            let y = text(self.y(value))
            let label =
                value >= 1_000_000
                ? "\(Int(value / 1e6)) s" : value >= 1000 ? "\(Int(value / 1000)) ms" : "\(Int(value)) us"
            out += """
                <line x1="\(Int(Self.left))" y1="\(y)" x2="\(Int(Self.width - Self.right))" y2="\(y)" stroke="#dddddd"/>
                <text x="\(Int(Self.left) - 6)" y="\(y)" text-anchor="end" dominant-baseline="middle">\(label)</text>

                """
        }
        for (at, share) in Self.shares.enumerated() {
            out += """
                <text x="\(text(x(at)))" y="\(Int(Self.height) - 14)" text-anchor="middle">\(share)</text>

                """
        }
        for (at, line) in lines.enumerated() {
            let points = line.values.enumerated().map { "\(text(x($0))),\(text(y($1)))" }.joined(separator: " ")
            let dashes = line.isDashed ? #" stroke-dasharray="5 3""# : ""
            let row = Int(Self.top) + 18 * at
            let column = Int(Self.width - Self.right) + 12
            out += """
                <polyline points="\(points)" fill="none" stroke="\(line.color)" stroke-width="2"\(dashes)/>
                <line x1="\(column)" y1="\(row)" x2="\(column + 22)" y2="\(row)" stroke="\(line.color)" stroke-width="2"\(dashes)/>
                <text x="\(column + 28)" y="\(row)" dominant-baseline="middle">\(escaped(line.name))</text>

                """
        }
        return out + "</svg>\n"
    }

    private static func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1.0) { product, _ in product * 10 } }

    private func x(_ share: Int) -> Double {
        let room = Self.width - Self.left - Self.right
        return Self.left + room * (Double(share) + 0.5) / Double(Self.shares.count)
    }

    private func y(_ value: Double) -> Double {
        let room = Self.height - Self.top - Self.bottom
        let span = Double(decades.upperBound - decades.lowerBound)
        return Self.height - Self.bottom - room * (log10(max(value, 1)) - Double(decades.lowerBound)) / span
    }

    /// As text of XML.
    private func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
        return result
    }

    private func text(_ value: Double) -> String { decimal(value, 1) }
}
