// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API

/// "1 error", "2 errors".
func counted(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
}

/// "a", "a and b", "a, b and c".
func enumeration(_ items: [String]) -> String {
    guard let last = items.last else { return "" }
    return items.count == 1 ? last : items.dropLast().joined(separator: ", ") + " and " + last
}

/// "peer 1", "peers 1 and 3".
func peerNames(_ ids: [Int]) -> String {
    (ids.count == 1 ? "peer " : "peers ") + enumeration(ids.map(String.init))
}

/// A duration for people: "312 ms", "5.2 s", "12 min", "3 h", "2 d".
func span(_ duration: Double) -> String {
    let milliseconds = max(0, duration)
    switch milliseconds {
    case ..<1000: return "\(Int(milliseconds)) ms"
    case ..<10_000: return "\(Int(milliseconds / 1000)).\(Int(milliseconds / 100) % 10) s"
    case ..<120_000: return "\(Int(milliseconds / 1000)) s"
    case ..<7_200_000: return "\(Int(milliseconds / 60_000)) min"
    case ..<172_800_000: return "\(Int(milliseconds / 3_600_000)) h"
    default: return "\(Int(min(milliseconds / 86_400_000, 1e9))) d"
    }
}

/// A row of tab-separated values. A tab or a line break within a field would be its end.
func tsvRow(_ fields: [String]) -> String {
    fields.map { printable($0, limit: .max) }.joined(separator: "\t") + "\n"
}

/// "0.8 s": a production gap.
func tenths(_ milliseconds: Double) -> String {
    let tenths = Int((max(0, min(milliseconds, 1e12)) / 100).rounded())
    return "\(tenths / 10).\(tenths % 10) s"
}

/// A number of blocks: "1,200".
func grouped(_ number: Int64) -> String {
    var text = ""
    for (place, digit) in String(number.magnitude).reversed().enumerated() {
        if place > 0, place % 3 == 0 { text = "," + text }
        text = String(digit) + text
    }
    return (number < 0 ? "-" : "") + text
}

/// A sentence as part of another one: without its full stop.
func clause(_ sentence: String) -> String { sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence }
