// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension Duration {
    var inMilliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1000 + Double(attoseconds) / 1e15
    }

    /// `0.79 s`.
    func text(decimals: Int = 2) -> String { decimal(inMilliseconds / 1000, decimals) + " s" }
}

/// A number with so many digits behind its point; one at least.
func decimal(_ value: Double, _ decimals: Int) -> String {
    let scale = (0..<decimals).reduce(Int64(1)) { product, _ in product * 10 }
    let scaled = Int64((abs(value) * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    return sign + "\(scaled / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
}

/// `1 block`, `2 blocks`.
func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

/// `1`, `1 and 2`, `1, 2 and 3`.
func list(_ items: [Int]) -> String {
    guard let last = items.last, items.count > 1 else { return items.first.map { "\($0)" } ?? "" }
    return items.dropLast().map { "\($0)" }.joined(separator: ", ") + " and \(last)"
}

/// `peer 1`, `peers 1 and 2`.
func named(_ peers: [Int]) -> String { (peers.count == 1 ? "peer " : "peers ") + list(peers) }

extension String {
    /// Spaces behind it, up to the width; cut if it is longer.
    func left(_ width: Int) -> String { String(prefix(width)) + String(repeating: " ", count: max(0, width - count)) }

    /// Spaces before it, up to the width.
    func right(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

extension Collection<Duration> {
    /// The middle one; of an even number the mean of the two in the middle.
    var median: Duration? {
        let sorted = sorted()
        guard let upper = sorted.dropFirst(count / 2).first else { return nil }
        return count % 2 == 1 ? upper : (sorted[count / 2 - 1] + upper) / 2
    }
}
